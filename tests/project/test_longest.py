"""The tests that begin first are there, and those of a module follow one another."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import LONGEST, in_order

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", LONGEST)
def test_what_takes_longest_is_there(name: str) -> None:
    file, _, function = name.partition("::")

    assert f"\ndef {function}" in (ROOT / file).read_text("utf-8")


def test_modules_stay_whole_in_whatever_order_their_tests_are_named() -> None:
    killed = "tests/importer/test_faults.py::test_a_killed_import_leaves_all_or_nothing"
    named = ["b.py::second", "a.py::one", "b.py::first", killed, "a.py::two[x::y]", "b.py::third"]

    assert in_order(named) == [
        killed, "b.py::second", "b.py::first", "b.py::third", "a.py::one", "a.py::two[x::y]",
    ]  # fmt: skip
