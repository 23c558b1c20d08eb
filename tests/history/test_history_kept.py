"""The promise: nothing that ccusage once showed is lost, and every change says why. Real ccusage, both warehouses."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ccusage_import.cli.verdicts import print_changes
from ccusage_import.days import next_month
from ccusage_import.history.changes import Wanted, stream_changes
from ccusage_import.money import DOLLARS
from tests.conftest import Place, Program, Result, Spares
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.dead_loads import fail_with_names_in_clear, kill_before_its_end, leave_in_state
from tests.support.hosts import needs_hosts, on_host

pytestmark = [pytest.mark.exhaustive_at("http"), pytest.mark.usefixtures("engine_stays")]

Importer = Callable[..., Result]


@pytest.fixture
def run_import(program: Program, migrated: Place, claude: ClaudeDir) -> Importer:
    """Imports the directory in UTC."""

    def run(*arguments: str | Path, **environ: str) -> Result:
        done = program(
            "import",
            "--warehouse",
            migrated.url,
            "--claude-dir",
            claude.root,
            "--timezone",
            "UTC",
            *arguments,
            **environ,
        )
        assert "Traceback" not in done.stderr
        return done

    return run


def tokens(place: Place, view: str, key: str) -> dict[str, int]:
    """Return tokens by key of a view."""
    return {str(row[0]): int(str(row[1])) for row in place.rows(f"SELECT {key}, total_tokens FROM {view}")}


def verdicts(place: Place, report: str) -> set[tuple[str, str]]:
    """Return every logged verdict of a report other than `new`, with its reason."""
    rows = place.rows(f"SELECT verdict, reason FROM changes WHERE report = '{report}' AND verdict != 'new'")
    return {(str(row[0]), str(row[1])) for row in rows}


def test_whole_days_swept_away_stay(claude: ClaudeDir, run_import: Importer, migrated: Place) -> None:
    claude.say("old", days_ago(40), 1000)
    claude.say("new", days_ago(1), 10)
    run_import()
    before = tokens(migrated, "daily", "date")
    claude.delete("old")

    done = run_import()

    assert done.exit_code == 0
    assert tokens(migrated, "daily", "date") == before
    assert sorted(tokens(migrated, "sessions", "session_id").values()) == [10, 1000]
    assert sum(tokens(migrated, "blocks", "started_at").values()) == 1010
    assert sum(tokens(migrated, "projects_daily", "concat(toString(date), project)").values()) == 1010
    assert sum(tokens(migrated, "monthly_from_daily", "month").values()) == 1010


def test_a_day_and_a_session_half_gone_are_held(claude: ClaudeDir, run_import: Importer, migrated: Place) -> None:
    claude.say("a", days_ago(40), 70_000)
    claude.say("b", days_ago(40), 30_000)
    claude.say("b", days_ago(39), 50)
    run_import()
    claude.delete("a")

    done = run_import()

    assert (
        f"daily {days_ago(40).date()}: $1.50 stays, $0.45 offered: 1 message is gone from the transcripts"
        in done.stdout
    )
    assert tokens(migrated, "daily", "date") == {str(days_ago(40).date()): 100_000, str(days_ago(39).date()): 50}
    assert verdicts(migrated, "daily") == {("held", "messages_gone")}
    # The same offer is logged once, not again every hour.
    run_import()
    assert migrated.rows("SELECT count() FROM changes WHERE report = 'daily' AND verdict = 'held'") == [(1,)]
    # It is held still when the rest of the day is swept too.
    claude.delete("b")
    claude.say("c", days_ago(2), 5)
    run_import()
    assert migrated.rows("SELECT offered_tokens FROM held_records WHERE report = 'daily'") == [(30_000,)]


def test_a_session_that_loses_its_beginning_is_held(claude: ClaudeDir, run_import: Importer, migrated: Place) -> None:
    claude.say("long", days_ago(33), 500)
    claude.say("long", days_ago(2), 20)
    run_import()
    file = claude.file("long")
    file.write_text(file.read_text().splitlines()[1] + "\n")

    run_import()

    assert list(tokens(migrated, "sessions", "session_id").values()) == [520]
    assert verdicts(migrated, "session") == {("held", "messages_gone")}


@pytest.mark.exhaustive
def test_a_month_erodes_in_ccusage_but_not_in_its_days(
    claude: ClaudeDir, run_import: Importer, migrated: Place
) -> None:
    month = days_ago(0).replace(day=15) - (days_ago(0) - days_ago(62))
    for day in range(5):
        claude.say(f"s{day}", month.replace(day=10 + day), 100)
    run_import()
    for day in range(4):
        claude.delete(f"s{day}")
        run_import()

    assert tokens(migrated, "monthly_from_daily", "month") == {str(month.date().replace(day=1)): 500}
    assert tokens(migrated, "monthly", "month") == {str(month.date().replace(day=1)): 500}


def test_blocks_that_move_are_judged_by_their_sum(claude: ClaudeDir, run_import: Importer, migrated: Place) -> None:
    claude.say("first", days_ago(40, 9), 100)
    claude.say("second", days_ago(40, 12), 900)
    run_import()
    claude.delete("first")

    run_import()

    start = f"{days_ago(40, 9):%Y-%m-%d %H:%M:%S}.000"
    assert tokens(migrated, "blocks", "toString(started_at, 'UTC')") == {start: 1000}
    assert verdicts(migrated, "blocks") == {("held", "messages_gone")}


def test_a_block_that_starts_elsewhere_with_all_its_tokens_replaces(
    claude: ClaudeDir, run_import: Importer, migrated: Place
) -> None:
    claude.say("a", days_ago(40, 12), 900)
    run_import()
    claude.say("a", days_ago(40, 10), 50)

    run_import()

    assert list(tokens(migrated, "blocks", "started_at").values()) == [950]
    assert migrated.rows("SELECT count() FROM blocks") == [(1,)]


def test_an_upgrade_that_counts_less_is_taken_inside_the_window_and_held_outside(
    claude: ClaudeDir, run_import: Importer, migrated: Place, tmp_path: Path, ccusage20: Path
) -> None:
    claude.say("old", days_ago(40), 9100)
    claude.say("new", days_ago(3), 9100)
    assert run_import("--ccusage", pretending(tmp_path, ccusage20, "20.0.11")).exit_code == 0
    claude.replace("old", '"output_tokens":9100', '"output_tokens":100')
    claude.replace("new", '"output_tokens":9100', '"output_tokens":100')

    run_import()

    assert tokens(migrated, "daily", "date") == {str(days_ago(40).date()): 9100, str(days_ago(3).date()): 100}
    assert verdicts(migrated, "daily") == {("held", "may_be_swept"), ("corrected", "version_changed")}


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("resumed_at", "blocks", "reasons"),
    [
        # So soon it could be an answer that was shown before it ended; later than that, the beginning is gone.
        pytest.param(6, [300, 1000], {"unexplained", "fell_before"}, id="soon"),
        pytest.param(20, [100, 300, 1000], {"session_gone"}, id="later"),
    ],
)
def test_an_upgrade_does_not_explain_what_fell_before_it(
    claude: ClaudeDir,
    run_import: Importer,
    migrated: Place,
    tmp_path: Path,
    ccusage20: Path,
    resumed_at: int,
    blocks: Sequence[int],
    reasons: Collection[str],
) -> None:
    # Without transcripts nothing but the window tells what became of the beginning of a session.
    claude.say("a", days_ago(3, 2), 1000)
    claude.say("b", days_ago(3, 12), 300)
    run_import("--no-transcripts")
    claude.delete("a")
    claude.say("a", days_ago(3, resumed_at), 100)
    run_import("--no-transcripts")
    newer = pretending(tmp_path, ccusage20, "20.0.25")

    for _ in range(2):
        run_import("--no-transcripts", "--force", "--ccusage", newer)

        assert tokens(migrated, "daily", "date") == {str(days_ago(3).date()): 1300}
        assert sorted(tokens(migrated, "blocks", "started_at").values()) == blocks
        assert verdicts(migrated, "daily") == {("held", reason) for reason in reasons}


HALF_PRICES = """
import json, sys
def half(pairs):
    return {name: value / 2 if "ost" in name and isinstance(value, float) else value for name, value in pairs}
json.dump(json.load(sys.stdin, object_pairs_hook=half), sys.stdout)
"""


def pretending(tmp_path: Path, ccusage: Path, version: str) -> Path:
    """Return a ccusage that says it is another version and otherwise is the real one."""
    script = tmp_path / f"ccusage-{version}"
    script.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "ccusage {version}" && exit\nexec "{ccusage}" "$@"\n')
    script.chmod(0o755)
    return script


def test_what_was_held_is_accepted_by_key_and_by_load(
    claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program
) -> None:
    claude.say("a", days_ago(40), 9100)
    claude.say("b", days_ago(45), 9100)
    run_import()
    claude.replace("a", '"output_tokens":9100', '"output_tokens":100')
    claude.replace("b", '"output_tokens":9100', '"output_tokens":100')
    held = json.loads(run_import("--json").stdout)
    claude.delete("a")
    claude.delete("b")
    naming = migrated.rows("SELECT DISTINCT naming FROM loads FINAL")
    fail_with_names_in_clear(migrated)

    by_key = program("accept", "--warehouse", migrated.url, f"daily/{days_ago(40).date()}")
    assert by_key.exit_code == 0, by_key.stderr
    assert tokens(migrated, "daily", "date") == {str(days_ago(40).date()): 100, str(days_ago(45).date()): 9100}
    assert program("accept", "--warehouse", migrated.url, str(held["load_id"])).exit_code == 0

    assert set(tokens(migrated, "daily", "date").values()) == {100}
    assert migrated.rows("SELECT DISTINCT naming FROM loads FINAL WHERE state = 'committed'") == naming
    assert set(tokens(migrated, "blocks", "started_at").values()) == {100}
    assert verdicts(migrated, "daily") == {("held", "may_be_swept"), ("corrected", "accepted")}
    again = program("accept", "--warehouse", migrated.url, str(held["load_id"]))
    assert (again.exit_code, again.stdout) == (2, "")
    assert again.stderr.splitlines()[1] == "hint: ccusage-import held"


@pytest.mark.one_place
def test_what_was_held_is_accepted_by_a_load_whose_id_begins_like_a_day(
    claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program
) -> None:
    claude.say("a", days_ago(40), 9100)
    run_import()
    claude.replace("a", '"output_tokens":9100', '"output_tokens":100')
    held = json.loads(run_import("--json").stdout)["load_id"]
    with migrated.opened() as opened:
        for table in ("changes", "loads"):
            of_load = f"(SELECT * FROM {table} WHERE load_id = {held})"
            opened.command(f"INSERT INTO {table} SELECT * REPLACE (4001020304050607 AS load_id) FROM {of_load}")

    done = program("accept", "--warehouse", migrated.url, "40010203")

    assert done.exit_code == 0, done.stderr
    assert set(tokens(migrated, "daily", "date").values()) == {100}


def test_accept_lower_takes_the_named_days_only(claude: ClaudeDir, run_import: Importer, migrated: Place) -> None:
    for day in (40, 45):
        claude.say(f"s{day}", days_ago(day), 9100)
    run_import()
    for day in (40, 45):
        claude.replace(f"s{day}", '"output_tokens":9100', '"output_tokens":100')

    run_import("--accept-lower", f"{days_ago(46).date()}..{days_ago(44).date()}")

    assert tokens(migrated, "daily", "date") == {str(days_ago(45).date()): 100, str(days_ago(40).date()): 9100}


def test_accept_lower_takes_a_month_with_all_days_that_are_less(
    claude: ClaudeDir, run_import: Importer, migrated: Place
) -> None:
    days = [days_ago(60).replace(day=number) for number in (1, 5)]
    for day in days:
        claude.say(f"s{day.day}", day, 9100)
    run_import()
    for day in days:
        claude.replace(f"s{day.day}", '"output_tokens":9100', '"output_tokens":100')

    run_import("--accept-lower", str(days[0].date()))
    assert tokens(migrated, "daily", "date") == {str(days[0].date()): 100, str(days[1].date()): 9100}
    assert list(tokens(migrated, "monthly", "month").values()) == [18200]

    run_import("--accept-lower", f"{days[0].date()}..{next_month(days[0].date()) - timedelta(days=1)}")
    assert set(tokens(migrated, "daily", "date").values()) == {100}
    assert list(tokens(migrated, "monthly", "month").values()) == [200]


@pytest.mark.one_place
def test_accept_lower_takes_no_other_day_of_an_earlier_zone(
    claude: ClaudeDir, run_import: Importer, migrated: Place
) -> None:
    for hour in (9, 17):
        claude.say("a", days_ago(3, hour), 1000)
    run_import()
    claude.delete("a")
    claude.say("b", days_ago(2, 1), 7)
    next_day = str(days_ago(2).date())

    run_import("--timezone", "Asia/Tokyo", "--accept-lower", next_day)
    assert tokens(migrated, "daily", "date") == {str(days_ago(3).date()): 2000}

    run_import("--timezone", "Asia/Tokyo", "--accept-lower", f"{days_ago(3).date()}..{next_day}")
    assert tokens(migrated, "daily", "date") == {next_day: 7}


def costs(place: Place) -> list[object]:
    """Return the cost of each day."""
    return [row[0] for row in place.rows("SELECT cost_usd FROM daily ORDER BY date")]


def test_a_price_cut_is_logged_and_frozen_on_request(claude: ClaudeDir, run_import: Importer, migrated: Place) -> None:
    claude.say("a", days_ago(3), 100_000)
    run_import()
    assert costs(migrated) == [Decimal("1.5")]
    claude.replace("a", "claude-sonnet-4-20250514", "claude-3-5-haiku-20241022")

    run_import(CCUSAGE_IMPORT_PRICES="freeze")
    assert costs(migrated) == [Decimal("1.5")]
    run_import()

    assert costs(migrated) == [Decimal("0.4")]
    assert verdicts(migrated, "daily") == {("repriced", "prices_frozen"), ("repriced", "prices_changed")}

    claude.replace("a", "claude-3-5-haiku-20241022", "claude-3-haiku-20240307")
    claude.say("a", days_ago(3, 13), 1, model="claude-3-haiku-20240307")
    run_import()
    assert costs(migrated) == [Decimal("0.12500125")]
    assert ("grew", "more_for_less") in verdicts(migrated, "daily")


@pytest.mark.one_place
@pytest.mark.parametrize(
    "models", [("sonnet-4-20250514", "opus-4-1-20250805"), ("opus-4-1-20250805", "sonnet-4-20250514")]
)
def test_a_second_model_of_a_block_has_a_price_of_its_own_where_prices_are_frozen(
    claude: ClaudeDir, run_import: Importer, migrated: Place, models: tuple[str, str]
) -> None:
    for hour, model in zip((9, 10), models, strict=True):
        claude.say("a", days_ago(1, hour), 100_000, model=f"claude-{model}")
        run_import(CCUSAGE_IMPORT_PRICES="freeze")

    costs = migrated.rows("SELECT report, cost_usd FROM records FINAL ORDER BY report")
    assert costs == [(report, Decimal(9)) for report in ("blocks", "daily", "monthly", "projects", "session")]


def test_an_older_table_lowers_no_price_after_growth_either(
    claude: ClaudeDir, run_import: Importer, migrated: Place, tmp_path: Path, ccusage20: Path
) -> None:
    older = pretending(tmp_path, ccusage20, "20.0.11")
    older.write_text(f"{older.read_text().replace('exec ', '')[:-1]} | {sys.executable} -c '{HALF_PRICES}'\n")
    claude.say("a", days_ago(3), 100_000)
    run_import()
    run_import("--ccusage", older)
    assert costs(migrated) == [Decimal("1.5")]
    claude.say("a", days_ago(3, 13), 200_000)
    for _ in range(2):
        run_import("--ccusage", older)
        assert costs(migrated) == [Decimal(3)]
    assert ("held", "lower_price") in verdicts(migrated, "daily")
    run_import()
    assert costs(migrated) == [Decimal("4.5")]


def test_a_cost_mode_that_knows_no_cost_takes_none_away(
    claude: ClaudeDir, run_import: Importer, migrated: Place
) -> None:
    claude.say("a", days_ago(3), 100_000)
    claude.say("b", days_ago(2), 100_000)
    run_import()
    claude.say("b", days_ago(2, 13), 100_000)
    for _ in range(2):
        run_import(CCUSAGE_IMPORT_MODE="display")
        assert costs(migrated) == [Decimal("1.5"), Decimal("1.5")]
    assert verdicts(migrated, "daily") == {("held", "price_lost"), ("grew", "more_tokens")}
    run_import()
    assert costs(migrated) == [Decimal("1.5"), Decimal(3)]


def test_what_was_first_read_without_its_cost_gets_it_however_old_it_is(
    claude: ClaudeDir, run_import: Importer, migrated: Place
) -> None:
    claude.say("a", days_ago(300), 100_000)
    run_import(CCUSAGE_IMPORT_MODE="display")
    assert costs(migrated) == [Decimal(0)]
    run_import()
    assert costs(migrated) == [Decimal("1.5")]
    assert verdicts(migrated, "daily") == {("repriced", "mode_changed")}


def test_a_model_that_gets_a_price_is_repriced(claude: ClaudeDir, run_import: Importer, migrated: Place) -> None:
    claude.say("a", days_ago(3), 1_000_000, model="claude-nonexistent-9")
    done = run_import()
    assert "no price for claude-nonexistent-9: its cost is counted as 0" in done.stderr
    assert migrated.rows("SELECT cost_usd, unpriced FROM daily") == [(0, True)]
    claude.replace("a", "claude-nonexistent-9", "claude-sonnet-4-20250514")

    run_import()

    assert migrated.rows("SELECT unpriced FROM daily") == [(False,)]
    assert verdicts(migrated, "daily") == {("repriced", "prices_changed")}


@pytest.mark.exhaustive
def test_a_day_grows_hour_by_hour(claude: ClaudeDir, run_import: Importer, migrated: Place) -> None:
    for hour in range(4):
        claude.say("a", days_ago(2, hour), 10)
        run_import()

    assert list(tokens(migrated, "daily", "date").values()) == [40]
    assert migrated.rows("SELECT verdict, count() FROM changes WHERE report = 'daily' GROUP BY verdict ORDER BY 1") == [
        ("grew", 3), ("new", 1),
    ]  # fmt: skip


def test_a_message_that_moves_past_midnight_moves_its_tokens(
    claude: ClaudeDir, run_import: Importer, migrated: Place
) -> None:
    claude.say("a", days_ago(3, 23, 59), 500)
    claude.say("a", days_ago(3, 12), 10)
    claude.say("a", days_ago(2, 12), 10)
    run_import()
    claude.replace("a", f"{days_ago(3):%Y-%m-%d}T23:59", f"{days_ago(2):%Y-%m-%d}T00:01")

    run_import()

    assert tokens(migrated, "daily", "date") == {str(days_ago(3).date()): 10, str(days_ago(2).date()): 510}
    assert verdicts(migrated, "daily") == {("corrected", "messages_there"), ("grew", "more_tokens")}


def test_a_longer_clean_up_period_does_not_bring_back_what_was_swept(
    claude: ClaudeDir, run_import: Importer, migrated: Place, tmp_path: Path, ccusage20: Path
) -> None:
    claude.say("a", days_ago(40), 9100)
    run_import("--ccusage", pretending(tmp_path, ccusage20, "20.0.11"))
    (claude.root / "settings.json").write_text('{"cleanupPeriodDays": 3650}')
    claude.replace("a", '"output_tokens":9100', '"output_tokens":100')

    run_import()

    assert tokens(migrated, "daily", "date") == {str(days_ago(40).date()): 9100}
    assert verdicts(migrated, "daily") == {("held", "may_be_swept")}


@pytest.mark.one_place
def test_a_window_of_a_clock_that_was_ahead_does_not_count(
    claude: ClaudeDir, run_import: Importer, migrated: Place, tmp_path: Path, ccusage20: Path
) -> None:
    claude.say("a", days_ago(3), 9100)
    run_import("--ccusage", pretending(tmp_path, ccusage20, "20.0.11"))
    with migrated.opened() as opened:
        opened.command(
            "INSERT INTO loads SELECT * REPLACE (load_id + 1 AS load_id, started_at + INTERVAL 1 YEAR AS started_at,"
            " intact_from + INTERVAL 1 YEAR AS intact_from) FROM loads FINAL"
        )
    claude.replace("a", '"output_tokens":9100', '"output_tokens":100')

    run_import()

    assert verdicts(migrated, "daily") == {("corrected", "version_changed")}


def test_a_transcript_deleted_by_hand_is_not_explained_by_new_usage(
    claude: ClaudeDir, run_import: Importer, migrated: Place
) -> None:
    claude.say("a", days_ago(3), 1000)
    claude.say("b", days_ago(3), 10)
    run_import()
    claude.delete("a")
    claude.say("b", days_ago(2), 5000)

    run_import()

    assert tokens(migrated, "daily", "date") == {str(days_ago(3).date()): 1010, str(days_ago(2).date()): 5000}
    assert verdicts(migrated, "daily") == {("held", "messages_gone")}


@pytest.mark.exhaustive
def test_usage_that_moves_over_the_edge_of_a_filter_waits(
    claude: ClaudeDir, run_import: Importer, migrated: Place
) -> None:
    claude.say("a", days_ago(3, 23, 59), 500)
    claude.say("a", days_ago(2, 12), 10)
    run_import()
    claude.replace("a", f"{days_ago(3):%Y-%m-%d}T23:59", f"{days_ago(2):%Y-%m-%d}T00:01")

    run_import("--until", str(days_ago(3).date()))
    assert sum(tokens(migrated, "daily", "date").values()) == 510
    run_import("--since", str(days_ago(2).date()))
    assert sum(tokens(migrated, "daily", "date").values()) == 510
    run_import()

    assert tokens(migrated, "daily", "date") == {str(days_ago(2).date()): 510}


def test_what_a_person_took_back_stays_so_until_the_usage_grows_past_it(
    claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program, tmp_path: Path, ccusage20: Path
) -> None:
    claude.say("a", days_ago(3), 9100)
    run_import("--ccusage", pretending(tmp_path, ccusage20, "20.0.11"))
    claude.replace("a", '"output_tokens":9100', '"output_tokens":100')
    corrected = json.loads(run_import("--json").stdout)["load_id"]
    assert list(tokens(migrated, "daily", "date").values()) == [100]

    assert program("undo", "--warehouse", migrated.url, str(corrected)).exit_code == 0
    run_import()
    assert list(tokens(migrated, "daily", "date").values()) == [9100]
    assert ("held", "taken_back") in verdicts(migrated, "daily")
    claude.say("a", days_ago(3, 13), 9001)
    run_import()

    assert list(tokens(migrated, "daily", "date").values()) == [9101]


def test_a_correction_that_was_taken_back_stays_so_while_its_session_goes_on(
    claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program, tmp_path: Path, ccusage20: Path
) -> None:
    claude.say("a", days_ago(3), 103)
    run_import("--ccusage", pretending(tmp_path, ccusage20, "20.0.11"))
    claude.replace("a", '"output_tokens":103', '"output_tokens":100')
    run_import()
    assert program("undo", "--warehouse", migrated.url, "last").exit_code == 0
    claude.say("a", days_ago(2), 7)

    run_import()

    assert tokens(migrated, "daily", "date") == {str(days_ago(3).date()): 103, str(days_ago(2).date()): 7}
    assert tokens(migrated, "projects_daily", "date") == {str(days_ago(3).date()): 103, str(days_ago(2).date()): 7}


def test_what_was_taken_back_wholly_is_held_against_nothing(
    claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program
) -> None:
    claude.say("a", days_ago(3), 1000)
    run_import()
    assert program("undo", "--warehouse", migrated.url, "last").exit_code == 0

    held = [line for line in run_import("--force").stdout.splitlines() if " stays, " in line]

    assert len(held) == 5
    assert {line.partition(": ")[2] for line in held} == {"$0.00 stays, $0.02 offered: a person took this back"}


def test_what_is_offered_again_is_not_held_any_more(
    run_import: Importer, claude: ClaudeDir, migrated: Place, program: Program, tmp_path: Path
) -> None:
    disk = ClaudeDir(tmp_path / "disk")
    claude.say("here", days_ago(2), 10)
    disk.say("there", days_ago(2, 13), 90)
    run_import("--claude-dir", disk.root)
    (tmp_path / "disk").rename(tmp_path / "unmounted")
    run_import("--claude-dir", disk.root)
    assert migrated.rows("SELECT count() FROM held_records WHERE report = 'daily'") == [(1,)]
    (tmp_path / "unmounted").rename(tmp_path / "disk")

    run_import("--claude-dir", disk.root)

    assert migrated.rows("SELECT count() FROM held_records") == [(0,)]
    assert ("unchanged", "offered_again") in verdicts(migrated, "daily")
    accepted = program("accept", "--warehouse", migrated.url, str(days_ago(2).date()))
    assert accepted.exit_code == 2
    assert list(tokens(migrated, "daily", "date").values()) == [100]


def test_blocks_that_overlap_are_accepted_together_by_the_label_that_changes_prints(
    claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program
) -> None:
    for hour in (0, 5, 10):
        claude.say("a", days_ago(40, hour, 30), 100)
    run_import()
    assert migrated.rows("SELECT count() FROM blocks") == [(3,)]
    # Without its first message every block begins later: the stored ones and the offered ones are one chain.
    text = claude.file("a").read_text()
    claude.file("a").write_text(text.replace("T00:30", "T03:30").replace("T05:30", "T08:40").replace('":100', '":90'))
    run_import()
    assert migrated.rows("SELECT count() FROM blocks") == [(3,)]
    offered = migrated.rows("SELECT key FROM held_records WHERE report = 'blocks' ORDER BY key")
    assert len(offered) > 1

    done = program("accept", "--warehouse", migrated.url, f"blocks {offered[0][0]}")

    assert done.exit_code == 0, done.stderr
    assert f"{len(offered) - 1} that overlap them in time were taken with them" in done.stdout
    assert sum(tokens(migrated, "blocks", "started_at").values()) == 270


def test_accept_leaves_what_is_offered_as_it_is_stored_beside_what_is_held(
    claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program
) -> None:
    claude.say("a", days_ago(40, 10), 1000)
    claude.say("a", days_ago(40, 12), 500, project="-home-ana-store")
    claude.say("a", days_ago(39, 12), 70, project="-home-ana-store")
    run_import()
    store = claude.file("a", "-home-ana-store")
    store.write_text(store.read_text().splitlines()[1] + "\n")
    run_import()
    run_import()
    told = "SELECT verdict, reason, stored_tokens, offered_tokens FROM changes WHERE report = 'session'"
    assert sorted(migrated.rows(f"{told} AND verdict != 'new'")) == [
        ("held", "messages_gone", 570, 70),
        ("unchanged", "offered_again", 1000, 1000),
    ]
    (held,) = migrated.rows("SELECT key FROM held_records WHERE report = 'session'")[0]

    done = program("accept", "--warehouse", migrated.url, f"session {held}")

    assert "1 record changed" in done.stdout
    assert sorted(migrated.rows("SELECT total_tokens FROM sessions")) == [(70,), (1000,)]


@pytest.mark.one_place
@pytest.mark.parametrize("named", [0, 1])
def test_accept_takes_the_last_of_the_offers_of_one_time(
    claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program, named: int
) -> None:
    for hour, minute, said in ((5, 30, 100), (5, 45, 60), (6, 30, 50)):
        claude.say("a", days_ago(40, hour, minute), said)
    run_import()
    for _ in range(2):
        # Without its first hour the block begins later, under another key.
        claude.file("a").write_text(claude.file("a").read_text().partition("\n")[2])
        run_import()
    held = migrated.rows("SELECT key, offered_tokens FROM held_records WHERE report = 'blocks' ORDER BY key")
    assert [offered for _, offered in held] == [110, 50]

    accepted = program("accept", "--warehouse", migrated.url, f"blocks/{held[named][0]}")

    assert (accepted.exit_code, migrated.rows("SELECT total_tokens FROM blocks")) == (0, [(50,)])


@pytest.mark.one_place
def test_accept_takes_a_block_that_begins_at_the_last_instant_of_another(
    claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program
) -> None:
    for hour, minute in ((5, 30), (10, 0), (10, 30)):
        claude.say("a", days_ago(40, hour, minute), 100)
    run_import()
    claude.replace("a", '"output_tokens":100', '"output_tokens":90')
    run_import()
    held = migrated.rows("SELECT key, offered_tokens FROM held_records WHERE report = 'blocks' ORDER BY key")
    assert [offered for _, offered in held] == [180, 90]

    accepted = program("accept", "--warehouse", migrated.url, f"blocks/{held[0][0]}")

    blocks = migrated.rows("SELECT total_tokens FROM blocks ORDER BY started_at")
    assert (accepted.exit_code, blocks) == (0, [(180,), (90,)])


def test_accept_takes_away_what_is_not_offered_any_more_beside_what_is_held(
    claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program
) -> None:
    claude.say("a", days_ago(40, 10), 1000)
    claude.say("a", days_ago(40, 12), 500, project="-home-ana-store")
    run_import()
    # The session moved to another directory, and a message of it is gone.
    shop, store = claude.file("a"), claude.file("a", "-home-ana-store")
    store.write_text(shop.read_text())
    shop.unlink()
    run_import()
    (held,) = migrated.rows("SELECT key FROM held_records WHERE report = 'session'")[0]

    done = program("accept", "--warehouse", migrated.url, f"session {held}")

    assert "2 records changed" in done.stdout
    assert migrated.rows("SELECT total_tokens FROM sessions") == [(1000,)]


@pytest.mark.parametrize("since", [2, 1])
def test_accept_takes_no_block_that_an_import_of_some_days_did_not_find_any_more(
    claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program, tmp_path: Path, since: int
) -> None:
    disk = ClaudeDir(tmp_path / "disk")
    disk.say("b", days_ago(2, 9, 30), 100)
    claude.say("a", days_ago(2, 11, 30), 1_000)
    run_import("--claude-dir", disk.root)
    disk.root.rename(tmp_path / "not mounted")
    run_import("--claude-dir", disk.root)
    found = migrated.rows("SELECT key, offered_tokens FROM held_records WHERE report = 'blocks'")
    assert [(str(key)[-13:-8], offered) for key, offered in found] == [("11:00", 1_000)]
    # One that asks for no blocks ends nothing that is held of them, nor do saved files of another time.
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "blocks.json").write_text('{"blocks": []}')
    for arguments in (("--report", "daily"), ("--from", tmp_path / "saved")):
        assert run_import("--claude-dir", disk.root, *arguments).exit_code == 0
        assert migrated.rows("SELECT count() FROM held_records WHERE report = 'blocks'") == [(1,)]
    (tmp_path / "not mounted").rename(disk.root)

    run_import("--claude-dir", disk.root, "--since", str(days_ago(since).date()))

    assert migrated.rows("SELECT count() FROM held_records WHERE report = 'blocks'") == [(0,)]
    accepted = program("accept", "--warehouse", migrated.url, f"blocks/{found[0][0]}")
    assert (accepted.exit_code, migrated.rows("SELECT total_tokens FROM blocks")) == (2, [(1_100,)])


def test_a_new_time_zone_files_days_anew_inside_the_window_only(
    claude: ClaudeDir, run_import: Importer, migrated: Place
) -> None:
    claude.say("old", days_ago(40, 23, 30), 100)
    claude.say("new", days_ago(5, 23, 30), 200)
    run_import()

    run_import("--timezone", "Europe/Berlin")

    assert tokens(migrated, "daily", "date") == {str(days_ago(40).date()): 100, str(days_ago(4).date()): 200}
    assert ("held", "timezone_changed") in verdicts(migrated, "daily")
    assert ("corrected", "timezone_changed") in verdicts(migrated, "daily")


def test_a_fall_inside_the_window_that_nothing_explains_is_held(
    claude: ClaudeDir, run_import: Importer, migrated: Place
) -> None:
    claude.say("a", days_ago(3), 1000)
    claude.say("b", days_ago(3), 10)
    run_import()
    claude.delete("a")

    run_import()

    assert list(tokens(migrated, "daily", "date").values()) == [1010]
    assert verdicts(migrated, "daily") == {("held", "messages_gone")}


def test_one_of_two_data_directories_missing_today_lowers_nothing_and_is_named(
    run_import: Importer, claude: ClaudeDir, migrated: Place, tmp_path: Path
) -> None:
    disk = ClaudeDir(tmp_path / "disk")
    claude.say("here", days_ago(2), 10)
    disk.say("there", days_ago(2, 13), 90)
    run_import("--claude-dir", disk.root)
    (tmp_path / "disk").rename(tmp_path / "unmounted")

    done = run_import("--claude-dir", disk.root)
    once_more = run_import("--claude-dir", disk.root, "--ccusage", "ccusage")

    assert done.exit_code == once_more.exit_code == 0
    assert f"data directory {disk.root} is missing or has no projects/" in done.stderr
    assert f"data directory {disk.root} was read before and is missing: its numbers stay" in once_more.stderr
    assert list(tokens(migrated, "daily", "date").values()) == [100]
    assert verdicts(migrated, "daily") == {("held", "directory_missing")}


# The first day of the window, and one that only a longer clean-up period keeps in it.
@pytest.mark.parametrize(("day", "period"), [(29, 30), (60, 90)])
def test_an_empty_report_for_an_hour_changes_nothing_and_is_heard(
    claude: ClaudeDir, run_import: Importer, migrated: Place, tmp_path: Path, ccusage20: Path, day: int, period: int
) -> None:
    (claude.root / "settings.json").write_text(f'{{"cleanupPeriodDays": {period}}}')
    claude.say("a", days_ago(day), 10)
    run_import()
    (tmp_path / "saved").mkdir()
    empty = tmp_path / "saved" / "daily.json"
    empty.write_text(
        '{"daily":[],"totals":{"inputTokens":0,"outputTokens":0,"cacheCreationTokens":0,"cacheReadTokens":0,'
        '"totalTokens":0,"totalCost":0}}'
    )
    broken = tmp_path / "broken"
    broken.write_text(
        f'#!/bin/sh\n[ "$2" = daily ] && exec cat "{empty}"\n[ "$2" = session ] && exec echo "{{"\n'
        f'exec "{ccusage20}" "$@"\n'
    )
    broken.chmod(0o755)

    done = run_import("--ccusage", broken)

    assert done.exit_code == 5
    why = f"ccusage shows no usage, yet 1 record since {days_ago(period - 1).date()} is stored"
    assert re.findall(": error: (.*)", done.stderr) == [
        f"daily: {why}",
        "the session report is not JSON: ccusage printed a document that is cut off or broken",
        f"projects: {why}",
    ]
    assert list(tokens(migrated, "daily", "date").values()) == [10]
    assert migrated.rows("SELECT count() FROM projects_daily") == [(1,)]
    # Saved files are of another time.
    assert run_import("--from", empty.parent).exit_code == 0


def test_a_second_machine_adds_and_touches_nothing(
    claude: ClaudeDir, run_import: Importer, migrated: Place, tmp_path: Path, program: Program
) -> None:
    claude.say("a", days_ago(2), 10)
    run_import("--machine", "laptop")
    before = migrated.rows("SELECT * FROM records WHERE machine = 'laptop' ORDER BY report, key")
    other = program.elsewhere(tmp_path / "other")

    done = other(
        "import", "--warehouse", migrated.url, "--claude-dir", claude.root, "--timezone", "UTC", "--machine", "tower"
    )

    assert done.exit_code == 0
    assert migrated.rows("SELECT * FROM records WHERE machine = 'laptop' ORDER BY report, key") == before
    assert migrated.rows("SELECT sum(total_tokens) FROM daily") == [(20,)]


def test_the_same_machine_name_on_two_hosts_is_refused(
    claude: ClaudeDir, run_import: Importer, migrated: Place, tmp_path: Path, program: Program
) -> None:
    claude.say("a", days_ago(2), 10)
    run_import("--machine", "laptop")
    other = program.elsewhere(tmp_path / "other")

    done = other("import", "--warehouse", migrated.url, "--claude-dir", claude.root, "--machine", "laptop")

    assert done.exit_code == 2
    assert "machine 'laptop' is the name of another installation" in done.stderr
    assert "hint: choose another name: ccusage-import rename machine NAME; or, if" in done.stderr
    assert other("rename", "machine", "tower", "--warehouse", migrated.url).exit_code == 0
    assert migrated.rows("SELECT count() FROM loads FINAL") == [(1,)]


@needs_hosts
def test_a_renamed_host_keeps_its_name_and_its_history(
    claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program
) -> None:
    claude.say("a", days_ago(2), 10)
    run_import()

    renamed = replace(program, prefix=on_host("renamed"))
    done = renamed("import", "--warehouse", migrated.url, "--timezone", "UTC", "--claude-dir", claude.root, "--json")

    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["reports"]["daily"]["unchanged"] == 1
    assert json.loads(done.stdout)["machine"] != "renamed"
    assert migrated.rows("SELECT count(), uniqExact(machine) FROM daily") == [(1, 1)]


def history(program: Program, place: Place) -> list[dict[str, Any]]:
    """Return what `history` says, newest first."""
    found: list[dict[str, Any]] = json.loads(program("history", "--warehouse", place.url, "--json").stdout)
    return found


def states(place: Place) -> list[object]:
    """Return the states of all loads, oldest first."""
    return [row[0] for row in place.rows("SELECT state FROM loads FINAL ORDER BY load_id")]


@pytest.mark.one_place
@pytest.mark.exhaustive
def test_a_load_is_undone_while_a_committed_one_undoes_it(
    claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program
) -> None:
    claude.say("a", days_ago(2), 10)
    run_import()

    for expected in (
        ["undone", "committed"],
        ["committed", "undone", "committed"],
        ["undone", "committed", "undone", "committed"],
    ):
        last = migrated.rows("SELECT max(load_id) FROM loads")[0][0]
        done = program("undo", str(last), "--warehouse", migrated.url)
        assert done.exit_code == 0, done.stderr
        assert states(migrated) == expected
    assert migrated.rows("SELECT count() FROM daily") == [(0,)]


@pytest.mark.one_place
def test_an_undo_that_died_before_it_marked_the_other_load_is_settled(
    claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program
) -> None:
    claude.say("a", days_ago(2), 10)
    run_import()
    first = migrated.rows("SELECT max(load_id) FROM loads")[0][0]
    assert program("undo", str(first), "--warehouse", migrated.url).exit_code == 0
    # As a kill after the undo's own row leaves it.
    leave_in_state(migrated, first, "committed")
    assert states(migrated) == ["committed", "committed"]

    run_import()

    assert states(migrated)[:2] == ["undone", "committed"]


@pytest.mark.one_place
def test_an_undo_of_an_undo_that_died_is_settled(
    claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program
) -> None:
    claude.say("a", days_ago(2), 10)
    run_import()
    for _ in range(2):
        assert program("undo", "last", "--warehouse", migrated.url).exit_code == 0
    first, second, _ = (load for (load,) in migrated.rows("SELECT load_id FROM loads FINAL ORDER BY load_id"))
    settled = ["committed", "undone", "committed"]
    assert states(migrated) == settled
    leave_in_state(migrated, first, "undone")
    leave_in_state(migrated, second, "committed")
    kill_before_its_end(program, migrated)

    assert run_import().exit_code == 0

    assert states(migrated)[:3] == settled


@pytest.mark.one_place
def test_what_a_killed_command_published_is_undone_as_any_other(
    claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program
) -> None:
    claude.say("a", days_ago(2), 10)
    run_import()
    load = kill_before_its_end(program, migrated)

    assert program("undo", str(load), "--warehouse", migrated.url).exit_code == 0
    assert (states(migrated), migrated.rows("SELECT count() FROM daily")) == (["undone", "committed"], [(0,)])

    leave_in_state(migrated, load, "committed")
    kill_before_its_end(program, migrated)
    again = program("undo", str(load), "--warehouse", migrated.url)
    assert again.stderr.splitlines()[0] == f"ccusage-import: error: load {load} is taken back already"
    assert states(migrated) == ["undone", "committed"]


@pytest.mark.one_place
def test_a_load_before_a_killed_renaming_cannot_be_undone_by_force(
    claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program
) -> None:
    claude.say("a", days_ago(2), 10)
    run_import()
    load = migrated.rows("SELECT max(load_id) FROM loads")[0][0]
    assert program("rename", "projects", "--no-hash-projects", "--warehouse", migrated.url).exit_code == 0
    renaming = kill_before_its_end(program, migrated)

    for undone in (load, renaming):
        refused = program("undo", str(undone), "--force", "--warehouse", migrated.url)

        assert refused.exit_code == 2
        assert refused.stderr.splitlines()[0] == (
            f"ccusage-import: error: load {undone}: projects and sessions were renamed by load {renaming}"
        )
    assert list(tokens(migrated, "daily", "date").values()) == [10]


def test_undo_restores_and_undoing_the_undo_brings_it_back(
    claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program
) -> None:
    views = ("daily", "monthly", "sessions", "blocks", "projects_daily", "model_breakdowns", "monthly_from_daily")
    show = {view: f"SELECT * EXCEPT (load_id) FROM {view} ORDER BY ALL" for view in views}
    show["monthly_from_daily"] = "SELECT * FROM monthly_from_daily ORDER BY ALL"
    claude.say("a", days_ago(2), 10)
    run_import()
    first = migrated.answers(show)
    claude.say("a", days_ago(2, 13), 10)
    claude.say("b", days_ago(1), 10)
    run_import()
    second = migrated.answers(show)

    undone = history(program, migrated)[0]["load_id"]
    done = program("undo", "--warehouse", migrated.url, str(undone))
    assert done.exit_code == 0, done.stderr
    assert migrated.answers(show) == first
    assert f"  undo of {undone}: " in program("history", "--warehouse", migrated.url).stdout.splitlines()[1]
    assert [load["state"] for load in history(program, migrated)] == ["committed", "undone", "committed"]

    assert program("undo", "--warehouse", migrated.url, str(history(program, migrated)[0]["load_id"])).exit_code == 0
    assert migrated.answers(show) == second
    assert [load["state"] for load in history(program, migrated)] == ["committed", "undone", "committed", "committed"]


@pytest.mark.exhaustive
def test_what_an_undone_undo_brought_back_is_judged_like_everything_else(
    claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program
) -> None:
    claude.say("a", days_ago(2), 10)
    claude.say("b", days_ago(2), 20)
    run_import()
    claude.say("a", days_ago(2, 13), 5)
    run_import()
    for _ in range(2):
        load = str(history(program, migrated)[0]["load_id"])
        assert program("undo", "--warehouse", migrated.url, load).exit_code == 0
    told = migrated.rows("SELECT reason, count() FROM changes WHERE offered_tokens > 0 GROUP BY reason ORDER BY ALL")
    assert told == [("brought_back", 5), ("first_seen", 6), ("more_tokens", 5), ("undone", 5)]

    claude.delete("b")
    run_import()

    reasons = "SELECT DISTINCT reason FROM held_records"
    assert (list(tokens(migrated, "daily", "date").values()), migrated.rows(reasons)) == ([35], [("messages_gone",)])


def test_undo_refuses_what_a_later_load_changed_unless_forced(
    claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program
) -> None:
    claude.say("a", days_ago(2), 10)
    run_import()
    claude.say("a", days_ago(2, 13), 5)
    run_import()
    first = str(history(program, migrated)[1]["load_id"])

    refused = program("undo", "--warehouse", migrated.url, first)
    assert refused.exit_code == 2
    assert refused.stderr.splitlines()[0].endswith("later loads changed 5 of its 5 records")
    assert f"  daily/claude/{days_ago(2).date()}" in refused.stderr.splitlines()
    assert list(tokens(migrated, "daily", "date").values()) == [15]

    assert program("undo", "--warehouse", migrated.url, first, "--force").exit_code == 0
    assert migrated.rows("SELECT count() FROM daily") == [(0,)]


@pytest.mark.one_place
@pytest.mark.parametrize("command", ["history", "status"])
def test_an_embedded_warehouse_of_an_older_release_is_brought_up_to_date_to_be_read(
    claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program, command: str
) -> None:
    claude.say("a", days_ago(2), 10)
    run_import()
    with migrated.opened() as opened:
        opened.command("ALTER TABLE loads DROP COLUMN naming")
        opened.command("DELETE FROM schema_migrations WHERE version = '0003'")

    done = program(command, "--warehouse", migrated.url)

    assert (done.exit_code, done.stderr) == (0, "")
    assert "committed" in done.stdout


def test_of_a_server_of_an_older_release_history_says_what_it_needs(program: Program, spares: Spares) -> None:
    with spares.lent() as server:
        with server.opened() as opened:
            opened.command("ALTER TABLE loads DROP COLUMN naming")
            opened.command("DELETE FROM schema_migrations WHERE version = '0003'")

        done = program("history", "--warehouse", server.url)

    assert (done.exit_code, done.stdout) == (4, "")
    assert done.stderr.splitlines() == [
        f"ccusage-import: error: warehouse {server.url}: 1 of its tables and views is missing or not up to date",
        f"hint: ccusage-import migrate --warehouse {server.url}",
    ]


def test_undo_of_a_load_that_does_not_exist(program: Program, migrated: Place) -> None:
    done = program("undo", "--warehouse", migrated.url, "123")

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "ccusage-import: error: there is no load 123",
        "hint: ccusage-import history lists the loads",
    ]


@pytest.mark.one_place
def test_undo_of_a_load_that_leaves_nothing_to_undo(
    claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program
) -> None:
    def refused() -> str:
        done = program("undo", "--warehouse", migrated.url, str(load))
        assert (done.exit_code, done.stderr.splitlines()[1]) == (2, "hint: ccusage-import history lists the loads")
        return done.stderr.splitlines()[0].removeprefix(f"ccusage-import: error: load {load} ")

    claude.say("a", days_ago(2), 10)
    run_import()
    load = history(program, migrated)[0]["load_id"]
    assert program("undo", "--warehouse", migrated.url, str(load)).exit_code == 0
    assert refused() == "is taken back already"

    program("import", "--warehouse", migrated.url, "--claude-dir", claude.root, "--ccusage", "/nowhere/ccusage")
    load = history(program, migrated)[0]["load_id"]
    assert refused() == "failed and changed nothing"


def test_changes_say_why_with_names(claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program) -> None:
    claude.say("a", days_ago(40), 10)
    claude.say("b", days_ago(40), 10)
    run_import()
    claude.delete("a")
    run_import()

    shown = program("changes", "--warehouse", migrated.url, "--verdict", "held").stdout

    assert f"projects {days_ago(40).date()} -home-ana-shop" in shown
    assert "1 message is gone from the transcripts: 10 tokens" in shown
    by_day = partial(program, "changes", "--warehouse", migrated.url, "--verdict", "held", "--since")
    assert {by_day(day).stdout for day in ("2100-01-01", "9999-12-31")} == {"no change has the verdict held\n"}
    assert by_day("0001-01-01").stdout == shown


@pytest.mark.one_place
def test_many_changes_are_printed_a_few_at_a_time(
    claude: ClaudeDir,
    run_import: Importer,
    migrated: Place,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    claude.say("a", days_ago(2), 10)
    run_import()
    claude.say("a", days_ago(1), 10_000_000)
    run_import()
    monkeypatch.delenv("COLUMNS", raising=False)

    def printed(at_once: int) -> list[str]:
        monkeypatch.setattr("ccusage_import.cli.verdicts.CHANGES_AT_ONCE", at_once)
        with migrated.opened() as opened:
            assert print_changes(stream_changes(opened, Wanted()), {}, {}, DOLLARS, as_json=False) == 10
        return capsys.readouterr().out.splitlines()

    whole, few = printed(5000), printed(2)
    assert [line.split() for line in few] == [line.split() for line in whole]
    assert len({line.index(" new ") for line in few if " new " in line}) == 1


def test_a_failure_while_a_server_is_away_is_recorded_in_no_other_warehouse(
    claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program
) -> None:
    claude.say("a", days_ago(2), 10)
    away = program("import", "--warehouse", "clickhouse://127.0.0.1:1/ccusage", "--claude-dir", claude.root)
    assert away.exit_code == 4
    assert "no answer: [Errno 111] Connection refused" in away.stderr

    run_import()

    assert [(load["state"], load["error"]) for load in history(program, migrated)] == [("committed", "")]


def test_verify_explains_what_was_kept(
    claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program
) -> None:
    claude.say("old", days_ago(40), 1000)
    claude.say("half", days_ago(40), 1000)
    claude.say("new", days_ago(1), 10)
    run_import()
    claude.delete("old")
    claude.say("new", days_ago(1, 13), 10)

    done = program("verify", "--warehouse", migrated.url, "--claude-dir", claude.root)

    assert done.exit_code == 0, done.stdout
    assert f"daily {days_ago(40).date()}: 2,000 against 1,000 tokens: kept: 1 message is gone from the" in done.stdout
    assert "10 against 20 tokens: not imported yet: more tokens since the last load" in done.stdout
    assert "session -home-ana-shop/old: 1,000 against 0 tokens: kept: messages are gone from the tran" in done.stdout


def test_verify_explains_what_lost_messages_before_the_time_zone_was_changed(
    claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program
) -> None:
    claude.say("a", days_ago(1), 102)
    claude.say("b", days_ago(1), 9)
    run_import()
    claude.delete("b")
    run_import()

    for _ in range(2):
        run_import("--timezone", "America/New_York", "--force")
        done = program(
            "verify", "--warehouse", migrated.url, "--claude-dir", claude.root,
            CCUSAGE_IMPORT_TIMEZONE="America/New_York",
        )  # fmt: skip

        assert done.exit_code == 0, done.stdout
        why = "111 against 102 tokens: kept: messages are gone from the transcripts"
        assert f"daily {days_ago(1).date()}: {why}" in done.stdout
        assert verdicts(migrated, "daily") == {("held", "messages_gone")}


def test_verify_explains_messages_that_a_person_took_back(
    claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program
) -> None:
    named = ("--warehouse", migrated.url)
    claude.say("a", days_ago(1), 10)
    run_import("--transcripts-only")
    assert program("undo", "last", *named).exit_code == 0
    claude.say("a", days_ago(1, 13), 7)
    run_import()

    done = program("verify", *named, "--claude-dir", claude.root)

    why = "7 against 17 tokens: a person took messages of it back"
    assert done.exit_code == 0, done.stdout
    assert f"messages = daily: daily {days_ago(1).date()}: {why}" in done.stdout
    assert f"messages = session: session -home-ana-shop/a: {why}" in done.stdout


@pytest.mark.one_place
def test_verify_explains_what_stands_for_usage_that_a_person_took_back(
    claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program
) -> None:
    claude.say("a", days_ago(1, 12), 100)
    run_import()
    # It begins the block an hour earlier.
    claude.say("a", days_ago(1, 11), 50)
    run_import()
    assert program("undo", "last", "--warehouse", migrated.url).exit_code == 0
    project = claude.file("a").parent
    for name in (project.name, "-store"):
        project = project.rename(project.with_name(name))
        run_import()
        done = program("verify", "--warehouse", migrated.url, "--claude-dir", claude.root)
        assert done.exit_code == 0, done.stdout
        assert sum(tokens(migrated, "blocks", "started_at").values()) == 100


def test_verify_ends_with_6_on_what_it_cannot_explain(
    claude: ClaudeDir, run_import: Importer, migrated: Place, program: Program
) -> None:
    # Whose messages are known is explained by them.
    claude.say("a", days_ago(3), 1000)
    claude.say("b", days_ago(3), 10)
    run_import("--no-transcripts")
    claude.delete("a")

    done = program("verify", "--warehouse", migrated.url, "--claude-dir", claude.root)

    assert done.exit_code == 6
    assert f"daily {days_ago(3).date()}: 1,010 against 10 tokens: kept: a session of that time is not " in done.stdout
    assert "1,000 against 0 tokens: NOTHING EXPLAINS IT" in done.stdout
