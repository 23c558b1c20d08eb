"""The command that holds spending against the budgets."""

from __future__ import annotations

import typer

from ccusage_import import ui
from ccusage_import.cli import budget_tables as ui_budget
from ccusage_import.cli.options import AsJson, ConfigFile, Quiet, Verbose, WarehouseUrl, configured, door
from ccusage_import.config.names import read_names
from ccusage_import.exceptions import ConfigurationError, ExitCode
from ccusage_import.warehouse.budgets import keep_budgets, read_spending, unknown_budgets
from ccusage_import.warehouse.opening import open_current


def budget(
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Hold spending against the budgets.

    Spent, expected, and when a limit is crossed. Exit code 6 when one is.
    """
    with door(verbose, quiet=quiet, as_json=as_json):
        configuration = configured({"warehouse": warehouse}, config)
        with open_current(configuration) as opened:
            ui.warn_of_damage(opened.damage)
            keep_budgets(opened, configuration)
            spending = read_spending(opened, configuration.settings)
            names = read_names(configuration.directories.names_file)
            ui.print_warnings(unknown_budgets(opened, configuration.settings, names))
        if not spending:
            raise ConfigurationError("budget: no limit is set", hint="ccusage-import config set budget.monthly 200")
        if as_json or not quiet:
            ui_budget.print_spending(spending, names, as_json=as_json)
        if any(each.is_over for each in spending):
            raise typer.Exit(ExitCode.UNHEALTHY)
