"""What the page draws beyond the digest: usage by day, hour and project, and what was kept beyond ccusage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from ccusage_import.config.kept.last_offer import LastOffer
from ccusage_import.digest.glance import read_kept
from ccusage_import.digest.model import (
    DayRow,
    Detail,
    HourRow,
    KeptUse,
    ProjectRow,
    PromptRow,
    Rows,
    Selection,
    SessionRow,
)
from ccusage_import.warehouse.clickhouse_client import ClickHouse

# Projects that the page can filter by, the dearest; the others are one.
FILTERED_PROJECTS = 25
# The dearest sessions and prompts that the page holds of a day, a week, a month or a name; fewer of a day that only the
# calendar shows.
DEAREST_SESSIONS, DEAREST_PROMPTS = 10, 5
SESSIONS_OF_OLD_DAY, PROMPTS_OF_OLD_DAY = 3, 1
DAY = timedelta(days=1)
# Single days are drawn as far back as the calendar shows, hours of single days as far as the longest range.
DAYS_DRAWN, HOURS_RANGE = 371, 90


@dataclass(frozen=True, slots=True)
class _Names:
    """Numbers for names, in order of appearance; two stored names that are shown alike share one."""

    named: Callable[[str], str]
    numbers: dict[str, int] = field(default_factory=dict)
    stored: dict[str, int] = field(default_factory=dict)

    def number(self, name: str) -> int:
        if name not in self.stored:
            self.stored[name] = self.numbers.setdefault(self.named(name) if name else "", len(self.numbers))
        return self.stored[name]

    @property
    def names(self) -> list[str]:
        return list(self.numbers)


def read_detail(
    warehouse: ClickHouse, rows: Rows, named: Callable[[str], str], selection: Selection, offer: LastOffer | None
) -> Detail:
    """Return what the page draws.

    Args:
        warehouse: where.
        rows: the rows of a shipped query of the digest by its name.
        named: replaces what is not to be shown in a text, such as pseudonyms by names.
        selection: what is shown.
        offer: what ccusage showed at the last whole import of this machine, where that is known.
    """
    machines, agents, projects, models, names, commands = (_Names(named) for _ in range(6))
    days: list[DayRow] = [
        (day, machines.number(host), agents.number(agent), models.number(model), *_sums(sums))
        for day, host, agent, model, *sums in rows("page_days")
    ]
    by_project: list[ProjectRow] = [
        (day, machines.number(host), agents.number(agent), projects.number(project), models.number(model), *_sums(sums))
        for day, host, agent, project, model, *sums in rows("page_projects")
    ]
    filtered_projects = len(projects.names)
    hours: list[HourRow] = [
        (day, machines.number(host), hour, *_sums(sums)) for day, host, hour, *sums in rows("page_hours")
    ]
    sessions: list[SessionRow] = [
        (
            *(names.number(session), machines.number(host), agents.number(agent), projects.number(project)),
            *(day, models.number(model), *_sums(sums)),
        )
        for session, host, agent, project, day, model, *sums in rows("page_sessions")
    ]
    prompts: list[PromptRow] = [
        (
            *(day, minute, commands.number(command), machines.number(host), projects.number(project)),
            *(names.number(session), models.number(model), Decimal(str(cost))),
        )
        for day, minute, command, host, project, session, model, cost, _turn in rows("page_prompts")
    ]
    kept, is_part = None, selection.has_days or selection.projects or selection.agent
    if offer is not None and not is_part and selection.machine in ("", offer.machine):
        kept = KeptUse(offer.machine, offer.cost_usd, read_kept(warehouse, offer))
    return Detail(
        machine_names=machines.names,
        agent_names=agents.names,
        project_names=projects.names,
        filtered_projects=filtered_projects,
        model_names=models.names,
        session_names=names.names,
        command_names=commands.names,
        days=days,
        projects=by_project,
        hours=hours,
        sessions=sessions,
        prompts=prompts,
        kept=kept,
    )


def costs_by_day(detail: Detail) -> dict[date, Decimal]:
    """Return what each day cost."""
    costs: dict[date, Decimal] = {}
    for day, *_, cost, _tokens in detail.days:
        costs[day] = costs.get(day, Decimal(0)) + cost
    return costs


def folded_days(rows: Iterable[Sequence[Any]], end: date, first: date) -> list[tuple[Any, ...]]:
    """Return rows of days, those before the last year of the page added up on the first day of their month.

    Args:
        rows: day, machine, what else distinguishes them, cost and tokens.
        end: the last day of the page.
        first: the first day that it shows; rows before it are left out.
    """
    cutoff = single_days_since(end)
    sums = dict[tuple[Any, ...], tuple[Decimal, int]]()
    for day, *keys, cost, tokens in rows:
        if day >= first:
            key = (day if day >= cutoff else max(first, day.replace(day=1)), *keys)
            cost_before, tokens_before = sums.get(key, (Decimal(0), 0))
            sums[key] = cost_before + cost, tokens_before + tokens
    return [(*key, *both) for key, both in sums.items()]


def single_days_since(end: date) -> date:
    """Return the first day that a page up to `end` draws by itself, with the month in which its calendar begins."""
    return (end - DAYS_DRAWN * DAY).replace(day=1)


def numbers_of(rows: Iterable[Sequence[Any]], first: date) -> list[list[int]]:
    """Return rows as the page holds them: the day as a number, then the machine, then all rows of both in one list.

    Costs are in hundredths of a cent; what rounds to nothing is left out.
    """
    groups = dict[tuple[date, int], list[int]]()
    for day, machine, *keys, cost, tokens in rows:
        rounded = _hundredths(cost)
        if rounded or tokens:
            groups.setdefault((day, machine), []).extend((*keys, rounded, tokens))
    return [[(day - first).days, machine, *numbers] for (day, machine), numbers in groups.items()]


def first_held(rows: Iterable[Sequence[Any]], end: date) -> date:
    """Return the first day of which the page holds sessions and prompts.

    Args:
        rows: rows of days.
        end: the last day of the page, for a page without days.
    """
    return single_days_since(max((row[0] for row in rows), default=end))


def sessions_of(rows: Iterable[Sequence[Any]], first: date) -> list[list[int]]:
    """Return sessions as the page holds them: what each is of, then day, model, cost and tokens of each of its parts.

    Args:
        rows: the same, with each part of a session in a row of its own.
        first: the day that is number 0.
    """
    groups = dict[tuple[int, ...], list[int]]()
    for *session, day, model, cost, tokens in rows:
        groups.setdefault(tuple(session), []).extend(((day - first).days, model, _hundredths(cost), tokens))
    return [[*session, *parts] for session, parts in groups.items()]


def prompts_of(rows: Iterable[Sequence[Any]], first: date) -> list[int]:
    """Return prompts as the page holds them, all in one list: day as a number, their other numbers, cost."""
    return [number for day, *keys, cost in rows for number in ((day - first).days, *keys, _hundredths(cost))]


def _hundredths(cost: Decimal) -> int:
    """Return an amount in hundredths of a hundredth."""
    return round(cost * 10_000)


def _sums(sums: Sequence[Any]) -> tuple[Decimal, int]:
    cost, tokens = sums
    return cost if isinstance(cost, Decimal) else Decimal(str(cost)), int(tokens)
