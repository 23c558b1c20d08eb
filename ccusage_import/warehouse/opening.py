"""Opens the warehouse of a configuration, and finds its lock, its cursor and the loads still to be recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

from loguru import logger

from ccusage_import.config.kept.known_warehouses import Known, KnownWarehouses
from ccusage_import.config.settings import Configuration
from ccusage_import.config.warehouse_url import EmbeddedWarehouse
from ccusage_import.exceptions import ConfigurationError, WarehouseError, WarehousePermissionError
from ccusage_import.files import file_lock, is_locked
from ccusage_import.warehouse.clickhouse_client import ClickHouse, Question, open_warehouse
from ccusage_import.warehouse.driver.embedded import is_of_engine
from ccusage_import.warehouse.integrity import find_damage, questions_of_damage, refuse_gone, what_is_there
from ccusage_import.warehouse.migrations import APPLIED, apply_migrations, refuse_pending
from ccusage_import.warehouse.tables import NOT_IMPORTS, Load, is_published, read_loads, write_load
from ccusage_import.warehouse.unrecorded_loads import UnrecordedLoads

_READ_ONLY_HINT = "name a user who may write; where `serve` answers, name the chdb:// warehouse that it serves"


@contextmanager
def import_lock(
    configuration: Configuration, wait_seconds: float | None = None, *, lends: bool = False
) -> Iterator[bool]:
    """Let only one process of this installation write, or one that `lends`; the warehouse itself may be shared.

    Yields:
        Whether this process was also the last one that did.
    """
    wait_seconds = configuration.settings.lock_wait_seconds if wait_seconds is None else wait_seconds
    with file_lock(import_lock_file(configuration), "the importer", wait_seconds, lends=lends) as was_ours:
        yield was_ours


def import_lock_file(configuration: Configuration) -> Path:
    """Return the file whose lock lets a process write."""
    return configuration.directories.state / "import.lock"


def as_they_ended(configuration: Configuration, opened: ClickHouse, loads: Sequence[Load]) -> list[Load]:
    """Return loads as the next import settles them: an import of this installation that runs without its lock died."""
    running = {load.load_id for load in loads if _is_import_running(load, configuration.installation)}
    if not running or is_locked(import_lock_file(configuration)):
        return list(loads)
    # One that came to its end just now has said so before it gave the lock back.
    dead = running.intersection(load.load_id for load in read_loads(opened, state="running"))
    return [
        replace(load, state=("committed" if is_published(opened, load) else "interrupted"))
        if load.load_id in dead
        else load
        for load in loads
    ]


def _is_import_running(load: Load, installation: str) -> bool:
    is_import = load.runner not in NOT_IMPORTS and not load.undoes
    return load.state == "running" and is_import and load.installation == installation


def unrecorded_loads(configuration: Configuration) -> UnrecordedLoads:
    """Return the failed loads that the warehouse could not take yet."""
    file = configuration.directories.state / "unrecorded_loads.jsonl"
    return UnrecordedLoads(file, configuration.settings.parsed_warehouse())


def record_failed_loads(configuration: Configuration, opened: ClickHouse) -> None:
    """Write the failed loads that the warehouse could not take before."""
    unrecorded = unrecorded_loads(configuration)
    for load in unrecorded.loads():
        write_load(opened, load)
    unrecorded.forget()


def known_warehouses(configuration: Configuration) -> KnownWarehouses:
    """Return the file that says what each warehouse held."""
    return KnownWarehouses(configuration.directories.state / "warehouses.json")


def cursor_file(configuration: Configuration) -> Path:
    """Return the file that says how far each transcript was read."""
    return configuration.directories.state / "transcripts.sqlite"


def cursor_marks(configuration: Configuration) -> dict[str, str]:
    """Return what that file says of itself where it belongs to this warehouse, machine, time zone and naming."""
    settings = configuration.settings
    return {
        "warehouse": f"{settings.parsed_warehouse()} {settings.machine}",
        "naming": f"{settings.timezone} {settings.pseudonyms().naming}",
    }


def has_warehouse(configuration: Configuration) -> bool:
    """Return whether there is a warehouse to open, as before the first import there is none.

    Raises:
        DamagedWarehouseError: there was one, and it is gone.
    """
    place = configuration.settings.parsed_warehouse()
    refuse_gone(place, known_warehouses(configuration).of(place))
    return not isinstance(place, EmbeddedWarehouse) or is_of_engine(place.path)


def demand_warehouse(configuration: Configuration, command: str) -> None:
    """Refuse to go on where there is no warehouse to open, so that a command that makes none leaves nothing behind.

    Raises:
        ConfigurationError: there is none.
        DamagedWarehouseError: there was one, and it is gone.
    """
    if not has_warehouse(configuration):
        place = configuration.settings.parsed_warehouse()
        raise ConfigurationError(f"{command}: there is no warehouse {place}", hint="ccusage-import import")


@contextmanager
def open_configured(
    configuration: Configuration,
    lock_wait_seconds: float | None = None,
    *,
    lends: bool = False,
    ahead: Sequence[Question] = (),
) -> Iterator[ClickHouse]:
    """Open the warehouse of a configuration; its `damage` says what is missing that it held.

    What the caller is going to ask of a warehouse that is up to date is asked `ahead`, as `asked_ahead` does.

    Raises:
        DamagedWarehouseError: nothing is left of it.
        WarehouseError: it cannot be used.
    """
    place = configuration.settings.parsed_warehouse()
    known = known_warehouses(configuration).of(place)
    refuse_gone(place, known)
    ahead = (*questions_of_damage(place.database), APPLIED, *ahead)
    with open_unchecked(configuration, lock_wait_seconds, lends=lends, ahead=ahead) as opened:
        damage = find_damage(opened, known)
        opened.damage = damage.error(place) if damage.lines else None
        yield opened


def open_unchecked(
    configuration: Configuration,
    lock_wait_seconds: float | None = None,
    *,
    lends: bool = False,
    ahead: Sequence[Question] = (),
) -> AbstractContextManager[ClickHouse]:
    """Open the warehouse of a configuration, whatever is missing in it."""
    settings = configuration.settings
    wait_seconds = settings.lock_wait_seconds if lock_wait_seconds is None else lock_wait_seconds
    return open_warehouse(
        settings.parsed_warehouse(),
        cluster=settings.cluster,
        lock_wait_seconds=wait_seconds,
        lends=lends,
        ahead=ahead,
    )


@contextmanager
def open_current(
    configuration: Configuration,
    lock_wait_seconds: float | None = None,
    *,
    lends: bool = False,
    ahead: Sequence[Question] = (),
) -> Iterator[ClickHouse]:
    """Open the warehouse of a configuration with tables and views up to date.

    Raises:
        SchemaError: those of a server are not; an embedded warehouse is migrated.
        WarehouseError: it cannot be used.
    """
    with open_configured(configuration, lock_wait_seconds, lends=lends, ahead=ahead) as opened:
        if not opened.is_embedded:
            refuse_pending(opened)
        elif opened.damage is None:
            apply_migrations(opened)
        yield opened


@contextmanager
def open_to_write(
    configuration: Configuration, *, lends: bool = False, ahead: Sequence[Question] = ()
) -> Iterator[ClickHouse]:
    """Open the warehouse of a configuration like `open_current`; what it holds at the end is written down.

    Raises:
        WarehousePermissionError: it may only be read.
        DamagedWarehouseError: rows that it held are missing.
    """
    with open_current(configuration, lends=lends, ahead=ahead) as opened:
        if not opened.may_write:
            raise WarehousePermissionError(f"warehouse {opened.warehouse}: may only be read", hint=_READ_ONLY_HINT)
        refuse_damage(configuration.settings.machine, opened)
        yield opened
        remember(configuration, opened)


def refuse_damage(machine: str, opened: ClickHouse) -> None:
    """Refuse a warehouse that has lost something; on a server, only what this machine has lost counts.

    Raises:
        DamagedWarehouseError: something is missing.
    """
    damage = opened.damage
    if damage and (opened.is_embedded or machine in damage.machines):
        raise damage


def remember(configuration: Configuration, opened: ClickHouse, *, forgets: bool = False) -> None:
    """Write down what a warehouse holds. The rows are safe in it, or lost already, so a failure here ends nothing.

    Args:
        configuration: whose warehouse it is.
        opened: the warehouse.
        forgets: what it held before does not count any more.
    """
    place, known = opened.warehouse, known_warehouses(configuration)
    try:
        if opened.is_embedded:
            known.keep(place, what_is_there(opened))
        elif opened.finished_loads or forgets:
            before = known.of(place)
            earlier = before.machines if before and not forgets else {}
            known.keep(place, Known(machines={**earlier, **opened.finished_loads}))
    except (ConfigurationError, WarehouseError) as error:
        logger.bind(reason=str(error)).warning("what the warehouse holds could not be written down")
