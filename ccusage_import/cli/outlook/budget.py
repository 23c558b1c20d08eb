"""The command that compares spending with the budgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import typer
from rich.text import Text

from ccusage_import import ui
from ccusage_import.cli.options import AsJson, ConfigFile, Quiet, Verbose, WarehouseUrl, configured, door
from ccusage_import.config.kept.names import read_names
from ccusage_import.digest.text import percent
from ccusage_import.exceptions import ConfigurationError, ExitCode
from ccusage_import.money import Money
from ccusage_import.querying.known_names import unknown_budgets
from ccusage_import.ui.tables import PlainTable, console
from ccusage_import.warehouse.budgets import Spending, keep_budgets, read_spending
from ccusage_import.warehouse.opening import demand_warehouse, open_current


def budget(
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Compare spending with the budgets.

    Shows what was spent, what to expect, and when a limit will be crossed. Exit code 6 when one is crossed.
    """
    with door(verbose, quiet=quiet, as_json=as_json):
        configuration = configured({"warehouse": warehouse}, config)
        demand_warehouse(configuration, "budget")
        with open_current(configuration) as opened:
            ui.warn_of_damage(opened.damage)
            keep_budgets(opened, configuration)
            spending = read_spending(opened, configuration.settings)
            names = read_names(configuration.directories.names_file)
            ui.print_warnings(unknown_budgets(opened, configuration.settings, names))
        if not spending:
            raise ConfigurationError("budget: no limit is set", hint="ccusage-import config set budget.monthly 200")
        if as_json or not quiet:
            with ui.prints_what_is_found():
                print_spending(spending, names, configuration.settings.money, as_json=as_json)
        if any(each.is_over for each in spending):
            raise typer.Exit(ExitCode.UNHEALTHY)


def print_spending(spending: Sequence[Spending], names: Mapping[str, str], money: Money, *, as_json: bool) -> None:
    """Print each limit with how much of it was spent."""
    if as_json:
        ui.print_json([_json(each, names) for each in spending])
        return
    columns = ("budget", "spent", "limit", "share", "expected", "crossed")
    table = PlainTable(columns, wraps=("budget", "spent"), spare=("crossed",))
    for each in spending:
        limit = each.limit
        whose = "everything" if limit.scope == "all" else f"{limit.scope} {names.get(limit.name, limit.name)}"
        share = each.spent_usd / limit.limit_usd
        table.add_row(
            f"{whose}, {'today' if limit.period == 'daily' else 'this month'}",
            money.text(each.spent_usd) + (" and unpriced usage" if each.unpriced else ""),
            money.text(limit.limit_usd),
            Text(f"{percent(share)}{' OVER' if each.is_over else ''}", style="bold red" if each.is_over else ""),
            money.text(each.forecast_usd),
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
