"""What is asked of stored facts: which were read last, whether some are there, how many a load brought."""

from __future__ import annotations

from collections.abc import Mapping

from ccusage_import.transcripts.facts import FACT_KINDS, Facts
from ccusage_import.warehouse.clickhouse_client import ClickHouse, Question
from ccusage_import.warehouse.facts.folds import KINDS
from ccusage_import.warehouse.tables import RUNNER_OF_COMPACT


def last_reading(warehouse: ClickHouse, machine: str) -> int:
    """Return the last load in which messages of a machine were read; to take a load back or to fold reads nothing."""
    return int(warehouse.rows(*last_reading_question(machine))[0][0])


def last_reading_question(machine: str) -> Question:
    """Return what `last_reading` asks."""
    return Question(
        "SELECT max(load_id) FROM message_facts_by_month WHERE machine = {machine:String} AND load_id NOT IN"
        " (SELECT load_id FROM loads FINAL WHERE machine = {machine:String}"
        " AND (undoes != 0 OR runner = {compact:String}))",
        {"machine": machine, "compact": RUNNER_OF_COMPACT},
    )


def last_ids(facts: Facts) -> dict[str, int]:
    """Return of each kind of fact that was published the id of one, by the kind."""
    each = {
        "messages": (message.message for message in reversed(facts.messages.values())),
        "tool_calls": (call.call for call in reversed(facts.tool_calls)),
        "turns": (turn.turn for turn in reversed(facts.turns)),
        "events": (event.event for event in reversed(facts.events)),
    }
    found = {kind: next(filter(None, ids), 0) for kind, ids in each.items()}
    return {kind: number for kind, number in found.items() if number}


def has_facts(warehouse: ClickHouse, machine: str, ids: Mapping[str, int]) -> bool:
    """Return whether all of some facts, one of a kind at most, are stored, taken back or not."""
    return not ids or bool(warehouse.rows(*has_facts_question(machine, ids))[0][0])


def has_facts_question(machine: str, ids: Mapping[str, int]) -> Question:
    """Return what `has_facts` asks."""
    stored = " AND ".join(
        f"(SELECT count() FROM {table} WHERE machine = {{machine:String}} AND {column} = {{{kind}:UInt64}}) > 0"  # noqa: S608 - names of ours
        for kind, (table, column, _) in KINDS.items()
        if kind in ids
    )
    return Question(f"SELECT {stored}", {"machine": machine, **ids})


def count_facts(warehouse: ClickHouse, machine: str, load_id: int) -> dict[str, int]:
    """Return how many facts of each kind a load brought first that are shown."""
    counts = ", ".join(
        f"(SELECT count() FROM {kind} WHERE machine = {{machine:String}} AND load_id = {{load:UInt64}})"  # noqa: S608
        for kind in FACT_KINDS
    )
    row = warehouse.rows(f"SELECT {counts}", {"machine": machine, "load": load_id})[0]
    return {kind: int(count) for kind, count in zip(FACT_KINDS, row, strict=True) if count}


def count_equal_days(warehouse: ClickHouse, machine: str) -> tuple[int, int]:
    """Return on how many days messages add up to what ccusage shows, and how many days with messages there are."""
    equal, days = warehouse.rows(*equal_days_question(machine))[0]
    return int(equal), int(days)


def equal_days_question(machine: str) -> Question:
    """Return what `count_equal_days` asks."""
    return Question(
        "SELECT countIf(token_difference = 0) AS equal, count() FROM ledger_daily WHERE machine = {machine:String}"
        " AND messages > 0",
        {"machine": machine},
    )
