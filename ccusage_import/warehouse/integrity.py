"""Whether a warehouse still holds what its loads left in it: lost rows must not pass for rows that were never written.

When the engine starts it sets damaged parts of a table aside and goes on without their rows. So every opening compares
what is there with what the last load of each machine left. The loads themselves may be lost too, and a replica may
not know the last one yet. So what an embedded warehouse held, and the last load that was written to a server from here,
are also kept in a file outside.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from ccusage_import.config.kept.known_warehouses import Known
from ccusage_import.config.warehouse_url import EmbeddedWarehouse, Warehouse
from ccusage_import.exceptions import (
    DamagedWarehouseError,
    QueryError,
    WarehousePermissionError,
)
from ccusage_import.records import counted
from ccusage_import.warehouse.clickhouse_client import ClickHouse, PrivilegedQuestion, Question
from ccusage_import.warehouse.migrations import FACT_TABLES, TABLES

EMBEDDED_HINT = (
    "ccusage-import repair puts back what is whole again; from a backup: mv {path} {path}.damaged && ccusage-import"
    " restore BACKUP; without one, go on with what is left: ccusage-import repair --accept-loss"
)
SERVER_HINT = (
    "try again, in case a replica lags behind; ask the server's administrator to attach the detached parts;"
    " to go on with what is left: ccusage-import repair --accept-loss"
)
GONE_HINT = (
    "bring the directory back, or fill a new one: ccusage-import restore BACKUP; to let the next import begin anew:"
    " ccusage-import repair --accept-loss"
)
# Of facts it is only known whether a part was set aside; what else there is, the next import writes again.
COUNTED = ("records", "changes", "loads")
FINISHED = "('committed', 'undone', 'renamed')"
_CHANGES = Question("SELECT count() FROM changes")
_CONTENTS = Question(
    "SELECT machine, max(newest), sum(records), sum(tokens), sum(cost) FROM"
    " (SELECT machine, max(load_id) AS newest, 0 AS records, 0 AS tokens, toDecimal64(0, 9) AS cost"
    " FROM records GROUP BY machine"
    " UNION ALL SELECT machine, 0, count(), sumIf(total_tokens, report = 'daily'),"
    " sumIf(cost_usd, report = 'daily')"
    " FROM records FINAL GROUP BY machine)"
    " GROUP BY machine"
)


class Contents(NamedTuple):
    """What the warehouse holds of one machine: records of all reports, tokens and cost of all days."""

    records: int
    tokens: int
    cost_usd: Decimal


NOTHING = Contents(0, 0, Decimal(0))


class DetachedPart(NamedTuple):
    """A part of a table that the engine set aside."""

    table: str
    name: str
    path: str


@dataclass(frozen=True, slots=True)
class Damage:
    """What is missing, a line each; the machines whose records are; and parts set aside without any loss."""

    lines: tuple[str, ...]
    machines: frozenset[str]
    aside: tuple[str, ...]

    def error(self, place: Warehouse) -> DamagedWarehouseError:
        """Return it as an error that says what to do."""
        what = f"warehouse {place}: rows that it held are missing"
        error = DamagedWarehouseError(what, details=(*self.lines, *self.aside), hint=hint_of(place))
        error.machines = self.machines
        return error


def hint_of(place: Warehouse) -> str:
    """Return what to do about a damaged warehouse."""
    return EMBEDDED_HINT.format(path=place.path) if isinstance(place, EmbeddedWarehouse) else SERVER_HINT


def refuse_gone(place: Warehouse, known: Known | None) -> None:
    """Refuse to go on where an embedded warehouse that held something is gone.

    Raises:
        DamagedWarehouseError: its directory is missing or empty.
    """
    is_gone = isinstance(place, EmbeddedWarehouse) and not (place.path / "store").exists()
    if is_gone and known and (known.loads or known.machines):
        machines = ", ".join(sorted(known.machines))
        raise DamagedWarehouseError(
            f"warehouse {place} is gone: it held {counted(known.loads, 'load')} of {machines}", hint=GONE_HINT
        )


def find_damage(warehouse: ClickHouse, known: Known | None) -> Damage:
    """Compare what is there with what the loads, and what is known of them, say there was."""
    aside = detached_parts(warehouse)
    try:
        newest, unfinished, found = _newest_loads(warehouse)
        missing = dict(_missing(warehouse, newest, unfinished))
        lost_loads = dict(_lost_loads(known, found))
        lost = [*missing.values(), *_lost_rows(known, found), *lost_loads.values()]
    except (QueryError, DamagedWarehouseError) as error:
        # What cannot even be counted is damaged too.
        return Damage((str(error),), frozenset(), tuple(map(_line, aside)))
    is_counted = known is not None and known.loads > 0
    counted = COUNTED if is_counted and all(load.records_after is not None for load in newest.values()) else ()
    uncounted = [part for part in aside if part.table in COUNTED and part.table not in counted]
    uncounted += _facts_set_aside(warehouse, aside)
    blocking = aside if lost else uncounted
    lost += map(_line, blocking)
    return Damage(
        tuple(lost), frozenset({*missing, *lost_loads}), tuple(_line(part) for part in aside if part not in blocking)
    )


def _facts_set_aside(warehouse: ClickHouse, aside: Sequence[DetachedPart]) -> list[DetachedPart]:
    """Return the parts of facts that are in no other part: of deleted transcripts, their rows are nowhere else.

    Only of an embedded warehouse: a replica of a server that sets a part aside gets it from another one.
    """
    of_facts = [part for part in aside if part.table in (*FACT_TABLES, "folded_ids")]
    if not of_facts or not warehouse.is_embedded:
        return []
    lost = warehouse.rows(
        "SELECT table, name FROM system.detached_parts AS aside WHERE database = {database:String}"
        " AND NOT arrayExists(part -> part.1 = table AND part.2 <= max_block_number AND part.3 >= min_block_number,"
        " (SELECT groupArray((table, min_block_number, max_block_number)) FROM system.parts"
        " WHERE active AND database = {database:String}))",
        {"database": warehouse.database},
    )
    return [part for part in of_facts if (part.table, part.name) in lost]


def what_is_there(warehouse: ClickHouse) -> Known:
    """Return what to remember of a warehouse from now on."""
    return _newest_loads(warehouse)[2]


def contents(warehouse: ClickHouse) -> dict[str, tuple[int, Contents]]:
    """Return the newest load that wrote records of a machine, and what is there of it; by machine."""
    return {machine: (newest, Contents(*found)) for machine, newest, *found in warehouse.rows(*_CONTENTS)}


def unreadable_parts(warehouse: ClickHouse) -> list[tuple[str, str]]:
    """Return table and name of the parts of an embedded warehouse whose checksums are wrong; reads all of it."""
    found = []
    there = {name for (name,) in warehouse.rows("SHOW TABLES")} if warehouse.is_embedded else set()
    for table in sorted(there.intersection(TABLES)):
        answer = warehouse.raw(f"CHECK TABLE `{table}`", "JSONEachRow", {"check_query_single_value_result": 0})
        parts = [json.loads(line) for line in answer.splitlines()]
        # A table without parts is answered without any name.
        found += [(table, str(part["part_path"])) for part in parts if not part.get("is_passed", True)]
    return found


def detached_parts(warehouse: ClickHouse) -> list[DetachedPart]:
    """Return the parts that the engine set aside because they are damaged; none where they may not be looked at."""
    try:
        rows = warehouse.rows(*_detached_question(warehouse.database))
    except WarehousePermissionError:
        return []
    parts = (DetachedPart(table.removesuffix("_local"), name, path) for table, name, path in rows)
    return [part for part in parts if part.table in TABLES]


def _detached_question(database: str) -> Question:
    return PrivilegedQuestion(
        "SELECT table, name, path FROM system.detached_parts WHERE database = {database:String}"
        " AND (startsWith(reason, 'broken') OR reason = 'unexpected') ORDER BY table, name",
        {"database": database},
    )


class _Newest(NamedTuple):
    """What the newest load of a machine left there; loads of older versions do not know the number of records."""

    load_id: int
    tokens_after: int
    records_after: int | None


def _newest_loads(warehouse: ClickHouse) -> tuple[dict[str, _Newest], dict[str, _Newest], Known]:
    """Return the newest finished and the newest unfinished load of each machine, and the number of all rows."""
    columns = warehouse.columns("loads")
    if not columns:
        return {}, {}, Known()
    is_counted = "records_after" in columns
    rows = warehouse.rows(*_loads_question("records_after" if is_counted else "CAST(NULL, 'Nullable(UInt64)')"))
    finished = {machine: _Newest(*newest) for machine, newest, _, _ in rows if newest[0]}
    unfinished = {machine: _Newest(*newest) for machine, _, newest, _ in rows if newest[0]}
    changes = int(warehouse.rows(*_CHANGES)[0][0])
    loads = sum(count for *_, count in rows)
    return finished, unfinished, Known(loads, changes, {name: load.load_id for name, load in finished.items()})


def _loads_question(records: str) -> Question:
    # The engine keeps the largest of whole tuples ten times as slowly as a number beside the largest.
    newest = (
        "tuple(maxIf(load_id, {state}), argMaxIf(tokens_after, load_id, {state}),"
        f" nullIf(argMaxIf(ifNull(toInt64({records}), -1), load_id, {{state}}), -1))"
    )
    finished, running = (newest.format(state=f"state IN {states}") for states in (FINISHED, "('running')"))
    return Question(f"SELECT machine, {finished}, {running}, count() FROM loads FINAL GROUP BY machine")  # noqa: S608 - text of ours


def questions_of_damage(database: str) -> list[Question]:
    """Return what `find_damage` asks of the tables as they are now."""
    return [_detached_question(database), _loads_question("records_after"), _CHANGES, _CONTENTS]


def _missing(
    warehouse: ClickHouse, newest: Mapping[str, _Newest], unfinished: Mapping[str, _Newest]
) -> Iterator[tuple[str, str]]:
    """Yield the machines whose newest load left something else than what is there, and a line on it.

    A load that published and was not committed yet is taken at its own word. On a server, where others write
    meanwhile and a push adds to what is there, only less than before is a loss.
    """
    there = contents(warehouse) if newest else {}
    for machine, load in sorted(newest.items()):
        last, found = there.get(machine, (0, NOTHING))
        left = load
        if last > load.load_id:
            begun = unfinished.get(machine)
            if begun is None or begun.load_id != last or not warehouse.is_embedded:
                continue
            left = begun
        records = found.records if left.records_after is None else left.records_after
        is_more = found.records >= records and found.tokens >= left.tokens_after
        is_same = (found.records, found.tokens) == (records, left.tokens_after)
        if not (is_same or (is_more and (left.records_after is None or not warehouse.is_embedded))):
            wanted = "" if left.records_after is None else f"{records:,} records and "
            there_now = f"{found.records:,} records and {found.tokens:,} tokens are there"
            yield machine, f"{machine}: load {left.load_id} left {wanted}{left.tokens_after:,} tokens; {there_now}"


def _lost_rows(known: Known | None, found: Known) -> Iterator[str]:
    """Yield what is missing from tables that never shrink."""
    if known is None:
        return
    for name, before, now in (("loads", known.loads, found.loads), ("changes", known.changes, found.changes)):
        if now < before:
            yield f"{name}: {before:,} rows were there, {now:,} are"


def _lost_loads(known: Known | None, found: Known) -> Iterator[tuple[str, str]]:
    """Yield the machines whose newest load is missing, and a line on it."""
    for machine, load_id in sorted(known.machines.items() if known else ()):
        if found.machines.get(machine, 0) < load_id:
            yield machine, f"loads: load {load_id} of {machine} is missing"


def _line(part: DetachedPart) -> str:
    return f"{part.table}: the damaged part {part.name} is set aside in {part.path}"
