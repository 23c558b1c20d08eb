"""The view of quotas: what is used, what is left, when it runs out, and what limits were met."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.conftest import Place
from tests.support.claude_dir import days_ago, today
from tests.warehouse.test_views import block, daily, loaded, rows

pytestmark = pytest.mark.usefixtures("engine_stays")

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC).replace(microsecond=0)
RATE: dict[str, Any] = {"tokens_per_minute": 10.0, "cost_per_hour_usd": 2.0}


def monday() -> datetime:
    """Return when this week began, in UTC."""
    return days_ago(today().weekday(), hour=0)


def quotas(place: Place, *limits: tuple[str, str | None], machine: str = "studio") -> None:
    """Write quotas of a machine; None is the largest of the past."""
    values = [(machine, name, None if limit is None else Decimal(limit), 1) for name, limit in limits]
    with place.opened() as opened:
        opened.insert("quotas", ("machine", "name", "maximum", "revision"), values, token=f"quotas/{values!r}")


def status(place: Place, columns: str) -> Sequence[Sequence[Any]]:
    return rows(place, f"name, {columns}", "quota_status")


def test_the_open_block_against_numbers_and_against_the_largest_of_the_past(migrated: Place) -> None:
    started = NOW - 2 * HOUR
    open_block = block("open", started, ended_at=NOW, total_tokens=600, **RATE)
    past = [block("past", NOW - days * 24 * HOUR, is_active=False) for days in (9, 10)]
    loaded(migrated, [open_block, *past])
    quotas(migrated, ("block_tokens", "2000"), ("block_usd", None))

    assert status(migrated, "period_start, period_end, maximum, source, used, left, share") == [
        ("block_tokens", started, started + 5 * HOUR, Decimal(2000), "set", Decimal(600), Decimal(1400), 0.3),
        ("block_usd", started, started + 5 * HOUR, Decimal(4), "largest of the past", Decimal(4), Decimal(0), 1.0),
    ]
    # At 600 tokens an hour 1,400 last for 2 hours and 20 minutes, less than the 3 hours of the block.
    assert status(migrated, "rate_per_hour, runs_out_at, limits_hit") == [
        ("block_tokens", 600.0, NOW + timedelta(minutes=140), 0),
        ("block_usd", 2.0, None, 0),
    ]


def test_what_lasts_to_the_end_does_not_run_out(migrated: Place) -> None:
    loaded(migrated, [block("open", NOW - 2 * HOUR, ended_at=NOW, **RATE)])
    quotas(migrated, ("block_tokens", "2401"), ("block_usd", "3"))

    assert status(migrated, "left, runs_out_at") == [
        ("block_tokens", Decimal(1801), None),
        ("block_usd", Decimal(-1), None),
    ]


def test_a_rest_that_would_be_used_by_now_is_counted_from_now(migrated: Place) -> None:
    # Two hours ago 600 tokens were left, for an hour at that rate.
    now = datetime.now(UTC).replace(microsecond=0)
    loaded(migrated, [block("open", now - 3 * HOUR, ended_at=now - 2 * HOUR, total_tokens=600, **RATE)])
    quotas(migrated, ("block_tokens", "1200"))

    [(_, left, runs_out_at)] = status(migrated, "left, runs_out_at")
    assert left == 600
    assert now + HOUR <= runs_out_at < now + HOUR + timedelta(minutes=10)


def test_the_week_begins_on_monday_and_earlier_ones_are_the_past(migrated: Place) -> None:
    last = str((monday() - timedelta(days=1)).date())
    loaded(
        migrated, [daily(str(today()), "3"), daily(last, "8"), daily(str((monday() - timedelta(days=8)).date()), "5")]
    )
    quotas(migrated, ("week_usd", None))

    assert status(migrated, "period_start, period_end, maximum, source, used, left, share, unpriced") == [
        (
            "week_usd", monday(), monday() + timedelta(days=7), Decimal(8), "largest of the past", Decimal(3),
            Decimal(5), 0.375, False,
        )
    ]  # fmt: skip


def test_a_week_begins_at_midnight_in_the_zone_of_the_machine(migrated: Place) -> None:
    loaded(migrated, [daily(str(today()), "3", zone="Asia/Kolkata")])
    quotas(migrated, ("week_usd", "9"))

    [(_, start, end)] = status(migrated, "period_start, period_end")
    assert (start.weekday(), f"{start:%H:%M}", end - start) == (6, "18:30", timedelta(days=7))


def test_without_a_past_and_an_open_block_nothing_is_known_and_nothing_used(migrated: Place) -> None:
    quotas(migrated, ("block_tokens", None), ("week_usd", "9"))

    assert status(migrated, "period_start, maximum, used, left, share, runs_out_at") == [
        ("block_tokens", None, None, Decimal(0), None, None, None),
        ("week_usd", None, Decimal(9), Decimal(0), Decimal(9), 0.0, None),
    ]


def test_what_was_used_before_a_limit_was_hit_is_learned(migrated: Place) -> None:
    start = NOW.replace(minute=0, second=0) - 48 * HOUR
    loaded(migrated, [block("hit", start, is_active=False)])
    quotas(migrated, ("block_tokens", "1000"), ("block_usd", "9"))
    columns = (
        "machine", "message", "load_id", "first_load_id", "is_shown", "counts_in", "at", "date", "input_tokens",
        "cost_usd",
    )  # fmt: skip
    said = [(number, start + minutes * timedelta(minutes=1)) for number, minutes in ((1, 5), (2, 50), (3, 200))]
    values = [("studio", number, 1, 1, True, 3, at, at.date(), 100 * number, Decimal(number)) for number, at in said]
    hit = start + timedelta(minutes=60)
    with migrated.opened() as opened:
        opened.insert("message_facts_by_month", columns, values, token="messages")
        # Hit again half an hour later: the first one counts.
        events = [("studio", number, "limit", hit + number * 30 * timedelta(minutes=1)) for number in (0, 1)]
        opened.insert("event_facts", ("machine", "event", "kind", "at"), events, token="events")

    assert status(migrated, "limits_hit, learned_maximum, learned_at") == [
        ("block_tokens", 1, Decimal(300), hit),
        ("block_usd", 1, Decimal(3), hit),
    ]
