"""The charts of a report page in words: a sentence, and their numbers as a table; page_charts.js draws them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from ccusage_import.days import next_month
from ccusage_import.digest.called import models_called, projects_called
from ccusage_import.digest.model import DayRow, Digest, Part
from ccusage_import.digest.page_rows import costs_by_day
from ccusage_import.digest.palette import OTHERS
from ccusage_import.digest.text import cost_text, day_range, percent

OTHER_MODELS = "other models"
FORECAST = "forecast"
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
YEAR, SHOWN, MONTH = timedelta(days=365), timedelta(days=90), timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart; `summary` says it in a sentence, `rows` hold its numbers as text with the heading of the row first."""

    name: str
    title: str
    note: str
    summary: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def charts_of(digest: Digest) -> list[Chart]:
    """Return the charts that have something to show."""
    makers: Sequence[Callable[[Digest], Chart | None]] = (
        _by_day,
        _calendar,
        _cumulative,
        _by_month,
        _by_hour,
        _by_project,
        _by_machine,
        _by_agent,
        _cache,
    )
    return [chart for make in makers if (chart := make(digest))]


def _by_day(digest: Digest) -> Chart | None:
    if not digest.days:
        return None
    shown = [part for part in digest.days if part.start > digest.days[-1].start - SHOWN]
    left = {day.day: day.cost_usd for day in digest.forecast.days} if digest.forecast else {}
    spent = _costs_by_start(shown)
    forecast = {day: max(Decimal(0), cost - spent[day]) for day, cost in left.items()}
    first, last = shown[0].start, max([shown[-1].start, *forecast])
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    highest = max(spent, key=lambda day: spent[day])
    columns, rows = _stacked(digest, shown, {day: str(day) for day in days}, forecast)
    return Chart(
        name="days",
        title="Cost by day",
        note="At most the last 90 days, and what is expected of the days that are left in this month."
        if forecast
        else ""
        if digest.since and digest.end - digest.since < SHOWN
        else "At most the last 90 days.",
        summary=f"Cost by day and model, {day_range(first, shown[-1].start)}. The highest was {highest} with"
        f" {digest.money.text(spent[highest])}.",
        columns=columns,
        rows=rows,
    )


def _by_month(digest: Digest) -> Chart | None:
    months = sorted({part.start for part in digest.months})
    if len(months) < 2:
        return None
    spent = _costs_by_start(digest.months)
    this_month = digest.today.replace(day=1)
    forecast = {}
    if digest.forecast and digest.since is None:
        forecast = {this_month: max(Decimal(0), digest.forecast.cost_usd - spent[this_month])}
    every = _months(months[0], max(months[-1], digest.end.replace(day=1)))
    highest = max(spent, key=lambda month: spent[month])
    columns, rows = _stacked(digest, digest.months, {month: f"{month:%Y-%m}" for month in every}, forecast)
    return Chart(
        name="months",
        title="Cost by month",
        note="Sums of the days that are selected." if digest.has_days else "Sums of the kept days.",
        summary=f"Cost by month and model, {months[0]:%Y-%m} to {months[-1]:%Y-%m}. The highest was {highest:%Y-%m}"
        f" with {digest.money.text(spent[highest])}.",
        columns=columns,
        rows=rows,
    )


def _stacked(
    digest: Digest, parts: Sequence[Part], labels: Mapping[date, str], forecast: Mapping[date, Decimal]
) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """Return the columns and rows of a table over time by model, what is expected last."""
    money = digest.money.text
    called = models_called(digest)
    shown = [use.model for use in digest.models[:OTHERS]]
    costs: dict[str, defaultdict[date, Decimal]] = {called[model]: defaultdict(Decimal) for model in shown}
    for part in parts:
        label = called[part.model] if part.model in shown else OTHER_MODELS
        costs.setdefault(label, defaultdict(Decimal))[part.start] += part.cost_usd
    costs = {label: by_start for label, by_start in costs.items() if any(by_start.values())} or costs
    if any(forecast.values()):
        costs[FORECAST] = defaultdict(Decimal, forecast)
    rows = []
    for start, label in labels.items():
        numbers = [by_start[start] for by_start in costs.values()]
        if any(numbers):
            rows.append((label, *map(money, numbers), money(sum(numbers, Decimal(0)))))
    return ("", *costs, "together"), rows[::-1]


def _calendar(digest: Digest) -> Chart | None:
    money = digest.money.text
    if digest.detail is None:
        return None
    first = max(digest.since or date.min, digest.end - YEAR)
    used = {day for day, *_, cost, tokens in digest.detail.days if first <= day <= digest.end and (cost or tokens)}
    costs = {day: cost for day, cost in costs_by_day(digest.detail).items() if day in used}
    if len(costs) < 2 or not any(costs.values()) or (digest.is_closed and digest.end - first <= MONTH):
        return None
    weeks: defaultdict[date, Decimal] = defaultdict(Decimal)
    for day, cost in costs.items():
        weeks[day - timedelta(days=day.weekday())] += cost
    busiest = max(weeks, key=lambda week: weeks[week])
    when = f"year to {digest.end}" if digest.is_closed else "last year"
    return Chart(
        name="calendar",
        title="The year by day",
        note="One square is one day; the stronger its colour, the more was used.",
        summary=f"{len(costs)} days with usage in the {when}. The week from {busiest} was the highest with"
        f" {money(weeks[busiest])}.",
        columns=("week from", "cost"),
        rows=[(str(week), money(cost)) for week, cost in sorted(weeks.items(), reverse=True)],
    )


def _cumulative(digest: Digest) -> Chart | None:
    money = digest.money.text
    if digest.detail is None or digest.is_closed:
        return None
    costs = costs_by_day(digest.detail)
    month = digest.today.replace(day=1)
    before = (month - timedelta(days=1)).replace(day=1)
    days = [[(start + timedelta(days=number)) for number in range(31)] for start in (month, before)]
    ends = (digest.today, month - timedelta(days=1))
    rows, sums = [], [Decimal(0), Decimal(0)]
    for number in range(31):
        cells = []
        for at, end in enumerate(ends):
            sums[at] += costs.get(days[at][number], Decimal(0)) if days[at][number] <= end else Decimal(0)
            cells.append(money(sums[at]) if days[at][number] <= end else "")
        if any(cells):
            rows.append((str(number + 1), *cells))
    if not any(sums):
        return None
    return Chart(
        name="cumulative",
        title="This month against the last one",
        note="Cost since the first of the month, day by day.",
        summary=f"This month has cost {money(sums[0])} so far; the whole last month cost {money(sums[1])}.",
        columns=("day", "this month", "last month"),
        rows=rows,
    )


def _by_machine(digest: Digest) -> Chart | None:
    names = digest.detail.machine_names if digest.detail else ()
    return _by_name(digest, "machines-cost", "machine", names, lambda row: row[1])


def _by_agent(digest: Digest) -> Chart | None:
    names = digest.detail.agent_names if digest.detail else ()
    return _by_name(digest, "agents", "agent", names, lambda row: row[2])


def _by_name(
    digest: Digest, name: str, what: str, names: Sequence[str], number_in: Callable[[DayRow], int]
) -> Chart | None:
    money = digest.money.text
    if len(names) < 2 or digest.detail is None:
        return None
    costs: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in digest.detail.days:
        day, _machine, _agent, _model, cost, _tokens = row
        if digest.since is None or day >= digest.since:
            costs[names[number_in(row)]] += cost
    dearest = sorted(costs.items(), key=lambda item: -item[1])
    if not dearest:
        return None
    return Chart(
        name=name,
        title=f"Cost by {what}",
        note="",
        summary=f"{dearest[0][0]} cost most with {money(dearest[0][1])}.",
        columns=(what, "cost"),
        rows=[(one, money(cost)) for one, cost in dearest],
    )


def _by_hour(digest: Digest) -> Chart | None:
    money = digest.money.text
    if not digest.hours:
        return None
    costs = {(use.weekday, use.hour): use.cost_usd for use in digest.hours}
    highest = max(costs, key=lambda hour: costs[hour])
    rows = [(f"{WEEKDAYS[day - 1]} {hour:02}:00", money(cost)) for (day, hour), cost in sorted(costs.items()) if cost]
    return Chart(
        name="hours",
        title="When: weekday and hour",
        note="Five-hour blocks by the hours of their messages, or of ccusage; spread evenly where neither is stored."
        f" Hours in {digest.timezone}.",
        summary=f"Cost by weekday and hour. The highest is {WEEKDAYS[highest[0] - 1]} at {highest[1]:02}:00 with"
        f" {money(costs[highest])} in all.",
        columns=("hour", "cost"),
        rows=rows,
    )


def _by_project(digest: Digest) -> Chart | None:
    # One bar alone tells nothing.
    if not digest.projects or (digest.project and digest.project_count == 1):
        return None
    first, called = digest.projects[0], projects_called(digest)
    shown, count = len(digest.projects), digest.project_count
    return Chart(
        name="projects",
        title="Projects",
        note=f"The {shown} of {count:,} that cost most." if count > shown else "",
        summary=f"Cost by project. {called[first.project]} cost most with {digest.money.text(first.usage.cost_usd)}.",
        columns=("project", "cost", "tokens", "days with usage", "last day"),
        rows=[
            (
                called[use.project],
                cost_text(use.usage, digest.money),
                f"{use.usage.total_tokens:,}",
                str(use.active_days),
                str(use.last_day),
            )
            for use in digest.projects
        ],
    )


def _cache(digest: Digest) -> Chart | None:
    money = digest.money.text
    known = [use for use in digest.cache if use.savings_usd is not None and use.cost_usd + use.savings_usd > 0]
    saved = digest.cache_savings_usd
    if not known or not saved:
        return None
    called, when = models_called(digest), "in all" if digest.has_days else "on all kept days"
    return Chart(
        name="cache",
        title="What the cache saved",
        note=("" if digest.has_days else "All kept days. ")
        + "Without a cache, what was written to it and read from it would have cost the price of"
        " input. Estimated from cost and tokens; models without a known price are left out.",
        summary=f"The cache {'saved' if saved > 0 else 'cost'} {money(abs(saved))} {when}.",
        columns=("model", "paid", "saved", "input from the cache"),
        rows=[
            (called[use.model], money(use.cost_usd), money(use.savings_usd or Decimal(0)), percent(use.cache_share))
            for use in known
        ],
    )


def _costs_by_start(parts: Sequence[Part]) -> dict[date, Decimal]:
    costs: dict[date, Decimal] = defaultdict(Decimal)
    for part in parts:
        costs[part.start] += part.cost_usd
    return costs


def _months(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first = next_month(first)
