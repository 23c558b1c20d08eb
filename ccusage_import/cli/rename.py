"""The commands that give a machine another name, and projects and sessions the names that are configured."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from ccusage_import import __version__, ui
from ccusage_import.cli.options import AsJson, ConfigFile, Quiet, Verbose, WarehouseUrl, configured, door
from ccusage_import.config.file import changed
from ccusage_import.config.identity import keep_identity, read_identity
from ccusage_import.config.settings import Configuration
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.files import write_private_file
from ccusage_import.history.rename_machine import RenamedMachine, rename_machine
from ccusage_import.warehouse.opening import (
    has_warehouse,
    import_lock,
    open_to_write,
    record_failed_loads,
)

rename_app = typer.Typer(
    help="Rename what is stored.", rich_markup_mode=None, no_args_is_help=True, add_completion=False
)
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


def _renamed(configuration: Configuration, new: str, *, is_dry_run: bool) -> RenamedMachine:
    settings = configuration.settings
    if not has_warehouse(configuration):
        raise ConfigurationError(
            f"rename machine: there is no warehouse {settings.parsed_warehouse()}", hint="ccusage-import import"
        )
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
