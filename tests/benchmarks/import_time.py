"""An import against the five ccusage processes it cannot do without, both measured in turn on the same transcripts."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shlex
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from ccusage_import.ccusage.fetcher import default_jobs, report_command, report_environ
from ccusage_import.ccusage.runner import FetchOptions, find_runner
from ccusage_import.records import REPORTS
from tests.benchmarks.measure import Figure, Run, importer_environ, run_import, say
from tests.support import transcripts
from tests.support.transcripts import Shape, Tokens, write_transcripts

TIMEZONE = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The most that the second import may take: as a multiple of the processes alone, or in seconds beyond them."""

    ratio: float | None = None
    own_seconds: float | None = None


@dataclass(slots=True)
class Times:
    """Wall and CPU seconds of repeated measurements."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def add(self, wall: float, cpu: float) -> None:
        self.wall.append(wall)
        self.cpu.append(cpu)


def measure_imports(work_dir: Path, shape: Shape, runs: int, ccusage: Sequence[str], target: Target) -> list[Figure]:
    """Return how long the processes take alone, and the second and the first import beside them.

    Args:
        work_dir: keeps the transcripts for the next time.
        shape: which transcripts.
        runs: how often each import is measured.
        ccusage: the command to run, as `--ccusage` takes it.
        target: what is asked of the second import.
    """
    claude_dir, tokens = kept_transcripts(work_dir, shape)
    alone, second, unchanged, first = Times(), Times(), Times(), Times()
    with tempfile.TemporaryDirectory(prefix="import-", dir=work_dir) as name:
        bench = Bench(Path(name), claude_dir, ccusage)
        bench.run_processes()
        bench.check(tokens)
        for number in range(runs):
            say(f"{shape.mb:g} MB of transcripts, run {number + 1} of {runs}")
            alone.add(*bench.run_processes())
            second.add(*bench.second_import())
            unchanged.add(*bench.unchanged_import())
            alone.add(*bench.run_processes())
            first.add(*bench.first_import())
    subject = f"{shape.mb:g} MB"
    return [
        *figures_of(subject, "five ccusage processes", alone, None, Target()),
        *figures_of(subject, "second import", second, alone, target),
        *figures_of(subject, "import in which nothing changed", unchanged, None, Target()),
        *figures_of(subject, "first import", first, alone, Target()),
    ]


class Bench:
    """One scratch directory in which imports of the same transcripts run, and their processes alone."""

    def __init__(self, directory: Path, claude_dir: Path, ccusage: Sequence[str], *more: Path) -> None:
        self._directory = directory
        self._environ = importer_environ(directory / "home")
        self._options = (
            *(part for path in (claude_dir, *more) for part in ("--claude-dir", str(path))),
            "--ccusage",
            shlex.join(ccusage),
            "--timezone",
            TIMEZONE,
            "--warehouse",
        )
        fetch = FetchOptions(
            state_dir=directory / "state", command=tuple(ccusage), claude_dirs=(claude_dir, *more), timezone=TIMEZONE
        )
        runner = find_runner(fetch, self._environ)
        self._commands = [report_command(runner, report, fetch) for report in REPORTS]
        self._child_environ = report_environ(runner, fetch, self._environ)
        self._jobs = default_jobs(runner.major, os.cpu_count() or 1)

    def check(self, tokens: Tokens) -> None:
        """Make the first import into the kept warehouse, and see that the second finds the same and nothing new."""
        run_import(self._environ, *self._options, self._warehouse("kept"))
        summary = json.loads(
            run_import(self._environ, *self._options, self._warehouse("kept"), "--json", "--force").output
        )
        found = Tokens(*(summary["totals"]["after"][name] for name in Tokens._fields))
        if found != tokens:
            raise ValueError(f"imported {found}, the transcripts hold {tokens}")
        if any(report["offered"] != report["unchanged"] for report in summary["reports"].values()):
            raise ValueError("the second import of the same transcripts is not unchanged")

    def run(self, warehouse: str, *more: str) -> Run:
        """Import into a warehouse below the directory."""
        return run_import(self._environ, *self._options, self._warehouse(warehouse), *more)

    def forget(self, warehouse: str) -> None:
        """Remove a warehouse, and what is known of it and of what was read into it."""
        shutil.rmtree(self._directory / warehouse)
        shutil.rmtree(self._directory / "home")
        (self._directory / "home").mkdir()

    def run_processes(self) -> tuple[float, float]:
        """Run what an import runs, as many at once; return wall and CPU seconds."""
        cpu_before, begun = _children_cpu_seconds(), time.perf_counter()
        with ThreadPoolExecutor(self._jobs) as pool:
            list(pool.map(self._run_process, self._commands))
        return time.perf_counter() - begun, _children_cpu_seconds() - cpu_before

    def second_import(self) -> tuple[float, float]:
        """Import the same once more."""
        run = run_import(self._environ, *self._options, self._warehouse("kept"), "--force")
        return run.seconds, run.cpu_seconds

    def unchanged_import(self) -> tuple[float, float]:
        """Let an import find that nothing changed."""
        run = run_import(self._environ, *self._options, self._warehouse("kept"), "--json")
        if json.loads(run.output)["reports"]:
            raise ValueError("an import in which nothing changed has run reports")
        return run.seconds, run.cpu_seconds

    def first_import(self) -> tuple[float, float]:
        """Import into a warehouse that does not exist."""
        run = run_import(self._environ, *self._options, self._warehouse("new"))
        shutil.rmtree(self._directory / "new")
        return run.seconds, run.cpu_seconds

    def _run_process(self, command: tuple[str, ...]) -> None:
        cwd = self._directory / "state" / "neutral"
        subprocess.run(
            command, env=self._child_environ, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, check=True
        )

    def _warehouse(self, name: str) -> str:
        return f"chdb://{self._directory / name}"


def _children_cpu_seconds() -> float:
    times = os.times()
    return times.children_user + times.children_system


def figures_of(subject: str, what: str, times: Times, alone: Times | None, target: Target) -> list[Figure]:
    wall, cpu = statistics.median(times.wall), statistics.median(times.cpu)
    figures = [Figure(subject, what, wall, "s"), Figure(subject, f"{what}, CPU", cpu, "s")]
    if alone is not None:
        wall_alone = statistics.median(alone.wall)
        figures += [
            Figure(subject, f"{what} over processes", wall / wall_alone, "x", target.ratio),
            Figure(subject, f"{what} beyond processes", wall - wall_alone, "s", target.own_seconds),
        ]
    return figures


def kept_transcripts(work_dir: Path, shape: Shape) -> tuple[Path, Tokens]:
    """Return a tree and its totals, written by an earlier benchmark or now."""
    source = Path(transcripts.__file__).read_bytes()
    digest = hashlib.sha256(source + repr(shape).encode()).hexdigest()[:8]
    tree = work_dir / f"transcripts-{shape.mb:g}mb-{digest}"
    totals = tree / "totals.json"
    if not totals.exists():
        say(f"writing {shape.mb:g} MB of transcripts")
        shutil.rmtree(tree, ignore_errors=True)
        written = write_transcripts(tree / "claude", shape)
        totals.write_text(json.dumps(dataclasses.asdict(written)["tokens"]), "utf-8")
    return tree / "claude", Tokens(*json.loads(totals.read_text("utf-8")))
