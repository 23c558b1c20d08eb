"""How good forecasts and anomalies are on made histories, whose future is known, as the views give them.

    python -m tests.benchmarks.estimates [--numbers 20] [--json]

A history is a machine of its own whose last day is its today. It has two agents: what holds for their sum holds for
the sum of machines.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.warehouse.clickhouse_client import ClickHouse, open_warehouse
from ccusage_import.warehouse.migrations import apply_migrations
from tests.support.series import KINDS, costs_of

# Days of history, and the day of May on which the forecast is made.
LENGTHS = (21, 25, 30, 45, 70, 120, 250, 400)
DAYS_OF_MAY = (1, 8, 16, 24, 29)
AGENTS = ("claude", "codex")
TIMES = 5
INJECTED_SHARE = 0.03
ORDINARY_DAYS = 60
COLUMNS = ("load_id", "report", "machine", "agent", "key", "day", "total_tokens", "cost_usd", "timezone")


@dataclass(frozen=True, slots=True)
class Case:
    """A history up to a day, and what that and the days after it in its month cost."""

    machine: str
    agent: str
    today: date
    past: Sequence[float]
    future: Sequence[float]


@dataclass(slots=True)
class Accuracy:
    """Forecasts of a group: how many were in their interval, and what each way of forecasting missed."""

    forecasts: int = 0
    covered: int = 0
    of_no_width: int = 0
    actual: float = 0
    missed: float = 0

    def coverage(self) -> float:
        """Return the share that was in its interval."""
        return self.covered / self.forecasts

    def error(self) -> float:
        """Return the sum of the errors as a share of the sum of the costs."""
        return self.missed / self.actual


@dataclass(slots=True)
class Detection:
    """Days of a group by whether they were injected and whether they were found."""

    found: int = 0
    overlooked: int = 0
    mistaken: int = 0
    ordinary: int = 0

    def precision(self) -> float:
        """Return the share of the days found that were injected."""
        return self.found / max(1, self.found + self.mistaken)

    def recall(self) -> float:
        """Return the share of the days injected that were found."""
        return self.found / max(1, self.found + self.overlooked)

    def flagged(self) -> float:
        """Return the share of the ordinary days that were found."""
        return self.mistaken / max(1, self.ordinary)


def cases(numbers: Iterable[int], lengths: Sequence[int] = LENGTHS) -> Iterator[Case]:
    """Yield histories of each kind; the days of May take turns."""
    for kind in KINDS:
        for number in numbers:
            for turn, length in enumerate(lengths):
                today = date(2099, 5, DAYS_OF_MAY[(number + turn) % len(DAYS_OF_MAY)])
                first = (today - timedelta(days=length)).weekday()
                end = first + length + 32 - today.day
                for place, agent in enumerate(AGENTS):
                    costs = costs_of(kind, 100 * number + place, end)[first:]
                    yield Case(f"{kind} {number} {length}", agent, today, costs[:length], costs[length:])


def write_days(warehouse: ClickHouse, days: Iterable[tuple[str, str, date, float]]) -> None:
    """Write the cost of days of machines and agents."""
    rows = [
        (1, "daily", machine, agent, str(day), day, 1, round(Decimal(cost), 6), "UTC")
        for machine, agent, day, cost in days
    ]
    warehouse.insert("records", COLUMNS, rows, token="estimates")


def measure_forecasts(
    warehouse: ClickHouse, histories: Sequence[Case]
) -> tuple[Mapping[str, Accuracy], Mapping[str, Mapping[str, Accuracy]]]:
    """Return how good the forecasts of groups of histories are, and of each kind by what makes the forecast."""
    write_days(
        warehouse,
        (
            (case.machine, case.agent, case.today - timedelta(days=ago), cost)
            for case in histories
            for ago, cost in enumerate([0.0, *reversed(case.past)])
        ),
    )
    actual: dict[tuple[str, str], float] = defaultdict(float)
    for case in histories:
        actual[case.machine, case.agent] = sum(case.future)
        actual[case.machine, ""] += sum(case.future)
    groups: dict[str, Accuracy] = defaultdict(Accuracy)
    methods: dict[str, dict[str, Accuracy]] = defaultdict(lambda: defaultdict(Accuracy))
    shown = warehouse.rows(
        "SELECT machine, agent, toUInt32(days_left), toFloat64(forecast_usd - month_to_date_usd),"
        " toFloat64(low_usd - month_to_date_usd), toFloat64(high_usd - month_to_date_usd)"
        " FROM forecast_totals WHERE machine != ''"
    )
    for machine, agent, days_left, forecast, low, high in shown:
        kind, _, length = machine.split()
        cost = actual[machine, agent]
        level = "one agent" if agent else "two agents"
        for group in ("all", level, kind, f"{length} days", f"{days_left} days left"):
            _count(groups[group], cost, forecast, (low, high))
        _count(methods[kind]["shown"], cost, forecast, (low, high))
    tried = warehouse.rows("SELECT machine, agent, method, left_usd FROM forecast_methods WHERE machine != ''")
    for machine, agent, method, forecast in tried:
        _count(methods[machine.split()[0]][method], actual[machine, agent], forecast, (0, 0))
    return groups, methods


def _count(accuracy: Accuracy, cost: float, forecast: float, bounds: tuple[float | None, float | None]) -> None:
    low, high = bounds
    accuracy.actual += cost
    accuracy.missed += abs(forecast - cost)
    accuracy.forecasts += 1
    if low is not None and high is not None:
        accuracy.covered += low <= cost <= high
        accuracy.of_no_width += low == high


def measure_anomalies(warehouse: ClickHouse, numbers: Iterable[int], length: int = 250) -> Mapping[str, Detection]:
    """Return how well days are found that cost five times what they would have cost."""
    injected: set[tuple[str, date]] = set()
    days: list[tuple[str, str, date, float]] = []
    first = date(2099, 2, 2)
    for kind in KINDS:
        for number in numbers:
            draw = random.Random(f"injected/{kind}/{number}")
            for at, cost in enumerate(costs_of(kind, number, length)):
                machine, day = f"{kind} {number}", first + timedelta(days=at)
                is_injected = at >= ORDINARY_DAYS and cost > 0 and draw.random() < INJECTED_SHARE
                if is_injected:
                    injected.add((machine, day))
                if cost:
                    days.append((machine, AGENTS[0], day, cost * (TIMES if is_injected else 1)))
    write_days(warehouse, days)
    groups: dict[str, Detection] = defaultdict(Detection)
    since = {"since": first + timedelta(days=ORDINARY_DAYS)}
    for machine, day, is_anomaly in warehouse.rows(
        "SELECT machine, date, is_anomaly FROM cost_anomalies WHERE date >= {since:Date}", since
    ):
        for group in ("all", machine.split()[0]):
            found = groups[group]
            if (machine, day) in injected:
                found.found += is_anomaly
                found.overlooked += not is_anomaly
            else:
                found.mistaken += is_anomaly
                found.ordinary += 1
    return groups


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.estimates")
    parser.add_argument("--numbers", type=int, default=20, help="histories of each kind (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    numbers = range(arguments.numbers)
    with _warehouse() as warehouse:
        groups, methods = measure_forecasts(warehouse, list(cases(numbers)))
    with _warehouse() as warehouse:
        detections = measure_anomalies(warehouse, numbers)
    figures: dict[str, Mapping[str, object]] = {
        "coverage": {group: round(each.coverage(), 3) for group, each in groups.items()},
        "error": {
            kind: {name: round(each.error(), 4) for name, each in of_kind.items()} for kind, of_kind in methods.items()
        },
        "anomalies": {
            group: [round(each.precision(), 3), round(each.recall(), 3), round(each.flagged(), 4)]
            for group, each in detections.items()
        },
    }
    print(json.dumps(figures) if arguments.json else _table(figures))


@contextmanager
def _warehouse() -> Iterator[ClickHouse]:
    with (
        tempfile.TemporaryDirectory(prefix="estimates-") as directory,
        open_warehouse(parse_warehouse_url(f"chdb://{directory}/warehouse")) as warehouse,
    ):
        apply_migrations(warehouse)
        yield warehouse


def _table(figures: Mapping[str, Mapping[str, object]]) -> str:
    titles = {
        "coverage": "share of the costs that were in the interval",
        "error": "sum of the errors as a share of the sum of the costs",
        "anomalies": "precision, recall, share of ordinary days flagged",
    }
    lines = []
    for part, title in titles.items():
        lines += [title, *(f"  {group:16} {value}" for group, value in figures[part].items())]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
