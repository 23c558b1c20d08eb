"""What becomes of the price of usage that is stored and offered again: it is taken, kept or held. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ccusage_import.records import Record
from ccusage_import.rule.groups import Pair
from ccusage_import.rule.pricing import is_older, is_price_lost, with_kept_prices
from ccusage_import.rule.verdicts import Decision, Reason, Verdict


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
        is_first = stored.unpriced and not offered.unpriced
        return not is_lower and (is_first or not self.has_sources or offered.cost_usd == stored.cost_usd)


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
