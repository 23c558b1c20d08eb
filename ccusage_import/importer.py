"""The main job: finds that nothing changed, reads transcripts alone, or imports reports. Prints nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING

from loguru import logger

from ccusage_import.config.settings import Configuration
from ccusage_import.exceptions import CcusageError, FixableError, WarehouseError
from ccusage_import.import_summary import SILENT, ImportOptions, ImportProgress, ImportSummary
from ccusage_import.steps.loads import failed_load, keep_for_later, leave_trace
from ccusage_import.steps.run import Run
from ccusage_import.steps.unchanged import import_nothing, look, remember
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.driver.loading import preload_driver
from ccusage_import.warehouse.opening import import_lock

if TYPE_CHECKING:
    from ccusage_import.ccusage.offers import Offer

# Loading takes a tenth of that.
LONGEST_JOIN_SECONDS = 2.0


def run_import(
    configuration: Configuration, options: ImportOptions, environ: Mapping[str, str], progress: ImportProgress = SILENT
) -> ImportSummary:
    """Run one import.

    Returns:
        What happened, also where some or all reports failed: their errors are in it.

    Raises:
        FixableError: nothing could be fetched at all, or the warehouse cannot be used. A load that had begun is
            settled by the next import.
    """
    with failure_logged(), import_lock(configuration):
        return run_import_alone(configuration, options, environ, progress)


@contextmanager
def failure_logged() -> Iterator[None]:
    """Log why an import ended: one that a scheduler started says it nowhere else where its load cannot be recorded."""
    try:
        yield
    except FixableError as error:
        logger.bind(kind=error.kind).info("import failed")
        raise


def run_import_alone(
    configuration: Configuration,
    options: ImportOptions,
    environ: Mapping[str, str],
    progress: ImportProgress = SILENT,
    already_open: ClickHouse | None = None,
) -> ImportSummary:
    """Run one import like `run_import`; the caller holds the import lock, and may have the warehouse open already."""
    run = Run.begin(configuration, options, progress, already_open=already_open)
    if options.only_transcripts:
        from ccusage_import.steps.transcripts import import_transcripts_alone

        return import_transcripts_alone(run, environ)
    with _loading_meanwhile(preload_driver):
        seen = look(run, environ)
        try:
            if seen and (unchanged := import_nothing(run, seen, environ)):
                return unchanged
        except WarehouseError as error:
            keep_for_later(run, failed_load(run, error))
            raise
        try:
            with run.phase("fetch"), _loading_meanwhile(_preload_steps):
                offer = _offer(run, environ)
        except CcusageError as error:
            leave_trace(run, failed_load(run, error))
            raise
    from ccusage_import.steps.reports import import_offer

    summary = import_offer(run, offer)
    remember(run, seen, summary)
    return summary


def _offer(run: Run, environ: Mapping[str, str]) -> Offer:
    # Here and below: an import in which nothing changed needs none of it, and would take longer to start.
    from ccusage_import.ccusage.offers import live_offer, saved_offer

    options = run.options
    if options.saved_dir is not None:
        return saved_offer(run.settings, options.saved_dir, options.reports, options.note, run.pseudonyms)
    return live_offer(run.configuration, options.reports, environ, run.pseudonyms, run.started_at, run.progress)


def _preload_steps() -> None:
    """Import what reads and judges reports."""
    for name in ("ccusage.parser", "steps.reports"):
        import_module(f"ccusage_import.{name}")


@contextmanager
def _loading_meanwhile(load: Callable[[], None]) -> Iterator[None]:
    """Import something in another thread while transcripts are looked at and ccusage runs.

    What cannot be loaded is said when it is needed. A signal may leave half a module behind, or the lock of all
    imports: then the other thread fails in any way, or waits for ever.
    """

    def preload() -> None:
        with suppress(Exception):
            load()

    preloading = threading.Thread(target=preload, daemon=True)
    preloading.start()
    try:
        yield
    finally:
        preloading.join(LONGEST_JOIN_SECONDS)
