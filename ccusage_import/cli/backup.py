"""Commands that copy the warehouse, into a directory or to a server, and fill it from a backup."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ccusage_import import ui
from ccusage_import.cli.options import AsJson, ConfigFile, Quiet, Verbose, WarehouseUrl, configured, door
from ccusage_import.cli.verdicts import change_json, print_changes
from ccusage_import.config.kept.copies import note_backup
from ccusage_import.config.kept.names import read_names
from ccusage_import.history.backup import Manifest, back_up, read_backup
from ccusage_import.history.backup import restore as fill
from ccusage_import.history.push import push_configured
from ccusage_import.masking import printable
from ccusage_import.records import counted, counted_records
from ccusage_import.warehouse.opening import (
    demand_warehouse,
    import_lock,
    open_configured,
    open_unchecked,
    refuse_damage,
    remember,
)


def backup(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Directory to write; must be empty or not exist.")],
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Copy the warehouse into a directory.

    Writes one Parquet file for each table, and a manifest with checksums.
    """
    with door(verbose, quiet=quiet, as_json=as_json):
        configuration = configured({"warehouse": warehouse}, config)
        demand_warehouse(configuration, "backup")
        with import_lock(configuration), open_configured(configuration) as opened:
            refuse_damage(configuration.settings.machine, opened)
            machine = configuration.settings.machine
            manifest = back_up(opened, directory, machine=machine)
        note_backup(configuration, directory)
        _tell(manifest, f"are backed up in {directory}", quiet=quiet, as_json=as_json)


def restore(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Directory that backup wrote.")],
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Fill an empty warehouse from a backup.

    The warehouse may be embedded or on a server, whichever the backup came from.
    """
    with door(verbose, quiet=quiet, as_json=as_json):
        configuration = configured({"warehouse": warehouse}, config)
        saved = read_backup(directory)
        with import_lock(configuration), open_unchecked(configuration) as opened:
            fill(opened, saved)
            remember(configuration, opened, forgets=True)
            _tell(saved.manifest, f"are restored into {opened.warehouse}", quiet=quiet, as_json=as_json)


def _tell(manifest: Manifest, sentence: str, *, quiet: bool, as_json: bool) -> None:
    if as_json:
        ui.print_json(manifest.as_json())
    elif not quiet:
        parts = [counted(manifest.tables[f"{noun}s"].rows, noun) for noun in ("record", "change", "load")]
        facts = sum(table.rows for name, table in manifest.tables.items() if name.endswith("_facts"))
        parts += [counted(facts, "fact")] if facts else []
        size = sum(table.bytes for table in manifest.tables.values()) / 1_000_000
        print(f"{', '.join(parts)} {sentence} ({size:.1f} MB)")


def push(
    server: Annotated[str, typer.Argument(metavar="URL", help="Server to copy to, unless `sync` is set.")] = "",
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Copy an embedded warehouse to a server.

    Copies what the server lacks. No number on the server falls, even where it has another history of a machine.
    """
    with door(verbose, quiet=quiet, as_json=as_json):
        configuration = configured({"warehouse": warehouse}, config)
        pushed = push_configured(configuration, server)
        place = configuration.settings.parsed_sync(server)
        names = read_names(configuration.directories.names_file)
        if as_json:
            conflicts = [change_json(change, names) for change in pushed.conflicts]
            ui.print_json(
                {
                    "machines": pushed.machines,
                    "loads": pushed.loads,
                    "changes": pushed.changes,
                    "records": pushed.records,
                    "facts": pushed.facts,
                    "conflicts": conflicts,
                    "server": str(place),
                }
            )
        elif not quiet:
            counts = [counted_records(pushed.records), counted(pushed.changes, "change"), counted(pushed.loads, "load")]
            counts += [counted(pushed.facts, "fact")] if pushed.facts else []
            print(printable(f"{', '.join(counts)} of {', '.join(pushed.machines) or 'no machine'} pushed to {place}"))
            if pushed.conflicts:
                print("the server has loads that are not known here; what differed:")
                print_changes(pushed.conflicts, names, {}, configuration.settings.money, as_json=False)
