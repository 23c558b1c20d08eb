"""Imports that are ended in the middle, by SIGKILL, SIGTERM and ^C, and a table of what became of them."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.harness import TIMEOUT_SECONDS, FaultyLab, Installation
from tests.support.forks import Running

SHORTEST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 0.0002, 0.03
WRITING = ("before insert", "before command", "before open", "before keep")
INTERRUPTED = "ccusage-import: interrupted\n"


class Stepped:
    """An import, or another command, in a process that waits at each step."""

    def __init__(self, installation: Installation, *arguments: str | Path, command: str = "import") -> None:
        tell, self._hear = os.pipe(), os.pipe()
        self.process = installation.start(
            str(tell[1]), str(self._hear[0]), *command.split(), *arguments,
            module="tests.faults.stepped", pass_fds=(tell[1], self._hear[0]),
        )  # fmt: skip
        os.close(tell[1])
        os.close(self._hear[0])
        self._told = os.fdopen(tell[0])

    def next_point(self) -> str:
        """Return the point it waits at; an empty text when it has ended."""
        return self._told.readline().strip()

    def go_on(self) -> None:
        """Let it pass; one that has ended says how at its end."""
        with suppress(BrokenPipeError):
            os.write(self._hear[1], b".")

    def run_to(self, number: int) -> str:
        """Let it pass that many points, and return the one it then waits at."""
        point = self.next_point()
        for _ in range(number):
            self.go_on()
            point = self.next_point()
        return point

    def finish(self) -> tuple[int, str]:
        """Let it run to its end; exit code and stderr."""
        self.go_on()
        self.pass_all()
        return self.end()

    def pass_all(self) -> list[str]:
        """Let it run to its end, and return every point it waited at."""
        points = []
        while point := self.next_point():
            points.append(point)
            self.go_on()
        return points

    def kill_at(self, number: int) -> str:
        """Kill it where it has passed that many points, and return the one it waited at."""
        point = self.run_to(number)
        self.process.kill()
        self.end()
        return point

    def end(self) -> tuple[int, str]:
        """Wait for its end; exit code and stderr."""
        os.close(self._hear[1])
        self._told.read()
        self._told.close()
        stderr = self.process.communicate(timeout=TIMEOUT_SECONDS)[1]
        return self.process.wait(), stderr


def points_of(lab: FaultyLab) -> list[str]:
    """List the points of an undisturbed import."""
    lab.restore()
    stepped = Stepped(lab.installation, *lab.arguments)
    points = stepped.pass_all()
    code, said = stepped.end()
    if code:
        raise RuntimeError(f"the undisturbed import failed with {code}: {said}")
    return points


def seconds_of(lab: FaultyLab) -> float:
    """Measure an undisturbed import."""
    lab.restore()
    begun = time.monotonic()
    lab.installation.run("import", *lab.arguments)
    return time.monotonic() - begun


def group_is_gone(process: Running) -> bool:
    """Whether nothing is left of a process that ended and of its children."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


@dataclass
class Tally:
    """What became of one kind of fault."""

    fault: str
    attempted: int = 0
    survived: int = 0
    in_time: int = 0
    published: int = 0
    complaints: list[str] = field(default_factory=list)

    def add(self, case: str, wrong: Sequence[str], *, in_time: bool, published: bool) -> None:
        """Count one case."""
        self.attempted += 1
        self.survived += not wrong
        self.in_time += in_time
        self.published += published
        self.complaints += [f"{self.fault}, {case}: {text}" for text in wrong]

    def add_all(self, other: Tally) -> None:
        """Count the cases of another portion."""
        self.attempted += other.attempted
        self.survived += other.survived
        self.in_time += other.in_time
        self.published += other.published
        self.complaints += other.complaints


def print_tallies(tallies: Sequence[Tally]) -> None:
    """Print a line for each kind of fault, then everything that was wrong."""
    print(f"{'fault':<34}{'attempted':>10}{'survived':>10}{'in time':>9}{'published':>11}")
    for tally in tallies:
        print(f"{tally.fault:<34}{tally.attempted:>10}{tally.survived:>10}{tally.in_time:>9}{tally.published:>11}")
    for text in (text for tally in tallies for text in tally.complaints):
        print(text)


def kill_imports(lab: FaultyLab, kills: int, seed: int, name: str = "SIGKILL") -> list[Tally]:
    """Kill imports: at each step in turn, in the middle of a step that writes, and at any moment of its life."""
    chance, points, seconds = random.Random(seed), points_of(lab), seconds_of(lab)
    writing = [number for number, point in enumerate(points) if point.startswith(WRITING)]
    at_step, within, anywhere = (Tally(f"{name} {when}") for when in ("at a step", "while writing", "at any moment"))
    for number, step in zip(range(kills), _spread(len(points), chance), strict=False):
        lab.restore()
        match number % 3:
            case 0:
                _kill_at(lab, at_step, step, 0.0)
            case 1:
                _kill_at(lab, within, chance.choice(writing), _short_delay(chance))
            case _:
                _kill_after(lab, anywhere, chance.uniform(0, seconds))
    return [at_step, within, anywhere]


def _spread(points: int, chance: random.Random) -> Iterator[int]:
    """Every point once in random order, then again, without end."""
    while True:
        yield from chance.sample(range(points), points)


def _short_delay(chance: random.Random) -> float:
    """Steps take from a fraction of a millisecond to tens of them."""
    ratio: float = (LONGEST_DELAY_SECONDS / SHORTEST_DELAY_SECONDS) ** chance.random()
    return SHORTEST_DELAY_SECONDS * ratio


def _kill_at(lab: FaultyLab, tally: Tally, step: int, delay_seconds: float) -> None:
    stepped = Stepped(lab.installation, *lab.arguments)
    point = stepped.run_to(step)
    if delay_seconds:
        stepped.go_on()
        time.sleep(delay_seconds)
    stepped.process.kill()
    exit_code, _ = stepped.end()
    _judge(lab, tally, stepped.process, f"{point} + {delay_seconds:.4f} s", in_time=exit_code == -signal.SIGKILL)


def _kill_after(lab: FaultyLab, tally: Tally, delay_seconds: float) -> None:
    with lab.meanwhile():
        process = lab.installation.start("import", *lab.arguments)
        time.sleep(delay_seconds)
        process.kill()
        process.communicate(timeout=TIMEOUT_SECONDS)
    in_time = process.returncode == -signal.SIGKILL
    _judge(lab, tally, process, f"{delay_seconds:.3f} s", in_time=in_time)


def interrupt_imports(lab: FaultyLab, times: int, seed: int) -> list[Tally]:
    """Send SIGTERM, SIGINT, and SIGINT twice, at each step in turn or shortly after it."""
    chance, points = random.Random(seed), points_of(lab)
    tallies = [Tally("SIGTERM"), Tally("SIGINT"), Tally("SIGINT twice")]
    signals = ([signal.SIGTERM], [signal.SIGINT], [signal.SIGINT, signal.SIGINT])
    for number, step in zip(range(times), _spread(len(points), chance), strict=False):
        delay = _short_delay(chance) if number % 2 else 0.0
        lab.restore()
        _interrupt(lab, tallies[number % 3], step, signals[number % 3], delay)
    return tallies


def _interrupt(
    lab: FaultyLab, tally: Tally, step: int, signals: Sequence[signal.Signals], delay_seconds: float
) -> None:
    stepped = Stepped(lab.installation, *lab.arguments)
    point = stepped.run_to(step)
    if delay_seconds:
        stepped.go_on()
    for number in signals:
        time.sleep(delay_seconds)
        stepped.process.send_signal(number)
    exit_code, stderr = stepped.end()
    wrong = [] if (exit_code, stderr) == (130, INTERRUPTED) else [f"exit code {exit_code}, stderr {stderr!r}"]
    if exit_code == 0 and delay_seconds:  # it had ended before
        wrong = []
    case = f"{point} + {delay_seconds:.4f} s"
    _judge(lab, tally, stepped.process, case, in_time=exit_code != 0, wrong=wrong)


def _judge(
    lab: FaultyLab, tally: Tally, process: Running, case: str, *, in_time: bool, wrong: Sequence[str] = ()
) -> None:
    left = [] if group_is_gone(process) else ["a process is left"]
    published, complaints = lab.examined()
    tally.add(case, [*wrong, *left, *complaints], in_time=in_time, published=published)
