"""Watches transcripts: waits for changes, stores what grew, imports reports in between, outlasts a lost warehouse."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from loguru import logger

from ccusage_import.ccusage.data_dirs import TRANSCRIPTS, find_sources
from ccusage_import.config.settings import Configuration
from ccusage_import.exceptions import (
    DataDirectoryError,
    FixableError,
    WarehouseError,
    WarehouseLockedError,
    WarehouseUnreachableError,
)
from ccusage_import.import_summary import ImportSummary
from ccusage_import.live.ending import Ending
from ccusage_import.live.events import (
    Ended,
    Event,
    Imported,
    ImportFailed,
    Importing,
    Lent,
    Lost,
    Onlooker,
    Reconfigured,
    Regained,
    Stored,
    Warned,
    Watching,
)
from ccusage_import.live.listening import TURN_SECONDS, Listener
from ccusage_import.live.reading import LiveFacts, new_facts
from ccusage_import.live.write_access import OutdatedError, Writable, WriteAccess
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.opening import remember
from ccusage_import.warehouse.publish import tidy
from ccusage_import.warehouse.snapshot import last_import

# All files are looked at so often although no change was heard of, and so often where none can be heard of.
LOOK_SECONDS, POLL_SECONDS = 60.0, 1.0
# A look may take this share of the time.
MOST_LOOKING = 0.05
LONGEST_RETRY_SECONDS = 60.0
# Outdated parts of an embedded warehouse are removed so often.
TIDY_SECONDS = 60.0
# Where there is no quiet moment, the row of the load is written so often.
ROW_SECONDS = 10.0


@dataclass(slots=True)
class Pending:
    """What is to be read: some files, or all; `since` is when the first of them was heard of."""

    paths: set[str] = field(default_factory=set)
    everything: bool = True
    since: float | None = None

    def add(self, paths: set[str]) -> None:
        """Add files that changed."""
        if paths:
            self.paths |= paths
            self.since = self.since or time.monotonic()

    @property
    def behind_seconds(self) -> float:
        """For how long the first of them waits."""
        return time.monotonic() - self.since if self.since else 0.0


class Watcher:
    """Watches the transcripts of a configuration until the end is asked for."""

    def __init__(
        self,
        configuration: Configuration,
        environ: Mapping[str, str],
        onlookers: Sequence[Onlooker],
        import_reports: Callable[[ClickHouse], ImportSummary],
        is_outdated: Callable[[], bool],
        *,
        reports_every: float,
        polls: bool,
        had_lent: bool,
    ) -> None:
        self._configuration, self._environ = configuration, environ
        self._onlookers, self._import_reports = onlookers, import_reports
        self._reports_every, self._polls, self._had_lent = reports_every, polls, had_lent
        self._access, self._facts = WriteAccess(configuration, is_outdated), LiveFacts(configuration)
        self._pending = Pending()
        self._places: dict[Path, tuple[int, int]] | None = None
        self._imported_at = self._looked_at = self._tidied_at = self._row_at = 0.0
        self._look_seconds, self._missed = LOOK_SECONDS, 0
        self._lost_at: float | None = None
        self._retry_at, self._retry_seconds = 0.0, 1.0
        self._is_untidy = False

    def run(self, ending: Ending) -> bool:
        """Watch until the end is asked for, another process waits, or the configuration was changed.

        Returns:
            Whether it is to begin anew.

        Raises:
            FixableError: the warehouse cannot be used at all; a server that does not answer is waited for, and so is
                whatever was lent before.
        """
        begins_anew = is_outdated = False
        try:
            self._begin()
            self._follow_directories(ending)
            while not (ending.is_wanted or self._access.is_wanted):
                self._step(ending)
            begins_anew = not ending.is_wanted
            self._write_row()
        except OutdatedError:
            begins_anew = is_outdated = not ending.is_wanted
        except KeyboardInterrupt:
            # What does not end by itself is interrupted, such as a statement that a server does not answer.
            if not ending.is_wanted:
                raise
            begins_anew = False
        finally:
            self._listener.close()
            try:
                # Before it is closed: others of this process may read it.
                self._tell(Reconfigured() if is_outdated else Lent() if begins_anew else Ended())
            finally:
                self._access.close()
        return begins_anew

    def _begin(self) -> None:
        self._listener = Listener((), Ending(), polls=True)
        self._facts.directories = self._directories()
        try:
            with self._access.writing(self._configuration.settings.lock_wait_seconds) as opened:
                last = last_import(opened.warehouse, self._configuration.settings.machine)
                self._imported_at = last.started_at.timestamp() if last else 0.0
                self._read(opened, None)
        except FixableError as error:
            if not self._had_lent and not isinstance(error, WarehouseUnreachableError):
                raise
            self._lose(error)

    def _step(self, ending: Ending) -> None:
        heard = self._listener.wait()
        now = time.monotonic()
        self._pending.add(heard)
        has_begun = self._listener.turns == 1
        self._follow_directories(ending)
        # What was written before it was listened to is found by looking.
        if has_begun or now - self._looked_at >= self._look_seconds:
            self._pending.everything = True
        if (self._pending.everything or self._pending.paths) and now >= self._retry_at and not ending.is_wanted:
            self._publish()
        if self._import_is_due(now) and not ending.is_wanted:
            self._import()
        if self._facts.is_row_behind and self._retry_at <= now and (not heard or now - self._row_at >= ROW_SECONDS):
            self._row_at = now
            self._write_row()
        if self._is_untidy and self._access.is_embedded and not heard and now - self._tidied_at >= TIDY_SECONDS:
            self._tidy()
        for onlooker in self._onlookers:
            onlooker.turn(
                None if self._lost_at else self._access.warehouse, self._facts.files, self._pending.behind_seconds
            )

    def _publish(self) -> None:
        """Store what is pending; where that cannot be, it stays pending."""
        pending, begun = self._pending, time.monotonic()
        try:
            with self._access.writing() as opened:
                self._read(opened, None if pending.everything else pending.paths)
        except WarehouseLockedError:
            # Another process of this installation writes: that is soon over.
            self._retry_at = begun + TURN_SECONDS
        except FixableError as error:
            self._lose(error)
        else:
            self._regain()

    def _read(self, opened: Writable, paths: set[str] | None) -> None:
        begun = time.monotonic()
        for warning in opened.warnings:
            self._tell(Warned(warning))
        if opened.anew:
            self._facts.begin(opened.warehouse, opened.cursor)
            paths = None
        summary = self._facts.read(opened.warehouse, opened.cursor, paths)
        now = time.monotonic()
        if paths is None:
            self._after_look(now)
        if summary.files:
            self._is_untidy = True
        if new_facts(summary):
            self._tell(Stored(summary, self._pending.behind_seconds or now - begun))
        self._pending = Pending(everything=False)

    def _after_look(self, now: float) -> None:
        """Plan the next look. Where looks find what was not heard of, time and again, nothing can be heard here."""
        self._looked_at = now
        usual = POLL_SECONDS if self._listener.polls else LOOK_SECONDS
        self._look_seconds = max(usual, self._facts.look_seconds / MOST_LOOKING)
        is_surprised = self._facts.has_found_late and self._pending.since is None
        self._missed = self._missed + 1 if is_surprised else 0

    def _directories(self) -> tuple[Path, ...]:
        try:
            return find_sources(self._configuration.settings.claude_dirs, self._environ).found
        except DataDirectoryError:
            # Claude Code makes it when it is used first.
            return ()

    def _follow_directories(self, ending: Ending) -> None:
        """Listen to the directories that are there now; the first wait is followed by a look at what was missed."""
        directories = self._directories()
        places = {directory: place for directory in directories if (place := _place(directory / TRANSCRIPTS))}
        cannot_hear = not self._listener.polls and self._missed > 1
        has_begun_to_poll = self._listener.polls and not self._polls and bool(self._places)
        if places == self._places and not cannot_hear and not has_begun_to_poll:
            return
        reason = self._listener.reason if has_begun_to_poll else "changes are not notified here" if cannot_hear else ""
        self._polls = self._polls or cannot_hear or has_begun_to_poll
        self._listener.close()
        self._places, self._facts.directories = places, tuple(places)
        self._listener = Listener([place / TRANSCRIPTS for place in places], ending, polls=self._polls)
        self._look_seconds, self._missed = (POLL_SECONDS if self._polls else 0.0), 0
        self._tell(Watching(tuple(places), self._polls, reason))

    def _import_is_due(self, now: float) -> bool:
        since = time.time() - self._imported_at
        return bool(self._reports_every) and now >= self._retry_at and not 0 <= since < self._reports_every

    def _import(self) -> None:
        """Run the ordinary import; the next one is due after the usual time, whether it fails or not."""
        begun = time.time()
        try:
            with self._access.writing() as opened:
                self._tell(Importing())
                summary = self._import_reports(opened.warehouse)
                # It may be open for weeks: what is lost until it is closed would be missed by nobody.
                remember(self._configuration, opened.warehouse)
        except WarehouseLockedError:
            self._retry_at = time.monotonic() + TURN_SECONDS
            return
        except FixableError as error:
            self._tell(ImportFailed(error))
            if isinstance(error, WarehouseError):
                self._lose(error)
        else:
            self._regain()
            self._tell(Imported(summary))
        # It has read the transcripts too.
        self._access.doubt()
        self._pending.everything = True
        self._imported_at = begun

    def _write_row(self) -> None:
        """Let the load say what it brought; where that cannot be, it is counted again when it can."""
        if self._facts.is_row_behind:
            with suppress(FixableError), self._access.writing() as opened:
                if opened.anew:
                    self._facts.begin(opened.warehouse, opened.cursor)
                self._facts.write_row(opened.warehouse)

    def _tidy(self) -> None:
        self._tidied_at, self._is_untidy = time.monotonic(), False
        warehouse = self._access.warehouse
        if warehouse is not None and self._lost_at is None:
            tidy(warehouse)

    def _lose(self, error: FixableError) -> None:
        """Say once that nothing can be stored, and try again later and later."""
        now = time.monotonic()
        if self._lost_at is None:
            self._lost_at, self._retry_seconds = now, 1.0
            logger.bind(kind=error.kind).warning("facts wait in the transcripts")
            self._tell(Lost(error))
        self._access.drop()
        self._retry_at = now + self._retry_seconds
        self._retry_seconds = min(2 * self._retry_seconds, LONGEST_RETRY_SECONDS)

    def _regain(self) -> None:
        self._retry_at = 0.0
        if self._lost_at is not None:
            seconds, self._lost_at = time.monotonic() - self._lost_at, None
            logger.bind(seconds=round(seconds)).info("facts are stored again")
            self._tell(Regained(seconds))

    def _tell(self, event: Event) -> None:
        for onlooker in self._onlookers:
            onlooker.hear(event)


def _place(directory: Path) -> tuple[int, int] | None:
    """Return what distinguishes a directory from another one of the same name."""
    try:
        status = directory.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
