"""The query library: every query on an imported corpus, embedded and over HTTP, against numbers worked out by hand.

Days of 2099 give figures that do not depend on the current day, as in the tests of the views.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ccusage_import.exceptions import ConfigurationError
from ccusage_import.querying.queries import GROUPS, NamedQuery, find_query, read_queries
from ccusage_import.querying.reading import read_only
from ccusage_import.records import Record
from ccusage_import.rule.verdicts import Decision, Reason, Verdict
from ccusage_import.warehouse.migrations import sql_directory
from tests.conftest import Place, Program, only_read, program_in
from tests.support.claude_dir import SONNET, ClaudeDir, days_ago
from tests.support.exhaustive import some_of
from tests.support.warm import engine_stays_on, let_go
from tests.warehouse.test_plans import plans
from tests.warehouse.test_views import block, budgets, daily, days, hold, judged, loaded, model, priced, record

pytestmark = [pytest.mark.exhaustive_at("http"), pytest.mark.usefixtures("engine_stays")]

Rows = list[tuple[Any, ...]]
QUERIES = read_queries()
OPUS = "claude-opus-4-6"
# What the parameters that must be given are given, and others than the defaults for the rest.
REQUIRED = {"project": "-home-ana-shop", "model": SONNET, "day": "2025-09-03"}
OTHERS = {
    **REQUIRED, "since": "2025-09-01", "until": "2025-09-30", "before": "2025-08-01", "machine": "studio",
    "agent": "claude", "top": "3", "report": "session", "from_hour": "8", "to_hour": "20", "times": "2.5",
    "least_sessions": "2", "max_output_tokens": "500", "project": "-home-dev-project-1",
}  # fmt: skip


def values_of(query: NamedQuery, values: Mapping[str, str]) -> dict[str, str]:
    """Return those of the values that a query takes."""
    return {parameter.name: values[parameter.name] for parameter in query.parameters if parameter.name in values}


def answer(place: Place, name: str, **given: str) -> Rows:
    """Return the rows of a query, in its order; money and other fractions as Decimal."""
    query = find_query(name)
    needed = {each.name: REQUIRED[each.name] for each in query.parameters if each.default is None}
    values = query.values({**needed, **given}, datetime.now(UTC).date())
    with place.opened() as opened:
        settings = {"output_format_json_quote_64bit_integers": 0}
        found = read_only(opened, query.sql, "JSONCompactEachRow", settings, values)
    return [tuple(json.loads(line, parse_float=Decimal)) for line in found.decode().splitlines()]


def asked(program: Program, place: Place, name: str, *columns: str, **given: str) -> Rows:
    """Return columns, or all, of what the command prints as JSON."""
    parameters = [argument for key, value in given.items() for argument in ("--param", f"{key}={value}")]
    done = program("query", name, "--warehouse", place.url, "--json", *parameters)
    assert (done.exit_code, done.stderr) == (0, ""), name
    rows = json.loads(done.stdout, parse_float=Decimal)
    return [tuple(_money(column, row[column]) for column in columns or row) for row in rows]


def _money(column: str, value: object) -> object:
    is_money = column.endswith("_usd") and isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value)
    return Decimal(str(value)) if is_money else value


# --- the files ------------------------------------------------------------------------------------------


def test_the_library_answers_something_in_every_group() -> None:
    assert {query.group for query in QUERIES} == set(GROUPS)
    assert len(QUERIES) >= 44
    assert len({query.answers for query in QUERIES}) == len(QUERIES)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_every_header_is_complete_and_every_parameter_is_used(query: NamedQuery) -> None:
    text = (sql_directory() / "queries" / f"{query.name}.sql").read_text("utf-8")
    header = re.findall(r"^-- (.*)$", text.partition("\nSELECT")[0].partition("\nWITH")[0], re.MULTILINE)

    assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", query.name)
    assert header[0] == query.answers
    assert re.fullmatch(r"[A-Z].{9,55}\?", query.answers), "it asks one question that fits into a line of the list"
    assert header[1] == f"group: {query.group}"
    assert sum(line.startswith("param: ") for line in header) == len(query.parameters)
    assert set(re.findall(r"\{(\w+):(\w+)\}", query.sql)) == {(each.name, each.type) for each in query.parameters}
    assert not re.search(r"\brecords\b", query.sql), "it reads views"


def test_a_parameter_means_the_same_in_every_query() -> None:
    told: dict[str, set[tuple[str, str | None, str]]] = {}
    for query in QUERIES:
        for parameter in query.parameters:
            # How far back a question looks, and which project is a must, differs.
            default = "" if parameter.name == "since" else parameter.default
            if parameter.default is not None:
                told.setdefault(parameter.name, set()).add((parameter.type, default, parameter.meaning))

    assert {name: meanings for name, meanings in told.items() if len(meanings) > 1} == {}


# --- all of them, on the way a user takes ---------------------------------------------------------------


def test_the_name_of_a_view_asks_for_all_of_it(
    migrated: Place, program: Program, corpus: Callable[[str], Path]
) -> None:
    imported(program, migrated, corpus("september"))

    assert asked(program, migrated, "monthly_from_daily", "month", "days") == [("2025-09-01", 2)]


def test_every_query_answers_on_an_empty_warehouse(migrated: Place) -> None:
    with migrated.keep_open():
        answers = {query.name: answer(migrated, query.name) for query in QUERIES}

    assert answers == {query.name: [] for query in QUERIES}


@pytest.mark.exhaustive_at("embedded")
@pytest.mark.exhaustive
def test_every_query_answers_through_the_command_with_other_parameters(
    migrated: Place, program: Program, corpus: Callable[[str], Path]
) -> None:
    imported(program, migrated, corpus("september"))
    # A process for each takes its time: all of them embedded, one of each group over HTTP.
    chosen = QUERIES if migrated.gateway is None else {query.group: query for query in QUERIES}.values()
    answered = {
        query.group for query in chosen if asked(program, migrated, query.name, **values_of(query, OTHERS)) != []
    }

    # There is no budget, and no prompt in these old transcripts that any of the others are about.
    assert answered <= set(GROUPS) - {"budget", "prompts"}
    assert len(answered) == len(GROUPS) - 2 or migrated.gateway is not None


@pytest.mark.exhaustive
def test_every_query_answers_with_its_defaults_and_says_where_a_price_is_missing(
    migrated: Place, program: Program, corpus: Callable[[str], Path]
) -> None:
    imported(program, migrated, corpus("september"))
    with migrated.opened() as opened:
        for query in QUERIES:
            needed = {each.name: REQUIRED[each.name] for each in query.parameters if each.default is None}
            values = query.values(needed, datetime.now(UTC).date())
            names = read_only(opened, query.sql, "JSONCompactEachRowWithNames", {}, values).splitlines()[0]
            columns = json.loads(names)
            assert len(set(columns)) == len(columns), query.name
            assert [column for column in columns if not re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", column)] == [], query.name
            # The log of changes does not know of prices that are missing, and what has none promises no savings.
            if (
                query.group != "audit"
                and query.name != "savings_evidence"
                and any(column.endswith("_usd") for column in columns)
            ):
                assert "unpriced" in columns, query.name


def imported(program: Program, place: Place, claude: Path, *arguments: str, machine: str = "studio") -> None:
    """Import a data directory in the time of Berlin."""
    done = program(
        "import", "--warehouse", place.url, "--claude-dir", claude, "--timezone", "Europe/Berlin", "--quiet",
        *arguments, CCUSAGE_IMPORT_MACHINE=machine,
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "given", "nearest"),
    some_of(
        [
            ("cost_by_day", "machine=studio9", "; nearest: studio"),
            ("cost_by_day", "agent=cluade", "; nearest: claude"),
            ("project_models", "project=-home-dev-project-9", "; nearest: project-1"),
            ("cost_at_model_price", "model=claude-sonet-4", f"; nearest: {SONNET}"),
            ("held_now", "report=weekly", ""),
            ("project_models", "project=projct1", "; nearest: project-1"),
            ("cost_at_model_price", "model=Sonet 4", "; nearest: Sonnet 4"),
        ],
        4,
        5,
        6,
    ),
)
def test_an_unknown_name_is_an_error_with_the_nearest(
    migrated: Place, program: Program, corpus: Callable[[str], Path], name: str, given: str, nearest: str
) -> None:
    imported(program, migrated, corpus("september"))
    done = program("query", name, "--warehouse", migrated.url, "--param", given)

    assert (done.exit_code, done.stdout) == (2, "")
    told = f"{given.replace('=', ' ')}: nothing is stored under this name{nearest}"
    assert done.stderr.splitlines()[0] == f"ccusage-import: error: {told}"


@pytest.mark.one_place
@pytest.mark.parametrize("command", some_of(["history", "changes", "status", "report", "chart daily"], 0, 4))
def test_a_machine_that_loaded_nothing_is_an_error_with_the_nearest(
    migrated: Place, program: Program, corpus: Callable[[str], Path], command: str
) -> None:
    imported(program, migrated, corpus("september"))
    done = program(*command.split(), "--warehouse", migrated.url, "--machine", "studio9")

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "ccusage-import: error: machine studio9: nothing is stored under this name; nearest: studio",
        "hint: ccusage-import query machine_ranking --param since=1970-01-01",
    ]


# --- two days of September 2025, one model at 3, 15, 3.75 and 0.3 $ a million ---------------

SEPTEMBER: Mapping[str, tuple[Mapping[str, str], Rows]] = {
    "cost_by_day": (
        {},
        [("2025-09-07", Decimal("0.33115095"), 375764, False), ("2025-09-03", Decimal("2.4872724"), 3955764, False)],
    ),
    "tokens_by_day": (
        {},
        [
            ("2025-09-07", 129, 3629, 47747, 324259, 375764),
            ("2025-09-03", 1111, 52906, 150674, 3751073, 3955764),
        ],
    ),
    "most_expensive_days": ({"top": "1"}, [("2025-09-03", Decimal("2.4872724"), Decimal("0.8825"), 3955764, False)]),
    # (2.4872724 + 3 * 0) / 4, and the week ends with the 7th.
    "daily_averages": (
        {"since": "2025-09-06", "until": "2025-09-07"},
        [
            ("2025-09-07", Decimal("0.33115095"), Decimal("0.563685"), Decimal("0.563685"), False),
            ("2025-09-06", 0, Decimal("0.621818"), Decimal("0.621818"), False),
        ],
    ),
    "cost_by_week": (
        {"until": "2025-09-08"},
        [
            ("2025-09-08", 2025, 37, 0, Decimal("-2.81842335"), 0, False, False),
            ("2025-09-01", 2025, 36, Decimal("2.81842335"), None, 4331528, False, True),
        ],
    ),
    "top_models": ({}, [(SONNET, Decimal("2.81842335"), 1, 4331528, 2, False)]),
    "models_by_month": ({}, [("2025-09-01", SONNET, Decimal("2.81842335"), 1, 4331528, False, True)]),
    "model_prices": ({}, [(SONNET, 3, 15, Decimal("3.75"), 6, Decimal("0.3"), False)]),
    "top_projects": (
        {},
        [("-home-dev-project-1", Decimal("2.81842335"), 1, 4331528, 2, "2025-09-07", False)],
    ),
    "sessions_by_day": (
        {"since": "2025-09-04"},
        [("2025-09-07", 1, Decimal("0.33115095"), Decimal("0.331151"), Decimal("0.33115095"), Decimal("2.3"), False)],
    ),
    "session_sizes": (
        {},
        [
            ("below 0.10", 3, Decimal("0.0940572"), Decimal("0.0334"), False),
            ("0.10 to 1", 1, Decimal("0.33115095"), Decimal("0.1175"), False),
            ("1 to 10", 1, Decimal("2.3932152"), Decimal("0.8491"), False),
        ],
    ),
    "small_sessions": (
        {},
        [(SONNET, 3, Decimal("0.0940572"), Decimal("2.81842335"), Decimal("0.0334"), False)],
    ),
    "cost_concentration": (
        {},
        [
            (1, 1, Decimal("2.3932152"), Decimal("0.8491"), False),
            (5, 1, Decimal("2.3932152"), Decimal("0.8491"), False),
            (10, 1, Decimal("2.3932152"), Decimal("0.8491"), False),
            (25, 2, Decimal("2.72436615"), Decimal("0.9666"), False),
            (50, 3, Decimal("2.81752335"), Decimal("0.9997"), False),
            (100, 5, Decimal("2.81842335"), 1, False),
        ],
    ),
    "blocks_by_day": (
        {},
        [
            ("2025-09-07", 1, 20, Decimal("0.33115095"), 375764, False),
            ("2025-09-03", 1, 179, Decimal("2.4872724"), 3955764, False),
        ],
    ),
    # As `ccusage blocks --session-length 1` prints them: 00:00, 01:00 and 09:00 UTC are 02, 03 and 11 in Berlin.
    "busiest_hours": (
        {},
        [
            (2, Decimal("2.188792"), Decimal("0.7766"), 3217011, False),
            (11, Decimal("0.331151"), Decimal("0.1175"), 375764, False),
            (3, Decimal("0.29848"), Decimal("0.1059"), 738753, False),
        ],
    ),
    # The 3rd is a Wednesday, the 7th a Sunday.
    "hours_of_week": (
        {},
        [
            (3, 2, Decimal("2.188792"), 3217011, False),
            (3, 3, Decimal("0.29848"), 738753, False),
            (7, 11, Decimal("0.331151"), 375764, False),
        ],
    ),
    "off_hours_share": (
        {"from_hour": "3", "to_hour": "12"},
        [
            ("other hours", Decimal("2.188792"), Decimal("0.7766"), 3217011, False),
            ("weekend", Decimal("0.331151"), Decimal("0.1175"), 375764, False),
            ("working hours", Decimal("0.29848"), Decimal("0.1059"), 738753, False),
        ],
    ),
    "cost_by_weekday": (
        {"until": "2025-09-10"},
        [
            (1, "Monday", 1, 0, 0, 0, False),
            (2, "Tuesday", 1, 0, 0, 0, False),
            (3, "Wednesday", 2, Decimal("2.4872724"), Decimal("1.243636"), Decimal("0.8825"), False),
            (4, "Thursday", 1, 0, 0, 0, False),
            (5, "Friday", 1, 0, 0, 0, False),
            (6, "Saturday", 1, 0, 0, 0, False),
            (7, "Sunday", 1, Decimal("0.33115095"), Decimal("0.331151"), Decimal("0.1175"), False),
        ],
    ),
    "weekend_share": (
        {"until": "2025-09-30"},
        [("2025-09-01", Decimal("0.33115095"), Decimal("2.81842335"), Decimal("0.1175"), 1, False, True)],
    ),
    # 324,259 of 372,135 and 3,751,073 of 3,902,858 tokens.
    "cache_by_day": (
        {},
        [
            ("2025-09-07", 129, 47747, 324259, Decimal("0.8713")),
            ("2025-09-03", 1111, 150674, 3751073, Decimal("0.9611")),
        ],
    ),
    # 4,075,332 * 2.7 $ less 198,421 * 0.75 $, a million.
    "cache_by_model": (
        {},
        [
            (
                SONNET, 1240, 198421, 4075332, Decimal("0.9533"), Decimal("10.85458065"), Decimal("2.81842335"), False,
            )
        ],
    ),
    "cost_by_token_class": (
        {},
        [
            ("cache read", 4075332, Decimal("1.2225996"), Decimal("0.4338"), False),
            ("output", 56535, Decimal("0.848025"), Decimal("0.3009"), False),
            ("cache creation", 198421, Decimal("0.74407875"), Decimal("0.264"), False),
            ("input", 1240, Decimal("0.00372"), Decimal("0.0013"), False),
        ],
    ),
    "cost_per_output": (
        {"until": "2025-09-30"},
        [("2025-09-01", Decimal("2.81842335"), 56535, Decimal("49.852717"), Decimal("75.62"), False, True)],
    ),
    "machine_ranking": (
        {},
        [("studio", Decimal("2.81842335"), 1, 4331528, 2, Decimal("1.409212"), ["claude"], False)],
    ),
}  # fmt: skip


def test_september_by_hand(migrated: Place, program: Program, corpus: Callable[[str], Path]) -> None:
    imported(program, migrated, corpus("september"), "--no-hash-projects")

    with migrated.keep_open():
        for name, (given, expected) in SEPTEMBER.items():
            query = find_query(name)
            assert answer(migrated, name, **{**values_of(query, {"since": "2025-09-01"}), **given}) == expected, name


# --- two machines, a sweep, another model ------------------------------------------------------------------


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, ccusage20: Path) -> Program:
    """The command line of the studio, which knows its projects by name."""
    program = program_in(tmp_path_factory.mktemp("home of the studio"), ccusage20)
    program.environ["CCUSAGE_IMPORT_SALT"] = "a salt that both of them share"
    return program


@pytest.fixture(scope="module")
def story(shared_migrated: Place, studio: Program, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A studio of which half a day is swept, and a laptop that works on the same project."""
    claude, other = (ClaudeDir(tmp_path_factory.mktemp(machine)) for machine in ("studio", "laptop"))
    claude.say("a", days_ago(40), 70_000)
    claude.say("b", days_ago(40), 30_000)
    claude.say("b", days_ago(39), 50)
    claude.say("c", days_ago(3), 1_000, project="-home-ana-blog")
    home = tmp_path_factory.mktemp("home of the laptop")
    laptop = Program(home, {**studio.environ, "HOME": str(home)})
    other.say("d", days_ago(2), 20_000, model=OPUS)
    with engine_stays_on():
        imported(studio, shared_migrated, claude.root)
        claude.delete("a")
        imported(studio, shared_migrated, claude.root)
        imported(laptop, shared_migrated, other.root, machine="laptop")
    with only_read(shared_migrated) as filled:
        yield filled


def test_machines_projects_models_and_what_is_held(story: Place, studio: Program) -> None:
    swept, since = str(days_ago(40).date()), str(days_ago(60).date())

    def got(name: str, *columns: str, **given: str) -> Rows:
        return asked(studio, story, name, *columns, **given)

    # 70,000 + 30,000 + 50 + 1,000 at 15 $ and 20,000 at 25 $ a million.
    assert got("machine_ranking", "machine", "cost_usd", "cost_share", "active_days", since=since) == [
        ("studio", Decimal("1.51575"), Decimal("0.752"), 3),
        ("laptop", Decimal("0.5"), Decimal("0.248"), 1),
    ]
    assert got("top_models", "model", "cost_usd", since=since) == [(SONNET, Decimal("1.51575")), (OPUS, Decimal("0.5"))]
    assert got("cost_by_day", "cost_usd", since=since, until=swept) == [(Decimal("1.5"),)]
    assert got("cost_by_day", "cost_usd", since=since, machine="laptop") == [(Decimal("0.5"),)]
    priced = ("model", "cost_usd", "cost_at_price_usd", "difference_usd")
    assert got("cost_at_model_price", *priced, model=OPUS) == [
        (SONNET, Decimal("1.51575"), Decimal("2.52625"), Decimal("1.0105")),
        (OPUS, Decimal("0.5"), Decimal("0.5"), 0),
    ]
    assert {row[2] for row in answer(story, "cost_at_model_price", model="nobody-knows-1")} == {None}
    shared = ("machines", "cost_usd", "main_machine", "main_share")
    assert got("shared_projects", *shared, since=since) == [(2, Decimal("2.00075"), "studio", Decimal("0.7501"))]

    # A project is asked for by its name, though a pseudonym is stored.
    by_name = got("project_days", "cost_usd", "machines", project="-home-ana-shop", since=since)
    assert by_name == [
        (Decimal("0.5"), ["laptop"]), (Decimal("0.00075"), ["studio"]), (Decimal("1.5"), ["studio"]),
    ]  # fmt: skip
    stored = str(story.rows("SELECT project FROM projects_daily ORDER BY cost_usd DESC LIMIT 1")[0][0])
    assert re.fullmatch("[0-9a-f]{32}", stored)
    assert got("project_days", "cost_usd", "machines", project=stored, since=since) == by_name

    held = ("key", "machine", "reason", "stored_cost_usd", "offered_cost_usd", "stored_tokens", "offered_tokens")
    assert got("held_now", *held) == [
        (swept, "studio", "messages_gone", Decimal("1.5"), Decimal("0.45"), 100_000, 30_000)
    ]
    totals = got("held_totals", "report", "held_records", "cost_kept_usd", "tokens_kept")
    assert ("daily", 1, Decimal("1.05"), 70_000) in totals
    assert got("day_history", "verdict", "is_written", "stored_cost_usd", "offered_cost_usd", day=swept) == [
        ("new", True, 0, Decimal("1.5")),
        ("held", False, Decimal("1.5"), Decimal("0.45")),
    ]
    changed = got("what_changed")
    assert [row for row in changed if row[0] == "daily"] == [
        ("daily", "held", "messages_gone", 1, 0, 0, Decimal("1.05")),
        ("daily", "new", "first_seen", 4, 121_050, Decimal("2.01575"), 0),
    ]
    assert got("what_changed", since=since, until=swept) == []
    assert got("load_history", "machine", "state", "cost_before_usd", "cost_after_usd", "cost_change_usd") == [
        ("laptop", "committed", 0, Decimal("0.5"), Decimal("0.5")),
        ("studio", "committed", Decimal("1.51575"), Decimal("1.51575"), 0),
        ("studio", "committed", 0, Decimal("1.51575"), Decimal("1.51575")),
    ]


def test_tables_show_names_and_data_shows_what_is_stored(story: Place, studio: Program) -> None:
    asking = ("query", "top_projects", "--warehouse", story.url, "--param", "top=1", "--param", "since=60 days ago")
    stored = story.rows("SELECT project FROM project_summary ORDER BY cost_usd DESC LIMIT 1")[0][0]

    table, csv = studio(*asking).stdout.splitlines(), studio(*asking, "--format", "csv").stdout.splitlines()

    day = str(days_ago(2).date())
    assert table == [
        "┌─project────────┬─cost_usd─┬─cost_share─┬─total_tokens─┬─active_days─┬─last_day───┬─unpriced─┐",
        f"│ -home-ana-shop │  2.00075 │     0.9926 │       120050 │           3 │ {day} │ false    │",
        "└────────────────┴──────────┴────────────┴──────────────┴─────────────┴────────────┴──────────┘",
    ]
    assert csv == [
        '"project","cost_usd","cost_share","total_tokens","active_days","last_day","unpriced"',
        f'"{stored}",2.00075,0.9926,120050,3,"{day}",false',
    ]


def test_parquet_is_read_back(story: Place, studio: Program, tmp_path: Path) -> None:
    asking = ["query", "cost_by_day", "--warehouse", story.url, "--param", f"since={days_ago(60).date()}"]
    file = tmp_path / "days.parquet"
    let_go()
    with file.open("wb") as output:
        command = [sys.executable, "-m", "ccusage_import", *asking, "--format", "parquet"]
        subprocess.run(command, env=studio.environ, cwd=studio.home, stdout=output, check=True, timeout=120)

    reader = Place(f"chdb://{tmp_path}/reader")
    columns = "date, cost_usd, total_tokens, unpriced"
    assert reader.rows(f"SELECT {columns} FROM file('{file}', Parquet) ORDER BY date") == [
        (days_ago(40).date(), Decimal("1.5"), 100_000, False),
        (days_ago(39).date(), Decimal("0.00075"), 50, False),
        (days_ago(3).date(), Decimal("0.015"), 1_000, False),
        (days_ago(2).date(), Decimal("0.5"), 20_000, False),
    ]


# --- days of 2099 --------------------------------------------------------------------------------------------


def test_months_forecast_and_budgets_by_hand(migrated: Place) -> None:
    # 1 $ a day up to February, 2 $ since March; today is April 15 with 16 days left. A project has half of it.
    used = days("2099-01-01", [1] * 59 + [2] * 46)
    shop = [
        record("projects", f"{day.key}/shop", day.key, "1", project="shop") for day in used if day.key > "2099-02-28"
    ]
    loaded(migrated, [*used, *shop])
    budgets(migrated, ("all", "", "monthly", "50", 1, 0), ("project", "shop", "monthly", "40", 1, 0))
    plans(migrated, ("studio", "ana", "20", 1))

    assert answer(migrated, "cost_by_month", since="2099-03-01") == [
        ("2099-04-01", 15, 30, 2, -32, 150, False, True),
        ("2099-03-01", 31, 62, 2, 34, 310, False, False),
    ]
    assert answer(migrated, "month_comparison", since="2099-01-31") == [
        ("2099-04-01", 30, 30, False, True),
        ("2099-03-01", 30, 62, False, False),
        ("2099-02-01", 15, 28, False, False),
        ("2099-01-01", 15, 31, False, False),
    ]
    [forecast] = answer(migrated, "month_forecast")
    assert forecast[:4] == ("2099-04-01", 16, 30, 60)
    assert [round(bound, 4) for bound in forecast[4:6]] == [Decimal("51.6018"), Decimal("68.3982")]
    assert forecast[6:] == (150, 300, "last 7 days", Decimal("0.0962"), False)
    month = answer(migrated, "forecast_by_day")
    assert (len(month), month[0], month[-1]) == (30, ("2099-04-01", 2, 2, False), ("2099-04-30", 0, 2, False))
    assert month[14] == ("2099-04-15", 2, 2, False)
    # The other half is of no project.
    assert answer(migrated, "forecast_by_project") == [("", 15, 30, False), ("shop", 15, 30, False)]
    assert answer(migrated, "budget_state") == [
        ("all", "", "monthly", 50, 30, 20, Decimal("0.6"), False, False),
        ("project", "shop", "monthly", 40, 15, 25, Decimal("0.375"), False, False),
    ]
    assert answer(migrated, "budget_crossings") == [
        ("all", "", "monthly", 50, "2099-04-26", 60, 10, False, False),
    ]
    assert answer(migrated, "plan_value") == [
        ("ana", "2099-04-01", 30, 20, 10, Decimal("1.5"), True, False),
        ("ana", "2099-03-01", 62, 20, 42, Decimal("3.1"), False, False),
        ("ana", "2099-02-01", 28, 20, 8, Decimal("1.4"), False, False),
        ("ana", "2099-01-01", 31, 20, 11, Decimal("1.55"), False, False),
    ]
    assert answer(migrated, "project_gaps", since="2099-04-15") == [("2099-04-15", "studio", 2, 1, 1, 0, False)]
    assert answer(migrated, "project_growth", before="2099-04-01", since="2099-04-08") == [("shop", 7, 8, 1, False)]
    assert answer(migrated, "idle_projects", since="2099-04-15") == []
    assert answer(migrated, "idle_projects", since="2099-04-16") == [
        ("shop", "2099-03-01", "2099-04-15", 46, 460, False)
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    some_of(
        [
            ("models_by_month", [("2099-03-01", OPUS, 5), ("2099-02-01", OPUS, 2)]),
            ("projects_by_month", [("2099-03-01", "shop", 5), ("2099-02-01", "shop", 2)]),
            ("machines_by_month", [("2099-03-01", "studio", 5), ("2099-02-01", "studio", 2)]),
            ("weekend_share", [("2099-03-01", 4, 5), ("2099-02-01", 2, 2)]),
        ],
        1,
        3,
    ),
)
def test_months_are_whole_wherever_the_period_begins_and_ends(
    migrated: Place, name: str, expected: list[tuple[Any, ...]]
) -> None:
    # A Sunday before the period, a Sunday and a Monday in its last month, and days of the months round it.
    costs = {"2099-01-31": "8", "2099-02-01": "2", "2099-03-01": "4", "2099-03-30": "1", "2099-04-01": "9"}
    for day, cost in costs.items():
        used = (model(OPUS, cost, (0, 10, 0, 0)),)
        project = record("projects", f"{day}/shop", day, cost, models=used, project="shop")
        loaded(migrated, [daily(day, cost, models=used), project], int(day[5:7]) * 1000 + int(day[8:]))

    found = answer(migrated, name, since="2099-02-20", until="2099-03-05")

    assert [row[: len(expected[0])] for row in found] == expected


@pytest.mark.one_place
@pytest.mark.parametrize(("last_day", "is_partial"), some_of([("2099-02-28", True), ("2099-03-01", False)], 0))
def test_a_month_is_whole_when_its_last_day_is_over(migrated: Place, last_day: str, *, is_partial: bool) -> None:
    # The history begins with the first day of the month.
    used = [
        daily(day, "1", models=(model(OPUS, "1", (0, 10, 0, 0)),)) for day in ("2099-02-01", "2099-02-14", last_day)
    ]
    projects = [record("projects", f"{one.key}/shop", one.key, "1", project="shop") for one in used]
    loaded(migrated, [*used, *projects])
    plans(migrated, ("studio", "ana", "20", 1))

    with migrated.keep_open():
        for name in (
            "cost_by_month", "cost_per_output", "machines_by_month", "models_by_month", "month_comparison",
            "plan_value", "projects_by_month", "weekend_share",
        ):  # fmt: skip
            query = find_query(name)
            values = query.values(values_of(query, {"since": "2099-02-01"}), datetime.now(UTC).date())
            with migrated.opened() as opened:
                found = map(json.loads, opened.raw(query.sql, "JSONEachRow", {}, values).splitlines())
            assert [row["is_partial"] for row in found if row["month"] == "2099-02-01"] == [is_partial], name


def test_the_ways_of_forecasting_by_hand(migrated: Place) -> None:
    # Five weeks: 10 $ on workdays. Today is Wednesday with 16 days left, twelve of them workdays; 18 forecasts of 11
    # days, which weekdays always meet.
    loaded(migrated, days("2099-03-11", [10, 10, 10, 0, 0, 10, 10] * 5 + [4]))

    found = answer(migrated, "forecast_methods")
    assert [row[:6] for row in found[:3]] == [
        ("2099-04-01", "weekday of 4 weeks", False, 120, 0, 18),
        ("2099-04-01", "weekday of 8 weeks", True, 120, 0, 18),
        ("2099-04-01", "weekday of last week", False, 120, 0, 18),
    ]
    assert sorted((row[1], row[3]) for row in found[3:]) == [
        ("last 28 days", Decimal("114.285714")),
        ("last 7 days", Decimal("114.285714")),
        ("month so far", Decimal("114.285714")),
    ]


def test_unusual_days_and_jumps_by_hand(migrated: Place) -> None:
    loaded(migrated, [*days("2099-03-02", [10, 20, 5, 10]), *days("2099-03-30", [20, 10, 5, 90, 10])])

    # Seven workdays with median 10, half or twice of which is the median deviation: 0.6745 * log2(9).
    assert answer(migrated, "unusual_days", since="2099-04-01") == [
        ("2099-04-02", "studio", "claude", 90, 10, Decimal("2.14"), 7, False)
    ]
    assert answer(migrated, "cost_jumps", since="2099-04-01", top="2") == [
        ("2099-04-02", 5, 90, 85, False),
        ("2099-04-03", 90, 10, -80, False),
    ]
    assert answer(migrated, "idle_days", since="2099-03-04", until="2099-03-07") == [
        ("2099-03-07", "Saturday"), ("2099-03-06", "Friday"),
    ]  # fmt: skip


def test_a_day_on_a_weekend_is_used_where_it_cost_something(migrated: Place) -> None:
    # Saturday has a cost and no tokens, as an agent that counts none; Sunday has neither.
    loaded(migrated, [daily("2099-04-04", "3", 0), daily("2099-04-05", "0", 0), daily("2099-04-06", "1")])

    assert [row[:5] for row in answer(migrated, "weekend_share", since="2099-04-01")] == [
        ("2099-04-01", 3, 4, Decimal("0.75"), 1)
    ]


def test_machines_and_agents_by_hand(migrated: Place) -> None:
    loaded(
        migrated,
        [
            daily("2099-04-01", "1"), daily("2099-04-04", "3"), daily("2099-04-04", "4", agent="codex"),
            daily("2099-04-03", "8", machine="laptop", unpriced=True), daily("2099-04-04", "0", 0, machine="laptop"),
        ],
    )  # fmt: skip

    assert answer(migrated, "agent_ranking", since="2099-04-01") == [
        ("claude", 12, Decimal("0.75"), 30, 3, 4, ["laptop", "studio"], True),
        ("codex", 4, Decimal("0.25"), 10, 1, 4, ["studio"], False),
    ]
    assert answer(migrated, "machine_utilisation", since="2099-04-01") == [
        ("laptop", 2, 1, Decimal("0.5"), "2099-04-03"),
        ("studio", 4, 2, Decimal("0.5"), "2099-04-04"),
    ]
    assert answer(migrated, "machines_by_month", since="2099-04-30", agent="claude") == [
        ("2099-04-01", "laptop", 8, 10, True, True),
        ("2099-04-01", "studio", 4, 20, False, True),
    ]


# Sums of records; what shows single ones says it of each.
SUMS = {
    "agent_ranking", "block_sizes", "blocks_by_day", "cache_by_model", "cache_by_project", "cost_by_day",
    "cost_by_month", "cost_by_weekday", "cost_per_output", "machine_ranking", "machines_by_month", "model_lifetimes",
    "models_by_day", "models_by_month", "most_expensive_days", "project_days", "project_models", "projects_by_month",
    "sessions_by_day", "top_models", "top_projects", "weekend_share",
}  # fmt: skip


@pytest.mark.one_place
def test_a_sum_says_where_a_part_of_it_has_no_price(migrated: Place) -> None:
    # Of two days and two agents each has a part with a price and one without.
    used = []
    for agent, day, unpriced in (("claude", 4, False), ("claude", 11, True), ("codex", 4, True), ("codex", 11, False)):
        start = datetime(2099, 4, day, 10, tzinfo=UTC)
        date = str(start.date())
        more: dict[str, Any] = {
            "agent": agent, "unpriced": unpriced, "models": (model(OPUS, "1", (0, 10, 0, 0), unpriced=unpriced),),
        }  # fmt: skip
        session: dict[str, Any] = {
            "project": "shop", "session_id": date, "started_at": start, "ended_at": start + timedelta(hours=1),
        }  # fmt: skip
        used += [
            daily(date, "1", **more),
            record("projects", f"{date}/shop", date, "1", project="shop", **more),
            record("session", f"shop/{date}", date, "1", **session, **more),
            block(f"{date}/{agent}", start, is_active=False, **more),
        ]
    loaded(migrated, used)

    with migrated.keep_open():
        for name in sorted(SUMS):
            query = find_query(name)
            given = values_of(query, {"project": "shop", "since": "2099-04-01"})
            values = query.values(given, datetime.now(UTC).date())
            with migrated.opened() as opened:
                found = opened.raw(query.sql, "JSONEachRow", {}, values).splitlines()
            told = [json.loads(row)["unpriced"] for row in found]
            # Weekdays without usage are free.
            assert (any(told), name == "cost_by_weekday" or all(told)) == (True, True), name


def test_models_without_a_price_and_first_use(migrated: Place) -> None:
    free = model("nobody-knows-1", "0", (1, 2, 3, 4), unpriced=True)
    loaded(
        migrated,
        [
            daily("2099-04-01", "3", 20, models=(model(OPUS, "3", (0, 10, 0, 0)), free), unpriced=True),
            daily("2099-04-02", "1", 10, models=(model(OPUS, "1", (0, 10, 0, 0)),)),
        ],
    )

    assert answer(migrated, "unpriced_usage", since="2099-04-01") == [
        ("nobody-knows-1", "claude", "2099-04-01", "2099-04-01", 1, 2, 3, 4)
    ]
    assert answer(migrated, "model_lifetimes") == [
        (OPUS, "2099-04-01", "2099-04-02", ["claude"], 4, 20, False),
        ("nobody-knows-1", "2099-04-01", "2099-04-01", ["claude"], 0, 10, True),
    ]
    assert answer(migrated, "models_by_day", since="2099-04-02") == [("2099-04-02", OPUS, 1, 10, False)]


def test_the_price_of_a_model_is_that_of_the_last_day_with_one(migrated: Place) -> None:
    part, free = model("m", "1", (1_000_000, 0, 0, 0)), model("m", "0", (1, 0, 0, 0), unpriced=True)
    loaded(migrated, [daily("2099-04-01", "1", models=(part,)), daily("2099-04-09", models=(free,))], 1000)
    loaded(migrated, [daily("2099-04-05", "2", models=(part,), machine="laptop")], 2000)
    priced(migrated, "m", "1", "0", "0", "0", "0", load_id=1000)
    priced(migrated, "m", "2", "0", "0", "0", "0", load_id=2000)

    # The machine that used the model last had no price by then.
    assert answer(migrated, "model_prices") == [("m", 2, 0, 0, 0, 0, True)]


def test_models_and_cache_of_projects(migrated: Place) -> None:
    def day(project: str, day: str, cost: str, cache: tuple[int, int, int], *models: Any, **more: Any) -> Record:
        fresh, written, read = cache
        return record(
            "projects", f"{day}/{project}", day, cost, project=project, models=models, input_tokens=fresh,
            cache_creation_tokens=written, cache_read_tokens=read, **more,
        )  # fmt: skip

    both = (model(OPUS, "3", (1, 2, 3, 4)), model(SONNET, "1", (0, 10, 0, 0)))
    loaded(
        migrated,
        [
            day("shop", "2099-04-01", "4", (10, 20, 70), *both),
            day("shop", "2099-04-02", "1", (0, 0, 100), model(OPUS, "1", (0, 5, 0, 5))),
            day("blog", "2099-04-01", "2", (5, 5, 0), model(OPUS, "2", (10, 0, 20, 70), unpriced=True), unpriced=True),
        ],
    )

    assert answer(migrated, "project_models", since="2099-04-01") == [
        ("blog", OPUS, 2, 1, 100, True),
        ("shop", OPUS, 4, Decimal("0.8"), 20, False),
        ("shop", SONNET, 1, Decimal("0.2"), 10, False),
    ]
    cached = [("shop", 10, 20, 170, Decimal("0.85"), 5, False), ("blog", 5, 5, 0, 0, 2, True)]
    assert answer(migrated, "cache_by_project", since="2099-04-01") == cached
    assert answer(migrated, "cache_by_project", since="2099-04-01", top="1") == cached[:1]
    assert answer(migrated, "top_projects", since="2099-04-01") == [
        ("shop", 5, Decimal("0.7143"), 20, 2, "2099-04-02", False),
        ("blog", 2, Decimal("0.2857"), 10, 1, "2099-04-01", True),
    ]


@pytest.mark.exhaustive
def test_sessions_that_stand_out(migrated: Place) -> None:
    start = datetime(2099, 4, 1, 10, tzinfo=UTC)
    sessions = [
        record(
            "session", f"shop/{name}", "2099-04-01", cost, project="shop", session_id=name, started_at=start,
            ended_at=start + timedelta(minutes=minutes), cache_creation_tokens=written, cache_read_tokens=90,
        )
        for name, cost, minutes, written in [
            ("a", "1", 30, 0), ("b", "1", 90, 100), ("c", "2", 0, 90), ("d", "1", 60, 0), ("e", "6", 120, 95),
        ]
    ]  # fmt: skip
    loaded(migrated, sessions)

    assert answer(migrated, "session_outliers", since="2099-04-01") == [
        ("shop", "e", "studio", "2099-04-01", 6, 1, 6, False)
    ]
    assert answer(migrated, "session_outliers", since="2099-04-01", times="6.5") == []
    assert answer(migrated, "session_outliers", since="2099-04-01", least_sessions="6") == []
    begin, middle, end = (f"2099-04-01 {time}:00.000" for time in ("10:00", "11:30", "12:00"))
    longest = answer(migrated, "longest_sessions", since="2099-04-01")
    assert longest[:2] == [
        ("shop", "e", "studio", begin, end, 2, 6, 3, False),
        ("shop", "b", "studio", begin, middle, Decimal("1.5"), 1, Decimal("0.666667"), False),
    ]
    assert [row[1] for row in longest] == ["e", "b", "d", "a"]
    assert answer(migrated, "wasted_cache_writes", since="2099-04-01") == [
        ("shop", "b", "studio", "2099-04-01", 100, 90, 1, False),
        ("shop", "e", "studio", "2099-04-01", 95, 90, 6, False),
    ]
    assert answer(migrated, "recent_sessions", top="1") == [(end, "shop", "e", "studio", "claude", 6, 10, [], False)]
    assert answer(migrated, "top_sessions", since="2099-04-01", top="2") == [
        ("shop", "e", "studio", "2099-04-01", 120, 6, 10, [], False),
        ("shop", "c", "studio", "2099-04-01", 0, 2, 10, [], False),
    ]


@pytest.mark.exhaustive
def test_the_same_sessions_on_many_machines_come_in_one_order(migrated: Place) -> None:
    start, machines = datetime(2099, 4, 1, 10, tzinfo=UTC), [f"m{number}" for number in range(9)]
    for load_id, machine in enumerate(("m4", "m0", "m8", "m2", "m6", "m1", "m7", "m3", "m5"), 1000):
        copies = [
            record(
                "session", f"{project}/a", "2099-04-01", "1", project=project, session_id="a", machine=machine,
                started_at=start, ended_at=start + timedelta(minutes=9), cache_creation_tokens=5,
            )
            for project in ("blog", "shop")
        ]  # fmt: skip
        loaded(migrated, copies, load_id)

    for name, place in (("recent_sessions", 3), ("longest_sessions", 2), ("top_sessions", 2)):
        assert [row[place] for row in answer(migrated, name, top="9")] == machines, name


def test_blocks_that_are_open_or_hit_a_limit(migrated: Place) -> None:
    lifted = datetime(2099, 4, 1, 15, tzinfo=UTC)
    stopped = block("stopped", datetime(2099, 4, 1, 10, tzinfo=UTC), is_active=False, limit_resets_at=lifted)
    started = datetime.now(UTC) - timedelta(hours=2)
    open_block = block(
        "open", started, tokens_per_minute=5.0, cost_per_hour_usd=2.0, projected_tokens=1500,
        projected_cost_usd=Decimal(10),
    )  # fmt: skip
    loaded(migrated, [stopped, open_block])

    start = "2099-04-01 10:00:00.000"
    assert answer(migrated, "limit_hits", since="2099-04-01") == [
        ("studio", "claude", start, None, "2099-04-01 15:00:00.000", 0, 4, 600, False)
    ]
    assert answer(migrated, "top_blocks", since="2099-04-01") == [("studio", start, None, 0, 4, 600, [], False)]
    [shown] = answer(migrated, "open_blocks")
    assert (shown[0], *shown[5:10], 175 <= shown[4] <= 180) == ("studio", 4, 600, 2, 10, 1500, True)
    assert answer(migrated, "block_sizes", since="2099-04-01") == [("studio", "claude", 1, 4, 4, 4, 600, 600, False)]


def test_hours_of_a_zone_that_is_half_an_hour_off(migrated: Place) -> None:
    # 20:00 to 22:10 UTC on Sunday is 01:30 to 03:40 on Monday in Kolkata: three hours from the start.
    start = datetime(2099, 4, 5, 20, tzinfo=UTC)
    ended = start + timedelta(hours=2, minutes=10)
    loaded(migrated, [block("night", start, is_active=False, zone="Asia/Kolkata", ended_at=ended)])

    found = answer(migrated, "hours_of_week", since="2099-04-01")
    assert found == [(1, hour, Decimal("1.333333"), 200, False) for hour in (1, 2, 3)]


def test_prices_growth_and_failures_in_the_log(migrated: Place) -> None:
    old, new = daily("2099-04-01", "5"), daily("2099-04-01", "4")
    more = daily("2099-04-02", "9", 20)
    loaded(migrated, [old, daily("2099-04-02", "3")])
    repriced = Decision(Verdict.REPRICED, Reason.PRICES_CHANGED, old, new, is_written=True)
    grew = Decision(Verdict.GREW, Reason.MORE_TOKENS, daily("2099-04-02", "3"), more, is_written=True)
    judged(migrated, [repriced, grew], 2000, phases={"fetch": 1.5, "load": 0.25})
    # A load that died says nothing.
    judged(migrated, [hold(new, old)], 3000, state="interrupted", error="killed")
    judged(migrated, [], 4000, failed_reports=("blocks",), phases={"fetch": 2.5})
    # What reads no report has phases of its own.
    judged(migrated, [], 5000, runner="watch", phases={"load": 9.5})
    judged(migrated, [], 6000, runner="transcripts", phases={"transcripts": 8.5})

    prices = answer(migrated, "price_changes", since="2099-04-01")
    assert [row[:3] + row[4:] for row in prices] == [("2099-04-01", "studio", "claude", True, 5, 4, -1)]
    assert [row[1:] for row in answer(migrated, "largest_changes")] == [
        ("2099-04-02", "studio", "claude", "grew", "more_tokens", 3, 9, 6, 2000),
        ("2099-04-01", "studio", "claude", "repriced", "prices_changed", 5, 4, -1, 2000),
    ]
    assert answer(migrated, "largest_changes", report="session") == []
    failed = answer(migrated, "failed_loads")
    assert [row[:2] + row[3:] for row in failed] == [
        (4000, "studio", "committed", ["blocks"], ""), (3000, "studio", "interrupted", [], "killed"),
    ]  # fmt: skip
    assert answer(migrated, "load_durations") == [
        ("fetch", 2, 2, Decimal("2.5")), ("load", 1, Decimal("0.25"), Decimal("0.25")),
    ]  # fmt: skip
    assert [row[6:9] for row in answer(migrated, "machine_freshness")] == [("committed", True, ["blocks"])]


def test_the_machine_whose_last_success_is_oldest_comes_first(migrated: Place) -> None:
    now = datetime.now(UTC)
    for machine, hours in (("laptop", 1), ("tower", 50)):
        records = [daily("2099-04-01", "1", machine=machine)]
        loaded(migrated, records, state="undone", finished_at=now - timedelta(hours=hours))
    judged(migrated, [], state="failed")

    assert [row[0] for row in answer(migrated, "machine_freshness")] == ["studio", "tower", "laptop"]


def test_a_block_that_moved_is_held_against_what_it_overlaps(migrated: Place) -> None:
    def one(hour: int, cost: str, tokens: int) -> Record:
        start = datetime(2099, 4, 1, hour, tzinfo=UTC)
        counts = {"cost_usd": Decimal(cost), "output_tokens": tokens, "total_tokens": tokens}
        return block(f"{start:%Y-%m-%dT%H:%M:%S}.000Z", start, is_active=False, **counts)

    # Of blocks from 5 and 10 o'clock one from 7 is left, with one dollar less; the one from 17 is another story.
    loaded(migrated, [one(5, "4", 600), one(10, "2", 300), one(17, "8", 900)])
    moved = Decision(Verdict.HELD, Reason.MAY_BE_SWEPT, None, one(7, "5", 800), is_written=False)
    judged(migrated, [moved], 2000)

    assert answer(migrated, "held_totals") == [("blocks", "studio", "claude", "may_be_swept", 1, 6, 5, 1, 100)]


# --- the command ---------------------------------------------------------------------------------------------


def test_the_list_fits_into_80_columns_and_names_every_query(program: Program) -> None:
    lines = program("query", "--list").stdout.splitlines()

    assert lines[:2] == ["daily", "  cost_by_day          What did each day cost, newest first?"]
    assert [line for line in lines if len(line) > 80] == []
    assert [line.split()[0] for line in lines if line.startswith("  ")] == [query.name for query in QUERIES]
    assert [line for line in lines[:-2] if not line.startswith(" ")] == list(GROUPS)
    listed = json.loads(program("query", "--list", "--json").stdout)
    assert listed[0]["parameters"][0] == {
        "name": "since", "type": "Date", "default": "30 days ago", "meaning": "first day",
    }  # fmt: skip


def test_explain_tells_question_values_sql_and_plan(migrated: Place, program: Program) -> None:
    done = program("query", "cost_by_week", "--explain", "--warehouse", migrated.url, "--param", "since=2026-10-01")

    lines = done.stdout.splitlines()
    assert lines[:7] == [
        "-- What did each ISO week cost, and how did that change?",
        "-- a week counts, and counts whole, if any of its days is in the period",
        "-- is_partial: the week is not over, or the history begins after its Monday",
        "-- since = 2026-10-01: first day",
        "-- until = 2099-12-31: last day",
        "-- machine = : only this machine; empty for all",
        "-- agent = : only this agent; empty for all",
    ]
    assert lines[8].startswith("SELECT week, iso_year, iso_week, cost_usd, ")
    assert "Sorting (Sorting for ORDER BY)" in done.stdout.partition("ORDER BY week DESC")[2]


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (
            ("top_model",),
            ["query top_model: is neither SQL nor a named query; nearest: top_models", "ccusage-import query --list"],
        ),
        (("dayly",), ["query dayly: is neither SQL nor a named query; nearest: daily", "--list"]),
        (("top-models",), ["query top-models: is neither SQL nor a named query; nearest: top_models", "--list"]),
        (
            ("top_models", "--param", "from=1"),
            ["query top_models: has no parameter from", "it takes since, until, machine, agent, top"],
        ),
        (
            ("top_models", "--param", "since=tomorrow"),
            [
                "--param since=tomorrow: is not a Date",
                'give a day such as 2026-10-01, today, yesterday, 7d or "7 days ago"',
            ],
        ),
        (("top_models", "--param", "since=2026-02-30"), ["--param since=2026-02-30: is not a Date", "give a day"]),
        (("top_models", "--param", "top=-1"), ["--param top=-1: is not a UInt32", "give a whole number"]),
        (("top_models", "--param", "top=4294967296"), ["--param top=4294967296: is not a UInt32", "give a whole"]),
        (("session_outliers", "--param", "times=nan"), ["--param times=nan: is not a Float64", "give a number"]),
        (("project_days",), ["--param project: is missing: its name, or as it is stored", "--param project=VALUE"]),
        (
            ("SELECT {a:String}", "--param", os.fsdecode(b"a=pi\xf1a")),
            ["--param a=pi\\udcf1a: is not UTF-8", "type it in UTF-8"],
        ),
        (("top_models", "--param", "since"), ["--param since: is not NAME=VALUE", "such as --param since=2026-10-01"]),
        (("SELECT {day:Date}", "--param", "day=soon"), ["--param day=soon: is not a Date", "give a day such as"]),
        (("SELECT {at:DateTime}", "--param", "at=soon"), ["for query parameter 'at'", "--param NAME=VALUE, of the"]),
        (("SELECT {day:Date} + {n:UInt8}", "--param", "n=1"), ["Substitution `day` is not set", "--param NAME=VALUE"]),
    ],
)
@pytest.mark.usefixtures("own_warehouse")
def test_a_question_that_cannot_be_asked(program: Program, arguments: tuple[str, ...], lines: list[str]) -> None:
    done = program("query", *arguments)

    assert (done.exit_code, done.stdout) == (2, "")
    for line, expected in zip(done.stderr.splitlines(), lines, strict=True):
        assert expected in line


def test_plain_sql_takes_parameters_of_any_text(migrated: Place, program: Program) -> None:
    text = 'it\'s\ta "quoted" 100 % \\ {x:String}\n\N{SNOWMAN}'

    done = program("query", "SELECT {t:String} AS t", "--warehouse", migrated.url, "--json", "--param", f"t={text}")

    assert json.loads(done.stdout) == [{"t": text}]


def test_a_table_shows_whole_values_and_no_control_characters(migrated: Place, program: Program) -> None:
    sql = (
        "SELECT 'a\\x1b[2J' AS odd, 'one\\ntwo' AS lines, NULL AS nothing, [1, 2] AS list, repeat('\u65e5', 2) AS wide,"
        " unhex('ff') AS bytes"
    )

    done = program("query", sql, "--warehouse", migrated.url)

    assert done.stdout.splitlines() == [
        "┌─odd────────┬─lines─┬─nothing─┬─list──┬─wide─┬─bytes─┐",
        "│ a\\u001b[2J │ one   │ ᴺᵁᴸᴸ    │ [1,2] │ 日日 │ �     │",
        "│            │ two   │         │       │      │       │",
        "└────────────┴───────┴─────────┴───────┴──────┴───────┘",
    ]


def test_a_spreadsheet_runs_no_cell_of_safe_csv(migrated: Place, program: Program) -> None:
    sql = (
        "SELECT arrayJoin(['=1+1', '+1', '-1', '@SUM(1)', '\\ttab', '\\rreturn', '\N{FULLWIDTH EQUALS SIGN}1',"
        " 'a \"=b', 'plain', '']) AS `=name`, -1.5 AS number, NULL AS nothing, toDate('2026-10-01') AS day"
    )

    safe = program("query", sql, "--warehouse", migrated.url, "--format", "csv", "--csv-safe")
    plain = program("query", sql, "--warehouse", migrated.url, "--format", "csv")

    assert list(csv.reader(io.StringIO(safe.stdout))) == [
        ["'=name", "number", "nothing", "day"],
        *(
            [cell, "-1.5", r"\N", "2026-10-01"]
            for cell in (
                "'=1+1", "'+1", "'-1", "'@SUM(1)", "'\ttab", "'\nreturn", "'\N{FULLWIDTH EQUALS SIGN}1",
                'a "=b', "plain", "",
            )
        ),
    ]  # fmt: skip
    assert plain.stdout.startswith('"=name","number","nothing","day"\n"=1+1",-1.5,\\N,"2026-10-01"\n')


def test_safe_csv_is_for_csv_alone(program: Program) -> None:
    done = program("query", "SELECT 1", "--csv-safe")

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == ("ccusage-import: error: --csv-safe: table does not need it\nhint: --format csv\n")


def test_a_view_that_is_not_there_yet_is_a_matter_of_migrating(migrated: Place, program: Program) -> None:
    with migrated.opened() as opened:
        opened.command("DROP VIEW cost_by_model_daily")

    done = program("query", "top_models", "--warehouse", migrated.url)

    assert (done.exit_code, done.stdout) == (4, "")
    assert "cost_by_model_daily" in done.stderr
    assert done.stderr.splitlines()[1].endswith("migrate adds what is missing")


def test_a_period_that_ends_before_it_begins_is_refused() -> None:
    query, today = find_query("top_models"), date(2024, 3, 1)

    assert query.values({"since": "2024-02-29", "until": "2024-02-29"}, today)["until"] == "2024-02-29"
    # The second one begins 30 days ago.
    for given in ({"since": "2024-01-31", "until": "2024-01-30"}, {"until": "2024-01-30"}):
        with pytest.raises(ConfigurationError) as refused:
            query.values(given, today)
        assert (str(refused.value), refused.value.hint) == (
            "--param until=2024-01-30: ends before since=2024-01-31 begins",
            "--param since=DAY: an earlier day",
        )


def test_defaults_follow_the_day() -> None:
    query = find_query("top_models")

    assert query.values({"since": "1 days ago"}, date(2024, 3, 1)) == {
        "since": "2024-02-29", "until": "2099-12-31", "machine": "", "agent": "", "top": "10",
    }  # fmt: skip
    assert query.values({}, date(2024, 3, 1))["since"] == "2024-01-31"
