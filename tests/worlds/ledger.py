"""What is true of a life: which messages stand behind each shown number, and what ccusage offered last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ccusage_import.records import AGENT_REPORTS, CLAUDE
from tests.worlds.ccusage_model import BLOCK, REPORTS
from tests.worlds.driver import TOTALS, Identity, Installation, Offer

Messages = Mapping[str, int]
NONE: Messages = {}


class Undone(NamedTuple):
    """What a person took back: the offer, and what was shown before it, in tokens."""

    offered: int
    restored: int


@dataclass(frozen=True, slots=True)
class Offered:
    """One import as the truth knows it: what each record counts, and what may be expected of the rule."""

    who: Installation
    offer: Offer
    content: Mapping[Identity, Messages]
    cost: Mapping[Identity, float]
    clear: Mapping[Identity, tuple[str, ...]]
    counted: Mapping[str, int]
    present: frozenset[str]
    intact_from: date | None
    prices: str
    mode: str
    may_be_refused: bool
    must_be_refused: bool
    agent: str = CLAUDE

    @property
    def failed(self) -> frozenset[str]:
        """The reports that were not fetched."""
        return frozenset(name for name, document in self.offer.documents.items() if document is None)

    @property
    def priced_by(self) -> tuple[str, ...]:
        """What makes the prices: ccusage's table, the mode that saved files do not tell, and whether they are kept."""
        return self.prices, self.mode, self.who.prices

    @property
    def is_filtered(self) -> bool:
        """Whether only some days were asked for."""
        return self.offer.since > date.min or self.offer.until < date.max

    @property
    def is_whole(self) -> bool:
        """Whether nothing was left out of it."""
        return (
            len(self.offer.documents) == (len(REPORTS) if self.agent == CLAUDE else len(AGENT_REPORTS))
            and not self.is_filtered
            and not self.failed
            and not self.offer.is_saved
        )

    def accepts(self, identity: Identity, days: Iterable[date]) -> bool:
        """Return whether a person takes less of a record that lost what was used on these days."""
        if self.offer.accepted is None:
            return False
        first, last = self.offer.accepted
        if identity.report == "monthly":
            return identity in self.content and all(first <= day <= last for day in days)
        if identity.report in ("daily", "projects"):
            # What another zone files under the next day takes the place of it.
            day = date.fromisoformat(identity.key[:10])
            near = [date.fromisoformat(one.key[:10]) for one in self.content if one.report == identity.report]
            return first <= day <= last and any(abs(day - one) <= timedelta(days=1) for one in near)
        return identity in self.content

    def judges(self, identity: Identity, day: date) -> bool:
        """Return whether a record is to be judged at all."""
        report = report_of(identity)
        if report in self.failed or report not in self.offer.documents:
            return False
        last = (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        until = last if identity.report == "monthly" else day
        return day <= self.offer.until and until >= self.offer.since


@dataclass(slots=True)
class Ledger:
    """The messages behind what is shown, and the promises that hold for them."""

    content: dict[Identity, Messages] = field(default_factory=dict)
    seen: dict[Identity, dict[int, Messages]] = field(default_factory=dict)
    most: Counter[str] = field(default_factory=Counter)
    copied: set[str] = field(default_factory=set)
    grown: set[str] = field(default_factory=set)
    tolerated: set[tuple[str, str]] = field(default_factory=set)
    has_all_vouched: bool = True
    vouched: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)
    edited: set[str] = field(default_factory=set)
    rewritten: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)
    instants: dict[str, datetime] = field(default_factory=dict)
    priced_with: dict[Identity, tuple[str, ...]] = field(default_factory=dict)
    priced_before: dict[Identity, tuple[str, ...]] = field(default_factory=dict)
    replaced: dict[int, dict[Identity, Messages | None]] = field(default_factory=dict)
    undone: dict[Identity, Undone] = field(default_factory=dict)
    taken_back: set[Identity] = field(default_factory=set)
    states: dict[int, str] = field(default_factory=dict)
    undoes: dict[int, int] = field(default_factory=dict)
    clear: dict[Identity, tuple[str, ...]] = field(default_factory=dict)
    last: Offered | None = None

    def hear(self, offered: Offered) -> None:
        """Remember what was offered."""
        self.clear.update(offered.clear)
        for identity, messages in offered.content.items():
            self.seen.setdefault(identity, {})[sum(messages.values())] = messages
            for message, tokens in messages.items():
                self.most[message] = max(self.most[message], tokens)

    def messages_seen(self, identity: Identity) -> set[str]:
        """Return all messages that were ever offered under a key."""
        return {message for messages in self.seen.get(identity, {}).values() for message in messages}

    def rename(self, named: Callable[[Identity], Identity]) -> None:
        """Give records other names."""
        for name in ("content", "seen", "priced_with", "priced_before", "undone", "clear"):
            setattr(self, name, {named(key): value for key, value in getattr(self, name).items()})
        self.taken_back = set(map(named, self.taken_back))
        self.replaced = {
            load: {named(key): messages for key, messages in of_load.items()} for load, of_load in self.replaced.items()
        }
        if self.last:
            content, cost, clear = (
                {named(key): value for key, value in getattr(self.last, name).items()}
                for name in ("content", "cost", "clear")
            )
            self.last = replace(self.last, content=content, cost=cost, clear=clear)

    def settle(self, load_id: int, undoes: int) -> None:
        """Note a new load, and what it means for those that it takes back."""
        self.states[load_id], self.undoes[load_id] = "committed", undoes
        state = "undone"
        while undoes:
            self.states[undoes] = state
            state = "committed" if state == "undone" else "undone"
            undoes = self.undoes.get(undoes, 0)


def report_of(identity: Identity) -> str:
    """Return the report that shows a record."""
    return "session" if identity.report == TOTALS else identity.report


def shown_of(content: Mapping[Identity, Messages], report: str) -> Counter[str]:
    """Return how many tokens of each message a report shows, over all its records and machines."""
    shown: Counter[str] = Counter()
    for identity, messages in content.items():
        if identity.report == report:
            shown.update(messages)
    return shown


def block_span(identity: Identity) -> tuple[datetime, datetime]:
    """Return start and end of a block by its key."""
    start = datetime.fromisoformat(identity.key)
    # A message of the very instant at which a block ends is still a part of it.
    return start, start + BLOCK + timedelta(milliseconds=1)


def groups(identities: Iterable[Identity], same: Iterable[Identity]) -> Iterator[list[Identity]]:
    """Put blocks that overlap into one group, but for those that are offered as they are stored; others stand alone."""
    alone, chain, ends_at = set(same), list[Identity](), datetime.min.replace(tzinfo=UTC)
    blocks = []
    for identity in identities:
        if identity.report != "blocks" or identity in alone:
            yield [identity]
        else:
            blocks.append(identity)
    for identity in sorted(blocks, key=lambda block: (block.machine, block_span(block))):
        start, end = block_span(identity)
        if chain and (chain[-1].machine != identity.machine or start >= ends_at):
            yield chain
            chain, ends_at = [], datetime.min.replace(tzinfo=UTC)
        chain.append(identity)
        ends_at = max(ends_at, end)
    if chain:
        yield chain


def joined(content: Mapping[Identity, Messages], identities: Iterable[Identity]) -> Counter[str]:
    """Return the messages of several records."""
    found: Counter[str] = Counter()
    for identity in identities:
        found.update(content.get(identity, NONE))
    return found


def day_of(at: datetime, zone: str) -> date:
    """Return the day of an instant in a zone."""
    return at.astimezone(ZoneInfo(zone)).date()


def first_day(identity: Identity, messages: Iterable[str], instants: Mapping[str, datetime], zone: str) -> date:
    """Return the first day whose transcripts a record needs, as days are counted in a zone."""
    if identity.report in ("daily", "projects"):
        return date.fromisoformat(identity.key[:10])
    if identity.report == "monthly":
        return date.fromisoformat(f"{identity.key}-01")
    return min((day_of(instants[message], zone) for message in messages), default=date.min)
