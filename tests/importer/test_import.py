"""The main job from the outside: real ccusage on real transcripts, what is printed, and the database read back."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Place, Program
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.exhaustive import some_of

pytestmark = pytest.mark.exhaustive_at("http")

REPORTS = {
    "daily": ("daily",),
    "monthly": ("monthly",),
    "sessions": ("session",),
    "blocks": ("blocks",),
    "projects_daily": ("daily", "--instances"),
}


def ccusage_says(ccusage: Path, claude_dir: Path, *report: str, prefix: tuple[str, ...] = ("claude",)) -> Any:
    """Return what ccusage itself prints, run by hand."""
    done = subprocess.run(
        [ccusage, *prefix, *report, "--json", "--offline", "--timezone", "UTC"],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "CLAUDE_CONFIG_DIR": str(claude_dir)},
        capture_output=True,
        check=True,
        timeout=60,
    )
    return json.loads(done.stdout, parse_float=Decimal)


def printed_rows(document: Any) -> list[dict[str, Any]]:
    """Return the rows of any report."""
    for key in ("daily", "monthly", "sessions", "session"):
        if key in document:
            return list(document[key])
    if "blocks" in document:
        return [row for row in document["blocks"] if not row["isGap"]]
    return [row for rows in document["projects"].values() for row in rows]


def printed_usage(row: dict[str, Any]) -> tuple[int, int, int, int, Decimal]:
    """Return tokens by class and the cost of a row, whatever its report calls them."""
    counts = row.get("tokenCounts", row)
    cache = "Input" if "tokenCounts" in row else ""
    return (
        counts["inputTokens"],
        counts["outputTokens"],
        counts[f"cacheCreation{cache}Tokens"],
        counts[f"cacheRead{cache}Tokens"],
        Decimal(row["costUSD"] if "costUSD" in row else row["totalCost"]),
    )


REAL = ("real/2025-06", "real/2025-09", "real/2026-01", "real/2026-02", "real/copies")


@pytest.mark.parametrize("name", some_of(["june", "september", "edge", "active", "transcripts-edge", *REAL], 0, 2, 3))
def test_every_view_shows_what_ccusage_prints(
    program: Program, migrated: Place, corpus: Callable[[str], Path], ccusage20: Path, name: str
) -> None:
    claude_dir = corpus(name)

    done = program("import", "--warehouse", migrated.url, "--claude-dir", claude_dir, "--timezone", "UTC")

    assert done.exit_code == 0, done.stderr
    columns = "input_tokens, output_tokens, cache_creation_tokens, cache_read_tokens, cost_usd"
    found = migrated.answers({view: f"SELECT {columns} FROM {view}" for view in REPORTS})
    for view, report in REPORTS.items():
        stored = sorted(found[view])
        printed = sorted(printed_usage(row) for row in printed_rows(ccusage_says(ccusage20, claude_dir, *report)))
        assert [row[:4] for row in stored] == [row[:4] for row in printed], view
        for shown, said in zip(stored, printed, strict=True):
            assert abs(shown[4] - said[4]) <= Decimal("1e-9"), view  # type: ignore[operator]


def test_a_second_import_changes_nothing_and_writes_only_its_load(
    program: Program, migrated: Place, corpus: Callable[[str], Path]
) -> None:
    claude_dir = corpus("june")
    arguments = ("import", "--warehouse", migrated.url, "--claude-dir", claude_dir)
    assert program(*arguments).exit_code == 0
    before = migrated.rows("SELECT * FROM records ORDER BY report, key")

    again = program(*arguments)

    assert again.exit_code == 0
    assert again.stderr == ""
    assert migrated.rows("SELECT * FROM records ORDER BY report, key") == before
    assert migrated.rows("SELECT count() FROM changes") == [(len(before),)]
    assert migrated.rows("SELECT state, mapKeys(verdicts) FROM loads FINAL ORDER BY load_id DESC LIMIT 1") == [
        ("committed", [f"{report}/unchanged" for report in ("blocks", "daily", "monthly", "projects", "session")])
    ]


# A report that waits until whoever runs it has loaded the engine.
PATIENT_CCUSAGE = """#!/bin/sh
case "$*" in *--version*) exec {ccusage} --version;; esac
left=200
until grep -q /_chdb /proc/$PPID/maps; do
    left=$((left - 1)) && [ $left -gt 0 ] && sleep 0.05 || exit 1
done
exec {ccusage} "$@"
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process has loaded")
def test_the_engine_is_loaded_while_ccusage_runs(
    program: Program, corpus: Callable[[str], Path], ccusage20: Path, tmp_path: Path
) -> None:
    patient = tmp_path / "patient"
    patient.write_text(PATIENT_CCUSAGE.format(ccusage=shlex.quote(str(ccusage20))))
    patient.chmod(0o755)
    in_a_new_interpreter = replace(program, prefix=("/usr/bin/env",))

    done = in_a_new_interpreter("import", "--quiet", "--claude-dir", corpus("june"), "--ccusage", str(patient))

    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.usefixtures("own_warehouse")
def test_the_summary_tells_totals_changes_models_and_projects(program: Program, corpus: Callable[[str], Path]) -> None:
    done = program("import", "--claude-dir", corpus("september"), "--machine", "laptop", "--timezone", "UTC")

    assert done.exit_code == 0
    assert done.stderr == ""
    lines = [line.split() for line in done.stdout.splitlines()]
    assert done.stdout.startswith("machine laptop · ccusage 20.0.24 (PATH) · days in UTC · load ")
    assert ["report", "offered", "new", "grew", "repriced", "corrected", "held", "unchanged", "time"] in lines
    assert ["session", "5", "5", "-", "-", "-", "-", "-"] in [line[:8] for line in lines]
    assert ["cost", "$2.82", "+$2.82"] in lines
    assert ["tokens", "4,331,528", "+4,331,528"] in lines
    assert ["cache", "read", "4,075,332", "+4,075,332"] in lines
    assert ["sessions", "5", "+5"] in lines
    assert ["days", "2", "+2"] in lines
    assert ["Sonnet", "4", "$2.82", "100.0%", "4,331,528", "claude-sonnet-4-20250514"] in lines
    assert ["project-1", "$2.82", "100.0%", "4,331,528", "-home-dev-project-1"] in lines


@pytest.mark.usefixtures("own_warehouse")
def test_json_is_one_object_with_stable_keys(program: Program, corpus: Callable[[str], Path]) -> None:
    done = program("import", "--claude-dir", corpus("september"), "--json", "--machine", "laptop")

    summary = json.loads(done.stdout)
    assert list(summary) == [
        "load_id", "machine", "dry_run", "exit_code", "ccusage_version", "runner", "timezone", "intact_from",
        "unchanged_since",
        "reports", "totals", "active_block", "top_agents", "top_models", "top_projects", "coverage", "held", "facts",
        "warnings", "phases",
    ]  # fmt: skip
    assert summary["reports"]["daily"] | {"seconds": 0} == {
        "offered": 2, "new": 2, "grew": 0, "repriced": 0, "corrected": 0, "held": 0, "refreshed": 0, "unchanged": 0,
        "refused": 0, "seconds": 0, "error": None, "refusal": None,
    }  # fmt: skip
    assert summary["totals"]["after"]["cost_usd"] == "2.818423350"
    assert summary["totals"]["before"]["total_tokens"] == 0
    assert summary["top_projects"] == [
        {"name": "-home-dev-project-1", "cost_usd": "2.818423350", "total_tokens": 4331528}
    ]


@pytest.mark.usefixtures("engine_stays", "own_warehouse")
def test_names_and_paths_stay_on_this_machine(program: Program, corpus: Callable[[str], Path]) -> None:
    claude_dir = corpus("september")
    program("import", "--claude-dir", claude_dir)

    for table in ("records", "changes", "loads"):
        kept = program("query", f"SELECT * FROM {table}", "--json").stdout
        assert json.loads(kept) != []
        assert "project-1" not in kept
        assert "00000001-0000" not in kept
        assert "claude/real" not in kept
    names = program.home / ".local/share/ccusage-import/names.json"
    assert "-home-dev-project-1" in json.loads(names.read_text()).values()
    assert names.stat().st_mode & 0o777 == 0o600
    assert (program.home / ".config/ccusage-import/identity.toml").stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("engine_stays", "own_warehouse")
def test_names_are_stored_in_clear_on_request(program: Program, corpus: Callable[[str], Path]) -> None:
    program("import", "--claude-dir", corpus("september"), "--no-hash-projects")

    assert json.loads(program("query", "SELECT DISTINCT project FROM sessions", "--json").stdout) == [
        {"project": "-home-dev-project-1"}
    ]


@pytest.mark.usefixtures("engine_stays", "own_warehouse")
def test_machine_zone_and_salt_of_the_first_run_are_kept(program: Program, corpus: Callable[[str], Path]) -> None:
    claude_dir = corpus("september")
    program("import", "--claude-dir", claude_dir, TZ="Europe/Berlin")
    identity = (program.home / ".config/ccusage-import/identity.toml").read_text()

    program("import", "--claude-dir", claude_dir, TZ="Asia/Tokyo")

    assert (program.home / ".config/ccusage-import/identity.toml").read_text() == identity
    assert json.loads(program("query", "SELECT DISTINCT timezone FROM daily", "--json").stdout) == [
        {"timezone": "Europe/Berlin"}
    ]


def test_a_dry_run_says_the_same_and_writes_nothing(program: Program, corpus: Callable[[str], Path]) -> None:
    done = program("import", "--claude-dir", corpus("september"), "--dry-run")

    assert done.exit_code == 0
    assert "dry run, nothing written" in done.stdout
    assert "$2.82" in done.stdout
    assert not (program.home / ".local/share/ccusage-import").exists()
    assert not (program.home / ".config/ccusage-import").exists()


@pytest.mark.usefixtures("engine_stays")
def test_a_dry_run_on_a_filled_warehouse_leaves_no_trace(
    program: Program, migrated: Place, corpus: Callable[[str], Path]
) -> None:
    program("import", "--warehouse", migrated.url, "--claude-dir", corpus("september"))
    before = migrated.rows("SELECT * FROM loads ORDER BY load_id, revision")

    done = program("import", "--warehouse", migrated.url, "--claude-dir", corpus("june"), "--dry-run")

    assert "dry run, nothing written" in done.stdout
    assert migrated.rows("SELECT * FROM loads ORDER BY load_id, revision") == before
    assert migrated.rows("SELECT count() FROM daily") == [(2,)]


def test_no_usage_is_no_error_and_writes_nothing(program: Program, migrated: Place, tmp_path: Path) -> None:
    (tmp_path / "empty" / "projects").mkdir(parents=True)

    done = program("import", "--warehouse", migrated.url, "--claude-dir", tmp_path / "empty")

    assert (done.exit_code, done.stdout, done.stderr) == (0, "no usage found; nothing was written\n", "")
    assert migrated.rows("SELECT count() FROM records") == [(0,)]
    assert migrated.rows("SELECT count() FROM loads") == [(0,)]


def test_a_first_import_without_a_day_of_its_period_reads_the_transcripts(
    program: Program, migrated: Place, corpus: Callable[[str], Path]
) -> None:
    done = program("import", "--warehouse", migrated.url, "--claude-dir", corpus("september"), "--since", "2027-01-01")

    assert (done.exit_code, done.stderr) == (0, "")
    assert "no usage found" not in done.stdout
    assert migrated.rows("SELECT count() FROM records") == [(0,)]
    assert migrated.rows("SELECT count() FROM loads FINAL WHERE state = 'committed'") == [(1,)]
    assert migrated.rows("SELECT count() > 0 FROM messages") == [(True,)]


@pytest.mark.usefixtures("own_warehouse")
def test_quiet_prints_nothing_when_all_is_well(program: Program, corpus: Callable[[str], Path]) -> None:
    done = program("import", "--claude-dir", corpus("september"), "--quiet")

    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.usefixtures("own_warehouse")
def test_quiet_tells_once_of_a_model_without_a_price(program: Program, tmp_path: Path) -> None:
    claude = ClaudeDir(tmp_path / "claude")

    def told(*arguments: str) -> list[str]:
        done = program("import", "--claude-dir", claude.root, *arguments)
        assert done.exit_code == 0
        return done.stderr.splitlines()

    def warning(model: str) -> str:
        return f"ccusage-import: warning: no price for {model}: its cost is counted as 0"

    claude.say("a", days_ago(3), 1_000, model="claude-of-tomorrow")
    assert told("--quiet") == [warning("claude-of-tomorrow")]
    claude.say("a", days_ago(2), 1_000, model="claude-of-tomorrow")
    assert told("--quiet") == []
    claude.say("a", days_ago(1), 1_000, model="claude-of-next-year")
    assert told("--quiet") == [warning("claude-of-next-year")]
    assert sorted(told()) == [warning("claude-of-next-year"), warning("claude-of-tomorrow")]


@pytest.mark.usefixtures("engine_stays", "own_warehouse")
def test_only_the_reports_that_were_asked_for_are_imported(program: Program, corpus: Callable[[str], Path]) -> None:
    program("import", "--claude-dir", corpus("september"), "--report", "session", "--report", "blocks")

    rows = program("query", "SELECT report, count() AS n FROM records GROUP BY report ORDER BY report", "--json")
    assert json.loads(rows.stdout) == [{"report": "blocks", "n": 2}, {"report": "session", "n": 5}]


@pytest.mark.usefixtures("engine_stays", "own_warehouse")
def test_since_and_until_limit_the_days(program: Program, corpus: Callable[[str], Path]) -> None:
    program(
        "import", "--claude-dir", corpus("september"), "--since", "2025-09-04", "--until", "20250910",
        "--timezone", "UTC",
    )  # fmt: skip

    days = program("query", "SELECT report, day FROM records ORDER BY report", "--json")
    assert json.loads(days.stdout) == [
        {"report": "blocks", "day": "2025-09-07"},
        {"report": "daily", "day": "2025-09-07"},
        {"report": "monthly", "day": "2025-09-01"},
        {"report": "projects", "day": "2025-09-07"},
        {"report": "session", "day": "2025-09-07"},
    ]


def save_reports(ccusage: Path, claude_dir: Path, target: Path, prefix: tuple[str, ...]) -> None:
    """Save the five reports as a user would, by shell redirection."""
    target.mkdir()
    for name, report in (
        ("daily", ("daily",)), ("monthly", ("monthly",)), ("session", ("session",)), ("blocks", ("blocks",)),
        ("projects", ("daily", "--instances")),
    ):  # fmt: skip
        document = ccusage_says(ccusage, claude_dir, *report, prefix=prefix)
        (target / f"{name}.json").write_text(json.dumps(document, default=float))


@pytest.mark.usefixtures("engine_stays", "own_warehouse")
@pytest.mark.parametrize("major", some_of(["18", "20"], 1))
def test_saved_reports_are_imported_without_ccusage(
    program: Program, corpus: Callable[[str], Path], tmp_path: Path, ccusage18: Path, ccusage20: Path, major: str
) -> None:
    ccusage, prefix = (ccusage20, ("claude",)) if major == "20" else (ccusage18, ())
    save_reports(ccusage, corpus("september"), tmp_path / "saved", prefix)
    (tmp_path / "saved" / "monthly.json").unlink()

    done = program("import", "--from", tmp_path / "saved", PATH="/nonexistent")

    assert done.exit_code == 0, done.stderr
    assert "saved files" in done.stdout
    rows = program(
        "query", "SELECT report, sum(cost_usd) AS cost FROM records GROUP BY report ORDER BY report", "--json"
    )
    costs = {row["report"]: float(row["cost"]) for row in json.loads(rows.stdout)}
    assert list(costs) == ["blocks", "daily", "projects", "session"]
    assert costs["daily"] == pytest.approx(2.81842335 if major == "20" else 2.75888835, abs=1e-6)


def test_saved_reports_that_are_not_there_are_named(program: Program, tmp_path: Path) -> None:
    missing, empty = tmp_path / "missing", tmp_path / "empty"
    empty.mkdir()

    refused = program("import", "--from", missing)

    assert (refused.exit_code, refused.stderr) == (
        2,
        f"ccusage-import: error: --from {missing}: is not a directory\nhint: name the one that holds saved reports\n",
    )
    assert list(program.home.iterdir()) == []

    done = program("import", "--from", empty)

    files = "daily.json, monthly.json, session.json, blocks.json, projects.json, hours.json"
    assert (done.exit_code, done.stderr.splitlines()[0]) == (3, f"ccusage-import: error: {empty} holds none of {files}")
    shown = json.loads(program("status", "--json").stdout)
    assert "No saved report is where they were looked for" in json.dumps(shown)


@pytest.mark.usefixtures("engine_stays", "own_warehouse")
def test_saved_reports_never_lower_what_is_stored(
    program: Program, corpus: Callable[[str], Path], tmp_path: Path, ccusage20: Path
) -> None:
    claude_dir = corpus("september")
    program("import", "--claude-dir", claude_dir, "--timezone", "UTC")
    save_reports(ccusage20, claude_dir, tmp_path / "saved", ("claude",))
    document = json.loads((tmp_path / "saved" / "daily.json").read_text())
    document["daily"][0]["cacheReadTokens"] -= 1_000_000
    document["daily"][0]["totalTokens"] -= 1_000_000
    (tmp_path / "saved" / "daily.json").write_text(json.dumps(document))

    done = program("import", "--from", tmp_path / "saved", "--timezone", "UTC")

    assert "held: 1 offered number was not taken; what is stored stays" in done.stdout
    assert "daily 2025-09-03: $2.49 stays, $2.49 offered: nothing shows whether" in done.stdout
    assert "daily.totals.totalTokens" in done.stderr
    rows = program("query", "SELECT sum(total_tokens) AS tokens FROM daily", "--json")
    assert json.loads(rows.stdout) == [{"tokens": 4331528}]


@pytest.mark.exhaustive
@pytest.mark.usefixtures("engine_stays")
def test_saved_reports_end_nothing_that_is_held(
    program: Program, migrated: Place, tmp_path: Path, ccusage20: Path
) -> None:
    claude, place = ClaudeDir(tmp_path / "claude"), ("--warehouse", migrated.url, "--timezone", "UTC")
    live = ("import", *place, "--claude-dir", claude.root, "--no-transcripts")
    held = "SELECT report, stored_tokens, offered_tokens FROM held_records ORDER BY report"
    less = [(report, 100, 60) for report in ("blocks", "daily", "hours", "monthly", "projects", "session")]
    claude.say("a", days_ago(2), 10)
    claude.say("a", days_ago(2, 13), 90)
    save_reports(ccusage20, claude.root, tmp_path / "saved", ("claude",))
    program(*live)
    claude.replace("a", '"output_tokens":90', '"output_tokens":50')
    program(*live)
    assert migrated.rows(held) == less

    assert program("import", *place, "--from", tmp_path / "saved").exit_code == 0

    assert migrated.rows(held) == less
    claude.replace("a", '"output_tokens":50', '"output_tokens":90')
    program(*live)
    assert migrated.rows(held) == []


@pytest.mark.usefixtures("engine_stays")
def test_one_bad_report_does_not_stop_the_others(
    program: Program, migrated: Place, corpus: Callable[[str], Path], tmp_path: Path, ccusage20: Path
) -> None:
    save_reports(ccusage20, corpus("september"), tmp_path / "saved", ("claude",))
    document = json.loads((tmp_path / "saved" / "daily.json").read_text())
    document["daily"][1]["inputTokens"] = -1
    del document["daily"][0]["date"]
    (tmp_path / "saved" / "daily.json").write_text(json.dumps(document))
    (tmp_path / "saved" / "blocks.json").write_text("null")

    done = program("import", "--warehouse", migrated.url, "--from", tmp_path / "saved")

    assert done.exit_code == 5
    assert done.stderr.splitlines() == [
        "ccusage-import: error: daily: 2 values cannot be true",
        "  daily.0.date: Field required",
        "  daily.1.inputTokens: Input should be greater than or equal to 0",
        "hint: nothing of this report was stored; the other reports are not affected",
        "ccusage-import: error: blocks: ccusage did not print one JSON report: Input should be an object",
        "hint: check the ccusage command, or the file this was read from",
    ]
    assert migrated.rows("SELECT report, count() FROM records GROUP BY report ORDER BY report") == [
        ("monthly", 1), ("projects", 2), ("session", 5),
    ]  # fmt: skip
    assert migrated.rows("SELECT state, failed_reports FROM loads FINAL") == [("committed", ["daily", "blocks"])]


@pytest.mark.usefixtures("engine_stays")
def test_an_odd_record_is_refused_alone_and_what_is_stored_of_it_stays(
    program: Program, migrated: Place, corpus: Callable[[str], Path], tmp_path: Path, ccusage20: Path
) -> None:
    arguments = ("import", "--warehouse", migrated.url, "--timezone", "UTC", "--from", tmp_path / "saved")
    save_reports(ccusage20, corpus("september"), tmp_path / "saved", ("claude",))
    assert program(*arguments).exit_code == 0
    before = migrated.rows("SELECT report, key, total_tokens FROM records FINAL ORDER BY report, key")
    document = json.loads((tmp_path / "saved" / "daily.json").read_text())
    document["daily"][1]["inputTokens"] = -1
    (tmp_path / "saved" / "daily.json").write_text(json.dumps(document))

    done = program(*arguments, "--json")

    assert done.exit_code == 5
    daily = json.loads(done.stdout)["reports"]["daily"]
    assert (daily["offered"], daily["unchanged"], daily["refused"], daily["error"]) == (1, 1, 1, None)
    assert daily["refusal"]["details"] == ["daily.1.inputTokens: Input should be greater than or equal to 0"]
    assert migrated.rows("SELECT report, key, total_tokens FROM records FINAL ORDER BY report, key") == before
    assert migrated.rows(
        "SELECT state, failed_reports, verdicts['daily/refused'], error FROM loads FINAL ORDER BY load_id DESC LIMIT 1"
    ) == [("committed", [], 1, "daily: Some records of a report cannot be true")]
    assert program("history", "--warehouse", migrated.url, "--limit", "1").stdout.count("1 refused") == 1


@pytest.mark.usefixtures("engine_stays")
def test_a_day_that_has_not_come_is_stored_and_flagged_until_it_comes(
    program: Program, migrated: Place, corpus: Callable[[str], Path], tmp_path: Path, ccusage20: Path
) -> None:
    save_reports(ccusage20, corpus("september"), tmp_path / "saved", ("claude",))
    document = json.loads((tmp_path / "saved" / "daily.json").read_text())
    document["daily"][1]["date"] = "2100-01-01"
    (tmp_path / "saved" / "daily.json").write_text(json.dumps(document))

    done = program("import", "--warehouse", migrated.url, "--from", tmp_path / "saved", "--report", "daily")

    assert done.exit_code == 0
    assert "1 record is dated after today, " in done.stderr
    assert migrated.rows("SELECT date::String, is_dated_ahead FROM daily ORDER BY date") == [
        ("2025-09-03", False), ("2100-01-01", True),
    ]  # fmt: skip
    assert migrated.rows("SELECT max(date) < '2100-01-01' FROM daily_summary") == [(1,)]


def test_a_run_that_fetched_nothing_leaves_a_failed_load(program: Program, tmp_path: Path) -> None:
    done = program("import", "--claude-dir", tmp_path / "nowhere")

    assert done.exit_code == 3
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        f"ccusage-import: error: no Claude data directory: no folder `projects` in {tmp_path}/nowhere",
        "hint: use Claude Code once, or name its directory: --claude-dir DIR",
    ]
    loads = json.loads(program("query", "SELECT state, error FROM loads FINAL", "--json").stdout)
    assert loads == [
        {
            "state": "failed",
            "error": "No readable Claude data directory",
        }
    ]


@pytest.mark.parametrize(("option", "configured"), [("--online-prices", "false"), ("--offline-prices", "true")])
def test_options_say_how_ccusage_is_run(program: Program, tmp_path: Path, option: str, configured: str) -> None:
    claude, ccusage, asked = ClaudeDir(tmp_path / "claude"), tmp_path / "ccusage", tmp_path / "asked"
    ccusage.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo "ccusage 20.0.24" && exit\necho "$@" >> "{asked}"\nexec sleep 60\n'
    )
    ccusage.chmod(0o755)
    wanted = ("--report", "daily", "--timezone", "Asia/Tokyo", "--timeout", "0.5", option)

    environ = {"CCUSAGE_IMPORT_ONLINE_PRICES": configured, "CCUSAGE_IMPORT_ATTEMPTS": "1"}
    done = program("import", "--claude-dir", claude.root, "--ccusage", ccusage, *wanted, **environ)

    assert done.exit_code == 3
    assert done.stderr.splitlines()[0] == "ccusage-import: error: the daily report took longer than 0.5 seconds"
    (command,) = asked.read_text().splitlines()
    assert "--timezone Asia/Tokyo" in command
    assert ("--offline" in command.split()) is (option == "--offline-prices")


def test_a_json_failure_is_one_object_too(program: Program, tmp_path: Path) -> None:
    done = program("import", "--claude-dir", tmp_path / "nowhere", "--json")

    failure = json.loads(done.stdout)
    assert failure["exit_code"] == done.exit_code == 3
    assert failure["error"]["message"].startswith("no Claude data directory")


@pytest.mark.usefixtures("engine_stays")
def test_an_upgrade_from_18_counts_nothing_twice(
    program: Program, migrated: Place, corpus: Callable[[str], Path], ccusage18: Path, ccusage20: Path
) -> None:
    claude_dir = corpus("september")
    arguments = ("import", "--warehouse", migrated.url, "--claude-dir", claude_dir, "--timezone", "UTC")

    old = program(*arguments, "--ccusage", ccusage18)
    assert "this ccusage shows projects as sessions" in old.stderr
    assert migrated.rows("SELECT count() FROM sessions") == [(0,)]
    new = program(*arguments, "--ccusage", ccusage20)

    assert (old.exit_code, new.exit_code) == (0, 0)
    assert new.stderr == ""
    assert migrated.rows("SELECT count(), sum(total_tokens) FROM sessions") == [(5, 4331528)]
    assert migrated.rows("SELECT sum(total_tokens), sum(cost_usd) FROM daily") == [(4331528, Decimal("2.818423350"))]
    assert migrated.rows("SELECT DISTINCT verdict FROM changes WHERE report = 'daily' AND reason = 'more_tokens'") == [
        ("grew",)
    ]
