"""The dashboards: valid to Grafana, every query run on imported data, and figures that add up."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.warehouse.clickhouse_client import ClickHouse, open_warehouse
from tests.conftest import Place, Program
from tests.support.ccusage_install import install
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.dashboards import FILES, answers, chosen, dashboard, expanded, query_of, query_panels

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
    "loads",
    "changes",
}
UNITS = {"currencyUSD", "short", "percentunit", "s"}
COLUMN_TIME = {"DateTime('UTC')", "DateTime64(3, 'UTC')"}


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
    panels = query_panels(board)
    assert len({panel["title"] for panel in panels}) == len(panels)
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for panel in panels:
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        is_series = panel["type"] == "timeseries"
        assert (panel["targets"][0]["format"], panel["targets"][0]["queryType"]) == (
            (0, "timeseries") if is_series else (1, "table")
        )
        if re.search(r"\b(projects_daily|sessions|changes)\b", query_of(panel)) and panel["type"] != "stat":
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
        sources = set(re.findall(r"\b(?:FROM|JOIN)\s+(\w+)", query_of(panel))) - {"numbers", "failed_reports", "CAST"}
        assert sources <= SOURCES, panel["title"]
        assert len(sources - {"loads"}) == 1 or sources == {"loads"}, panel["title"]


def a_month_ago() -> datetime:
    """Return noon of the last day of last month."""
    return datetime.now(UTC).replace(day=1, hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)


@pytest.fixture
def imported(
    program: Program, migrated: Place, corpus: Callable[[str], Path], ccusage20: Path, tmp_path: Path
) -> Place:
    """Real imports of three machines: real transcripts; a held day and a report that fails; a model without a price."""

    def run(machine: str, claude_dir: Path, *arguments: str | Path) -> int:
        options = ("--warehouse", migrated.url, "--claude-dir", claude_dir, "--timezone", "UTC", "--machine", machine)
        # Each machine is an installation of its own.
        home = tmp_path / "homes" / machine
        home.mkdir(parents=True, exist_ok=True)
        return program("import", *options, *arguments, HOME=str(home)).exit_code

    claude = ClaudeDir(tmp_path / "laptop")
    claude.say("swept", days_ago(70), 100_000)
    claude.say("kept", days_ago(70), 100_000)
    claude.say("last", a_month_ago(), 200_000, project="-home-ana-blog")
    claude.say("now", datetime.now(UTC), 20_000, project="-home-ana-blog")
    unpriced = ClaudeDir(tmp_path / "server")
    unpriced.say("new", datetime.now(UTC), 500, model="claude-of-tomorrow")
    assert run("desk", corpus("september")) == 0
    assert run("server", unpriced.root) == 0
    assert run("laptop", claude.root) == 0
    claude.delete("swept")
    failing = tmp_path / "ccusage"
    failing.write_text(f'#!/bin/sh\ncase "$*" in *blocks*) exit 1;; esac\nexec "{ccusage20}" "$@"\n')
    failing.chmod(0o755)
    assert run("laptop", claude.root, "--ccusage", failing) == 5
    return migrated


@contextmanager
def opened(place: Place) -> Iterator[ClickHouse]:
    """Open the warehouse of a test."""
    with open_warehouse(parse_warehouse_url(place.url), cluster=place.cluster) as warehouse:
        yield warehouse


def test_every_panel_shows_something(imported: Place) -> None:
    with opened(imported) as warehouse:
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
    assert len(shown) == 31


def figures(place: Place, name: str, title: str) -> list[dict[str, Any]]:
    """Return the rows of one panel with the laptop alone chosen."""
    board = dashboard(name)
    panel = next(one for one in query_panels(board) if one["title"] == title)
    with opened(place) as warehouse:
        variables = {**chosen(warehouse, board), "machine": ["laptop"]}
        rows: list[dict[str, Any]] = json.loads(warehouse.raw(expanded(query_of(panel), variables), "JSON", {}))["data"]
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


def test_what_is_held_is_shown_until_it_is_accepted(imported: Place, program: Program) -> None:
    def shown(title: str) -> list[dict[str, Any]]:
        return figures(imported, "import-health", title)

    assert shown("Held") == [{"records": 3, "cost": 1.5}]
    held = {row["report"]: (row["stored"], row["offered"], row["reason"]) for row in shown("Held records")}
    assert held["daily"] == (3.0, 1.5, "messages_gone")
    assert [row["series"] for row in shown("Failed reports")] == ["blocks"]
    assert shown("Loads")[0]["committed"] == 2
    assert [row["machine"] for row in shown("Since the last good import")] == ["laptop"]

    day = days_ago(70).date()
    accepted = program("accept", "--warehouse", imported.url, f"daily/{day}", CCUSAGE_IMPORT_MACHINE="laptop")

    assert accepted.exit_code == 0, accepted.stderr
    assert shown("Held") == [{"records": 2, "cost": 0}]
    assert "daily" not in {row["report"] for row in shown("Held records")}
