"""Backups: any warehouse fills any other one, and what is damaged, newer or in the way is refused."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.records import Provenance, Record
from ccusage_import.rule.verdicts import Decision, Reason, Verdict
from ccusage_import.warehouse.clickhouse_client import open_warehouse
from ccusage_import.warehouse.committing import commit
from ccusage_import.warehouse.logged_offers import read_last_offers, worth_logging
from ccusage_import.warehouse.migrations import TABLES, apply_migrations, known_migrations, sql_directory
from ccusage_import.warehouse.publish import write_decisions
from ccusage_import.warehouse.tables import Load, write_load
from tests.conftest import Place, Program, Result, program_in
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.exhaustive import some_of
from tests.support.gateway.running import Gateway
from tests.support.waiting import wait_until

pytestmark = pytest.mark.exhaustive_at("http")

# Views that tell the age of something differ from moment to moment.
VIEWS = sorted({file.stem for file in (sql_directory() / "views").glob("*.sql")} - {"active_blocks", "freshness"})
# Budgets are of the configuration; whose name a machine's is, the next import claims anew.
_WITHOUT = ("budgets", "quotas", "plans", "machines", "message_facts_by_month", "tool_call_facts_by_month")
FILES = sorted(f"{table}.parquet" for table in TABLES if table not in _WITHOUT)
Rows = list[tuple[object, ...]]
Targets = Callable[[str], Place]


@pytest.fixture
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Targets:
    """Makes a second, empty warehouse: embedded or behind HTTP."""

    def made(kind: str) -> Place:
        if kind == "embedded":
            return Place(f"chdb://{tmp_path}/target")
        running: Gateway = request.getfixturevalue("gateway")
        place = Place(running.url(database=f"target_{tmp_path.name.replace('-', '_')}_{time.time_ns()}"), running)
        request.addfinalizer(running.clear_faults)
        with open_warehouse(parse_warehouse_url(place.url), creates_database=True):
            pass
        return place

    return made


def record(machine: str, day: int, tokens: int, report: str = "daily") -> Record:
    """One day of 2025-09."""
    return Record(
        report, machine, "claude", f"2025-09-{day:02d}", date(2025, 9, day), tokens, 0, 0, 0, tokens,
        Decimal("0.000000001") * tokens, unpriced=False, provenance=Provenance("20.0.24", "UTC", "auto", ()),
    )  # fmt: skip


def write(place: Place, load: Load, offered: Sequence[Record], *, publishes: bool = True, commits: bool = True) -> None:
    """Load new records as an importer does, up to where it is made to stop."""
    decisions = [Decision(Verdict.NEW, Reason.FIRST_SEEN, None, item, is_written=publishes) for item in offered]
    load.tokens_after = sum(item.total_tokens for item in offered if publishes and item.report == "daily")
    with open_warehouse(parse_warehouse_url(place.url), creates_database=True) as opened:
        apply_migrations(opened)
        write_load(opened, load)
        logged = worth_logging(decisions, read_last_offers(opened, load.machine))
        write_decisions(opened, load, logged, [each for each in decisions if each.is_written])
        if commits:
            commit(opened, load)


def filled(place: Place) -> Place:
    """Give a warehouse three records."""
    write(
        place, Load(1000, "laptop", datetime(2025, 9, 4, tzinfo=UTC)), [record("laptop", day, day) for day in (1, 2, 3)]
    )
    return place


def shown(place: Place) -> dict[str, Rows]:
    """Return everything a warehouse holds that a user or a later import can see."""
    contents = {view: f"SELECT * FROM {view} ORDER BY ALL" for view in (*VIEWS, "changes")}
    contents["loads"] = "SELECT * FROM loads FINAL ORDER BY machine, load_id"
    contents["written by"] = (
        "SELECT report, machine, agent, key, max(load_id), argMax(is_deleted, load_id) FROM records"
        " GROUP BY ALL ORDER BY ALL"
    )
    return place.answers(contents)


def counts(place: Place) -> list[tuple[object, ...]]:
    """Return how many rows the three tables hold, whatever they are worth."""
    return place.rows(
        "SELECT (SELECT count() FROM records), (SELECT count() FROM changes), (SELECT count() FROM loads)"
    )


def ok(done: Result) -> Result:
    """Return what a command left that must have gone well."""
    assert (done.exit_code, done.stderr) == (0, ""), done.stderr
    return done


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", some_of(["embedded", "http"], 1))
def test_a_history_moves_to_any_other_warehouse(
    program: Program, migrated: Place, corpus: Callable[[str], Path], ccusage18: Path, target: Targets, kind: str
) -> None:
    # Without facts what the older ccusage counts less of is held, not corrected.
    chosen = ("--claude-dir", corpus("september"), "--timezone", "UTC", "--no-transcripts")
    arguments = ("import", *chosen, "--json", "--warehouse")
    for more in (("--ccusage", ccusage18), (), ("--ccusage", ccusage18)):
        assert program(*arguments, migrated.url, *more).exit_code == 0
    second = migrated.rows("SELECT load_id FROM loads FINAL ORDER BY load_id")[1][0]
    ok(program("undo", str(second), "--warehouse", migrated.url))
    before = shown(migrated)
    assert {row[7] for row in before["changes"]} == {"new", "grew", "corrected", "held"}
    assert {row[5] for row in before["written by"]} == {0, 1}

    ok(program("backup", "saved", "--warehouse", migrated.url))
    restored = target(kind)
    ok(program("restore", "saved", "--warehouse", restored.url))

    assert shown(restored) == before
    assert shown(migrated) == before
    there, here, again = (offers(program, *arguments, place.url) for place in (migrated, restored, restored))
    assert here == there
    for name, outcome in again.items():
        # What was taken back stays so, here and there.
        assert outcome["held"] == outcome["offered"] > 0, name


def offers(program: Program, *arguments: str | Path) -> dict[str, Any]:
    """Import, and return what became of each report."""
    reports: dict[str, Any] = json.loads(ok(program(*arguments)).stdout)["reports"]
    return {name: {**outcome, "seconds": 0} for name, outcome in reports.items()}


def test_equal_warehouses_give_equal_files(program: Program, migrated: Place, target: Targets) -> None:
    filled(migrated)
    ok(program("backup", "first", "--warehouse", migrated.url))
    restored = target("embedded")
    ok(program("restore", "first", "--warehouse", restored.url))

    ok(program("backup", "second", "--warehouse", restored.url))

    first, second = (
        json.loads((program.home / name / "manifest.json").read_text())["tables"] for name in ("first", "second")
    )
    del first["schema_migrations"], second["schema_migrations"]
    assert first == second


@pytest.mark.exhaustive
def test_records_come_as_one_part(program: Program, migrated: Place, target: Targets) -> None:
    many = [record("laptop", day, day, f"report{number}") for number in range(2500) for day in range(1, 29)]
    write(migrated, Load(1000, "laptop", datetime(2025, 9, 4, tzinfo=UTC)), many)
    ok(program("backup", "saved", "--warehouse", migrated.url))

    restored = target("embedded")
    ok(program("restore", "saved", "--warehouse", restored.url))

    assert restored.rows("SELECT count() FROM records FINAL") == [(70_000,)]
    blocks = restored.rows(
        "SELECT min_block_number, max_block_number FROM system.parts WHERE table = 'records' AND active"
    )
    assert blocks == [(1, 1)]


@pytest.mark.one_place
def test_a_backup_may_have_a_name_that_is_not_utf_8(program: Program, migrated: Place) -> None:
    filled(migrated)

    done = program("backup", os.fsdecode(b"saved\xfc"), "--warehouse", migrated.url)

    assert (done.exit_code, done.stdout.partition(",")[0]) == (0, "3 records")
    assert done.stderr == "WARNING  the time of a copy could not be written down: its path is not UTF-8\n"
    assert (program.home / os.fsdecode(b"saved\xfc") / "manifest.json").is_file()


def test_the_manifest_says_what_is_in_the_directory(program: Program, migrated: Place) -> None:
    filled(migrated)

    done = ok(program("backup", "saved", "--warehouse", migrated.url, "--json"))

    manifest = json.loads(done.stdout)
    assert manifest == json.loads((program.home / "saved" / "manifest.json").read_text())
    assert list(manifest) == ["format", "tool_version", "schema_version", "engine_version", "created_at", "tables"]
    assert manifest["format"] == 1
    assert manifest["schema_version"] == max(item.version for item in known_migrations() if not item.is_view)
    assert sorted(path.name for path in (program.home / "saved").iterdir()) == sorted([*FILES, "manifest.json"])
    assert sorted(table["file"] for table in manifest["tables"].values()) == FILES
    records = manifest["tables"]["records"]
    assert (records["rows"], records["tokens"], records["cost_usd"]) == (3, 6, "0.000000006")
    assert records["bytes"] == (program.home / "saved" / "records.parquet").stat().st_size
    assert (program.home / "saved").stat().st_mode & 0o777 == 0o700


@pytest.mark.exhaustive
def test_people_are_told_how_much_it_is(program: Program, migrated: Place, target: Targets) -> None:
    filled(migrated)

    done = ok(program("backup", "saved", "--warehouse", migrated.url))
    assert done.stdout == "3 records, 3 changes, 1 load are backed up in saved (0.0 MB)\n"
    restored = target("embedded")
    done = ok(program("restore", "saved", "--warehouse", restored.url))
    assert done.stdout == f"3 records, 3 changes, 1 load are restored into {restored.url} (0.0 MB)\n"
    assert ok(program("backup", "again", "--warehouse", migrated.url, "--quiet")).stdout == ""


def test_an_empty_directory_is_taken_and_a_full_one_is_not(program: Program, migrated: Place) -> None:
    filled(migrated)
    (program.home / "empty").mkdir()
    (program.home / "full").mkdir()
    (program.home / "full" / "mine").write_text("x")

    ok(program("backup", "empty", "--warehouse", migrated.url))
    refused = program("backup", "full", "--warehouse", migrated.url)

    assert refused.exit_code == 4
    assert refused.stderr.splitlines() == [
        f"ccusage-import: error: {program.home}/full is not empty",
        "hint: name a directory that does not exist yet",
    ]
    assert [path.name for path in (program.home / "full").iterdir()] == ["mine"]
    assert sorted(path.name for path in program.home.iterdir() if "partial" in path.name) == []


def test_a_backup_is_not_kept_in_the_warehouse(program: Program, embedded: Callable[[str], Place]) -> None:
    place = embedded("mine")
    filled(place)
    directory = Path(place.url.removeprefix("chdb://")) / "saved"

    refused = program("backup", directory, "--warehouse", place.url)

    assert (refused.exit_code, refused.stderr.splitlines()) == (4, [
        f"ccusage-import: error: {directory} is in the warehouse itself", "hint: name a directory elsewhere",
    ])  # fmt: skip
    assert not directory.exists()


def test_there_must_be_something_to_back_up(program: Program, tmp_path: Path) -> None:
    done = program("backup", "saved", "--warehouse", f"chdb://{tmp_path}/nowhere")

    assert (done.exit_code, done.stderr.splitlines()[0]) == (
        2, f"ccusage-import: error: backup: there is no warehouse chdb://{tmp_path}/nowhere",
    )  # fmt: skip
    assert not (tmp_path / "nowhere").exists()
    assert not (program.home / "saved").exists()


# --- what a load in the middle leaves ----------------------------------------------------------


def test_what_was_not_published_is_not_backed_up(program: Program, migrated: Place, target: Targets) -> None:
    filled(migrated)
    started_at = datetime(2025, 9, 5, tzinfo=UTC)
    write(migrated, Load(2000, "laptop", started_at), [record("laptop", 4, 4)], publishes=False, commits=False)
    write(migrated, Load(3000, "server", started_at), [record("server", 4, 4)], publishes=False, commits=False)
    write(migrated, Load(4000, "tower", started_at), [record("tower", 4, 4)], commits=False)

    ok(program("backup", "saved", "--warehouse", migrated.url, MACHINE_NAME="laptop"))
    restored = target("embedded")
    ok(program("restore", "saved", "--warehouse", restored.url))

    # The own dead load is settled; another machine's is left out, or left as it is where it is shown already.
    assert restored.rows("SELECT machine, load_id, state FROM loads FINAL ORDER BY machine, load_id") == [
        ("laptop", 1000, "committed"), ("laptop", 2000, "interrupted"), ("tower", 4000, "running"),
    ]  # fmt: skip
    assert restored.rows("SELECT machine, count() FROM changes GROUP BY machine ORDER BY machine") == [
        ("laptop", 4), ("tower", 1),
    ]  # fmt: skip
    assert restored.rows("SELECT machine, count() FROM daily GROUP BY machine ORDER BY machine") == [
        ("laptop", 3), ("tower", 1),
    ]  # fmt: skip


def background(program: Program, *arguments: str, **environ: str) -> subprocess.Popen[str]:
    """Start a command."""
    return subprocess.Popen(
        [sys.executable, "-m", "ccusage_import", *arguments],
        env={**program.environ, **environ},
        cwd=program.home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.exhaustive
def test_a_load_that_comes_in_meanwhile_is_in_it_with_all_it_wrote(
    program: Program, target: Targets, gateway: Gateway
) -> None:
    place = filled(target("http"))
    seen = len(gateway.statements())
    gateway.fail("delay", match="FROM records ORDER BY", seconds=2)

    running = background(program, "backup", "saved", "--warehouse", place.url)
    wait_until(lambda: any("FROM records ORDER BY" in sql for sql in gateway.statements()[seen:]))
    write(place, Load(2000, "tower", datetime(2025, 9, 5, tzinfo=UTC)), [record("tower", 4, 4)])
    assert running.wait(60) == 0
    running.communicate()

    restored = target("embedded")
    ok(program("restore", "saved", "--warehouse", restored.url))
    assert shown(restored) == shown(place)
    assert counts(restored) == [(4, 4, 2)]


def test_no_backup_while_an_import_runs(program: Program, migrated: Place) -> None:
    filled(migrated)
    lock = program.home / ".local/state/ccusage-import/import.lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = program("backup", "saved", "--warehouse", migrated.url, CCUSAGE_IMPORT_LOCK_WAIT_SECONDS="0")

    assert done.exit_code == 4
    assert done.stderr.startswith("ccusage-import: error: the importer is in use by ")
    assert not (program.home / "saved").exists()


@pytest.mark.exhaustive
def test_a_killed_backup_leaves_no_directory_and_the_next_one_works(program: Program, migrated: Place) -> None:
    filled(migrated)
    if migrated.gateway:
        migrated.gateway.fail("delay", match="FROM records ORDER BY", seconds=2)
    partial = program.home / ".saved.partial"

    running = background(program, "backup", "saved", "--warehouse", migrated.url)
    wait_until(partial.exists)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()

    assert running.returncode == -signal.SIGKILL
    assert partial.exists()
    assert not (program.home / "saved").exists()
    ok(program("backup", "saved", "--warehouse", migrated.url))
    assert not partial.exists()
    assert (program.home / "saved" / "manifest.json").exists()


# --- what restore refuses ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, template: Path, ccusage20: Path) -> Path:
    """A backup of three records, to be copied."""
    home = tmp_path_factory.mktemp("kept")
    shutil.copytree(template, home / "source", symlinks=True)
    place = filled(Place(f"chdb://{home}/source"))
    ok(program_in(home, ccusage20)("backup", "saved", "--warehouse", place.url))
    return home / "saved"


@pytest.fixture
def saved(program: Program, kept: Path) -> Path:
    """A backup of three records."""
    return shutil.copytree(kept, program.home / "saved")


def flip_byte(saved: Path) -> None:
    data = bytearray((saved / "records.parquet").read_bytes())
    data[len(data) // 2] ^= 1
    (saved / "records.parquet").write_bytes(data)


def cut_off(saved: Path) -> None:
    data = (saved / "changes.parquet").read_bytes()
    (saved / "changes.parquet").write_bytes(data[:100])


def edit_manifest(saved: Path, **values: Any) -> None:
    manifest = json.loads((saved / "manifest.json").read_text())
    (saved / "manifest.json").write_text(json.dumps({**manifest, **values}))


def point_outside(saved: Path) -> None:
    manifest = json.loads((saved / "manifest.json").read_text())
    manifest["tables"]["loads"]["file"] = "../loads.parquet"
    (saved / "manifest.json").write_text(json.dumps(manifest))


def unreadable_manifest(saved: Path) -> None:
    (saved / "manifest.json").unlink()
    (saved / "manifest.json").mkdir()


OTHER_BACKUP = "hint: use another backup"
DAMAGES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "flipped byte": (
        flip_byte, "saved/records.parquet is damaged: its checksum is not the one in the manifest", OTHER_BACKUP,
    ),
    "truncated": (cut_off, "saved/changes.parquet is damaged: 100 bytes, not ", OTHER_BACKUP),
    "missing file": (
        lambda saved: (saved / "loads.parquet").unlink(),
        "saved/loads.parquet is damaged: No such file or directory",
        OTHER_BACKUP,
    ),
    "empty manifest": (
        lambda saved: (saved / "manifest.json").write_text("{}"),
        "saved/manifest.json is damaged: it has no format",
        OTHER_BACKUP,
    ),
    "missing manifest": (
        lambda saved: (saved / "manifest.json").unlink(),
        "saved is not a backup: it has no manifest.json",
        "hint: name a directory that `backup` wrote",
    ),
    "manifest that cannot be read": (
        unreadable_manifest,
        "saved/manifest.json: Is a directory",
        "hint: make it readable, or use another backup",
    ),
    "manifest is not JSON": (
        lambda saved: (saved / "manifest.json").write_text('{"format": 1'),
        "saved/manifest.json is damaged: Expecting ',' delimiter",
        OTHER_BACKUP,
    ),
    "manifest nested too deeply": (
        lambda saved: (saved / "manifest.json").write_text('{"format": ' + "[" * 100_000),
        "saved/manifest.json is damaged: nested more than 100 levels deep",
        OTHER_BACKUP,
    ),
    "manifest without tables": (
        lambda saved: edit_manifest(saved, tables=None),
        "saved/manifest.json is damaged: tables: Input should be a valid dictionary",
        OTHER_BACKUP,
    ),
    "manifest without a table": (
        lambda saved: edit_manifest(saved, tables={}),
        "saved/manifest.json is damaged: it names no file for changes",
        OTHER_BACKUP,
    ),
    "a file elsewhere": (
        point_outside, "saved/manifest.json is damaged: it names no file for loads", OTHER_BACKUP,
    ),
    "unknown format": (
        lambda saved: edit_manifest(saved, format=2, tool_version="9.9.9"),
        "saved/manifest.json: format 2 is not the one this program knows, 1",
        "hint: install ccusage-import 9.9.9 or newer",
    ),
    "newer schema": (
        lambda saved: edit_manifest(saved, schema_version="0999", tool_version="9.9.9"),
        "saved/manifest.json: schema 0999 is newer than this program's 0",
        "hint: install ccusage-import 9.9.9 or newer",
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_or_newer_backup_is_refused_and_nothing_is_loaded(
    program: Program, saved: Path, tmp_path: Path, damage: str
) -> None:
    spoil, message, hint = DAMAGES[damage]
    spoil(saved)

    done = program("restore", "saved", "--warehouse", f"chdb://{tmp_path}/target")

    assert done.exit_code == 4
    error, shown_hint = done.stderr.splitlines()
    assert error.startswith(f"ccusage-import: error: {message}"), error
    assert shown_hint == hint
    assert not (tmp_path / "target").exists()


def test_a_warehouse_with_facts_alone_is_refused(
    program: Program, saved: Path, migrated: Place, tmp_path: Path
) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("s1", days_ago(1), 1_000)
    ok(program("import", "--transcripts-only", "--claude-dir", claude.root, "--warehouse", migrated.url))

    done = program("restore", saved, "--warehouse", migrated.url)

    assert done.exit_code == 4
    assert done.stderr.splitlines()[0] == f"ccusage-import: error: warehouse {migrated.url} holds facts already"
    assert migrated.rows("SELECT sum(output_tokens) FROM messages") == [(1_000,)]


def test_facts_are_counted_among_what_is_backed_up(program: Program, migrated: Place, tmp_path: Path) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("s1", days_ago(1), 1_000)
    ok(program("import", "--transcripts-only", "--claude-dir", claude.root, "--warehouse", migrated.url))

    done = ok(program("backup", "saved", "--warehouse", migrated.url))

    assert done.stdout == "0 records, 0 changes, 1 load, 1 fact are backed up in saved (0.0 MB)\n"


def test_a_backup_that_is_not_there_is_said_so(program: Program, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("no directory")

    for name in ("typo", "note.txt"):
        done = program("restore", tmp_path / name)

        assert (done.exit_code, done.stdout) == (4, "")
        assert done.stderr.splitlines() == [
            f"ccusage-import: error: {tmp_path / name}: there is no such directory",
            "hint: name a directory that `backup` wrote",
        ]


@pytest.mark.exhaustive
def test_a_warehouse_with_records_is_refused(program: Program, saved: Path, migrated: Place) -> None:
    write(migrated, Load(5000, "tower", datetime(2025, 9, 5, tzinfo=UTC)), [record("tower", 4, 4)])
    before = shown(migrated)

    done = program("restore", "saved", "--warehouse", migrated.url)

    assert done.exit_code == 4
    assert done.stderr.splitlines() == [
        f"ccusage-import: error: warehouse {migrated.url} holds records already",
        "hint: restore into an empty warehouse: --warehouse chdb:///new/directory, or another database of the server",
    ]
    assert saved.exists()
    assert shown(migrated) == before


@pytest.mark.parametrize(
    ("table", "figure"), some_of([("records", "rows"), ("records", "tokens"), ("changes", "cost_usd")], 1)
)
def test_what_arrived_otherwise_is_taken_out_again(
    program: Program, saved: Path, migrated: Place, table: str, figure: str
) -> None:
    manifest = json.loads((saved / "manifest.json").read_text())
    manifest["tables"][table][figure] = 7
    (saved / "manifest.json").write_text(json.dumps(manifest))

    done = program("restore", "saved", "--warehouse", migrated.url)

    assert done.exit_code == 4
    assert done.stderr.startswith(f"ccusage-import: error: {table}: the manifest says ")
    assert counts(migrated) == [(0, 0, 0)]


@pytest.mark.parametrize("table", some_of(["changes", "loads", "records"], 2))
def test_a_failed_insert_leaves_an_empty_warehouse(
    program: Program, saved: Path, target: Targets, gateway: Gateway, table: str
) -> None:
    restored = target("http")
    gateway.fail("status_503", match=f"INSERT INTO {table}", times=10)

    done = program("restore", "saved", "--warehouse", restored.url)

    gateway.clear_faults()
    assert done.exit_code == 4, done.stderr
    assert counts(restored) == [(0, 0, 0)]
    ok(program("restore", str(saved), "--warehouse", restored.url))
    assert counts(restored) == [(3, 3, 1)]


@pytest.mark.parametrize("table", some_of(["changes", "loads", "records"], 2))
def test_an_insert_that_is_sent_twice_counts_once(
    program: Program, saved: Path, target: Targets, gateway: Gateway, table: str
) -> None:
    restored = target("http")
    gateway.fail("drop_after", match=f"INSERT INTO {table}")

    ok(program("restore", str(saved), "--warehouse", restored.url))

    assert restored.rows("SELECT count() FROM changes") == [(3,)]
    assert restored.rows("SELECT count(), sum(total_tokens) FROM daily") == [(3, 6)]


def test_what_a_killed_restore_left_is_no_obstacle(program: Program, saved: Path, migrated: Place) -> None:
    write(migrated, Load(1000, "laptop", datetime(2025, 9, 4, tzinfo=UTC)), [record("laptop", 9, 9)], publishes=False)
    assert counts(migrated) == [(0, 1, 2)]

    ok(program("restore", str(saved), "--warehouse", migrated.url))

    assert counts(migrated) == [(3, 3, 1)]


def test_the_same_backup_can_be_restored_after_the_tables_were_emptied(
    program: Program, saved: Path, migrated: Place
) -> None:
    ok(program("restore", str(saved), "--warehouse", migrated.url))
    with open_warehouse(parse_warehouse_url(migrated.url)) as opened:
        for table in ("records", "changes", "loads"):
            opened.command(f"TRUNCATE TABLE {table}")

    ok(program("restore", str(saved), "--warehouse", migrated.url))

    assert counts(migrated) == [(3, 3, 1)]


@pytest.mark.usefixtures("own_warehouse")
def test_a_server_that_lost_all_is_not_missed_what_came_after_its_backup(
    program: Program, server: Place, tmp_path: Path
) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    command = ("import", "--warehouse", server.url, "--claude-dir", claude.root)
    claude.say("a", days_ago(2), 1_000)
    ok(program(*command))
    ok(program("backup", tmp_path / "saved", "--warehouse", server.url))
    claude.say("a", days_ago(1), 7)
    ok(program(*command))
    with server.opened() as opened:
        for table in ("records", "changes", "loads"):
            opened.command(f"TRUNCATE TABLE {table}")

    ok(program("restore", tmp_path / "saved", "--warehouse", server.url))

    assert server.rows("SELECT sum(total_tokens) FROM daily") == [(1_000,)]
    ok(program(*command))
    assert server.rows("SELECT sum(total_tokens) FROM daily") == [(1_007,)]
