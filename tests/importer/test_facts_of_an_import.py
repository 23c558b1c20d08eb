"""The step of an import that reads the transcripts: one line, its own failure, nothing where it is turned off."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Place, Program
from tests.support.claude_dir import ClaudeDir, days_ago


@pytest.fixture
def claude(tmp_path: Path) -> ClaudeDir:
    """Two sessions with three messages on two days."""
    claude = ClaudeDir(tmp_path / "claude")
    for session, days, tokens in (("a", 2, 10), ("a", 1, 20), ("b", 1, 30)):
        claude.say(session, days_ago(days), tokens)
    return claude


def test_an_import_says_in_one_line_what_it_read(migrated: Place, program: Program, claude: ClaudeDir) -> None:
    first = program("import", "--warehouse", migrated.url, "--claude-dir", claude.root)
    claude.say("b", days_ago(0), 40)
    second = program("import", "--warehouse", migrated.url, "--claude-dir", claude.root)
    third = program("import", "--warehouse", migrated.url, "--claude-dir", claude.root)

    assert [done.exit_code for done in (first, second, third)] == [0, 0, 0]
    lines = [line for done in (first, second, third) for line in done.stdout.splitlines() if line.startswith("facts: ")]
    assert lines == [
        "facts: 3 new messages, 0 tool calls; ledger equals ccusage on 2 of 2 days",
        "facts: 1 new messages, 0 tool calls; ledger equals ccusage on 3 of 3 days",
        "facts: 0 new messages, 0 tool calls",
    ]
    assert migrated.rows("SELECT date, total_tokens, token_difference FROM ledger_daily ORDER BY date") == [
        (days_ago(2).date(), 10, 0), (days_ago(1).date(), 50, 0), (days_ago(0).date(), 40, 0),
    ]  # fmt: skip
    assert migrated.rows("SELECT facts FROM loads FINAL ORDER BY load_id") == [
        ({"messages": 3},),
        ({"messages": 1},),
        ({},),
    ]


def test_facts_belong_to_the_load_that_brought_them(migrated: Place, program: Program, claude: ClaudeDir) -> None:
    done = program("import", "--json", "--warehouse", migrated.url, "--claude-dir", claude.root)

    printed = json.loads(done.stdout)
    assert printed["facts"]["new"] == {"messages": 3, "tool_calls": 0, "turns": 0, "events": 0}
    assert (printed["facts"]["files"], printed["facts"]["lines"], printed["facts"]["error"]) == (2, 3, None)
    assert migrated.rows("SELECT DISTINCT load_id FROM messages") == [(printed["load_id"],)]
    shown = program("history", "--warehouse", migrated.url)
    assert ", 3 facts " in shown.stdout.splitlines()[1]


@pytest.mark.one_place
def test_transcripts_can_be_left_out(migrated: Place, program: Program, claude: ClaudeDir) -> None:
    done = program("import", "--json", "--no-transcripts", "--warehouse", migrated.url, "--claude-dir", claude.root)

    assert (done.exit_code, json.loads(done.stdout)["facts"]) == (0, None)
    assert migrated.rows("SELECT count() FROM messages") == [(0,)]
    assert migrated.rows("SELECT sum(total_tokens) FROM daily") == [(60,)]


@pytest.mark.one_place
def test_a_dry_run_reads_no_transcript(migrated: Place, program: Program, claude: ClaudeDir) -> None:
    done = program("import", "--json", "--dry-run", "--warehouse", migrated.url, "--claude-dir", claude.root)

    assert (done.exit_code, json.loads(done.stdout)["facts"]) == (0, None)
    assert list(program.home.rglob("transcripts.sqlite")) == []


@pytest.mark.one_place
def test_the_reports_are_loaded_although_transcripts_cannot_be_read(
    migrated: Place, program: Program, claude: ClaudeDir
) -> None:
    program("import", "--warehouse", migrated.url, "--claude-dir", claude.root)
    (cursor,) = program.home.rglob("transcripts.sqlite")
    cursor.unlink()
    cursor.mkdir()
    claude.say("b", days_ago(0), 40)

    done = program("import", "--warehouse", migrated.url, "--claude-dir", claude.root)

    assert done.exit_code == 5
    assert done.stderr == (
        f"ccusage-import: error: {cursor}: Is a directory\nhint: make the directory writable; the file may be deleted\n"
    )
    assert migrated.rows("SELECT sum(total_tokens) FROM daily") == [(100,)]
    assert migrated.rows("SELECT sum(total_tokens) FROM messages") == [(60,)]

    cursor.rmdir()
    assert program("import", "--warehouse", migrated.url, "--claude-dir", claude.root).exit_code == 0
    assert migrated.rows("SELECT sum(total_tokens) FROM messages") == [(100,)]


@pytest.mark.one_place
def test_a_session_that_goes_on_after_its_beginning_was_deleted_is_whole(
    migrated: Place, program: Program, claude: ClaudeDir
) -> None:
    claude.say("old", days_ago(45), 1000)
    program("import", "--warehouse", migrated.url, "--claude-dir", claude.root)
    claude.delete("old")
    claude.say("old", days_ago(0), 500)

    program("import", "--warehouse", migrated.url, "--claude-dir", claude.root)

    assert migrated.rows(
        "SELECT total_tokens, stored_tokens, token_difference FROM ledger_sessions WHERE total_tokens > 100"
    ) == [(1500, 1000, 500)]
