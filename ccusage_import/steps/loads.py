"""Loads as an import writes them: begun, committed, failed, and what they were judged by."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from loguru import logger

from ccusage_import import __version__
from ccusage_import.ccusage.data_dirs import provenance_now
from ccusage_import.exceptions import BackupError, ConfigurationError, FixableError, WarehouseError
from ccusage_import.import_summary import ImportSummary
from ccusage_import.records import Provenance
from ccusage_import.steps.open_to_load import open_for_load
from ccusage_import.steps.run import Run
from ccusage_import.warehouse.opening import unrecorded_loads
from ccusage_import.warehouse.tables import REFUSED, Load, count_totals, next_load_id, write_load

if TYPE_CHECKING:
    from ccusage_import.ccusage.offers import Offer, Parsed, ReportOutcome
    from ccusage_import.rule.ledger import Ledger
    from ccusage_import.steps.judging import Judged


def new_load(run: Run, load_id: int, provenance: Provenance) -> Load:
    return Load(
        load_id=load_id,
        machine=run.settings.machine,
        started_at=run.started_at,
        installation=run.configuration.installation,
        tool_version=__version__,
        ccusage_version=provenance.ccusage_version,
        timezone=provenance.timezone,
        cost_mode=provenance.cost_mode,
        is_offline=not run.settings.online_prices,
        data_dirs=provenance.data_dirs,
        naming=run.pseudonyms.naming,
    )


def committed_load(run: Run, offer: Offer, judged: Judged, summary: ImportSummary, load_id: int) -> Load:
    load = new_load(run, load_id, offer.provenance)
    load.runner, load.intact_from = offer.runner, judged.intact_from
    load.reports = tuple(label for label, outcome in judged.outcomes.items() if outcome.error is None)
    load.verdicts = {f"{label}/{REFUSED}": outcome.refused for label, outcome in judged.outcomes.items()}
    load.warnings = tuple(map(run.pseudonyms.hide_paths, summary.warnings))
    _tell_failures(load, judged.outcomes)
    if compared := judged.comparison:
        count_totals(load, compared.before, compared.after)
    return load


def failed_load(run: Run, error: FixableError, offer: Offer | None = None, parsed: Parsed | None = None) -> Load:
    provenance = offer.provenance if offer else provenance_now(run.settings, "", (), run.pseudonyms)
    load = new_load(run, time.time_ns() // 1000, provenance._replace(data_dirs=()))
    load.runner = offer.runner if offer else ""
    if parsed is not None:
        _tell_failures(load, parsed.outcomes)
        load.warnings = tuple(map(run.pseudonyms.hide_paths, parsed.warnings))
    load.state, load.finished_at, load.error = "failed", datetime.now(UTC), error.kind
    return load


def _tell_failures(load: Load, outcomes: Mapping[str, ReportOutcome]) -> None:
    problems = {label: outcome.problem for label, outcome in outcomes.items() if outcome.problem}
    load.failed_reports = tuple(label for label, outcome in outcomes.items() if outcome.error)
    load.error = "; ".join(f"{label}: {problem.kind}" for label, problem in problems.items())


def leave_trace(run: Run, load: Load) -> None:
    """Write a failed load, so that a run that fetched nothing is seen by whoever looks at the warehouse."""
    if run.options.is_dry_run:
        return
    try:
        with ExitStack() as stack:
            warehouse, _ = open_for_load(run, stack)
            load.load_id = next_load_id(warehouse, load.machine)
            write_load(warehouse, load)
    except WarehouseError as failure:
        logger.bind(kind=failure.kind).warning("the failed load could not be recorded")
        keep_for_later(run, load)


def keep_for_later(run: Run, load: Load) -> None:
    """Keep a failed load until an import reaches the warehouse."""
    if run.options.is_dry_run:
        return
    try:
        unrecorded_loads(run.configuration).keep(load)
    except ConfigurationError as failure:
        # The error that is being handled matters more.
        logger.bind(reason=str(failure)).warning("the failed load could not be kept")


def keep_reports(run: Run, load: Load, ledger: Ledger) -> tuple[str, ...]:
    """Keep what the load was judged by. The load is committed, so the import does not fail where this does."""
    if run.archive is None:
        return ()
    from ccusage_import.ccusage.archive import LoadNote, WeighedRecord

    note = LoadNote(
        load_id=load.load_id,
        warehouse=str(run.settings.parsed_warehouse()),
        machine=load.machine,
        started_at=load.started_at,
        tool_version=load.tool_version,
        ccusage_version=load.ccusage_version,
        timezone=load.timezone,
        cost_mode=run.settings.mode,
        data_dirs=load.data_dirs,
        is_offline=load.is_offline,
        prices=run.settings.prices,
        intact_from=load.intact_from,
        since=run.options.since,
        until=run.options.until,
        accepted=run.options.accepted,
        weighed=tuple(
            WeighedRecord(*identity, one.messages, one.left, one.tokens_gone) for identity, one in ledger.items()
        ),
    )
    try:
        run.archive.write(run.configuration.directories.raw, note)
    except BackupError as error:
        return (f"the reports of load {load.load_id} are not kept: {error}",)
    return ()
