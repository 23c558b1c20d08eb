"""What days cost until today, and the block that is open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from ccusage_import.records import CLAUDE
from ccusage_import.warehouse.clickhouse_client import ClickHouse, Question

# Of each machine its own day and month, as budgets are: two machines may live in different zones.
COSTS_QUESTION = Question(
    "WITH toStartOfMonth(today) AS month, toStartOfMonth(month - 1) AS last_month,"
    " NOT is_dated_ahead AND date BETWEEN last_month AND today AS is_recent"
    " SELECT sumIf(cost_usd, is_recent AND date = today), sumIf(total_tokens, is_recent AND date = today),"
    " sumIf(cost_usd, is_recent AND date >= month), sumIf(cost_usd, is_recent AND date < month),"
    " sumIf(cost_usd, is_recent AND date < least(month, last_month + toDayOfMonth(today))),"
    " maxIf(unpriced, is_recent), uniqExact(daily.machine), sum(cost_usd), uniqExact(date), min(date)"
    " FROM daily GLOBAL LEFT JOIN calendar ON daily.machine = calendar.machine AND daily.agent = calendar.agent"
)
_BLOCK = (
    "SELECT ends_at, cost_usd, projected_cost_usd, cost_per_hour_usd FROM active_blocks"
    " WHERE machine = {machine:String} ORDER BY agent = {agent:String} DESC, ends_at DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Costs:
    """What days cost, over all machines, in US dollars; `last_month_by_this_day` ends on the same day of the month.

    Today and this month are those of each machine.
    """

    today_usd: Decimal
    today_tokens: int
    month_usd: Decimal
    last_month_usd: Decimal
    last_month_by_this_day_usd: Decimal
    unpriced: bool
    machines: int
    all_days_usd: Decimal
    days: int
    first_day: date


@dataclass(frozen=True, slots=True)
class OpenBlock:
    """A five-hour block that is not over."""

    ends_at: datetime
    cost_usd: Decimal
    projected_cost_usd: Decimal | None
    cost_per_hour_usd: float | None


def read_costs(warehouse: ClickHouse) -> Costs:
    """Return what this day, this month and the last one cost."""
    return Costs(*warehouse.rows(*COSTS_QUESTION)[0])


def read_block(warehouse: ClickHouse, machine: str) -> OpenBlock | None:
    """Return the open block of a machine: that of Claude Code, else the one that ends last."""
    blocks = warehouse.rows(*block_question(machine))
    return OpenBlock(blocks[0][0].astimezone(UTC), *blocks[0][1:]) if blocks else None


def block_question(machine: str) -> Question:
    """Return what `read_block` asks."""
    return Question(_BLOCK, {"machine": machine, "agent": CLAUDE})
