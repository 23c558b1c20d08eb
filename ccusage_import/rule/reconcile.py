"""The rule that keeps history: offered and stored records to decisions. Pure: no clock, no files, no warehouse.

Tokens decide, never cost. A smaller number replaces a stored one only on evidence: the transcripts of its time cannot
have been swept yet, every session of that time is still offered, and something explains the fall. Otherwise it is held:
the stored record stays and the offer is logged. That is known of Claude Code alone: nobody knows how long other agents
keep what ccusage reads, so their falls are always held. Where the ledger covers what fell wholly, its messages decide.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property
from typing import Literal
from zoneinfo import ZoneInfo

from ccusage_import.records import CLAUDE, FILED_BY_DAY, TIMED_REPORTS, Identity, Provenance, Record, report_label
from ccusage_import.rule.evidence import (
    MESSAGE_GROWS,
    Session,
    Sessions,
    Span,
    day_after,
    first_day,
    lasting_name,
    span,
    tokens_by_name,
)
from ccusage_import.rule.groups import Group, Pair, busy_times, group_of, grouped, paired
from ccusage_import.rule.ledger import NO_LEDGER, Fall, Ledger
from ccusage_import.rule.moves import Moves
from ccusage_import.rule.pricing import lose_a_price
from ccusage_import.rule.repricing import PriceTrust, priced, repriced
from ccusage_import.rule.verdicts import Decision, HeldOffer, Reason, Verdict


def _nothing_is_held(_: Identity) -> HeldOffer | None:
    return None


@dataclass(frozen=True, slots=True)
class Context:
    """What the rule must know beyond the records.

    Attributes:
        machine: whose records are judged.
        provenance: what the offered records were read with.
        intact_from: first day whose transcripts of Claude Code cannot have been deleted yet; None when nothing is
            known of the sources, as with saved files.
        since: first day that is judged.
        until: last day that is judged.
        prices: whether new prices of stored usage are taken.
        accepted: first and last day on which a person takes smaller numbers.
        taken_back: what a person took back, with the tokens up to which that holds.
        held: returns what was held of a stored record when it was offered last.
        refused: what is not judged because a record that was offered cannot be true.
        failed: the labels of the reports that were asked for in vain.
    """

    machine: str
    provenance: Provenance
    intact_from: date | None
    since: date = date.min
    until: date = date.max
    prices: Literal["follow", "freeze"] = "follow"
    accepted: tuple[date, date] | None = None
    taken_back: Mapping[Identity, int] = field(default_factory=dict)
    held: Callable[[Identity], HeldOffer | None] = _nothing_is_held
    refused: frozenset[Identity] = frozenset()
    failed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What is known of groups that are judged together: what moved, was taken back, or lost its price."""

    has_moved: bool
    waits: bool
    taken_back: Sequence[Group]
    is_price_lost: bool


def reconcile(
    offered: Sequence[Record], stored: Iterable[Record], reports: Iterable[str], context: Context
) -> list[Decision]:
    """Judge every offered record, and every stored one of the fetched reports that is no longer offered.

    Args:
        offered: the validated records of the fetched reports.
        stored: what the warehouse shows; records of other machines are left alone.
        reports: the labels of the reports that were fetched well. A report missing here is not judged at all.
        context: window, filters and wishes.

    Returns:
        One decision a key, ordered by report, agent and key. Stored records that simply stay, although nothing is
        offered for them any more, have none.
    """
    return Case(offered, stored, reports, context).decisions()


class Case:
    """What `reconcile` judges in two steps: which records fell, then all by what is known of their messages."""

    def __init__(
        self, offered: Sequence[Record], stored: Iterable[Record], reports: Iterable[str], context: Context
    ) -> None:
        self._judges = _judges(offered, stored, reports, context)

    def falls(self) -> list[Fall]:
        """Return the stored records that fell, as far as their messages would decide what becomes of them."""
        return [fall for judge in self._judges.values() for fall in judge.falls()]

    def kept(self, ledger: Ledger) -> list[Record]:
        """Return the stored records that may have held before what messages of records that fell count in now."""
        return [record for judge in self._judges.values() for record in judge.informed_by(ledger).moves.kept()]

    def decisions(self, ledger: Ledger = NO_LEDGER) -> list[Decision]:
        """Return a decision for each key like `reconcile`."""
        judges = {name: judge.informed_by(ledger) for name, judge in self._judges.items()}
        decisions: list[Decision] = []
        for name in sorted(judges):
            daily = judges.get(("daily", name[1])) if name[0] == "monthly" else None
            decisions += sorted(judges[name].decisions(daily), key=lambda decision: decision.record.key)
        return decisions


def _judges(
    offered: Sequence[Record], stored: Iterable[Record], reports: Iterable[str], context: Context
) -> dict[tuple[str, str], _Judge]:
    """Return who judges which report of which agent."""
    fetched = set(reports)
    kept = [record for record in stored if record.machine == context.machine]
    now, then = _sessions_of_claude(offered), _sessions_of_claude(kept)
    is_known = report_label("session", CLAUDE) in fetched and not _lacks_a_session([*now, *then], context.taken_back)
    sessions = Sessions(now, then, is_known=is_known)
    by_report: dict[tuple[str, str], tuple[list[Record], list[Record]]] = defaultdict(lambda: ([], []))
    for record in offered:
        if record.identity not in context.refused:
            by_report[record.report, record.agent][0].append(record)
    for record in kept:
        # The saved daily report of all agents holds records of each.
        if record.identity not in context.refused and not fetched.isdisjoint((record.label, record.report)):
            by_report[record.report, record.agent][1].append(record)
    busy = busy_times([*offered, *kept])
    return {
        name: _Judge(name[1], records, sessions, busy.get(name[1], ()), context) for name, records in by_report.items()
    }


class _Judge:
    """Judges one report of one agent."""

    def __init__(  # the blocks of the agent tell when it was busy
        self,
        agent: str,
        records: tuple[list[Record], list[Record]],
        sessions: Sessions,
        busy: Sequence[Span],
        context: Context,
    ) -> None:
        offered, stored = records
        self._agent = agent
        self._context = context
        self._sessions = sessions
        self._zone = ZoneInfo(context.provenance.timezone)
        self._offered = offered
        self._judges_all_days = context.since == date.min and context.until == date.max
        is_busy_known = report_label("blocks", agent) not in context.failed
        # Where nothing is stored, nothing can be lost.
        is_first = not stored and not context.taken_back and self._judges_all_days
        # Those that share usage with none, and on which no evidence could lead to another decision.
        self.settled, others = list[Pair](), list[Pair]()
        for pair in paired(offered, stored):
            (self.settled if is_first or pair.is_repeated else others).append(pair)
        self.groups = [group_of(group) for group in grouped(others, busy if is_busy_known else ())]
        self.moves = Moves(self.groups, NO_LEDGER)

    def informed_by(self, ledger: Ledger) -> _Judge:
        """Return a judge of the same report who knows what became of the messages of records that fell."""
        informed = copy(self)
        if ledger:
            # A message of what fell may count in any record now.
            informed.groups, informed.settled = self._all_groups, []
        informed.moves = Moves(informed.groups, ledger)
        return informed

    @cached_property
    def _all_groups(self) -> list[Group]:
        return [*self.groups, *(group_of([pair]) for pair in self.settled)]

    def decisions(self, daily: _Judge | None) -> Iterator[Decision]:
        """Judge all groups; `daily` judges the days of a report of months."""
        yield from filter(None, map(self._obvious, filter(self._is_judged, self.settled)))
        for cluster in self._clusters():
            if not all(self._is_judged(pair) for group in cluster for pair in group.pairs):
                continue
            is_alone = len(cluster) == len(cluster[0].pairs) == 1
            decision = self._obvious(cluster[0].pairs[0]) if is_alone else None
            if decision is not None:
                yield decision
            else:
                yield from self._of_cluster(cluster, daily)

    def _obvious(self, pair: Pair) -> Decision | None:
        """Return the decision on a pair that shares usage with none, where no evidence could lead to another: on most.

        It is exactly as it is stored, or was never seen.
        """
        if pair.is_repeated:
            return Decision(Verdict.UNCHANGED, Reason.NOTHING_CHANGED, pair.stored, pair.offered, is_written=False)
        if pair.stored is None and pair.record.identity not in self._context.taken_back:
            return Decision(Verdict.NEW, Reason.FIRST_SEEN, None, pair.offered, is_written=True)
        return None

    def _of_cluster(self, cluster: Sequence[Group], daily: _Judge | None) -> Iterator[Decision]:
        # Sources and receivers of usage that moved are judged together: all of it is offered, or nothing moves.
        may_have_moved = len(cluster) > 1
        taken_back = self._taken_back(cluster)
        is_all_there = _offered_tokens(cluster) >= _stored_tokens(cluster)
        is_all_taken = not taken_back and not any(map(self.moves.lost_dearer, cluster))
        has_moved = may_have_moved and is_all_there and is_all_taken
        waits = may_have_moved and self._waits
        is_price_lost = lose_a_price(
            [pair.stored for group in cluster for pair in group.pairs if pair.stored is not None],
            [pair.offered for group in cluster for pair in group.pairs if pair.offered is not None],
        )
        evidence = _Evidence(has_moved, waits, taken_back, is_price_lost)
        for group in cluster:
            for decision in self._decided(group, daily, evidence):
                is_by_messages = decision.reason in (Reason.MESSAGES_THERE, Reason.MESSAGES_GONE)
                weighed = self.moves.weighed(group) if is_by_messages else None
                yield replace(decision, weighed=weighed) if weighed else decision

    def falls(self) -> Iterator[Fall]:
        """Yield what fell, unless something else than its messages decides what becomes of it."""
        if self._agent != CLAUDE or self._context.intact_from is None or not self._offered:
            return
        for group in self.groups:
            is_fall = group.fell or group.is_rearranged or group.is_cheaper
            # What is filed anew is not told by its sum whether anything of it is gone.
            if self._is_refiled(group):
                takes, reason = self._explanation(group)
                is_fall = takes or reason is Reason.DIRECTORY_MISSING
            if group.stored_tokens and is_fall and not self._accepts(group):
                for pair in group.pairs:
                    if pair.stored is not None and pair.stored.total_tokens and self._is_judged(pair):
                        yield Fall(pair.stored, group.offered_tokens)

    @property
    def _waits(self) -> bool:
        """Whether the sessions that tell where usage moved are not known this time."""
        return self._agent == CLAUDE and report_label("session", CLAUDE) in self._context.failed

    def _verdict(self, group: Group, evidence: _Evidence) -> tuple[bool, Reason]:
        """Return whether the offers of a group are taken, and why."""
        takes, reason = True, Reason.MOVED
        if self._accepts(group):
            reason = Reason.ACCEPTED
        elif group in evidence.taken_back:
            takes, reason = False, Reason.TAKEN_BACK
        elif self._is_refiled(group):
            takes, reason = self._refiled(group)
            takes = takes and not self._went_to_held(group, evidence)
        elif evidence.waits:
            takes, reason = False, Reason.SESSIONS_UNKNOWN
        elif group.fell:
            takes, reason = self._by_messages(group, evidence) or self._moved_or_explained(group, evidence)
        elif group.is_rearranged:
            takes, reason = self._by_messages(group, evidence) or self._rearranged(group)
        elif group.is_cheaper:
            # More messages than before, without the dearer ones: without evidence that these are gone, prices fell.
            takes, reason = self._by_messages(group, evidence) or (takes, reason)
        return takes, reason

    def _decided(self, group: Group, daily: _Judge | None, evidence: _Evidence) -> Iterator[Decision]:
        takes, reason = self._verdict(group, evidence)
        is_replaced = group.fell or evidence.has_moved or self._is_refiled(group)
        if takes and is_replaced and evidence.is_price_lost and reason is not Reason.ACCEPTED:
            takes, reason = False, Reason.PRICE_LOST
        ends = [one.ends_at for one in group.stored_spans]
        for one, pair in group.timed:
            # What begins after everything stored holds none of it, whatever becomes of the others.
            is_beyond = bool(ends) and one.starts_at >= max(ends)
            has_new_day = (
                daily is not None
                and reason is Reason.TIMEZONE_CHANGED
                and daily.takes_a_day_of(one, group.stored_spans)
            )
            is_apart = _grew_apart(pair, group) if pair.stored else is_beyond or has_new_day
            if takes or (is_apart and reason is not Reason.TAKEN_BACK):
                yield self._taken(pair, reason)
            elif pair.offered is not None:
                yield self._kept(pair.stored, pair.offered, reason)

    def _taken(self, pair: Pair, reason: Reason) -> Decision:
        stored, offered = pair.stored, pair.offered
        if offered is None:
            return Decision(Verdict.CORRECTED, reason, stored, None, is_written=True)
        if stored is None:
            return Decision(Verdict.NEW, Reason.FIRST_SEEN, None, offered, is_written=True)
        if offered.total_tokens > stored.total_tokens:
            is_accepted = reason is Reason.ACCEPTED
            taken = offered if is_accepted else priced(stored, offered, self._price_trust(pair))
            return Decision(Verdict.GREW, Reason.MORE_TOKENS, stored, taken, is_written=True)
        if offered.total_tokens < stored.total_tokens:
            return Decision(Verdict.CORRECTED, reason, stored, offered, is_written=True)
        return repriced(stored, offered, self._price_trust(pair), is_accepted=reason is Reason.ACCEPTED)

    def _kept(self, stored: Record | None, offered: Record, reason: Reason) -> Decision:
        if stored is not None and offered.usage == stored.usage:
            return Decision(Verdict.UNCHANGED, Reason.NOTHING_CHANGED, stored, offered, is_written=False)
        return Decision(Verdict.HELD, reason, stored, offered, is_written=False)

    def _price_trust(self, pair: Pair) -> PriceTrust:
        are_frozen = self._context.prices == "freeze"
        return PriceTrust(self._is_intact(pair), self._context.intact_from is not None, are_frozen)

    def _moved_or_explained(self, group: Group, evidence: _Evidence) -> tuple[bool, Reason]:
        """Return whether a fall is taken: something explains it, or its usage moved while no session lost any."""
        takes, reason = self._by_window(group, evidence)
        return (False, Reason.MOVED) if takes and self._went_to_held(group, evidence) else (takes, reason)

    def _went_to_held(self, group: Group, evidence: _Evidence) -> bool:
        """Whether usage of a group counts now in what stays as it is stored, so that it would be shown in neither."""
        if self.moves.weighed(group):
            receivers = self.moves.receivers(group)
        else:
            receivers = [*evidence.taken_back, *self._under_other_names(group)]
        return any(self._stays(one, evidence) for one in receivers if one is not group)

    @cached_property
    def _smaller(self) -> list[Group]:
        """The groups of which less is offered than stored, and not nothing."""
        return [group for group in self.groups if group.fell and group.is_offered]

    def _under_other_names(self, group: Group) -> list[Group]:
        """Return what fell of the projects under which the sessions of one that is not offered any more stand now."""
        record = group.pairs[0].record
        if record.report != "projects" or group.is_offered:
            return []
        names = {name for session in self._sessions_of(group) for name in session.offered_projects}
        return [
            other
            for other in self._smaller
            if other.pairs[0].record.project in names - {record.project}
            if any(one.touches(when) for one in group.stored_spans for when in other.spans)
        ]

    def _by_window(self, group: Group, evidence: _Evidence) -> tuple[bool, Reason]:
        takes, reason = self._explanation(group)
        if reason is Reason.UNEXPLAINED and evidence.has_moved and not self._lost_usage(group):
            return True, Reason.MOVED
        return takes, reason

    def _stays(self, group: Group, evidence: _Evidence) -> bool:
        """Whether a group that others may have moved to stays as it is stored."""
        if group in evidence.taken_back or self.moves.lost_dearer(group):
            return True
        if not (group.fell or group.is_rearranged):
            return False
        known = self._by_messages(group, evidence)
        takes, _ = known or (self._by_window(group, evidence) if group.fell else self._rearranged(group))
        return not takes

    def _explanation(self, group: Group) -> tuple[bool, Reason]:
        """Return whether a fall is taken, and what explains it or why nothing does."""
        now = self._context.provenance
        read_with = {pair.stored.provenance for pair in group.pairs if pair.stored is not None}
        if self._context.intact_from is None:
            return False, Reason.SAVED_FILES
        if not self._offered:
            return False, Reason.UNEXPLAINED
        if not all(self._is_intact(pair) for pair in group.pairs):
            return False, Reason.MAY_BE_SWEPT
        if self._is_directory_missing(group):
            return False, Reason.DIRECTORY_MISSING
        if doubt := self._doubt(group):
            return False, doubt
        for then in read_with:
            if change := _changed(then, now):
                return (False, Reason.FELL_BEFORE) if self._fell_before(group) else (True, change)
        return False, Reason.UNEXPLAINED

    def _fell_before(self, group: Group) -> bool:
        """Whether a group, or a session of its time, fell while it was read as it is stored.

        What is read differently since then does not explain that.
        """
        records = [pair.stored for pair in group.pairs if pair.stored is not None]
        sessions = [] if group.is_session else self._sessions_of(group)
        for record in (*records, *(record for session in sessions for record in session.records)):
            held = self._context.held(record.identity)
            if held is None or held.offered.total_tokens >= record.total_tokens:
                continue
            is_gone = held.reason in (Reason.FELL_BEFORE, Reason.MESSAGES_GONE)
            if is_gone or held.offered.provenance == record.provenance:
                return True
        return False

    def _rearranged(self, group: Group) -> tuple[bool, Reason]:
        """Return whether parts of a group that lost and gained are taken: they are, while no session lost anything."""
        return self._explanation(group) if self._lost_usage(group) else (True, Reason.MOVED)

    def _lost_usage(self, group: Group) -> bool:
        """Return whether a session of the time of a group lost anything."""
        return any(item.fell for item in self._sessions_of(group))

    def _by_messages(self, group: Group, evidence: _Evidence) -> tuple[bool, Reason] | None:
        """Return whether a fall is taken by what became of its messages; None where the ledger does not settle it.

        What an empty report or saved files offer is never settled by them.
        """
        weighed = self.moves.weighed(group)
        if weighed is None or not self._offered or self._context.intact_from is None:
            return None
        if group.is_session and not group.is_offered and any(one.is_project_total for one in self._offered):
            # An old ccusage shows no session, so it counts less of none.
            return None
        if weighed.gone:
            return False, Reason.DIRECTORY_MISSING if self._is_directory_missing(group) else Reason.MESSAGES_GONE
        receivers = self.moves.receivers(group)
        is_taken_back = any(one in evidence.taken_back for one in (group, *receivers))
        if is_taken_back or any(map(self._is_refiled, receivers)) or not self.moves.arrive(group):
            return None
        return True, Reason.MESSAGES_THERE

    def _is_directory_missing(self, group: Group) -> bool:
        now = set(self._context.provenance.data_dirs)
        return any(set(pair.stored.provenance.data_dirs) - now for pair in group.pairs if pair.stored is not None)

    def _doubt(self, group: Group) -> Reason | None:
        """Return why the transcripts of a group may be gone; None where every session of its time is still there."""
        if group.is_session:
            return None if group.is_offered else Reason.SESSION_GONE
        found = self._sessions_of(group)
        # Sessions that do not account for all that is stored are not all the sessions there were.
        if not self._sessions.is_known or sum(item.stored_tokens for item in found) < group.stored_tokens:
            return Reason.SESSIONS_UNKNOWN
        is_gone = any(item.is_gone or self.moves.lost_any(item.records) for item in found)
        return Reason.SESSION_GONE if is_gone else None

    def _sessions_of(self, group: Group) -> list[Session]:
        """Return the stored sessions of the time of a group; a session itself is the only one that it is made of."""
        if group.is_session:
            return self._sessions.named(group.pairs[0].record)
        record = group.pairs[0].record
        return self._sessions.touching(group.stored_spans, record.project if record.report == "projects" else "")

    def _clusters(self) -> Iterator[list[Group]]:
        """Yield the groups, one that fell together with the neighbours to which its usage may have moved."""
        clusters = {index: [index] for index in range(len(self.groups))}

        def join(one: int, other: int) -> None:
            if clusters[one] is not clusters[other]:
                clusters[one] += clusters[other]
                clusters.update(dict.fromkeys(clusters[other], clusters[one]))

        fallen = [index for index, group in enumerate(self.groups) if group.fell]
        growing = [index for index, group in enumerate(self.groups) if group.offered_tokens > group.stored_tokens]
        for index in fallen:
            for receiver in growing:
                is_apart = clusters[index] is not clusters[receiver]
                if is_apart and self._may_have_moved(self.groups[index], self.groups[receiver]):
                    join(index, receiver)
        index_of = {id(group): index for index, group in enumerate(self.groups)}
        for index, group in enumerate(self.groups):
            for other in self.moves.receivers(group):
                join(index, index_of[id(other)])
        seen: set[int] = set()
        for index, members in clusters.items():
            if index not in seen:
                seen.update(members)
                yield [self.groups[member] for member in members]

    def _may_have_moved(self, source: Group, receiver: Group) -> bool:
        """Whether usage may have gone to a neighbouring record of the same sessions, none of which fell."""
        gap = MESSAGE_GROWS if source.pairs[0].record.report in TIMED_REPORTS else timedelta(0)
        if source.is_session or not any(
            one.touches(other, gap) for one in source.stored_spans for other in receiver.spans
        ):
            return False
        if not all(map(self._is_intact, source.pairs)):
            return False
        if self._waits or self._doubt(source):
            return self._waits
        found = self._sessions_of(source)
        is_shared = any(one.touches(other) for item in found for one in item.offered for other in receiver.spans)
        return is_shared and not any(item.fell for item in found)

    def _accepts(self, group: Group) -> bool:
        """Return whether a person takes the offers of the group; what is not offered any more is never meant."""
        days = [pair.offered.day for pair in group.pairs if pair.offered is not None]
        if self._context.accepted is None or not days:
            return False
        first, last = self._context.accepted
        return all(first <= day <= last for day in days)

    def _taken_back(self, cluster: Sequence[Group]) -> list[Group]:
        """Return the groups that a person took back, unless their usage grew past it since.

        Usage that moved out of them since does not come in again by where it moved to.
        """
        marks = self._context.taken_back
        marked = [group for group in cluster if any(pair.record.identity in marks for pair in group.pairs)]
        known = sum(marks.get(pair.record.identity, 0) for group in marked for pair in group.pairs)
        if any(group.fell for group in marked):
            grown = [one for one in cluster if one not in marked and one.offered_tokens > one.stored_tokens]
            marked, known = [*marked, *grown], known + _stored_tokens(grown)
        return marked if _offered_tokens(marked) <= known else []

    def _is_refiled(self, group: Group) -> bool:
        """Whether another zone filed usage of the group under its own days; of a project that is gone, none did."""
        zone, report = self._context.provenance.timezone, group.pairs[0].record.report
        if report == "projects" and not group.is_offered:
            return False
        return report in FILED_BY_DAY and any(
            pair.stored is not None and pair.stored.provenance.timezone != zone for pair in group.pairs
        )

    def _refiled(self, group: Group) -> tuple[bool, Reason]:
        """Return whether days of our zone take the place of those of another one: all of their usage must be here."""
        takes, reason = self._explanation(group)
        if weighed := self.moves.weighed(group):
            # Transcripts that lie elsewhere now are there.
            takes = not weighed.gone and (takes or reason is Reason.DIRECTORY_MISSING)
        is_named = takes and reason is not Reason.DIRECTORY_MISSING
        return takes, reason if is_named else Reason.TIMEZONE_CHANGED

    def takes_a_day_of(self, month: Span, other_months: Sequence[Span]) -> bool:
        """Whether a day of this month alone is offered that shares no usage with another zone's, or replaces it."""
        return any(
            month.overlaps(one) and not any(one.overlaps(other) for other in other_months)
            for group in self._all_groups
            if not self._is_refiled(group) or self._refiled(group)[0]
            for one, pair in group.timed
            if pair.offered is not None
        )

    def _is_intact(self, pair: Pair) -> bool:
        first = self._context.intact_from
        if self._agent != CLAUDE or first is None:
            return False
        known, *others = (first_day(record, self._zone) for record in (pair.stored, pair.offered) if record)
        # Where what is offered does not show its start, the stored start counts.
        return known >= first and all(day >= first or day == date.min for day in others)

    def _is_judged(self, pair: Pair) -> bool:
        if self._judges_all_days:
            return True
        record = pair.record
        return record.day <= self._context.until and day_after(record) > self._context.since


def _sessions_of_claude(records: Iterable[Record]) -> list[Record]:
    return [record for record in records if record.report == "session" and record.agent == CLAUDE]


def _lacks_a_session(known: Iterable[Record], taken_back: Mapping[Identity, int]) -> bool:
    """Whether less is known of a session than a person took back of it: days that grew since may hold its usage."""
    marks = {name: tokens for name, tokens in taken_back.items() if name[:2] == ("session", CLAUDE)}
    shown = tokens_by_name(known) if marks else {}
    return any(shown.get(lasting_name(name), 0) < tokens for name, tokens in marks.items())


def _changed(then: Provenance, now: Provenance) -> Reason | None:
    """Return what was read differently; anything unknown, as with saved files, explains nothing."""
    for before, after, reason in (
        (then.ccusage_version, now.ccusage_version, Reason.VERSION_CHANGED),
        (then.timezone, now.timezone, Reason.TIMEZONE_CHANGED),
        (then.cost_mode, now.cost_mode, Reason.MODE_CHANGED),
        (sorted(then.data_dirs), sorted(now.data_dirs), Reason.DIRECTORIES_CHANGED),
    ):
        if before and after and before != after:
            return reason
    return None


def _grew_apart(pair: Pair, group: Group) -> bool:
    """Whether a session grew under one project, where all of it is after what is stored of it under others."""
    stored, offered = pair.stored, pair.offered
    if not (group.is_session and stored and offered and offered.total_tokens > stored.total_tokens):
        return False
    others = [span(one.stored) for one in group.pairs if one.stored and one is not pair]
    return bool(others) and span(offered).starts_at >= max(one.ends_at for one in others)


def _stored_tokens(groups: Iterable[Group]) -> int:
    return sum(group.stored_tokens for group in groups)


def _offered_tokens(groups: Iterable[Group]) -> int:
    return sum(group.offered_tokens for group in groups)
