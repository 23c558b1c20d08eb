"""Validating, reconciling and loading 100,000 records of saved reports: time and memory of the importing process."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import statistics
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.benchmarks.measure import Figure, Run, importer_environ, run_import, run_module, say
from tests.support.transcripts import printed

Row = dict[str, Any]

RECORDS = 100_000
DAYS = 3_000
SESSIONS = 50_000
BLOCKS = 4_000
PROJECTS = 15
FIRST_DAY = date(2018, 1, 1)
MODELS = ("claude-sonnet-4-5-20250929", "claude-opus-4-1-20250805", "claude-haiku-4-5-20251001")
CLASSES = ("inputTokens", "outputTokens", "cacheCreationTokens", "cacheReadTokens")
SUMMED = (*CLASSES, "totalTokens", "totalCost")
LARGEST_SECONDS = 3.0
LARGEST_PEAK_MB = 400.0


def measure_many_records(work_dir: Path, runs: int) -> list[Figure]:
    """Return time and peak memory of the first and of the second import of the same 100,000 records.

    Beside them stand what bounds these: one INSERT of the same rows from a Parquet file, and reading them back.

    Args:
        work_dir: keeps the reports for the next time.
        runs: how often both are measured.
    """
    reports = _reports(work_dir)
    first, second, inserts, reads = [], [], [], []
    for number in range(runs):
        say(f"{RECORDS:,} records, run {number + 1} of {runs}")
        with tempfile.TemporaryDirectory(prefix="records-", dir=work_dir) as name:
            environ = importer_environ(Path(name) / "home")
            options = ("--json", "--from", str(reports), "--warehouse", f"chdb://{name}/warehouse")
            first.append(run_import(environ, *options))
            second.append(run_import(environ, *options))
            bound = partial(run_module, environ, "tests.benchmarks.bounds")
            of_rows = (f"{name}/warehouse", f"{name}/rows.parquet")
            bound("write", *of_rows)
            inserts.append(bound("insert", *of_rows))
            reads.append(bound("read", *of_rows))
    _check(first[0], "new")
    _check(second[0], "unchanged")
    return [
        *_figures("one INSERT of the rows from Parquet", inserts, is_bound=True),
        *_figures("first import", first),
        *_figures("reading the rows back", reads, is_bound=True),
        *_figures("second import", second),
    ]


def write_reports(directory: Path) -> None:
    """Write daily.json, monthly.json, session.json, blocks.json and projects.json as ccusage 20 prints them.

    Row by row, because what this process once held in memory counts in its children's peak.
    """
    draw = random.Random(1)
    days = [FIRST_DAY + timedelta(days=number) for number in range(DAYS)]
    months = sorted({day.isoformat()[:7] for day in days})
    left = RECORDS - len(days) - len(months) - SESSIONS - BLOCKS
    directory.mkdir(parents=True, exist_ok=True)
    write_rows(directory / "daily.json", "daily", ({"date": str(day), **usage_of_models(draw)} for day in days))
    write_rows(directory / "monthly.json", "monthly", ({"month": month, **usage_of_models(draw)} for month in months))
    write_rows(directory / "session.json", "sessions", _sessions(draw))
    _write_blocks(directory / "blocks.json", draw)
    _write_projects(directory / "projects.json", draw, islice(_project_days(days), left))


def _sessions(draw: random.Random) -> Iterator[Row]:
    for number in range(SESSIONS):
        begin = datetime.combine(FIRST_DAY, datetime.min.time(), UTC) + timedelta(
            minutes=DAYS * 1440 * number / SESSIONS
        )
        yield {
            "sessionId": str(UUID(int=draw.getrandbits(128), version=4)),
            "projectPath": _project(number % PROJECTS),
            "firstActivity": printed(begin),
            "lastActivity": printed(begin + timedelta(minutes=draw.randrange(1, 300))),
            **usage_of_models(draw),
        }


def _project_days(days: list[date]) -> Iterator[tuple[str, date]]:
    return ((_project(number), day) for number in range(PROJECTS) for day in days)


def _project(number: int) -> str:
    return f"-home-dev-project-{number:03d}"


def usage_of_models(draw: random.Random) -> Row:
    """Return tokens and cost of one to three models, and their sums."""
    breakdowns: list[Row] = [
        {
            "modelName": model,
            "inputTokens": draw.randrange(1, 10_000),
            "outputTokens": draw.randrange(1, 100_000),
            "cacheCreationTokens": draw.randrange(1_000_000),
            "cacheReadTokens": draw.randrange(10_000_000),
            "cost": draw.uniform(0.01, 20),
        }
        for model in draw.sample(MODELS, draw.randrange(1, len(MODELS) + 1))
    ]
    sums = {name: sum(breakdown[name] for breakdown in breakdowns) for name in CLASSES}
    return {
        **sums,
        "totalTokens": sum(sums.values()),
        "totalCost": sum(breakdown["cost"] for breakdown in breakdowns),
        "modelsUsed": [breakdown["modelName"] for breakdown in breakdowns],
        "modelBreakdowns": breakdowns,
    }


def write_rows(file: Path, key: str, rows: Iterable[Row]) -> None:
    """Write a report that has its rows below one key, and their totals."""
    totals: Counter[str] = Counter()
    with file.open("w", encoding="utf-8") as stream:
        stream.write(f'{{"{key}":[\n')
        for index, row in enumerate(rows):
            stream.write(_separated(index, row))
            totals.update({name: row[name] for name in SUMMED})
        stream.write(f'],"totals":{json.dumps(totals)}}}\n')


def _write_projects(file: Path, draw: random.Random, pairs: Iterable[tuple[str, date]]) -> None:
    totals: Counter[str] = Counter()
    opened = ""
    with file.open("w", encoding="utf-8") as stream:
        stream.write('{"projects":{')
        for project, day in pairs:
            row = {"date": str(day), "project": project, **usage_of_models(draw)}
            if project != opened:
                stream.write(f'{"]," if opened else ""}"{project}":[\n')
            stream.write(_separated(int(project == opened), row))
            opened = project
            totals.update({name: row[name] for name in SUMMED})
        stream.write(f']}},"totals":{json.dumps(totals)}}}\n')


def _write_blocks(file: Path, draw: random.Random) -> None:
    with file.open("w", encoding="utf-8") as stream:
        stream.write('{"blocks":[\n')
        for number in range(BLOCKS):
            usage = usage_of_models(draw)
            begin = datetime.combine(FIRST_DAY, datetime.min.time(), UTC) + timedelta(hours=6 * number)
            row = {
                "id": printed(begin),
                "startTime": printed(begin),
                "endTime": printed(begin + timedelta(hours=5)),
                "actualEndTime": printed(begin + timedelta(hours=4)),
                "isActive": False,
                "isGap": False,
                "entries": draw.randrange(1, 500),
                "tokenCounts": {
                    "inputTokens": usage["inputTokens"],
                    "outputTokens": usage["outputTokens"],
                    "cacheCreationInputTokens": usage["cacheCreationTokens"],
                    "cacheReadInputTokens": usage["cacheReadTokens"],
                },
                "totalTokens": usage["totalTokens"],
                "costUSD": usage["totalCost"],
                "models": usage["modelsUsed"],
                "burnRate": None,
                "projection": None,
            }
            stream.write(_separated(number, row))
        stream.write("]}\n")


def _separated(index: int, row: Row) -> str:
    return ("," if index else "") + json.dumps(row, indent=2, sort_keys=True)


def _reports(work_dir: Path) -> Path:
    """Return the reports, written by an earlier benchmark or now."""
    digest = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
    directory = work_dir / f"reports-{digest}"
    if not directory.exists():
        say(f"writing reports of {RECORDS:,} records")
        partial = directory.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        write_reports(partial)
        partial.rename(directory)
    return directory


def _check(run: Run, verdict: str) -> None:
    found = sum(report[verdict] for report in json.loads(run.output)["reports"].values())
    if found != RECORDS or run.complaints:
        raise ValueError(f"{found} of {RECORDS} records are {verdict}: {run.complaints.decode()}")


def _figures(what: str, runs: list[Run], *, is_bound: bool = False) -> list[Figure]:
    subject = f"{RECORDS:,} records"
    seconds, peak_mb = (None, None) if is_bound else (LARGEST_SECONDS, LARGEST_PEAK_MB)
    return [
        Figure(subject, what, statistics.median(run.seconds for run in runs), "s", seconds),
        Figure(subject, f"{what}, CPU", statistics.median(run.cpu_seconds for run in runs), "s"),
        Figure(subject, f"{what}, peak memory", max(run.peak_mb for run in runs), "MB", peak_mb),
    ]
