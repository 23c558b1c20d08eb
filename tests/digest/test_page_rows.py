"""What the page holds of many days: single days and hours as far back as it draws them, and nothing twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from ccusage_import.config.settings import Settings
from ccusage_import.digest.model import Selection
from ccusage_import.digest.page_rows import (
    first_held,
    folded_days,
    numbers_of,
    prompts_of,
    sessions_of,
    single_days_since,
)
from ccusage_import.digest.reading.reader import read_digest
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


def test_what_the_page_reads_of_hours_and_projects_adds_up_to_the_days_it_does_not_draw(
    embedded: Callable[[str], Place],
) -> None:
    place = embedded("fleet")
    settings = Settings(warehouse="chdb:///unused", machine="desk", salt=SecretStr("salt"), timezone="Asia/Kolkata")
    with place.opened() as opened:
        write_fleet(opened, Fleet(machines=2, days=500, last_day=datetime.now(UTC).date()))
        digest = read_digest(opened, settings, named=str, is_page=True)
        hours = opened.rows(
            "SELECT toDate(toTimeZone(at, 'Asia/Kolkata')) AS day, machine, toHour(toTimeZone(at, 'Asia/Kolkata')),"
            " sum(cost_usd) FROM block_hours GROUP BY ALL"
        )
        projects = opened.rows("SELECT date, machine, sum(cost_usd) FROM projects_daily GROUP BY ALL")
    detail = digest.detail
    assert detail is not None
    newest, calendar = digest.today - timedelta(days=90), (digest.today - timedelta(days=371)).replace(day=1)

    expected = defaultdict[tuple[date, str, int], float](float)
    for day, machine, hour, cost in hours:
        drawn = day if day > newest else newest - (newest - day) % timedelta(days=7)
        assert drawn.weekday() == day.weekday()
        expected[drawn, machine, hour] += cost
    read = {(day, detail.machine_names[machine], hour): float(cost) for day, machine, hour, cost, _ in detail.hours}
    assert len(read) == len(detail.hours) < len(hours)
    assert read == pytest.approx(expected)

    of_projects = defaultdict[tuple[date, str], Decimal](Decimal)
    for day, machine, cost in projects:
        of_projects[day if day >= calendar else day.replace(day=1), machine] += cost
    days, read_of_projects = set[date](), defaultdict[tuple[date, str], Decimal](Decimal)
    for day, machine, _agent, _project, _model, cost, _tokens in detail.projects:
        days.add(day)
        read_of_projects[day if day >= calendar else day.replace(day=1), detail.machine_names[machine]] += cost
    assert read_of_projects == of_projects
    assert min(days) == min(day for day, _machine, _cost in projects)
    months = [(day.replace(day=1), *keys) for day, *keys, _cost, _tokens in detail.projects if day < calendar]
    assert len(months) == len(set(months)) > 0


def test_days_before_the_calendar_are_read_as_months_which_no_first_day_cuts(embedded: Callable[[str], Place]) -> None:
    place = embedded("fleet")
    settings = Settings(warehouse="chdb:///unused", machine="desk", salt=SecretStr("salt"), timezone="UTC")
    today = datetime.now(UTC).date()
    since = (today - timedelta(days=430)).replace(day=15)
    with place.opened() as opened:
        write_fleet(opened, Fleet(machines=2, days=500, last_day=today))
        digest = read_digest(
            opened, settings, named=str, selection=Selection(since=since), is_page=True, parts=("models", "page_days")
        )
        days = opened.rows("SELECT date, sum(cost_usd) FROM daily GROUP BY date")
    assert digest.detail
    calendar = single_days_since(digest.end)
    read, months = defaultdict[date, Decimal](Decimal), list[tuple[object, ...]]()
    for day, *keys, cost, _tokens in digest.detail.days:
        read[day if day >= calendar else day.replace(day=1)] += cost
        if day < calendar:
            months.append((day.replace(day=1), day >= since, *keys))
    expected = defaultdict[date, Decimal](Decimal)
    for day, cost in days:
        expected[day if day >= calendar else day.replace(day=1)] += cost
    assert read == expected
    assert len(months) == len(set(months)) > 0
    shown = sum((cost for day, *_, cost, _tokens in digest.detail.days if day >= since), Decimal(0))
    assert shown == digest.span("total").usage.cost_usd == sum(cost for day, cost in days if day >= since)


def test_parts_of_a_digest_are_those_of_the_whole_and_nothing_else_is_read(embedded: Callable[[str], Place]) -> None:
    place = embedded("fleet")
    settings = Settings(warehouse="chdb:///unused", machine="desk", salt=SecretStr("salt"), timezone="UTC")
    with place.opened() as opened:
        write_fleet(opened, Fleet(machines=2, days=60, last_day=datetime.now(UTC).date()))
        whole = read_digest(opened, settings, named=str, is_page=True)
        models = read_digest(opened, settings, named=str, parts=("models",))
        machines = read_digest(opened, settings, named=str, is_page=True, parts=("page_days",))
    assert models.days == whole.days != []
    assert (models.months, models.models) == (whole.months, whole.models)
    assert models.span("total") == whole.span("total")
    assert not any((models.projects, models.hours, models.held, models.budget, models.forecast, models.work.commands))
    assert whole.detail
    assert machines.detail
    assert machines.detail.days == whole.detail.days != []
    assert not any((machines.detail.projects, machines.detail.hours, machines.detail.sessions, machines.models))


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
