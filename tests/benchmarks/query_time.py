"""Every view, every named query and the commands that read, on three years of twenty machines with facts, embedded."""

from __future__ import annotations

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
from tests.benchmarks.measure import Figure, importer_environ, run_program, say

LARGEST_MS = 100.0
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


def measure_queries(work_dir: Path, runs: int, fleet: Fleet, clock: Callable[[], float]) -> list[Figure]:
    """Return how long each view and query takes once it is warm, slowest first, and each command from start to exit.

    The engine computes every row and column and prints none. It stays in this process and makes it large: measure
    the memory of children before.

    Args:
        work_dir: holds the warehouse meanwhile.
        runs: how often each is measured.
        fleet: what is stored; views of the last 30 days find something if it ends today.
        clock: what times a query, in seconds; `time.process_time` is of all threads, without other work.
    """
    subject = f"{fleet.machines} machines, {fleet.days:,} days"
    with tempfile.TemporaryDirectory(prefix="fleet-", dir=work_dir) as directory:
        url = f"chdb://{directory}/warehouse"
        say(f"writing {subject}")
        with open_warehouse(parse_warehouse_url(url)) as warehouse:
            apply_migrations(warehouse, "benchmark")
            write_fleet(warehouse, fleet)
            write_facts(warehouse, fleet)
            say("reading every view and query")
            times = [
                Figure(subject, what, milliseconds, "ms", LARGEST_MS)
                for what, milliseconds in _warm_times(warehouse, list(_questions(warehouse, fleet)), runs, clock)
            ]
        return sorted(times, key=lambda figure: -figure.value) + _command_times(subject, url, Path(directory), runs)


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
