"""Publishes facts that were read: the copies of messages that are stored already are judged with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from pydantic_core import to_json

from ccusage_import.records import ModelPrice
from ccusage_import.transcripts.costs import price
from ccusage_import.transcripts.facts import Facts, Message, joined
from ccusage_import.transcripts.once import judge_copies, version_of
from ccusage_import.warehouse.clickhouse_client import ClickHouse, Question
from ccusage_import.warehouse.facts.folds import PUBLISHED, published_folds, published_question
from ccusage_import.warehouse.facts.rows import (
    CALL_COLUMNS,
    COPIES,
    EVENT_COLUMNS,
    EXPRESSIONS,
    MESSAGE_COLUMNS,
    TURN_COLUMNS,
    Row,
    call_row,
    content_of,
    event_row,
    month_of,
    stored_message,
    turn_row,
)

# So many ids go into the address of one question to a server.
IDS_AT_ONCE = 300
# For more ids all rows of the machine are read.
MOST_IDS = 6000
_MONTHS_OF_CALLS = "SELECT call, month FROM tool_call_facts_by_month WHERE true"


@dataclass(frozen=True, slots=True)
class FactsLoad:
    """The load to which facts belong.

    Attributes:
        load_id: of the load.
        ordered_since: the first load that knew the order of files as it is now.
        machine: whose facts they are.
        timezone: the IANA zone in which days begin.
        prices: of each model.
        mode: the cost mode of ccusage.
        may_have_folds: whether facts of the machine may have been folded; where that is known it need not be asked
            with each publication.
    """

    load_id: int
    ordered_since: int
    machine: str
    timezone: str
    prices: Mapping[str, ModelPrice] = field(default_factory=dict)
    mode: str = "auto"
    may_have_folds: bool = True


def publish_facts(warehouse: ClickHouse, load: FactsLoad, facts: Facts, batch: int) -> Counter[str]:
    """Write facts that were read together, each table in one INSERT; return how many of each kind are new.

    Publishing the same facts again, in any order and from any number of readings, changes nothing. Facts that were
    folded are counted already: they are left out, and how many is returned too.
    """
    token = f"{load.machine}/{load.load_id}/facts/{batch}"
    with warehouse.asked_ahead(list(_questions(load, facts))):
        new = Counter(folded=_leave_out_folded(warehouse, load.machine, facts) if load.may_have_folds else 0)
        rows = list(_message_rows(warehouse, load, facts, new))
        months = _months_of_calls(warehouse, load.machine, facts)
        new["tool_calls"] = len({call.call for call in facts.tool_calls if call.called_at is not None} - months.keys())
        for kind, table, column, ids in _begun(facts):
            new[kind] = len(ids - _known_ids(warehouse, table, column, load.machine, ids))
    _insert(warehouse, "message_facts_by_month", MESSAGE_COLUMNS, rows, token)
    owner = (load.machine, load.load_id, load.load_id)
    _insert(warehouse, "tool_call_facts_by_month", CALL_COLUMNS, list(_call_rows(owner, facts, months)), token)
    turns = [turn_row(owner, turn) for turn in facts.turns if turn.turn]
    _insert(warehouse, "turn_facts", TURN_COLUMNS, turns, token)
    _insert(warehouse, "event_facts", EVENT_COLUMNS, [event_row(owner, event) for event in facts.events], token)
    return new


def _begun(facts: Facts) -> Iterator[tuple[str, str, str, set[int]]]:
    """Yield of turns and events the table and its id, and the ids of those whose beginning was read."""
    yield "turns", "turn_facts", "turn", {turn.turn for turn in facts.turns if turn.turn and turn.kind}
    yield "events", "event_facts", "event", {event.event for event in facts.events}


def _questions(load: FactsLoad, facts: Facts) -> Iterator[Question]:
    """Yield what a publication asks, where that is little; what a first reading asks is asked table by table."""
    if load.may_have_folds:
        yield published_question(load.machine)
    messages = {message.message for message in facts.messages.values()}
    of_ids = [(COPIES, "message", messages), (_MONTHS_OF_CALLS, "call", {call.call for call in facts.tool_calls})]
    of_ids += [(_ids_of(table, column), column, ids) for _, table, column, ids in _begun(facts)]
    for select, column, ids in of_ids:
        if len(ids) <= IDS_AT_ONCE:
            yield from _questions_of_ids(select, column, load.machine, ids)


def price_facts(warehouse: ClickHouse, load: FactsLoad) -> bool:
    """Price the stored messages of models that had no price when they were read, and have one now.

    Returns:
        Whether there were any.
    """
    mine = "machine = {machine:String}"
    if load.prices.keys().isdisjoint(model for (model,) in warehouse.rows(*unpriced_question(load.machine))):
        return False
    rows = warehouse.rows(
        f"SELECT DISTINCT message FROM message_facts_by_month WHERE {mine} AND message IN"  # noqa: S608 - a condition of ours
        f" (SELECT message FROM message_facts_by_month WHERE {mine} AND unpriced AND model IN {{models:Array(String)}})"
        " GROUP BY message, request, counted_session, copy, record HAVING argMax(unpriced, version)",
        {"machine": load.machine, "models": list(load.prices)},
    )
    if ids := {int(message) for (message,) in rows}:
        priced = list(_message_rows(warehouse, load, Facts(), Counter(), ids))
        _insert(
            warehouse, "message_facts_by_month", MESSAGE_COLUMNS, priced, f"{load.machine}/{load.load_id}/facts/prices"
        )
    return bool(ids)


def unpriced_question(machine: str) -> Question:
    """Return what `price_facts` asks first: the models that had no price, and perhaps got one since."""
    return Question(
        "SELECT DISTINCT model FROM message_facts_by_month WHERE machine = {machine:String} AND unpriced",
        {"machine": machine},
    )


def _leave_out_folded(warehouse: ClickHouse, machine: str, facts: Facts) -> int:
    """Remove the facts that were folded from those that were read, and return how many."""
    if not published_folds(warehouse, machine):
        return 0

    def folded(kind: str, ids: set[int]) -> set[int]:
        also = f"kind = '{kind}' AND fold IN {PUBLISHED}"
        return _known_ids(warehouse, "folded_ids", "id", machine, ids, also) & ids

    known = folded("messages", {message.number for message in facts.messages.values()})
    facts.messages = {key: message for key, message in facts.messages.items() if message.number not in known}
    calls = folded("tool_calls", {call.call for call in facts.tool_calls})
    facts.tool_calls = [call for call in facts.tool_calls if call.call not in calls]
    turns = folded("turns", {turn.turn for turn in facts.turns})
    facts.turns = [turn for turn in facts.turns if turn.turn not in turns]
    events = folded("events", {event.event for event in facts.events})
    facts.events = [event for event in facts.events if event.event not in events]
    return len(known) + len(calls) + len(turns) + len(events)


def _message_rows(
    warehouse: ClickHouse, load: FactsLoad, facts: Facts, new: Counter[str], others: Collection[int] = ()
) -> Iterator[Row]:
    """Return the rows of copies that are new, or of which something else is to be said than is stored.

    Args:
        warehouse: where.
        load: to which they belong.
        facts: what was read.
        new: counts the messages that are new.
        others: messages of which nothing was read, to be judged again.
    """
    ids = {message.message for message in facts.messages.values()}.union(others)
    zone = ZoneInfo(load.timezone)
    stored: dict[tuple[int, int, int, int, int], Message] = {}
    before = {}
    for message, day, timezone in _stored_copies(warehouse, load.machine, ids):
        known = stored.get(message.identity)
        better, other = (message, known) if known is None or _stands(message) > _stands(known) else (known, message)
        if other and other.is_shown:
            # Two that could not see each other stored the same copy, in different months.
            hidden = replace(other, is_shown=False, counts_in=0)
            content = content_of(hidden, load.machine, _day(hidden, zone), load.timezone)
            yield (*content, str(version_of(hidden, load.load_id)), load.load_id)
        if better is message:
            stored[message.identity] = message
            before[message.identity] = content_of(message, load.machine, day, timezone)
    shown_before = sum(message.is_shown for message in stored.values())
    copies = dict(stored)
    for identity, message in facts.messages.items():
        known = copies.get(identity)
        if known and known.load_id < load.ordered_since:
            # It was stored in another order of files: of equal copies the one that is there now counts.
            known.place = (message.place[0], message.place[1] + 1)
            del before[identity]
        copies[identity] = joined(known, message) if known else message
    for message in copies.values():
        if message.unpriced:
            price(message, load.prices, load.mode)
    judge_copies(copies.values())
    new["messages"] = sum(message.is_shown for message in copies.values()) - shown_before
    for identity, message in copies.items():
        message.first_load_id = message.first_load_id or load.load_id
        content = content_of(message, load.machine, _day(message, zone), load.timezone)
        if before.get(identity) != content:
            yield (*content, str(version_of(message, load.load_id)), load.load_id)


def _stands(stored: Message) -> tuple[object, ...]:
    return (stored.is_shown, stored.rank)


def _months_of_calls(warehouse: ClickHouse, machine: str, facts: Facts) -> dict[int, date]:
    """Return of the calls that were read, and are stored already, the months under which they are.

    Of a call that two warehouses stored under two, `push` hid all but the first.
    """
    ids = {call.call for call in facts.tool_calls}
    months: dict[int, date] = {}
    for call, month in _rows_of_ids(warehouse, _MONTHS_OF_CALLS, "call", machine, ids):
        if call in ids:
            months[call] = min(month, months.get(call, month))
    return months


def _call_rows(owner: Row, facts: Facts, stored: Mapping[int, date]) -> Iterator[Row]:
    """Yield the halves of calls under the month where the call is stored; else that of the first of the two."""
    first: dict[int, int] = {}
    for call in facts.tool_calls:
        for at in (call.called_at, call.answered_at):
            if at is not None:
                first[call.call] = min(at, first.get(call.call, at))
    for call in facts.tool_calls:
        yield call_row(owner, call, stored.get(call.call) or month_of(first.get(call.call, 0)))


def _stored_copies(warehouse: ClickHouse, machine: str, ids: set[int]) -> Iterator[tuple[Message, date, str]]:
    """Return the stored copies of some messages, their days, and in which zone these begin."""
    if len(ids) > MOST_IDS:
        # Most of what is read at first is new, and ids alone are soon read.
        ids = _known_ids(warehouse, "message_facts_by_month", "message", machine, ids) & ids
    for row in _rows_of_ids(warehouse, COPIES, "message", machine, ids):
        stored = dict(zip(EXPRESSIONS.values(), row, strict=True))
        if stored["message"] in ids:
            yield stored_message(stored), stored["date"], stored["timezone"]


def _known_ids(
    warehouse: ClickHouse, table: str, column: str, machine: str, ids: Collection[int], also: str = "true"
) -> set[int]:
    select = _ids_of(table, column, also)
    return {int(number) for (number,) in _rows_of_ids(warehouse, select, column, machine, ids)}


def _ids_of(table: str, column: str, also: str = "true") -> str:
    return f"SELECT {column} FROM {table} WHERE {also}"  # noqa: S608 - names of ours


def _rows_of_ids(
    warehouse: ClickHouse, select: str, column: str, machine: str, ids: Collection[int]
) -> Iterator[Sequence[Any]]:
    for question in _questions_of_ids(select, column, machine, ids):
        is_whole = "ids" not in question.parameters
        yield from (warehouse.stream(*question) if is_whole else warehouse.rows(*question))


def _questions_of_ids(select: str, column: str, machine: str, ids: Collection[int]) -> Iterator[Question]:
    """Yield queries that together meet the rows of some ids; for very many, one that meets all of the machine."""
    mine = f"{select} AND machine = {{machine:String}}"
    if len(ids) > MOST_IDS:
        yield Question(mine, {"machine": machine})
        return
    each = iter(sorted(ids))
    while some := list(islice(each, IDS_AT_ONCE)):
        yield Question(f"{mine} AND {column} IN {{ids:Array(UInt64)}}", {"machine": machine, "ids": some})


def _insert(warehouse: ClickHouse, table: str, columns: Sequence[str], rows: Sequence[Row], token: str) -> None:
    """Write rows column by column, which takes half the time of objects with the names of columns in each."""
    if rows:
        of_columns = dict(zip(columns, zip(*rows, strict=True), strict=True))
        warehouse.insert_encoded(table, to_json(of_columns), "JSONColumns", f"{token}/{table}")


def _day(message: Message, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(message.at / 1000, zone).date()
