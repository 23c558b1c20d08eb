"""What verify explains, and what it does not."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from ccusage_import.records import Provenance, Record
from ccusage_import.rule.verify import KEPT, verify


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

    assert [(each.subject, each.explanation) for each in found.differences] == [("session shop/kept", explanation)]
