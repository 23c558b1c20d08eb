"""What a process that runs for long takes over time: memory and CPU time, noted while it works."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.measure import Figure

# The first minutes fill caches; what is taken after them is compared, where that is long enough.
FIRST_SECONDS, LEAST_SECONDS = 300.0, 300.0
NOTE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process has resident, and what it took of the cores so far."""

    seconds: float
    memory_mb: float
    cpu_seconds: float


@dataclass
class Samples:
    """Notes what a process takes, once a second at most; Linux only."""

    pid: int
    taken: list[Sample] = field(default_factory=list)

    def note(self) -> None:
        """Take a sample, unless the last one is as good."""
        now = time.monotonic()
        if not self.taken or now - self.taken[-1].seconds >= NOTE_SECONDS:
            self.taken.append(Sample(now, memory_mb(self.pid), cpu_seconds(self.pid)))


def memory_mb(pid: int) -> float:
    """Return what a process has resident now."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def cpu_seconds(pid: int) -> float:
    """Return what a process took of the cores so far."""
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def over_time(subject: str, samples: Sequence[Sample]) -> list[Figure]:
    """Return memory and CPU time after the first minutes, at half and at the end, and how the memory grows.

    The growth is the slope of a line through all samples after the first minutes, since one sample says little; of
    less than five minutes none is told.
    """
    length = samples[-1].seconds - samples[0].seconds
    first = min(FIRST_SECONDS, length / 4)
    figures, before = list[Figure](), samples[0]
    for after in (first, length / 2, length):
        sample = next(one for one in samples if one.seconds - samples[0].seconds >= after)
        cpu = 100 * (sample.cpu_seconds - before.cpu_seconds) / max(NOTE_SECONDS, sample.seconds - before.seconds)
        figures += [
            Figure(subject, f"memory after {after / 60:.1f} minutes of writing", sample.memory_mb, "MB"),
            Figure(subject, "CPU time of one core until then", cpu, "%"),
        ]
        before = sample
    if length - first >= LEAST_SECONDS:
        what = f"memory, growth in an hour, from the last {(length - first) / 60:.1f} minutes"
        figures.append(Figure(subject, what, _slope(samples, first), "MB"))
    return figures


def _slope(samples: Sequence[Sample], first: float) -> float:
    """Return megabytes in an hour."""
    later = [sample for sample in samples if sample.seconds - samples[0].seconds >= first]
    return statistics.linear_regression([one.seconds / 3600 for one in later], [one.memory_mb for one in later]).slope
