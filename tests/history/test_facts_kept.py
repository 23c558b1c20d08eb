"""Facts go with the warehouse: into a backup and back, and to the server of a push."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ccusage_import.warehouse.migrations import FACT_TABLES
from tests.conftest import CORPORA, Place, Program
from tests.support.facts import become
from tests.support.gateway import Gateway

pytestmark = pytest.mark.exhaustive_at("http")

VIEWS = ("messages", "tool_calls", "turns", "events", "ledger_daily", "ledger_sessions")


def _shown(place: Place) -> dict[str, list[tuple[object, ...]]]:
    shown = place.answers({view: f"SELECT * FROM {view} ORDER BY ALL" for view in VIEWS})
    assert all(shown.values())
    return shown


@pytest.fixture
def read(program: Program, embedded: Callable[[str], Place], tmp_path: Path) -> Place:
    """An embedded warehouse with facts of all kinds, and the directory that they were read from."""
    become(tmp_path / "claude", CORPORA / "june")
    for group in ("07-retries", "03-parallel-calls"):
        become(tmp_path / "claude" / "projects" / group, CORPORA / "facts" / group / "1" / "projects")
    place = embedded("filled")
    done = program("import", "--warehouse", place.url, "--claude-dir", tmp_path / "claude")
    assert done.exit_code == 0, done.stderr
    return place


@pytest.mark.one_place
def test_a_restored_warehouse_shows_the_same_facts(program: Program, read: Place, place: Place, tmp_path: Path) -> None:
    assert program("backup", "saved", "--warehouse", read.url).exit_code == 0

    done = program("restore", "saved", "--warehouse", place.url)

    assert done.exit_code == 0, done.stderr
    assert _shown(place) == _shown(read)
    again = program("import", "--warehouse", place.url, "--claude-dir", tmp_path / "claude")
    assert "facts: 0 new messages, 0 tool calls" in again.stdout


def test_a_push_copies_facts_and_the_next_one_only_what_is_new(
    program: Program, read: Place, gateway: Gateway, tmp_path: Path
) -> None:
    server = Place(gateway.url(database="facts_of_a_push"), gateway)
    assert program("migrate", "--warehouse", server.url, "--create-database").exit_code == 0
    assert program("push", server.url, "--warehouse", read.url).exit_code == 0
    assert _shown(server) == _shown(read)
    become(tmp_path / "claude" / "projects" / "new", CORPORA / "facts" / "17-never-final" / "1" / "projects")
    program("import", "--warehouse", read.url, "--claude-dir", tmp_path / "claude")

    done = program("push", server.url, "--warehouse", read.url)

    assert done.stdout.splitlines()[0].split(" loads, ")[1].startswith("4 facts of ")
    assert _shown(server) == _shown(read)
    counts = {table: f"SELECT count() FROM {table} FINAL" for table in FACT_TABLES}
    assert server.answers(counts) == read.answers(counts)


def test_undo_takes_back_the_facts_that_a_load_brought_and_undo_of_that_brings_them_back(
    program: Program, migrated: Place, tmp_path: Path
) -> None:
    claude = tmp_path / "claude"
    become(claude / "projects" / "old", CORPORA / "facts" / "03-parallel-calls" / "1" / "projects")
    program("import", "--warehouse", migrated.url, "--claude-dir", claude)
    before = _facts(migrated)
    become(claude / "projects" / "new", CORPORA / "facts" / "09-compactions" / "1" / "projects")
    program("import", "--warehouse", migrated.url, "--claude-dir", claude)
    after = _facts(migrated)
    assert (len(before["messages"]), len(after["messages"])) == (2, 7)

    assert program("undo", _last_load(migrated), "--warehouse", migrated.url).exit_code == 0
    assert _facts(migrated) == before
    for cursor in program.home.rglob("transcripts.sqlite"):
        cursor.unlink()
    program("import", "--warehouse", migrated.url, "--claude-dir", claude)
    assert _facts(migrated) == before

    undo = str(migrated.rows("SELECT max(load_id) FROM loads WHERE undoes != 0")[0][0])
    assert program("undo", undo, "--warehouse", migrated.url, "--force").exit_code == 0
    assert _facts(migrated) == after


def test_facts_go_with_a_machine_that_gets_another_name(program: Program, migrated: Place, tmp_path: Path) -> None:
    claude = tmp_path / "claude"
    become(claude, CORPORA / "facts" / "03-parallel-calls" / "1")
    program("import", "--warehouse", migrated.url, "--claude-dir", claude, "--machine", "before")

    done = program("rename", "machine", "after", "--warehouse", migrated.url)

    assert done.exit_code == 0, done.stderr
    assert migrated.rows("SELECT machine, count(), sum(total_tokens) FROM messages GROUP BY machine") == [
        ("after", 2, 97)
    ]
    assert migrated.rows("SELECT DISTINCT machine FROM tool_calls") == [("after",)]
    again = program("import", "--warehouse", migrated.url, "--claude-dir", claude)
    assert "facts: 0 new messages, 0 tool calls" in again.stdout
    assert migrated.rows("SELECT count() FROM turns") == [(1,)]


def _facts(place: Place) -> dict[str, list[tuple[object, ...]]]:
    return place.answers({view: f"SELECT * FROM {view} ORDER BY ALL" for view in VIEWS[:4]})


def _last_load(place: Place) -> str:
    return str(place.rows("SELECT max(load_id) FROM loads")[0][0])
