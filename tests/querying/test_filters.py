"""Each filter of each named query and of a report: asked of a whole fleet, it answers what a warehouse of nothing else
answers.

Every warehouse is a database of one directory, so that one engine holds them all.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from pydantic import SecretStr

from ccusage_import.config.settings import Settings
from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.digest.model import Selection
from ccusage_import.digest.reading.reader import read_calendar, read_digest
from ccusage_import.querying.queries import find_query, read_queries
from ccusage_import.warehouse.clickhouse_client import ClickHouse, open_warehouse
from ccusage_import.warehouse.migrations import apply_migrations
from tests.conftest import Place, made_once
from tests.support.answers import OF_NOW
from tests.support.fleet import ANSWERS_OF_TODAY, EARLIEST, LAST_DAY, MODEL, PROJECT, write_whole_fleet
from tests.support.warm import engine_stays

# A month ends on a Sunday, the next one begins on a Monday: whole months and weeks on both sides.
UNTIL, SINCE, DAY = date(2099, 5, 31), date(2099, 6, 1), date(2099, 6, 10)
LAST_WEEK = LAST_DAY - timedelta(days=7)
FILTERS = {"machine": "machine-01", "agent": "codex", "since": str(SINCE), "until": str(UNTIL)}
SETTINGS = Settings(warehouse="chdb:///unused", machine="machine-00", salt=SecretStr("unused"), timezone="UTC")
MADE_AT = datetime(2099, 7, 21, tzinfo=UTC)
FACTS = ("message_facts_by_month", "tool_call_facts_by_month", "turn_facts", "event_facts")


def _days(compared: str, day: date) -> dict[str, str]:
    """Return the condition on each table of facts that days in UTC are not after or not before one."""
    times = {**dict.fromkeys(FACTS, "at"), "tool_call_facts_by_month": "called_at"}
    return {table: f"toDate({at}, 'UTC') {compared} '{day}'" for table, at in times.items()}


# What a filter leaves of each table; reports without projects are the same for each of them, and the last week is there
# always, so that no earlier month is the current one.
LEFT = {
    "machine": dict.fromkeys(("records", "changes", "loads", *FACTS), "machine = 'machine-01'"),
    "agent": dict.fromkeys(("records", "changes"), "agent = 'codex'"),
    "project": {"records": f"project IN ({PROJECT}, '')", **dict.fromkeys(FACTS, f"project = {PROJECT}")},
    "model": dict.fromkeys(FACTS, "turn % 2 = 1"),
    "since": {
        "records": f"day >= '{SINCE}'", "changes": f"decided_at >= '{SINCE}'", "loads": f"started_at >= '{SINCE}'",
        **_days(">=", SINCE),
    },
    "until": {
        "records": f"day <= '{UNTIL}' OR day > '{LAST_WEEK}'", "changes": f"toDate(decided_at) <= '{UNTIL}'",
        "loads": f"toDate(started_at) <= '{UNTIL}'", **_days("<=", UNTIL),
    },
}  # fmt: skip
TABLES = ("records", "changes", "loads", "budgets", "price_list", *FACTS)
# Questions whose answer looks at days before or after those that are asked for; their periods have tests of their own.
LOOKS_BEYOND = {
    "cost_by_month": "since", "cost_by_week": "since", "daily_averages": "since", "project_growth": "since",
    "unusual_days": "since", "month_comparison": "since", "cost_jumps": "since", "idle_projects": "since",
    "machine_utilisation": "since",
}  # fmt: skip
# `predict` takes other prompts where too few are like those that are asked for: tests/cli/test_predict.py.
ASKED = [
    (query.name, parameter.name, parameter.default is None)
    for query in read_queries()
    for parameter in query.parameters
    if parameter.name in LEFT and LOOKS_BEYOND.get(query.name) != parameter.name and query.name != "predict"
]
# Between two questions a minute may end.
AS_OLD_AS_ASKED = re.compile(rf'("(?:{"|".join(sorted(OF_NOW))})"):[^,}}]+'.encode())

# Of seven warehouses; what periods and one machine of the whole fleet answer is in test_answers.py, too.
pytestmark = pytest.mark.exhaustive

Answer = Callable[..., list[bytes]]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    """Open the whole fleet, beside which is what each filter leaves of it."""
    made = made_once(tmp_path_factory, "fleets", _make_fleets)
    copy = shutil.copytree(made, tmp_path_factory.mktemp("fleet") / "warehouse", symlinks=True)
    with open_warehouse(parse_warehouse_url(f"chdb://{copy}?database=whole")) as opened:
        yield opened


def _make_fleets(directory: Path) -> None:
    with engine_stays():
        for database in ("whole", *LEFT):
            with Place(f"chdb://{directory}?database={database}").opened() as opened:
                apply_migrations(opened)
                if database == "whole":
                    write_whole_fleet(opened)
                    opened.command(ANSWERS_OF_TODAY)
                else:
                    for table in TABLES:
                        condition = LEFT[database].get(table, "true")
                        opened.command(f"INSERT INTO {table} SELECT * FROM whole.{table} WHERE {condition}")


@pytest.fixture(scope="module")
def answer(fleet: ClickHouse) -> Answer:
    """Answer a query in the whole fleet, or in what one filter leaves of it."""
    ((project,),) = fleet.rows(f"SELECT {PROJECT}")

    @cache
    def answered(name: str, database: str, *filters: str, **given: str) -> list[bytes]:
        query = find_query(name)
        known = {**FILTERS, "project": project, "model": MODEL, "day": str(DAY)}
        # The whole time, unless a filter says otherwise.
        asked: Mapping[str, str] = {"since": EARLIEST, **given, **{each: known[each] for each in filters}}
        needed = {each.name: known[each.name] for each in query.parameters if each.default is None}
        taken = {each.name: asked[each.name] for each in query.parameters if each.name in asked}
        fleet.command(f"USE {database}")
        rows = fleet.raw(query.sql, "JSONEachRow", {}, query.values(needed | taken, LAST_DAY))
        return AS_OLD_AS_ASKED.sub(rb"\1:null", rows).splitlines()

    return answered


@pytest.mark.parametrize(("name", "parameter", "is_needed"), ASKED)
def test_a_filter_leaves_what_it_asks_for(answer: Answer, name: str, parameter: str, *, is_needed: bool) -> None:
    given = {"top": "1000", "before": "2099-05-12", **({"since": str(SINCE)} if name == "idle_projects" else {})}
    filtered = answer(name, "whole", parameter, **given)

    assert filtered == answer(name, parameter, parameter, **given)
    assert is_needed or filtered != answer(name, "whole", **given)


@pytest.mark.parametrize("name", ["machine", "agent", "project"])
def test_a_report_of_a_selection_is_that_of_a_warehouse_of_nothing_else(fleet: ClickHouse, name: str) -> None:
    ((project,),) = fleet.rows(f"SELECT {PROJECT}")
    selections = {
        "machine": Selection(machine="machine-01"), "agent": Selection(agent="codex"),
        "project": Selection(project="shop", projects=[str(project)]),
    }  # fmt: skip
    selection = replace(selections[name], since=SINCE, until=LAST_DAY)
    told = []
    for database in ("whole", name):
        fleet.command(f"USE {database}")
        page = read_digest(fleet, SETTINGS, named=str, selection=selection, is_page=True)
        calendar = read_calendar(fleet, SETTINGS, named=str, version="1.2.3", selection=selection)
        # Which day is today is asked of all machines.
        forecast = replace(page.forecast, days=[]) if page.forecast else None
        told.append((replace(page, made_at=MADE_AT, forecast=forecast), re.sub("DTSTAMP:.*", "", calendar)))

    assert told[0] == told[1]
    assert told[0][0].held or name == "project"
