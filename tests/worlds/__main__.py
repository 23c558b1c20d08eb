"""Lives in numbers.

    python -m tests.worlds --lives 5000 --seed 1
    python -m tests.worlds --lives 5000 --seed 1 --ledger
    python -m tests.worlds --engine --scripted WORDS
    python -m tests.worlds --lives 100 --seed 1 --engine --ledger --more

Lives are lived in a notebook, thousands of them in minutes; with `--engine` in the real one too, step by
step; with `--ledger` transcripts are read too. With `--more`, data directories are copied and restored and
imports leave things out; with `--engine` beside it, which is then alone, warehouses are renamed, folded,
pushed and restored too, and what was kept is replayed. With `--losses` all of that happens, and transcripts of
sessions that go on are lost, rewritten, and read between imports, which only `--ledger` can tell apart. With `--people`
one thing after another is undone, accepted, and imported in part, while transcripts change. With `--other-agent` all of
it is the usage of another agent than Claude Code, of which there are only days, months and sessions without a begin.
Each life has a seed of its own, counted from `--seed`. The exit code is 1 where a promise was broken.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from loguru import logger

from ccusage_import.records import CLAUDE
from tests.worlds.driver import OTHER_AGENT, Lab
from tests.worlds.notebook import Notebook
from tests.worlds.random_lives import (
    INTERVENTIONS,
    LOSSES,
    MORE_HAPPENINGS,
    UPGRADES,
    WITHOUT_TRANSCRIPTS,
    random_life,
)
from tests.worlds.run import live, shortened, told, written
from tests.worlds.scripted import LIVES, OF_OTHER_AGENTS, OF_THE_WAREHOUSE
from tests.worlds.steps import Step

# By the argument that asks for them, the first that is given.
_HAPPENINGS = (
    ("other_agent", WITHOUT_TRANSCRIPTS),
    ("upgrades", UPGRADES),
    ("people", INTERVENTIONS),
    ("losses", LOSSES),
    ("more", MORE_HAPPENINGS),
)


def main() -> int:
    """Run lives and print those that were lived badly."""
    arguments = _arguments()
    logger.remove()
    logging.disable()
    begun, lived, failed = time.monotonic(), 0, 0
    with _places(arguments) as (place, beside):
        for title, steps in _chosen(arguments):
            failures = live(place, steps, beside)
            lived, failed = lived + 1, failed + bool(failures)
            if failures:
                kept, failures = shortened(place, steps, failures, beside)
                print(f"{title}\n  {', '.join(map(written, kept))}\n{told(failures)}", flush=True)
    print(f"{failed} of {lived} lives fail; {time.monotonic() - begun:.0f} s")
    return int(failed > 0)


@contextmanager
def _places(arguments: argparse.Namespace) -> Iterator[tuple[Lab | Notebook, Notebook | None]]:
    with tempfile.TemporaryDirectory(prefix="worlds-", dir=arguments.work_dir) as name:
        agent = OTHER_AGENT if arguments.other_agent else CLAUDE
        if not arguments.engine:
            yield Notebook(Path(name), has_ledger=arguments.ledger, agent=agent), None
            return
        with Lab(Path(name) / "engine", has_ledger=arguments.ledger, agent=agent).running() as lab:
            yield (
                lab,
                None
                if arguments.more or arguments.losses
                else Notebook(Path(name) / "notebook", has_ledger=arguments.ledger, agent=agent),
            )


def _chosen(arguments: argparse.Namespace) -> Iterator[tuple[str, Sequence[Step]]]:
    known = {**LIVES, **OF_THE_WAREHOUSE} if arguments.engine else LIVES
    known = OF_OTHER_AGENTS if arguments.other_agent else known
    if arguments.scripted is not None:
        yield from ((title, steps) for title, steps in known.items() if arguments.scripted in title)
    for seed in range(arguments.seed, arguments.seed + arguments.lives):
        happenings = next((known for name, known in _HAPPENINGS if getattr(arguments, name)), None)
        yield f"seed {seed}", random_life(seed, happenings)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.worlds", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--lives", type=int, default=0, metavar="N", help="as many lives at random")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="the seed of the first of them")
    parser.add_argument("--scripted", metavar="WORDS", help="the scripted lives whose name holds these words")
    parser.add_argument("--engine", action="store_true", help="with the real engine")
    parser.add_argument(
        "--more", action="store_true", help="more happens to transcripts and, with `--engine`, to warehouses"
    )
    parser.add_argument("--losses", action="store_true", help="as with --more, and transcripts are lost and rewritten")
    parser.add_argument("--upgrades", action="store_true", help="ccusage is up- and downgraded over majors")
    parser.add_argument(
        "--people", action="store_true", help="people undo, accept and import in part, one after another"
    )
    parser.add_argument("--other-agent", action="store_true", help="all usage is that of another agent")
    parser.add_argument("--ledger", action="store_true", help="transcripts are read too")
    parser.add_argument("--work-dir", type=Path, metavar="DIR", help="where the warehouse is made")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
