"""Forecasts and anomalies on made histories whose future is known; the bounds leave room for chance."""

from __future__ import annotations

import pytest

from tests.benchmarks.estimates import cases, measure_anomalies, measure_forecasts
from tests.conftest import Place

pytestmark = [pytest.mark.one_place, pytest.mark.usefixtures("engine_stays")]
NUMBERS = range(5)
RIVALS = ("month so far", "last 7 days", "weekday of last week")


@pytest.mark.exhaustive
def test_forecasts_of_made_histories(migrated: Place) -> None:
    with migrated.opened() as opened:
        groups, methods = measure_forecasts(opened, list(cases(NUMBERS)))

    # Of each kind, length of history, days left, of parts and of totals.
    assert {group: each.coverage() for group, each in groups.items() if not 0.65 <= each.coverage() <= 0.95} == {}
    assert 0.75 <= groups["all"].coverage() <= 0.85
    assert {group for group, each in groups.items() if each.of_no_width} == set()
    errors = {kind: {name: each.error() for name, each in of_kind.items()} for kind, of_kind in methods.items()}
    assert {kind for kind, of in errors.items() if any(of["shown"] > of[rival] for rival in RIVALS)} == set()


def test_days_at_five_times_their_cost_are_found(migrated: Place) -> None:
    with migrated.opened() as opened:
        found = measure_anomalies(opened, range(20))["all"]

    assert found.precision() >= 0.5
    assert found.recall() >= 0.75
    assert found.flagged() <= 0.03
