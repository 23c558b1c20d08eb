"""The view of plans: what each month was worth beyond the price, by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from tests.conftest import Place
from tests.warehouse.test_views import daily, days, loaded, rows

pytestmark = pytest.mark.usefixtures("engine_stays")

COLUMNS = "account, month, machines, cost_usd, plan_usd, beyond_usd, times_price, is_partial, unpriced"
MARCH, APRIL = date(2099, 3, 1), date(2099, 4, 1)


def plans(place: Place, *rows_of: tuple[str, str, str, int]) -> None:
    """Write plans: machine, account, price of a month, revision."""
    values = [(machine, account, Decimal(price), revision) for machine, account, price, revision in rows_of]
    with place.opened() as opened:
        opened.insert("plans", ("machine", "account", "monthly_usd", "revision"), values, token=f"plans/{values!r}")


def test_a_month_is_its_kept_days_and_the_first_and_the_last_are_partial(migrated: Place) -> None:
    # From February 27 to April 2.
    loaded(migrated, days("2099-02-27", [7, 8] + [10] * 31 + [1, 2]))
    plans(migrated, ("studio", "", "200", 1))

    assert rows(migrated, COLUMNS, "plan_value") == [
        ("", date(2099, 2, 1), 1, Decimal(15), Decimal(200), Decimal(-185), 0.075, True, False),
        ("", MARCH, 1, Decimal(310), Decimal(200), Decimal(110), 1.55, False, False),
        ("", APRIL, 1, Decimal(3), Decimal(200), Decimal(-197), 0.015, True, False),
    ]


def test_machines_of_one_account_pay_once_at_the_price_that_was_set_last(migrated: Place) -> None:
    loaded(
        migrated,
        [
            *(daily(day, cost, machine=machine) for machine in ("studio", "laptop", "tower", "server")
              for day, cost in (("2099-03-01", "60"), ("2099-04-01", "20"))),
            daily("2099-03-05", "1000", machine="studio", agent="codex"),
            daily("2099-03-06", "0", machine="tower", unpriced=True),
        ],
    )  # fmt: skip
    # What the server uses nobody said to be of a plan.
    plans(migrated, ("studio", "ana", "100", 1), ("laptop", "ana", "200", 2), ("tower", "", "20", 3))

    assert rows(migrated, COLUMNS, "plan_value") == [
        ("", MARCH, 1, Decimal(60), Decimal(20), Decimal(40), 3.0, False, True),
        ("", APRIL, 1, Decimal(20), Decimal(20), Decimal(0), 1.0, True, False),
        ("ana", MARCH, 2, Decimal(120), Decimal(200), Decimal(-80), 0.6, False, False),
        ("ana", APRIL, 2, Decimal(40), Decimal(200), Decimal(-160), 0.2, True, False),
    ]


def test_a_month_that_is_over_on_one_machine_alone_is_partial(migrated: Place) -> None:
    loaded(migrated, [daily("2099-03-01", "5"), daily("2099-04-01", "5"), daily("2099-03-31", "5", machine="laptop")])
    plans(migrated, ("studio", "", "10", 1), ("laptop", "", "10", 1))

    assert rows(migrated, "month, cost_usd, is_partial", "plan_value") == [
        (MARCH, Decimal(10), True),
        (APRIL, Decimal(5), True),
    ]


def test_without_a_plan_there_are_no_rows(migrated: Place) -> None:
    loaded(migrated, days("2099-03-01", [1, 2, 3]))

    assert rows(migrated, COLUMNS, "plan_value") == []
