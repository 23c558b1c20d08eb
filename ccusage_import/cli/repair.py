"""The command for a warehouse that lost rows."""

from __future__ import annotations

from typing import Annotated

import typer

from ccusage_import import __version__, ui
from ccusage_import.cli.options import AsJson, ConfigFile, Quiet, Verbose, WarehouseUrl, configured, door
from ccusage_import.config.settings import Configuration
from ccusage_import.exceptions import DamagedWarehouseError
from ccusage_import.history.rescue import Repaired, accept_loss, attach, begin_anew
from ccusage_import.masking import printable
from ccusage_import.warehouse.integrity import find_damage
from ccusage_import.warehouse.migrations import apply_migrations, refuse_pending
from ccusage_import.warehouse.opening import (
    has_warehouse,
    import_lock,
    known_warehouses,
    open_unchecked,
    remember,
)


def repair(
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    loses: Annotated[
        bool, typer.Option("--accept-loss", help="Go on with what is left; damaged files are moved out of the way.")
    ] = False,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Put back what a damaged warehouse lost.

    That is, as far as its files are whole again. Exit code 4 when rows are still missing.
    """
    with door(verbose, quiet=quiet, as_json=as_json):
        configuration = configured({"warehouse": warehouse}, config)
        with import_lock(configuration):
            repaired = _repaired(configuration, accepts_loss=loses)
        if as_json:
            loads = [load.load_id for load in repaired.loads]
            ui.print_json({"attached": repaired.attached, "moved": repaired.moved, "loads": loads})
        elif not quiet:
            for line in repaired.attached:
                print(f"put back: {line}")
            for line in repaired.moved:
                print(f"moved to {line}")
            for load in repaired.loads:
                print(f"{printable(load.machine)}: load {load.load_id} goes on with {load.records_after:,} records")
            print("nothing that is known of is missing")


def _repaired(configuration: Configuration, *, accepts_loss: bool) -> Repaired:
    place, known = configuration.settings.parsed_warehouse(), known_warehouses(configuration)
    repaired = Repaired()
    try:
        has_warehouse(configuration)
    except DamagedWarehouseError:
        if not accepts_loss:
            raise
        known.keep(place, None)
        return repaired
    with open_unchecked(configuration) as opened:
        attach(opened, repaired)
        if accepts_loss:
            accept_loss(opened, repaired)
            if opened.is_embedded:
                apply_migrations(opened, __version__)
            else:
                refuse_pending(opened)
            damage = find_damage(opened, None)
            begin_anew(opened, damage.machines, repaired, tool_version=__version__)
            remember(configuration, opened)
        damage = find_damage(opened, known.of(place))
    if damage.lines:
        error = damage.error(place)
        error.details = (*error.details, *repaired.refused)
        raise error
    return repaired
