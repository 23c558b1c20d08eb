"""What `ccusage-import` alone prints."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ccusage_import.days import next_month
from ccusage_import.digest.glance import read_forecast
from tests.conftest import Place, Program, program_in
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.warehouse.test_views import days, loaded

pytestmark = pytest.mark.usefixtures("engine_stays")


def test_without_a_history_three_lines_say_what_to_type_first(program: Program) -> None:
    shown = program()

    assert (shown.exit_code, shown.stderr) == (0, "")
    assert shown.stdout.splitlines() == [
        "  ccusage-import import --demo   try it on sample transcripts",
        "  ccusage-import init            set it up by questions, then import your usage",
        "  ccusage-import --help          list all commands",
    ]
    assert not list(program.home.rglob("*warehouse*"))


@pytest.mark.usefixtures("own_warehouse")
def test_a_history_is_seen_at_one_glance_and_what_was_kept_beyond_ccusage(program: Program, tmp_path: Path) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("old", days_ago(70), 100_000)
    claude.say("now", datetime.now(UTC) - timedelta(seconds=1), 20_000)
    program.environ |= {"CCUSAGE_IMPORT_CLAUDE_DIRS": str(claude.root), "CCUSAGE_IMPORT_MACHINE": "laptop"}
    assert program("import").exit_code == 0
    claude.delete("old")
    assert program("import").exit_code == 0
    assert program("config", "set", "budget.monthly", "0.25").exit_code == 0

    shown = program(COLUMNS="80")

    now = r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"
    first, _, *lines, _, steps = shown.stdout.splitlines()
    assert shown.exit_code == 0
    assert re.fullmatch(rf"machine laptop · {now}", first)
    assert [line for line in lines if "active block" not in line and "this month" not in line] == [
        "today         $0.30, 20,000 tokens",
        f"all days      $1.80 on 2 days since {days_ago(70).date()}",
        *(line for line in lines if re.fullmatch(rf"last import   {now}, (just now|1 min ago), committed", line)),
        "kept          ccusage shows $0.30 today, you kept $1.80",
    ]
    assert any(re.fullmatch(r"active block  \$0.30 until \d\d:\d\d UTC", line) for line in lines)
    assert any(
        re.fullmatch(r"this month    OVER \$0.30 of \$0.25 \(120\.0%\), \$\d+\.\d\d expected", line) for line in lines
    )
    assert steps == "ccusage-import report --open · query --list · chart daily · changes · --help"
    assert program("config", "set", "budget.agents.claude", "0.1").exit_code == 0
    assert re.search("^over budget +2 of 2: ccusage-import budget$", program().stdout, re.MULTILINE)


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_what_is_not_a_whole_import_leaves_what_ccusage_showed(
    program: Program, tmp_path: Path, ccusage20: Path
) -> None:
    odd = tmp_path / "ccusage"
    odd.write_text(f'#!/bin/sh\n"{ccusage20}" "$@" | sed \'0,/"inputTokens": *[0-9]*/s//"inputTokens": -1/\'\n')
    odd.chmod(0o755)
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("one", days_ago(2), 100_000)
    program.environ["CCUSAGE_IMPORT_CLAUDE_DIRS"] = str(claude.root)
    assert program("import").exit_code == 0
    claude.say("two", days_ago(1), 200_000)

    for arguments in (("--since", "yesterday"), ("--report", "session"), ("--dry-run",)):
        assert program("import", *arguments).exit_code == 0
    # Without the records that cannot be true.
    assert program("import", "--ccusage", odd).exit_code == 5
    after_parts = program().stdout
    assert program("import").exit_code == 0

    assert "kept         all that ccusage shows: $4.50" in program().stdout
    assert "kept         ccusage shows $1.50 today, you kept $4.50" in after_parts


@pytest.mark.usefixtures("own_warehouse")
def test_what_is_dated_ahead_is_in_the_sum_of_all_days_alone(program: Program, tmp_path: Path) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("now", datetime.now(UTC) - timedelta(seconds=1), 20_000)
    claude.say("ahead", days_ago(-3), 100_000)
    program.environ["CCUSAGE_IMPORT_CLAUDE_DIRS"] = str(claude.root)
    assert program("import").exit_code == 0

    shown, line = program(COLUMNS="80").stdout.splitlines(), program("statusline").stdout

    assert "today         $0.30, 20,000 tokens" in shown
    assert f"all days      $1.80 on 2 days since {days_ago(0).date()}" in shown
    assert "kept          all that ccusage shows: $1.80" in shown
    assert any(re.fullmatch(r"active block  \$0.30 until \d\d:\d\d UTC", each) for each in shown)
    assert re.fullmatch(r"today \$0\.30 · block \$0\.30, (4h \d\dm|5h 00m) left\n", line)


def test_the_open_block_is_that_of_this_machine(
    program: Program, ccusage20: Path, tmp_path: Path, embedded: Callable[[str], Place]
) -> None:
    warehouse = embedded("warehouse")
    other = program_in(tmp_path / "other", ccusage20)
    other.home.mkdir()
    for each, name, tokens, minutes in ((program, "laptop", 20_000, 61), (other, "studio", 100_000, 0)):
        claude = ClaudeDir(tmp_path / name)
        claude.say("now", datetime.now(UTC) - timedelta(minutes=minutes, seconds=1), tokens)
        each.environ |= {"CCUSAGE_IMPORT_CLAUDE_DIRS": str(claude.root), "CCUSAGE_IMPORT_MACHINE": name}
        each.environ["CCUSAGE_IMPORT_WAREHOUSE"] = warehouse.url
        assert each("import").exit_code == 0
    assert program("import").exit_code == 0

    assert "active block  $0.30 until " in program(COLUMNS="80").stdout
    assert " · block $0.30, " in program("statusline").stdout
    assert " · block $1.50, " in other("statusline").stdout


@pytest.mark.usefixtures("own_warehouse")
def test_large_sums_are_whole_dollars_and_an_older_import_says_its_day(program: Program, tmp_path: Path) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("old", days_ago(70), 100_000_000)
    claude.say("now", days_ago(1), 20_000)
    program.environ["CCUSAGE_IMPORT_CLAUDE_DIRS"] = str(claude.root)
    assert program("import").exit_code == 0
    claude.delete("old")
    assert program("import").exit_code == 0

    assert "ccusage shows $0 today, you kept $2,249" in program().stdout
    [offer] = program.home.rglob("last_offer.json")
    shown = json.loads(offer.read_text())
    offer.write_text(json.dumps(shown | {"at": "2026-01-31T12:00:00Z"}))

    assert "ccusage showed $0 on 2026-01-31, you kept $2,249" in program().stdout


def test_a_warehouse_that_another_program_has_open_is_said_at_once(program: Program) -> None:
    place = f"chdb://{program.home}/warehouse"
    assert program("migrate", "--warehouse", place).exit_code == 0

    with Place(place).opened():
        began = time.monotonic()
        shown = program(CCUSAGE_IMPORT_WAREHOUSE=place)
        seconds = time.monotonic() - began

    assert (shown.exit_code, shown.stdout) == (4, "")
    assert shown.stderr.startswith("ccusage-import: error: the warehouse is open in another program: ")
    # An import waits for half a minute.
    assert seconds < 15


@pytest.mark.usefixtures("own_warehouse")
def test_facts_without_a_report_are_usage(program: Program, tmp_path: Path) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("a", days_ago(1), 1_000)
    program("import", "--claude-dir", claude.root, "--transcripts-only")

    assert program().stdout == "1 message is stored, but no report yet: ccusage-import import\n"


def elsewhere() -> str:
    """Return a zone in which it is another day than in UTC."""
    return "Pacific/Kiritimati" if datetime.now(UTC).hour >= 10 else "Pacific/Pago_Pago"


@pytest.fixture
def abroad(program: Program, tmp_path: Path, embedded: Callable[[str], Place]) -> Program:
    """This machine, which used 10,000 tokens, beside another one where it is another day, and which used 20,000."""
    now, warehouse = datetime.now(UTC), embedded("warehouse")
    other = program.elsewhere(tmp_path / "other")
    for each, name, tokens, zone in ((other, "away", 20_000, elsewhere()), (program, "here", 10_000, "UTC")):
        claude = ClaudeDir(tmp_path / name)
        claude.say(name, now - timedelta(seconds=1), tokens)
        each.environ |= {"CCUSAGE_IMPORT_MACHINE": name, "CCUSAGE_IMPORT_TIMEZONE": zone}
        each.environ |= {"CCUSAGE_IMPORT_WAREHOUSE": warehouse.url}
        assert each("import", "--claude-dir", claude.root).exit_code == 0
    return program


def test_what_is_spent_of_a_budget_is_what_budget_says_wherever_machines_are(abroad: Program) -> None:
    """It is another day on this machine than on the other one, whose day counts in the budget of everything."""
    shown = abroad(CCUSAGE_IMPORT_BUDGET='{"daily": 0.4}').stdout

    assert "today         OVER $0.45 of $0.40 (112.5%), " in shown
    assert ", 30,000 tokens\n" in shown


def test_today_and_the_month_are_those_of_each_machine(abroad: Program) -> None:
    shown = abroad().stdout

    assert "today         $0.45, 30,000 tokens\n" in shown
    assert "this month    $0.45\n" in shown
    assert abroad("statusline").stdout.startswith("today $0.45 · block $0.15, ")


def test_machines_whose_months_differ_have_no_forecast_of_this_month(migrated: Place) -> None:
    today = datetime.now(UTC).date()
    history, later = str(today - timedelta(days=60)), str(next_month(today))
    loaded(migrated, days(history, [1] * 61))
    with migrated.opened() as opened:
        assert read_forecast(opened, today)
    # As where it is the first of the month already.
    loaded(migrated, [*days(history, [1] * 61, machine="laptop"), *days(later, [1], machine="laptop")], 2000)
    with migrated.opened() as opened:
        assert len(opened.rows("SELECT month FROM forecast_totals WHERE machine = '' AND agent = ''")) == 2
        assert read_forecast(opened, today) is None
