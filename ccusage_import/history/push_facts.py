"""Copies facts of a machine to another warehouse, with what was folded of them, so that each counts once there too."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping

from ccusage_import.config.warehouse_url import as_typed
from ccusage_import.exceptions import FoldError
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.facts.folds import (
    KINDS,
    OF_FOLD,
    ROW_OF_FOLD,
    SUMS,
    Fold,
    discard_fold,
    drop_folded,
    publish_fold,
    published_folds,
    sums_of_facts,
    sums_of_totals,
)
from ccusage_import.warehouse.facts.rewriting import unite_months

FORMAT = "Native"
# What another machine's prices do not change.
_COMPARED = tuple(name for name in SUMS if name != "cost_usd")
_FOLDED_THERE = "folded_ids WHERE machine = {machine:String} AND fold IN {only_there:Array(UInt64)}"
# Of folds, and of their totals, those that the target has; of facts, what it did not fold by itself.
_PUSHED: Mapping[str, str] = {
    **{
        table.name: f"{table.identity} NOT IN (SELECT id FROM {_FOLDED_THERE} AND kind = '{kind}')"  # noqa: S608 - text of ours
        for kind, table in KINDS.items()
    },
    "hour_facts": "has({folds:Array(UInt64)}, fold)",
}
_PUSHED_ROW = f"(message != {ROW_OF_FOLD} OR has({{folds:Array(UInt64)}}, record))"


def push_facts(
    source: ClickHouse,
    target: ClickHouse,
    machine: str,
    *,
    known: int = 0,
    loads: Collection[int] = (),
    hides_none: bool = False,
) -> int:
    """Copy the facts of a machine that the target lacks, and return how many; whatever it has, the larger copy counts.

    What was folded here is folded there first; what was folded there alone does not come again.

    Args:
        source: the warehouse of the machine.
        target: where to.
        machine: whose facts.
        known: the last load of the source that the target has: with it, it has the facts up to it.
        loads: the loads that it lacks.
        hides_none: what was taken back here stays there, as the records do whose number there does not fall.

    Raises:
        FoldError: the target has facts of folded days that were never here.
    """
    only_there = _push_folds(source, target, machine, loads)
    folds = sorted(published_folds(target, machine))
    copied, were_there = 0, False
    for table, pushed in _PUSHED.items():
        load = "load_id" if table == "message_facts_by_month" else "last_load_id"
        mine = {"machine": machine}
        newest = f"SELECT max({load}) FROM {table} WHERE machine = {{machine:String}}"  # noqa: S608 - names of ours
        # The target may have loads of its own that are later, and folds that were published only now.
        last_there = int(target.rows(newest, mine)[0][0])
        last, were_there = min(known, last_there), were_there or last_there > 0
        where = f"FROM {table} FINAL WHERE machine = {{machine:String}} AND {load} > {{last:UInt64}} AND {pushed}"
        where += f" AND {_PUSHED_ROW}" if table == "message_facts_by_month" else ""
        where += " AND NOT bitTest(taken_back, 0)" if hides_none else ""
        parameters = {**mine, "last": last, "folds": folds, "only_there": only_there}
        if count := int(source.rows(f"SELECT count() {where}", parameters)[0][0]):
            rows = source.raw(f"SELECT * {where}", FORMAT, {}, parameters)
            target.insert_encoded(table, rows, FORMAT, f"{machine}/{last}/{count}/push/{table}")
        copied += count
    if copied and were_there:
        unite_months(target, machine, known)
    return copied


def _push_folds(source: ClickHouse, target: ClickHouse, machine: str, loads: Collection[int]) -> list[int]:
    """Publish the folds of a machine in the target too, and return those that the target made by itself."""
    ours, theirs = published_folds(source, machine), published_folds(target, machine)
    only_there = sorted(theirs - ours)
    for fold in (Fold(machine, number) for number in only_there):
        # Of a fold that is not published here, the ids mean nothing but that they are known there.
        if _count_known(source, fold, ()) != _count_known(target, fold, ()):
            _copy(target, source, fold, "folded_ids")
    for fold in (Fold(machine, number) for number in sorted(ours)):
        if fold.number not in theirs:
            facts, known = _count_known(source, fold, only_there)
            if known == facts:
                continue
            if known:
                raise _not_here(target)
            for table in ("folded_ids", "hour_facts"):
                _copy(source, target, fold, table)
            _refuse_more(target, fold)
            publish_fold(target, fold)
        if fold.number in loads:
            drop_folded(target, fold)
    return only_there


def _count_known(warehouse: ClickHouse, fold: Fold, others: Collection[int]) -> tuple[int, int]:
    """Return how many facts a fold has, and how many of them other folds have too."""
    rows = warehouse.rows(
        f"SELECT count(), countIf((kind, id) IN (SELECT kind, id FROM {_FOLDED_THERE}))"  # noqa: S608 - text of ours
        f" FROM folded_ids FINAL WHERE {OF_FOLD}",
        {**fold.parameters, "only_there": list(others)},
    )
    return int(rows[0][0]), int(rows[0][1])


def _copy(source: ClickHouse, target: ClickHouse, fold: Fold, table: str) -> None:
    rows = source.raw(f"SELECT * FROM {table} FINAL WHERE {OF_FOLD}", FORMAT, {}, fold.parameters)  # noqa: S608
    if rows:
        # A token of its own: what a server got before may have been discarded since.
        target.insert_encoded(table, rows, FORMAT, f"{fold.machine}/{fold.number}/{table}/{uuid.uuid4().hex}")


def _refuse_more(target: ClickHouse, fold: Fold) -> None:
    """Refuse a fold whose totals are less than the facts that they would take the place of."""
    there, totals = sums_of_facts(target, fold, _COMPARED), sums_of_totals(target, fold, _COMPARED)
    if any(found > folded for found, folded in zip(there, totals, strict=True)):
        discard_fold(target, fold)
        raise _not_here(target)


def _not_here(target: ClickHouse) -> FoldError:
    return FoldError(
        f"push: {target.warehouse} has facts of folded days that are not here",
        hint=f"fold them there too: ccusage-import compact --older-than AGE --warehouse {as_typed(target.warehouse)}",
    )
