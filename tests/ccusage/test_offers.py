"""What the reports of one offer say together."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from ccusage_import.ccusage.fetcher import Fetched
from ccusage_import.ccusage.offers import Offer, parse_offer
from ccusage_import.pseudonyms import Pseudonyms
from ccusage_import.records import Provenance, Record

RECORDED = Path(__file__).parents[1] / "recorded" / "20.0.24"


def blocks_of(*reports: str) -> list[Record]:
    """Return the blocks of an offer of recorded reports."""
    outputs = {name: Fetched(name, (RECORDED / f"claude-{name}.json").read_bytes(), 0.1, 1) for name in reports}
    offer = Offer(
        outputs={**outputs}, provenance=Provenance("20.0.24", "UTC", "auto", ()), version_info=(20, 0, 24),
        runner="PATH", intact_from=None,
    )  # fmt: skip
    parsed = parse_offer(offer, "studio", Pseudonyms("salt", is_enabled=True), date(2026, 11, 26), None)
    return [record for record in parsed.records if record.report == "blocks"]


def test_a_block_is_unpriced_where_its_day_has_a_model_without_a_price() -> None:
    blocks = blocks_of("blocks", "daily")

    # Its other models cost $0.19. On the day after, the same model tells its own cost.
    assert [record.key for record in blocks if record.unpriced] == ["2025-07-04T12:00:00.000Z"]
    assert len(blocks) == 19


def test_a_block_alone_cannot_know() -> None:
    assert [record.key for record in blocks_of("blocks") if record.unpriced] == []
