"""Facts go with the warehouse: into a backup and back, and to the server of a push."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ccusage_import.warehouse.facts.rewriting import bring_back_facts
from ccusage_import.warehouse.migrations import FACT_TABLES
from ccusage_import.warehouse.tables import next_load_id
from tests.conftest import CORPORA, Place, Program
from tests.faults.harness import Installation
from tests.faults.kills import Stepped
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.exhaustive import some_of
from tests.support.facts import become
from tests.support.gateway.running import Gateway
from tests.support.prompts import Session

pytestmark = [pytest.mark.exhaustive_at("http"), pytest.mark.usefixtures("engine_stays")]

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


def _as_older_releases_wrote_it(backup: Path, read: Place) -> None:
    """Write the facts of a backup anew, in the order of ids and without months."""
    manifest = json.loads((backup / "manifest.json").read_text())
    with read.opened() as opened:
        for table, key in (
            ("message_facts", "message, request, counted_session, copy, record"),
            ("tool_call_facts", "call"),
        ):
            sql = f"SELECT * EXCEPT month FROM {table}_by_month FINAL ORDER BY machine, {key}"
            data = opened.raw(sql, "Parquet", {})
            (backup / f"{table}.parquet").write_bytes(data)
            manifest["tables"][table] |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (backup / "manifest.json").write_text(json.dumps({**manifest, "schema_version": "0012"}))


@pytest.mark.one_place
@pytest.mark.parametrize("is_older", [False, True], ids=["of now", "of an older release"])
def test_a_restored_warehouse_shows_the_same_facts(
    program: Program, read: Place, place: Place, tmp_path: Path, *, is_older: bool
) -> None:
    assert program("backup", "saved", "--warehouse", read.url).exit_code == 0
    if is_older:
        _as_older_releases_wrote_it(program.home / "saved", read)

    done = program("restore", "saved", "--warehouse", place.url)

    assert done.exit_code == 0, done.stderr
    assert _shown(place) == _shown(read)
    again = program("import", "--warehouse", place.url, "--claude-dir", tmp_path / "claude")
    assert "transcripts: 0 new messages, 0 tool calls" in again.stdout


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

    assert done.stdout.splitlines()[0].split("1 load, ")[1].startswith("4 facts of ")
    assert _shown(server) == _shown(read)
    counts = {table: f"SELECT count() FROM {table} FINAL" for table in FACT_TABLES}
    assert server.answers(counts) == read.answers(counts)

    # As where an older release pushed the same loads without facts.
    with server.opened() as opened:
        for table in FACT_TABLES:
            opened.command(f"TRUNCATE TABLE {table}")
    assert program("push", server.url, "--warehouse", read.url).exit_code == 0
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


COUNTED = "SELECT (SELECT sum(total_tokens) FROM daily), (SELECT sum(total_tokens) FROM messages)"


@pytest.mark.exhaustive
@pytest.mark.parametrize("brings_records", [True, False], ids=["of an import", "of transcripts alone"])
def test_an_undo_that_is_killed_anywhere_is_settled_by_the_next_command(
    tmp_path: Path, *, brings_records: bool
) -> None:
    home, kept, claude = tmp_path / "home", tmp_path / "kept", ClaudeDir(tmp_path / "claude")
    installation = Installation(home, f"chdb://{home}/warehouse")
    installation.prepare()
    where = ("--claude-dir", claude.root)
    claude.say("a", days_ago(3), 1_000)
    assert installation.run("import", *where)[0] == 0
    claude.say("a", days_ago(3, hour=13), 2_000)
    assert installation.run("import", *where, *(() if brings_records else ("--transcripts-only",)))[0] == 0
    target = str(installation.rows("SELECT max(load_id) FROM loads")[0][0])
    before, after = installation.rows(COUNTED), [(1_000, 1_000)]
    assert before == [(3_000, 3_000) if brings_records else (1_000, 3_000)]
    shutil.copytree(home, kept, symlinks=True)
    stepped = Stepped(installation, target, command="undo")
    points = stepped.pass_all()
    assert (stepped.end()[0], installation.rows(COUNTED)) == (0, after)

    writing = [number for number, point in enumerate(points) if point.startswith("before insert")]
    assert len(writing) >= 6
    for number in (*writing, len(points) - 1):
        shutil.rmtree(home)
        shutil.copytree(kept, home, symlinks=True)
        point = Stepped(installation, target, command="undo").kill_at(number)
        assert (point, installation.run("import", "--transcripts-only", *where)[0]) == (point, 0)
        assert (point, installation.rows("SELECT count() FROM loads FINAL WHERE state = 'running'")) == (point, [(0,)])
        assert (point, installation.rows(COUNTED) in (before, after)) == (point, True)
        if brings_records:
            assert (point, installation.run("verify", *where)[0]) == (point, 0)
        # It is refused where that one was finished.
        assert (point, installation.run("undo", target)[0] in (0, 2)) == (point, True)
        assert (point, installation.rows(COUNTED)) == (point, after)


@pytest.mark.parametrize("is_ended_between", some_of([False, True], 0), ids=("at once", "ended between"))
@pytest.mark.parametrize("way", some_of(["grow", "accept"], 0))
@pytest.mark.exhaustive_at("http")
def test_facts_come_back_with_the_records_that_were_taken_back(
    program: Program, migrated: Place, tmp_path: Path, way: str, *, is_ended_between: bool
) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    command = ("import", "--warehouse", migrated.url, "--claude-dir", claude.root, "--machine", "laptop")
    claude.say("a", days_ago(3), 1_000)
    program(*command)
    claude.say("a", days_ago(3, hour=13), 2_000)
    program(*command)
    assert program("undo", "last", "--warehouse", migrated.url).exit_code == 0
    undo = int(_last_load(migrated))
    program(*command)
    assert migrated.rows(COUNTED) == [(1_000, 1_000)]
    if is_ended_between:
        with migrated.opened() as opened:
            bring_back_facts(opened, "laptop", undo, next_load_id(opened, "laptop"))

    if way == "grow":
        claude.say("a", days_ago(3, hour=14), 500)
        total = 3_500
        done = program(*command)
    else:
        total = 3_000
        done = program("accept", "last", "--warehouse", migrated.url)

    assert (done.exit_code, migrated.rows(COUNTED)) == (0, [(total, total)]), done.stderr
    load = _last_load(migrated)
    program(*command)
    assert migrated.rows(COUNTED) == [(total, total)]
    if not is_ended_between:
        assert program("undo", load, "--warehouse", migrated.url).exit_code == 0
        assert migrated.rows(COUNTED) == [(1_000, 1_000)]


@pytest.mark.one_place
def test_facts_come_back_with_their_day_although_another_session_of_it_stays_taken_back(
    program: Program, migrated: Place, tmp_path: Path
) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    command = ("import", "--warehouse", migrated.url, "--claude-dir", claude.root)
    claude.say("a", days_ago(3), 1_000)
    program(*command)
    claude.say("a", days_ago(3, hour=13), 2_000)
    claude.say("b", days_ago(3, hour=13), 40)
    program(*command)
    assert program("undo", "last", "--warehouse", migrated.url).exit_code == 0
    assert migrated.rows(COUNTED) == [(1_000, 1_000)]

    claude.say("a", days_ago(3, hour=14), 500)
    program(*command)

    assert migrated.rows(COUNTED) == [(3_540, 3_540)]
    sessions = "SELECT stored_tokens, total_tokens FROM ledger_sessions ORDER BY total_tokens"
    assert migrated.rows(sessions) == [(0, 40), (3_500, 3_500)]
    verified = program("verify", "--warehouse", migrated.url, "--claude-dir", claude.root)
    assert verified.exit_code == 0, verified.stdout
    load = _last_load(migrated)
    assert program("undo", load, "--warehouse", migrated.url).exit_code == 0
    assert migrated.rows(COUNTED) == [(1_000, 1_000)]


@pytest.mark.one_place
@pytest.mark.parametrize("report", some_of(["monthly", "session", "projects"], 0, 1))
def test_facts_come_back_with_their_day_although_another_report_stays_taken_back(
    program: Program, migrated: Place, tmp_path: Path, report: str
) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    command = ("import", "--warehouse", migrated.url, "--claude-dir", claude.root)
    claude.say("a", days_ago(3), 1_000)
    assert program(*command, "--report", report).exit_code == 0
    assert program("undo", "last", "--warehouse", migrated.url).exit_code == 0

    program(*command)

    assert migrated.rows(COUNTED) == [(1_000, 1_000)]


def import_resumed(program: Program, place: Place, claude: ClaudeDir) -> None:
    """Import a session of 1,000 tokens, and then another one that resumes it by 20 more."""
    command = ("import", "--warehouse", place.url, "--claude-dir", claude.root)
    claude.say("b", days_ago(3), 1_000)
    program(*command)
    # Of two transcripts of a message, the first by name has it.
    claude.file("a").write_text(claude.file("b").read_text().replace('"sessionId":"b"', '"sessionId":"a"'))
    claude.say("a", days_ago(2), 20)
    program(*command)


@pytest.mark.one_place
def test_a_session_that_was_resumed_by_a_load_that_is_taken_back_keeps_its_messages(
    program: Program, migrated: Place, tmp_path: Path
) -> None:
    import_resumed(program, migrated, ClaudeDir(tmp_path / "claude"))
    assert migrated.rows(COUNTED) == [(1_020, 1_020)]

    assert program("undo", "last", "--warehouse", migrated.url).exit_code == 0

    assert migrated.rows(COUNTED) == [(1_000, 1_000)]
    assert program("undo", "last", "--warehouse", migrated.url).exit_code == 0
    assert migrated.rows(COUNTED) == [(1_020, 1_020)]


@pytest.mark.one_place
def test_a_message_that_two_loads_brought_goes_with_the_second_where_the_first_is_taken_back(
    program: Program, migrated: Place, tmp_path: Path
) -> None:
    import_resumed(program, migrated, ClaudeDir(tmp_path / "claude"))

    for load in migrated.rows("SELECT toString(load_id) FROM loads FINAL ORDER BY load_id"):
        assert program("undo", *map(str, load), "--force", "--warehouse", migrated.url).exit_code == 0

    assert migrated.rows(COUNTED) == [(0, 0)]


@pytest.mark.one_place
def test_messages_without_an_id_that_say_the_same_go_with_their_own_load(
    program: Program, migrated: Place, tmp_path: Path
) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    command = ("import", "--warehouse", migrated.url, "--claude-dir", claude.root)
    for session, ago in (("a", 3), ("b", 2)):
        claude.say(session, days_ago(ago), 1_000)
        text = claude.file(session).read_text()
        claude.file(session).write_text(re.sub('"(requestId|id)":"[^"]*",', "", text))
        program(*command)
    assert migrated.rows(COUNTED) == [(2_000, 2_000)]

    assert program("undo", "last", "--warehouse", migrated.url).exit_code == 0

    assert migrated.rows(COUNTED) == [(1_000, 1_000)]


# Of the two days: tokens of reports and of messages, then what else is told of the transcripts.
DAYS = (
    "SELECT groupArray(tokens) FROM (SELECT sum(total_tokens) AS tokens FROM daily GROUP BY date ORDER BY date)",
    "SELECT groupArray(tokens) FROM (SELECT sum(total_tokens) AS tokens FROM messages GROUP BY date ORDER BY date)",
    "SELECT (SELECT count() FROM turns), (SELECT count() FROM tool_calls), (SELECT count() FROM events)",
)


@pytest.mark.one_place
def test_facts_come_back_with_their_day_although_another_day_stays_taken_back(
    program: Program, migrated: Place, tmp_path: Path
) -> None:
    claude, zone = ClaudeDir(tmp_path / "claude"), {"CCUSAGE_IMPORT_TIMEZONE": "Pacific/Auckland"}
    where = ("--warehouse", migrated.url, "--claude-dir", claude.root)
    # In Auckland it is the next day.
    claude.say("a", days_ago(3, 13), 1_000)
    program("import", *where, **zone)
    earlier, later = (Session(claude.root, name, days_ago(ago, 14)) for name, ago in (("b", 3), ("c", 1)))
    for session in (earlier, later):
        session.prompt().answer(40, calls={f"{session.name} Read": {}}).after(1).result(session.name).compaction(9)
    program("import", *where, **zone)
    assert [migrated.rows(sql) for sql in DAYS] == [[([1_040, 40],)], [([1_040, 40],)], [(2, 2, 2)]]
    assert program("undo", "last", "--warehouse", migrated.url, **zone).exit_code == 0
    assert [migrated.rows(sql) for sql in DAYS] == [[([1_000],)], [([1_000],)], [(0, 0, 0)]]

    later.after(60).answer(7)
    program("import", *where, **zone)

    assert [migrated.rows(sql) for sql in DAYS] == [[([1_000, 47],)], [([1_000, 47],)], [(1, 1, 1)]]
    verified = program("verify", *where, **zone)
    assert verified.exit_code == 0, verified.stdout
    day = str(migrated.rows("SELECT min(date) FROM daily")[0][0])
    assert program("accept", f"daily/{day}", "--warehouse", migrated.url, **zone).exit_code == 0
    assert [migrated.rows(sql) for sql in DAYS] == [[([1_040, 47],)], [([1_040, 47],)], [(2, 2, 2)]]


@pytest.mark.one_place
def test_facts_of_a_day_that_was_not_taken_back_come_with_it(program: Program, migrated: Place, tmp_path: Path) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    where, zone = ("--warehouse", migrated.url, "--claude-dir", claude.root), {"CCUSAGE_IMPORT_TIMEZONE": "UTC"}
    claude.say("a", days_ago(3), 1_000)
    claude.say("b", days_ago(1), 40)
    program("import", *where, "--until", str(days_ago(2).date()), **zone)
    # It had read the messages of both days.
    assert [migrated.rows(sql) for sql in DAYS[:2]] == [[([1_000],)], [([1_000, 40],)]]
    assert program("undo", "last", "--warehouse", migrated.url).exit_code == 0

    program("import", *where, **zone)

    assert [migrated.rows(sql) for sql in DAYS[:2]] == [[([40],)], [([40],)]]
    verified = program("verify", *where, **zone)
    assert verified.exit_code == 0, verified.stdout


@pytest.mark.exhaustive
def test_facts_go_with_a_machine_that_gets_another_name(program: Program, migrated: Place, tmp_path: Path) -> None:
    claude = tmp_path / "claude"
    become(claude, CORPORA / "facts" / "03-parallel-calls" / "1")
    program("import", "--warehouse", migrated.url, "--claude-dir", claude, "--machine", "before")

    done = program("rename", "machine", "after", "--warehouse", migrated.url)

    assert (done.exit_code, done.stderr) == (0, "")
    # Two messages, three calls of tools and a turn.
    assert re.search(r", 1 load, 6 facts of before are those of after\n$", done.stdout), done.stdout
    assert migrated.rows("SELECT machine, count(), sum(total_tokens) FROM messages GROUP BY machine") == [
        ("after", 2, 97)
    ]
    assert migrated.rows("SELECT DISTINCT machine FROM tool_calls") == [("after",)]
    again = program("import", "--warehouse", migrated.url, "--claude-dir", claude)
    assert "transcripts: 0 new messages, 0 tool calls" in again.stdout
    assert migrated.rows("SELECT count() FROM turns") == [(1,)]


@pytest.mark.one_place
@pytest.mark.parametrize("is_swept", [False, True], ids=["there", "swept"])
def test_facts_that_were_taken_back_stay_so_under_another_name_until_that_is_undone(
    program: Program, migrated: Place, tmp_path: Path, *, is_swept: bool
) -> None:
    claude, where = ClaudeDir(tmp_path / "claude"), ("--warehouse", migrated.url)
    claude.say("a", days_ago(3, 7), 1_000)
    program("import", *where, "--claude-dir", claude.root)
    later = Session(claude.root, "b", days_ago(2, 8))
    later.prompt().answer(40, calls={"b Read": {}}).after(1).result("b").compaction(9)
    program("import", *where, "--claude-dir", claude.root)
    assert program("undo", "last", *where).exit_code == 0
    undone_by = _last_load(migrated)
    if is_swept:
        next(claude.root.rglob("b.jsonl")).unlink()

    assert program("rename", "machine", "tower", *where).exit_code == 0
    program("import", *where, "--claude-dir", claude.root)
    assert [migrated.rows(sql) for sql in DAYS] == [[([1_000],)], [([1_000],)], [(0, 0, 0)]]

    assert program("undo", undone_by, *where).exit_code == 0
    assert [migrated.rows(sql) for sql in DAYS] == [[([1_000, 40],)], [([1_000, 40],)], [(1, 1, 1)]]
    assert program("verify", *where, "--claude-dir", claude.root).exit_code == 0


def _facts(place: Place) -> dict[str, list[tuple[object, ...]]]:
    return place.answers({view: f"SELECT * FROM {view} ORDER BY ALL" for view in VIEWS[:4]})


def _last_load(place: Place) -> str:
    return str(place.rows("SELECT max(load_id) FROM loads")[0][0])
