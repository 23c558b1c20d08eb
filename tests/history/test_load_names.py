"""How people name a load."""

from __future__ import annotations

import pytest

from ccusage_import.exceptions import AuditError
from ccusage_import.history.load_names import match_load, short_ids

IDS = [1795676694622468, 1795677231334309, 1795677299999999, 1800000000000000]


def test_as_much_of_an_id_is_shown_as_no_other_begins_with_and_six_digits_at_least() -> None:
    assert short_ids(IDS) == {
        1795676694622468: "1795676",
        1795677231334309: "179567723",
        1795677299999999: "179567729",
        1800000000000000: "180000",
    }
    assert short_ids([]) == {}
    assert short_ids([7]) == {7: "7"}


def test_what_is_shown_names_the_load() -> None:
    assert [match_load(name, IDS) for name in short_ids(IDS).values()] == IDS


def test_any_beginning_that_only_one_load_has_names_it_and_last_is_the_newest() -> None:
    assert match_load("18", IDS) == 1800000000000000
    assert match_load("1795676694622468", IDS) == 1795676694622468
    assert match_load("last", IDS) == 1800000000000000
    # One whole id is the beginning of another one.
    assert match_load("18", [18, 180]) == 18


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("3", "there is no load 3"),
        ("", "there is no load "),
        ("daily", "there is no load daily"),
        ("1795677", "load 1795677: 2 loads begin with it: 1795677231334309, 1795677299999999"),
    ],
)
def test_no_load_or_several_are_refused(name: str, said: str) -> None:
    with pytest.raises(AuditError) as refused:
        match_load(name, IDS)
    assert str(refused.value) == said


def test_there_is_no_last_load_without_any() -> None:
    with pytest.raises(AuditError, match="there is no load last"):
        match_load("last", [])
