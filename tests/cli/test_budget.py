"""Budgets: from the configuration into the warehouse, and what was spent of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Place, Program, Result
from tests.support.claude_dir import ClaudeDir, days_ago

pytestmark = [pytest.mark.exhaustive_at("http"), pytest.mark.usefixtures("engine_stays")]

STORED = "SELECT scope, name, period, limit_usd FROM budgets FINAL ORDER BY ALL"


def configure(program: Program, text: str) -> None:
    file = program.home / ".config/ccusage-import/config.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.fixture
def spent(program: Program, tmp_path: Path, migrated: Place) -> Place:
    """3 $ in the shop and 1.50 $ in the blog, today."""
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("s1", days_ago(0, hour=0), 200_000, project="-shop")
    claude.say("s2", days_ago(0, hour=0), 100_000, project="-blog")
    done = program("import", "--claude-dir", claude.root, "--warehouse", migrated.url, "--machine", "laptop")
    assert done.exit_code == 0, done.stderr
    return migrated


def budgets(done: Result) -> dict[tuple[str, str, str], dict[str, Any]]:
    return {(row["scope"], row["name"], row["period"]): row for row in json.loads(done.stdout)}


def test_each_limit_is_held_against_what_it_is_of(program: Program, spent: Place) -> None:
    configure(
        program,
        "[budget]\nmonthly = 200\ndaily = 4.5\n[budget.projects.-shop]\ndaily = 2.5\n"
        "[budget.models.claude-sonnet-4-20250514]\nmonthly = 5\n[budget.agents.claude]\ndaily = 5\n"
        "[budget.machines.laptop]\ndaily = 4\n",
    )
    done = program("budget", "--warehouse", spent.url, "--json")

    found = budgets(done)
    assert done.exit_code == 6
    assert {key: (float(row["limit_usd"]), float(row["spent_usd"]), row["is_over"]) for key, row in found.items()} == {
        ("all", "", "monthly"): (200, 4.5, False),
        ("all", "", "daily"): (4.5, 4.5, False),
        ("project", "-shop", "daily"): (2.5, 3, True),
        ("model", "claude-sonnet-4-20250514", "monthly"): (5, 4.5, False),
        ("agent", "claude", "daily"): (5, 4.5, False),
        ("machine", "laptop", "daily"): (4, 4.5, True),
    }
    assert found["project", "-shop", "daily"]["crossing_day"] == days_ago(0).date().isoformat()
    shown = program("budget", "--warehouse", spent.url).stdout
    assert "project -shop, today" in shown
    assert "120.0% OVER" in shown


def test_a_limit_of_what_nothing_is_stored_of_is_warned_of(program: Program, spent: Place) -> None:
    configure(
        program,
        "[budget.projects.-shpo]\ndaily = 2\n[budget.models.opus]\ndaily = 2\n[budget.machines.laptop]\ndaily = 9\n",
    )
    done = program("budget", "--warehouse", spent.url)

    assert done.exit_code == 0
    assert done.stderr == (
        "ccusage-import: warning: budget of project -shpo: nothing is stored under this name; nearest: -shop\n"
        "ccusage-import: warning: budget of model opus: nothing is stored under this name\n"
    )


def test_names_that_people_use_stand_for_the_stored_ones(program: Program, migrated: Place, tmp_path: Path) -> None:
    """3 $ and 1.50 $ in two directories of one name, 0.15 $ in another, of three models."""
    configure(
        program,
        '[budget.projects]\n"web-shop" = 100\n[budget.models]\n"Sonnet 4" = 20\nopus = 10\n'
        '[budget.models."sonnet"]\ndaily = 30\n',
    )
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("s1", days_ago(0, hour=0), 200_000, project="-home-ana-web-shop")
    claude.say("s2", days_ago(0, hour=0), 100_000, project="-home-ana-src-web-shop", model="claude-sonnet-4-5-20250929")
    claude.say("s3", days_ago(0, hour=0), 10_000, project="-home-ana-blog")
    arguments = ("--warehouse", migrated.url)
    done = program("import", "--claude-dir", claude.root, "--machine", "laptop", *arguments)
    assert done.exit_code == 0, done.stderr

    shown = program("budget", *arguments, "--json")

    assert shown.stderr == ("ccusage-import: warning: budget of model opus: nothing is stored under this name\n")
    assert {key: (float(row["limit_usd"]), float(row["spent_usd"])) for key, row in budgets(shown).items()} == {
        ("project", "web-shop", "monthly"): (100, 4.5),
        ("model", "Sonnet 4", "monthly"): (20, 3.15),
        ("model", "sonnet", "daily"): (30, 4.65),
        ("model", "opus", "monthly"): (10, 0),
    }
    covers = migrated.rows("SELECT name, covers FROM budgets FINAL WHERE scope = 'model' ORDER BY name")
    assert covers == [
        ("Sonnet 4", ["claude-sonnet-4-20250514"]),
        ("opus", []),
        ("sonnet", ["claude-sonnet-4-20250514", "claude-sonnet-4-5-20250929"]),
    ]
    [(pseudonym,)] = migrated.rows("SELECT name FROM budgets FINAL WHERE scope = 'project'")
    named = json.loads((program.home / ".local/share/ccusage-import/names.json").read_text())
    assert named[pseudonym] == "web-shop"


def test_what_the_first_import_brings_counts_at_once(program: Program, tmp_path: Path) -> None:
    configure(program, f'metrics_file = "{tmp_path}/usage.prom"\n[budget.models]\n"Sonnet 4" = 20\n')
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("s1", days_ago(0, hour=0), 200_000)

    assert program("import", "--claude-dir", claude.root, "--machine", "laptop").exit_code == 0

    spent = r'(?m)^ccusage_import_budget_spent_dollars\{.*name="Sonnet 4".*\} 3\.0$'
    assert re.search(spent, (tmp_path / "usage.prom").read_text())


def test_the_nearest_name_that_people_use_is_told(program: Program, spent: Place) -> None:
    configure(program, '[budget.projects]\nshpo = 2\n[budget.models]\n"Sonet 4" = 2\n')
    done = program("budget", "--warehouse", spent.url)

    assert done.stderr == (
        "ccusage-import: warning: budget of project shpo: nothing is stored under this name; nearest: -shop\n"
        "ccusage-import: warning: budget of model Sonet 4: nothing is stored under this name; nearest: Sonnet 4\n"
    )


def test_within_the_budget_the_exit_code_is_0(program: Program, spent: Place) -> None:
    configure(program, "[budget]\nmonthly = 10\n")
    done = program("budget", "--warehouse", spent.url)

    assert done.exit_code == 0
    assert [line.split()[:3] for line in done.stdout.splitlines()[1:]] == [["everything,", "this", "month"]]


def test_the_warehouse_holds_what_is_configured_and_forgets_what_is_not(program: Program, spent: Place) -> None:
    configure(program, "[budget]\nmonthly = 10\ndaily = 1\n")
    program("budget", "--warehouse", spent.url)
    configure(program, "[budget]\nmonthly = 20\n")
    program("budget", "--warehouse", spent.url)
    assert spent.rows(STORED) == [("all", "", "monthly", 20)]

    configure(program, "")
    done = program("budget", "--warehouse", spent.url)
    assert spent.rows(STORED) == []
    assert done.stderr.splitlines() == [
        "ccusage-import: error: budget: no limit is set",
        "hint: ccusage-import config set budget.monthly 200",
    ]


def test_a_project_is_stored_under_its_pseudonym(program: Program, spent: Place) -> None:
    configure(program, "[budget.projects.-shop]\nmonthly = 1\n")
    program("budget", "--warehouse", spent.url)

    [(_, name, *_)] = spent.rows(STORED)
    assert name != "-shop"
    assert spent.rows(f"SELECT sum(cost_usd) FROM projects_daily WHERE project = '{name}'") == [(3,)]


@pytest.mark.usefixtures("own_warehouse")
def test_an_import_keeps_the_budgets_too(program: Program, tmp_path: Path) -> None:
    configure(program, "[budget]\nmonthly = 10\n")
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("s1", days_ago(0, hour=0), 1_000)
    program("import", "--claude-dir", claude.root)

    place = f"chdb://{program.home}/.local/share/ccusage-import/warehouse"
    assert Place(place).rows("SELECT is_over FROM budget_status") == [(False,)]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[budget]\nmonthly = -1\n", "budget.monthly ("),
        ("[budget]\nweekly = 1\n", "budget.weekly ("),
        ('[budget.projects.shop]\ndaily = "much"\n', "budget.projects.shop.daily ("),
    ],
)
def test_a_limit_that_cannot_be_used_is_named(program: Program, text: str, complaint: str) -> None:
    configure(program, text)
    done = program("budget")

    assert done.exit_code == 2
    assert complaint in done.stderr
