"""Commands that copy the warehouse, into a directory or to a server, and fill it from a backup."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ccusage_import import __version__, ui
from ccusage_import.cli.audit import change_json, print_changes
from ccusage_import.cli.options import AsJson, ConfigFile, Quiet, Verbose, WarehouseUrl, configured, door
from ccusage_import.config.kept.copies import note_backup, note_push
from ccusage_import.config.kept.names import read_names
from ccusage_import.config.settings import Configuration
from ccusage_import.config.warehouse_url import EmbeddedWarehouse, Warehouse
from ccusage_import.exceptions import (
    BackupError,
    ConfigurationError,
    DatabaseMissingError,
    WarehouseAuthenticationError,
)
from ccusage_import.history.backup import Manifest, back_up, read_backup
from ccusage_import.history.backup import restore as fill
from ccusage_import.history.push import Pushed
from ccusage_import.history.push import push as copy
from ccusage_import.masking import printable
from ccusage_import.warehouse.budgets import keep_budgets, keep_own_quotas
from ccusage_import.warehouse.clickhouse_client import ClickHouse, open_warehouse
from ccusage_import.warehouse.opening import (
    demand_warehouse,
    has_warehouse,
    import_lock,
    open_configured,
    open_to_write,
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
        if not has_warehouse(configuration):
            place = configuration.settings.parsed_warehouse()
            raise BackupError(f"there is no warehouse {place}", hint="ccusage-import import")
        with import_lock(configuration), open_configured(configuration) as opened:
            refuse_damage(configuration.settings.machine, opened)
            machine = configuration.settings.machine
            manifest = back_up(opened, directory, machine=machine, tool_version=__version__)
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
            fill(opened, saved, tool_version=__version__)
            remember(configuration, opened, forgets=True)
            _tell(saved.manifest, f"are restored into {opened.warehouse}", quiet=quiet, as_json=as_json)


def _tell(manifest: Manifest, sentence: str, *, quiet: bool, as_json: bool) -> None:
    if as_json:
        ui.print_json(manifest.as_json())
    elif not quiet:
        parts = [f"{manifest.tables[table].rows:,} {table}" for table in ("records", "changes", "loads")]
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

    Copies the loads, changes and records that the server lacks. Where it has another history of a machine, no number on
    it falls.
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
            counts = f"{pushed.records:,} records, {pushed.changes:,} changes, {pushed.loads:,} loads"
            counts += f", {pushed.facts:,} facts" if pushed.facts else ""
            print(printable(f"{counts} of {', '.join(pushed.machines) or 'no machine'} pushed to {place}"))
            if pushed.conflicts:
                print("the server has loads that are not known here; what differed:")
                print_changes(pushed.conflicts, names, {}, configuration.settings.money, as_json=False)


def push_configured(configuration: Configuration, server: str = "", already_open: ClickHouse | None = None) -> Pushed:
    """Push the configured warehouse to a server.

    Args:
        configuration: whose warehouse it is.
        server: URL of the server; `sync` of the configuration when empty.
        already_open: the warehouse, where this process has it open, and so holds the import lock.

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
    demand_warehouse(configuration, "push")
    with ExitStack() as stack:
        if already_open is None:
            stack.enter_context(import_lock(configuration))
        opened_target = stack.enter_context(_opened_target(target, settings.cluster))
        opened = already_open or stack.enter_context(open_to_write(configuration))
        pushed = copy(opened, opened_target, configuration.installation, tool_version=__version__)
        keep_budgets(opened_target, configuration)
        keep_own_quotas(opened_target, configuration)
    note_push(configuration)
    return pushed


@contextmanager
def _opened_target(target: Warehouse, cluster: str | None) -> Iterator[ClickHouse]:
    """Open the server of a push; hints name it, and its own password."""
    try:
        with open_warehouse(target, cluster=cluster) as opened:
            yield opened
    except WarehouseAuthenticationError as error:
        raise WarehouseAuthenticationError(str(error), hint="set CCUSAGE_IMPORT_SYNC_PASSWORD") from None
    except DatabaseMissingError as error:
        hint = f"ccusage-import migrate --create-database --warehouse {target}"
        raise DatabaseMissingError(str(error), hint=hint) from None
