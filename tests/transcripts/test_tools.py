"""Calls of tools and their results in single records."""

from __future__ import annotations

from typing import Any

import pytest

from ccusage_import.names.pseudonyms import Pseudonyms
from ccusage_import.transcripts.facts import ToolCall, number
from ccusage_import.transcripts.naming import Names
from ccusage_import.transcripts.tools import error_class, read_calls, read_results

NAMES = Names(Pseudonyms("salt", is_enabled=False))


def test_calls_are_those_of_tools_that_have_an_id() -> None:
    call = {"type": "tool_use", "id": "c1", "name": "Edit", "input": {"file_path": "/home/ana/a.PY"}}
    blocks = [
        "tool_use", {"type": "text", "id": "c0"}, {**call, "id": ""}, {**call, "id": 7}, call,
        {"type": "server_tool_use", "id": "c2", "name": "mcp__acme__get", "input": {"notebook_path": "b.ipynb"}},
        {"type": "tool_use", "id": "c3", "name": "Bash", "input": "ls"},
    ]  # fmt: skip

    assert list(read_calls(blocks, 1000, 5, NAMES)) == [
        ToolCall(
            call=number("c1"), called_at=1000, tool="Edit", message=5, file=NAMES.always("file", "/home/ana/a.PY"),
            extension="py",
        ),
        ToolCall(
            call=number("c2"), called_at=1000, tool="mcp__acme__get", mcp_server="acme", message=5,
            file=NAMES.always("file", "b.ipynb"), extension="ipynb",
        ),
        ToolCall(call=number("c3"), called_at=1000, tool="Bash", message=5),
    ]  # fmt: skip


def result(told: object = None, **changes: Any) -> ToolCall:
    [found] = read_results([{"type": "tool_result", "tool_use_id": "c1", **changes}], told, 2000)
    return found


def test_results_are_those_of_calls_that_have_an_id() -> None:
    whole = {"type": "tool_result", "tool_use_id": "c1"}
    blocks = ["tool_result", {**whole, "type": "text"}, {**whole, "tool_use_id": ""}, {**whole, "tool_use_id": 7}]

    assert list(read_results([*blocks, whole], None, 2000)) == [ToolCall(call=number("c1"), answered_at=2000)]


def test_what_is_told_is_of_the_only_result() -> None:
    whole = {"type": "tool_result", "tool_use_id": "c1"}
    told = {"durationMs": 7, "interrupted": True}

    assert (result(told).running_ms, result(told).is_interrupted) == (7, True)
    assert [call.running_ms for call in read_results([whole, whole], told, 2000)] == [None, None]
    assert result("7 ms").running_ms is None


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("Exit code 1", "exit_code"),
        ([{"type": "text", "text": "Exit code 1"}], "exit_code"),
        (["Exit code 1", {"type": "image"}, {"text": 7}, {"text": "MCP error -1"}, {"text": "API Error"}], "mcp"),
        ([], "other"),
        (None, "other"),
        (7, "other"),
    ],
)
def test_the_class_of_an_error_is_told_by_its_first_text(content: object, found: str) -> None:
    assert result(content=content, is_error=True).error_class == found
    assert result(content=content).error_class == ""
    assert result(content=content, is_error="yes").is_error is False


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<tool_use_error>Error: File does not exist", "missing"),
        ("Error: ENOENT: no such file", "missing"),
        ("EACCES: permission denied", "os"),
        ("Sibling tool call errored", "sibling"),
        ("[Request interrupted by user", "interrupted"),
        ("This is no Exit code 1", "other"),
        ("", "other"),
        # What stands within the first 300 characters is looked at.
        ("cd in '" + "x" * 266 + "' was blocked. For security", "denied_by_rule"),
        ("cd in '" + "x" * 267 + "' was blocked. For security", "other"),
    ],
)
def test_an_error_begins_with_what_it_is(text: str, found: str) -> None:
    assert error_class(text) == found


def test_an_interrupt_is_told_by_the_text_or_beside_it() -> None:
    text = "[Request interrupted by user for tool use]"
    assert result({}, content=text, is_error=True).is_interrupted is True
    assert result({"interrupted": False}).is_interrupted is False
    assert result({"interrupted": 1}).is_interrupted is False


@pytest.mark.parametrize(
    ("told", "milliseconds"),
    [
        ({"durationMs": 0}, 0),
        ({"durationMs": 2.6}, 3),
        ({"durationMs": -1}, None),
        ({"durationMs": True}, None),
        ({"durationMs": 2**53 - 1}, 9007199254740991),
        ({"durationMs": 2**53}, None),
        ({"durationSeconds": 1.5}, 1500),
        ({"durationSeconds": "2"}, None),
        ({"durationMs": 4, "durationSeconds": 9}, 4),
    ],
)
def test_how_long_a_tool_ran_is_told_in_two_ways(told: dict[str, Any], milliseconds: int | None) -> None:
    assert result(told).running_ms == milliseconds


def test_a_subagent_is_told_with_its_time_and_tokens() -> None:
    totals = {"totalDurationMs": 70, "totalTokens": 900}
    found = result({"agentId": "a", **totals})
    assert (found.started_agent, found.subagent_ms, found.subagent_tokens) == (number("a"), 70, 900)
    for odd in ("", 7, None):
        found = result({"agentId": odd, **totals})
        assert (found.started_agent, found.subagent_ms, found.subagent_tokens) == (0, None, None)


HUNKS = [{"lines": ["+a", "+b", "-c", " d", 7]}, {"lines": "+x"}, "+y", {"lines": ["-e"]}]


@pytest.mark.parametrize(
    ("told", "lines"),
    [
        ({"structuredPatch": HUNKS}, (2, 2)),
        ({"structuredPatch": "+a"}, (0, 0)),
        ({"type": "create", "content": "a\nb\n", "structuredPatch": HUNKS}, (2, 0)),
        ({"type": "create", "content": 7, "structuredPatch": HUNKS}, (2, 2)),
        ({"type": "update", "content": "a\nb\n", "structuredPatch": []}, (0, 0)),
    ],
)
def test_lines_are_those_of_a_patch_or_of_a_new_file(told: dict[str, Any], lines: tuple[int, int]) -> None:
    found = result(told)
    assert (found.lines_added, found.lines_removed) == lines
    failed = result(told, is_error=True)
    assert (failed.lines_added, failed.lines_removed) == (0, 0)
