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
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from ccusage_import.ccusage.fetcher import report_command, report_environ
from ccusage_import.ccusage.runner import FetchOptions, find_runner
from ccusage_import.records import REPORTS
from tests.benchmarks.bounds import ENGINE
from tests.benchmarks.measure import Figure, Run, importer_environ, run_import, run_module, run_program, say
from tests.support import transcripts
from tests.support.gateway.running import running_gateway
from tests.support.transcripts import SMALL, Shape, Tokens, write_transcripts

TIMEZONE = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The most that an import may take: as a multiple of the processes alone, or in seconds beyond them."""

    ratio: float | None = None
    own_seconds: float | None = None


NO_TARGET = Target()
SMALL_SECOND, LARGE_SECOND, LARGE_FIRST = Target(own_seconds=0.5), Target(ratio=1.10), Target(ratio=1.20)
# What the program takes beyond the processes, as a multiple of opening the engine alone.
LARGEST_OVER_ENGINE = 1.5
UNCHANGED_SECONDS, UNCHANGED_ON_SERVER_SECONDS, MOST_REQUESTS = 0.4, 0.2, 8


@dataclass(slots=True)
class Times:
    """Wall and CPU seconds of repeated measurements."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def add(self, wall: float, cpu: float) -> None:
        self.wall.append(wall)
        self.cpu.append(cpu)


def measure_imports(
    work_dir: Path, shape: Shape, runs: int, ccusage: Sequence[str], second_target: Target, first_target: Target
) -> list[Figure]:
    """Return how long the processes take alone, the second and the first import beside them, and their phases.

    Args:
        work_dir: keeps the transcripts for the next time.
        shape: which transcripts.
        runs: how often each import is measured.
        ccusage: the command to run, as `--ccusage` takes it.
        second_target: what is asked of the second import.
        first_target: what is asked of the first one.
    """
    claude_dir, tokens = kept_transcripts(work_dir, shape)
    alone, second, first, phases = Times(), Times(), Times(), defaultdict[str, Times](Times)
    with tempfile.TemporaryDirectory(prefix="import-", dir=work_dir) as name:
        bench = Bench(Path(name), claude_dir, ccusage)
        bench.run_processes()
        bench.check(tokens)
        for number in range(runs):
            say(f"{shape.mb:g} MB of transcripts, run {number + 1} of {runs}")
            alone.add(*bench.run_processes())
            second.add(*bench.second_import())
            alone.add(*bench.run_processes())
            first.add(*bench.first_import())
            for phase, (wall, cpu) in bench.phases().items():
                phases[phase].add(wall, cpu)
    subject = f"{shape.mb:g} MB"
    return [
        *figures_of(subject, "five ccusage processes at once", alone, None, NO_TARGET),
        *figures_of(subject, "second import", second, alone, second_target),
        *figures_of(subject, "first import", first, alone, first_target),
        *(
            figure
            for phase, times in phases.items()
            for figure in figures_of(subject, f"second import, {phase}", times, None, NO_TARGET)
        ),
    ]


def measure_own_time(work_dir: Path, runs: int, ccusage: Sequence[str]) -> list[Figure]:
    """Return what a small import takes of its own, beside opening the engine alone, and what one without changes.

    Args:
        work_dir: keeps the transcripts for the next time.
        runs: how often each is measured.
        ccusage: the command to run, as `--ccusage` takes it.
    """
    claude_dir, _ = kept_transcripts(work_dir, SMALL)
    subject = f"{SMALL.mb:g} MB"
    alone, second, engine, unchanged, on_server = Times(), Times(), Times(), Times(), Times()
    with (
        tempfile.TemporaryDirectory(prefix="own-", dir=work_dir) as name,
        running_gateway(Path(name, "server")) as server,
    ):
        bench = Bench(Path(name), claude_dir, ccusage)
        bench.run("kept")
        # With a home of its own: an installation remembers its last import alone.
        remote, other = server.url(database="own_time"), Bench(Path(name, "other"), claude_dir, ccusage)
        other.migrate(remote)
        other.import_into(remote)
        begun = len(server.statements())
        other.import_into(remote, "--force")
        forced = len(server.statements()) - begun
        for number in range(runs):
            say(f"own time, run {number + 1} of {runs}")
            alone.add(*bench.run_processes())
            second.add(*bench.second_import())
            engine.add(*bench.engine_alone())
            unchanged.add(*bench.unchanged_import())
            on_server.add(*other.import_into(remote))
        begun = len(server.statements())
        other.import_into(remote)
        requests = len(server.statements()) - begun
    own = statistics.median(second.wall) - statistics.median(alone.wall)
    over_engine = own / statistics.median(engine.wall)
    return [
        *figures_of(subject, "driver and engine alone: SELECT 1", engine, None, NO_TARGET),
        *figures_of(subject, "second import", second, alone, SMALL_SECOND),
        Figure(subject, "that over driver and engine alone", over_engine, "x", LARGEST_OVER_ENGINE),
        *figures_of(subject, "nothing changed, embedded", unchanged, None, NO_TARGET, UNCHANGED_SECONDS),
        *figures_of(subject, "nothing changed, a server", on_server, None, NO_TARGET, UNCHANGED_ON_SERVER_SECONDS),
        Figure(subject, "nothing changed, a server: requests", requests, "", MOST_REQUESTS),
        Figure(subject, "all reports run, a server: requests", forced, "", MOST_REQUESTS),
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
        self._ccusage, self._claude_dirs = shlex.join(ccusage), (claude_dir, *more)

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
        """Run what an import runs, all of them at once; return wall and CPU seconds."""
        cpu_before, begun = _children_cpu_seconds(), time.perf_counter()
        with ThreadPoolExecutor(len(self._commands)) as pool:
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

    def migrate(self, url: str) -> None:
        """Make the database of a server."""
        run_program(self._environ, "migrate", "--create-database", "--warehouse", url)

    def import_into(self, url: str, *more: str) -> tuple[float, float]:
        """Import into a server."""
        run = run_import(self._environ, *self._options, url, *more)
        return run.seconds, run.cpu_seconds

    def engine_alone(self) -> tuple[float, float]:
        """Open the kept warehouse with the driver, and ask it for 1."""
        run = run_module(self._environ, "tests.benchmarks.bounds", ENGINE, str(self._directory / "kept"))
        return run.seconds, run.cpu_seconds

    def phases(self) -> dict[str, tuple[float, float]]:
        """Import the same once more, and return wall and CPU seconds of each phase."""
        directories = (part for path in self._claude_dirs for part in ("--claude-dir", str(path)))
        options = ("--warehouse", self._warehouse("kept"), "--ccusage", self._ccusage, *directories)
        run = run_module(self._environ, "tests.benchmarks.phases", *options)
        return {name: (wall, cpu) for name, (wall, cpu) in json.loads(run.output).items()}

    def first_import(self) -> tuple[float, float]:
        """Import into a warehouse that does not exist, as an installation that never imported."""
        with tempfile.TemporaryDirectory(dir=self._directory) as name:
            environ = importer_environ(Path(name, "home"))
            run = run_import(environ, *self._options, f"chdb://{name}/warehouse")
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


def figures_of(
    subject: str, what: str, times: Times, alone: Times | None, target: Target, seconds: float | None = None
) -> list[Figure]:
    wall, cpu = statistics.median(times.wall), statistics.median(times.cpu)
    figures = [Figure(subject, what, wall, "s", seconds), Figure(subject, f"{what}, CPU", cpu, "s")]
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
