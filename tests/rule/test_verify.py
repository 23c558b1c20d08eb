"""What verify explains, and what it does not."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ccusage_import.records import ModelUsage, Provenance, Record
from ccusage_import.rule.verdicts import Decision, Reason, Verdict
from ccusage_import.rule.verify import KEPT, OTHER_ZONE, PROGRESS_LINES, TWO_LOADERS, Difference, verify


def session(key: str, started_at: datetime, zone: str) -> Record:
    """One session of ten tokens."""
    return Record(
        "session", "studio", "claude", key, started_at.date(), 0, 10, 0, 0, 10, Decimal(1), unpriced=False,
        provenance=Provenance("20.0.24", zone, "auto", ()), started_at=started_at, ended_at=started_at,
    )  # fmt: skip


@pytest.mark.parametrize(("zone", "explanation"), [("America/Los_Angeles", KEPT), ("UTC", ""), ("Asia/Tokyo", "")])
def test_a_session_needs_the_days_of_its_own_zone(zone: str, explanation: str) -> None:
    # Three in the morning of the first intact day is the evening before in Los Angeles.
    kept = session("shop/kept", datetime(2026, 10, 27, 3, tzinfo=UTC), zone)
    shown = session("shop/shown", datetime(2026, 11, 20, 3, tzinfo=UTC), zone)

    found = verify([kept, shown], [shown], [], date(2026, 10, 27), None)

    [missing] = found.differences
    assert (missing.subject, missing.explanation) == ("session shop/kept", explanation)
    assert (missing.left_tokens, missing.right_tokens) == (10, 0)


NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("report", "zone", "explanation"),
    [
        ("daily", "UTC", ""),
        ("daily", "Asia/Tokyo", OTHER_ZONE),
        ("monthly", "Asia/Tokyo", OTHER_ZONE),
        ("session", "Asia/Tokyo", ""),
    ],
)
def test_a_day_of_another_zone_is_kept_and_one_of_the_same_zone_is_missing(
    report: str, zone: str, explanation: str
) -> None:
    gone, shown = (session(key, NOON, "UTC")._replace(report=report) for key in ("gone", "shown"))
    kept = gone._replace(provenance=gone.provenance._replace(timezone=zone))

    [missing] = verify([kept, shown], [shown], [], date(2026, 10, 1), None).differences

    assert (missing.subject, missing.explanation) == (f"{report} gone", explanation)


def test_a_project_that_an_old_ccusage_showed_as_a_session_is_kept_beside_its_sessions() -> None:
    shown = session("shop/shown", NOON, "UTC")
    total = session("shop", NOON, "UTC")._replace(started_at=None, is_project_total=True)

    [missing] = verify([total, shown], [shown], [], date(2026, 10, 1), None).differences

    assert (missing.subject, missing.explanation) == (
        "session shop", "kept: a whole project, which ccusage 18 and older show as a session",
    )  # fmt: skip


def test_a_session_is_kept_while_an_old_ccusage_shows_its_project_in_place_of_it() -> None:
    shown = session("shop", NOON, "UTC")._replace(started_at=None, is_project_total=True)
    kept = session("shop/a", NOON, "UTC")

    [missing] = verify([kept, shown], [shown], [], date(2026, 10, 1), None).differences

    assert (missing.subject, missing.explanation) == (
        "session shop/a", "kept: a session, in place of which this ccusage shows its whole project",
    )  # fmt: skip


def explained(verdict: Verdict, reason: Reason) -> str:
    """What verify says of ten stored tokens of which nine are offered."""
    stored = session("shop/a", NOON, "UTC")
    decision = Decision(verdict, reason, stored, stored._replace(total_tokens=9), is_written=False)
    [found] = verify([stored], [stored], [decision], date(2026, 10, 27), None).differences
    assert (found.check, found.left_tokens, found.right_tokens) == ("stored = offered", 10, 9)
    return found.explanation


@pytest.mark.parametrize(
    ("verdict", "reason", "explanation"),
    [
        (Verdict.UNCHANGED, Reason.MAY_BE_SWEPT, ""),
        (Verdict.REFRESHED, Reason.MAY_BE_SWEPT, ""),
        (Verdict.HELD, Reason.UNEXPLAINED, ""),
        (Verdict.HELD, Reason.MESSAGES_GONE, "kept: messages are gone from the transcripts"),
        (
            Verdict.CORRECTED,
            Reason.MESSAGES_THERE,
            "the next import corrects it: all of its messages are still there",
        ),
    ],
)
def test_a_difference_is_explained_by_what_the_next_import_would_do(
    verdict: Verdict, reason: Reason, explanation: str
) -> None:
    assert explained(verdict, reason) == explanation


BACK = "kept: a person took this back"


@pytest.mark.parametrize(
    ("report", "changes", "reason", "explanation"),
    [
        ("blocks", {"started_at": NOON + timedelta(hours=4)}, Reason.TAKEN_BACK, BACK),
        ("blocks", {"started_at": NOON + timedelta(hours=5)}, Reason.TAKEN_BACK, ""),
        ("session", {"session_id": "a"}, Reason.TAKEN_BACK, BACK),
        ("session", {"session_id": "b"}, Reason.TAKEN_BACK, ""),
        ("session", {"session_id": "a"}, Reason.UNEXPLAINED, ""),
        ("projects", {}, Reason.TAKEN_BACK, BACK),
        ("projects", {}, Reason.SESSION_GONE, ""),
        ("projects", {"day": date(2026, 11, 21)}, Reason.TAKEN_BACK, ""),
    ],
)
def test_what_is_held_in_the_place_of_a_record_explains_that_it_is_not_offered(
    report: str, changes: dict[str, Any], reason: Reason, explanation: str
) -> None:
    stored = session("shop/a", NOON, "UTC")._replace(
        report=report, session_id="a", block_ends_at=NOON + timedelta(hours=5) if report == "blocks" else None
    )
    offered = stored._replace(key="store/a", **changes)
    offered = offered._replace(
        block_ends_at=offered.started_at + timedelta(hours=5) if report == "blocks" and offered.started_at else None
    )
    held = Decision(Verdict.HELD, reason, None, offered, is_written=False)

    found = verify([stored], [offered], [held], date(2026, 10, 27), None).differences

    assert [one.explanation for one in found if one.right_tokens == 0] == [explanation]


def test_what_an_undo_restored_is_missed_by_nobody() -> None:
    restored, missing, shown = (session(f"shop/{name}", NOON, "UTC") for name in ("restored", "missing", "shown"))

    found = verify(
        [restored, missing, shown], [shown], [], date(2026, 10, 27), None, taken_back={restored.identity}
    ).differences

    assert [(one.subject, one.explanation) for one in found] == [
        ("session shop/restored", BACK), ("session shop/missing", ""),
    ]  # fmt: skip


def test_the_models_of_a_row_add_up_to_it() -> None:
    models = (
        ModelUsage("opus", 1, 2, 3, 4, Decimal(1), unpriced=False),
        ModelUsage("haiku", 0, 0, 0, 1, Decimal(0), unpriced=False),
    )
    row = session("shop/a", NOON, "UTC")._replace(report="daily", key="2026-11-20", models=models)

    whole = verify([], [row._replace(total_tokens=11)], [], None, None)
    assert (whole.compared["models = row"], whole.differences) == (1, [])
    [beyond] = verify([], [row._replace(total_tokens=10)], [], None, None).differences
    assert (beyond.check, beyond.left_tokens, beyond.right_tokens, beyond.explanation) == ("models = row", 11, 10, "")


@pytest.mark.parametrize(
    ("version", "explanation"),
    [
        ((20, 0, 23), TWO_LOADERS),
        (None, TWO_LOADERS),
        ((20, 0, 22), PROGRESS_LINES),
        ((20, 0, 0), PROGRESS_LINES),
        ((19, 9, 9), ""),
    ],
)
def test_what_days_and_months_may_differ_by_depends_on_the_version(
    version: tuple[int, int, int] | None, explanation: str
) -> None:
    day = session("2026-11-20", NOON, "UTC")._replace(report="daily")
    more = day._replace(key="2026-11-21", total_tokens=3)
    month = day._replace(report="monthly", key="2026-11", total_tokens=14)

    found = verify([], [day, more, month], [], None, version)

    assert found.compared["daily = monthly"] == 1
    assert [(one.subject, one.left_tokens, one.right_tokens, one.explanation) for one in found.differences] == [
        ("claude 2026-11", 13, 14, explanation)
    ]
    assert [one.explanation for one in found.unexplained] == ([] if explanation else [""])


def test_reports_are_compared_where_both_are_there() -> None:
    day = session("2026-11-20", NOON, "UTC")._replace(report="daily")
    assert verify([], [day], [], None, None).compared["daily = monthly"] == 0
    other = day._replace(report="monthly", key="2026-11", agent="codex")
    assert verify([], [day, other], [], None, None).compared["daily = monthly"] == 0


def test_a_session_of_two_machines_is_explained_by_the_other_one() -> None:
    found = verify([], [], [], None, None, [("session shop/a", 10, 40, "tower")])

    assert found.compared["sessions of one machine"] == 1
    assert found.differences == [
        Difference(
            "sessions of one machine", "session shop/a", 10, 40,
            "counted on tower too: a copied transcript, or one host under two names",
        )
    ]  # fmt: skip


def test_hours_are_compared_with_blocks_where_they_were_asked_for() -> None:
    block = session("2026-11-20T12", NOON, "UTC")._replace(report="blocks")
    assert "hours = blocks" not in verify([], [block], [], None, None).compared

    found = verify([], [block, block._replace(report="hours", total_tokens=9)], [], None, None)

    assert found.compared["hours = blocks"] == 1
    assert [(one.check, one.left_tokens, one.right_tokens, one.explanation) for one in found.differences] == [
        ("hours = blocks", 9, 10, "")
    ]


def test_what_is_not_stored_or_not_offered_counts_nothing() -> None:
    new, gone = session("shop/new", NOON, "UTC"), session("shop/gone", NOON, "UTC")
    decisions = [
        Decision(Verdict.NEW, Reason.UNEXPLAINED, None, new, is_written=True),
        Decision(Verdict.HELD, Reason.UNEXPLAINED, gone, None, is_written=False),
    ]
    found = verify([gone], [new], decisions, date(2026, 10, 27), None).differences
    assert [(one.left_tokens, one.right_tokens) for one in found] == [(0, 10), (10, 0)]
