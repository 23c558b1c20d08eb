"""What the page draws beyond the digest: usage by day, hour and project, and what was kept beyond ccusage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from ccusage_import.config.last_offer import LastOffer
from ccusage_import.digest.glance import read_kept
from ccusage_import.digest.model import Detail, KeptUse, Selection
from ccusage_import.warehouse.clickhouse_client import ClickHouse

# Projects that the page can filter by, the dearest; the others are one.
FILTERED_PROJECTS = 25
# Prompts of a day that the page shows, the dearest.
DEAREST_PROMPTS = 5
Rows = Callable[[str], Sequence[Sequence[Any]]]


@dataclass(frozen=True, slots=True)
class _Names:
    """Names in the order of their numbers."""

    named: Callable[[str], str]
    numbers: dict[str, int]

    def number(self, name: str) -> int:
        return self.numbers.setdefault(self.named(name) if name else "", len(self.numbers))

    @property
    def names(self) -> list[str]:
        return list(self.numbers)


def read_detail(
    warehouse: ClickHouse, rows: Rows, named: Callable[[str], str], selection: Selection, offer: LastOffer | None
) -> Detail:
    """Return what the page draws.

    Args:
        warehouse: where.
        rows: runs a shipped query with the bounds of the page.
        named: replaces what is not to be shown in a text, such as pseudonyms by names.
        selection: what is shown.
        offer: what ccusage showed at the last whole import of this machine, where that is known.
    """
    machines, agents, projects, models = (_Names(named, {}) for _ in range(4))
    days = [
        (day, machines.number(host), agents.number(agent), models.number(model), *_sums(sums))
        for day, host, agent, model, *sums in rows("page_days")
    ]
    by_project = [
        (day, machines.number(host), agents.number(agent), projects.number(project), models.number(model), *_sums(sums))
        for day, host, agent, project, model, *sums in rows("page_projects")
    ]
    # Blocks are of no project.
    by_hour = () if selection.projects else rows("page_hours")
    hours = [(day, machines.number(host), hour, *_sums(sums)) for day, host, hour, *sums in by_hour]
    sessions = [
        (day, named(session), named(project), named(host), *_sums(sums))
        for day, session, host, project, *sums in rows("page_sessions")
    ]
    prompts = [
        (day, at, named(command), named(project), named(host), Decimal(str(cost)))
        for day, at, command, host, project, cost in rows("page_prompts")
    ]
    kept, is_part = None, selection.has_days or selection.projects or selection.agent
    if offer is not None and not is_part and selection.machine in ("", offer.machine):
        kept = KeptUse(offer.machine, offer.cost_usd, read_kept(warehouse, offer))
    names = (machines.names, agents.names, projects.names, models.names)
    return Detail(*names, days, by_project, hours, sessions, prompts, kept)


def costs_by_day(detail: Detail) -> dict[date, Decimal]:
    """Return what each day cost."""
    costs: dict[date, Decimal] = {}
    for day, *_, cost, _tokens in detail.days:
        costs[day] = costs.get(day, Decimal(0)) + cost
    return costs


def numbers_of(rows: Iterable[Sequence[Any]], first: date, since: date | None) -> list[list[float]]:
    """Return rows as the page holds them: the day as a number, cost as cents with two places."""
    return [
        [(day - first).days, *keys, round(float(cost), 4), tokens]
        for day, *keys, cost, tokens in rows
        if since is None or day >= since
    ]


def _sums(sums: Sequence[Any]) -> tuple[Decimal, int]:
    cost, tokens = sums
    return Decimal(str(cost)), int(tokens)
