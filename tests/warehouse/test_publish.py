"""Which messages count again after a load was taken back: those of the days whose usage grew past it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import pytest

from ccusage_import.records import Identity, Provenance, Record
from ccusage_import.rule.verdicts import Decision, Reason, Verdict
from ccusage_import.warehouse.publish import Outgrown, outgrown
from ccusage_import.warehouse.tables import TakenBack

FIRST, SECOND = date(2026, 5, 13), date(2026, 5, 14)
DAY, NEXT = ("daily", "claude", "2026-05-13"), ("daily", "claude", "2026-05-14")
OF_CODEX = ("daily", "codex", "2026-05-13")
SESSION = ("session", "claude", "shop/a")
UNDO, MARKED = 9, 100


def record(identity: Identity, tokens: int) -> Record:
    report, agent, key = identity
    return Record(
        report, "studio", agent, key, FIRST, 0, tokens, 0, 0, tokens, Decimal(0), unpriced=False,
        provenance=Provenance("20.0.24", "UTC", "auto", ()),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("marked", "stored", "grown", "days"),
    [
        pytest.param([DAY], {}, [DAY], None, id="all of it"),
        pytest.param([DAY, NEXT], {}, [NEXT], {SECOND}, id="one of two days"),
        pytest.param([DAY], {}, [NEXT], {SECOND}, id="a day that was not taken back"),
        pytest.param([DAY, NEXT], {DAY: MARKED}, [NEXT], None, id="the only day that lost something"),
        pytest.param([DAY, NEXT], {DAY: MARKED - 1}, [NEXT], {SECOND}, id="another day still lacks a token"),
        pytest.param([DAY, SESSION], {}, [DAY], None, id="a day with a session that stays taken back"),
        pytest.param([SESSION], {}, [("session", "claude", "store/a")], None, id="a session under another project"),
        pytest.param([SESSION], {}, [DAY], {FIRST}, id="a day of a session"),
        pytest.param([DAY, OF_CODEX], {}, [DAY], None, id="all but a day of another agent"),
        pytest.param([SESSION, OF_CODEX], {}, [DAY], {FIRST}, id="a day of a session, beside one of another agent"),
    ],
)
def test_messages_count_again_with_what_grew_past_a_load_that_was_taken_back(
    marked: list[Identity], stored: Mapping[Identity, int], grown: list[Identity], days: set[date] | None
) -> None:
    assert outgrown_of(marked, stored, grown) == [Outgrown(UNDO, None if days is None else frozenset(days))]


@pytest.mark.parametrize(
    ("marked", "grown"),
    [
        pytest.param([SESSION], [OF_CODEX], id="a day of another agent"),
        pytest.param([DAY, SESSION], [SESSION], id="a session of a day that stays taken back"),
    ],
)
def test_no_message_counts_again_without_its_day(marked: list[Identity], grown: list[Identity]) -> None:
    assert outgrown_of(marked, {}, grown) == []


def outgrown_of(marked: list[Identity], stored: Mapping[Identity, int], grown: list[Identity]) -> list[Outgrown]:
    return outgrown(
        dict.fromkeys(marked, TakenBack(MARKED, UNDO, 0)),
        [record(identity, tokens) for identity, tokens in stored.items()],
        [Decision(Verdict.NEW, Reason.FIRST_SEEN, None, record(one, 101), is_written=True) for one in grown],
    )
