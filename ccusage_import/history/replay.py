"""Import loads whose reports were kept, in their order, each with the clock, window and provenance it had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from ccusage_import.ccusage.archive import KeptLoad, LoadNote
from ccusage_import.config.settings import Configuration
from ccusage_import.import_summary import ImportOptions, ImportProgress, ImportSummary
from ccusage_import.importer import run_import_alone
from ccusage_import.warehouse.opening import has_warehouse, import_lock, open_unchecked
from ccusage_import.warehouse.tables import RUNNERS_OF_FACTS


def replay(
    configuration: Configuration,
    options: ImportOptions,
    environ: Mapping[str, str],
    progress: ImportProgress,
    kept: Sequence[KeptLoad],
) -> list[tuple[LoadNote, ImportSummary]]:
    """Import kept loads in their order, each as it was read then.

    Returns:
        Each load with what happened, without records and decisions. A load that is not newer than what the warehouse
        held before is passed over: it knows nothing of what came after it.

    Raises:
        FixableError: as `run_import`; the loads before it are committed, and a second call goes on after them.
    """
    with import_lock(configuration):
        stored_until = _stored_until(configuration)
        replayed = []
        for load in kept:
            note = load.note
            if note.machine in stored_until and note.started_at <= stored_until[note.machine]:
                continue
            summary = run_import_alone(*_as_then(configuration, options, load), environ, progress)
            # A year of hourly loads would fill the memory with them.
            replayed.append((note, replace(summary, offered=(), stored=(), decisions=())))
        return replayed


def _stored_until(configuration: Configuration) -> dict[str, datetime]:
    """Return when the newest load of each machine began, also under a name that it gave back since.

    One that read transcripts alone stored no record.
    """
    if not has_warehouse(configuration):
        return {}
    newest = (
        "SELECT machine, max(started_at) FROM loads FINAL WHERE state IN ('committed', 'undone', 'renamed')"
        " AND NOT has({facts:Array(String)}, runner) GROUP BY machine"
    )
    with open_unchecked(configuration) as warehouse:
        # Of an older release it has not got all that is read of whole loads, and the import brings it up to date.
        rows = warehouse.rows(newest, {"facts": list(RUNNERS_OF_FACTS)}) if warehouse.columns("loads") else ()
    return {str(machine): started_at for machine, started_at in rows}


def _as_then(
    configuration: Configuration, options: ImportOptions, load: KeptLoad
) -> tuple[Configuration, ImportOptions]:
    """Return configuration and options as they were at a kept load, within the days that are asked for now."""
    note = load.note
    settings = configuration.settings.model_copy(
        update={
            "machine": note.machine,
            "timezone": note.timezone,
            "mode": note.cost_mode,
            "prices": note.prices,
            "online_prices": not note.is_offline,
        }
    )
    options = replace(
        options,
        since=max(options.since, note.since),
        until=min(options.until, note.until),
        saved_dir=load.directory,
        accepted=options.accepted or note.accepted,
        note=note,
    )
    return replace(configuration, settings=settings), options
