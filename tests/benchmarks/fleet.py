"""A warehouse of many machines over years, with everything that imports leave behind, the same for the same seed.

    python -m tests.benchmarks.fleet chdb:///path [--machines 20] [--days 1096] [--last-day 2026-11-20] [--seed 1]

The engine makes the rows (fleet.sql): days with models, months, sessions, blocks and projects that add up to the same,
an hourly load of each machine, the log of changes with both rows, held records, budgets, and parts that are not merged
yet. Every fourth machine has a second agent.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.warehouse.clickhouse_client import ClickHouse, open_warehouse
from ccusage_import.warehouse.migrations import apply_migrations

STATEMENTS = Path(__file__).with_suffix(".sql")
# Loads of the last hours: small parts whose rows replace those of the large one.
UNMERGED_LOADS = 5
LATER_LOAD = (
    "INSERT INTO records SELECT * REPLACE (load_id + {number:UInt64} AS load_id) FROM records FINAL"
    " WHERE day > {last_day:Date} - 2"
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
    for statement in STATEMENTS.read_text("utf-8").rstrip().removesuffix(";").split(";\n"):
        warehouse.command(statement, asdict(fleet))
    for number in range(1, UNMERGED_LOADS + 1):
        warehouse.command(LATER_LOAD, {"number": number, "last_day": fleet.last_day})


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
        apply_migrations(warehouse, "fleet")
        write_fleet(warehouse, Fleet(**arguments))


if __name__ == "__main__":
    main()
