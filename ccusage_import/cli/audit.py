"""Commands that read back what loads did, and overrule them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from ccusage_import import __version__, ui
from ccusage_import.ccusage.runner import parse_version
from ccusage_import.cli import audit_tables as ui_audit
from ccusage_import.cli import completion
from ccusage_import.cli.options import (
    DAY_FORMATS,
    AsJson,
    CcusageCommand,
    ClaudeDirs,
    ConfigFile,
    Quiet,
    Verbose,
    WarehouseUrl,
    configured,
    door,
)
from ccusage_import.cli.progress import show_progress
from ccusage_import.config.names import read_names
from ccusage_import.config.settings import Configuration
from ccusage_import.exceptions import ExitCode
from ccusage_import.history import audit
from ccusage_import.import_summary import ImportOptions
from ccusage_import.importer import run_import
from ccusage_import.verify import verify as verification
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.known_names import refuse_unknown
from ccusage_import.warehouse.machines import claim_machine
from ccusage_import.warehouse.opening import has_warehouse, import_lock, open_configured, open_to_write
from ccusage_import.warehouse.snapshot import sessions_elsewhere
from ccusage_import.warehouse.tables import Load, read_loads

SHOWN_LOADS = 20
LoggedVerdict = Literal["new", "grew", "repriced", "corrected", "held", "unchanged"]
Machine = Annotated[str, typer.Option(metavar="NAME", help="Only this machine.", autocompletion=completion.machines)]


def history(
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    machine: Machine = "",
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="How many loads.")] = SHOWN_LOADS,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """List loads, newest first.

    When, with what, what they changed, and why one failed.
    """
    with door(verbose, quiet=quiet, as_json=as_json), _reading(warehouse, config) as (opened, _):
        refuse_unknown(opened, {"machine": machine})
        ui_audit.print_history(read_loads(opened, machine=machine, limit=limit), as_json=as_json)


def changes(
    load: Annotated[int, typer.Argument(metavar="[LOAD]", help="Only this load.", autocompletion=completion.loads)] = 0,
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    verdict: Annotated[
        LoggedVerdict | None,
        typer.Option(metavar="VERDICT", help="Only new, grew, repriced, corrected, held or unchanged."),
    ] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=DAY_FORMATS, metavar="DAY", help="Only loads since this day.")
    ] = None,
    machine: Machine = "",
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Show what each load changed, and why.

    For each record: what was stored, what was offered, the verdict and its reason.
    """
    with door(verbose, quiet=quiet, as_json=as_json), _reading(warehouse, config) as (opened, configuration):
        refuse_unknown(opened, {"machine": machine})
        found = audit.read_changes(
            opened,
            load_id=load,
            verdict=verdict or "",
            since=since.date() if since else date(1970, 1, 1),
            machine=machine,
        )
        ui_audit.print_changes(found, read_names(configuration.directories.names_file), as_json=as_json)


def undo(
    load: Annotated[
        int,
        typer.Argument(
            metavar="LOAD", help="The load to take back, as history lists it.", autocompletion=completion.loads
        ),
    ],
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    force: Annotated[bool, typer.Option("--force", help="Also where a later load changed the record.")] = False,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Take a load back.

    A new load restores what it replaced and deletes what it created.
    """
    with door(verbose, quiet=quiet, as_json=as_json), _writing(warehouse, config) as (opened, own):
        done = audit.undo(opened, load, forces=force, installation=own.installation, tool_version=__version__)
        _tell(done, f"load {load} is taken back", quiet=quiet, as_json=as_json)


def accept(
    held: Annotated[
        list[str],
        typer.Argument(
            metavar="LOAD|KEY...",
            help="Loads, keys or records, as changes lists them.",
            autocompletion=completion.loads,
        ),
    ],
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Take held numbers over the stored ones.

    They come from the log: their transcripts are not needed. Blocks that overlap in time are taken together.
    """
    with door(verbose, quiet=quiet, as_json=as_json), _writing(warehouse, config) as (opened, configuration):
        claim_machine(opened, configuration.settings.machine, configuration.installation)
        names = read_names(configuration.directories.names_file)
        done = audit.accept(opened, configuration.settings.machine, held, names, tool_version=__version__)
        sentence = f"{sum(done.load.verdicts.values())} records changed"
        if done.taken_with_them:
            sentence += f"; {done.taken_with_them} that overlap them in time were taken with them"
        _tell(done.load, sentence, quiet=quiet, as_json=as_json)


def verify(
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    claude_dir: ClaudeDirs = None,
    ccusage: CcusageCommand = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Compare stored numbers with ccusage's.

    And the reports with each other, and sessions with those of other machines. Writes nothing.
    """
    flags = {"warehouse": warehouse, "claude_dirs": tuple(claude_dir) if claude_dir else None, "ccusage": ccusage}
    with door(verbose, quiet=quiet, as_json=as_json):
        configuration = configured(flags, config)
        with show_progress(is_wanted=not quiet and not as_json) as progress:
            summary = run_import(configuration, ImportOptions(is_dry_run=True), os.environ, progress)
        for error in summary.errors:
            ui.print_error(error)
        version_info = parse_version(summary.ccusage_version)
        stored, offered = (
            [record for record in records if record.identity not in summary.left_alone]
            for records in (summary.stored, summary.offered)
        )
        twice = _counted_twice(configuration)
        found = verification(stored, offered, summary.decisions, summary.intact_from, version_info, twice)
        ui_audit.print_verification(found, summary.names, quiet=quiet, as_json=as_json)
        if found.unexplained or summary.errors:
            raise typer.Exit(ExitCode.UNHEALTHY if found.unexplained else summary.exit_code)


def _counted_twice(configuration: Configuration) -> list[tuple[str, int, int, str]]:
    """Return the sessions of this machine that stand under another one too."""
    if not has_warehouse(configuration):
        return []
    with open_configured(configuration) as opened:
        return sessions_elsewhere(opened, configuration.settings.machine)


@contextmanager
def _reading(warehouse: str | None, config: Path | None) -> Iterator[tuple[ClickHouse, Configuration]]:
    configuration = configured({"warehouse": warehouse}, config)
    with open_configured(configuration) as opened:
        ui.warn_of_damage(opened.damage)
        yield opened, configuration


@contextmanager
def _writing(warehouse: str | None, config: Path | None) -> Iterator[tuple[ClickHouse, Configuration]]:
    """Take the locks in the importer's order, or two of them would wait for each other."""
    configuration = configured({"warehouse": warehouse}, config)
    with import_lock(configuration), open_to_write(configuration) as opened:
        yield opened, configuration


def _tell(done: Load, sentence: str, *, quiet: bool, as_json: bool) -> None:
    if as_json:
        ui.print_json({"load_id": done.load_id, "undoes": done.undoes, "verdicts": done.verdicts})
    elif not quiet:
        change = ui.change(done.cost_after_usd - done.cost_before_usd, ui.usd)
        print(f"{sentence}; load {done.load_id}; cost of all days {ui.usd(done.cost_after_usd)} ({change})")
