"""The first row of the page: the month against its budget, today, the last days, and what was kept beyond ccusage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ccusage_import.digest.contents import Figure, change_text, figures_of_all
from ccusage_import.digest.model import Digest
from ccusage_import.digest.page_rows import DAY, costs_by_day
from ccusage_import.digest.text import cost_text, method_text, range_text

SPARK_DAYS = 7


@dataclass(frozen=True, slots=True)
class Meter:
    """The month as a bar, each place in hundredths of its length; the budget is None where there is none."""

    spent: int
    low: int
    high: int
    budget: int | None
    words: str


@dataclass(frozen=True, slots=True)
class Headline:
    """A figure, with what is drawn below it; `bars` are the heights of days in hundredths."""

    figure: Figure
    meter: Meter | None = None
    bars: Sequence[int] = ()


def headlines_of(digest: Digest) -> list[Headline]:
    """Return the first row, and the figures of all days after it."""
    if digest.detail is None:
        return []
    costs = costs_by_day(digest.detail)
    rest = [Headline(figure) for figure in figures_of_all(digest)]
    if digest.is_closed:
        return rest
    return [_month(digest, costs), _today(digest, costs), _week(digest, costs), *_kept(digest), *rest]


def _month(digest: Digest, costs: dict[date, Decimal]) -> Headline:
    spent, forecast, money = digest.span("month_to_date").usage, digest.forecast, digest.money
    budget = next((one for one in digest.budget if (one.scope, one.period) == ("all", "monthly")), None)
    limit = budget.limit_usd if budget else None
    lines = [f"of a budget of {money.text(limit)}"] if limit else []
    low = high = spent.cost_usd
    if forecast:
        low, high = forecast.low_usd or forecast.cost_usd, forecast.high_usd or forecast.cost_usd
        expected = f"{money.text(forecast.cost_usd)} expected"
        between = range_text(forecast.low_usd, forecast.high_usd, money)
        lines += [", ".join(filter(None, (expected, between))), method_text(forecast.method)]
        lines.append(f"{spent.total_tokens:,} tokens, {forecast.total_tokens:,} expected")
    before = digest.today.replace(day=1) - DAY
    last = _whole(costs, before.replace(day=1), min(before, before.replace(day=1) + (digest.today.day - 2) * DAY))
    now = _whole(costs, digest.today.replace(day=1), digest.today - DAY)
    if digest.today.day > 1 and last is not None and now is not None:
        lines.append(f"{change_text(now, last, money)} to yesterday, against the same days of the last month")
    figure = Figure("This month so far", cost_text(spent, money), lines)
    longest = max(high, spent.cost_usd, limit or Decimal(0))
    if not longest or (not limit and not forecast):
        return Headline(figure)
    at_spent, at_low, at_high = (min(100, round(100 * value / longest)) for value in (spent.cost_usd, low, high))
    at_limit = round(100 * limit / longest) if limit else None
    return Headline(figure, Meter(at_spent, at_low, at_high, at_limit, f"{figure.value} {', '.join(lines)}"))


def _today(digest: Digest, costs: dict[date, Decimal]) -> Headline:
    usage, money = digest.span("today").usage, digest.money
    lines = [f"{usage.total_tokens:,} tokens"]
    if (yesterday := _whole(costs, digest.today - DAY, digest.today - DAY)) is not None:
        lines.append(f"{money.text(yesterday)} on the whole of yesterday")
    return Headline(Figure("Today so far", cost_text(usage, money), lines))


def _week(digest: Digest, costs: dict[date, Decimal]) -> Headline:
    usage, today, money = digest.span("last_7_days").usage, digest.today, digest.money
    lines = [f"{usage.total_tokens:,} tokens, today included"]
    now, before = _whole(costs, today - 7 * DAY, today - DAY), _whole(costs, today - 14 * DAY, today - 8 * DAY)
    if now is not None and before is not None:
        lines.append(f"{change_text(now, before, money)} in the 7 days to yesterday, against the 7 before")
    days = [costs.get(today - number * DAY, Decimal(0)) for number in reversed(range(SPARK_DAYS))]
    highest = max(days)
    bars = [round(100 * max(cost, Decimal(0)) / highest) for cost in days] if highest > 0 else []
    return Headline(Figure("Last 7 days", cost_text(usage, money), lines), bars=bars)


def _kept(digest: Digest) -> Iterator[Headline]:
    kept = digest.detail.kept if digest.detail else None
    if kept is None:
        return
    beyond, money = max(Decimal(0), kept.kept_usd - kept.offered_usd), digest.money
    told = f"ccusage shows {money.text(kept.offered_usd)}, you kept {money.text(kept.kept_usd)}"
    lines = [told if beyond else f"all that ccusage shows: {money.text(kept.kept_usd)}"]
    if digest.detail and len(digest.detail.machine_names) > 1:
        lines.append(f"on {kept.machine}")
    yield Headline(Figure("Kept beyond ccusage", money.text(beyond), lines))


def _whole(costs: dict[date, Decimal], first: date, last: date) -> Decimal | None:
    """Return what days cost; None where the history does not go back to the first of them."""
    if not costs or min(costs) > first or last < first:
        return None
    return sum((cost for day, cost in costs.items() if first <= day <= last), Decimal(0))
