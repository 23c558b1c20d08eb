"""How a run of the importer ended, for those who were not watching: metrics, notifications and the heartbeat."""

from __future__ import annotations

import re
import resource
import sys
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from ccusage_import.exceptions import ExitCode
from ccusage_import.files import write_private_file

if TYPE_CHECKING:
    from ccusage_import.import_summary import ImportSummary
    from ccusage_import.warehouse.snapshot import Snapshot

# In the state directory.
MEMORY = "announced.json"
RESIDENT_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes in one of ru_maxrss


@dataclass(frozen=True, slots=True)
class Told:
    """What one target was notified of last, which is what it believes now.

    Attributes:
        is_failing: imports fail.
        is_stale: no import succeeded for too long.
        held: how many records are held.
        budgets: keys of the limits that are crossed, each with the first day of its period.
        quotas: keys of the shares of quotas that are used, likewise.
        is_unwell: `watch` found a problem.
    """

    is_failing: bool = False
    is_stale: bool = False
    held: int = 0
    budgets: frozenset[str] = frozenset()
    quotas: frozenset[str] = frozenset()
    is_unwell: bool = False


@dataclass(slots=True)
class RunMemory:
    """What a run remembers of earlier ones, kept in the state directory; `told` is by the pseudonym of a target."""

    last_success_at: datetime | None = None
    told: dict[str, Told] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """One finished run; `failure` says what kind of thing went wrong without naming paths, hosts or values."""

    machine: str
    started_at: datetime
    finished_at: datetime
    exit_code: int
    failure: str = ""
    summary: ImportSummary | None = None
    snapshot: Snapshot | None = None
    last_success_at: datetime | None = None
    peak_memory_bytes: int = 0

    @property
    def is_success(self) -> bool:
        """Whether all of it went well."""
        return self.exit_code == ExitCode.OK

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.finished_at - self.started_at).total_seconds()

    def is_stale(self, after_hours: float) -> bool:
        """Whether no run was successful for longer than allowed."""
        last = self.last_success_at
        return last is not None and (self.finished_at - last).total_seconds() > after_hours * 3600


def read_memory(file: Path) -> RunMemory:
    """Return what earlier runs left; a missing or damaged file is the memory of a first run."""
    try:
        return _memory_adapter().validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return RunMemory()


def keep_memory(file: Path, memory: RunMemory) -> None:
    """Write what the next run is to know.

    Raises:
        ConfigurationError: the directory cannot be written.
    """
    write_private_file(file, _memory_adapter().dump_json(memory).decode() + "\n")


@cache
def _memory_adapter() -> TypeAdapter[RunMemory]:
    return TypeAdapter(RunMemory)


def peak_memory_bytes() -> int:
    """Return the largest memory that this process and any of its children had resident so far."""
    return max(_own_peak_bytes(), RESIDENT_UNIT * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)


def _own_peak_bytes() -> int:
    """Return the peak of this process alone: Linux lets `ru_maxrss` begin with that of the program that started it."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        status = ""
    if found := re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE):
        return 1024 * int(found[1])
    return RESIDENT_UNIT * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
