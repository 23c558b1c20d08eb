"""What messages add up to is compared with what is stored, and what explains a difference is said."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from ccusage_import.records import Provenance, Record
from ccusage_import.rule.ledger_check import (
    FILED_ELSEWHERE,
    NEVER_TOGETHER,
    NEVER_TOGETHER_OR_OVERLOOKED,
    LedgerSum,
    messages_against,
)
from ccusage_import.rule.verdicts import Decision, Reason, Verdict

DAY = date(2026, 5, 20)


def daily(tokens: int, version: str = "20.0.24") -> Record:
    return Record(
        "daily", "studio", "claude", str(DAY), DAY, 0, tokens, 0, 0, tokens, Decimal(0),
        unpriced=False, provenance=Provenance(version, "UTC", "auto", ()),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("messages", "stored", "offered", "intact_from", "explanation"),
    [
        (100, daily(100), daily(100), DAY, ""),
        (100, daily(90), daily(90), DAY, NEVER_TOGETHER_OR_OVERLOOKED),
        (100, daily(90), daily(95), DAY, "not imported yet: written while the last import ran, or since"),
        (
            100, daily(90), daily(10), DAY,
            "kept messages and new ones, which ccusage never showed together: transcripts were deleted between",
        ),
        (80, daily(90), daily(90), date(2026, 6, 1), "its transcripts were deleted before their messages were read"),
        (89, daily(90), daily(90), DAY, "NOTHING"),
        (80, daily(90, "18.0.11"), daily(90), DAY, "counted by ccusage 18.0.11; messages count as 20.0.24 does"),
        (80, daily(90, ""), daily(90), DAY, "counted by ccusage of saved files; messages count as 20.0.24 does"),
        (80, None, daily(80), DAY, "not imported yet: written while the last import ran, or since"),
        (80, None, None, DAY, "ccusage overlooks lines that some tool wrote anew"),
    ],
)  # fmt: skip
def test_a_day(
    messages: int, stored: Record | None, offered: Record | None, intact_from: date, explanation: str
) -> None:
    sums = [LedgerSum("daily", DAY, "", "", messages), LedgerSum("session", None, "shop", "a", 7)]
    decisions = [Decision(Verdict.GREW, Reason.MORE_TOKENS, stored, offered, is_written=True)] if offered else []

    (found,) = messages_against("daily", sums, [stored] if stored else [], decisions, intact_from, "20.0.24")

    shown = stored.total_tokens if stored else 0
    assert found == ("daily 2026-05-20", messages, shown, "" if explanation == "NOTHING" else explanation)


@pytest.mark.parametrize(("stored", "offered"), [(daily(90), 95), (None, 95), (None, 1)])
def test_more_that_is_held_is_not_going_to_be_imported(stored: Record | None, offered: int) -> None:
    held = Decision(Verdict.HELD, Reason.TIMEZONE_CHANGED, stored, daily(offered), is_written=False)

    (found,) = messages_against(
        "daily", [LedgerSum("daily", DAY, "", "", 95)], [stored] if stored else [], [held], DAY, "20.0.24"
    )

    assert found[3] == "held: days are counted in another time zone"


def test_a_price_that_is_held_explains_no_tokens() -> None:
    held = Decision(Verdict.HELD, Reason.LOWER_PRICE, daily(90), daily(90), is_written=False)

    (found,) = messages_against("daily", [LedgerSum("daily", DAY, "", "", 95)], [daily(90)], [held], DAY, "20.0.24")

    assert found[3] == NEVER_TOGETHER_OR_OVERLOOKED


@pytest.mark.parametrize(("taken_back", "explanation"), [(20, "a person took messages of it back"), (19, "")])
def test_messages_that_a_person_took_back_are_missing_for_that_reason(taken_back: int, explanation: str) -> None:
    sums = [LedgerSum("daily", DAY, "", "", 70, taken_back)]

    (found,) = messages_against("daily", sums, [daily(90)], [], DAY, "20.0.24")

    assert found == ("daily 2026-05-20", 70, 90, explanation)


@pytest.mark.parametrize(
    ("messages", "explanation"),
    [
        (70, "stored without its messages: the next import that reads transcripts reads them"),
        (90, ""),
        (95, NEVER_TOGETHER),
    ],
)
def test_what_was_stored_since_transcripts_were_read_may_lack_messages(messages: int, explanation: str) -> None:
    sums = [LedgerSum("daily", DAY, "", "", messages, is_unread=True)]

    (found,) = messages_against("daily", sums, [daily(90)], [], DAY, "20.0.24")

    assert found == ("daily 2026-05-20", messages, 90, explanation)


def test_another_agent_has_days_of_its_own() -> None:
    other = daily(70)._replace(agent="codex")
    offer = Decision(Verdict.NEW, Reason.FIRST_SEEN, None, other._replace(total_tokens=99), is_written=True)
    sums = [LedgerSum("daily", DAY, "", "", 90)]

    assert list(messages_against("daily", sums, [daily(90), other], [], DAY, "20.0.24")) == [
        ("daily 2026-05-20", 90, 90, "")
    ]
    # What is offered of it says nothing of what is missing here.
    assert list(messages_against("daily", sums, [other], [offer], DAY, "20.0.24")) == [
        ("daily 2026-05-20", 90, 0, "ccusage overlooks lines that some tool wrote anew")
    ]


@pytest.mark.parametrize(("missing", "is_explained"), [(60, True), (59, False)])
def test_what_a_renamed_project_took_over_stays_under_its_earlier_name(missing: int, *, is_explained: bool) -> None:
    begun = datetime(2026, 5, 20, 12, tzinfo=UTC)
    stored = daily(10 + missing)._replace(
        report="session", key="new/a", project="new", session_id="a", started_at=begun, ended_at=begun
    )
    sums = [LedgerSum("session", None, "old", "a", 60), LedgerSum("session", None, "new", "a", 10)]

    _, found = messages_against("session", sums, [stored], [], DAY, "20.0.24")

    assert found == ("session new/a", 10, 10 + missing, FILED_ELSEWHERE if is_explained else "")


def test_what_counts_in_a_record_of_its_own_was_not_taken_over() -> None:
    begun = datetime(2026, 5, 20, 12, tzinfo=UTC)
    other = daily(60)._replace(
        report="session", key="old/a", project="old", session_id="a", started_at=begun, ended_at=begun
    )
    stored = other._replace(key="new/a", project="new", total_tokens=70)
    sums = [LedgerSum("session", None, "old", "a", 60), LedgerSum("session", None, "new", "a", 10)]
    assert [why for *_, why in messages_against("session", sums, [stored, other], [], DAY, "20.0.24")] == ["", ""]

    days = [LedgerSum("daily", DAY, "", "", 10), LedgerSum("daily", date(2026, 5, 21), "", "", 60)]
    assert next(messages_against("daily", days, [daily(70)], [], DAY, "20.0.24")) == ("daily 2026-05-20", 10, 70, "")


def test_what_is_equal_needs_no_explanation_beside_a_session_without_tokens() -> None:
    stored = daily(10)._replace(report="session", key="new/a", project="new", session_id="a")
    sums = [LedgerSum("session", None, "old", "a", 0), LedgerSum("session", None, "new", "a", 10)]

    found = messages_against("session", sums, [stored], [], DAY, "20.0.24")

    assert [why for *_, why in found] == ["", ""]


def test_the_messages_of_a_session_that_is_not_stored_any_more_count_in_its_copy() -> None:
    sums = [LedgerSum("session", None, "shop", "a", 7)]

    assert list(messages_against("session", sums, [], [], None, "20.0.24")) == [
        (
            "session shop/a", 7, 0,
            "ccusage counts its messages in a copy of the session now, or overlooks lines that were written anew",
        ),
    ]  # fmt: skip
