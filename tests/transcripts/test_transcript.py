"""One transcript line by line: which facts its records make, and which turn they belong to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import reduce
from operator import getitem
from typing import Any

import pytest

from ccusage_import.names.pseudonyms import Pseudonyms
from ccusage_import.transcripts.facts import Event, Facts, Message, ToolCall, Usage, number
from ccusage_import.transcripts.messages import Source
from ccusage_import.transcripts.naming import Names
from ccusage_import.transcripts.transcript import Transcript, resolve_turns

NAMES = Names(Pseudonyms("salt", is_enabled=False))
AT = 1_777_629_600_000
PROMPT: dict[str, Any] = {
    "type": "user", "uuid": "p1", "timestamp": "2026-05-01T10:00:00Z", "sessionId": "s", "version": "2.0.14",
    "gitBranch": "main", "message": {"content": "hello"},
}  # fmt: skip
USAGE = {"input_tokens": 1, "output_tokens": 2}
CALL = {"type": "tool_use", "id": "c1", "name": "Bash", "input": {}}
ANSWER: dict[str, Any] = {
    "type": "assistant", "timestamp": "2026-05-01T10:00:05Z", "sessionId": "s", "version": "2.0.14", "requestId": "r",
    "message": {"id": "m1", "model": "opus", "usage": USAGE, "content": [CALL]},
}  # fmt: skip
RESULT: dict[str, Any] = {
    "type": "user", "uuid": "x1", "timestamp": "2026-05-01T10:00:09Z", "sessionId": "s",
    "message": {"content": [{"type": "tool_result", "tool_use_id": "c1"}]}, "toolUseResult": {"durationMs": 70},
}  # fmt: skip


ANYTHING: tuple[Any, ...] = (None, True, -1, 0.5, 2**64, "", "\0", [], [[]], {}, {"a": []})


def transcript(**state: Any) -> tuple[Transcript, Facts]:
    facts = Facts()
    source = Source(session="file", session_id="id of file", project="shop", file=3, agent_id=8)
    return Transcript(source, NAMES, facts, **state), facts


def read(*records: dict[str, Any] | str, **state: Any) -> tuple[Transcript, Facts]:
    """Read records at the positions 0, 100 and so on."""
    reading, facts = transcript(**state)
    for place, record in enumerate(records):
        line = record if isinstance(record, str) else json.dumps(record, separators=(",", ":"))
        reading.read(line.encode(), 100 * place)
    return reading, facts


def test_a_prompt_begins_a_turn_to_which_all_that_follows_belongs() -> None:
    reading, facts = read(PROMPT, ANSWER, RESULT)
    reading.finish()

    turn = number("p1")
    [message] = facts.messages.values()
    [call, result] = facts.tool_calls
    [prompt, end] = facts.turns
    assert (reading.turn, message.turn, call.turn, result.turn, prompt.turn, end.turn) == (turn,) * 6
    assert (message.place, message.accepted, reading.numbers) == ((3, 100), 3, {number("m1")})
    assert (prompt.at, prompt.kind, prompt.version, prompt.branch) == (
        AT, "text", "2.0.14", NAMES.always("branch", "main"),
    )  # fmt: skip
    assert (end.at, end.ended_at, end.kind) == (None, AT + 9000, "")
    assert (call.called_at, call.message, call.tool) == (AT + 5000, number("m1"), "Bash")
    assert (result.answered_at, result.running_ms) == (AT + 9000, 70)
    for fact in (call, result, prompt):
        assert (fact.session_id, fact.claude_session_id, fact.project) == ("id of file", "s", "shop")
    assert (call.agent_id, call.is_subagent) == (8, False)
    assert (facts.lines, facts.bad_lines, facts.unknown, facts.events) == (3, {}, {}, [])


def test_a_turn_is_said_to_end_once_and_with_its_last_record() -> None:
    earlier = {**ANSWER, "timestamp": "2026-05-01T09:00:00Z"}
    reading, facts = read(PROMPT, ANSWER, earlier, {"type": "progress", "timestamp": "2026-05-01T10:01:00Z"}, turn=5)
    reading.finish()
    reading.finish()
    assert [(turn.turn, turn.ended_at) for turn in facts.turns[1:]] == [(number("p1"), AT + 60_000)]

    # What stands before the first prompt belongs to the turn that was read last.
    reading, facts = read(ANSWER, {"type": "system", "timestamp": "2026-05-01T11:00:00Z"}, {"type": "user"}, turn=5)
    reading.finish()
    assert [(turn.turn, turn.ended_at) for turn in facts.turns] == [(5, AT + 5000)]


def test_a_record_belongs_to_the_prompt_that_is_its_parent() -> None:
    second = {**PROMPT, "uuid": "p2"}
    late, other = {**ANSWER, "parentUuid": "p1"}, {**ANSWER, "requestId": "r2", "parentUuid": "a1"}

    _, facts = read(PROMPT, second, late, other)

    assert [message.turn for message in facts.messages.values()] == [number("p1"), number("p2")]
    assert [call.turn for call in facts.tool_calls] == [number("p1"), number("p2")]


def nested(**record: Any) -> dict[str, Any]:
    return {
        "type": "progress", "timestamp": "2026-05-01T10:00:06Z", "sessionId": "s", "version": "2.0.14",
        "data": {"agentId": "a", "message": record},
    }  # fmt: skip


def test_an_exchange_needs_an_instant_and_a_message() -> None:
    for odd in ({"timestamp": "never"}, {"message": "hello"}, {"message": None}):
        _, facts = read({**PROMPT, **odd}, {**RESULT, **odd}, {**ANSWER, **odd})
        assert (facts.turns, facts.tool_calls, facts.events, facts.messages) == ([], [], [], {})


@pytest.mark.parametrize("odd", [None, "", 7])
def test_a_call_of_a_message_without_an_id_is_of_none(odd: object) -> None:
    _, facts = read({**ANSWER, "message": {**ANSWER["message"], "id": odd}})
    assert [call.message for call in facts.tool_calls] == [0]


def test_what_a_subagent_did_is_told_by_its_parent() -> None:
    inner = {name: ANSWER[name] for name in ("type", "timestamp", "requestId", "message")}
    prompt = {"type": "user", "uuid": "n1", "timestamp": "2026-05-01T10:00:05Z", "message": {"content": "do it"}}

    _, facts = read(PROMPT, nested(**inner), nested(**prompt), nested(type="assistant", timestamp="never"))

    [message], [call], [turn] = facts.messages.values(), facts.tool_calls, facts.turns
    assert (message.is_nested, message.accepted, message.turn) == (True, 1, number("p1"))
    assert (call.is_subagent, call.agent_id, call.turn) == (True, number("a"), number("p1"))
    # What its parent asks it is no prompt.
    assert turn.turn == number("p1")
    assert facts.unknown == {}


def test_calls_of_a_file_of_a_subagent_are_its_own() -> None:
    _, facts = read({**ANSWER, "isSidechain": True, "agentId": "a", "sessionId": 7})
    [call] = facts.tool_calls
    assert (call.is_subagent, call.agent_id, call.claude_session_id) == (True, number("a"), "file")


def places_in(value: Any, *above: Any) -> Iterator[tuple[Any, ...]]:
    """Yield where there is something in a document: names and numbers from its top."""
    for name, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*above, name)
        yield from places_in(part, *above, name)


def test_whatever_is_anywhere_in_a_record_it_is_read() -> None:
    system = {
        "type": "system", "subtype": "compact_boundary", "uuid": "y1", "timestamp": "2026-05-01T10:00:08Z",
        "compactMetadata": {"trigger": "auto", "preTokens": 1},
    }  # fmt: skip
    attachment = {
        "type": "attachment", "uuid": "a1", "timestamp": "2026-05-01T10:00:08Z",
        "attachment": {"type": "mcp_instructions_delta", "addedNames": ["shop"], "addedBlocks": ["sells"]},
    }  # fmt: skip
    nested = {"type": "progress", "timestamp": "2026-05-01T10:00:08Z", "data": {"message": ANSWER}}
    for record in (PROMPT, {**PROMPT, "permissionMode": "plan"}, ANSWER, RESULT, system, attachment, nested):
        for *above, last in places_in(record):
            for odd in ANYTHING:
                changed = json.loads(json.dumps(record))
                reduce(getitem, above, changed)[last] = odd

                _, facts = read(changed)

                assert (facts.lines, facts.bad_lines) == (1, {}), changed
    assert read({"type": []}, {"type": {}}, {"type": "brand-new"})[1].unknown == {"other": 2, "brand-new": 1}


def test_errors_modes_and_interrupts_are_events_of_their_turn() -> None:
    planned, again = {**PROMPT, "permissionMode": "plan"}, {**PROMPT, "uuid": "p2", "permissionMode": "plan"}
    error = {**ANSWER, "isApiErrorMessage": True, "message": {"content": "API Error: 529"}}
    system = {"type": "system", "subtype": "compact_boundary", "uuid": "y1", "timestamp": "2026-05-01T10:00:08Z"}
    stop = {**PROMPT, "uuid": "i1", "message": {"content": "[Request interrupted by user]"}}

    reading, facts = read(planned, error, again, system, stop, {**system, "timestamp": "never"})

    first, second = number("p1"), number("p2")
    assert [(event.kind, event.detail, event.turn) for event in facts.events] == [
        ("permission_mode", "plan", first),
        ("api_error", "overloaded", first),
        ("compaction", "", second),
        ("interrupt", "answer", second),
    ]
    assert (reading.mode, facts.events[0].claude_session_id, facts.events[0].project) == ("plan", "s", "shop")
    assert read(planned, mode="plan")[1].events == []
    assert [event.detail for event in read(planned, mode="default")[1].events] == ["plan"]


def test_servers_are_events_of_attachments() -> None:
    told = {"type": "mcp_instructions_delta", "addedNames": ["acme"], "addedBlocks": ["x" * 40]}
    record = {"type": "attachment", "uuid": "t1", "timestamp": "2026-05-01T10:00:08Z", "attachment": told}

    _, facts = read(PROMPT, record, {**record, "timestamp": None})

    assert [(event.kind, event.detail, event.turn) for event in facts.events] == [
        ("mcp_instructions", "acme", number("p1"))
    ]
    assert facts.unknown == {}


@pytest.mark.parametrize(
    ("line", "is_whole", "bad", "unknown"),
    [
        ('{"type":"summary"}', True, {}, {}),
        ('{"type":"unheard"}', True, {}, {"unheard": 1}),
        ('{"type":"unheard","timestamp":"2026-05-01T10:00:00Z"}', True, {}, {"unheard": 1}),
        ('{"type":"what is this?"}', True, {}, {"other": 1}),
        ("{}", True, {}, {"other": 1}),
        ('{"message":{"usage":{}}}', True, {}, {}),
        ("[]", True, {"not_object": 1}, {}),
        ("{", False, {"not_json": 1}, {}),
        ("{}{}", True, {"joined": 1}, {"other": 2}),
        # Most lines are not even read.
        ('{"data":{"type":"bash_progress"', True, {}, {}),
        ('{"data":{"type":"hook_progress"', True, {}, {}),
        ('{"type":"file-history-snapshot"', True, {}, {}),
        (' {"type":"file-history-snapshot"', False, {"not_json": 1}, {}),
    ],
)
def test_lines_that_make_no_fact_are_counted_where_they_are_odd(
    line: str, bad: dict[str, int], unknown: dict[str, int], *, is_whole: bool
) -> None:
    reading, facts = transcript()
    assert reading.read(line.encode(), 0) is is_whole
    assert (facts.lines, facts.bad_lines, facts.unknown, facts.messages) == (1, bad, unknown, {})


def test_what_has_no_prompt_gets_the_turn_of_who_started_it_or_of_its_time() -> None:
    def message(at: int, agent: int = 0, turn: int = 0) -> Message:
        made = Message(
            message=at, request=0, counted_session=0, record=0, accepted=3, is_sidechain=False, is_nested=False, at=at,
            times=(at,), place=(0, 0), usage=Usage(0, 0, 0, 0, 0), total_tokens=0, model="", speed="",
            claude_session_id="s", agent_id=agent, turn=turn,
        )  # fmt: skip
        facts.add(made)
        return made

    facts = Facts()
    known, started, before, at, between, after = (
        message(35, agent=7, turn=9), message(36, agent=7), message(9), message(10), message(19), message(99),
    )  # fmt: skip
    calls = [
        ToolCall(call=1, called_at=15, answered_at=25, claude_session_id="s"),
        ToolCall(call=2, answered_at=25, claude_session_id="s"),
        ToolCall(call=3, claude_session_id="s"),
        ToolCall(call=4, called_at=15, claude_session_id="other"),
        # At no time: it is later than no prompt.
        ToolCall(call=5, claude_session_id="first"),
    ]
    event = Event(event=1, kind="limit", at=20, claude_session_id="s")
    facts.tool_calls += calls
    facts.events.append(event)

    resolve_turns(facts, {"s": [(10, 1), (20, 2)], "first": [(1, 3)]}, {7: 5, 0: 0})

    assert [one.turn for one in (known, started, before, at, between, after)] == [9, 5, 0, 1, 1, 2]
    assert [call.turn for call in calls] == [1, 2, 0, 0, 0]
    assert event.turn == 2
