"""Folds facts that are older than an age into totals by hour, after proving every sum equal, and drops them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from ccusage_import.config.kept.identity import called
from ccusage_import.days import next_month
from ccusage_import.exceptions import ConfigurationError, FoldError
from ccusage_import.statistics import totals
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.committing import commit, last_published, settle_dead_loads
from ccusage_import.warehouse.facts.folds import (
    Fold,
    bytes_a_row,
    candidates,
    discard_fold,
    drop_folded,
    prove,
    publish_fold,
    refuse_undroppable,
    write_fold,
)
from ccusage_import.warehouse.publish import begin, tidy
from ccusage_import.warehouse.tables import RUNNER_OF_COMPACT, Load, count_totals, read_records, write_load

# What is younger may still grow: Claude Code keeps transcripts for 30 days.
YOUNGEST_DAYS = 30
MONTHS = {"mo": 1, "y": 12}
AGE = re.compile(r"([1-9]\d{0,3})(d|mo|y)")
HINT = "an age such as 90d, 13mo or 2y, or a day such as 2025-01-01"


@dataclass(frozen=True, slots=True)
class Compacted:
    """What was folded of the days before one: facts by kind, the rows and bytes that they took, and the load."""

    before: date
    facts: Mapping[str, int]
    rows: int
    bytes: int
    load_id: int | None = None


def first_kept_day(older_than: str, today: date) -> date:
    """Return the first day that is not older than an age, or the day that is named.

    Raises:
        ConfigurationError: it is neither, or it is so young that facts of it may still change.
    """
    age = AGE.fullmatch(older_than)
    try:
        day = _aged(today, int(age[1]), age[2]) if age else date.fromisoformat(older_than)
    except ValueError:
        raise ConfigurationError(f"--older-than {older_than}: is not an age", hint=HINT) from None
    if day > today - timedelta(days=YOUNGEST_DAYS):
        raise ConfigurationError(
            f"--older-than {older_than}: messages of the last {YOUNGEST_DAYS} days can still grow", hint=HINT
        )
    return day


def compact(warehouse: ClickHouse, machine: str, timezone: str, before: date, *, is_dry_run: bool) -> Compacted:
    """Fold the facts of a machine that are older than a day, as a load of its own.

    Args:
        warehouse: where; the caller holds the import lock, and the machine's name is this installation's.
        machine: whose facts.
        timezone: in which days begin where facts have no day of their own.
        before: the first day that stays as it is.
        is_dry_run: only counts.

    Raises:
        ConfigurationError: nothing was imported from this machine.
        FoldError: some sum would not be the same; nothing is dropped.
    """
    if not is_dry_run:
        settle_dead_loads(warehouse, machine)
    last = last_published(warehouse, machine)
    if last is None:
        raise ConfigurationError(f"compact: nothing of {called(machine)} is stored yet", hint="ccusage-import import")
    found = candidates(warehouse, machine, timezone, before)
    facts = {kind: count for kind, (count, _) in found.items()}
    rows = sum(rows for _, rows in found.values())
    size = round(sum(rows * bytes_a_row(warehouse, kind) for kind, (_, rows) in found.items()))
    if is_dry_run or not facts:
        return Compacted(before, facts, rows, size)
    refuse_undroppable(warehouse)
    load = begin(warehouse, last, RUNNER_OF_COMPACT)
    load.facts = {f"folded/{kind}": count for kind, count in facts.items()}
    _fold(warehouse, load, Fold(machine, load.load_id, timezone), before)
    return Compacted(before, facts, rows, size, load.load_id)


def _fold(warehouse: ClickHouse, load: Load, fold: Fold, before: date) -> None:
    now = totals(read_records(warehouse, load.machine))
    count_totals(load, now, now)
    write_load(warehouse, load)
    write_fold(warehouse, fold, before)
    try:
        prove(warehouse, fold)
    except FoldError as error:
        discard_fold(warehouse, fold)
        load.state, load.error = "failed", str(error)
        write_load(warehouse, load)
        raise
    publish_fold(warehouse, fold)
    drop_folded(warehouse, fold)
    commit(warehouse, load)
    tidy(warehouse)


def _aged(today: date, count: int, unit: str) -> date:
    if unit == "d":
        return today - timedelta(days=count)
    years, month = divmod(today.year * 12 + today.month - 1 - count * MONTHS[unit], 12)
    first = date(years, month + 1, 1)
    return min(first + timedelta(days=today.day - 1), next_month(first) - timedelta(days=1))
