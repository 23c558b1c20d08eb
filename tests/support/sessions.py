"""A session of Claude Code that a test writes record by record: prompts, answers with calls, what happened besides."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.claude_dir import days_ago

Record = dict[str, Any]
INTERRUPTED = "[Request interrupted by user]"


class Session:
    """Writes one transcript below `root`; times are minutes after eight on yesterday, in UTC."""

    def __init__(self, root: Path, name: str, *, project: str = "-shop", agent: str = "") -> None:
        self.name = name
        self._root, self._agent = root, agent
        folder = root / "projects" / project
        self._file = folder / name / "subagents" / f"agent-{agent}.jsonl" if agent else folder / f"{name}.jsonl"
        self._project = project
        self._records = 0
        self._last: str | None = None

    def subagent(self, agent: str) -> Session:
        """Return a subagent of this session."""
        return Session(self._root, self.name, project=self._project, agent=agent)

    def ask(self, minute: float) -> None:
        """Write a prompt."""
        self._write("user", minute, message={"role": "user", "content": "do it"})

    def answer(
        self,
        minute: float,
        model: str,
        *,
        tokens: tuple[int, int] = (0, 0),
        writes: tuple[int, int] = (0, 0),
        reads: int = 0,
        text: str = "done",
        calls: Iterable[tuple[str, str, str]] = (),
    ) -> None:
        """Write an answer, and the result of each of its calls a second later.

        Args:
            minute: when.
            model: that answers.
            tokens: of input and output.
            writes: tokens written to the cache for 5 minutes and for an hour.
            reads: tokens read from the cache.
            text: of the answer; none where it is empty.
            calls: each its tool, the file that it is called with, and the error that it ends with, if any.
        """
        name = f"{self.name}_{self._agent}_{self._records}"
        made = [(f"toolu_{name}_{number}", *call) for number, call in enumerate(calls)]
        content: list[Record] = [{"type": "text", "text": text}] if text else []
        content += [
            {"type": "tool_use", "id": each[0], "name": each[1], "input": {"file_path": each[2]}} for each in made
        ]
        usage = {
            "input_tokens": tokens[0],
            "output_tokens": tokens[1],
            "cache_creation_input_tokens": sum(writes),
            "cache_creation": {"ephemeral_5m_input_tokens": writes[0], "ephemeral_1h_input_tokens": writes[1]},
            "cache_read_input_tokens": reads,
        }
        message = {"id": f"msg_{name}", "role": "assistant", "model": model, "content": content, "usage": usage}
        self._write("assistant", minute, message=message, requestId=f"req_{name}")
        for call, _, _, error in made:
            result = {"type": "tool_result", "tool_use_id": call, "content": error or "ok", "is_error": bool(error)}
            self._write("user", minute + 1 / 60, message={"role": "user", "content": [result]})

    def compacted(self, minute: float) -> None:
        """Write that the context was compacted."""
        told = {"trigger": "auto", "preTokens": 160_000}
        self._write(
            "system", minute, subtype="compact_boundary", content="Conversation compacted", compactMetadata=told
        )

    def interrupted(self, minute: float) -> None:
        """Write that somebody interrupted the answer."""
        content = [{"type": "text", "text": INTERRUPTED}]
        self._write("user", minute, message={"role": "user", "content": content})

    def _write(self, kind: str, minute: float, **rest: object) -> None:
        self._records += 1
        uuid = f"{self.name}-{self._agent}-{self._records}"
        at: datetime = days_ago(1, 8) + timedelta(minutes=minute)
        record = {
            "type": kind,
            "uuid": uuid,
            "parentUuid": self._last,
            "isSidechain": bool(self._agent),
            **({"agentId": self._agent} if self._agent else {}),
            "timestamp": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            "sessionId": self.name,
            "version": "2.1.42",
            "cwd": "/shop",
            **rest,
        }
        self._last = uuid
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a") as transcript:
            # ccusage overlooks lines with a blank after a colon.
            transcript.write(json.dumps(record, separators=(",", ":")) + "\n")
