"""The rule that keeps history: offered and stored records to decisions. Pure: no clock, no files, no warehouse.

Tokens decide, never cost. A smaller number replaces a stored one only where the sources cannot have been swept yet
and something explains the fall; otherwise it is held: the stored record stays and the offer is logged. That is known
of Claude Code alone: nothing tells how long other agents keep what ccusage reads, so their falls are always held.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Literal
from zoneinfo import ZoneInfo

from ccusage_import.records import CLAUDE, Provenance, Record

# Reports whose keys are days or months, which another time zone files anew.
FILED_BY_DAY = ("daily", "monthly", "projects")


class Verdict(StrEnum):
    """What became of an offered record."""

    NEW = "new"
    GREW = "grew"
    REPRICED = "repriced"
    CORRECTED = "corrected"
    HELD = "held"
    REFRESHED = "refreshed"
    UNCHANGED = "unchanged"


class Reason(StrEnum):
    """Why a verdict was given."""

    FIRST_SEEN = "first_seen"
    MORE_TOKENS = "more_tokens"
    PRICES_CHANGED = "prices_changed"
    PRICES_FROZEN = "prices_frozen"
    DETAILS_CHANGED = "details_changed"
    NOTHING_CHANGED = "nothing_changed"
    VERSION_CHANGED = "version_changed"
    TIMEZONE_CHANGED = "timezone_changed"
    MODE_CHANGED = "mode_changed"
    DIRECTORIES_CHANGED = "directories_changed"
    MOVED = "moved"
    ACCEPTED = "accepted"
    MAY_BE_SWEPT = "may_be_swept"
    UNEXPLAINED = "unexplained"
    DIRECTORY_MISSING = "directory_missing"
    SAVED_FILES = "saved_files"
    UNDONE = "undone"


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
    """

    machine: str
    provenance: Provenance
    intact_from: date | None
    since: date = date.min
    until: date = date.max
    prices: Literal["follow", "freeze"] = "follow"
    accepted: tuple[date, date] | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict on one key. With `is_written` the offer replaces what is stored; without an offer, a tombstone does."""

    verdict: Verdict
    reason: Reason
    stored: Record | None
    offered: Record | None
    is_written: bool

    @property
    def record(self) -> Record:
        """The offered record, or the stored one where nothing is offered."""
        return _present(self.offered, self.stored)


@dataclass(frozen=True, slots=True)
class _Pair:
    stored: Record | None
    offered: Record | None


def reconcile(
    offered: Sequence[Record], stored: Iterable[Record], reports: Iterable[str], context: Context
) -> list[Decision]:
    """Judge every offered record, and every stored one of the fetched reports that is no longer offered.

    Args:
        offered: the validated records of the fetched reports.
        stored: what the warehouse shows; records of other machines are left alone.
        reports: the reports that were fetched well. A report missing here is not judged at all.
        context: window, filters and wishes.

    Returns:
        One decision a key, ordered by report, agent and key. Stored records that simply stay, although nothing is
        offered for them any more, have none.
    """
    fetched = set(reports)
    by_report: dict[tuple[str, str], tuple[list[Record], list[Record]]] = defaultdict(lambda: ([], []))
    for record in offered:
        by_report[record.report, record.agent][0].append(record)
    for record in stored:
        if record.machine == context.machine and record.report in fetched:
            by_report[record.report, record.agent][1].append(record)
    decisions: list[Decision] = []
    for name in sorted(by_report):
        _, agent = name
        decisions += _Judge(agent, *by_report[name], context).decisions()
    return decisions


class _Judge:
    """Judges one report of one agent."""

    def __init__(self, agent: str, offered: list[Record], stored: list[Record], context: Context) -> None:
        self._agent = agent
        self._context = context
        self._zone = ZoneInfo(context.provenance.timezone)
        left = {record.key: record for record in stored}
        pairs = [_Pair(left.pop(record.key, None), record) for record in offered]
        pairs += [_Pair(record, None) for record in left.values()]
        self._pairs = sorted(pairs, key=lambda pair: _present(pair.offered, pair.stored).key)
        self._is_empty = not offered
        self._groups = list(_overlapping(self._pairs))
        # A group that reaches beyond the window is held as a whole: what it offers must not make up for a fall inside.
        intact = [pair for group in self._groups if all(map(self._is_intact, group)) for pair in group]
        self._window_fell = _tokens(pair.offered for pair in intact) < _tokens(pair.stored for pair in intact)
        other_zone = [record for record in stored if self._is_filed_in_other_zone(record)]
        outside = [record.day for record in other_zone if not self._is_intact(_Pair(record, None))]
        # Other agents' days are never intact: the days that are new in the new zone must not be barred for ever.
        self._barred_until = (date.max if agent == CLAUDE else max(outside)) if outside else date.min

    def decisions(self) -> Iterator[Decision]:
        for group in self._groups:
            if any(self._is_judged(pair) for pair in group):
                yield from self._group(group)

    def _group(self, group: list[_Pair]) -> Iterator[Decision]:
        """Judge pairs whose tokens are counted together: one pair, or the blocks that overlap in time."""
        stored, offered = _tokens(pair.stored for pair in group), _tokens(pair.offered for pair in group)
        is_offered = any(pair.offered for pair in group)
        takes, reason = (True, Reason.MOVED)
        if self._is_barred_by_zone(group):
            takes, reason = self._accepts(group) or (False, Reason.TIMEZONE_CHANGED)
        elif not is_offered or offered < stored:
            takes, reason = self._explanation(group)
        for pair in group:
            if takes:
                yield self._taken(pair, reason)
            elif pair.offered is not None:
                yield self._kept(pair.stored, pair.offered, reason)

    def _taken(self, pair: _Pair, reason: Reason) -> Decision:
        stored, offered = pair.stored, pair.offered
        if offered is None:
            return Decision(Verdict.CORRECTED, reason, stored, None, is_written=True)
        if stored is None:
            return Decision(Verdict.NEW, Reason.FIRST_SEEN, None, offered, is_written=True)
        if offered.total_tokens > stored.total_tokens:
            return Decision(Verdict.GREW, Reason.MORE_TOKENS, stored, offered, is_written=True)
        if offered.total_tokens < stored.total_tokens:
            return Decision(Verdict.CORRECTED, reason, stored, offered, is_written=True)
        return self._same_tokens(stored, offered)

    def _same_tokens(self, stored: Record, offered: Record) -> Decision:
        is_same = offered.content == stored.content
        if is_same and (offered.provenance == stored.provenance or not self._is_intact(_Pair(stored, offered))):
            return Decision(Verdict.UNCHANGED, Reason.NOTHING_CHANGED, stored, offered, is_written=False)
        if offered.usage == stored.usage:
            return Decision(Verdict.REFRESHED, Reason.DETAILS_CHANGED, stored, offered, is_written=True)
        if self._context.prices == "freeze":
            return Decision(Verdict.REPRICED, Reason.PRICES_FROZEN, stored, offered, is_written=False)
        return Decision(Verdict.REPRICED, Reason.PRICES_CHANGED, stored, offered, is_written=True)

    def _kept(self, stored: Record | None, offered: Record, reason: Reason) -> Decision:
        if stored is not None and stored.content == offered.content:
            return Decision(Verdict.UNCHANGED, Reason.NOTHING_CHANGED, stored, offered, is_written=False)
        return Decision(Verdict.HELD, reason, stored, offered, is_written=False)

    def _explanation(self, group: list[_Pair]) -> tuple[bool, Reason]:
        """Return whether a fall is taken, and what explains it or why nothing does."""
        now = self._context.provenance
        read_with = {pair.stored.provenance for pair in group if pair.stored is not None}
        if accepted := self._accepts(group):
            return accepted
        if self._context.intact_from is None:
            return False, Reason.SAVED_FILES
        if self._is_empty:
            return False, Reason.UNEXPLAINED
        if not all(self._is_intact(pair) for pair in group):
            return False, Reason.MAY_BE_SWEPT
        if any(set(then.data_dirs) - set(now.data_dirs) for then in read_with):
            return False, Reason.DIRECTORY_MISSING
        for then in read_with:
            if change := _changed(then, now):
                return True, change
        if not self._window_fell and _tokens(pair.stored for pair in group):
            return True, Reason.MOVED
        return False, Reason.UNEXPLAINED

    def _accepts(self, group: list[_Pair]) -> tuple[bool, Reason] | None:
        """Return whether a person takes the offers of the group; what is not offered any more is never meant."""
        days = [pair.offered.day for pair in group if pair.offered is not None]
        if self._context.accepted is None or not days:
            return None
        first, last = self._context.accepted
        return (True, Reason.ACCEPTED) if all(first <= day <= last for day in days) else None

    def _is_barred_by_zone(self, group: list[_Pair]) -> bool:
        """Outside the intact window nothing is taken that another time zone filed under other days."""
        if all(self._is_intact(pair) for pair in group):
            return False
        return any(
            _present(pair.offered, None).day <= self._barred_until
            if pair.stored is None
            else self._is_filed_in_other_zone(pair.stored)
            for pair in group
        )

    def _is_filed_in_other_zone(self, stored: Record) -> bool:
        return stored.report in FILED_BY_DAY and stored.provenance.timezone != self._context.provenance.timezone

    def _is_intact(self, pair: _Pair) -> bool:
        first = self._context.intact_from
        return self._agent == CLAUDE and first is not None and self._first_day(pair) >= first

    def _first_day(self, pair: _Pair) -> date:
        """Return the first day whose transcripts a pair needs; a session that does not tell its start may need any."""
        records = [record for record in (pair.stored, pair.offered) if record is not None]
        if records[0].report != "session":
            return min(record.day for record in records)
        if records[0].started_at is None:
            return date.min
        starts = [record.started_at for record in records if record.started_at is not None]
        return min(starts).astimezone(self._zone).date()

    def _is_judged(self, pair: _Pair) -> bool:
        record = _present(pair.offered, pair.stored)
        last = _last_of_month(record.day) if record.report == "monthly" else record.day
        return record.day <= self._context.until and last >= self._context.since


def _changed(then: Provenance, now: Provenance) -> Reason | None:
    """Return what was read differently; what is not known, as with saved files, explains nothing."""
    for before, after, reason in (
        (then.ccusage_version, now.ccusage_version, Reason.VERSION_CHANGED),
        (then.timezone, now.timezone, Reason.TIMEZONE_CHANGED),
        (then.cost_mode, now.cost_mode, Reason.MODE_CHANGED),
        (sorted(then.data_dirs), sorted(now.data_dirs), Reason.DIRECTORIES_CHANGED),
    ):
        if before and after and before != after:
            return reason
    return None


def _present(offered: Record | None, stored: Record | None) -> Record:
    record = offered or stored
    if record is None:
        raise ValueError("neither offered nor stored")
    return record


def _tokens(records: Iterable[Record | None]) -> int:
    return sum(record.total_tokens for record in records if record is not None)


def _last_of_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def _overlapping(pairs: list[_Pair]) -> Iterator[list[_Pair]]:
    """Group blocks that overlap in time, stored or offered; any other pair stands alone."""
    spans = []
    for pair in pairs:
        record = _present(pair.offered, pair.stored)
        if record.started_at is None or record.block_ends_at is None:
            yield [pair]
        else:
            spans.append((record.started_at, record.block_ends_at, pair))
    group: list[_Pair] = []
    group_ends_at = datetime.min.replace(tzinfo=UTC)
    for starts_at, ends_at, pair in sorted(spans, key=lambda span: span[0]):
        if group and starts_at >= group_ends_at:
            yield group
            group = []
        group_ends_at = max(group_ends_at, ends_at)
        group.append(pair)
    if group:
        yield group
