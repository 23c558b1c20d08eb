"""Sessions with prompts, answers and calls of tools, written record by record as Claude Code writes them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from ccusage_import.records import ModelPrice

OPUS, HAIKU = "claude-big", "claude-small"


def price(model: str, *usd: str) -> ModelPrice:
    """Input, output, cache writes of 5 minutes and of an hour, cache reads; long contexts cost the same."""
    return ModelPrice._make(("claude", model, *map(Decimal, usd), *[None] * 5))


# Dollars for a million tokens.
PRICES = [price(OPUS, "5", "25", "6.25", "10", "0.5"), price(HAIKU, "1", "5", "1.25", "2", "0.1")]


@dataclass
class Session:
    """A session that a test writes into a data directory; each record follows the one before."""

    root: Path
    name: str
    now: datetime
    project: str = "-home-ana-shop"
    version: str = "2.0.76"
    subagent: str = ""
    _count: int = 0
    _parent: str | None = field(default=None)

    def after(self, seconds: float) -> Session:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)
        return self

    def prompt(self, text: str = "do it") -> Session:
        """Write a prompt; `/name` is a slash command."""
        if text.startswith("/"):
            text = f"<command-message>{text[1:]}</command-message>\n<command-name>{text}</command-name>"
        return self._write("user", {"message": {"role": "user", "content": text}})

    def answer(
        self,
        output: int,
        *,
        model: str = OPUS,
        fresh: int = 0,
        writes: tuple[int, int] = (0, 0),
        reads: int = 0,
        text: str = "done",
        calls: dict[str, dict[str, object]] | None = None,
    ) -> Session:
        """Write an answer: tokens by class (cache writes of 5 minutes and an hour), text, and calls by `id tool`."""
        usage = {
            "input_tokens": fresh,
            "output_tokens": output,
            "cache_creation_input_tokens": sum(writes),
            "cache_creation": {"ephemeral_5m_input_tokens": writes[0], "ephemeral_1h_input_tokens": writes[1]},
            "cache_read_input_tokens": reads,
        }
        asked = [
            {"type": "tool_use", "id": f"{self.name}-{each.split()[0]}", "name": each.split()[1], "input": given}
            for each, given in (calls or {}).items()
        ]
        name = f"{self.name}{self.subagent}{self._count}"
        message = {
            "id": f"msg_{name}",
            "role": "assistant",
            "model": model,
            "content": [*([{"type": "text", "text": text}] if text else []), *asked],
            "stop_reason": "tool_use" if asked else "end_turn",
            "usage": usage,
        }
        return self._write("assistant", {"requestId": f"req_{name}", "message": message})

    def result(self, call: str, told: object = None, *, error: str = "") -> Session:
        """Write the result of a call: what the tool tells, or the text of its error."""
        block = {"type": "tool_result", "tool_use_id": f"{self.name}-{call}", "content": error or "ok"}
        outcome = f"Error: {error}" if error else told or {}
        content = [{**block, "is_error": bool(error)}]
        return self._write("user", {"message": {"role": "user", "content": content}, "toolUseResult": outcome})

    def interrupt(self) -> Session:
        """Write that the user stopped what went on."""
        content = [{"type": "text", "text": "[Request interrupted by user]"}]
        return self._write("user", {"message": {"role": "user", "content": content}})

    def fails(self, text: str) -> Session:
        """Write what Claude Code says instead of an answer."""
        usage = dict.fromkeys(
            ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"), 0
        )
        name = f"{self.name}{self._count}"
        content = [{"type": "text", "text": text}]
        message = {"id": f"e_{name}", "role": "assistant", "model": "<synthetic>", "content": content, "usage": usage}
        return self._write("assistant", {"isApiErrorMessage": True, "message": message})

    def compaction(self, before: int) -> Session:
        """Write that the context was compacted."""
        told = {"trigger": "auto", "preTokens": before}
        return self._write("system", {"subtype": "compact_boundary", "content": "", "compactMetadata": told})

    def attachment(self, kind: str, **given: object) -> Session:
        """Write what Claude Code puts into the context by itself."""
        return self._write("attachment", {"attachment": {"type": kind, **given}})

    def started(self, name: str) -> Session:
        """Return a subagent of this session, which writes into a file of its own."""
        return Session(self.root, self.name, self.now, self.project, self.version, name)

    def _write(self, kind: str, record: dict[str, object]) -> Session:
        self._count += 1
        uuid = f"{self.name}-{self.subagent}-{self._count}"
        common = {
            "parentUuid": self._parent,
            "isSidechain": bool(self.subagent),
            "type": kind,
            "uuid": uuid,
            "timestamp": self.now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            "sessionId": self.name,
            "version": self.version,
            "cwd": "/home/ana/shop",
        }
        if self.subagent:
            common["agentId"] = self.subagent
        folder = self.root / "projects" / self.project
        file = folder / f"{self.name}.jsonl"
        if self.subagent:
            file = folder / self.name / "subagents" / f"agent-{self.subagent}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a") as transcript:
            transcript.write(json.dumps(common | record, separators=(",", ":")) + "\n")
        self._parent = uuid
        return self
