"""The five reports as a user would save them, in generations: what a later one shows is more, but for one day."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

DAYS, SESSIONS, BLOCKS, PROJECTS = 30, 40, 20, 2
FIRST_DAY = date(2026, 3, 16)
FIRST_BLOCK = datetime(2026, 3, 16, 6, tzinfo=UTC)
HELD_DAY = 4
# Each model of a row has a multiple of ROW_STEP input tokens, and GROWTH for each generation in which it grew.
ROW_STEP, GROWTH = 1_000_000, 1_000

Row = dict[str, Any]


def save_generation(directory: Path, generation: int, *, grows_each: int = 3, falls: bool = True) -> Path:
    """Write one generation of all reports.

    Args:
        directory: where to.
        generation: each adds input tokens to the rows that grow, one day, one session, one block, and one day of
            each project.
        grows_each: 1 where every row grows, 3 where every third does.
        falls: whether, from generation 1 on, one day shows less than before.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for report, document in _documents(generation, grows_each, falls=falls).items():
        (directory / f"{report}.json").write_text(json.dumps(document))
    return directory


def _documents(generation: int, grows_each: int, *, falls: bool) -> dict[str, Row]:
    def usage(number: int) -> Row:
        grown = GROWTH * generation if number % grows_each == 0 else 0
        return _usage(ROW_STEP * (number + 1) + grown)

    days = [{"date": _day(number), **usage(number)} for number in range(DAYS + generation)]
    if falls and generation:
        days[HELD_DAY] |= _usage(7)
    months = {day["date"][:7] for day in days}
    projects = {
        f"-home-dev-project-{project}": [
            {"date": _day(number), **usage(number + 100 * project)} for number in range(DAYS + generation)
        ]
        for project in range(PROJECTS)
    }
    documents: dict[str, Row] = {
        "daily": {"daily": days},
        "monthly": {"monthly": [{"month": month, **usage(3 * n)} for n, month in enumerate(sorted(months))]},
        "session": {"sessions": [_session(number, usage(number)) for number in range(SESSIONS + generation)]},
        "projects": {"projects": projects},
    }
    for rows in documents.values():
        rows["totals"] = _totals(_rows_of(rows))
    return {**documents, "blocks": {"blocks": [_block(n, usage(n)) for n in range(BLOCKS + generation)]}}


def _day(number: int) -> str:
    return (FIRST_DAY + timedelta(days=number)).isoformat()


def _usage(input_tokens: int) -> Row:
    """The usage of two models, each with so much input."""
    models = [_model("claude-opus-4-1", input_tokens, 0.25), _model("claude-haiku-4-5", input_tokens, 0.125)]
    sums = {name: models[0][name] + models[1][name] for name in _CLASSES}
    return {
        **sums,
        "totalTokens": sum(sums.values()),
        "totalCost": models[0]["cost"] + models[1]["cost"],
        "modelsUsed": ["claude-opus-4-1", "claude-haiku-4-5"],
        "modelBreakdowns": models,
    }


_CLASSES = ("inputTokens", "outputTokens", "cacheCreationTokens", "cacheReadTokens")


def _model(name: str, input_tokens: int, usd_each: float) -> Row:
    counts = dict(zip(_CLASSES, (input_tokens, 20, 30, 40), strict=True))
    return {"modelName": name, **counts, "cost": input_tokens * usd_each / 1024}


def _session(number: int, usage: Row) -> Row:
    started_at = FIRST_BLOCK + timedelta(hours=7 * number)
    return {
        "sessionId": f"00000000-0000-4000-8000-{number:012}",
        "projectPath": f"-home-dev-project-{number % PROJECTS}",
        "firstActivity": _instant(started_at),
        "lastActivity": _instant(started_at + timedelta(hours=1)),
        **usage,
    }


def _block(number: int, usage: Row) -> Row:
    started_at = FIRST_BLOCK + timedelta(hours=9 * number)
    names = ("inputTokens", "outputTokens", "cacheCreationInputTokens", "cacheReadInputTokens")
    return {
        "startTime": _instant(started_at),
        "endTime": _instant(started_at + timedelta(hours=5)),
        "actualEndTime": _instant(started_at + timedelta(hours=1)),
        "isActive": False,
        "isGap": False,
        "entries": 3,
        "tokenCounts": dict(zip(names, (usage[name] for name in _CLASSES), strict=True)),
        "totalTokens": usage["totalTokens"],
        "costUSD": usage["totalCost"],
        "models": usage["modelsUsed"],
    }


def _instant(value: datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _rows_of(document: Row) -> list[Row]:
    [rows] = document.values()
    return list(rows) if isinstance(rows, list) else [row for days in rows.values() for row in days]


def _totals(rows: Iterable[Row]) -> Row:
    kept = list(rows)
    return {name: sum(row[name] for row in kept) for name in (*_CLASSES, "totalTokens", "totalCost")}
