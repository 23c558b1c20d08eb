"""The commands that give a machine another name, and projects and sessions the names that are configured."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from ccusage_import import __version__, ui
from ccusage_import.cli.options import AsJson, ConfigFile, Quiet, Verbose, WarehouseUrl, configured, door
from ccusage_import.config.file import changed
from ccusage_import.config.identity import keep_identity, read_identity
from ccusage_import.config.names import keep_names, read_names
from ccusage_import.config.settings import Configuration
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.files import write_private_file
from ccusage_import.history.rename_machine import RenamedMachine, rename_machine
from ccusage_import.history.rename_projects import RenamedProjects, rename_projects
from ccusage_import.warehouse.budgets import keep_budgets
from ccusage_import.warehouse.machines import claim_machine
from ccusage_import.warehouse.opening import (
    has_warehouse,
    import_lock,
    open_to_write,
    record_failed_loads,
)

rename_app = typer.Typer(
    help="Rename what is stored.", rich_markup_mode=None, no_args_is_help=True, add_completion=False
)
SHOWN_NAMES = 10
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be renamed.")]


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
    """Give this machine another name, with everything that is stored of it.

    What is ended half-way, the same command finishes.
    """
    with door(verbose, quiet=quiet, as_json=as_json):
        configuration = configured({"warehouse": warehouse}, config)
        # What cannot be a name is refused as in the configuration.
        configured({"machine": new}, config)
        renamed = _renamed(configuration, new.strip(), is_dry_run=dry_run)
        if as_json:
            ui.print_json(
                {
                    "old": renamed.old,
                    "new": renamed.new,
                    "records": renamed.records,
                    "changes": renamed.changes,
                    "loads": renamed.loads,
                    "is_dry_run": dry_run,
                }
            )
        elif not quiet:
            counts = f"{renamed.records:,} records, {renamed.changes:,} changes, {renamed.loads:,} loads"
            done = "would be" if dry_run else "are"
            of_old = f"{counts} of {renamed.old} {done} those of {renamed.new}"
            print(of_old if renamed.old else f"nothing is stored under another name than {renamed.new}")


@rename_app.command("projects")
def projects_command(
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    hash_projects: Annotated[
        bool | None,
        typer.Option("--hash-projects/--no-hash-projects", help="Store pseudonyms of projects and sessions, or names."),
    ] = None,
    dry_run: DryRun = False,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Store projects and sessions of this machine under the names that are configured now.

    After hash_projects or the salt was changed. A pseudonym that this machine knows no name of stays.
    """
    with door(verbose, quiet=quiet, as_json=as_json):
        configuration = configured({"warehouse": warehouse, "hash_projects": hash_projects}, config)
        renamed = _renamed_projects(configuration, is_dry_run=dry_run)
        if as_json:
            ui.print_json({**asdict(renamed), "is_dry_run": dry_run})
            return
        if renamed.unknown:
            shown = ", ".join(renamed.unknown[:SHOWN_NAMES])
            more = "" if len(renamed.unknown) <= SHOWN_NAMES else f" and {len(renamed.unknown) - SHOWN_NAMES} more"
            ui.print_warnings([f"{len(renamed.unknown)} names are not known here and stay: {shown}{more}"])
        if not quiet:
            done = "would be" if dry_run else "are"
            print(f"{renamed.records:,} records {done} renamed; names {done} stored {renamed.naming}")


def _renamed_projects(configuration: Configuration, *, is_dry_run: bool) -> RenamedProjects:
    settings, names_file = configuration.settings, configuration.directories.names_file
    _refuse_nowhere(configuration)
    with import_lock(configuration), open_to_write(configuration) as opened:
        claim_machine(opened, settings.machine, configuration.installation, only_looks=True)
        known, pseudonyms = read_names(names_file), settings.pseudonyms()
        would = rename_projects(opened, settings.machine, pseudonyms, known, tool_version=__version__, is_dry_run=True)
        if is_dry_run:
            return would
        # The new pseudonyms are known before anything is stored under them.
        keep_names(names_file, known, pseudonyms.names)
        done = rename_projects(opened, settings.machine, pseudonyms, known, tool_version=__version__, is_dry_run=False)
        keep_budgets(opened, configuration)
        return done


def _refuse_nowhere(configuration: Configuration) -> None:
    if not has_warehouse(configuration):
        place = configuration.settings.parsed_warehouse()
        raise ConfigurationError(f"rename: there is no warehouse {place}", hint="ccusage-import import")


def _renamed(configuration: Configuration, new: str, *, is_dry_run: bool) -> RenamedMachine:
    settings = configuration.settings
    _refuse_nowhere(configuration)
    with import_lock(configuration):
        with open_to_write(configuration) as opened:
            if not is_dry_run:
                record_failed_loads(configuration, opened)
            renamed = rename_machine(
                opened,
                settings.machine,
                new,
                configuration.installation,
                tool_version=__version__,
                is_dry_run=is_dry_run,
            )
        if not is_dry_run:
            _keep(configuration, new)
    return renamed


def _keep(configuration: Configuration, new: str) -> None:
    """Write the new name down where the old one is; the identity comes last."""
    origin, file = configuration.origins["machine"], configuration.directories.identity_file
    if origin == "environment" and configuration.settings.machine != new:
        ui.print_warnings([f"the environment still says that this machine is {configuration.settings.machine}"])
    elif configuration.file.exists() and origin == str(configuration.file):
        write_private_file(configuration.file, changed(configuration.file, "machine", json.dumps(new)))
    keep_identity(file, {**read_identity(file), "machine": new})
