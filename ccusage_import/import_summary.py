"""What a person asked of an import, and what it found and did, before anybody renders it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Protocol

from ccusage_import.ccusage.archive import LoadNote
from ccusage_import.ccusage.fetcher import FetchProgress
from ccusage_import.exceptions import ExitCode, FixableError
from ccusage_import.reconcile import Decision, Verdict
from ccusage_import.records import REPORTS, Record
from ccusage_import.statistics import Share, Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """What a person asked for on the command line; `note` is what saved reports were read with, where it is known."""

    reports: tuple[str, ...] = REPORTS
    since: date = date.min
    until: date = date.max
    is_dry_run: bool = False
    saved_dir: Path | None = None
    accepted: tuple[date, date] | None = None
    note: LoadNote | None = None


class ImportProgress(FetchProgress, Protocol):
    """Told what an import is doing."""

    def phase(self, name: str) -> None:
        """A phase begins: fetch, validate, read, reconcile or load."""


@dataclass(slots=True)
class ReportOutcome:
    """What became of one report of one agent."""

    offered: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    seconds: float | None = None
    error: FixableError | None = None


@dataclass(slots=True)
class ImportSummary:
    """Everything an import found and did."""

    machine: str
    is_dry_run: bool
    load_id: int | None = None
    ccusage_version: str = ""
    runner: str = ""
    timezone: str = ""
    intact_from: date | None = None
    reports: dict[str, ReportOutcome] = field(default_factory=dict)
    offered: list[Record] = field(default_factory=list)
    stored: list[Record] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    before: Totals | None = None
    after: Totals | None = None
    block: Record | None = None
    agents: list[Share] = field(default_factory=list)
    models: list[Share] = field(default_factory=list)
    projects: list[Share] = field(default_factory=list)
    names: Mapping[str, str] = field(default_factory=dict)
    phases: dict[str, float] = field(default_factory=dict)

    def outcome_of(self, record: Record) -> ReportOutcome:
        """Return the report that a record came from; the saved daily report of all agents has records of each."""
        return self.reports.get(record.label) or self.reports[record.report]

    @property
    def held(self) -> list[Decision]:
        """The decisions that kept a stored record against a smaller offer."""
        return [decision for decision in self.decisions if decision.verdict is Verdict.HELD]

    @property
    def failed(self) -> list[str]:
        """The reports that could not be fetched or are not valid."""
        return [name for name, outcome in self.reports.items() if outcome.error]

    @property
    def errors(self) -> list[FixableError]:
        """Why reports failed, each reason once: an agent that does not exist fails all of its reports."""
        return list(dict.fromkeys(outcome.error for outcome in self.reports.values() if outcome.error))

    @property
    def is_empty(self) -> bool:
        """Whether there was no usage at all, neither offered nor stored."""
        return not self.decisions and self.after is not None and self.after.days == 0

    @property
    def exit_code(self) -> ExitCode:
        """0, or 5 where some reports failed, or 3 where all did."""
        if not self.failed:
            return ExitCode.OK
        return ExitCode.CCUSAGE if len(self.failed) == len(self.reports) else ExitCode.PARTIAL
