"""What a person asked of an import, and what it found and did, before anybody renders it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ccusage_import.exceptions import CcusageError, ExitCode, FixableError
from ccusage_import.records import REPORTS, Identity, Record
from ccusage_import.rule.verdicts import Decision, Verdict

if TYPE_CHECKING:
    from ccusage_import.ccusage.archive import LoadNote
    from ccusage_import.ccusage.offers import ReportOutcome
    from ccusage_import.statistics import Comparison
    from ccusage_import.transcripts.reader import Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """What a person asked for on the command line; `note` is what saved reports were read with, where it is known.

    With `only_transcripts` no ccusage is run; `is_forced` runs it even where nothing changed.
    """

    reports: tuple[str, ...] = REPORTS
    since: date = date.min
    until: date = date.max
    is_dry_run: bool = False
    only_transcripts: bool = False
    saved_dir: Path | None = None
    accepted: tuple[date, date] | None = None
    note: LoadNote | None = None
    is_forced: bool = False


class ImportProgress(Protocol):
    """Hears what an import is doing; of the reports one call at a time, from worker threads."""

    def phase(self, name: str) -> None:
        """A phase begins: fetch, validate, open, reconcile, load or transcripts."""

    def started(self, report: str) -> None:
        """A report is being run."""

    def finished(self, report: str, seconds: float) -> None:
        """A report was fetched."""

    def failed(self, report: str, error: CcusageError, /) -> None:
        """A report failed for good."""

    def read(self, done: int, total: int) -> None:
        """So many bytes of those that are new in the transcripts are read."""


class SilentProgress:
    """Shows nothing."""

    def phase(self, name: str) -> None: ...

    def started(self, report: str) -> None: ...

    def finished(self, report: str, seconds: float) -> None: ...

    def failed(self, report: str, error: CcusageError, /) -> None: ...

    def read(self, done: int, total: int) -> None: ...


SILENT = SilentProgress()


@dataclass(slots=True)
class FactsSummary:
    """What was read of the transcripts, and what of it is new.

    Attributes:
        files: transcripts that had changed.
        bytes: that were read of them.
        unread_bytes: of changed transcripts that are still to be read.
        lines: that were read.
        new: facts that no load brought before, by kind; `folded` are those that were read again after they were folded.
        bad_lines: lines that are not records, by what is wrong with them.
        unknown: records of a type that is not known, by type.
        unreadable: files and directories that could not be read.
        equal_days: days on which messages add up to what ccusage shows.
        days: days with messages; 0 where nothing was read.
        seconds: that it took.
        error: why it ended early; what was published before stays.
    """

    files: int = 0
    bytes: int = 0
    unread_bytes: int = 0
    lines: int = 0
    new: Counter[str] = field(default_factory=Counter)
    bad_lines: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    equal_days: int = 0
    days: int = 0
    seconds: float = 0.0
    error: FixableError | None = None

    def add(self, batch: Batch) -> None:
        """Add what was odd about a batch."""
        self.files += len(batch.files)
        self.bytes += batch.bytes_read
        self.unread_bytes = max(0, self.unread_bytes - batch.bytes_read)
        self.lines += batch.facts.lines
        self.bad_lines += batch.facts.bad_lines
        self.unknown += batch.facts.unknown
        self.unreadable += batch.unreadable

    @property
    def counts(self) -> dict[str, int]:
        """Return what a load says of it."""
        odd = {f"bad lines/{kind}": count for kind, count in sorted(self.bad_lines.items())}
        odd |= {f"unknown/{kind}": count for kind, count in sorted(self.unknown.items())}
        odd |= {f"unreadable/{kind}": count for kind, count in sorted(self.unreadable.items())}
        return {**{kind: count for kind, count in self.new.items() if count}, **odd}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSummary:
    """Everything an import found and did.

    Attributes:
        machine: whose usage it is.
        timezone: the IANA zone in which days begin.
        is_dry_run: whether nothing was to be written.
        ccusage_version: empty where it is not known.
        runner: how ccusage was run, or `files`, or `transcripts`.
        load_id: the load that was committed; None where there was none.
        intact_from: first day whose transcripts cannot have been deleted yet.
        reports: what became of each report.
        offered: the records of the valid reports.
        left_alone: what was not judged because of records that cannot be true.
        stored: what the warehouse held before.
        decisions: the verdicts.
        gone: the stored records some of whose messages are not in the transcripts any more.
        warnings: what a person should know.
        comparison: totals before and after, and what they consist of; None where no report was valid.
        names: pseudonym to name.
        phases: seconds by phase.
        facts: what was read of the transcripts; None where they were not read.
        unchanged_since: when the import began since which nothing changed, so that no report was run; None where
            reports were run.
    """

    machine: str
    timezone: str
    is_dry_run: bool
    ccusage_version: str
    runner: str
    load_id: int | None = None
    intact_from: date | None = None
    reports: Mapping[str, ReportOutcome] = field(default_factory=dict)
    offered: Sequence[Record] = ()
    left_alone: frozenset[Identity] = frozenset()
    stored: Sequence[Record] = ()
    decisions: Sequence[Decision] = ()
    gone: frozenset[Identity] = frozenset()
    warnings: Sequence[str] = ()
    comparison: Comparison | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    phases: Mapping[str, float] = field(default_factory=dict)
    facts: FactsSummary | None = None
    unchanged_since: datetime | None = None

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
        """Why reports or parts of them, or the transcripts, failed, each reason once."""
        problems = [outcome.problem for outcome in self.reports.values() if outcome.problem]
        of_facts = [self.facts.error] if self.facts and self.facts.error else []
        return list(dict.fromkeys([*problems, *of_facts]))

    @property
    def is_empty(self) -> bool:
        """Whether there was no usage at all, neither offered nor stored."""
        return self.comparison is not None and not self.offered and not self.stored

    @property
    def exit_code(self) -> ExitCode:
        """0, or 5 where some reports or the transcripts failed or records were refused, 3 where all reports failed."""
        if not self.errors:
            return ExitCode.OK
        return ExitCode.CCUSAGE if self.reports and len(self.failed) == len(self.reports) else ExitCode.PARTIAL
