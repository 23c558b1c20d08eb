"""The locks, the warehouse and the cursor that `watch` needs to write: opened once, and again after a loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from ccusage_import.config.settings import Configuration
from ccusage_import.config.warehouse_url import EmbeddedWarehouse
from ccusage_import.files import is_wanted
from ccusage_import.import_summary import SILENT, ImportOptions
from ccusage_import.steps.open_to_load import claim_name, open_for_load
from ccusage_import.steps.run import Run
from ccusage_import.transcripts.cursor import Cursor, open_cursor, using_cursor
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.opening import cursor_file, import_lock, import_lock_file


@dataclass(frozen=True, slots=True)
class Writable:
    """What may be written to now. What was known of both before may be wrong where they are `anew`."""

    warehouse: ClickHouse
    cursor: Cursor
    anew: bool
    warnings: tuple[str, ...] = ()


class OutdatedError(Exception):
    """The configuration says something else than when it was read."""


class WriteAccess:
    """Keeps the warehouse open between two writings.

    An embedded one is this process's alone, and so is the import lock, until the end or until somebody waits for
    one of them. A server is shared: the import lock is held only while something is written, and whoever else held it
    meanwhile may have changed everything: `is_outdated` says whether the configuration too.
    """

    def __init__(self, configuration: Configuration, is_outdated: Callable[[], bool]) -> None:
        self._configuration, self._is_outdated = configuration, is_outdated
        place = configuration.settings.parsed_warehouse()
        self.is_embedded = isinstance(place, EmbeddedWarehouse)
        self._lent = (place.lock, import_lock_file(configuration)) if isinstance(place, EmbeddedWarehouse) else ()
        self._stack = ExitStack()
        self._cursor_stack = ExitStack()
        self._open: tuple[ClickHouse, Cursor] | None = None
        self._cursor_file = cursor_file(configuration)
        self._locked = False
        self._is_doubtful = False

    @property
    def warehouse(self) -> ClickHouse | None:
        """The warehouse, where it is open."""
        return self._open[0] if self._open else None

    @property
    def is_wanted(self) -> bool:
        """Whether another process waits for what only this one has."""
        return any(map(is_wanted, self._lent))

    @contextmanager
    def writing(self, wait_seconds: float = 0) -> Iterator[Writable]:
        """Let everything be written inside a `with` block.

        Raises:
            WarehouseLockedError: another process holds the lock of the import, or the embedded warehouse.
            WarehouseError: the warehouse cannot be used.
            ConfigurationError: the cursor cannot be used.
            OutdatedError: the configuration was changed, as by whoever gave the machine another name.
        """
        with ExitStack() as stack:
            if not self.is_embedded:
                is_ours = stack.enter_context(import_lock(self._configuration, wait_seconds))
            else:
                is_ours = self._locked or self._stack.enter_context(import_lock(self._configuration, lends=True))
                self._locked = True
            try:
                opened = self._opened(is_ours=is_ours)
                with using_cursor(self._cursor_file):
                    yield opened
            except BaseException:
                self.doubt()
                if self._open is None:
                    # What was opened in part would be in its own way.
                    self.close()
                raise
            self._is_doubtful = False

    def doubt(self) -> None:
        """Take nothing that was known of the warehouse and of the cursor for granted any more."""
        self._is_doubtful = True

    def drop(self) -> None:
        """Close the connection to a server that was lost; an embedded warehouse stays open."""
        if not self.is_embedded:
            self.close()

    def close(self) -> None:
        """Close everything."""
        self._open, self._locked = None, False
        self._cursor_stack.close()
        self._stack.close()

    def _opened(self, *, is_ours: bool) -> Writable:
        if self._open is not None and is_ours and not self._is_doubtful:
            return Writable(*self._open, anew=False)
        # Where it cannot be opened, somebody may correct the address or the password.
        if (self._open is None or not is_ours) and self._is_outdated():
            raise OutdatedError
        warnings: tuple[str, ...] = ()
        run = Run.begin(self._configuration, ImportOptions(only_transcripts=True), SILENT)
        if self._open is None:
            warehouse, warnings = open_for_load(run, self._stack, lends=self.is_embedded)
        else:
            warehouse = self._open[0]
            claim_name(run, warehouse)
        self._cursor_stack.close()
        cursor = self._cursor_stack.enter_context(open_cursor(self._cursor_file, is_lasting=True))
        self._open = warehouse, cursor
        return Writable(warehouse, cursor, anew=True, warnings=warnings)
