"""What a person at a terminal sees while an import runs."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Self

from ccusage_import.exceptions import CcusageError
from ccusage_import.import_summary import SILENT, ImportProgress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID


class TerminalProgress(AbstractContextManager["TerminalProgress"]):
    """One line for each report with its time, then one for each phase; gone when the summary comes."""

    def __init__(self, terminal: Console) -> None:
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=terminal,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._phase: TaskID | None = None

    def __enter__(self) -> Self:
        """Show the progress."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the progress."""
        self._progress.stop()

    def phase(self, name: str) -> None:
        """Show that a phase begins and the one before it is done."""
        if self._phase is not None:
            self._progress.update(self._phase, total=1, completed=1)
        self._phase = self._progress.add_task(name, total=None)

    def read(self, done: int, total: int) -> None:
        """Show how much of the transcripts is read."""
        if self._phase is not None:
            of_total = f"transcripts: {done / 1e6:,.0f} of {total / 1e6:,.0f} MB"
            self._progress.update(self._phase, description=of_total)

    def started(self, report: str) -> None:
        """Show that a report is being run."""
        self._tasks[report] = self._progress.add_task(f"  {report}", total=None)

    def finished(self, report: str, seconds: float) -> None:
        """Show how long a report took."""
        self._progress.update(self._tasks[report], description=f"  {report} {seconds:.2f} s", total=1, completed=1)

    def failed(self, report: str, _error: CcusageError, /) -> None:
        """Show that a report failed; the summary says why."""
        self._progress.update(self._tasks[report], description=f"  {report} failed", total=1, completed=1)


def show_progress(*, is_wanted: bool) -> AbstractContextManager[ImportProgress]:
    """Return progress for a person at a terminal that can draw a line anew, silence for anybody else."""
    if is_wanted and sys.stderr.isatty():
        from rich.console import Console

        terminal = Console(stderr=True)
        if not terminal.is_dumb_terminal:
            return TerminalProgress(terminal)
    return nullcontext(SILENT)
