"""Commands that change a warehouse as a whole: migrate, repair, compact and rename."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from ccusage_import import ui
from ccusage_import.cli.options import AsJson, ConfigFile, Quiet, Verbose, WarehouseUrl, configured, door
from ccusage_import.config.file import as_toml
from ccusage_import.config.settings import Configuration
from ccusage_import.history.compact import Compacted, first_kept_day
from ccusage_import.history.compact import compact as fold
from ccusage_import.history.rename_machine import rename_machine
from ccusage_import.history.rename_projects import rename_projects
from ccusage_import.history.rescue import put_back
from ccusage_import.masking import printable
from ccusage_import.records import counted, counted_records
from ccusage_import.warehouse.clickhouse_client import open_warehouse
from ccusage_import.warehouse.machines import claim_machine
from ccusage_import.warehouse.migrations import (
    Migration,
    applied_migrations,
    apply_migrations,
    known_migrations,
    pending_migrations,
)
from ccusage_import.warehouse.opening import demand_warehouse, has_warehouse, import_lock, open_to_write

rename_app = typer.Typer(
    help="Rename what is stored.", rich_markup_mode=None, no_args_is_help=True, add_completion=False
)
SHOWN_NAMES = 10
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only print what would be renamed.")]


def migrate(
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    status: Annotated[bool, typer.Option("--status", help="Only list pending migrations.")] = False,
    create_database: Annotated[
        bool, typer.Option("--create-database", help="Create the database if it is missing.")
    ] = False,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Bring tables and views of the warehouse up to date."""
    with door(verbose, quiet=quiet, as_json=as_json):
        configuration = configured({"warehouse": warehouse}, config)
        done, applied = _migrations(configuration, is_status=status, creates_database=create_database and not status)
        versions = [migration.version for migration in done]
        if as_json:
            ui.print_json({"pending" if status else "applied_now": versions, "applied": sorted(applied)})
        elif not quiet:
            print_migrations(versions, is_status=status)


def _migrations(
    configuration: Configuration, *, is_status: bool, creates_database: bool
) -> tuple[Sequence[Migration], Collection[str]]:
    """Return what is pending, or was applied just now, and the versions of all that is applied then."""
    if not has_warehouse(configuration) and is_status:
        return known_migrations(), ()
    settings = configuration.settings
    with open_warehouse(
        settings.parsed_warehouse(),
        cluster=settings.cluster,
        lock_wait_seconds=settings.lock_wait_seconds,
        creates_database=creates_database,
    ) as opened:
        look = pending_migrations if is_status else apply_migrations
        return look(opened, with_dropped=True), applied_migrations(opened)


def print_migrations(versions: Sequence[str], *, is_status: bool) -> None:
    """Print what is pending, or what was applied just now."""
    verb = "pending" if is_status else "applied"
    lines = [f"{verb} {version}" for version in versions] or ["nothing is pending"]
    print("\n".join(lines))


def repair(
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    loses: Annotated[
        bool, typer.Option("--accept-loss", help="Go on with what is left, and move damaged files out of the way.")
    ] = False,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Put back what a damaged warehouse lost.

    It can put back what is in files that are whole again. Exit code 4 when rows are still missing.
    """
    with door(verbose, quiet=quiet, as_json=as_json):
        configuration = configured({"warehouse": warehouse}, config)
        with import_lock(configuration):
            repaired = put_back(configuration, accepts_loss=loses)
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
            print("nothing is known to be missing")


def compact(
    older_than: Annotated[
        str,
        typer.Option(
            "--older-than", metavar="AGE", help="Age of what is folded, such as 90d, 13mo or 2y, or a day: 2025-01-01."
        ),
    ],
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would be folded.")] = False,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Fold old facts of this machine into totals by hour.

    Drops messages, tool calls, turns and events once every sum is proved equal; hours, days and sessions show the same
    as before. If it is interrupted, the next import finishes it.
    """
    with door(verbose, quiet=quiet, as_json=as_json):
        configuration = configured({"warehouse": warehouse}, config)
        settings = configuration.settings
        before = first_kept_day(older_than, settings.today(datetime.now(UTC)))
        demand_warehouse(configuration, "compact")
        with import_lock(configuration), open_to_write(configuration) as opened:
            claim_machine(opened, settings.machine, configuration.installation, only_looks=True)
            done = fold(opened, settings.machine, settings.timezone, before, is_dry_run=dry_run)
        if as_json:
            ui.print_json({**asdict(done), "is_dry_run": dry_run})
        elif not quiet:
            print_compacted(done, is_dry_run=dry_run)


def print_compacted(done: Compacted, *, is_dry_run: bool) -> None:
    """Print what was folded, or would be."""
    if not done.facts:
        print(f"no facts are older than {done.before}")
        return
    counts = ", ".join(counted(count, kind.replace("_", " ").removesuffix("s")) for kind, count in done.facts.items())
    verb = "would be" if is_dry_run else "are"
    print(f"{counts} before {done.before} {verb} folded: {counted(done.rows, 'row')}, about {done.bytes:,} bytes")


@rename_app.command("machine")
def machine_command(
    new: Annotated[str, typer.Argument(metavar="NEW", help="The new name of this machine.")],
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    dry_run: DryRun = False,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Rename this machine, and all that is stored of it.

    If it is interrupted, the same command finishes it.
    """
    with door(verbose, quiet=quiet, as_json=as_json):
        configuration = configured({"warehouse": warehouse}, config)
        # Invalid names are refused as in the configuration.
        configured({"machine": new}, config)
        renamed = rename_machine(configuration, new.strip(), is_dry_run=dry_run)
        is_said_elsewhere = configuration.origins["machine"] == "environment"
        if is_said_elsewhere and configuration.settings.machine != renamed.new and not dry_run:
            still = configuration.settings.machine
            ui.print_warning(f"the environment still says that this machine is {still}")
        if renamed.old in configuration.settings.budget.machines and not dry_run:
            said = f"budget.machines.{renamed.old} ({configuration.origins['budget']})"
            ui.print_warning(f"{said} limits nothing any more: name it budget.machines.{renamed.new}")
        if as_json:
            ui.print_json({**asdict(renamed), "is_dry_run": dry_run})
        elif not quiet:
            of = {"record": renamed.records, "change": renamed.changes, "load": renamed.loads}
            of |= {"fact": renamed.facts} if renamed.facts else {}
            counts = ", ".join(counted(count, noun) for noun, count in of.items())
            done = "would be" if dry_run else "are"
            of_old = f"{counts} of {renamed.old} {done} those of {renamed.new}"
            # The name of the machine is no warehouse's own.
            called = "would be" if dry_run else "is"
            nothing = f"nothing is stored here under another name; this machine {called} called {renamed.new}"
            print(of_old if renamed.old else nothing)


@rename_app.command("projects")
def projects_command(
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    hash_projects: Annotated[
        bool | None,
        typer.Option(
            "--hash-projects/--no-hash-projects", help="Store projects and sessions as pseudonyms, or by name."
        ),
    ] = None,
    dry_run: DryRun = False,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Store projects and sessions under the names configured now.

    Use it after a change of hash_projects or of the salt. Of this machine alone; pseudonyms whose names it does not
    know stay.
    """
    with door(verbose, quiet=quiet, as_json=as_json):
        configuration = configured({"warehouse": warehouse, "hash_projects": hash_projects}, config)
        renamed = rename_projects(configuration, is_dry_run=dry_run)
        asked = configuration.settings.hash_projects
        if asked != configured({"warehouse": warehouse}, config, warns=False).settings.hash_projects and not dry_run:
            ui.print_warning(_still_configured(asked=asked))
        if as_json:
            ui.print_json({**asdict(renamed), "is_dry_run": dry_run})
            return
        if renamed.unknown:
            shown = ", ".join(renamed.unknown[:SHOWN_NAMES])
            count = len(renamed.unknown)
            more = "" if count <= SHOWN_NAMES else f" and {count - SHOWN_NAMES} more"
            what = "1 name is not known here and stays" if count == 1 else f"{count} names are not known here and stay"
            ui.print_warning(f"{what}: {shown}{more}")
        if not quiet:
            one, several = ("would be", "would be") if dry_run else ("is", "are")
            verb = one if renamed.records == 1 else several
            print(f"{counted_records(renamed.records)} {verb} renamed; names {several} stored {renamed.naming}")


def _still_configured(*, asked: bool) -> str:
    """Return that an option said otherwise than what the next import is configured with."""
    command = f"ccusage-import config set hash_projects {as_toml(asked)}"
    return f"hash_projects is still configured as {as_toml(not asked)}, so the next import is refused: {command}"
