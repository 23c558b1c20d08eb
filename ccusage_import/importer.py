"""The main job: finds that nothing changed, reads transcripts alone, or imports reports. Prints nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from loguru import logger

from ccusage_import.config.settings import Configuration
from ccusage_import.config.warehouse_url import EmbeddedWarehouse
from ccusage_import.exceptions import CcusageError, FixableError, WarehouseError
from ccusage_import.import_summary import SILENT, ImportOptions, ImportProgress, ImportSummary
from ccusage_import.steps.loads import failed_load, keep_for_later, leave_trace
from ccusage_import.steps.run import Run
from ccusage_import.steps.unchanged import import_nothing, look, remember
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.driver.embedded import load_engine
from ccusage_import.warehouse.driver.loading import load_driver, loading_meanwhile
from ccusage_import.warehouse.opening import import_lock

if TYPE_CHECKING:
    from ccusage_import.ccusage.offers import Offer


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
    seen = look(run, environ)
    try:
        if seen and (unchanged := import_nothing(run, seen, environ)):
            return unchanged
    except WarehouseError as error:
        keep_for_later(run, failed_load(run, error))
        raise
    try:
        with run.phase("fetch"):
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
    return live_offer(
        run.configuration,
        options.reports,
        environ,
        run.pseudonyms,
        run.started_at,
        run.progress,
        meanwhile=loading_meanwhile(partial(_preload_steps, run)),
    )


def _preload_steps(run: Run) -> None:
    """Import what reads and judges reports, and what opens the warehouse."""
    load_driver()
    for name in ("ccusage.parser", "ccusage.validation", "steps.reports"):
        import_module(f"ccusage_import.{name}")
    if run.already_open is None and isinstance(run.settings.parsed_warehouse(), EmbeddedWarehouse):
        load_engine()
