"""Prompts and events of single records."""

from __future__ import annotations

from typing import Any

import pytest

from ccusage_import.names.pseudonyms import Pseudonyms
from ccusage_import.transcripts.facts import Event, Turn, number
from ccusage_import.transcripts.naming import Names
from ccusage_import.transcripts.prompts import (
    first_text,
    read_api_error,
    read_interrupt,
    read_mode,
    read_prompt,
    read_system,
)

NAMES = Names(Pseudonyms("salt", is_enabled=False))
TEXT = {"type": "text", "text": "hello"}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("hello", "hello"),
        ("", ""),
        ([TEXT, {"type": "text", "text": "more"}], "hello"),
        (["hello", {"type": "image"}, {"type": "text", "text": 7}, TEXT], "hello"),
        ([{"type": "image", "text": "of an image"}], ""),
        ([TEXT, {"type": "tool_result"}], None),
        ([{"type": "tool_result"}, TEXT], None),
        ([], None),
        (["hello"], None),
        (None, None),
        (7, None),
    ],
)
def test_the_first_text_of_a_user(content: object, text: str | None) -> None:
    assert first_text(content) == text


def prompt(text: str = "hello", **changes: Any) -> Turn | None:
    return read_prompt({"uuid": "u", **changes}, text, 1000, NAMES)


def typed(text: str, **changes: Any) -> Turn:
    found = prompt(text, **changes)
    assert found is not None
    return found


def test_a_prompt_is_what_a_human_typed() -> None:
    assert prompt(permissionMode="plan") == Turn(
        turn=number("u"), at=1000, ended_at=1000, kind="text", characters=5, permission_mode="plan"
    )
    for mark in ("isSidechain", "isMeta", "isCompactSummary"):
        assert read_prompt({"uuid": "u", mark: True}, "hello", 1000, NAMES) is None
        assert read_prompt({"uuid": "u", mark: "yes"}, "hello", 1000, NAMES) == prompt()
    assert prompt(origin={"kind": "hook"}) is None
    assert prompt(origin={"kind": "human"}) == prompt(origin={}) == prompt(origin="hook") == prompt()
    assert prompt(uuid="") is prompt(uuid=7) is None
    assert prompt("<bash-stdout>done") is prompt("[Request interrupted by user]") is None


@pytest.mark.parametrize(
    ("text", "kind", "command", "is_built_in"),
    [
        ("<command-name>/clear</command-name>", "command", "/clear", True),
        ("<command-message>x</command-message>\n<command-name> /deploy </command-name>", "command", "/deploy", False),
        ("<command-name></command-name>", "command", "", False),
        ("<bash-input>ls</bash-input>", "bash", "", False),
        ("see <bash-input>", "text", "", False),
    ],
)
def test_a_prompt_is_a_text_a_command_or_one_of_the_shell(
    text: str, kind: str, command: str, *, is_built_in: bool
) -> None:
    found = typed(text)
    assert (found.kind, found.command, found.is_built_in) == (kind, command, is_built_in)
    assert found.characters == len(text)


def test_events_are_named_by_their_record_or_by_when_they_were() -> None:
    text = "[Request interrupted by user for tool use]"
    for uuid, of_record in (("u", "u"), ("", "s/1000"), (7, "s/1000")):
        assert read_interrupt({"uuid": uuid, "sessionId": "s"}, text, 1000) == Event(
            event=number(f"interrupt/{of_record}"), kind="interrupt", at=1000, detail="tool_use"
        )
    answer = read_interrupt({}, "[Request interrupted by user]", 1000)
    assert answer is not None
    assert answer.detail == "answer"
    assert read_interrupt({}, "what is [Request interrupted by user]?", 1000) is None


def test_the_mode_of_a_prompt_is_an_event() -> None:
    found = read_mode({"uuid": "u", "permissionMode": "plan"}, 1000)
    assert found == Event(event=number("permission_mode/u"), kind="permission_mode", at=1000, detail="plan")
    assert read_mode({"uuid": "u"}, 1000) is None


def failed(text: str = "", **changes: Any) -> tuple[str, str, int | None]:
    """Return kind and detail of an error of the API, and when a limit is lifted."""
    found = read_api_error({"uuid": "u", "isApiErrorMessage": True, **changes}, text, 1000)
    assert found is not None
    return found.kind, found.detail, found.resets_at


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"quotaLimits": {"status": "rejected", "rateLimitType": "five_hour", "resetsAt": 1777629600}},
         ("limit", "five_hour", 1777629600000)),
        ({"quotaLimits": {"status": "rejected", "resetsAt": "soon"}}, ("limit", "", None)),
        ({"quotaLimits": {"status": "rejected", "resetsAt": 0}}, ("limit", "", None)),
        ({"quotaLimits": {"status": "rejected", "resetsAt": 1}}, ("limit", "", 1000)),
        ({"quotaLimits": {"status": "rejected", "resetsAt": True}}, ("limit", "", None)),
        ({"quotaLimits": {"status": "rejected", "resetsAt": 9999999999}}, ("limit", "", 9999999999000)),
        ({"quotaLimits": {"status": "rejected", "resetsAt": 10000000000}}, ("limit", "", None)),
        ({"quotaLimits": {"status": "allowed"}}, ("api_error", "request", None)),
        ({"quotaLimits": "rejected"}, ("api_error", "request", None)),
        ({"text": "Claude AI usage limit reached|1777629600"}, ("limit", "", 1777629600000)),
        ({"text": "5-hour limit reached ∙ resets 3pm"}, ("limit", "", None)),
        ({"text": "No usage limit reached|1777629600"}, ("api_error", "request", None)),
        ({"apiErrorStatus": 529}, ("api_error", "overloaded", None)),
        ({"apiErrorStatus": 500}, ("api_error", "server", None)),
        ({"apiErrorStatus": 499}, ("api_error", "request", None)),
        ({"apiErrorStatus": 401}, ("api_error", "auth", None)),
        ({"apiErrorStatus": 403}, ("api_error", "auth", None)),
        ({"apiErrorStatus": 429}, ("api_error", "rate_limit", None)),
        ({"apiErrorStatus": "529", "text": "API Error: 503 none"}, ("api_error", "server", None)),
        ({"apiErrorStatus": True, "text": "API Error: 503 none"}, ("api_error", "server", None)),
        ({"apiErrorStatus": 401, "text": "API Error: 503 none"}, ("api_error", "auth", None)),
        ({"text": "x" * 96 + " 503"}, ("api_error", "server", None)),
        ({"text": "x" * 97 + " 503"}, ("api_error", "request", None)),
        ({"error": "billing_error"}, ("api_error", "billing", None)),
        ({"error": "unheard", "text": "Prompt is too long"}, ("api_error", "too_long", None)),
        ({"error": ["billing_error"], "text": "Credit balance is too low"}, ("api_error", "billing", None)),
        ({"text": "Connection error."}, ("api_error", "connection", None)),
        ({"text": "read ECONNRESET"}, ("api_error", "connection", None)),
        ({"text": "x" * 95 + "ECONN"}, ("api_error", "connection", None)),
        ({"text": "x" * 96 + "ECONN"}, ("api_error", "request", None)),
        ({"text": "x" * 91 + "onnection"}, ("api_error", "connection", None)),
        ({"text": "x" * 92 + "onnection"}, ("api_error", "request", None)),
    ],
)  # fmt: skip
def test_an_error_of_the_api_has_a_class(changes: dict[str, Any], found: tuple[str, str, int | None]) -> None:
    assert failed(**changes) == found


def test_an_answer_is_no_error_unless_it_says_so() -> None:
    assert read_api_error({"uuid": "u"}, "API Error", 1000) is None
    assert failed(isApiErrorMessage=True) == ("api_error", "request", None)
    assert read_api_error({"isApiErrorMessage": True}, None, 1000) is not None


def system(**record: Any) -> Event:
    found = read_system({"uuid": "u", **record}, 1000)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"trigger": "auto", "preTokens": 9000, "postTokens": 800}, ("auto", 9000, 800)),
        ({"trigger": "auto", "preTokens": 0, "postTokens": -1}, ("auto", 0, None)),
        ({"preTokens": True, "postTokens": 1.5}, ("", None, None)),
        ({"preTokens": 9223372036854775807, "postTokens": 9223372036854775808}, ("", 9223372036854775807, None)),
        ("auto", ("", None, None)),
    ],
)
def test_a_compaction_tells_tokens_before_and_after(told: object, found: tuple[object, ...]) -> None:
    made = system(subtype="compact_boundary", compactMetadata=told)
    assert (made.kind, made.detail, made.tokens_before, made.tokens_after) == ("compaction", *found)


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"trigger": "auto", "preTokens": 9000, "tokensSaved": 800}, ("auto", 9000, 8200)),
        ({"preTokens": 700, "tokensSaved": 800}, ("", 700, 0)),
        ({"preTokens": 700}, ("", 700, None)),
        ({"tokensSaved": 700}, ("", None, None)),
        ("auto", ("", None, None)),
    ],
)
def test_a_small_compaction_tells_what_it_saved(told: object, found: tuple[object, ...]) -> None:
    made = system(subtype="microcompact_boundary", microcompactMetadata=told)
    assert (made.kind, made.detail, made.tokens_before, made.tokens_after) == ("microcompaction", *found)


@pytest.mark.parametrize(
    ("wait", "found"),
    [(0, 0.0), (1.5, 1.5), (2**53 - 1, 9007199254740991.0), (2**53, None), (-1, None), ("1", None), (None, None)],
)
def test_a_retry_tells_how_long_it_waits(wait: object, found: float | None) -> None:
    assert system(subtype="api_error", retryInMs=wait).wait_ms == found


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"error": {"status": 529}}, "529"),
        ({"error": {"status": "529"}}, ""),
        ({"error": {"status": True}}, ""),
        ({"error": {"cause": {"code": "ECONNRESET"}}}, "ECONNRESET"),
        ({"cause": {"code": "EPIPE"}, "error": {"cause": {"code": "ECONNRESET"}}}, "EPIPE"),
        ({"cause": "EPIPE"}, ""),
        ({"error": "overloaded"}, ""),
    ],
)
def test_a_retry_tells_its_reason(record: dict[str, Any], reason: str) -> None:
    made = system(subtype="api_error", **record)
    assert (made.kind, made.detail) == ("retry", reason)


def test_other_records_of_the_program_tell_nothing() -> None:
    assert read_system({"uuid": "u", "subtype": "informational"}, 1000) is None
