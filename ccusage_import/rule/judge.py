"""Judges one report of one agent: which of its groups are taken, and which are held. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from ccusage_import.records import CLAUDE, Identity, Record, report_label
from ccusage_import.rule.clusters import clusters, whole_days
from ccusage_import.rule.context import Context
from ccusage_import.rule.evidence import Sessions, Span, day_after, span
from ccusage_import.rule.groups import Group, Pair, group_of, grouped, paired
from ccusage_import.rule.ledger import NO_LEDGER, Fall, Ledger
from ccusage_import.rule.moves import Moves
from ccusage_import.rule.pricing import PriceTrust, joined, lose_a_price, priced, repriced, taken_over
from ccusage_import.rule.verdicts import FOR_NOW, UNEXPLAINED, Decision, Reason, Verdict
from ccusage_import.rule.window import Window


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What is known of groups that are judged together: what moved, was taken back, or lost its price.

    `refiled` are those whose days another zone filed; `taken_over` are the stored records that go on in one that is
    offered, also under other names. Of whole days nothing is gone: their projects have other names.
    """

    has_moved: bool
    are_whole_days: bool
    waits: bool
    taken_back: Sequence[Group]
    taken_back_elsewhere: Sequence[Group]
    refiled: Sequence[Group]
    is_price_lost: bool
    taken_over: Mapping[Identity, Sequence[Record]]


class Judge:
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
        self.window = self._window_with(self.moves)

    def informed_by(self, ledger: Ledger) -> Judge:
        """Return a judge of the same report who knows what became of the messages of records that fell."""
        informed = copy(self)
        if ledger:
            # A message of what fell may count in any record now.
            informed.groups, informed.settled = self._all_groups, []
        informed.moves = Moves(informed.groups, ledger)
        informed.window = self._window_with(informed.moves)
        return informed

    def _window_with(self, moves: Moves) -> Window:
        return Window(self._agent, self._context, self._sessions, moves, is_empty=not self._offered)

    @cached_property
    def _all_groups(self) -> list[Group]:
        return [*self.groups, *(group_of([pair]) for pair in self.settled)]

    def decisions(self, daily: Judge | None) -> Iterator[Decision]:
        """Judge all groups; `daily` judges the days of a report of months or projects."""
        yield from filter(None, map(self._obvious, filter(self._is_judged, self.settled)))
        whole = self._whole_days(daily)
        found = list(clusters(self.groups, self.moves, self.window, self._are_apart, whole))
        taken_back = [group for cluster in found for group in self._taken_back(cluster)]
        for cluster in found:
            if not all(self._is_judged(pair) for group in cluster for pair in group.pairs):
                continue
            is_alone = len(cluster) == len(cluster[0].pairs) == 1
            decision = self._obvious(cluster[0].pairs[0]) if is_alone else None
            if decision is not None:
                yield decision
            else:
                yield from self._of_cluster(cluster, daily, taken_back, whole)

    def _whole_days(self, daily: Judge | None) -> Collection[date]:
        fallen = [group for group in self.groups if group.fell and group.pairs[0].record.report == "projects"]
        if daily is None or not fallen:
            return ()
        # Where a session lost some, another may have brought as many.
        doubtful = {pair.record.day for group in fallen if self.window.saw_loss(group) for pair in group.pairs}
        return whole_days(self.pairs, daily.pairs) - doubtful

    @property
    def pairs(self) -> Iterator[Pair]:
        """All that is stored and offered."""
        yield from self.settled
        for group in self.groups:
            yield from group.pairs

    def _obvious(self, pair: Pair) -> Decision | None:
        """Return the decision on a pair that shares usage with none, where no evidence could lead to another: on most.

        It is exactly as it is stored, or was never seen.
        """
        if pair.is_repeated:
            return Decision(Verdict.UNCHANGED, Reason.NOTHING_CHANGED, pair.stored, pair.offered, is_written=False)
        if pair.stored is None and pair.record.identity not in self._context.taken_back:
            return Decision(Verdict.NEW, Reason.FIRST_SEEN, None, pair.offered, is_written=True)
        return None

    def _of_cluster(
        self,
        cluster: Sequence[Group],
        daily: Judge | None,
        all_taken_back: Sequence[Group],
        whole: Collection[date],
    ) -> Iterator[Decision]:
        # Sources and receivers of usage that moved are judged together: all of it is offered, or nothing moves.
        may_have_moved = len(cluster) > 1
        taken_back = [group for group in all_taken_back if group in cluster]
        elsewhere = [group for group in all_taken_back if group not in cluster]
        is_all_there = _offered_tokens(cluster) >= _stored_tokens(cluster)
        is_all_taken = not taken_back and not any(map(self.moves.lost_dearer, cluster))
        has_moved = may_have_moved and is_all_there and is_all_taken
        waits = may_have_moved and self.window.waits
        pairs = [pair for group in cluster for pair in group.pairs]
        is_as_before = not any(map(self._is_marked, cluster))
        are_whole_days = is_as_before and all(pair.record.day in whole for pair in pairs)
        over = taken_over(pairs)
        keep_prices = {record.identity for records in over.values() for record in records}
        is_price_lost = lose_a_price(
            [pair.stored for pair in pairs if pair.stored is not None and pair.stored.identity not in keep_prices],
            [pair.offered for pair in pairs if pair.offered is not None],
        )
        refiled = [group for group in cluster if self.window.is_refiled(group)]
        evidence = _Evidence(has_moved, are_whole_days, waits, taken_back, elsewhere, refiled, is_price_lost, over)
        for group in cluster:
            for decision in self._decided(group, daily, evidence):
                is_by_messages = decision.reason in (Reason.MESSAGES_THERE, Reason.MESSAGES_GONE)
                weighed = self.moves.weighed(group) if is_by_messages else None
                yield decision._replace(weighed=weighed) if weighed else decision

    def falls(self) -> Iterator[Fall]:
        """Yield what fell, unless something else than its messages decides what becomes of it."""
        if self._agent != CLAUDE or self._context.intact_from is None or not self._offered:
            return
        for group in self.groups:
            is_fall = group.fell or group.is_rearranged or group.is_cheaper
            # What is filed anew is not told by its sum whether anything of it is gone.
            if self.window.is_refiled(group):
                takes, reason = self.window.explanation(group)
                is_fall = takes or reason is Reason.DIRECTORY_MISSING
            if group.stored_tokens and is_fall and not self.accepts(group):
                for pair in group.pairs:
                    if pair.stored is not None and pair.stored.total_tokens and self._is_judged(pair):
                        yield Fall(pair.stored, group.offered_tokens)

    def _verdict(self, group: Group, daily: Judge | None, evidence: _Evidence) -> tuple[bool, Reason]:
        """Return whether the offers of a group are taken, and why."""
        takes, reason = True, Reason.MOVED
        if self.accepts(group, daily):
            reason = Reason.ACCEPTED
        elif group in evidence.taken_back:
            takes, reason = False, Reason.TAKEN_BACK
        elif self.window.is_refiled(group):
            takes, reason = self._refiled(group)
            takes = takes and not self._went_to_held(group, evidence)
        elif evidence.are_whole_days:
            takes, reason = self._by_messages(group, evidence) or (takes, reason)
        elif evidence.waits:
            takes, reason = False, Reason.SESSIONS_UNKNOWN
        elif group.fell:
            takes, reason = self._by_messages(group, evidence) or self._moved_or_explained(group, evidence)
        elif group.is_rearranged:
            takes, reason = self._by_messages(group, evidence) or self.window.rearranged(group)
        elif group.is_cheaper:
            # More messages than before, without the dearer ones: without evidence that these are gone, prices fell.
            takes, reason = self._by_messages(group, evidence) or (takes, reason)
        return takes, reason

    def _decided(self, group: Group, daily: Judge | None, evidence: _Evidence) -> Iterator[Decision]:
        takes, reason = self._verdict(group, daily, evidence)
        is_replaced = group.fell or group.is_rearranged or evidence.has_moved or self.window.is_refiled(group)
        if takes and is_replaced and evidence.is_price_lost and reason is not Reason.ACCEPTED:
            takes, reason = False, Reason.PRICE_LOST
        ends = [one.ends_at for one in group.stored_spans]
        for one, pair in group.timed:
            # What begins after everything stored holds none of it, whatever becomes of the others.
            is_beyond = bool(ends) and one.starts_at >= max(ends)
            has_new_day = (
                daily is not None
                and pair.record.report == "monthly"
                and reason is Reason.TIMEZONE_CHANGED
                and daily.takes_a_day_of(one, group.stored_spans)
            )
            has_grown = _grew_apart(pair, group) or (
                reason is Reason.TIMEZONE_CHANGED and _grew_in_its_zone(pair, group)
            )
            is_apart = has_grown if pair.stored else is_beyond or has_new_day
            if takes or (is_apart and reason is not Reason.TAKEN_BACK and not self._is_taken_back(pair)):
                yield self._taken(pair, reason, evidence.taken_over.get(pair.record.identity, ()))
            elif pair.offered is not None:
                yield self._kept(pair.stored, pair.offered, reason)

    def _taken(self, pair: Pair, reason: Reason, taken_over: Sequence[Record]) -> Decision:
        stored, offered = pair.stored, pair.offered
        if offered is None:
            return Decision(Verdict.CORRECTED, reason, stored, None, is_written=True)
        if stored is None or offered.total_tokens > stored.total_tokens:
            known = joined(taken_over) if taken_over else stored
            is_accepted = reason is Reason.ACCEPTED
            taken = offered if known is None or is_accepted else priced(known, offered, self._price_trust(pair))
            if stored is None:
                return Decision(Verdict.NEW, Reason.FIRST_SEEN, None, taken, is_written=True)
            why = Reason.MORE_FOR_LESS if taken.cost_usd < stored.cost_usd else Reason.MORE_TOKENS
            return Decision(Verdict.GREW, why, stored, taken, is_written=True)
        if offered.total_tokens < stored.total_tokens:
            return Decision(Verdict.CORRECTED, reason, stored, offered, is_written=True)
        if pair.is_same and reason is Reason.TIMEZONE_CHANGED:
            # It is of the zone of now from here on: what grows in it later is none of its neighbours in another one.
            return Decision(Verdict.REFRESHED, Reason.DETAILS_CHANGED, stored, offered, is_written=True)
        return repriced(stored, offered, self._price_trust(pair), is_accepted=reason is Reason.ACCEPTED)

    def _kept(self, stored: Record | None, offered: Record, reason: Reason) -> Decision:
        if stored is not None and offered.usage == stored.usage:
            return Decision(Verdict.UNCHANGED, Reason.NOTHING_CHANGED, stored, offered, is_written=False)
        if stored is not None and reason in FOR_NOW and self.window.fell_before(stored):
            # The next import must know that too.
            reason = self.window.why_it_fell_before(stored)
        return Decision(Verdict.HELD, reason, stored, offered, is_written=False)

    def _price_trust(self, pair: Pair) -> PriceTrust:
        are_frozen = self._context.prices == "freeze"
        return PriceTrust(self.window.is_intact(pair), self._context.intact_from is not None, are_frozen)

    def _moved_or_explained(self, group: Group, evidence: _Evidence) -> tuple[bool, Reason]:
        """Return whether a fall is taken: something explains it, or its usage moved while no session lost any."""
        takes, reason = self._by_window(group, evidence)
        return (False, Reason.MOVED) if takes and self._went_to_held(group, evidence) else (takes, reason)

    def _went_to_held(self, group: Group, evidence: _Evidence) -> bool:
        """Whether usage of a group counts now in what stays as it is stored, so that it would be shown in neither."""
        if self.moves.weighed(group):
            receivers = self.moves.receivers(group)
        else:
            elsewhere = [one for one in evidence.taken_back_elsewhere if not self._are_apart(group, one)]
            others = [*self._doubtful, *elsewhere]
            refiled = evidence.refiled if group.fell else ()
            receivers = [*evidence.taken_back, *refiled, *self._under_other_names(group, others)]
        return any(self._stays(one, evidence) for one in receivers if one is not group)

    @cached_property
    def _doubtful(self) -> list[Group]:
        """The groups that are offered, but less of them than stored or in another zone."""
        return [group for group in self.groups if group.is_offered and (group.fell or self.window.is_refiled(group))]

    def _under_other_names(self, group: Group, others: Iterable[Group]) -> list[Group]:
        """Return those of the projects under which the sessions of one that is not offered any more stand now."""
        record = group.pairs[0].record
        if record.report != "projects" or group.is_offered:
            return []
        names = {name for session in self.window.sessions_of(group) for name in session.offered_projects}
        return [
            other
            for other in others
            if other.pairs[0].record.project in names - {record.project}
            if any(one.touches(when) for one in group.stored_spans for when in other.spans)
        ]

    def _by_window(self, group: Group, evidence: _Evidence) -> tuple[bool, Reason]:
        takes, reason = self.window.explanation(group)
        is_whole = not (self.window.lost_usage(group) or self.window.is_held_unexplained(group))
        if reason in UNEXPLAINED and evidence.has_moved and is_whole:
            return True, Reason.MOVED
        return takes, reason

    def _stays(self, group: Group, evidence: _Evidence) -> bool:
        """Whether a group that others may have moved to stays as it is stored."""
        if group in (*evidence.taken_back, *evidence.taken_back_elsewhere) or self.moves.lost_dearer(group):
            return True
        if self.window.is_refiled(group):
            return not self._refiled(group)[0]
        if not (group.fell or group.is_rearranged):
            return False
        known = self._by_messages(group, evidence)
        takes, _ = known or (self._by_window(group, evidence) if group.fell else self.window.rearranged(group))
        return not takes

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
            return False, Reason.DIRECTORY_MISSING if self.window.is_directory_missing(group) else Reason.MESSAGES_GONE
        receivers = self.moves.receivers(group)
        is_taken_back = any(one in evidence.taken_back for one in (group, *receivers))
        if is_taken_back or any(map(self.window.is_refiled, receivers)) or not self.moves.arrive(group):
            return None
        return True, Reason.MESSAGES_THERE

    def accepts(self, group: Group, daily: Judge | None = None) -> bool:
        """Return whether a person takes the offers of the group; what is not offered any more is never meant.

        Of a month all days are meant, or all that are less now, while it lost no more than they.
        """
        if self._context.accepted is None or not group.is_offered:
            return False
        first, last = self._context.accepted
        records = [pair.record for pair in group.pairs]
        is_named = all(first <= one.day and day_after(one) - timedelta(days=1) <= last for one in records)
        if is_named or daily is None or records[0].report != "monthly":
            return is_named
        less = daily.less_in({one.key for one in records})
        lost = _stored_tokens(less) - _offered_tokens(less)
        return bool(less) and all(map(daily.accepts, less)) and group.stored_tokens - group.offered_tokens <= lost

    def less_in(self, months: Collection[str]) -> list[Group]:
        """Return the days of these months that fell, lost some of their price, or were taken back."""
        found = [group for group in self.groups if any(pair.record.key[:7] in months for pair in group.pairs)]
        return [group for group in found if group.fell or group.costs_less or self._mark(group)]

    def _taken_back(self, cluster: Sequence[Group]) -> list[Group]:
        """Return the groups that a person took back, unless their usage grew past it since.

        Usage that moved out of them since does not come in again by where it moved to.
        """
        if not self._context.taken_back:
            return []
        marked = list(filter(self._is_marked, cluster))
        fallen, known = [group for group in marked if group.fell], sum(map(self._mark, marked))
        grown = [one for one in self._receivers_of(fallen, cluster) if one not in marked] if fallen else []
        if _offered_tokens([*marked, *grown]) <= known + _stored_tokens(grown):
            return [*marked, *grown]
        if any(map(self._went_elsewhere, marked)):
            return []
        # Usage of another time grew past that, which says nothing of this one.
        return [group for group in marked if group.offered_tokens <= self._mark(group)]

    def _is_taken_back(self, pair: Pair) -> bool:
        mark = self._context.taken_back.get(pair.record.identity)
        return mark is not None and pair.record.total_tokens <= mark

    def _went_elsewhere(self, group: Group) -> bool:
        """Whether usage of a group counts in others now; a project that is not offered any more has another name."""
        if self.moves.weighed(group):
            return any(one is not group for one in self.moves.receivers(group))
        return group.pairs[0].record.report == "projects" and not group.is_offered

    def _are_apart(self, source: Group, receiver: Group) -> bool:
        """Whether a person took one of two groups back, and nothing of it came or went since then.

        What a project has of a day may leave it for another name, and come back under its own.
        """
        record, other = source.pairs[0].record, receiver.pairs[0].record
        is_project = record.report == "projects"
        if self._is_as_taken_back(receiver) and not (is_project and record.day == other.day):
            return True
        return not is_project and not self._is_marked(receiver) and self._is_as_taken_back(source)

    def _is_as_taken_back(self, group: Group) -> bool:
        then = [self._context.as_taken_back.get(pair.record.identity) for pair in group.pairs]
        offered = [pair.offered.total_tokens if pair.offered else 0 for pair in group.pairs]
        return then == offered

    def _receivers_of(self, fallen: Sequence[Group], cluster: Sequence[Group]) -> Sequence[Group]:
        """Return what grew and may have grown by usage of groups that fell."""
        growing = [one for one in cluster if one.grew]
        if not all(map(self.moves.weighed, fallen)):
            return growing
        return [one for one in growing if any(one in self.moves.receivers(group) for group in fallen)]

    def _mark(self, group: Group) -> int:
        """Return the tokens up to which it holds that a person took a part of a group back; the rest is as stored."""
        stored = ((pair, pair.stored.total_tokens if pair.stored else 0) for pair in group.pairs)
        return sum(self._context.taken_back.get(pair.record.identity, tokens) for pair, tokens in stored)

    def _is_marked(self, group: Group) -> bool:
        return any(pair.record.identity in self._context.taken_back for pair in group.pairs)

    def _refiled(self, group: Group) -> tuple[bool, Reason]:
        """Return whether days of our zone take the place of those of another one: all of their usage must be here."""
        takes, reason = self.window.explanation(group)
        if weighed := self.moves.weighed(group):
            # Transcripts that lie elsewhere now are there.
            takes = not weighed.gone and (takes or reason is Reason.DIRECTORY_MISSING)
        elif self._agent != CLAUDE and reason is Reason.MAY_BE_SWEPT:
            # However long it keeps what ccusage reads: none of the sessions of that time lost anything.
            takes = self.window.doubt(group) is None and not self.window.lost_usage(group)
            reason = Reason.TIMEZONE_CHANGED
        is_named = takes and reason is not Reason.DIRECTORY_MISSING
        return takes, reason if is_named else Reason.TIMEZONE_CHANGED

    def takes_a_day_of(self, month: Span, other_months: Sequence[Span]) -> bool:
        """Whether a day of this month alone is offered that shares no usage with another zone's, or replaces it."""
        return any(
            month.overlaps(one) and not any(one.overlaps(other) for other in other_months)
            for group in self._all_groups
            if not self.window.is_refiled(group) or self._refiled(group)[0]
            for one, pair in group.timed
            if pair.offered is not None
        )

    def _is_judged(self, pair: Pair) -> bool:
        if self._judges_all_days:
            return True
        record = pair.record
        return record.day <= self._context.until and day_after(record) > self._context.since


def _grew_apart(pair: Pair, group: Group) -> bool:
    """Whether a session grew under one project, where all of it is after what is stored of it under others."""
    stored, offered = pair.stored, pair.offered
    if not (group.is_session and stored and offered and offered.total_tokens > stored.total_tokens):
        return False
    others = [span(one.stored) for one in group.pairs if one.stored and one is not pair]
    return bool(others) and span(offered).starts_at >= max(one.ends_at for one in others)


def _grew_in_its_zone(pair: Pair, group: Group) -> bool:
    """Whether a day or month grew that the zone of now filed: what is new of it is in none of another zone.

    Nothing is new where all of them add up to what is stored: another zone had filed it under the next day.
    """
    stored, offered = pair.stored, pair.offered
    if group.offered_tokens == group.stored_tokens:
        return False
    if stored is None or offered is None or stored.provenance.timezone != offered.provenance.timezone:
        return False
    return offered.total_tokens > stored.total_tokens


def _stored_tokens(groups: Iterable[Group]) -> int:
    return sum(group.stored_tokens for group in groups)


def _offered_tokens(groups: Iterable[Group]) -> int:
    return sum(group.offered_tokens for group in groups)
