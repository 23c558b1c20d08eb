"""What the cache saved in a turn, against numbers worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.prices import write_prices
from tests.conftest import Place
from tests.support.facts import Reader
from tests.support.prompts import price

SAVINGS = "SELECT cache_savings_usd FROM turns WHERE machine = {machine:String} ORDER BY at"


@pytest.fixture
def opened(embedded: Callable[[str], Place]) -> Iterator[ClickHouse]:
    """A warehouse that knows the prices of two models, of one of them also what it cost later."""
    with embedded("warehouse").opened() as warehouse:
        prices = [price("claude-a", "3", "15", "3.75", "6", "0.3"), price("claude-b", "1", "5", "1.25", "2", "0.1")]
        write_prices(warehouse, 1, "20.0.24", prices, is_offline=True)
        later = [price("claude-a", "30", "150", "37.5", "60", "3")]
        write_prices(warehouse, 2**60, "20.0.24", later, is_offline=True)
        yield warehouse


def prompt(number: int) -> dict[str, object]:
    """A prompt, each a minute after the one before."""
    return {**_record("user", f"p{number}", number), "message": {"role": "user", "content": "do it"}}


def answer(
    name: str, number: int, model: str, *, writes: tuple[int, int] = (0, 0), reads: int = 0
) -> dict[str, object]:
    """An answer to a prompt: tokens written to the cache for 5 minutes and for an hour, and read from it."""
    usage = {
        "input_tokens": 10,
        "output_tokens": 20,
        "cache_creation_input_tokens": sum(writes),
        "cache_creation": {"ephemeral_5m_input_tokens": writes[0], "ephemeral_1h_input_tokens": writes[1]},
        "cache_read_input_tokens": reads,
    }
    message = {"id": f"msg_{name}", "role": "assistant", "model": model, "content": [], "usage": usage}
    record = _record("assistant", f"a{name}", number)
    return {**record, "parentUuid": f"p{number}", "requestId": f"req_{name}", "message": message}


def _record(kind: str, uuid: str, minute: int) -> dict[str, object]:
    at = f"2026-03-02T08:{minute:02}:00.000Z"
    return {"type": kind, "uuid": uuid, "timestamp": at, "sessionId": "s1", "version": "2.0.14", "cwd": "/shop"}


def test_reads_save_and_writes_cost(opened: ClickHouse, tmp_path: Path) -> None:
    records = [
        prompt(1),
        # Reads save 2.70 $ a million, writes cost 0.75 $ and 3 $ a million more: 2.7 - 0.15 - 0.3.
        answer("1", 1, "claude-a", writes=(200_000, 100_000), reads=1_000_000),
        # And 0.90 $ a million, 0.25 $ and 1 $: 0.045 - 0.1.
        answer("2", 1, "claude-b", writes=(0, 100_000), reads=50_000),
        prompt(2),
        answer("3", 2, "claude-a", writes=(1_000_000, 0)),
        prompt(3),
        answer("4", 3, "claude-a", reads=1_000_000),
        answer("5", 3, "claude-none", reads=1),
        prompt(4),
        answer("6", 4, "claude-a", reads=10),
        # Nothing of it was cached: it does not matter what it costs.
        answer("7", 4, "claude-none"),
        prompt(5),
    ]
    transcript = tmp_path / "claude/projects/shop/s1.jsonl"
    transcript.parent.mkdir(parents=True)
    transcript.write_text("".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records))

    Reader(opened, tmp_path / "home").read(tmp_path / "claude")

    expected = ["2.195", "-0.75", None, "0.000027", "0"]
    saved = [row[0] for row in opened.rows(SAVINGS, {"machine": "studio"})]
    assert saved == [None if usd is None else Decimal(usd) for usd in expected]
