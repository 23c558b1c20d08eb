"""The command that compares what is stored with what ccusage says."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Annotated

import typer

from ccusage_import import ui
from ccusage_import.ccusage.runner import parse_version
from ccusage_import.cli.options import (
    AsJson,
    CcusageCommand,
    ClaudeDirs,
    ConfigFile,
    Verbose,
    WarehouseUrl,
    configured,
    door,
)
from ccusage_import.config.settings import Configuration
from ccusage_import.exceptions import ExitCode
from ccusage_import.import_summary import ImportOptions
from ccusage_import.importer import run_import_alone
from ccusage_import.querying.counted_messages import read_sums
from ccusage_import.records import Identity
from ccusage_import.rule.ledger_check import LedgerSum
from ccusage_import.rule.verify import Verification
from ccusage_import.rule.verify import verify as verification
from ccusage_import.ui.progress import show_progress
from ccusage_import.ui.tables import PlainTable, console, print_wrapped
from ccusage_import.warehouse.opening import has_warehouse, import_lock, open_configured
from ccusage_import.warehouse.snapshot import sessions_elsewhere
from ccusage_import.warehouse.tables import read_taken_back

SHOWN_DIFFERENCES = 20


def verify(
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    claude_dir: ClaudeDirs = None,
    ccusage: CcusageCommand = None,
    verbose: Verbose = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing where everything is explained.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare stored numbers with ccusage's.

    Also compares the reports with each other, messages with both, and sessions with those of other machines. Writes
    nothing.
    """
    flags = {"warehouse": warehouse, "claude_dirs": claude_dir or None, "ccusage": ccusage}
    with door(verbose, quiet=quiet, as_json=as_json):
        configuration = configured(flags, config)
        # An import in between would store what was not offered yet.
        with import_lock(configuration):
            with show_progress(is_wanted=not quiet and not as_json) as progress:
                summary = run_import_alone(configuration, ImportOptions(is_dry_run=True), os.environ, progress)
            twice, sums, taken_back = _stored_otherwise(configuration)
        for error in summary.errors:
            ui.print_error(error)
        version_info = parse_version(summary.ccusage_version)
        stored, offered = (
            [record for record in records if record.identity not in summary.left_alone]
            for records in (summary.stored, summary.offered)
        )
        found = verification(
            stored,
            offered,
            summary.decisions,
            summary.intact_from,
            version_info,
            twice,
            sums,
            summary.gone,
            taken_back,
        )
        with ui.prints_what_is_found():
            print_verification(found, summary.names, quiet=quiet, as_json=as_json)
        if found.unexplained or summary.errors:
            raise typer.Exit(ExitCode.UNHEALTHY if found.unexplained else summary.exit_code)


def _stored_otherwise(
    configuration: Configuration,
) -> tuple[list[tuple[str, int, int, str]], list[LedgerSum], Collection[Identity]]:
    """Return sessions that stand under another machine too, what messages add up to, and what was taken back."""
    if not has_warehouse(configuration):
        return [], [], ()
    machine = configuration.settings.machine
    with open_configured(configuration) as opened:
        # Messages that are not read any more are no sums of what is imported.
        sums = read_sums(opened, machine) if configuration.settings.transcripts else []
        return sessions_elsewhere(opened, machine), sums, read_taken_back(opened, machine).keys()


def print_verification(found: Verification, names: Mapping[str, str], *, quiet: bool, as_json: bool) -> None:
    """Print each check, then every difference with what explains it, the unexplained ones first."""
    if as_json:
        ui.print_json(
            {
                "compared": found.compared,
                "unexplained": len(found.unexplained),
                "differences": [asdict(difference) for difference in found.differences],
            }
        )
        return
    if quiet and not found.unexplained:
        return
    table = PlainTable(("check", "compared", "equal", "explained", "unexplained"))
    for check, compared in found.compared.items():
        differences = [difference for difference in found.differences if difference.check == check]
        unexplained = sum(not difference.explanation for difference in differences)
        table.add_row(
            check,
            str(compared),
            str(compared - len(differences)),
            str(len(differences) - unexplained),
            str(unexplained),
        )
    console().print(table)
    ordered = sorted(found.differences, key=lambda difference: bool(difference.explanation))
    for difference in ordered[:SHOWN_DIFFERENCES]:
        why = difference.explanation or "NOTHING EXPLAINS IT"
        print_wrapped(
            f"{difference.check}: {ui.with_names(difference.subject, names)}:"
            f" {difference.left_tokens:,} against {difference.right_tokens:,} tokens: {why}"
        )
    if len(ordered) > SHOWN_DIFFERENCES:
        print(f"and {len(ordered) - SHOWN_DIFFERENCES} more; --json lists them all")
