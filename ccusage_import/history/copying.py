"""Copies rows from one warehouse to another, or from one machine's name to another in the same warehouse."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from pydantic_core import to_json

from ccusage_import.warehouse.clickhouse_client import ClickHouse

# Rows of `changes` in one INSERT; a load's are never divided.
CHANGES_AT_ONCE = 100_000
FORMAT = "Native"


def copy_rows(source: ClickHouse, target: ClickHouse, table: str, sql: str, parameters: Mapping[str, object]) -> None:
    """Copy rows in one INSERT. Its token is that of these rows alone: a server drops what comes with a known token."""
    rows = source.raw(sql, FORMAT, {}, parameters)
    if rows:
        target.insert_encoded(table, rows, FORMAT, f"copy/{table}/{hashlib.sha256(rows).hexdigest()}")


def copy_changes(
    source: ClickHouse, target: ClickHouse, machine: str, load_ids: Sequence[int], new_name: str | None = None
) -> int:
    """Copy the log of loads that the target lacks, each load's in one INSERT, so that it has all of it or nothing.

    Args:
        source: where from.
        target: where to; may be the same.
        machine: whose loads.
        load_ids: which.
        new_name: of the machine in the target, where it gets another one.

    Returns:
        How many rows were copied.
    """
    new_name = new_name or machine
    counts = "SELECT load_id, count() FROM changes WHERE machine = {machine:String} GROUP BY load_id"
    known = {load_id for load_id, _ in target.rows(counts, {"machine": new_name})}
    logged = {load_id: count for load_id, count in source.rows(counts, {"machine": machine}) if load_id not in known}
    wanted = [load_id for load_id in load_ids if load_id in logged]
    # The rows that are kept as JSON hold the name too, before anything that a person named.
    was, now = (f'"machine":{to_json(name).decode()}' for name in (machine, new_name))
    sql = (
        "SELECT * REPLACE (toLowCardinality({new_name:String}) AS machine,"
        " replaceOne(stored, {was:String}, {now:String}) AS stored,"
        " replaceOne(offered, {was:String}, {now:String}) AS offered)"
        # From a subquery: in a WHERE beside it, `machine` means the new name.
        " FROM (SELECT * FROM changes WHERE machine = {machine:String} AND load_id IN {wanted:Array(UInt64)})"
    )
    for batch in _batches(wanted, logged):
        parameters = {"machine": machine, "new_name": new_name, "was": was, "now": now, "wanted": batch}
        copy_rows(source, target, "changes", sql, parameters)
    return sum(logged[load_id] for load_id in wanted)


def _batches(load_ids: Sequence[int], rows: Mapping[int, int]) -> Iterator[list[int]]:
    batch, size = list[int](), 0
    for load_id in load_ids:
        if batch and size + rows[load_id] > CHANGES_AT_ONCE:
            yield batch
            batch, size = [], 0
        batch.append(load_id)
        size += rows[load_id]
    if batch:
        yield batch
