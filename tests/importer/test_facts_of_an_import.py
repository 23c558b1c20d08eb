"""The step of an import that reads the transcripts: one line, its own failure, nothing where it is turned off."""

from __future__ import annotations

import json
import os
import re
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest

from tests.conftest import CORPORA, Place, Program
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.facts import become
from tests.support.gateway.running import Gateway

pytestmark = [pytest.mark.exhaustive_at("http"), pytest.mark.usefixtures("engine_stays")]


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
    with next(claude.root.rglob("a.jsonl")).open("a") as transcript:
        transcript.write("{\n")
    second = program("import", "--warehouse", migrated.url, "--claude-dir", claude.root)
    third = program("import", "--warehouse", migrated.url, "--claude-dir", claude.root)

    assert [done.exit_code for done in (first, second, third)] == [0, 0, 0]
    lines = [
        line for done in (first, second, third) for line in done.stdout.splitlines() if line.startswith("transcripts: ")
    ]
    adds_up = "days add up to ccusage's numbers"
    assert lines == [
        f"transcripts: 3 new messages, 0 tool calls; the messages of 2 of 2 {adds_up}",
        f"transcripts: 1 new message, 0 tool calls; the messages of 3 of 3 {adds_up}; 1 line not understood",
        "transcripts: 0 new messages, 0 tool calls",
    ]
    assert migrated.rows("SELECT date, total_tokens, token_difference FROM ledger_daily ORDER BY date") == [
        (days_ago(2).date(), 10, 0), (days_ago(1).date(), 50, 0), (days_ago(0).date(), 40, 0),
    ]  # fmt: skip
    assert migrated.rows("SELECT facts FROM loads FINAL ORDER BY load_id") == [
        ({"messages": 3},),
        ({"messages": 1, "bad lines/not_json": 1},),
        ({},),
    ]
    assert ", 1 fact  " in program("history", "--warehouse", migrated.url).stdout.splitlines()[2]


def test_facts_belong_to_the_load_that_brought_them(migrated: Place, program: Program, claude: ClaudeDir) -> None:
    done = program("import", "--json", "--warehouse", migrated.url, "--claude-dir", claude.root)

    printed = json.loads(done.stdout)
    assert printed["facts"]["new"] == {"messages": 3, "tool_calls": 0, "turns": 0, "events": 0}
    assert (printed["facts"]["files"], printed["facts"]["lines"], printed["facts"]["error"]) == (2, 3, None)
    assert migrated.rows("SELECT DISTINCT load_id FROM messages") == [(printed["load_id"],)]
    shown = program("history", "--warehouse", migrated.url)
    assert ", 3 facts " in shown.stdout.splitlines()[1]


@pytest.mark.parametrize("cost", ["1e30", "-1e30", "1e400", "1" + 400 * "0"])
def test_a_cost_that_nothing_can_cost_is_as_if_the_transcript_had_none(
    migrated: Place, program: Program, tmp_path: Path, cost: str
) -> None:
    transcript = tmp_path / "claude/projects/p/s.jsonl"
    transcript.parent.mkdir(parents=True)
    transcript.write_text(
        "".join(
            f'{{"type":"assistant","timestamp":"2026-03-02T10:00:00.000Z","sessionId":"s","version":"2.0.0",'
            f'"requestId":"r{number}","costUSD":{usd},"message":{{"id":"m{number}","model":"claude-unknown",'
            f'"content":[],"usage":{{"input_tokens":1,"output_tokens":2}}}}}}\n'
            for number, usd in (("1", cost), ("2", "0.25"))
        )
    )

    done = program("import", "--transcripts-only", "--warehouse", migrated.url, "--claude-dir", tmp_path / "claude")

    assert (done.exit_code, done.stderr) == (0, "")
    assert migrated.rows("SELECT total_tokens, cost_usd, unpriced FROM messages ORDER BY cost_usd") == [
        (3, Decimal(0), True),
        (3, Decimal("0.25"), False),
    ]


def test_a_warehouse_that_is_large_says_so(migrated: Place, program: Program, claude: ClaudeDir) -> None:
    where = ("--warehouse", migrated.url, "--claude-dir", claude.root)
    usual = program("import", *where)
    claude.say("b", days_ago(0), 40)
    large = program("import", "--transcripts-only", *where, CCUSAGE_IMPORT_LARGE_WAREHOUSE_GB="0.000001")

    assert (usual.exit_code, usual.stderr, large.exit_code) == (0, "", 0)
    assert re.fullmatch(
        r"ccusage-import: warning: the warehouse takes [\d.e-]+ GB, more than large_warehouse_gb = 1e-06;"
        r" ccusage-import compact --older-than 13mo makes it smaller\n",
        large.stderr,
    )


def test_a_server_that_is_lost_while_facts_are_written_costs_no_report(
    gateway: Gateway, program: Program, claude: ClaudeDir
) -> None:
    place = Place(gateway.url(database="lost_meanwhile"), gateway)
    where = ("--warehouse", place.url, "--claude-dir", claude.root)
    assert program("migrate", "--warehouse", place.url, "--create-database").exit_code == 0
    gateway.fail("drop_before", match="INSERT INTO `tool_call_facts_by_month`", times=9)
    gateway.fail("drop_before", match="INSERT INTO message_facts_by_month", times=9)

    done = program("import", "--json", *where)

    gateway.clear_faults()
    printed = json.loads(done.stdout)
    assert (done.exit_code, printed["facts"]["unread_bytes"] > 0) == (5, True)
    assert printed["facts"]["error"]["message"].startswith(f"warehouse {place.url}: no answer: ")
    assert place.rows("SELECT sum(total_tokens) FROM daily") == [(60,)]
    assert place.rows("SELECT state FROM loads FINAL") == [("committed",)]
    again = json.loads(program("import", "--json", *where).stdout)
    assert (again["facts"]["new"]["messages"], again["facts"]["unread_bytes"]) == (3, 0)
    assert place.rows("SELECT count(), sum(total_tokens) FROM messages") == [(3, 60)]


def test_facts_that_were_written_before_the_server_was_lost_are_those_of_a_load(
    gateway: Gateway, program: Program, tmp_path: Path
) -> None:
    place, claude = Place(gateway.url(database="half_written"), gateway), tmp_path / "claude"
    become(claude, CORPORA / "facts" / "03-parallel-calls" / "1")
    where = ("--transcripts-only", "--warehouse", place.url, "--claude-dir", claude)
    assert program("migrate", "--warehouse", place.url, "--create-database").exit_code == 0
    gateway.fail("drop_before", match="INSERT INTO tool_call_facts_by_month", times=9)

    lost = program("import", *where)

    gateway.clear_faults()
    assert (lost.exit_code, "error: warehouse" in lost.stderr) == (5, True)
    assert place.rows("SELECT state, error, facts FROM loads FINAL") == [
        ("committed", "No server answers at that address", {"messages": 2})
    ]
    again = json.loads(program("import", "--json", *where).stdout)["facts"]["new"]
    assert again == {"messages": 0, "tool_calls": 3, "turns": 1, "events": 0}
    first = str(place.rows("SELECT min(load_id) FROM loads")[0][0])
    assert program("undo", first, "--warehouse", place.url).exit_code == 0
    assert place.rows("SELECT count() FROM messages") == [(0,)]


@pytest.mark.one_place
def test_transcripts_can_be_left_out(migrated: Place, program: Program, claude: ClaudeDir) -> None:
    done = program("import", "--json", "--no-transcripts", "--warehouse", migrated.url, "--claude-dir", claude.root)

    assert (done.exit_code, json.loads(done.stdout)["facts"]) == (0, None)
    assert migrated.rows("SELECT count() FROM messages") == [(0,)]
    assert migrated.rows("SELECT sum(total_tokens) FROM daily") == [(60,)]


def test_without_transcripts_the_hours_are_those_of_ccusage(
    migrated: Place, program: Program, claude: ClaudeDir
) -> None:
    claude.say("b", days_ago(1, 14), 40)
    where = ("--no-transcripts", "--warehouse", migrated.url, "--claude-dir", claude.root)
    first = program("import", *where)
    claude.delete("b")
    second = program("import", "--json", *where)

    assert (first.exit_code, second.exit_code) == (0, 0)
    hours = json.loads(second.stdout)["reports"]["hours"]
    assert (hours["offered"], hours["held"], hours["unchanged"]) == (2, 1, 1)
    assert migrated.rows("SELECT at, messages, total_tokens FROM hours ORDER BY at") == [
        (days_ago(2), 1, 10),
        (days_ago(1), 2, 50),
        (days_ago(1, 14), 1, 40),
    ]
    # Nobody was at work at 13:00.
    assert migrated.rows("SELECT at, source, total_tokens, is_estimate FROM block_hours ORDER BY at") == [
        (days_ago(2), "hours", 10.0, False),
        (days_ago(1), "hours", 50.0, False),
        (days_ago(1, 13), "hours", 0.0, False),
        (days_ago(1, 14), "hours", 40.0, False),
    ]


@pytest.mark.one_place
def test_where_transcripts_are_read_hours_are_asked_for_by_name_alone(
    migrated: Place, program: Program, claude: ClaudeDir
) -> None:
    where = ("--warehouse", migrated.url, "--claude-dir", claude.root)
    assert program("import", *where).exit_code == 0
    assert migrated.rows("SELECT count() FROM hours") == [(0,)]

    named = program("import", "--json", "--report", "hours", *where)
    assert list(json.loads(named.stdout)["reports"]) == ["hours"]
    assert migrated.rows("SELECT sum(total_tokens) FROM hours") == [(60,)]
    assert migrated.rows("SELECT DISTINCT source FROM block_hours") == [("facts",)]


@pytest.mark.one_place
def test_saved_hours_are_read_beside_the_saved_reports(
    migrated: Place, program: Program, tmp_path: Path, claude: ClaudeDir, ccusage20: Path
) -> None:
    saved = tmp_path / "saved"
    saved.mkdir()
    environ = {**os.environ, "CLAUDE_CONFIG_DIR": str(claude.root), "HOME": str(tmp_path)}
    for name, options in (("blocks", ()), ("hours", ("--session-length", "1"))):
        with (saved / f"{name}.json").open("wb") as file:
            command = [ccusage20, "claude", "blocks", *options, "--json", "--offline"]
            subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, stdout=file, check=True)

    assert program("import", "--from", saved, "--warehouse", migrated.url).exit_code == 0
    assert migrated.rows("SELECT at, source, total_tokens FROM block_hours ORDER BY at") == [
        (days_ago(2), "hours", 10.0),
        (days_ago(1), "hours", 50.0),
    ]


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
    assert done.stderr == f"ccusage-import: error: {cursor}: Is a directory\nhint: move the directory away\n"
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


def test_transcripts_alone_are_a_load_of_their_own(migrated: Place, program: Program, claude: ClaudeDir) -> None:
    where = ("--warehouse", migrated.url)
    program("import", *where, "--claude-dir", claude.root)
    success = "SELECT last_load_at, last_state, last_success_at FROM freshness"
    before = migrated.rows(success)
    claude.say("b", days_ago(0), 40)
    alone = ("import", "--transcripts-only", *where, "--claude-dir", claude.root, "--ccusage", "/is/not/there")

    first, second = program(*alone), program(*alone)

    assert (first.exit_code, first.stderr, second.exit_code) == (0, "", 0)
    load_id = migrated.rows("SELECT max(load_id) FROM loads")[0][0]
    assert [line for line in first.stdout.splitlines() if line][:2] == [
        f"machine {_machine(migrated)} · transcripts alone · days in UTC · load {load_id}",
        "transcripts: 1 new message, 0 tool calls",
    ]
    assert second.stdout.splitlines()[0].endswith(" · nothing loaded")
    assert migrated.rows("SELECT state, runner, facts, reports FROM loads FINAL ORDER BY load_id DESC") == [
        ("committed", "transcripts", {"messages": 1}, []),
        ("committed", "PATH", {"messages": 3}, ["daily", "monthly", "session", "blocks", "projects"]),
    ]
    assert migrated.rows("SELECT sum(total_tokens) FROM messages") == [(100,)]
    assert migrated.rows("SELECT sum(cost_usd) FROM messages") == [(Decimal("0.0015"),)]
    assert migrated.rows("SELECT sum(total_tokens) FROM daily") == [(60,)]
    assert migrated.rows(success) == before

    shown = program("history", *where).stdout.splitlines()[1]
    assert (str(load_id) in shown, " transcripts " in shown, " 1 fact " in shown) == (True, True, True)
    assert program("changes", str(load_id), *where).stdout == "nothing changed\n"
    status = json.loads(program("status", "--json", *where).stdout)
    assert (status["state"], status["last_import"]["load_id"] < load_id) == ("ok", True)
    assert program("undo", str(load_id), *where).exit_code == 0
    assert migrated.rows("SELECT sum(total_tokens) FROM messages") == [(60,)]


def test_a_load_of_transcripts_is_not_an_import_of_the_reports(
    migrated: Place, program: Program, claude: ClaudeDir
) -> None:
    where = ("--warehouse", migrated.url, "--claude-dir", claude.root)
    done = program("import", "--transcripts-only", "--json", *where, CCUSAGE_IMPORT_METRICS_FILE="metrics.prom")

    printed = json.loads(done.stdout)
    assert (done.exit_code, printed["reports"], printed["facts"]["new"]["messages"]) == (0, {}, 3)
    assert list(program.home.rglob("metrics.prom")) == []
    status = program("status", "--json", "--warehouse", migrated.url)
    assert (status.exit_code, json.loads(status.stdout)["state"]) == (6, "never imported")
    assert migrated.rows("SELECT sum(cost_usd), max(unpriced) FROM messages") == [(Decimal(0), True)]

    # What had no price yet gets one: 60 tokens at 15 $ a million.
    assert program("import", *where).exit_code == 0
    assert migrated.rows("SELECT sum(cost_usd), max(unpriced) FROM messages") == [(Decimal("0.0009"), False)]
    assert migrated.rows("SELECT load_id FROM messages GROUP BY load_id") == [(printed["load_id"],)]


@pytest.mark.one_place
@pytest.mark.parametrize(
    ("option", "error"),
    [
        (("--no-transcripts",), "--no-transcripts: leaves nothing for --transcripts-only"),
        (("--dry-run",), "--dry-run: is about reports, and --transcripts-only reads none"),
        (("--from", "."), "--from: is about reports, and --transcripts-only reads none"),
        (("--report", "daily"), "--report: is about reports, and --transcripts-only reads none"),
        (("--until", "2026-01-01"), "--until: is about reports, and --transcripts-only reads none"),
    ],
)
def test_options_of_reports_are_refused_where_none_is_read(
    migrated: Place, program: Program, option: tuple[str, ...], error: str
) -> None:
    done = program("import", "--transcripts-only", "--warehouse", migrated.url, *option)

    assert (done.exit_code, done.stderr.splitlines()[0]) == (2, f"ccusage-import: error: {error}")
    assert migrated.rows("SELECT count() FROM loads") == [(0,)]


@pytest.mark.one_place
def test_transcripts_alone_that_cannot_be_read_are_an_error(
    migrated: Place, program: Program, claude: ClaudeDir
) -> None:
    where = ("--warehouse", migrated.url, "--claude-dir", claude.root)
    program("import", *where)
    (cursor,) = program.home.rglob("transcripts.sqlite")
    cursor.unlink()
    cursor.mkdir()

    done = program("import", "--transcripts-only", *where)

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == f"ccusage-import: error: {cursor}: Is a directory"
    assert migrated.rows("SELECT count() FROM loads FINAL") == [(1,)]


def _machine(place: Place) -> object:
    return place.rows("SELECT any(machine) FROM loads")[0][0]
