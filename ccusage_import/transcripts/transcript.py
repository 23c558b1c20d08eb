"""One transcript, line by line: which facts its records are, and which turn they belong to. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ccusage_import.transcripts.acceptance import accepted_by, nested_accepted_by
from ccusage_import.transcripts.facts import NOTHING, Event, Facts, Message, ToolCall, Turn, instant, number
from ccusage_import.transcripts.lines import Line, read_line
from ccusage_import.transcripts.messages import Record, Source, find_usage, read_messages
from ccusage_import.transcripts.naming import Names, word
from ccusage_import.transcripts.prompts import (
    first_text,
    read_api_error,
    read_interrupt,
    read_mode,
    read_prompt,
    read_servers,
    read_system,
)
from ccusage_import.transcripts.tools import read_calls, read_results

# Records that make no facts, but for attachments that tell of MCP servers.
BOOKKEEPING = frozenset(
    [
        "agent-name",
        "ai-title",
        "atis-latch",
        "attachment",
        "bridge-session",
        "cost-state",
        "custom-title",
        "file-history-snapshot",
        "last-prompt",
        "mode",
        "permission-mode",
        "pr-link",
        "progress",
        "queue-operation",
        "result",
        "started",
        "summary",
        "worktree-state",
    ]
)
# Most lines, and none of them makes a fact: they are not even parsed.
_BASH, _HOOK = b'"data":{"type":"bash_progress"', b'"data":{"type":"hook_progress"'
_SNAPSHOT = b'{"type":"file-history-snapshot"'


class Transcript:
    """Reads the lines of one file in order.

    Between two readings it keeps `turn` and `mode`. `numbers` are those of the messages that it met.
    """

    def __init__(self, source: Source, names: Names, facts: Facts, turn: int = NOTHING, mode: str = "") -> None:
        self._source, self._names, self._facts = source, names, facts
        self.turn, self.mode = turn, mode
        self.numbers: set[int] = set()
        self._prompts: dict[str, int] = {}
        self._ends: dict[int, int] = {}

    def read(self, line: bytes, position: int) -> bool:
        """Read one line; return whether it is whole, that is some JSON."""
        facts, self._source.position = self._facts, position
        facts.lines += 1
        if _BASH in line or _HOOK in line or line.startswith(_SNAPSHOT):
            return True
        read = read_line(line)
        if read.problem:
            facts.bad_lines[read.problem] += 1
        for record in read.values:
            self._record(record, line, read)
        return read.problem != "not_json"

    def finish(self) -> None:
        """Say how far the turns had gone."""
        self._facts.turns += [Turn(turn=turn, ended_at=at) for turn, at in self._ends.items()]
        self._ends.clear()

    def _record(self, record: Record, line: bytes, read: Line) -> None:
        kind, at = word(record.get("type")), instant(record.get("timestamp"))
        nested, usage = _nested(record), find_usage(record)
        if usage is not None:
            self._messages(record, record, usage, accepted_by(line, read, record))
        elif nested is not None and (its_usage := find_usage(nested)) is not None:
            self._messages(nested, record, its_usage, nested_accepted_by(line, read, record, nested))
        if nested is not None:
            self._exchange(nested, record, instant(nested.get("timestamp")))
        elif kind in ("user", "assistant"):
            self._exchange(record, record, at)
        elif kind == "system":
            self._happened(record, read_system(record, at) if at is not None else None)
        elif kind == "attachment" and at is not None:
            for event in read_servers(record, at, self._names):
                self._happened(record, event)
        elif kind not in BOOKKEEPING and usage is None:
            self._facts.unknown[kind or "other"] += 1
        if at is not None and kind in ("user", "assistant", "progress"):
            self._ends[self.turn] = max(at, self._ends.get(self.turn, at))

    def _messages(self, record: Record, outer: Record, usage: Record, accepted: int) -> None:
        turn = self._turn_of(outer)
        for message in read_messages(record, outer, usage, accepted, self._source, self._names):
            message.turn = turn
            self._facts.add(message)
            self.numbers.add(message.number)

    def _exchange(self, record: Record, outer: Record, at: int | None) -> None:
        message = record.get("message")
        if at is None or not isinstance(message, dict):
            return
        content = message.get("content")
        blocks = content if isinstance(content, list) else []
        if record.get("type") == "assistant":
            message_id = message.get("id")
            of_message = number(message_id) if isinstance(message_id, str) and message_id else NOTHING
            self._calls(read_calls(blocks, at, of_message, self._names), record, outer)
            self._happened(outer, read_api_error(record, content, at))
            return
        self._calls(read_results(blocks, record.get("toolUseResult"), at), record, outer)
        text = first_text(content)
        if text is not None and record is outer:
            self._prompt(record, text, at)

    def _prompt(self, record: Record, text: str, at: int) -> None:
        prompt = read_prompt(record, text, at, self._names)
        if prompt is not None:
            self.turn = prompt.turn
            self._prompts[record["uuid"]] = prompt.turn
            self._placed(prompt, record)
            prompt.branch = self._names.always("branch", record.get("gitBranch"))
            prompt.version = word(record.get("version"))
            self._facts.turns.append(prompt)
            mode = read_mode(record, at)
            if mode is not None and mode.detail != self.mode:
                self.mode = mode.detail
                self._happened(record, mode)
        self._happened(record, read_interrupt(record, text, at))

    def _calls(self, calls: Iterable[ToolCall], record: Record, outer: Record) -> None:
        agent = _agent(outer)
        for call in calls:
            self._placed(call, outer)
            call.turn = self._turn_of(outer)
            call.agent_id = number(agent) if agent else self._source.agent_id
            call.is_subagent = record is not outer or record.get("isSidechain") is True
            self._facts.tool_calls.append(call)

    def _happened(self, record: Record, event: Event | None) -> None:
        if event is not None:
            self._placed(event, record)
            event.turn = self._turn_of(record)
            self._facts.events.append(event)

    def _placed(self, fact: ToolCall | Turn | Event, record: Record) -> None:
        session = record.get("sessionId")
        fact.session_id, fact.project = self._source.session_id, self._source.project
        named = isinstance(session, str) and session
        fact.claude_session_id = self._names.of_report(str(session) if named else self._source.session)

    def _turn_of(self, record: Record) -> int:
        """Return the turn of a record: its parent's where that is a prompt, else that of the prompt before it."""
        parent = record.get("parentUuid")
        return self._prompts.get(parent, self.turn) if isinstance(parent, str) else self.turn


def resolve_turns(facts: Facts, prompts: dict[str, list[tuple[int, int]]], agents: dict[int, int]) -> None:
    """Give turns to what stands in a file without a prompt: that of the call that started the subagent, else by time.

    Args:
        facts: changed in place.
        prompts: instant and turn of the prompts of a session, in order of time.
        agents: the turn that started a subagent.
    """
    every: list[Message | ToolCall | Event] = [*facts.messages.values(), *facts.tool_calls, *facts.events]
    for fact in every:
        if fact.turn == NOTHING:
            agent = NOTHING if isinstance(fact, Event) else fact.agent_id
            fact.turn = agents.get(agent, NOTHING) or _before(prompts.get(fact.claude_session_id, []), _at(fact))


def _before(prompts: list[tuple[int, int]], at: int) -> int:
    """Return the last prompt that is not later."""
    return next((turn for prompted_at, turn in reversed(prompts) if prompted_at <= at), NOTHING)


def _at(fact: Message | ToolCall | Event) -> int:
    if isinstance(fact, ToolCall):
        return fact.called_at or fact.answered_at or 0
    return fact.at


def _nested(record: Record) -> dict[str, Any] | None:
    """Return the record of a subagent that its parent reports."""
    data = record.get("data")
    nested = data.get("message") if isinstance(data, dict) else None
    return nested if isinstance(nested, dict) else None


def _agent(record: Record) -> str:
    """Return the id of the subagent whose record it is."""
    data = record.get("data")
    found = record.get("agentId") or (data.get("agentId") if isinstance(data, dict) else None)
    return found if isinstance(found, str) else ""
