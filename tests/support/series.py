"""Costs of days that are made by a rule and a seed: what forecasts and anomalies are measured on.

A kind is how a day's cost comes about; the same kind, number and length give the same costs.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate

SPREAD = 0.5


def costs_of(kind: str, number: int, length: int, spread: float = SPREAD) -> list[float]:
    """Return the costs of days in a row, the first of which is a Monday."""
    draw = random.Random(f"{kind}/{number}")
    return [round(cost, 6) for cost in KINDS[kind](draw, length, spread)]


def _workdays(draw: random.Random, length: int, spread: float) -> list[float]:
    """Usage on each day, little at the weekend."""
    return [10 * draw.lognormvariate(0, spread) * (0.3 if day % 7 > 4 else 1) for day in range(length)]


def _office(draw: random.Random, length: int, spread: float) -> list[float]:
    """Usage on most workdays and some days of weekends."""
    return [
        10 * draw.lognormvariate(0, spread) if draw.random() < (0.25 if day % 7 > 4 else 0.9) else 0
        for day in range(length)
    ]


def _even(draw: random.Random, length: int, spread: float) -> list[float]:
    """Usage on each day, whatever the weekday."""
    return [10 * draw.lognormvariate(0, spread) for _ in range(length)]


def _rare(draw: random.Random, length: int, spread: float) -> list[float]:
    """Usage on two days of five."""
    return [10 * draw.lognormvariate(0, spread) if draw.random() < 0.4 else 0 for _ in range(length)]


def _drifting(draw: random.Random, length: int, spread: float) -> list[float]:
    """A level that wanders."""
    level = accumulate(draw.gauss(0, 0.04) for _ in range(length))
    return [10 * math.exp(at + draw.gauss(0, spread)) for at in level]


def _growing(draw: random.Random, length: int, spread: float) -> list[float]:
    """Five per cent more each week."""
    return [2 * math.exp(0.007 * day + draw.gauss(0, spread)) for day in range(length)]


def _sessions(draw: random.Random, length: int, spread: float) -> list[float]:
    """The sum of 0 to 10 sessions."""
    return [sum(draw.lognormvariate(0, spread) for _ in range(draw.randrange(11))) for _ in range(length)]


KINDS: Mapping[str, Callable[[random.Random, int, float], Sequence[float]]] = {
    "workdays": _workdays,
    "office": _office,
    "even": _even,
    "rare": _rare,
    "drifting": _drifting,
    "growing": _growing,
    "sessions": _sessions,
}
