"""Days as people name them, and times as they read them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ccusage_import.days import (
    ago,
    days_of_option,
    moment,
    month_of_option,
    next_month,
    parse_day,
    weekday_moment,
    zoned_moment,
)
from ccusage_import.exceptions import ConfigurationError
from tests.conftest import Program

TODAY = date(2026, 3, 1)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-02-03", date(2026, 2, 3)),
        ("20260203", date(2026, 2, 3)),
        ("today", date(2026, 3, 1)),
        ("Yesterday", date(2026, 2, 28)),
        ("0d", date(2026, 3, 1)),
        ("7d", date(2026, 2, 22)),
        ("7 days ago", date(2026, 2, 22)),
        (" 1  day ago ", date(2026, 2, 28)),
        ("30 days ago", date(2026, 1, 30)),
    ],
)
def test_a_day_is_a_date_or_how_long_ago_it_was(text: str, day: date) -> None:
    assert parse_day(text, TODAY) == day


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "just now"),
        (59, "just now"),
        (60, "1 min ago"),
        (7199, "119 min ago"),
        (7200, "2 hours ago"),
        (172799, "47 hours ago"),
        (172800, "2 days ago"),
    ],
)
def test_how_long_ago_is_told_in_the_largest_whole_unit(seconds: int, words: str) -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    assert ago(now - timedelta(seconds=seconds), now) == words


@pytest.mark.parametrize(
    "text", ["", "7", "d", "-7d", "7 d ago", "last week", "2026-02-30", "999999d", "٣d", "tomorrow"]
)
def test_anything_else_is_not_a_day(text: str) -> None:
    with pytest.raises(ValueError, match="is not a day"):
        parse_day(text, TODAY)


def test_a_range_of_days() -> None:
    assert days_of_option("--accept-lower", "7d..yesterday", TODAY) == (date(2026, 2, 22), date(2026, 2, 28))
    assert days_of_option("--accept-lower", "2026-02-03", TODAY) == (date(2026, 2, 3), date(2026, 2, 3))
    with pytest.raises(ConfigurationError, match="--accept-lower today..7d: ends before it begins"):
        days_of_option("--accept-lower", "today..7d", TODAY)


def test_times_are_those_of_a_zone() -> None:
    instant = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)

    assert moment(instant, "Europe/Berlin") == "2026-07-02 00:30"
    assert zoned_moment(instant, "Europe/Berlin") == "2026-07-02 00:30 CEST"
    assert weekday_moment(instant, ZoneInfo("Europe/Berlin")) == "Thu 02 Jul 00:30 CEST"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("import", "--since", "tomorrow"), "--since tomorrow"),
        (("import", "--accept-lower", "7d..soon"), "--accept-lower soon"),
        (("chart", "daily", "--since", "2026-13-01"), "--since 2026-13-01"),
    ],
)
def test_what_is_not_a_day_is_refused_with_what_is(program: Program, arguments: tuple[str, ...], named: str) -> None:
    refused = program(*arguments)

    assert refused.exit_code == 2
    assert refused.stderr.splitlines() == [
        f"ccusage-import: error: {named}: is not a day",
        'hint: give a day such as 2026-10-01, today, yesterday, 7d or "7 days ago"',
    ]


@pytest.mark.parametrize(
    ("day", "after"),
    [
        (date(2026, 2, 1), date(2026, 3, 1)),
        (date(2028, 2, 29), date(2028, 3, 1)),
        (date(2026, 12, 31), date(2027, 1, 1)),
    ],
)
def test_the_month_after(day: date, after: date) -> None:
    assert next_month(day) == after


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-02", date(2026, 2, 1), date(2026, 2, 28)),
        (" 2024-02 ", date(2024, 2, 1), date(2024, 2, 29)),
        ("2026-12", date(2026, 12, 1), date(2026, 12, 31)),
    ],
)
def test_a_month_is_its_first_and_its_last_day(text: str, first: date, last: date) -> None:
    assert month_of_option("--month", text) == (first, last)


@pytest.mark.parametrize("text", ["", "2026", "2026-13", "2026-1", "2026-10-01", "October", "9999-12"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a month") as caught:
        month_of_option("--month", text)
    assert caught.value.hint == "give a month such as 2026-10"
