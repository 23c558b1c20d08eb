"""The dashboards: valid to Grafana, every query run on imported data, and figures that add up."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.conftest import CORPORA, Place, Program, only_read, program_in
from tests.support.ccusage_install import install
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.dashboards import (
    FILES,
    answers,
    chosen,
    dashboard,
    expanded,
    interval_of,
    metric_panels,
    query_of,
    query_panels,
)
from tests.support.warm import engine_stays_on
from tests.warehouse.test_views import daily, loaded

pytestmark = pytest.mark.usefixtures("engine_stays")

ROOT = Path(__file__).parent.parent.parent
NAMES = [file.stem for file in FILES]
# What a panel may read: the public views and the two logs. `records` holds every usage five times.
SOURCES = {
    "freshness",
    "daily",
    "monthly_from_daily",
    "sessions",
    "blocks",
    "projects_daily",
    "model_breakdowns",
    "model_costs",
    "forecast_month",
    "budget_status",
    "cost_anomalies",
    "active_blocks",
    "messages",
    "tool_calls",
    "turns",
    "loads",
    "changes",
}
# What follows FROM and JOIN besides.
NOT_SOURCES = {"numbers", "failed_reports", "CAST", "arrayZip"}
UNITS = {"currencyUSD", "short", "percentunit", "s"}
COLUMN_TIME = {"DateTime('UTC')", "DateTime64(3, 'UTC')"}
REPRICED = """
INSERT INTO changes
    (load_id, machine, agent, report, key, day, verdict, is_written, stored_cost_usd, offered_cost_usd, decided_at)
SELECT load_id, 'laptop', 'claude', 'daily', '2026-01-01', '2026-01-01', 'repriced', true, 2, 1.5, now64(3, 'UTC')
FROM loads FINAL WHERE machine = 'laptop' AND state = 'committed' LIMIT 1"""


@pytest.fixture(scope="session")
def dashboard_schema(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The JSON schema that Grafana's own types make, in the version that docker-compose.yml starts."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    version = compose["services"]["grafana"]["image"].partition(":")[2]
    commands = install("ts-json-schema-generator", "2.4.0", f"@grafana/schema@{version}")
    folder = tmp_path_factory.mktemp("schema")
    (folder / "node_modules").symlink_to(commands.parent)
    (folder / "dashboard.ts").write_text((ROOT / "tests" / "support" / "grafana_dashboard.ts").read_text("utf-8"))
    (folder / "tsconfig.json").write_text('{"compilerOptions": {"module": "esnext", "moduleResolution": "bundler"}}')
    wanted = ("--tsconfig", "tsconfig.json", "--path", "dashboard.ts", "--type", "Dashboard")
    done = subprocess.run(
        [str(commands / "ts-json-schema-generator"), *wanted, "--expose", "none", "--no-top-ref"],
        cwd=folder,
        capture_output=True,
        timeout=120,
        check=True,
    )
    schema: dict[str, Any] = json.loads(done.stdout)
    return schema


def faults(document: object, schema: dict[str, Any]) -> list[str]:
    """Return what the schema has against a document; of a panel, what its own type has against it."""
    found = []
    for error in jsonschema.Draft7Validator(schema).iter_errors(document):
        by_type: dict[object, list[jsonschema.ValidationError]] = {}
        for part in error.context or [error]:
            by_type.setdefault(part.schema_path[0], []).append(part)
        found += [f"{part.json_path}: {part.message}" for part in min(by_type.values(), key=len)]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_is_what_grafana_expects(name: str, dashboard_schema: dict[str, Any]) -> None:
    assert faults(dashboard(name), dashboard_schema) == []


def test_the_schema_refuses_what_grafana_does_not_know(dashboard_schema: dict[str, Any]) -> None:
    board = dashboard("overview")
    board["panels"][0]["options"]["colourMode"] = "value"
    del board["panels"][0]["options"]["graphMode"]
    board["refresh"] = 5

    assert sorted(faults(board, dashboard_schema)) == [
        "$.panels[0].options: 'graphMode' is a required property",
        "$.panels[0].options: Additional properties are not allowed ('colourMode' was unexpected)",
        "$.refresh: 5 is not of type 'string'",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_panel_says_what_it_shows(name: str) -> None:
    board = dashboard(name)
    panels = query_panels(board) + metric_panels(board)
    assert len({panel["title"] for panel in panels}) == len(panels)
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert len(panels) == sum(panel["type"] != "row" for panel in board["panels"])
    for panel in panels:
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
    for panel in query_panels(board):
        is_series = panel["type"] == "timeseries"
        assert (panel["targets"][0]["format"], panel["targets"][0]["queryType"]) == (
            (0, "timeseries") if is_series else (1, "table")
        )
        if (
            re.search(r"\b(projects_daily|sessions|changes|budget_status)\b", query_of(panel))
            and panel["type"] != "stat"
        ):
            assert "pseudonyms" in panel["description"], panel["title"]


@pytest.mark.parametrize("name", NAMES)
def test_no_panel_lies_over_another(name: str) -> None:
    cells = [
        (column, line)
        for panel in dashboard(name)["panels"]
        for column in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for line in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(column for column, _ in cells) == 23


@pytest.mark.parametrize("name", NAMES)
def test_no_panel_counts_twice(name: str) -> None:
    """One report a panel: they are five cuts of the same usage."""
    for panel in query_panels(dashboard(name)):
        sources = set(re.findall(r"\b(?:FROM|JOIN)\s+(\w+)", query_of(panel))) - NOT_SOURCES
        assert sources <= SOURCES, panel["title"]
        assert len(sources - {"loads"}) == 1 or sources == {"loads"}, panel["title"]


def a_month_ago() -> datetime:
    """Return noon of the last day of last month."""
    return datetime.now(UTC).replace(day=1, hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)


def imports_of(place: Place, directory: Path, ccusage: Path) -> Callable[..., int]:
    """Return what imports a directory as a machine, each of which is an installation of its own."""

    def run(machine: str, claude_dir: Path, *arguments: str | Path) -> int:
        options = ("--warehouse", place.url, "--claude-dir", claude_dir, "--timezone", "UTC", "--machine", machine)
        home = directory / "homes" / machine
        home.mkdir(parents=True, exist_ok=True)
        return program_in(home, ccusage)("import", *options, *arguments).exit_code

    return run


def import_laptop(place: Place, directory: Path, ccusage: Path) -> None:
    """Import sessions of three months; then a day that is held, and a report that fails."""
    run, claude = imports_of(place, directory, ccusage), ClaudeDir(directory / "laptop")
    claude.say("swept", days_ago(70), 100_000)
    claude.say("kept", days_ago(70), 100_000)
    claude.say("last", a_month_ago(), 200_000, project="-home-ana-blog")
    claude.say("now", datetime.now(UTC), 20_000, project="-home-ana-blog")
    assert run("laptop", claude.root) == 0
    claude.delete("swept")
    failing = directory / "ccusage"
    failing.write_text(f'#!/bin/sh\ncase "$*" in *blocks*) exit 1;; esac\nexec "{ccusage}" "$@"\n')
    failing.chmod(0o755)
    assert run("laptop", claude.root, "--ccusage", failing) == 5


@pytest.fixture(scope="module")
def imported(shared_migrated: Place, ccusage20: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Real imports of four machines: real transcripts; a held day and a report that fails; a model without a price."""
    directory = tmp_path_factory.mktemp("machines")
    run = imports_of(shared_migrated, directory, ccusage20)
    unpriced = ClaudeDir(directory / "server")
    unpriced.say("new", datetime.now(UTC), 500, model="claude-of-tomorrow")
    # Eight days of one cost and one of twenty times that: all are workdays.
    unusual = ClaudeDir(directory / "studio")
    workdays = [day for day in map(days_ago, range(25, 2, -1)) if day.isoweekday() < 6][:9]
    for number, day in enumerate(workdays):
        unusual.say("work", day, 200_000 if number == 8 else 10_000)
    budget = directory / "budget.toml"
    budget.write_text("[budget]\nmonthly = 100\n")
    # ccusage takes a folder named `projects` above the transcripts for theirs.
    work = [f"facts/{group}/1" for group in ("05-interrupts", "11-subagent-file", "20-commands", "22-edits")]
    desk = [shutil.copytree(CORPORA / name, directory / name.replace("/", "-")) for name in ("september", *work)]
    with engine_stays_on():
        assert run("studio", unusual.root, "--config", budget) == 0
        assert run("desk", desk[0], *(argument for other in desk[1:] for argument in ("--claude-dir", other))) == 0
        assert run("server", unpriced.root) == 0
        import_laptop(shared_migrated, directory, ccusage20)
    with shared_migrated.opened() as warehouse:
        warehouse.command(REPRICED)
    with only_read(shared_migrated) as filled:
        yield filled


@pytest.mark.exhaustive_at("http")
def test_every_panel_shows_something(imported: Place) -> None:
    with imported.opened() as warehouse:
        shown = [one for name in NAMES for one in answers(warehouse, dashboard(name))]

    for panel, answer in shown:
        title, columns = panel["title"], {column["name"]: column["type"] for column in answer["meta"]}
        assert answer["data"], title
        assert any(value not in (None, 0, "") for row in answer["data"] for value in row.values()), title
        if panel["type"] == "timeseries":
            assert columns.get("time") in COLUMN_TIME, title
            # Without it, the legend repeats the name of the column before that of each series.
            labels = [column for column, kind in columns.items() if "String" in kind]
            named = panel["fieldConfig"]["defaults"].get("displayName")
            assert (labels, named) in [(["series"], "${__field.labels.series}"), ([], None)], title
        if panel["type"] == "trend":
            assert panel["options"]["xField"] in columns, title
        for override in panel["fieldConfig"]["overrides"]:
            assert override["matcher"]["options"] in columns, title
    assert len(shown) == 52


def figures(place: Place, name: str, title: str, **only: str) -> list[dict[str, Any]]:
    """Return the rows of one panel with the laptop alone chosen, and of other variables one value."""
    board = dashboard(name)
    panel = next(one for one in query_panels(board) if one["title"] == title)
    with place.opened() as warehouse:
        variables = {**chosen(warehouse, board), "machine": ["laptop"]}
        variables |= {variable: [value] for variable, value in only.items()}
        sql = expanded(query_of(panel), variables, interval_of(panel))
        rows: list[dict[str, Any]] = json.loads(warehouse.raw(sql, "JSON", {}))["data"]
    return rows


def test_the_figures_are_those_that_were_imported(imported: Place) -> None:
    """15 $ a million: 100,000 tokens of each of two sessions 70 days ago, 200,000 last month, 20,000 today."""

    def shown(title: str) -> list[dict[str, Any]]:
        return figures(imported, "overview", title)

    assert shown("Cost") == [{"cost": 6.3}]
    assert shown("Tokens") == [{"tokens": 420_000}]
    assert shown("Cache share") == [{"share": None}]
    month = shown("Month to date against last month")[0]
    assert (month["this month"], month["last month"]) == (0.3, 3.0)
    assert [row["cost"] for row in shown("Cost by machine")] == [3.0, 3.0, 0.3]
    assert [row["tokens"] for row in shown("Tokens by model")] == [200_000, 200_000, 20_000]
    assert sorted(row["cost"] for row in shown("Projects")) == [3.0, 3.3]
    curve = shown("Cost since the first of the month")
    today = datetime.now(UTC).day
    assert [row["day"] for row in curve] == list(range(1, 32))
    assert curve[today - 1]["this month"] == 0.3
    assert all(row["this month"] is None for row in curve[today:])
    assert curve[-1]["last month"] == 3.0


def test_a_day_that_has_not_come_counts_in_no_month(migrated: Place) -> None:
    now = datetime.now(UTC)
    ahead = daily(f"{now + timedelta(days=40):%Y-%m-%d}", "50", machine="laptop", is_dated_ahead=True)
    loaded(migrated, [ahead, daily(f"{now:%Y-%m-%d}", "1", machine="laptop")])

    assert figures(migrated, "overview", "Month to date against last month")[0]["this month"] == 1
    curve = [row["this month"] for row in figures(migrated, "overview", "Cost since the first of the month")]
    assert curve[: now.day] == [0] * (now.day - 1) + [1]


def test_forecast_budget_unusual_days_and_blocks_are_shown(imported: Place) -> None:
    """The studio: 0.15 $ on each of eight workdays, then 3 $."""
    unusual = figures(imported, "overview", "Unusual days", machine="studio")
    assert [(row["cost"], row["median"], row["score"]) for row in unusual] == [(3.0, 0.15, None)]
    assert [(row["scope"], row["period"], row["limit"]) for row in figures(imported, "overview", "Budgets")] == [
        ("all", "monthly", 100.0)
    ]
    [month] = figures(imported, "overview", "Forecast of the month")
    assert (month["so far"], month["tokens so far"], "tokens, whole month" in month) == (0.3, 20_000, True)
    assert [(row["machine"], row["cost"]) for row in figures(imported, "overview", "Open blocks")] == [("laptop", 0.3)]


def test_a_project_and_a_model_can_be_chosen(imported: Place) -> None:
    blog = next(row["project"] for row in figures(imported, "overview", "Projects") if row["cost"] == 3.3)
    chosen_alone = figures(imported, "overview", "Cost by project", project=blog)
    assert [(row["series"], row["cost"]) for row in chosen_alone] == [(blog, 3.0), (blog, 0.3)]
    assert figures(imported, "overview", "Cost by model", model="claude-of-tomorrow") == []
    unpriced = figures(imported, "overview", "Tokens by model", machine="server", model="claude-of-tomorrow")
    assert [row["tokens"] for row in unpriced] == [500]


@pytest.mark.parametrize("name", NAMES)
def test_loads_and_price_changes_are_annotations(name: str, imported: Place) -> None:
    board = dashboard(name)
    loads, prices = board["annotations"]["list"]
    assert (loads["name"], prices["name"]) == ("Loads", "Price changes")

    with imported.opened() as warehouse:
        variables = chosen(warehouse, board)
        shown = [
            [row["text"] for row in json.loads(warehouse.raw(sql, "JSON", {}))["data"]]
            for sql in (expanded(one["target"]["rawSql"], variables, 86400 * 400) for one in (loads, prices))
        ]
    assert shown == [
        ["desk: 1 load", "laptop: 2 loads", "server: 1 load", "studio: 1 load"],
        ["laptop: new prices for 1 day, -$0.5"],
    ]


@pytest.mark.exhaustive_at("http")
def test_a_year_of_hourly_loads_is_aggregated(migrated: Place) -> None:
    """340 days of 24 loads with ten phases are 81,600 durations; 200 points a panel make days of them."""
    board = dashboard("import-health")
    year = """
        INSERT INTO loads (load_id, machine, state, started_at, finished_at, phases)
        SELECT
            number + 1, 'laptop', 'committed', at, at,
            mapFromArrays(
                arrayMap(n -> toString(n), range(10)),
                arrayMap(n -> toFloat64(n + number % 24), range(10)))
        FROM (SELECT number, toDateTime64('2026-01-01 00:00:00', 3, 'UTC') + number * 3600 AS at FROM numbers(8160))"""

    with migrated.opened() as warehouse:
        warehouse.command(year)
        panel = next(one for one in query_panels(board) if one["title"] == "Duration by phase")
        assert panel["maxDataPoints"] == 200
        sql = expanded(query_of(panel), {"machine": ["laptop"]}, 86400)
        rows = json.loads(warehouse.raw(sql, "JSON", {}))["data"]

    assert len(rows) == 3400
    assert {row["seconds"] for row in rows if row["series"] == "9"} == {32}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_drawn_over_time_is_aggregated_by_interval(name: str) -> None:
    for panel in query_panels(dashboard(name)):
        assert (panel["type"] == "timeseries") == ("$__timeInterval(" in query_of(panel)), panel["title"]
        assert (panel["type"] == "timeseries") == (interval_of(panel) >= 3600), panel["title"]


@pytest.mark.exhaustive_at("http")
@pytest.mark.exhaustive
def test_what_is_held_is_shown_until_it_is_accepted(
    migrated: Place, program: Program, ccusage20: Path, tmp_path: Path
) -> None:
    import_laptop(migrated, tmp_path, ccusage20)

    def shown(title: str) -> list[dict[str, Any]]:
        return figures(migrated, "import-health", title)

    assert shown("Held") == [{"records": 3, "cost": 1.5}]
    held = {row["report"]: (row["stored"], row["offered"], row["reason"]) for row in shown("Held records")}
    assert held["daily"] == (3.0, 1.5, "messages_gone")
    assert [row["series"] for row in shown("Failed reports")] == ["blocks"]
    assert shown("Loads")[0]["committed"] == 2
    assert [row["machine"] for row in shown("Since the last good import")] == ["laptop"]

    day = days_ago(70).date()
    accepted = program("accept", "--warehouse", migrated.url, f"daily/{day}", CCUSAGE_IMPORT_MACHINE="laptop")

    assert accepted.exit_code == 0, accepted.stderr
    assert shown("Held") == [{"records": 2, "cost": 0}]
    assert "daily" not in {row["report"] for row in shown("Held records")}
