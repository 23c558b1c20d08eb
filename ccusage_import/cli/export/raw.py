"""Commands on the reports that `keep_raw` kept: list them, and unpack them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal

from ccusage_import import ui
from ccusage_import.ccusage.archive import archives, export_loads, kept_loads
from ccusage_import.cli.options import (
    LOAD_NAMES,
    AsJson,
    ConfigFile,
    Quiet,
    Verbose,
    WarehouseUrl,
    WithoutNotes,
    complete_loads,
    configured,
    door,
)
from ccusage_import.days import zoned_moment
from ccusage_import.history.load_names import match_load
from ccusage_import.masking import printable
from ccusage_import.records import counted
from ccusage_import.ui.tables import PlainTable, console

raw_app = typer.Typer(
    help="List and unpack the reports that keep_raw kept.",
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
)


@raw_app.command("list")
def list_kept(
    config: ConfigFile = None,
    verbose: Verbose = 0,
    quiet: WithoutNotes = False,
    as_json: AsJson = False,
) -> None:
    """List the loads whose reports were kept, oldest first."""
    with door(verbose, quiet=quiet, as_json=as_json):
        configuration = configured({}, config)
        kept = kept_loads(configuration.directories.raw)
        if as_json:
            loads = [
                {
                    "load_id": note.load_id,
                    "started_at": note.started_at,
                    "machine": note.machine,
                    "warehouse": note.warehouse,
                    "file": file,
                    "bytes": file.stat().st_size,
                }
                for file, note in kept
            ]
            ui.print_json({"loads": loads})
            return
        if not kept:
            print("no reports are kept; keep_raw = true keeps them from now on")
            return
        table = PlainTable(("load", "when", "machine", "warehouse", "size"), texts=("when", "machine", "warehouse"))
        for file, note in kept:
            when, size = zoned_moment(note.started_at, configuration.settings.timezone), decimal(file.stat().st_size)
            table.add_row(str(note.load_id), when, printable(note.machine), printable(note.warehouse), size)
        console().print(table)


@raw_app.command("export")
def export_kept(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Directory to write; gets one directory for each load.")
    ],
    load: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LOAD", help=f"Only this load: {LOAD_NAMES}; may be repeated.", autocompletion=complete_loads
        ),
    ] = None,
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Unpack the reports that keep_raw kept.

    Makes one directory for each load, for `import --from DIR`. Project names are in clear.
    """
    with door(verbose, quiet=quiet, as_json=as_json):
        configuration = configured({"warehouse": warehouse}, config)
        place = configuration.settings.parsed_warehouse()
        kept = configuration.directories.raw
        exported = export_loads(kept, directory, str(place), [_kept_load(name, kept) for name in load or ()])
        if as_json:
            ui.print_json({"directory": directory, "loads": exported})
        elif not quiet:
            print(f"{counted(len(exported), 'load')} exported to {directory}")


def _kept_load(name: str, kept: Path) -> int:
    """Return the id of the load that is named; one of which nothing is kept is refused by its whole id."""
    ids = archives(kept)
    is_whole = name.isdigit() and not any(str(load_id).startswith(name) for load_id in ids)
    return int(name) if is_whole else match_load(name, ids)
