"""What the page holds of many days: single days and hours as far back as it draws them, and nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from ccusage_import.digest.detail import first_held, folded_days, folded_hours, numbers_of, prompts_of, sessions_of
from tests.benchmarks.fleet import Fleet, write_fleet
from tests.conftest import Place, Program

END = date(2026, 11, 27)  # a Friday
ONE, TWO, FOUR = Decimal(1), Decimal(2), Decimal(4)


def test_days_before_the_calendar_are_months() -> None:
    rows = [
        (date(2025, 9, 3), 0, 0, ONE, 10),
        (date(2025, 9, 30), 0, 0, TWO, 20),
        (date(2025, 9, 30), 1, 0, FOUR, 40),
        (date(2025, 10, 31), 0, 0, ONE, 10),
        # The month in which the calendar begins, 371 days ago, is whole.
        (date(2025, 11, 1), 0, 0, TWO, 20),
        (date(2025, 11, 2), 0, 0, FOUR, 40),
        (END, 0, 0, ONE, 10),
    ]
    assert folded_days(rows, END, date(2025, 9, 3)) == [
        (date(2025, 9, 3), 0, 0, Decimal(3), 30),
        (date(2025, 9, 3), 1, 0, FOUR, 40),
        (date(2025, 10, 1), 0, 0, ONE, 10),
        (date(2025, 11, 1), 0, 0, TWO, 20),
        (date(2025, 11, 2), 0, 0, FOUR, 40),
        (END, 0, 0, ONE, 10),
    ]
    assert folded_days(rows, END, date(2025, 11, 2)) == [
        (date(2025, 11, 2), 0, 0, FOUR, 40),
        (END, 0, 0, ONE, 10),
    ]


def test_hours_before_the_longest_range_are_of_one_day_of_each_weekday() -> None:
    rows = [
        # A Thursday and a Friday of spring; the range of 90 days begins on 2026-08-30, a Sunday.
        (date(2026, 4, 2), 0, 9, ONE, 10),
        (date(2026, 4, 9), 0, 9, TWO, 20),
        (date(2026, 4, 10), 0, 9, FOUR, 40),
        (date(2026, 8, 29), 0, 9, ONE, 10),
        (date(2026, 8, 30), 0, 9, TWO, 20),
    ]
    assert folded_hours(rows, END, date(2026, 1, 1)) == [
        (date(2026, 8, 27), 0, 9, Decimal(3), 30),
        (date(2026, 8, 28), 0, 9, FOUR, 40),
        (date(2026, 8, 29), 0, 9, ONE, 10),
        (date(2026, 8, 30), 0, 9, TWO, 20),
    ]


def test_a_day_of_a_machine_stands_there_once() -> None:
    rows = [
        (date(2026, 1, 1), 0, 5, Decimal("1.23456"), 10),
        (date(2026, 1, 1), 0, 6, Decimal("0.00001"), 0),
        (date(2026, 1, 1), 0, 7, Decimal(0), 3),
        (date(2026, 1, 3), 1, 5, TWO, 20),
    ]
    assert numbers_of(rows, date(2026, 1, 1)) == [[0, 0, 5, 12346, 10, 7, 0, 3], [2, 1, 5, 20000, 20]]


def test_a_session_and_its_names_stand_there_once() -> None:
    rows = [
        (7, 0, 1, 2, date(2026, 1, 3), 5, Decimal("1.23456"), 10),
        (8, 0, 1, 2, date(2026, 1, 3), 5, FOUR, 40),
        (7, 0, 1, 2, date(2026, 1, 1), 6, TWO, 20),
    ]
    assert sessions_of(rows, date(2026, 1, 1)) == [
        [7, 0, 1, 2, 2, 5, 12346, 10, 0, 6, 20000, 20],
        [8, 0, 1, 2, 2, 5, 40000, 40],
    ]
    prompts = [(date(2026, 1, 3), 1439, 0, 1, 2, 7, 5, ONE), (date(2026, 1, 1), 0, 3, 1, 2, 8, 5, Decimal("0.00004"))]
    assert prompts_of(prompts, date(2026, 1, 1)) == [2, 1439, 0, 1, 2, 7, 5, 10000, 0, 0, 3, 1, 2, 8, 5, 0]


def test_sessions_are_held_from_the_month_on_in_which_the_calendar_begins() -> None:
    assert first_held([(date(2026, 11, 20), 0), (END, 0)], date(2026, 12, 1)) == date(2025, 11, 1)
    assert first_held([], date(2026, 2, 28)) == date(2025, 2, 1)


@pytest.mark.exhaustive
def test_a_thousand_days_of_twenty_machines_are_less_than_three_megabytes(
    embedded: Callable[[str], Place], program: Program, tmp_path: Path
) -> None:
    place = embedded("fleet")
    with place.opened() as opened:
        write_fleet(opened, Fleet(machines=20, days=1000, last_day=datetime.now(UTC).date()))
    page = tmp_path / "report.html"
    done = program("report", "--warehouse", place.url, "--output", page)
    assert done.exit_code == 0, done.stderr
    assert 2_000_000 < page.stat().st_size < 3_000_000
