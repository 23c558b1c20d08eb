"""What one message costs: worked out by hand, in dollars for a million tokens."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ccusage_import.records import ModelPrice
from ccusage_import.transcripts.costs import price
from ccusage_import.transcripts.facts import Message, Usage

PRICES = {
    "opus": ModelPrice(
        agent="claude", model="opus",
        input_usd=Decimal(1), output_usd=Decimal(10), cache_creation_usd=Decimal(2), cache_creation_1h_usd=Decimal(3),
        cache_read_usd=Decimal("0.5"),
    ),
    "long": ModelPrice(
        agent="claude", model="long",
        input_usd=Decimal(1), output_usd=Decimal(10), cache_creation_usd=Decimal(2), cache_creation_1h_usd=Decimal(3),
        cache_read_usd=Decimal("0.5"), long_input_usd=Decimal(2), long_output_usd=Decimal(20),
        long_cache_creation_usd=Decimal(4), long_cache_creation_1h_usd=Decimal(6), long_cache_read_usd=Decimal(1),
    ),
}  # fmt: skip


def priced(usage: Usage, model: str = "opus", mode: str = "auto", listed: float | None = None) -> tuple[Decimal, bool]:
    values: dict[str, Any] = {"is_sidechain": False, "is_nested": False}
    message = Message(
        message=1, request=1, counted_session=1, record=0, accepted=3, at=0, times=(0,), place=(0, 0), usage=usage,
        total_tokens=sum(usage), model=model, speed="", listed_cost_usd=listed, **values,
    )  # fmt: skip
    price(message, PRICES, mode)
    return message.cost_usd, message.unpriced


MIXED = Usage(1_000, 100, 2_000, 3_000, 40_000)


@pytest.mark.parametrize(
    ("usage", "model", "dollars"),
    [
        # 1,000 + 1,000 + 4,000 + 9,000 + 20,000 millionths.
        (MIXED, "opus", "0.035"),
        (MIXED, "long", "0.035"),
        (Usage(200_000, 0, 0, 0, 0), "long", "0.2"),
        # What is above 200,000 tokens of a class costs twice as much, where that is known.
        (Usage(200_001, 0, 0, 0, 0), "long", "0.200002"),
        (Usage(200_001, 0, 0, 0, 0), "opus", "0.200001"),
        (Usage(0, 300_000, 0, 0, 0), "long", "4"),
        (Usage(0, 0, 300_000, 0, 0), "long", "0.8"),
        (Usage(0, 0, 0, 300_000, 0), "long", "1.2"),
        (Usage(0, 0, 0, 0, 300_000), "long", "0.2"),
        (Usage(150_000, 0, 0, 0, 150_000), "long", "0.225"),
    ],
)
def test_each_class_of_tokens_has_a_price(usage: Usage, model: str, dollars: str) -> None:
    assert priced(usage, model) == (Decimal(dollars), False)


@pytest.mark.parametrize(
    ("mode", "listed", "model", "found"),
    [
        ("auto", 0.25, "opus", ("0.25", False)),
        ("auto", 0.0, "opus", ("0", False)),
        ("auto", 0.25, "unknown", ("0.25", False)),
        ("auto", None, "opus", ("0.035", False)),
        ("auto", None, "unknown", ("0", True)),
        ("auto", None, "<synthetic>", ("0", False)),
        ("calculate", 0.25, "opus", ("0.035", False)),
        ("calculate", 0.25, "unknown", ("0", True)),
        ("display", 0.25, "opus", ("0.25", False)),
        ("display", None, "opus", ("0", False)),
        ("display", None, "unknown", ("0", False)),
    ],
)
def test_a_mode_says_which_cost_counts(mode: str, listed: float | None, model: str, found: tuple[str, bool]) -> None:
    assert priced(MIXED, model, mode, listed) == (Decimal(found[0]), found[1])


def test_what_used_nothing_needs_no_price() -> None:
    assert priced(Usage(0, 0, 0, 0, 0), "unknown") == (Decimal(0), False)
    assert priced(Usage(1, 0, 0, 0, 0), "unknown") == (Decimal(0), True)
