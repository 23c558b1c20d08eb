"""The warehouse that the benchmark asks: its reports add up to the same, and what it logged can be undone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.warehouse.clickhouse_client import ClickHouse, open_warehouse
from ccusage_import.warehouse.migrations import apply_migrations
from ccusage_import.warehouse.tables import read_records, record_of_json
from tests.benchmarks.fleet import Fleet, write_facts, write_fleet
from tests.benchmarks.scale_time import write_scale

SUMS = "sum(total_tokens), sum(cost_usd), max(unpriced)"


def write(directory: Path, seed: int) -> str:
    """Write a fleet of two machines, the first of which has two agents; return its URL."""
    url = f"chdb://{directory}"
    with open_warehouse(parse_warehouse_url(url)) as warehouse:
        apply_migrations(warehouse)
        write_fleet(warehouse, Fleet(machines=2, days=120, last_day=date(2026, 10, 31), seed=seed))
    return url


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One fleet for all tests."""
    return write(tmp_path_factory.mktemp("fleet") / "warehouse", seed=1)


@pytest.fixture
def fleet(url: str) -> Iterator[ClickHouse]:
    """The fleet, opened to read."""
    with open_warehouse(parse_warehouse_url(url)) as warehouse:
        yield warehouse


def test_machines_agents_and_days_are_those_asked_for(fleet: ClickHouse) -> None:
    assert fleet.rows(
        "SELECT machine, agent, min(date) < '2026-07-11', max(date) > '2026-10-24', count() > 20 FROM daily"
        " GROUP BY machine, agent ORDER BY machine, agent"
    ) == [
        ("machine-00", "claude", True, True, True),
        ("machine-00", "codex", True, True, True),
        ("machine-01", "claude", True, True, True),
    ]
    assert fleet.rows(
        "SELECT machine, count(), min(toDate(started_at)), max(toDate(started_at)) FROM loads"
        " GROUP BY machine ORDER BY machine"
    ) == [
        ("machine-00", 2880, date(2026, 7, 4), date(2026, 10, 31)),
        ("machine-01", 2880, date(2026, 7, 4), date(2026, 10, 31)),
    ]


@pytest.mark.parametrize("view", ["monthly", "sessions", "monthly_from_daily", "model_breakdowns", "daily_summary"])
def test_reports_add_up_to_the_days(fleet: ClickHouse, view: str) -> None:
    sums = f"SELECT machine, agent, {SUMS} FROM {{}} GROUP BY machine, agent ORDER BY machine, agent"
    assert fleet.rows(sums.format(view)) == fleet.rows(sums.format("daily"))


@pytest.mark.parametrize("view", ["projects_daily", "blocks"])
def test_reports_of_claude_alone_add_up_to_its_days(fleet: ClickHouse, view: str) -> None:
    sums = f"SELECT machine, {SUMS} FROM {{}} WHERE agent = 'claude' GROUP BY machine ORDER BY machine"
    assert fleet.rows(sums.format(view)) == fleet.rows(sums.format("daily"))


def test_the_last_offer_of_every_change_is_the_record_that_is_shown(fleet: ClickHouse) -> None:
    for machine in ("machine-00", "machine-01"):
        logged = fleet.rows(
            "SELECT argMax(offered, load_id) FROM changes WHERE machine = {machine:String} AND is_written"
            " GROUP BY report, agent, key",
            {"machine": machine},
        )
        offers = {record for (text,) in logged if (record := record_of_json(text))}
        assert offers == set(read_records(fleet, machine))


def test_every_change_is_of_a_load_that_did_not_fail(fleet: ClickHouse) -> None:
    unknown = fleet.rows(
        "SELECT count() FROM changes"
        " WHERE (machine, load_id) NOT IN (SELECT machine, load_id FROM loads WHERE state = 'committed')"
    )
    assert unknown == [(0,)]


def test_records_are_held_and_budgets_set(fleet: ClickHouse) -> None:
    assert fleet.rows("SELECT count() > 0 FROM held_records") == [(True,)]
    assert fleet.rows("SELECT count() FROM budget_status") == [(6,)]


@pytest.mark.exhaustive
def test_the_same_seed_gives_the_same_numbers_and_another_gives_others(url: str, tmp_path: Path) -> None:
    def numbers(of_url: str) -> object:
        with open_warehouse(parse_warehouse_url(of_url)) as warehouse:
            return warehouse.rows(
                "SELECT groupBitXor(sipHash64(machine, session_id, total_tokens, cost_usd)) FROM sessions"
            )

    assert numbers(write(tmp_path / "again", seed=1)) == numbers(url)
    assert numbers(write(tmp_path / "other", seed=2)) != numbers(url)


def test_facts_are_of_prompts_with_answers_and_calls_in_proportion(tmp_path: Path) -> None:
    with open_warehouse(parse_warehouse_url(f"chdb://{tmp_path}/warehouse")) as warehouse:
        apply_migrations(warehouse)
        write_facts(warehouse, Fleet(machines=2, days=120, last_day=date(2026, 10, 31)))

        # Later loads tell of the same ones again.
        assert warehouse.rows("SELECT count(), sum(answers), sum(tool_calls) FROM executions") == [(346, 1024, 777)]
        assert warehouse.rows("SELECT count() > 346 FROM turn_facts") == [(True,)]
        assert warehouse.rows(
            "SELECT max(failed_tool_calls) > 0, max(subagent_cost_usd) > 0, uniqExact(command) FROM executions"
        ) == [(True, True, 12)]


def test_facts_of_any_number_belong_together_and_later_copies_replace_them(tmp_path: Path) -> None:
    some = Fleet(machines=2, days=10, last_day=date(2026, 10, 31))
    with open_warehouse(parse_warehouse_url(f"chdb://{tmp_path}/w")) as warehouse:
        apply_migrations(warehouse)
        write_scale(warehouse, some, messages=2400)
        stored = warehouse.rows(
            "SELECT count() > uniqExact(message), uniqExact(message) = (SELECT count() FROM messages)"
            " FROM message_facts_by_month"
        )
        messages = warehouse.rows(
            "SELECT count(), sum(tool_blocks), uniqExact(machine), uniqExact(turn_id) FROM messages"
        )
        calls = warehouse.rows("SELECT count() FROM tool_calls WHERE turn_id IN (SELECT turn_id FROM turns)")
        turns = warehouse.rows("SELECT sum(messages), sum(tool_calls), 2, count() FROM turns")
    assert stored == [(True, True)]
    assert messages == turns
    assert calls == [(messages[0][1],)]
    assert 1200 < messages[0][0] < 4800
