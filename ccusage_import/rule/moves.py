"""What the ledger knows of groups that fell: whether their messages are there, and where these count now. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from ccusage_import.records import Record
from ccusage_import.rule.groups import Group
from ccusage_import.rule.ledger import Filing, Ledger, Weighed


class Moves:
    """The messages of the groups of one report."""

    def __init__(self, groups: Sequence[Group], ledger: Ledger) -> None:
        self._ledger = ledger
        self._at: dict[int, list[Group] | None] = {}
        self._into = Counter[int]()
        self._moving = [group for group in groups if ledger and (known := self.weighed(group)) and known.moved]
        if not self._moving:
            return
        offered = {
            pair.offered.identity: (pair.offered, group)
            for group in groups
            for pair in group.pairs
            if pair.offered is not None
        }
        filing = Filing(record for record, _ in offered.values())
        for group in self._moving:
            self._at[id(group)] = self._received(group, filing, {name: one for name, (_, one) in offered.items()})

    def weighed(self, group: Group) -> Weighed | None:
        """Return what became of the messages of a group.

        None where the ledger does not cover all of it, unless what it covers has lost some.
        """
        stored = [pair.stored for pair in group.pairs if pair.stored is not None and pair.stored.total_tokens]
        known = [self._ledger[record.identity] for record in stored if record.identity in self._ledger]
        if not known or (len(known) < len(stored) and not any(one.gone for one in known)):
            return None
        return Weighed(
            sum(one.messages for one in known),
            sum(one.left for one in known),
            sum(one.tokens_gone for one in known),
            tuple(message for one in known for message in one.moved),
        )

    def receivers(self, group: Group) -> Sequence[Group]:
        """Return the groups in which messages of a group count now."""
        return self._at.get(id(group)) or ()

    def arrive(self, group: Group) -> bool:
        """Whether all messages of a group that count elsewhere now make other groups grow by as much."""
        receivers = self._at.get(id(group), [])
        return receivers is not None and all(
            one is group
            or (
                not (one.is_rearranged or self.lost_dearer(one))
                and one.offered_tokens - one.stored_tokens >= self._into[id(one)] > 0
            )
            for one in receivers
        )

    def kept(self) -> Iterator[Record]:
        """Yield the stored records that did not grow by what counts in them now: they may have held it before."""
        for group in self._moving:
            for one in () if self.arrive(group) else self.receivers(group):
                if one.is_offered and not (one.fell or one.is_rearranged or self.lost_dearer(one)):
                    yield from (pair.stored for pair in one.pairs if pair.stored is not None)

    def lost_dearer(self, group: Group) -> bool:
        """Whether a group that grew is cheaper for messages of it that are gone, so that it is held."""
        known = self.weighed(group) if group.is_cheaper else None
        return known is not None and known.gone > 0

    def lost_any(self, records: Iterable[Record]) -> bool:
        """Whether messages of any of these records are gone."""
        known = (self._ledger.get(record.identity) for record in records)
        return any(one is not None and one.gone for one in known)

    def _received(self, group: Group, filing: Filing, groups: dict[tuple[str, str, str], Group]) -> list[Group] | None:
        """Return where messages went; None where one of them is not offered anywhere."""
        known = self.weighed(group)
        found: dict[int, Group] = {}
        for message in known.moved if known else ():
            identity = next(filing.of(message), None)
            if identity is None:
                return None
            receiver = groups[identity]
            found[id(receiver)] = receiver
            if receiver is not group:
                self._into[id(receiver)] += message.total_tokens
        return list(found.values())
