"""What is logged of the verdicts of a load: what changes something, each held offer once, and the end of a hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ccusage_import.records import Identity, Record, report_label
from ccusage_import.rule.groups import groups_of_held
from ccusage_import.rule.verdicts import Decision, HeldOffer, Reason, Verdict
from ccusage_import.warehouse.clickhouse_client import ClickHouse, Question
from ccusage_import.warehouse.tables import offer_json, record_of_json

# Verdicts that change nothing a person would ask about are counted in the load, not logged one by one.
NOT_LOGGED = (Verdict.UNCHANGED, Verdict.REFRESHED)


@dataclass(frozen=True, slots=True)
class LoggedOffer:
    """The last offer that was logged under a key and not written."""

    verdict: Verdict
    reason: Reason
    offered: bytes
    is_of_new_key: bool

    @property
    def held(self) -> HeldOffer | None:
        """What it holds of a stored record; None where it does not."""
        if self.verdict is not Verdict.HELD or self.is_of_new_key:
            return None
        offered = record_of_json(self.offered.decode())
        return HeldOffer(offered, self.reason) if offered else None


def read_last_offers(warehouse: ClickHouse, machine: str, also: Collection[int] = ()) -> dict[Identity, LoggedOffer]:
    """Return the last offer that was logged and not written, by report, agent and key.

    Loads that died do not count: what one had logged is logged again. What an undone load held stays held.

    Args:
        warehouse: where.
        machine: whose records.
        also: loads that count although they are not there yet.
    """
    return {
        (report, agent, key): LoggedOffer(Verdict(verdict), Reason(reason), offered.encode(), bool(is_of_new_key))
        for report, agent, key, verdict, reason, offered, is_of_new_key in warehouse.rows(
            *last_offers_question(machine, also)
        )
    }


def last_offers_question(machine: str, also: Collection[int] = ()) -> Question:
    """Return what `read_last_offers` asks: the rows of all loads are looked at, but read are those of the answer."""
    return Question(
        "SELECT report, agent, key, verdict, reason, offered, empty(stored) AS is_of_new_key FROM changes"
        " WHERE machine = {machine:String} AND (report, agent, key, load_id) IN"
        " (SELECT report, agent, key, max(load_id) FROM changes WHERE machine = {machine:String} AND (load_id IN"
        " (SELECT load_id FROM loads FINAL WHERE machine = {machine:String} AND state IN ('committed', 'undone'))"
        " OR has({also:Array(UInt64)}, load_id)) GROUP BY report, agent, key HAVING NOT argMax(is_written, load_id))",
        {"machine": machine, "also": sorted(also)},
    )


def worth_logging(
    decisions: Sequence[Decision],
    known: Mapping[Identity, LoggedOffer],
    whole: Collection[str] = (),
    stored: Collection[Record] = (),
) -> list[Decision]:
    """Return what is logged: what changes something, each held offer once with what is beside it, the end of a hold."""
    logged = []
    for decision in decisions:
        last = known.get(decision.record.identity) if known else None
        if decision.verdict in NOT_LOGGED:
            if last and last.verdict is Verdict.HELD and not _is_older_news(last, decision):
                logged.append(decision._replace(verdict=Verdict.UNCHANGED, reason=Reason.OFFERED_AGAIN))
        elif decision.is_written or _is_news(last, decision):
            logged.append(decision)
    if any(decision.verdict is Verdict.HELD for decision in decisions):
        logged += _beside_held(decisions, {one.record.identity for one in logged}, known, stored)
    decided = {decision.record.identity for decision in decisions} if known else set()
    return [*logged, *_withdrawn(known, decided, whole)]


def without_unjudged(
    known: Mapping[Identity, LoggedOffer], offered: Iterable[Record], decisions: Iterable[Decision]
) -> dict[Identity, LoggedOffer]:
    """Return the last offers without those of records that are offered and not judged: they are not withdrawn."""
    if not known:
        return {}
    unjudged = {record.identity for record in offered} - {decision.record.identity for decision in decisions}
    return {identity: last for identity, last in known.items() if identity not in unjudged}


def _beside_held(
    decisions: Iterable[Decision],
    logged: Collection[Identity],
    known: Mapping[Identity, LoggedOffer],
    stored: Collection[Record],
) -> Iterator[Decision]:
    """Yield what is offered as it is stored at the time of held offers: who accepts them must not take it for gone."""
    offered = {one.record.identity: one for one in decisions if one.offered is not None}
    held = [one.record for one in offered.values() if one.verdict is Verdict.HELD]
    # What is stored from now on tells too when the agent was busy.
    written = [one.record for one in offered.values() if one.is_written]
    for group in groups_of_held(held, [*stored, *written]):
        is_news = any(pair.offered is not None and pair.record.identity in logged for pair in group)
        for pair in group:
            beside = offered.get(pair.record.identity)
            is_told = pair.record.identity in (logged if is_news else known)
            if pair.offered is None and beside and beside.verdict in NOT_LOGGED and not is_told:
                yield beside._replace(verdict=Verdict.UNCHANGED, reason=Reason.OFFERED_AGAIN, is_written=False)


def logged_offer(decision: Decision) -> bytes:
    """Return an offer as it is logged: with what became of the messages, where no stored record tells that."""
    return offer_json(decision.offered, None if decision.stored else decision.weighed)


def _is_news(last: LoggedOffer | None, decision: Decision) -> bool:
    """Return whether a decision differs from the last one that was logged for its key."""
    return last is None or last.verdict is not decision.verdict or last.offered != logged_offer(decision)


def _is_older_news(last: LoggedOffer, decision: Decision) -> bool:
    """Whether saved files offer again what is stored, which says nothing of what ccusage shows since: that is held."""
    if decision.offered is None or decision.offered.provenance.ccusage_version:
        return False
    held = record_of_json(last.offered.decode())
    return held is not None and bool(held.provenance.ccusage_version)


def _withdrawn(
    known: Mapping[Identity, LoggedOffer], decided: Collection[Identity], whole: Collection[str]
) -> Iterator[Decision]:
    """Yield the end of each hold on a key that was never stored and is not offered any more."""
    for identity, last in known.items():
        report, agent, _ = identity
        is_gone = identity not in decided and report_label(report, agent) in whole
        if is_gone and last.is_of_new_key and last.verdict is Verdict.HELD:
            offered = record_of_json(last.offered.decode())
            yield Decision(Verdict.UNCHANGED, Reason.WITHDRAWN, None, offered, is_written=False)
