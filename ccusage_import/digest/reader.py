"""Reads the numbers of a report page; the engine does the sums."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from ccusage_import.config.kept.last_offer import LastOffer
from ccusage_import.config.settings import Settings
from ccusage_import.days import next_month
from ccusage_import.digest.detail import (
    DAYS_DRAWN,
    DEAREST_PROMPTS,
    DEAREST_SESSIONS,
    FILTERED_PROJECTS,
    HOURS_RANGE,
    PROMPTS_OF_OLD_DAY,
    SESSIONS_OF_OLD_DAY,
    read_detail,
    single_days_since,
)
from ccusage_import.digest.model import (
    EVERYTHING,
    BudgetUse,
    CacheUse,
    ChangeLine,
    Digest,
    Forecast,
    ForecastDay,
    HourUse,
    MachineUse,
    ModelUse,
    Part,
    PlanUse,
    ProjectUse,
    Selection,
    SessionUse,
    Span,
    SpanName,
    Usage,
)
from ccusage_import.digest.work import query_of_work, read_work
from ccusage_import.rule.explain import reason_in_words
from ccusage_import.rule.reconcile import Decision, Reason, Verdict
from ccusage_import.warehouse.budgets import questions_of_spending, read_spending
from ccusage_import.warehouse.clickhouse_client import ClickHouse, Question
from ccusage_import.warehouse.migrations import sql_directory
from ccusage_import.warehouse.tables import record_of_json, weighed_of_json

SHOWN_DAYS = 90
SHOWN_ROWS = 10
CALENDAR_DAYS = 30
RECENT_DAYS = 7
WORK_DAYS = 30
# Of the type Date.
FIRST_OF_ALL, LAST_OF_ALL = date(1970, 1, 1), date(2149, 6, 6)
DAY = timedelta(days=1)
Days = tuple[date, date]
# What is spent of limits, which several commands show, is no query of the digest.
BUDGET = "budget"


def read_digest(
    warehouse: ClickHouse,
    settings: Settings,
    *,
    named: Callable[[str], str],
    selection: Selection = EVERYTHING,
    is_page: bool = False,
    offer: LastOffer | None = None,
    parts: Collection[str] | None = None,
) -> Digest:
    """Return what a report page shows.

    Args:
        warehouse: where.
        settings: the time zone, the budget, and when numbers are stale.
        named: replaces what is not to be shown in a text, such as pseudonyms by names.
        selection: what is shown; everything by default.
        is_page: whether to read what only the HTML page draws.
        offer: what ccusage showed at the last whole import of this machine, where that is known.
        parts: the queries of `sql/digest` to ask, beside that of the total; what others tell is empty. None asks all.
    """
    reader = _Reader(warehouse, settings, named, selection, datetime.now(UTC))
    reader = replace(reader, queries=reader.wanted(parts, is_page=is_page))
    with warehouse.asked_side_by_side(reader.questions()):
        digest = reader.digest()
        if not is_page or digest.is_empty:
            return digest
        return replace(digest, detail=read_detail(warehouse, reader.rows, named, selection, offer))


def read_calendar(
    warehouse: ClickHouse,
    settings: Settings,
    *,
    named: Callable[[str], str],
    version: str,
    selection: Selection = EVERYTHING,
) -> str:
    """Return a calendar file of blocks, limits and imports, of the last 30 days without a first day.

    Args:
        warehouse: where.
        settings: the time zone.
        named: replaces what is not to be shown in a text, such as pseudonyms by names.
        version: of this program.
        selection: what is shown; of no project, which blocks, limits and imports are not of.
    """
    # What makes calendars takes 35 ms to import.
    from ccusage_import.digest.ics import calendar_file

    now = datetime.now(UTC)
    last = min(selection.until or date.max, now.astimezone(ZoneInfo(settings.timezone)).date())
    bounded = replace(selection, since=selection.since or last - CALENDAR_DAYS * DAY)
    reader = _Reader(warehouse, settings, named, bounded, now)
    return calendar_file(reader.ask, named, now, version, settings.money, has_loads=not selection.agent)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Asks the queries of `sql/digest` for one selection, and makes a digest of the answers."""

    warehouse: ClickHouse
    settings: Settings
    named: Callable[[str], str]
    selection: Selection
    now: datetime
    queries: Collection[str] = ()

    def wanted(self, parts: Collection[str] | None, *, is_page: bool) -> list[str]:
        """Return the queries that tell something of what is selected, those first that take longest."""
        selection, is_open = self.selection, not self._is_closed
        has_parts = bool(selection.machine or selection.agent or selection.project)
        is_of_all = not selection.projects
        month_ends = next_month(self._today) - DAY
        has_forecast = is_of_all and (selection.until or month_ends) >= month_ends
        queries = {
            BUDGET: is_open and self._has_limits,
            "page_sessions": is_page,
            query_of_work("savings", selection): self._holds_last_days,
            query_of_work("commands", selection): True,
            "forecast": has_forecast,
            "forecast_days": has_forecast,
            "page_prompts": is_page,
            # Blocks are of no project.
            "hours": is_of_all,
            "page_hours": is_page and is_of_all,
            # What the cache saved follows from the prices of a day, which reports do not split by project.
            "cache": is_of_all,
            "held": True,
            "plans": is_open and not has_parts,
            "machines_used" if selection.projects or selection.agent else "machines": is_open,
            "days": True,
            "months": True,
            "models": True,
            "page_projects": is_page,
            "page_days": is_page,
            query_of_work("tools", selection): True,
            query_of_work("subagents", selection): True,
            "changes": True,
            "projects": True,
            "sessions": True,
            "recent_days": is_open,
            "recent_verdicts": True,
            "total": True,
        }
        chosen = queries if parts is None else {"total", *parts}
        return [query for query, tells in queries.items() if tells and query in chosen]

    def questions(self) -> list[Question]:
        """Return what is going to be asked."""
        limits = questions_of_spending(self.warehouse) if BUDGET in self.queries else []
        return [*limits, *(self._question(query) for query in self.queries if query != BUDGET)]

    def digest(self) -> Digest:
        selection = self.selection
        first_day, last_day, active_days, *sums = self.rows("total")[0]
        projects, sessions, held = (self.rows(query) for query in ("projects", "sessions", "held"))
        return Digest(
            made_at=self.now,
            today=self._today,
            timezone=self.settings.timezone,
            machine=selection.machine,
            agent=selection.agent,
            project=self.named(selection.project),
            since=selection.since,
            until=selection.until,
            first_day=first_day if active_days else None,
            last_day=last_day if active_days else None,
            active_days=active_days,
            spans=(
                *self._recent_spans(first_day if active_days else self._today),
                _span("total", (first_day, last_day), _usage(sums), None),
            ),
            forecast=self._forecast(),
            days=self._parts("days"),
            months=self._parts("months"),
            models=self._models(),
            cache=[CacheUse(self.named(model), *row) for model, *row in self.rows("cache")],
            projects=[self._project(*row) for row in projects],
            project_count=_count(projects),
            sessions=[self._session(*row) for row in sessions],
            session_count=_count(sessions),
            hours=[HourUse(*row) for row in self.rows("hours")],
            recent_verdicts={str(verdict): int(count) for verdict, count in self.rows("recent_verdicts")},
            changes=[self._line(*row) for row in self.rows("changes")],
            held=[self._line(*row[1:]) for row in held],
            held_count=_count(held),
            budget=self._budget(),
            plans=self._plans(),
            machines=self._machines(),
            money=self.settings.money,
            work=read_work(self.rows, self.named, selection),
        )

    @property
    def _today(self) -> date:
        return self.now.astimezone(ZoneInfo(self.settings.timezone)).date()

    @property
    def _end(self) -> date:
        return min(self.selection.until or self._today, self._today)

    @property
    def _is_closed(self) -> bool:
        return self.selection.until is not None and self.selection.until < self._today

    @property
    def _holds_last_days(self) -> bool:
        """Whether the last 30 days are all selected."""
        return not self._is_closed and (self.selection.since or FIRST_OF_ALL) <= self._today - WORK_DAYS * DAY

    @property
    def _has_limits(self) -> bool:
        """Whether what is selected may have limits: a machine or an agent its own, everything all of them."""
        return not self.selection.project and not (self.selection.machine and self.selection.agent)

    def rows(self, query: str) -> Sequence[Sequence[Any]]:
        """Return the rows of a wanted query; else none."""
        return self.ask(query) if query in self.queries else []

    def ask(self, query: str) -> Sequence[Sequence[Any]]:
        """Return the rows of a shipped query."""
        return self.warehouse.rows(*self._question(query))

    def _question(self, query: str) -> Question:
        """Return a shipped query, which may read `selected_days` and `selected_models`."""
        sql = _shipped(query)
        if "selected_" in sql:
            sql = _shipped("selected_of_projects" if self.selection.projects else "selected_of_all") + sql
        return Question(sql, self._parameters())

    def _parameters(self) -> dict[str, Any]:
        today, selection = self._today, self.selection
        first_of_work = FIRST_OF_ALL if selection.has_days else today - WORK_DAYS * DAY
        return {
            "machine": selection.machine,
            "agent": selection.agent,
            "projects": list(selection.projects),
            "since": _within(selection.since or FIRST_OF_ALL),
            "until": _within(selection.until or LAST_OF_ALL),
            "work_since": _within(selection.since or first_of_work),
            "now": self.now,
            "today": today,
            "compared_since": (today.replace(day=1) - DAY).replace(day=1),
            "days": SHOWN_DAYS,
            "counted_since": today - RECENT_DAYS * DAY,
            "timezone": self.settings.timezone,
            "rows": SHOWN_ROWS,
            "filtered_projects": FILTERED_PROJECTS,
            "days_drawn": DAYS_DRAWN,
            "days_since": _within(single_days_since(self._end)),
            "hours_after": _within(self._end - HOURS_RANGE * DAY),
            "dearest_sessions": DEAREST_SESSIONS,
            "dearest_prompts": DEAREST_PROMPTS,
            "sessions_of_old_day": SESSIONS_OF_OLD_DAY,
            "prompts_of_old_day": PROMPTS_OF_OLD_DAY,
        }

    def _recent_spans(self, first_day: date) -> list[Span]:
        """Return today, the last 7 days and the month so far, each with the days before it that are as many.

        Where the history begins after the first of these, there is nothing to compare with; it may go back further
        than a day from which on everything else is shown.
        """
        if self._is_closed:
            return []
        today, month = self._today, self._today.replace(day=1)
        month_before = (month - DAY).replace(day=1)
        pairs: dict[SpanName, tuple[Days, Days]] = {
            "today": ((today, today), (today - DAY, today - DAY)),
            "last_7_days": ((today - 6 * DAY, today), (today - 13 * DAY, today - 7 * DAY)),
            "month_to_date": ((month, today), (month_before, min(month_before + (today - month), month - DAY))),
        }
        usage = {day: _usage(sums) for day, *sums in self.rows("recent_days")}
        is_cut = self.selection.since is not None
        return [
            _span(
                name,
                days,
                _added(usage, days),
                (before, _added(usage, before).cost_usd) if is_cut or first_day <= before[0] else None,
            )
            for name, (days, before) in pairs.items()
        ]

    def _parts(self, query: str) -> list[Part]:
        return [Part(start, self.named(model), *sums) for start, model, *sums in self.rows(query)]

    def _forecast(self) -> Forecast | None:
        days = [ForecastDay(*row) for row in self.rows("forecast_days")]
        rows = self.rows("forecast")
        if not rows:
            return None
        cost, tokens, low, high, method, error = rows[0]
        # A history in which no forecast can be tried yet is too short for one.
        return None if error is None else Forecast(cost, tokens, low, high, method, error, days)

    def _models(self) -> list[ModelUse]:
        uses = [(model, _usage(sums)) for model, *sums in self.rows("models")]
        return [ModelUse(self.named(model), usage, _cache_share(usage)) for model, usage in uses]

    def _project(self, _count: int, project: str, active_days: int, last_day: date, *sums: Any) -> ProjectUse:
        return ProjectUse(self.named(project), active_days, last_day, _usage(sums))

    def _session(self, _count: int, *row: Any) -> SessionUse:
        project, session, machine, agent, day, first, last, models, *sums = row
        return SessionUse(
            project=self.named(project),
            session=self.named(session),
            machine=self.named(machine),
            agent=self.named(agent),
            day=day,
            first_activity=first,
            last_activity=last,
            models=[self.named(model) for model in models],
            usage=_usage(sums),
        )

    def _line(self, decided_at: datetime, *row: Any) -> ChangeLine:
        machine, agent, report, key, verdict, reason, stored_usd, offered_usd, stored, offered, intact_from = row
        decision = Decision(
            Verdict(verdict),
            Reason(reason),
            record_of_json(stored),
            record_of_json(offered),
            is_written=verdict != Verdict.HELD,
            weighed=weighed_of_json(stored or offered),
        )
        return ChangeLine(
            decided_at=decided_at,
            machine=self.named(machine),
            agent=self.named(agent),
            report=report,
            record=self.named(key),
            verdict=verdict,
            reason=reason_in_words(decision, intact_from),
            stored_usd=stored_usd,
            offered_usd=offered_usd,
        )

    def _plans(self) -> list[PlanUse]:
        return [PlanUse(self.named(account), *row) for account, *row in self.rows("plans")]

    def _budget(self) -> list[BudgetUse]:
        if BUDGET not in self.queries:
            return []
        parts = {"machine": self.selection.machine, "agent": self.selection.agent}
        chosen = [(scope, name) for scope, name in parts.items() if name]
        spendings = [
            spending
            for spending in read_spending(self.warehouse, self.settings)
            if not chosen or (spending.limit.scope, spending.limit.name) in chosen
        ]
        return [
            BudgetUse(
                spending.limit.scope,
                spending.limit.name,
                spending.limit.period,
                spending.limit.limit_usd,
                spending.spent_usd,
            )
            for spending in spendings
        ]

    def _machines(self) -> list[MachineUse]:
        is_part = self.selection.projects or self.selection.agent
        return [self._machine(*row) for row in self.rows("machines_used" if is_part else "machines")]

    def _machine(self, machine: str, agents: Sequence[str], *row: Any) -> MachineUse:
        last_day, succeeded_at, state, has_failed, error, failed_reports = row
        limit = timedelta(hours=self.settings.stale_after_hours)
        return MachineUse(
            machine=self.named(machine),
            agents=[self.named(agent) for agent in agents],
            last_day=last_day,
            last_success_at=succeeded_at,
            last_state=state,
            has_failed=has_failed,
            error=self.named(error),
            failed_reports=list(failed_reports),
            is_stale=succeeded_at is None or self.now - succeeded_at > limit,
        )


def _within(day: date) -> date:
    return min(max(day, FIRST_OF_ALL), LAST_OF_ALL)


def _shipped(query: str) -> str:
    return (sql_directory() / "digest" / f"{query}.sql").read_text("utf-8")


def _count(rows: Sequence[Sequence[Any]]) -> int:
    """Return how many there are in all, which every row begins with."""
    return int(rows[0][0]) if rows else 0


def _usage(sums: Sequence[Any]) -> Usage:
    cost_usd, fresh, output, created, read, total, unpriced = sums
    return Usage(cost_usd, fresh, output, created, read, total, unpriced=bool(unpriced))


def _added(usage: dict[date, Usage], days: Days) -> Usage:
    """Add up the days from the first to the last."""
    chosen = [use for day, use in usage.items() if days[0] <= day <= days[1]]
    return Usage(
        sum((use.cost_usd for use in chosen), Decimal(0)),
        sum(use.input_tokens for use in chosen),
        sum(use.output_tokens for use in chosen),
        sum(use.cache_creation_tokens for use in chosen),
        sum(use.cache_read_tokens for use in chosen),
        sum(use.total_tokens for use in chosen),
        unpriced=any(use.unpriced for use in chosen),
    )


def _span(name: SpanName, days: Days, usage: Usage, before: tuple[Days, Decimal] | None) -> Span:
    before_days, before_usd = before or ((None, None), None)
    return Span(name, *days, usage, _cache_share(usage), before_usd, *before_days)


def _cache_share(usage: Usage) -> float | None:
    """Return the share of all input that was read from the cache."""
    all_input = usage.input_tokens + usage.cache_creation_tokens + usage.cache_read_tokens
    return usage.cache_read_tokens / all_input if all_input else None
