"""The command that copies the embedded warehouse to a server, and the same after each import."""

from __future__ import annotations

from typing import Annotated

import typer

from ccusage_import import __version__, ui
from ccusage_import.cli import audit_tables as ui_audit
from ccusage_import.cli.options import AsJson, ConfigFile, Quiet, Verbose, WarehouseUrl, configured, door
from ccusage_import.config.names import read_names
from ccusage_import.config.settings import Configuration
from ccusage_import.config.warehouse_url import EmbeddedWarehouse
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.history.push import Pushed
from ccusage_import.history.push import push as copy
from ccusage_import.masking import printable
from ccusage_import.warehouse.budgets import keep_budgets
from ccusage_import.warehouse.clickhouse_client import open_warehouse
from ccusage_import.warehouse.opening import has_warehouse, import_lock, open_to_write


def push(
    server: Annotated[str, typer.Argument(metavar="[URL]", help="Where to, unless `sync` is set.")] = "",
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Copy an embedded warehouse to a server.

    Loads, changes and records that it lacks; where it has another history of a machine, no number on it falls.
    """
    with door(verbose, quiet=quiet, as_json=as_json):
        configuration = configured({"warehouse": warehouse}, config)
        pushed = push_configured(configuration, server)
        place = configuration.settings.parsed_sync(server)
        names = read_names(configuration.directories.names_file)
        if as_json:
            conflicts = [ui_audit.change_json(change, names) for change in pushed.conflicts]
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
            counts = f"{pushed.records:,} records, {pushed.changes:,} changes, {pushed.loads:,} loads"
            counts += f", {pushed.facts:,} facts" if pushed.facts else ""
            print(printable(f"{counts} of {', '.join(pushed.machines) or 'no machine'} pushed to {place}"))
            if pushed.conflicts:
                print("the server has loads that are not known here; what differed:")
                ui_audit.print_changes(pushed.conflicts, names, as_json=False)


def push_configured(configuration: Configuration, server: str = "") -> Pushed:
    """Push the configured warehouse to a server, to `sync` of the configuration unless another is named.

    Raises:
        ConfigurationError: the warehouse is a server itself, or no server is named.
        WarehouseError: one of the two cannot be used.
    """
    settings = configuration.settings
    place, target = settings.parsed_warehouse(), settings.parsed_sync(server)
    if not isinstance(place, EmbeddedWarehouse) or isinstance(target, EmbeddedWarehouse):
        raise ConfigurationError(
            f"push: copies an embedded warehouse to a server, not {place} to {target}",
            hint="backup and restore copy any warehouse into an empty one",
        )
    if not has_warehouse(configuration):
        raise ConfigurationError(f"push: there is no warehouse {place}", hint="ccusage-import import")
    with (
        import_lock(configuration),
        open_warehouse(target, cluster=settings.cluster) as opened_target,
        open_to_write(configuration) as opened,
    ):
        pushed = copy(opened, opened_target, configuration.installation, tool_version=__version__)
        keep_budgets(opened_target, configuration)
        return pushed
