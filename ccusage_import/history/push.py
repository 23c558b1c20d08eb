"""Copies an embedded warehouse to a server, so that a laptop works offline and catches up.

A machine's history on the server normally is the beginning of its history here: then the rest of it is added, load by
load, under the same load ids. Where the server knows loads of the machine that are not known here, both are judged by
the rule that every import goes through, with what is here as the offer: no number on the server falls.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ccusage_import.history.audit import Change
from ccusage_import.reconcile import Context, reconcile
from ccusage_import.records import REPORTS
from ccusage_import.statistics import shown_after, totals
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.machines import claim_machine
from ccusage_import.warehouse.migrations import refuse_pending
from ccusage_import.warehouse.prices import push_prices
from ccusage_import.warehouse.publish import begin, count_totals, publish, settle_dead_loads, worth_logging
from ccusage_import.warehouse.tables import RUNNER_OF_PUSH, Load, read_loads, read_records, read_taken_back

# Rows of `changes` in one INSERT; a load's are never divided.
CHANGES_AT_ONCE = 100_000
FORMAT = "Native"


@dataclass(slots=True)
class Pushed:
    """What was copied: numbers of rows, and the verdicts of the load that judged two histories, if one was needed."""

    machines: list[str] = field(default_factory=list)
    loads: int = 0
    changes: int = 0
    records: int = 0
    conflicts: list[Change] = field(default_factory=list)


def push(source: ClickHouse, target: ClickHouse, installation: str, *, tool_version: str) -> Pushed:
    """Copy what the target lacks. Whatever ends it half-way, the next push does the rest and nothing twice.

    Args:
        source: the warehouse of this machine; the caller holds the import lock.
        target: where to; somebody else may load other machines into it meanwhile.
        installation: of this program, as its loads carry it; empty where it is not known.
        tool_version: written into a load that judges two histories.

    Raises:
        SchemaError: the target's tables are missing or not up to date.
        MachineTakenError: another installation loads under the same machine name.
        WarehouseError: one of the two cannot be used.
    """
    refuse_pending(target)
    pushed = Pushed()
    pushed.machines += [name for (name,) in source.rows("SELECT DISTINCT machine FROM loads ORDER BY machine")]
    for machine in pushed.machines:
        claim_machine(target, machine, installation)
    push_prices(source, target)
    for machine in pushed.machines:
        _push_machine(source, target, machine, tool_version, pushed)
    return pushed


def _push_machine(source: ClickHouse, target: ClickHouse, machine: str, tool_version: str, pushed: Pushed) -> None:
    for warehouse in (source, target):
        settle_dead_loads(warehouse, machine)
    ours = {load.load_id: load for load in read_loads(source, machine=machine)}
    theirs = {load.load_id: load for load in read_loads(target, machine=machine)}
    missing = [load for load in ours.values() if _is_older(theirs.get(load.load_id), load)]
    pushed.changes += _push_changes(source, target, machine, sorted(load.load_id for load in missing))
    if theirs.keys() <= ours.keys():
        pushed.records += _push_records(source, target, machine, max(theirs, default=0))
    else:
        pushed.conflicts += _judge(source, target, ours[max(ours)], tool_version)
    _push_loads(source, target, machine, missing)
    pushed.loads += len(missing)


def _is_older(known: Load | None, load: Load) -> bool:
    return known is None or known.revision < load.revision


def _push_changes(source: ClickHouse, target: ClickHouse, machine: str, load_ids: Sequence[int]) -> int:
    """Copy the log of these loads, each load's in one INSERT, so that the target has all of it or nothing."""
    counts = "SELECT load_id, count() FROM changes WHERE machine = {machine:String} GROUP BY load_id"
    known = {load_id for load_id, _ in target.rows(counts, {"machine": machine})}
    logged = {load_id: count for load_id, count in source.rows(counts, {"machine": machine}) if load_id not in known}
    wanted = [load_id for load_id in load_ids if load_id in logged]
    for batch in _batches(wanted, logged):
        sql = "SELECT * FROM changes WHERE machine = {machine:String} AND load_id IN {wanted:Array(UInt64)}"
        parameters = {"machine": machine, "wanted": batch}
        _copy(source, target, "changes", sql, parameters)
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


def _push_records(source: ClickHouse, target: ClickHouse, machine: str, last: int) -> int:
    """Copy what loads after the target's last one wrote, in one INSERT: the point at which it becomes visible."""
    newest = (
        "FROM (SELECT * FROM records WHERE machine = {machine:String}"
        " ORDER BY load_id DESC LIMIT 1 BY report, machine, agent, key) WHERE load_id > {last:UInt64}"
    )
    parameters = {"machine": machine, "last": last}
    count = int(source.rows(f"SELECT count() {newest}", parameters)[0][0])
    if count:
        _copy(source, target, "records", f"SELECT * {newest}", parameters)
    return count


def _push_loads(source: ClickHouse, target: ClickHouse, machine: str, loads: Sequence[Load]) -> None:
    if loads:
        sql = "SELECT * FROM loads FINAL WHERE machine = {machine:String} AND load_id IN {wanted:Array(UInt64)}"
        parameters = {"machine": machine, "wanted": [load.load_id for load in loads]}
        _copy(source, target, "loads", sql, parameters)


def _judge(source: ClickHouse, target: ClickHouse, last: Load, tool_version: str) -> list[Change]:
    """Offer the records of this warehouse to the target, as a load of its own; return what differed."""
    machine = last.machine
    offered, stored = read_records(source, machine), read_records(target, machine)
    if not offered:
        return []
    read_with = max(offered, key=lambda record: record.day).provenance
    context = Context(machine, read_with, intact_from=None, taken_back=read_taken_back(target, machine))
    decisions = reconcile(offered, stored, REPORTS, context)
    logged = worth_logging(target, machine, decisions)
    if not logged and not any(decision.is_written for decision in decisions):
        return []
    load = begin(target, last, RUNNER_OF_PUSH, tool_version=tool_version)
    load.reports = tuple(sorted({record.label for record in offered}))
    count_totals(load, totals(stored), totals(shown_after(stored, decisions)))
    publish(target, load, decisions)
    return [Change(load.load_id, load.started_at, machine, decision, None) for decision in logged]


def _copy(source: ClickHouse, target: ClickHouse, table: str, sql: str, parameters: Mapping[str, object]) -> None:
    """Copy rows in one INSERT. Its token is that of these rows alone: a server drops what comes with a known token."""
    rows = source.raw(sql, FORMAT, {}, parameters)
    target.insert_encoded(table, rows, FORMAT, f"push/{table}/{hashlib.sha256(rows).hexdigest()}")
