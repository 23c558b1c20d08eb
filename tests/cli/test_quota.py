"""Quotas: from the configuration into the warehouse, and what was used of them."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from tests.cli.test_budget import configure
from tests.conftest import Place, Program

pytestmark = [pytest.mark.exhaustive_at("http"), pytest.mark.usefixtures("engine_stays")]

STORED = "SELECT machine, name, maximum FROM quotas FINAL ORDER BY ALL"


def test_a_week_within_its_quota_and_one_over_it(program: Program, used: Place) -> None:
    configure(program, 'machine = "laptop"\n[quota]\nweek_usd = 12\n')
    done = program("quota", "--warehouse", used.url)
    assert done.exit_code == 0, done.stderr
    assert [line.split()[:4] for line in done.stdout.splitlines()[1:]] == [["week_usd", "$3.00", "$12.00", "25.0%"]]

    configure(program, 'machine = "laptop"\n[quota]\nweek_usd = 2.5\n')
    done = program("quota", "--warehouse", used.url, "--json")
    assert done.exit_code == 6
    assert [(row["name"], row["left"], row["is_over"]) for row in json.loads(done.stdout)] == [
        ("week_usd", "-0.500000000", True)
    ]


def test_before_the_first_import_nothing_is_kept(program: Program, migrated: Place) -> None:
    done = program("quota", "--warehouse", migrated.url, CCUSAGE_IMPORT_QUOTA='{"week_usd": 3}')

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "ccusage-import: error: quota: nothing was imported yet",
        "hint: ccusage-import import",
    ]
    assert migrated.rows(STORED) == []


@pytest.mark.parametrize("command", ["quota", "budget"])
def test_nothing_is_kept_under_a_name_that_an_import_would_refuse(program: Program, used: Place, command: str) -> None:
    configure(program, "[quota]\nweek_usd = 10\n[budget]\nmonthly = 9\n[plan]\nmonthly = 8\n")

    done = program(command, "--warehouse", used.url, MACHINE_NAME="wrong")

    assert (done.exit_code, done.stdout) == (2, "")
    assert "machine 'wrong': this installation has its history in" in done.stderr
    for table in ("budgets", "quotas", "plans"):
        assert used.rows(f"SELECT count() FROM {table} FINAL") == [(0,)]


def test_the_warehouse_holds_what_is_configured_and_forgets_what_is_not(program: Program, used: Place) -> None:
    configure(program, '[quota]\nblock_tokens = "max"\nweek_usd = 10\n')
    program("quota", "--warehouse", used.url)
    machine = used.rows("SELECT DISTINCT machine FROM quotas FINAL")[0][0]
    assert used.rows(STORED) == [(machine, "block_tokens", None), (machine, "week_usd", Decimal(10))]
    configure(program, '[quota]\nblock_tokens = 5\nweek_usd = "max"\n')
    program("quota", "--warehouse", used.url)
    assert used.rows(STORED) == [(machine, "block_tokens", Decimal(5)), (machine, "week_usd", None)]

    configure(program, "")
    done = program("quota", "--warehouse", used.url)
    assert used.rows(STORED) == []
    assert done.exit_code == 2
    assert done.stderr.splitlines() == [
        "ccusage-import: error: quota: no quota is set",
        "hint: ccusage-import config set quota.block_tokens max",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("week_usd = -1", "quota.week_usd ("),
        ("week_usd = 0.0000000009", "quota.week_usd ("),
        ("week_usd = nan", "quota.week_usd ("),
        ("week_usd = true", "quota.week_usd ("),
        ('block_tokens = "most"', "Input should be a number greater than 0, or max, which is the largest of the past"),
        ("month_usd = 1", "quota.month_usd ("),
    ],
)
def test_a_quota_that_cannot_be_used_is_named(program: Program, text: str, complaint: str) -> None:
    configure(program, f"[quota]\n{text}\n")
    done = program("quota")

    assert done.exit_code == 2
    assert complaint in done.stderr
