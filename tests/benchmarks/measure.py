"""Children measured from start to exit, and figures beside their targets."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# `ru_maxrss` counts kilobytes, on macOS bytes.
PEAK_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, slots=True)
class Run:
    """One process from start to exit; CPU time includes the children it waited for."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    output: bytes
    complaints: bytes


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number and the most it may be, if anything is asked of it."""

    subject: str
    what: str
    value: float
    unit: str
    target: float | None = None

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        return None if self.target is None else self.value <= self.target


def importer_environ(home: Path) -> dict[str, str]:
    """Return an environment in which nothing of the user's changes what an import does."""
    home.mkdir(parents=True, exist_ok=True)
    return {"HOME": str(home), "PATH": os.environ["PATH"]}


def run_import(environ: Mapping[str, str], *options: str) -> Run:
    """Run `ccusage-import import`, see `run_program`."""
    return run_program(environ, "import", *options)


def run_program(environ: Mapping[str, str], *arguments: str) -> Run:
    """Run `ccusage-import`, see `run_module`."""
    return run_module(environ, "ccusage_import", *arguments)


def run_module(environ: Mapping[str, str], module: str, *arguments: str) -> Run:
    """Run a module as a program, in a process of its own.

    A child's peak begins with its parent's at the time of the fork, so the caller must be small.

    Raises:
        CalledProcessError: it did not end with exit code 0.
    """
    argv = (sys.executable, "-m", module, *arguments)
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as complaints:
        begun = time.perf_counter()
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=complaints, env=environ)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        for stream in (output, complaints):
            stream.seek(0)
        printed, complained = output.read(), complaints.read()
    if process.returncode != 0:
        error = subprocess.CalledProcessError(process.returncode, argv, printed, complained)
        error.add_note(complained.decode(errors="replace"))
        raise error
    peak_mb = usage.ru_maxrss * PEAK_UNIT / 1_000_000
    return Run(seconds, usage.ru_utime + usage.ru_stime, peak_mb, printed, complained)


def print_figures(figures: Sequence[Figure]) -> None:
    """Print a table of figures, one line each."""
    rows = [("", "", "measured", "target", "")]
    for figure in figures:
        target = "" if figure.target is None else f"<= {_with_unit(figure.target, figure.unit)}"
        verdict = {None: "", True: "met", False: "missed"}[figure.is_met]
        rows.append((figure.subject, figure.what, _with_unit(figure.value, figure.unit), target, verdict))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for subject, what, value, target, verdict in rows:
        line = f"{subject:{widths[0]}}  {what:{widths[1]}}  {value:>{widths[2]}}  {target:>{widths[3]}}  {verdict}"
        print(line.rstrip())


def say(text: str) -> None:
    """Tell a waiting person what is going on."""
    print(text, file=sys.stderr, flush=True)


def _with_unit(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if unit in ("MB", "ms", "B") else f"{value:.2f} {unit}"
