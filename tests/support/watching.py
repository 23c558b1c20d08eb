"""Runs `ccusage-import watch` as a process of its own, and waits for what it says."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import Program
from tests.support.forks import Running, can_fork, fork

Event = dict[str, Any]
PATIENCE_SECONDS = 60


@dataclass
class Watch:
    """A running `watch --json`."""

    process: Running
    stdout: Path
    stderr: Path

    def events(self, name: str = "") -> list[Event]:
        """What it said so far; a line that it is writing is not read yet."""
        lines = self.stdout.read_text().split("\n")[:-1]
        # Those that cannot be meant are not parsed: it is asked a hundred times a second.
        events = map(json.loads, (line for line in lines if name in line))
        return [event for event in events if not name or event["event"] == name]

    def messages(self) -> int:
        """How many messages it said that it stored."""
        return sum(event["new"]["messages"] for event in self.events("stored"))

    def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_so():
            assert self.process.poll() is None, self.stderr.read_text()
            assert time.monotonic() < deadline, (self.events(), self.stderr.read_text())
            time.sleep(0.01)

    def until_stored(self, messages: int, *others: Watch) -> None:
        """Wait until it stored so many messages at least, together with others."""
        self.until(lambda: sum(watch.messages() for watch in (self, *others)) >= messages)

    def until_said(self, name: str, times: int) -> None:
        """Wait until it told of an event so often."""
        self.until(lambda: len(self.events(name)) >= times)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)


@contextmanager
def watching(
    program: Program, *arguments: str | Path, waits: bool = True, module: str = "ccusage_import", **environ: str
) -> Iterator[Watch]:
    """Watch for the length of the block; with `waits`, the block begins when it watches; `module` runs the program."""
    stdout, stderr = program.home / "watch.out", program.home / "watch.err"
    argv, whole = ["watch", "--json", *map(str, arguments)], {**program.environ, **environ}
    if can_fork(whole):
        process: Running = fork(argv, whole, program.home, module=module, files=(stdout, stderr))
    else:
        with stdout.open("w") as out, stderr.open("w") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *argv],
                env=whole,
                cwd=program.home,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                text=True,
            )
    watch = Watch(process, stdout, stderr)
    try:
        if waits:
            watch.until(lambda: bool(watch.events("watching")))
        yield watch
    finally:
        process.kill()
        process.wait(PATIENCE_SECONDS)
