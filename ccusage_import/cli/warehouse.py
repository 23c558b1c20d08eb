"""`migrate`: bring a warehouse up to date."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from ccusage_import import __version__
from ccusage_import.cli.options import AsJson, ConfigFile, Quiet, Verbose, WarehouseUrl, configured, door
from ccusage_import.ui import print_json
from ccusage_import.warehouse.clickhouse_client import open_warehouse
from ccusage_import.warehouse.migrations import applied_migrations, apply_migrations, pending_migrations


def migrate(
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    status: Annotated[bool, typer.Option("--status", help="Only list what is applied and pending.")] = False,
    create_database: Annotated[bool, typer.Option("--create-database", help="Create the database if missing.")] = False,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Bring tables and views of the warehouse up to date."""
    with door(verbose, quiet=quiet, as_json=as_json):
        settings = configured({"warehouse": warehouse}, config).settings
        with open_warehouse(
            settings.parsed_warehouse(),
            cluster=settings.cluster,
            lock_wait_seconds=settings.lock_wait_seconds,
            creates_database=create_database and not status,
        ) as opened:
            done = pending_migrations(opened) if status else apply_migrations(opened, __version__)
            versions = [migration.version for migration in done]
            if as_json:
                applied = applied_migrations(opened)
                print_json({"pending" if status else "applied_now": versions, "applied": sorted(applied)})
            elif not quiet:
                print_migrations(versions, is_status=status)


def print_migrations(versions: Sequence[str], *, is_status: bool) -> None:
    """Print what is pending, or what was applied just now."""
    verb = "pending" if is_status else "applied"
    lines = [f"{verb} {version}" for version in versions] or ["nothing is pending"]
    print("\n".join(lines))
