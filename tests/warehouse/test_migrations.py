"""The schema on the real engine: applied once, healed after a crash, refused when it is newer than the program."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ccusage_import import __version__
from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.exceptions import SchemaError
from ccusage_import.warehouse.clickhouse_client import ClickHouse, open_warehouse
from ccusage_import.warehouse.migrations import (
    applied_migrations,
    apply_migrations,
    known_migrations,
    pending_migrations,
    refuse_pending,
    sql_directory,
    statements,
)
from tests.conftest import Place

VERSIONS = [
    "0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010", "0011", "0012", "0013", "0014",
    "active_blocks", "block_hours", "blocks", "budget_status", "calendar", "command_patterns", "cost_anomalies",
    "cost_by_model_daily", "daily", "daily_summary", "events", "executions", "executions_since", "folded_hours",
    "forecast_methods", "forecast_month", "forecast_totals", "forecast_weights", "freshness", "held_records", "hourly",
    "hours", "known_prices", "ledger_daily", "ledger_sessions", "machine_summary", "mcp_servers", "messages",
    "model_breakdowns", "model_costs", "model_performance", "monthly", "monthly_from_daily", "monthly_trends",
    "plan_value", "predictions", "prices", "project_summary", "projects_daily", "quota_status", "report_coverage",
    "savings", "savings_answers", "savings_calls", "savings_cases", "savings_kinds", "session_summary", "sessions",
    "sessions_health", "subagents", "tool_calls", "tool_patterns", "turns", "turns_since", "weekly",
]  # fmt: skip


@pytest.fixture
def opened(place: Place) -> Iterator[ClickHouse]:
    """An open, empty warehouse."""
    with open_warehouse(parse_warehouse_url(place.url), creates_database=True) as warehouse:
        yield warehouse


def test_everything_is_applied_once(opened: ClickHouse) -> None:
    assert [migration.version for migration in pending_migrations(opened)] == VERSIONS

    assert [migration.version for migration in apply_migrations(opened)] == VERSIONS
    assert apply_migrations(opened) == []

    assert sorted(applied_migrations(opened)) == VERSIONS
    assert {row.tool_version for row in applied_migrations(opened).values()} == {__version__}


def test_a_crash_in_the_middle_is_healed_by_the_next_run(opened: ClickHouse) -> None:
    first = statements(known_migrations()[0].sql, opened)
    opened.command(first[0])

    apply_migrations(opened)

    assert opened.rows("SELECT count() FROM daily") == [(0,)]
    assert sorted(applied_migrations(opened)) == VERSIONS


def test_a_semicolon_in_a_comment_or_a_text_ends_no_statement(opened: ClickHouse) -> None:
    sql = """-- nothing is lost;
    SELECT 1; -- the first;
    /* nor here;
    */ SELECT ';
    ', 'it''s;', 'a\\';', `;` FROM (SELECT 2 AS `;`);
    -- and no more;
    """

    split = statements(sql, opened)

    assert [opened.rows(statement) for statement in split] == [[(1,)], [(";\n    ", "it's;", "a';", 2)]]


def test_a_changed_view_is_replaced(opened: ClickHouse) -> None:
    apply_migrations(opened)
    row = ("daily", "checksum of an older release", datetime.now(UTC), "1.0.0")
    opened.insert("schema_migrations", ("version", "checksum", "applied_at", "tool_version"), [row], token="old")

    with pytest.raises(SchemaError, match="1 of its tables and views is missing or not up to date"):
        refuse_pending(opened)
    assert [migration.version for migration in apply_migrations(opened)] == ["daily"]


def test_what_somebody_dropped_is_put_back_where_it_is_looked_for(opened: ClickHouse) -> None:
    apply_migrations(opened)
    columns = {table: dict(opened.columns(table)) for table in ("price_list", "budgets", "loads", "daily")}
    for dropped in ("VIEW daily", "TABLE price_list", "TABLE budgets", "VIEW executions_since"):
        opened.command(f"DROP {dropped} SYNC")
    opened.insert("loads", ("load_id", "machine"), [(1, "m")], token="kept")

    assert pending_migrations(opened) == []
    back = [migration.version for migration in apply_migrations(opened, with_dropped=True)]

    assert back == [*VERSIONS[1:14], "daily", "executions_since"]
    assert pending_migrations(opened, with_dropped=True) == []
    assert {table: dict(opened.columns(table)) for table in columns} == columns
    assert opened.rows("SELECT count() FROM executions_since(first = '2026-11-01')") == [(0,)]
    assert opened.rows("SELECT load_id, machine FROM loads") == [(1, "m")]


def test_a_newer_schema_is_refused_with_the_release_it_needs(opened: ClickHouse) -> None:
    apply_migrations(opened)
    row = ("0999", "x", datetime.now(UTC), "9.9.9")
    opened.insert("schema_migrations", ("version", "checksum", "applied_at", "tool_version"), [row], token="new")

    with pytest.raises(SchemaError) as raised:
        apply_migrations(opened)

    assert str(raised.value).endswith("schema 0999 is newer than this program's 0014")
    assert raised.value.hint == "install ccusage-import 9.9.9 or newer"


def test_an_applied_migration_that_was_changed_is_refused(opened: ClickHouse) -> None:
    apply_migrations(opened)
    row = ("0001", "other", datetime.now(UTC), "1.2.3")
    opened.insert("schema_migrations", ("version", "checksum", "applied_at", "tool_version"), [row], token="other")

    with pytest.raises(SchemaError, match="migration 0001 differs"):
        pending_migrations(opened)


def test_every_view_and_column_is_documented(opened: ClickHouse) -> None:
    apply_migrations(opened)

    views = opened.rows(
        "SELECT name, comment FROM system.tables WHERE database = {name:String} AND engine = 'View' ORDER BY name",
        {"name": opened.database},
    )
    assert [row[0] for row in views] == [version for version in VERSIONS if not version.isdigit()]
    assert [row[0] for row in views if not row[1].startswith("one row is one ")] == []
    undocumented = opened.rows(
        "SELECT table, name FROM system.columns WHERE database = {name:String} AND comment = ''"
        " AND table IN (SELECT name FROM system.tables WHERE engine = 'View' AND database = {name:String})",
        {"name": opened.database},
    )
    assert list(undocumented) == []


def test_one_load_is_one_part(migrated: Place) -> None:
    with open_warehouse(parse_warehouse_url(migrated.url)) as opened:
        rows = [(1, "daily", "m", "claude", f"{number:07}") for number in range(50_000)]
        opened.insert("records", ("load_id", "report", "machine", "agent", "key"), rows, token="one")
        parts = opened.rows(
            "SELECT count(), sum(rows) FROM system.parts"
            " WHERE active AND database = {name:String} AND table = 'records'",
            {"name": opened.database},
        )
    assert parts == [(1, 50_000)]


def test_a_replayed_insert_into_the_log_counts_once(migrated: Place) -> None:
    with open_warehouse(parse_warehouse_url(migrated.url)) as opened:
        for token in ("a", "a", "b"):
            opened.insert("changes", ("load_id", "key"), [(1, "k")], token=token)
        assert opened.rows("SELECT count() FROM changes") == [(2,)]


def test_on_a_cluster_tables_are_replicated_and_distributed(tmp_path: Path) -> None:
    with open_warehouse(parse_warehouse_url(f"chdb://{tmp_path}/w"), cluster=None) as opened:
        clustered = ClickHouse(opened._client, opened.warehouse, "main")
        texts = [(sql_directory() / "schema_migrations.sql").read_text(), *(each.sql for each in known_migrations())]
        ddl = [statement for text in texts for statement in statements(text, clustered)]
        formatted = [opened.rows("SELECT formatQuerySingleLine({q:String})", {"q": text})[0][0] for text in ddl]

    tables = [text for text in formatted if text.startswith("CREATE TABLE")]
    assert len(tables) == 38
    # What moves rows goes through the tables over all shards.
    moved = [text.split(" ")[2] for text in formatted if text.startswith("INSERT INTO")]
    assert moved == ["ccusage.message_facts_by_month", "ccusage.tool_call_facts_by_month"]
    assert sum(" ON CLUSTER main " in f"{text} " for text in formatted) == len(formatted) - len(moved)
    assert sum("ENGINE = Replicated" in text for text in tables) == 19
    assert sum("ENGINE = Distributed(main, ccusage, " in text for text in tables) == 19
    assert any("ENGINE = ReplicatedReplacingMergeTree(load_id, is_deleted)" in text for text in tables)


def test_no_comment_of_a_view_can_be_read_as_the_name_of_what_it_selects_from() -> None:
    """As 25.8 reads it right after a table, a call or a query in brackets."""
    ends = {
        view.version: view.sql.rpartition("\nCOMMENT '")[0].splitlines()[-1]
        for view in known_migrations()
        if view.is_view
    }

    assert {name: end for name, end in ends.items() if re.fullmatch(r"FROM \S+(\(.*\))?", end)} == {}
    assert [name for name, end in ends.items() if end == ")"] == ["folded_hours"], "what is behind IN has no name"


MADE = {
    "tables": "SELECT name, engine, replaceAll(create_table_query, currentDatabase(), '') FROM system.tables"
    " WHERE database = currentDatabase() ORDER BY name",
    "columns": "SELECT table, name, type, comment FROM system.columns WHERE database = currentDatabase() ORDER BY ALL",
    "applied": "SELECT version, checksum, tool_version FROM schema_migrations FINAL ORDER BY version",
}


def test_the_warehouse_that_tests_get_a_copy_of_is_what_migrations_make(migrated: Place, tmp_path: Path) -> None:
    if not (migrated.gateway or migrated.url.startswith("chdb:")):
        pytest.skip("on a server of its own migrations are applied for each test")
    made = Place(migrated.gateway.url(database="made_anew") if migrated.gateway else f"chdb://{tmp_path}/made_anew")
    with open_warehouse(parse_warehouse_url(made.url), creates_database=True) as opened:
        apply_migrations(opened)

    assert migrated.answers(MADE) == made.answers(MADE)
    with migrated.opened() as opened:
        assert pending_migrations(opened) == []
