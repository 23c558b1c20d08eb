"""Patterns of tools, commands, subagents, sessions and MCP servers, against numbers worked out by hand.

An answer of 40,000 tokens costs 1 $ with the big model and 0.20 $ with the small one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from ccusage_import.warehouse.prices import write_prices
from tests.conftest import Place, only_read
from tests.querying.test_queries import answer
from tests.support.facts import Reader
from tests.support.prompts import HAIKU, PRICES, Session

pytestmark = [pytest.mark.exhaustive_at("http"), pytest.mark.usefixtures("engine_stays")]

# The views look back from now on; the day before yesterday is over in all zones.
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=2)
SHOP, BLOG = "-home-ana-shop", "-home-ana-blog"
PATCH = {"structuredPatch": [{"oldStart": 1, "oldLines": 1, "newStart": 1, "newLines": 3, "lines": ["-a", "+b", "+c"]}]}
DENIED = "The user doesn't want to proceed with this tool use."
NOT_FOUND = "<tool_use_error>String to replace not found in file.</tool_use_error>"


@pytest.fixture(scope="module")
def worked(shared_migrated: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A month of one machine, what it did before, and another machine that does little."""
    directory = tmp_path_factory.mktemp("worked")
    studio, laptop = directory / "studio-claude", directory / "laptop-claude"
    _shop(studio)
    blog = Session(studio, "s2", NOON, project=BLOG)
    blog.prompt("/review").after(2).answer(40_000, fresh=100, reads=300, calls={"c1 Bash": {}})
    blog.after(9).result("c1").after(10).prompt("/review").after(1).answer(80_000, reads=50).interrupt()
    old = Session(studio, "s0", NOON - timedelta(days=40))
    old.prompt("/review").answer(400_000, calls={"c1 mcp__old__ask": {}, "c2 Bash": {}})
    old.after(5).result("c1").result("c2").after(1).compaction(9)
    old.started("a0").prompt("look").answer(40_000)
    other = Session(laptop, "s9", NOON).prompt()
    other.answer(4_000, calls={"c1 Bash": {}, "c2 mcp__acme__send": {}}).after(1).result("c1", error="Exit code 2")
    with shared_migrated.opened() as opened:
        write_prices(opened, 1, "20.0.24", PRICES, is_offline=True)
        for machine, claude in (("studio", studio), ("laptop", laptop)):
            Reader(opened, directory / machine, machine, hashes=False).read(claude)
    with only_read(shared_migrated) as filled:
        yield filled


def _shop(studio: Path) -> None:
    """An edit that is tried again, a compaction, two subagents, a server that fails, and a limit."""
    shop = Session(studio, "s1", NOON)
    file: dict[str, object] = {"file_path": "/home/ana/shop/a.py"}
    shop.prompt().after(1).answer(40_000, fresh=100, calls={"c1 Edit": file, "c2 Bash": {}})
    shop.after(1).result("c1", error=NOT_FOUND).after(2).result("c2", error="Exit code 1").after(1)
    shop.answer(4_000, writes=(0, 300), reads=100, calls={"c3 Edit": file, "c4 Edit": {"file_path": "/b.py"}})
    shop.after(2).result("c3", PATCH).result("c4", error=NOT_FOUND)
    shop.compaction(500)
    for reads in (0, 50, 50, 400):
        shop.after(1).answer(4_000, fresh=50, reads=reads)
    shop.answer(4_000, calls={"c5 mcp__acme__send": {}, "c6 mcp__acme__get": {}})
    shop.after(4).result("c5", error="MCP error").result("c6")
    for name, output, seconds in (("a1", 40_000, 10), ("a2", 80_000, 30)):
        helper = shop.started(name).prompt("look").answer(output, model=HAIKU)
        helper.after(seconds).answer(0, model=HAIKU, fresh=10)
    shop.after(60).prompt().after(1).answer(4_000).fails("Claude AI usage limit reached|1772560000")


def test_how_often_tools_fail_and_how_long_one_waits(worked: Place) -> None:
    columns = """
        tool, calls, errors, denied, interrupted, round(error_share, 2), error_classes, wait_p50_ms, wait_p95_ms,
        lines_added, lines_removed, retried_edits"""
    found = worked.rows(f"SELECT {columns} FROM tool_patterns WHERE machine = 'studio' ORDER BY tool")
    assert found == [
        ("Bash", 2, 1, 0, 0, 0.5, {"exit_code": 1}, 9_000.0, 9_000.0, 0, 0, 0),
        ("Edit", 3, 2, 0, 0, 0.67, {"no_match": 2}, 2_000.0, 2_000.0, 2, 1, 1),
        ("mcp__acme__get", 1, 0, 0, 0, 0.0, {}, 4_000.0, 4_000.0, 0, 0, 0),
        ("mcp__acme__send", 1, 1, 0, 0, 1.0, {"other": 1}, 4_000.0, 4_000.0, 0, 0, 0),
    ]
    edit = ("Edit", "studio", 3, 2, 0, Decimal("0.6667"), {"no_match": 2}, 1)
    bash = ("Bash", "studio", 2, 1, 0, Decimal("0.5"), {"exit_code": 1}, 0)
    send = ("mcp__acme__send", "studio", 1, 1, 0, 1, {"other": 1}, 0)
    assert answer(worked, "failing_tools") == [
        edit, ("Bash", "laptop", 1, 1, 0, 1, {"exit_code": 1}, 0), bash, send,
    ]  # fmt: skip
    assert answer(worked, "failing_tools", machine="studio", top="2") == [edit, bash]
    slow = [
        ("Bash", "studio", 2, 9, 9), ("mcp__acme__get", "studio", 1, 4, 4), ("mcp__acme__send", "studio", 1, 4, 4),
        ("Edit", "studio", 3, 2, 2), ("Bash", "laptop", 1, 1, 1), ("mcp__acme__send", "laptop", 1, None, None),
    ]  # fmt: skip
    assert answer(worked, "slow_tools") == slow
    assert answer(worked, "slow_tools", machine="laptop", top="1") == [slow[4]]
    # JSON has no number that is none; the page and tables would show one.
    assert worked.rows("SELECT wait_p50_ms, wait_p95_ms FROM tool_patterns WHERE tool LIKE 'mcp%' ORDER BY ALL") == [
        (4_000.0, 4_000.0), (4_000.0, 4_000.0), (None, None),
    ]  # fmt: skip


def test_which_servers_are_used(worked: Place) -> None:
    columns = "machine, mcp_server, tools, calls, recent_calls, is_unused, sessions, errors, error_share, wait_p95_ms"
    assert worked.rows(f"SELECT {columns} FROM mcp_servers ORDER BY machine, mcp_server") == [
        ("laptop", "acme", 1, 1, 1, False, 1, 0, 0.0, None),
        ("studio", "acme", 2, 2, 2, False, 1, 1, 0.5, 4_000.0),
        ("studio", "old", 1, 1, 0, True, 1, 0, 0.0, 5_000.0),
    ]
    used = [("acme", "studio", 2, 2, Decimal("0.5")), ("acme", "laptop", 1, 1, 0), ("old", "studio", 1, 0, 0)]
    assert [row[:5] for row in answer(worked, "mcp_server_use")] == used
    assert [row[:5] for row in answer(worked, "mcp_server_use", machine="studio")] == [used[0], used[2]]


def test_what_subagents_cost(worked: Place) -> None:
    columns = """project, tasks, answers, total_tokens, round(cost_usd, 4), round(cost_share, 3),
        round(mean_cost_usd, 4),
        round(cost_p95_usd, 4), seconds_p50, seconds_p95"""
    # 0.2 $ and 0.4 $, and 20 tokens at 1 $ a million, of 2.30 $ that the project cost.
    assert worked.rows(f"SELECT {columns} FROM subagents") == [
        (SHOP, 2, 4, 120_020, Decimal("0.6"), 0.26, 0.3, Decimal("0.4"), 30.0, 30.0)
    ]
    assert answer(worked, "subagent_costs") == [
        (SHOP, "studio", 2, Decimal("0.60002"), Decimal("0.2603"), Decimal("0.3"), False)
    ]
    assert answer(worked, "subagent_costs", machine="laptop") == []


def test_what_runs_of_a_command_cost_and_why(worked: Place) -> None:
    columns = """command, runs, round(mean_cost_usd, 2), round(cost_p50_usd, 2), round(cost_p95_usd, 2), mean_seconds,
        seconds_p95, failed_share, interrupted_share, fresh_input_tokens, cached_input_tokens, output_tokens,
        mapApply((name, usd) -> (name, round(usd, 2)), excess_usd), cost_driver"""
    # Runs without a command: 2.20 $ with everything that makes runs dear, and 0.10 $ without.
    found = worked.rows(f"SELECT {columns} FROM command_patterns WHERE machine = 'studio' ORDER BY command")
    assert found == [
        ("", 2, 1.15, Decimal("2.2"), Decimal("2.2"), 23.0, 45.0, 0.5, 0.0, 620, 600, 188_000,
         {"subagents": 2.1, "failed calls": 2.1, "compactions": 2.1, "cold cache": 2.1}, "several"),
        ("/review", 2, 1.5, Decimal(2), Decimal(2), 6.0, 11.0, 0.0, 0.5, 100, 350, 120_000, {}, ""),
    ]  # fmt: skip
    # 400 and 50 tokens beside the output of 1 $ and of 2 $.
    shown = [
        ("/review", "studio", 2, Decimal("1.5003"), Decimal("2.000025"), 11, "", False),
        ("", "studio", 2, Decimal("1.1524"), Decimal("2.20482"), 45, "several", False),
        ("", "laptop", 1, Decimal("0.1"), Decimal("0.1"), 1, "", False),
    ]
    assert answer(worked, "command_costs") == shown
    assert answer(worked, "command_costs", machine="studio", top="1") == shown[:1]


def test_how_sessions_grew_and_what_compactions_cost_the_cache(worked: Place) -> None:
    columns = """claude_session_id, answers, first_context_tokens, largest_context_tokens, round(context_growth, 2),
        round(cache_share, 3), compactions, round(cache_share_after_compaction, 3), api_errors, limits, interrupts"""
    # Three answers after the compaction had 250 tokens of input, 100 of them from the cache.
    assert worked.rows(
        f"SELECT {columns} FROM sessions_health WHERE machine = 'studio' ORDER BY claude_session_id"
    ) == [
        ("s1", 8, 100, 450, 4.5, 0.5, 1, 0.4, 0, 1, 0),
        ("s2", 2, 400, 400, 1.0, 0.778, 0, None, 0, 0, 1),
    ]
    # 1.7 $ of output, 100 + 200 tokens at 5 $, 300 at 10 $ and 600 at 0.5 $ a million; subagents are not its own.
    assert answer(worked, "compacted_sessions") == [
        (SHOP, "s1", "studio", 1, 450, Decimal("0.4"), Decimal("1.7048"), False)
    ]
    assert answer(worked, "compacted_sessions", machine="laptop") == []


def reading(migrated: Place, home: Path, *sessions: Session) -> Place:
    """Read sessions of one machine, of which all write into the same directory."""
    with migrated.opened() as opened:
        write_prices(opened, 1, "20.0.24", PRICES, is_offline=True)
        Reader(opened, home, hashes=False).read(sessions[0].root)
    return migrated


def test_what_the_user_denied_did_not_fail(migrated: Place, tmp_path: Path) -> None:
    # Of 3 $, 2 $ and 1 $: the first had a denied call, the second a failed one.
    session = Session(tmp_path / "claude", "s1", NOON)
    session.prompt("/ship").answer(120_000, reads=9, calls={"c1 Bash": {}}).after(1).result("c1", error=DENIED).after(1)
    session.prompt("/ship").answer(80_000, reads=9, calls={"c2 Bash": {}}).after(1).result("c2", error="Exit code 1")
    session.after(1).prompt("/ship").answer(40_000, reads=9)
    place = reading(migrated, tmp_path / "studio", session)

    columns = "runs, mapApply((name, usd) -> (name, round(usd, 2)), excess_usd), cost_driver"
    assert place.rows(f"SELECT {columns} FROM command_patterns") == [
        (3, {"failed calls": 0.0, "denied calls": 1.5}, "denied calls")
    ]


def test_an_answer_after_two_compactions_counts_once(migrated: Place, tmp_path: Path) -> None:
    session = Session(tmp_path / "claude", "s1", NOON)
    session.prompt().after(1).answer(4_000, fresh=500)
    session.after(1).compaction(500).after(1).answer(4_000, fresh=100).after(1).compaction(500)
    for _ in range(4):
        session.after(1).answer(4_000, reads=100)
    place = reading(migrated, tmp_path / "studio", session)

    # Two answers are of the three after either. Without them twice, one had nothing and three had all from the cache.
    assert place.rows("SELECT compactions, cache_share_after_compaction FROM sessions_health") == [(2, 0.75)]


@pytest.mark.exhaustive
def test_what_is_older_than_30_days_is_in_no_pattern_however_long_a_machine_is_idle(
    migrated: Place, tmp_path: Path
) -> None:
    session = Session(tmp_path / "claude", "s1", datetime.now(UTC) - timedelta(days=31))
    session.prompt().answer(40_000, calls={"c1 Bash": {}, "c2 mcp__acme__send": {}}).after(1).result("c1").result("c2")
    session.started("a1").prompt("look").answer(40_000)
    place = reading(migrated, tmp_path / "studio", session)

    for view in ("command_patterns", "tool_patterns", "subagents", "sessions_health", "savings"):
        assert place.rows(f"SELECT count() FROM {view}") == [(0,)], view
    assert place.rows("SELECT calls, recent_calls, is_unused FROM mcp_servers") == [(1, 0, True)]
