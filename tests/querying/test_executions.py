"""The view `executions` and the queries on it: prompts on two machines, against numbers worked out by hand.

An answer of 40,000 tokens costs 1 $ with the big model and 0.20 $ with the small one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ccusage_import.querying.queries import read_queries
from ccusage_import.warehouse.prices import write_prices
from tests.conftest import Place, only_read
from tests.querying.test_queries import answer
from tests.support.facts import Reader
from tests.support.prompts import HAIKU, OPUS, PRICES, Session

pytestmark = pytest.mark.usefixtures("engine_stays")

SHOP, BLOG = "-home-ana-shop", "-home-ana-blog"
DAYS = {"since": "2026-03-01", "until": "2026-03-03"}
TIMEOUT = "API Error: 500 Internal server error"
LIMIT = "Claude AI usage limit reached|1772560000"


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


@pytest.fixture(scope="module")
def prompted(shared_migrated: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Seven prompts on the studio, in New York, and one on the laptop, in UTC."""
    directory = tmp_path_factory.mktemp("prompted")
    studio, laptop = directory / "studio-claude", directory / "laptop-claude"
    first = Session(studio, "s1", at("03-02 02:30"))
    first.prompt("/review").after(10)
    first.answer(40_000, fresh=7, writes=(20, 10), reads=500, calls={"c1 Bash": {"command": "make"}, "c2 Read": {}})
    first.after(8).result("c1", error="Exit code 1").result("c2")
    helper = first.started("a1").prompt("look").after(2)
    helper.answer(40_000, model=HAIKU)
    first.after(12).answer(4_000, model=HAIKU)
    first.after(3600 * 12).prompt().after(5).answer(80_000).after(25).interrupt()
    other = Session(studio, "s2", at("03-03 15:00"), project=BLOG)
    other.prompt().after(4).answer(40_000, model=HAIKU).after(60)
    other.prompt("/review").after(1).fails(TIMEOUT).after(60)
    other.prompt("/review").after(6).answer(20_000).after(3).fails(LIMIT).after(60)
    other.prompt("/clear")
    Session(studio, "s3", at("03-04 15:00")).prompt().after(1).answer(400_000)
    Session(laptop, "s4", at("03-02 23:30")).prompt("/review").after(3).answer(40_000)
    with shared_migrated.opened() as opened:
        write_prices(opened, 1, "20.0.24", PRICES, is_offline=True)
        Reader(opened, directory / "studio", "studio", timezone="America/New_York", hashes=False).read(studio)
        Reader(opened, directory / "laptop", "laptop", hashes=False).read(laptop)
    with only_read(shared_migrated) as filled:
        yield filled


def rows(place: Place, name: str, **given: str) -> list[tuple[Any, ...]]:
    """Money as Decimal, so that 1 and 1.00 are the same."""
    found = answer(place, name, **{**DAYS, **given})
    return [tuple(Decimal(cell) if _is_money(cell) else cell for cell in row) for row in found]


def _is_money(cell: object) -> bool:
    return isinstance(cell, str) and cell.replace(".", "").isdigit()


def test_a_prompt_is_a_row_with_all_that_it_caused(prompted: Place) -> None:
    columns = """timezone, date, weekday, hour, kind, command, project, session_id, position, session_executions, model,
        answers, fresh_input_tokens, cached_input_tokens, output_tokens, total_tokens, round(cost_usd, 4),
        subagent_cost_usd, first_answer_ms, duration_ms, tools, tool_calls, failed_tool_calls, outcome"""
    ny, usd = "America/New_York", Decimal
    # 7 tokens at 5 $, 20 at 6.25 $, 10 at 10 $ and 500 at 0.5 $ a million are 0.00051 $.
    assert prompted.rows(f"SELECT {columns} FROM executions WHERE machine = 'studio' ORDER BY at") == [
        (ny, date(2026, 3, 1), 7, 21, "command", "/review", SHOP, "s1", 1, 2, OPUS, 3, 37, 500, 84_000, 84_537,
         usd("1.2205"), usd("0.2"), 10_000, 30_000, {"Bash": 1, "Read": 1}, 2, 1, "done"),
        (ny, date(2026, 3, 2), 1, 9, "text", "", SHOP, "s1", 2, 2, OPUS, 1, 0, 0, 80_000, 80_000,
         usd(2), usd(0), 5_000, 30_000, {}, 0, 0, "interrupted"),
        (ny, date(2026, 3, 3), 2, 10, "text", "", BLOG, "s2", 1, 4, HAIKU, 1, 0, 0, 40_000, 40_000,
         usd("0.2"), usd(0), 4_000, 4_000, {}, 0, 0, "done"),
        (ny, date(2026, 3, 3), 2, 10, "command", "/review", BLOG, "s2", 2, 4, "<synthetic>", 1, 0, 0, 0, 0,
         usd(0), usd(0), 1_000, 1_000, {}, 0, 0, "api_error"),
        (ny, date(2026, 3, 3), 2, 10, "command", "/review", BLOG, "s2", 3, 4, OPUS, 2, 0, 0, 20_000, 20_000,
         usd("0.5"), usd(0), 6_000, 9_000, {}, 0, 0, "limit"),
        (ny, date(2026, 3, 3), 2, 10, "command", "/clear", BLOG, "s2", 4, 4, "", 0, 0, 0, 0, 0,
         usd(0), usd(0), None, 0, {}, 0, 0, "done"),
        (ny, date(2026, 3, 4), 3, 10, "text", "", SHOP, "s3", 1, 1, OPUS, 1, 0, 0, 400_000, 400_000,
         usd(10), usd(0), 1_000, 1_000, {}, 0, 0, "done"),
    ]  # fmt: skip
    assert prompted.rows("SELECT timezone, date, hour FROM executions WHERE machine = 'laptop'") == [
        ("UTC", date(2026, 3, 2), 23)
    ]


@pytest.mark.exhaustive_at("http")
def test_the_dearest_the_slowest_and_the_failed_ones(prompted: Place) -> None:
    usd = Decimal
    interrupted = ("2026-03-02 14:30:30.000", "", SHOP, OPUS, 1, 0, 0, 80_000, 2, False, 30, "interrupted")
    review = ("2026-03-02 02:30:00.000", "/review", SHOP, OPUS, 3, 2, 1, 84_537, usd("1.22051"), False, 30, "done")
    laptop = ("2026-03-02 23:30:00.000", "/review", SHOP, OPUS, 1, 0, 0, 40_000, 1, False, 3, "done")
    limit = ("2026-03-03 15:02:05.000", "/review", BLOG, OPUS, 2, 0, 0, 20_000, usd("0.5"), False, 9, "limit")
    error = ("2026-03-03 15:01:04.000", "/review", BLOG, "<synthetic>", 1, 0, 0, 0, 0, False, 1, "api_error")
    assert rows(prompted, "top_prompts", top="4") == [interrupted, review, laptop, limit]
    assert rows(prompted, "slowest_prompts", top="3", machine="studio") == [review, interrupted, limit]
    assert rows(prompted, "failed_prompts") == [limit, error]
    assert rows(prompted, "failed_prompts", top="1") == [limit]


def test_what_interrupted_ones_cost(prompted: Place) -> None:
    assert rows(prompted, "interrupted_prompts") == [(SHOP, 3, 1, 2, Decimal("4.22051"), False)]
    assert rows(prompted, "interrupted_prompts", project=BLOG) == []


@pytest.mark.exhaustive_at("http")
def test_sums_by_command_outcome_project_model_and_time(prompted: Place) -> None:
    """What it is, how many, how many did not end well, tokens, cost and mean."""
    usd = Decimal
    assert rows(prompted, "prompts_by_command") == [
        ("/review", 4, 2, 144_537, usd("2.72051"), usd("0.6801"), False),
        ("", 2, 1, 120_000, usd("2.2"), usd("1.1"), False),
        ("/clear", 1, 0, 0, 0, 0, False),
    ]
    assert rows(prompted, "prompts_by_outcome") == [
        ("done", 4, 164_537, usd("2.42051"), usd("0.6051"), False),
        ("interrupted", 1, 80_000, 2, 2, False),
        ("limit", 1, 20_000, usd("0.5"), usd("0.5"), False),
        ("api_error", 1, 0, 0, 0, False),
    ]
    shop = (SHOP, 3, 1, 204_537, usd("4.22051"), usd("1.4068"), False)
    assert rows(prompted, "prompts_by_project") == [shop, (BLOG, 4, 2, 60_000, usd("0.7"), usd("0.175"), False)]
    assert rows(prompted, "prompts_by_model") == [
        (OPUS, 4, 2, 224_537, usd("4.72051"), usd("1.1801"), False),
        (HAIKU, 1, 0, 40_000, usd("0.2"), usd("0.2"), False),
        ("", 1, 0, 0, 0, 0, False),
        ("<synthetic>", 1, 1, 0, 0, 0, False),
    ]
    sunday, tuesday = (1, 0, 84_537, usd("1.22051"), usd("1.2205"), False), (4, 2, 60_000, usd("0.7"), usd("0.175"))
    assert rows(prompted, "prompts_by_weekday") == [
        (1, 2, 1, 120_000, 3, usd("1.5"), False), (2, *tuesday, False), (7, *sunday),
    ]  # fmt: skip
    assert rows(prompted, "prompts_by_hour") == [
        (9, 1, 1, 80_000, 2, 2, False), (10, *tuesday, False), (21, *sunday), (23, 1, 0, 40_000, 1, 1, False),
    ]  # fmt: skip
    assert rows(prompted, "prompts_by_week", until="2026-03-08") == [
        ("2026-02-23", *sunday), ("2026-03-02", 7, 3, 580_000, usd("13.7"), usd("1.9571"), False),
    ]  # fmt: skip


def test_percentiles_by_command(prompted: Place) -> None:
    dear = Decimal("1.22051")
    assert rows(prompted, "prompt_percentiles") == [
        ("/review", 4, 1, dear, dear, 9, 30, 30, 6, 10, 10, False),
        ("", 2, 2, 2, 2, 30, 30, 30, 5, 5, 5, False),
        ("/clear", 1, 0, 0, 0, 0, 0, 0, None, None, None, False),
    ]


@pytest.mark.exhaustive
def test_those_since_an_instant_are_the_rows_that_all_of_them_show(prompted: Place) -> None:
    whole = prompted.rows("SELECT at, position FROM executions WHERE session_id LIKE '%s1' ORDER BY at")
    assert [position for _, position in whole] == [1, 2]
    instants = (
        "1970-01-01", "2026-03-02 02:30:00", "2026-03-02 02:30:00.001", "2026-03-03 15:01:00", "2026-03-05",
    )  # fmt: skip
    more = "session_executions, model, zone_of_answers, subagent_cost_usd, tools, errors, denials, compactions"
    columns = {"turns": f"* EXCEPT ({more})"}
    asked = [(view, instant) for view in ("turns", "executions") for instant in instants]
    since = prompted.answers(
        {
            f"{view} {instant}": f"SELECT {columns.get(view, '*')} FROM {view}_since(first = '{instant}') ORDER BY ALL"
            for view, instant in asked
        }
    )
    of_all = prompted.answers(
        {
            f"{view} {instant}": f"SELECT * FROM {view} WHERE at >= toDateTime64('{instant}', 3, 'UTC') ORDER BY ALL"
            for view, instant in asked
        }
    )
    assert since == of_all


def test_of_models_that_cost_the_same_a_prompt_has_that_of_more_tokens_then_the_last_name(
    migrated: Place, tmp_path: Path
) -> None:
    root = tmp_path / "claude"
    session = Session(root, "s1", at("03-02 10:00"))
    session.prompt().after(1).answer(20_000).after(1).answer(80_000, model=HAIKU).after(60)
    session.prompt().after(1).answer(8_000).after(1).answer(40_000, model=HAIKU).after(60)
    session.prompt().after(1).answer(256, model="new-a").after(1).answer(255, model="new-b").after(60)
    session.prompt().after(1).answer(256, model="new-a").after(1).answer(256, model="new-b").after(60)
    with migrated.opened() as opened:
        write_prices(opened, 1, "20.0.24", PRICES, is_offline=True)
        Reader(opened, tmp_path / "home", hashes=False).read(root)

    assert migrated.rows("SELECT model, round(cost_usd, 4) FROM executions ORDER BY at") == [
        (OPUS, Decimal("0.9")),
        (HAIKU, Decimal("0.4")),
        ("new-a", Decimal(0)),
        ("new-b", Decimal(0)),
    ]


def test_what_a_prompt_caused_is_found_in_any_month(migrated: Place, tmp_path: Path) -> None:
    root = tmp_path / "claude"
    first = Session(root, "s1", at("02-10 10:00")).prompt().after(1).answer(1)
    # A month ends between prompt and answer, then the clock goes back by two.
    first.after(18.5 * 86_400).prompt("/review").after(86_400)
    first.answer(20, calls={"c1 Bash": {"command": "make"}}).after(2).result("c1")
    first.after(-60 * 86_400).answer(300, calls={"c2 Read": {}})
    # Whoever resumes a session copies what it was.
    file = root / "projects" / SHOP / "s1.jsonl"
    resumed = file.with_name("s2.jsonl")
    resumed.write_text(file.read_text().replace('"sessionId":"s1"', '"sessionId":"s2"'))
    Session(root, "s2", at("03-05 10:00")).prompt().after(1).answer(4_000)
    with migrated.opened() as opened:
        Reader(opened, tmp_path / "home", hashes=False).read(root)
    columns = "claude_session_id, position, messages, tool_calls, output_tokens"
    with migrated.keep_open():
        of_all = migrated.rows(f"SELECT {columns} FROM turns ORDER BY at")
        since = migrated.rows(f"SELECT {columns} FROM turns_since(first = '2026-02-28') ORDER BY at")
    assert of_all == [("s2", 1, 1, 0, 1), ("s2", 2, 2, 2, 320), ("s2", 3, 1, 0, 4_000)]
    assert since == of_all[1:]


def test_a_period_may_begin_with_the_first_day_there_is(prompted: Place) -> None:
    sums = answer(prompted, "prompts_by_command", since="2026-01-01")
    assert len(sums) == 3
    assert answer(prompted, "prompts_by_command", since="1970-01-01") == sums


def test_a_period_begins_where_its_first_day_begins_first(migrated: Place, tmp_path: Path) -> None:
    # Midnight of March 2 on the first island.
    session = Session(tmp_path / "claude", "s1", at("03-01 10:00"))
    session.prompt("/review").after(1).answer(40_000).after(1).interrupt()
    session.after(60).prompt("/review").after(1).fails(TIMEOUT)
    names = [query.name for query in read_queries() if "executions_since(" in query.sql]
    with migrated.opened() as opened:
        Reader(opened, tmp_path / "home", timezone="Pacific/Kiritimati").read(tmp_path / "claude")

    with migrated.keep_open():
        assert [name for name in names if not answer(migrated, name, since="2026-03-02")] == []
        assert [name for name in names if answer(migrated, name, since="2026-03-03")] == []
