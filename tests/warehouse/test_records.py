"""Records as they are read back: as they were written, and those that are offered again as the very same objects."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.records import ModelUsage, Provenance, Record
from ccusage_import.rule.ledger import Weighed
from ccusage_import.warehouse import tables
from ccusage_import.warehouse.clickhouse_client import open_warehouse
from ccusage_import.warehouse.tables import offer_json, read_records, record_of_json, weighed_of_json, write_records
from tests.conftest import Place

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
OPUS = ModelUsage("opus", 1, 2, 3, 4, Decimal("0.5"), unpriced=False)
HAIKU = ModelUsage("haiku", 5, 6, 7, 8, Decimal("0.25"), unpriced=True)
READ_WITH = Provenance("20.0.24", "UTC", "auto", ("one", "two"))
# One that differs, for each column but those that name a record.
OTHERS: dict[str, Any] = {
    "day": date(2026, 10, 2),
    "input_tokens": 100,
    "output_tokens": 100,
    "cache_creation_tokens": 100,
    "cache_read_tokens": 100,
    "total_tokens": 100,
    "cost_usd": Decimal("0.750000001"),
    "unpriced": True,
    "provenance": READ_WITH._replace(data_dirs=("one",)),
    "models": (OPUS, HAIKU._replace(cost_usd=Decimal("0.250000001"))),
    "models_used": ("haiku", "opus", "sonnet"),
    "project": "shop",
    "session_id": "s",
    "started_at": NOON,
    "ended_at": None,
    "is_project_total": True,
    "block_ends_at": NOON,
    "is_active": True,
    "entries": 1,
    "tokens_per_minute": 0.5,
    "cost_per_hour_usd": 0.0,
    "projected_tokens": 0,
    "projected_cost_usd": Decimal(0),
    "remaining_minutes": 0,
    "limit_resets_at": NOON,
    "is_dated_ahead": True,
}


def record(number: int, **columns: Any) -> Record:
    return Record(
        "session", "studio", "claude", f"{number:04}", date(2026, 10, 1), 6, 8, 10, 12, 36, Decimal("0.75"),
        unpriced=False, provenance=READ_WITH, models=(OPUS, HAIKU), models_used=("haiku", "opus"), ended_at=NOON,
    )._replace(**columns)  # fmt: skip


@pytest.mark.one_place
@pytest.mark.parametrize(("few", "at_once"), [(20_000, 1), (10, 256)])
def test_what_is_offered_as_it_is_stored_is_that_very_object(
    migrated: Place, few: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "FEW_RECORDS", few)
    monkeypatch.setattr(tables, "COMPARED_AT_ONCE", at_once)
    stored = [record(number) for number in range(600)]
    offered = [record(number) for number in range(600)]
    assert {*Record._fields} - {*OTHERS} == {"report", "machine", "agent", "key"}
    for number, (name, value) in enumerate(OTHERS.items()):
        offered[number] = offered[number]._replace(**{name: value})
    # Two whose arrays hold the same one after the other.
    stored[300], offered[300] = record(300, models=(OPUS,)), record(300, models=())
    stored[301], offered[301] = record(301, models=()), record(301, models=(OPUS,))
    del offered[-1]

    with open_warehouse(parse_warehouse_url(migrated.url)) as opened:
        write_records(opened, 1, ((each, False) for each in stored), "t")
        read = sorted(read_records(opened, "studio", offered), key=lambda each: each.key)
        parts = opened.rows("SELECT count() FROM system.parts WHERE table = 'records' AND active")

    assert read == stored
    assert parts == [(1,)]
    same = [number for number, (one, two) in enumerate(zip(read, offered, strict=False)) if one is two]
    assert same == [*range(len(OTHERS), 300), *range(302, 599)]


@pytest.mark.parametrize("column", OTHERS)
def test_a_logged_offer_is_read_back_as_it_was(column: str) -> None:
    offered, weighed = record(1, **{column: OTHERS[column]}), Weighed(messages=7, left=5, tokens_gone=300)

    for text in (offer_json(offered).decode(), offer_json(offered, weighed).decode()):
        assert record_of_json(text) == offered
    assert weighed_of_json(text) == weighed


def test_an_offer_is_logged_as_it_was_before_there_were_other_columns() -> None:
    logged = offer_json(record(1)).decode()

    assert weighed_of_json(logged) is None
    assert ("is_dated_ahead" in logged, "weighed" in logged) == (False, False)
    assert (offer_json(None), record_of_json(""), weighed_of_json("")) == (b"", None, None)
