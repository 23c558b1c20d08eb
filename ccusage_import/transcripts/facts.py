"""What transcripts say, as values: messages, tool calls, turns and events. Pure.

Instants are milliseconds since 1970, ids are numbers of 64 bits, names are pseudonyms or of a closed list.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

# The kinds of facts, by the views that show them.
FACT_KINDS = ("messages", "tool_calls", "turns", "events")
# No turn, or no id.
NOTHING = 0
NO_COST = Decimal(0)


class Usage(NamedTuple):
    """Tokens by class."""

    input_tokens: int
    output_tokens: int
    cache_creation_5m_tokens: int
    cache_creation_1h_tokens: int
    cache_read_tokens: int


@dataclass(slots=True)
class Message:
    """One answer of a model, as one kind of copy shows it: the largest record, and what all its records add.

    Attributes:
        message: number of the message's id; 0 where it has none.
        request: number of the request's id; 0 where it has none.
        counted_session: number of the session for which ccusage counts it.
        record: tells records apart where ids do not; else 0.
        accepted: the rules by which ccusage counts it.
        is_nested: the parent of a subagent reports it.
        place: the order of its file among all files, and its position there.
        times: the instants of all its records.
        counts_in: the rules by which this copy is the one that ccusage counts.
        is_shown: this copy stands for the message.
        first_load_id: the load that met it first; 0 for what was read just now.
        load_id: the load that stored this copy as it is; 0 for what was read just now.
        taken_back: odd where an undo took it back.
        month: of UTC under which it is stored; None for what was read just now.
    """

    message: int
    request: int
    counted_session: int
    record: int
    accepted: int
    is_sidechain: bool
    is_nested: bool
    at: int
    times: tuple[int, ...]
    place: tuple[int, int]
    usage: Usage
    total_tokens: int
    model: str
    speed: str
    listed_cost_usd: float | None = None
    service_tier: str = ""
    stop_reason: str = ""
    is_final: bool = False
    session_id: str = ""
    claude_session_id: str = ""
    project: str = ""
    branch: str = ""
    version: str = ""
    entrypoint: str = ""
    agent_id: int = NOTHING
    turn: int = NOTHING
    texts: int = 0
    thoughts: int = 0
    tool_uses: int = 0
    text_characters: int = 0
    web_searches: int = 0
    cost_usd: Decimal = NO_COST
    unpriced: bool = True
    counts_in: int = 0
    is_shown: bool = True
    first_load_id: int = NOTHING
    load_id: int = NOTHING
    taken_back: int = 0
    month: date | None = None

    @property
    def identity(self) -> tuple[int, int, int, int, int]:
        """What distinguishes it from other copies of any message."""
        flags = self.accepted | self.is_sidechain << 2 | self.is_nested << 3
        return (self.message, self.request, self.counted_session, flags, self.record)

    @property
    def number(self) -> int:
        """What all copies of it have in common: the number of its id, or of the record where it has none."""
        return self.message or self.record

    @property
    def rank(self) -> tuple[bool, int, bool, int, int]:
        """What decides which copy stays: the larger; as ccusage, of equal ones the one it meets first."""
        return (not self.is_sidechain, self.total_tokens, bool(self.speed), -self.place[0], -self.place[1])


@dataclass(slots=True)
class ToolCall:
    """One half of a call of a tool, the call or its result; None where this half does not know."""

    call: int
    called_at: int | None = None
    answered_at: int | None = None
    tool: str = ""
    mcp_server: str = ""
    file: str = ""
    extension: str = ""
    message: int = NOTHING
    session_id: str = ""
    claude_session_id: str = ""
    project: str = ""
    turn: int = NOTHING
    agent_id: int = NOTHING
    is_subagent: bool = False
    is_error: bool = False
    is_interrupted: bool = False
    error_class: str = ""
    lines_added: int = 0
    lines_removed: int = 0
    running_ms: int | None = None
    subagent_tokens: int | None = None
    subagent_ms: int | None = None
    started_agent: int = NOTHING


@dataclass(slots=True)
class Turn:
    """One prompt, or how far what it caused had gone when it was read."""

    turn: int
    at: int | None = None
    ended_at: int | None = None
    kind: str = ""
    command: str = ""
    is_built_in: bool = False
    characters: int = 0
    session_id: str = ""
    claude_session_id: str = ""
    project: str = ""
    branch: str = ""
    version: str = ""
    permission_mode: str = ""


@dataclass(slots=True)
class Event:
    """One thing that happened to a session."""

    event: int
    kind: str
    at: int
    detail: str = ""
    session_id: str = ""
    claude_session_id: str = ""
    project: str = ""
    turn: int = NOTHING
    tokens_before: int | None = None
    tokens_after: int | None = None
    wait_ms: float | None = None
    resets_at: int | None = None


@dataclass(slots=True)
class Facts:
    """Facts that were read together, and what was odd about the lines."""

    messages: dict[tuple[int, int, int, int, int], Message] = field(default_factory=dict)
    tool_calls: list[ToolCall] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    lines: int = 0
    bad_lines: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)

    def add(self, message: Message) -> None:
        """Add a record of a message; it joins what is known of the same copy."""
        known = self.messages.setdefault(message.identity, message)
        if known is not message:
            self.messages[message.identity] = joined(known, message)

    def add_all(self, others: Facts) -> None:
        """Add what was read after them."""
        for message in others.messages.values():
            self.add(message)
        self.tool_calls += others.tool_calls
        self.turns += others.turns
        self.events += others.events
        self.lines += others.lines
        self.bad_lines += others.bad_lines
        self.unknown += others.unknown


# An id stands on several lines that follow each other.
@lru_cache(maxsize=4096)
def number(text: str) -> int:
    """Return an id as a number: not a secret, only shorter."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def instant(text: object) -> int | None:
    """Return an instant as Claude Code writes it, in any shape that names one; None for everything else."""
    return _instant(text) if isinstance(text, str) else None


# It is asked several times for that of a line.
@lru_cache(maxsize=64)
def _instant(text: str) -> int | None:
    if len(text) < 20 or text[4] != "-":
        return None
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    seconds = moment.timestamp()
    return round(seconds * 1000) if 0 <= seconds < 10**10 else None


def joined(one: Message, other: Message) -> Message:
    """Merge two records, or two readings, of the same copy; their order does not matter."""
    best, rest = (one, other) if one.rank >= other.rank else (other, one)
    is_first = min(rest.times) < min(best.times)
    if set(best.times).isdisjoint(rest.times):
        best.texts += rest.texts
        best.thoughts += rest.thoughts
        best.tool_uses += rest.tool_uses
        best.text_characters += rest.text_characters
    else:
        best.texts = max(best.texts, rest.texts)
        best.thoughts = max(best.thoughts, rest.thoughts)
        best.tool_uses = max(best.tool_uses, rest.tool_uses)
        best.text_characters = max(best.text_characters, rest.text_characters)
    best.times = tuple(sorted({*best.times, *rest.times}))
    best.is_final = best.is_final or rest.is_final
    best.stop_reason = best.stop_reason or rest.stop_reason
    best.turn = best.turn or rest.turn
    if is_first and rest.version:
        best.version = rest.version
    # What was taken back stays so, until it grows.
    is_grown = best.first_load_id == NOTHING and best.total_tokens > rest.total_tokens
    best.taken_back = 0 if is_grown else max(best.taken_back, rest.taken_back)
    best.first_load_id = best.first_load_id or rest.first_load_id
    best.month = best.month or rest.month
    return best
