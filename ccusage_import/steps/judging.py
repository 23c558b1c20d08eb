"""The step that judges: what is offered beside what is stored, and what became of the messages of records that fell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from ccusage_import.ccusage.data_dirs import Sources
from ccusage_import.ccusage.offers import Offer, Parsed, ReportOutcome
from ccusage_import.ccusage.refusals import left_alone
from ccusage_import.days import FIRST_OF_ALL
from ccusage_import.exceptions import EmptyReportError, WarehouseUnreachableError
from ccusage_import.querying.counted_messages import read_counted
from ccusage_import.records import CLAUDE, Identity, Record, counted_records, report_label, split_label
from ccusage_import.rule.context import Context
from ccusage_import.rule.ledger import NO_LEDGER, Fall, Ledger, covered_as_now, without_kept
from ccusage_import.rule.reconcile import Case
from ccusage_import.rule.verdicts import Decision, HeldOffer, Reason, count_verdicts
from ccusage_import.statistics import Comparison, compare
from ccusage_import.steps.facts import weigh_falls
from ccusage_import.steps.run import Run
from ccusage_import.warehouse.clickhouse_client import ClickHouse, Question
from ccusage_import.warehouse.committing import count_records, records_question
from ccusage_import.warehouse.logged_offers import LoggedOffer, last_offers_question, read_last_offers
from ccusage_import.warehouse.tables import (
    TakenBack,
    few_records_question,
    read_latest_window,
    read_records,
    read_taken_back,
    taken_back_question,
    window_question,
)


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
    gone: frozenset[Identity] = frozenset()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stored:
    """What the warehouse knows of this machine."""

    records: Sequence[Record] = ()
    intact_from: date | None = None
    taken_back: Mapping[Identity, TakenBack] = field(default_factory=dict)
    last_offers: Mapping[Identity, LoggedOffer] = field(default_factory=dict)

    def held(self, identity: Identity) -> HeldOffer | None:
        """Return what is held of a stored record."""
        last = self.last_offers.get(identity)
        return last.held if last else None


def read_stored(run: Run, warehouse: ClickHouse | None, offered: Sequence[Record]) -> Stored:
    if warehouse is None:
        return Stored()
    machine = run.settings.machine
    records = read_records(warehouse, machine, offered)
    _demand_all(warehouse, machine, len(records))
    return Stored(
        records,
        read_latest_window(warehouse, machine, run.started_at),
        read_taken_back(warehouse, machine),
        read_last_offers(warehouse, machine),
    )


def _demand_all(warehouse: ClickHouse, machine: str, read: int) -> None:
    """Refuse to judge with fewer records than a server has: a smaller number would be new, and take their place.

    Raises:
        WarehouseUnreachableError: an answer was cut off, or of two replicas one lags.
    """
    if warehouse.is_embedded:
        return
    stored = count_records(warehouse, machine)
    if read != stored:
        raise WarehouseUnreachableError(
            f"warehouse {warehouse.warehouse}: sent {read:,} of {counted_records(stored)}",
            hint="try again; if that does not help, a proxy may cut answers off, or a replica may lag behind",
        )


def questions_of_stored(run: Run) -> list[Question]:
    """Return what `read_stored` asks, of records only where they are few."""
    machine = run.settings.machine
    return [
        few_records_question(machine),
        window_question(machine, run.started_at),
        taken_back_question(machine),
        last_offers_question(machine),
        records_question(machine),
    ]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is offered beside what is stored, and what the rule must know beyond the records."""

    stored: Stored
    case: Case
    context: Context


def weigh(run: Run, warehouse: ClickHouse | None, offer: Offer, prepared: Prepared) -> Ledger:
    """Return what became of the messages of records that fell; nothing where transcripts are not read.

    What is replayed was weighed then.
    """
    if run.options.note is not None:
        return run.options.note.ledger
    if warehouse is None or not (run.settings.transcripts and offer.directories):
        return NO_LEDGER
    dry = run.options.is_dry_run
    case = prepared.case
    ledger = weigh_falls(run.configuration, warehouse, offer.directories, case.falls(), run.pseudonyms, only_looks=dry)
    kept = case.kept(ledger) if ledger else ()
    machine = run.settings.machine
    if not kept:
        return ledger
    messages = covered_as_now(kept, lambda: read_counted(warehouse, machine, kept), ledger)
    return without_kept(ledger, messages, kept)


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
        gone=frozenset(identity for identity, one in ledger.items() if one.gone),
        warnings=tuple(_missing_directories(run, offer, decisions)),
    )


def _decisive(falls: Sequence[Fall], decisions: Sequence[Decision], ledger: Ledger) -> Ledger:
    """Return the part of the ledger that decided something; of records that are not offered, only of those that go."""
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
        taken_back={identity: mark.tokens for identity, mark in stored.taken_back.items()},
        as_taken_back={identity: mark.shown for identity, mark in stored.taken_back.items()},
        held=stored.held,
        refused=left_alone(parsed.records, stored.records, parsed.refused),
        failed=frozenset(label for label, outcome in parsed.outcomes.items() if outcome.error),
    )
    return Prepared(stored, Case(parsed.records, stored.records, parsed.valid, context), context)


def _window(now: date | None, known: date | None) -> date | None:
    """Return the first day of the window: a longer clean-up period does not bring back what was swept before."""
    if now is None:
        return None
    return max(now, known or FIRST_OF_ALL, FIRST_OF_ALL)


def _counted(outcomes: Mapping[str, ReportOutcome], decisions: Sequence[Decision]) -> dict[str, ReportOutcome]:
    """Return the outcomes with their verdicts; the saved daily report of all agents has records of each."""
    verdicts = {label: Counter(outcome.verdicts) for label, outcome in outcomes.items()}
    for (report, agent, verdict), count in count_verdicts(decisions).items():
        label = report_label(report, agent)
        verdicts[label if label in verdicts else report][verdict] += count
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
    """Return the outcomes, with an error for an empty report where usage that it would have to show is stored.

    For other agents only usage of the last days counts: they may not be used any more.
    """
    doubted = dict(outcomes)
    for label, outcome in outcomes.items() if intact_from is not None else ():
        agent, _ = split_label(label)
        usual = Sources((), ()).intact_from(run.started_at, run.settings.zone)
        since = intact_from if agent == CLAUDE and intact_from else usual
        kept = sum(record.label == label and record.day >= since for record in stored)
        if outcome.error is None and outcome.offered == 0 and kept:
            check = "the data directories: ccusage-import config show" if agent == CLAUDE else f"where {agent} keeps it"
            verb = "is" if kept == 1 else "are"
            error = EmptyReportError(
                f"{label}: ccusage shows no usage, yet {counted_records(kept)} since {since} {verb} stored",
                hint=f"they stay; check {check}",
            )
            doubted[label] = replace(outcome, error=error)
    return doubted
