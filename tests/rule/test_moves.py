"""What the ledger knows of a group: what became of its messages, and whether they arrive where they count now."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from ccusage_import.records import Provenance, Record
from ccusage_import.rule.groups import Group, Pair, group_of
from ccusage_import.rule.ledger import CountedMessage, Weighed
from ccusage_import.rule.moves import Moves


def day(number: int, tokens: int) -> Record:
    """A day of May."""
    return Record(
        "daily", "studio", "claude", f"2026-05-{number:02}", date(2026, 5, number), 0, tokens, 0, 0, tokens,
        Decimal(0), unpriced=False, provenance=Provenance("20.0.24", "UTC", "auto", ()),
    )  # fmt: skip


def message(number: int, tokens: int) -> CountedMessage:
    """A message of a day of May."""
    at = datetime(2026, 5, number, 12, tzinfo=UTC)
    return CountedMessage((number, 1, 0), at, "shop", "a", (0, tokens, 0, 0), in_daily=True, in_session=True)


def found(source: Group, others: list[Group], *moved: CountedMessage) -> tuple[bool, list[Group]]:
    """Whether messages of a group arrive, and in which groups they count now."""
    stored = next(pair.stored for pair in source.pairs if pair.stored)
    moves = Moves([source, *others], {stored.identity: Weighed(len(moved), len(moved), moved=moved)})
    return moves.arrive(source), list(moves.receivers(source))


FELL = group_of([Pair(day(1, 13), day(1, 0))])


@pytest.mark.parametrize(
    ("before", "now", "tokens", "arrive"),
    [
        (5, 18, (10, 3), True),
        (5, 17, (10, 3), False),
        (5, 19, (10, 3), True),
        (5, 6, (1,), True),
        (5, 5, (0,), False),
        (0, 13, (13,), True),
    ],
)
def test_messages_arrive_where_a_day_grew_by_as_much(
    before: int, now: int, tokens: tuple[int, ...], *, arrive: bool
) -> None:
    receiver = group_of([Pair(day(2, before), day(2, now))])

    assert found(FELL, [receiver], *(message(2, each) for each in tokens)) == (arrive, [receiver])


def test_each_day_must_grow_by_what_counts_there() -> None:
    grown, same = group_of([Pair(day(2, 5), day(2, 30))]), group_of([Pair(day(3, 5), day(3, 5))])

    assert found(FELL, [grown, same], message(2, 10), message(3, 3)) == (False, [grown, same])
    assert found(FELL, [same, grown], message(2, 10)) == (True, [grown])


def test_what_counts_in_no_record_that_is_offered_does_not_arrive() -> None:
    grown, gone = group_of([Pair(day(2, 5), day(2, 30))]), group_of([Pair(day(3, 5), None)])

    assert found(FELL, [grown, gone], message(2, 10), message(3, 3)) == (False, [])


def test_what_stays_in_its_group_arrives_though_the_group_fell() -> None:
    source = group_of([Pair(day(1, 13), None), Pair(None, day(2, 9))])

    assert found(source, [], message(2, 9)) == (True, [source])


def test_nothing_arrives_where_parts_of_what_grew_fell() -> None:
    receiver = group_of([Pair(day(2, 5), day(2, 4)), Pair(None, day(3, 50))])

    assert found(FELL, [receiver], message(3, 13)) == (False, [receiver])


def test_nothing_arrives_where_dearer_messages_are_gone() -> None:
    before, now = day(2, 5)._replace(cost_usd=Decimal(2)), day(2, 18)._replace(cost_usd=Decimal(1))
    receiver = group_of([Pair(before, now)])
    moved = {day(1, 0).identity: Weighed(1, 1, moved=(message(2, 13),))}

    def arrive(known: Weighed) -> bool:
        return Moves([FELL, receiver], {**moved, before.identity: known}).arrive(FELL)

    assert arrive(Weighed(1, 1))
    assert not arrive(Weighed(1, 0, 5))


def test_what_did_not_grow_by_what_counts_there_may_have_held_it_before() -> None:
    same, grown, fell = Pair(day(2, 13), day(2, 13)), Pair(day(3, 5), day(3, 30)), Pair(day(4, 9), day(4, 8))
    part = group_of([Pair(day(6, 5), day(6, 4)), Pair(None, day(7, 50))])
    beside = group_of([Pair(day(9, 13), day(9, 13)), Pair(None, day(10, 1))])
    groups = [FELL, *(group_of([pair]) for pair in (same, grown, fell)), part, beside]

    def kept(*moved: CountedMessage) -> list[Record]:
        return list(Moves(groups, {day(1, 0).identity: Weighed(len(moved), len(moved), moved=moved)}).kept())

    assert kept(message(2, 13)) == [day(2, 13)]
    assert kept(message(9, 13)) == [day(9, 13)]
    assert kept(message(2, 10), message(3, 3), message(4, 1)) == [day(2, 13), day(3, 5)]
    assert kept(message(3, 13)) == []
    assert kept(message(7, 13)) == []


def test_without_messages_that_count_elsewhere_all_arrive() -> None:
    assert found(FELL, []) == (True, [])


def test_what_became_of_a_group_is_the_sum_of_its_parts() -> None:
    parts = [day(number, 10) for number in (1, 2, 3)]
    # What holds no tokens needs no messages, and what is offered alone has none.
    group = group_of([*(Pair(part, None) for part in parts), Pair(day(4, 0), None), Pair(None, day(5, 10))])
    there, moved = Weighed(2, 2), Weighed(3, 3, moved=(message(9, 5),))
    gone = Weighed(7, 4, 60)

    def weighed(*known: Weighed) -> Weighed | None:
        return Moves([], dict(zip((part.identity for part in parts), known, strict=False))).weighed(group)

    assert weighed(there, gone, moved) == Weighed(12, 9, 60, (message(9, 5),))
    # A part that the ledger does not cover may hold anything; but what is gone is gone.
    assert weighed(there, gone) == Weighed(9, 6, 60)
    assert weighed(there, moved) is None
    assert weighed() is None


def test_one_record_that_lost_messages_is_enough() -> None:
    moves = Moves([], {day(1, 10).identity: Weighed(2, 2), day(2, 10).identity: Weighed(2, 1, 5)})

    assert moves.lost_any([day(1, 10), day(2, 10), day(3, 10)])
    assert not moves.lost_any([day(1, 10), day(3, 10)])
