"""Sessions whose records stand at minutes of yesterday, for what looks at the last days."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from tests.support import prompts
from tests.support.claude_dir import days_ago


class Session:
    """Writes one transcript below `root`; times are minutes after eight on yesterday, in UTC."""

    def __init__(self, root: Path, name: str, *, project: str = "-shop", agent: str = "") -> None:
        self.name = name
        self._root, self._project = root, project
        self._session = prompts.Session(root, name, days_ago(1, 8), project, subagent=agent)
        self._answers = 0

    def subagent(self, agent: str) -> Session:
        """Return a subagent of this session."""
        return Session(self._root, self.name, project=self._project, agent=agent)

    def ask(self, minute: float) -> None:
        """Write a prompt."""
        self._at(minute).prompt()

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
        self._answers += 1
        made = {f"{self._session.subagent}{self._answers}.{number}": call for number, call in enumerate(calls)}
        asked: dict[str, dict[str, object]] = {
            f"{name} {tool}": {"file_path": file} for name, (tool, file, _) in made.items()
        }
        session = self._at(minute)
        session.answer(
            tokens[1], model=model, fresh=tokens[0], writes=writes, reads=reads, text=text, calls=asked
        ).after(1)
        for name, (_, _, error) in made.items():
            session.result(name, error=error)

    def compacted(self, minute: float) -> None:
        """Write that the context was compacted."""
        self._at(minute).compaction(160_000)

    def loaded(self, minute: float, tools: dict[str, int], instructions: dict[str, int]) -> None:
        """Write that MCP servers were loaded: the characters of each tool's line, and of each server's instructions."""
        session = self._at(minute)
        for kind, texts, listed in (
            ("deferred_tools_delta", "addedLines", tools),
            ("mcp_instructions_delta", "addedBlocks", instructions),
        ):
            blocks = ["x" * characters for characters in listed.values()]
            session.attachment(kind, addedNames=list(listed), **{texts: blocks}, removedNames=[])

    def interrupted(self, minute: float) -> None:
        """Write that somebody interrupted the answer."""
        self._at(minute).interrupt()

    def _at(self, minute: float) -> prompts.Session:
        self._session.now = days_ago(1, 8) + timedelta(minutes=minute)
        return self._session
