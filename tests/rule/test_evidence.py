"""Spans of time, and what stored sessions prove."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ccusage_import.records import Provenance, Record
from ccusage_import.rule.evidence import ALWAYS, Sessions, Span, span, tokens_by_name

BEGIN = datetime(2026, 5, 1, 10, tzinfo=UTC)
NOW = Provenance("20.0.24", "UTC", "auto", ("d1",))


def hours(first: float, last: float) -> Span:
    return Span(BEGIN + timedelta(hours=first), BEGIN + timedelta(hours=last))


def session(tokens: int, first: float = 0, last: float = 1, project: str = "shop", **changes: Any) -> Record:
    starts_at, ends_at = hours(first, last)
    return Record(
        "session", "studio", "claude", f"{project}/a", ends_at.date(), 0, tokens, 0, 0, tokens, Decimal(1),
        unpriced=False, provenance=NOW, project=project, session_id="a", started_at=starts_at, ended_at=ends_at,
    )._replace(**changes)  # fmt: skip


def test_spans_share_more_than_a_border_or_touch() -> None:
    assert hours(0, 2).overlaps(hours(1, 3))
    assert not hours(0, 1).overlaps(hours(1, 2))
    assert not hours(1, 2).overlaps(hours(0, 1))
    assert hours(0, 1).touches(hours(1, 2))
    assert hours(1, 2).touches(hours(0, 1))
    assert hours(0, 1).touches(hours(2, 3), timedelta(hours=1))
    assert not hours(0, 1).touches(hours(2, 3), timedelta(minutes=59))
    assert not hours(0, 1).touches(hours(1.5, 3))


def test_a_message_of_the_instant_at_which_a_block_ends_is_a_part_of_it() -> None:
    block = session(10)._replace(report="blocks", block_ends_at=BEGIN + timedelta(hours=5))
    assert span(block) == hours(0, 5)
    last = block._replace(ended_at=BEGIN + timedelta(hours=5))
    assert span(last) == Span(BEGIN, BEGIN + timedelta(hours=5, milliseconds=1))
    # What shows no end is its day.
    assert span(block._replace(block_ends_at=None)) == hours(-10, 14)


def test_a_session_that_shows_no_end_may_last_as_long_as_its_day() -> None:
    assert span(session(10, ended_at=None)) == hours(0, 14)
    assert span(session(10, ended_at=None, started_at=None)) == Span(ALWAYS, BEGIN + timedelta(hours=14))


def found(stored: list[Record], offered: list[Record]) -> tuple[bool, bool]:
    [one] = Sessions(offered, stored, is_known=True).named(stored[0])
    return one.is_gone, one.fell


def test_a_session_is_gone_fell_or_lost_its_beginning() -> None:
    assert found([session(10)], []) == (True, True)
    assert found([session(10)], [session(10)]) == (False, False)
    assert found([session(10)], [session(9)]) == (False, True)
    assert found([session(10)], [session(11)]) == (False, False)
    late = session(10, started_at=BEGIN + timedelta(hours=5))
    assert found([session(10)], [late]) == (False, False)
    later = session(10, started_at=BEGIN + timedelta(hours=5, seconds=1))
    assert found([session(10)], [later]) == (False, True)
    # The part in one project begins as it did, that in another one later.
    assert found([session(10)], [session(5), later._replace(total_tokens=5)]) == (False, False)
    # Nobody knows the beginning of one that did not show it, but it was before the end.
    assert found([session(10, started_at=None)], [session(10)]) == (False, False)
    at_the_end = BEGIN + timedelta(hours=6, milliseconds=1)
    assert found([session(10, started_at=None)], [session(10, started_at=at_the_end)]) == (False, False)
    after_it = session(10, started_at=at_the_end + timedelta(seconds=1))
    assert found([session(10, started_at=None)], [after_it]) == (False, True)


@pytest.mark.parametrize(("tokens", "is_whole"), [(9, False), (10, True), (11, False)])
def test_a_session_that_does_not_show_its_begin_is_whole_where_it_is_the_same(tokens: int, *, is_whole: bool) -> None:
    [one] = Sessions([session(tokens, started_at=None)], [session(10)], is_known=True).named(session(10))
    assert one.is_whole == is_whole


def test_a_session_of_several_projects_lasts_from_its_first_to_its_last_message() -> None:
    parts = [session(10, 0, 1), session(5, 3, 9, project="blog")]
    [one] = Sessions([], parts, is_known=True).named(parts[0])
    assert one.span == Span(BEGIN, BEGIN + timedelta(hours=9, milliseconds=1))
    assert one.projects == {"shop", "blog"}
    assert (one.stored_tokens, one.offered_tokens) == (15, 0)


@pytest.mark.parametrize(("tokens", "is_gone"), [(9, True), (10, False), (11, True)])
def test_a_project_that_is_counted_whole_shows_no_session_unless_it_is_the_same(tokens: int, *, is_gone: bool) -> None:
    whole = session(10, is_project_total=True)
    assert found([whole], [whole._replace(total_tokens=tokens)]) == (is_gone, is_gone)


def test_what_other_projects_lost_is_not_ours() -> None:
    sessions = Sessions([session(10, project="kept")._replace(session_id="b")], [
        session(10, project="gone"), session(10, project="kept")._replace(session_id="b"),
    ], is_known=True)  # fmt: skip
    assert [sorted(one.projects) for one in sessions.touching([hours(0, 1)], "shop")] == [["kept"]]
    assert [sorted(one.projects) for one in sessions.touching([hours(0, 1)], "gone")] == [["gone"], ["kept"]]
    assert len(sessions.touching([hours(0, 1)])) == 2
    # One of several times is enough.
    assert len(sessions.touching([hours(0, 1), hours(50, 51)])) == 2
    # Of a row for a whole project it is not told whose subagents it counts.
    total = session(10, project="shop/a", is_project_total=True)
    assert len(Sessions([], [total], is_known=True).touching([hours(0, 1)], "kept")) == 1
    assert sessions.touching([hours(50, 51)]) == []


def test_a_session_of_several_projects_has_the_tokens_of_its_largest_part() -> None:
    copied = [session(5, project="blog"), session(7), session(6, project="fair")]
    assert tokens_by_name(copied) == {("session", "claude", "a"): 7}
    assert tokens_by_name([session(0)]) == {("session", "claude", "a"): 0}
