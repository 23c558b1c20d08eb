"""What `report` tells of a month, of days, of a project and of an agent: nothing that is not in the selection."""

from __future__ import annotations

import json
from calendar import month_name
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from icalendar import Calendar
from pydantic import SecretStr

from ccusage_import.config.settings import Settings
from ccusage_import.digest.model import Selection
from ccusage_import.digest.reading.reader import read_digest
from tests.conftest import Place, Program, chromium
from tests.digest.test_digest import digest, first_of_last_month, imported, spans
from tests.support.claude_dir import ClaudeDir, days_ago, today
from tests.support.pages import Seen
from tests.support.prompts import Session
from tests.warehouse.test_views import days, loaded

pytestmark = [pytest.mark.exhaustive_at("http"), pytest.mark.usefixtures("engine_stays")]

SONNET, OPUS = "claude-sonnet-4-20250514", "claude-opus-4-1-20250805"
SHOP, BLOG = "-home-ana-src-web-shop", "-home-ana-blog"


def last_month() -> str:
    return f"{first_of_last_month():%Y-%m}"


def last_month_called() -> str:
    return f"{month_name[first_of_last_month().month]} {first_of_last_month().year}"


def fifth() -> date:
    return first_of_last_month() + timedelta(days=4)


def sixth() -> date:
    return first_of_last_month() + timedelta(days=5)


@pytest.fixture
def claude(tmp_path: Path) -> ClaudeDir:
    """Work in two projects last month, and in one the day before that and today."""
    root = tmp_path / "claude"

    def session(name: str, at: datetime, project: str) -> Session:
        return Session(root, name, at, project)

    def noon(day: Any) -> datetime:
        return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)

    # 15 $ a million with Sonnet, 75 $ with Opus.
    session("older", noon(first_of_last_month() - timedelta(days=1)), SHOP).prompt("/init").answer(60_000, model=SONNET)
    shop = session("shop", noon(fifth()), SHOP).prompt("/init")
    shop.answer(100_000, model=SONNET, calls={"r Read": {"file_path": "/a"}}).after(2).result("r")
    shop.started("helper").answer(20_000, model=SONNET)
    shop.after(60).prompt().answer(10_000, model=OPUS).after(1).interrupt()
    blog = session("blog", noon(sixth()), BLOG).prompt("/review")
    blog.answer(20_000, model=SONNET, calls={"b Bash": {"command": "ls"}}).after(4).result("b", error="no")
    session("now", days_ago(0, 0), SHOP).prompt().answer(40_000, model=SONNET)
    return ClaudeDir(root)


def table(markdown: str, title: str) -> list[str]:
    """Return the first cells of the rows of a table."""
    _, found, rest = markdown.partition(f"\n## {title}\n")
    assert found, title
    rows = [line for line in rest.partition("\n## ")[0].splitlines() if line.startswith("| ")]
    return [" | ".join(row.split(" | ")[:3])[2:].removesuffix(" |") for row in rows[2:]]


def titles(markdown: str) -> list[str]:
    return [line[3:] for line in markdown.splitlines() if line.startswith("## ")]


@pytest.mark.exhaustive
def test_a_month_that_is_over_is_all_that_is_told(
    program: Program, migrated: Place, claude: ClaudeDir, tmp_path: Path
) -> None:
    imported(program, migrated, claude)
    page = tmp_path / "page.html"
    done = program("report", "--warehouse", migrated.url, "--month", last_month(), "--output", page)
    assert (done.exit_code, done.stderr) == (0, "")

    shown = digest(program, migrated, "--month", last_month())
    markdown = program("report", "--warehouse", migrated.url, "--month", last_month(), "--format", "markdown").stdout

    assert (shown["since"], shown["until"]) == (
        str(first_of_last_month()),
        str(today().replace(day=1) - timedelta(days=1)),
    )
    assert (shown["machine"], shown["project"], shown["agent"]) == ("", "", "")
    # 1.50 $ and 0.30 $ of the subagent, 0.75 $ with Opus, 0.30 $ for the blog.
    assert spans(shown) == {"total": (2.85, 150_000, None)}
    assert [(part["start"], part["model"], float(part["cost_usd"])) for part in shown["days"]] == [
        (str(fifth()), OPUS, 0.75),
        (str(fifth()), SONNET, 1.8),
        (str(sixth()), SONNET, 0.3),
    ]
    assert (shown["forecast"], shown["budget"], shown["machines"]) == (None, [], [])
    assert (shown["active_days"], len(shown["months"]), shown["session_count"]) == (2, 2, 2)
    assert sum(float(use["cost_usd"]) for use in shown["hours"]) == pytest.approx(2.85)
    assert shown["work"]["savings"] == []
    lines = markdown.splitlines()
    assert lines[0] == f"# Usage of coding agents: {last_month_called()}"
    assert lines[2].startswith(f"All machines, {fifth()} to {sixth()}, 2 days with usage. ")
    assert lines[4] == f"- {last_month_called()}: **$2.85**, 150,000 tokens"
    assert titles(markdown) == [
        "Projects",
        "Models",
        "Sessions",
        "Prompts and commands",
        "Tools",
        "Subagents",
        "What changed",
    ]
    assert table(markdown, "Projects") == ["web-shop | $2.55 | 130,000", "blog | $0.30 | 20,000"]
    assert table(markdown, "Prompts and commands") == [
        "/init | 1 | $1.80",
        "prompts without a command | 1 | $0.75",
        "/review | 1 | $0.30",
    ]
    assert table(markdown, "Tools") == ["Bash | 1 | 100.0%", "Read | 1 | 0.0%"]
    assert "Those whose last day is shown, with all that they cost." in markdown
    assert "All kept days" not in markdown
    assert "last 30 days" not in markdown


@pytest.mark.exhaustive
def test_a_project_is_told_by_its_short_name(program: Program, migrated: Place, claude: ClaudeDir) -> None:
    imported(program, migrated, claude)

    shown = digest(program, migrated, "--project", "web-shop")
    full = digest(program, migrated, "--project", SHOP, "--month", last_month())
    markdown = program(
        "report", "--warehouse", migrated.url, "--project", "Web-Shop", "--format", "markdown",
        CCUSAGE_IMPORT_BUDGET='{"daily": 0.1, "monthly": 1}',
    ).stdout  # fmt: skip

    assert (shown["project"], full["project"]) == ("web-shop", SHOP)
    # 0.90 $, 2.55 $ and 0.60 $.
    assert spans(shown)["total"] == (4.05, 230_000, None)
    assert spans(shown)["today"] == (0.6, 40_000, 0.0)
    assert [(use["model"], float(use["usage"]["cost_usd"])) for use in shown["models"]] == [
        (SONNET, 3.3),
        (OPUS, 0.75),
    ]
    assert [use["session"] for use in shown["sessions"]] == ["shop", "older", "now"]
    assert [use["project"] for use in shown["projects"]] == [SHOP]
    assert (shown["hours"], shown["cache"], shown["forecast"], shown["budget"]) == ([], [], None, [])
    assert [(use["machine"], use["agents"], use["last_day"]) for use in shown["machines"]] == [
        ("desk", ["claude"], str(today()))
    ]
    assert spans(full)["total"] == (2.55, 130_000, None)
    assert [use["command"] for use in full["work"]["commands"]] == ["/init", ""]
    assert [(use["tool"], use["calls"]) for use in full["work"]["tools"]] == [("Read", 1)]
    subagents = full["work"]["subagents"]
    assert [(use["project"], use["tasks"], float(use["cost_usd"])) for use in subagents] == [(SHOP, 1, 0.3)]
    assert markdown.splitlines()[0] == "# Usage of coding agents: Web-Shop"
    assert "Projects" not in titles(markdown)
    assert "Budget" not in titles(markdown)
    assert "blog" not in markdown


@pytest.mark.one_place
@pytest.mark.exhaustive
def test_a_short_name_may_mean_projects_of_several_homes(program: Program, migrated: Place, claude: ClaudeDir) -> None:
    claude.say("eva", days_ago(1), 20_000, project="-Users-eva-web-shop")
    imported(program, migrated, claude)

    both = digest(program, migrated, "--project", "web-shop")
    one = digest(program, migrated, "--project", "-Users-eva-web-shop")

    assert spans(both)["total"][0] == 4.35
    assert [use["project"] for use in both["projects"]] == [SHOP, "-Users-eva-web-shop"]
    assert spans(one)["total"][0] == 0.3


@pytest.mark.one_place
@pytest.mark.exhaustive
def test_days_may_end_before_today(program: Program, migrated: Place, claude: ClaudeDir) -> None:
    imported(program, migrated, claude)

    until = digest(program, migrated, "--until", str(fifth()))
    between = digest(program, migrated, "--since", str(sixth()), "--until", "yesterday")
    to_today = digest(program, migrated, "--since", str(sixth()), "--until", "today")

    for never in (("--month", "2150-01"), ("--month", "0001-01"), ("--until", "0001-01-02")):
        nothing = digest(program, migrated, *never)
        assert (nothing["first_day"], nothing["days"], nothing["sessions"]) == (None, [], []), never
    assert (until["since"], until["until"], spans(until)) == (None, str(fifth()), {"total": (3.45, 190_000, None)})
    assert [use["session"] for use in until["sessions"]] == ["shop", "older"]
    assert spans(between) == {"total": (0.3, 20_000, None)}
    assert spans(to_today)["total"] == (0.9, 60_000, None)
    assert spans(to_today)["today"][:2] == (0.6, 40_000)
    assert [use["command"] for use in to_today["work"]["commands"]] == ["", "/review"]


@pytest.mark.one_place
@pytest.mark.exhaustive
def test_an_agent_is_told_with_its_own_budget(program: Program, migrated: Place, claude: ClaudeDir) -> None:
    imported(program, migrated, claude)
    budget = '{"daily": 9, "agents": {"claude": {"daily": 1}, "codex": {"daily": 1}}}'

    where = ("--warehouse", migrated.url, "--agent", "claude", "--json")
    shown = json.loads(program("report", *where, CCUSAGE_IMPORT_BUDGET=budget).stdout)
    events: dict[str, list[Any]] = {
        name: Calendar.from_ical(
            program("report", "--warehouse", migrated.url, "--format", "ics", *given).stdout
        ).walk("VEVENT")
        for name, given in (
            ("agent", ("--agent", "claude", "--since", "1970-01-01")),
            ("month", ("--month", last_month())),
        )
    }  # fmt: skip

    assert (shown["agent"], spans(shown)["total"]) == ("claude", (4.35, 250_000, None))
    assert [(use["scope"], use["name"]) for use in shown["budget"]] == [("agent", "claude")]
    assert [use["agents"] for use in shown["machines"]] == [["claude"]]
    # An import is of all agents, and today's is not of last month.
    assert [event.categories for event in events["agent"]] == [["block"]] * 4
    assert [event.start.date() for event in events["month"]] == [fifth(), sixth()]


@pytest.mark.one_place
@pytest.mark.one_place
def test_the_forecast_of_a_machine_is_of_its_own_today(migrated: Place) -> None:
    # Where the laptop is it is still April 14, on which it cost 3 $ so far of the 1 $ that is usual.
    loaded(migrated, [*days("2099-03-10", [1] * 37), *days("2099-03-10", [1] * 35 + [3], machine="laptop")])
    settings = Settings(warehouse="chdb:///unused", machine="studio", salt=SecretStr("salt"), timezone="UTC")

    with migrated.opened() as opened:
        digest = read_digest(opened, settings, named=str, selection=Selection(machine="laptop"), parts=("forecast",))

    assert digest.forecast
    expected = {day.day.day: float(day.cost_usd) for day in digest.forecast.days}
    assert expected == {14: 3, **dict.fromkeys(range(15, 31), 1)}


@pytest.mark.one_place
def test_machines_whose_months_differ_have_no_forecast_together(migrated: Place) -> None:
    loaded(migrated, [*days("2099-03-10", [1] * 37), *days("2099-03-10", [1] * 53, machine="laptop")])
    settings = Settings(warehouse="chdb:///unused", machine="studio", salt=SecretStr("salt"), timezone="UTC")

    with migrated.opened() as opened:
        costs = {
            machine: forecast and int(forecast.cost_usd)
            for machine in ("", "studio", "laptop")
            for selection in [Selection(machine=machine)]
            for forecast in [
                read_digest(opened, settings, named=str, selection=selection, parts=("forecast",)).forecast
            ]
        }

    assert costs == {"": None, "studio": 30, "laptop": 31}


def test_what_cannot_be_selected_is_named(program: Program, migrated: Place, claude: ClaudeDir) -> None:
    imported(program, migrated, claude)
    no_name = "nothing is stored under this name"
    ranked = "--param since=1970-01-01"
    month = "give a month such as 2026-10"
    day = 'give a day such as 2026-10-01, today, yesterday, 7d or "7 days ago"'
    refused = {
        "--project web-shp": (f"project web-shp: {no_name}; nearest: web-shop", f"query top_projects {ranked}"),
        "--agent claud": (f"agent claud: {no_name}; nearest: claude", f"query agent_ranking {ranked}"),
        "--month 2026-13": ("--month 2026-13: is not a month", month),
        "--month 10": ("--month 10: is not a month", month),
        "--month 2026-10 --until today": ("--month and --until exclude each other", "give one of them"),
        "--since 3d --until 7d": ("--until 7d: ends before --since 3d begins", "--since names the earlier day"),
        "--until someday": ("--until someday: is not a day", day),
        "--project web-shop --format ics": (
            "--project: blocks, limits and imports are of no project",
            "leave it out, or name another --format",
        ),
    }

    for arguments, (error, hint) in refused.items():
        done = program("report", "--warehouse", migrated.url, *arguments.split())

        program_to_type = "ccusage-import " if hint.startswith("query") else ""
        told = f"ccusage-import: error: {error}\nhint: {program_to_type}{hint}\n"
        assert (done.exit_code, done.stdout, done.stderr) == (2, "", told)


@pytest.mark.one_place
def test_a_selection_without_usage_says_what_was_selected(
    program: Program, migrated: Place, claude: ClaudeDir, tmp_path: Path
) -> None:
    imported(program, migrated, claude)
    where = ("--warehouse", migrated.url, "--project", "blog", "--since", "today")

    markdown = program("report", *where, "--format", "markdown").stdout
    assert program("report", *where, "--output", tmp_path / "page.html").exit_code == 0

    assert markdown.splitlines()[:3] == [
        f"# Usage of coding agents: since {today()} · blog",
        "",
        "No usage to show. What to do next: `ccusage-import import`",
    ]
    page = (tmp_path / "page.html").read_text("utf-8")
    assert f'<h2 id="next">No usage to show: since {today()} · blog</h2>' in page
    assert "Without options, <code>ccusage-import report</code> shows everything" in page


@pytest.mark.one_place
@pytest.mark.skipif(chromium() is None, reason="needs Chromium, which .ci/run installs")
def test_the_page_of_a_month_draws_that_month(
    program: Program, migrated: Place, claude: ClaudeDir, look: Callable[..., Seen], tmp_path: Path
) -> None:
    imported(program, migrated, claude)
    page = tmp_path / "page.html"

    done = program("report", "--warehouse", migrated.url, "--month", last_month(), "--output", page)
    assert (done.exit_code, done.stderr) == (0, "")
    seen = look(page)

    assert seen.page.title() == f"Usage of coding agents, {last_month_called()}"
    assert seen.page.inner_text("h1") == f"Usage of coding agents: {last_month_called()}"
    assert seen.page.locator("dt").all_inner_texts() == [last_month_called(), "Saved by the cache"]
    assert seen.charts() == ["days", "hours", "projects"]
    # What the scripts draw and filter is no more than that either.
    assert seen.page.evaluate("data.days.reduce((sum, row) => sum + row[4], 0)") == pytest.approx(2.85)
    assert seen.page.evaluate("data.by_project.reduce((sum, row) => sum + row[5], 0)") == pytest.approx(2.85)
    seen.page.select_option("[name=range]", "7")
    assert seen.said == []

    of_blog = ("--month", last_month(), "--project", "blog")
    assert program("report", "--warehouse", migrated.url, *of_blog, "--output", page).exit_code == 0
    blog = look(page)
    assert blog.charts() == ["days"]
    assert "web-shop" not in page.read_text("utf-8")
    assert blog.said == []
