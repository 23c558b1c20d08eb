"""One life: a clock, transcripts and their history, settings, and the program that imports them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ccusage_import.exceptions import ExitCode, FixableError
from tests.worlds.ccusage_model import (
    REPORTS,
    Entry,
    File,
    Line,
    RawKey,
    Reading,
    Tokens,
    Transcript,
    Tree,
    cost,
    document,
    entries,
    rows,
)
from tests.worlds.driver import LAPTOP, Identity, Installation, Lab, Offer, State
from tests.worlds.invariants import Violation, check_import
from tests.worlds.ledger import Ledger, Offered
from tests.worlds.notebook import Notebook

BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)
ANA, BOB = "ana", "bob"


@dataclass(frozen=True, slots=True)
class Saved:
    """Reports that a person saved."""

    documents: Mapping[str, Any]
    found: tuple[Entry, ...]
    reading: Reading


@dataclass
class World:
    """The state of a life."""

    lab: Lab | Notebook
    now: datetime = BEGIN
    reading: Reading = field(default_factory=Reading)
    cleanup_days: int | None = None
    directories: list[str] = field(default_factory=lambda: ["one"])
    missing: set[str] = field(default_factory=set)
    hosts: dict[str, Installation] = field(
        default_factory=lambda: {ANA: Installation(ANA, "laptop"), BOB: Installation(BOB, "laptop", salt="other")}
    )
    trees: dict[str, Tree] = field(default_factory=lambda: {ANA: {}, BOB: {}})
    ledger: Ledger = field(default_factory=Ledger)
    committed_as: dict[str, Installation] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    windows: list[tuple[datetime, date]] = field(default_factory=list)
    saved: dict[str, Saved] = field(default_factory=dict)
    messages: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    state: State | None = None

    @property
    def tree(self) -> Tree:
        """The transcripts of the one whose life this is."""
        return self.trees[ANA]

    def files(self, session: str) -> list[File]:
        """Return the transcripts of a session."""
        return [file for file in self.tree if file.session == self.session(session)]

    def session(self, name: str) -> str:
        """Return the id of a session that a life calls so; once its transcripts are gone, another one is meant."""
        return name + "'" * self.ended[name]

    def delete(self, file: File, *, ends: bool = True) -> None:
        """Delete a transcript; the id of a session does not come again."""
        del self.tree[file]
        name = file.session.rstrip("'")
        if ends and file.session == self.session(name) and not self.files(name):
            self.ended[name] += 1

    def write(self, who: str, file: File, **values: Any) -> None:
        """Append a message."""
        self.messages += 1
        tokens = values.pop("tokens")
        line = Line(f"{who}{self.messages}", self.now, Tokens(0, tokens, 0, 0), **values)
        transcript = self.trees[who].setdefault(file, Transcript())
        transcript.lines.append(line)
        transcript.touched_at = self.now
        self.ledger.instants[line.message] = self.now

    def readable(self) -> list[str]:
        """Return the data directories that are there."""
        return [name for name in self.directories if name not in self.missing]

    def read_state(self) -> State:
        """Return what the warehouse holds, read only where something may have changed it."""
        if self.state is None:
            self.state = self.lab.state()
        return self.state

    def offered(
        self,
        who: Installation,
        found: tuple[Entry, ...],
        reading: Reading,
        documents: Mapping[str, Any],
        *,
        since: date = date.min,
        until: date = date.max,
        is_saved: bool = False,
    ) -> Offered:
        """Return an offer with all that is true of it."""
        offer = Offer(
            documents=documents,
            started_at=self.now,
            version="" if is_saved else reading.version,
            zone=self.reading.zone,
            mode=self.reading.mode,  # type: ignore[arg-type]
            directories=tuple(self.readable()),
            cleanup_days=self.cleanup_days,
            since=since,
            until=until,
            is_saved=is_saved,
            tree={file: told for file, told in self.trees[who.name].items() if file.directory in self.readable()},
        )
        content, costs, clear = {}, {}, {}
        for report in REPORTS:
            for key, inside in rows(report, found, reading.zone).items() if documents.get(report) else ():
                identity = Identity(who.machine, report, stored_key(who, report, key))
                content[identity] = {entry.line.message: sum(entry.line.tokens) for entry in inside}
                costs[identity] = sum(cost(entry.line, reading) for entry in inside)
                clear[identity] = key
        present = frozenset(
            line.message
            for file, transcript in self.trees[who.name].items()
            if file.directory in self.readable()
            for line in transcript.lines
        )
        counted = {entry.line.message: sum(entry.line.tokens) for entry in found}
        before, owner = self.committed_as.get(who.name), self.owners.get(who.machine, who.name)
        must_be_refused = owner != who.name
        is_renamed = before is not None and (before.machine, before.salt, before.hash_projects) != (
            who.machine,
            who.salt,
            who.hash_projects,
        )
        intact_from = None if is_saved else self._intact_from()
        may_be_refused = must_be_refused or is_renamed
        return Offered(
            who,
            offer,
            content,
            costs,
            clear,
            counted,
            present,
            intact_from,
            reading.prices,
            reading.mode,
            may_be_refused,
            must_be_refused,
        )

    def _intact_from(self) -> date:
        days = 30 if self.cleanup_days is None else self.cleanup_days
        today = self.now.astimezone(ZoneInfo(self.reading.zone)).date()
        now = today - timedelta(days=min(days - 1, 10_000))
        known = [day for at, day in self.windows if at <= self.now]
        return max(now, *known, date.min)

    def run_import(self, offered: Offered, database: str = LAPTOP) -> Iterator[Violation]:
        """Import, read back and check."""
        before, who = self.read_state(), offered.who
        error = ""
        try:
            done = self.lab.run_import(who, offered.offer, database)
            error = "all reports failed" if done.exit_code is ExitCode.CCUSAGE else ""
        except FixableError as failure:
            error = f"{type(failure).__name__}: {failure}"
        self.state = None
        after = self.read_state()
        if database != LAPTOP:
            return
        if after.loads.keys() - before.loads.keys() and not offered.offer.is_saved:
            self.windows.append((self.now, offered.intact_from or date.min))
        if not error:
            self.committed_as[who.name] = who
            self.owners.setdefault(who.machine, who.name)
        yield from check_import(self.ledger, before, after, offered, error)

    def live(self, who: str, since: date = date.min, until: date = date.max) -> Offered:
        """Return what ccusage prints now."""
        found = tuple(entries(self.trees[who], self.readable(), self.reading.version))
        documents = {report: document(report, found, self.reading, self.now) for report in REPORTS}
        return self.offered(self.hosts[who], found, self.reading, documents, since=since, until=until)


def stored_key(who: Installation, report: str, key: RawKey) -> str:
    """Return the key under which a row is stored."""
    if report == "session":
        return f"{who.pseudonym(key[0])}/{who.pseudonym(key[1])}"
    if report == "projects":
        return f"{key[0]}/{who.pseudonym(key[1])}"
    return key[0]
