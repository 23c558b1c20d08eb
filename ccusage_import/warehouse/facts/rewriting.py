"""Writes stored facts anew: taken back, brought back, under other names, or another month."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date
from itertools import islice

from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.facts.folds import PUBLISHED
from ccusage_import.warehouse.migrations import FACT_TABLES

# So many names of projects and sessions, old and new, go into the address of one question to a server.
NAMES_AT_ONCE = 50
# In a condition, the day on which a fact is; some tables have only its time.
_DAY = "{day}"
_DAYS = {
    "tool_call_facts_by_month": "toDate(stored.called_at, {timezone:String})",
    "turn_facts": "toDate(stored.at, {timezone:String})",
    "event_facts": "toDate(stored.at, {timezone:String})",
}
# Of facts in the order of months: the rest of the key, the load of a row, which ones are shown, and what hides one that
# moved to another month.
_BY_MONTH = {
    "message_facts_by_month": (
        "message, request, counted_session, copy, record",
        "load_id",
        "is_shown",
        (
            "is_shown AND moves AS is_shown, if(moves, counts_in, 0) AS counts_in,"
            " if(moves, version, version + 1) AS version"
        ),
    ),
    "tool_call_facts_by_month": (
        "call",
        "last_load_id",
        "NOT bitTest(taken_back, 0)",
        "if(moves, taken_back, bitOr(taken_back, 1)) AS taken_back",
    ),
}
# In a condition, whether no copy of a message that came before a load says the same: both may be shown as one of them.
_ALONE = "{alone}"
_SAYS = (
    "message, request, input_tokens, output_tokens, cache_creation_5m_tokens, cache_creation_1h_tokens,"
    " cache_read_tokens"
)
_ALONE_OF_MESSAGES = (
    f"({_SAYS}) NOT IN (SELECT {_SAYS} FROM message_facts_by_month FINAL"  # noqa: S608 - text of ours
    " WHERE machine = {machine:String} AND first_load_id < {wanted:UInt64} AND taken_back != 2 * {wanted:UInt64}"
    " AND NOT bitTest(taken_back, 0) AND message != 0 AND message IN (SELECT message FROM message_facts_by_month"
    " WHERE machine = {machine:String} AND first_load_id = {wanted:UInt64}))"
)
_TAKEN_BACK = "stored.taken_back = {wanted:UInt64}"
_SHOWN = "stored.machine = {machine:String} AND NOT bitTest(stored.taken_back, 0)"
# What is shown, or was taken back by `undo` and may come back.
_KEPT = (
    "stored.machine = {machine:String} AND (NOT bitTest(stored.taken_back, 0) OR stored.taken_back IN"
    " (SELECT 2 * load_id + 1 FROM loads WHERE machine = {machine:String} AND undoes != 0))"
)


def rename_facts(warehouse: ClickHouse, old: str, new: str, load_id: int) -> None:
    """Copy the facts of a machine to its new name, and take them back under the old one.

    What `undo` took back stays so, and comes back when that is undone. Doing it again after it was ended half-way does
    the rest.
    """
    warehouse.insert_selected(
        "folded_ids",
        ("machine", "kind", "id", "fold"),
        "SELECT {name:String}, kind, id, fold FROM folded_ids FINAL"  # noqa: S608 - text of ours
        f" WHERE machine = {{machine:String}} AND fold IN {PUBLISHED}",
        {"machine": old, "name": new},
    )
    changes = (
        "toLowCardinality({name:String}) AS machine,"
        " if(bitTest(stored.taken_back, 0), stored.taken_back, {mark:UInt64}) AS taken_back"
    )
    parameters = {"machine": old, "name": new, "load": load_id, "mark": _brought_back_by(load_id)}
    _write_anew(warehouse, _KEPT, changes, parameters)
    hide_facts(warehouse, old, load_id)


def hide_facts(warehouse: ClickHouse, machine: str, load_id: int) -> None:
    """Take back all facts of a machine, for good."""
    parameters = {"machine": machine, "load": load_id, "mark": _taken_back_by(load_id)}
    _write_anew(warehouse, _KEPT, "{mark:UInt64} AS taken_back", parameters)


def count_shown(warehouse: ClickHouse, machine: str) -> int:
    """Return how many facts of a machine are shown."""
    counts = " + ".join(f"(SELECT count() FROM {table} AS stored FINAL WHERE {_SHOWN})" for table in FACT_TABLES)  # noqa: S608
    return int(warehouse.rows(f"SELECT {counts}", {"machine": machine})[0][0])


def rename_folded(warehouse: ClickHouse, machine: str, renamed: Callable[[str], str], load_id: int) -> None:
    """Give projects and sessions in the totals of folded facts other names: no transcript is read for these again."""
    columns = ("project", "session_id", "claude_session_id")
    rows = warehouse.rows(
        f"SELECT DISTINCT arrayJoin([{', '.join(columns)}]) FROM hour_facts FINAL WHERE machine = {{machine:String}}",  # noqa: S608
        {"machine": machine},
    )
    names = {str(name): renamed(str(name)) for (name,) in rows}
    each = iter(sorted((was, now) for was, now in names.items() if was != now))
    changes = ", ".join(
        f"transform({name}, {{was:Array(String)}}, {{now:Array(String)}}, {name}) AS {name}" for name in columns
    )
    where = " OR ".join(f"has({{was:Array(String)}}, {name})" for name in columns)
    while some := list(islice(each, NAMES_AT_ONCE)):
        was, now = zip(*some, strict=True)
        warehouse.insert_selected(
            "hour_facts",
            (),
            f"SELECT * REPLACE ({changes}, {{load:UInt64}} AS last_load_id)"  # noqa: S608 - names of ours
            f" FROM (SELECT * FROM hour_facts FINAL WHERE machine = {{machine:String}} AND ({where}))",
            {"machine": machine, "was": list(was), "now": list(now), "load": load_id},
        )


def undo_facts(warehouse: ClickHouse, machine: str, load_id: int, undone_by: int) -> None:
    """Take back the facts that a load brought first, or brought back, until they grow; bring back those it took back.

    A copy of what was known before stays: it may be the one that counts. Doing it again after it was ended half-way
    does the rest.
    """
    where = f"(stored.first_load_id = {{wanted:UInt64}} OR stored.taken_back = 2 * {{wanted:UInt64}}) AND {_ALONE}"
    _mark(warehouse, where, machine=machine, wanted=load_id, load=undone_by, mark=_taken_back_by(undone_by))
    bring_back_facts(warehouse, machine, load_id, undone_by)


def has_undone_facts(warehouse: ClickHouse, machine: str, undone_by: int) -> bool:
    """Return whether a load took any fact back, or brought it back."""
    mine = "machine = {machine:String} AND taken_back IN {marks:Array(UInt64)}"
    counts = " + ".join(f"(SELECT count() FROM {table} WHERE {mine})" for table in FACT_TABLES)  # noqa: S608 - names of ours
    marks = [_taken_back_by(undone_by), _brought_back_by(undone_by)]
    return bool(warehouse.rows(f"SELECT {counts}", {"machine": machine, "marks": marks})[0][0])


def bring_back_facts(warehouse: ClickHouse, machine: str, load_id: int, undone_by: int) -> None:
    """Bring back the facts that a load took back."""
    wanted, mark = _taken_back_by(load_id), _brought_back_by(undone_by)
    _mark(warehouse, _TAKEN_BACK, machine=machine, wanted=wanted, load=undone_by, mark=mark)


def bring_back_days(  # of a time zone
    warehouse: ClickHouse, machine: str, load_id: int, undone_by: int, days: Collection[date], timezone: str
) -> None:
    """Bring back the facts of some days that a load took back."""
    where = f"{_TAKEN_BACK} AND has({{days:Array(Date)}}, {_DAY})"
    wanted, mark, of_days = _taken_back_by(load_id), _brought_back_by(undone_by), sorted(days)
    _mark(warehouse, where, machine=machine, wanted=wanted, load=undone_by, mark=mark, days=of_days, timezone=timezone)


def unite_months(warehouse: ClickHouse, machine: str, load_id: int) -> None:
    """Let facts that came after a load, and are shown under two months, count once: under the first, the larger copy.

    Two warehouses may each have stored a fact under a month of its own; who reads transcripts never does.
    """
    for table, (key, load, shown, hidden) in _BY_MONTH.items():
        mine = f"FROM {table} FINAL WHERE machine = {{machine:String}} AND {shown}"
        warehouse.insert_selected(
            table,
            (),
            f"SELECT * EXCEPT (first_month, moves) REPLACE (if(moves, first_month, month) AS month, {hidden})"  # noqa: S608 - names of ours
            f" FROM (SELECT * FROM (SELECT *, min(month) OVER (PARTITION BY {key}) AS first_month {mine} AND ({key}) IN"
            f" (SELECT {key} {mine} AND ({key}) IN (SELECT {key} {mine} AND {load} > {{load:UInt64}})"
            f" GROUP BY {key} HAVING count() > 1)) WHERE month > first_month) ARRAY JOIN [true, false] AS moves",
            {"machine": machine, "load": load_id},
        )


def _taken_back_by(load_id: int) -> int:
    """Return the mark, in the column `taken_back`, of facts that a load took back: it is odd."""
    return 2 * load_id + 1


def _brought_back_by(load_id: int) -> int:
    """Return the mark of facts that a load brought back: it is even, and higher than those of earlier loads."""
    return 2 * load_id


def _mark(warehouse: ClickHouse, where: str, **parameters: object) -> None:
    """Write rows of a machine anew with another mark; the mark of the later load is the higher one and counts."""
    where = f"stored.machine = {{machine:String}} AND {where}"
    _write_anew(warehouse, where, "{mark:UInt64} AS taken_back", parameters)


def _write_anew(warehouse: ClickHouse, where: str, changes: str, parameters: Mapping[str, object]) -> None:
    """Write rows anew, changed; what a later load wrote counts."""
    for table in FACT_TABLES:
        changed, alone = "{load:UInt64} AS last_load_id", "true"
        if table == "message_facts_by_month":
            alone = _ALONE_OF_MESSAGES
            changed = "{load:UInt64} AS load_id, version - version % pow2 + {load:UInt64} AS version"
        warehouse.insert_selected(
            table,
            (),
            f"WITH toUInt128('{2**64}') AS pow2"  # noqa: S608 - names of ours
            f" SELECT * REPLACE ({changes}, {changed}) FROM {table} AS stored FINAL"
            f" WHERE {where.replace(_DAY, _DAYS.get(table, 'stored.date')).replace(_ALONE, alone)}",
            parameters,
        )
