"""Tool calls and their results in records. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ccusage_import.transcripts.facts import ToolCall, number
from ccusage_import.transcripts.naming import Names, extension

Record = dict[str, Any]
# The class of an error by how its text begins; what is not listed is `other`.
_ERROR_CLASSES = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("exit_code", r"Exit code \d"),
        ("denied_by_user", r"The user doesn't want to (?:proceed with this tool use|take this action right now)"),
        (
            "denied_by_rule",
            (
                r"Permission to use |Permission for this tool use was denied|Claude requested permissions to "
                r"|This command requires approval|This Bash command contains multiple operations"
                r"|\w+ in '[^']*' was blocked\. For security"
            ),
        ),
        ("missing", r"(?:File|Path|Directory) does not exist|File not found|ENOENT"),
        ("sibling", r"Sibling tool call errored|Cancelled: parallel tool call"),
        ("no_match", r"String to replace not found in file"),
        ("many_matches", r"Found \d+ matches of the string to replace"),
        ("no_change", r"No changes to make"),
        ("not_read", r"File has not been read yet"),
        ("changed_since_read", r"File has been modified since read"),
        ("too_large", r"File content \([^)]*\) exceeds maximum|Output too large|result \([^)]*\) exceeds"),
        ("os", r"E[A-Z]{3,}\b"),
        ("unknown_name", r"Unknown skill|Agent type '[^']*' not found|No task found"),
        ("unknown_tool", r"No such tool available"),
        ("bad_input", r"InputValidationError"),
        ("http", r"Request failed with status code \d"),
        ("timeout", r"Command timed out"),
        ("interrupted", r"\[Request interrupted by user"),
        ("hook", r"\w+:\w+ hook error"),
        ("mcp", r"MCP error -?\d"),
        ("api", r"API Error"),
    )
)
_LEADING = re.compile(r"(?:<tool_use_error>)?(?:Error: )?")
# What is looked at of an error's text.
_START = 300


def read_calls(blocks: list[Any], at: int, message: int, names: Names) -> Iterator[ToolCall]:
    """Return the calls of a message."""
    for block in blocks:
        if not isinstance(block, dict) or block.get("type") not in ("tool_use", "server_tool_use"):
            continue
        call = block.get("id")
        if not isinstance(call, str) or not call:
            continue
        tool, server = names.tool(block.get("name"))
        given = block.get("input")
        path = (given.get("file_path") or given.get("notebook_path")) if isinstance(given, dict) else None
        yield ToolCall(
            call=number(call),
            called_at=at,
            tool=tool,
            mcp_server=server,
            message=message,
            file=names.always("file", path),
            extension=extension(path),
        )


def read_results(blocks: list[Any], told: object, at: int) -> Iterator[ToolCall]:
    """Return the results that a record holds; `told` is what Claude Code says of the only one."""
    results = [block for block in blocks if isinstance(block, dict) and block.get("type") == "tool_result"]
    for block in results:
        call = block.get("tool_use_id")
        if not isinstance(call, str) or not call:
            continue
        made = ToolCall(call=number(call), answered_at=at, is_error=block.get("is_error") is True)
        if made.is_error:
            made.error_class = error_class(_text(block.get("content")))
        made.is_interrupted = made.error_class == "interrupted"
        if isinstance(told, dict) and len(results) == 1:
            _add_told(made, told)
        yield made


def error_class(text: str) -> str:
    """Return the class of an error by how its text begins."""
    start = text[:_START]
    leading = _LEADING.match(start)
    start = start[leading.end() :] if leading else start
    return next((name for name, pattern in _ERROR_CLASSES if pattern.match(start)), "other")


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    for block in content if isinstance(content, list) else ():
        if isinstance(block, dict) and isinstance(block.get("text"), str):
            return str(block["text"])
    return ""


def _add_told(made: ToolCall, told: Record) -> None:
    made.is_interrupted = made.is_interrupted or told.get("interrupted") is True
    made.running_ms = _milliseconds(told.get("durationMs"))
    seconds = told.get("durationSeconds")
    if made.running_ms is None and isinstance(seconds, int | float):
        made.running_ms = _milliseconds(seconds * 1000)
    if isinstance(agent := told.get("agentId"), str) and agent:
        made.started_agent = number(agent)
        made.subagent_ms = _milliseconds(told.get("totalDurationMs"))
        made.subagent_tokens = _milliseconds(told.get("totalTokens"))
    if not made.is_error:
        made.lines_added, made.lines_removed = _changed_lines(told)


def _changed_lines(told: Record) -> tuple[int, int]:
    patch, content = told.get("structuredPatch"), told.get("content")
    if told.get("type") == "create" and isinstance(content, str):
        return len(content.splitlines()), 0
    added = removed = 0
    for hunk in patch if isinstance(patch, list) else ():
        lines = hunk.get("lines") if isinstance(hunk, dict) else None
        for line in lines if isinstance(lines, list) else ():
            if isinstance(line, str):
                added += line.startswith("+")
                removed += line.startswith("-")
    return added, removed


def _milliseconds(value: object) -> int | None:
    return (
        round(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**53 else None
    )
