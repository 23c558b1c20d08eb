"""A Claude data directory that a test writes message by message, and sweeps as Claude Code does."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

SONNET = "claude-sonnet-4-20250514"


def today() -> date:
    """Return the day that it is in UTC.

    A run of all tests may go on over midnight: ask in each test, not once for a module.
    """
    return datetime.now(UTC).date()


def days_ago(days: int, hour: int = 12, minute: int = 0) -> datetime:
    """Return an instant on an earlier day, in UTC."""
    today = datetime.now(UTC).replace(hour=hour, minute=minute, second=0, microsecond=0)
    return today - timedelta(days=days)


@dataclass
class ClaudeDir:
    """Transcripts below `root/projects`."""

    root: Path
    _count: int = field(default=0)

    def __post_init__(self) -> None:
        (self.root / "projects").mkdir(parents=True, exist_ok=True)

    def say(
        self, session: str, at: datetime, tokens: int, *, project: str = "-home-ana-shop", model: str = SONNET
    ) -> None:
        """Append one answer of `tokens` output tokens; 15 $ a million for the default model, up to 200,000 at once."""
        self._count += 1
        line = {
            "timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "sessionId": session,
            "version": "2.0.14",
            "requestId": f"req_{self.root.name}_{self._count}",
            "message": {
                "id": f"msg_{self.root.name}_{self._count}",
                "model": model,
                "usage": {
                    "input_tokens": 0,
                    "output_tokens": tokens,
                    "cache_creation_input_tokens": 0,
                    "cache_read_input_tokens": 0,
                },
            },
        }
        file = self.file(session, project)
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a") as transcript:
            transcript.write(json.dumps(line, separators=(",", ":")) + "\n")

    def file(self, session: str, project: str = "-home-ana-shop") -> Path:
        """Return the transcript of a session."""
        return self.root / "projects" / project / f"{session}.jsonl"

    def delete(self, session: str, project: str = "-home-ana-shop") -> None:
        """Delete a transcript, as the clean-up does with old ones."""
        self.file(session, project).unlink()

    def replace(self, session: str, old: str, new: str) -> None:
        """Change the text of a transcript."""
        file = self.file(session)
        file.write_text(file.read_text().replace(old, new))
