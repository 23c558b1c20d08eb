"""Reading transcripts as facts against the five ccusage processes on the same tree, both measured in turn."""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.import_time import Bench, Target, Times, figures_of, kept_transcripts
from tests.benchmarks.measure import Figure, Run, say
from tests.support.transcripts import Shape, write_transcripts

# As large as the five processes are fast; what a reading takes beside the engine; what it adds to an import.
LARGEST_RATIO, LARGEST_PEAK_MB, NOTHING_NEW_SECONDS, GROWN_SECONDS = 1.0, 300.0, 0.1, 0.15
GROWTH = 200_000


def measure_facts(work_dir: Path, shape: Shape, runs: int, ccusage: Sequence[str]) -> list[Figure]:
    """Return how long the first reading takes, one that finds nothing new, and one of a session that grew.

    Args:
        work_dir: keeps the transcripts for the next time.
        shape: which transcripts.
        runs: how often each is measured.
        ccusage: the command that the five processes run, as `--ccusage` takes it.
    """
    claude_dir, _ = kept_transcripts(work_dir, shape)
    alone, first, runs_of_first, nothing, grown = Times(), Times(), list[Run](), list[Run](), list[Run]()
    with tempfile.TemporaryDirectory(prefix="facts-", dir=work_dir) as name:
        session = _Growing(Path(name), runs)
        bench = Bench(Path(name), claude_dir, ccusage, session.claude_dir)
        bench.run_processes()
        for number in range(runs):
            say(f"facts of {shape.mb:g} MB of transcripts, run {number + 1} of {runs}")
            alone.add(*bench.run_processes())
            read = bench.run("facts", "--transcripts-only", "--json")
            first.add(read.seconds, read.cpu_seconds)
            runs_of_first.append(read)
            nothing.append(bench.run("facts", "--transcripts-only", "--json"))
            session.grow()
            grown.append(bench.run("facts", "--transcripts-only", "--json"))
            bench.forget("facts")
    subject = f"{shape.mb:g} MB"
    peak = statistics.median(run.peak_mb for run in runs_of_first) - statistics.median(run.peak_mb for run in nothing)
    return [
        *figures_of(subject, "five ccusage processes at once", alone, None, Target()),
        *figures_of(subject, "first reading of facts", first, alone, Target(ratio=LARGEST_RATIO)),
        Figure(subject, "first reading of facts, memory beyond nothing new", peak, "MB", LARGEST_PEAK_MB),
        Figure(subject, "new messages", _median(runs_of_first, "new", "messages") / 1000, "thousand"),
        Figure(subject, "nothing new, the step", _median(nothing, "seconds"), "s", NOTHING_NEW_SECONDS),
        Figure(subject, "a session grew by 200 KB, the step", _median(grown, "seconds"), "s", GROWN_SECONDS),
    ]


class _Growing:
    """A data directory with one session that grows by 200 KB a time."""

    def __init__(self, directory: Path, times: int) -> None:
        self.claude_dir = directory / "growing"
        source = directory / "source"
        write_transcripts(source, Shape(mb=GROWTH * (times + 2) / 1e6, files=1, projects=1, days=1, seed=2))
        (file,) = source.rglob("*.jsonl")
        self._rest = file.read_bytes()
        self._file = self.claude_dir / "projects" / "-home-dev-growing" / file.name
        self._file.parent.mkdir(parents=True)
        self.grow()

    def grow(self) -> None:
        """Append what has the size, up to the end of a line."""
        end = self._rest.index(b"\n", GROWTH) + 1
        with self._file.open("ab") as stream:
            stream.write(self._rest[:end])
        self._rest = self._rest[end:]


def _median(runs: Sequence[Run], *names: str) -> float:
    values = list[float]()
    for run in runs:
        value = json.loads(run.output)["facts"]
        for name in names:
            value = value[name]
        values.append(float(value))
    return statistics.median(values)
