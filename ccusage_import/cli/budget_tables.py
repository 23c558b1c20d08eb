"""What people see of budgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from rich.text import Text

from ccusage_import.cli.plain_table import plain_table
from ccusage_import.ui import console, print_json, usd
from ccusage_import.warehouse.budgets import Spending


def print_spending(spending: Sequence[Spending], names: Mapping[str, str], *, as_json: bool) -> None:
    """Print each limit with what was spent of it."""
    if as_json:
        print_json([_json(each, names) for each in spending])
        return
    table = plain_table("budget", "spent", "limit", "share", "expected", "crossed")
    for each in spending:
        limit = each.limit
        whose = "everything" if limit.scope == "all" else f"{limit.scope} {names.get(limit.name, limit.name)}"
        share = each.spent_usd / limit.limit_usd
        table.add_row(
            f"{whose}, {'today' if limit.period == 'daily' else 'this month'}",
            usd(each.spent_usd) + (" and unpriced usage" if each.unpriced else ""),
            usd(limit.limit_usd),
            Text(f"{share:.0%}{' OVER' if each.is_over else ''}", style="bold red" if each.is_over else ""),
            usd(each.forecast_usd),
            f"{each.crossing_day}" if each.crossing_day else "-",
        )
    console().print(table)


def _json(each: Spending, names: Mapping[str, str]) -> dict[str, object]:
    limit = asdict(each.limit)
    return {
        **limit,
        "name": names.get(each.limit.name, each.limit.name),
        "since": each.since,
        "spent_usd": each.spent_usd,
        "forecast_usd": each.forecast_usd,
        "crossing_day": each.crossing_day,
        "is_over": each.is_over,
        "unpriced": each.unpriced,
    }
