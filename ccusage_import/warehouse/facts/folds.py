"""Folds of facts: totals by hour take the place of the facts of past days, whose ids stay known.

A fold has the number of its load. Ids and totals are written first, where nobody sees them. One INSERT into
`message_facts_by_month` then hides the messages and says that the fold is published, which shows its totals; what is
hidden is dropped last. Whatever ends it half-way, `settle_fold` takes back what was not published and drops the rest of
what was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import islice
from typing import Any, NamedTuple

from ccusage_import.config.warehouse_url import ServerWarehouse
from ccusage_import.exceptions import FoldError, WarehousePermissionError
from ccusage_import.warehouse.clickhouse_client import ClickHouse, Question
from ccusage_import.warehouse.migrations import sql_directory


class FactTable(NamedTuple):
    """Where facts of a kind are: the table, the column of its key with their ids, and the id by which each is known."""

    name: str
    column: str
    identity: str


KINDS: Mapping[str, FactTable] = {
    "messages": FactTable("message_facts_by_month", "message", "if(message = 0, record, message)"),
    "tool_calls": FactTable("tool_call_facts_by_month", "call", "call"),
    "turns": FactTable("turn_facts", "turn", "turn"),
    "events": FactTable("event_facts", "event", "event"),
}
# What is dropped: the facts, and of a fold that was not published its totals and ids.
_TABLES = (*(table.name for table in KINDS.values()), "hour_facts", "folded_ids")
# The number of the message in the row of a fold, which has no time, and so this month.
ROW_OF_FOLD, MONTH_OF_FOLD = 1, date(1970, 1, 1)
# Ids in one statement: a server refuses longer ones.
IDS_AT_ONCE = 10_000
# Folds that are shown; a machine that gave its name back takes its own with it.
PUBLISHED = (
    "(SELECT record FROM message_facts_by_month FINAL"  # noqa: S608 - text of ours
    f" WHERE month = '{MONTH_OF_FOLD}' AND machine = {{machine:String}} AND message = {ROW_OF_FOLD}"
    " AND NOT bitTest(taken_back, 0))"
)
OF_FOLD = "machine = {machine:String} AND fold = {fold:UInt64}"
_GROUP = (
    "date", "hour", "timezone", "model", "project", "session_id", "claude_session_id", "is_subagent", "counts_in",
    "unpriced", "first_load_id",
)  # fmt: skip
SUMS = (
    "messages", "input_tokens", "output_tokens", "cache_creation_5m_tokens", "cache_creation_1h_tokens",
    "cache_read_tokens", "cost_usd", "text_characters", "web_searches", "tool_calls", "failed_tool_calls",
    "lines_added", "lines_removed", "turns", "events",
)  # fmt: skip
# What the sums are compared by, beside the rules of ccusage.
DIMENSIONS = ("date", "model", "project", "session_id", "hour")


@dataclass(frozen=True, slots=True)
class Fold:
    """One fold: of which machine, by the load of which number; in which zone facts without a day have theirs."""

    machine: str
    number: int
    timezone: str = "UTC"

    @property
    def parameters(self) -> dict[str, object]:
        """What the statements on it are bound with."""
        return {"machine": self.machine, "fold": self.number, "timezone": self.timezone}


def candidates(warehouse: ClickHouse, machine: str, timezone: str, before: date) -> dict[str, tuple[int, int]]:
    """Return how many facts of each kind are older than a day, and how many rows they are."""
    rows = warehouse.rows(
        f"SELECT kind, sum(shown), sum(rows) FROM ({_sql('candidates')}) GROUP BY kind",  # noqa: S608 - text of ours
        {"machine": machine, "timezone": timezone, "before": before},
    )
    found = {kind: (int(facts), int(stored)) for kind, facts, stored in rows}
    return {kind: found[kind] for kind in KINDS if kind in found}


def bytes_a_row(warehouse: ClickHouse, kind: str) -> float:
    """Return how many bytes a row of a kind of fact takes on disk; on a cluster, on this shard."""
    table = KINDS[kind].name
    rows = warehouse.rows(
        "SELECT sum(data_compressed_bytes), sum(rows) FROM system.parts"
        " WHERE active AND database = {database:String} AND table = {table:String}",
        {"database": warehouse.database, "table": f"{table}_local" if warehouse.cluster else table},
    )
    size, count = rows[0]
    return int(size) / int(count) if count else 0.0


def refuse_undroppable(warehouse: ClickHouse) -> None:
    """Refuse to fold for a user who may not drop facts; called before anything is written.

    Raises:
        WarehousePermissionError: the user may not.
    """
    place = warehouse.warehouse
    if not isinstance(place, ServerWarehouse):
        return
    try:
        for table in _TABLES:
            _delete(warehouse, table, "false", {})
    except WarehousePermissionError as error:
        grants = ", ".join(f"ALTER DELETE ON {place.database}.{table}*" for table in _TABLES)
        raise WarehousePermissionError(str(error), hint=f"GRANT {grants} TO {place.user}") from None


def write_fold(warehouse: ClickHouse, fold: Fold, before: date) -> None:
    """Write which facts are folded, and their totals; nothing of it is shown yet."""
    warehouse.insert_selected(
        "folded_ids",
        ("machine", "kind", "id", "fold"),
        f"SELECT {{machine:String}}, kind, id, {{fold:UInt64}} FROM ({_sql('candidates')})",  # noqa: S608 - text of ours
        {**fold.parameters, "before": before},
    )
    group = ", ".join(_GROUP)
    sums = ", ".join(f"sum({name})" for name in SUMS)
    warehouse.insert_selected(
        "hour_facts",
        ("machine", "fold", "number", "last_load_id", "taken_back", "first_at", "last_at", *_GROUP, *SUMS),
        f"SELECT {{machine:String}}, {{fold:UInt64}}, cityHash64({group}), {{fold:UInt64}}, 0, min(at), max(at),"  # noqa: S608
        f" {group}, {sums} FROM ({_sql('facts')}) GROUP BY {group}",
        fold.parameters,
    )


def prove(warehouse: ClickHouse, fold: Fold) -> None:
    """Compare the totals of a fold with the facts that they stand for, over days, models, projects, sessions and hours.

    Raises:
        FoldError: some sum differs; the first one is named.
    """
    for dimension in DIMENSIONS:
        facts = _sums(warehouse, fold, dimension, f"({_sql('facts')})", "min(at), max(at)")
        totals = _sums(
            warehouse,
            fold,
            dimension,
            f"(SELECT * FROM hour_facts FINAL WHERE {OF_FOLD})",  # noqa: S608 - text of ours
            "min(first_at), max(last_at)",
        )
        for key in sorted({*facts, *totals}):
            if facts.get(key) != totals.get(key):
                raise _difference(key[0], facts.get(key, {}), totals.get(key, {}))


def publish_fold(warehouse: ClickHouse, fold: Fold) -> None:
    """Hide the messages of a fold and show its totals, in one INSERT."""
    columns = ("month", "message", "request", "counted_session", "copy", "record", "date", "first_load_id")
    hidden = ", ".join(columns)
    warehouse.insert_selected(
        "message_facts_by_month",
        ("machine", *columns, "version", "load_id", "taken_back"),
        f"WITH toUInt128('{2**64}') AS pow2"  # noqa: S608 - names of ours
        f" SELECT machine, {hidden}, version - version % pow2 + {{fold:UInt64}}, {{fold:UInt64}},"
        f" 2 * {{fold:UInt64}} + 1 FROM message_facts_by_month FINAL WHERE {_folded('messages')}"
        f" UNION ALL SELECT {{machine:String}}, toDate('{MONTH_OF_FOLD}'), {ROW_OF_FOLD}, 0, 0, 0, {{fold:UInt64}},"
        " today(), {fold:UInt64}, toUInt128({fold:UInt64}), {fold:UInt64}, 0",
        fold.parameters,
    )


def drop_folded(warehouse: ClickHouse, fold: Fold) -> None:
    """Drop the facts of a published fold, all rows that the engine has of them."""
    for kind, (table, _, identity) in KINDS.items():
        if not warehouse.cluster:
            _delete(warehouse, table, _folded(kind), fold.parameters)
            continue
        # Replicas would each ask their own table of ids, which may lag behind.
        ids = map(str, list(_ids(warehouse, fold, kind)))
        while some := list(islice(ids, IDS_AT_ONCE)):
            _delete(
                warehouse, table, f"machine = {{machine:String}} AND {identity} IN ({', '.join(some)})", fold.parameters
            )


def discard_fold(warehouse: ClickHouse, fold: Fold) -> None:
    """Drop what was written of a fold that was not published."""
    for table in ("hour_facts", "folded_ids"):
        _delete(warehouse, table, OF_FOLD, fold.parameters)


def settle_fold(warehouse: ClickHouse, fold: Fold) -> bool:
    """Bring a fold that was ended half-way to its end, and return whether it is published."""
    is_published = fold.number in published_folds(warehouse, fold.machine)
    (drop_folded if is_published else discard_fold)(warehouse, fold)
    return is_published


def published_folds(warehouse: ClickHouse, machine: str) -> set[int]:
    """Return the numbers of the folds that are shown of a machine."""
    return {int(number) for (number,) in warehouse.rows(*published_question(machine))}


def published_question(machine: str) -> Question:
    """Return what `published_folds` asks."""
    return Question(PUBLISHED, {"machine": machine})


def sums_of_facts(warehouse: ClickHouse, fold: Fold, names: Sequence[str]) -> Sequence[Any]:
    """Return sums over the facts that a fold has the ids of, as far as they are here."""
    sums = ", ".join(f"sum({name})" for name in names)
    return warehouse.rows(f"SELECT {sums} FROM ({_sql('facts')})", fold.parameters)[0]  # noqa: S608 - names of ours


def sums_of_totals(warehouse: ClickHouse, fold: Fold, names: Sequence[str]) -> Sequence[Any]:
    """Return sums over the totals of a fold."""
    sums = ", ".join(f"sum({name})" for name in names)
    sql = f"SELECT {sums} FROM hour_facts FINAL WHERE {OF_FOLD}"  # noqa: S608 - names of ours
    return warehouse.rows(sql, fold.parameters)[0]


def _ids(warehouse: ClickHouse, fold: Fold, kind: str) -> Iterator[int]:
    rows = warehouse.stream(
        f"SELECT id FROM folded_ids FINAL WHERE {OF_FOLD} AND kind = {{kind:String}}",  # noqa: S608 - text of ours
        {**fold.parameters, "kind": kind},
    )
    return (int(number) for (number,) in rows)


def _sums(
    warehouse: ClickHouse, fold: Fold, dimension: str, source: str, times: str
) -> dict[tuple[str, int], dict[str, Any]]:
    sums = ", ".join(f"sum({name})" for name in SUMS)
    rows = warehouse.stream(
        f"SELECT toString({dimension}), counts_in, {times}, max(unpriced), {sums} FROM {source} GROUP BY 1, 2",  # noqa: S608
        fold.parameters,
    )
    names = ("first_at", "last_at", "unpriced", *SUMS)
    return {(str(key), int(rules)): dict(zip(names, values, strict=True)) for key, rules, *values in rows}


def _difference(key: str, facts: Mapping[str, Any], totals: Mapping[str, Any]) -> FoldError:
    names = (*SUMS, "unpriced", "first_at", "last_at")
    name = next(name for name in names if facts.get(name) != totals.get(name))
    was, now = facts.get(name, "nothing"), totals.get(name, "nothing")
    return FoldError(
        f"compact: {name} of {key or 'no name'} differ: {was} in the facts, {now} in their totals; nothing is dropped",
        hint="ccusage-import check finds out whether the warehouse is damaged",
    )


def _folded(kind: str) -> str:
    """Return the condition that a row of a kind of fact belongs to a fold."""
    return (
        f"machine = {{machine:String}} AND {KINDS[kind].identity} IN"  # noqa: S608 - text of ours
        f" (SELECT id FROM folded_ids WHERE {OF_FOLD} AND kind = '{kind}')"
    )


def _delete(warehouse: ClickHouse, table: str, where: str, parameters: Mapping[str, object]) -> None:
    on_cluster = f"_local` ON CLUSTER `{warehouse.cluster}" if warehouse.cluster else ""
    warehouse.command(f"ALTER TABLE `{table}{on_cluster}` DELETE WHERE {where} SETTINGS mutations_sync = 2", parameters)


@cache
def _sql(name: str) -> str:
    return (sql_directory() / "compact" / f"{name}.sql").read_text("utf-8")
