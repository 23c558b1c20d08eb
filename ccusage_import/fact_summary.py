"""What an import read of the transcripts, before anybody renders it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ccusage_import.exceptions import FixableError
from ccusage_import.transcripts.reader import Batch

FACT_KINDS = ("messages", "tool_calls", "turns", "events")


@dataclass(slots=True)
class FactsSummary:
    """What was read of the transcripts, and what of it is new.

    Attributes:
        files: transcripts that had changed.
        bytes: that were read of them.
        lines: likewise.
        new: facts that no load brought before, by kind.
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
