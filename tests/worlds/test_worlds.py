"""Lives are lived well: a hundred at random, and each of those that were once lived badly, with the engine too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ccusage_import.records import CLAUDE
from tests.worlds.driver import OTHER_AGENT
from tests.worlds.notebook import Notebook
from tests.worlds.random_lives import (
    HAPPENINGS,
    LOSSES,
    MORE_HAPPENINGS,
    UPGRADES,
    WITHOUT_TRANSCRIPTS,
    Happenings,
    random_life,
)
from tests.worlds.run import live, shortened, told, written
from tests.worlds.scripted import LIVES, OF_OTHER_AGENTS

ROOT = Path(__file__).parents[2]


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("happenings", "agent", "has_ledger"),
    [
        (HAPPENINGS, CLAUDE, False),
        (HAPPENINGS, CLAUDE, True),
        (MORE_HAPPENINGS, CLAUDE, False),
        (MORE_HAPPENINGS, CLAUDE, True),
        (LOSSES, CLAUDE, True),
        (UPGRADES, CLAUDE, True),
        (WITHOUT_TRANSCRIPTS, OTHER_AGENT, False),
    ],
    ids=["usual", "usual-ledger", "more", "more-ledger", "losses-ledger", "upgrades-ledger", "other-agent"],
)
def test_lives_at_random(tmp_path: Path, happenings: Happenings, agent: str, *, has_ledger: bool) -> None:
    notebook = Notebook(tmp_path, has_ledger=has_ledger, agent=agent)
    for seed in range(1, 101):
        if failures := live(notebook, random_life(seed, happenings)):
            steps, failures = shortened(notebook, random_life(seed, happenings), failures)
            pytest.fail(f"seed {seed}: {', '.join(map(written, steps))}\n{told(failures)}")


@pytest.mark.parametrize("has_ledger", [False, True])
@pytest.mark.parametrize("title", LIVES)
def test_lives_that_were_lived_badly(tmp_path: Path, title: str, *, has_ledger: bool) -> None:
    assert told(live(Notebook(tmp_path, has_ledger=has_ledger), LIVES[title])) == ""


@pytest.mark.parametrize("title", OF_OTHER_AGENTS)
def test_lives_of_other_agents_that_were_lived_badly(tmp_path: Path, title: str) -> None:
    assert told(live(Notebook(tmp_path, agent=OTHER_AGENT), OF_OTHER_AGENTS[title])) == ""


@pytest.mark.exhaustive
@pytest.mark.parametrize("more", [[], ["--ledger"], ["--ledger", "--more", "--seed", "301"], ["--other-agent"]])
def test_engine_and_notebook_agree(tmp_path: Path, more: list[str]) -> None:
    command = [sys.executable, "-m", "tests.worlds", "--engine", "--scripted", "undone", "--lives", "4", *more]
    done = subprocess.run(
        [*command, "--work-dir", tmp_path], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
