"""What a configuration stands for: its warehouse and lock, and the loads still to be recorded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import version

from ccusage_import.config.settings import Configuration
from ccusage_import.files import file_lock
from ccusage_import.warehouse.clickhouse_client import ClickHouse, open_warehouse
from ccusage_import.warehouse.migrations import apply_migrations, refuse_pending
from ccusage_import.warehouse.unrecorded_loads import UnrecordedLoads

TOOL_VERSION = version("ccusage-import")


@contextmanager
def import_lock(configuration: Configuration, wait_seconds: float | None = None) -> Iterator[None]:
    """Let only one process of this installation write; the warehouse itself may be shared."""
    file = configuration.directories.state / "import.lock"
    wait_seconds = configuration.settings.lock_wait_seconds if wait_seconds is None else wait_seconds
    with file_lock(file, "the importer", wait_seconds):
        yield


def unrecorded_loads(configuration: Configuration) -> UnrecordedLoads:
    """Return the failed loads that no warehouse could take yet."""
    return UnrecordedLoads(configuration.directories.state / "unrecorded_loads.jsonl")


def open_configured(
    configuration: Configuration, lock_wait_seconds: float | None = None
) -> AbstractContextManager[ClickHouse]:
    """Open the warehouse of a configuration."""
    settings = configuration.settings
    wait_seconds = settings.lock_wait_seconds if lock_wait_seconds is None else lock_wait_seconds
    return open_warehouse(settings.parsed_warehouse(), cluster=settings.cluster, lock_wait_seconds=wait_seconds)


@contextmanager
def open_current(configuration: Configuration) -> Iterator[ClickHouse]:
    """Open the warehouse of a configuration with tables and views up to date.

    Raises:
        SchemaError: those of a server are not; an embedded warehouse is migrated.
        WarehouseError: it cannot be used.
    """
    with open_configured(configuration) as opened:
        if opened.is_embedded:
            apply_migrations(opened, TOOL_VERSION)
        else:
            refuse_pending(opened)
        yield opened
