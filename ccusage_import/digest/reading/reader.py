"""Reads the numbers of a report page; the engine does the sums."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from ccusage_import.config.kept.last_offer import LastOffer
from ccusage_import.config.settings import Settings
from ccusage_import.days import FIRST_OF_ALL
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
    Rows,
    Selection,
    SessionUse,
    Span,
    SpanName,
    Usage,
)
from ccusage_import.digest.page_rows import DAY, SHOWN_DAYS
from ccusage_import.digest.reading.asking import BUDGET, Asker
from ccusage_import.digest.reading.detail import read_detail, read_kept_of
from ccusage_import.digest.reading.work import read_work
from ccusage_import.rule.explain import reason_in_words
from ccusage_import.rule.verdicts import Decision, Reason, Verdict
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.tables import record_of_json, weighed_of_json

CALENDAR_DAYS = 30
Days = tuple[date, date]


def read_digest(
    warehouse: ClickHouse,
    settings: Settings,
    *,
    named: Callable[[str], str],
    selection: Selection = EVERYTHING,
    is_page: bool = False,
    offer: LastOffer | None = None,
    parts: Collection[str] | None = None,
    meanwhile: Callable[[Digest], object] = lambda _digest: None,
) -> Digest:
    """Return what a report page shows.

    Args:
        warehouse: where.
        settings: the time zone, the budget, and when numbers are stale.
        named: replaces what is not to be shown in a text, such as pseudonyms by names.
        selection: what is shown; everything by default.
        is_page: whether to read what only the HTML page draws.
        offer: what ccusage showed at the last whole import of this machine, where that is known.
        parts: the queries of `sql/digest` to ask, beside that of the days; what others tell is empty. None asks all.
        meanwhile: what to do with a digest of a page of which only the detail is read, while the warehouse answers.
    """
    asker = Asker(warehouse, settings, selection, datetime.now(UTC))
    days = {day: _usage(sums) for day, *sums in asker.ask("days")}
    asker = replace(asker, last_day=max(days, default=FIRST_OF_ALL))
    with asker.answers(asker.wanted(parts, is_page=is_page)) as rows:
        reader = _Reader(asker, rows, named)
        if not is_page:
            return reader.digest(days)
        # What there is most of is answered first, and read while the others are asked.
        detail = read_detail(rows, named)
        if days:
            meanwhile(replace(_Reader(asker, lambda _query: (), named).digest(days), detail=detail))
        digest = reader.digest(days)
    if digest.is_empty:
        return digest
    return replace(digest, detail=replace(detail, kept=read_kept_of(warehouse, selection, offer)))


def read_calendar(
    warehouse: ClickHouse,
    settings: Settings,
    *,
    named: Callable[[str], str],
    version: str,
    selection: Selection,
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
    ask = Asker(warehouse, settings, bounded, now).ask
    return calendar_file(ask, named, now, version, settings.money, has_loads=not selection.agent)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Makes a digest of what is asked."""

    asker: Asker
    rows: Rows
    named: Callable[[str], str]

    def digest(self, days: Mapping[date, Usage]) -> Digest:
        selection = self.asker.selection
        since = selection.since or FIRST_OF_ALL
        shown = {day: usage for day, usage in days.items() if day >= since}
        first_day, last_day = min(shown, default=FIRST_OF_ALL), max(shown, default=FIRST_OF_ALL)
        models = [(day, model, _usage(sums)) for day, model, *sums in self.rows("models")]
        projects, sessions, held = (self.rows(query) for query in ("projects", "sessions", "held"))
        return Digest(
            made_at=self.asker.now,
            today=self.asker.today,
            timezone=self.asker.settings.timezone,
            machine=selection.machine,
            agent=selection.agent,
            project=self.named(selection.project),
            since=selection.since,
            until=selection.until,
            first_day=first_day if shown else None,
            last_day=last_day if shown else None,
            active_days=len(shown),
            spans=(
                *self._recent_spans(days, first_day if shown else self.asker.today),
                _span("total", (first_day, last_day), _added(shown.values()), None),
            ),
            forecast=self._forecast(),
            days=self._parts(
                [row for row in models if selection.since or row[0] > self.asker.last_day - SHOWN_DAYS * DAY]
            ),
            months=self._parts([(day.replace(day=1), *row) for day, *row in models]),
            models=self._models(models),
            cache=[CacheUse(self.named(model), *row) for model, *row in self.rows("cache")],
            projects=[self._project(*row) for row in projects],
            project_count=_count(projects),
            sessions=[self._session(*row) for row in sessions],
            session_count=_count(sessions),
            hours=self._hours(),
            recent_verdicts={str(verdict): int(count) for verdict, count in self.rows("recent_verdicts")},
            changes=[self._line(*row) for row in self.rows("changes")],
            held=[self._line(*row[1:]) for row in held],
            held_count=_count(held),
            budget=self._budget(),
            plans=self._plans(),
            machines=self._machines(),
            money=self.asker.settings.money,
            work=read_work(self.rows, self.named, selection),
        )

    def _recent_spans(self, usage: Mapping[date, Usage], first_day: date) -> list[Span]:
        """Return today, the last 7 days and the month so far, each with the days before it that are as many.

        Where the history begins after the first of these, there is nothing to compare with; it may go back further
        than a day from which on everything else is shown.
        """
        if self.asker.is_closed:
            return []
        today, month = self.asker.today, self.asker.today.replace(day=1)
        month_before = (month - DAY).replace(day=1)
        pairs: dict[SpanName, tuple[Days, Days]] = {
            "today": ((today, today), (today - DAY, today - DAY)),
            "last_7_days": ((today - 6 * DAY, today), (today - 13 * DAY, today - 7 * DAY)),
            "month_to_date": ((month, today), (month_before, min(month_before + (today - month), month - DAY))),
        }
        is_cut = self.asker.selection.since is not None
        return [
            _span(
                name,
                days,
                _within(usage, days),
                (before, _within(usage, before).cost_usd) if is_cut or first_day <= before[0] else None,
            )
            for name, (days, before) in pairs.items()
        ]

    def _parts(self, models: Sequence[tuple[date, str, Usage]]) -> list[Part]:
        """Return cost and tokens by the first day and the model, in this order."""
        parts: dict[tuple[date, str], tuple[Decimal, int]] = {}
        for start, model, usage in models:
            cost, tokens = parts.get((start, model), (Decimal(0), 0))
            parts[start, model] = cost + usage.cost_usd, tokens + usage.total_tokens
        return [Part(start, self.named(model), *sums) for (start, model), sums in sorted(parts.items())]

    def _hours(self) -> list[HourUse]:
        # Those of the page come with single days, whose weekday is 0.
        rows = [(weekday, hour, *sums) for weekday, _, _, hour, _, *sums in self.rows("page_hours") if weekday]
        return [HourUse(*row) for row in rows or self.rows("hours")]

    def _forecast(self) -> Forecast | None:
        rows = self.rows("forecast")
        if not rows:
            return None
        cost, tokens, low, high, method, error, by_day = rows[0]
        # A history in which no forecast can be tried yet is too short for one.
        if error is None:
            return None
        days = [ForecastDay(*day) for day in sorted(by_day.items())]
        return Forecast(cost, tokens, low, high, method, error, days)

    def _models(self, models: Sequence[tuple[date, str, Usage]]) -> list[ModelUse]:
        """Return the models, the dearest first."""
        parts: dict[str, list[Usage]] = {}
        for _, model, part in models:
            parts.setdefault(model, []).append(part)
        uses = sorted(
            ((model, _added(usages)) for model, usages in parts.items()),
            key=lambda use: (-use[1].cost_usd, -use[1].total_tokens, use[0]),
        )
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
        parts = {"machine": self.asker.selection.machine, "agent": self.asker.selection.agent}
        chosen = [(scope, name) for scope, name in parts.items() if name]
        return [
            BudgetUse(limit.scope, limit.name, limit.period, limit.limit_usd, spending.spent_usd)
            for (spending,) in self.rows(BUDGET)
            for limit in [spending.limit]
            if not chosen or (limit.scope, limit.name) in chosen
        ]

    def _machines(self) -> list[MachineUse]:
        is_part = self.asker.selection.projects or self.asker.selection.agent
        return [self._machine(*row) for row in self.rows("machines_used" if is_part else "machines")]

    def _machine(self, machine: str, agents: Sequence[str], *row: Any) -> MachineUse:
        last_day, succeeded_at, state, has_failed, error, failed_reports = row
        limit = self.asker.settings.stale_after_hours
        return MachineUse(
            machine=self.named(machine),
            agents=[self.named(agent) for agent in agents],
            last_day=last_day,
            last_success_at=succeeded_at,
            last_state=state,
            has_failed=has_failed,
            error=self.named(error),
            failed_reports=list(failed_reports),
            is_stale=succeeded_at is None or (self.asker.now - succeeded_at) / timedelta(hours=1) > limit,
        )


def _count(rows: Sequence[Sequence[Any]]) -> int:
    """Return how many there are in all, which every row begins with."""
    return int(rows[0][0]) if rows else 0


def _usage(sums: Sequence[Any]) -> Usage:
    cost_usd, fresh, output, created, read, total, unpriced = sums
    return Usage(cost_usd, fresh, output, created, read, total, unpriced=bool(unpriced))


def _within(usage: Mapping[date, Usage], days: Days) -> Usage:
    """Add up the days from the first to the last."""
    return _added(use for day, use in usage.items() if days[0] <= day <= days[1])


def _added(usages: Iterable[Usage]) -> Usage:
    chosen = list(usages)
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
