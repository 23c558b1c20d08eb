"""What `init` is answered: each answer read, and tried where it can be."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from pydantic import ValidationError

from ccusage_import.cli.setup.questions import ask_secret, ask_yes_or_no
from ccusage_import.config.directories import Directories
from ccusage_import.config.settings import Configuration
from ccusage_import.config.tables.budget import Limits
from ccusage_import.config.warehouse_url import EmbeddedWarehouse, ServerWarehouse, Warehouse, as_typed
from ccusage_import.exceptions import (
    ConfigurationError,
    DatabaseMissingError,
    ScheduleError,
    WarehouseAuthenticationError,
)
from ccusage_import.schedule import schedulers
from ccusage_import.schedule.model import EVERY_HOURS, EVERY_MINUTES, Schedule, Scheduler, every
from ccusage_import.schedule.paths import running_program
from ccusage_import.warehouse.clickhouse_client import open_warehouse
from ccusage_import.warehouse.driver.embedded import demand_engine, refuse_place
from ccusage_import.warehouse.migrations import applied_migrations, apply_migrations, pending_migrations

EMBEDDED, NONE, KEEP, HOURLY = "embedded", "none", "keep", "1h"
NAMES: Mapping[str, bool] = {"pseudonyms": True, "clear": False}
INTERVALS = (*EVERY_MINUTES, *EVERY_HOURS)
_ALSO = {"hourly": HOURLY, "daily": "1d"}


@dataclass(frozen=True, slots=True)
class TriedWarehouse:
    """A warehouse that can be used; `asked_password` is that of its user, where somebody was asked for it."""

    url: str
    place: Warehouse
    asked_password: str | None = None
    needs_migration: bool = False
    has_tables: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """A schedule and who is to run it."""

    scheduler: Scheduler
    schedule: Schedule


def embedded_url() -> str:
    """Return the address of the embedded warehouse in the data directory."""
    return str(EmbeddedWarehouse(Directories.of_platform().data / "warehouse"))


def read_warehouse(text: str, before: Configuration, *, asks: bool) -> TriedWarehouse:
    """Return the warehouse of an answer, after it was tried.

    Args:
        text: `embedded`, a URL, or the configured one as it is shown.
        before: what is configured.
        asks: whether somebody can be asked for a password, and whether a missing database is to be created.

    Raises:
        ConfigurationError: it is not a warehouse.
        WarehouseError: it cannot be used.
    """
    settings = before.settings
    if text == EMBEDDED:
        text = embedded_url()
    if text != str(settings.parsed_warehouse()):
        settings = settings.model_copy(update={"warehouse": text})
    place = settings.parsed_warehouse()
    if isinstance(place, EmbeddedWarehouse):
        demand_engine()
        refuse_place(place)
        return TriedWarehouse(settings.warehouse, place, has_tables=(place.path / "store").exists())
    try:
        return _tried_server(settings.warehouse, place, settings.cluster, asks=asks)
    except WarehouseAuthenticationError:
        if not asks or place.password:
            raise
    password = ask_secret(f"password of {place.user}")
    tried = _tried_server(settings.warehouse, replace(place, password=password), settings.cluster, asks=asks)
    return replace(tried, asked_password=password)


def _tried_server(url: str, place: ServerWarehouse, cluster: str | None, *, asks: bool) -> TriedWarehouse:
    try:
        with open_warehouse(place, cluster=cluster) as opened:
            pending, applied = pending_migrations(opened), applied_migrations(opened)
            return TriedWarehouse(url, place, needs_migration=bool(pending), has_tables=bool(applied))
    except DatabaseMissingError as error:
        if not asks or not ask_yes_or_no(f"{error}. Create it?", default=False):
            hint = f"ccusage-import migrate --create-database --warehouse {as_typed(place)}"
            raise DatabaseMissingError(str(error), hint=hint) from None
    with open_warehouse(place, cluster=cluster, creates_database=True) as opened:
        apply_migrations(opened)
    return TriedWarehouse(url, place)


def read_names(text: str) -> bool:
    """Return whether pseudonyms are stored.

    Raises:
        ConfigurationError: the answer is neither.
    """
    if text not in NAMES:
        raise ConfigurationError(f"names {text}: are neither pseudonyms nor clear", hint="give one of them")
    return NAMES[text]


def read_budget(text: str) -> Decimal | None:
    """Return what may be spent in a month, in US dollars; None for no limit.

    Raises:
        ConfigurationError: it is not an amount.
    """
    if text == NONE:
        return None
    try:
        return Limits.model_validate({"monthly": text.removeprefix("$")}).monthly
    except ValidationError:
        raise ConfigurationError(
            f"budget {text}: is not an amount above 0", hint="give US dollars a month such as 200, or none"
        ) from None


def read_schedule(text: str, *, is_installed: bool) -> str:
    """Return an interval, `none`, or `keep` where a schedule is installed.

    Raises:
        ScheduleError: it is none of these.
    """
    interval = _ALSO.get(text, text)
    known = (NONE, *INTERVALS, *([KEEP] if is_installed else []))
    if interval not in known:
        raise ScheduleError(f"schedule {text}: is not an interval", hint=f"use one of {', '.join(known)}")
    return interval


def planned_job(configuration: Configuration, interval: str, config: Path | None) -> Job:
    """Return the scheduled import at an interval, as `schedule install` would install it.

    Raises:
        ScheduleError: nothing here can run it.
    """
    program = running_program(sys.argv[0], sys.executable, os.environ)
    timing = every(interval, socket.gethostname() + program[0])
    known = schedulers.all_schedulers(configuration.directories, os.environ)
    chosen = schedulers.choose(schedulers.AUTO, known, sys.platform)
    return Job(chosen, schedulers.plan(configuration, os.environ, program, timing, config))
