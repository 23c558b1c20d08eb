"""Facts in the warehouse: reads the copies of messages that are stored, and publishes what was read since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

from pydantic_core import to_json

from ccusage_import.records import ModelPrice
from ccusage_import.transcripts.costs import price
from ccusage_import.transcripts.facts import FACT_KINDS, Event, Facts, Message, ToolCall, Turn, Usage, joined
from ccusage_import.transcripts.once import judge_copies, version_of
from ccusage_import.warehouse.clickhouse_client import ClickHouse, Question
from ccusage_import.warehouse.folds import KINDS, PUBLISHED, published_folds, published_question
from ccusage_import.warehouse.migrations import FACT_TABLES

# So many ids go into the address of one question to a server.
IDS_AT_ONCE = 300
# And so many names of projects and sessions, old and new.
NAMES_AT_ONCE = 50
# For more ids all rows of the machine are read.
MOST_IDS = 6000
Row = tuple[Any, ...]


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
        for kind, table, column, ids in _begun(facts):
            new[kind] = len(ids - _known_ids(warehouse, table, column, load.machine, ids))
    _insert(warehouse, "message_facts", _MESSAGE_COLUMNS, rows, token)
    _insert(warehouse, "tool_call_facts", _CALL_COLUMNS, [_call_row(load, call) for call in facts.tool_calls], token)
    turns = [_turn_row(load, turn) for turn in facts.turns if turn.turn]
    _insert(warehouse, "turn_facts", _TURN_COLUMNS, turns, token)
    _insert(warehouse, "event_facts", _EVENT_COLUMNS, [_event_row(load, event) for event in facts.events], token)
    return new


def _begun(facts: Facts) -> Iterator[tuple[str, str, str, set[int]]]:
    """Yield of each kind of fact but messages its table and its id, and the ids of those whose beginning was read."""
    calls = {call.call for call in facts.tool_calls if call.called_at is not None}
    yield "tool_calls", "tool_call_facts", "call", calls
    yield "turns", "turn_facts", "turn", {turn.turn for turn in facts.turns if turn.turn and turn.kind}
    yield "events", "event_facts", "event", {event.event for event in facts.events}


def _questions(load: FactsLoad, facts: Facts) -> Iterator[Question]:
    """Yield what a publication asks, where that is little; what a first reading asks is asked table by table."""
    if load.may_have_folds:
        yield published_question(load.machine)
    messages = {message.message for message in facts.messages.values()}
    of_ids = [(_COPIES, "message", messages)]
    of_ids += [(_ids_of(table, column), column, ids) for _, table, column, ids in _begun(facts)]
    for select, column, ids in of_ids:
        if len(ids) <= IDS_AT_ONCE:
            yield from _questions_of_ids(select, column, load.machine, ids)


def last_reading(warehouse: ClickHouse, machine: str) -> int:
    """Return the last load in which messages of a machine were read; what took a load back read nothing."""
    return int(warehouse.rows(*last_reading_question(machine))[0][0])


def last_reading_question(machine: str) -> Question:
    """Return what `last_reading` asks."""
    return Question(
        "SELECT max(load_id) FROM message_facts WHERE machine = {machine:String} AND load_id NOT IN"
        " (SELECT load_id FROM loads FINAL WHERE machine = {machine:String} AND undoes != 0)",
        {"machine": machine},
    )


def price_facts(warehouse: ClickHouse, load: FactsLoad) -> bool:
    """Price the stored messages of models that had no price when they were read, and have one now.

    Returns:
        Whether there were any.
    """
    mine = "machine = {machine:String}"
    if load.prices.keys().isdisjoint(model for (model,) in warehouse.rows(*unpriced_question(load.machine))):
        return False
    rows = warehouse.rows(
        f"SELECT DISTINCT message FROM message_facts WHERE {mine} AND message IN"  # noqa: S608 - a condition of ours
        f" (SELECT message FROM message_facts WHERE {mine} AND unpriced AND model IN {{models:Array(String)}})"
        " GROUP BY message, request, counted_session, copy, record HAVING argMax(unpriced, version)",
        {"machine": load.machine, "models": list(load.prices)},
    )
    if ids := {int(message) for (message,) in rows}:
        priced = list(_message_rows(warehouse, load, Facts(), Counter(), ids))
        _insert(warehouse, "message_facts", _MESSAGE_COLUMNS, priced, f"{load.machine}/{load.load_id}/facts/prices")
    return bool(ids)


def unpriced_question(machine: str) -> Question:
    """Return what `price_facts` asks first: the models that had no price, and perhaps got one since."""
    return Question(
        "SELECT DISTINCT model FROM message_facts WHERE machine = {machine:String} AND unpriced", {"machine": machine}
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


def rename_facts(warehouse: ClickHouse, old: str, new: str, load_id: int) -> None:
    """Copy the facts of a machine that are shown to its new name, and take them back under the old one.

    Doing it again after it was ended half-way does the rest.
    """
    warehouse.insert_selected(
        "folded_ids",
        ("machine", "kind", "id", "fold"),
        "SELECT {name:String}, kind, id, fold FROM folded_ids FINAL"  # noqa: S608 - text of ours
        f" WHERE machine = {{machine:String}} AND fold IN {PUBLISHED}",
        {"machine": old, "name": new},
    )
    shown = "stored.machine = {machine:String} AND NOT bitTest(stored.taken_back, 0)"
    changes = "toLowCardinality({name:String}) AS machine, {mark:UInt64} AS taken_back"
    for name, mark in ((new, _brought_back_by(load_id)), (old, _taken_back_by(load_id))):
        parameters = {"machine": old, "name": name, "load": load_id, "mark": mark}
        _write_anew(warehouse, shown, changes, parameters)


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


def take_back_facts(warehouse: ClickHouse, machine: str, load_id: int, undone_by: int) -> None:
    """Take back the facts that a load brought first, or brought back; they stay taken back until they grow."""
    where = "(stored.first_load_id = {wanted:UInt64} OR stored.taken_back = 2 * {wanted:UInt64})"
    _mark(warehouse, machine, where, load_id, undone_by, _taken_back_by(undone_by))


def bring_back_facts(warehouse: ClickHouse, machine: str, load_id: int, undone_by: int) -> None:
    """Bring back the facts that a load took back."""
    where = "stored.taken_back = {wanted:UInt64}"
    _mark(warehouse, machine, where, _taken_back_by(load_id), undone_by, _brought_back_by(undone_by))


def _taken_back_by(load_id: int) -> int:
    """Return the mark, in the column `taken_back`, of facts that a load took back: it is odd."""
    return 2 * load_id + 1


def _brought_back_by(load_id: int) -> int:
    """Return the mark of facts that a load brought back: it is even, and higher than those of earlier loads."""
    return 2 * load_id


def _mark(warehouse: ClickHouse, machine: str, where: str, wanted: int, load_id: int, taken_back: int) -> None:
    """Write rows anew with another mark; the mark of the later load is the higher one and counts."""
    parameters = {"machine": machine, "wanted": wanted, "load": load_id, "mark": taken_back}
    where = f"stored.machine = {{machine:String}} AND {where}"
    _write_anew(warehouse, where, "{mark:UInt64} AS taken_back", parameters)


def _write_anew(warehouse: ClickHouse, where: str, changes: str, parameters: Mapping[str, object]) -> None:
    """Write rows anew, changed; what a later load wrote counts."""
    for table in FACT_TABLES:
        changed = "{load:UInt64} AS last_load_id"
        if table == "message_facts":
            changed = "{load:UInt64} AS load_id, version - version % pow2 + {load:UInt64} AS version"
        warehouse.insert_selected(
            table,
            (),
            f"WITH toUInt128('{2**64}') AS pow2"  # noqa: S608 - names of ours
            f" SELECT * REPLACE ({changes}, {changed}) FROM {table} AS stored FINAL WHERE {where}",
            parameters,
        )


def count_equal_days(warehouse: ClickHouse, machine: str) -> tuple[int, int]:
    """Return on how many days messages add up to what ccusage shows, and how many days with messages there are."""
    rows = warehouse.rows(
        "SELECT countIf(token_difference = 0), count() FROM ledger_daily WHERE machine = {machine:String}"
        " AND messages > 0",
        {"machine": machine},
    )
    return int(rows[0][0]), int(rows[0][1])


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
    stored, before = {}, {}
    for message, day, timezone in _stored_copies(warehouse, load.machine, ids):
        stored[message.identity] = message
        before[message.identity] = _content(message, load.machine, day, timezone)
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
        content = _content(message, load.machine, _day(message, zone), load.timezone)
        if before.get(identity) != content:
            yield (*content, str(version_of(message, load.load_id)), load.load_id)


def _stored_copies(warehouse: ClickHouse, machine: str, ids: set[int]) -> Iterator[tuple[Message, date, str]]:
    """Return the stored copies of some messages, their days, and in which zone these begin."""
    if len(ids) > MOST_IDS:
        # Most of what is read at first is new, and ids alone are soon read.
        ids = _known_ids(warehouse, "message_facts", "message", machine, ids) & ids
    for row in _rows_of_ids(warehouse, _COPIES, "message", machine, ids):
        stored = dict(zip(_EXPRESSIONS.values(), row, strict=True))
        if stored["message"] in ids:
            yield _stored_message(stored), stored["date"], stored["timezone"]


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


# What is read of a copy, and the names it has in `_stored_message`.
_SAME = (
    "message", "request", "counted_session", "copy", "record", "load_id", "file_order", "position", "first_load_id",
    "taken_back", "is_shown", "counts_in", "other_times", "session_id", "claude_session_id", "project", "branch",
    "model", "speed", "service_tier", "input_tokens", "output_tokens", "cache_creation_5m_tokens",
    "cache_creation_1h_tokens", "cache_read_tokens", "cost_usd", "unpriced", "listed_cost_usd", "stop_reason",
    "is_final", "is_subagent", "agent_id", "texts", "thoughts", "tool_uses", "text_characters", "web_searches",
    "claude_version", "entrypoint", "turn", "timezone", "date",
)  # fmt: skip
_EXPRESSIONS = {"toUnixTimestamp64Milli(at) AS milliseconds": "at", **{name: name for name in _SAME}}
# PREWHERE comes before FINAL, which is right for columns of the key alone: all rows of a copy have the same ones.
_COPIES = f"SELECT {', '.join(_EXPRESSIONS)} FROM message_facts FINAL PREWHERE true"  # noqa: S608 - names of ours


def _stored_message(stored: Mapping[str, Any]) -> Message:
    flags, at = stored["copy"], stored["at"]
    usage = Usage(*(stored[name] for name in Usage._fields))
    return Message(
        message=stored["message"],
        request=stored["request"],
        counted_session=stored["counted_session"],
        record=stored["record"],
        accepted=flags & 3,
        is_sidechain=bool(flags & 4),
        is_nested=bool(flags & 8),
        at=at,
        times=tuple(sorted({at, *(at + other for other in stored["other_times"])})),
        place=(stored["file_order"], stored["position"]),
        usage=usage,
        total_tokens=sum(usage),
        version=stored["claude_version"],
        load_id=stored["load_id"],
        **{name: stored[name] for name in _CARRIED},
    )


_CARRIED = (
    "first_load_id", "taken_back", "is_shown", "counts_in", "session_id", "claude_session_id", "project", "branch",
    "model", "speed", "service_tier", "cost_usd", "unpriced", "listed_cost_usd", "stop_reason", "is_final", "agent_id",
    "texts", "thoughts", "tool_uses", "text_characters", "web_searches", "entrypoint", "turn",
)  # fmt: skip


_MESSAGE_VALUES = ("message", "request", "counted_session", "record", *_CARRIED)
_MESSAGE_COLUMNS = (
    "machine", "date", "timezone", "copy", "at", "other_times", "file_order", "position", "is_subagent",
    "claude_version", *Usage._fields, *_MESSAGE_VALUES, "version", "load_id",
)  # fmt: skip
_message_values: Callable[[Message], Row] = attrgetter(*_MESSAGE_VALUES)


def _content(message: Message, machine: str, day: date, timezone: str) -> Row:
    """Return what a row says of a copy, but for the load that wrote it."""
    _, _, _, flags, _ = message.identity
    return (
        machine,
        day,
        timezone,
        flags,
        _seconds(message.at),
        [time - message.at for time in message.times if time != message.at],
        *message.place,
        message.is_sidechain or message.is_nested,
        message.version,
        *message.usage,
        *_message_values(message),
    )


def _day(message: Message, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(message.at / 1000, zone).date()


_LOADS = ("machine", "first_load_id", "last_load_id")
_CALL_PLACE = ("session_id", "claude_session_id", "project", "turn", "agent_id")
_CALL_VALUES = (
    "call", "tool", "mcp_server", "file", "extension", "message", "is_subagent", "is_error", "is_interrupted",
    "error_class", "lines_added", "lines_removed", "running_ms", "subagent_tokens", "subagent_ms", "started_agent",
)  # fmt: skip
_CALL_COLUMNS = (*_LOADS, "called_at", "answered_at", *_CALL_PLACE, *_CALL_VALUES)
_call_place: Callable[[ToolCall], Row] = attrgetter(*_CALL_PLACE)
_call_values: Callable[[ToolCall], Row] = attrgetter(*_CALL_VALUES)


def _call_row(load: FactsLoad, call: ToolCall) -> Row:
    """Return one half of a call; where it belongs is what the call says, not its result."""
    place = _call_place(call) if call.called_at is not None else ("", "", "", 0, 0)
    return (*_loads(load), _seconds(call.called_at), _seconds(call.answered_at), *place, *_call_values(call))


_TURN_VALUES = (
    "turn", "kind", "command", "is_built_in", "characters", "session_id", "claude_session_id", "project", "branch",
    "permission_mode",
)  # fmt: skip
_TURN_COLUMNS = (*_LOADS, "at", "ended_at", "claude_version", *_TURN_VALUES)
_turn_values: Callable[[Turn], Row] = attrgetter(*_TURN_VALUES)


def _turn_row(load: FactsLoad, turn: Turn) -> Row:
    return (*_loads(load), _seconds(turn.at), _seconds(turn.ended_at), turn.version, *_turn_values(turn))


_EVENT_VALUES = (
    "event", "kind", "detail", "session_id", "claude_session_id", "project", "turn", "tokens_before", "tokens_after",
    "wait_ms",
)  # fmt: skip
_EVENT_COLUMNS = (*_LOADS, "at", "resets_at", *_EVENT_VALUES)
_event_values: Callable[[Event], Row] = attrgetter(*_EVENT_VALUES)


def _event_row(load: FactsLoad, event: Event) -> Row:
    return (*_loads(load), _seconds(event.at), _seconds(event.resets_at), *_event_values(event))


def _loads(load: FactsLoad) -> Row:
    return (load.machine, load.load_id, load.load_id)


def _seconds(milliseconds: int | None) -> str | None:
    """Return an instant as ClickHouse reads it from a text."""
    return None if milliseconds is None else f"{milliseconds // 1000}.{milliseconds % 1000:03}"
