"""Evidence of what became of transcripts: the time that records span, and whether the sessions of that time are there.

Claude Code deletes transcripts whole, so a session that is still offered was not deleted, and one that vanished was.
Pure: no clock, no files, no warehouse.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cached_property, lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ccusage_import.days import next_month
from ccusage_import.records import Identity, Record

ALWAYS = datetime.min.replace(tzinfo=UTC)
INSTANT = timedelta(milliseconds=1)
# A message is filed under the time of its last part: what it belongs to may begin a little after what it was shown in.
MESSAGE_GROWS = timedelta(hours=5)


class Span(NamedTuple):
    """A stretch of time from an instant to a later one, which is not part of it."""

    starts_at: datetime
    ends_at: datetime

    def touches(self, other: Span, gap: timedelta = timedelta(0)) -> bool:
        """Whether both have an instant in common, or at most `gap` lies between them."""
        return self.starts_at <= other.ends_at + gap and other.starts_at <= self.ends_at + gap

    def overlaps(self, other: Span) -> bool:
        """Whether both share more than a border."""
        return self.starts_at < other.ends_at and other.starts_at < self.ends_at


def span(record: Record) -> Span:
    """Return the time a record may hold usage of; a session that does not show its start may be as old as can be."""
    zone = record.provenance.timezone
    if record.report == "session":
        # Its last message is a part of it.
        ends_at = record.ended_at + INSTANT if record.ended_at else _midnight(record.day + timedelta(days=1), zone)
        return Span(record.started_at or ALWAYS, ends_at)
    if record.started_at is not None and record.block_ends_at is not None:
        # A message of the very instant at which a block ends is still a part of it.
        last = record.ended_at or record.started_at
        return Span(record.started_at, max(record.block_ends_at, last + INSTANT))
    return Span(_midnight(record.day, zone), _midnight(day_after(record), zone))


def day_after(record: Record) -> date:
    """Return the first day after those that a record is filed under: its day, or its month."""
    return next_month(record.day) if record.report == "monthly" else record.day + timedelta(days=1)


def first_day(record: Record, zone: tzinfo) -> date:
    """Return the first day whose transcripts a record needs; a session that does not show its start may need any."""
    if record.report != "session":
        return record.day
    return record.started_at.astimezone(zone).date() if record.started_at else date.min


@dataclass(frozen=True, slots=True)
class Session:
    """A stored session: when it was, and its tokens then and now, over all projects that it stands under."""

    records: tuple[Record, ...]
    span: Span
    projects: frozenset[str]
    stored_tokens: int
    offered_tokens: int
    offered: tuple[Span, ...]
    offered_projects: frozenset[str] = frozenset()

    @property
    def is_total(self) -> bool:
        """Whether it stands for the sessions of a whole project."""
        return self.records[0].is_project_total

    @property
    def is_gone(self) -> bool:
        """Whether its transcript was deleted, or may be: what counts a whole project shows none that others outgrew."""
        return not self.offered

    @property
    def hides_its_begin(self) -> bool:
        """Whether its beginning may be missing, which is not shown, and what it gained be more than that."""
        hides = not self.is_total and any(one.starts_at == ALWAYS for one in self.offered)
        return hides and self.offered_tokens != self.stored_tokens

    @property
    def is_whole(self) -> bool:
        """Whether nothing of it is missing, as far as that is shown."""
        return not (self.fell or self.hides_its_begin)

    @property
    def is_cut(self) -> bool:
        """Whether its beginning is missing: it went on after its transcript was deleted."""
        starts_at = min((one.starts_at for one in self.offered), default=ALWAYS)
        # Where its begin was not shown, all of it was before its end.
        known = self.span.ends_at if self.span.starts_at == ALWAYS else self.span.starts_at
        return starts_at > known + MESSAGE_GROWS

    @property
    def fell(self) -> bool:
        """Whether less of it is offered than stored, or its beginning is missing; what is gone fell too."""
        return self.offered_tokens < self.stored_tokens or self.is_cut or self.is_gone


class Sessions:
    """The stored sessions of one agent, each with what is offered of it; `is_known` where a session report is.

    What was held of one is a part of it: it was in the days since. `filed` are the stored days and months of an agent
    that does not show when a session began.
    """

    def __init__(
        self,
        offered: Sequence[Record],
        stored: Sequence[Record],
        held: Callable[[Identity], Record | None] = lambda _: None,
        *,
        is_known: bool,
        filed: Sequence[Record] = (),
    ) -> None:
        self.is_known = is_known
        self._filed = [(record.report, span(record).starts_at, record.total_tokens) for record in filed]
        self._offered, self._stored, self._held = offered, stored, held

    @cached_property
    def _named(self) -> dict[str, Session]:
        """The sessions by name; nobody asks for them where nothing fell."""
        now: dict[str, list[Record]] = defaultdict(list)
        for record in self._offered:
            now[_name(record)].append(record)
        then: dict[str, list[Record]] = defaultdict(list)
        for record in self._stored:
            if record.total_tokens:
                then[_name(record)].append(record)
        return {name: self._session(records, now.get(name, ())) for name, records in then.items()}

    def _session(self, stored: Sequence[Record], offered: Sequence[Record]) -> Session:
        held = [one for record in stored if (one := self._held(record.identity))]
        return _session(stored, offered, held)

    def named(self, record: Record) -> list[Session]:
        """Return the stored session of a record of it."""
        found = self._named.get(_name(record))
        return [found] if found else []

    def touching(self, spans: Sequence[Span], project: str = "") -> list[Session]:
        """Return the stored sessions that have usage in one of these times or close to it, or may have.

        Args:
            spans: the times.
            project: whose usage it is, where it is that of one alone.
        """
        found = [item for item in self._named.values() if any(item.span.touches(one, MESSAGE_GROWS) for one in spans)]
        # What other projects lost is not theirs; what is whole may have been theirs before it was renamed.
        return [item for item in found if not project or item.is_total or project in item.projects or item.is_whole]

    def filed_since(self, spans: Sequence[Span]) -> int:
        """Return the tokens of the days or months since these times: no session that ended before holds any of them."""
        since, first = Counter[str](), min(spans, default=Span(ALWAYS, ALWAYS)).starts_at
        for report, starts_at, tokens in self._filed:
            since[report] += tokens if starts_at >= first else 0
        return max(since.values(), default=0)


def lasting_name(identity: Identity) -> tuple[str, str, str]:
    """Return what stays the same of an identity when the directory of a project is renamed: of a session its id."""
    report, agent, key = identity
    return report, agent, key.partition("/")[2] if report == "session" else key


def tokens_by_name(records: Iterable[Record]) -> dict[tuple[str, str, str], int]:
    """Return the tokens of records by their lasting names: the most of a session that stands under several projects."""
    found: dict[tuple[str, str, str], int] = {}
    for record in records:
        name = lasting_name(record.identity)
        found[name] = max(record.total_tokens, found.get(name, 0))
    return found


def _session(stored: Sequence[Record], offered: Sequence[Record], held: Sequence[Record]) -> Session:
    spans = [span(record) for record in stored]
    stored_tokens = sum(record.total_tokens for record in stored)
    offered_tokens = sum(record.total_tokens for record in offered)
    # A row for a whole project says nothing of a single transcript; only where it stays the same, none is missing.
    counts = not stored[0].is_project_total or offered_tokens == stored_tokens
    return Session(
        tuple(stored),
        Span(min(one.starts_at for one in spans), max(one.ends_at for one in (*spans, *map(span, held)))),
        # A row for a whole project is named by it.
        frozenset(record.session_id if record.is_project_total else record.project for record in stored),
        stored_tokens,
        offered_tokens,
        tuple(map(span, offered)) if counts else (),
        frozenset(record.project for record in offered),
    )


def _name(record: Record) -> str:
    """Return what stays the same when the directory of a project is renamed."""
    return record.key if record.is_project_total else record.session_id


@lru_cache(maxsize=4096)
def _midnight(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
