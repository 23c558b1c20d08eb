"""Stores what grew in the transcripts, in one load an hour; looks only at files that changed."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ccusage_import.ccusage.data_dirs import TRANSCRIPTS
from ccusage_import.config.kept.names import keep_names, read_names
from ccusage_import.config.settings import Configuration
from ccusage_import.import_summary import SILENT, FactsSummary, ImportOptions
from ccusage_import.records import CLAUDE
from ccusage_import.steps.facts import forget_what_does_not_fit, store_batch
from ccusage_import.steps.run import Run
from ccusage_import.steps.transcripts import load_of_transcripts
from ccusage_import.transcripts.cursor import Cursor, FileState
from ccusage_import.transcripts.facts import FACT_KINDS
from ccusage_import.transcripts.naming import Names
from ccusage_import.transcripts.reader import Found, Listing, is_unchanged, list_transcripts
from ccusage_import.transcripts.workers import read_on_all_cores
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.committing import commit
from ccusage_import.warehouse.facts.asking import count_facts
from ccusage_import.warehouse.facts.folds import published_folds
from ccusage_import.warehouse.facts.publishing import FactsLoad
from ccusage_import.warehouse.opening import cursor_marks
from ccusage_import.warehouse.prices import read_prices
from ccusage_import.warehouse.tables import RUNNER_OF_WATCH, Load, read_loads, write_load

LOAD_SECONDS = 3600
# A change that is older was not heard of.
LATE_SECONDS = 2
# Among so many loads is the one whose row may be behind.
LATEST_LOADS = 20


class LiveFacts:
    """What is known of the transcripts and of the load they go into; the caller holds the import lock."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._machine = configuration.settings.machine
        self.directories: Sequence[Path] = ()
        self._known: dict[str, FileState] = {}
        self._found: dict[str, Found] = {}
        self._load: Load | None = None
        self._may_have_folds = True
        self.has_found_late = self.is_row_behind = False
        self.look_seconds = 0.0
        self._begin_run()

    @property
    def files(self) -> int:
        """How many transcripts there are."""
        return len(self._found)

    def begin(self, warehouse: ClickHouse, cursor: Cursor) -> None:
        """Begin with what the cursor and the warehouse say: others may have written, read, or taken a load back."""
        forget_what_does_not_fit(warehouse, cursor, self._machine, cursor_marks(self._configuration))
        self._known, self._found = cursor.files(), {}
        self._load, self.is_row_behind = self._last_load(warehouse, cursor), False
        # Nobody else can fold anything while this process has an embedded warehouse; into a server others may push.
        self._may_have_folds = not warehouse.is_embedded or bool(published_folds(warehouse, self._machine))
        self._begin_run()

    def read(self, warehouse: ClickHouse, cursor: Cursor, paths: Iterable[str] | None) -> FactsSummary:
        """Store what grew in some files, or in all where none are named."""
        summary, begun = FactsSummary(), time.perf_counter()
        changed = self._changed(paths)
        if not changed:
            return summary
        load, of_load = self._load_of_the_hour(warehouse, cursor)
        for batch in read_on_all_cores(Listing(changed, changed), self._known, self._names, SILENT):
            # A number that no other batch has, whoever wrote it: a server takes the same for a replay.
            store_batch(summary, warehouse, cursor, of_load, batch, time.time_ns())
            self._known.update((state.path, state) for state in batch.files)
        # A line that is being written is read again when it has its end.
        del summary.bad_lines["half"]
        self._keep_names()
        load.facts = dict(Counter(load.facts) + Counter(summary.counts))
        self.is_row_behind = True
        if load.state != "committed":
            self.write_row(warehouse)
        summary.seconds = round(time.perf_counter() - begun, 3)
        return summary

    def write_row(self, warehouse: ClickHouse) -> None:
        """Let the row of the load say what it brought so far; that costs as much as the facts of a moment."""
        if self.is_row_behind and self._load:
            commit(warehouse, self._load)
            self.is_row_behind = False

    def _changed(self, paths: Iterable[str] | None) -> Sequence[Found]:
        if paths is None or any(path not in self._found and _is_transcript_or_directory(path) for path in paths):
            begun = time.perf_counter()
            roots = [directory / TRANSCRIPTS for directory in self.directories]
            listing = list_transcripts(roots, self._known, self._names)
            self._found = {file.path: file for file in listing.files}
            self.look_seconds = time.perf_counter() - begun
            late_ns = time.time_ns() - LATE_SECONDS * 10**9
            self.has_found_late = any(file.mtime_ns < late_ns for file in listing.changed)
            return listing.changed
        changed = []
        for path in sorted(self._found.keys() & set(paths)):
            try:
                status = os.lstat(path)
            except OSError:
                # It is gone: what was read of it stays.
                continue
            file = replace(self._found[path], inode=status.st_ino, size=status.st_size, mtime_ns=status.st_mtime_ns)
            self._found[path] = file
            if not is_unchanged(file, self._known.get(file.pseudonym)):
                changed.append(file)
        return changed

    def _load_of_the_hour(self, warehouse: ClickHouse, cursor: Cursor) -> tuple[Load, FactsLoad]:
        """Return the load that facts go into: the current one, or a new one, which is written."""
        load, settings = self._load, self._configuration.settings
        if load is None or not 0 <= time.time() - load.started_at.timestamp() < LOAD_SECONDS:
            self.write_row(warehouse)
            self._begin_run()
            load = self._load = load_of_transcripts(self._run, warehouse, self.directories, RUNNER_OF_WATCH)
            write_load(warehouse, load)
            ordered_since = cursor.mark("order") or str(load.load_id)
            marks = cursor_marks(self._configuration) | {"order": ordered_since, "load": str(load.load_id)}
            # Noted first, as an import does.
            cursor.note(marks)
            self._prices = read_prices(warehouse, CLAUDE, "")
        return load, FactsLoad(
            load.load_id,
            int(cursor.mark("order")),
            load.machine,
            settings.timezone,
            self._prices,
            settings.mode,
            self._may_have_folds,
        )

    def _last_load(self, warehouse: ClickHouse, cursor: Cursor) -> Load | None:
        """Return the load that went on last, its facts counted again, where more of them may go into it.

        Not where something was written since: what was copied elsewhere up to a load would lack what comes into it.
        Of an embedded warehouse nobody knows that, once it was closed.
        """
        loads = read_loads(warehouse, machine=self._machine, limit=LATEST_LOADS)
        load = next((load for load in loads if load.runner == RUNNER_OF_WATCH), None)
        if load is None or load.state != "committed":
            return None
        counted = count_facts(warehouse, self._machine, load.load_id)
        if any(load.facts.get(kind, 0) < count for kind, count in counted.items()):
            load.facts |= counted
            write_load(warehouse, load)
        self._prices = read_prices(warehouse, CLAUDE, "")
        goes_on = load is loads[0] and cursor.mark("load") == str(load.load_id) and not warehouse.is_embedded
        return load if goes_on else None

    def _begin_run(self) -> None:
        """Forget the names that were met, of which there are more and more."""
        self._run = Run.begin(self._configuration, ImportOptions(only_transcripts=True), SILENT)
        self._names = Names(self._run.pseudonyms)
        self._kept_names = 0

    def _keep_names(self) -> None:
        met, file = self._run.pseudonyms.names, self._configuration.directories.names_file
        if len(met) > self._kept_names:
            # Others may have met names since.
            keep_names(file, read_names(file), met)
            self._kept_names = len(met)


def new_facts(summary: FactsSummary) -> int:
    """Return how many facts of a reading are new."""
    return sum(summary.new[kind] for kind in FACT_KINDS)


def _is_transcript_or_directory(path: str) -> bool:
    return path.endswith(".jsonl") or os.path.isdir(path)  # noqa: PTH112 - a text is what was heard
