"""An import in which nothing changed runs no report and says so; whatever changes makes it run them all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Place, Program
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.exhaustive import some_of
from tests.support.gateway.running import Gateway

pytestmark = [pytest.mark.exhaustive_at("http"), pytest.mark.usefixtures("engine_stays")]

FILE = ".local/state/ccusage-import/last-import.json"


@pytest.fixture
def own(program: Program) -> Program:
    """The command line as it is installed."""
    environ = {name: value for name, value in program.environ.items() if name != "CCUSAGE_IMPORT_SKIP_UNCHANGED"}
    return replace(program, environ=environ)


@pytest.fixture
def claude(tmp_path: Path) -> ClaudeDir:
    """A data directory of three days ago: no block is active."""
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("old", days_ago(3), 100_000)
    return claude


@pytest.fixture
def imported(migrated: Place, own: Program, claude: ClaudeDir) -> Callable[..., dict[str, Any]]:
    """Imports the directory once, and then again as often as it is called."""

    def run(*arguments: str | Path, **environ: str) -> dict[str, Any]:
        where = ("--warehouse", migrated.url, "--claude-dir", claude.root)
        done = own("import", *where, "--json", *arguments, **environ)
        assert done.exit_code == 0, done
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    assert run()["unchanged_since"] is None
    return run


def test_no_report_is_run_and_the_load_is_recorded(
    imported: Callable[..., dict[str, Any]], migrated: Place, own: Program
) -> None:
    again = imported("--ccusage-version", "20.0.24")
    assert (again["reports"], again["unchanged_since"] is not None) == ({}, True)
    assert again["ccusage_version"] == "20.0.24"
    once_more = imported("--force")
    assert (len(once_more["reports"]), once_more["unchanged_since"]) == (5, None)
    last = imported()
    assert last["reports"] == {}
    assert migrated.rows("SELECT sum(cost_usd) FROM daily") == migrated.rows("SELECT toDecimal64(1.5, 9)")
    assert migrated.rows(
        "SELECT state, runner, length(reports), cost_before_usd = cost_after_usd, records_after"
        " FROM loads FINAL ORDER BY load_id"
    ) == [
        ("committed", "PATH", 5, False, 5),
        ("committed", "PATH", 0, True, 5),
        ("committed", "PATH", 5, True, 5),
        ("committed", "PATH", 0, True, 5),
    ]
    status = json.loads(own("status", "--json", "--warehouse", migrated.url).stdout)
    assert (status["state"], status["last_import"]["load_id"]) == ("ok", last["load_id"])


def test_what_it_says(
    imported: Callable[..., dict[str, Any]], migrated: Place, own: Program, claude: ClaudeDir
) -> None:
    del imported
    done = own("import", "--warehouse", migrated.url, "--claude-dir", claude.root, COLUMNS="100")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("machine ")
    assert lines[2].startswith("nothing changed since the import of ")
    assert lines[2].endswith("no report was run; --force runs them")
    shown = own("history", "--warehouse", migrated.url).stdout.splitlines()
    assert "nothing changed" in shown[1]


def test_the_status_line_gets_its_numbers(imported: Callable[..., dict[str, Any]], own: Program) -> None:
    file = (own.home / FILE).with_name("statusline.json")
    before = json.loads(file.read_text())
    file.unlink()

    assert imported()["reports"] == {}

    after = json.loads(file.read_text())
    assert after.pop("at") > before.pop("at")
    assert after == before


# What runs and judges reports, reads transcripts, announces, copies and draws.
NOT_NEEDED = (
    "ccusage_import.ccusage.fetcher",
    "ccusage_import.ccusage.models",
    "ccusage_import.ccusage.offers",
    "ccusage_import.checks",
    "ccusage_import.demo",
    "ccusage_import.digest.glance",
    "ccusage_import.history",
    "ccusage_import.monitoring.heartbeat",
    "ccusage_import.monitoring.metrics",
    "ccusage_import.monitoring.notifications",
    "ccusage_import.rule.judge",
    "ccusage_import.rule.ledger",
    "ccusage_import.statistics",
    "ccusage_import.steps.reports",
    "ccusage_import.transcripts.reader",
    "ccusage_import.ui.summary",
    "ccusage_import.warehouse.publish",
    "prometheus_client",
    "rich",
    "sqlite3",
    "tenacity",
)


@pytest.mark.parametrize("shown", ["--quiet", "--json"])
def test_what_it_does_not_need_is_not_loaded(
    imported: Callable[..., dict[str, Any]], migrated: Place, own: Program, claude: ClaudeDir, shown: str
) -> None:
    del imported
    in_a_new_interpreter = replace(own, prefix=("/usr/bin/env",))
    where = ("--warehouse", migrated.url, "--claude-dir", claude.root)
    done = in_a_new_interpreter("import", shown, *where, PYTHONPROFILEIMPORTTIME="1")
    assert done.exit_code == 0
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    loaded = {line.rpartition("|")[2].strip() for line in lines}
    assert "ccusage_import.steps.unchanged" in loaded
    assert [name for name in NOT_NEEDED if name in loaded] == []
    assert migrated.rows("SELECT length(reports) FROM loads FINAL ORDER BY load_id") == [(5,), (0,)]


def grows(claude: ClaudeDir) -> None:
    claude.say("old", days_ago(2), 100_000)


def is_deleted(claude: ClaudeDir) -> None:
    claude.say("new", days_ago(2), 1)
    claude.delete("old")


def is_touched(claude: ClaudeDir) -> None:
    os.utime(claude.file("old"), (1, 1))


def is_replaced(claude: ClaudeDir) -> None:
    before = claude.file("old").stat()
    copy = claude.root / "copy"
    shutil.copy2(claude.file("old"), copy)
    copy.rename(claude.file("old"))
    assert claude.file("old").stat().st_mtime_ns == before.st_mtime_ns


def is_rewritten_in_place(claude: ClaudeDir) -> None:
    file, before = claude.file("old"), claude.file("old").stat()
    with file.open("r+b") as stream:
        stream.write(file.read_bytes().replace(b"100000", b"200000"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = file.stat()
    assert (before.st_ino, before.st_size, before.st_mtime_ns) == (after.st_ino, after.st_size, after.st_mtime_ns)


def becomes_readable(claude: ClaudeDir) -> None:
    claude.file("old").chmod(0o640)


CHANGES = [grows, is_deleted, is_touched, is_replaced, is_rewritten_in_place, becomes_readable]


@pytest.mark.parametrize("change", some_of(CHANGES, 0, 3, 5))
@pytest.mark.one_place
def test_whatever_becomes_of_a_transcript_counts(
    imported: Callable[..., dict[str, Any]], claude: ClaudeDir, change: Callable[[ClaudeDir], None]
) -> None:
    change(claude)
    assert len(imported()["reports"]) == 5
    assert imported()["reports"] == {}


@pytest.mark.parametrize(
    ("arguments", "environ"),
    some_of(
        [
            (("--timezone", "Asia/Kolkata"), {}),
            (("--report", "daily"), {}),
            (("--since", "2020-01-01"), {}),
            (("--agent", "all"), {}),
            (("--dry-run",), {}),
            ((), {"CCUSAGE_IMPORT_MODE": "calculate"}),
            ((), {"CCUSAGE_IMPORT_SKIP_UNCHANGED": "false"}),
        ],
        0,
        5,
    ),
)
@pytest.mark.one_place
def test_another_question_is_another_import(
    imported: Callable[..., dict[str, Any]], arguments: tuple[str, ...], environ: dict[str, str]
) -> None:
    assert imported(*arguments, **environ)["reports"] != {}


@pytest.mark.one_place
def test_another_ccusage_is_asked(imported: Callable[..., dict[str, Any]], own: Program, ccusage18: Path) -> None:
    path = f"{ccusage18.parent}{os.pathsep}{own.environ['PATH']}"
    assert imported(PATH=path)["ccusage_version"].startswith("18.")


@pytest.mark.one_place
def test_an_active_block_ends_without_a_change(migrated: Place, own: Program, tmp_path: Path) -> None:
    claude = ClaudeDir(tmp_path / "active")
    # A block is active for five hours: noon, which days_ago tells, is earlier than that in the evening.
    claude.say("now", datetime.now(UTC) - timedelta(minutes=1), 10)
    where = ("--warehouse", migrated.url, "--claude-dir", claude.root, "--json")
    for _ in range(2):
        assert len(json.loads(own("import", *where).stdout)["reports"]) == 5


def undo(own: Program, place: Place) -> None:
    [(first,)] = place.rows("SELECT min(load_id) FROM loads")
    assert own("undo", str(first), "--warehouse", place.url).exit_code == 0


def lose_the_file(own: Program, place: Place) -> None:
    del place
    (own.home / FILE).unlink()


def damage_the_file(own: Program, place: Place) -> None:
    del place
    (own.home / FILE).write_text("{")


@pytest.mark.parametrize("change", some_of([undo, lose_the_file, damage_the_file], 0))
@pytest.mark.exhaustive
def test_what_happened_to_the_warehouse_or_the_note_counts(
    imported: Callable[..., dict[str, Any]],
    migrated: Place,
    own: Program,
    change: Callable[[Program, Place], None],
) -> None:
    assert imported()["reports"] == {}
    change(own, migrated)
    assert len(imported()["reports"]) == 5
    # What was taken back stays taken back until somebody accepts it.
    cost = "0" if change is undo else "1.5"
    assert migrated.rows("SELECT sum(cost_usd) FROM daily") == migrated.rows(f"SELECT toDecimal64({cost}, 9)")


@pytest.mark.one_place
def test_a_warehouse_that_is_new_gets_everything(
    imported: Callable[..., dict[str, Any]], embedded: Callable[[str], Place]
) -> None:
    other = embedded("other")
    assert len(imported("--warehouse", other.url)["reports"]) == 5


@pytest.mark.exhaustive
def test_a_server_that_is_down_is_recorded_as_for_any_import(gateway: Gateway, own: Program, claude: ClaudeDir) -> None:
    url = gateway.url(database="unchanged_down")
    assert own("migrate", "--warehouse", url, "--create-database").exit_code == 0
    where = ("--warehouse", url, "--claude-dir", claude.root)
    assert own("import", *where).exit_code == 0
    gateway.fail("status_503", times=1000)
    try:
        assert own("import", *where).exit_code == 4
    finally:
        gateway.clear_faults()
    again = json.loads(own("import", *where, "--json").stdout)
    assert len(again["reports"]) == 5
    rows = Place(url, gateway).rows("SELECT state FROM loads FINAL ORDER BY load_id")
    assert rows == [("committed",), ("failed",), ("committed",)]


@pytest.mark.one_place
def test_a_failed_import_is_not_relied_on(
    imported: Callable[..., dict[str, Any]], migrated: Place, own: Program, claude: ClaudeDir
) -> None:
    where = ("--warehouse", migrated.url, "--claude-dir", claude.root)
    claude.say("old", days_ago(2), 100_000)
    assert own("import", *where, "--ccusage", "/bin/false").exit_code == 3
    assert len(imported()["reports"]) == 5


@pytest.mark.one_place
def test_an_import_that_lacks_a_report_is_not_relied_on(
    imported: Callable[..., dict[str, Any]],
    migrated: Place,
    own: Program,
    claude: ClaudeDir,
    tmp_path: Path,
    ccusage20: Path,
) -> None:
    wrapper, fails = tmp_path / "bin" / "ccusage", tmp_path / "fails"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\n[ "$2" = blocks ] && [ -e "{fails}" ] && exit 1\nexec "{ccusage20}" "$@"\n')
    wrapper.chmod(0o755)
    path = f"{wrapper.parent}{os.pathsep}{own.environ['PATH']}"
    claude.say("old", days_ago(2), 100_000)
    fails.touch()
    assert own("import", "--warehouse", migrated.url, "--claude-dir", claude.root, PATH=path).exit_code == 5
    fails.unlink()

    assert len(imported(PATH=path)["reports"]) == 5
    assert imported(PATH=path)["reports"] == {}


@pytest.mark.exhaustive
def test_few_requests_go_to_a_server(own: Program, gateway: Gateway, claude: ClaudeDir) -> None:
    url = gateway.url(database="few_requests")
    assert own("migrate", "--create-database", "--warehouse", url).exit_code == 0

    def requests_of(*arguments: str) -> int:
        before = len(gateway.statements())
        assert own("import", "--warehouse", url, "--claude-dir", claude.root, *arguments).exit_code == 0
        return len(gateway.statements()) - before

    requests_of()
    assert requests_of() == 4
    assert requests_of("--force") == 5
    claude.say("old", days_ago(2), 1_000)
    assert requests_of() == 12
