"""Many imports of reports in which 600 rows grow each time: whether the last ones take longer, and what stays."""

from __future__ import annotations

import random
import statistics
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.warehouse.clickhouse_client import open_warehouse
from tests.benchmarks.many_records import FIRST_DAY, Row, usage_of_models, write_rows
from tests.benchmarks.measure import Figure, Run, importer_environ, run_import, say

DAYS, SESSIONS = 100, 500
# So many of the first and of the last imports are compared, by their medians; the very first one makes the tables.
COMPARED = 20
LARGEST_RATIO, LARGEST_REST_MB = 1.2, 1.0


def measure_many_imports(work_dir: Path, imports: int) -> list[Figure]:
    """Return how long the first and the last of so many imports take, and how large the warehouse is at the end.

    Args:
        work_dir: holds the warehouse meanwhile.
        imports: how many, each of 600 rows that grew.
    """
    runs = list[Run]()
    with tempfile.TemporaryDirectory(prefix="imports-", dir=work_dir) as name:
        directory = Path(name)
        environ = importer_environ(directory / "home")
        for number in range(imports + 1):
            if number % 100 == 0:
                say(f"import {number} of {imports}")
            _write_reports(directory / "reports", number)
            options = ("--from", str(directory / "reports"), "--warehouse", f"chdb://{directory}/warehouse")
            runs.append(run_import(environ, *options))
        with open_warehouse(parse_warehouse_url(f"chdb://{directory}/warehouse")) as warehouse:
            rows, parts = warehouse.rows(
                "SELECT sum(bytes_on_disk), count() FROM system.parts WHERE active AND database = currentDatabase()"
            )[0]
        files = sum(file.stat().st_size for file in (directory / "warehouse").rglob("*") if file.is_file())
    subject = f"{imports:,} imports"
    first, last = runs[1 : COMPARED + 1], runs[-COMPARED:]
    return [
        *_figures(subject, "the first ones", first),
        *_figures(subject, "the last ones", last),
        Figure(subject, "last over first, CPU", _cpu(last) / _cpu(first), "x", LARGEST_RATIO),
        Figure(subject, "rows on disk", rows / 1e6, "MB"),
        Figure(subject, "parts", parts, ""),
        Figure(subject, "warehouse beyond its rows", (files - rows) / 1e6, "MB", LARGEST_REST_MB),
    ]


def _write_reports(directory: Path, number: int) -> None:
    """Write a report of days and one of sessions, each row larger than the time before."""
    directory.mkdir(exist_ok=True)
    write_rows(directory / "daily.json", "daily", (_day(day, number) for day in range(DAYS)))
    write_rows(directory / "session.json", "sessions", (_session(session, number) for session in range(SESSIONS)))


def _day(day: int, number: int) -> Row:
    return {"date": str(FIRST_DAY + timedelta(days=day)), **_grown(day, number)}


def _session(session: int, number: int) -> Row:
    begin = datetime.combine(FIRST_DAY, datetime.min.time(), UTC) + timedelta(hours=session)
    return {
        "sessionId": f"{session:08x}-0000-4000-8000-000000000000",
        "projectPath": f"-home-dev-project-{session % 15:03d}",
        "firstActivity": f"{begin:%Y-%m-%dT%H:%M:%S}.000Z",
        "lastActivity": f"{begin + timedelta(hours=1):%Y-%m-%dT%H:%M:%S}.000Z",
        **_grown(DAYS + session, number),
    }


def _grown(row: int, number: int) -> dict[str, Any]:
    """Return the usage of a row, which only its number of the import makes larger."""
    usage = usage_of_models(random.Random(row))
    for part in (usage, usage["modelBreakdowns"][0]):
        part["outputTokens"] += 1_000 * number
    usage["totalTokens"] += 1_000 * number
    return usage


def _figures(subject: str, what: str, runs: list[Run]) -> list[Figure]:
    return [
        Figure(subject, what, statistics.median(run.seconds for run in runs), "s"),
        Figure(subject, f"{what}, CPU", _cpu(runs), "s"),
    ]


def _cpu(runs: list[Run]) -> float:
    return statistics.median(run.cpu_seconds for run in runs)
