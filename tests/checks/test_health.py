"""Whether the next import can work, and how imports are going: what a person and a monitor see."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pydantic
import pytest

from ccusage_import.checks.warehouse import server_clock
from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.files import file_lock
from ccusage_import.warehouse.clickhouse_client import open_warehouse
from ccusage_import.warehouse.migrations import apply_migrations
from ccusage_import.warehouse.snapshot import future_loads, last_success_at
from ccusage_import.warehouse.tables import read_loads, write_load
from tests.conftest import Place, Program, Result
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.disks import LIKE_A_USER, mounted, needs_mounts, room_of
from tests.support.gateway.running import running_gateway
from tests.support.gateway.users import User
from tests.support.warm import let_go

pytestmark = [pytest.mark.exhaustive_at("http"), pytest.mark.usefixtures("engine_stays")]


@dataclass
class Checked:
    """What `check --json` said."""

    exit_code: int
    health: str
    checks: dict[str, dict[str, Any]]


def checked(done: Result) -> Checked:
    document = json.loads(done.stdout)
    return Checked(done.exit_code, document["health"], {check["name"]: check for check in document["checks"]})


@pytest.fixture
def claude(tmp_path: Path) -> ClaudeDir:
    """A data directory whose transcripts are kept for long."""
    directory = ClaudeDir(tmp_path / "claude")
    directory.say("s1", days_ago(1), 1_000)
    (directory.root / "settings.json").write_text('{"cleanupPeriodDays": 365}')
    return directory


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def test_everything_is_well(migrated: Place, program: Program, claude: ClaudeDir) -> None:
    program("import", "--claude-dir", claude.root, "--warehouse", migrated.url, "--machine", "laptop")
    done = program("check", "--claude-dir", claude.root, "--warehouse", migrated.url, "--json", MACHINE_NAME="laptop")

    found = checked(done)
    # A test has no schedule; all else is as it should be.
    assert (found.exit_code, found.health) == (0, "warn")
    assert [name for name, check in found.checks.items() if check["health"] != "ok"] == ["schedule"]
    assert found.checks["schedule"]["hint"] == "ccusage-import schedule install"
    assert found.checks["ccusage"]["found"].startswith("20.0.24 (PATH): /")
    assert found.checks["report daily"]["found"].startswith("1 record in 0.")
    assert {name for name in found.checks if name.startswith("report ")} == {
        "report daily",
        "report monthly",
        "report session",
        "report blocks",
        "report projects",
    }
    assert found.checks[f"transcripts in {claude.root}"]["found"].startswith("1, the newest of ")
    assert found.checks[f"clean-up in {claude.root}"]["found"] == "transcripts are deleted after 365 days"
    assert found.checks["rights"]["found"] == "wrote a row into a scratch table, read it back and dropped the table"
    assert found.checks["machine"]["found"] == "laptop, from environment"
    tables = migrated.rows("SELECT count() FROM system.tables WHERE name LIKE 'scratch%'")
    assert tables == [(0,)]


def test_what_is_kept_is_for_the_owner_alone_and_wider_directories_are_named(
    program: Program, claude: ClaudeDir
) -> None:
    before = os.umask(0o022)
    try:
        assert program("import", "--claude-dir", claude.root).exit_code == 0
    finally:
        os.umask(before)
    config, data = program.home / ".config/ccusage-import", program.home / ".local/share/ccusage-import"
    state = program.home / ".local/state/ccusage-import"

    directories = (config, data, data / "warehouse", state, state / "log", state / "neutral")
    assert {path: path.stat().st_mode & 0o777 for path in directories} == dict.fromkeys(directories, 0o700)
    files = [path for path in (*config.iterdir(), *data.iterdir(), *state.rglob("*")) if path.is_file()]
    assert {"identity.toml", "names.json", "ccusage-import.log", "warehouses.json"} <= {path.name for path in files}
    assert [path for path in files if path.stat().st_mode & 0o777 != 0o600] == []
    found = checked(program("check", "--claude-dir", claude.root, "--json")).checks["permissions"]
    assert (found["health"], found["found"]) == ("ok", "only you can read what is kept here")

    for path, mode in ((data / "warehouse", 0o755), (config, 0o750), (config / "identity.toml", 0o644)):
        path.chmod(mode)
    # A private directory keeps its files.
    (data / "names.json").chmod(0o644)
    found = checked(program("check", "--claude-dir", claude.root, "--json")).checks["permissions"]

    assert found["health"] == "warn"
    assert found["found"] == f"others can look into {config}, {data}/warehouse, {config}/identity.toml"
    assert found["hint"] == f"chmod 700 {config} {data}/warehouse && chmod 600 {config}/identity.toml"


def test_one_day_is_a_day(program: Program, tmp_path: Path) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("s1", days_ago(1), 1_000)
    (claude.root / "settings.json").write_text('{"cleanupPeriodDays": 1}')
    found = checked(program("check", "--claude-dir", claude.root, "--ccusage", "/nowhere/ccusage", "--json")).checks

    assert found[f"clean-up in {claude.root}"]["found"].startswith("transcripts are deleted after 1 day: ")


def test_the_table_says_what_to_type(program: Program, tmp_path: Path) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("s1", days_ago(1), 1_000)
    done = program("check", "--claude-dir", claude.root, "--ccusage", "/nowhere/ccusage")

    assert done.exit_code == 6
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "fail ccusage /nowhere/ccusage is not a program that can be run" in lines
    cleanup = next(index for index, line in enumerate(lines) if line.startswith("warn clean-up"))
    assert lines[cleanup].endswith("transcripts are deleted after 30 days: what is not imported until then is lost")
    assert lines[cleanup + 1] == f'hint: put "cleanupPeriodDays": 3650 into {claude.root}/settings.json'


def test_a_quiet_check_prints_failures_only(program: Program, claude: ClaudeDir) -> None:
    well = program("check", "--claude-dir", claude.root, "--quiet")
    assert (well.exit_code, well.stdout) == (0, "")
    document = json.loads(program("check", "--claude-dir", claude.root, "--quiet", "--json").stdout)
    assert (document["health"], document["checks"][0]["name"]) == ("warn", "program")

    assert "Print only what fails." in program("check", "--help").stdout

    ill = program("check", "--claude-dir", claude.root / "nowhere", "--quiet")
    assert ill.exit_code == 6
    assert [line.split()[0] for line in ill.stdout.splitlines()[1:] if "hint:" not in line] == ["fail"]


def test_a_check_changes_nothing(program: Program, claude: ClaudeDir) -> None:
    program("check", "--claude-dir", claude.root)

    left = {str(path.relative_to(program.home)) for path in program.home.rglob("*") if path.is_file()}
    # Locks are made to be held; what ccusage is called with is neutral.
    assert left == {
        ".local/state/ccusage-import/import.lock",
        ".local/state/ccusage-import/neutral/package.json",
    }


def test_a_warehouse_that_no_import_could_make_fails(program: Program, claude: ClaudeDir, tmp_path: Path) -> None:
    other = tmp_path / "photos"
    other.mkdir()
    (other / "holiday.jpg").touch()

    found = checked(program("check", "--claude-dir", claude.root, "--warehouse", f"chdb://{other}", "--json"))

    assert (found.exit_code, found.checks["warehouse"]["health"]) == (6, "fail")
    assert found.checks["warehouse"]["found"] == f"warehouse chdb://{other}: is a directory of something else"


def test_a_missing_engine_fails(program: Program, claude: ClaudeDir, tmp_path: Path) -> None:
    (tmp_path / "packages").mkdir()
    for package in Path(pydantic.__file__).parent.parent.iterdir():
        if not package.name.startswith("chdb"):
            (tmp_path / "packages" / package.name).symlink_to(package)
    environ = {**program.environ, "PYTHONPATH": f"{tmp_path / 'packages'}:{program.environ['PYTHONPATH']}"}
    without_site = [sys.executable, "-S", "-m", "ccusage_import", "check", "--claude-dir", str(claude.root), "--json"]

    done = subprocess.run(without_site, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False)

    found = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert (done.returncode, done.stderr) == (6, "")
    assert found["warehouse"]["found"] == "the embedded engine is not installed"


def test_a_report_that_fails_is_a_line_of_its_own(program: Program, claude: ClaudeDir, ccusage20: Path) -> None:
    broken = program.home / "ccusage"
    broken.write_text(f'#!/bin/sh\ncase "$*" in *blocks*) echo nonsense; exit 0;; esac\nexec {ccusage20} "$@"\n')
    broken.chmod(0o755)
    found = checked(program("check", "--claude-dir", claude.root, "--ccusage", broken, "--json"))

    assert (found.exit_code, found.health) == (6, "fail")
    assert [name for name, check in found.checks.items() if check["health"] == "fail"] == ["report blocks"]


def test_transcripts_that_cannot_be_read_are_named(program: Program, claude: ClaudeDir) -> None:
    hidden = claude.file("s1").with_name("hidden.jsonl")
    hidden.touch(mode=0)
    found = checked(replace(program, prefix=LIKE_A_USER)("check", "--claude-dir", claude.root, "--json"))

    line = found.checks[f"transcripts in {claude.root}"]
    assert (line["health"], line["found"]) == ("warn", f"1 cannot be read, such as {hidden}")
    assert line["hint"] == f"chmod -R u+rX {claude.root}"


@pytest.mark.parametrize(("name", "target"), [("gone.jsonl", "nowhere"), ("s2.jsonl", "s2.jsonl"), ("moved", "moved")])
def test_transcripts_behind_links_are_named(
    program: Program, claude: ClaudeDir, tmp_path: Path, name: str, target: str
) -> None:
    (tmp_path / "s2.jsonl").touch()
    (tmp_path / "moved").mkdir()
    (tmp_path / "moved/s3.jsonl").touch()
    link = claude.file("s1").with_name(name)
    link.symlink_to(tmp_path / target)
    found = checked(program("check", "--claude-dir", claude.root, "--json"))

    line = found.checks[f"transcripts in {claude.root}"]
    assert (line["health"], line["found"]) == ("warn", f"1 behind links, which are not followed, such as {link}")
    assert line["hint"] == "put the transcripts themselves in its place, or remove it"


def test_links_that_hide_no_transcript_are_fine(program: Program, claude: ClaudeDir, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    here = claude.file("s1")
    for name, target in (("again", here.parent), ("again.jsonl", here), ("notes", tmp_path / "notes")):
        (claude.root / "projects" / name).symlink_to(target)
    found = checked(program("check", "--claude-dir", claude.root, "--json"))

    line = found.checks[f"transcripts in {claude.root}"]
    assert (line["health"], line["found"].partition(",")[0]) == ("ok", "1")


@pytest.mark.usefixtures("own_warehouse")
def test_what_is_unread_and_what_was_not_understood_is_counted(program: Program, claude: ClaudeDir) -> None:
    def says() -> tuple[str, dict[str, dict[str, Any]]]:
        found = checked(program("check", "--claude-dir", claude.root, "--json")).checks
        return found[f"transcripts in {claude.root}"]["found"].partition("; ")[2], found

    (claude.root / "projects" / "-home-ana-shop" / "s2.jsonl").write_bytes(b"#" * 1_499_999 + b"\n")
    size = claude.file("s1").stat().st_size
    before, found = says()
    assert (before, "facts" in found) == ("1.5 MB in 2 of them are not read as facts yet", False)

    claude.file("s1").write_bytes(claude.file("s1").read_bytes() + b'{"type":"brand-new"}\n' + b'{"type":')
    program("import", "--claude-dir", claude.root)
    after, found = says()
    assert after == "all are read as facts"
    (load_id,) = re.findall(r"^load (\d+) did", found["facts"]["found"])
    assert (found["facts"]["health"], found["facts"]["found"]) == (
        "warn",
        f"load {load_id} did not understand 2 lines (1 half, 1 not json), 1 unknown record (1 brand-new)",
    )
    kept = json.loads(program("status", "--json").stdout)["last_import"]["facts"]
    assert kept == {"messages": 1, "bad lines/half": 1, "bad lines/not_json": 1, "unknown/brand-new": 1}

    claude.file("s1").write_bytes(claude.file("s1").read_bytes() + b'"brand-new"}\n')
    grown = claude.file("s1").stat().st_size - size
    assert (grown, says()[0]) == (42, "21 bytes in 1 of them are not read as facts yet")
    program("import", "--claude-dir", claude.root)
    found = says()[1]
    assert (found["facts"]["health"], found["facts"]["found"].partition(" did ")[2]) == (
        "ok",
        "not understand 1 unknown record (1 brand-new)",
    )
    # Two records on one line are both read, and an empty line has none.
    claude.file("s1").write_bytes(claude.file("s1").read_bytes() + b'{"type":"brand-new"}{"type":"mode"}\n \n\xff\n')
    program("import", "--claude-dir", claude.root)
    found = says()[1]
    assert (found["facts"]["health"], found["facts"]["found"].partition(" did ")[2]) == (
        "warn",
        "not understand 3 lines (1 empty, 1 joined, 1 not json), 1 unknown record (1 brand-new)",
    )
    claude.file("s1").write_bytes(claude.file("s1").read_bytes() + b'{"type":"mode"}{"type":"mode"}\n \n')
    program("import", "--claude-dir", claude.root)
    found = says()[1]
    assert (found["facts"]["health"], found["facts"]["found"].partition(" did ")[2]) == (
        "ok",
        "not understand 2 lines (1 empty, 1 joined)",
    )
    # A cursor that cannot be one is not an error, and stays as it is.
    (cursor,) = program.home.rglob("transcripts.sqlite")
    cursor.write_bytes(b"#")
    assert says()[0] == "1.5 MB in 2 of them are not read as facts yet"
    assert cursor.read_bytes() == b"#"


@pytest.mark.usefixtures("own_warehouse")
def test_another_zone_and_another_name_are_warnings(program: Program, claude: ClaudeDir) -> None:
    program("import", "--claude-dir", claude.root, "--machine", "laptop", "--timezone", "UTC")
    found = checked(
        program(
            "check", "--claude-dir", claude.root, "--json", MACHINE_NAME="wifi-17", CCUSAGE_IMPORT_TIMEZONE="Asia/Tokyo"
        )
    )

    assert found.checks["machine"]["health"] == "warn"
    assert found.checks["machine"]["hint"] == 'set machine = "laptop", or all of its usage is stored a second time'
    back = checked(
        program(
            "check", "--claude-dir", claude.root, "--json", MACHINE_NAME="laptop", CCUSAGE_IMPORT_TIMEZONE="Asia/Tokyo"
        )
    )
    assert back.checks["time zone"]["health"] == "warn"
    assert back.checks["time zone"]["hint"] == 'set timezone = "UTC" to keep the days as they are'


def test_data_may_be_said_never_to_become_stale(migrated: Place, program: Program, claude: ClaudeDir) -> None:
    # More hours than there are in all the years of a calendar.
    where, never = (
        ("--claude-dir", claude.root, "--warehouse", migrated.url),
        {"CCUSAGE_IMPORT_STALE_AFTER_HOURS": "1e12"},
    )
    program("import", *where)

    assert checked(program("check", *where, "--json", **never)).checks["last success"]["health"] == "ok"
    machines = json.loads(program("report", *where[2:], "--format", "json", **never).stdout)["machines"]
    assert [machine["is_stale"] for machine in machines] == [False]


def test_a_running_import_is_a_warning(program: Program, claude: ClaudeDir) -> None:
    lock = program.home / ".local/state/ccusage-import/import.lock"
    with file_lock(lock, "the importer", 0):
        found = checked(program("check", "--claude-dir", claude.root, "--json"))

    assert (found.checks["lock"]["health"], found.exit_code) == ("warn", 0)


def test_a_server_that_is_down_fails_and_may_be_waited_for(program: Program, claude: ClaudeDir, tmp_path: Path) -> None:
    url = f"clickhouse://ana@127.0.0.1:{free_port()}/ccusage"
    down = checked(program("check", "--claude-dir", claude.root, "--warehouse", url, "--json", "--wait", "1"))
    assert (down.exit_code, down.checks["warehouse"]["health"]) == (6, "fail")
    assert "no answer" in down.checks["warehouse"]["found"]

    with running_gateway(tmp_path / "engine") as gateway:
        place = parse_warehouse_url(gateway.url(database="late"))
        with open_warehouse(place, creates_database=True):
            pass
        up = checked(
            program(
                "check",
                "--claude-dir",
                claude.root,
                "--warehouse",
                gateway.url(database="late"),
                "--json",
                "--wait",
                "20",
            )
        )
    assert up.checks["warehouse"]["health"] == "ok"
    assert up.checks["schema"]["hint"] == "ccusage-import migrate"
    assert up.exit_code == 6


def test_a_user_who_may_only_read_fails_the_rights(program: Program, claude: ClaudeDir, tmp_path: Path) -> None:
    with running_gateway(tmp_path / "engine", users=(User(), User("reader", readonly=True))) as gateway:
        with open_warehouse(parse_warehouse_url(gateway.url(database="own")), creates_database=True) as opened:
            apply_migrations(opened)
        url = gateway.url(user="reader", database="own")
        found = checked(program("check", "--claude-dir", claude.root, "--warehouse", url, "--json"))

    assert (found.exit_code, found.checks["rights"]["health"]) == (6, "fail")
    assert found.checks["rights"]["hint"].startswith("GRANT SELECT, INSERT")


def status(program: Program, *arguments: str, **environ: str) -> tuple[int, dict[str, Any]]:
    done = program("status", "--json", *arguments, **environ)
    return done.exit_code, json.loads(done.stdout)


def test_the_status_before_and_after_the_first_import(migrated: Place, program: Program, claude: ClaudeDir) -> None:
    named = ("--warehouse", migrated.url)
    exit_code, found = status(program, *named, MACHINE_NAME="laptop")
    assert (exit_code, found["state"], found["last_import"]) == (6, "never imported", None)

    done = program("import", "--claude-dir", claude.root, *named, "--machine", "laptop", "--json")
    exit_code, found = status(program, *named, "--machine", "laptop")
    assert (exit_code, found["state"], found["held"]) == (0, "ok", 0)
    assert found["last_import"]["load_id"] == json.loads(done.stdout)["load_id"]
    assert found["age_hours"] < 1
    assert found["stale_after_hours"] == 26


@pytest.mark.usefixtures("own_warehouse")
def test_the_status_is_stale_after_the_configured_hours(program: Program, claude: ClaudeDir) -> None:
    program("import", "--claude-dir", claude.root)

    hours = {"CCUSAGE_IMPORT_STALE_AFTER_HOURS": "0.000001"}
    exit_code, found = status(program, **hours)
    assert (exit_code, found["state"]) == (6, "stale")
    found = checked(program("check", "--claude-dir", claude.root, "--json", **hours)).checks["last success"]
    assert (found["health"], found["hint"]) == ("warn", "ccusage-import history says why")


@needs_mounts
def test_a_disk_that_is_nearly_full_is_told(program: Program, claude: ClaudeDir, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    where = ("--warehouse", f"chdb://{disk}/warehouse")

    def told() -> tuple[int, list[str], str]:
        exit_code, found = status(program, *where)
        assert found["state"] == "ok"
        check = checked(program("check", *where, "--claude-dir", claude.root, "--json")).checks["disk space"]
        return exit_code, [problem["kind"] for problem in found["health"]["problems"]], check["health"]

    with mounted(disk, "256m"), ExitStack() as stack:
        stack.callback(let_go)
        assert program("import", *where, "--claude-dir", claude.root).exit_code == 0
        assert told() == (6, ["disk"], "warn")
        with room_of(disk, 32 << 20):
            assert told() == (6, ["disk"], "fail")


@pytest.mark.usefixtures("own_warehouse")
def test_the_status_tells_of_a_failed_import_and_of_the_recovery(program: Program, claude: ClaudeDir) -> None:
    program("import", "--claude-dir", claude.root)
    program("import", "--claude-dir", claude.root, "--ccusage", "/bin/false")
    exit_code, found = status(program)
    assert (exit_code, found["state"]) == (6, "failing")
    assert found["last_import"]["state"] == "failed"
    assert found["last_success_at"] is not None

    program("import", "--claude-dir", claude.root)
    assert status(program)[0] == 0


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_undoing_a_load_does_not_hide_a_failed_import(program: Program, claude: ClaudeDir) -> None:
    load = json.loads(program("import", "--claude-dir", claude.root, "--json").stdout)["load_id"]
    program("import", "--claude-dir", claude.root, "--ccusage", "/bin/false")
    assert program("undo", str(load)).exit_code == 0

    assert status(program)[1]["state"] == "failing"


@pytest.mark.one_place
@pytest.mark.exhaustive
def test_an_import_that_found_its_warehouse_in_use_is_failing_once_it_is_free(
    program: Program, claude: ClaudeDir, migrated: Place
) -> None:
    named = ("--warehouse", migrated.url)
    program("import", "--claude-dir", claude.root, *named)
    with migrated.opened():
        done = program("import", "--claude-dir", claude.root, *named, CCUSAGE_IMPORT_LOCK_WAIT_SECONDS="0")
    assert done.exit_code == 4

    exit_code, found = status(program, *named)
    assert (exit_code, found["state"], found["last_import"]["state"]) == (6, "failing", "failed")

    program("import", "--claude-dir", claude.root, *named)
    assert migrated.rows("SELECT count() FROM loads FINAL WHERE state = 'failed'") == [(1,)]
    assert not list(program.home.rglob("unrecorded_loads.jsonl"))


@pytest.mark.one_place
def test_a_failed_import_into_another_warehouse_is_none_of_this_one(
    program: Program, claude: ClaudeDir, migrated: Place
) -> None:
    named = ("--warehouse", migrated.url)
    program("import", "--claude-dir", claude.root, *named)
    other = f"127.0.0.1:{free_port()}/x"
    program("import", "--claude-dir", claude.root, "--warehouse", f"clickhouse://a:secret@{other}")
    [kept] = [file.read_text() for file in program.home.rglob("unrecorded_loads.jsonl")]

    assert status(program, *named)[1]["state"] == "ok"
    program("import", "--claude-dir", claude.root, *named)

    assert migrated.rows("SELECT count() FROM loads FINAL WHERE state = 'failed'") == [(0,)]
    assert [file.read_text() for file in program.home.rglob("unrecorded_loads.jsonl")] == [kept]
    assert f'"clickhouse://a@{other}"' in kept
    assert "secret" not in kept


@pytest.mark.one_place
def test_a_failed_import_that_an_older_release_kept_is_of_any_warehouse(
    program: Program, claude: ClaudeDir, migrated: Place
) -> None:
    named = ("--warehouse", migrated.url)
    program("import", "--claude-dir", claude.root, "--warehouse", f"clickhouse://a@127.0.0.1:{free_port()}/x")
    [file] = program.home.rglob("unrecorded_loads.jsonl")
    line = json.loads(file.read_text())
    del line["warehouse"]
    file.write_text(json.dumps(line) + "\n")

    program("import", "--claude-dir", claude.root, *named)

    assert migrated.rows("SELECT count() FROM loads FINAL WHERE state = 'failed'") == [(1,)]
    assert not file.exists()


def test_a_status_that_cannot_be_read_is_an_error_of_the_warehouse(program: Program) -> None:
    done = program("status", "--warehouse", f"clickhouse://a@127.0.0.1:{free_port()}/x")

    assert done.exit_code == 4
    assert "no answer" in done.stderr


@pytest.mark.one_place
@pytest.mark.parametrize("command", ["status", "history"])
def test_tables_of_an_older_release_are_migrated_by_hand_or_by_the_next_import(
    migrated: Place, program: Program, claude: ClaudeDir, command: str
) -> None:
    program("import", "--warehouse", migrated.url, "--claude-dir", claude.root)
    with migrated.opened() as opened:
        opened.command("ALTER TABLE loads DROP COLUMN records_after")

    done = program(command, "--warehouse", migrated.url)

    assert (done.exit_code, done.stdout) == (4, "")
    assert "Unknown expression identifier `records_after`" in done.stderr
    assert done.stderr.endswith("\nhint: ccusage-import migrate adds what tables of an older release lack\n")


@pytest.mark.usefixtures("own_warehouse")
def test_the_status_counts_held_records(program: Program, tmp_path: Path) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("old", days_ago(60), 1_000)
    claude.say("old2", days_ago(60, hour=13), 1_000)
    program("import", "--claude-dir", claude.root)
    claude.delete("old2")
    program("import", "--claude-dir", claude.root)

    exit_code, found = status(program)
    # The day, the month, the block and the project of that day.
    assert (exit_code, found["held"]) == (0, 4)
    shown = program("status").stdout
    assert "4 records, see ccusage-import held" in shown
    assert f"{datetime.now(UTC):%Y-%m-%d}" in shown


@pytest.mark.exhaustive
def test_a_load_that_a_clock_ahead_has_dated_is_named_and_is_not_the_last_success(
    program: Program, tmp_path: Path
) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("one", days_ago(1), 1_000)
    url = f"chdb://{tmp_path}/warehouse"
    program("import", "--claude-dir", claude.root, "--warehouse", url, MACHINE_NAME="laptop")
    ahead = datetime(2150, 1, 2, tzinfo=UTC)
    with Place(url).opened() as opened:
        load = read_loads(opened, machine="laptop")[0]
        load.load_id, load.started_at, load.finished_at = int(ahead.timestamp() * 1e6), ahead, ahead
        write_load(opened, load)

    named = ("--warehouse", url)
    found = status(program, *named, MACHINE_NAME="laptop")[1]
    checked = program("check", *named, "--claude-dir", claude.root, MACHINE_NAME="laptop")
    fresh = program("query", "SELECT toYear(last_success_at) < 2150 AS past FROM freshness", "--json", *named)

    assert found["future_loads"] == [5680368000000000]
    assert 0 <= found["age_hours"] < 1
    assert "load 5680368000000000 is dated 2150-01-02; none of them counts as a success" in checked.stdout
    assert json.loads(fresh.stdout) == [{"past": 1}]


@pytest.mark.one_place
@pytest.mark.exhaustive
def test_a_directory_in_the_place_of_the_cursor_is_told(migrated: Place, program: Program, claude: ClaudeDir) -> None:
    options = ("--warehouse", migrated.url)
    program.environ["CCUSAGE_IMPORT_CLAUDE_DIRS"] = str(claude.root)
    program("import", *options)
    [cursor] = program.home.rglob("transcripts.sqlite")
    cursor.unlink()
    cursor.mkdir()

    found, said = checked(program("check", *options, "--json")), f"{cursor}: Is a directory"
    assert (found.exit_code, found.checks["cursor"]["health"]) == (6, "fail")
    assert (found.checks["cursor"]["found"], found.checks["cursor"]["hint"]) == (said, "move the directory away")
    done = program("status", *options, "--json")
    assert (done.exit_code, json.loads(done.stdout)["health"]["problems"]) == (
        6,
        [{"kind": "facts", "text": "it cannot be noted how far transcripts were read: ccusage-import check"}],
    )
    done = program("import", *options)
    assert (done.exit_code, said in done.stderr) == (5, True)
    assert program("status", *options, CCUSAGE_IMPORT_TRANSCRIPTS="false").exit_code == 0


@pytest.mark.one_place
def test_a_server_whose_clock_is_behind_is_named_and_makes_no_load_one_of_the_future(
    migrated: Place, program: Program, claude: ClaudeDir
) -> None:
    program("import", "--claude-dir", claude.root, "--warehouse", migrated.url)
    # To this machine it is three hours later than to the server.
    here = datetime.now(UTC) + timedelta(hours=3)
    with migrated.opened() as opened:
        [load] = read_loads(opened)
        load.started_at, load.finished_at, load.revision = here, here, load.revision + 1
        write_load(opened, load)

        assert future_loads(opened, load.machine, here) == {}
        assert last_success_at(opened, load.machine, here) == load.finished_at.replace(
            microsecond=here.microsecond // 1000 * 1000
        )
        assert [each.found for each in server_clock(opened, here)] == ["that of the server is 180 min behind this one"]
        assert [each.found for each in server_clock(opened, here - timedelta(hours=5))] == [
            "that of the server is 120 min ahead of this one"
        ]
        assert list(server_clock(opened, datetime.now(UTC))) == []


@pytest.mark.one_place
@pytest.mark.parametrize(("is_published", "ended"), [(False, "interrupted"), (True, "committed")])
def test_an_import_that_was_killed_is_not_running(
    migrated: Place, program: Program, claude: ClaudeDir, ended: str, *, is_published: bool
) -> None:
    options = ("--warehouse", migrated.url)
    program("import", "--claude-dir", claude.root, *options)
    with migrated.opened() as opened:
        [load] = read_loads(opened)
        load.load_id, load.state = load.load_id + 1, "running"
        write_load(opened, load)
        if is_published:
            opened.command(
                f"INSERT INTO records SELECT * REPLACE({load.load_id} AS load_id) FROM records FINAL LIMIT 1"
            )
    [lock] = program.home.rglob("import.lock")

    with file_lock(lock, "the test", 0):
        running = [status(program, *options), json.loads(program("history", *options, "--json").stdout)[0]["state"]]
    dead = [status(program, *options), json.loads(program("history", *options, "--json").stdout)[0]["state"]]

    assert [running[0][0], running[0][1]["last_import"]["state"], running[1]] == [0, "running", "running"]
    health = (0, "ok") if is_published else (6, "failing")
    assert (dead[0][0], dead[0][1]["state"]) == health
    assert [dead[0][1]["last_import"]["state"], dead[1]] == [ended, ended]


@needs_mounts
@pytest.mark.one_place
def test_a_full_state_directory_is_told(migrated: Place, program: Program, claude: ClaudeDir) -> None:
    options = ("--warehouse", migrated.url)
    program.environ["CCUSAGE_IMPORT_CLAUDE_DIRS"] = str(claude.root)
    program("import", *options)
    state = program.home / ".local/state/ccusage-import"
    with mounted(state):
        with room_of(state, 0):
            found, done = checked(program("check", *options, "--json")), program("status", *options, "--json")
        with_room = program("status", *options)

    assert (found.exit_code, found.checks["cursor"]["health"]) == (6, "fail")
    assert found.checks["cursor"]["found"] == f"{state / 'transcripts.sqlite'}: No space left on device"
    assert found.checks["cursor"]["hint"] == "free some space on its disk"
    assert (done.exit_code, json.loads(done.stdout)["health"]["problems"]) == (
        6,
        [{"kind": "facts", "text": "it cannot be noted how far transcripts were read: ccusage-import check"}],
    )
    assert with_room.exit_code == 0, with_room.stdout


@pytest.mark.one_place
def test_what_no_import_gets_past_fails(migrated: Place, program: Program, claude: ClaudeDir) -> None:
    options = ("--claude-dir", claude.root, "--warehouse", migrated.url)
    program("import", *options, "--machine", "laptop")
    names = program.home / ".local/share/ccusage-import/names.json"
    names.write_text(names.read_text()[:10])

    found = checked(program("check", *options, "--json"))
    assert (found.exit_code, found.checks["names"]["health"], found.checks["machine"]["health"]) == (6, "fail", "ok")
    assert found.checks["names"]["hint"] == "move the file away; the next import writes a new one for what it meets"

    names.unlink()
    found = checked(program("check", *options, "--json", CCUSAGE_IMPORT_HASH_PROJECTS="false"))
    assert (found.exit_code, found.checks["names"]["health"], found.checks["machine"]["health"]) == (6, "fail", "ok")
    assert found.checks["names"]["found"].endswith("asks for names in clear; both would count them twice")

    (program.home / ".config/ccusage-import/identity.toml").unlink()
    assert program("import", *options, MACHINE_NAME="laptop").exit_code == 2
    found = checked(program("check", *options, "--json", MACHINE_NAME="laptop"))
    assert (found.exit_code, found.checks.get("names"), found.checks["machine"]["health"]) == (6, None, "fail")
    assert found.checks["machine"]["found"] == (
        f"machine 'laptop' is the name of another installation in {migrated.url}"
    )
