"""A warehouse of many machines over years, with everything that imports leave behind, the same for the same seed.

    python -m tests.benchmarks.fleet chdb:///path [--machines 20] [--days 1096] [--last-day 2026-11-20] [--seed 1]

The engine makes the rows (fleet.sql): days with models, months, sessions, blocks and projects that add up to the same,
an hourly load of each machine, the log of changes with both rows, held records, budgets, and parts that are not merged
yet. Every fourth machine has a second agent. fleet_facts.sql makes prompts, answers, calls of tools and events.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.warehouse.clickhouse_client import ClickHouse, open_warehouse
from ccusage_import.warehouse.migrations import apply_migrations
from ccusage_import.warehouse.prices import write_prices
from tests.support.prompts import price

STATEMENTS = Path(__file__).with_suffix(".sql")
FACTS = Path(__file__).with_name("fleet_facts.sql")
# Loads of the last hours: small parts whose rows replace those of the large one.
UNMERGED_LOADS = 5
LATER_LOAD = (
    "INSERT INTO records SELECT * REPLACE (load_id + {number:UInt64} AS load_id) FROM records FINAL"
    " WHERE day > {last_day:Date} - 2"
)
LATER_FACTS = tuple(
    f"INSERT INTO {table} SELECT * REPLACE ({rank} + {{number:UInt64}} AS {rank}) FROM {table} FINAL"
    f" WHERE {at} > {{last_day:Date}} - 2"
    for table, at, rank in (
        ("message_facts_by_month", "at", "version"),
        ("tool_call_facts_by_month", "called_at", "last_load_id"),
        ("turn_facts", "at", "last_load_id"),
        ("event_facts", "at", "last_load_id"),
    )
)
# Dollars for a million tokens: input, output, cache writes of 5 minutes and of an hour, cache reads.
PRICES = (
    price("claude-sonnet-4-5-20250929", "3", "15", "3.75", "6", "0.3"),
    price("claude-opus-4-1-20250805", "15", "75", "18.75", "30", "1.5"),
    price("claude-haiku-4-5-20251001", "1", "5", "1.25", "2", "0.1"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """How many machines, each with usage on most of the `days` days up to `last_day`."""

    machines: int = 20
    days: int = 3 * 365 + 1
    last_day: date
    seed: int = 1


def write_fleet(warehouse: ClickHouse, fleet: Fleet) -> None:
    """Write a fleet into a warehouse that has its tables and no rows; merges stay off until it is opened again."""
    warehouse.command("SYSTEM STOP MERGES")
    run_statements(warehouse, STATEMENTS, fleet)
    add_later_loads(warehouse, (LATER_LOAD,), fleet)


def write_facts(warehouse: ClickHouse, fleet: Fleet) -> None:
    """Write the prompts, answers, calls and events of a fleet; merges stay off, see `write_fleet`."""
    warehouse.command("SYSTEM STOP MERGES")
    write_prices(warehouse, 1, "20.0.24", PRICES, is_offline=True)
    run_statements(warehouse, FACTS, fleet)
    add_later_loads(warehouse, LATER_FACTS, fleet)


def run_statements(warehouse: ClickHouse, file: Path, fleet: Fleet, **more: int) -> None:
    """Run the statements of a file, which may name what makes the fleet, and more."""
    for statement in file.read_text("utf-8").rstrip().removesuffix(";").split(";\n"):
        # The client would take each % for a parameter where none is named.
        warehouse.command(statement, {**asdict(fleet), **more} if "{" in statement else None)


def add_later_loads(warehouse: ClickHouse, statements: Sequence[str], fleet: Fleet) -> None:
    """Write rows of the last two days anew, some times, in parts that replace those of the large one."""
    for number in range(1, UNMERGED_LOADS + 1):
        for statement in statements:
            warehouse.command(statement, {"number": number, "last_day": fleet.last_day})


def main() -> None:
    """Write a fleet where the command line says."""
    defaults = Fleet(last_day=datetime.now(UTC).date())
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.fleet")
    parser.add_argument("warehouse", help="URL of an empty warehouse")
    parser.add_argument("--machines", type=int, default=defaults.machines)
    parser.add_argument("--days", type=int, default=defaults.days)
    parser.add_argument("--last-day", type=date.fromisoformat, default=defaults.last_day, help="default: today")
    parser.add_argument("--seed", type=int, default=defaults.seed)
    arguments = vars(parser.parse_args())
    url = parse_warehouse_url(arguments.pop("warehouse"))
    with open_warehouse(url, creates_database=True) as warehouse:
        apply_migrations(warehouse)
        write_fleet(warehouse, Fleet(**arguments))
        write_facts(warehouse, Fleet(**arguments))


if __name__ == "__main__":
    main()
