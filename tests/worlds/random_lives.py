"""Lives at random: each seed is one life, a list of steps that does not depend on what becomes of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from tests.worlds.ccusage_model import EIGHTEEN, LESS, MORE, NINETEEN, OPUS, REPORTS, SONNET, USUAL
from tests.worlds.driver import LAPTOP, SERVER
from tests.worlds.steps import (
    Accept,
    AcceptOnServer,
    BackUp,
    Compact,
    Configure,
    Copy,
    CopyDirectory,
    Delete,
    Directory,
    Edit,
    Grow,
    Import,
    ImportOnServer,
    ImportSaved,
    Keep,
    KeepBackUp,
    KeepTranscripts,
    Lose,
    LoseCursor,
    MoveProject,
    Push,
    Read,
    ReadDirectory,
    ReadTranscripts,
    RenameMachine,
    RenameProjects,
    Replay,
    RestoreBackUp,
    RestoreTranscripts,
    Rewrite,
    Save,
    Step,
    Sweep,
    Undo,
    UndoOnServer,
    Wait,
    Work,
)
from tests.worlds.world import BOB

SESSIONS = "abcdef"
SHOP, STORE = "-home-ana-shop", "-home-ana-store"
ZONES = ("UTC", "America/New_York", "Asia/Tokyo", "Europe/Berlin")
LONGEST = 12
Happening = Callable[[random.Random], Sequence[Step]]
# What happens, and how often against the others.
Happenings = Mapping[Happening, int]


def random_life(seed: int, happenings: Happenings | None = None) -> list[Step]:
    """Return the life of a seed: stretches of work, something that happens or not, and an import after each."""
    happenings = happenings or HAPPENINGS
    chance = random.Random(seed)
    steps: list[Step] = []
    for _ in range(chance.randint(3, LONGEST)):
        for _ in range(chance.randint(0, 3)):
            steps += [_work(chance), _wait(chance)]
        if chance.random() < 0.7:
            happening, *_ = chance.choices(list(happenings), list(happenings.values()))
            steps += happening(chance)
        steps.append(_import(chance))
    return steps if happenings in (HAPPENINGS, UPGRADES, WITHOUT_TRANSCRIPTS) else [*steps, Replay()]


def _work(chance: random.Random, session: str = "", subagent: str = "") -> Step:
    session = session or chance.choice(SESSIONS)
    return Work(
        session,
        chance.choice((1, 10, 100, 1000, 100_000)) + chance.randrange(10),
        # A session stays where it was begun, most of the time.
        project=STORE if session in "ef" else SHOP,
        directory="two" if session in "bd" else "one",
        model=chance.choice((SONNET, SONNET, OPUS)),
        kind=chance.choice(("plain",) * 8 + ("gateway", "progress")),
        subagent=subagent,
    )


def _wait(chance: random.Random) -> Step:
    if chance.random() < 0.15:
        return Wait(days=chance.choice((1, 2, 9, 20, 29, 31, 45)), hours=chance.randrange(24))
    return Wait(hours=chance.choice((0.5, 1, 2.25, 4, 5, 7, 13)))


def _import(chance: random.Random) -> Step:
    if chance.random() < 0.06:
        return Import(fails=tuple(chance.sample(REPORTS, chance.randint(1, 4))))
    if chance.random() < 0.06:
        days = sorted(chance.sample(range(5), 2))
        return chance.choice((Import(since_days_ago=days[1]), Import(until_days_ago=days[0])))
    return Import()


def _session(step: Callable[[str], Step]) -> Happening:
    return lambda chance: [step(chance.choice(SESSIONS))]


def _copied(chance: random.Random) -> Sequence[Step]:
    session, into = chance.sample(SESSIONS, 2)
    return [Copy(session, into, project=chance.choice(("", "", STORE)))]


def _moved(chance: random.Random) -> Sequence[Step]:
    old, new = chance.choice(((SHOP, STORE), (STORE, SHOP)))
    return [MoveProject(old, new)]


def _missing(chance: random.Random) -> Sequence[Step]:
    back: list[Step] = [Directory("two", is_missing=False)] if chance.random() < 0.8 else []
    return [Directory("two", is_missing=True), _work(chance), Import(), Wait(hours=1), *back]


def _saved(chance: random.Random) -> Sequence[Step]:
    return [Save()] if chance.random() < 0.5 else [ImportSaved()]


def _second_host(_: random.Random) -> Sequence[Step]:
    return [Work("x", who=BOB), Import(who=BOB)]


def _renamed(_: random.Random) -> Sequence[Step]:
    return [Configure(machine="desk"), Import(), Configure(machine="laptop")]


def _kept(chance: random.Random) -> Sequence[Step]:
    return [Keep(chance.choice((10, 30, 3650)))]


def _read(name: str, values: Sequence[str]) -> Happening:
    return lambda chance: [Read(**{name: chance.choice(values)})]


def _always(*steps: Step) -> Happening:
    return lambda _: steps


# What happens to the warehouse, whatever agent is used.
_TO_EVERY_AGENT: Happenings = {
    _saved: 6,
    lambda chance: [Undo(chance.choice((0, 0, 1)))]: 8,
    lambda chance: [Accept(chance.choice(("", "", *REPORTS)), chance.choice((None, 0, 1)))]: 8,
    lambda chance: [Configure(prices=chance.choice(("freeze", "follow")))]: 3,
    lambda chance: [Wait(days=-chance.choice((1, 5, 40)))]: 2,
    _second_host: 2,
    _renamed: 2,
}

HAPPENINGS: Happenings = {
    _always(Sweep()): 12,
    _session(Delete): 8,
    _session(Grow): 8,
    _session(Edit): 2,
    _copied: 6,
    _moved: 3,
    _always(ReadDirectory("two")): 8,
    _missing: 5,
    _read("version", ("20.0.23", LESS, USUAL, USUAL, MORE)): 10,
    _read("zone", ZONES): 5,
    _read("prices", ("known", "known", "cheaper", "dearer", "lost")): 8,
    _read("mode", ("auto", "auto", "calculate", "display")): 3,
    _kept: 4,
    **_TO_EVERY_AGENT,
    _always(Push()): 4,
    _always(BackUp()): 3,
}


def _copied_directory(chance: random.Random) -> Sequence[Step]:
    old, new = chance.choice((("one", "two"), ("two", "one")))
    return [CopyDirectory(old, new, chance.random() < 0.5)]


def _of_some_reports(chance: random.Random) -> Sequence[Step]:
    reports = tuple(chance.sample(REPORTS, chance.randint(1, 3)))
    return [
        step for _ in range(chance.randint(1, 3)) for step in (Import(reports=reports), _work(chance), _wait(chance))
    ]


def _without_transcripts(chance: random.Random) -> Sequence[Step]:
    return [
        step for _ in range(chance.randint(1, 3)) for step in (Import(transcripts=False), _work(chance), _wait(chance))
    ]


# What else happens; what happens to warehouses does nothing in a notebook.
MORE_HAPPENINGS: Happenings = {
    **HAPPENINGS,
    _copied_directory: 6,
    _always(KeepTranscripts()): 6,
    lambda chance: [RestoreTranscripts(adds=chance.random() < 0.7)]: 8,
    _of_some_reports: 6,
    _always(Configure(machine="mini", who=BOB), Work("x", who=BOB), Wait(hours=1), Import(who=BOB)): 4,
    _without_transcripts: 5,
    lambda chance: [RenameMachine(chance.choice(("tower", "desk", "laptop")))]: 8,
    lambda chance: [RenameProjects(chance.choice(("salt", "pepper")), chance.choice((True, True, False)))]: 6,
    lambda chance: [Compact(chance.choice((30, 30, 60)))]: 8,
    _always(ReadTranscripts()): 5,
    lambda chance: [KeepBackUp(database=chance.choice((LAPTOP, LAPTOP, SERVER)))]: 8,
    lambda chance: [RestoreBackUp(chance.choice((LAPTOP, LAPTOP, SERVER)))]: 8,
    _always(Push(), Wait(hours=1)): 12,
    _always(ImportOnServer()): 3,
    lambda chance: [Undo(chance.choice((0, 0, 1, 2)))]: 8,
    lambda chance: [UndoOnServer(chance.choice((0, 0, 1, 2))), Push()]: 4,
    lambda chance: [AcceptOnServer(chance.choice((None, 0, 1)))]: 3,
    _always(LoseCursor()): 5,
}


def _lost(chance: random.Random) -> Sequence[Step]:
    session = chance.choice(SESSIONS)
    before, after = (Wait(hours=chance.choice((0, 0.5, 3, 6, 12))) for _ in range(2))
    return [before, Lose(session, of_subagents=chance.random() < 0.3), _work(chance, session), after]


def _of_subagents(chance: random.Random) -> Sequence[Step]:
    session = chance.choice(SESSIONS)
    return [step for name in "xy" for step in (_work(chance, session, name), _wait(chance))]


def _watched(chance: random.Random) -> Sequence[Step]:
    return [step for _ in range(2) for step in (_work(chance), ReadTranscripts(), _wait(chance))]


# What happens to other agents: their messages do not grow, and no session has copies or projects.
WITHOUT_TRANSCRIPTS: Happenings = {
    _always(Sweep()): 12,
    _session(Delete): 12,
    _session(Edit): 2,
    _missing: 5,
    _read("version", ("20.0.23", LESS, USUAL, USUAL, MORE)): 10,
    _read("zone", ZONES): 20,
    _read("prices", ("known", "known", "cheaper", "dearer", "lost")): 8,
    **_TO_EVERY_AGENT,
}

# What only messages that were read can tell from other things.
LOSSES: Happenings = {**MORE_HAPPENINGS, _lost: 12, _of_subagents: 8, _watched: 8, _session(Rewrite): 4}

# ccusage is up- and downgraded over majors, whose sessions have other names and fields.
UPGRADES: Happenings = {
    **HAPPENINGS,
    _read("version", (EIGHTEEN, EIGHTEEN, NINETEEN, USUAL, USUAL)): 30,
    _of_subagents: 6,
    lambda chance: [Delete(chance.choice(SESSIONS), goes_on=True)]: 6,
}


def _people(chance: random.Random) -> Step:
    """What a person does to what is stored, or leaves out of an import."""
    return chance.choice(
        (
            Undo(chance.choice((0, 0, 0, 1, 2))),
            Undo(chance.choice((0, 0, 0, 1, 2))),
            Undo(chance.choice((0, 1, 2)), forces=True),
            Accept(chance.choice(("", "", *REPORTS)), chance.choice((None, None, 0, 1))),
            Accept(chance.choice(("", "", *REPORTS)), chance.choice((None, None, 0, 1))),
            Import(fails=tuple(chance.sample(REPORTS, chance.randint(1, 2)))),
            Import(fails=("session",)),
            Import(reports=tuple(chance.sample(REPORTS, chance.randint(1, 3)))),
            Import(transcripts=False),
            ReadTranscripts(),
            Import(accepts_days_ago=(chance.choice((0, 1, 3, 40)), chance.choice((0, 0, 1)))),
            Import(since_days_ago=chance.choice((0, 1, 2))),
            Import(until_days_ago=chance.choice((1, 2))),
            ImportSaved(reports=tuple(chance.sample(REPORTS, chance.randint(1, 5)))),
        )
    )


def _goes_on(chance: random.Random) -> Sequence[Step]:
    """What happens to transcripts in between."""
    session = chance.choice(SESSIONS)
    return chance.choice(
        (
            (),
            (_work(chance), _wait(chance)),
            (Delete(session), _wait(chance)),
            (Delete(session), _work(chance), _wait(chance)),
            (Lose(session), _work(chance, session)),
            (Grow(session),),
            (Read(zone=chance.choice(ZONES)),),
            (KeepTranscripts(), _work(chance)),
            (RestoreTranscripts(adds=True), _wait(chance)),
            (Wait(hours=chance.choice((6, 9, 14))), Work(session, 10), Wait(hours=3)),
            (Save(),),
        )
    )


def _intervened(chance: random.Random) -> Sequence[Step]:
    steps: list[Step] = []
    for _ in range(chance.randint(2, 4)):
        steps += [*_goes_on(chance), _people(chance)]
    return steps


# People do one thing after another to what is stored, while transcripts change.
INTERVENTIONS: Happenings = {
    _intervened: 30,
    _always(Sweep()): 4,
    _session(Delete): 8,
    _session(Grow): 8,
    _saved: 4,
    _lost: 4,
    _read("version", ("20.0.23", LESS, USUAL, USUAL, MORE)): 5,
    _read("zone", ZONES): 3,
    _copied: 3,
    _always(KeepTranscripts()): 3,
    lambda chance: [RestoreTranscripts(adds=chance.random() < 0.7)]: 4,
}
