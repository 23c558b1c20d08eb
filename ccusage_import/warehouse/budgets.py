"""Budgets in the warehouse: the configuration's limits are kept in a table, so that SQL and dashboards see them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from ccusage_import.config.budget import BudgetLimit
from ccusage_import.config.settings import Settings
from ccusage_import.warehouse.clickhouse_client import ClickHouse

_COLUMNS = ("scope", "name", "period", "limit_usd", "revision", "is_deleted")


@dataclass(frozen=True, slots=True)
class Spending:
    """One limit, what was spent of it since the day or month began, and what is expected by its end, in US dollars.

    `limit.name` is as in the configuration where it is set there, else as it is stored.
    """

    limit: BudgetLimit
    since: date
    spent_usd: Decimal
    forecast_usd: Decimal = Decimal(0)
    crossing_day: date | None = None
    unpriced: bool = False

    @property
    def is_over(self) -> bool:
        """Whether more was spent than allowed."""
        return self.spent_usd > self.limit.limit_usd


def stored_limits(settings: Settings) -> dict[BudgetLimit, BudgetLimit]:
    """Return the limits as the warehouse stores them, projects under their pseudonyms, with the configured ones."""
    names = settings.pseudonyms()
    return {
        BudgetLimit(
            limit.scope, names.of(limit.name) if limit.scope == "project" else limit.name, limit.period, limit.limit_usd
        ): limit
        for limit in settings.budget.limits()
    }


def keep_budgets(warehouse: ClickHouse, settings: Settings) -> None:
    """Make the table hold the configuration's limits; nothing is written where it does.

    Where nothing is configured the limits on a server stay: another machine may have set them.
    """
    wanted = set(stored_limits(settings))
    if not wanted and not warehouse.is_embedded:
        return
    stored = {BudgetLimit(*row) for row in warehouse.rows("SELECT scope, name, period, limit_usd FROM budgets FINAL")}
    kept = {(limit.scope, limit.name, limit.period) for limit in wanted}
    gone = [limit for limit in stored if (limit.scope, limit.name, limit.period) not in kept]
    changed = [(limit, 0) for limit in wanted - stored] + [(limit, 1) for limit in gone]
    if changed:
        revision = time.time_ns() // 1000
        rows = [(item.scope, item.name, item.period, item.limit_usd, revision, deleted) for item, deleted in changed]
        warehouse.insert("budgets", _COLUMNS, rows, token=f"budgets/{revision}")


def read_spending(warehouse: ClickHouse, settings: Settings) -> list[Spending]:
    """Return every limit in the warehouse, whoever set it, with what all machines spent of it."""
    configured, today = stored_limits(settings), datetime.now(ZoneInfo(settings.timezone)).date()
    rows = warehouse.rows(
        "SELECT scope, name, period, limit_usd, spent_usd, forecast_usd, crossing_day, unpriced FROM budget_status"
        " ORDER BY scope, name, period DESC"
    )
    spending = []
    for scope, name, period, limit_usd, *figures in rows:
        limit = BudgetLimit(scope, name, period, limit_usd)
        since = today if period == "daily" else today.replace(day=1)
        spending.append(Spending(configured.get(limit, limit), since, *figures))
    return spending
