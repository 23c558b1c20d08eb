"""What is judged together: what is stored and offered under one key, and keys that share usage. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from ccusage_import.records import FILED_BY_DAY, Record
from ccusage_import.rule.evidence import INSTANT, Span, span
from ccusage_import.rule.verdicts import present


class Pair(NamedTuple):
    """What is stored and what is offered under one key."""

    stored: Record | None
    offered: Record | None

    @property
    def record(self) -> Record:
        """The offered record, or the stored one where nothing is offered."""
        return self.offered or present(None, self.stored)

    @property
    def span(self) -> Span:
        """The time that either of them may hold usage of."""
        spans = [span(record) for record in self if record]
        return Span(min(one.starts_at for one in spans), max(one.ends_at for one in spans))

    @property
    def is_repeated(self) -> bool:
        """Whether exactly what is stored is offered, read with the same."""
        return self.stored == self.offered

    @property
    def is_same(self) -> bool:
        """Whether exactly what is stored is offered, whatever it was read with."""
        if self.stored is None or self.offered is None:
            return False
        return self.is_repeated or self.stored.content == self.offered.content


@dataclass(frozen=True, slots=True)
class Group:
    """Pairs that are counted together: one pair, the blocks that overlap, or one session in several projects."""

    pairs: tuple[Pair, ...]
    spans: tuple[Span, ...]
    stored_tokens: int
    offered_tokens: int

    @property
    def timed(self) -> Iterator[tuple[Span, Pair]]:
        return zip(self.spans, self.pairs, strict=True)

    @property
    def stored_spans(self) -> list[Span]:
        """The time of what is stored, which another zone gave other ends than what is offered."""
        return [span(pair.stored) for pair in self.pairs if pair.stored is not None]

    @property
    def is_offered(self) -> bool:
        return any(pair.offered for pair in self.pairs)

    @property
    def is_session(self) -> bool:
        return self.pairs[0].record.report == "session"

    @property
    def fell(self) -> bool:
        return not self.is_offered or self.offered_tokens < self.stored_tokens

    @property
    def grew(self) -> bool:
        return self.offered_tokens > self.stored_tokens

    @property
    def is_rearranged(self) -> bool:
        """Whether a part of it fell although the whole did not."""
        return not self.fell and any(_tokens([pair.offered]) < _tokens([pair.stored]) for pair in self.pairs)

    @property
    def is_cheaper(self) -> bool:
        """Whether it has more tokens and yet costs less."""
        return self.grew and self.costs_less

    @property
    def costs_less(self) -> bool:
        return _usd(pair.offered for pair in self.pairs) < _usd(pair.stored for pair in self.pairs)


def paired(offered: Iterable[Record], stored: Iterable[Record]) -> list[Pair]:
    """Return what is stored and offered under each key, in the order of the keys."""
    left = {record.key: record for record in stored}
    pairs = [Pair(left.pop(record.key, None), record) for record in offered]
    pairs += [Pair(record, None) for record in left.values()]
    return sorted(pairs, key=lambda pair: pair.record.key)


def busy_times(records: Iterable[Record]) -> dict[str, list[Span]]:
    """Return for each agent the times of its blocks, within which all of its usage lies."""
    busy: dict[str, list[Span]] = defaultdict(list)
    for record in records:
        if record.report == "blocks" and record.started_at is not None:
            busy[record.agent].append(Span(record.started_at, (record.ended_at or span(record).ends_at) + INSTANT))
    return busy


def grouped(pairs: Iterable[Pair], busy: Sequence[Span] = ()) -> Iterator[list[Pair]]:
    """Group what shares usage, stored or offered.

    That is blocks that overlap in time, a session that stands under several projects, and days of two zones. Any other
    pair stands alone; so does one that is offered as it is stored: groups are cut there. Days are cut where the agent
    was not busy; without any times it may have been at all times.
    """
    blocks: list[Pair] = []
    days: dict[str, list[Pair]] = defaultdict(list)
    sessions: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        record = pair.record
        if pair.is_same:
            yield [pair]
        elif record.started_at is not None and record.block_ends_at is not None:
            blocks.append(pair)
        elif record.report in FILED_BY_DAY:
            days[record.project].append(pair)
        elif record.report == "session" and record.session_id and not record.is_project_total:
            sessions[record.session_id].append(pair)
        else:
            yield [pair]
    yield from sessions.values()
    yield from _overlapping(blocks)
    for of_project in days.values():
        yield from _sharing_usage(of_project, busy)


def groups_of_held(offers: Iterable[Record], stored: Collection[Record]) -> Iterator[list[Pair]]:
    """Yield held offers with what is stored of their time: accepting them takes it away, unless it is offered too."""
    by_report: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for offer in offers:
        by_report[offer.report, offer.agent].append(offer)
    busy = busy_times(stored) if by_report else {}
    for (report, agent), held in sorted(by_report.items()):
        pairs = paired(held, [one for one in stored if (one.report, one.agent) == (report, agent)])
        for group in grouped(pairs, busy.get(agent, ())):
            if any(pair.offered is not None for pair in group):
                yield group


def _sharing_usage(days: Iterable[Pair], busy: Sequence[Span]) -> Iterator[list[Pair]]:
    group: list[Pair] = []
    for pair in days:
        # Zones are at most 26 hours apart.
        if group and not any(_share_usage(one, pair, busy) for one in group[-2:]):
            yield group
            group = []
        group.append(pair)
    if group:
        yield group


def _share_usage(one: Pair, other: Pair, busy: Sequence[Span]) -> bool:
    """Whether what one zone filed under one day may be filed under another day by another zone."""
    for stored, offered in ((one.stored, other.offered), (other.stored, one.offered)):
        if stored is None or offered is None or stored.provenance.timezone == offered.provenance.timezone:
            continue
        then, now = span(stored), span(offered)
        common = Span(max(then.starts_at, now.starts_at), min(then.ends_at, now.ends_at))
        if common.starts_at < common.ends_at and (not busy or any(common.overlaps(time) for time in busy)):
            return True
    return False


def _overlapping(blocks: Iterable[Pair]) -> Iterator[list[Pair]]:
    group: list[Pair] = []
    group_ends_at = datetime.min.replace(tzinfo=UTC)
    for when, pair in sorted(((pair.span, pair) for pair in blocks), key=lambda item: item[0]):
        if group and when.starts_at >= group_ends_at:
            yield group
            group = []
        group_ends_at = max(group_ends_at, when.ends_at)
        group.append(pair)
    if group:
        yield group


def group_of(pairs: Collection[Pair]) -> Group:
    """Return pairs as a group."""
    return Group(
        tuple(pairs),
        tuple(span(pair.record) for pair in pairs),
        _tokens(pair.stored for pair in pairs),
        _tokens(pair.offered for pair in pairs),
    )


def _usd(records: Iterable[Record | None]) -> Decimal:
    return sum((record.cost_usd for record in records if record is not None), Decimal(0))


def _tokens(records: Iterable[Record | None]) -> int:
    return sum(record.total_tokens for record in records if record is not None)
