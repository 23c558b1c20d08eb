"""The step after the reports, or alone: reads the transcripts as facts of a load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path

from loguru import logger

from ccusage_import.ccusage.data_dirs import find_sources, provenance_now
from ccusage_import.ccusage.offers import Offer
from ccusage_import.config.kept.names import keep_names
from ccusage_import.exceptions import ConfigurationError, FixableError, WarehouseError
from ccusage_import.import_summary import FactsSummary, ImportOptions, ImportSummary
from ccusage_import.records import REPORTS
from ccusage_import.steps.facts import import_facts, questions_of_facts
from ccusage_import.steps.loads import new_load
from ccusage_import.steps.open_to_load import open_for_load
from ccusage_import.steps.run import Run
from ccusage_import.transcripts.facts import FACT_KINDS
from ccusage_import.warehouse.clickhouse_client import ClickHouse, Question
from ccusage_import.warehouse.committing import commit
from ccusage_import.warehouse.facts.asking import count_equal_days, count_facts, equal_days_question
from ccusage_import.warehouse.integrity import NOTHING, contents
from ccusage_import.warehouse.publish import tidy
from ccusage_import.warehouse.snapshot import size_bytes, size_question
from ccusage_import.warehouse.tables import RUNNER_OF_TRANSCRIPTS, Load, next_load_id, write_load


def read_facts(run: Run, warehouse: ClickHouse, offer: Offer, load: Load) -> FactsSummary | None:
    """Read the transcripts too. The reports are loaded: that this fails changes nothing about them."""
    if not _are_read(run, offer):
        return None
    with run.phase("transcripts"):
        facts = import_facts(run.configuration, warehouse, offer.directories, load, run.pseudonyms, run.progress)
    if not (facts.counts or facts.error):
        return facts
    try:
        keep_names(run.configuration.directories.names_file, run.known_names, run.pseudonyms.names)
        load.facts, load.phases = _counts_of(warehouse, load, facts), dict(run.phases)
        write_load(warehouse, load)
        tidy(warehouse)
    except FixableError as error:
        facts.error = facts.error or error
    return facts


def questions_after_reports(run: Run, warehouse: ClickHouse, offer: Offer, load: Load) -> list[Question]:
    """Return what `read_facts` and `warn_of_size` ask of a server where no transcript has changed."""
    if warehouse.is_embedded:
        return []
    facts = questions_of_facts(run.configuration, load) if _are_read(run, offer) else []
    return [*facts, size_question(warehouse)]


def questions_at_the_end(run: Run, warehouse: ClickHouse, facts: FactsSummary | None) -> list[Question]:
    """Return what `compare_days` and `warn_of_size` ask."""
    return [*([equal_days_question(run.settings.machine)] if _is_read(facts) else []), size_question(warehouse)]


def compare_days(run: Run, warehouse: ClickHouse, facts: FactsSummary | None) -> None:
    """Note on how many days the messages add up to the reports, where some were read."""
    if facts is None or not _is_read(facts):
        return
    try:
        facts.equal_days, facts.days = count_equal_days(warehouse, run.settings.machine)
    except FixableError as error:
        facts.error = error


def _is_read(facts: FactsSummary | None) -> bool:
    return facts is not None and facts.files > 0 and facts.error is None


def _are_read(run: Run, offer: Offer) -> bool:
    return run.settings.transcripts and bool(offer.directories)


def _counts_of(warehouse: ClickHouse, load: Load, facts: FactsSummary) -> dict[str, int]:
    """Return what a load says of its facts; after an early end, the facts are counted in the warehouse."""
    return facts.counts | (count_facts(warehouse, load.machine, load.load_id) if facts.error else {})


def import_transcripts_alone(run: Run, environ: Mapping[str, str]) -> ImportSummary:
    """Read the transcripts as a load of their own; where there is nothing new in them there is no load."""
    settings = run.settings
    _refuse_what_reports_need(run.options)
    sources = find_sources(settings.claude_dirs, environ)
    with ExitStack() as stack:
        with run.phase("open"):
            warehouse, warnings = open_for_load(run, stack)
            load = load_of_transcripts(run, warehouse, sources.found, RUNNER_OF_TRANSCRIPTS)
        with run.phase("transcripts"):
            facts = import_facts(run.configuration, warehouse, sources.found, load, run.pseudonyms, run.progress)
        if load.revision:
            _end_load_of_transcripts(run, warehouse, load, facts)
        warnings += tuple(warn_of_size(run, warehouse))
    if facts.error and load.state != "committed":
        raise facts.error
    return ImportSummary(
        machine=settings.machine,
        timezone=settings.timezone,
        is_dry_run=False,
        ccusage_version="",
        runner=load.runner,
        load_id=load.load_id if load.revision else None,
        warnings=(*sources.warnings(), *warnings),
        names=run.names,
        phases=run.phases,
        facts=facts,
    )


def _refuse_what_reports_need(options: ImportOptions) -> None:
    needed = {
        "--dry-run": options.is_dry_run,
        "--from": options.saved_dir is not None,
        "--report": options.reports != REPORTS,
        "--since": options.since > date.min,
        "--until": options.until < date.max,
        "--accept-lower": options.accepted is not None,
    }
    for option in (name for name, is_given in needed.items() if is_given):
        raise ConfigurationError(
            f"{option}: is about reports, and --transcripts-only reads none", hint="leave one of the two out"
        )


def load_of_transcripts(run: Run, warehouse: ClickHouse, directories: Sequence[Path], runner: str) -> Load:
    """Return a load that leaves the records as they are; it is not written yet."""
    provenance = provenance_now(run.settings, "", directories, run.pseudonyms)
    load = new_load(run, next_load_id(warehouse, run.settings.machine), provenance)
    _, there = contents(warehouse).get(load.machine, (0, NOTHING))
    load.runner = runner
    load.tokens_before = load.tokens_after = there.tokens
    load.cost_before_usd = load.cost_after_usd = there.cost_usd
    return load


def _end_load_of_transcripts(run: Run, warehouse: ClickHouse, load: Load, facts: FactsSummary) -> None:
    keep_names(run.configuration.directories.names_file, run.known_names, run.pseudonyms.names)
    load.facts, load.phases = _counts_of(warehouse, load, facts), dict(run.phases)
    load.error = facts.error.kind if facts.error else ""
    if facts.error and not any(load.facts.get(kind) for kind in FACT_KINDS):
        load.state, load.finished_at = "failed", datetime.now(UTC)
        write_load(warehouse, load)
    else:
        commit(warehouse, load)
    tidy(warehouse)


def warn_of_size(run: Run, warehouse: ClickHouse) -> Iterator[str]:
    """Yield a warning of a large warehouse. All is stored by then: that it does not answer any more ends nothing."""
    limit = run.settings.large_warehouse_gb
    try:
        size = size_bytes(warehouse) / 1e9
    except WarehouseError as error:
        logger.bind(kind=error.kind).info("the warehouse could not be asked for its size")
        return
    if size > limit:
        yield (
            f"the warehouse takes {size:.3g} GB, more than large_warehouse_gb = {limit:g};"
            " ccusage-import compact --older-than 13mo makes it smaller"
        )
