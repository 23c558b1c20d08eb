"""Mutants are the program with one change each, and a test that looks at the place notices it."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from tests.support.mutants import Lab, main, mutants_of

FILE = "ccusage_import/days.py"
TESTS = "tests/project/test_days.py"


@pytest.mark.parametrize("file", [FILE, "sql/queries/top_models.sql"])
def test_a_mutant_differs_in_one_place(file: str) -> None:
    mutants = list(mutants_of(file))

    assert len({mutant.text for mutant in mutants}) == len(mutants) > 10
    for mutant in mutants:
        assert mutant.line > 0
        if file.endswith(".py"):
            ast.parse(mutant.text)


def test_what_no_test_can_notice_is_no_mutant() -> None:
    changes = {mutant.change for mutant in mutants_of("ccusage_import/statistics.py")}

    # It has dataclasses that are frozen.
    assert ("1 -> 2" in changes, "True -> False" in changes) == (True, False)


def test_what_git_does_not_know_has_no_mutants(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mutants", "nowhere", "README.md"])

    with pytest.raises(SystemExit, match="2"):
        main()
    assert capsys.readouterr().err.endswith("error: no Python or SQL that git knows: nowhere, README.md\n")


@pytest.mark.exhaustive
def test_what_is_tested_is_noticed_and_what_is_not_survives(tmp_path: Path) -> None:
    mutant = next(each for each in mutants_of(FILE) if each.change == "minutes < 1 -> minutes <= 1")

    lab = Lab(tmp_path, [TESTS, "-k", "how_long_ago"])
    assert not lab.survives(mutant)
    assert lab.passes([FILE])
    assert Lab(tmp_path, [TESTS, "-k", "a_day_is_a_date"]).survives(mutant)
