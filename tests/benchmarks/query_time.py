"""Every view, every named query and the commands that read, on three years of twenty machines with facts, embedded."""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.querying.queries import read_queries, view_names
from ccusage_import.warehouse.clickhouse_client import ClickHouse, open_warehouse
from ccusage_import.warehouse.migrations import apply_migrations
from tests.benchmarks.fleet import Fleet, write_facts, write_fleet
from tests.benchmarks.measure import Figure, importer_environ, run_module, run_program, say

LARGEST_MS = 100.0
LARGEST_COLD_MS = 300.0
# The most that a command may take from start to exit, in seconds; `{directory}` is one that is deleted afterwards.
COMMANDS: Mapping[tuple[str, ...], float | None] = {
    ("report", "--output", "{directory}/report.html"): 1.0,
    ("report", "--format", "json"): 1.0,
    ("chart", "projects"): None,
    ("query", "cost_by_day"): None,
    ("history", "--json"): None,
}


class Question(NamedTuple):
    """SQL and the values of its parameters."""

    name: str
    sql: str
    values: Mapping[str, str] = {}


def measure_queries(
    work_dir: Path, runs: int, fleet: Fleet, clock: Callable[[], float], *, are_cold: bool = False
) -> list[Figure]:
    """Return how long each view and query takes once it is warm, slowest first, and each command from start to exit.

    The engine computes every row and column and prints none. It stays in this process and makes it large: measure
    the memory of children before.

    Args:
        work_dir: holds the warehouse meanwhile.
        runs: how often each is measured.
        fleet: what is stored; views of the last 30 days find something if it ends today.
        clock: what times a query, in seconds; `time.process_time` is of all threads, without other work.
        are_cold: measure each view and query as the first question of a process instead, and no commands.
    """
    subject = f"{fleet.machines} machines, {fleet.days:,} days"
    with tempfile.TemporaryDirectory(prefix="fleet-", dir=work_dir) as directory:
        url = f"chdb://{directory}/warehouse"
        say(f"writing {subject}")
        with open_warehouse(parse_warehouse_url(url)) as warehouse:
            apply_migrations(warehouse)
            write_fleet(warehouse, fleet)
            write_facts(warehouse, fleet)
            questions = list(_questions(warehouse, fleet))
            say("reading every view and query")
            times = [] if are_cold else list(_warm_times(warehouse, questions, runs, clock))
        if are_cold:
            times = list(_cold_times(url, importer_environ(Path(directory, "home")), questions, runs, clock))
        largest = LARGEST_COLD_MS if are_cold else LARGEST_MS
        figures = [Figure(subject, what, ms, "ms", largest) for what, ms in sorted(times, key=lambda time: -time[1])]
        return figures + ([] if are_cold else _command_times(subject, url, Path(directory), runs))


def _questions(warehouse: ClickHouse, fleet: Fleet) -> Iterator[Question]:
    """Yield each view, and each named query with its defaults or, where it has none, with what the fleet holds."""
    project, model = warehouse.rows(
        "SELECT project, models_used[1] FROM projects_daily ORDER BY cost_usd DESC LIMIT 1"
    )[0]
    examples = {"day": fleet.last_day.isoformat(), "project": project, "model": model}
    for view in view_names():
        yield Question(f"view {view}", f"SELECT * FROM {view}")
    for query in read_queries():
        asked = {parameter.name for parameter in query.parameters if parameter.default is None}
        given = {name: value for name, value in examples.items() if name in asked}
        yield Question(f"query {query.name}", query.sql, query.values(given, fleet.last_day))


def _warm_times(
    warehouse: ClickHouse, questions: list[Question], runs: int, clock: Callable[[], float]
) -> Iterator[tuple[str, float]]:
    """Yield the median milliseconds of each question; all are asked in turn, once before it counts."""
    rounds = [[_ms(warehouse, question, clock) for question in questions] for _ in range(runs + 1)]
    for question, *times in zip(questions, *rounds[1:], strict=True):
        yield question.name, statistics.median(times)


def _cold_times(
    url: str, environ: Mapping[str, str], questions: list[Question], runs: int, clock: Callable[[], float]
) -> Iterator[tuple[str, float]]:
    """Yield the median milliseconds of each question as the first one of a process, its start left out."""
    for question in questions:
        asked = (url, clock.__name__, question.sql, json.dumps(dict(question.values)))
        outputs = [run_module(environ, "tests.benchmarks.cold_query", *asked).output for _ in range(runs)]
        yield question.name, statistics.median(map(float, outputs))


def _ms(warehouse: ClickHouse, question: Question, clock: Callable[[], float]) -> float:
    begun = clock()
    warehouse.raw(question.sql, "Null", {}, question.values)
    return 1000 * (clock() - begun)


def _command_times(subject: str, url: str, directory: Path, runs: int) -> list[Figure]:
    environ = importer_environ(directory / "home") | {"CCUSAGE_IMPORT_WAREHOUSE": url}
    say("running commands")
    return [
        Figure(
            subject,
            " ".join(command),
            statistics.median(
                run_program(environ, *(part.format(directory=directory) for part in command)).seconds
                for _ in range(runs)
            ),
            "s",
            largest_seconds,
        )
        for command, largest_seconds in COMMANDS.items()
    ]
