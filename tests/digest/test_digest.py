"""What `report` and `chart` tell of real imports: every number in these tests was worked out by hand."""

from __future__ import annotations

import json
import os
import stat
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.digest.text import method_text
from ccusage_import.warehouse.clickhouse_client import open_warehouse
from tests.cli.test_terminal import at_a_terminal, to_a_terminal
from tests.conftest import Place, Program, Result
from tests.support.claude_dir import SONNET, ClaudeDir, days_ago, today

pytestmark = [pytest.mark.exhaustive_at("http"), pytest.mark.usefixtures("engine_stays")]

# In a home.
DATA = "Library/Application Support" if sys.platform == "darwin" else ".local/share"
PAGE = f"{DATA}/ccusage-import/ccusage-report.html"


def first_of_last_month() -> date:
    return (today().replace(day=1) - timedelta(days=1)).replace(day=1)


def imported(program: Program, place: Place, claude: ClaudeDir, *arguments: str | Path) -> None:
    done = program("import", "--warehouse", place.url, "--claude-dir", claude.root, "--machine", "desk", *arguments)
    assert (done.exit_code, done.stderr) == (0, "")


def digest(program: Program, place: Place, *arguments: str | Path) -> dict[str, Any]:
    done = program("report", "--warehouse", place.url, "--json", *arguments)
    assert (done.exit_code, done.stderr) == (0, "")
    shown: dict[str, Any] = json.loads(done.stdout)
    return shown


def spans(shown: dict[str, Any]) -> dict[str, tuple[float, int, float | None]]:
    """Cost, tokens, and cost of the days before."""
    return {
        span["name"]: (
            float(span["usage"]["cost_usd"]),
            span["usage"]["total_tokens"],
            None if span["before_usd"] is None else float(span["before_usd"]),
        )
        for span in shown["spans"]
    }


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


@pytest.mark.one_place
def test_headlines_compare_with_the_days_before(program: Program, migrated: Place, claude: ClaudeDir) -> None:
    claude.say("one", days_ago(0, 0), 100_000)
    claude.say("two", days_ago(1), 200_000)
    claude.say("two", days_ago(6), 40_000)
    claude.say("three", days_ago(8), 60_000)
    claude.say("three", days_ago(13), 20_000)
    claude.say("four", days_ago(14), 80_000)
    imported(program, migrated, claude)

    shown = spans(digest(program, migrated))

    assert shown["today"] == (1.5, 100_000, 3.0)
    assert shown["last_7_days"] == (5.1, 340_000, 1.2)
    assert shown["total"] == (7.5, 500_000, None)


@pytest.mark.one_place
def test_a_month_is_compared_with_the_same_days_of_the_last_one(
    program: Program, migrated: Place, claude: ClaudeDir
) -> None:
    claude.say("one", days_ago(0, 0), 100_000)
    claude.say("two", noon(first_of_last_month()), 40_000)
    claude.say("two", noon(first_of_last_month() - timedelta(days=1)), 200_000)
    imported(program, migrated, claude)

    shown = digest(program, migrated)

    assert spans(shown)["month_to_date"] == (1.5, 100_000, 0.6)
    assert [(month["start"][-2:], float(month["cost_usd"])) for month in shown["months"]] == [
        ("01", 3.0),
        ("01", 0.6),
        ("01", 1.5),
    ]


@pytest.mark.one_place
def test_parts_add_up_to_the_whole_by_model_project_session_and_hour(
    program: Program, migrated: Place, claude: ClaudeDir
) -> None:
    claude.say("one", days_ago(3, 9), 100_000)
    claude.say("one", days_ago(3, 10), 20_000)
    claude.say("two", days_ago(2, 15), 60_000, project="-home-ana-blog", model="claude-opus-4-1-20250805")
    imported(program, migrated, claude)

    shown = digest(program, migrated)

    assert [
        (use["model"], float(use["usage"]["cost_usd"]), use["usage"]["output_tokens"]) for use in shown["models"]
    ] == [
        ("claude-opus-4-1-20250805", 4.5, 60_000),
        ("claude-sonnet-4-20250514", 1.8, 120_000),
    ]
    assert [(use["project"], float(use["usage"]["cost_usd"]), use["active_days"]) for use in shown["projects"]] == [
        ("-home-ana-blog", 4.5, 1),
        ("-home-ana-shop", 1.8, 1),
    ]
    assert [(use["session"], use["machine"], float(use["usage"]["cost_usd"])) for use in shown["sessions"]] == [
        ("two", "desk", 4.5),
        ("one", "desk", 1.8),
    ]
    assert (shown["project_count"], shown["session_count"]) == (2, 2)
    days = [(part["start"], part["model"], float(part["cost_usd"])) for part in shown["days"]]
    assert days == [
        (str(today() - timedelta(days=3)), "claude-sonnet-4-20250514", 1.8),
        (str(today() - timedelta(days=2)), "claude-opus-4-1-20250805", 4.5),
    ]
    hours = {(use["weekday"], use["hour"]): (float(use["cost_usd"]), use["total_tokens"]) for use in shown["hours"]}
    three_days_ago, two_days_ago = days_ago(3).isoweekday(), days_ago(2).isoweekday()
    # One block from nine to ten o'clock, by its messages, and one of an hour.
    assert hours == {
        (three_days_ago, 9): (1.5, 100_000),
        (three_days_ago, 10): (0.3, 20_000),
        (two_days_ago, 15): (4.5, 60_000),
    }


def test_hours_are_those_of_the_configured_zone(program: Program, migrated: Place, claude: ClaudeDir) -> None:
    claude.say("one", days_ago(3, 9), 100_000)
    imported(program, migrated, claude, "--timezone", "Asia/Kolkata")

    done = program("report", "--warehouse", migrated.url, "--json", CCUSAGE_IMPORT_TIMEZONE="Asia/Kolkata")

    shown = json.loads(done.stdout)
    assert (shown["timezone"], [use["hour"] for use in shown["hours"]]) == ("Asia/Kolkata", [14])


def test_hours_of_a_machine_at_the_other_end_of_the_world_are_of_the_day_after_next(
    program: Program, migrated: Place, claude: ClaudeDir
) -> None:
    # 23:00 the evening before in Pago Pago, the first hour of the next day on Kiritimati.
    claude.say("one", days_ago(3, 10), 100_000)
    imported(program, migrated, claude, "--timezone", "Pacific/Pago_Pago")
    of_days = ("--since", str(today() - timedelta(days=2)), "--until", str(today() - timedelta(days=2)))

    done = program(
        "report", "--warehouse", migrated.url, "--json", *of_days, CCUSAGE_IMPORT_TIMEZONE="Pacific/Kiritimati"
    )

    assert [(use["hour"], float(use["cost_usd"])) for use in json.loads(done.stdout)["hours"]] == [(0, 1.5)]


@pytest.mark.one_place
def test_since_bounds_what_is_shown_but_not_the_comparisons(
    program: Program, migrated: Place, claude: ClaudeDir
) -> None:
    claude.say("one", days_ago(1), 100_000)
    claude.say("two", days_ago(4), 20_000, project="-home-ana-blog")
    imported(program, migrated, claude)

    shown = digest(program, migrated, "--since", str(today() - timedelta(days=2)))

    assert spans(shown)["last_7_days"] == (1.8, 120_000, 0.0)
    assert spans(shown)["total"] == (1.5, 100_000, None)
    assert [use["project"] for use in shown["projects"]] == ["-home-ana-shop"]
    assert len(shown["days"]) == len(shown["sessions"]) == len(shown["hours"]) == 1


@pytest.mark.one_place
@pytest.mark.exhaustive
def test_all_machines_are_added_up_unless_one_is_named(
    program: Program, migrated: Place, claude: ClaudeDir, tmp_path: Path
) -> None:
    claude.say("one", days_ago(1), 100_000)
    other = ClaudeDir(tmp_path / "other")
    other.say("two", days_ago(1), 20_000)
    imported(program, migrated, claude)
    laptop = program.elsewhere(tmp_path / "lap")
    arguments = ("import", "--warehouse", migrated.url, "--machine", "lap", "--no-hash-projects")
    assert laptop(*arguments, "--claude-dir", other.root).exit_code == 0

    both, lap = digest(program, migrated), digest(program, migrated, "--machine", "lap")

    assert (spans(both)["last_7_days"][0], spans(both)["total"][0], spans(lap)["total"][0]) == (1.8, 1.8, 0.3)
    assert [use["machine"] for use in both["machines"]] == ["desk", "lap"]
    assert [(use["machine"], use["is_stale"], use["has_failed"]) for use in lap["machines"]] == [("lap", False, False)]
    assert [use["session"] for use in lap["sessions"]] == ["two"]


@pytest.mark.exhaustive
def test_what_was_held_is_told_with_the_numbers_of_its_reason(
    program: Program, migrated: Place, claude: ClaudeDir
) -> None:
    claude.say("old", days_ago(40), 100_000)
    claude.say("older", days_ago(40, 13), 20_000)
    claude.say("new", days_ago(1), 20_000)
    imported(program, migrated, claude)
    claude.delete("older")
    claude.say("new", days_ago(1, 13), 60_000)
    imported(program, migrated, claude)

    shown = digest(program, migrated)

    # That the use of a day goes on is not worth a line.
    assert shown["changes"] == []
    assert shown["recent_verdicts"]["grew"] > 0
    held = next(line for line in shown["held"] if line["report"] == "projects")
    assert held["record"] == f"{today() - timedelta(days=40)}/-home-ana-shop"
    assert held["reason"] == "1 message is gone from the transcripts: 20,000 tokens"
    assert (float(held["stored_usd"]), float(held["offered_usd"])) == (1.8, 1.5)
    assert shown["held_count"] == len(shown["held"]) == shown["recent_verdicts"]["held"]
    markdown = program("report", "--warehouse", migrated.url, "--format", "markdown").stdout
    assert "## What was held\n\nA smaller number was offered. What was stored stays;" in markdown


@pytest.mark.one_place
def test_usage_without_a_price_is_flagged(program: Program, migrated: Place, claude: ClaudeDir) -> None:
    claude.say("one", days_ago(1), 100_000)
    claude.say("one", days_ago(1, 13), 100_000, model="claude-of-tomorrow")
    assert program("import", "--warehouse", migrated.url, "--claude-dir", claude.root).exit_code == 0

    markdown = program("report", "--warehouse", migrated.url, "--format", "markdown").stdout

    assert "- All kept days: **$1.50\\***, 200,000 tokens\n" in markdown
    assert "| claude-of-tomorrow | $0.00\\* |" in markdown
    assert "the cost is a lower bound" in markdown


@pytest.mark.usefixtures("own_warehouse")
def test_days_without_a_price_are_days_with_usage(program: Program, claude: ClaudeDir) -> None:
    for days, model in ((1, "claude-of-tomorrow"), (2, SONNET), (3, SONNET)):
        claude.say("one", days_ago(days), 100_000, model=model)
    assert program("import", "--claude-dir", claude.root).exit_code == 0

    page = Path(program("report").stdout.strip()).read_text()

    assert ", 3 days with usage. Days in UTC." in page
    assert "3 days with usage in the last year." in page


def test_budgets_show_what_is_spent_of_them(program: Program, migrated: Place, claude: ClaudeDir) -> None:
    claude.say("one", days_ago(0, 0), 100_000)
    imported(program, migrated, claude)
    budget = '{"daily": 1, "monthly": 100, "projects": {"-home-ana-shop": {"daily": 6}}}'

    done = program("report", "--warehouse", migrated.url, "--format", "markdown", CCUSAGE_IMPORT_BUDGET=budget)

    assert "- **The budget of today is exceeded: $1.50 of $1.00.**\n" in done.stdout
    assert "| budget of today | $1.50 | $1.00 | 150.0% | exceeded |\n" in done.stdout
    assert "| budget of this month | $1.50 | $100.00 | 1.5% | within |\n" in done.stdout
    assert "| budget of project -home-ana-shop, today | $1.50 | $6.00 | 25.0% | within |\n" in done.stdout


@pytest.mark.exhaustive
def test_savings_of_the_cache(program: Program, migrated: Place, claude: ClaudeDir, tmp_path: Path) -> None:
    # An import of transcripts asks for the prices; saved reports alone name none.
    claude.say("one", days_ago(2), 20_000)
    imported(program, migrated, claude)
    day = str(today() - timedelta(days=1))
    tokens = {"inputTokens": 0, "outputTokens": 0, "cacheCreationTokens": 0, "cacheReadTokens": 1_000_000}
    model = {"modelName": "claude-sonnet-4-20250514", "cost": 0.3, **tokens}
    row = {"date": day, "totalTokens": 1_000_000, "totalCost": 0.3, "modelBreakdowns": [model], **tokens}
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "daily.json").write_text(json.dumps({"daily": [row]}))
    assert program("import", "--warehouse", migrated.url, "--from", tmp_path / "saved").exit_code == 0

    shown = digest(program, migrated)

    # A million tokens from the cache for 0.30 $ would have cost 3 $ as input.
    assert [(use["model"], float(use["savings_usd"]), use["cache_share"]) for use in shown["cache"]] == [
        ("claude-sonnet-4-20250514", 2.7, 1.0)
    ]
    markdown = program("report", "--warehouse", migrated.url, "--format", "markdown").stdout
    assert "- Saved by the cache: **$2.70**, 100.0% of all input came from it, estimated, all kept days\n" in markdown


@pytest.mark.one_place
@pytest.mark.exhaustive
def test_the_forecast_of_a_steady_user(program: Program, migrated: Place, claude: ClaudeDir) -> None:
    for day in range(1, 36):
        claude.say(f"session-{day}", days_ago(day), 50_000)
    imported(program, migrated, claude)

    forecast = digest(program, migrated)["forecast"]

    # 0.75 $ on each day of the month, those that are left included.
    days_in_month = ((today().replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)).day
    assert float(forecast["cost_usd"]) == pytest.approx(0.75 * days_in_month)
    assert [float(day["cost_usd"]) for day in forecast["days"]] == [0.75] * (days_in_month - today().day + 1)
    # It is named wherever the forecast is.
    program.environ["CCUSAGE_IMPORT_WAREHOUSE"] = migrated.url
    assert program("report", "--format", "markdown").stdout.count("method: weekday of 8 weeks\n") == 1
    assert " at 80%; method: weekday of 8 weeks\n" in program(COLUMNS="200").stdout
    program("report", "--output", program.home / "page.html")
    assert ">method: weekday of 8 weeks</span>" in (program.home / "page.html").read_text()


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("last 7 days", "method: last 7 days"),
        ("last 28 days, last 7 days", "method: last 28 days, last 7 days"),
        ("month so far", "method: month so far (plain run rate), which missed least over the last 12 months"),
        (
            "month so far, weekday of 4 weeks, weekday of last week",
            (
                "method: weekday of 4 weeks, month so far (plain run rate) where that missed least over the last 12 "
                "months, weekday of last week (seasonal-naive) where that missed least over the last 12 months"
            ),
        ),
    ],
)
def test_a_plain_forecast_says_that_it_was_better(method: str, words: str) -> None:
    assert method_text(method) == words


@pytest.mark.one_place
@pytest.mark.exhaustive
def test_only_the_machine_that_imported_knows_the_names(
    program: Program, migrated: Place, claude: ClaudeDir, tmp_path: Path
) -> None:
    claude.say("one", days_ago(1), 20_000)
    imported(program, migrated, claude)
    (tmp_path / "elsewhere").mkdir()

    here = digest(program, migrated)["projects"][0]["project"]
    done = program("report", "--warehouse", migrated.url, "--json", HOME=str(tmp_path / "elsewhere"))

    elsewhere = json.loads(done.stdout)["projects"][0]["project"]
    assert here == "-home-ana-shop"
    assert len(elsewhere) == 32
    assert int(elsewhere, 16)


@pytest.mark.one_place
def test_the_markdown_of_one_day(program: Program, migrated: Place, claude: ClaudeDir) -> None:
    claude.say("a|b", days_ago(0, 0), 20_000, project="-home-<b>ana")
    imported(program, migrated, claude)

    lines = program("report", "--warehouse", migrated.url, "--format", "markdown").stdout.splitlines()

    assert lines[0] == "# Usage of coding agents"
    assert lines[2].startswith(f"All machines, {today()}, 1 day with usage. Days in UTC. Made on {today()} ")
    assert lines[4:8] == [
        "- Today so far: **$0.30**, 20,000 tokens",
        "- Last 7 days: **$0.30**, 20,000 tokens",
        "- This month so far: **$0.30**, 20,000 tokens",
        "- All kept days: **$0.30**, 20,000 tokens",
    ]
    assert f"| -home-\\<b\\>ana | $0.30 | 20,000 | 1 | {today()} |" in lines
    assert f"| a\\|b | -home-\\<b\\>ana | desk | {today()} | Sonnet 4 | 20,000 | $0.30 |" in lines


@pytest.mark.one_place
def test_a_day_that_goes_on_is_compared_with_a_whole_one_and_says_so(
    program: Program, migrated: Place, claude: ClaudeDir
) -> None:
    claude.say("a", days_ago(1, 0), 40_000)
    claude.say("b", days_ago(0, 0), 20_000)
    imported(program, migrated, claude)

    shown = program("report", "--warehouse", migrated.url, "--format", "markdown").stdout

    [today] = [line for line in shown.splitlines() if line.startswith("- Today")]
    assert today == "- Today so far: **$0.30**, -$0.30 (-50.0%) against $0.60 on the whole of yesterday, 20,000 tokens"


@pytest.mark.one_place
@pytest.mark.exhaustive
def test_bars_in_a_pipe_are_plain_and_80_wide(program: Program, migrated: Place, claude: ClaudeDir) -> None:
    claude.say("one", days_ago(0, 0), 100_000)
    claude.say("one", days_ago(2, 0), 50_000, model="claude-opus-4-1-20250805", project="-home-ana-blog")
    imported(program, migrated, claude)

    def chart(what: str) -> list[str]:
        done = program("chart", what, "--warehouse", migrated.url)
        assert (done.exit_code, done.stderr) == (0, "")
        assert "\x1b" not in done.stdout
        return [line.rstrip() for line in done.stdout.splitlines()]

    first, second = today() - timedelta(days=2), today() - timedelta(days=1)
    assert chart("daily") == [
        f"{first} {first:%a}        $3.75 71.4% " + "█" * 46,
        f"{second} {second:%a}        $0.00  0.0%",
        f"{today()} {today():%a} so far $1.50 28.6% " + "█" * 18 + "▍",
    ]
    assert chart("machines") == ["desk $5.25 100.0% " + "█" * 62]
    assert chart("agents") == ["claude $5.25 100.0% " + "█" * 60]
    assert [line.split("$")[1][:4] for line in chart("sessions")] == ["3.75", "1.50"]
    hours, weeks, months = chart("hours"), chart("weekly"), chart("monthly")
    assert sum("5.25" in line for line in hours) == 1
    assert len(hours) == 24
    assert weeks[-1].split("$")[0].endswith(" so far ")
    assert months[-1].startswith(f"{today():%Y-%m} so far $")
    for periods in (weeks, months):
        assert sum(Decimal(line.split("$")[1].split()[0]) for line in periods) == Decimal("5.25")
    for what in ("daily", "weekly", "monthly"):
        parts = json.loads(program("chart", what, "--warehouse", migrated.url, "--json").stdout)
        assert {part["model"]: part["cost_usd"] for part in parts} == {
            "claude-opus-4-1-20250805": "3.750000000",
            "claude-sonnet-4-20250514": "1.500000000",
        }
    assert chart("models") == [
        "Opus 4.1 $3.75 71.4% " + "█" * 59,
        "Sonnet 4 $1.50 28.6% " + "█" * 23 + "▌",
    ]
    assert chart("projects") == [
        "blog $3.75 71.4% " + "█" * 63,
        "shop $1.50 28.6% " + "█" * 25 + "▏",
    ]


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_the_page_says_short_names_and_what_they_are_in_full(
    program: Program, claude: ClaudeDir, tmp_path: Path
) -> None:
    claude.say("one", days_ago(1, 0), 50_000, project="-home-ana-src-shop")
    claude.say("two", days_ago(1, 0), 50_000, project="-home-ana-repos-shop")
    claude.say("three", days_ago(1, 0), 50_000, project="-home-ana-blog")
    assert program("import", "--claude-dir", claude.root).exit_code == 0

    assert program("report", "--output", tmp_path / "page.html").exit_code == 0

    page = (tmp_path / "page.html").read_text("utf-8")
    for name, full in (
        ("src-shop", "-home-ana-src-shop"),
        ("repos-shop", "-home-ana-repos-shop"),
        ("blog", "-home-ana-blog"),
    ):
        assert f'<th scope="row" class="name" title="{full}">{name}</th>' in page
    assert '<th scope="row" class="name" title="claude-sonnet-4-20250514">Sonnet 4</th>' in page


@pytest.mark.usefixtures("own_warehouse")
def test_the_ending_of_a_file_says_what_it_holds(program: Program, claude: ClaudeDir, tmp_path: Path) -> None:
    claude.say("one", days_ago(0, 0), 100_000)
    assert program("import", "--claude-dir", claude.root).exit_code == 0

    def begins(name: str, *options: str) -> str:
        assert program("report", "--output", tmp_path / name, *options).exit_code == 0
        return (tmp_path / name).read_text("utf-8").splitlines()[0]

    assert begins("usage.md") == "# Usage of coding agents"
    assert begins("usage.json") == "{"
    assert begins("usage.ics") == "BEGIN:VCALENDAR"
    assert begins("usage.htm") == begins("page.md", "--format", "html") == "<!DOCTYPE html>"
    refused = program("report", "--open", "--output", tmp_path / "usage.md")
    assert (refused.exit_code, refused.stderr.splitlines()) == (
        2,
        [
            "ccusage-import: error: --open: a browser does not show markdown",
            "hint: a page is --format html, without --json",
        ],
    )


@pytest.mark.usefixtures("own_warehouse")
def test_bars_fit_a_narrow_terminal_and_cut_no_number(program: Program, claude: ClaudeDir) -> None:
    claude.say("one", days_ago(0, 0), 100_000, project="-home-ana-work-a-shop-with-a-long-name")
    assert program("import", "--claude-dir", claude.root).exit_code == 0

    code, shown = at_a_terminal(program, "chart", "projects", columns=40)

    lines = [line.rstrip() for line in shown.splitlines()]
    assert code == 0
    assert lines[0] == "work-a-shop-wi $1.50 100.0% " + "█" * 12
    assert lines[1:] == ["th-a-long-name"]


@pytest.mark.usefixtures("own_warehouse")
def test_in_a_narrow_terminal_no_day_is_parted_and_no_model_from_its_colour(
    program: Program, claude: ClaudeDir
) -> None:
    for model in (SONNET, "claude-opus-4-1-20250805", "claude-haiku-4-5-20251001"):
        claude.say("one", days_ago(1, 0), 100_000, model=model)
    claude.say("one", days_ago(1, 0), 100_000, model="claude-sonnet-4-5-20250929")
    assert program("import", "--claude-dir", claude.root).exit_code == 0

    shown = at_a_terminal(program, "chart", "daily", "--since", "yesterday", columns=40)[1]

    earlier, latest, so_far, _, *legend = shown.splitlines()
    assert earlier.split()[:3] == [*f"{today() - timedelta(days=1):%Y-%m-%d %a}".split(), "$11.00"]
    assert latest.split()[:3] == [*f"{today():%Y-%m-%d %a}".split(), "$0.00"]
    assert so_far.split() == ["so", "far"]
    assert legend == ["█ Opus 4.1  █ Sonnet 4  █ Sonnet 4.5", "█ Haiku 4.5"]


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_at_a_terminal_models_have_the_colours_of_the_page(program: Program, claude: ClaudeDir) -> None:
    claude.say("one", days_ago(0, 0), 100_000)
    claude.say("one", days_ago(0, 0), 50_000, model="claude-opus-4-1-20250805")
    assert program("import", "--claude-dir", claude.root, "--machine", "desk").exit_code == 0
    program.environ["COLORTERM"] = "truecolor"

    code, shown = to_a_terminal(program, "chart", "machines", columns=60)

    opus, sonnet = "\x1b[38;2;106;165;232m", "\x1b[38;2;240;161;94m"
    bar, _, legend = shown.replace("\r", "").rstrip("\n").split("\n")
    assert code == 0
    assert bar.rstrip(" ") == f"desk $5.25 100.0% {opus}{'█' * 30}\x1b[0m{sonnet}{'█' * 12}\x1b[0m"
    assert legend == f"{opus}█\x1b[0m Opus 4.1  {sonnet}█\x1b[0m Sonnet 4"

    # With 16 colours, the nearest of two models would be the same.
    program.environ["COLORTERM"] = ""
    few = to_a_terminal(program, "chart", "machines", columns=60)[1]
    assert few.rstrip().endswith("\x1b[94m█\x1b[0m Opus 4.1  \x1b[33m█\x1b[0m Sonnet 4")

    program.environ["NO_COLOR"] = "1"
    plain = to_a_terminal(program, "chart", "machines", columns=60)[1]
    assert plain.replace("\r", "").rstrip("\n ") == "desk $5.25 100.0% " + "█" * 42


@pytest.mark.usefixtures("own_warehouse")
def test_weeks_are_whole_but_for_this_one(program: Program, claude: ClaudeDir) -> None:
    monday = today() - timedelta(days=today().weekday())
    for weeks in (11, 12):
        claude.say("one", days_ago((today() - monday).days + 7 * weeks, 0), 1_000)
    assert program("import", "--claude-dir", claude.root).exit_code == 0

    lines = program("chart", "weekly").stdout.splitlines()

    first = monday - timedelta(weeks=11)
    assert len(lines) == 12
    assert lines[0].startswith(f"{first} to {first + timedelta(days=6):%m-%d} ")
    assert lines[-1].startswith(f"{monday} to {monday + timedelta(days=6):%m-%d} so far ")


@pytest.mark.one_place
def test_without_usage_the_next_step_is_told(program: Program, migrated: Place) -> None:
    page = program("report", "--warehouse", migrated.url)

    assert (page.exit_code, page.stderr) == (0, "")
    assert "<code>ccusage-import import</code> runs ccusage" in (program.home / PAGE).read_text()
    assert "`ccusage-import import`" in program("report", "--warehouse", migrated.url, "--format", "markdown").stdout
    assert digest(program, migrated)["days"] == []
    chart = program("chart", "models", "--warehouse", migrated.url)
    assert chart.stdout == "no usage is stored yet: ccusage-import import\n"


@pytest.mark.usefixtures("own_warehouse")
def test_a_table_that_shows_some_says_of_how_many(program: Program, claude: ClaudeDir) -> None:
    for number in range(11):
        claude.say(f"s{number:02}", days_ago(1, number), 1_000)
    assert program("import", "--claude-dir", claude.root).exit_code == 0

    assert "\n## Sessions\n\nThe 10 of 11 that cost most.\n" in program("report", "--format", "markdown").stdout


@pytest.mark.usefixtures("own_warehouse")
def test_a_chart_of_the_last_days_without_usage_says_where_older_usage_is(program: Program, claude: ClaudeDir) -> None:
    claude.say("one", days_ago(40, 0), 1_000)
    assert program("import", "--claude-dir", claude.root).exit_code == 0

    first = today() - timedelta(days=29)
    hint = "an earlier --since shows what was before, an import brings what is new"
    assert program("chart", "daily").stdout == f"no usage since {first}; {hint}\n"
    assert len(program("chart", "daily", "--since", "40d").stdout.splitlines()) == 41


@pytest.mark.usefixtures("own_warehouse")
def test_a_first_day_that_is_asked_for_is_that_of_days_and_weeks(program: Program, claude: ClaudeDir) -> None:
    for before in (140, 1):
        claude.say("one", days_ago(before, 0), 1_000)
    assert program("import", "--claude-dir", claude.root).exit_code == 0

    days, weeks = (program("chart", what, "--since", "200d").stdout.splitlines() for what in ("daily", "weekly"))
    assert program("report", "--since", "200d").exit_code == 0

    first = today() - timedelta(days=140)
    assert (days[0].split()[0], len(days)) == (str(first), 141)
    assert weeks[0].split()[0] == str(first - timedelta(days=first.weekday()))
    # A page has the last 90 days of them.
    assert f"Cost by day and model, {today() - timedelta(days=1)}. " in (program.home / PAGE).read_text()


def test_views_that_are_missing_are_made_where_no_server_must_be_asked(program: Program, place: Place) -> None:
    with open_warehouse(parse_warehouse_url(place.url), cluster=place.cluster, creates_database=True) as opened:
        is_embedded = opened.is_embedded

    done = program("report", "--warehouse", place.url)

    if is_embedded:
        assert (done.exit_code, done.stderr) == (0, "")
    else:
        assert done.exit_code == 4
        assert (
            "of its tables and views are missing or not up to date\nhint: ccusage-import migrate --warehouse "
            in done.stderr
        )
        assert not (program.home / PAGE).exists()


def written(program: Program, *arguments: str | Path, **environ: str) -> Result:
    return program("report", *arguments, **environ)


@pytest.mark.usefixtures("own_warehouse")
def test_the_page_is_kept_with_the_data_for_its_owner_alone_and_its_path_is_printed(
    program: Program, tmp_path: Path
) -> None:
    done = written(program)
    named = written(program, "--output", tmp_path / "deep" / "page.html", "--quiet")

    page = program.home / PAGE
    assert (done.exit_code, done.stdout) == (0, f"{page}\n")
    assert (stat.S_IMODE(page.stat().st_mode), list(program.home.glob("*.html"))) == (0o600, [])
    assert (named.exit_code, named.stdout) == (0, "")
    assert (tmp_path / "deep" / "page.html").read_text().startswith("<!DOCTYPE html>")


@pytest.mark.usefixtures("own_warehouse")
def test_a_dash_is_stdout(program: Program) -> None:
    page = written(program, "--output", "-")
    digest = written(program, "--format", "markdown", "--output", "-")
    shown = written(program, "--output", "-", "--open")

    assert (page.exit_code, page.stdout[:15], page.stdout[-8:]) == (0, "<!DOCTYPE html>", "</html>\n")
    assert (digest.exit_code, digest.stdout.partition("\n")[0]) == (0, "# Usage of coding agents")
    assert shown.stderr == "ccusage-import: error: --open: a browser does not show stdout\nhint: leave out --output\n"
    assert written(program, "--output", "/dev/stdout", "--open").stderr == shown.stderr
    assert not (program.home / "-").exists()


@pytest.mark.usefixtures("own_warehouse")
def test_a_pipe_and_a_device_are_written_and_stay(program: Program, tmp_path: Path) -> None:
    pipe, device, full = tmp_path / "pipe", tmp_path / "device", tmp_path / "full"
    os.mkfifo(pipe)
    device.symlink_to("/dev/null")
    full.symlink_to("/dev/full")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    into_pipe = written(program, "--format", "markdown", "--output", pipe)
    into_device = written(program, "--output", device)
    into_full = written(program, "--output", full)

    assert (into_pipe.exit_code, into_device.exit_code, into_full.exit_code) == (0, 0, 2)
    assert os.read(reader, 65536).startswith(b"# Usage of coding agents\n")
    os.close(reader)
    assert (pipe.is_fifo(), device.readlink()) == (True, Path("/dev/null"))
    assert into_full.stderr == f"ccusage-import: error: {full}: No space left on device\nhint: name a file\n"


@pytest.mark.usefixtures("own_warehouse")
def test_an_output_that_cannot_be_written_leaves_nothing(program: Program, tmp_path: Path) -> None:
    taken, file = tmp_path / "taken", tmp_path / "file"
    taken.mkdir()
    file.touch()

    directory = written(program, "--output", taken)
    below_a_file = written(program, "--output", file / "page.html")

    assert (directory.exit_code, below_a_file.exit_code) == (2, 2)
    assert directory.stderr == (
        f"ccusage-import: error: --output {taken}: is a directory\nhint: name a file: {taken}/ccusage-report.html\n"
    )
    assert below_a_file.stderr.startswith(f"ccusage-import: error: {file}/page.html: ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "home", "taken"]


@pytest.mark.usefixtures("own_warehouse")
def test_open_starts_the_browser_with_the_page(program: Program, tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    browser.chmod(0o755)

    done = written(program, "--open", BROWSER=f"{browser} %s")

    assert (done.exit_code, done.stderr) == (0, "")
    assert (tmp_path / "opened").read_text() == (program.home / PAGE).as_uri() + "\n"


@pytest.mark.usefixtures("own_warehouse")
def test_without_a_browser_open_says_so(program: Program, tmp_path: Path) -> None:
    if sys.platform == "darwin":
        pytest.skip("macOS always has a browser")

    done = written(program, "--open", PATH=str(tmp_path))

    page = program.home / PAGE
    assert done.exit_code == 0
    assert done.stderr == f"ccusage-import: warning: no browser was found; open {page} yourself\n"


def test_open_needs_a_page(program: Program) -> None:
    done = written(program, "--open", "--format", "markdown")

    assert done.exit_code == 2
    assert done.stderr.startswith("ccusage-import: error: --open: a browser does not show markdown\n")
