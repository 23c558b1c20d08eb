"""What the rule must know beyond the records. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from ccusage_import.records import Identity, Provenance, Record
from ccusage_import.rule.verdicts import HeldOffer


def _nothing_is_held(_: Identity) -> HeldOffer | None:
    return None


@dataclass(frozen=True, slots=True)
class Context:
    """What the rule must know beyond the records.

    Attributes:
        machine: whose records are judged.
        provenance: what the offered records were read with.
        intact_from: first day whose transcripts of Claude Code cannot have been deleted yet; None when nothing is
            known of the sources, as with saved files.
        since: first day that is judged.
        until: last day that is judged.
        prices: whether new prices of stored usage are taken.
        accepted: first and last day on which a person takes smaller numbers.
        taken_back: what a person took back, with the tokens up to which that holds.
        as_taken_back: what of it was shown before that.
        held: returns what was held of a stored record when it was offered last.
        refused: what is not judged because a record that was offered cannot be true.
        failed: the labels of the reports that were asked for in vain.
    """

    machine: str
    provenance: Provenance
    intact_from: date | None
    since: date = date.min
    until: date = date.max
    prices: Literal["follow", "freeze"] = "follow"
    accepted: tuple[date, date] | None = None
    taken_back: Mapping[Identity, int] = field(default_factory=dict)
    as_taken_back: Mapping[Identity, int] = field(default_factory=dict)
    held: Callable[[Identity], HeldOffer | None] = _nothing_is_held
    refused: frozenset[Identity] = frozenset()
    failed: frozenset[str] = frozenset()

    def held_offer(self, identity: Identity) -> Record | None:
        """Return what is held of a stored record."""
        held = self.held(identity)
        return held.offered if held else None
