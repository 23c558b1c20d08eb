"""The steps after the offer, in their order: parse, open, judge, publish; then the transcripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from loguru import logger

from ccusage_import.ccusage.offers import Offer, Parsed, parse_offer
from ccusage_import.config.kept.names import keep_names
from ccusage_import.exceptions import WarehouseError
from ccusage_import.import_summary import ImportSummary
from ccusage_import.records import Identity
from ccusage_import.rule.verdicts import Verdict
from ccusage_import.statusline.numbers import keep_numbers, questions_of_numbers
from ccusage_import.steps.judging import Judged, judge, prepare, questions_of_stored, read_stored, weigh
from ccusage_import.steps.loads import committed_load, failed_load, keep_for_later, keep_reports, leave_trace
from ccusage_import.steps.open_to_load import open_for_import
from ccusage_import.steps.run import Run
from ccusage_import.steps.transcripts import (
    compare_days,
    questions_after_reports,
    questions_at_the_end,
    read_facts,
    warn_of_size,
)
from ccusage_import.warehouse.clickhouse_client import ClickHouse, Question
from ccusage_import.warehouse.logged_offers import LoggedOffer, without_unjudged
from ccusage_import.warehouse.machines import warn_of_twins
from ccusage_import.warehouse.prices import MODELS_WITH_PRICE, models_without_price, priced_models, write_prices
from ccusage_import.warehouse.publish import bring_back, outgrown, publish
from ccusage_import.warehouse.tables import Load, last_load_question, next_load_id


def import_offer(run: Run, offer: Offer) -> ImportSummary:
    """Import what ccusage or saved files offer, as `run_import` does; the caller holds the import lock."""
    with run.phase("validate"):
        parsed = parse_offer(offer, run.settings.machine, run.pseudonyms, run.today, run.archive)
    if not parsed.valid:
        leave_trace(run, failed_load(run, parsed.errors[0], offer, parsed))
        return _summary(run, offer, parsed, Judged(outcomes=parsed.outcomes))
    return _load(run, offer, parsed)


def _load(run: Run, offer: Offer, parsed: Parsed) -> ImportSummary:
    """Open the warehouse, judge the offer, and publish what was decided."""
    with ExitStack() as stack:
        with _failure_kept(run, offer, parsed):
            with run.phase("open"):
                warehouse, opening_warnings = open_for_import(run, stack, _questions(run, offer))
            with run.phase("reconcile"):
                stored = read_stored(run, warehouse, parsed.records)
                load_id = next_load_id(warehouse, run.settings.machine) if warehouse else None
                prepared = prepare(run, offer, parsed, stored)
                ledger = weigh(run, warehouse, offer, prepared)
                judged = judge(run, offer, parsed, prepared, ledger)
                if warehouse and not stored.records:
                    opening_warnings += warn_of_twins(warehouse, run.settings.machine, parsed.records)
        summary = _summary(run, offer, parsed, judged, opening_warnings)
        if warehouse is None or load_id is None or run.options.is_dry_run or summary.is_empty:
            return summary
        with _failure_kept(run, offer, parsed), run.phase("load"):
            _keep_prices(run, warehouse, load_id, offer, parsed, judged)
            load = committed_load(run, offer, judged, summary, load_id)
            # Before the records, so that whatever ends it here the next import does both.
            bring_back(warehouse, load, outgrown(stored.taken_back, judged.stored, judged.decisions))
            last_offers = without_unjudged(stored.last_offers, parsed.records, judged.decisions)
            _publish(run, warehouse, load, judged, last_offers)
            kept_warnings = keep_reports(run, load, judged.ledger)
        numbers = questions_of_numbers(run.settings)
        with warehouse.asked_ahead([*numbers, *questions_after_reports(run, warehouse, offer, load)]):
            keep_numbers(warehouse, run.configuration)
            facts = read_facts(run, warehouse, offer, load)
            with warehouse.asked_ahead(questions_at_the_end(run, warehouse, facts)):
                compare_days(run, warehouse, facts)
                warnings = (*summary.warnings, *kept_warnings, *warn_of_size(run, warehouse))
        return replace(summary, load_id=load_id, warnings=warnings, facts=facts)


@contextmanager
def _failure_kept(run: Run, offer: Offer, parsed: Parsed) -> Iterator[None]:
    """Keep a load that fails for its warehouse in a block: one that had begun looks as if it was running."""
    try:
        yield
    except WarehouseError as error:
        keep_for_later(run, failed_load(run, error, offer, parsed))
        raise


def _questions(run: Run, offer: Offer) -> list[Question]:
    """Return what is going to be asked of any warehouse that is up to date, before something is written."""
    machine = run.settings.machine
    prices = [] if offer.prices is None else [MODELS_WITH_PRICE]
    return [
        *questions_of_stored(run),
        last_load_question(machine),
        *prices,
    ]


def _keep_prices(run: Run, warehouse: ClickHouse, load_id: int, offer: Offer, parsed: Parsed, judged: Judged) -> None:
    """Ask ccusage for the prices of models that have none here, and again for those with another cost than before."""
    if offer.prices is None:
        return
    version = offer.provenance.ccusage_version
    wanted = models_without_price(warehouse, version, priced_models(parsed.records), priced_models(judged.stored))
    repriced = [item.record for item in judged.decisions if item.verdict is Verdict.REPRICED and item.offered]
    prices = offer.prices.ask(wanted, again=priced_models(repriced))
    write_prices(warehouse, load_id, version, prices, is_offline=not run.settings.online_prices)


def _publish(
    run: Run,
    warehouse: ClickHouse,
    load: Load,
    judged: Judged,
    last_offers: Mapping[Identity, LoggedOffer],
) -> None:
    """Write the load. Its INSERT into `records` is the point at which all of it becomes visible."""
    keep_names(run.configuration.directories.names_file, run.known_names, run.pseudonyms.names)
    load.phases = dict(run.phases)
    # Saved files are of another time: what they do not offer may be offered now.
    is_of_now = run.options.saved_dir is None or run.options.note is not None
    whole = load.reports if is_of_now else ()
    records = judged.comparison.records_after if judged.comparison else None
    publish(warehouse, load, judged.decisions, whole, last_offers, stored=judged.stored, records=records)
    rows, ms = sum(decision.is_written for decision in judged.decisions), round(1000 * sum(load.phases.values()))
    logger.bind(load_id=load.load_id, machine=load.machine, rows=rows, ms=ms).info("load committed")


def _summary(run: Run, offer: Offer, parsed: Parsed, judged: Judged, warnings: Sequence[str] = ()) -> ImportSummary:
    return ImportSummary(
        machine=run.settings.machine,
        timezone=run.settings.timezone,
        is_dry_run=run.options.is_dry_run,
        ccusage_version=offer.provenance.ccusage_version,
        runner=offer.runner,
        intact_from=judged.intact_from,
        reports=judged.outcomes,
        offered=parsed.records,
        left_alone=judged.left_alone,
        stored=judged.stored,
        decisions=judged.decisions,
        gone=judged.gone,
        warnings=(*offer.warnings, *parsed.warnings, *warnings, *judged.warnings),
        comparison=judged.comparison,
        names=run.names,
        phases=run.phases,
    )
