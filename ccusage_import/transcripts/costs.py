"""What a message costs, as ccusage counts it: by its prices, each class of tokens for itself. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from ccusage_import.records import ModelPrice
from ccusage_import.transcripts.facts import Message
from ccusage_import.transcripts.messages import SYNTHETIC

# What is above so many tokens of a class in one message costs the price of long contexts.
LONG_FROM = 200_000
MILLION = 1_000_000


def price(message: Message, prices: Mapping[str, ModelPrice], mode: str) -> None:
    """Set what a message costs, and whether its model has no price.

    Args:
        message: changed in place.
        prices: of each model.
        mode: of ccusage: `display` takes what the transcript says, `calculate` the prices, `auto` the first there is.
    """
    if message.listed_cost_usd is not None and mode != "calculate":
        message.cost_usd, message.unpriced = Decimal(str(message.listed_cost_usd)), False
        return
    found = prices.get(message.model) if mode != "display" else None
    message.cost_usd = _calculated(message, found) if found else Decimal(0)
    message.unpriced = found is None and mode != "display" and message.total_tokens > 0 and message.model != SYNTHETIC


def _calculated(message: Message, found: ModelPrice) -> Decimal:
    classes = (
        (message.usage.input_tokens, found.input_usd, found.long_input_usd),
        (message.usage.output_tokens, found.output_usd, found.long_output_usd),
        (message.usage.cache_creation_5m_tokens, found.cache_creation_usd, found.long_cache_creation_usd),
        (message.usage.cache_creation_1h_tokens, found.cache_creation_1h_usd, found.long_cache_creation_1h_usd),
        (message.usage.cache_read_tokens, found.cache_read_usd, found.long_cache_read_usd),
    )
    cost = Decimal(0)
    for tokens, usd, long_usd in classes:
        cost += tokens * usd
        if long_usd is not None:
            cost += max(0, tokens - LONG_FROM) * (long_usd - usd)
    return cost / MILLION
