"""The ledger of messages as evidence: which messages a record consists of, and which of them are still there. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache, partial
from types import MappingProxyType
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ccusage_import.records import BLOCK_LENGTH, COUNTED_AS_DAILY, TIMED_REPORTS, Identity, Record, TokenClasses
from ccusage_import.rule.evidence import Span


class CountedMessage(NamedTuple):
    """One answer of a model: what names it, and what decides in which records it counts.

    Attributes:
        ids: numbers of message and request, and of its record where it has no id.
        at: when it was written.
        project: as the reports name it.
        session_id: likewise.
        tokens: by class.
        in_daily: it counts in the days of ccusage.
        in_session: it counts in its other reports.
    """

    ids: tuple[int, int, int]
    at: datetime
    project: str
    session_id: str
    tokens: TokenClasses
    in_daily: bool
    in_session: bool

    @property
    def number(self) -> int:
        """What all its copies have in common, also those of other requests."""
        return self.ids[0] or self.ids[2]

    @property
    def total_tokens(self) -> int:
        """All its tokens."""
        return sum(self.tokens)


@dataclass(frozen=True, slots=True)
class Weighed:
    """What became of the messages of one record.

    Attributes:
        messages: of which the record consists, to the token.
        left: of these still in the transcripts.
        tokens_gone: of the others.
        moved: those that now count elsewhere, as they are counted there.
    """

    messages: int
    left: int
    tokens_gone: int = 0
    moved: tuple[CountedMessage, ...] = ()

    @property
    def gone(self) -> int:
        """How many messages are not in the transcripts any more."""
        return self.messages - self.left


@dataclass(frozen=True, slots=True)
class Fall:
    """A stored record of which less is offered than stored, and what is offered in its place."""

    stored: Record
    offered_tokens: int


# Only records that the ledger covers wholly, and whose messages settle what becomes of them.
Ledger = Mapping[Identity, Weighed]
NO_LEDGER: Ledger = {}
# By the number of a message all of its copies that are there.
Present = Mapping[int, Sequence[CountedMessage]]
# By the number of a message the projects and sessions of the transcripts that hold it.
Places = Mapping[int, Collection[tuple[str, str]]]


def covered(
    records: Sequence[Record], read: Callable[[], Iterable[CountedMessage]]
) -> dict[Identity, list[CountedMessage]]:
    """Return the messages of the records that are, class by class, the sum of their messages.

    Args:
        records: stored ones.
        read: reads the stored messages; twice, since they are too many to hold all of them.
    """
    return _filed(records, read, _equals)


def covered_by_first(
    records: Sequence[Record], read: Callable[[], Iterable[CountedMessage]]
) -> dict[Identity, list[CountedMessage]]:
    """Return the messages of the records that are the sum of the first of them: the others were read since.

    Whether all of these count in them is not sure enough for a correction, but what is gone of them is gone.

    Args:
        records: stored ones, of which `covered` knows nothing.
        read: reads the stored messages like that of `covered`.
    """
    filed = _filed(records, read, _is_reached)
    first = ((record, _first_that_are(record, filed.get(record.identity, ()))) for record in records)
    return {record.identity: messages for record, messages in first if messages}


def _filed(
    records: Sequence[Record],
    read: Callable[[], Iterable[CountedMessage]],
    fits: Callable[[Record, Mapping[int, int]], bool],
) -> dict[Identity, list[CountedMessage]]:
    filing, sums = Filing(records), defaultdict[Identity, Counter[int]](Counter)
    for message in read():
        for identity in filing.of(message):
            sums[identity].update(dict(enumerate(message.tokens)))
    whole = [one for one in records if one.identity in sums and fits(one, sums[one.identity])]
    found: dict[Identity, list[CountedMessage]] = {record.identity: [] for record in whole}
    filing = Filing(whole)
    for message in read() if whole else ():
        for identity in filing.of(message):
            found[identity].append(message)
    return found


def _first_that_are(record: Record, messages: Iterable[CountedMessage]) -> list[CountedMessage]:
    first: list[CountedMessage] = []
    sums = Counter[int]()
    for message in sorted(messages, key=lambda one: one.at):
        first.append(message)
        sums.update(dict(enumerate(message.tokens)))
        if _equals(record, sums):
            return first
    return []


def covered_by_files(
    records: Iterable[Record], read: Callable[[], Iterable[CountedMessage]], places: Places
) -> dict[Identity, list[CountedMessage]]:
    """Return the messages of sessions and projects that are the sum of those in their own transcripts.

    So they are while these hold messages of others whose transcripts were gone: ccusage counted them there then, but
    they stay filed where they were read first.

    Args:
        records: stored ones, of which `covered` knows nothing.
        read: reads the stored messages like that of `covered`.
        places: where the transcripts lie that are there.
    """
    sessions, projects = _of_report(records, "session"), _of_report(records, "projects")
    # A message in several transcripts of a project is one message of it.
    of_projects = {message: {(project, "") for project, _ in at} for message, at in places.items()}
    return {
        **covered(sessions, lambda: _at_places(read(), places)),
        **covered(projects, lambda: _at_places(read(), of_projects)),
    }


def covered_as_now(
    records: Sequence[Record], read: Callable[[], Iterable[CountedMessage]], ledger: Ledger
) -> dict[Identity, list[CountedMessage]]:
    """Return the messages of the records that are the sum of them, also as far as these came from records that fell.

    What a project took along when it was renamed stays filed under the name where it was read first.

    Args:
        records: stored ones.
        read: reads the stored messages like that of `covered`.
        ledger: what became of the messages of records that fell.
    """
    found = covered(records, read)
    for report in sorted({record.report for record in records}):
        came = {message.number: message for name, one in ledger.items() if name[0] == report for message in one.moved}
        rest = [record for record in _of_report(records, report) if record.identity not in found]
        found |= covered(rest, partial(_as_they_came, read, came)) if rest and came else {}
    return found


def _as_they_came(
    read: Callable[[], Iterable[CountedMessage]], came: Mapping[int, CountedMessage]
) -> Iterator[CountedMessage]:
    for message in read():
        now = came.get(message.number, message)
        yield message._replace(at=now.at, project=now.project, session_id=now.session_id)


def _of_report(records: Iterable[Record], report: str) -> list[Record]:
    return [record for record in records if record.report == report]


def _at_places(messages: Iterable[CountedMessage], places: Places) -> Iterator[CountedMessage]:
    for message in messages:
        for project, session_id in places.get(message.number, ()):
            yield message._replace(project=project, session_id=session_id)


def weigh(
    record: Record, messages: Sequence[CountedMessage], found: Collection[int], present: Present
) -> Weighed | None:
    """Return what became of the messages of a record; None where some are there, but only smaller than they were.

    Args:
        record: consists of them.
        messages: as they are stored.
        found: the numbers of the messages of which any copy is there.
        present: their copies, where no number is missing.
    """
    missing = [message for message in messages if message.number not in found]
    if missing:
        gone = sum(message.total_tokens for message in missing)
        return Weighed(len(messages), len(messages) - len(missing), gone)
    if not all(_is_there(message, present) for message in messages):
        return None
    moved: list[CountedMessage] = []
    for message in messages:
        now = _counted_now(message, present, is_daily=record.report in COUNTED_AS_DAILY)
        if now is not None and not holds(record, now):
            moved.append(now)
    return Weighed(len(messages), len(messages), moved=tuple(moved))


def weigh_all(
    records: Iterable[Record],
    messages: Mapping[Identity, Sequence[CountedMessage]],
    found: Collection[int],
    present: Present,
    first: Mapping[Identity, Sequence[CountedMessage]] = MappingProxyType({}),
) -> Ledger:
    """Return what became of the messages of those of the records that consist of them.

    Args:
        records: stored ones.
        messages: of these, as far as they are covered.
        found: the numbers of the messages of which any copy is there.
        present: their copies, where no number is missing.
        first: the messages of others, of which counts only that some are gone.
    """
    weighed = {
        record.identity: weigh(record, known, found, present)
        for record in records
        if (known := messages.get(record.identity) or first.get(record.identity))
    }
    return {
        identity: one for identity, one in weighed.items() if one is not None and (one.gone or identity in messages)
    }


def without_kept(
    ledger: Ledger, kept: Mapping[Identity, Sequence[CountedMessage]], records: Sequence[Record]
) -> Ledger:
    """Return what became of messages; those that count now where they are stored too, as they did before, did not move.

    So it is where a copy of a session took over what was swept, and the session is put back as it was.

    Args:
        ledger: what became of the messages of records that fell.
        kept: the messages of other records, as far as these are the sum of them.
        records: these others; none of them fell.
    """
    filing = Filing(record for record in records if record.identity in kept)
    numbers = {identity: {message.number for message in messages} for identity, messages in kept.items()}

    def is_kept(message: CountedMessage, report: str) -> bool:
        return any(one[0] == report and message.number in numbers[one] for one in filing.of(message))

    return {
        identity: replace(one, moved=tuple(each for each in one.moved if not is_kept(each, identity[0])))
        for identity, one in ledger.items()
    }


def holds(record: Record, message: CountedMessage) -> bool:
    """Return whether a message counts in a record."""
    return record.identity in Filing([record]).of(message)


def _equals(record: Record, sums: Mapping[int, int]) -> bool:
    tokens = record.tokens
    return record.total_tokens == sum(tokens) and tokens == tuple(sums[number] for number in range(4))


def _is_reached(record: Record, sums: Mapping[int, int]) -> bool:
    return record.total_tokens == sum(record.tokens) and all(
        sums[at] >= count for at, count in enumerate(record.tokens)
    )


def _is_there(message: CountedMessage, present: Present) -> bool:
    copies = present.get(message.number, ())
    return any(copy.ids == message.ids and copy.total_tokens >= message.total_tokens for copy in copies)


def _counted_now(message: CountedMessage, present: Present, *, is_daily: bool) -> CountedMessage | None:
    """Return the copy that ccusage counts now: of the same request, or of the one that it is a replay of."""
    counted = [copy for copy in present[message.number] if (copy.in_daily if is_daily else copy.in_session)]
    return next((copy for copy in counted if copy.ids == message.ids), counted[0] if counted else None)


class Filing:
    """Finds the records in which a message counts."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._days: dict[tuple[str, str], dict[tuple[str, ...], Identity]] = defaultdict(dict)
        self._sessions: dict[tuple[str, str], Identity] = {}
        blocks: list[tuple[datetime, datetime, Identity]] = []
        for record in records:
            if record.report == "session":
                self._sessions[record.project, record.session_id] = record.identity
            elif record.report in TIMED_REPORTS:
                if active := active_span(record):
                    blocks.append((*active, record.identity))
            else:
                days = self._days[record.report, record.provenance.timezone]
                days[record.key[:10], record.project] = record.identity
        self._blocks = sorted(blocks)
        self._starts = [start for start, _, _ in self._blocks]

    def of(self, message: CountedMessage) -> Iterator[Identity]:
        """Yield the identities of the records that count a message."""
        for (report, zone), keys in self._days.items():
            if message.in_daily if report in COUNTED_AS_DAILY else message.in_session:
                day = _day(message.at, zone)
                key = day[:7] if report == "monthly" else day
                identity = keys.get((key, message.project if report == "projects" else ""))
                if identity:
                    yield identity
        if not message.in_session:
            return
        if identity := self._sessions.get((message.project, message.session_id)):
            yield identity
        # Blocks that different loads left behind may overlap.
        first, last = bisect_left(self._starts, message.at - BLOCK_LENGTH), bisect_right(self._starts, message.at)
        for start, end, identity in self._blocks[first:last]:
            if start <= message.at <= end:
                yield identity


def active_span(record: Record) -> Span | None:
    """Return start and last activity of a block, both part of it."""
    last = record.ended_at or record.block_ends_at
    return Span(record.started_at, last) if record.started_at and last else None


@lru_cache(maxsize=4096)
def _day(at: datetime, zone: str) -> str:
    return at.astimezone(ZoneInfo(zone)).date().isoformat()
