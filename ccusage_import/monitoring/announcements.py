"""Reports to the world how a run of the importer ended. What cannot be reported is a warning, never a failed import."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from ccusage_import.config.settings import Configuration
from ccusage_import.exceptions import AnnouncementError, ConfigurationError, ExitCode, FixableError, WarehouseError
from ccusage_import.import_summary import ImportSummary
from ccusage_import.monitoring.outcome import MEMORY, RunMemory, RunOutcome, keep_memory, peak_memory_bytes, read_memory
from ccusage_import.warehouse.clickhouse_client import ClickHouse

if TYPE_CHECKING:
    from ccusage_import.warehouse.snapshot import Snapshot


class Announcer:
    """Collects how one run ends; `warn` is called for each target that could not be notified.

    `already_open` is the warehouse, where this process has it open.
    """

    def __init__(
        self,
        configuration: Configuration,
        environ: Mapping[str, str],
        warn: Callable[[str], None],
        already_open: ClickHouse | None,
    ) -> None:
        self._configuration = configuration
        self._already_open = already_open
        self._warn = warn
        self._settings = configuration.settings
        self._environ = environ
        self._started_at = datetime.now(UTC)
        self._memory_file = configuration.directories.state / MEMORY
        self.summary: ImportSummary | None = None

    def begin(self) -> None:
        """Ping the heartbeat."""
        self._ping("start")

    def end(self, exit_code: int, failure: str) -> None:
        """Write and push metrics, notify the targets, ping the heartbeat."""
        settings, memory, now = self._settings, read_memory(self._memory_file), datetime.now(UTC)
        if memory.last_success_at and memory.last_success_at > now:
            # A clock was ahead: such a success would never become old.
            memory.last_success_at = None
        outcome = RunOutcome(
            machine=settings.machine,
            started_at=self._started_at,
            finished_at=now,
            exit_code=exit_code,
            failure=failure,
            summary=self.summary,
            snapshot=self._snapshot(),
            last_success_at=now if exit_code == ExitCode.OK else memory.last_success_at,
            peak_memory_bytes=peak_memory_bytes(),
        )
        self._write_metrics(outcome)
        self._notify(outcome, memory)
        memory.last_success_at = outcome.last_success_at
        # A failure that is nobody's news leaves it as it was, and perhaps no place to write to.
        if memory != read_memory(self._memory_file):
            self._attempt(lambda: keep_memory(self._memory_file, memory))
        self._ping("success" if outcome.is_success else "failure", failure)

    # What nobody asked for is not even loaded: most imports are announced to no one.

    def _write_metrics(self, outcome: RunOutcome) -> None:
        if self._settings.metrics_file or self._settings.pushgateway:
            from ccusage_import.monitoring.metrics import push_metrics, write_metrics

            self._attempt(lambda: write_metrics(self._settings, outcome))
            self._attempt(lambda: push_metrics(self._settings, outcome))

    def _notify(self, outcome: RunOutcome, memory: RunMemory) -> None:
        if not self._settings.notify:
            memory.told = {}
            return
        from ccusage_import.monitoring.notifications import notify

        refused = self._configuration.refused("notify")
        for warning in notify(self._settings, outcome, memory, self._environ, commands_refused=refused):
            self._warn(warning)

    def _ping(self, event: Literal["start", "success", "failure"], text: str = "") -> None:
        if self._settings.heartbeat_url:
            from ccusage_import.monitoring.heartbeat import ping

            self._attempt(lambda: ping(self._settings, event, text))

    def _snapshot(self) -> Snapshot | None:
        """Look at the warehouse only where somebody wants to be notified of what is in it."""
        settings = self._settings
        if not (settings.metrics_file or settings.pushgateway or settings.notify):
            return None
        from ccusage_import.warehouse.budgets import keep_budgets_if_allowed
        from ccusage_import.warehouse.opening import open_configured
        from ccusage_import.warehouse.snapshot import read_snapshot

        try:
            opening = nullcontext(self._already_open) if self._already_open else open_configured(self._configuration, 0)
            with opening as opened:
                if self.summary:
                    # What was imported may be of a model or a project that a budget means; a refused import keeps none.
                    keep_budgets_if_allowed(opened, self._configuration)
                return read_snapshot(opened, settings)
        except (WarehouseError, ConfigurationError):
            # The import has said so, or the next one will.
            return None

    def _attempt(self, tell: Callable[[], None]) -> None:
        try:
            tell()
        except (AnnouncementError, ConfigurationError) as error:
            self._warn(str(error))


@contextmanager
def announced(
    configuration: Configuration,
    environ: Mapping[str, str],
    warn: Callable[[str], None],
    already_open: ClickHouse | None = None,
) -> Iterator[Announcer]:
    """Announce the run inside a `with` block, however it ends; the block puts the summary into the announcer."""
    announcer = Announcer(configuration, environ, warn, already_open)
    announcer.begin()
    # This stands if nothing below says otherwise.
    exit_code, failure = ExitCode.BUG, "A bug in ccusage-import"
    try:
        yield announcer
        exit_code, failure = _outcome(announcer.summary)
    except FixableError as error:
        exit_code, failure = error.exit_code, error.kind
        raise
    except KeyboardInterrupt:
        exit_code, failure = ExitCode.INTERRUPTED, "The import was interrupted"
        raise
    finally:
        announcer.end(exit_code, failure)


def _outcome(summary: ImportSummary | None) -> tuple[ExitCode, str]:
    """Return the exit code of a run that came to its end, and the kinds of what failed in it."""
    if summary is None:
        return ExitCode.OK, ""
    problems = {name: report.problem for name, report in summary.reports.items()}
    problems["transcripts"] = summary.facts.error if summary.facts else None
    kinds = (f"{name}: {problem.kind}" for name, problem in problems.items() if problem)
    return summary.exit_code, "; ".join(kinds)
