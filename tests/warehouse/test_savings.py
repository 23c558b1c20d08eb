"""What could cost less: sessions made by hand, against dollars worked out by hand.

Opus costs 5 $ a million tokens of input, 25 of output, 6.25 and 10 written to the cache, 0.5 read from it; Sonnet 3,
15, 3.75, 6 and 0.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ccusage_import.records import ModelPrice
from ccusage_import.warehouse.prices import write_prices
from tests.conftest import CORPORA, Place
from tests.support.claude_dir import days_ago
from tests.support.facts import Reader
from tests.support.sessions import Session

pytestmark = [pytest.mark.exhaustive_at("http"), pytest.mark.usefixtures("engine_stays")]

OPUS, SONNET = "claude-opus-4-6", "claude-sonnet-4-5-20250929"
PRICES = {OPUS: ("5", "25", "6.25", "10", "0.5"), SONNET: ("3", "15", "3.75", "6", "0.3")}
NO_MATCH = "<tool_use_error>String to replace not found in file.</tool_use_error>"
Found = dict[str, tuple[Decimal, int]]


@pytest.fixture(autouse=True)
def kept_open(migrated: Place) -> Iterator[None]:
    """Each warehouse is opened once."""
    with migrated.keep_open():
        yield


def read(
    migrated: Place, home: Path, *roots: Path, models: tuple[str, ...] = (OPUS, SONNET), machine: str = "studio"
) -> None:
    """Read transcripts as a machine, at the prices of models."""
    with migrated.opened() as opened:
        prices = [ModelPrice._make(("claude", model, *map(Decimal, PRICES[model]), *[None] * 5)) for model in models]
        write_prices(opened, 1, "20.0.24", prices, is_offline=True)
        # Without pseudonyms, so that sessions have their names.
        Reader(opened, home / machine, machine, hashes=False).read(*roots)


def savings(migrated: Place) -> Found:
    """Return dollars and cases by kind, dearest first."""
    found: Any = migrated.rows("SELECT kind, usd_per_month, cases FROM savings")
    return {kind: (usd, cases) for kind, usd, cases in found}


def usd(text: str, cases: int) -> tuple[Decimal, int]:
    return Decimal(text), cases


def test_what_was_in_the_cache_before_a_pause(migrated: Place, tmp_path: Path) -> None:
    minutes = Session(tmp_path / "claude", "minutes")
    minutes.ask(0)
    minutes.answer(0.5, SONNET, writes=(1_000_000, 0))
    minutes.ask(4)
    minutes.answer(4.5, SONNET, reads=1_000_000)
    minutes.ask(10)
    # 200,000 were still there, 100,000 are new: 800,000 cost 3.75 $ a million instead of 0.3.
    minutes.answer(10.5, SONNET, reads=200_000, writes=(900_000, 0))

    read(migrated, tmp_path, tmp_path / "claude")

    assert savings(migrated) == {"cache_misses": usd("2.76", 1)}


def test_writes_of_an_hour_live_longer_and_may_never_be_read(migrated: Place, tmp_path: Path) -> None:
    hours = Session(tmp_path / "claude", "hours")
    hours.ask(0)
    hours.answer(0.5, SONNET, writes=(0, 1_000_000))
    # This one reads nothing, but the next one does.
    hours.answer(20, SONNET, tokens=(1, 0))
    hours.ask(30)
    hours.answer(30.5, SONNET, reads=600_000, writes=(400_000, 0))
    hours.ask(95)
    # 5.70 $ more than a read of the same. It costs 6 $: of the other 0.30 $, half is what a write costs beyond input.
    hours.answer(95.5, SONNET, writes=(0, 1_000_000))

    read(migrated, tmp_path, tmp_path / "claude")

    assert savings(migrated) == {"cache_misses": usd("5.7", 1), "unread_hour_writes": usd("0.15", 1)}
    assert migrated.rows("SELECT evidence FROM savings WHERE kind = 'unread_hour_writes'") == [(["hours"],)]


def test_the_first_answers_after_three_compactions(migrated: Place, tmp_path: Path) -> None:
    for name, compactions in (("thrice", 3), ("twice", 2)):
        session = Session(tmp_path / "claude", name)
        session.ask(0)
        session.answer(0.5, SONNET, writes=(100_000, 0))
        for number in range(compactions):
            session.compacted(10 + 10 * number)
            session.answer(11 + 10 * number, SONNET, writes=(20_000, 0))
            session.answer(12 + 10 * number, SONNET, reads=20_000, writes=(5_000, 0))

    read(migrated, tmp_path, tmp_path / "claude")

    # 3 times 20,000 at 3.45 $ a million.
    assert savings(migrated) == {"repeated_compactions": usd("0.207", 1)}


def test_files_that_were_read_and_did_not_change(migrated: Place, tmp_path: Path) -> None:
    session = Session(tmp_path / "claude", "reader")
    session.ask(0)
    first = [("Read", "/shop/a.py", "")]
    session.answer(1, SONNET, tokens=(0, 1000), calls=first)
    # 0.03 $, of which a.py is a third; b.py is new, and c.py could not be read.
    both = [*first, ("Read", "/shop/b.py", ""), ("Read", "/shop/c.py", "Permission to use Read has been denied")]
    session.answer(2, SONNET, tokens=(0, 2000), calls=both)
    session.answer(3, SONNET, tokens=(0, 1000), calls=[("Edit", "/shop/a.py", "")])
    session.answer(4, SONNET, tokens=(0, 1000), calls=first)
    session.compacted(5)
    session.answer(6, SONNET, tokens=(0, 1000), calls=first)
    session.answer(7, SONNET, tokens=(0, 4000), calls=first)
    session.subagent("a1").answer(8, SONNET, tokens=(0, 1000), calls=first)

    read(migrated, tmp_path, tmp_path / "claude")

    assert savings(migrated) == {"repeated_reads": usd("0.07", 1)}


def test_failures_of_tools_until_one_succeeds(migrated: Place, tmp_path: Path) -> None:
    session = Session(tmp_path / "claude", "failing")
    session.ask(0)
    session.answer(1, SONNET, tokens=(0, 1000), calls=[("Edit", "/shop/a.py", NO_MATCH)])
    session.answer(2, SONNET, tokens=(0, 2000), calls=[("Edit", "/shop/a.py", NO_MATCH)])
    session.answer(3, SONNET, tokens=(0, 4000), calls=[("Edit", "/shop/a.py", "")])
    session.answer(4, SONNET, tokens=(0, 1000), calls=[("Bash", "", "Exit code 1")])
    session.answer(5, SONNET, tokens=(0, 1000), calls=[("Bash", "", "Permission to use Bash has been denied")])
    session.answer(6, SONNET, tokens=(0, 1000), calls=[("Edit", "/shop/a.py", NO_MATCH)])
    session.ask(7)
    session.answer(8, SONNET, tokens=(0, 1000))

    read(migrated, tmp_path, tmp_path / "claude")

    # 2,000 and 4,000 tokens at 15 $ a million; the last failure was given up.
    assert savings(migrated) == {"failed_tools": usd("0.09", 1)}


def test_subagents_whose_last_answer_says_nothing(migrated: Place, tmp_path: Path) -> None:
    session = Session(tmp_path / "claude", "parent")
    session.ask(0)
    session.answer(1, SONNET, tokens=(0, 1000), calls=[("Task", "", "")])
    for agent, text in (("silent", ""), ("telling", "found it")):
        subagent = session.subagent(agent)
        subagent.answer(1.2, SONNET, tokens=(0, 2000), text="I look", calls=[("Grep", "", "")])
        subagent.answer(1.4, SONNET, tokens=(0, 3000), text=text)
    # One that began as early and may still say something.
    working = session.subagent("working")
    working.answer(1.2, SONNET, tokens=(0, 2000), text="I look", calls=[("Grep", "", "")])
    working.answer((datetime.now(UTC) - days_ago(1, 8)) / timedelta(minutes=1) - 10, SONNET, tokens=(0, 3000), text="")

    read(migrated, tmp_path, tmp_path / "claude")

    assert savings(migrated) == {"empty_subagents": usd("0.075", 1)}


def test_servers_that_are_loaded_and_never_called(migrated: Place, tmp_path: Path) -> None:
    session = Session(tmp_path / "claude", "loading")
    session.ask(0)
    session.answer(0.5, SONNET, reads=100_000)
    session.loaded(
        1,
        tools={"Monitor": 4000, "mcp__acme__send": 6000, "mcp__acme__get": 2001, "mcp__used__it": 80_000},
        instructions={"claude.ai Fire  crawl": 40_000, "used": 9000},
    )
    session.answer(2, SONNET, reads=100_000, calls=[("mcp__used__it", "", "")])
    # As after a compaction: what was told before is told again, and no more of it is there.
    session.loaded(3, tools={"mcp__acme__send": 6000}, instructions={"claude.ai Fire  crawl": 40_000})
    session.answer(4, SONNET, reads=100_000)
    session.answer(5, SONNET, reads=1000)
    session.subagent("helper").answer(6, SONNET, reads=100_000)

    read(migrated, tmp_path, tmp_path / "claude")

    # Two answers of 2,001 and 10,000 tokens and one of the 1,000 that it read, at 0.30 $ a million.
    assert savings(migrated) == {"unused_mcp_servers": usd("0.0075006", 1)}
    assert migrated.rows("SELECT evidence, is_estimate FROM savings") == [(["loading"], True)]
    columns = "mcp_server, calls, is_unused, first_call_at IS NULL, loaded_sessions, loaded_tokens"
    assert migrated.rows(f"SELECT {columns} FROM mcp_servers ORDER BY mcp_server") == [
        ("acme", 0, True, True, 1, 2001),
        ("claude_ai_Fire_crawl", 0, True, True, 1, 10_000),
        ("used", 1, False, False, 1, 22_250),
    ]


def test_the_hand_made_corpus(migrated: Place, tmp_path: Path) -> None:
    yesterday = days_ago(1).strftime("%Y-%m-%dT")
    groups = ("05-interrupts", "09-compactions", "11-subagent-file", "22-edits")
    for group in groups:
        for file in (CORPORA / "facts" / group / "1").rglob("*.jsonl"):
            moved = tmp_path / group / file.relative_to(CORPORA / "facts" / group / "1")
            moved.parent.mkdir(parents=True)
            moved.write_text(file.read_text().replace("2026-03-02T", yesterday))

    read(migrated, tmp_path, *[tmp_path / group for group in groups])

    # Most answers are of 3 tokens of input and 20 of output, 0.000515 $: two follow failed edits. The interrupted ones
    # are one of these and one that ended after a token. Sonnet costs 0.6 of what Opus does: two answers of a turn with
    # a subagent, and five around two compactions, which read 320,000 tokens and wrote 40,000.
    assert savings(migrated) == {
        "large_model": usd("0.165442", 3),
        "failed_tools": usd("0.00103", 1),
        "interrupted_turns": usd("0.000555", 2),
    }
    kinds = migrated.rows("SELECT kind, is_estimate, case_is, length(evidence) FROM savings ORDER BY kind")
    assert kinds == [
        ("failed_tools", True, "turn", 1), ("interrupted_turns", False, "turn", 2), ("large_model", True, "turn", 3),
    ]  # fmt: skip
    proofs = (
        "SELECT outcome FROM turns WHERE toString(turn_id) IN (SELECT arrayJoin(evidence) FROM savings WHERE kind = {})"
    )
    assert migrated.rows(proofs.format("'interrupted_turns'")) == [("interrupted",), ("interrupted",)]


def test_a_large_model_is_compared_with_a_known_price_alone(migrated: Place, tmp_path: Path) -> None:
    session = Session(tmp_path / "claude", "question")
    session.ask(0)
    session.answer(1, OPUS, tokens=(1_000_000, 0))

    read(migrated, tmp_path, tmp_path / "claude", models=(OPUS,))
    assert savings(migrated) == {}

    read(migrated, tmp_path, tmp_path / "none")
    assert savings(migrated) == {"large_model": usd("2", 1)}


def test_no_dollar_is_promised_twice_and_the_dearest_comes_first(migrated: Place, tmp_path: Path) -> None:
    for number in range(12):
        session = Session(tmp_path / "claude", f"s{number:02}")
        session.ask(0)
        session.answer(1, OPUS, tokens=(0, 1000 * (number + 1)), calls=[("Read", "/shop/a.py", "")])
        session.answer(2, OPUS, tokens=(0, 1000 * (number + 1)), calls=[("Read", "/shop/a.py", "")])
        if number == 0:
            session.interrupted(3)

    read(migrated, tmp_path, tmp_path / "claude")

    # Each answer costs 0.025 $ times 1 to 12. The first session was interrupted: both of its answers. Of the others the
    # second read again what was read, and nothing is left for Sonnet to save; the first would have cost 0.4 less.
    assert savings(migrated) == {
        "repeated_reads": usd("1.925", 11), "large_model": usd("0.77", 11), "interrupted_turns": usd("0.05", 1),
    }  # fmt: skip
    assert migrated.rows("SELECT evidence FROM savings WHERE kind = 'repeated_reads'") == [
        ([f"s{number:02}" for number in range(11, 1, -1)],)
    ]


def test_a_turn_whose_subagent_has_a_session_of_its_own_is_one_case(migrated: Place, tmp_path: Path) -> None:
    session = Session(tmp_path / "claude", "parent")
    session.ask(0)
    session.answer(1, SONNET, tokens=(0, 1000))
    session.subagent("helper").answer(2, SONNET, tokens=(0, 2000))
    session.interrupted(3)
    # Where Claude Code wrote them before, ccusage takes a subagent for a session.
    folder = tmp_path / "claude" / "projects" / "-shop"
    (folder / "parent" / "subagents" / "agent-helper.jsonl").rename(folder / "agent-helper.jsonl")

    read(migrated, tmp_path, tmp_path / "claude")

    assert savings(migrated) == {"interrupted_turns": usd("0.045", 1)}
    assert migrated.rows("SELECT project, session_id, answers FROM savings_cases") == [("-shop", "parent", 2)]
    assert migrated.rows("SELECT evidence = [toString(turn_id)] FROM savings, turns") == [(True,)]


def test_only_the_last_thirty_days_count(migrated: Place, tmp_path: Path) -> None:
    session = Session(tmp_path / "claude", "old")
    session.ask(-60 * 24 * 30)
    session.answer(-60 * 24 * 30, OPUS, tokens=(1_000_000, 0))

    read(migrated, tmp_path, tmp_path / "claude")

    assert savings(migrated) == {}
