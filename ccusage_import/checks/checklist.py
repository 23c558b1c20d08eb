"""Can the next import work? One line each, worst news included; every line that is not good says what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from platform import python_version

from ccusage_import import __version__
from ccusage_import.checks.ccusage import check_ccusage, check_data_directories
from ccusage_import.checks.permissions import check_cursor, check_names, check_permissions
from ccusage_import.checks.result import Check, ok
from ccusage_import.checks.schedule import check_schedule
from ccusage_import.checks.warehouse import check_locks, check_warehouse
from ccusage_import.config.settings import Configuration


def all_checks(configuration: Configuration, environ: Mapping[str, str], *, wait_seconds: float) -> Iterator[Check]:
    """Run every check, cheap ones first; none of them changes anything that lasts."""
    yield ok("program", f"ccusage-import {__version__}, Python {python_version()}")
    yield from check_data_directories(configuration, environ)
    yield from check_ccusage(configuration, environ)
    yield from check_locks(configuration)
    yield from check_warehouse(configuration, wait_seconds)
    yield from check_names(configuration)
    yield from check_cursor(configuration)
    yield from check_permissions(configuration)
    yield from check_schedule(configuration, environ)
