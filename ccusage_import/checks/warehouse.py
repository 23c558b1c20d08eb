"""Checks of where an import writes: locks, the warehouse, its schema and rights, and what the last import left."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from secrets import token_hex

from ccusage_import.checks.result import Check, fail, failed, ok, warn
from ccusage_import.config.kept.names import read_names
from ccusage_import.config.settings import Configuration
from ccusage_import.config.warehouse_url import EmbeddedWarehouse
from ccusage_import.days import ago, zoned_moment
from ccusage_import.exceptions import (
    ConfigurationError,
    MachineTakenError,
    OtherNameError,
    OtherNamingError,
    WarehouseError,
    WarehouseLockedError,
    WarehousePermissionError,
    WarehouseUnreachableError,
)
from ccusage_import.files import existing_place
from ccusage_import.records import counted
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.driver.embedded import demand_engine, refuse_place
from ccusage_import.warehouse.integrity import detached_parts, hint_of, unreadable_parts
from ccusage_import.warehouse.machines import claim_machine
from ccusage_import.warehouse.migrations import pending_migrations, what_is_pending
from ccusage_import.warehouse.naming import refuse_other_naming
from ccusage_import.warehouse.opening import has_warehouse, import_lock, open_configured
from ccusage_import.warehouse.snapshot import future_loads, last_import, last_load_with_facts, last_success_at
from ccusage_import.warehouse.tables import Load

SCRATCH = "scratch_"
LOW_SPACE_BYTES = 1 << 30
FULL_BYTES = 64 << 20
POLL_SECONDS = 1.0
# Bad lines that hold nothing, or of which all is read, or whose end is waited for.
HARMLESS = frozenset(f"bad lines/{kind}" for kind in ("bad_text", "empty", "half", "joined"))
# Clocks that are further apart than this are not of an answer that took long.
APART_SECONDS = 300


def check_locks(configuration: Configuration) -> Iterator[Check]:
    """Report whether another import runs."""
    try:
        with import_lock(configuration, wait_seconds=0):
            yield ok("lock", "free")
    except WarehouseLockedError as error:
        yield warn("lock", str(error), error.hint)
    except WarehouseError as error:
        yield failed("lock", error)


def check_warehouse(configuration: Configuration, wait_seconds: float) -> Iterator[Check]:
    """Open the warehouse, write to it and read it back.

    Args:
        configuration: whose warehouse.
        wait_seconds: how long a server may take to come up.
    """
    place = configuration.settings.parsed_warehouse()
    try:
        if isinstance(place, EmbeddedWarehouse) and not has_warehouse(configuration):
            demand_engine()
            refuse_place(place)
            yield ok("warehouse", f"{place} is made by the first import")
            yield _space(shutil.disk_usage(existing_place(place.path)).free)
            return
        _wait_for_server(configuration, wait_seconds)
        with open_configured(configuration) as opened:
            yield ok("warehouse", f"{place}, ClickHouse {opened.version}")
            yield from _checks_of(opened, configuration)
    except WarehouseError as error:
        yield failed("warehouse", error)


def _wait_for_server(configuration: Configuration, seconds: float) -> None:
    """Return when the server answers, or when the time is up: whoever opens the warehouse then gets the error."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with open_configured(configuration):
                return
        except WarehouseUnreachableError:
            time.sleep(POLL_SECONDS)


def _checks_of(opened: ClickHouse, configuration: Configuration) -> Iterator[Check]:
    pending = pending_migrations(opened, with_dropped=not opened.is_embedded)
    if not pending:
        yield ok("schema", "up to date")
    elif opened.is_embedded:
        yield ok("schema", f"{len(pending)} migrations are applied by the next import")
    else:
        yield fail("schema", what_is_pending(pending), "ccusage-import migrate")
    yield from _contents(opened)
    yield _rights(opened)
    yield _free_space(opened)
    if not pending:
        yield from _last_import(opened, configuration)


def _contents(opened: ClickHouse) -> Iterator[Check]:
    """Report what the warehouse has lost; an embedded one is read completely."""
    damage = opened.damage
    if damage is not None:
        yield fail("contents", "; ".join((str(damage), *damage.details)), damage.hint)
        return
    try:
        unreadable = [f"{table}: part {name} is damaged" for table, name in unreadable_parts(opened)]
    except WarehouseError as error:
        yield failed("contents", error)
        return
    if unreadable:
        yield fail("contents", "; ".join(unreadable), hint_of(opened.warehouse))
    elif aside := detached_parts(opened):
        found = f"nothing is missing; damaged parts are set aside: {', '.join(part.path for part in aside)}"
        yield warn("contents", found, "ccusage-import repair --accept-loss moves them out of the warehouse")
    else:
        yield ok("contents", "complete: no stored row is missing")


def _rights(opened: ClickHouse) -> Check:
    """Write one row into a table of its own, read it back and drop the table."""
    table, token = f"{SCRATCH}{token_hex(8)}", time.time_ns()
    try:
        opened.command(f"CREATE TABLE `{table}` (token UInt64) ENGINE = Memory")
        opened.insert(table, ("token",), [(token,)], token=str(token))
        read = [tuple(row) for row in opened.rows("SELECT token FROM {table:Identifier}", {"table": table})]
    except WarehouseError as error:
        with suppress(WarehouseError):
            opened.command(f"DROP TABLE IF EXISTS `{table}`")
        return failed("rights", error)
    if read != [(token,)]:
        return fail("rights", "what was written could not be read back", "look into the log of the server")
    try:
        opened.command(f"DROP TABLE `{table}`")
    except WarehouseError as error:
        hint = f"GRANT DROP TABLE ON {opened.database}.{SCRATCH}*, and DROP TABLE {opened.database}.{table}"
        return warn("rights", f"imports can write; the scratch table could not be dropped: {error}", hint)
    return ok("rights", "wrote a row into a scratch table, read it back and dropped the table")


def free_bytes(opened: ClickHouse) -> int | None:
    """Return how much room the warehouse's disk has; None where this user is not shown it.

    Raises:
        WarehouseError: it cannot be asked.
    """
    if isinstance(opened.warehouse, EmbeddedWarehouse):
        return shutil.disk_usage(opened.warehouse.path).free
    try:
        rows = opened.rows("SELECT min(unreserved_space) FROM system.disks")
    except WarehousePermissionError:
        return None
    return int(rows[0][0])


def _free_space(opened: ClickHouse) -> Check:
    free = free_bytes(opened)
    return ok("disk space", "not shown to this user") if free is None else _space(free)


def _space(free: int) -> Check:
    found = f"{free / 1e9:,.1f} GB free"
    if free >= LOW_SPACE_BYTES:
        return ok("disk space", found)
    return (warn if free >= FULL_BYTES else fail)("disk space", found, "free some space on the warehouse's disk")


def _last_import(opened: ClickHouse, configuration: Configuration) -> Iterator[Check]:
    settings, now = configuration.settings, datetime.now(UTC)
    last = last_import(opened, settings.machine)
    yield from server_clock(opened, now)
    if ahead := future_loads(opened, settings.machine, now):
        found = ", ".join(f"load {load_id} is dated {dated:%Y-%m-%d}" for load_id, dated in ahead.items())
        yield warn("clock", f"{found}; none of them counts as a success", "set the clock, then ccusage-import import")
    yield _zone(configuration, last)
    yield (machine := _machine(opened, configuration))
    if machine.health != "fail":
        yield from _names(opened, configuration)
    yield from _not_understood(opened, settings.machine)
    if last is None:
        yield warn("last import", "none yet", "ccusage-import import")
        return
    if last.error:
        yield warn("last import", f"{last.state}: {last.error}", "ccusage-import history")
    success = last_success_at(opened, settings.machine, now)
    if success is None or (now - success) / timedelta(hours=1) > settings.stale_after_hours:
        yield warn("last success", _ago(success, now, settings.timezone), "ccusage-import history says why")
    else:
        yield ok("last success", _ago(success, now, settings.timezone))


def server_clock(opened: ClickHouse, now: datetime) -> Iterator[Check]:
    """Report a server whose clock shows another time than here: views ask it what is open, fresh and to come."""
    seconds = (opened.rows("SELECT now64(3, 'UTC')")[0][0].astimezone(UTC) - now).total_seconds()
    if abs(seconds) > APART_SECONDS:
        found = f"that of the server is {abs(seconds) / 60:,.0f} min {'ahead of' if seconds > 0 else 'behind'} this one"
        yield warn("server clock", found, "set the one that is wrong")


def _zone(configuration: Configuration, last: Load | None) -> Check:
    settings = configuration.settings
    found = f"{settings.timezone}, from {configuration.origins['timezone']}"
    if last is None or last.timezone in ("", settings.timezone):
        return ok("time zone", found)
    return warn(
        "time zone",
        f"{found}; the last load was in {last.timezone}: days will be filed anew where transcripts are intact",
        f'set timezone = "{last.timezone}" to keep the days as they are',
    )


def _machine(opened: ClickHouse, configuration: Configuration) -> Check:
    """A machine that changes its name starts a second history, in which all of its usage appears again."""
    name, origin = configuration.settings.machine, configuration.origins["machine"]
    try:
        claim_machine(opened, name, configuration.installation, only_looks=True)
    except (MachineTakenError, OtherNameError) as error:
        return failed("machine", error)
    others = opened.rows(
        "SELECT argMax(machine, load_id) FROM loads FINAL WHERE installation = {installation:String} AND"
        " state = 'committed' AND installation != '' HAVING count() > 0",
        {"installation": configuration.installation},
    )
    if others and others[0][0] != name:
        before = others[0][0]
        return warn(
            "machine",
            f"{name!r}, from {origin}; this installation's last load was as {before!r}",
            f'set machine = "{before}", or all of its usage is stored a second time',
        )
    return ok("machine", f"{name}, from {origin}")


def _names(opened: ClickHouse, configuration: Configuration) -> Iterator[Check]:
    """Report names of projects under which all of the machine's usage would be stored a second time."""
    settings = configuration.settings
    # That the names cannot be read is said by a check of its own.
    with suppress(ConfigurationError):
        names = read_names(configuration.directories.names_file)
        try:
            refuse_other_naming(opened, settings.machine, settings.pseudonyms(), names)
        except OtherNamingError as error:
            yield failed("names", error)


def _not_understood(opened: ClickHouse, machine: str) -> Iterator[Check]:
    """Report what of the transcripts the last load that read some did not understand."""
    load = last_load_with_facts(opened, machine)
    if load is None:
        return
    kinds = {kind: count for kind, count in load.facts.items() if "/" in kind}
    if not kinds:
        yield ok("facts", f"load {load.load_id} understood everything it read in the transcripts")
        return
    found = f"load {load.load_id} did not understand {', '.join(_listed(kinds))}"
    # New types of records come with new releases of Claude Code.
    if HARMLESS.issuperset(kind for kind in kinds if not kind.startswith("unknown/")):
        yield ok("facts", found)
    else:
        yield warn("facts", found, "it is missing from the facts; the reports have what ccusage reads of it")


def _listed(kinds: Mapping[str, int]) -> Iterator[str]:
    """Yield what was not understood, and of which kinds it is: `4 lines (1 half, 3 not json)`."""
    for what, thing in (("bad lines", "line"), ("unknown", "unknown record"), ("unreadable", "path")):
        counts = {kind.partition("/")[2]: count for kind, count in sorted(kinds.items()) if kind.startswith(f"{what}/")}
        if counts:
            of_kinds = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in counts.items())
            yield f"{counted(sum(counts.values()), thing)} ({of_kinds})"


def _ago(instant: datetime | None, now: datetime, timezone: str) -> str:
    if instant is None:
        return "never"
    return f"{zoned_moment(instant, timezone)}, {ago(instant, now)}"
