"""Messages of single records: what is read of them, and what odd values become."""

from __future__ import annotations

from typing import Any

import pytest

from ccusage_import.names.pseudonyms import Pseudonyms
from ccusage_import.transcripts.facts import Message, Usage, number
from ccusage_import.transcripts.messages import Source, find_usage, read_messages
from ccusage_import.transcripts.naming import Names

NAMES = Names(Pseudonyms("salt", is_enabled=False))
SOURCE = Source(session="file", session_id="id of file", project="shop", file=3, agent_id=8, position=40)
AT = 1_777_629_600_000
RECORD: dict[str, Any] = {
    "timestamp": "2026-05-01T10:00:00Z", "sessionId": "s", "requestId": "req", "version": "2.0.14", "uuid": "u",
    "entrypoint": "cli", "gitBranch": "main",
}  # fmt: skip
MESSAGE: dict[str, Any] = {"id": "msg", "model": "opus", "stop_reason": "end_turn"}
USAGE: dict[str, Any] = {
    "input_tokens": 1, "output_tokens": 20, "cache_creation_input_tokens": 300, "cache_read_input_tokens": 4000,
}  # fmt: skip


def read(
    usage: dict[str, Any] | None = None, message: dict[str, Any] | None = None, outer: Any = None, **changes: Any
) -> list[Message]:
    """Return the messages of a record with these changes; None takes a value away."""
    whole = {**RECORD, "message": {**MESSAGE, **(message or {}), "usage": {**USAGE, **(usage or {})}}, **changes}
    record = {name: value for name, value in whole.items() if value is not None}
    found = find_usage(record)
    assert found is not None
    return list(read_messages(record, outer or record, found, 3, SOURCE, NAMES))


def one(usage: dict[str, Any] | None = None, **changes: Any) -> Message:
    [found] = read(usage, **changes)
    return found


def test_all_of_a_message_is_read() -> None:
    usage = {"service_tier": "standard", "speed": "fast", "server_tool_use": {"web_search_requests": 2}}

    assert one(usage, costUSD=0.5, agentId="a", isSidechain=True) == Message(
        message=number("msg"), request=number("req"), counted_session=number("s"), record=0, accepted=3,
        is_sidechain=True, is_nested=False, at=AT, times=(AT,), place=(3, 40), usage=Usage(1, 20, 300, 0, 4000),
        total_tokens=4321, model="opus-fast", speed="fast", listed_cost_usd=0.5, service_tier="standard",
        stop_reason="end_turn", is_final=True, session_id="id of file", claude_session_id="s", project="shop",
        branch=NAMES.always("branch", "main"), version="2.0.14", entrypoint="cli", agent_id=number("a"),
        web_searches=2,
    )  # fmt: skip


def test_what_a_record_does_not_tell_is_empty_or_that_of_its_file() -> None:
    found = one(message={"stop_reason": None}, sessionId=None, version=None, entrypoint=7, gitBranch=None)

    assert (found.counted_session, found.claude_session_id, found.agent_id) == (number("file"), "file", 8)
    assert (found.version, found.entrypoint, found.branch, found.stop_reason) == ("", "", "", "")
    assert (found.is_final, found.is_sidechain, found.speed, found.service_tier) == (False, False, "", "")
    assert (found.listed_cost_usd, found.web_searches, found.texts) == (None, 0, 0)
    assert {one(sessionId=odd).claude_session_id for odd in ("", 7)} == {"file"}
    assert {one(agentId=odd).agent_id for odd in ("", 7)} == {8}
    assert one(isSidechain="yes").is_sidechain is False


def test_a_record_without_an_instant_or_usage_holds_no_message() -> None:
    assert read(timestamp="yesterday") == []
    records: list[dict[str, Any]] = [{"message": {"usage": []}}, {"message": "usage"}, {}]
    assert [find_usage(odd) for odd in records] == [None] * 3


def test_what_a_parent_reports_is_told_by_the_parent() -> None:
    outer = {"sessionId": "parent", "version": "2.0.15", "agentId": "a"}
    found = one(outer=outer)

    assert (found.is_nested, found.claude_session_id, found.version, found.agent_id) == (
        True, "parent", "2.0.15", number("a"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("speed", "model", "shown", "stored"),
    [
        ("fast", "opus", "opus-fast", "fast"),
        ("standard", "opus", "opus", "standard"),
        ("slow", "opus", "opus", ""),
        ("fast", "", "", "fast"),
        ("fast", "<synthetic>", "<synthetic>", "fast"),
        ("fast", None, "", "fast"),
    ],
)
def test_fast_answers_are_of_a_model_of_their_own(speed: str, model: str | None, shown: str, stored: str) -> None:
    found = one({"speed": speed}, message={"model": model})

    assert (found.model, found.speed) == (shown, stored)


@pytest.mark.parametrize(
    ("cost", "listed"),
    [
        (2, 2.0),
        (0, 0.0),
        (-1.5, -1.5),
        (10**15, 1e15),
        (10**15 + 1, None),
        (-(10**15) - 1, None),
        (True, None),
        ("1", None),
    ],
)
def test_a_cost_is_a_number_that_some_answer_may_have(cost: object, listed: float | None) -> None:
    found = one(costUSD=cost).listed_cost_usd
    assert (found, type(found)) == (listed, type(listed))


@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        ({}, (number("msg"), number("req"), 0)),
        ({"requestId": None}, (number("msg"), 0, AT)),
        ({"requestId": ""}, (number("msg"), 0, AT)),
        ({"requestId": 7}, (number("msg"), 0, AT)),
        ({"message": {"id": None}}, (0, 0, number("file/u"))),
        ({"message": {"id": ""}}, (0, 0, number("file/u"))),
        ({"message": {"id": 7}, "uuid": None}, (0, 0, number("file/1777629600000/40"))),
        ({"message": {"id": 7}, "uuid": ""}, (0, 0, number("file/1777629600000/40"))),
        ({"message": {"id": 7}, "uuid": 7}, (0, 0, number("file/1777629600000/40"))),
    ],
)
def test_what_has_no_ids_is_told_apart_by_its_record(changes: dict[str, Any], ids: tuple[int, int, int]) -> None:
    found = one(**changes)
    assert (found.message, found.request, found.record) == ids


def test_advisors_are_messages_of_their_own() -> None:
    advisor = {"type": "advisor_message", "model": "sonnet", "input_tokens": 5, "output_tokens": 6}
    parts = [
        {"type": "message", "model": "opus"}, advisor, {**advisor, "model": ""}, {**advisor, "model": 7}, "advisor",
        {**advisor, "model": "haiku"},
    ]  # fmt: skip
    whole, first, second = read({"iterations": parts, "speed": "fast"}, isSidechain=True)

    assert (whole.message, first.message, second.message) == tuple(
        map(number, ("msg", "msg:advisor:0", "msg:advisor:1"))
    )
    assert first == Message(
        message=number("msg:advisor:0"), request=number("req"), counted_session=number("s"), record=0, accepted=3,
        is_sidechain=True, is_nested=False, at=AT, times=(AT,), place=(3, 40), usage=Usage(5, 6, 0, 0, 0),
        total_tokens=11, model="sonnet", speed="", is_final=True, session_id="id of file", claude_session_id="s",
        project="shop", branch=whole.branch, version="2.0.14", entrypoint="cli", agent_id=8,
    )  # fmt: skip
    assert second.model == "haiku"
    assert len(read({"iterations": advisor})) == 1


@pytest.mark.parametrize(
    ("usage", "written"),
    [
        ({"cache_creation": {"ephemeral_5m_input_tokens": 7, "ephemeral_1h_input_tokens": 8}}, (7, 8)),
        ({"cache_creation": {}}, (0, 0)),
        ({"cache_creation": 5}, (300, 0)),
        ({"cache_creation_input_tokens": -1}, (0, 0)),
        ({"cache_creation_input_tokens": True}, (0, 0)),
        ({"cache_creation_input_tokens": 1.0}, (0, 0)),
        ({"cache_creation_input_tokens": 1}, (1, 0)),
        ({"cache_creation_input_tokens": 18446744073709551615}, (18446744073709551615, 0)),
        ({"cache_creation_input_tokens": 18446744073709551616}, (0, 0)),
    ],
)
def test_where_cache_writes_are_split_the_split_alone_counts(usage: dict[str, Any], written: tuple[int, int]) -> None:
    found = one(usage)
    assert found.usage == (1, 20, *written, 4000)
    assert found.total_tokens == 4021 + sum(written)


def test_web_searches_are_counted_where_they_are_told() -> None:
    assert one({"server_tool_use": [2]}).web_searches == 0
    assert one({"server_tool_use": {"web_search_requests": -2}}).web_searches == 0


def test_the_parts_of_an_answer_are_counted() -> None:
    text = {"type": "text", "text": "eight ch"}
    content = [
        text, text, {"type": "text"}, {"type": "text", "text": 7}, {"type": "thinking"}, {"type": "redacted_thinking"},
        {"type": "tool_use"}, {"type": "server_tool_use"}, {"type": "tool_use"}, {"type": "image"}, {}, "text", 7,
    ]  # fmt: skip
    found = one(message={"content": content})
    assert (found.texts, found.text_characters, found.thoughts, found.tool_uses) == (4, 16, 2, 3)
    assert one(message={"content": "text"}).texts == 0
