"""Numbers and days as people read them, the same in the terminal, on the report page and in a notice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ccusage_import.money import Money

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from ccusage_import.digest.model import CommandUse, PlanUse, SubagentUse, Usage

NO_MODEL = "no model"
# What anybody would do without looking further back; shown where nothing else missed less.
PLAIN_METHODS = {"month so far": "plain run rate", "weekday of last week": "seasonal-naive"}


def percent(share: float | Decimal | None) -> str:
    """Return a share as percent."""
    return "" if share is None else f"{share:.1%}"


def multiple(times: float) -> str:
    """Return how many times something is something else, below once as percent."""
    return f"{times:,.1f} times" if times >= 1 else f"{percent(times)} of"


def cost_text(use: Usage | CommandUse | SubagentUse | PlanUse, money: Money) -> str:
    """Return the cost; a star says that some of the usage has no price."""
    return f"{money.text(use.cost_usd)}{'*' if use.unpriced else ''}"


def range_text(low_usd: Decimal | None, high_usd: Decimal | None, money: Money) -> str:
    """Return the range in which a cost is expected to lie; nothing where that is not known."""
    if low_usd is None or high_usd is None:
        return ""
    return f"between {money.text(low_usd)} and {money.text(high_usd)} at 80%"


def day_range(first: date, last: date) -> str:
    """Return the days from the first to the last."""
    return str(first) if first == last else f"{first} to {last}"


def duration(seconds: float) -> str:
    """Return a length of time in the unit in which it is short."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def method_text(method: str) -> str:
    """Return how a forecast is made, and that a plain way is shown because it did better.

    Args:
        method: names of `forecast_methods` with commas between, as `forecast_totals` has them.
    """
    names = method.split(", ")
    better = "missed least over the last 12 months"
    plain = [f"{name} ({PLAIN_METHODS[name]})" for name in names if name in PLAIN_METHODS]
    others = [name for name in names if name not in PLAIN_METHODS]
    if not others and len(plain) == 1:
        return f"method: {plain[0]}, which {better}"
    return f"method: {', '.join([*others, *(f'{name} where that {better}' for name in plain)])}"
