"""What the reports of one offer say together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from ccusage_import.ccusage.fetcher import Fetched
from ccusage_import.ccusage.offers import Offer, parse_offer
from ccusage_import.names.pseudonyms import Pseudonyms
from ccusage_import.records import Provenance, Record

RECORDED = Path(__file__).parents[1] / "recorded" / "20.0.24"


def blocks_of(*reports: str) -> list[Record]:
    """Return the blocks of an offer of recorded reports."""
    outputs = {name: (RECORDED / f"claude-{name}.json").read_bytes() for name in reports}
    return [record for record in records_of(outputs) if record.report == "blocks"]


def records_of(outputs: Mapping[str, bytes]) -> Sequence[Record]:
    """Return the records of an offer of reports as they are printed."""
    offer = Offer(
        outputs={name: Fetched(name, output, 0.1, 1) for name, output in outputs.items()},
        provenance=Provenance("20.0.24", "UTC", "auto", ()),
        version_info=(20, 0, 24),
        runner="PATH",
        intact_from=None,
    )
    return parse_offer(offer, "studio", Pseudonyms("salt", is_enabled=True), date(2026, 11, 26), None).records


def hour(start: int, model: str, tokens: int) -> dict[str, Any]:
    """Return an hour as ccusage prints it."""
    counts = {"inputTokens": tokens, "outputTokens": 0, "cacheCreationInputTokens": 0, "cacheReadInputTokens": 0}
    starts_at, ends_at = (f"2026-05-13T{number:02}:00:00.000Z" for number in (start, start + 1))
    return {
        "startTime": starts_at, "endTime": ends_at, "actualEndTime": starts_at, "isActive": False, "isGap": False,
        "entries": 1, "tokenCounts": counts, "totalTokens": tokens, "costUSD": 0.25, "models": [model],
    }  # fmt: skip


def test_a_block_is_unpriced_where_its_day_has_a_model_without_a_price() -> None:
    blocks = blocks_of("blocks", "daily")

    # Its other models cost $0.19. On the day after, the same model tells its own cost.
    assert [record.key for record in blocks if record.unpriced] == ["2025-07-04T12:00:00.000Z"]
    assert len(blocks) == 19


def test_an_hour_is_unpriced_where_its_day_has_a_model_without_a_price() -> None:
    part = {"inputTokens": 1, "outputTokens": 0, "cacheCreationTokens": 0, "cacheReadTokens": 0}
    breakdown = {**part, "modelName": "new", "cost": 0, "missingPricing": True}
    day = {**part, "date": "2026-05-13", "totalTokens": 1, "totalCost": 0, "modelBreakdowns": [breakdown]}
    hours = [hour(9, "new", 1), hour(11, "known", 1)]
    outputs = {"daily": json.dumps({"daily": [day]}).encode(), "hours": json.dumps({"blocks": hours}).encode()}

    assert [(record.key, record.unpriced) for record in records_of(outputs) if record.report == "hours"] == [
        ("2026-05-13T09:00:00.000Z", True),
        ("2026-05-13T11:00:00.000Z", False),
    ]


def test_a_block_alone_cannot_know() -> None:
    assert [record.key for record in blocks_of("blocks") if record.unpriced] == []
