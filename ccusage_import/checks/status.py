"""How imports are going, for monitoring: ok, failing, stale, never begun, or into a damaged warehouse."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from ccusage_import.checks.warehouse import free_bytes
from ccusage_import.config.settings import Configuration
from ccusage_import.config.warehouse_url import EmbeddedWarehouse
from ccusage_import.exceptions import DamagedWarehouseError, SchemaError
from ccusage_import.querying.known_names import refuse_unknown
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.migrations import applied_migrations
from ccusage_import.warehouse.opening import (
    as_they_ended,
    has_warehouse,
    open_configured,
    open_current,
    refuse_damage,
    unrecorded_loads,
)
from ccusage_import.warehouse.snapshot import count_held, future_loads, last_import, last_success_at
from ccusage_import.warehouse.tables import Load


class State(StrEnum):
    """How imports are going; a failing one is not stale yet."""

    OK = "ok"
    NEVER = "never imported"
    FAILING = "failing"
    STALE = "stale"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Status:
    """How the imports of one machine are going; instants are UTC."""

    machine: str
    warehouse: str
    state: State
    last_import: Load | None
    last_success_at: datetime | None
    age_hours: float | None
    stale_after_hours: float
    held: int
    # Loads dated by a clock that was ahead: none counts as a success.
    future_loads: tuple[int, ...]
    # What is missing from the warehouse, a line each, and what to do.
    missing: tuple[str, ...]
    disk_free_bytes: int | None


def read_status(
    configuration: Configuration,
    machine: str | None = None,
    already_open: ClickHouse | None = None,
    *,
    is_brief: bool = False,
) -> Status:
    """Return how the imports of a machine are going, of this one unless another is named.

    Args:
        configuration: whose warehouse it is.
        machine: another machine than that of the configuration.
        already_open: the warehouse, where this process has it open; it is opened for the look otherwise.
        is_brief: leave out the held records and the loads that are dated ahead.

    Raises:
        ConfigurationError: another machine is named, of which nothing is stored.
        WarehouseError: the warehouse cannot be read.
    """
    settings, named = configuration.settings, machine
    place, machine, now = settings.parsed_warehouse(), named or settings.machine, datetime.now(UTC)
    kept = [load for load in unrecorded_loads(configuration).loads() if load.machine == machine]
    last, success_at, held_back, damage, free = None, None, 0, None, None
    ahead: tuple[int, ...] = ()
    # A server is not ours to migrate.
    opening = open_current if isinstance(place, EmbeddedWarehouse) else open_configured
    try:
        if already_open or has_warehouse(configuration):
            with nullcontext(already_open) if already_open else opening(configuration) as opened:
                free = free_bytes(opened)
                refuse_damage(machine, opened)
                if applied_migrations(opened):
                    refuse_unknown(opened, {} if kept or not named else {"machine": named})
                    last, success_at = last_import(opened, machine), last_success_at(opened, machine, now)
                    last = as_they_ended(configuration, opened, [last])[0] if last else None
                    if not is_brief:
                        held_back, ahead = count_held(opened, machine), tuple(future_loads(opened, machine, now))
                elif not opened.is_embedded:
                    raise SchemaError(f"warehouse {place}: has no tables yet", hint="ccusage-import migrate")
    except DamagedWarehouseError as error:
        damage = error
    # A load that found no warehouse is kept here until one takes it.
    last = max(filter(None, [last, *kept]), key=lambda load: load.load_id, default=None)
    age_hours = (datetime.now(UTC) - success_at).total_seconds() / 3600 if success_at else None
    state = State.DAMAGED if damage else _state(last, age_hours, settings.stale_after_hours)
    missing = (str(damage), *damage.details, f"hint: {damage.hint}") if damage else ()
    return Status(
        machine,
        str(place),
        state,
        last,
        success_at,
        age_hours,
        settings.stale_after_hours,
        held_back,
        ahead,
        missing,
        free,
    )


def _state(last: Load | None, age_hours: float | None, stale_after_hours: float) -> State:
    if last is None:
        return State.NEVER
    if age_hours is None or age_hours > stale_after_hours:
        return State.STALE
    return State.FAILING if last.is_failure else State.OK
