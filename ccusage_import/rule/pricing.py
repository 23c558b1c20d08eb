"""Which prices count for usage that is stored already: what had a price once keeps one. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from operator import mul, sub

from ccusage_import.records import NANODOLLAR, ModelUsage, Record

# What a token of a class costs against one of input, in Anthropic's price list: output, cache writes, cache reads.
CLASS_WEIGHTS = (Decimal(1), Decimal(5), Decimal("1.25"), Decimal("0.1"))
# Cache writes of one hour and long contexts cost more, which the weights do not know.
SAME_PRICE = Decimal("0.02")


def is_price_lost(stored: Record, offered: Record) -> bool:
    """Whether something that had a price has none any more."""
    unpriced = {model.model: model.cost_usd for model in offered.models if model.unpriced}
    if any(model.cost_usd > unpriced.get(model.model, model.cost_usd) for model in stored.models):
        return True
    # What has no price for a part may have one for the rest: its models show that, where there are any.
    tells_more = stored.unpriced and bool(stored.models)
    return offered.unpriced and not tells_more and stored.cost_usd > offered.cost_usd


def lose_a_price(stored: Iterable[Record], offered: Iterable[Record]) -> bool:
    """Whether records of which usage moves to others hold a model that had a price and has none any more."""
    then, now = list(stored), [record for record in offered if record.unpriced]
    unpriced = {model.model for record in now for model in record.models if model.unpriced}
    if any(model.cost_usd and model.model in unpriced for record in then for model in record.models):
        return True
    return any(not record.models for record in now) and any(one.cost_usd and not one.unpriced for one in then)


def is_older(version: str, than: str) -> bool:
    """Whether one version of ccusage is older than another; of an unknown one nothing is known."""
    return bool(version and than) and _numbers(version) < _numbers(than)


def with_kept_prices(stored: Record, offered: Record, *, are_frozen: bool) -> Record:
    """Return the offer, with the stored cost for the usage that is stored and the offered price for what is new.

    Args:
        stored: what was priced before.
        offered: has more tokens.
        are_frozen: keep every stored price, also where the offered one is higher or the first.
    """
    if stored.block_ends_at and len(offered.models_used) > 1 and offered.cost_usd >= stored.cost_usd:
        # What each model of a block costs is not told, and one costs ten times as much as another.
        return offered
    if not stored.models or not offered.models:
        cost, unpriced = _merged(_part(stored), _part(offered), are_frozen=are_frozen)
        return offered._replace(cost_usd=cost, unpriced=unpriced)
    known = {model.model: _of_model(model) for model in stored.models}
    models = tuple(
        model._replace(cost_usd=cost, unpriced=unpriced)
        for model in offered.models
        for cost, unpriced in [_merged(known.get(model.model), _of_model(model), are_frozen=are_frozen)]
    )
    rest = max(offered.cost_usd - _cost(offered.models), stored.cost_usd - _cost(stored.models), Decimal(0))
    return offered._replace(
        cost_usd=_cost(models) + rest,
        unpriced=any(model.unpriced for model in models),
        models=tuple(sorted(models, key=lambda model: (-model.cost_usd, model.model))),
    )


@dataclass(frozen=True, slots=True)
class _Part:
    tokens: tuple[int, ...]
    cost_usd: Decimal
    unpriced: bool


def _merged(stored: _Part | None, offered: _Part, *, are_frozen: bool) -> tuple[Decimal, bool]:
    """Return the cost of a part and whether some of it has no price."""
    weight = _weight(offered.tokens)
    if not weight or stored is None or not any(stored.tokens):
        return offered.cost_usd, offered.unpriced
    grown = [max(0, more) for more in map(sub, offered.tokens, stored.tokens)]
    of_new = (offered.cost_usd * _weight(grown) / weight).quantize(NANODOLLAR)
    of_stored = offered.cost_usd - of_new
    is_lower = of_stored < stored.cost_usd * (1 - SAME_PRICE)
    is_higher = of_stored > stored.cost_usd * (1 + SAME_PRICE)
    if is_lower or (are_frozen and is_higher):
        return stored.cost_usd + of_new, stored.unpriced or offered.unpriced
    return offered.cost_usd, offered.unpriced


def _part(record: Record) -> _Part:
    classes = (record.input_tokens, record.output_tokens, record.cache_creation_tokens, record.cache_read_tokens)
    return _Part(classes, record.cost_usd, record.unpriced)


def _of_model(model: ModelUsage) -> _Part:
    return _Part(model[1:5], model.cost_usd, model.unpriced)


def _weight(tokens: Iterable[int]) -> Decimal:
    return sum(map(mul, tokens, CLASS_WEIGHTS), Decimal(0))


def _cost(models: Iterable[ModelUsage]) -> Decimal:
    return sum((model.cost_usd for model in models), Decimal(0))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
