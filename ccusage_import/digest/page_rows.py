"""The rows of a page in the form in which it holds them: folded, numbered and rounded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from ccusage_import.digest.model import Detail

DAY = timedelta(days=1)
# Days that are told one by one.
SHOWN_DAYS = 90
# Single days are drawn as far back as the calendar shows, hours of single days as far as the longest range.
DAYS_DRAWN, HOURS_RANGE = 371, 90
# The dearest sessions and prompts that the page holds of a day, a week, a month or a name; fewer of a day that only the
# calendar shows.
DEAREST_SESSIONS, DEAREST_PROMPTS = 10, 5
SESSIONS_OF_OLD_DAY, PROMPTS_OF_OLD_DAY = 3, 1


def costs_by_day(detail: Detail) -> dict[date, Decimal]:
    """Return what each day cost."""
    costs, nothing = dict[date, Decimal](), Decimal(0)
    for day, _machine, _agent, _model, cost, _tokens in detail.days:
        costs[day] = costs.get(day, nothing) + cost
    return costs


def folded_days(rows: Iterable[tuple[Any, ...]], end: date, first: date) -> list[tuple[Any, ...]]:
    """Return rows of days, those before the last year of the page added up on the first day of their month.

    Args:
        rows: day, machine, what else distinguishes them, cost and tokens.
        end: the last day of the page.
        first: the first day that it shows; rows before it are left out.
    """
    cutoff = single_days_since(end)
    sums = dict[tuple[Any, ...], tuple[Any, ...]]()
    for row in rows:
        day = row[0]
        if day < first:
            continue
        dated = row if day >= cutoff else (max(first, day.replace(day=1)), *row[1:])
        key = dated[:-2]
        before = sums.get(key)
        sums[key] = (*key, before[-2] + row[-2], before[-1] + row[-1]) if before else dated
    return list(sums.values())


def single_days_since(end: date) -> date:
    """Return the first day that a page up to `end` draws by itself, with the month in which its calendar begins."""
    return (end - DAYS_DRAWN * DAY).replace(day=1)


def numbers_of(rows: Iterable[Sequence[Any]], first: date) -> list[list[int]]:
    """Return rows as the page holds them: the day as a number, then the machine, then all rows of both in one list.

    Costs are in hundredths of a cent; what rounds to nothing is left out.
    """
    groups = defaultdict[Sequence[Any], list[int]](list)
    for row in rows:
        rounded, tokens = _hundredths(row[-2]), row[-1]
        if rounded or tokens:
            groups[row[:2]] += (*row[2:-2], rounded, tokens)
    return [[(day - first).days, machine, *numbers] for (day, machine), numbers in groups.items()]


def first_held(rows: Iterable[Sequence[Any]], end: date) -> date:
    """Return the first day of which the page holds sessions and prompts.

    Args:
        rows: rows of days.
        end: the last day of the page, for a page without days.
    """
    return single_days_since(max((row[0] for row in rows), default=end))


def sessions_of(rows: Iterable[Sequence[Any]], first: date) -> list[list[int]]:
    """Return sessions as the page holds them: what each is of, then day, model, cost and tokens of each of its parts.

    Args:
        rows: the same, with each part of a session in a row of its own.
        first: the day that is number 0.
    """
    groups = dict[tuple[int, ...], list[int]]()
    for *session, day, model, cost, tokens in rows:
        groups.setdefault(tuple(session), []).extend(((day - first).days, model, _hundredths(cost), tokens))
    return [[*session, *parts] for session, parts in groups.items()]


def prompts_of(rows: Iterable[Sequence[Any]], first: date) -> list[int]:
    """Return prompts as the page holds them, all in one list: day as a number, their other numbers, cost."""
    return [number for day, *keys, cost in rows for number in ((day - first).days, *keys, _hundredths(cost))]


def _hundredths(cost: Decimal) -> int:
    """Return an amount in hundredths of a hundredth."""
    return round(cost * 10_000)
