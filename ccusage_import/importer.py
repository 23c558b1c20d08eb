"""The main job as steps that hand on values: offer, parse, open, judge, publish. Prints nothing."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from loguru import logger

from ccusage_import import __version__
from ccusage_import.ccusage.archive import LoadNote, ReportArchive, WeighedRecord
from ccusage_import.ccusage.data_dirs import Sources, find_sources
from ccusage_import.ccusage.offers import (
    Offer,
    Parsed,
    ReportOutcome,
    live_offer,
    parse_offer,
    provenance_now,
    saved_offer,
)
from ccusage_import.ccusage.parser import instant
from ccusage_import.ccusage.refusals import left_alone
from ccusage_import.config.names import keep_names, read_names
from ccusage_import.config.settings import Configuration, Settings
from ccusage_import.exceptions import (
    BackupError,
    CcusageError,
    ConfigurationError,
    EmptyReportError,
    FixableError,
    WarehouseError,
)
from ccusage_import.fact_import import import_facts, weigh_falls
from ccusage_import.import_summary import SILENT, FactsSummary, ImportOptions, ImportProgress, ImportSummary
from ccusage_import.pseudonyms import Pseudonyms
from ccusage_import.records import CLAUDE, REPORTS, Identity, Provenance, Record, split_label
from ccusage_import.rule.ledger import NO_LEDGER, Fall, Ledger
from ccusage_import.rule.reconcile import Case, Context, Decision, Reason, Verdict
from ccusage_import.statistics import Comparison, compare
from ccusage_import.transcripts.facts import FACT_KINDS
from ccusage_import.warehouse.budgets import keep_budgets
from ccusage_import.warehouse.clickhouse_client import ClickHouse, preload_driver
from ccusage_import.warehouse.facts import count_facts
from ccusage_import.warehouse.integrity import NOTHING, contents
from ccusage_import.warehouse.machines import claim_machine, refuse_other_name
from ccusage_import.warehouse.migrations import refuse_pending
from ccusage_import.warehouse.naming import refuse_other_naming
from ccusage_import.warehouse.opening import (
    has_warehouse,
    import_lock,
    open_configured,
    open_to_write,
    record_failed_loads,
    refuse_damage,
    unrecorded_loads,
)
from ccusage_import.warehouse.prices import models_without_price, priced_models, write_prices
from ccusage_import.warehouse.publish import commit, count_totals, publish, settle_dead_loads, tidy
from ccusage_import.warehouse.snapshot import size_bytes
from ccusage_import.warehouse.tables import (
    REFUSED,
    RUNNER_OF_TRANSCRIPTS,
    Load,
    next_load_id,
    read_latest_window,
    read_records,
    read_taken_back,
    write_load,
)

# The first day that the warehouse can store.
FIRST_DAY = date(1970, 1, 1)


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
    with import_lock(configuration):
        return run_import_alone(configuration, options, environ, progress)


def run_import_alone(
    configuration: Configuration, options: ImportOptions, environ: Mapping[str, str], progress: ImportProgress
) -> ImportSummary:
    """Run one import like `run_import`; the caller holds the import lock."""
    run = Run.begin(configuration, options, progress)
    if options.only_transcripts:
        return _transcripts_alone(run, environ)
    try:
        with _driver_loads_meanwhile(), run.phase("fetch"):
            offer = _offer(run, environ)
    except CcusageError as error:
        _leave_trace(run, _failed_load(run, error))
        raise
    return import_offer(run, offer)


def import_offer(run: Run, offer: Offer) -> ImportSummary:
    """Import what ccusage or saved files offer like `run_import`; the caller holds the import lock."""
    with run.phase("validate"):
        parsed = parse_offer(offer, run.settings.machine, run.pseudonyms, run.today, run.archive)
    if not parsed.valid:
        _leave_trace(run, _failed_load(run, parsed.errors[0], offer, parsed))
        return _summary(run, offer, parsed, Judged(outcomes=parsed.outcomes))
    return _load(run, offer, parsed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one import was started with. `phases` gets the seconds of each phase, `archive` the reports."""

    configuration: Configuration
    options: ImportOptions
    progress: ImportProgress
    started_at: datetime
    pseudonyms: Pseudonyms
    known_names: Mapping[str, str]
    archive: ReportArchive | None
    phases: dict[str, float] = field(default_factory=dict)

    @classmethod
    def begin(
        cls,
        configuration: Configuration,
        options: ImportOptions,
        progress: ImportProgress,
        now: datetime | None = None,
    ) -> Run:
        """Return a run that begins now, or when its kept load began."""
        keeps_reports = configuration.settings.keep_raw and options.note is None
        return cls(
            configuration=configuration,
            options=options,
            progress=progress,
            started_at=instant(now or (options.note.started_at if options.note else datetime.now(UTC))),
            pseudonyms=configuration.settings.pseudonyms(),
            known_names=read_names(configuration.directories.names_file),
            archive=ReportArchive() if keeps_reports else None,
        )

    @property
    def settings(self) -> Settings:
        return self.configuration.settings

    @property
    def today(self) -> date:
        return self.settings.today(self.started_at)

    @property
    def names(self) -> dict[str, str]:
        return {**self.known_names, **self.pseudonyms.names}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self.progress.phase(name)
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.phases[name] = round(time.perf_counter() - begun, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The verdicts, and what they add up to."""

    outcomes: Mapping[str, ReportOutcome]
    decisions: Sequence[Decision] = ()
    comparison: Comparison | None = None
    stored: Sequence[Record] = ()
    left_alone: frozenset[Identity] = frozenset()
    intact_from: date | None = None
    ledger: Ledger = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def _offer(run: Run, environ: Mapping[str, str]) -> Offer:
    options = run.options
    if options.saved_dir is not None:
        return saved_offer(run.settings, options.saved_dir, options.reports, options.note, run.pseudonyms)
    return live_offer(run.configuration, options.reports, environ, run.pseudonyms, run.started_at, run.progress)


def _load(run: Run, offer: Offer, parsed: Parsed) -> ImportSummary:
    """Open the warehouse, judge the offer, and publish what was decided."""
    with ExitStack() as stack:
        try:
            with run.phase("open"):
                warehouse, opening_warnings = open_for_import(run, stack)
            with run.phase("reconcile"):
                stored = _stored(run, warehouse, parsed.records)
                load_id = next_load_id(warehouse, run.settings.machine) if warehouse else None
                prepared = prepare(run, offer, parsed, stored)
                ledger = _ledger(run, warehouse, offer, prepared)
                judged = judge(run, offer, parsed, prepared, ledger)
        except WarehouseError as error:
            _keep_for_later(run, _failed_load(run, error, offer, parsed))
            raise
        summary = _summary(run, offer, parsed, judged, opening_warnings)
        if warehouse is None or load_id is None or run.options.is_dry_run or summary.is_empty:
            return summary
        with run.phase("load"):
            _keep_prices(run, warehouse, load_id, offer, parsed, judged)
            load = _committed_load(run, offer, judged, summary, load_id)
            _publish(run, warehouse, load, judged.decisions)
            kept_warnings = _keep_reports(run, load, judged.ledger)
        facts = _facts(run, warehouse, offer, load)
        warnings = (*summary.warnings, *kept_warnings, *_too_large(run, warehouse))
        return replace(summary, load_id=load_id, warnings=warnings, facts=facts)


def _too_large(run: Run, warehouse: ClickHouse) -> Iterator[str]:
    limit, size = run.settings.large_warehouse_gb, size_bytes(warehouse) / 1e9
    if size > limit:
        yield (
            f"the warehouse takes {size:.3g} GB, more than large_warehouse_gb = {limit:g};"
            " ccusage-import compact --older-than 13mo makes it smaller"
        )


def _facts(run: Run, warehouse: ClickHouse, offer: Offer, load: Load) -> FactsSummary | None:
    """Read the transcripts too. The reports are loaded: that this fails changes nothing about them."""
    if not (run.settings.transcripts and offer.directories):
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


def _counts_of(warehouse: ClickHouse, load: Load, facts: FactsSummary) -> dict[str, int]:
    """Return what a load says of its facts; where it ended early, nobody counted what of the last ones is new."""
    return facts.counts | (count_facts(warehouse, load.machine, load.load_id) if facts.error else {})


def _transcripts_alone(run: Run, environ: Mapping[str, str]) -> ImportSummary:
    """Read the transcripts as a load of their own; where there is nothing new in them there is no load."""
    settings = run.settings
    _refuse_what_reports_need(run.options)
    sources = find_sources(settings.claude_dirs, environ)
    with ExitStack() as stack:
        with run.phase("open"):
            warehouse, warnings = _open_for_load(run, stack)
            load = _load_of_transcripts(run, warehouse, sources)
        with run.phase("transcripts"):
            facts = import_facts(run.configuration, warehouse, sources.found, load, run.pseudonyms, run.progress)
        if load.revision:
            _end_load_of_transcripts(run, warehouse, load, facts)
        warnings += tuple(_too_large(run, warehouse))
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


def _load_of_transcripts(run: Run, warehouse: ClickHouse, sources: Sources) -> Load:
    """Return a load that leaves the records as they are; it is not written yet."""
    provenance = provenance_now(run.settings, "", sources.found, run.pseudonyms)
    load = _new_load(run, next_load_id(warehouse, run.settings.machine), provenance)
    _, there = contents(warehouse).get(load.machine, (0, NOTHING))
    load.runner = RUNNER_OF_TRANSCRIPTS
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


def open_for_import(run: Run, stack: ExitStack) -> tuple[ClickHouse | None, tuple[str, ...]]:
    """Open the warehouse with a schema this program knows: the one step before publication that changes something.

    It refuses a damaged warehouse, migrates an embedded one, claims the machine's name or refuses that of another
    installation, refuses other names of projects than are stored, writes the failed loads that no warehouse could take
    before, settles loads that died and the budgets.
    A dry run does none of this but refuse, and makes no warehouse where there is none.

    Returns:
        The warehouse, and what a person should know of it.
    """
    if run.options.is_dry_run:
        if not has_warehouse(run.configuration):
            return None, ()
        warehouse = stack.enter_context(open_configured(run.configuration))
        refuse_damage(run.settings.machine, warehouse)
        refuse_pending(warehouse)
        _claim_name(run, warehouse)
        return warehouse, ()
    return _open_for_load(run, stack)


def _open_for_load(run: Run, stack: ExitStack) -> tuple[ClickHouse, tuple[str, ...]]:
    warehouse = stack.enter_context(open_to_write(run.configuration))
    _claim_name(run, warehouse)
    record_failed_loads(run.configuration, warehouse)
    states = settle_dead_loads(warehouse, run.settings.machine)
    keep_budgets(warehouse, run.configuration)
    return warehouse, tuple(f"an earlier load ended in the middle; it is now marked as {state}" for state in states)


def _claim_name(run: Run, warehouse: ClickHouse) -> None:
    machine, installation = run.settings.machine, run.configuration.installation
    # What is replayed stands under the name that the machine had then.
    if run.options.note is None:
        refuse_other_name(warehouse, machine, installation)
    claim_machine(warehouse, machine, installation, only_looks=run.options.is_dry_run)
    refuse_other_naming(warehouse, machine, run.pseudonyms, run.known_names)


@dataclass(frozen=True, slots=True)
class Stored:
    """What the warehouse knows of this machine."""

    records: Sequence[Record] = ()
    intact_from: date | None = None
    taken_back: Mapping[Identity, int] = field(default_factory=dict)


def _stored(run: Run, warehouse: ClickHouse | None, offered: Sequence[Record]) -> Stored:
    if warehouse is None:
        return Stored()
    machine = run.settings.machine
    return Stored(
        read_records(warehouse, machine, offered),
        read_latest_window(warehouse, machine, run.started_at),
        read_taken_back(warehouse, machine),
    )


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is offered beside what is stored, and what the rule must know beyond the records."""

    stored: Stored
    case: Case
    context: Context


def _ledger(run: Run, warehouse: ClickHouse | None, offer: Offer, prepared: Prepared) -> Ledger:
    """Return what became of the messages of records that fell; nothing where transcripts are not read.

    What is replayed was weighed then.
    """
    if run.options.note is not None:
        return run.options.note.ledger
    if warehouse is None or not (run.settings.transcripts and offer.directories):
        return NO_LEDGER
    dry = run.options.is_dry_run
    falls = prepared.case.falls()
    return weigh_falls(run.configuration, warehouse, offer.directories, falls, run.pseudonyms, only_looks=dry)


def judge(run: Run, offer: Offer, parsed: Parsed, prepared: Prepared, ledger: Ledger) -> Judged:
    """Judge the records of the valid reports against what is stored, and by what became of their messages."""
    context, stored, decisions = prepared.context, prepared.stored, prepared.case.decisions(ledger)
    return Judged(
        outcomes=_doubted(run, context.intact_from, _counted(parsed.outcomes, decisions), stored.records),
        decisions=decisions,
        comparison=compare(stored.records, decisions, run.started_at),
        stored=stored.records,
        left_alone=context.refused,
        intact_from=context.intact_from,
        ledger=_decisive(prepared.case.falls(), decisions, ledger) if ledger else NO_LEDGER,
        warnings=tuple(_missing_directories(run, offer, decisions)),
    )


def _decisive(falls: Sequence[Fall], decisions: Sequence[Decision], ledger: Ledger) -> Ledger:
    """Return what of the ledger decided something: of what is not offered at all, only what was taken."""
    taken = {one.record.identity for one in decisions if one.reason is Reason.MESSAGES_THERE}
    known = ((fall, ledger[fall.stored.identity]) for fall in falls if fall.stored.identity in ledger)
    return {
        fall.stored.identity: one
        for fall, one in known
        if fall.stored.identity in taken or (fall.offered_tokens and (one.gone or not one.moved))
    }


def prepare(run: Run, offer: Offer, parsed: Parsed, stored: Stored) -> Prepared:
    """Put what is offered beside what is stored."""
    context = Context(
        machine=run.settings.machine,
        provenance=offer.provenance,
        intact_from=_window(offer.intact_from, stored.intact_from),
        since=run.options.since,
        until=run.options.until,
        prices=run.settings.prices,
        accepted=run.options.accepted,
        taken_back=stored.taken_back,
        refused=left_alone(parsed.records, stored.records, parsed.refused),
        failed=frozenset(label for label, outcome in parsed.outcomes.items() if outcome.error),
    )
    return Prepared(stored, Case(parsed.records, stored.records, parsed.valid, context), context)


def _window(now: date | None, known: date | None) -> date | None:
    """Return the first day of the window: a longer clean-up period does not bring back what was swept before."""
    if now is None:
        return None
    return max(now, known or FIRST_DAY, FIRST_DAY)


def _counted(outcomes: Mapping[str, ReportOutcome], decisions: Sequence[Decision]) -> dict[str, ReportOutcome]:
    """Return the outcomes with their verdicts; the saved daily report of all agents has records of each."""
    verdicts = {label: Counter(outcome.verdicts) for label, outcome in outcomes.items()}
    for decision in decisions:
        record = decision.record
        verdicts[record.label if record.label in verdicts else record.report][decision.verdict] += 1
    return {label: replace(outcome, verdicts=verdicts[label]) for label, outcome in outcomes.items()}


def _missing_directories(run: Run, offer: Offer, decisions: Sequence[Decision]) -> Iterator[str]:
    read_then = {
        digest
        for decision in decisions
        if decision.reason is Reason.DIRECTORY_MISSING and decision.stored is not None
        for digest in decision.stored.provenance.data_dirs
    }
    for digest in sorted(read_then - set(offer.provenance.data_dirs)):
        name = run.known_names.get(digest, digest)
        yield f"data directory {name} was read before and is missing: its numbers stay"


def _doubted(
    run: Run, intact_from: date | None, outcomes: Mapping[str, ReportOutcome], stored: Sequence[Record]
) -> dict[str, ReportOutcome]:
    """Return the outcomes; an empty report is believable only where no usage is stored that it would have to show.

    Other agents would have to show that of the last days: those that are not used any more are left in peace.
    """
    doubted = dict(outcomes)
    for label, outcome in outcomes.items() if intact_from is not None else ():
        agent, _ = split_label(label)
        usual = Sources((), ()).intact_from(run.started_at, run.settings.zone)
        since = intact_from if agent == CLAUDE and intact_from else usual
        kept = sum(record.label == label and record.day >= since for record in stored)
        if outcome.error is None and outcome.offered == 0 and kept:
            check = "the data directories: ccusage-import config show" if agent == CLAUDE else f"where {agent} keeps it"
            error = EmptyReportError(
                f"{label}: ccusage shows no usage, yet {kept} records since {since} are stored",
                hint=f"they stay; check {check}",
            )
            doubted[label] = replace(outcome, error=error)
    return doubted


def _keep_prices(run: Run, warehouse: ClickHouse, load_id: int, offer: Offer, parsed: Parsed, judged: Judged) -> None:
    """Ask ccusage for the prices of models that have none here, and again for those with another cost than before."""
    if offer.prices is None:
        return
    version = offer.provenance.ccusage_version
    wanted = models_without_price(warehouse, version, priced_models(parsed.records), priced_models(judged.stored))
    repriced = [item.record for item in judged.decisions if item.verdict is Verdict.REPRICED and item.offered]
    prices = offer.prices.ask(wanted, again=priced_models(repriced))
    write_prices(warehouse, load_id, version, prices, is_offline=not run.settings.online_prices)


def _publish(run: Run, warehouse: ClickHouse, load: Load, decisions: Sequence[Decision]) -> None:
    """Write the load. Its INSERT into `records` is the point at which all of it becomes visible."""
    keep_names(run.configuration.directories.names_file, run.known_names, run.pseudonyms.names)
    load.phases = dict(run.phases)
    is_filtered = run.options.since > date.min or run.options.until < date.max
    publish(warehouse, load, decisions, () if is_filtered else load.reports)
    rows, ms = sum(decision.is_written for decision in decisions), round(1000 * sum(load.phases.values()))
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
        warnings=(*offer.warnings, *parsed.warnings, *warnings, *judged.warnings),
        comparison=judged.comparison,
        names=run.names,
        phases=run.phases,
    )


def _new_load(run: Run, load_id: int, provenance: Provenance) -> Load:
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


def _committed_load(run: Run, offer: Offer, judged: Judged, summary: ImportSummary, load_id: int) -> Load:
    load = _new_load(run, load_id, offer.provenance)
    load.runner, load.intact_from = offer.runner, judged.intact_from
    load.reports = tuple(label for label, outcome in judged.outcomes.items() if outcome.error is None)
    load.verdicts = {f"{label}/{REFUSED}": outcome.refused for label, outcome in judged.outcomes.items()}
    load.warnings = tuple(map(run.pseudonyms.hide_paths, summary.warnings))
    _tell_failures(load, judged.outcomes)
    if compared := judged.comparison:
        count_totals(load, compared.before, compared.after)
    return load


def _failed_load(run: Run, error: FixableError, offer: Offer | None = None, parsed: Parsed | None = None) -> Load:
    provenance = offer.provenance if offer else provenance_now(run.settings, "", (), run.pseudonyms)
    load = _new_load(run, time.time_ns() // 1000, provenance._replace(data_dirs=()))
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


def _leave_trace(run: Run, load: Load) -> None:
    """Write a failed load, so that a run that fetched nothing is seen by whoever looks at the warehouse."""
    if run.options.is_dry_run:
        return
    try:
        with ExitStack() as stack:
            warehouse, _ = open_for_import(run, stack)
            if warehouse is not None:
                load.load_id = next_load_id(warehouse, load.machine)
                write_load(warehouse, load)
    except WarehouseError as failure:
        logger.bind(kind=failure.kind).warning("the failed load could not be recorded")
        _keep_for_later(run, load)


def _keep_for_later(run: Run, load: Load) -> None:
    """Keep a failed load until an import reaches the warehouse."""
    if run.options.is_dry_run:
        return
    try:
        unrecorded_loads(run.configuration).keep(load)
    except ConfigurationError as failure:
        # The error that is being handled matters more.
        logger.bind(kind=failure.kind).warning("the failed load could not be kept")


def _keep_reports(run: Run, load: Load, ledger: Ledger) -> tuple[str, ...]:
    """Keep what the load was judged by. The load is committed, so the import does not fail where this does."""
    if run.archive is None:
        return ()
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


@contextmanager
def _driver_loads_meanwhile() -> Iterator[None]:
    """Import the driver in another thread while ccusage runs."""
    preloading = threading.Thread(target=preload_driver, daemon=True)
    preloading.start()
    try:
        yield
    finally:
        preloading.join()
