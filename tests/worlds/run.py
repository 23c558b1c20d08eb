"""Lives a life step by step, to the first step that breaks a promise; shortens what fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from tests.worlds.driver import Lab, State
from tests.worlds.invariants import Violation
from tests.worlds.notebook import Notebook
from tests.worlds.steps import Step
from tests.worlds.world import World

Failure = tuple[int, Step, Violation]
SHOWN = 3


def written(step: Step) -> str:
    """Return a step as it is written: without what is as usual."""
    changed = [field for field in fields(step) if getattr(step, field.name) != field.default]  # type: ignore[arg-type]
    return f"{type(step).__name__}({', '.join(f'{field.name}={getattr(step, field.name)!r}' for field in changed)})"


def live(lab: Lab | Notebook, steps: Sequence[Step], notebook: Notebook | None = None) -> list[Failure]:
    """Return all that the first bad step broke, nothing where the life is a good one.

    A life with the engine can be lived in a notebook beside it: both must show, log and hold the same after each step.
    """
    worlds = [World(place) for place in (lab, notebook) if place is not None]
    for world in worlds:
        world.lab.begin_life()
    for number, step in enumerate(steps):
        found = [[(number, step, violation) for violation in step.take(world)] for world in worlds]
        if found[0]:
            return found[0]
        if notebook and _content(worlds[0].read_state()) != _content(worlds[1].read_state()):
            return [(number, step, Violation("engine and notebook agree", _differences(*worlds)))]
    return []


def _content(state: State) -> list[tuple[object, ...]]:
    """Return what is shown, logged and held, without the numbers of the loads."""
    return sorted(
        [
            *(("shown", *shown.identity, shown.tokens, shown.cost, shown.zone) for shown in state.shown.values()),
            *(("logged", *change.identity, change.verdict, change.reason) for change in state.logged),
            *(("held", *identity, tokens) for identity, tokens in state.held.items()),
            *(("message", *message) for message in state.messages),
        ],
        key=str,
    )


def _differences(engine: World, notebook: World) -> str:
    first, second = _content(engine.read_state()), _content(notebook.read_state())
    alone = [row for row in first if row not in second]
    return f"the engine has {alone}, the notebook {[row for row in second if row not in first]}"


def shortened(
    lab: Lab | Notebook, steps: Sequence[Step], failures: Sequence[Failure], notebook: Notebook | None = None
) -> tuple[list[Step], list[Failure]]:
    """Return the life without the steps that are not needed to break the same promise, and what it breaks."""
    number, _, violation = failures[0]
    kept, found = list(steps[: number + 1]), list(failures)
    size = max(1, len(kept) // 2)
    while size:
        start = len(kept) - 1 - size
        while start >= 0:
            shorter = kept[:start] + kept[start + size :]
            now = live(lab, shorter, notebook)
            if now and now[0][2].promise == violation.promise:
                kept, found = shorter[: now[0][0] + 1], now
                start = min(start, len(kept) - 1)
            start -= size
        size //= 2
    return kept, found


def told(failures: Sequence[Failure]) -> str:
    """Return what a life broke, a few lines for people."""
    lines = [
        f"step {number} {written(step)}: {violation.promise}\n  {violation.rows}"
        for number, step, violation in failures[:SHOWN]
    ]
    more = len(failures) - SHOWN
    return "\n".join([*lines, f"and {more} more"] if more > 0 else lines)
