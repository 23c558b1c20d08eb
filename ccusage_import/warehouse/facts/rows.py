"""Facts as rows of their tables, and rows as messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from operator import attrgetter
from typing import Any

from ccusage_import.transcripts.facts import Event, Message, ToolCall, Turn, Usage

Row = tuple[Any, ...]
# What is read of a copy, and the names it has in `stored_message`.
_SAME = (
    "message", "request", "counted_session", "copy", "record", "load_id", "file_order", "position", "first_load_id",
    "taken_back", "is_shown", "counts_in", "other_times", "session_id", "claude_session_id", "project", "branch",
    "model", "speed", "service_tier", "input_tokens", "output_tokens", "cache_creation_5m_tokens",
    "cache_creation_1h_tokens", "cache_read_tokens", "cost_usd", "unpriced", "listed_cost_usd", "stop_reason",
    "is_final", "is_subagent", "agent_id", "texts", "thoughts", "tool_uses", "text_characters", "web_searches",
    "claude_version", "entrypoint", "turn", "timezone", "date", "month",
)  # fmt: skip
_CARRIED = (
    "first_load_id", "taken_back", "is_shown", "counts_in", "session_id", "claude_session_id", "project", "branch",
    "model", "speed", "service_tier", "cost_usd", "unpriced", "listed_cost_usd", "stop_reason", "is_final", "agent_id",
    "texts", "thoughts", "tool_uses", "text_characters", "web_searches", "entrypoint", "turn",
)  # fmt: skip
EXPRESSIONS = {"toUnixTimestamp64Milli(at) AS milliseconds": "at", **{name: name for name in _SAME}}
# PREWHERE comes before FINAL, which is right for columns of the key alone: all rows of a copy have the same ones.
COPIES = f"SELECT {', '.join(EXPRESSIONS)} FROM message_facts_by_month FINAL PREWHERE true"  # noqa: S608 - names of ours


def stored_message(stored: Mapping[str, Any]) -> Message:
    """Return a copy of a message as it is stored, from what `COPIES` reads of it."""
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
        month=stored["month"],
        **{name: stored[name] for name in _CARRIED},
    )


_MESSAGE_VALUES = ("message", "request", "counted_session", "record", *_CARRIED)
MESSAGE_COLUMNS = (
    "month", "machine", "date", "timezone", "copy", "at", "other_times", "file_order", "position", "is_subagent",
    "claude_version", *Usage._fields, *_MESSAGE_VALUES, "version", "load_id",
)  # fmt: skip
_message_values: Callable[[Message], Row] = attrgetter(*_MESSAGE_VALUES)


def content_of(message: Message, machine: str, day: date, timezone: str) -> Row:
    """Return what a row says of a copy, but for the load that wrote it."""
    _, _, _, flags, _ = message.identity
    return (
        message.month or month_of(message.at),
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


# The columns of `owner`: whose fact it is, and which load read it.
_LOADS = ("machine", "first_load_id", "last_load_id")
_CALL_PLACE = ("session_id", "claude_session_id", "project", "turn", "agent_id")
_CALL_VALUES = (
    "call", "tool", "mcp_server", "file", "extension", "message", "is_subagent", "is_error", "is_interrupted",
    "error_class", "lines_added", "lines_removed", "running_ms", "subagent_tokens", "subagent_ms", "started_agent",
)  # fmt: skip
CALL_COLUMNS = ("month", *_LOADS, "called_at", "answered_at", *_CALL_PLACE, *_CALL_VALUES)
_call_place: Callable[[ToolCall], Row] = attrgetter(*_CALL_PLACE)
_call_values: Callable[[ToolCall], Row] = attrgetter(*_CALL_VALUES)


def call_row(owner: Row, call: ToolCall, month: date) -> Row:
    """Return one half of a call; where it belongs is what the call says, not its result."""
    place = _call_place(call) if call.called_at is not None else ("", "", "", 0, 0)
    return (month, *owner, _seconds(call.called_at), _seconds(call.answered_at), *place, *_call_values(call))


_TURN_VALUES = (
    "turn", "kind", "command", "is_built_in", "characters", "session_id", "claude_session_id", "project", "branch",
    "permission_mode",
)  # fmt: skip
TURN_COLUMNS = (*_LOADS, "at", "ended_at", "claude_version", *_TURN_VALUES)
_turn_values: Callable[[Turn], Row] = attrgetter(*_TURN_VALUES)


def turn_row(owner: Row, turn: Turn) -> Row:
    """Return what was read of a turn."""
    return (*owner, _seconds(turn.at), _seconds(turn.ended_at), turn.version, *_turn_values(turn))


_EVENT_VALUES = (
    "event", "kind", "detail", "session_id", "claude_session_id", "project", "turn", "tokens_before", "tokens_after",
    "wait_ms",
)  # fmt: skip
EVENT_COLUMNS = (*_LOADS, "at", "resets_at", *_EVENT_VALUES)
_event_values: Callable[[Event], Row] = attrgetter(*_EVENT_VALUES)


def event_row(owner: Row, event: Event) -> Row:
    """Return an event."""
    return (*owner, _seconds(event.at), _seconds(event.resets_at), *_event_values(event))


def month_of(at: int) -> date:
    """Return the first day of the month in UTC of an instant in milliseconds since 1970."""
    return datetime.fromtimestamp(at / 1000, UTC).date().replace(day=1)


def _seconds(milliseconds: int | None) -> str | None:
    """Return an instant as ClickHouse reads it from a text."""
    return None if milliseconds is None else f"{milliseconds // 1000}.{milliseconds % 1000:03}"
