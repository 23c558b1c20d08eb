"""The charts of a report page as data: an option for the chart library, a sentence, and the same numbers as a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from ccusage_import.digest.model import Digest, Part
from ccusage_import.digest.text import NO_MODEL, cost_text, day_range, percent, usd

Option = dict[str, Any]
OTHER_MODELS = "other models"
FORECAST = "forecast"
# As many as there are colours that can be told apart; the rest is one part.
SHOWN_MODELS = 7
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
STACKED_PIXELS = 340
ROW_PIXELS = 34
# Below this width a cell or a bar has no room for text.
NARROW_PIXELS = 640


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart.

    `option` is what the chart library draws; the page turns the `look` of each series into its colour and pattern,
    which depend on the colour scheme. `summary` says it in a sentence, `rows` hold its numbers as text, the first
    column being the heading of the row.
    """

    name: str
    title: str
    note: str
    summary: str
    option: Option
    height_pixels: int
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def charts_of(digest: Digest) -> list[Chart]:
    """Return the charts that have something to show."""
    makers: Sequence[Callable[[Digest], Chart | None]] = (_by_day, _by_month, _by_hour, _by_project, _cache)
    return [chart for make in makers if (chart := make(digest))]


def _by_day(digest: Digest) -> Chart | None:
    if not digest.days:
        return None
    left = {day.day: day.cost_usd for day in digest.forecast.days} if digest.forecast else {}
    spent = _costs_by_start(digest.days)
    forecast = {day: max(Decimal(0), cost - spent[day]) for day, cost in left.items()}
    first, last = digest.days[0].start, max([digest.days[-1].start, *forecast])
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    highest = max(spent, key=lambda day: spent[day])
    option, columns, rows = _stacked(digest, digest.days, {day: str(day) for day in days}, forecast)
    return Chart(
        name="days",
        title="Cost by day",
        note="At most the last 90 days, and what is expected of the days that are left in this month."
        if forecast
        else "At most the last 90 days.",
        summary=f"Cost by day and model, {day_range(first, digest.days[-1].start)}. The highest was {highest} with"
        f" {usd(spent[highest])}.",
        option=option,
        height_pixels=STACKED_PIXELS,
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
    every = _months(months[0], max(months[-1], this_month))
    highest = max(spent, key=lambda month: spent[month])
    option, columns, rows = _stacked(digest, digest.months, {month: f"{month:%Y-%m}" for month in every}, forecast)
    return Chart(
        name="months",
        title="Cost by month",
        note="Sums of the kept days.",
        summary=f"Cost by month and model, {months[0]:%Y-%m} to {months[-1]:%Y-%m}. The highest was {highest:%Y-%m}"
        f" with {usd(spent[highest])}.",
        option=option,
        height_pixels=STACKED_PIXELS,
        columns=columns,
        rows=rows,
    )


def _stacked(
    digest: Digest, parts: Sequence[Part], labels: Mapping[date, str], forecast: Mapping[date, Decimal]
) -> tuple[Option, Sequence[str], Sequence[Sequence[str]]]:
    """Return bars over time, one on another by model, the forecast on top; with the columns and rows of their table."""
    shown = [use.model for use in digest.models[:SHOWN_MODELS]]
    costs: dict[str, defaultdict[date, Decimal]] = {_model_label(model): defaultdict(Decimal) for model in shown}
    for part in parts:
        label = _model_label(part.model) if part.model in shown else OTHER_MODELS
        costs.setdefault(label, defaultdict(Decimal))[part.start] += part.cost_usd
    # The look of a model is the same in all charts, whether all models are in them or not.
    looks: dict[str, int | str] = {label: look for look, label in enumerate([*costs, OTHER_MODELS])}
    costs = {label: by_start for label, by_start in costs.items() if any(by_start.values())} or costs
    if any(forecast.values()):
        costs[FORECAST], looks[FORECAST] = defaultdict(Decimal, forecast), FORECAST
    series = [
        {
            "name": label,
            "type": "bar",
            "stack": "cost",
            "barMaxWidth": 48,
            "data": [_number(by_start[start]) or None for start in labels],
            "look": looks[label],
        }
        for label, by_start in costs.items()
    ]
    rows = []
    for start, label in labels.items():
        numbers = [by_start[start] for by_start in costs.values()]
        if any(numbers):
            rows.append((label, *map(usd, numbers), usd(sum(numbers, Decimal(0)))))
    option: Option = {
        "tooltip": {"trigger": "axis", "axisPointer": {"type": "shadow"}},
        "legend": {"type": "scroll", "top": 0, "left": 0},
        "grid": {"left": 8, "right": 28, "top": 44, "bottom": 8, "containLabel": True},
        "xAxis": {"type": "category", "data": list(labels.values()), "axisTick": {"alignWithLabel": True}},
        "yAxis": {"type": "value", "axisLabel": {"formatter": "${value}"}},
        "series": series,
    }
    return option, ("", *costs, "together"), rows[::-1]


def _by_hour(digest: Digest) -> Chart | None:
    if not digest.hours:
        return None
    costs = {(use.weekday, use.hour): use.cost_usd for use in digest.hours}
    highest = max(costs, key=lambda hour: costs[hour])
    option: Option = {
        "tooltip": {},
        "grid": {"left": 8, "right": 8, "top": 8, "bottom": 64, "containLabel": True},
        "xAxis": {"type": "category", "data": [f"{hour:02}" for hour in range(24)], "splitArea": {"show": True}},
        "yAxis": {"type": "category", "data": [day[:3] for day in WEEKDAYS], "inverse": True},
        "visualMap": {
            "min": 0,
            "max": _number(costs[highest]) or 1,
            "calculable": False,
            "orient": "horizontal",
            "left": "center",
            "bottom": 0,
            "dimension": 2,
            "text": [usd(costs[highest]), "$0"],
        },
        "series": [
            {
                "name": "cost",
                "type": "heatmap",
                "label": {"show": True, "formatter": "{@[3]}", "fontSize": 11},
                "encode": {"x": 0, "y": 1, "value": 2, "tooltip": 2},
                "data": [
                    {
                        "name": f"{WEEKDAYS[day - 1]} {hour:02}:00",
                        "value": [hour, day - 1, _number(cost), f"{cost:.0f}"],
                    }
                    for (day, hour), cost in costs.items()
                ],
            }
        ],
    }
    rows = [(f"{WEEKDAYS[day - 1]} {hour:02}:00", usd(cost)) for (day, hour), cost in sorted(costs.items()) if cost]
    return Chart(
        name="hours",
        title="When: weekday and hour",
        note="Five-hour blocks by the hours of their messages; spread evenly where none are stored."
        f" Hours in {digest.timezone}.",
        summary=f"Cost by weekday and hour. The highest is {WEEKDAYS[highest[0] - 1]} at {highest[1]:02}:00 with"
        f" {usd(costs[highest])} in all.",
        option={"baseOption": option, **_narrow({"series": [{"label": {"show": False}}]})},
        height_pixels=330,
        columns=("hour", "cost"),
        rows=rows,
    )


def _by_project(digest: Digest) -> Chart | None:
    if not digest.projects:
        return None
    first = digest.projects[0]
    others = digest.project_count - len(digest.projects)
    return Chart(
        name="projects",
        title="Projects",
        note=f"The {len(digest.projects)} that cost most; {others} more are not shown." if others else "",
        summary=f"Cost by project. {first.project} cost most with {usd(first.usage.cost_usd)}.",
        option=_horizontal(
            [use.project for use in digest.projects], {"cost": [use.usage.cost_usd for use in digest.projects]}
        ),
        height_pixels=56 + ROW_PIXELS * len(digest.projects),
        columns=("project", "cost", "tokens", "days with usage", "last day"),
        rows=[
            (use.project, cost_text(use.usage), f"{use.usage.total_tokens:,}", str(use.active_days), str(use.last_day))
            for use in digest.projects
        ],
    )


def _cache(digest: Digest) -> Chart | None:
    known = [use for use in digest.cache if use.savings_usd is not None and use.cost_usd + use.savings_usd > 0]
    saved = digest.cache_savings_usd
    if not known or not saved:
        return None
    return Chart(
        name="cache",
        title="What the cache saved",
        note="All kept days. Without a cache, what was written to it and read from it would have cost the price of"
        " input. Estimated from cost and tokens; models of families whose prices are not known are left out.",
        summary=f"The cache {'saved' if saved > 0 else 'cost'} {usd(abs(saved))} on all kept days.",
        option=_horizontal(
            [use.model for use in known],
            {
                "paid": [use.cost_usd for use in known],
                "saved": [max(Decimal(0), use.savings_usd or Decimal(0)) for use in known],
            },
        ),
        height_pixels=88 + ROW_PIXELS * len(known),
        columns=("model", "paid", "saved", "input from the cache"),
        rows=[
            (use.model, usd(use.cost_usd), usd(use.savings_usd or Decimal(0)), percent(use.cache_share))
            for use in known
        ],
    )


def _horizontal(labels: Sequence[str], costs: Mapping[str, Sequence[Decimal]]) -> Option:
    """Return one bar a row."""
    label = {"width": 240, "overflow": "truncate"}
    top = 40 if len(costs) > 1 else 8
    option: Option = {
        "tooltip": {"trigger": "axis", "axisPointer": {"type": "shadow"}},
        "legend": {"show": len(costs) > 1, "top": 0, "left": 0},
        "grid": {"left": 8, "right": 24, "top": top, "bottom": 8, "containLabel": True},
        "xAxis": {"type": "value", "axisLabel": {"formatter": "${value}", "hideOverlap": True}},
        "yAxis": {"type": "category", "inverse": True, "data": list(labels), "axisLabel": label},
        "series": [
            {
                "name": series,
                "type": "bar",
                "stack": "cost",
                "barMaxWidth": 22,
                "data": list(map(_number, values)),
                "look": look,
            }
            for look, (series, values) in enumerate(costs.items())
        ],
    }
    narrow = _narrow({"yAxis": {"axisLabel": {"width": 110}}, "xAxis": {"splitNumber": 3}})
    return {"baseOption": option, **narrow}


def _narrow(option: Option) -> Option:
    return {"media": [{"query": {"maxWidth": NARROW_PIXELS}, "option": option}]}


def _costs_by_start(parts: Sequence[Part]) -> dict[date, Decimal]:
    costs: dict[date, Decimal] = defaultdict(Decimal)
    for part in parts:
        costs[part.start] += part.cost_usd
    return costs


def _months(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first = (first + timedelta(days=31)).replace(day=1)


def _model_label(model: str) -> str:
    return model or NO_MODEL


def _number(cost: Decimal) -> float:
    return round(float(cost), 4)
