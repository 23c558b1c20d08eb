"""How people name a load."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ccusage_import.exceptions import AuditError
from ccusage_import.history.load_names import match_load, short_ids
from tests.conftest import Program
from tests.support.claude_dir import ClaudeDir, days_ago

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


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (range(11, 16), "load 1: 5 loads begin with it: 11, 12, 13, 14, 15"),
        (range(11, 18), "load 1: 7 loads begin with it: 13, 14, 15, 16, 17 and 2 more"),
    ],
)
def test_of_many_loads_the_newest_five_are_listed(known: range, said: str) -> None:
    with pytest.raises(AuditError) as refused:
        match_load("1", known)
    assert str(refused.value) == said


def test_there_is_no_last_load_without_any() -> None:
    with pytest.raises(AuditError, match="there is no load last"):
        match_load("last", [])


@pytest.mark.exhaustive
@pytest.mark.usefixtures("engine_stays", "own_warehouse")
def test_commands_take_the_beginning_of_a_load_and_last_and_a_day_by_how_long_ago_it_was(
    program: Program, tmp_path: Path
) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("a", days_ago(40), 100_000)
    claude.say("b", days_ago(40), 100_000)
    program.environ["CCUSAGE_IMPORT_CLAUDE_DIRS"] = str(claude.root)
    assert program("import").exit_code == 0
    claude.delete("a")
    assert program("import").exit_code == 0
    shown = program("history", COLUMNS="80").stdout.splitlines()[1:]
    last, first = (line.split()[0] for line in shown)
    loads = json.loads(program("history", "--json").stdout)
    ids = [load["load_id"] for load in loads]

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", loads[0]["started_at"])
    assert [str(load).startswith(name) for load, name in zip(ids, (last, first), strict=True)] == [True, True]
    assert {change["load_id"] for change in json.loads(program("changes", first, "--json").stdout)} == {ids[1]}
    assert {change["load_id"] for change in json.loads(program("changes", "last", "--json").stdout)} == {ids[0]}
    of_another = program("changes", "last", CCUSAGE_IMPORT_MACHINE="tower").stderr.splitlines()
    assert of_another[-2:] == [
        "ccusage-import: error: there is no load of tower",
        "hint: ccusage-import history lists all loads",
    ]
    assert program("changes", str(ids[0])[0]).stderr.splitlines()[1] == "hint: give more digits of it"

    few = program("changes", "--limit", "2", COLUMNS="80").stdout.splitlines()
    assert [line.split()[1] for line in few if line.startswith(last)] == ["held", "held"]
    assert few[-1] == "the newest 2 of 10 changes; --limit 10 shows all"
    narrow = program("changes", "--limit", "2", COLUMNS="40").stdout.splitlines()
    assert narrow[-2:] == ["the newest 2 of 10 changes; --limit 10", "  shows all"]
    assert program("changes", "--limit", "2", "--quiet", COLUMNS="80").stdout.splitlines() == few[:-1]
    assert "to accept" in program("held").stdout
    assert "to accept" not in program("held", "--quiet").stdout

    assert len(json.loads(program("held", "--json").stdout)) == 4
    assert program("accept", "daily", "40 days ago").exit_code == 2
    assert "1 record changed" in program("accept", "40d").stdout
    assert [change["report"] for change in json.loads(program("held", "--json").stdout)] == [
        "blocks", "monthly", "projects",
    ]  # fmt: skip
    assert f"load {ids[1]} is taken back" in program("undo", first, "--force").stdout
