"""How a load ends: it is committed, and one that died is settled by the next import."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ccusage_import.warehouse.clickhouse_client import ClickHouse, Question
from ccusage_import.warehouse.tables import (
    RUNNER_OF_COMPACT,
    RUNNERS_OF_FACTS,
    Load,
    is_published,
    read_loads,
    write_load,
)


def settle_dead_loads(warehouse: ClickHouse, machine: str) -> list[str]:
    """Settle loads that died while running in the state they reached, and return these states.

    A load whose rows are published is committed. Any other never became visible and is interrupted. The caller must
    be the only importer of this machine.
    """
    states = []
    unsettled = warehouse.rows(*_unsettled_question(machine))
    # To read whole loads takes twice as long as to ask which there are, and nearly always there are none.
    is_any_dead = any(state == "running" for _, state, _ in unsettled)
    for load in read_loads(warehouse, machine=machine, state="running") if is_any_dead else ():
        if _is_published(warehouse, load):
            commit(warehouse, load)
        else:
            load.state = "interrupted"
            write_load(warehouse, load)
        states.append(load.state)
    if is_any_dead:
        # What died may have taken back a load.
        unsettled = warehouse.rows(*_unsettled_question(machine))
    _settle_undone(warehouse, machine, unsettled)
    return states


def _is_published(warehouse: ClickHouse, load: Load) -> bool:
    if load.runner == RUNNER_OF_COMPACT:
        from ccusage_import.warehouse.facts.folds import Fold, settle_fold

        return settle_fold(warehouse, Fold(load.machine, load.load_id))
    if load.runner in RUNNERS_OF_FACTS:
        from ccusage_import.warehouse.facts.asking import count_facts

        load.facts = count_facts(warehouse, load.machine, load.load_id)
        return bool(load.facts)
    if load.undoes:
        from ccusage_import.warehouse.facts.rewriting import has_undone_facts

        return is_published(warehouse, load) or has_undone_facts(warehouse, load.machine, load.load_id)
    return is_published(warehouse, load)


def last_published(warehouse: ClickHouse, machine: str) -> Load | None:
    """Return the newest load whose records are there, also one that died since and that a dry run does not settle."""
    loads = read_loads(warehouse, machine=machine)
    return next((load for load in loads if load.is_published or is_published(warehouse, load)), None)


def commit(warehouse: ClickHouse, load: Load, records: int | None = None) -> None:
    """Mark a published load as committed, and what it takes back, with its facts, as undone or committed again.

    `records` is how many there are of its machine now; where the caller does not know that, they are counted.
    """
    if load.undoes:
        from ccusage_import.warehouse.facts.rewriting import undo_facts

        undo_facts(warehouse, load.machine, load.undoes, load.load_id)
    load.state, load.finished_at = "committed", datetime.now(UTC)
    load.records_after = count_records(warehouse, load.machine) if records is None else records
    write_load(warehouse, load)
    if load.undoes:
        _settle_undone(warehouse, load.machine, warehouse.rows(*_unsettled_question(load.machine)))


def _settle_undone(warehouse: ClickHouse, machine: str, unsettled: Sequence[Sequence[Any]]) -> None:
    """Write the states that follow from who took back whom: a load is undone while a committed one undoes it.

    A load is younger than the one it undoes, so the youngest is settled first.
    """
    undoes = {int(load_id): int(undone) for load_id, state, undone in unsettled if undone and state != "running"}
    undone = set[int]()
    for load_id in sorted(undoes, reverse=True):
        if load_id not in undone:
            undone.add(undoes[load_id])
    for load_id in {*undoes, *undoes.values()}:
        state = "undone" if load_id in undone else "committed"
        for load in read_loads(warehouse, machine=machine, load_id=load_id):
            if load.is_published and load.state != state:
                load.state = state
                write_load(warehouse, load)


def questions_of_dead_loads(machine: str) -> list[Question]:
    """Return what `settle_dead_loads` asks where there are none."""
    return [_unsettled_question(machine)]


def _unsettled_question(machine: str) -> Question:
    """Return what asks for loads that look as if they ran, and for those that take back another one."""
    return Question(
        "SELECT load_id, state, undoes FROM loads FINAL WHERE machine = {machine:String}"
        " AND (state = 'running' OR undoes != 0 AND state IN ('committed', 'undone')) ORDER BY load_id DESC",
        {"machine": machine},
    )


def count_records(warehouse: ClickHouse, machine: str) -> int:
    """Return how many records of a machine there are."""
    return int(warehouse.rows(*records_question(machine))[0][0])


def records_question(machine: str) -> Question:
    """Return what `count_records` asks."""
    return Question("SELECT count() FROM records FINAL WHERE machine = {machine:String}", {"machine": machine})
