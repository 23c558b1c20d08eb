"""The rule that keeps history: one example for each row of its table, and what must hold for any records."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccusage_import.records import ALL_REPORTS, REPORTS, ModelUsage, Provenance, Record
from ccusage_import.rule.context import Context
from ccusage_import.rule.explain import reason_in_words
from ccusage_import.rule.ledger import CountedMessage, Weighed
from ccusage_import.rule.reconcile import Case, reconcile
from ccusage_import.rule.verdicts import Decision, HeldOffer, Reason, Verdict
from ccusage_import.statistics import shown_after

NOW = Provenance("20.0.24", "UTC", "auto", ("d1", "d2"))
OLD_VERSION = NOW._replace(ccusage_version="20.0.20")
OTHER_ZONE = NOW._replace(timezone="Asia/Tokyo")
WEST = NOW._replace(timezone="America/New_York")
OTHER_MODE = NOW._replace(cost_mode="calculate")
FEWER_DIRS = NOW._replace(data_dirs=("d1",))
MORE_DIRS = NOW._replace(data_dirs=("d1", "d2", "d3"))
# The first day whose transcripts cannot have been deleted yet.
EDGE = date(2026, 5, 10)
CONTEXT = Context("studio", NOW, EDGE)
Line = tuple[str, str, str, bool]
FIRST_STAYS = ("held", "taken_back", "2026-05-12", False)
SECOND_IS_NEW = ("new", "first_seen", "2026-05-13", True)


def record(report: str, key: str, day: str, tokens: int, cost: str = "1", **changes: Any) -> Record:
    return Record(
        report, "studio", "claude", key, date.fromisoformat(day), tokens, 0, 0, 0, tokens, Decimal(cost),
        unpriced=False, provenance=NOW,
    )._replace(**changes)  # fmt: skip


def daily(day: str, tokens: int, cost: str = "1", **changes: Any) -> Record:
    return record("daily", f"2026-{day}", f"2026-{day}", tokens, cost, **changes)


def monthly(month: str, tokens: int, **changes: Any) -> Record:
    return record("monthly", f"2026-{month}", f"2026-{month}-01", tokens, **changes)


def session(name: str, begins: str | None, ends: str, tokens: int, **changes: Any) -> Record:
    """A session from one day to another; one that does not show its start has None."""
    started_at = datetime.fromisoformat(f"2026-{begins}T12:00:00+00:00") if begins else None
    return record("session", f"shop/{name}", f"2026-{ends}", tokens, started_at=started_at, **changes)


def block(start: str, tokens: int, cost: str = "1", **changes: Any) -> Record:
    """A block of five hours, as in `block("05-12T09", 100)`."""
    started_at = datetime.fromisoformat(f"2026-{start}:00:00+00:00")
    ends_at = started_at + timedelta(hours=5)
    times = {"started_at": started_at, "block_ends_at": ends_at}
    return record("blocks", f"2026-{start}", started_at.date().isoformat(), tokens, cost, **{**times, **changes})


# A session of all days that is still there: what shows that no transcript was deleted.
WITNESS = session("witness", "01-01", "12-31", 10**9, session_id="witness")


def decide(
    offered: Sequence[Record], stored: Sequence[Record], witness: Sequence[Record] = (WITNESS,), **context: Any
) -> list[Decision]:
    decisions = reconcile([*offered, *witness], [*stored, *witness], ALL_REPORTS, replace(CONTEXT, **context))
    return [decision for decision in decisions if decision.record not in witness]


def lines(decisions: Iterable[Decision]) -> list[Line]:
    return [(one.verdict.value, one.reason.value, one.record.key, one.is_written) for one in decisions]


def judged(offered: Sequence[Record], stored: Sequence[Record], **context: Any) -> list[Line]:
    return lines(decide(offered, stored, **context))


# --- the table -------------------------------------------------------------------------------------

INSIDE, OUTSIDE = "05-12", "05-09"
MODEL = ModelUsage("opus", 100, 0, 0, 0, Decimal(1), unpriced=False)
# One stored day, one offered, and what becomes of it.
TABLE: list[tuple[str, Record | None, Record, dict[str, Any], tuple[str, str, bool]]] = [
    ("new", None, daily(INSIDE, 100), {}, ("new", "first_seen", True)),
    ("new outside", None, daily(OUTSIDE, 100), {}, ("new", "first_seen", True)),
    ("new without tokens", None, daily(INSIDE, 0), {}, ("new", "first_seen", True)),
    ("same", daily(INSIDE, 100), daily(INSIDE, 100), {}, ("unchanged", "nothing_changed", False)),
    ("same outside", daily(OUTSIDE, 100), daily(OUTSIDE, 100), {}, ("unchanged", "nothing_changed", False)),
    (
        "same usage, other details",
        daily(INSIDE, 100, ended_at=None),
        daily(INSIDE, 100, ended_at=datetime(2026, 5, 12, tzinfo=UTC)),
        {},
        ("refreshed", "details_changed", True),
    ),
    ("grew", daily(INSIDE, 100), daily(INSIDE, 101), {}, ("grew", "more_tokens", True)),
    ("grew outside", daily(OUTSIDE, 100), daily(OUTSIDE, 101), {}, ("grew", "more_tokens", True)),
    ("grew and is cheaper", daily(INSIDE, 100, "2"), daily(INSIDE, 101, "1"), {}, ("grew", "more_for_less", True)),
    (
        "grew, prices frozen",
        daily(INSIDE, 100),
        daily(INSIDE, 101, "1.01"),
        {"prices": "freeze"},
        ("grew", "more_tokens", True),
    ),
    ("dearer", daily(INSIDE, 100, "1"), daily(INSIDE, 100, "2"), {}, ("repriced", "prices_changed", True)),
    (
        "cheaper outside",
        daily(OUTSIDE, 100, "2"),
        daily(OUTSIDE, 100, "1"),
        {},
        ("repriced", "price_of_its_time", False),
    ),
    (
        "dearer outside",
        daily(OUTSIDE, 100, "1"),
        daily(OUTSIDE, 100, "2"),
        {},
        ("repriced", "price_of_its_time", False),
    ),
    (
        "a first price outside",
        daily(OUTSIDE, 100, "0", unpriced=True),
        daily(OUTSIDE, 100, "2"),
        {},
        ("repriced", "prices_changed", True),
    ),
    (
        "no price any more",
        daily(INSIDE, 100, "1"),
        daily(INSIDE, 100, "0", unpriced=True),
        {},
        ("held", "price_lost", False),
    ),
    (
        "no price any more, accepted",
        daily(INSIDE, 100, "1"),
        daily(INSIDE, 100, "0", unpriced=True),
        {"accepted": (date(2026, 5, 12), date(2026, 5, 12))},
        ("repriced", "accepted", True),
    ),
    (
        "cheaper by an older version",
        daily(INSIDE, 100, "2", provenance=NOW._replace(ccusage_version="20.0.25")),
        daily(INSIDE, 100, "1"),
        {},
        ("held", "lower_price", False),
    ),
    (
        "cheaper in saved files",
        daily(INSIDE, 100, "2"),
        daily(INSIDE, 100, "1"),
        {"intact_from": None},
        ("held", "lower_price", False),
    ),
    (
        "dearer in saved files",
        daily(INSIDE, 100, "1"),
        daily(INSIDE, 100, "2"),
        {"intact_from": None},
        ("repriced", "prices_changed", True),
    ),
    (
        "other prices by another mode",
        daily(INSIDE, 100, "2", provenance=OTHER_MODE),
        daily(INSIDE, 100, "1"),
        {},
        ("repriced", "mode_changed", True),
    ),
    (
        "taken back",
        daily(INSIDE, 100, provenance=OLD_VERSION),
        daily(INSIDE, 60),
        {"taken_back": {("daily", "claude", "2026-05-12"): 100}},
        ("held", "taken_back", False),
    ),
    (
        "taken back, and grew past it",
        daily(INSIDE, 60),
        daily(INSIDE, 101),
        {"taken_back": {("daily", "claude", "2026-05-12"): 100}},
        ("grew", "more_tokens", True),
    ),
    (
        "a new day that was taken back",
        None,
        daily(INSIDE, 100),
        {"taken_back": {("daily", "claude", "2026-05-12"): 100}},
        ("held", "taken_back", False),
    ),
    (
        "other models",
        daily(INSIDE, 100),
        daily(INSIDE, 100, models=(MODEL,)),
        {},
        ("repriced", "prices_changed", True),
    ),
    (
        "other models outside",
        daily(OUTSIDE, 100),
        daily(OUTSIDE, 100, models=(MODEL,)),
        {},
        ("repriced", "prices_changed", True),
    ),
    (
        "other models in saved files",
        daily(OUTSIDE, 100),
        daily(OUTSIDE, 100, models=(MODEL,)),
        {"intact_from": None},
        ("repriced", "prices_changed", True),
    ),
    (
        "other classes",
        daily(INSIDE, 100),
        daily(INSIDE, 100, input_tokens=0, output_tokens=100),
        {},
        ("repriced", "prices_changed", True),
    ),
    (
        "dearer, prices frozen",
        daily(INSIDE, 100, "1"),
        daily(INSIDE, 100, "2"),
        {"prices": "freeze"},
        ("repriced", "prices_frozen", False),
    ),
    (
        "fell, other version",
        daily(INSIDE, 100, provenance=OLD_VERSION),
        daily(INSIDE, 99),
        {},
        ("corrected", "version_changed", True),
    ),
    (
        "fell, other zone",
        daily(INSIDE, 100, provenance=OTHER_ZONE),
        daily(INSIDE, 99),
        {},
        ("corrected", "timezone_changed", True),
    ),
    (
        "fell, other mode",
        daily(INSIDE, 100, provenance=OTHER_MODE),
        daily(INSIDE, 99),
        {},
        ("corrected", "mode_changed", True),
    ),
    (
        "fell, more directories now",
        daily(INSIDE, 100, provenance=FEWER_DIRS),
        daily(INSIDE, 99),
        {},
        ("corrected", "directories_changed", True),
    ),
    (
        "fell, a directory missing",
        daily(INSIDE, 100, provenance=MORE_DIRS),
        daily(INSIDE, 99),
        {},
        ("held", "directory_missing", False),
    ),
    (
        "fell, a directory missing and other version",
        daily(INSIDE, 100, provenance=MORE_DIRS._replace(ccusage_version="20.0.20")),
        daily(INSIDE, 99),
        {},
        ("held", "directory_missing", False),
    ),
    ("fell", daily(INSIDE, 100), daily(INSIDE, 99), {}, ("held", "unexplained", False)),
    ("fell on the first day", daily("05-10", 100), daily("05-10", 99), {}, ("held", "unexplained", False)),
    ("fell the day before", daily(OUTSIDE, 100), daily(OUTSIDE, 99), {}, ("held", "may_be_swept", False)),
    ("fell and is dearer", daily(INSIDE, 100, "1"), daily(INSIDE, 99, "2"), {}, ("held", "unexplained", False)),
    (
        "fell outside, other version",
        daily(OUTSIDE, 100, provenance=OLD_VERSION),
        daily(OUTSIDE, 99),
        {},
        ("held", "may_be_swept", False),
    ),
    (
        "fell outside, other zone",
        daily(OUTSIDE, 100, provenance=OTHER_ZONE),
        daily(OUTSIDE, 99),
        {},
        ("held", "timezone_changed", False),
    ),
    (
        "grew outside, other zone",
        daily(OUTSIDE, 100, provenance=OTHER_ZONE),
        daily(OUTSIDE, 101),
        {},
        ("held", "timezone_changed", False),
    ),
    (
        "grew inside, other zone",
        daily(INSIDE, 100, provenance=OTHER_ZONE),
        daily(INSIDE, 101),
        {},
        ("grew", "more_tokens", True),
    ),
    (
        "same outside, other zone",
        daily(OUTSIDE, 100, provenance=OTHER_ZONE),
        daily(OUTSIDE, 100),
        {},
        ("unchanged", "nothing_changed", False),
    ),
    (
        "fell, saved files",
        daily(INSIDE, 100, provenance=OLD_VERSION),
        daily(INSIDE, 99),
        {"intact_from": None},
        ("held", "saved_files", False),
    ),
    ("grew, saved files", daily(INSIDE, 100), daily(INSIDE, 101), {"intact_from": None}, ("grew", "more_tokens", True)),
    (
        "fell outside, accepted",
        daily(OUTSIDE, 100),
        daily(OUTSIDE, 99),
        {"accepted": (date(2026, 5, 9), date(2026, 5, 9))},
        ("corrected", "accepted", True),
    ),
    (
        "fell outside, another day accepted",
        daily(OUTSIDE, 100),
        daily(OUTSIDE, 99),
        {"accepted": (date(2026, 5, 7), date(2026, 5, 8))},
        ("held", "may_be_swept", False),
    ),
    (
        "fell, saved files, accepted",
        daily(OUTSIDE, 100),
        daily(OUTSIDE, 99),
        {"accepted": (date(2026, 5, 1), date(2026, 5, 31)), "intact_from": None},
        ("corrected", "accepted", True),
    ),
    (
        "fell outside, other zone, accepted",
        daily(OUTSIDE, 100, provenance=OTHER_ZONE),
        daily(OUTSIDE, 99),
        {"accepted": (date(2026, 5, 1), date(2026, 5, 31))},
        ("corrected", "accepted", True),
    ),
]


@pytest.mark.parametrize(
    ("stored", "offered", "context", "expected"), [pytest.param(*row[1:], id=row[0]) for row in TABLE]
)
def test_one_day(
    stored: Record | None, offered: Record, context: dict[str, Any], expected: tuple[str, str, bool]
) -> None:
    (decision,) = decide([offered], [stored] if stored else [], **context)
    assert (decision.verdict.value, decision.reason.value, decision.is_written) == expected
    assert (decision.stored, decision.offered) == (stored, offered)


@pytest.mark.parametrize("day", ["05-20", "04-01"])
@pytest.mark.parametrize("intact_from", [EDGE, None])
def test_a_record_is_not_dated_ahead_any_more_when_its_day_has_come(day: str, intact_from: date | None) -> None:
    [decision] = decide([daily(day, 100)], [daily(day, 100, is_dated_ahead=True)], intact_from=intact_from)

    assert lines([decision]) == [("refreshed", "details_changed", f"2026-{day}", True)]
    assert decision.offered is not None
    assert not decision.offered.is_dated_ahead


def test_what_changed_is_named_in_a_fixed_order() -> None:
    everything = Provenance("20.0.20", "Asia/Tokyo", "calculate", ("d1",))
    for provenance, reason in [
        (everything, "version_changed"),
        (everything._replace(ccusage_version="20.0.24"), "timezone_changed"),
        (everything._replace(ccusage_version="20.0.24", timezone="UTC"), "mode_changed"),
    ]:
        stored = daily(INSIDE, 100, provenance=provenance)
        assert judged([daily(INSIDE, 99)], [stored]) == [("corrected", reason, "2026-05-12", True)]


@pytest.mark.parametrize("day", ["05-11", "05-12", "05-13", "05-14"])
def test_of_several_changes_the_one_is_named_that_is_true_of_most(day: str) -> None:
    upgraded = [OTHER_MODE._replace(ccusage_version=f"20.0.{day[3:]}{digit}") for digit in "12"]
    provenances = zip(("06", "10", "14"), (*upgraded, OTHER_MODE), strict=True)
    stored = [block(f"{day}T{hour}", 100, provenance=provenance) for hour, provenance in provenances]
    offered = [block(f"{day}T08", 100), block(f"{day}T12", 100)]
    decisions = decide(offered, stored)
    assert {decision.reason for decision in decisions if decision.verdict is Verdict.CORRECTED} == {Reason.MODE_CHANGED}


def test_the_order_of_directories_is_no_change() -> None:
    stored = daily(INSIDE, 100, provenance=NOW._replace(data_dirs=("d2", "d1")))
    assert judged([daily(INSIDE, 99)], [stored]) == [("held", "unexplained", "2026-05-12", False)]


# --- moved from one day to another -------------------------------------------------------------------


@pytest.mark.parametrize("why", [Reason.MESSAGES_GONE, Reason.FELL_BEFORE])
def test_why_it_fell_is_known_in_another_zone_too(why: Reason) -> None:
    stored = daily(INSIDE, 100, provenance=OTHER_ZONE)
    known = {stored.identity: HeldOffer(daily(INSIDE, 60, provenance=OTHER_ZONE), why)}

    assert judged([daily(INSIDE, 60)], [stored], held=known.get) == [("held", why, "2026-05-12", False)]


@pytest.mark.parametrize(
    ("held", "line"),
    [
        (None, ("corrected", "version_changed", True)),
        # It fell while the same ccusage counted it.
        ((99, OLD_VERSION, Reason.UNEXPLAINED), ("held", "fell_before", False)),
        ((1, OLD_VERSION, Reason.SESSION_GONE), ("held", "fell_before", False)),
        # And was held again since, read differently.
        ((99, NOW, Reason.FELL_BEFORE), ("held", "fell_before", False)),
        # This was no fall, or the first one that was read differently.
        ((100, OLD_VERSION, Reason.LOWER_PRICE), ("corrected", "version_changed", True)),
        ((99, NOW, Reason.SESSIONS_UNKNOWN), ("corrected", "version_changed", True)),
    ],
)
def test_what_fell_before_is_not_explained_by_what_changed_since(
    held: tuple[int, Provenance, Reason] | None, line: tuple[str, str, bool]
) -> None:
    stored = daily(INSIDE, 100, provenance=OLD_VERSION)
    known = {stored.identity: HeldOffer(daily(INSIDE, held[0], provenance=held[1]), held[2])} if held else {}

    [found] = judged([daily(INSIDE, 98)], [stored], held=known.get)

    assert (*found[:2], found[3]) == line


@pytest.mark.parametrize(("fell_to", "is_deleted"), [(39, False), (40, True)])
def test_a_block_stays_where_a_session_of_its_time_fell_before(fell_to: int, *, is_deleted: bool) -> None:
    stored = [
        block("05-12T02", 30, provenance=OLD_VERSION),
        session("one", "05-12", "05-12", 40, session_id="one", provenance=OLD_VERSION),
    ]
    offered = session("one", "05-12", "05-12", fell_to, session_id="one")
    known = {stored[1].identity: HeldOffer(offered._replace(provenance=OLD_VERSION), Reason.UNEXPLAINED)}

    found = {one[2]: one for one in judged([block("05-12T12", 7), offered], stored, held=known.get)}

    assert ("2026-05-12T02" in found) is is_deleted


def test_usage_that_moved_to_the_next_day_is_corrected() -> None:
    stored = [daily("05-12", 100), daily("05-13", 50)]
    assert judged([daily("05-12", 60), daily("05-13", 90)], stored) == [
        ("corrected", "moved", "2026-05-12", True),
        ("grew", "more_tokens", "2026-05-13", True),
    ]


def test_a_day_that_moved_away_altogether_is_deleted() -> None:
    stored = [daily("05-12", 100), daily("05-13", 50)]
    (gone, grown) = decide([daily("05-13", 150)], stored)
    assert lines([gone, grown]) == [
        ("corrected", "moved", "2026-05-12", True),
        ("grew", "more_tokens", "2026-05-13", True),
    ]
    assert (gone.stored, gone.offered) == (stored[0], None)


def test_one_token_less_in_the_window_moved_nothing() -> None:
    stored = [daily("05-12", 100), daily("05-13", 50)]
    assert judged([daily("05-12", 60), daily("05-13", 89)], stored) == [
        ("held", "unexplained", "2026-05-12", False),
        ("grew", "more_tokens", "2026-05-13", True),
    ]


def test_what_grew_outside_the_window_explains_nothing_inside() -> None:
    stored = [daily("05-09", 100), daily("05-12", 100)]
    assert judged([daily("05-09", 200), daily("05-12", 60)], stored) == [
        ("grew", "more_tokens", "2026-05-09", True),
        ("held", "unexplained", "2026-05-12", False),
    ]


def test_what_grew_inside_the_window_explains_nothing_outside() -> None:
    stored = [daily("05-09", 100), daily("05-12", 100)]
    assert judged([daily("05-09", 60), daily("05-12", 200)], stored) == [
        ("held", "may_be_swept", "2026-05-09", False),
        ("grew", "more_tokens", "2026-05-12", True),
    ]


def test_reports_explain_nothing_of_each_other() -> None:
    stored = [daily("05-12", 100), record("projects", "2026-05-12/shop", "2026-05-12", 100)]
    offered = [daily("05-12", 60), record("projects", "2026-05-12/shop", "2026-05-12", 900)]
    assert judged(offered, stored) == [
        ("held", "unexplained", "2026-05-12", False),
        ("grew", "more_tokens", "2026-05-12/shop", True),
    ]


def test_agents_explain_nothing_of_each_other() -> None:
    stored = [daily("05-12", 100), daily("05-12", 100, agent="codex")]
    decisions = decide([daily("05-12", 60), daily("05-12", 900, agent="codex")], stored)
    assert [(one.record.agent, one.verdict.value) for one in decisions] == [("claude", "held"), ("codex", "grew")]


# --- not offered any more ------------------------------------------------------------------------------


def test_a_vanished_day_stays_where_nothing_explains_it() -> None:
    assert judged([daily("05-13", 50)], [daily("05-12", 100), daily("05-13", 50)]) == [
        ("unchanged", "nothing_changed", "2026-05-13", False)
    ]


@pytest.mark.parametrize("tokens", [0, 100])
def test_a_vanished_day_outside_the_window_is_never_deleted(tokens: int) -> None:
    stored = [daily("05-09", tokens), daily("05-13", 50)]
    assert judged([daily("05-13", 500)], stored) == [("grew", "more_tokens", "2026-05-13", True)]


def test_a_vanished_day_outside_the_window_stays() -> None:
    stored = [daily("05-09", 100, provenance=OLD_VERSION), daily("05-13", 50)]
    assert judged([daily("05-13", 500)], stored) == [("grew", "more_tokens", "2026-05-13", True)]


@pytest.mark.parametrize(
    ("provenance", "reason"),
    [
        (OLD_VERSION, "version_changed"),
        (OTHER_ZONE, "timezone_changed"),
        (OTHER_MODE, "mode_changed"),
        (FEWER_DIRS, "directories_changed"),
    ],
)
def test_a_vanished_day_is_deleted_where_something_explains_it(provenance: Provenance, reason: str) -> None:
    stored = [daily("05-12", 100, provenance=provenance), daily("05-13", 50)]
    assert judged([daily("05-13", 50)], stored) == [
        ("corrected", reason, "2026-05-12", True),
        ("unchanged", "nothing_changed", "2026-05-13", False),
    ]


def test_a_vanished_day_stays_where_its_directory_is_missing() -> None:
    stored = [daily("05-12", 100, provenance=MORE_DIRS), daily("05-13", 50)]
    assert judged([daily("05-13", 50)], stored) == [("unchanged", "nothing_changed", "2026-05-13", False)]


def test_one_part_of_a_group_whose_directory_is_missing_holds_all_of_it() -> None:
    stored = [block("05-12T00", 50, provenance=MORE_DIRS), block("05-12T05", 50)]
    assert judged([block("05-12T02", 60)], stored) == [("held", "directory_missing", "2026-05-12T02", False)]


def test_a_vanished_day_stays_when_files_are_imported() -> None:
    stored = [daily("05-12", 100, provenance=OLD_VERSION), daily("05-13", 50)]
    assert judged([daily("05-13", 500)], stored, intact_from=None) == [("grew", "more_tokens", "2026-05-13", True)]


def test_accepting_a_range_deletes_nothing() -> None:
    accepted = (date(2026, 5, 1), date(2026, 5, 31))
    assert judged([daily("05-13", 50)], [daily("05-09", 100), daily("05-12", 100)], accepted=accepted) == [
        ("new", "first_seen", "2026-05-13", True)
    ]


@pytest.mark.parametrize(
    ("first", "last", "is_taken"),
    [
        # One of two days that fell, the first of which begins the month.
        (1, 1, False),
        (1, 2, False),
        (3, 31, False),
        # Both, and every day of the month.
        (1, 5, True),
        (2, 5, False),
        (1, 31, True),
        (1, 30, True),
    ],
)
def test_a_month_is_accepted_with_all_days_that_it_lost_any_of(first: int, last: int, *, is_taken: bool) -> None:
    stored = [monthly("05", 310), daily("05-01", 100), daily("05-05", 100), daily("05-07", 110)]
    offered = [monthly("05", 130), daily("05-01", 10), daily("05-05", 10), daily("05-07", 110)]

    decided = judged(offered, stored, accepted=(date(2026, 5, first), date(2026, 5, last)))

    month = ("corrected", "accepted", "2026-05", True) if is_taken else ("held", "may_be_swept", "2026-05", False)
    assert month in decided


def test_a_day_of_another_zone_goes_only_where_it_is_accepted_too() -> None:
    stored, offered = [daily("05-05", 1050, provenance=OTHER_ZONE)], [daily("05-04", 7)]

    held = judged(offered, stored, accepted=(date(2026, 5, 4), date(2026, 5, 4)))
    taken = judged(offered, stored, accepted=(date(2026, 5, 4), date(2026, 5, 5)))

    assert held == [("held", "timezone_changed", "2026-05-04", False)]
    assert taken == [("new", "first_seen", "2026-05-04", True), ("corrected", "accepted", "2026-05-05", True)]


def test_a_month_that_lost_more_than_the_accepted_days_is_held() -> None:
    accepted = (date(2026, 5, 1), date(2026, 5, 5))
    gone = [monthly("05", 300), daily("05-01", 100), daily("05-05", 100), daily("05-07", 100)]
    offered = [monthly("05", 110), daily("05-01", 10), daily("05-05", 100)]
    never_stored = [monthly("05", 300), daily("05-01", 100), daily("05-05", 100)]

    for stored in (gone, never_stored):
        assert ("held", "may_be_swept", "2026-05", False) in judged(offered, stored, accepted=accepted)
        assert ("corrected", "accepted", "2026-05-01", True) in judged(offered, stored, accepted=accepted)


def test_a_month_without_its_days_is_accepted_whole() -> None:
    stored, offered = [monthly("05", 300)], [monthly("05", 110)]

    held = judged(offered, stored, accepted=(date(2026, 5, 1), date(2026, 5, 30)))
    taken = judged(offered, stored, accepted=(date(2026, 5, 1), date(2026, 5, 31)))

    assert held == [("held", "may_be_swept", "2026-05", False)]
    assert taken == [("corrected", "accepted", "2026-05", True)]


@pytest.mark.parametrize("context", [{}, {"accepted": (date(2026, 1, 1), date(2026, 12, 31))}, {"intact_from": None}])
def test_an_empty_report_deletes_nothing(context: dict[str, Any]) -> None:
    stored = [daily("05-12", 100, provenance=OLD_VERSION), block("05-12T09", 100, provenance=OLD_VERSION)]
    assert judged([], stored, **context) == []


def test_a_fall_of_another_agent_is_held_whatever_changed() -> None:
    stored = [daily("05-12", 100, agent="codex", provenance=OLD_VERSION), daily("05-13", 5, agent="codex")]
    offered = [daily("05-12", 60, agent="codex"), daily("05-13", 500, agent="codex")]
    assert judged(offered, stored) == [
        ("held", "may_be_swept", "2026-05-12", False),
        ("grew", "more_tokens", "2026-05-13", True),
    ]


def test_a_fall_of_another_agent_is_taken_when_it_is_accepted() -> None:
    stored = [daily("05-12", 100, agent="codex")]
    offered = [daily("05-12", 60, agent="codex")]
    context = replace(CONTEXT, accepted=(date(2026, 5, 12), date(2026, 5, 12)))
    assert lines(reconcile(offered, stored, REPORTS, context)) == [("corrected", "accepted", "2026-05-12", True)]


def test_a_new_zone_bars_no_later_day_of_another_agent() -> None:
    stored = [daily(day, 100, agent="codex", provenance=OTHER_ZONE) for day in ("05-11", "05-12")]
    offered = [daily(day, tokens, agent="codex") for day, tokens in (("05-10", 9), ("05-12", 150), ("05-13", 7))]
    assert judged(offered, stored) == [
        ("held", "timezone_changed", "2026-05-10", False),
        ("held", "timezone_changed", "2026-05-12", False),
        ("new", "first_seen", "2026-05-13", True),
    ]


def of_codex(*records: Record) -> list[Record]:
    return [one._replace(agent="codex") for one in records]


@pytest.mark.parametrize(
    ("left", "reports", "intact_from", "is_filed_anew"),
    [
        ([("a", 100), ("b", 60)], ["session"], EDGE, True),
        ([("a", 100), ("b", 50)], ["session"], date(2026, 7, 1), True),
        # A session is gone, or lost some; the others grew.
        ([("a", 900)], ["session"], EDGE, False),
        ([("a", 900), ("b", 49)], ["session"], EDGE, False),
        # Nothing is known of sessions, or of the sources.
        ([], [], EDGE, False),
        ([("a", 100), ("b", 60)], ["session"], None, False),
    ],
)
def test_another_zone_files_days_of_another_agent_anew_while_all_its_sessions_are_there(
    left: list[tuple[str, int]], reports: list[str], intact_from: date | None, *, is_filed_anew: bool
) -> None:
    # Codex does not tell when a session began.
    sessions = [session(name, None, "05-12", tokens, session_id=name) for name, tokens in (("a", 100), ("b", 50))]
    stored = of_codex(monthly("05", 150, provenance=WEST), daily("05-12", 150, provenance=WEST), *sessions)
    now = [session(name, None, "05-13", tokens, session_id=name) for name, tokens in left]
    offered = of_codex(monthly("05", 160), daily("05-12", 40), daily("05-13", 120), *now)
    labels = [f"codex {report}" for report in ("daily", "monthly", *reports)]

    decided = lines(reconcile(offered, stored, labels, replace(CONTEXT, intact_from=intact_from)))

    assert [line for line in decided if line[2].startswith("2026")] == (
        [
            ("corrected", "timezone_changed", "2026-05-12", True),
            ("new", "first_seen", "2026-05-13", True),
            ("grew", "more_tokens", "2026-05", True),
        ]
        if is_filed_anew
        else [
            ("held", "timezone_changed", "2026-05-12", False),
            ("held", "timezone_changed", "2026-05-13", False),
            ("held", "timezone_changed", "2026-05", False),
        ]
    )


@pytest.mark.parametrize(
    ("left", "day"), [(70, ("refreshed", "details_changed", True)), (69, ("unchanged", "nothing_changed", False))]
)
def test_a_day_of_another_agent_is_of_the_new_zone_once_all_its_sessions_are_there(
    left: int, day: tuple[str, str, bool]
) -> None:
    then, now = (session("a", None, "05-12", tokens, session_id="a") for tokens in (70, left))
    stored = of_codex(daily("05-12", 70, provenance=WEST), then)

    decided = lines(reconcile(of_codex(daily("05-12", 70), now), stored, ["codex daily", "codex session"], CONTEXT))

    assert [(verdict, reason, is_written) for verdict, reason, key, is_written in decided if key[:4] == "2026"] == [day]


@pytest.mark.parametrize(
    ("stored_later", "verdict"),
    [
        ([], "corrected"),
        ([daily("05-14", 30)], "corrected"),
        # The only session that is known has less than is stored since then: another one was never stored.
        ([daily("05-14", 31)], "held"),
        ([monthly("06", 101)], "held"),
    ],
)
def test_sessions_of_another_agent_must_account_for_all_that_came_later_too(
    stored_later: list[Record], verdict: str
) -> None:
    known = session("a", None, "06-01", 100, session_id="a")
    stored = of_codex(daily("05-12", 70, provenance=WEST), *stored_later, known)
    offered = of_codex(daily("05-12", 40), daily("05-13", 30), *stored_later, known)
    labels = [f"codex {report}" for report in ("daily", "monthly", "session")]

    assert lines(reconcile(offered, stored, labels, CONTEXT))[0][0] == verdict


def test_an_empty_report_of_one_agent_deletes_nothing() -> None:
    stored = [daily("05-12", 100, agent="codex", provenance=OLD_VERSION)]
    assert judged([daily("05-12", 100)], stored) == [("new", "first_seen", "2026-05-12", True)]


def test_a_report_that_was_not_fetched_is_not_judged() -> None:
    stored = [daily("05-12", 100, provenance=OLD_VERSION), monthly("05", 100), block("05-12T09", 100)]
    assert lines(reconcile([daily("05-13", 5)], stored, ["daily"], CONTEXT)) == [
        ("new", "first_seen", "2026-05-13", True),
    ]
    assert lines(reconcile([], stored, ["session"], CONTEXT)) == []


def test_what_is_refused_is_not_judged() -> None:
    stored = [daily(day, 100, provenance=OLD_VERSION) for day in ("05-11", "05-12")]
    refused = frozenset(one.identity for one in stored)

    assert judged([daily("05-12", 60), daily("05-13", 5)], stored, refused=refused) == [
        ("new", "first_seen", "2026-05-13", True)
    ]


def test_other_machines_are_left_alone() -> None:
    stored = [daily("05-12", 100, machine="laptop", provenance=OLD_VERSION), daily("05-13", 70, machine="laptop")]
    assert judged([daily("05-13", 50)], stored) == [("new", "first_seen", "2026-05-13", True)]


# --- months and sessions ---------------------------------------------------------------------------------


def test_a_month_is_intact_when_its_first_day_is() -> None:
    stored = [monthly("05", 100, provenance=OLD_VERSION), monthly("06", 100, provenance=OLD_VERSION)]
    assert judged([monthly("05", 60), monthly("06", 60)], stored) == [
        ("held", "may_be_swept", "2026-05", False),
        ("corrected", "version_changed", "2026-06", True),
    ]
    assert judged([monthly("05", 60)], stored[:1], intact_from=date(2026, 5, 1)) == [
        ("corrected", "version_changed", "2026-05", True)
    ]


def test_a_session_is_intact_when_its_first_day_is() -> None:
    stored = session("a", "05-10", "05-13", 100, provenance=OLD_VERSION)
    assert judged([session("a", "05-10", "05-13", 60)], [stored]) == [("corrected", "version_changed", "shop/a", True)]
    stored = session("a", "05-09", "05-13", 100, provenance=OLD_VERSION)
    assert judged([session("a", "05-09", "05-13", 60)], [stored]) == [("held", "may_be_swept", "shop/a", False)]


def test_a_session_that_lost_its_beginning_is_held() -> None:
    stored = session("a", "05-09", "05-13", 100, provenance=OLD_VERSION)
    assert judged([session("a", "05-12", "05-13", 60)], [stored]) == [("held", "may_be_swept", "shop/a", False)]


def test_the_stored_start_of_a_session_counts_where_the_offer_shows_none() -> None:
    stored = session("a", "05-10", "05-13", 100, provenance=OLD_VERSION)
    assert judged([session("a", None, "05-13", 60)], [stored]) == [("corrected", "version_changed", "shop/a", True)]


def test_a_session_without_a_known_start_is_never_intact() -> None:
    stored = session("a", None, "05-13", 100, provenance=OLD_VERSION)
    assert judged([session("a", None, "05-13", 60)], [stored]) == [("held", "may_be_swept", "shop/a", False)]
    assert judged([session("b", None, "05-13", 100)], [stored]) == [("new", "first_seen", "shop/b", True)]


def test_a_stored_session_without_a_known_start_is_not_intact_because_of_the_offered_one() -> None:
    stored = session("a", None, "05-13", 100, provenance=NOW._replace(ccusage_version="19.0.3"))
    assert judged([session("a", "05-12", "05-13", 60)], [stored]) == [("held", "may_be_swept", "shop/a", False)]


def test_the_start_of_a_session_is_a_day_of_the_time_zone() -> None:
    provenance = NOW._replace(timezone="America/New_York")
    stored = session("a", "05-10", "05-13", 100, provenance=provenance._replace(ccusage_version="20.0.20"))
    night = datetime(2026, 5, 10, 3, tzinfo=UTC)
    offered = session("a", "05-10", "05-13", 60, provenance=provenance)
    held = judged([offered], [stored._replace(started_at=night)], provenance=provenance)
    assert held == [("held", "may_be_swept", "shop/a", False)]
    taken = judged([offered], [stored], provenance=provenance)
    assert taken == [("corrected", "version_changed", "shop/a", True)]


# --- blocks ------------------------------------------------------------------------------------------------


def test_a_block_that_moved_and_kept_its_sum_replaces_the_old_one() -> None:
    stored = [block("05-11T09", 100)]
    decisions = decide([block("05-11T11", 100)], stored)
    assert lines(decisions) == [
        ("corrected", "moved", "2026-05-11T09", True),
        ("new", "first_seen", "2026-05-11T11", True),
    ]
    assert (decisions[0].stored, decisions[0].offered) == (stored[0], None)


def test_a_block_that_moved_and_lost_tokens_is_held() -> None:
    assert judged([block("05-09T11", 99)], [block("05-09T09", 100)]) == [
        ("held", "may_be_swept", "2026-05-09T11", False)
    ]
    assert judged([block("05-12T11", 99)], [block("05-12T09", 100)]) == [
        ("held", "unexplained", "2026-05-12T11", False)
    ]


def test_a_block_that_moved_and_lost_tokens_is_taken_where_something_explains_it() -> None:
    stored = [block("05-12T09", 100, provenance=OLD_VERSION)]
    assert judged([block("05-12T11", 99)], stored) == [
        ("corrected", "version_changed", "2026-05-12T09", True),
        ("new", "first_seen", "2026-05-12T11", True),
    ]


def hour(start: str, tokens: int) -> Record:
    """An hour as in `hour("05-12T09", 100)`."""
    one = block(start, tokens)
    assert one.started_at is not None
    return one._replace(report="hours", block_ends_at=one.started_at + timedelta(hours=1))


def test_an_hour_that_lost_tokens_is_held_and_its_neighbours_are_judged_alone() -> None:
    stored = [hour("05-09T09", 100), hour("05-09T10", 50), hour("05-09T11", 7)]
    assert judged([hour("05-09T10", 30), hour("05-09T11", 9)], stored) == [
        ("held", "may_be_swept", "2026-05-09T10", False),
        ("grew", "more_tokens", "2026-05-09T11", True),
    ]


def test_usage_that_moved_to_the_next_hour_is_corrected() -> None:
    stored = [hour("05-12T09", 100), hour("05-12T10", 50)]
    assert judged([hour("05-12T09", 60), hour("05-12T10", 90)], stored) == [
        ("corrected", "moved", "2026-05-12T09", True),
        ("grew", "more_tokens", "2026-05-12T10", True),
    ]


def test_usage_moves_to_blocks_within_hours() -> None:
    stored = [block("05-12T00", 100)]
    assert [line[:2] for line in judged([block("05-12T00", 60), block("05-12T08", 40)], stored)] == [
        ("corrected", "moved"),
        ("new", "first_seen"),
    ]
    ends = {hour: datetime(2026, 5, 12, hour, tzinfo=UTC) for hour in (10, 15)}
    # One group, since messages of the instant at which one ends belong to it; the last begins ten hours later.
    three = [block("05-12T05", 20, ended_at=ends[10]), block("05-12T10", 10, ended_at=ends[15]), block("05-12T15", 10)]
    assert [line[:2] for line in judged([block("05-12T00", 60), *three], stored)] == [
        ("corrected", "moved"),
        *[("new", "first_seen")] * 3,
    ]


def test_a_new_block_of_a_group_that_fell_is_judged_with_where_its_usage_went() -> None:
    offered, stored = [block("05-12T00", 90), block("05-12T08", 20)], [block("05-12T02", 100), block("05-12T08", 5)]

    assert judged(offered, stored) == [
        ("new", "first_seen", "2026-05-12T00", True),
        ("corrected", "moved", "2026-05-12T02", True),
        ("grew", "more_tokens", "2026-05-12T08", True),
    ]


def test_two_blocks_that_became_one_are_one_group() -> None:
    stored = [block("05-12T05", 60), block("05-12T10", 40)]
    assert judged([block("05-12T08", 100)], stored) == [
        ("corrected", "moved", "2026-05-12T05", True),
        ("new", "first_seen", "2026-05-12T08", True),
        ("corrected", "moved", "2026-05-12T10", True),
    ]
    assert judged([block("05-12T08", 99)], stored) == [("held", "unexplained", "2026-05-12T08", False)]


def test_a_chain_of_overlaps_is_one_group() -> None:
    stored = [block("05-12T00", 50), block("05-12T06", 50)]
    offered = [block("05-12T04", 10), block("05-12T10", 95)]
    assert judged(offered, stored) == [
        ("corrected", "moved", "2026-05-12T00", True),
        ("new", "first_seen", "2026-05-12T04", True),
        ("corrected", "moved", "2026-05-12T06", True),
        ("new", "first_seen", "2026-05-12T10", True),
    ]
    offered = [block("05-12T04", 10), block("05-12T10", 89)]
    assert judged(offered, stored) == [
        ("held", "unexplained", "2026-05-12T04", False),
        ("held", "unexplained", "2026-05-12T10", False),
    ]


def test_a_longer_block_holds_a_group_together() -> None:
    long = block("05-12T00", 50, block_ends_at=datetime(2026, 5, 12, 10, tzinfo=UTC))
    assert judged([block("05-12T01", 10), block("05-12T08", 39)], [long]) == [
        ("held", "unexplained", "2026-05-12T01", False),
        ("held", "unexplained", "2026-05-12T08", False),
    ]


@pytest.mark.parametrize(("until", "verdict"), [(9, "held"), (10, "new")])
def test_a_group_is_accepted_where_all_its_days_are(until: int, verdict: str) -> None:
    stored = [block("05-09T20", 100)]
    offered = [block("05-09T18", 1), block("05-10T00", 1)]
    found = judged(offered, stored, accepted=(date(2026, 5, 9), date(2026, 5, until)))
    assert [line[0] for line in found if line[2] != "2026-05-09T20"] == [verdict, verdict]


def test_blocks_that_only_touch_are_no_group() -> None:
    stored = [block("05-12T00", 50), block("05-12T05", 50)]
    assert judged([block("05-12T05", 80)], stored) == [("grew", "more_tokens", "2026-05-12T05", True)]


def test_a_block_that_fell_in_a_group_that_did_not_is_corrected() -> None:
    stored = [block("05-11T00", 50), block("05-11T05", 50)]
    offered = [block("05-11T00", 40), block("05-11T04", 70)]
    assert judged(offered, stored) == [
        ("corrected", "moved", "2026-05-11T00", True),
        ("new", "first_seen", "2026-05-11T04", True),
        ("corrected", "moved", "2026-05-11T05", True),
    ]


def test_a_group_over_the_edge_of_the_window_is_not_intact() -> None:
    stored = [block("05-09T22", 100, provenance=OLD_VERSION)]
    assert judged([block("05-10T01", 60)], stored) == [("held", "may_be_swept", "2026-05-10T01", False)]


def test_a_block_that_is_the_same_in_a_held_group_is_unchanged() -> None:
    stored = [block("05-09T00", 100), block("05-09T05", 50)]
    assert judged([block("05-09T04", 1), block("05-09T05", 50)], stored) == [
        ("held", "may_be_swept", "2026-05-09T04", False),
        ("unchanged", "nothing_changed", "2026-05-09T05", False),
    ]


def test_blocks_of_two_agents_are_no_group() -> None:
    stored = [block("05-12T00", 100)]
    assert judged([block("05-12T01", 500, agent="codex"), block("05-12T00", 99)], stored) == [
        ("held", "unexplained", "2026-05-12T00", False),
        ("new", "first_seen", "2026-05-12T01", True),
    ]


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        (block("05-12T09", 100, is_active=True, tokens_per_minute=2.0), ("refreshed", "details_changed", True)),
        (block("05-12T09", 100, is_active=True, remaining_minutes=9), ("refreshed", "details_changed", True)),
        (block("05-12T09", 100), ("refreshed", "details_changed", True)),
        (block("05-12T09", 120, is_active=True), ("grew", "more_tokens", True)),
        (block("05-12T09", 100, "2", is_active=True), ("repriced", "prices_changed", True)),
        (block("05-12T09", 100, is_active=True, tokens_per_minute=1.0), ("unchanged", "nothing_changed", False)),
    ],
)
def test_an_active_block_is_written_as_it_changes(offered: Record, expected: tuple[str, str, bool]) -> None:
    stored = block("05-12T09", 100, is_active=True, tokens_per_minute=1.0)
    ((verdict, reason, _, is_written),) = judged([offered], [stored])
    assert (verdict, reason, is_written) == expected


def test_a_closed_block_is_written_once() -> None:
    stored = block("05-12T09", 100, is_active=True, tokens_per_minute=1.0)
    closed = block("05-12T09", 100)
    shown = shown_after([stored], decide([closed], [stored]))
    assert shown == [closed]
    assert judged([closed], shown) == [("unchanged", "nothing_changed", "2026-05-12T09", False)]


def test_a_vanished_day_without_tokens_is_judged_the_same_every_time() -> None:
    stored = [daily("05-12", 0), daily("05-13", 10, provenance=OLD_VERSION)]
    offered = [daily("05-13", 5)]
    first = decide(offered, stored)
    assert lines(first) == [("corrected", "version_changed", "2026-05-13", True)]
    assert judged(offered, shown_after(stored, first)) == [("unchanged", "nothing_changed", "2026-05-13", False)]


def test_a_held_block_explains_no_fall_of_another() -> None:
    stored = [block("05-09T22", 100), block("05-12T09", 100)]
    offered = [block("05-10T01", 60), block("05-12T09", 50)]
    assert judged(offered, stored) == [
        ("held", "may_be_swept", "2026-05-10T01", False),
        ("held", "unexplained", "2026-05-12T09", False),
    ]


def test_a_block_that_begins_where_all_stored_ones_end_is_new_though_its_group_is_held() -> None:
    stored = [block("05-12T00", 100)]
    # A message of the very instant at which a block ends belongs to it.
    offered = [block("05-12T00", 20, ended_at=datetime(2026, 5, 12, 5, tzinfo=UTC)), block("05-12T05", 60)]
    assert judged(offered, stored) == [
        ("held", "unexplained", "2026-05-12T00", False),
        ("new", "first_seen", "2026-05-12T05", True),
    ]
    assert judged(offered, stored, taken_back={stored[0].identity: 100}) == [
        ("held", "taken_back", "2026-05-12T00", False),
        ("held", "taken_back", "2026-05-12T05", False),
    ]


@pytest.mark.parametrize(("tokens", "verdicts"), [(100, ["held"]), (101, ["corrected", "new"])])
def test_a_group_stays_taken_back_until_all_of_it_grows_past_what_was_marked(tokens: int, verdicts: list[str]) -> None:
    stored = block("05-12T00", 100)
    found = judged([block("05-12T02", tokens)], [stored], taken_back={stored.identity: 100})
    assert [line[0] for line in found] == verdicts


# --- another time zone -------------------------------------------------------------------------------------


def test_another_zone_files_new_days_only_inside_the_window() -> None:
    stored = [daily("05-08", 100, provenance=OTHER_ZONE), daily("05-12", 100, provenance=OTHER_ZONE)]
    offered = [daily("05-07", 100), daily("05-12", 40), daily("05-13", 60)]
    assert judged(offered, stored) == [
        ("held", "timezone_changed", "2026-05-07", False),
        ("corrected", "timezone_changed", "2026-05-12", True),
        ("new", "first_seen", "2026-05-13", True),
    ]


def test_another_zone_deletes_days_only_inside_the_window() -> None:
    stored = [daily("05-08", 100, provenance=OTHER_ZONE), daily("05-12", 100, provenance=OTHER_ZONE)]
    assert judged([daily("05-13", 10)], stored) == [
        ("corrected", "timezone_changed", "2026-05-12", True),
        ("new", "first_seen", "2026-05-13", True),
    ]


def test_old_days_are_new_where_no_old_day_is_of_another_zone() -> None:
    stored = [daily("05-08", 100), daily("05-12", 100, provenance=OTHER_ZONE)]
    assert judged([daily("05-09", 100), daily("05-12", 100)], stored) == [
        ("new", "first_seen", "2026-05-09", True),
        ("refreshed", "details_changed", "2026-05-12", True),
    ]


def test_another_zone_files_months_and_projects_anew_too() -> None:
    stored = [
        monthly("04", 100, provenance=OTHER_ZONE),
        record("projects", "2026-05-08/shop", "2026-05-08", 9, provenance=OTHER_ZONE),
    ]
    offered = [monthly("03", 100), monthly("04", 900), record("projects", "2026-05-07/shop", "2026-05-07", 9)]
    assert judged(offered, stored) == [
        ("held", "timezone_changed", "2026-03", False),
        ("held", "timezone_changed", "2026-04", False),
        ("held", "timezone_changed", "2026-05-07/shop", False),
    ]


@pytest.mark.parametrize(
    ("day", "stored_with", "intact_from", "verdict"),
    [
        # A day of April alone, which no stored month holds.
        ("04-20", None, EDGE, "new"),
        # The first of May began in Tokyo on this day.
        ("04-30", None, EDGE, "held"),
        # A day of no month that is offered.
        ("03-15", None, EDGE, "held"),
        # The day is held itself, or takes the place of that of the other zone.
        ("04-20", OTHER_ZONE, EDGE, "held"),
        ("04-20", OTHER_ZONE, date(2026, 4, 10), "new"),
        # The day is not offered any more.
        (None, NOW, EDGE, "held"),
    ],
)
def test_a_month_is_new_where_a_day_of_it_alone_is(
    day: str | None, stored_with: Provenance | None, intact_from: date, verdict: str
) -> None:
    stored = [monthly("05", 100, provenance=OTHER_ZONE), monthly("06", 100, provenance=OTHER_ZONE)]
    days = [daily("04-20", 9, provenance=stored_with)] if stored_with else []
    offered = [daily(day or "05-21", 10), daily("05-20", 5), *(monthly(month, 101) for month in ("04", "05", "06"))]

    decided = judged(offered, [*stored, *days], intact_from=intact_from)

    found = {key: (verdict, is_written) for verdict, _, key, is_written in decided}
    assert found["2026-04"] == (verdict, verdict == "new")
    assert found["2026-05"] == found["2026-06"] == ("held", False)


@pytest.mark.parametrize(
    ("before", "then", "now"),
    [
        (monthly("04", 100, provenance=WEST), monthly("05", 10), monthly("05", 50)),
        (daily("05-08", 100, provenance=WEST), daily("05-09", 10), daily("05-09", 50)),
    ],
)
def test_what_goes_on_grows_beside_what_another_zone_filed(before: Record, then: Record, now: Record) -> None:
    again = before._replace(total_tokens=90, provenance=NOW)

    assert judged([again, now], [before, then]) == [
        ("held", "timezone_changed", before.key, False),
        ("grew", "more_tokens", now.key, True),
    ]
    # It is held while it is filed by the other zone itself, falls, or was taken back.
    assert judged([again, now], [before, then._replace(provenance=WEST)])[1][:2] == ("held", "timezone_changed")
    assert judged([again, then], [before, now])[1][:2] == ("held", "timezone_changed")
    assert judged([again, now], [before, then], taken_back={now.identity: 50})[1][0] == "held"


@pytest.mark.parametrize(("tokens", "verdict"), [(149, "grew"), (150, "held"), (151, "grew")])
def test_what_another_zone_filed_under_the_next_day_is_not_new_under_the_one_before(tokens: int, verdict: str) -> None:
    then, next_day = daily("05-08", 100), daily("05-09", 50, provenance=NOW._replace(timezone="Asia/Tokyo"))

    assert judged([daily("05-08", tokens)], [then, next_day])[0][0] == verdict


@pytest.mark.parametrize(("tokens", "verdict"), [(108, "held"), (109, "new")])
def test_a_month_that_was_taken_back_stays_so_beside_one_of_another_zone(tokens: int, verdict: str) -> None:
    stored = [monthly("03", 104, provenance=OTHER_ZONE)]
    offered = [daily("02-10", 108), monthly("02", tokens), monthly("03", 140)]

    decided = judged(offered, stored, taken_back={monthly("02", 0).identity: 108, monthly("03", 0).identity: 122})

    assert {key: verdict for verdict, _, key, _ in decided}["2026-02"] == verdict


@pytest.mark.parametrize(("tokens", "verdict"), [(50, "held"), (51, "grew")])
def test_what_was_taken_back_stays_so_beside_what_another_zone_filed(tokens: int, verdict: str) -> None:
    stored = [daily("05-12", 100, provenance=WEST), daily("05-13", 20)]
    offered = [daily("05-12", 100, "2"), daily("05-13", tokens)]

    decided = judged(offered, stored, taken_back={stored[1].identity: 50})

    assert {key: verdict for verdict, _, key, _ in decided}["2026-05-13"] == verdict


@pytest.mark.parametrize(("failed", "verdict"), [(set(), "new"), ({"blocks"}, "held")])
def test_the_hours_of_an_agent_tell_which_days_share_usage_unless_blocks_failed(failed: set[str], verdict: str) -> None:
    # The 8th began in Tokyo at 15:00 of the 7th, when nobody worked.
    stored = [daily("05-08", 100, provenance=OTHER_ZONE), block("05-08T03", 100)]
    offered = [daily("05-07", 9), daily("05-08", 150), block("05-08T03", 100)]

    found = judged(offered, stored, failed=frozenset(failed))

    assert [line[0] for line in found if line[2] in ("2026-05-07", "2026-05-08")] == [verdict, "held"]


def test_another_zone_does_not_bar_sessions_and_blocks() -> None:
    stored = [
        session("a", "05-08", "05-09", 100, provenance=OTHER_ZONE),
        block("05-08T09", 100, provenance=OTHER_ZONE),
    ]
    offered = [session("a", "05-08", "05-09", 101), block("05-08T09", 101), block("05-09T09", 1)]
    assert [line[:3] for line in judged(offered, stored)] == [
        ("grew", "more_tokens", "2026-05-08T09"),
        ("new", "first_seen", "2026-05-09T09"),
        ("grew", "more_tokens", "shop/a"),
    ]


# --- since and until -----------------------------------------------------------------------------------------


def test_only_days_inside_the_filter_are_judged() -> None:
    offered = [daily("05-11", 1), daily("05-12", 2), daily("05-13", 3), daily("05-14", 4)]
    found = judged(offered, [], since=date(2026, 5, 12), until=date(2026, 5, 13))
    assert [line[2] for line in found] == ["2026-05-12", "2026-05-13"]


def test_days_outside_the_filter_are_not_deleted() -> None:
    stored = [daily("05-10", 100, provenance=OLD_VERSION), daily("05-13", 100, provenance=OLD_VERSION)]
    assert judged([daily("05-12", 1)], stored, since=date(2026, 5, 12)) == [
        ("new", "first_seen", "2026-05-12", True),
        ("corrected", "version_changed", "2026-05-13", True),
    ]


def test_usage_that_moved_over_the_edge_of_the_filter_is_not_judged() -> None:
    stored = [daily("05-12", 100), daily("05-13", 50)]
    offered = [daily("05-12", 60), daily("05-13", 90)]
    assert judged(offered, stored, until=date(2026, 5, 12)) == []
    assert judged(offered, stored, since=date(2026, 5, 13)) == []
    assert judged(offered, stored) == [
        ("corrected", "moved", "2026-05-12", True),
        ("grew", "more_tokens", "2026-05-13", True),
    ]


def test_a_month_is_judged_where_the_filter_touches_it() -> None:
    offered = [monthly("02", 1), monthly("03", 1), monthly("04", 1), monthly("05", 1), monthly("06", 1)]
    found = judged(offered, [], since=date(2026, 3, 31), until=date(2026, 5, 1))
    assert [line[2] for line in found] == ["2026-03", "2026-04", "2026-05"]
    found = judged(offered, [], since=date(2026, 3, 1), until=date(2026, 3, 31))
    assert [line[2] for line in found] == ["2026-03"]


def test_a_group_of_blocks_is_judged_whole_or_not_at_all() -> None:
    stored, offered = [block("05-11T22", 100)], [block("05-12T01", 100)]
    assert judged(offered, stored, since=date(2026, 5, 12)) == []
    assert [line[:3] for line in judged(offered, stored, since=date(2026, 5, 11))] == [
        ("corrected", "moved", "2026-05-11T22"),
        ("new", "first_seen", "2026-05-12T01"),
    ]


# --- evidence ---------------------------------------------------------------------------------------


def test_a_fall_is_not_explained_where_a_session_of_its_day_is_gone() -> None:
    gone = session("gone", "05-12", "05-12", 60, session_id="gone")
    stored = [daily("05-12", 100, provenance=OLD_VERSION), gone]
    assert judged([daily("05-12", 40)], stored) == [("held", "session_gone", "2026-05-12", False)]
    assert judged([daily("05-12", 40), gone], stored)[0] == ("corrected", "version_changed", "2026-05-12", True)


def test_new_usage_elsewhere_explains_no_fall() -> None:
    gone = session("gone", "05-12", "05-12", 60, session_id="gone")
    stored = [daily("05-12", 100), daily("05-13", 50), gone]
    assert judged([daily("05-12", 40), daily("05-13", 500)], stored) == [
        ("held", "session_gone", "2026-05-12", False),
        ("grew", "more_tokens", "2026-05-13", True),
    ]


def test_one_session_that_goes_on_shows_where_usage_went() -> None:
    stored = [daily("05-12", 100), daily("05-13", 50)]
    offered = [daily("05-12", 60), daily("05-13", 90)]
    sessions = [session("long", "05-12", "05-13", 60, session_id="long"), short_session("short", "05-12T09", 40)]

    assert judged(offered, stored, witness=sessions) == [
        ("corrected", "moved", "2026-05-12", True),
        ("grew", "more_tokens", "2026-05-13", True),
    ]


def test_usage_moved_only_where_no_session_of_its_day_fell() -> None:
    cut = session("cut", "05-12", "05-12", 60, session_id="cut")
    stored = [daily("05-12", 100), daily("05-13", 50), cut]
    offered = [daily("05-12", 60), daily("05-13", 90), cut._replace(total_tokens=59)]
    assert judged(offered, stored)[:2] == [
        ("held", "unexplained", "2026-05-12", False),
        ("grew", "more_tokens", "2026-05-13", True),
    ]
    # The two are not judged together.
    assert judged(offered, stored, until=date(2026, 5, 12))[0] == ("held", "unexplained", "2026-05-12", False)


def test_usage_moved_only_where_a_session_goes_on() -> None:
    stored = [daily("05-12", 100), daily("05-13", 50)]
    offered = [daily("05-12", 60), daily("05-13", 90)]

    assert judged(offered, stored, witness=[short_session("short", "05-12T09", 100)]) == [
        ("held", "unexplained", "2026-05-12", False),
        ("grew", "more_tokens", "2026-05-13", True),
    ]


@pytest.mark.parametrize(("cut", "reason"), [(60, "moved"), (59, "unexplained")])
def test_a_message_that_does_not_fit_where_it_went_moved_only_where_no_session_fell(cut: int, reason: str) -> None:
    one = session("cut", "05-12", "05-12", 60, session_id="cut")
    stored, offered = [daily("05-12", 100), daily("05-13", 50)], [daily("05-12", 92), daily("05-13", 59)]
    at = datetime(2026, 5, 13, 12, tzinfo=UTC)
    moved = CountedMessage((1, 1, 0), at, "shop", "cut", (10, 0, 0, 0), in_daily=True, in_session=True)
    case = Case([*offered, one._replace(total_tokens=cut), WITNESS], [*stored, one, WITNESS], ALL_REPORTS, CONTEXT)

    first = case.decisions({stored[0].identity: Weighed(3, 3, moved=(moved,))})[0]

    assert (first.record.key, first.reason.value, first.is_written) == ("2026-05-12", reason, reason == "moved")


def test_a_session_that_fell_is_not_whole_because_its_copy_grew() -> None:
    one, copy = (session(name, "05-12", "05-12", 60, session_id=name, project="shop") for name in ("one", "copy"))
    at = datetime(2026, 5, 12, 12, tzinfo=UTC)
    moved = CountedMessage((1, 1, 0), at, "shop", "copy", (10, 0, 0, 0), in_daily=True, in_session=True)
    offered = [one._replace(total_tokens=52), copy._replace(total_tokens=69)]

    decisions = Case(offered, [one, copy], ALL_REPORTS, CONTEXT).decisions(
        {one.identity: Weighed(3, 3, moved=(moved,))}
    )

    assert lines(decisions) == [
        ("grew", "more_tokens", "shop/copy", True),
        ("held", "unexplained", "shop/one", False),
    ]


def test_a_fall_is_not_explained_without_a_report_of_sessions() -> None:
    stored = [daily("05-12", 100, provenance=OLD_VERSION), WITNESS]
    offered = [daily("05-12", 40)]
    assert lines(reconcile(offered, stored, ["daily"], CONTEXT)) == [("held", "sessions_unknown", "2026-05-12", False)]


def test_a_session_whose_project_was_renamed_moves_with_its_days() -> None:
    then = session("one", "05-12", "05-12", 100, session_id="one", project="shop")
    now = then._replace(key="store/one", project="store", total_tokens=120)
    stored = [then, record("projects", "2026-05-12/shop", "2026-05-12", 100, project="shop")]
    offered = [now, record("projects", "2026-05-12/store", "2026-05-12", 120, project="store")]
    assert judged(offered, stored) == [
        ("corrected", "moved", "2026-05-12/shop", True),
        ("new", "first_seen", "2026-05-12/store", True),
        ("corrected", "moved", "shop/one", True),
        ("new", "first_seen", "store/one", True),
    ]


def test_sessions_that_do_not_account_for_a_day_show_nothing_of_where_its_usage_went() -> None:
    stored = [daily("05-12", 100), daily("05-13", 50)]
    half = [session("half", "05-12", "05-13", 50, session_id="half")]
    offered = [daily("05-12", 60), daily("05-13", 90)]

    assert judged(offered, stored, witness=half, until=date(2026, 5, 12)) == [
        ("held", "sessions_unknown", "2026-05-12", False)
    ]


def test_what_grew_waits_for_no_sessions() -> None:
    context = replace(CONTEXT, failed=frozenset({"session"}))
    stored, offered = [daily("05-12", 100), daily("05-13", 50)], [daily("05-12", 110), daily("05-13", 60)]

    assert [line[:2] for line in lines(reconcile(offered, stored, ["daily"], context))] == [("grew", "more_tokens")] * 2


def test_what_may_be_swept_makes_nothing_else_wait_for_sessions() -> None:
    stored, offered = [block("05-09T22", 100)], [block("05-10T01", 60), block("05-10T06", 40)]
    context = replace(CONTEXT, failed=frozenset({"session"}))

    assert lines(reconcile(offered, stored, ["blocks"], context)) == [
        ("held", "may_be_swept", "2026-05-10T01", False),
        ("new", "first_seen", "2026-05-10T06", True),
    ]


def test_groups_of_blocks_end_at_a_block_that_is_offered_as_it_is_stored() -> None:
    stored = [block("05-11T00", 100), block("05-11T05", 50), block("05-11T10", 50)]
    offered = [block("05-11T01", 60), block("05-11T05", 50), block("05-11T10", 80)]
    assert judged(offered, stored) == [
        ("held", "unexplained", "2026-05-11T01", False),
        ("unchanged", "nothing_changed", "2026-05-11T05", False),
        ("grew", "more_tokens", "2026-05-11T10", True),
    ]


def test_blocks_after_a_group_that_is_held_are_new() -> None:
    stored = [block("05-09T00", 100), block("05-09T05", 50)]
    offered = [block("05-09T02", 20), block("05-09T07", 60), block("05-09T12", 10)]
    assert judged(offered, stored) == [
        ("held", "may_be_swept", "2026-05-09T02", False),
        ("held", "may_be_swept", "2026-05-09T07", False),
        ("new", "first_seen", "2026-05-09T12", True),
    ]


# --- prices -----------------------------------------------------------------------------------------


def priced(model: str, tokens: int, cost: str, *, unpriced: bool = False) -> ModelUsage:
    return ModelUsage(model, tokens, 0, 0, 0, Decimal(cost), unpriced)


def test_what_grew_and_has_no_price_any_more_keeps_the_one_it_had() -> None:
    stored = daily("05-12", 100, "2", models=(priced("opus", 100, "2"),))
    offered = daily("05-12", 150, "0", unpriced=True, models=(priced("opus", 150, "0", unpriced=True),))
    (decision,) = decide([offered], [stored])
    assert decision.offered is not None
    assert (decision.offered.cost_usd, decision.offered.unpriced) == (Decimal(2), True)


def test_frozen_prices_price_what_is_new_alone() -> None:
    stored = daily("05-12", 100, "2", models=(priced("opus", 100, "2"),))
    offered = daily("05-12", 150, "1.5", models=(priced("opus", 150, "1.5"),))
    (decision,) = decide([offered], [stored], prices="freeze")
    assert decision.offered is not None
    # Two dollars for what was stored, and a third of 1.5 for the 50 new tokens.
    assert decision.offered.cost_usd == Decimal("2.5")


def test_a_lower_price_in_saved_files_lowers_no_cost_where_usage_grew() -> None:
    for cost, kept in (("1.5", "2.5"), ("2", "2")):
        (decision,) = decide([daily("05-12", 150, cost)], [daily("05-12", 100, "2")], intact_from=None)
        assert decision.offered is not None
        assert decision.offered.cost_usd == Decimal(kept)


@pytest.mark.parametrize(
    ("now", "cost", "prices", "version"),
    [
        # Its price is kept, and with it the version whose price it is.
        (OLD_VERSION, "1.5", "follow", "20.0.24"),
        (OLD_VERSION, "3", "follow", "20.0.20"),
        (NOW, "1.5", "freeze", "20.0.24"),
        (NOW._replace(ccusage_version="20.0.25"), "1.5", "freeze", "20.0.25"),
    ],
)
def test_what_grew_is_of_the_version_that_priced_it(now: Provenance, cost: str, prices: str, version: str) -> None:
    offered = daily("05-12", 150, cost, provenance=now)

    (decision,) = decide([offered], [daily("05-12", 100, "2")], provenance=now, prices=prices)

    assert decision.offered is not None
    assert decision.offered.provenance.ccusage_version == version


def test_decisions_are_in_the_order_of_report_agent_and_key() -> None:
    offered = [
        monthly("05", 1), daily("05-13", 1), daily("05-12", 1, agent="codex"), daily("05-12", 1), block("05-12T09", 1),
    ]  # fmt: skip
    assert [(one.record.report, one.record.agent, one.record.key) for one in decide(offered, [])] == [
        ("blocks", "claude", "2026-05-12T09"),
        ("daily", "claude", "2026-05-12"),
        ("daily", "claude", "2026-05-13"),
        ("daily", "codex", "2026-05-12"),
        ("monthly", "claude", "2026-05"),
    ]


# --- in words ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_words(reason: Reason) -> None:
    decision = Decision(Verdict.HELD, reason, None, daily("05-12", 1), is_written=False)
    assert reason_in_words(decision, None) != reason.value


@pytest.mark.parametrize(
    ("offered", "words"),
    [
        (daily("05-09", 1), "its transcripts may have been deleted: 2026-05-09 is before 2026-05-10"),
        (monthly("05", 1), "its transcripts may have been deleted: the month begins before 2026-05-10"),
        (session("a", None, "05-13", 1), "its transcripts may have been deleted: it may have begun before 2026-05-10"),
    ],
)
def test_a_held_fall_names_the_date_that_matters(offered: Record, words: str) -> None:
    decision = Decision(Verdict.HELD, Reason.MAY_BE_SWEPT, None, offered, is_written=False)
    assert reason_in_words(decision, EDGE) == words


# --- what must hold for any records ----------------------------------------------------------------------------

EXAMPLES = int(os.environ.get("CCUSAGE_IMPORT_TEST_FUZZ_EXAMPLES", "200"))
# The same examples in every run, and nothing kept on disk; more of them by the environment variable.
REPEATABLE = settings(settings.get_profile("ci"), max_examples=EXAMPLES)
PROVENANCES = [NOW, NOW, NOW, OLD_VERSION, OTHER_ZONE, OTHER_MODE, FEWER_DIRS, MORE_DIRS]
EXPLAINING = {"version_changed", "timezone_changed", "mode_changed", "directories_changed", "moved"}
# A few days and months on both sides of the edge, so that offered and stored often meet.
KEYS = [
    *(("daily", f"2026-{day}", f"2026-{day}", None) for day in ("05-08", "05-09", "05-10", "05-11", "05-12")),
    *(("monthly", f"2026-{month}", f"2026-{month}-01", None) for month in ("04", "05", "06")),
    *(("projects", f"2026-{day}/{name}", f"2026-{day}", None) for day in ("05-09", "05-10") for name in "ab"),
    *(("session", f"shop/{day}", f"2026-{day}", day) for day in ("05-09", "05-10", "05-11", "05-12")),
]
TOKENS = st.sampled_from([0, 10, 20, 30])
COSTS = st.sampled_from(["0", "1"])
Identity = tuple[str, str, str]


def identity(one: Record) -> Identity:
    return one.report, one.agent, one.key


@st.composite
def filed(draw: st.DrawFn, provenances: Sequence[Provenance]) -> Record:
    """One record of any report but blocks."""
    report, key, day, ends = draw(st.sampled_from(KEYS))
    begins = draw(st.sampled_from([None, "05-08", ends])) if ends else None
    started_at = datetime.fromisoformat(f"2026-{begins}T12:00:00+00:00") if begins else None
    return record(
        report, key, day, draw(TOKENS), draw(COSTS), started_at=started_at,
        agent=draw(st.sampled_from(["claude", "claude", "codex"])), provenance=draw(st.sampled_from(provenances)),
    )  # fmt: skip


@st.composite
def blocks(draw: st.DrawFn, provenances: Sequence[Provenance]) -> list[Record]:
    """Blocks that do not overlap each other, from a day before the edge to a day after it."""
    found, hour = [], draw(st.integers(0, 10))
    while hour < 48:
        start = datetime(2026, 5, 9, tzinfo=UTC) + timedelta(hours=hour)
        name = start.strftime("%m-%dT%H")
        is_active = draw(st.booleans())
        provenance = draw(st.sampled_from(provenances))
        found.append(block(name, draw(TOKENS), draw(COSTS), is_active=is_active, provenance=provenance))
        hour += 5 + draw(st.sampled_from([0, 1, 3, 8, 20]))
    return found


@st.composite
def shown(draw: st.DrawFn, provenances: Sequence[Provenance]) -> list[Record]:
    """What a warehouse may show or ccusage may offer: one record a key, in any order."""
    records = draw(st.lists(filed(provenances), max_size=12, unique_by=identity))
    return draw(st.permutations([*records, *draw(blocks(provenances))]))


OFFERED, STORED = shown([NOW]), shown(PROVENANCES)
CONTEXTS = st.builds(
    Context,
    machine=st.just("studio"),
    provenance=st.just(NOW),
    intact_from=st.sampled_from([EDGE, EDGE, EDGE, None]),
    prices=st.sampled_from(["follow", "freeze"]),
    accepted=st.sampled_from([None, None, (date(2026, 5, 9), date(2026, 5, 9)), (date(2026, 5, 10), EDGE)]),
)
PLAIN_CONTEXTS = CONTEXTS.map(lambda context: replace(context, accepted=None))


def overlaps(one: Record, other: Record) -> bool:
    """Whether two blocks of five hours have a moment in common."""
    if one.started_at is None or other.started_at is None:
        return False
    return abs(one.started_at - other.started_at) < timedelta(hours=5)


def groups_of(records: Sequence[Record]) -> dict[Identity, Identity]:
    """Which records are counted together: overlapping blocks have the name of one of them, any other its own."""
    names = {identity(one): identity(one) for one in records}
    spans = [one for one in records if one.report == "blocks"]
    pairs = [(one, other) for one in spans for other in spans if overlaps(one, other)]
    is_settled = False
    while not is_settled:
        is_settled = True
        for one, other in pairs:
            if names[identity(other)] > names[identity(one)]:
                names[identity(other)] = names[identity(one)]
                is_settled = False
    return names


@REPEATABLE
@given(offered=OFFERED, stored=STORED, context=CONTEXTS)
def test_every_offered_record_gets_one_decision(offered: list[Record], stored: list[Record], context: Context) -> None:
    decisions = reconcile(offered, stored, REPORTS, context)
    met = Counter(identity(one.offered) for one in decisions if one.offered is not None)
    assert met == Counter(identity(one) for one in offered)
    assert max(Counter(identity(one.record) for one in decisions).values(), default=1) == 1
    before = {identity(one): one for one in stored}
    assert all(one.stored == before.get(identity(one.record)) for one in decisions)


@REPEATABLE
@given(offered=OFFERED, stored=STORED, context=CONTEXTS, data=st.data())
def test_the_order_of_the_records_does_not_matter(
    offered: list[Record], stored: list[Record], context: Context, data: st.DataObject
) -> None:
    others = data.draw(st.permutations(offered)), data.draw(st.permutations(stored))
    assert reconcile(*others, REPORTS, context) == reconcile(offered, stored, REPORTS, context)


@REPEATABLE
@given(offered=OFFERED, stored=STORED, context=PLAIN_CONTEXTS)
def test_the_same_offer_writes_nothing_a_second_time(
    offered: list[Record], stored: list[Record], context: Context
) -> None:
    after = shown_after(stored, reconcile(offered, stored, REPORTS, context))
    # Sessions that are stored now are evidence that was not there at first.
    after = shown_after(after, reconcile(offered, after, REPORTS, context))
    assert [line for line in lines(reconcile(offered, after, REPORTS, context)) if line[3]] == []


def is_inside(one: Record) -> bool:
    """Whether all transcripts of a record lie inside the window; only those of Claude Code have one."""
    if one.agent != "claude":
        return False
    if one.report == "session":
        return one.started_at is not None and one.started_at.date() >= EDGE
    return one.day >= EDGE


def sums(records: Iterable[Record], names: dict[Identity, Identity]) -> Counter[Identity]:
    found: Counter[Identity] = Counter()
    for one in records:
        found[names[identity(one)]] += one.total_tokens
    return found


@REPEATABLE
@given(offered=OFFERED, stored=STORED, context=PLAIN_CONTEXTS)
def test_no_unexplained_fall_is_shown(offered: list[Record], stored: list[Record], context: Context) -> None:
    decisions = reconcile(offered, stored, REPORTS, context)
    names = groups_of([*stored, *offered])
    after = sums(shown_after(stored, decisions), names)
    fallen = {name for name, tokens in sums(stored, names).items() if after[name] < tokens}
    assert context.intact_from is not None or not fallen
    assert all(is_inside(one) for one in stored if names[identity(one)] in fallen)
    for name in fallen:
        reasons = {one.reason.value for one in decisions if is_fall(one) and names[identity(one.record)] == name}
        assert reasons
        assert reasons <= EXPLAINING


def is_fall(decision: Decision) -> bool:
    return decision.verdict == Verdict.CORRECTED and decision.is_written


@REPEATABLE
@given(offered=OFFERED, stored=STORED, context=PLAIN_CONTEXTS)
def test_no_total_falls_outside_the_window(offered: list[Record], stored: list[Record], context: Context) -> None:
    names = groups_of([*stored, *offered])
    outside = {names[identity(one)] for one in stored if not is_inside(one)}
    before = sums(stored, names)
    after = sums(shown_after(stored, reconcile(offered, stored, REPORTS, context)), names)
    for report_and_agent in {name[:2] for name in outside}:
        mine = [name for name in outside if name[:2] == report_and_agent]
        assert sum(after[name] for name in mine) >= sum(before[name] for name in mine)


@REPEATABLE
@given(offered=OFFERED, stored=shown([NOW]), context=PLAIN_CONTEXTS)
def test_no_total_falls_when_nothing_changed_but_the_records(
    offered: list[Record], stored: list[Record], context: Context
) -> None:
    after = shown_after(stored, reconcile(offered, stored, REPORTS, context))
    for report, agent in {(one.report, one.agent) for one in stored}:
        before_sum = sum(one.total_tokens for one in stored if (one.report, one.agent) == (report, agent))
        after_sum = sum(one.total_tokens for one in after if (one.report, one.agent) == (report, agent))
        assert after_sum >= before_sum


@REPEATABLE
@given(offered=OFFERED, stored=STORED, others=STORED, context=CONTEXTS)
def test_a_machine_never_touches_the_records_of_another(
    offered: list[Record], stored: list[Record], others: list[Record], context: Context
) -> None:
    foreign = [one._replace(machine="laptop") for one in others]
    decisions = reconcile(offered, [*foreign, *stored], REPORTS, context)
    assert decisions == reconcile(offered, stored, REPORTS, context)
    assert all(one.record.machine == "studio" for one in decisions)


@REPEATABLE
@given(offered=OFFERED, stored=STORED, fetched=st.sets(st.sampled_from(REPORTS)))
@pytest.mark.exhaustive
def test_reports_that_were_not_fetched_have_no_decision(
    offered: list[Record], stored: list[Record], fetched: set[str]
) -> None:
    fetched = {*fetched, "session"}
    offered = [one for one in offered if one.report in fetched]
    decisions = reconcile(offered, stored, fetched, CONTEXT)
    assert {one.record.report for one in decisions} <= fetched
    assert decisions == [one for one in reconcile(offered, stored, REPORTS, CONTEXT) if one.record.report in fetched]


@REPEATABLE
@given(offered=OFFERED, stored=STORED, context=CONTEXTS, days=st.tuples(st.integers(8, 12), st.integers(8, 12)))
@pytest.mark.exhaustive
def test_a_filter_only_leaves_out_decisions(
    offered: list[Record], stored: list[Record], context: Context, days: tuple[int, int]
) -> None:
    since, until = date(2026, 5, days[0]), date(2026, 5, days[1])
    filtered = reconcile(offered, stored, REPORTS, replace(context, since=since, until=until))
    by_day = [one for one in reconcile(offered, stored, REPORTS, context) if one.record.report in ("daily", "projects")]
    # Usage that may have moved over the edge of the filter is left out, too.
    inside = [one for one in by_day if since <= one.record.day <= until]
    assert [one for one in filtered if one.record.report in ("daily", "projects") and one not in inside] == []


def test_what_was_read_with_is_kept_up_to_date_inside_the_window_only() -> None:
    stored = [daily("05-12", 100, provenance=OLD_VERSION), daily("05-08", 100, provenance=OLD_VERSION)]
    assert judged([daily("05-12", 100), daily("05-08", 100)], stored) == [
        ("unchanged", "nothing_changed", "2026-05-08", False),
        ("refreshed", "details_changed", "2026-05-12", True),
    ]


def test_an_upgrade_before_the_last_import_explains_no_fall_after_it() -> None:
    stored = [daily("05-12", 100, provenance=OLD_VERSION)]
    upgraded = shown_after(stored, reconcile([daily("05-12", 100)], stored, ("daily",), CONTEXT))
    assert judged([daily("05-12", 40)], upgraded) == [("held", "unexplained", "2026-05-12", False)]


def test_saved_files_of_an_unknown_version_explain_no_fall() -> None:
    saved = NOW._replace(ccusage_version="", data_dirs=())
    assert judged([daily("05-12", 40)], [daily("05-12", 100, provenance=saved)]) == [
        ("held", "unexplained", "2026-05-12", False)
    ]


# --- what lives at random found ----------------------------------------------------------------------


def partly_priced(tokens: int, cost: str) -> Record:
    models = (ModelUsage("opus", tokens, 0, 0, 0, Decimal(cost), unpriced=True),)
    return daily(INSIDE, tokens, cost, unpriced=True, models=models)


def test_dollars_that_were_kept_when_a_price_was_lost_stay_the_next_time() -> None:
    stored = partly_priced(200, "1")

    assert judged([partly_priced(200, "0")], [stored]) == [("held", "price_lost", "2026-05-12", False)]
    (grown,) = decide([partly_priced(201, "0")], [stored])
    assert grown.offered is not None
    assert (grown.verdict, grown.offered.cost_usd) == (Verdict.GREW, Decimal(1))


def test_a_fall_is_not_taken_while_the_price_is_not_known() -> None:
    stored = daily(INSIDE, 100, models=(MODEL,), provenance=OLD_VERSION)
    lost = MODEL._replace(input_tokens=90, cost_usd=Decimal(0), unpriced=True)

    assert judged([daily(INSIDE, 90, "0", unpriced=True, models=(lost,))], [stored]) == [
        ("held", "price_lost", "2026-05-12", False)
    ]


def short_session(name: str, begins: str, tokens: int, **changes: Any) -> Record:
    """A session of one hour, as in `short_session("a", "05-12T16", 100)`."""
    started_at = datetime.fromisoformat(f"2026-{begins}:00:00+00:00")
    times = {"started_at": started_at, "ended_at": started_at + timedelta(hours=1)}
    return record(
        "session",
        f"shop/{name}",
        f"2026-{begins[:5]}",
        tokens,
        **{"session_id": name, "project": "shop", **times, **changes},
    )


def test_the_sessions_of_a_day_are_those_of_the_time_that_its_zone_gave_it() -> None:
    # The 12th in Tokyo began on the 11th at 15 o'clock.
    stored = [daily("05-12", 100, provenance=OTHER_ZONE)]
    sessions = [short_session("a", "05-11T16", 95), short_session("b", "05-12T12", 5)]

    assert judged([daily("05-11", 95), daily("05-12", 5)], stored, witness=sessions) == [
        ("new", "first_seen", "2026-05-11", True),
        ("corrected", "timezone_changed", "2026-05-12", True),
    ]


def test_a_day_whose_usage_goes_to_a_day_that_is_held_is_held_with_it() -> None:
    stored = [daily("05-12", 107, provenance=OTHER_ZONE), daily("05-13", 11, provenance=OTHER_ZONE)]
    then = [short_session("gone", "05-11T20", 107), short_session("here", "05-12T16", 11)]

    decisions = reconcile([daily("05-12", 11), then[1]], [*stored, *then], REPORTS, CONTEXT)

    assert [line for line in lines(decisions) if line[3]] == []


def test_a_session_is_not_gone_because_an_old_ccusage_shows_projects_in_its_place() -> None:
    stored = short_session("a", "05-12T12", 100)
    shown = record("session", "shop", "2026-05-12", 100, project="shop", is_project_total=True)

    decisions = Case([shown], [stored], REPORTS, CONTEXT).decisions({stored.identity: Weighed(2, 2)})

    assert lines(decisions) == [("new", "first_seen", "shop", True)]


def test_messages_that_are_filed_anew_elsewhere_move_to_no_day_that_is_held() -> None:
    # All of it lies in another directory and in another zone now, in which ccusage counts less of it.
    stored = daily("05-12", 100, provenance=OTHER_ZONE._replace(data_dirs=("elsewhere",)))
    at = datetime(2026, 5, 11, 20, tzinfo=UTC)
    moved = CountedMessage((1, 1, 0), at, "shop", "a", (100, 0, 0, 0), in_daily=True, in_session=True)
    case = Case([daily("05-11", 90), WITNESS], [stored, WITNESS], REPORTS, CONTEXT)

    decisions = case.decisions({stored.identity: Weighed(1, 1, moved=(moved,))})

    assert [line for line in lines(decisions) if line[2].startswith("2026")] == [
        ("new", "first_seen", "2026-05-11", True),
        ("corrected", "timezone_changed", "2026-05-12", True),
    ]


def project(name: str, tokens: int) -> Record:
    return record("projects", f"2026-05-12/{name}", "2026-05-12", tokens, project=name)


def test_a_project_that_took_the_name_of_one_that_was_deleted_stays_whatever_is_read_differently() -> None:
    gone = short_session("gone", "05-12T12", 1000, project="store")
    here = short_session("here", "05-12T12", 100)
    moved = here._replace(key="store/here", project="store")
    stored = [project("shop", 100), project("store", 1000), gone, here]

    decisions = reconcile([project("store", 100), moved], stored, REPORTS, replace(CONTEXT, provenance=MORE_DIRS))

    assert [line for line in lines(decisions) if "/here" not in line[2]] == [
        ("held", "session_gone", "2026-05-12/store", False)
    ]


def test_a_session_gone_from_one_project_says_nothing_of_another_that_is_renamed() -> None:
    gone = short_session("gone", "05-12T12", 5, project="other")
    here = short_session("here", "05-12T12", 100)
    moved = here._replace(key="store/here", project="store")

    decisions = reconcile([project("store", 100), moved], [project("shop", 100), gone, here], REPORTS, CONTEXT)

    assert [line for line in lines(decisions) if "/here" not in line[2]] == [
        ("corrected", "moved", "2026-05-12/shop", True),
        ("new", "first_seen", "2026-05-12/store", True),
    ]


@pytest.mark.parametrize("marks_beside", [{}, {project("store", 0).identity: 7}])
@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (207, [("held", "taken_back", "2026-05-12/store", False)]),
        (
            208,
            [("corrected", "moved", "2026-05-12/shop", True), ("grew", "more_tokens", "2026-05-12/store", True)],
        ),
    ],
)
def test_what_was_taken_back_does_not_come_in_again_by_where_it_moved_to(
    tokens: int, expected: list[Line], marks_beside: dict[tuple[str, str, str], int]
) -> None:
    stored, mark = [project("shop", 100), project("store", 7)], {project("shop", 0).identity: 200, **marks_beside}
    here = short_session("here", "05-12T12", 100)
    moved = here._replace(key="store/here", project="store")
    context = replace(CONTEXT, taken_back=mark)

    decisions = reconcile([project("store", tokens), moved], [*stored, here], REPORTS, context)

    assert [line for line in lines(decisions) if "/here" not in line[2]] == expected


@pytest.mark.parametrize(
    ("left", "mark", "expected"),
    [
        (2, {}, [("corrected", "moved", "2026-05-12", True), ("grew", "more_for_less", "2026-05-13", True)]),
        (1, {}, [("held", "unexplained", "2026-05-12", False), ("held", "messages_gone", "2026-05-13", False)]),
        (
            2,
            {daily("05-13", 0).identity: 1_000},
            [("held", "unexplained", "2026-05-12", False), ("held", "taken_back", "2026-05-13", False)],
        ),
    ],
)
def test_nothing_moves_to_a_day_that_stays_as_it_is(
    left: int, mark: dict[tuple[str, str, str], int], expected: list[Line]
) -> None:
    offered, stored = [daily("05-12", 90), daily("05-13", 20)], [daily("05-12", 100), daily("05-13", 5, "2")]
    case = Case([*offered, WITNESS], [*stored, WITNESS], REPORTS, replace(CONTEXT, taken_back=mark))

    decisions = case.decisions({stored[1].identity: Weighed(2, left, 5 * (2 - left))})

    assert [line for line in lines(decisions) if line[2].startswith("2026")] == expected


@pytest.mark.parametrize(
    ("fair", "store", "marks", "reason"),
    [(10, 147, {"shop": 200}, "unexplained"), (55, 102, {"shop": 200, "fair": 50}, "taken_back")],
)
def test_only_what_grew_beside_what_was_taken_back_is_taken_back_with_it(
    fair: int, store: int, marks: dict[str, int], reason: str
) -> None:
    stored = [project("fair", 50), project("shop", 100), project("store", 7)]
    here = [short_session("here", "05-12T12", 100), short_session("there", "05-12T12", 50, project="fair")]
    moved = [one._replace(key=f"store/{one.session_id}", project="store") for one in here]
    context = replace(CONTEXT, taken_back={project(name, 0).identity: tokens for name, tokens in marks.items()})

    decisions = reconcile([project("fair", fair), project("store", store), *moved], [*stored, *here], REPORTS, context)

    assert [line for line in lines(decisions) if line[2].startswith("2026")] == [
        ("held", reason, "2026-05-12/fair", False),
        ("held", "taken_back", "2026-05-12/store", False),
    ]


@pytest.mark.parametrize(
    ("first", "second", "marks", "expected"),
    [
        # Of the first day as little is offered as when it was taken back: nothing of it moved since then.
        (100, 2, {"05-12": (103, 100)}, [FIRST_STAYS, SECOND_IS_NEW]),
        (100, 7, {"05-12": (103, 100)}, [FIRST_STAYS, SECOND_IS_NEW]),
        # Two tokens of it may have moved.
        (98, 2, {"05-12": (103, 100)}, [FIRST_STAYS, ("held", "taken_back", "2026-05-13", False)]),
        (98, 7, {"05-12": (103, 100)}, [FIRST_STAYS, SECOND_IS_NEW]),
        # Both were taken back by one load; the second grew past that, the first did not.
        (100, 60, {"05-12": (103, 100), "05-13": (50, 50)}, [FIRST_STAYS, SECOND_IS_NEW]),
        (
            104,
            60,
            {"05-12": (103, 100), "05-13": (50, 50)},
            [("grew", "more_tokens", "2026-05-12", True), SECOND_IS_NEW],
        ),
    ],
)
def test_what_was_taken_back_stays_so_while_the_next_day_grows(
    first: int, second: int, marks: dict[str, tuple[int, int]], expected: list[Line]
) -> None:
    stored = [daily("05-12", 103, provenance=OLD_VERSION), WITNESS]
    known = {daily(day, 0).identity: mark for day, mark in marks.items()}
    context = replace(
        CONTEXT,
        taken_back={name: up_to for name, (up_to, _) in known.items()},
        as_taken_back={name: shown for name, (_, shown) in known.items()},
    )

    decisions = reconcile([daily("05-12", first), daily("05-13", second), WITNESS], stored, REPORTS, context)

    assert [line for line in lines(decisions) if line[2].startswith("2026")] == expected


# A day of two projects outside the window, one of which has another name now, by reports that say nothing of sessions.
FAIR, SHOP, STORE = (
    record("projects", f"2026-05-09/{name}", "2026-05-09", tokens, project=name)
    for name, tokens in (("fair", 30), ("shop", 70), ("store", 70))
)
MORE_FAIR = FAIR._replace(input_tokens=31, total_tokens=31)


@pytest.mark.parametrize("intact_from", [EDGE, None])
@pytest.mark.parametrize("day", ["05-09", "05-11"])
def test_a_day_that_is_offered_as_it_is_stored_says_that_a_project_has_another_name(
    day: str, intact_from: date | None
) -> None:
    fair, shop, store = (
        one._replace(key=f"2026-{day}/{one.project}", day=date.fromisoformat(f"2026-{day}"))
        for one in (FAIR, SHOP, STORE)
    )
    context = replace(CONTEXT, failed=frozenset({"session"}), intact_from=intact_from)

    decisions = reconcile([daily(day, 100), fair, store], [daily(day, 100), fair, shop], ["daily", "projects"], context)

    assert lines(decisions) == [
        ("unchanged", "nothing_changed", f"2026-{day}", False),
        ("unchanged", "nothing_changed", f"2026-{day}/fair", False),
        ("corrected", "moved", f"2026-{day}/shop", True),
        ("new", "first_seen", f"2026-{day}/store", True),
    ]


@pytest.mark.parametrize(
    ("offered", "stored", "context"),
    [
        # The day is not the same, or not known.
        ([daily("05-09", 101), MORE_FAIR, STORE], [daily("05-09", 100), FAIR, SHOP], {}),
        ([daily("05-09", 99), FAIR, STORE], [daily("05-09", 100), FAIR, SHOP], {}),
        ([daily("05-09", 100, input_tokens=99, output_tokens=1), FAIR, STORE], [daily("05-09", 100), FAIR, SHOP], {}),
        ([FAIR, STORE], [daily("05-09", 100), FAIR, SHOP], {}),
        ([daily("05-09", 100), FAIR, STORE], [FAIR, SHOP], {}),
        # Its projects do not add up to it, now or then.
        ([daily("05-09", 101), FAIR, STORE], [daily("05-09", 101), FAIR, SHOP], {}),
        ([daily("05-09", 100), FAIR, STORE], [daily("05-09", 100), MORE_FAIR, SHOP], {}),
        # A part of it was filed by another zone, or taken back.
        ([daily("05-09", 100), FAIR, STORE], [daily("05-09", 100), FAIR, SHOP._replace(provenance=OTHER_ZONE)], {}),
        ([daily("05-09", 100), FAIR, STORE], [daily("05-09", 100), FAIR, SHOP], {"taken_back": {STORE.identity: 0}}),
    ],
)
def test_a_project_stays_where_its_day_does_not_say_that_it_has_another_name(
    offered: list[Record], stored: list[Record], context: dict[str, Any]
) -> None:
    decided = judged(offered, stored, **context)

    assert ("new", "first_seen", "2026-05-09/store", True) in decided
    assert [line for line in decided if line[2] == "2026-05-09/shop"] == []


def test_a_project_whose_new_name_was_taken_back_stays_so_while_the_next_day_goes_on_under_it() -> None:
    shop, store = (
        record("projects", f"2026-05-11/{name}", "2026-05-11", 70, project=name) for name in ("shop", "store")
    )
    goes_on = record("projects", "2026-05-12/store", "2026-05-12", 200, project="store")

    decided = judged(
        [daily("05-11", 70), daily("05-12", 200), store, goes_on],
        [daily("05-11", 70), shop],
        taken_back={shop.identity: 70, store.identity: 70},
        as_taken_back={shop.identity: 0, store.identity: 70},
    )

    assert [line for line in decided if "/" in line[2]] == [
        ("held", "taken_back", "2026-05-11/store", False),
        ("new", "first_seen", "2026-05-12/store", True),
    ]


@pytest.mark.parametrize(("left", "verdicts"), [(None, []), (69, []), (70, [("corrected", "moved")])])
def test_a_project_whose_session_lost_usage_stays_where_another_brought_as_much(
    left: int | None, verdicts: list[tuple[str, str]]
) -> None:
    then, other = (
        short_session(name, "05-09T12", 70)._replace(project=project)
        for name, project in (("then", "shop"), ("other", "store"))
    )
    now = [then._replace(total_tokens=left)] if left else []
    offered, stored = [daily("05-09", 100), FAIR, STORE, other, *now], [daily("05-09", 100), FAIR, SHOP, then]

    decided = judged(offered, stored)

    assert ("new", "first_seen", "2026-05-09/store", True) in decided
    assert [line[:2] for line in decided if line[2] == "2026-05-09/shop"] == verdicts


def test_a_project_with_another_name_keeps_the_price_it_had() -> None:
    now = STORE._replace(cost_usd=Decimal(0), unpriced=True)
    days = daily("05-09", 100), daily("05-09", 100, "0", unpriced=True)

    decisions = decide([days[1], FAIR, now], [days[0], FAIR, SHOP])

    assert lines(decisions)[2:] == [
        ("corrected", "moved", "2026-05-09/shop", True),
        ("new", "first_seen", "2026-05-09/store", True),
    ]
    assert [one.cost_usd for one in shown_after([SHOP], decisions) if one.project == "store"] == [Decimal(1)]


def test_a_project_is_renamed_beside_one_that_stays_taken_back() -> None:
    beside = record("projects", "2026-05-13/store", "2026-05-13", 8, project="store")
    here = session("here", "05-12", "05-13", 100, session_id="here", project="shop")
    moved = here._replace(key="store/here", project="store")
    context = replace(CONTEXT, taken_back={beside.identity: 8}, as_taken_back={beside.identity: 8})

    decisions = reconcile([project("store", 100), beside, moved], [project("shop", 100), here], REPORTS, context)

    assert [line for line in lines(decisions) if line[2].startswith("2026")] == [
        ("corrected", "moved", "2026-05-12/shop", True),
        ("new", "first_seen", "2026-05-12/store", True),
        ("held", "taken_back", "2026-05-13/store", False),
    ]


def test_a_session_that_is_held_was_there_on_the_days_of_what_is_held_of_it() -> None:
    gone = short_session("gone", "05-12T12", 1000)
    later = gone._replace(total_tokens=14, ended_at=datetime(2026, 5, 20, 12, tzinfo=UTC))
    other = short_session("other", "05-20T12", 1000)
    day = daily("05-20", 500, provenance=OLD_VERSION)
    held = {gone.identity: HeldOffer(later, Reason.UNEXPLAINED)}

    def decided(**known: Any) -> list[Line]:
        context = replace(CONTEXT, **known)
        decisions = reconcile([daily("05-20", 400), other], [day, gone, other], REPORTS, context)
        return [line for line in lines(decisions) if line[2].startswith("2026")]

    assert decided(held=held.get) == [("held", "session_gone", "2026-05-20", False)]
    assert decided() == [("corrected", "version_changed", "2026-05-20", True)]


def test_what_an_upgrade_explains_is_not_taken_while_it_may_have_moved_to_a_day_that_stays() -> None:
    stored = [daily("05-12", 100, provenance=OLD_VERSION), daily("05-13", 5, "2")]
    offered = [daily("05-12", 90), daily("05-13", 20), WITNESS]
    moved = CountedMessage(
        (1, 1, 0), datetime(2026, 5, 13, tzinfo=UTC), "shop", "a", (10, 0, 0, 0), in_daily=True, in_session=True
    )
    there, lost = Weighed(2, 2, moved=(moved,)), Weighed(2, 1, 5)

    def decided(taken_back: dict[tuple[str, str, str], int], *ledger: Weighed) -> list[Line]:
        case = Case(offered, [*stored, WITNESS], REPORTS, replace(CONTEXT, taken_back=taken_back))
        known = dict(zip((one.identity for one in stored), ledger, strict=False))
        return [line for line in lines(case.decisions(known)) if line[2].startswith("2026")]

    first = ("held", "moved", "2026-05-12", False)
    assert decided({stored[1].identity: 1_000}) == [first, ("held", "taken_back", "2026-05-13", False)]
    assert decided({}, there, lost) == [first, ("held", "messages_gone", "2026-05-13", False)]
    assert decided({}) == [
        ("corrected", "version_changed", "2026-05-12", True),
        ("grew", "more_for_less", "2026-05-13", True),
    ]


def test_usage_that_may_have_moved_waits_for_sessions_that_failed() -> None:
    context = replace(CONTEXT, failed=frozenset({"session"}))

    decisions = reconcile([project("store", 100)], [project("shop", 100)], ["projects"], context)

    assert lines(decisions) == [("held", "sessions_unknown", "2026-05-12/store", False)]


def test_a_session_that_lost_its_beginning_does_not_show_where_usage_went() -> None:
    then, now = short_session("a", "05-11T09", 5), short_session("a", "05-12T16", 100)

    decisions = reconcile([daily("05-12", 100), now], [daily("05-11", 5), then], REPORTS, CONTEXT)

    assert [line for line in lines(decisions) if line[2].startswith("2026")] == [
        ("new", "first_seen", "2026-05-12", True)
    ]


def test_what_a_person_took_back_stays_so_whatever_its_details() -> None:
    stored = daily(INSIDE, 100, ended_at=None)
    offered = daily(INSIDE, 100, ended_at=datetime(2026, 5, 12, tzinfo=UTC))

    assert judged([offered], [stored], taken_back={offered.identity: 100}) == [
        ("unchanged", "nothing_changed", "2026-05-12", False)
    ]


# What holds for a session, and for the only day of a project, that is renamed; what each costs before and after.
RENAMED: dict[str, tuple[dict[str, Any], dict[str, Any], int, int]] = {
    "a new price inside the window": ({}, {}, 2, 1),
    "frozen": ({}, {"prices": "freeze"}, 2, 2),
    "older than the window": ({}, {"intact_from": date(2026, 5, 14)}, 2, 2),
    "priced by a newer ccusage": ({"provenance": NOW._replace(ccusage_version="20.0.25")}, {}, 2, 2),
}


@pytest.mark.parametrize(("then", "context", "before", "after"), RENAMED.values(), ids=RENAMED)
def test_what_is_renamed_keeps_the_price_it_had(
    then: dict[str, Any], context: dict[str, Any], before: int, after: int
) -> None:
    old = short_session("a", "05-12T09", 100, session_id="a", cost_usd=Decimal(before), **then)
    old_day = project("shop", 100)._replace(cost_usd=Decimal(before), **then)
    new = old._replace(key="store/a", project="store", cost_usd=Decimal(1), provenance=NOW)
    at = datetime(2026, 5, 12, 9, tzinfo=UTC)
    moved = CountedMessage((1, 1, 0), at, "store", "a", (100, 0, 0, 0), in_daily=True, in_session=True)
    case = Case([project("store", 100), new], [old_day, old], REPORTS, replace(CONTEXT, **context))

    decisions = case.decisions(dict.fromkeys((old.identity, old_day.identity), Weighed(1, 1, moved=(moved,))))

    assert [(one.verdict.value, one.record.key, one.offered and one.offered.cost_usd) for one in decisions] == [
        ("corrected", "2026-05-12/shop", None),
        ("new", "2026-05-12/store", after),
        ("corrected", "shop/a", None),
        ("new", "store/a", after),
    ]


def test_a_copy_of_a_session_that_was_swept_keeps_the_price_it_had() -> None:
    swept = short_session("a", "05-12T09", 100, session_id="a", project="shop", cost_usd=Decimal(2))
    then = short_session("b", "05-12T10", 10, session_id="b", project="shop", cost_usd=Decimal("0.2"))
    now = then._replace(input_tokens=110, total_tokens=110, cost_usd=Decimal("1.1"))
    at = datetime(2026, 5, 12, 9, tzinfo=UTC)
    moved = CountedMessage((1, 1, 0), at, "shop", "b", (100, 0, 0, 0), in_daily=True, in_session=True)
    case = Case([now], [swept, then], REPORTS, replace(CONTEXT, prices="freeze"))

    gone, grown = case.decisions({swept.identity: Weighed(1, 1, moved=(moved,))})

    assert gone.offered is None
    assert grown.offered is not None
    assert grown.offered.cost_usd == Decimal("2.2")


def test_what_is_renamed_keeps_a_price_that_is_not_known_any_more() -> None:
    old = short_session("a", "05-12T09", 100, session_id="a", models=(MODEL,))
    lost = MODEL._replace(cost_usd=Decimal(0), unpriced=True)
    new = old._replace(key="store/a", project="store", cost_usd=Decimal(0), unpriced=True, models=(lost,))

    gone, taken = decide([new], [old])

    assert gone.offered is None
    assert taken.offered is not None
    assert (taken.offered.key, taken.offered.cost_usd) == ("store/a", Decimal(1))


def test_a_part_of_a_session_waits_for_a_price_that_was_lost() -> None:
    old = short_session("a", "05-12T09", 100, session_id="a", models=(MODEL,))
    here = old._replace(total_tokens=60, input_tokens=60)
    there = old._replace(key="store/a", project="store", total_tokens=40, input_tokens=40)
    offered = [one._replace(cost_usd=Decimal(0), unpriced=True, models=()) for one in (here, there)]

    assert judged(offered, [old]) == [
        ("held", "price_lost", "shop/a", False),
        ("held", "price_lost", "store/a", False),
    ]


def test_blocks_that_begin_otherwise_wait_for_a_price_that_was_lost() -> None:
    stored = block("05-12T14", 100, models_used=("opus",))
    offered = [block("05-12T10", 90, "0"), block("05-12T15", 20, "0")]

    assert judged([one._replace(unpriced=True, models_used=("opus",)) for one in offered], [stored]) == [
        ("held", "price_lost", "2026-05-12T10", False),
        ("held", "price_lost", "2026-05-12T15", False),
    ]
