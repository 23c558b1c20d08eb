"""How fast questions of a day, a month, a session and prompts are with ten million answers, embedded."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.warehouse.clickhouse_client import ClickHouse, open_warehouse
from ccusage_import.warehouse.migrations import FACT_TABLES, apply_migrations
from ccusage_import.warehouse.prices import write_prices
from tests.benchmarks.fleet import LATER_FACTS, PRICES, Fleet, add_later_loads, run_statements, write_fleet
from tests.benchmarks.measure import Figure, say

STATEMENTS = Path(__file__).with_name("scale.sql")
# 1 to 19 prompts of 1 to 23 answers each.
ANSWERS_OF_A_SESSION = 120
DAY, MONTH = "{last_day:Date} - 500", "{last_day:Date} - 500 - 30"
# What is asked, and the most milliseconds that it may take.
QUESTIONS: Mapping[str, tuple[str, float | None]] = {
    "messages: a day": (f"SELECT sum(cost_usd), sum(total_tokens) FROM messages WHERE date = {DAY}", 200),
    "messages: a month": (
        f"SELECT sum(cost_usd), sum(total_tokens) FROM messages WHERE date BETWEEN {MONTH} AND {DAY}",
        200,
    ),
    "messages: all columns of a day": (f"SELECT * FROM messages WHERE date = {DAY}", 200),
    "tool_calls: a day": (
        f"SELECT status, count() FROM tool_calls WHERE toDate(called_at) = {DAY} GROUP BY status",
        200,
    ),
    "tool_calls: a month": (
        f"SELECT tool, count() FROM tool_calls WHERE toDate(called_at) BETWEEN {MONTH} AND {DAY} GROUP BY tool",
        200,
    ),
    "tool_calls: a month by status": (
        f"SELECT status, count() FROM tool_calls WHERE toDate(called_at) BETWEEN {MONTH} AND {DAY} GROUP BY status",
        200,
    ),
    "ledger_daily: a day": (f"SELECT * FROM ledger_daily WHERE date = {DAY}", 200),
    "ledger_daily: a month": (f"SELECT * FROM ledger_daily WHERE date BETWEEN {MONTH} AND {DAY}", 200),
    "hourly: a day": (f"SELECT * FROM hourly WHERE utc_date = {DAY}", 200),
    "hourly: a month": (f"SELECT * FROM hourly WHERE utc_date BETWEEN {MONTH} AND {DAY}", 200),
    "hourly: a day by at alone": (f"SELECT * FROM hourly WHERE toDate(at) = {DAY}", None),
    "messages: all days by month and model": (
        "SELECT toStartOfMonth(date) AS month, model, sum(cost_usd) FROM messages GROUP BY month, model",
        2000,
    ),
    "messages: a session": (
        "SELECT sum(cost_usd) FROM messages WHERE claude_session_id = (SELECT max(claude_session_id) FROM turn_facts)",
        200,
    ),
    "turns: 30 days": ("SELECT * FROM turns_since(first = {last_day:Date} - 29)", 1000),
}


def measure_scale(work_dir: Path, runs: int, fleet: Fleet, messages: int, clock: Callable[[], float]) -> list[Figure]:
    """Return bytes of a message and a call, and how long each question takes once it is warm.

    Args:
        work_dir: holds the warehouse meanwhile: some 170 MB for a million answers, twice that while it is made.
        runs: how often each is measured.
        fleet: machines and days.
        messages: answers, as far as their number is a draw; there are half as many calls more.
        clock: what times a question, in seconds.
    """
    subject = f"{messages:,} messages"
    with (
        tempfile.TemporaryDirectory(prefix="scale-", dir=work_dir) as directory,
        open_warehouse(parse_warehouse_url(f"chdb://{directory}/warehouse")) as warehouse,
    ):
        apply_migrations(warehouse)
        write_fleet(warehouse, fleet)
        say(f"writing {subject}")
        write_scale(warehouse, fleet, messages)
        figures = [Figure(subject, f"bytes of a row of {table}", size, "B") for table, size in _bytes(warehouse)]
        say("asking")
        for what, (sql, target) in QUESTIONS.items():
            times = [_ms(warehouse, sql, fleet, clock) for _ in range(runs + 1)]
            figures.append(Figure(subject, what, statistics.median(times[1:]), "ms", target))
        return figures


def write_scale(warehouse: ClickHouse, fleet: Fleet, messages: int) -> None:
    """Write facts where there are none: a large part of each kind, and small ones that replace its last rows."""
    warehouse.command("SYSTEM START MERGES")
    write_prices(warehouse, 1, "20.0.24", PRICES, is_offline=True)
    run_statements(warehouse, STATEMENTS, fleet, sessions=messages // ANSWERS_OF_A_SESSION)
    for table in FACT_TABLES:
        warehouse.command(f"OPTIMIZE TABLE {table} FINAL")
    warehouse.command("SYSTEM STOP MERGES")
    add_later_loads(warehouse, LATER_FACTS, fleet)


def _bytes(warehouse: ClickHouse) -> list[tuple[str, float]]:
    rows = warehouse.rows(
        "SELECT table, sum(bytes_on_disk) / sum(rows) FROM system.parts WHERE active AND database = currentDatabase()"
        " AND table IN ('message_facts_by_month', 'tool_call_facts_by_month', 'turn_facts') GROUP BY table ORDER BY 1"
    )
    return [(str(table), float(size)) for table, size in rows]


def _ms(warehouse: ClickHouse, sql: str, fleet: Fleet, clock: Callable[[], float]) -> float:
    begun = clock()
    warehouse.raw(sql, "Null", {}, {"last_day": fleet.last_day} if "{" in sql else {})
    return 1000 * (clock() - begun)
