"""Prompts, and what happens to a session, in records. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import replace
from typing import Any

from ccusage_import.transcripts.facts import Event, Turn, number
from ccusage_import.transcripts.naming import Names, word

Record = dict[str, Any]
# How a user's record begins that no human typed.
_NOT_TYPED = (
    "<local-command-stdout>",
    "<local-command-stderr>",
    "<local-command-caveat>",
    "<bash-stdout>",
    "<bash-stderr>",
    "<task-notification>",
    "<system-reminder>",
    "<user-prompt-submit-hook>",
    "<teammate-message",
    "Caveat: The messages below",
    "[Request interrupted by user",
    "Stop hook feedback:",
)
_COMMAND = re.compile(r"<command-name>\s*([^<\s]+)")
_INTERRUPT = re.compile(r"\[Request interrupted by user( for tool use)?\]")
_LIMIT = re.compile(
    r"Claude AI usage limit reached\|(\d{9,11})|[\w-]+ limit reached\b.*resets|You've hit your .{1,40} limit\b"
)
_STATUS = re.compile(r"\b([345]\d\d)\b")
_API_ERRORS = {
    "authentication_failed": "auth",
    "oauth_org_not_allowed": "auth",
    "account_on_hold": "auth",
    "verification_required": "auth",
    "cloud_credential_error": "auth",
    "billing_error": "billing",
    "rate_limit": "rate_limit",
    "overloaded": "overloaded",
    "server_error": "server",
    "max_output_tokens": "too_long",
    "invalid_request": "request",
    "model_not_found": "request",
}


# What puts MCP servers into the context, and where its names and the texts that belong to them stand.
_LISTED = {
    "deferred_tools_delta": ("mcp_tools", "addedLines"),
    "mcp_instructions_delta": ("mcp_instructions", "addedBlocks"),
}
# English text and code take about as many; no transcript tells the tokens themselves.
CHARACTERS_OF_A_TOKEN = 4


def first_text(content: object) -> str | None:
    """Return the text of a user's content; empty for an image alone, None where it is a tool's result or nothing."""
    if isinstance(content, str):
        return content
    blocks = [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
    if not blocks or any(block.get("type") == "tool_result" for block in blocks):
        return None
    texts = (block.get("text") for block in blocks if block.get("type") == "text")
    return next((text for text in texts if isinstance(text, str)), "")


def read_prompt(record: Record, text: str, at: int, names: Names) -> Turn | None:
    """Return the turn that a user's record begins; None where no human typed it."""
    if record.get("isSidechain") is True or record.get("isMeta") is True or record.get("isCompactSummary") is True:
        return None
    origin, uuid = record.get("origin"), record.get("uuid")
    if isinstance(origin, dict) and origin.get("kind", "human") != "human":
        return None
    if not isinstance(uuid, str) or not uuid or text.startswith(_NOT_TYPED):
        return None
    made = Turn(turn=number(uuid), at=at, ended_at=at, kind="text", characters=len(text))
    if text.startswith(("<command-name>", "<command-message>")):
        made.kind = "command"
        found = _COMMAND.search(text)
        made.command, made.is_built_in = names.command(found[1]) if found else ("", False)
    elif text.startswith("<bash-input>"):
        made.kind = "bash"
    made.permission_mode = word(record.get("permissionMode"))
    return made


def read_interrupt(record: Record, text: str, at: int) -> Event | None:
    """Return the interrupt that a user's record reports."""
    found = _INTERRUPT.match(text)
    return _event(record, "interrupt", at, "tool_use" if found[1] else "answer") if found else None


def read_mode(record: Record, at: int) -> Event | None:
    """Return the permission mode of a prompt."""
    mode = word(record.get("permissionMode"))
    return _event(record, "permission_mode", at, mode) if mode else None


def read_api_error(record: Record, content: object, at: int) -> Event | None:
    """Return the error of the API, or the limit that was hit, that an answer reports."""
    if record.get("isApiErrorMessage") is not True:
        return None
    text = first_text(content) or ""
    quota, limit = record.get("quotaLimits"), _LIMIT.match(text)
    if isinstance(quota, dict) and quota.get("status") == "rejected":
        made = _event(record, "limit", at, word(quota.get("rateLimitType")))
        made.resets_at = _epoch(quota.get("resetsAt"))
        return made
    if limit:
        made = _event(record, "limit", at)
        made.resets_at = _epoch(int(limit[1])) if limit[1] else None
        return made
    return _event(record, "api_error", at, _error_class(record, text))


def read_system(record: Record, at: int) -> Event | None:
    """Return what a record of the program itself reports."""
    subtype = record.get("subtype")
    if subtype == "compact_boundary":
        told = record.get("compactMetadata")
        told = told if isinstance(told, dict) else {}
        made = _event(record, "compaction", at, word(told.get("trigger")))
        made.tokens_before, made.tokens_after = _tokens(told.get("preTokens")), _tokens(told.get("postTokens"))
        return made
    if subtype == "microcompact_boundary":
        told = record.get("microcompactMetadata")
        told = told if isinstance(told, dict) else {}
        made = _event(record, "microcompaction", at, word(told.get("trigger")))
        made.tokens_before, saved = _tokens(told.get("preTokens")), _tokens(told.get("tokensSaved"))
        if made.tokens_before is not None and saved is not None:
            made.tokens_after = max(0, made.tokens_before - saved)
        return made
    if subtype == "api_error":
        made = _event(record, "retry", at, _retry_reason(record))
        wait = record.get("retryInMs")
        made.wait_ms = float(wait) if isinstance(wait, int | float) and 0 <= wait < 2**53 else None
        return made
    return None


def read_servers(record: Record, at: int, names: Names) -> list[Event]:
    """Return which MCP servers an attachment of the session itself puts into the context, each with its tokens there.

    Recent versions of Claude Code list the tools that they describe only when they are asked for, and the instructions
    of servers; tools that are described from the start are in no transcript.
    """
    told = record.get("attachment")
    kind, of_texts = _LISTED.get(word(told.get("type")), ("", "")) if isinstance(told, dict) else ("", "")
    if not isinstance(told, dict) or not kind or record.get("isSidechain") is True:
        return []
    listed, texts = _strings(told.get("addedNames")), _strings(told.get(of_texts))
    characters = Counter[str]()
    for name, text in zip(listed, texts if len(texts) == len(listed) else listed, strict=True):
        server = names.server(name) if kind == "mcp_instructions" else names.tool(name)[1]
        characters[server] += len(text)
    return [
        replace(
            _event({**record, "uuid": f"{record.get('uuid')}/{server}"}, kind, at, server),
            tokens_after=math.ceil(count / CHARACTERS_OF_A_TOKEN),
        )
        for server, count in characters.items()
        if server
    ]


def _strings(value: object) -> list[str]:
    return [each if isinstance(each, str) else "" for each in value] if isinstance(value, list) else []


def _event(record: Record, kind: str, at: int, detail: str = "") -> Event:
    uuid = record.get("uuid")
    of_record = uuid if isinstance(uuid, str) and uuid else f"{record.get('sessionId')}/{at}"
    return Event(event=number(f"{kind}/{of_record}"), kind=kind, at=at, detail=detail)


def _retry_reason(record: Record) -> str:
    error = record.get("error")
    error = error if isinstance(error, dict) else {}
    if type(status := error.get("status")) is int:
        return str(status)
    cause = record.get("cause") or error.get("cause")
    return word(cause.get("code")) if isinstance(cause, dict) else ""


def _error_class(record: Record, text: str) -> str:
    status, error = record.get("apiErrorStatus"), record.get("error")
    found = _STATUS.search(text[:100])
    code = status if type(status) is int else int(found[1]) if found else 0
    if code == 529:
        return "overloaded"
    if code >= 500:
        return "server"
    if code in (401, 403):
        return "auth"
    if code == 429:
        return "rate_limit"
    if isinstance(error, str) and error in _API_ERRORS:
        return _API_ERRORS[error]
    if text.startswith(("Prompt is too long", "API Error: prompt is too long")):
        return "too_long"
    if text.startswith("Credit balance is too low"):
        return "billing"
    return "connection" if "onnection" in text[:100] or "ECONN" in text[:100] else "request"


def _epoch(value: object) -> int | None:
    return value * 1000 if type(value) is int and 0 < value < 10**10 else None


def _tokens(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 2**63 else None
