"""The command that compares usage with the quotas of a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import typer
from rich.text import Text

from ccusage_import import ui
from ccusage_import.cli.options import AsJson, ConfigFile, Quiet, Verbose, WarehouseUrl, configured, door
from ccusage_import.config.settings import Settings
from ccusage_import.days import weekday_moment
from ccusage_import.digest.text import percent
from ccusage_import.exceptions import ConfigurationError, ExitCode
from ccusage_import.money import Money
from ccusage_import.ui.tables import PlainTable, console
from ccusage_import.warehouse.budgets import QuotaUse, keep_quotas, read_quotas
from ccusage_import.warehouse.opening import demand_warehouse, open_current


def quota(
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Compare usage with the quotas of a plan.

    Shows what was used, what is left, and when a quota runs out. Exit code 6 when one is exceeded.
    """
    with door(verbose, quiet=quiet, as_json=as_json):
        configuration = configured({"warehouse": warehouse}, config)
        demand_warehouse(configuration, "quota")
        with open_current(configuration) as opened:
            ui.warn_of_damage(opened.damage)
            keep_quotas(opened, configuration)
            uses = read_quotas(opened)
        if not uses and configuration.settings.quota.is_set:
            raise ConfigurationError("quota: nothing was imported yet", hint="ccusage-import import")
        if not uses:
            raise ConfigurationError("quota: no quota is set", hint="ccusage-import config set quota.block_tokens max")
        if as_json or not quiet:
            with ui.prints_what_is_found():
                print_quotas(uses, configuration.settings, as_json=as_json)
        if any(each.is_over for each in uses):
            raise typer.Exit(ExitCode.UNHEALTHY)


def print_quotas(uses: Sequence[QuotaUse], settings: Settings, *, as_json: bool) -> None:
    """Print each quota with how much of it was used, in the zone and the currency of the settings."""
    if as_json:
        ui.print_json([{**asdict(each), "is_over": each.is_over} for each in uses])
        return
    zone, money = settings.zone, settings.money
    columns = ("quota", "used", "of", "share", "ends", "runs out")
    table = PlainTable(columns, wraps=("quota", "of"), spare=("ends",))
    several = len({each.machine for each in uses}) > 1
    for each in uses:
        share = "-" if each.share is None else f"{percent(each.share)}{' OVER' if each.is_over else ''}"
        table.add_row(
            each.name + (f" on {each.machine}" if several else ""),
            _amount(each, each.used, money) + (" and unpriced usage" if each.unpriced else ""),
            _maximum(each, money),
            Text(share, style="bold red" if each.is_over else ""),
            _minute(each.period_end, zone),
            _minute(each.runs_out_at, zone),
        )
    console().print(table)
    for each in uses:
        if each.learned_maximum is not None and each.learned_at is not None:
            whose = f" on {each.machine}" if several else ""
            used, hit_at = _amount(each, each.learned_maximum, money), _minute(each.learned_at, zone)
            console().print(f"{each.name}{whose}: {used} were used when a limit was last hit, {hit_at}")


def _maximum(each: QuotaUse, money: Money) -> str:
    if each.maximum is None:
        return "no past yet"
    return _amount(each, each.maximum, money) + (" (largest)" if each.source != "set" else "")


def _amount(each: QuotaUse, amount: Decimal, money: Money) -> str:
    return f"{amount:,.0f}" if each.name == "block_tokens" else money.text(amount)


def _minute(at: datetime | None, zone: ZoneInfo) -> str:
    return weekday_moment(at, zone) if at else "-"
