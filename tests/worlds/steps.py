"""What happens in lives. A step is a value that prints as it is written; where it cannot happen it does nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Protocol

from ccusage_import.exceptions import FixableError, OtherNameError, OtherNamingError
from ccusage_import.records import report_label
from ccusage_import.rule.evidence import MESSAGE_GROWS
from tests.worlds.ccusage_model import REPORTS, SONNET, File, Transcript
from tests.worlds.driver import LAPTOP, RESTORED, SERVER, Installation, Lab, State
from tests.worlds.invariants import Violation, check_accept, check_undo
from tests.worlds.ledger import report_of
from tests.worlds.world import ANA, Saved, World, stored_key

PROJECT = "-home-ana-shop"


class Step(Protocol):
    """Something that happens."""

    def take(self, world: World) -> Iterator[Violation]:
        """Change the world and yield the promises that were broken by it."""


@dataclass(frozen=True, slots=True)
class Work:
    """A message is written."""

    session: str
    tokens: int = 100
    project: str = PROJECT
    directory: str = "one"
    model: str = SONNET
    kind: str = "plain"
    who: str = ANA
    subagent: str = ""

    def take(self, world: World) -> Iterator[Violation]:
        if self.directory not in world.missing:
            known = world.files(self.session) if self.who == ANA else ()
            file = known[0] if known else File(self.directory, self.project, world.session(self.session))
            file = file._replace(subagent=self.subagent)
            world.write(self.who, file, tokens=self.tokens, model=self.model, kind=self.kind)
        yield from ()


@dataclass(frozen=True, slots=True)
class WorkRoundTheClock:
    """A message each `every_minutes` for days; `per_session` of them are a session."""

    prefix: str
    days: int
    every_minutes: int = 50
    per_session: int = 6
    tokens: int = 100

    def take(self, world: World) -> Iterator[Violation]:
        for number in range(self.days * 24 * 60 // self.every_minutes):
            yield from Work(f"{self.prefix}{number // self.per_session}", self.tokens + number % 7).take(world)
            world.now += timedelta(minutes=self.every_minutes)


@dataclass(frozen=True, slots=True)
class Wait:
    """The clock goes on; backwards with negative numbers, as only a clock that is set does."""

    days: float = 0
    hours: float = 0

    def take(self, world: World) -> Iterator[Violation]:
        world.now += timedelta(days=self.days, hours=self.hours)
        yield from ()


@dataclass(frozen=True, slots=True)
class Grow:
    """The last message of a session grows for as long as messages do, and bears the time of its end."""

    session: str
    tokens: int = 10

    def take(self, world: World) -> Iterator[Violation]:
        for file in world.files(self.session)[:1]:
            transcript = world.tree[file]
            last = transcript.lines[-1]
            if last.message in world.ledger.copied or not timedelta(0) <= world.now - last.at <= MESSAGE_GROWS:
                return
            tokens = last.tokens._replace(output_tokens=last.tokens.output_tokens + self.tokens)
            transcript.lines.append(replace(last, at=world.now, tokens=tokens))
            transcript.touched_at = world.now
            world.ledger.instants[last.message] = world.now
            world.ledger.grown.add(last.message)
        yield from ()


@dataclass(frozen=True, slots=True)
class Sweep:
    """Claude Code starts, and deletes transcripts that were not touched for so many days."""

    def take(self, world: World) -> Iterator[Violation]:
        days = 30 if world.cleanup_days is None else world.cleanup_days
        for file, transcript in list(world.tree.items()):
            if (world.now - transcript.touched_at).days >= days and file.directory not in world.missing:
                world.delete(file)
        yield from ()


@dataclass(frozen=True, slots=True)
class Delete:
    """A person deletes the transcript of a session, which may go on: in a new transcript, under its own name."""

    session: str
    goes_on: bool = False

    def take(self, world: World) -> Iterator[Violation]:
        for file in world.files(self.session):
            world.delete(file, ends=not self.goes_on)
        yield from ()


@dataclass(frozen=True, slots=True)
class Edit:
    """A person cuts the first message out of a transcript."""

    session: str

    def take(self, world: World) -> Iterator[Violation]:
        for file in world.files(self.session):
            lines = world.tree[file].lines
            world.ledger.edited.add(lines[0].message)
            lines[:] = [line for line in lines if line.message != lines[0].message]
            if not lines:
                world.delete(file)
        yield from ()


@dataclass(frozen=True, slots=True)
class Lose:
    """Transcripts of a session are lost, all of them or those of its subagents, and it goes on under its own name.

    Who has not read them cannot know that where it goes on at once.
    """

    session: str
    of_subagents: bool = False

    def take(self, world: World) -> Iterator[Violation]:
        for file in world.files(self.session):
            if file.subagent or not self.of_subagents:
                world.ledger.edited.update(line.message for line in world.tree[file].lines)
                world.delete(file, ends=False)
        yield from ()


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Some tool writes a transcript anew, so that ccusage overlooks its lines."""

    session: str

    def take(self, world: World) -> Iterator[Violation]:
        for file in world.files(self.session)[:1]:
            transcript = world.tree[file]
            world.ledger.rewritten.update(line.message for line in transcript.lines)
            transcript.lines[:] = [replace(line, kind="blank") for line in transcript.lines]
            transcript.touched_at = world.now
        yield from ()


@dataclass(frozen=True, slots=True)
class Copy:
    """A session is resumed or forked: a new transcript begins with the messages of the old one."""

    session: str
    into: str
    project: str = ""
    directory: str = ""

    def take(self, world: World) -> Iterator[Violation]:
        for file in world.files(self.session)[:1] if not world.files(self.into) else ():
            target = File(self.directory or file.directory, self.project or file.project, world.session(self.into))
            lines = list(world.tree[file].lines)
            world.tree.setdefault(target, Transcript()).lines[:0] = lines
            world.tree[target].touched_at = world.now
            world.ledger.copied.update(line.message for line in lines)
        yield from ()


@dataclass(frozen=True, slots=True)
class CopyDirectory:
    """A data directory is copied to another place, or moved there: both are read from then on."""

    old: str = "one"
    new: str = "two"
    stays: bool = True

    def take(self, world: World) -> Iterator[Violation]:
        if self.new in world.missing or self.old in world.missing:
            return
        world.directories = sorted({*world.directories, self.new})
        for file in [file for file in world.tree if file.directory == self.old]:
            target = file._replace(directory=self.new)
            if target not in world.tree:
                told = world.tree[file]
                world.tree[target] = Transcript(list(told.lines), told.touched_at)
                if not self.stays:
                    del world.tree[file]
        yield from ()


@dataclass(frozen=True, slots=True)
class KeepTranscripts:
    """Somebody makes a copy of all transcripts."""

    def take(self, world: World) -> Iterator[Violation]:
        world.kept_tree = {
            file: Transcript(list(told.lines), told.touched_at)
            for file, told in world.tree.items()
            if file.directory not in world.missing
        }
        yield from ()


@dataclass(frozen=True, slots=True)
class RestoreTranscripts:
    """Transcripts are as they were when they were copied; what was begun since is gone, or stays with `adds`."""

    adds: bool = True

    def take(self, world: World) -> Iterator[Violation]:
        if world.kept_tree is None or world.missing:
            return
        if not self.adds:
            for file in [file for file in world.tree if file not in world.kept_tree]:
                world.delete(file)
        for file, told in world.kept_tree.items():
            lost = world.tree[file].lines[len(told.lines) :] if file in world.tree else []
            world.ledger.edited.update(line.message for line in lost)
            world.tree[file] = Transcript(list(told.lines), told.touched_at)
        yield from ()


@dataclass(frozen=True, slots=True)
class MoveProject:
    """The directory of a project is renamed."""

    old: str
    new: str

    def take(self, world: World) -> Iterator[Violation]:
        for file in [file for file in world.tree if file.project == self.old]:
            target = file._replace(project=self.new)
            if target not in world.tree:
                world.tree[target] = world.tree.pop(file)
                world.ledger.moved.update(line.message for line in world.tree[target].lines)
        yield from ()


@dataclass(frozen=True, slots=True)
class ReadDirectory:
    """A second data directory is named in the configuration."""

    directory: str

    def take(self, world: World) -> Iterator[Violation]:
        world.directories = sorted({*world.directories, self.directory})
        yield from ()


@dataclass(frozen=True, slots=True)
class Directory:
    """A data directory goes missing, as on a disk that is not mounted, or comes back."""

    directory: str
    is_missing: bool

    def take(self, world: World) -> Iterator[Violation]:
        (world.missing.add if self.is_missing else world.missing.discard)(self.directory)
        yield from ()


@dataclass(frozen=True, slots=True)
class Read:
    """ccusage is run otherwise from now on: another version, zone, mode, or table of prices."""

    version: str = ""
    zone: str = ""
    mode: str = ""
    prices: str = ""

    def take(self, world: World) -> Iterator[Violation]:
        changes = {name: value for name in ("version", "zone", "mode", "prices") if (value := getattr(self, name))}
        world.reading = replace(world.reading, **changes)
        yield from ()


@dataclass(frozen=True, slots=True)
class Keep:
    """`cleanupPeriodDays` is set in Claude Code's settings."""

    days: int

    def take(self, world: World) -> Iterator[Violation]:
        world.cleanup_days = self.days
        yield from ()


@dataclass(frozen=True, slots=True)
class Configure:
    """A setting of the importer changes: machine, salt, hash_projects, prices or budget."""

    machine: str = ""
    salt: str = ""
    hash_projects: bool | None = None
    prices: str = ""
    budget: float | None = None
    who: str = ANA

    def take(self, world: World) -> Iterator[Violation]:
        names = ("machine", "salt", "hash_projects", "prices", "budget")
        changes = {name: value for name in names if (value := getattr(self, name)) not in ("", None)}
        world.hosts[self.who] = replace(world.hosts[self.who], **changes)
        yield from ()


@dataclass(frozen=True, slots=True)
class Import:
    """The importer runs."""

    fails: tuple[str, ...] = ()
    since_days_ago: int | None = None
    until_days_ago: int | None = None
    who: str = ANA
    reports: tuple[str, ...] = REPORTS
    transcripts: bool = True
    accepts_days_ago: tuple[int, int] | None = None

    def take(self, world: World) -> Iterator[Violation]:
        if not world.readable():
            return
        today = world.now.date()
        days: dict[str, date] = {}
        if self.since_days_ago is not None:
            days["since"] = today - timedelta(days=self.since_days_ago)
        if self.until_days_ago is not None:
            days["until"] = today - timedelta(days=self.until_days_ago)
        offered = world.live(self.who, **days)
        documents = {
            report: None if report in self.fails else text
            for report, text in offered.offer.documents.items()
            if report in self.reports
        }
        content = {key: value for key, value in offered.content.items() if documents.get(report_of(key)) is not None}
        offer = replace(offered.offer, documents=documents, reads_transcripts=self.transcripts)
        if self.accepts_days_ago is not None:
            first, last = (today - timedelta(days=days) for days in self.accepts_days_ago)
            offer = replace(offer, accepted=(first, last))
        offered = replace(offered, offer=offer, content=content)
        yield from world.run_import(offered)


@dataclass(frozen=True, slots=True)
class Save:
    """A person saves what ccusage prints."""

    name: str = "saved"

    def take(self, world: World) -> Iterator[Violation]:
        found, documents = world.printed(ANA)
        world.saved[self.name] = Saved(documents, found, world.reading)
        yield from ()


@dataclass(frozen=True, slots=True)
class ImportSaved:
    """Saved reports are imported, all of them or some."""

    name: str = "saved"
    reports: tuple[str, ...] = REPORTS

    def take(self, world: World) -> Iterator[Violation]:
        saved = world.saved.get(self.name)
        if saved is not None and saved.reading.zone == world.reading.zone:
            who = world.hosts[ANA]
            documents = {report: text for report, text in saved.documents.items() if report in self.reports}
            yield from world.run_import(world.offered(who, saved.found, saved.reading, documents, is_saved=True))


@dataclass(frozen=True, slots=True)
class Undo:
    """The newest load, or one before it, is taken back; with `forces` also where later loads changed its records."""

    back: int = 0
    forces: bool = False

    def take(self, world: World) -> Iterator[Violation]:
        before, ledger = world.read_state(), world.ledger
        loads = [
            load for load, state in sorted(ledger.states.items()) if state == "committed" and ledger.replaced.get(load)
        ]
        if self.back >= len(loads):
            return
        target = loads[-1 - self.back]
        try:
            load_id = world.lab.undo(world.hosts[ANA], target, forces=self.forces)
        except FixableError:
            load_id = 0
        world.state = None
        after = world.read_state()
        if load_id:
            yield from check_undo(ledger, before, after, target, load_id)
        elif before.shown != after.shown:
            yield Violation("a refused undo changes nothing", str(target))


@dataclass(frozen=True, slots=True)
class Accept:
    """A person accepts what is held: all of it, or one record by its place among them."""

    report: str = ""
    place: int | None = None

    def take(self, world: World) -> Iterator[Violation]:
        before, who = world.read_state(), world.hosts[ANA]
        held = sorted(key for key in before.held if key.machine == who.machine and self.report in ("", key.report))
        chosen = held if self.place is None else held[self.place : self.place + 1]
        if not chosen:
            return
        names = [f"{report_label(key.report, world.lab.agent)}/{key.key}" for key in chosen]
        try:
            load_id = world.lab.accept(who, names)
        except FixableError:
            return
        world.state = None
        yield from check_accept(world.ledger, before, world.read_state(), load_id)


@dataclass(frozen=True, slots=True)
class ImportOnServer:
    """The same machine imports straight into the server, which has another history from then on."""

    def take(self, world: World) -> Iterator[Violation]:
        if isinstance(world.lab, Lab):
            yield from world.run_import(world.live(ANA), SERVER)


@dataclass(frozen=True, slots=True)
class UndoOnServer:
    """A load is taken back on the server alone."""

    back: int = 0

    def take(self, world: World) -> Iterator[Violation]:
        if not isinstance(world.lab, Lab):
            return
        loads = [load for load, row in world.lab.state(SERVER).loads.items() if row["state"] == "committed"]
        if self.back < len(loads):
            with suppress(FixableError):
                world.lab.undo(world.hosts[ANA], loads[-1 - self.back], SERVER)
        yield from ()


@dataclass(frozen=True, slots=True)
class AcceptOnServer:
    """What is held on the server is accepted there: all of it, or one record by its place."""

    place: int | None = None

    def take(self, world: World) -> Iterator[Violation]:
        if not isinstance(world.lab, Lab):
            return
        who = world.hosts[ANA]
        held = sorted(key for key in world.lab.state(SERVER).held if key.machine == who.machine)
        chosen = held if self.place is None else held[self.place : self.place + 1]
        if chosen:
            with suppress(FixableError):
                world.lab.accept(who, [f"{key.report}/{key.key}" for key in chosen], SERVER)
        yield from ()


@dataclass(frozen=True, slots=True)
class LoseCursor:
    """How far transcripts were read is forgotten, as with a state directory that somebody deletes."""

    def take(self, world: World) -> Iterator[Violation]:
        if isinstance(world.lab, Lab):
            world.lab.lose_cursor(world.hosts[ANA])
        yield from ()


@dataclass(frozen=True, slots=True)
class Push:
    """The warehouse is pushed to a server, twice."""

    def take(self, world: World) -> Iterator[Violation]:
        if not isinstance(world.lab, Lab):
            return
        laptop, who = world.read_state(), world.hosts[ANA]
        if any(load["installation"] != f"installation-{ANA}" for load in laptop.loads.values()):
            return
        before = world.lab.state(SERVER)
        alone = before.loads.keys() <= laptop.loads.keys()
        taken_back = world.lab.taken_back(who, SERVER)
        try:
            before = _pushed(world.lab, who, before)
            after = world.lab.state(SERVER)
            world.lab.push(who)
        except FixableError as error:
            yield Violation("a push is not refused", f"{type(error).__name__}: {error}")
            return
        again = world.lab.state(SERVER)
        if again != after:
            new = again.loads.keys() - after.loads.keys()
            yield Violation("a second push brings nothing", f"new loads {new}")
        for identity, shown in sorted(before.shown.items()):
            now = after.shown.get(identity)
            if not alone and (now is None or now.tokens < shown.tokens):
                yield Violation(
                    "no number on the server falls by a push", f"{identity}: {shown.tokens}, {now and now.tokens}"
                )
            if not alone and now and now.tokens == shown.tokens and now.cost < shown.cost:
                yield Violation("no cost on the server falls by a push", f"{identity}: {shown.cost}, {now.cost}")
        if not alone:
            yield from _no_message_falls(before, after)
            yield from _stays_taken_back(taken_back, laptop, before, after)
        yield from _agree("server and laptop agree", laptop, after) if alone else _not_less(laptop, after)


def _pushed(lab: Lab, who: Installation, before: State) -> State:
    """Push, after the names on the server were changed too where that is asked for; return what was there before."""
    try:
        lab.push(who)
    except OtherNameError:
        lab.rename_machine(who, who.machine, SERVER)
    except OtherNamingError:
        lab.rename_projects(who, SERVER)
    else:
        return before
    before = lab.state(SERVER)
    return _pushed(lab, who, before)


def _no_message_falls(before: State, after: State) -> Iterator[Violation]:
    was, now = (Counter[tuple[str, int]](), Counter[tuple[str, int]]())
    for state, found in ((before, was), (after, now)):
        for machine, message, _, _, tokens in state.messages:
            found[machine, message] += tokens
    if fallen := [name for name in was if now[name] < was[name]] if before.folded == after.folded else []:
        yield Violation("no message on the server falls by a push", f"{fallen}")


def _stays_taken_back(marks: Mapping[str, int], laptop: State, before: State, after: State) -> Iterator[Violation]:
    for identity, shown in laptop.shown.items():
        known, was, now = (marks.get(identity.key), before.shown.get(identity), after.shown.get(identity))
        if identity.report != "daily" or known is None or shown.tokens > known or (was and was.zone != shown.zone):
            continue
        if (was and was.tokens) != (now and now.tokens):
            yield Violation(
                "what was undone on the server stays undone", f"{identity}: {was} before, {now} after, {shown} here"
            )


def _agree(promise: str, one: State, other: State) -> Iterator[Violation]:
    for name in ("shown", "logged", "loads", "held", "messages", "folded"):
        left, right = getattr(one, name), getattr(other, name)
        if left != right:
            pairs = list(left.items() ^ right.items()) if name == "shown" else [(len(left), len(right))]
            rows = (
                [(key, left[key], right.get(key)) for key in left if right.get(key) != left[key]]
                if name == "loads"
                else pairs[:2]
            )
            yield Violation(promise, f"{name}: {rows[:2]}")


def _not_less(laptop: State, server: State) -> Iterator[Violation]:
    for identity, shown in sorted(laptop.shown.items()):
        now = server.shown.get(identity)
        if identity not in server.held and (now is None or now.tokens < shown.tokens):
            yield Violation(
                "the server shows what the laptop shows", f"{identity}: {shown.tokens}, {now and now.tokens}"
            )


@dataclass(frozen=True, slots=True)
class RenameMachine:
    """The machine gets another name, in all that is stored of it too."""

    new: str

    def take(self, world: World) -> Iterator[Violation]:
        who = world.hosts[ANA]
        is_ours = world.is_stored_as(who)
        if not isinstance(world.lab, Lab) or not is_ours or self.new == who.machine or self.new in world.owners:
            return
        before = world.read_state()
        try:
            world.lab.rename_machine(who, self.new)
        except FixableError as error:
            yield Violation("a machine can be renamed", f"{type(error).__name__}: {error}")
            return
        world.rename(
            replace(who, machine=self.new),
            lambda name: name._replace(machine=self.new) if name.machine == who.machine else name,
        )
        yield from _same_but_for_names(before, world.read_state())


@dataclass(frozen=True, slots=True)
class RenameProjects:
    """Projects and sessions get other names, in all that is stored of them too."""

    salt: str = "salt"
    hash_projects: bool = True

    def take(self, world: World) -> Iterator[Violation]:
        who = world.hosts[ANA]
        now = replace(who, salt=self.salt, hash_projects=self.hash_projects)
        before = world.read_state()
        if not isinstance(world.lab, Lab) or not world.is_stored_as(who) or now == who or not before.shown:
            return
        try:
            world.lab.rename_projects(now)
        except FixableError as error:
            yield Violation("projects can be renamed", f"{type(error).__name__}: {error}")
            return
        clear = dict(world.ledger.clear)
        world.rename(
            now,
            lambda name: (
                name._replace(key=stored_key(now, name.report, clear[name])) if name.machine == who.machine else name
            ),
        )
        yield from _same_but_for_names(before, world.read_state())


def _same_but_for_names(before: State, after: State) -> Iterator[Violation]:
    sums = [
        sorted((item.identity.report, item.day, item.tokens, item.cost) for item in state.shown.values())
        for state in (before, after)
    ]
    if sums[0] != sums[1]:
        yield Violation(
            "a name changes no number",
            f"{[one for one in sums[0] if one not in sums[1]]}, {[one for one in sums[1] if one not in sums[0]]}",
        )
    # What was never stored is held again by the next import.
    held = [
        Counter((name.report, tokens) for name, tokens in state.held.items() if name in state.shown)
        for state in (before, after)
    ]
    if held[0] != held[1]:
        yield Violation("what is held stays so under another name", f"{held[0] - held[1]}, {held[1] - held[0]}")
    messages = [sorted((message, tokens) for _, message, _, _, tokens in state.messages) for state in (before, after)]
    if messages[0] != messages[1] or sorted(before.folded.values()) != sorted(after.folded.values()):
        yield Violation("a name changes no message", f"{len(messages[0])} before, {len(messages[1])} after")


@dataclass(frozen=True, slots=True)
class Compact:
    """Facts that are older than so many days are folded."""

    days: int = 30

    def take(self, world: World) -> Iterator[Violation]:
        who = world.hosts[ANA]
        if not isinstance(world.lab, Lab) or not world.lab.has_ledger or not world.is_stored_as(who):
            return
        before = world.read_state()
        if not before.loads:
            return
        try:
            world.lab.compact(who, world.now.date() - timedelta(days=self.days), world.reading.zone)
        except FixableError as error:
            yield Violation("facts can be folded", f"{type(error).__name__}: {error}")
            return
        world.state = None
        after = world.read_state()
        if before.shown != after.shown or before.held != after.held or before.logged != after.logged:
            yield Violation("a fold changes no record", "")
        sums = [sum(row[-1] for row in state.messages) + sum(state.folded.values()) for state in (before, after)]
        if sums[0] != sums[1]:
            yield Violation("a fold changes no sum", f"{sums[0]} before, {sums[1]} after")
        world.has_folded = True


@dataclass(frozen=True, slots=True)
class ReadTranscripts:
    """Transcripts are read, and no report."""

    def take(self, world: World) -> Iterator[Violation]:
        who = world.hosts[ANA]
        if not world.lab.has_ledger or not world.is_stored_as(who) or not world.readable():
            return
        before, offered = world.read_state(), world.live(ANA)
        world.lab.read_transcripts(who, offered.offer)
        world.state = None
        after = world.read_state()
        world.read(who, offered)
        if before.shown != after.shown or before.held != after.held or before.logged != after.logged:
            yield Violation("a reading changes no record", "")
        yield from world.check_messages()


@dataclass(frozen=True, slots=True)
class KeepBackUp:
    """A backup is made of the laptop's database, or of the server's."""

    name: str = "kept"
    database: str = LAPTOP

    def take(self, world: World) -> Iterator[Violation]:
        who = world.hosts[ANA]
        if isinstance(world.lab, Lab) and world.lab.state(self.database).loads:
            world.lab.back_up(who, self.database, self.database)
            world.keep(self.database)
        yield from ()


@dataclass(frozen=True, slots=True)
class RestoreBackUp:
    """A database is as it was when a backup was made of it."""

    database: str = LAPTOP

    def take(self, world: World) -> Iterator[Violation]:
        who = world.hosts[ANA]
        if isinstance(world.lab, Lab) and world.can_restore(self.database):
            world.lab.restore(who, self.database, self.database)
            world.restore(self.database)
        yield from ()


@dataclass(frozen=True, slots=True)
class Replay:
    """The reports that were kept are imported into an empty warehouse, where nothing but imports made the numbers."""

    def take(self, world: World) -> Iterator[Violation]:
        if not isinstance(world.lab, Lab) or not world.is_of_imports():
            return
        before = world.read_state()
        world.lab.replay(world.hosts[ANA])
        world.state = None
        after = world.lab.state(RESTORED)
        shown, logged = [], []
        for state in (before, after):
            shown.append({name: (item.tokens, item.cost) for name, item in state.shown.items()})
            logged.append(Counter((one.identity, one.verdict, one.reason) for one in state.logged))
        if shown[0] != shown[1]:
            yield Violation("a replay shows the same", f"{shown[0].items() ^ shown[1].items()}")
        if logged[0] != logged[1]:
            yield Violation("a replay has the same verdicts", f"{logged[0] - logged[1]}, {logged[1] - logged[0]}")


@dataclass(frozen=True, slots=True)
class BackUp:
    """A backup is made, and restored into an empty warehouse."""

    def take(self, world: World) -> Iterator[Violation]:
        before = world.read_state()
        if before.shown and isinstance(world.lab, Lab):
            world.lab.backup_and_restore(world.hosts[ANA])
            world.state = None
            yield from _agree("what is restored is what was backed up", world.read_state(), world.lab.state(RESTORED))
