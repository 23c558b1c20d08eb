"""Which prices count for usage that is stored already: new ones are taken, kept or held; none is lost. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from operator import le, mul, sub

from ccusage_import.records import NANODOLLAR, Identity, ModelUsage, Record, TokenClasses
from ccusage_import.rule.groups import Pair
from ccusage_import.rule.verdicts import Decision, Reason, Verdict

# What a token of a class costs against one of input, in Anthropic's price list: output, cache writes, cache reads.
CLASS_WEIGHTS = (Decimal(1), Decimal(5), Decimal("1.25"), Decimal("0.1"))
# Cache writes of one hour and long contexts cost more, which the weights do not know.
SAME_PRICE = Decimal("0.02")


@dataclass(frozen=True, slots=True)
class PriceTrust:
    """How far the offered prices of a record are trusted.

    Attributes:
        is_intact: its transcripts cannot have been deleted yet.
        has_sources: they come from ccusage itself, not from saved files or another warehouse.
        are_frozen: new prices of stored usage are not taken.
    """

    is_intact: bool
    has_sources: bool
    are_frozen: bool

    def counts(self, stored: Record, offered: Record) -> bool:
        """Whether new prices count for stored usage too: they are current, and so is the usage."""
        return self.is_intact and not self.is_doubtful(stored, offered)

    def is_doubtful(self, stored: Record, offered: Record) -> bool:
        """Whether prices come from saved files, another warehouse or an older table."""
        return not self.has_sources or is_older(offered.provenance.ccusage_version, stored.provenance.ccusage_version)

    def is_harmless(self, stored: Record, offered: Record) -> bool:
        """Whether no dollar is at stake: a price was unknown, or nobody can tell the age of a higher one."""
        is_lower = offered.cost_usd < stored.cost_usd
        is_first = _lacks_a_price(stored) and not _lacks_a_price(offered)
        return not is_lower and (is_first or not self.has_sources or offered.cost_usd == stored.cost_usd)


def taken_over(pairs: Iterable[Pair]) -> dict[Identity, list[Record]]:
    """Return which stored records go on in an offer: its own, and those that are not offered under their names now.

    Only where there are such, and it is plain where they went.

    Args:
        pairs: are judged together; what a project has of a day stays on that day when the project is renamed.
    """
    together: dict[date | None, list[Pair]] = defaultdict(list)
    for pair in pairs:
        together[pair.record.day if pair.record.report == "projects" else None].append(pair)
    found: dict[Identity, list[Record]] = {}
    for same in together.values():
        gone = [pair.stored for pair in same if pair.stored and not pair.offered and pair.stored.total_tokens]
        grown = [(pair, more) for pair in same if gone and pair.offered and any(more := _growth(pair))]
        for pair, more in grown:
            equal = [one for one in gone if one.tokens == more]
            others = equal[:1] or (gone if len(grown) == 1 else [])
            if others and all(map(le, _sums(one.tokens for one in others), more)):
                found[pair.record.identity] = [*([pair.stored] if pair.stored else []), *others]
    return found


def priced(stored: Record, offered: Record, trust: PriceTrust) -> Record:
    """Return what grew; what had a price keeps it where a lower one is not to be trusted, or none is known."""
    then, now = stored.provenance.ccusage_version, offered.provenance.ccusage_version
    is_cheaper = offered.cost_usd < stored.cost_usd and not trust.counts(stored, offered)
    if not (trust.are_frozen or is_cheaper or is_older(now, then) or is_price_lost(stored, offered)):
        return offered
    kept = with_kept_prices(stored, offered, are_frozen=trust.are_frozen)
    if is_older(now, then) and kept.cost_usd != offered.cost_usd:
        # Its price is still of that table: the older one would be the price of its own next time.
        return kept._replace(provenance=kept.provenance._replace(ccusage_version=then))
    return kept


def joined(records: Sequence[Record]) -> Record:
    """Return several records as one: their tokens, what they cost, and the newest version that priced them."""
    parts: dict[str, list[ModelUsage]] = defaultdict(list)
    for model in (model for record in records for model in record.models):
        parts[model.model].append(model)
    models = tuple(
        ModelUsage(name, *_sums(model.tokens for model in same), _cost(same), any(model.unpriced for model in same))
        for name, same in parts.items()
    )
    by_input, by_output, by_creation, by_read = _sums(record.tokens for record in records)
    newest = max(records, key=lambda record: _numbers(record.provenance.ccusage_version))
    return newest._replace(
        input_tokens=by_input,
        output_tokens=by_output,
        cache_creation_tokens=by_creation,
        cache_read_tokens=by_read,
        cost_usd=_cost(records),
        unpriced=any(record.unpriced for record in records),
        models=models if all(record.models for record in records) else (),
    )


def repriced(stored: Record, offered: Record, trust: PriceTrust, *, is_accepted: bool) -> Decision:
    """Return the decision on an offer of as many tokens as are stored."""
    now, then = offered.provenance, stored.provenance
    if Pair(stored, offered).is_same and (now == then or not trust.is_intact):
        return Decision(Verdict.UNCHANGED, Reason.NOTHING_CHANGED, stored, offered, is_written=False)
    if offered.usage == stored.usage:
        return Decision(Verdict.REFRESHED, Reason.DETAILS_CHANGED, stored, offered, is_written=True)
    if is_accepted:
        return Decision(Verdict.REPRICED, Reason.ACCEPTED, stored, offered, is_written=True)
    if trust.are_frozen:
        return Decision(Verdict.REPRICED, Reason.PRICES_FROZEN, stored, offered, is_written=False)
    if is_price_lost(stored, offered):
        return Decision(Verdict.HELD, Reason.PRICE_LOST, stored, offered, is_written=False)
    if offered.cost_usd < stored.cost_usd and trust.is_doubtful(stored, offered):
        return Decision(Verdict.HELD, Reason.LOWER_PRICE, stored, offered, is_written=False)
    if not trust.counts(stored, offered) and not trust.is_harmless(stored, offered):
        return Decision(Verdict.REPRICED, Reason.PRICE_OF_ITS_TIME, stored, offered, is_written=False)
    is_other_mode = then.cost_mode and now.cost_mode and then.cost_mode != now.cost_mode
    reason = Reason.MODE_CHANGED if is_other_mode else Reason.PRICES_CHANGED
    return Decision(Verdict.REPRICED, reason, stored, offered, is_written=True)


def is_price_lost(stored: Record, offered: Record) -> bool:
    """Whether something that had a price has none any more."""
    unpriced = {model.model: model.cost_usd for model in offered.models if _lacks_a_price(model)}
    if any(model.cost_usd > unpriced.get(model.model, model.cost_usd) for model in stored.models):
        return True
    # What has no price for a part may have one for the rest: its models show that, where there are any.
    tells_more = stored.unpriced and bool(stored.models)
    return _lacks_a_price(offered) and not tells_more and stored.cost_usd > offered.cost_usd


def lose_a_price(stored: Iterable[Record], offered: Iterable[Record]) -> bool:
    """Whether records of which usage moves to others hold a model that had a price and has none any more."""
    then, now = list(stored), [record for record in offered if _lacks_a_price(record)]
    unpriced = {model.model for record in now for model in record.models if _lacks_a_price(model)}
    if any(model.cost_usd and model.model in unpriced for record in then for model in record.models):
        return True
    return any(not record.models for record in now) and any(one.cost_usd and not one.unpriced for one in then)


def _lacks_a_price(part: ModelUsage | Record) -> bool:
    """Whether usage has no price; in the mode `display` ccusage shows no cost of messages that name none."""
    return part.unpriced or (not part.cost_usd and any(part.tokens))


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
        cost, unpriced = _merged(stored, offered, are_frozen=are_frozen)
        return offered._replace(cost_usd=cost, unpriced=unpriced)
    known = {model.model: model for model in stored.models}
    models = tuple(
        model._replace(cost_usd=cost, unpriced=unpriced)
        for model in offered.models
        for cost, unpriced in [_merged(known.get(model.model), model, are_frozen=are_frozen)]
    )
    rest = max(offered.cost_usd - _cost(offered.models), stored.cost_usd - _cost(stored.models), Decimal(0))
    return offered._replace(
        cost_usd=_cost(models) + rest,
        unpriced=any(model.unpriced for model in models),
        models=tuple(sorted(models, key=lambda model: (-model.cost_usd, model.model))),
    )


def _merged(
    stored: ModelUsage | Record | None, offered: ModelUsage | Record, *, are_frozen: bool
) -> tuple[Decimal, bool]:
    """Return the cost of a record or a part of one, and whether some of it has no price."""
    weight = _weight(offered.tokens)
    if not weight or stored is None or not any(stored.tokens):
        return offered.cost_usd, offered.unpriced
    grown = [max(0, more) for more in map(sub, offered.tokens, stored.tokens)]
    of_new = (offered.cost_usd * _weight(grown) / weight).quantize(NANODOLLAR)
    of_stored = offered.cost_usd - of_new
    # What did not grow shows its price exactly.
    margin = SAME_PRICE if any(grown) else 0
    # More usage never costs less than a part of it did.
    is_lower = offered.cost_usd < stored.cost_usd or of_stored < stored.cost_usd * (1 - margin)
    is_higher = of_stored > stored.cost_usd * (1 + margin)
    if is_lower or (are_frozen and is_higher):
        return stored.cost_usd + of_new, stored.unpriced or offered.unpriced
    return offered.cost_usd, offered.unpriced


def _growth(pair: Pair) -> tuple[int, ...]:
    offered = pair.record.tokens
    return tuple(map(sub, offered, pair.stored.tokens)) if pair.stored else offered


def _sums(tokens: Iterable[TokenClasses]) -> TokenClasses:
    by_input, by_output, by_creation, by_read = map(sum, zip(*tokens, strict=True))
    return by_input, by_output, by_creation, by_read


def _weight(tokens: Iterable[int]) -> Decimal:
    return sum(map(mul, tokens, CLASS_WEIGHTS), Decimal(0))


def _cost(priced: Iterable[ModelUsage | Record]) -> Decimal:
    return sum((one.cost_usd for one in priced), Decimal(0))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
