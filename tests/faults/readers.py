"""Readers that poll every view, alone and joined, while imports replace what the views show."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from ccusage_import.exceptions import FixableError
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from tests.faults.documents import BLOCKS, DAYS, FIRST_DAY, GROWTH, PROJECTS, ROW_STEP, SESSIONS, save_generation
from tests.faults.harness import Installation

READERS = 2
MOST_IMPORTS = ROW_STEP // (2 * GROWTH)
# Rows, distinct keys, and twice what tells the generation: of the oldest and of the newest row, or the sum of all.
QUERIES = {
    view: f"SELECT (count(), uniqExact({keys}), min(input_tokens % {ROW_STEP}), max(input_tokens % {ROW_STEP})) AS"
    f" {view} FROM {view}"
    for view, keys in (
        ("daily", "date"),
        ("monthly", "month"),
        ("sessions", "session_id"),
        ("blocks", "started_at"),
        ("projects_daily", "(date, project)"),
        ("model_breakdowns", "(date, model)"),
    )
}
QUERIES["monthly_from_daily"] = (
    "SELECT (sum(days), uniqExact(month), sum(input_tokens), sum(input_tokens)) AS monthly_from_daily"
    " FROM monthly_from_daily"
)
JOINED = "SELECT * FROM " + " CROSS JOIN ".join(f"({query}) AS {view}_now" for view, query in QUERIES.items())
Answer = tuple[int, int, int, int]


def expected(view: str, generation: int) -> Answer:
    """Return what a view answers when it shows one generation, all of it and nothing else."""
    days = DAYS + generation
    months = len({(FIRST_DAY + timedelta(days=number)).strftime("%Y-%m") for number in range(days)})
    if view == "monthly_from_daily":
        tokens = sum(2 * (ROW_STEP * (number + 1) + GROWTH * generation) for number in range(days))
        return days, months, tokens, tokens
    rows = {
        "daily": days,
        "monthly": months,
        "sessions": SESSIONS + generation,
        "blocks": BLOCKS + generation,
        "projects_daily": PROJECTS * days,
        "model_breakdowns": 2 * days,
    }[view]
    told = (1 if view == "model_breakdowns" else 2) * GROWTH * generation
    return rows, rows, told, told


@dataclass
class Watch:
    """What the readers saw."""

    reads: int = 0
    generations: set[int] = field(default_factory=set)
    anomalies: list[str] = field(default_factory=list)

    def note(self, shown: dict[str, Answer], last: int) -> int:
        """Judge one answer and return the generation it shows; going back is an anomaly as well."""
        self.reads += 1
        found = {view: _generation(view, answer, last) for view, answer in shown.items()}
        generations = set(found.values())
        if None in generations or len(generations) > 1 or (newest := generations.pop()) is None or newest < last:
            self.anomalies.append(f"after generation {last}: {shown} is of {found}")
            return last
        self.generations.add(newest)
        return newest


def _generation(view: str, answer: Answer, last: int) -> int | None:
    """Return the generation that answers so, an earlier one too; None for a mixture or something incomplete."""
    candidates = (*range(last, last + 10), *range(last))
    return next((number for number in candidates if expected(view, number) == tuple(answer)), None)


def watch_imports(installation: Installation, directory: Path, imports: int) -> Watch:
    """Import one generation after the other while readers poll; each import replaces every row and adds some."""
    if imports >= MOST_IMPORTS:
        raise ValueError("a row cannot tell so many generations")
    installation.load(save_generation(directory, 0, grows_each=1, falls=False))
    watch, is_over = Watch(), threading.Event()
    readers = [threading.Thread(target=_read, args=(installation, watch, is_over)) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    try:
        for generation in range(1, imports + 1):
            installation.load(save_generation(directory, generation, grows_each=1, falls=False))
    finally:
        is_over.set()
        for reader in readers:
            reader.join()
    return watch


def _read(installation: Installation, watch: Watch, is_over: threading.Event) -> None:
    last = 0
    try:
        with installation.opened() as warehouse:
            while not is_over.is_set():
                for view, query in QUERIES.items():
                    last = watch.note(_answer(warehouse, query, [view]), last)
                last = watch.note(_answer(warehouse, JOINED, list(QUERIES)), last)
    except FixableError as error:
        watch.anomalies.append(f"a reader died after generation {last}: {error}")


def _answer(warehouse: ClickHouse, sql: str, views: list[str]) -> dict[str, Answer]:
    [row] = warehouse.rows(sql)
    return dict(zip(views, row, strict=True))
