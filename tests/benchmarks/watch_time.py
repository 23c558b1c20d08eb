"""How soon `watch` has stored what is written, in bursts of many sessions at once, and what it takes over time."""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.warehouse.clickhouse_client import open_warehouse
from ccusage_import.warehouse.migrations import apply_migrations
from tests.benchmarks.growth import Samples, cpu_seconds, memory_mb, over_time
from tests.benchmarks.measure import Figure, importer_environ, say
from tests.support.gateway.running import running_gateway
from tests.support.transcripts import Shape, write_transcripts

# From a whole line to its row, and to the moment at which it is heard of; what an idle watch takes of a core.
P95_MS, HEARD_MS, IDLE_PERCENT = 100.0, 50.0, 1.0
# From SIGTERM to the end of the process.
END_SECONDS = 2.0
OLD = Shape(mb=20, files=2000, projects=40)
PLACES = ("embedded", "server")
SESSIONS, SETTLING_SECONDS, IDLE_SECONDS, SEED = 8, 15.0, 30.0, 1
MODEL = "claude-sonnet-4-5-20250929"


@dataclass
class Session:
    """A transcript that grows as Claude Code lets it: answers in several lines, some written in two halves."""

    file: Path
    chance: random.Random
    written: list[float]
    count: int = 0

    def answer(self) -> None:
        """Write one answer, and note when its first line was whole."""
        self.count += 1
        lines = [self._line(output) for output in range(1, self.chance.randint(2, 5))]
        with self.file.open("ab", buffering=0) as transcript:
            for number, line in enumerate(lines):
                cut = self.chance.randrange(len(line)) if self.chance.random() < 0.3 else 0
                if cut:
                    transcript.write(line[:cut])
                    time.sleep(0.005)
                transcript.write(line[cut:])
                if number == 0:
                    self.written.append(time.time())

    def _line(self, output: int) -> bytes:
        name = f"{self.file.stem}_{self.count}"
        usage = {"input_tokens": 3, "output_tokens": output, "cache_read_input_tokens": 20_000}
        line: dict[str, Any] = {
            "timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.000Z}",
            "sessionId": self.file.stem,
            "type": "assistant",
            "version": "2.0.14",
            "requestId": f"req_{name}",
            "message": {
                "id": f"msg_{name}",
                "model": MODEL,
                "usage": usage,
                "content": [{"type": "text", "text": "a"}],
            },
        }
        return json.dumps(line, separators=(",", ":")).encode() + b"\n"


@dataclass
class Watched:
    """What a running watch did."""

    process: subprocess.Popen[bytes]
    said: Path

    def stored(self) -> list[dict[str, Any]]:
        """What it said of what it stored."""
        events = [json.loads(line) for line in self.said.read_text().split("\n")[:-1]]
        return [event for event in events if event["event"] == "stored"]

    def messages(self) -> int:
        """How many messages it stored."""
        return sum(int(event["new"]["messages"]) for event in self.stored())

    def end(self) -> float:
        """End it, and return how many seconds that took."""
        begun = time.monotonic()
        self.process.terminate()
        self.process.wait()
        return time.monotonic() - begun

    def wait_for(self, messages: int) -> None:
        """Wait until so many are stored."""
        deadline = time.monotonic() + 120
        while self.messages() < messages and time.monotonic() < deadline:
            time.sleep(0.2)


def measure_watch(work_dir: Path, minutes: float, places: Sequence[str] = PLACES) -> list[Figure]:
    """Return the delays, and memory and CPU time over time, of these places; Linux only."""
    figures = []
    with tempfile.TemporaryDirectory(prefix="watch-", dir=work_dir) as name:
        embedded, server = Path(name, "embedded"), Path(name, "server")
        if "embedded" in places:
            figures += _measure(embedded, f"chdb://{embedded}/warehouse", "embedded", minutes)
        if "server" in places:
            with running_gateway(server / "engine") as gateway:
                url = gateway.url(database="watch")
                with open_warehouse(parse_warehouse_url(url), creates_database=True) as opened:
                    apply_migrations(opened)
                figures += _measure(server, url, "server", minutes)
    return figures


def _measure(directory: Path, url: str, subject: str, minutes: float) -> list[Figure]:
    claude = directory / "claude"
    old = write_transcripts(claude, OLD)
    with _watching(directory, url, claude) as watch:
        say(f"watch, {subject}: {old.files} old transcripts, then {SESSIONS} sessions for {minutes:g} minutes")
        watch.wait_for(1)
        old_messages, samples = watch.messages(), Samples(watch.process.pid)
        written = _write_for(60 * minutes, claude, samples)
        watch.wait_for(old_messages + len(written))
        delays = _delays(written, watch.stored(), old_messages)
        idle = _figures_of_idling(subject, watch.process.pid)
        end = watch.end()
    return [
        *_figures_of_delays(subject, written, *delays),
        *over_time(subject, samples.taken),
        *idle,
        Figure(subject, "from SIGTERM to the end", end, "s", END_SECONDS),
    ]


def _figures_of_delays(
    subject: str, written: Sequence[float], delays: Sequence[float], heard: Sequence[float]
) -> list[Figure]:
    lost = len(written) - len(delays)
    return [
        Figure(subject, f"{len(written):,} answers, of which are not stored", lost, "", 0),
        Figure(subject, "from a whole line to its row, half of them within", statistics.median(delays), "ms"),
        Figure(subject, "from a whole line to its row, 95% within", _p95(delays), "ms", P95_MS),
        Figure(subject, "from a whole line to hearing of it, 95% within", _p95(heard), "ms", HEARD_MS),
    ]


def _figures_of_idling(subject: str, pid: int) -> list[Figure]:
    """Wait until all is quiet, and return what is taken then."""
    time.sleep(SETTLING_SECONDS)
    before = cpu_seconds(pid)
    time.sleep(IDLE_SECONDS)
    return [
        Figure(
            subject, "idle, CPU time of one core", 100 * (cpu_seconds(pid) - before) / IDLE_SECONDS, "%", IDLE_PERCENT
        ),
        Figure(subject, "idle, memory", memory_mb(pid), "MB"),
    ]


def _write_for(seconds: float, claude: Path, samples: Samples) -> Sequence[float]:
    """Let sessions write in bursts; return when each first line of an answer was whole."""
    chance, written = random.Random(SEED), list[float]()
    project = claude / "projects" / "-home-ana-live"
    project.mkdir(parents=True, exist_ok=True)
    sessions = [Session(project / f"live-{number}.jsonl", chance, written) for number in range(SESSIONS)]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        samples.note()
        for session in chance.sample(sessions, chance.randint(1, SESSIONS)):
            session.answer()
        time.sleep(chance.uniform(0.05, 1.0))
    return written


def _delays(written: Sequence[float], stored: Sequence[dict[str, Any]], old: int) -> tuple[list[float], list[float]]:
    """Return milliseconds from each line to the event that says that it is stored, and to when it was heard of.

    The event comes after the INSERT was answered, so that the row is readable by then.
    """
    delays, heard, count, answers = list[float](), list[float](), 0, iter(written)
    for event in stored:
        count += int(event["new"]["messages"])
        at = datetime.fromisoformat(event["at"]).timestamp()
        while len(delays) < count - old and (line := next(answers, None)):
            delays.append(1000 * max(0.0, at - line))
            heard.append(max(0.0, delays[-1] - 1000 * event["seconds"]))
    return delays, heard


def _p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


@contextmanager
def _watching(directory: Path, url: str, claude: Path) -> Iterator[Watched]:
    said = directory / "said"
    options = ("--json", "--reports-every", "0", "--warehouse", url, "--claude-dir", str(claude))
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "ccusage_import", "watch", *options],
            env={**importer_environ(directory / "home"), "PYTHONPATH": str(Path.cwd())},
            stdout=out,
        )
    with process:
        try:
            yield Watched(process, said)
        finally:
            process.terminate()
