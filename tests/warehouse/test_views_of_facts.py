"""The views of facts on the hand-made transcripts, row by row, embedded and over HTTP.

Opus costs 5 $ a million tokens of input, 25 of output, 6.25 and 10 written to the cache for 5 minutes and an hour, 0.5
read from it; Sonnet 3, 15, 3.75, 6 and 0.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from ccusage_import.history.compact import compact
from ccusage_import.warehouse.prices import write_prices
from tests.conftest import CORPORA, Place
from tests.support.facts import Reader
from tests.support.prompts import price

OPUS, SONNET = "claude-opus-4-6", "claude-sonnet-4-5-20250929"
PRICES = [price(OPUS, "5", "25", "6.25", "10", "0.5"), price(SONNET, "3", "15", "3.75", "6", "0.3")]
GROUPS = ("04-denials", "09-compactions", "22-edits", "26-cache-classes")
GROUP = "substring(claude_session_id, -2) AS group"


@pytest.fixture
def read(migrated: Place, tmp_path: Path) -> Iterator[Place]:
    """A machine that read four groups, all of the hour from ten on the second of March."""
    with migrated.keep_open(), migrated.opened() as opened:
        write_prices(opened, 1, "20.0.24", PRICES, is_offline=True)
        reader = Reader(opened, tmp_path, hashes=False)
        reader.read(*[CORPORA / "facts" / group / "1" for group in GROUPS])
        yield migrated


def test_answers_calls_events_and_prompts(read: Place) -> None:
    usd, calling = Decimal, (OPUS, 3, 20, 0, 0, 0, Decimal("0.000515"))
    columns = """model, input_tokens, output_tokens, cache_creation_5m_tokens, cache_creation_1h_tokens,
        cache_read_tokens, cost_usd"""
    assert read.rows(f"SELECT {GROUP}, {columns} FROM messages ORDER BY group, at") == [
        *([("04", *calling)] * 5),
        ("09", OPUS, 3, 20, 0, 0, 160_000, usd("0.080515")),
        ("09", OPUS, 3, 20, 20_000, 0, 0, usd("0.125515")),
        ("09", OPUS, 3, 20, 0, 0, 20_000, usd("0.010515")),
        ("09", OPUS, 3, 20, 0, 0, 140_000, usd("0.070515")),
        ("09", OPUS, 3, 20, 20_000, 0, 0, usd("0.125515")),
        *([("22", *calling)] * 5),
        ("26", OPUS, 3, 20, 1000, 0, 0, usd("0.006765")),
        ("26", OPUS, 3, 20, 0, 2000, 0, usd("0.020515")),
        ("26", OPUS, 3, 20, 600, 100, 0, usd("0.005265")),
        ("26", OPUS, 3, 20, 3000, 0, 0, usd("0.019265")),
        ("26", *calling),
        ("26", SONNET, 3, 20, 0, 300_000, 0, usd("1.800309")),
    ]
    columns = "tool, status, error_class, extension, lines_added, lines_removed, wall_ms"
    assert read.rows(f"SELECT {GROUP}, {columns} FROM tool_calls ORDER BY group, called_at") == [
        ("04", "Bash", "denied", "denied_by_user", "", 0, 0, 28_000),
        ("04", "Bash", "denied", "denied_by_user", "", 0, 0, 18_000),
        ("04", "ExitPlanMode", "denied", "denied_by_user", "", 0, 0, 18_000),
        ("04", "Bash", "denied", "denied_by_rule", "", 0, 0, 100),
        ("04", "WebSearch", "denied", "denied_by_rule", "", 0, 0, 100),
        ("22", "Edit", "ok", "", "py", 3, 2, 1000),
        ("22", "MultiEdit", "ok", "", "py", 3, 1, 1000),
        ("22", "Edit", "error", "no_match", "py", 0, 0, 1000),
        ("22", "Edit", "error", "not_read", "py", 0, 0, 1000),
        ("22", "Edit", "ok", "", "py", 1, 1, 1000),
    ]
    columns = "kind, at, detail, tokens_before, tokens_after"
    assert read.rows(f"SELECT {GROUP}, {columns} FROM events ORDER BY group, at") == [
        ("04", "interrupt", datetime(2026, 3, 2, 10, 0, 30, tzinfo=UTC), "tool_use", None, None),
        ("09", "compaction", datetime(2026, 3, 2, 10, 5, tzinfo=UTC), "auto", 167_371, None),
        ("09", "compaction", datetime(2026, 3, 2, 10, 20, 40, tzinfo=UTC), "manual", 140_000, 11_300),
    ]
    columns = """kind, command, position, messages, tool_calls, failed_tool_calls, total_tokens, cost_usd,
        cache_savings_usd, first_answer_ms, duration_ms, outcome"""
    # Reads cost 4.50 $ a million less than input, writes of 5 minutes 1.25 $ more and of an hour 5 $, of Sonnet 3 $.
    assert read.rows(f"SELECT {GROUP}, {columns} FROM turns ORDER BY group, at") == [
        ("04", "text", "", 1, 1, 1, 1, 23, usd("0.000515"), 0, 2000, 30_000, "interrupted"),
        ("04", "text", "", 2, 4, 4, 4, 92, usd("0.00206"), 0, 2000, 44_100, "done"),
        ("09", "text", "", 1, 3, 0, 0, 200_069, usd("0.216545"), usd("0.785"), 2000, 319_000, "done"),
        ("09", "command", "/compact", 2, 2, 0, 0, 160_046, usd("0.19603"), usd("0.605"), 5000, 50_000, "done"),
        ("22", "text", "", 1, 5, 5, 2, 115, usd("0.002575"), 0, 2000, 11_000, "done"),
        ("26", "text", "", 1, 6, 0, 0, 306_838, usd("1.852634"), usd("-0.91625"), 1000, 6000, "done"),
    ]
    columns = "position, errors, denials, compactions"
    assert read.rows(f"SELECT {GROUP}, {columns} FROM turns_since(first = '1970-01-01') ORDER BY group, at") == [
        ("04", 1, 0, 1, 0), ("04", 2, 0, 4, 0), ("09", 1, 0, 0, 1), ("09", 2, 0, 0, 1), ("22", 1, 2, 0, 0),
        ("26", 1, 0, 0, 0),
    ]  # fmt: skip


def test_hours_have_their_day(read: Place) -> None:
    ten, day = datetime(2026, 3, 2, 10, tzinfo=UTC), date(2026, 3, 2)
    assert read.rows("SELECT utc_date, at, messages FROM hourly WHERE utc_date = '2026-03-02' ORDER BY messages") == [
        (day, ten, 1),
        (day, ten, 20),
    ]
    assert read.rows("SELECT count() FROM hourly WHERE utc_date != '2026-03-02'") == [(0,)]


# Older servers may plan otherwise; what they answer is the same.
@pytest.mark.one_place
@pytest.mark.parametrize(("condition", "narrowed"), [("utc_date = '2026-03-02'", 2), ("at = '2026-03-02 10:00:00'", 1)])
def test_hours_of_a_day_read_the_messages_of_that_day_alone(read: Place, condition: str, narrowed: int) -> None:
    # Messages are read for their hours, and for which days have any: the index of their times narrows each reading.
    plan = read.rows(f"EXPLAIN indexes = 1 SELECT * FROM hourly WHERE {condition}")
    assert sum(str(line).count("Name: instants") for (line,) in plan) == narrowed


def test_sums_by_hour_and_day_what_is_folded_and_the_prices(read: Place) -> None:
    usd, ten = Decimal, datetime(2026, 3, 2, 10, tzinfo=UTC)
    columns = """at, model, source, messages, input_tokens, output_tokens, cache_creation_tokens, cache_read_tokens,
        total_tokens, cost_usd"""
    of_the_hour = [
        (ten, OPUS, "messages", 20, 60, 400, 46_700, 320_000, 367_160, 0.47005),
        (ten, SONNET, "messages", 1, 3, 20, 300_000, 0, 300_023, 1.800309),
    ]
    hours = f"SELECT {columns.replace('cost_usd', 'round(cost_usd, 6)')} FROM hourly ORDER BY model"
    assert read.rows(hours) == of_the_hour
    ledger = [(date(2026, 3, 2), 21, 667_183, usd("2.270359"), 667_183)]
    days = "SELECT date, messages, total_tokens, cost_usd, token_difference FROM ledger_daily"
    assert read.rows(days) == ledger
    assert read.rows("SELECT agent, model, known FROM known_prices ORDER BY model") == [
        ("claude", OPUS, [(1, [5.0, 6.25, 10.0, 0.5, 25.0])]),
        ("claude", SONNET, [(1, [3.0, 3.75, 6.0, 0.3, 15.0])]),
    ]

    with read.opened() as opened:
        compact(opened, "studio", "UTC", date(2026, 3, 3), is_dry_run=False)
    columns = """hour, model, messages, input_tokens, output_tokens, cache_creation_5m_tokens,
        cache_creation_1h_tokens, cache_read_tokens, cost_usd, tool_calls, failed_tool_calls, lines_added,
        lines_removed, turns, events"""
    nothing = (0, 0, 0, 0, 0, 0, 0)
    assert read.rows(f"SELECT {GROUP}, {columns} FROM folded_hours ORDER BY group, model") == [
        ("04", ten, "", *nothing, 5, 5, 0, 0, 2, 1),
        ("04", ten, OPUS, 5, 15, 100, 0, 0, 0, usd("0.002575"), 0, 0, 0, 0, 0, 0),
        ("09", ten, "", *nothing, 0, 0, 0, 0, 2, 2),
        ("09", ten, OPUS, 5, 15, 100, 40_000, 0, 320_000, usd("0.412575"), 0, 0, 0, 0, 0, 0),
        ("22", ten, "", *nothing, 5, 2, 7, 4, 1, 0),
        ("22", ten, OPUS, 5, 15, 100, 0, 0, 0, usd("0.002575"), 0, 0, 0, 0, 0, 0),
        ("26", ten, "", *nothing, 0, 0, 0, 0, 1, 0),
        ("26", ten, OPUS, 5, 15, 100, 4600, 2100, 0, usd("0.052325"), 0, 0, 0, 0, 0, 0),
        ("26", ten, SONNET, 1, 3, 20, 0, 300_000, 0, usd("1.800309"), 0, 0, 0, 0, 0, 0),
    ]
    assert (read.rows(hours), read.rows(days)) == (of_the_hour, ledger)
