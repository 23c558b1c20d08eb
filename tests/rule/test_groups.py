"""What is counted together, and what of it fell."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from ccusage_import.records import Provenance, Record
from ccusage_import.rule.evidence import Span
from ccusage_import.rule.groups import Pair, busy_times, group_of, grouped, groups_of_held

MIDNIGHT = datetime(2026, 5, 1, tzinfo=UTC)


def block(key: str, hour: float, tokens: int) -> Record:
    """A block of five hours."""
    starts_at = MIDNIGHT + timedelta(hours=hour)
    return Record(
        "blocks", "studio", "claude", key, starts_at.date(), 0, tokens, 0, 0, tokens, Decimal(1), unpriced=False,
        provenance=Provenance("20.0.24", "UTC", "auto", ()), started_at=starts_at,
        block_ends_at=starts_at + timedelta(hours=5),
    )  # fmt: skip


def day(number: int, tokens: int, zone: str) -> Record:
    """A day of May."""
    return block("", 0, tokens)._replace(
        report="daily", key=f"2026-05-{number:02}", day=date(2026, 5, number), started_at=None, block_ends_at=None,
        provenance=Provenance("20.0.24", zone, "auto", ()),
    )  # fmt: skip


A, B = block("a", 0, 10), block("b", 3, 10)
LESS, MORE = A._replace(total_tokens=9), B._replace(total_tokens=12)


@pytest.mark.parametrize(
    ("pairs", "fell", "is_rearranged"),
    [
        ((Pair(A, A), Pair(B, B)), False, False),
        ((Pair(A, LESS), Pair(B, B)), True, False),
        ((Pair(A, LESS), Pair(B, MORE)), False, True),
        ((Pair(A, A), Pair(B, MORE)), False, False),
        ((Pair(A, None), Pair(None, MORE)), False, True),
        ((Pair(A, None),), True, False),
    ],
)
def test_a_whole_falls_or_its_parts_are_rearranged(pairs: tuple[Pair, ...], *, fell: bool, is_rearranged: bool) -> None:
    group = group_of(pairs)

    assert (group.fell, group.is_rearranged) == (fell, is_rearranged)


def test_a_group_is_cheaper_where_more_of_it_costs_less() -> None:
    def is_cheaper(tokens: int, cost: str) -> bool:
        offered = B._replace(total_tokens=tokens, cost_usd=Decimal(cost))
        return group_of([Pair(A, None), Pair(None, offered)]).is_cheaper

    assert is_cheaper(11, "0.99")
    assert not is_cheaper(10, "0.99")
    assert not is_cheaper(11, "1")


def keys(pairs: list[Pair], busy: list[Span] | None = None) -> list[list[str]]:
    """Return the keys of each group."""
    return [[pair.record.key for pair in group] for group in grouped(pairs, busy or [])]


def test_blocks_that_overlap_are_counted_together() -> None:
    behind = block("c", 8, 10)
    assert keys([Pair(A, None), Pair(None, B), Pair(behind, None)]) == [["a", "b"], ["c"]]
    # One that is offered as it is stored cuts nothing.
    assert keys([Pair(A, A), Pair(None, B)]) == [["a"], ["b"]]
    # The longest of them ends the group.
    long = A._replace(block_ends_at=MIDNIGHT + timedelta(hours=9))
    assert keys([Pair(long, None), Pair(None, B), Pair(behind, None)]) == [["a", "b", "c"]]


def test_a_session_is_counted_together_over_its_projects_and_with_no_other() -> None:
    one, moved, other = (
        A._replace(report="session", key=key, session_id=key[-1], block_ends_at=None)
        for key in ("blog/a", "shop/a", "shop/b")
    )
    assert keys([Pair(one, None), Pair(None, moved), Pair(other, None)]) == [["shop/b"], ["blog/a", "shop/a"]][::-1]
    totals = [each._replace(is_project_total=True) for each in (one, moved)]
    assert keys([Pair(each, None) for each in totals]) == [["blog/a"], ["shop/a"]]
    unnamed = [each._replace(session_id="") for each in (one, moved)]
    assert keys([Pair(each, None) for each in unnamed]) == [["blog/a"], ["shop/a"]]


def test_an_agent_is_busy_in_its_blocks() -> None:
    ended = A._replace(ended_at=MIDNIGHT + timedelta(hours=2), agent="codex")
    unknown = A._replace(started_at=None)
    one = timedelta(milliseconds=1)

    assert busy_times([A, B, ended, unknown, A._replace(report="session"), day(1, 10, "UTC")]) == {
        "claude": [
            Span(MIDNIGHT, MIDNIGHT + timedelta(hours=5) + one),
            Span(MIDNIGHT + timedelta(hours=3), MIDNIGHT + timedelta(hours=8) + one),
        ],
        "codex": [Span(MIDNIGHT, MIDNIGHT + timedelta(hours=2) + one)],
    }


def test_days_of_two_zones_are_counted_together_where_the_agent_was_busy() -> None:
    # The second of May begins in Tokyo at 15:00 UTC on the first.
    there = Pair(day(1, 10, "UTC"), day(1, 9, "Asia/Tokyo"))
    then = Pair(day(2, 10, "UTC"), day(2, 11, "Asia/Tokyo"))
    later = Pair(day(4, 10, "UTC"), day(4, 11, "Asia/Tokyo"))
    assert keys([there, then, later]) == [["2026-05-01", "2026-05-02"], ["2026-05-04"]]
    between = Pair(day(3, 10, "UTC"), day(3, 11, "Asia/Tokyo"))
    assert keys([there, then, between]) == [["2026-05-01", "2026-05-02", "2026-05-03"]]

    evening = Span(MIDNIGHT + timedelta(hours=20), MIDNIGHT + timedelta(hours=21))
    morning = Span(MIDNIGHT + timedelta(hours=10), MIDNIGHT + timedelta(hours=11))
    assert keys([there, then], [evening]) == [["2026-05-01", "2026-05-02"]]
    assert keys([there, then], [morning]) == [["2026-05-01"], ["2026-05-02"]]
    assert keys([there, then], [morning, evening]) == [["2026-05-01", "2026-05-02"]]

    # The first of May on one side of the date line ends as the third begins on the other.
    assert keys([Pair(day(1, 10, "Etc/GMT+12"), None), Pair(None, day(3, 10, "Etc/GMT-12"))]) == [
        ["2026-05-01"], ["2026-05-03"],
    ]  # fmt: skip
    same_zone = Pair(day(1, 10, "UTC"), day(1, 9, "UTC")), Pair(day(2, 10, "UTC"), day(2, 11, "UTC"))
    assert keys(list(same_zone)) == [["2026-05-01"], ["2026-05-02"]]


def test_what_is_held_stands_with_what_is_stored_of_its_time_report_and_agent() -> None:
    behind, of_codex = block("c", 8, 10), B._replace(agent="codex")
    stored = [A, B, behind, of_codex, A._replace(report="hours")]

    assert list(groups_of_held([LESS], stored)) == [[Pair(A, LESS), Pair(B, None)]]
    assert list(groups_of_held([], stored)) == []


def test_held_days_of_two_zones_stand_together_where_the_agent_was_busy() -> None:
    first, second = day(1, 10, "UTC"), day(2, 10, "UTC")
    offer = day(2, 9, "Asia/Tokyo")
    late = A._replace(started_at=MIDNIGHT + timedelta(hours=20), block_ends_at=MIDNIGHT + timedelta(hours=25))
    assert list(groups_of_held([offer], [first, second, late])) == [[Pair(first, None), Pair(second, offer)]]

    morning = A._replace(started_at=MIDNIGHT + timedelta(hours=27))
    assert list(groups_of_held([offer], [first, second, morning])) == [[Pair(second, offer)]]
