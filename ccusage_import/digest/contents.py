"""What a report page says in words and tables, for every format it is printed in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from ccusage_import.days import zoned_moment
from ccusage_import.digest.called import days_called, joined, models_called, projects_called, selection_called
from ccusage_import.digest.model import BudgetUse, ChangeLine, Digest, Forecast, MachineUse, PlanUse, Span, SpanName
from ccusage_import.digest.text import cost_text, day_range, duration, method_text, multiple, percent, range_text
from ccusage_import.money import Money
from ccusage_import.records import counted

TITLES: dict[SpanName, str] = {
    "today": "Today so far",
    "last_7_days": "Last 7 days",
    "month_to_date": "This month so far",
    "total": "All kept days",
}
BEFORE: dict[SpanName, str] = {
    "today": "on the whole of yesterday",
    "last_7_days": "in the 7 days before",
    "month_to_date": "on the same days of the last month",
}

NO_COMMAND = "prompts without a command"
LAST_DAYS = "Of the last 30 days, from the transcripts."
THESE_DAYS = "From the transcripts of these days, as far as they are kept."


@dataclass(frozen=True, slots=True)
class Figure:
    """One headline, and what puts it into proportion."""

    title: str
    value: str
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """One table as text; the first column is the heading of the row, `numbers` are the columns to the right."""

    name: str
    title: str
    note: str
    columns: Sequence[str]
    numbers: Sequence[int]
    rows: Sequence[Sequence[str]]


def figures_of(digest: Digest) -> list[Figure]:
    """Return the headlines."""
    figures = [_span_figure(span, digest) for span in digest.spans if span.name != "total"]
    if digest.forecast:
        figures.append(_forecast_figure(digest.forecast, digest.money))
    return [*figures, *figures_of_all(digest)]


def figures_of_all(digest: Digest) -> list[Figure]:
    """Return the headlines of all days that are shown."""
    figures = [_span_figure(digest.span("total"), digest)]
    if (saved := digest.cache_savings_usd) is not None:
        share = digest.span("total").cache_share
        lines = [f"{percent(share)} of all input came from it"] if share is not None else []
        figures.append(
            Figure(
                "Saved by the cache",
                digest.money.text(saved),
                [*lines, "estimated" if digest.has_days else "estimated, all kept days"],
            )
        )
    return figures


def notices_of(digest: Digest) -> Iterator[str]:
    """Return what somebody should act on."""
    money = digest.money.text
    for use in digest.machines:
        if use.has_failed:
            yield f"The last import of {use.machine} failed{_failure(use)}."
        elif use.is_stale:
            yield f"The numbers of {use.machine} are stale: last imported {_at(use.last_success_at, digest)}."
    for limit in digest.budget:
        if limit.spent_usd > limit.limit_usd:
            yield f"The {_limit_name(limit)} is exceeded: {money(limit.spent_usd)} of {money(limit.limit_usd)}."


def prices_note(digest: Digest) -> str:
    """Return what dollars are, in what they are shown, and what the usage was worth beyond the price of each plan."""
    rate = digest.money.note
    note = "are what this usage costs at the prices of the API, as ccusage counts it"
    note = f"Amounts {note}, converted {rate}" if rate else f"Dollars {note}"
    if not digest.plans:
        return f"{note}; with a subscription you pay its price, however much you use."
    accounts = dict.fromkeys(each.account for each in digest.plans)
    return " ".join((f"{note}.", *(_plan_sentence(account, digest) for account in accounts)))


def _plan_sentence(account: str, digest: Digest) -> str:
    months = {each.month: each for each in digest.plans if each.account == account}
    this_month = digest.today.replace(day=1)
    told = []
    if month := months.get(this_month):
        told.append(f"this month's usage so far is worth {_worth(month, digest.money)}")
    if month := months.get((this_month - timedelta(days=1)).replace(day=1)):
        span = ", of which the history holds a part," if month.is_partial else ""
        told.append(f"the last month's{span} was worth {_worth(month, digest.money)}")
    price = next(iter(months.values())).plan_usd
    return f"The plan{f' {account}' if account else ''} costs {digest.money.text(price)} a month: {'; '.join(told)}."


def _worth(month: PlanUse, money: Money) -> str:
    return f"{cost_text(month, money)}, {multiple(month.times_price)} its price"


def tables_of(digest: Digest) -> list[Table]:
    """Return the tables that do not belong to a chart."""
    tables = [
        _models(digest),
        _sessions(digest),
        _savings(digest),
        _commands(digest),
        _tools(digest),
        _subagents(digest),
        _budget(digest),
        _changes(digest),
        _held(digest),
        _machines(digest),
    ]
    return [table for table in tables if table.rows or table.note]


def scope_of(digest: Digest) -> str:
    """Return what the numbers are of, and when they were read."""
    scope = digest.machine or "All machines"
    if digest.first_day and digest.last_day:
        scope += f", {day_range(digest.first_day, digest.last_day)}, {counted(digest.active_days, 'day')} with usage"
    return f"{scope}. Days in {digest.timezone}. Made on {_at(digest.made_at, digest)}."


def _span_figure(span: Span, digest: Digest) -> Figure:
    lines = [f"{span.usage.total_tokens:,} tokens"]
    if span.before_usd is not None:
        change = change_text(span.usage.cost_usd, span.before_usd, digest.money)
        lines.insert(0, f"{change} against {digest.money.text(span.before_usd)} {BEFORE[span.name]}")
    title = TITLES[span.name]
    if span.name == "total" and digest.has_days:
        called = days_called(digest.since, digest.until)
        title = called[0].upper() + called[1:]
    return Figure(title, cost_text(span.usage, digest.money), lines)


def change_text(now: Decimal, before: Decimal, money: Money) -> str:
    """Return how a cost differs from an earlier one."""
    difference = now - before
    if not difference:
        return "no change"
    sign = "+" if difference > 0 else "-"
    share = f" ({sign}{percent(abs(difference) / before)})" if before else ""
    return f"{sign}{money.text(abs(difference))}{share}"


def _forecast_figure(forecast: Forecast, money: Money) -> Figure:
    between = range_text(forecast.low_usd, forecast.high_usd, money)
    lines = [*([between] if between else []), f"{forecast.total_tokens:,} tokens"]
    if forecast.backtest_error is not None:
        lines.append(f"such forecasts missed the cost by {percent(forecast.backtest_error)}")
    return Figure("This month, forecast", money.text(forecast.cost_usd), [*lines, method_text(forecast.method)])


def _models(digest: Digest) -> Table:
    total, called = digest.span("total").usage.cost_usd, models_called(digest)
    rows = [
        (
            called[use.model],
            cost_text(use.usage, digest.money),
            percent(use.usage.cost_usd / total) if total else "",
            f"{use.usage.total_tokens:,}",
            percent(use.cache_share),
        )
        for use in digest.models
    ]
    columns = ("model", "cost", "share", "tokens", "input from the cache")
    return Table("models", "Models", "", columns, (1, 2, 3, 4), rows)


def _sessions(digest: Digest) -> Table:
    projects, models = projects_called(digest), models_called(digest)
    rows = [
        (
            use.session,
            projects[use.project],
            use.machine,
            str(use.day),
            joined(models[model] for model in use.models),
            f"{use.usage.total_tokens:,}",
            cost_text(use.usage, digest.money),
        )
        for use in digest.sessions
    ]
    count = digest.session_count
    notes = [f"The {len(rows)} of {count:,} that cost most."] if count > len(rows) else []
    if rows and digest.has_days:
        notes.append("Those whose last day is shown, with all that they cost.")
    columns = ("session", "project", "machine", "last day", "models", "tokens", "cost")
    return Table("sessions", "Sessions", " ".join(notes), columns, (5, 6), rows)


def _savings(digest: Digest) -> Table:
    rows = [
        (
            saving.kind.replace("_", " "),
            digest.money.text(saving.usd_per_month),
            counted(saving.cases, saving.case_is),
            "estimate" if saving.is_estimate else "exact",
            saving.advice,
        )
        for saving in digest.work.savings
    ]
    note = f"{LAST_DAYS} ccusage-import query savings_evidence shows each case." if rows else ""
    columns = ("what", "could be saved", "shown by", "how sure", "what to change")
    return Table("savings", "What could cost less", note, columns, (1, 2), rows)


def _commands(digest: Digest) -> Table:
    money = digest.money.text
    rows = [
        (
            use.command or NO_COMMAND,
            f"{use.runs:,}",
            cost_text(use, digest.money),
            money(use.mean_usd),
            duration(use.seconds_p50),
            percent(use.unfinished_share),
            use.cost_driver,
        )
        for use in digest.work.commands
    ]
    title, note = "Prompts and commands", _work_note(digest) if rows else ""
    columns = ("command", "runs", "cost", "cost of a run", "half take at most", "unfinished", "dearer with")
    if not any(use.cost_driver for use in digest.work.commands):
        return Table("commands", title, note, columns[:-1], (1, 2, 3, 4, 5), [row[:-1] for row in rows])
    return Table("commands", title, note, columns, (1, 2, 3, 4, 5), rows)


def _tools(digest: Digest) -> Table:
    rows = [
        (
            use.tool,
            f"{use.calls:,}",
            percent(use.errors / use.calls),
            percent(use.denied / use.calls),
            "" if use.wait_p50 is None else duration(use.wait_p50),
            "" if use.wait_p95 is None else duration(use.wait_p95),
            f"+{use.lines_added:,} -{use.lines_removed:,}" if use.lines_added or use.lines_removed else "",
        )
        for use in digest.work.tools
    ]
    note = f"{_work_note(digest)} Waits are from call to result, for a permission too." if rows else ""
    columns = ("tool", "calls", "failed", "denied", "half wait at most", "19 of 20 wait at most", "lines")
    return Table("tools", "Tools", note, columns, (1, 2, 3, 4, 5, 6), rows)


def _subagents(digest: Digest) -> Table:
    money = digest.money.text
    projects = projects_called(digest)
    rows = [
        (
            projects[use.project],
            use.machine,
            f"{use.tasks:,}",
            cost_text(use, digest.money),
            percent(use.cost_share),
            money(use.mean_usd),
        )
        for use in digest.work.subagents
    ]
    columns = ("project", "machine", "subagents", "cost", "share of the project", "cost of one")
    return Table("subagents", "Subagents", _work_note(digest) if rows else "", columns, (2, 3, 4, 5), rows)


def _work_note(digest: Digest) -> str:
    return THESE_DAYS if digest.has_days else LAST_DAYS


def _budget(digest: Digest) -> Table:
    money = digest.money.text
    rows = [
        (
            _limit_name(limit),
            money(limit.spent_usd),
            money(limit.limit_usd),
            percent(limit.spent_usd / limit.limit_usd),
            "exceeded" if limit.spent_usd > limit.limit_usd else "within",
        )
        for limit in digest.budget
    ]
    note = "Of all machines." if rows else ""
    return Table("budget", "Budget", note, ("limit", "spent", "allowed", "used", "verdict"), (1, 2, 3), rows)


def _limit_name(limit: BudgetUse) -> str:
    period = {"daily": "today", "monthly": "this month"}[limit.period]
    return f"budget of {limit.scope} {limit.name}, {period}" if limit.name else f"budget of {period}"


def _changes(digest: Digest) -> Table:
    counts = ", ".join(f"{count:,} {verdict}" for verdict, count in digest.recent_verdicts.items())
    note = f"Records in the last 7 days: {counts}." if counts else "Nothing changed in the last 7 days."
    if digest.changes:
        note += " What only grew is not listed."
    is_part = bool(selection_called(digest))
    if digest.is_empty or (is_part and not counts and not digest.changes):
        note = ""
    return _lines("changes", "What changed", note, digest.changes, digest)


def _held(digest: Digest) -> Table:
    note = ""
    if digest.held:
        note = "A smaller number was offered. What was stored stays; ccusage-import accept takes the offer."
    if digest.held_count > len(digest.held):
        note += f" ccusage-import held shows all {digest.held_count:,}."
    return _lines("held", "What was held", note, digest.held, digest)


def _lines(name: str, title: str, note: str, lines: Sequence[ChangeLine], digest: Digest) -> Table:
    money = digest.money.text
    rows = [
        (
            f"{line.report} {line.record}",
            line.machine,
            line.verdict,
            money(line.stored_usd),
            money(line.offered_usd),
            line.reason,
            _at(line.decided_at, digest),
        )
        for line in lines
    ]
    columns = ("record", "machine", "verdict", "stored", "offered", "why", "when")
    return Table(name, title, note, columns, (3, 4), rows)


def _machines(digest: Digest) -> Table:
    rows = [
        (
            use.machine,
            ", ".join(use.agents),
            str(use.last_day or ""),
            _at(use.last_success_at, digest),
            f"failed{_failure(use)}" if use.has_failed else "stale" if use.is_stale else "fresh",
        )
        for use in digest.machines
    ]
    columns = ("machine", "agents", "last day with usage", "last import without a failure", "state")
    return Table("machines", "How fresh the numbers are", "", columns, (), rows)


def _failure(use: MachineUse) -> str:
    why = use.error or ", ".join(use.failed_reports) or use.last_state
    return f": {why}" if why else ""


def _at(instant: datetime | None, digest: Digest) -> str:
    return "never" if instant is None else zoned_moment(instant, digest.timezone)
