"""Plans: from the configuration into the warehouse, and what is said of them."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_budget import configure
from tests.conftest import Place, Program
from tests.support.claude_dir import ClaudeDir, days_ago, today

pytestmark = [pytest.mark.exhaustive_at("http"), pytest.mark.usefixtures("engine_stays")]

STORED = "SELECT machine, account, monthly_usd FROM plans FINAL ORDER BY ALL"
NOTE = "Dollars are what this usage costs at the prices of the API, as ccusage counts it"


def plans(program: Program, place: Place, *arguments: str) -> list[dict[str, Any]]:
    done = program("report", "--warehouse", place.url, "--json", *arguments)
    assert done.exit_code == 0, done.stderr
    shown: list[dict[str, Any]] = json.loads(done.stdout)["plans"]
    return shown


@pytest.mark.exhaustive
def test_the_report_says_what_the_usage_is_worth_beyond_the_price(program: Program, used: Place) -> None:
    configure(program, 'machine = "laptop"\n[plan]\nmonthly = 2\naccount = "ana"\n')

    [month] = plans(program, used)
    said = program("report", "--warehouse", used.url, "--format", "markdown").stdout

    this_month = str(today().replace(day=1))
    assert (month["account"], month["month"], month["times_price"]) == ("ana", this_month, 1.5)
    assert [Decimal(month[name]) for name in ("cost_usd", "plan_usd", "beyond_usd")] == [3, 2, 1]
    worth = "The plan ana costs $2.00 a month: this month's usage so far is worth $3.00, 1.5 times its price."
    assert f"{NOTE}. {worth}\n" in said
    # A plan may be shared: what one machine used is not compared with it.
    assert plans(program, used, "--machine", "laptop") == []


@pytest.mark.exhaustive
def test_the_warehouse_holds_what_is_configured_and_forgets_what_is_not(program: Program, used: Place) -> None:
    configure(program, 'machine = "laptop"\n[plan]\nmonthly = 200\n')
    assert len(plans(program, used)) == 1
    assert used.rows(STORED) == [("laptop", "", Decimal(200))]
    configure(program, 'machine = "laptop"\n[plan]\nmonthly = 100\naccount = "ana"\n')
    assert len(plans(program, used)) == 1
    assert used.rows(STORED) == [("laptop", "ana", Decimal(100))]

    configure(program, 'machine = "laptop"\n')
    assert plans(program, used) == []
    assert used.rows(STORED) == []
    assert NOTE + "; with a subscription" in program("report", "--warehouse", used.url, "--format", "markdown").stdout


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_the_dashboard_has_a_line_of_the_plan(program: Program, tmp_path: Path) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("s1", days_ago(0, hour=0), 200_000)
    program.environ |= {"CCUSAGE_IMPORT_CLAUDE_DIRS": str(claude.root), "CCUSAGE_IMPORT_MACHINE": "laptop"}
    assert program("import").exit_code == 0
    assert program("config", "set", "plan.monthly", "20").exit_code == 0

    # The labels are as wide as the widest one, which depends on whether a block is active now.
    lines = [" ".join(line.split()) for line in program(COLUMNS="80").stdout.splitlines()]
    assert "plan $3.00 of Claude Code this month, 15.0% of its price of $20.00" in lines


@pytest.mark.parametrize("text", ["monthly = 0", "monthly = -1", 'monthly = "much"', "yearly = 1"])
def test_a_plan_that_cannot_be_used_is_named(program: Program, text: str) -> None:
    configure(program, f"[plan]\n{text}\n")
    done = program("report")

    assert done.exit_code == 2
    assert f"plan.{text.split(maxsplit=1)[0]} (" in done.stderr
