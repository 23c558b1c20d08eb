"""A tree of Claude Code transcripts with known totals, as large as wanted and the same for the same seed.

    python -m tests.support.transcripts OUT --mb 300 --files 2000 --projects 40 --days 365 --end 2025-10-31 --seed 1

Written as Claude Code writes them: a message is several lines with one id and request id and a growing output, some
sessions have sub-agents, some begin with the first lines of an earlier session that they resume. The totals count each
message once, with its largest line, as ccusage 19 and later do.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

Line = dict[str, Any]

# With offline prices in ccusage 18.0.11, 19.0.3 and 20.0.24, and how often each is used.
MODELS = {
    "claude-sonnet-4-5-20250929": 5,
    "claude-sonnet-4-20250514": 3,
    "claude-opus-4-1-20250805": 1,
    "claude-haiku-4-5-20251001": 1,
}
WORDS = ("lorem", "ipsum", "dolor", "sit", "amet", "consectetur", "adipiscing", "elit", "sed", "do", "eiusmod")
SHARE_OF_SUBAGENTS = 0.2
SHARE_OF_RESUMED = 0.1
RESUMED_LINES = 40
LARGEST_PARTIALS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What tree to write. The size is met within a few per cent; sessions begin on the `days` days up to `end`."""

    mb: float = 300
    files: int = 2000
    projects: int = 40
    days: int = 365
    end: date = date(2025, 10, 31)
    seed: int = 1


SMALL = Shape(mb=5, files=100, projects=8, days=60)
LARGE = Shape()


class Tokens(NamedTuple):
    """The four disjoint classes."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_creation_tokens: int = 0
    cache_read_tokens: int = 0

    def plus(self, other: Tokens) -> Tokens:
        return Tokens(*(mine + others for mine, others in zip(self, other, strict=True)))


NO_TOKENS = Tokens()


@dataclass(slots=True)
class Written:
    """What a tree holds, and the totals that ccusage must find in it."""

    files: int = 0
    lines: int = 0
    bytes: int = 0
    messages: int = 0
    tokens: Tokens = NO_TOKENS


@dataclass(slots=True)
class _Session:
    """A session that others may resume, or that sub-agents work for."""

    id: str
    started_at: datetime
    first_lines: list[Line] = field(default_factory=list)


def write_transcripts(directory: Path, shape: Shape) -> Written:
    """Write a tree that CLAUDE_CONFIG_DIR can name into an empty or missing directory."""
    return _Writer(directory / "projects", shape).write()


class _Writer:
    """The state of one tree: its source of randomness, the sessions so far and the sums."""

    def __init__(self, directory: Path, shape: Shape) -> None:
        self._directory = directory
        self._shape = shape
        self._random = random.Random(shape.seed)
        self._written = Written()
        self._sessions: dict[str, list[_Session]] = defaultdict(list)
        self._texts = [" ".join(self._random.choices(WORDS, k=words)) for words in (5, 20, 50, 100, 200)]

    def write(self) -> Written:
        mean_bytes = self._shape.mb * 1_000_000 / self._shape.files
        # Ratios that add up to the number of files make the tree as large as was asked for.
        ratios = [self._random.uniform(0.4, 1.6) for _ in range(self._shape.files)]
        scale = mean_bytes * len(ratios) / sum(ratios)
        for ratio in ratios:
            project = f"-home-dev-project-{self._random.randrange(self._shape.projects):03d}"
            sessions = self._sessions[project]
            if sessions and self._random.random() < SHARE_OF_SUBAGENTS:
                self._write_subagent(project, self._random.choice(sessions), ratio * scale)
            else:
                self._write_session(project, ratio * scale)
        return self._written

    def _write_session(self, project: str, size: float) -> None:
        earlier = self._sessions[project]
        session = _Session(self._uuid(), self._any_instant())
        resumed: list[Line] = []
        if earlier and self._random.random() < SHARE_OF_RESUMED:
            resumed = [{**line, "sessionId": session.id} for line in self._random.choice(earlier).first_lines]
        lines = self._lines(project, session, is_sidechain=False)
        session.first_lines = self._write_file(self._directory / project / f"{session.id}.jsonl", resumed, lines, size)
        earlier.append(session)

    def _write_subagent(self, project: str, session: _Session, size: float) -> None:
        file = self._directory / project / session.id / "subagents" / f"agent-{self._hex(8)}.jsonl"
        self._write_file(file, [], self._lines(project, session, is_sidechain=True), size)

    def _write_file(self, file: Path, resumed: list[Line], messages: Iterator[list[Line]], size: float) -> list[Line]:
        """Write messages until the file has its size, and return its first lines."""
        first_lines, texts, length = list(resumed), [], 0
        # ccusage 19 and 20 overlook lines with a blank after a colon.
        encode = json.JSONEncoder(separators=(",", ":")).encode
        lines = resumed
        while True:
            for line in lines:
                texts.append(encode(line) + "\n")
                length += len(texts[-1])
            if length >= size:
                break
            lines = next(messages)
            if len(first_lines) < RESUMED_LINES:
                first_lines += lines
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(texts), "ascii")
        self._written.files += 1
        self._written.lines += len(texts)
        self._written.bytes += length
        return first_lines

    def _lines(self, project: str, session: _Session, *, is_sidechain: bool) -> Iterator[list[Line]]:
        """Yield what a message or a tool's result adds to a transcript, without end."""
        common = {
            "isSidechain": is_sidechain,
            "userType": "external",
            "cwd": "/" + project[1:].replace("-", "/", 2),
            "sessionId": session.id,
            "version": "2.0.14",
            "gitBranch": "main",
        }
        now = session.started_at
        while True:
            now += timedelta(seconds=self._random.uniform(1, 40))
            if self._random.random() < 0.5:
                yield self._message(common, now)
            else:
                content = [{"tool_use_id": f"toolu_{self._hex(24)}", "type": "tool_result", "content": self._text()}]
                message = {"role": "user", "content": content}
                yield [{**common, "type": "user", "message": message, "uuid": self._uuid(), "timestamp": printed(now)}]

    def _message(self, common: Line, now: datetime) -> list[Line]:
        """Return the lines of one message, the last and largest of which counts."""
        draw = self._random.randrange
        largest = Tokens(draw(1, 400), draw(20, 3000), draw(20_000), draw(160_000))
        self._written.messages += 1
        self._written.tokens = self._written.tokens.plus(largest)
        message_id, request_id = f"msg_{self._hex(24)}", f"req_{self._hex(24)}"
        model = self._random.choices(list(MODELS), list(MODELS.values()))[0]
        partials = draw(1, LARGEST_PARTIALS + 1)
        return [
            {
                **common,
                "message": {
                    "id": message_id,
                    "type": "message",
                    "role": "assistant",
                    "model": model,
                    "content": [{"type": "text", "text": self._text()}],
                    "stop_reason": None,
                    "usage": _usage(largest._replace(output_tokens=max(1, largest.output_tokens * part // partials))),
                },
                "requestId": request_id,
                "type": "assistant",
                "uuid": self._uuid(),
                "timestamp": printed(now + timedelta(milliseconds=200 * part)),
            }
            for part in range(1, partials + 1)
        ]

    def _any_instant(self) -> datetime:
        """Return when a session begins: at work, between eight and six."""
        day = self._shape.end - timedelta(days=self._random.randrange(self._shape.days))
        return datetime.combine(day, time(8), UTC) + timedelta(hours=self._random.uniform(0, 10))

    def _text(self) -> str:
        return self._random.choice(self._texts)

    def _uuid(self) -> str:
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def _hex(self, digits: int) -> str:
        return f"{self._random.getrandbits(4 * digits):0{digits}x}"


def _usage(tokens: Tokens) -> Line:
    return {
        "input_tokens": tokens.input_tokens,
        "cache_creation_input_tokens": tokens.cache_creation_tokens,
        "cache_read_input_tokens": tokens.cache_read_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": tokens.cache_creation_tokens,
            "ephemeral_1h_input_tokens": 0,
        },
        "output_tokens": tokens.output_tokens,
        "service_tier": "standard",
    }


def printed(instant: datetime) -> str:
    """Return an instant as agents and ccusage print it."""
    return instant.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def main() -> None:
    """Write a tree and print what it holds as JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.transcripts", description="Write a tree of transcripts."
    )
    parser.add_argument("out", type=Path, help="directory for CLAUDE_CONFIG_DIR; must not exist or be empty")
    for option in dataclasses.fields(Shape):
        convert = date.fromisoformat if option.name == "end" else type(option.default)
        parser.add_argument(f"--{option.name}", type=convert, default=option.default, help="default: %(default)s")
    arguments = vars(parser.parse_args())
    out = arguments.pop("out")
    if out.exists() and any(out.iterdir()):
        parser.error(f"{out} is not empty")
    written = write_transcripts(out, Shape(**arguments))
    print(json.dumps({**dataclasses.asdict(written), "tokens": written.tokens._asdict()}, indent=2))


if __name__ == "__main__":
    main()
