"""Kept reports: a load is kept as it was judged, exported, and judged again the same in an empty warehouse."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ccusage_import.warehouse.migrations import sql_directory
from tests.conftest import Place, Program, Result
from tests.support.claude_dir import ClaudeDir, days_ago

pytestmark = [pytest.mark.exhaustive_at("http"), pytest.mark.usefixtures("engine_stays")]

# Views that tell the age of something differ from moment to moment, and a replay holds at another time.
CLOCKED = {"active_blocks", "freshness", "held_records"}
# Saved reports hold neither prices nor transcripts; the next import asks for the ones and reads the others.
PRICED = {"known_prices", "model_costs", "model_performance", "prices"}
TRANSCRIBED = {
    "block_hours", "command_patterns", "events", "executions", "folded_hours", "hourly", "ledger_daily",
    "ledger_sessions", "mcp_servers", "messages", "predictions", "savings", "savings_answers",
    "savings_calls", "savings_cases", "sessions_health", "subagents", "tool_calls",
    "tool_patterns", "turns",
}  # fmt: skip
VIEWS = sorted({file.stem for file in (sql_directory() / "views").glob("*.sql")} - CLOCKED - PRICED - TRANSCRIBED)
RAW = ".local/share/ccusage-import/raw"
KEEP = {"CCUSAGE_IMPORT_KEEP_RAW": "true"}
REPORT_FILES = ["blocks.json", "daily.json", "monthly.json", "projects.json", "session.json"]


def run_import(program: Program, place: Place, claude_dir: Path, *more: str | Path, **environ: str) -> Result:
    """Import a directory in UTC and keep the reports."""
    done = program(
        "import",
        "--warehouse",
        place.url,
        "--claude-dir",
        claude_dir,
        "--timezone",
        "UTC",
        *more,
        **{**KEEP, **environ},
    )
    assert done.exit_code == 0, done.stderr
    return done


def shown(place: Place) -> dict[str, list[tuple[object, ...]]]:
    """Return all rows of all views, and all verdicts, but for the ids of their loads."""
    contents = {}
    described = place.answers({view: f"DESCRIBE TABLE {view}" for view in VIEWS})
    for view, rows in described.items():
        columns = [str(row[0]) for row in rows if row[0] != "load_id"]
        contents[view] = f"SELECT {', '.join(columns)} FROM {view} ORDER BY ALL"
    contents["changes"] = (
        "SELECT dense_rank() OVER (ORDER BY load_id), report, machine, agent, key, verdict, reason, is_written,"
        " stored_tokens, offered_tokens, stored_cost_usd, offered_cost_usd, stored, offered FROM changes ORDER BY ALL"
    )
    contents["loads"] = (
        "SELECT machine, state, started_at, ccusage_version, timezone, cost_mode, is_offline, data_dirs, reports,"
        " failed_reports, toString(verdicts), tokens_before, tokens_after, cost_before_usd, cost_after_usd, intact_from"
        " FROM loads FINAL ORDER BY load_id"
    )
    return place.answers(contents)


@pytest.fixture
def history(program: Program, migrated: Place, claude: ClaudeDir, ccusage18: Path) -> Place:
    """ccusage 18, then 20, then a deleted session inside and one outside of the intact window: taken and held."""
    for days in (1, 2, 3, 45):
        for session in ("a", "b"):
            claude.say(f"{session}{days}", days_ago(days), 1000 * days)
    run_import(program, migrated, claude.root, "--ccusage", ccusage18)
    run_import(program, migrated, claude.root)
    claude.delete("b45")
    claude.delete("b3")
    run_import(program, migrated, claude.root)
    claude.say("c1", days_ago(1), 5)
    run_import(
        program,
        migrated,
        claude.root,
        "--accept-lower",
        f"{days_ago(3):%Y-%m-%d}",
        "--since",
        f"{days_ago(30):%Y-%m-%d}",
    )
    return migrated


@pytest.fixture
def kept(program: Program, embedded: Callable[[str], Place], claude: ClaudeDir) -> Place:
    """Two loads, the second of which adds a session."""
    place = embedded("warehouse")
    claude.say("a1", days_ago(1), 1000)
    run_import(program, place, claude.root)
    claude.say("b1", days_ago(1), 500)
    run_import(program, place, claude.root)
    return place


def load_ids(place: Place) -> list[str]:
    return [str(row[0]) for row in place.rows("SELECT load_id FROM loads FINAL ORDER BY load_id")]


@pytest.mark.exhaustive
def test_an_export_gives_an_empty_warehouse_the_same_rows_and_verdicts(
    program: Program, history: Place, tmp_path: Path
) -> None:
    before = shown(history)
    logged = {(row[5], row[6]) for row in before["changes"]}
    assert {("held", "messages_gone"), ("corrected", "accepted"), ("grew", "more_tokens")} <= logged

    exported = program("raw", "export", "out", "--warehouse", history.url)
    assert (exported.exit_code, exported.stdout, exported.stderr) == (0, "4 loads exported to out\n", "")
    restored = Place(f"chdb://{tmp_path}/restored")
    replayed = program("import", "--from", "out", "--warehouse", restored.url, PATH="/nonexistent")

    assert replayed.exit_code == 0, replayed.stderr
    assert replayed.stdout.splitlines()[-1] == "4 loads replayed"
    assert shown(restored) == before


def test_a_message_that_moved_into_a_day_that_is_held_holds_its_own_day_in_a_replay_too(
    program: Program, embedded: Callable[[str], Place], claude: ClaudeDir, tmp_path: Path
) -> None:
    place, restored = embedded("warehouse"), Place(f"chdb://{tmp_path}/restored")
    claude.say("a", days_ago(40), 100)
    claude.say("a", days_ago(40, hour=13), 50)
    claude.say("b", days_ago(39), 60)
    run_import(program, place, claude.root)
    claude.replace("a", f"{days_ago(40):%Y-%m-%d}T13", f"{days_ago(39):%Y-%m-%d}T13")
    claude.delete("b")
    run_import(program, place, claude.root)
    held = "FROM changes WHERE report = 'daily' AND verdict = 'held' ORDER BY ALL"
    assert place.rows(f"SELECT reason, stored_tokens, offered_tokens {held}") == [
        ("may_be_swept", 150, 100),
        ("messages_gone", 60, 50),
    ]
    before = shown(place)

    program("raw", "export", "out", "--warehouse", place.url)
    replayed = program("import", "--from", "out", "--warehouse", restored.url)

    assert (replayed.exit_code, replayed.stderr) == (0, "")
    assert shown(restored) == before


@pytest.mark.one_place
def test_kept_loads_are_listed(program: Program, migrated: Place, claude: ClaudeDir) -> None:
    assert program("raw", "list").stdout == "no reports are kept; keep_raw = true keeps them from now on\n"
    claude.say("a1", days_ago(1), 1000)
    run_import(program, migrated, claude.root, "--machine", "laptop")
    (load_id,) = load_ids(migrated)

    (listed,) = json.loads(program("raw", "list", "--json").stdout)["loads"]
    header, row = program("raw", "list").stdout.splitlines()

    assert (str(listed["load_id"]), listed["machine"], listed["warehouse"]) == (load_id, "laptop", migrated.url)
    assert listed["bytes"] == Path(listed["file"]).stat().st_size
    assert header.split() == ["load", "when", "machine", "warehouse", "size"]
    assert (row.split()[0], row.split()[3]) == (load_id, "UTC")
    assert row.rstrip().endswith(f" {listed['bytes'] / 1000:.1f} kB")


@pytest.mark.exhaustive
def test_the_next_import_finds_what_it_would_have_found(
    program: Program, history: Place, tmp_path: Path, claude: ClaudeDir
) -> None:
    program("raw", "export", "out", "--warehouse", history.url)
    restored = Place(f"chdb://{tmp_path}/restored")
    program("import", "--from", "out", "--warehouse", restored.url)
    claude.say("d1", days_ago(0), 7)

    reports = [
        json.loads(run_import(program, place, claude.root, "--json").stdout)["reports"] for place in (history, restored)
    ]

    for report in [*reports[0].values(), *reports[1].values()]:
        del report["seconds"]
    assert reports[0] == reports[1]


@pytest.mark.exhaustive
def test_what_a_replay_did_not_finish_a_second_one_does(program: Program, history: Place, tmp_path: Path) -> None:
    before = shown(history)
    program("raw", "export", "out", "--warehouse", history.url)
    restored = Place(f"chdb://{tmp_path}/restored")
    third = program.home / "out" / load_ids(history)[2]
    (third / "daily.json").rename(program.home / "daily.json")
    for report in REPORT_FILES:
        (third / report).unlink(missing_ok=True)
    stopped = program("import", "--from", "out", "--warehouse", restored.url)
    assert stopped.exit_code == 3
    assert stopped.stderr.startswith(f"ccusage-import: error: out/{third.name} holds none of daily.json, ")

    program("raw", "export", "whole", "--warehouse", history.url)
    resumed = json.loads(program("import", "--from", "whole", "--warehouse", restored.url, "--json").stdout)

    assert (resumed["exit_code"], resumed["passed_over"], len(resumed["loads"])) == (0, 2, 2)
    after = shown(restored)
    assert [row for row in after["loads"] if row[1] == "committed"] == before["loads"]
    assert {name: rows for name, rows in after.items() if name in VIEWS} == {
        name: rows for name, rows in before.items() if name in VIEWS
    }
    again = program("import", "--from", "whole", "--warehouse", restored.url)
    assert again.stdout == "0 loads replayed; 4 passed over: what is stored is as new\n"


@pytest.mark.exhaustive
def test_an_old_load_lowers_nothing_that_came_later(program: Program, kept: Place) -> None:
    before = shown(kept)
    first = load_ids(kept)[0]
    program("raw", "export", "out", "--load", first)

    done = program("import", "--from", program.home / "out" / first, "--warehouse", kept.url)

    assert done.stdout == "0 loads replayed; 1 passed over: what is stored is as new\n"
    assert shown(kept) == before


def test_loads_of_a_name_that_the_machine_gave_back_since_are_passed_over(program: Program, kept: Place) -> None:
    assert program("raw", "export", "out", "--warehouse", kept.url).exit_code == 0
    assert program("rename", "machine", "tower", "--warehouse", kept.url).exit_code == 0

    done = program("import", "--from", program.home / "out", "--warehouse", kept.url)

    assert done.stdout == "0 loads replayed; 2 passed over: what is stored is as new\n"
    assert kept.rows("SELECT machine, sum(total_tokens) FROM daily GROUP BY machine") == [("tower", 1_500)]


def test_a_warehouse_that_has_read_transcripts_alone_takes_all_loads(
    program: Program, kept: Place, embedded: Callable[[str], Place], claude: ClaudeDir, tmp_path: Path
) -> None:
    assert program("raw", "export", tmp_path / "raw", "--warehouse", kept.url).exit_code == 0
    other = embedded("other")
    run_import(program, other, claude.root, "--transcripts-only")

    done = program("import", "--from", tmp_path / "raw", "--warehouse", other.url, CCUSAGE_IMPORT_TIMEZONE="UTC")

    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "2 loads replayed")
    assert other.rows("SELECT sum(total_tokens) FROM daily") == [(1_500,)]


def test_one_exported_load_is_replayed_from_its_own_directory(program: Program, kept: Place, tmp_path: Path) -> None:
    first = load_ids(kept)[0]
    exported = json.loads(program("raw", "export", "out", "--load", first, "--json").stdout)
    assert exported == {"directory": "out", "loads": [int(first)]}
    assert [path.name for path in (program.home / "out").iterdir()] == [first]
    restored = Place(f"chdb://{tmp_path}/restored")

    would = program("import", "--from", f"out/{first}", "--warehouse", restored.url, "--dry-run")
    assert would.stdout.splitlines()[-1] == "1 load would be replayed, each compared with what is stored now"
    assert not (tmp_path / "restored").exists()
    for limit, day in (("--since", days_ago(-40)), ("--until", days_ago(40))):
        limited = program("import", "--from", f"out/{first}", "--json", "--dry-run", limit, str(day.date()))
        assert json.loads(limited.stdout)["loads"][0]["verdicts"] == {}
    done = program("import", "--from", f"out/{first}", "--warehouse", restored.url, "--json")

    replayed = json.loads(done.stdout)
    assert [load["replayed"] for load in replayed["loads"]] == [int(first)]
    assert replayed["loads"][0]["verdicts"].keys() == {"new"}
    assert restored.rows("SELECT DISTINCT ccusage_version, total_tokens FROM daily") == [("20.0.24", 1000)]


def test_a_warehouse_of_an_older_release_takes_the_loads_that_it_lacks(program: Program, kept: Place) -> None:
    first = load_ids(kept)[0]
    program("raw", "export", "out", "--load", first)
    with kept.opened() as opened:
        opened.command("ALTER TABLE loads DROP COLUMN naming")
        opened.command("DELETE FROM schema_migrations WHERE version = '0003'")

    done = program("import", "--from", program.home / "out" / first, "--warehouse", kept.url)

    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == "0 loads replayed; 1 passed over: what is stored is as new\n"


def test_without_its_note_a_load_is_saved_files(program: Program, kept: Place, tmp_path: Path) -> None:
    first = load_ids(kept)[0]
    program("raw", "export", "out", "--load", first)
    (program.home / "out" / first / "load.json").unlink()
    restored = Place(f"chdb://{tmp_path}/restored")

    done = program("import", "--from", f"out/{first}", "--warehouse", restored.url)

    assert done.exit_code == 0
    assert " · saved files · " in done.stdout
    assert restored.rows("SELECT DISTINCT ccusage_version FROM daily") == [("",)]


@pytest.mark.exhaustive
def test_saved_files_are_kept_too(program: Program, kept: Place, tmp_path: Path) -> None:
    first = load_ids(kept)[0]
    program("raw", "export", "out", "--load", first)
    (program.home / "out" / first / "load.json").unlink()
    second, third = Place(f"chdb://{tmp_path}/second"), Place(f"chdb://{tmp_path}/third")
    program("import", "--from", f"out/{first}", "--warehouse", second.url, **KEEP)

    assert program("raw", "export", "again", "--warehouse", second.url).stdout == "1 load exported to again\n"
    program("import", "--from", "again", "--warehouse", third.url)

    assert shown(third) == shown(second)


def test_reports_and_note_are_kept_for_the_owner_alone(
    program: Program, migrated: Place, corpus: Callable[[str], Path]
) -> None:
    run_import(program, migrated, corpus("september"), "--machine", "laptop")

    (load_id,) = load_ids(migrated)
    (archive,) = (program.home / RAW).iterdir()
    assert archive.name == f"{load_id}.zip"
    assert archive.stat().st_mode & 0o777 == 0o600
    assert archive.parent.stat().st_mode & 0o777 == 0o700
    assert sorted(zipfile.ZipFile(archive).namelist()) == sorted([*REPORT_FILES, "load.json"])
    program("raw", "export", "out", "--warehouse", migrated.url)
    directory = program.home / "out" / load_id
    assert sorted(path.name for path in directory.iterdir()) == sorted([*REPORT_FILES, "load.json"])
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}
    assert directory.parent.stat().st_mode & 0o777 == directory.stat().st_mode & 0o777 == 0o700
    assert "-home-dev-project-1" in (directory / "projects.json").read_text()
    note = json.loads((directory / "load.json").read_text())
    data_dirs = migrated.rows("SELECT data_dirs FROM loads FINAL")[0][0]
    assert isinstance(data_dirs, list)
    del note["started_at"], note["tool_version"], note["intact_from"]
    assert note == {
        "format": 1, "load_id": int(load_id), "warehouse": migrated.url, "machine": "laptop",
        "ccusage_version": "20.0.24", "timezone": "UTC", "cost_mode": "auto", "data_dirs": data_dirs,
        "is_offline": True, "prices": "follow", "since": "0001-01-01", "until": "9999-12-31", "accepted": None,
        "weighed": [],
    }  # fmt: skip


def test_nothing_is_kept_unless_it_is_asked_for(
    program: Program, migrated: Place, corpus: Callable[[str], Path]
) -> None:
    run_import(program, migrated, corpus("september"), CCUSAGE_IMPORT_KEEP_RAW="false")
    run_import(program, migrated, corpus("june"), "--dry-run")

    assert not (program.home / RAW).exists()
    done = program("raw", "export", "out", "--warehouse", migrated.url)
    assert done.exit_code == 4
    assert done.stderr.splitlines() == [
        f"ccusage-import: error: no reports are kept of any load into {migrated.url}",
        "hint: set keep_raw = true to keep them from now on, or name the warehouse used then: --warehouse URL",
    ]
    assert not (program.home / "out").exists()


def test_what_cannot_be_kept_is_said_and_the_load_stands(
    program: Program, migrated: Place, corpus: Callable[[str], Path]
) -> None:
    raw = program.home / RAW
    raw.parent.mkdir(parents=True)
    raw.write_text("in the way")

    done = run_import(program, migrated, corpus("september"))

    (load_id,) = load_ids(migrated)
    assert done.stderr == f"ccusage-import: warning: the reports of load {load_id} are not kept: {raw}: File exists\n"
    assert migrated.rows("SELECT state FROM loads FINAL") == [("committed",)]


def test_an_export_adds_what_is_missing_and_changes_nothing_else(program: Program, kept: Place) -> None:
    first, *others = load_ids(kept)
    program("raw", "export", "out", "--load", first)
    (program.home / "out" / first / "daily.json").write_text("mine")

    assert program("raw", "export", "out", "--warehouse", kept.url).exit_code == 0

    assert sorted(path.name for path in (program.home / "out").iterdir()) == [first, *others]
    assert (program.home / "out" / first / "daily.json").read_text() == "mine"


def test_an_unknown_load_and_a_damaged_archive_are_named(program: Program, kept: Place) -> None:
    unknown = program("raw", "export", "out", "--load", "7")
    assert unknown.exit_code == 4
    assert unknown.stderr.startswith("ccusage-import: error: no reports are kept of load 7\nhint: ")

    archive = program.home / RAW / f"{load_ids(kept)[1]}.zip"
    archive.write_bytes(archive.read_bytes()[:200])
    damaged = program("raw", "export", "out", "--warehouse", kept.url)
    assert damaged.exit_code == 4
    assert damaged.stderr.startswith(f"ccusage-import: error: {archive} is damaged: ")


@pytest.mark.exhaustive
def test_one_bad_report_of_a_load_does_not_stop_the_replay(program: Program, kept: Place, tmp_path: Path) -> None:
    program("raw", "export", "out", "--warehouse", kept.url)
    second = program.home / "out" / load_ids(kept)[1]
    (second / "blocks.json").write_text("null")
    restored = Place(f"chdb://{tmp_path}/restored")

    done = program("import", "--from", "out", "--warehouse", restored.url)

    assert done.exit_code == 5
    assert done.stderr.count("ccusage-import: error: blocks: ") == 1
    assert [row[0] for row in restored.rows("SELECT failed_reports FROM loads FINAL ORDER BY load_id")] == [
        [], ["blocks"],
    ]  # fmt: skip
    assert shown(restored)["daily"] == shown(kept)["daily"]


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        ({"timezone": "Mars/Base"}, "is damaged: ", "export the load again"),
        ({"machine": None}, "is damaged: machine: Input should be a valid string", "export the load again"),
        (
            {"format": 2, "tool_version": "9.9.9"},
            "format 2 is not the one this program knows, 1",
            "install ccusage-import 9.9.9 or newer",
        ),
    ],
)
def test_a_note_that_cannot_be_used_is_refused(
    program: Program, tmp_path: Path, change: dict[str, Any], message: str, hint: str
) -> None:
    note = {
        "format": 1, "load_id": 1, "warehouse": "chdb:///x", "machine": "laptop", "started_at": "2025-09-01T00:00:00Z",
        "tool_version": "0.1.0", "ccusage_version": "20.0.24", "timezone": "UTC", "cost_mode": "auto", "data_dirs": [],
        "is_offline": True, "prices": "follow", "intact_from": None, "since": "0001-01-01", "until": "9999-12-31",
        "accepted": None,
    }  # fmt: skip
    (tmp_path / "load.json").write_text(json.dumps({**note, **change}))
    (tmp_path / "daily.json").write_text('{"daily": [], "totals": null}')

    done = program("import", "--from", tmp_path, "--warehouse", f"chdb://{tmp_path}/warehouse")

    assert done.exit_code == 3
    error, shown_hint = done.stderr.splitlines()
    assert message in error
    assert shown_hint == f"hint: {hint}"
    assert not (tmp_path / "warehouse").exists()
