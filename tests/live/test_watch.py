"""`watch` with real processes: what is written is stored once, whatever happens meanwhile."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ccusage_import.config.warehouse_url import EmbeddedWarehouse, parse_warehouse_url
from ccusage_import.files import file_lock
from tests.conftest import Place, Program
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.gateway.running import Gateway, running_gateway
from tests.support.watching import PATIENCE_SECONDS, watching

pytestmark = pytest.mark.exhaustive_at("http")

ONCE = "SELECT count(), (SELECT count() FROM message_facts_by_month FINAL), sum(total_tokens) FROM messages"


def where(place: Place, claude: ClaudeDir, every: str = "0") -> tuple[str | Path, ...]:
    return ("--warehouse", place.url, "--claude-dir", claude.root, "--reports-every", every)


def test_what_is_written_is_stored_and_the_end_is_good(migrated: Place, program: Program, claude: ClaudeDir) -> None:
    claude.say("a", days_ago(1), 10)
    with watching(program, *where(migrated, claude)) as watch:
        watch.until_stored(1)
        for count in range(2, 5):
            claude.say("a", days_ago(0), 10)
            watch.until_stored(count)
        claude.say("b", days_ago(0), 100)
        watch.until_stored(5)
        if migrated.gateway:
            assert migrated.rows(ONCE) == [(5, 5, 140)]
        assert (watch.end(), watch.stderr.read_text()) == (0, "")
        assert watch.events()[-1]["event"] == "ended"
    assert migrated.rows(ONCE) == [(5, 5, 140)]
    assert migrated.rows("SELECT runner, state, facts FROM loads FINAL") == [
        ("watch", "committed", {"messages": 5}),
    ]
    shown = program("history", "--warehouse", migrated.url).stdout.splitlines()
    assert ("watch" in shown[1], "5 facts" in shown[1], len(shown)) == (True, True, 2)


@pytest.mark.one_place
def test_another_warehouse_gets_what_was_read_into_the_first_with_its_names(
    migrated: Place, program: Program, claude: ClaudeDir
) -> None:
    claude.say("a", days_ago(1), 10)
    first = Place(f"chdb://{program.home}/first")
    assert program("import", *where(first, claude)[:4], "--transcripts-only").exit_code == 0
    next(program.home.rglob("names.json")).unlink()

    with watching(program, *where(migrated, claude)) as watch:
        watch.until_stored(1)
        claude.say("b", days_ago(0), 20)
        watch.until_stored(2)
        assert watch.end() == 0

    shown = program(
        "query", "SELECT project, session_id FROM messages", "--warehouse", migrated.url, "--format", "table"
    )
    assert [name in shown.stdout for name in ("-home-ana-shop", " a ", " b ")] == [True] * 3


def test_half_a_line_waits_for_its_end(migrated: Place, program: Program, claude: ClaudeDir) -> None:
    claude.say("a", days_ago(0), 10)
    line = claude.file("a").read_text()
    half = len(line) // 2
    claude.file("a").write_text(line[:half])
    with watching(program, *where(migrated, claude)) as watch:
        claude.say("b", days_ago(0), 20)
        watch.until_stored(1)
        with claude.file("a").open("a") as transcript:
            transcript.write(line[half:-1])
        watch.until_stored(2)
        with claude.file("a").open("a") as transcript:
            transcript.write("\n")
        claude.say("b", days_ago(0), 30)
        watch.until_stored(3)
        assert watch.end() == 0
    assert migrated.rows(ONCE) == [(3, 3, 60)]
    assert migrated.rows("SELECT facts FROM loads FINAL") == [({"messages": 3},)]


@pytest.mark.exhaustive
def test_directories_and_files_come_and_go(
    migrated: Place, program: Program, claude: ClaudeDir, tmp_path: Path
) -> None:
    second = tmp_path / "second"
    with watching(program, *where(migrated, claude), "--claude-dir", second) as watch:
        claude.say("a", days_ago(0), 1, project="-home-ana-new")
        watch.until_stored(1)
        other = ClaudeDir(second)
        other.say("b", days_ago(0), 2)
        watch.until_stored(2)
        other.say("b", days_ago(0), 4)
        watch.until_stored(3)
        claude.delete("a", "-home-ana-new")
        # Another file of the same name, written beside it and put in its place.
        claude.say("draft", days_ago(0), 8)
        watch.until_stored(4)
        claude.say("draft", days_ago(0), 16)
        copy = claude.root / "copy"
        copy.write_text(claude.file("draft").read_text())
        claude.say("other", days_ago(0), 32)
        with copy.open("a") as longer:
            longer.write(claude.file("other").read_text())
        copy.rename(claude.file("draft"))
        watch.until_stored(6)
        claude.file("draft").write_text("")
        claude.say("draft", days_ago(0), 64)
        watch.until_stored(7)
        assert watch.end(signal.SIGINT) == 0
        assert watch.stderr.read_text() == ""
    assert migrated.rows(ONCE) == [(7, 7, 127)]


@pytest.mark.exhaustive
def test_every_fact_is_stored_once_however_often_it_is_ended_in_a_burst(
    migrated: Place, program: Program, claude: ClaudeDir
) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
        with watching(program, *where(migrated, claude)) as watch:
            before = watch.messages()
            for session in range(40):
                for _ in range(3):
                    claude.say(f"s{session}", days_ago(0), 1)
            watch.until_stored(before + 1)
            for session in range(40):
                claude.say(f"s{session}", days_ago(0), 1)
            watch.end(number)
    with watching(program, *where(migrated, claude)) as watch:
        assert watch.end() == 0
    assert migrated.rows(ONCE) == [(640, 640, 640)]
    # However it ended, the loads say what they brought.
    assert migrated.rows("SELECT sum(facts['messages']), groupUniqArray(state) FROM loads FINAL") == [
        (640, ["committed"])
    ]


@pytest.mark.exhaustive
def test_undo_takes_back_what_it_brought_alone(migrated: Place, program: Program, claude: ClaudeDir) -> None:
    claude.say("a", days_ago(1), 10)
    assert program("import", *where(migrated, claude)[:4]).exit_code == 0
    with watching(program, *where(migrated, claude)) as watch:
        claude.say("a", days_ago(0), 20)
        watch.until_stored(1)
        assert watch.end() == 0

    assert program("undo", "last", "--warehouse", migrated.url).exit_code == 0

    assert migrated.rows("SELECT count(), sum(total_tokens) FROM messages") == [(1, 10)]
    assert migrated.rows("SELECT sum(total_tokens) FROM daily") == [(10,)]


@pytest.mark.exhaustive
def test_the_ordinary_import_runs_in_it(migrated: Place, program: Program, claude: ClaudeDir) -> None:
    claude.say("a", days_ago(1), 10)
    with watching(program, *where(migrated, claude, every="3s")) as watch:
        watch.until_said("imported", 1)
        claude.say("a", days_ago(0), 20)
        watch.until_stored(2)
        watch.until_said("imported", 2)
        assert watch.end() == 0
        assert watch.stderr.read_text() == ""
    assert [event["exit_code"] for event in watch.events("imported")] == [0, 0]
    assert migrated.rows("SELECT sum(total_tokens) FROM daily") == [(30,)]
    assert migrated.rows(ONCE) == [(2, 2, 30)]
    assert migrated.rows("SELECT sum(token_difference) FROM ledger_daily") == [(0,)]


@pytest.mark.one_place
def test_a_warehouse_that_nothing_but_watch_has_opened_is_missed_when_it_is_gone(
    place: Place, program: Program, claude: ClaudeDir
) -> None:
    claude.say("a", days_ago(1), 10)
    with watching(program, *where(place, claude, every="1h")) as watch:
        watch.until_said("imported", 1)
        assert watch.end(signal.SIGKILL) == -signal.SIGKILL
    directory = Path(place.url.removeprefix("chdb://"))
    directory.rename(directory.with_name("elsewhere"))

    done = program("import", *where(place, claude)[:4])

    assert (done.exit_code, directory.exists()) == (4, False), done.stderr
    assert f"warehouse {place.url} is gone: it held " in done.stderr


@pytest.mark.one_place
@pytest.mark.exhaustive
def test_polling_finds_what_is_written(migrated: Place, program: Program, claude: ClaudeDir) -> None:
    with watching(program, *where(migrated, claude), "--poll") as watch:
        claude.say("a", days_ago(0), 10)
        watch.until_stored(1)
        claude.say("a", days_ago(0), 10)
        watch.until_stored(2)
        assert watch.events("watching") == [watch.events()[0]]
        assert watch.events()[0]["polls"] is True
        assert watch.end() == 0
    assert migrated.rows(ONCE) == [(2, 2, 20)]


@pytest.mark.one_place
def test_other_commands_are_let_into_an_embedded_warehouse(
    migrated: Place, program: Program, claude: ClaudeDir
) -> None:
    with watching(program, *where(migrated, claude), "--reports-every", "0") as watch:
        claude.say("a", days_ago(0), 10)
        watch.until_stored(1)
        # Not even they wait who would wait for nobody.
        impatient = {"CCUSAGE_IMPORT_LOCK_WAIT_SECONDS": "0"}
        asked = program(
            "query", *where(migrated, claude)[:2], "SELECT count() FROM messages", "--format", "csv", **impatient
        )
        assert (asked.exit_code, asked.stdout.split()) == (0, ['"count()"', "1"]), asked
        imported = program("import", *where(migrated, claude)[:4], **impatient)
        assert imported.exit_code == 0, imported
        claude.say("a", days_ago(0), 20)
        watch.until_stored(2)
        # It may not have had it again when the second one came.
        assert len(watch.events("lent")) in (1, 2)
        assert watch.end() == 0
    assert migrated.rows(ONCE) == [(2, 2, 30)]


@pytest.mark.one_place
@pytest.mark.exhaustive
def test_a_cursor_that_fails_is_a_loss_that_ends(migrated: Place, program: Program, claude: ClaudeDir) -> None:
    with watching(program, *where(migrated, claude)) as watch:
        claude.say("a", days_ago(0), 10)
        watch.until_stored(1)
        with closing(sqlite3.connect(next(program.home.rglob("transcripts.sqlite")))) as cursor:
            cursor.execute("DROP TABLE files")
        claude.say("a", days_ago(0), 20)
        watch.until_said("regained", 1)
        [lost] = watch.events("lost")
        assert "transcripts.sqlite: no such table: " in lost["error"]["message"]
        claude.say("a", days_ago(0), 40)
        watch.until_stored(2)
        assert watch.end() == 0
    assert migrated.rows(ONCE) == [(3, 3, 70)]


@pytest.mark.one_place
@pytest.mark.parametrize("what", ["warehouse", "cursor"])
@pytest.mark.exhaustive
def test_what_cannot_be_opened_again_when_it_was_lent_is_waited_for(
    migrated: Place, program: Program, claude: ClaudeDir, what: str
) -> None:
    warehouse = parse_warehouse_url(migrated.url)
    assert isinstance(warehouse, EmbeddedWarehouse)
    with watching(program, *where(migrated, claude)) as watch:
        claude.say("a", days_ago(0), 10)
        watch.until_stored(1)
        with file_lock(warehouse.lock, "the warehouse", PATIENCE_SECONDS):
            gone = warehouse.path if what == "warehouse" else next(program.home.rglob("transcripts.sqlite"))
            aside = gone.rename(gone.with_name("aside"))
            gone.symlink_to("nowhere/at/all")
        watch.until_said("lost", 1)
        claude.say("a", days_ago(0), 20)
        gone.unlink()
        aside.rename(gone)
        watch.until_stored(2)
        watch.until_said("regained", 1)
        assert [len(watch.events(name)) for name in ("lent", "lost")] == [1, 1]
        assert watch.end() == 0
    assert migrated.rows(ONCE) == [(2, 2, 30)]


@pytest.mark.one_place
def test_a_warehouse_that_went_away_before_it_is_lent_is_waited_for(
    migrated: Place, program: Program, claude: ClaudeDir
) -> None:
    warehouse = parse_warehouse_url(migrated.url)
    assert isinstance(warehouse, EmbeddedWarehouse)
    claude.say("a", days_ago(0), 10)
    assert program("import", *where(migrated, claude)[:4]).exit_code == 0
    with watching(program, *where(migrated, claude)) as watch:
        aside = warehouse.path.rename(warehouse.path.with_name("aside"))
        with file_lock(warehouse.lock, "the warehouse", PATIENCE_SECONDS):
            watch.until_said("lent", 1)
        watch.until_said("lost", 1)
        aside.rename(warehouse.path)
        claude.say("a", days_ago(0), 20)
        watch.until_stored(1)
        assert watch.end() == 0
    assert migrated.rows(ONCE) == [(2, 2, 30)]


@pytest.mark.one_place
@pytest.mark.exhaustive
def test_what_is_configured_while_it_waits_for_what_it_lent_counts(
    migrated: Place, program: Program, claude: ClaudeDir
) -> None:
    with watching(program, *where(migrated, claude)) as watch:
        claude.say("a", days_ago(0), 10)
        watch.until_stored(1)
        lock, process = next(program.home.rglob("import.lock")), Path(f"/proc/{watch.process.pid}")
        with file_lock(lock, "the importer", PATIENCE_SECONDS):
            # The program that took the place of the first one has read its configuration, and waits.
            watch.until(lambda: b"\0-P\0" in (process / "cmdline").read_bytes())
            watch.until(lambda: str(lock) in map(os.path.realpath, (process / "fd").iterdir()))
            assert program("config", "set", "timezone", "Pacific/Auckland").exit_code == 0
        claude.say("a", days_ago(0), 20)
        watch.until_stored(2)
        assert len(watch.events("reconfigured")) == 1
        assert (watch.end(), watch.stderr.read_text()) == (0, "")
    assert migrated.rows(ONCE) == [(2, 2, 30)]
    assert migrated.rows("SELECT DISTINCT timezone FROM messages") == [("Pacific/Auckland",)]


@pytest.mark.one_place
def test_a_second_watch_hears_who_has_an_embedded_warehouse(
    migrated: Place, program: Program, claude: ClaudeDir
) -> None:
    with watching(program, *where(migrated, claude)) as watch:
        done = program("watch", *where(migrated, claude), CCUSAGE_IMPORT_LOCK_WAIT_SECONDS="0")
        held = f"is in use by ccusage-import watch, process {watch.process.pid} since "
        assert (done.exit_code, held in done.stderr) == (4, True), done
        assert done.stderr.endswith("\nhint: end it first\n")
        assert watch.end() == 0


@pytest.mark.exhaustive
def test_on_a_server_others_import_and_watch_too(gateway: Gateway, program: Program, claude: ClaudeDir) -> None:
    place = Place(gateway.url(database="shared"), gateway)
    assert program("migrate", "--warehouse", place.url, "--create-database").exit_code == 0
    with watching(program, *where(place, claude)) as watch:
        (program.home / "watch.out").rename(program.home / "first.out")
        watch.stdout = program.home / "first.out"
        with watching(program, *where(place, claude)) as second:
            for count in range(1, 6):
                claude.say("a", days_ago(0), 10)
                second.until_stored(count, watch)
            assert program("import", *where(place, claude)[:4]).exit_code == 0
            claude.say("a", days_ago(0), 10)
            second.until_stored(6, watch)
            assert second.end() == 0
        assert watch.end() == 0
    assert place.rows(ONCE) == [(6, 6, 60)]
    assert place.rows("SELECT runner, facts FROM loads FINAL ORDER BY load_id") == [
        ("watch", {"messages": 5}), ("PATH", {}), ("watch", {"messages": 1}),
    ]  # fmt: skip


@pytest.mark.exhaustive
def test_a_machine_that_is_renamed_on_a_server_goes_on_under_its_new_name(
    gateway: Gateway, program: Program, claude: ClaudeDir
) -> None:
    url = gateway.url(database="renamed_meanwhile")
    assert program("migrate", "--create-database", "--warehouse", url).exit_code == 0
    place = Place(url)
    claude.say("a", days_ago(0), 1)
    with watching(program, *where(place, claude)) as watch:
        watch.until_stored(1)
        assert program("rename", "machine", "workshop", "--warehouse", url).exit_code == 0
        claude.say("a", days_ago(0), 10)
        watch.until_stored(2)
        watch.until_said("watching", 2)
        assert [event["event"] for event in watch.events()] == [
            "stored", "watching", "reconfigured", "stored", "watching",
        ]  # fmt: skip
        assert program("config", "set", "hash_projects", "false").exit_code == 0
        assert program("rename", "projects", "--warehouse", url).exit_code == 0
        claude.say("b", days_ago(0), 100)
        watch.until_stored(3)
        assert (watch.end(), watch.stderr.read_text()) == (0, "")
    assert place.rows("SELECT machine, project, count(), sum(total_tokens) FROM messages GROUP BY ALL") == [
        ("workshop", "-home-ana-shop", 3, 111)
    ]


@pytest.mark.exhaustive
def test_nothing_is_lost_in_outages_and_each_is_said_once(tmp_path: Path, program: Program, claude: ClaudeDir) -> None:
    engine, port = tmp_path / "engine", 0
    with running_gateway(engine) as gateway:
        port, url = gateway.port, gateway.url(database="outages")
        assert program("migrate", "--warehouse", url, "--create-database").exit_code == 0
    place, written = Place(url), 0
    # It waits for a server that is not there yet.
    with watching(program, *where(place, claude)) as watch:
        for outage in range(1, 5):
            for session in range(3):
                claude.say(f"s{session}", days_ago(0), 1)
            written += 3
            watch.until_said("lost", outage)
            with running_gateway(engine, port=port):
                watch.until_stored(written)
                claude.say("more", days_ago(0), 1)
                written += 1
                watch.until_stored(written)
                assert len(watch.events("regained")) == outage
        assert watch.end() == 0
        assert watch.stderr.read_text().count("error: ") == 4
    with running_gateway(engine, port=port):
        assert place.rows(ONCE) == [(16, 16, 16)]
        assert (
            json.loads(program("import", "--transcripts-only", "--json", *where(place, claude)[:4]).stdout)["facts"][
                "new"
            ]["messages"]
            == 0
        )


@pytest.mark.exhaustive
def test_an_address_that_is_corrected_while_it_waits_counts(
    gateway: Gateway, program: Program, claude: ClaudeDir
) -> None:
    url = gateway.url(database="corrected")
    assert program("migrate", "--create-database", "--warehouse", url).exit_code == 0
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        elsewhere = f"clickhouse://127.0.0.1:{nobody.getsockname()[1]}/corrected"
        assert program("config", "set", "warehouse", elsewhere).exit_code == 0
        claude.say("a", days_ago(0), 1)
        with watching(program, "--claude-dir", claude.root, "--reports-every", "0") as watch:
            watch.until_said("lost", 1)
            assert program("config", "set", "warehouse", url).exit_code == 0
            watch.until_stored(1)
            assert [event["event"] for event in watch.events() if event["event"] != "watching"] == [
                "lost", "reconfigured", "stored",
            ]  # fmt: skip
            assert watch.end() == 0
    assert Place(url).rows(ONCE) == [(1, 1, 1)]


@pytest.mark.parametrize(("text", "reason"), [("0h", "0h: is not a time"), ("soon", "soon: is not a time")])
def test_a_time_that_is_not_one_is_refused(program: Program, text: str, reason: str) -> None:
    done = program("watch", "--reports-every", text)

    assert (done.exit_code, done.stderr) == (
        2,
        f"ccusage-import: error: --reports-every {reason}\nhint: such as 30m or 6h; 0 for never\n",
    )
