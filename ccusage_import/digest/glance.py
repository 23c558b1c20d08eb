"""What is seen at one glance: today, the open block, the month, the last import, and what was kept beyond ccusage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ccusage_import.config.kept.last_offer import LastOffer
from ccusage_import.config.settings import Settings
from ccusage_import.config.tables.quota import Plan
from ccusage_import.digest.today import COSTS_QUESTION, Costs, OpenBlock, block_question, read_block, read_costs
from ccusage_import.warehouse.budgets import Spending, questions_of_spending, read_spending
from ccusage_import.warehouse.clickhouse_client import ClickHouse, Question
from ccusage_import.warehouse.snapshot import count_held, last_import
from ccusage_import.warehouse.tables import Load

# A history in which no forecast can be tried yet is too short for one. While it is another month on some machines,
# there are two, and neither is of what is shown as spent this month.
_FORECAST = (
    "SELECT forecast_usd, low_usd, high_usd, method FROM forecast_totals WHERE machine = '' AND agent = ''"
    " QUALIFY count() OVER () = 1 AND month = {month:Date} AND isNotNull(backtest_error)"
)
_PLAN = (
    "SELECT cost_usd, plan_usd, times_price FROM plan_value WHERE account = {account:String} AND month = {month:Date}"
)
_KEPT = "SELECT sum(cost_usd) FROM daily WHERE machine = {machine:String} AND agent IN {agents:Array(String)}"


@dataclass(frozen=True, slots=True)
class MonthForecast:
    """What this month is expected to cost on all machines, in US dollars; the bounds hold 80% and may be missing."""

    cost_usd: Decimal
    low_usd: Decimal | None
    high_usd: Decimal | None
    method: str


@dataclass(frozen=True, slots=True)
class PlanMonth:
    """What this month's usage costs at the prices of the API, the price of the plan, and how often it fits into it."""

    cost_usd: Decimal
    plan_usd: Decimal
    times_price: float


@dataclass(frozen=True, slots=True)
class Glance:
    """Everything on the dashboard; `kept_usd` is what this machine holds of the agents of the last offer.

    `plan` is the one of this machine, None where none is set, and `messages` are counted where no report is stored.
    """

    today: date
    costs: Costs
    block: OpenBlock | None
    forecast: MonthForecast | None
    plan: PlanMonth | None
    budgets: Sequence[Spending]
    last_import: Load | None
    held: int
    offer: LastOffer | None
    kept_usd: Decimal
    messages: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether no report was ever imported."""
        return self.last_import is None and not self.costs.days

    def budget(self, period: str) -> Spending | None:
        """Return the budget of everything for a day or a month."""
        wanted = ("all", period)
        return next((each for each in self.budgets if (each.limit.scope, each.limit.period) == wanted), None)


def read_glance(warehouse: ClickHouse, settings: Settings, today: date, offer: LastOffer | None) -> Glance:
    """Return what the dashboard shows."""
    others = [_forecast_question(today), COSTS_QUESTION, block_question(settings.machine)]
    with warehouse.asked_side_by_side([*questions_of_spending(warehouse), *others]):
        return Glance(
            today,
            read_costs(warehouse),
            read_block(warehouse, settings.machine),
            read_forecast(warehouse, today),
            read_plan(warehouse, settings.plan, today) if settings.plan.monthly else None,
            read_spending(warehouse, settings),
            last_import(warehouse, settings.machine),
            count_held(warehouse, settings.machine),
            offer,
            read_kept(warehouse, offer) if offer else Decimal(0),
        )


def read_forecast(warehouse: ClickHouse, today: date) -> MonthForecast | None:
    """Return what this month is expected to cost."""
    rows = warehouse.rows(*_forecast_question(today))
    return MonthForecast(*rows[0]) if rows else None


def _forecast_question(today: date) -> Question:
    return Question(_FORECAST, {"month": today.replace(day=1)})


def read_plan(warehouse: ClickHouse, plan: Plan, today: date) -> PlanMonth | None:
    """Return what this month is worth to the plan; None before its machines used anything."""
    months = warehouse.rows(_PLAN, {"account": plan.account, "month": today.replace(day=1)})
    return PlanMonth(*months[0]) if months else None


def read_kept(warehouse: ClickHouse, offer: LastOffer) -> Decimal:
    """Return what is kept of the agents and the machine of an offer."""
    kept = warehouse.rows(_KEPT, {"machine": offer.machine, "agents": list(offer.agents)})
    return Decimal(kept[0][0])
