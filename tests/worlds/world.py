"""One life: a clock, transcripts and their history, settings, and the program that imports them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ccusage_import.exceptions import ExitCode, FixableError
from ccusage_import.records import CLAUDE
from ccusage_import.transcripts.facts import number
from tests.worlds.ccusage_model import (
    COUNTED,
    EIGHTEEN,
    USUAL,
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
    of_other_agent,
    rows,
)
from tests.worlds.driver import LAPTOP, TOTALS, Identity, Installation, Lab, Offer, State
from tests.worlds.invariants import Violation, check_import
from tests.worlds.ledger import Ledger, Offered
from tests.worlds.notebook import Notebook

BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)
ANA, BOB = "ana", "bob"
# After so many loads `verify` is asked.
VERIFIED_EACH = 3


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
    windows: list[tuple[str, datetime, date]] = field(default_factory=list)
    saved: dict[str, Saved] = field(default_factory=dict)
    messages: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    state: State | None = None
    has_folded: bool = False
    kept_tree: Tree | None = None
    messages_read: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    backups: dict[str, dict[str, Any]] = field(default_factory=dict)

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
        for report in self.lab.reports:
            shown = rows(report, found, reading.zone, reading.version) if documents.get(report) else {}
            name = TOTALS if report == "session" and reading.version == EIGHTEEN else report
            for key, inside in shown.items():
                identity = Identity(who.machine, name, stored_key(who, name, key))
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
        intact_from = None if is_saved else self._intact_from(who.name)
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
            self.lab.agent,
        )

    def _intact_from(self, who: str) -> date:
        days = 30 if self.cleanup_days is None else self.cleanup_days
        today = self.now.astimezone(ZoneInfo(self.reading.zone)).date()
        now = today - timedelta(days=min(days - 1, 10_000))
        known = [day for name, at, day in self.windows if name == who and at <= self.now]
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
            self.windows.append((who.name, self.now, offered.intact_from or date.min))
        if not error:
            self.committed_as[who.name] = who
            self.owners.setdefault(who.machine, who.name)
        yield from check_import(self.ledger, before, after, offered, error)
        if error:
            return
        is_reading = self.lab.has_ledger and not offered.offer.is_saved and offered.offer.reads_transcripts
        if is_reading and after.loads.keys() - before.loads.keys():
            self.read(who, offered)
            yield from self.check_messages()
        # It takes as long as an import.
        is_asked = offered.is_whole and offered.offer.reads_transcripts and len(after.loads) % VERIFIED_EACH == 0
        if isinstance(self.lab, Lab) and is_asked:
            for difference in self.lab.unexplained(who, offered.offer):
                yield Violation("verify explains every difference", difference)

    def read(self, who: Installation, offered: Offered) -> None:
        """Note the messages that an import has read in the transcripts, each with the most tokens of any line."""
        read = self.messages_read[who.machine]
        for transcript in offered.offer.tree.values():
            for line in transcript.lines:
                self.ledger.read.add(line.message)
                if line.kind in COUNTED[USUAL]:
                    read[line.message] = max(read[line.message], sum(line.tokens))

    def check_messages(self) -> Iterator[Violation]:
        """Each message that was read counts once, as large as it ever was."""
        state = self.read_state()
        has_undone = any(self.ledger.undoes.values())
        for machine, read in self.messages_read.items():
            wanted = {number(message): tokens for message, tokens in read.items()}
            found = Counter[int]()
            for name, message, _, _, tokens in state.messages:
                found[message] += tokens if name == machine else 0
            names = {number(message): message for message in read}
            for message, tokens in sorted(found.items()):
                if tokens > wanted.get(message, 0):
                    yield Violation(
                        "no message counts twice", f"{names.get(message)}: {tokens} of {wanted.get(message)}"
                    )
            total, folded = sum(wanted.values()), state.folded.get(machine, 0)
            if not has_undone and sum(found.values()) + folded != total:
                rows = {names[one]: (found[one], wanted[one]) for one in wanted if found[one] != wanted[one]}
                yield Violation("no message is lost", f"{sum(found.values())} + {folded} of {total}: {rows}")

    def rename(self, who: Installation, named: Callable[[Identity], Identity]) -> None:
        """Give what is known of the host's records other names."""
        old = self.hosts[ANA]
        self.hosts[ANA] = self.committed_as[ANA] = who
        if old.machine != who.machine:
            self.owners[who.machine] = self.owners.pop(old.machine)
            if old.machine in self.messages_read:
                self.messages_read[who.machine] = self.messages_read.pop(old.machine)
        self.ledger.rename(named)
        self.state = None

    def is_stored_as(self, who: Installation) -> bool:
        """Whether what is stored of a host has the names that it has now."""
        known = self.committed_as.get(who.name)
        return known is not None and _names(known) == _names(who)

    def is_of_imports(self) -> bool:
        """Whether imports alone, by a clock that was never set back, made what is stored, under the names of now."""
        loads = [load for _, load in sorted(self.read_state().loads.items())]
        if any(load["installation"] != f"installation-{ANA}" for load in loads):
            return False
        runners = {load["runner"] for load in loads}
        clocks = [load["started_at"] for load in loads]
        return runners <= {"configured", "files"} and clocks == sorted(clocks) and len(set(clocks)) == len(clocks)

    def keep(self, database: str) -> None:
        """Remember what is true of a database, for when it is restored."""
        names = ("committed_as", "owners", "windows", "has_folded", "messages_read")
        kept = {name: getattr(self, name) for name in names} | {"ledger": self.ledger, "who": self.hosts[ANA]}
        self.backups[database] = deepcopy(kept)

    def can_restore(self, database: str) -> bool:
        """Whether a backup was made under the names that the machine and its projects have now."""
        kept, who = self.backups.get(database), self.hosts[ANA]
        if database != LAPTOP:
            return kept is not None
        return kept is not None and _names(kept["who"]) == _names(who) and self.is_stored_as(who)

    def restore(self, database: str) -> None:
        """Know again what was true of a database; of the world, more is known by now."""
        self.state = None
        if database != LAPTOP:
            return
        kept = deepcopy(self.backups[database])
        del kept["who"]
        known, self.ledger = self.ledger, kept.pop("ledger")
        of_the_world = ("most", "copied", "grown", "tolerated", "moved", "edited", "rewritten", "read", "instants")
        for name in (*of_the_world, "clear", "seen"):
            setattr(self.ledger, name, getattr(known, name))
        for name, value in kept.items():
            setattr(self, name, value)

    def printed(self, who: str) -> tuple[tuple[Entry, ...], dict[str, dict[str, Any]]]:
        """Return the messages that ccusage counts now, and what it prints of them."""
        found = entries(self.trees[who], self.readable(), self.reading.version)
        found = found if self.lab.agent == CLAUDE else of_other_agent(found)
        documents = {report: document(report, found, self.reading, self.now) for report in self.lab.reports}
        return tuple(found), documents

    def live(self, who: str, since: date = date.min, until: date = date.max) -> Offered:
        """Return what ccusage prints now."""
        found, documents = self.printed(who)
        return self.offered(self.hosts[who], found, self.reading, documents, since=since, until=until)


def _names(who: Installation) -> tuple[str, str, bool]:
    return who.machine, who.salt, who.hash_projects


def stored_key(who: Installation, report: str, key: RawKey) -> str:
    """Return the key under which a row is stored."""
    if report in ("session", TOTALS):
        return f"{who.pseudonym(key[0])}/{who.pseudonym(key[1])}"
    if report == "projects":
        return f"{key[0]}/{who.pseudonym(key[1])}"
    return key[0]
