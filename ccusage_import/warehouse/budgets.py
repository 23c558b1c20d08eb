"""Budgets in the warehouse: the configuration's limits are kept in a table, so that SQL and dashboards see them."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import astuple, dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from ccusage_import.config.budget import BudgetLimit
from ccusage_import.config.settings import Configuration, Settings
from ccusage_import.exceptions import MachineTakenError, WarehousePermissionError
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.machines import claim_machine

_COLUMNS = ("scope", "name", "period", "set_by", "limit_usd", "is_deleted", "revision")


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


def keep_budgets(warehouse: ClickHouse, configuration: Configuration) -> None:
    """Keep the limits like `keep_own_budgets`, for whoever has not claimed the machine's name.

    Raises:
        MachineTakenError: another installation uses the machine's name.
    """
    machine, installation = configuration.settings.machine, configuration.installation
    claim_machine(warehouse, machine, installation, only_looks=True)
    keep_own_budgets(warehouse, configuration)


def keep_own_budgets(warehouse: ClickHouse, configuration: Configuration) -> None:
    """Make the table hold this machine's limits, beside those of other machines; nothing is written where it does.

    The caller has claimed the machine's name. A limit that names no machine, of an older release or from before the
    first import, becomes this machine's where it limits the same, and in an embedded warehouse in any case.
    """
    settings = configuration.settings
    own = settings.machine if configuration.installation else ""
    wanted = {(*limit[:3], own): limit for limit in map(astuple, stored_limits(settings))}
    limited = {key[:3] for key in wanted}
    stored = {
        (scope, name, period, set_by): (scope, name, period, limit_usd)
        for scope, name, period, set_by, limit_usd in warehouse.rows(
            "SELECT scope, name, period, set_by, limit_usd FROM budgets FINAL"
        )
        if set_by == own or (not set_by and (warehouse.is_embedded or (scope, name, period) in limited))
    }
    changed = [(*key, limit[3], 0) for key, limit in wanted.items() if stored.get(key) != limit]
    changed += [(*key, limit[3], 1) for key, limit in stored.items() if key not in wanted]
    if changed:
        revision = time.time_ns() // 1000
        rows = [(*row, revision) for row in changed]
        warehouse.insert("budgets", _COLUMNS, rows, token=f"budgets/{own}/{revision}")


def keep_budgets_if_allowed(warehouse: ClickHouse, configuration: Configuration) -> None:
    """Keep the limits before they are shown; a user who may only read sees those that an import has kept."""
    with suppress(WarehousePermissionError, MachineTakenError):
        keep_budgets(warehouse, configuration)


def read_spending(warehouse: ClickHouse, settings: Settings) -> list[Spending]:
    """Return every limit in the warehouse, whoever set it, with what all machines have spent."""
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


def rename_budgets(warehouse: ClickHouse, old: str, new: str) -> None:
    """Make the budgets that a machine set, or that limit it, those of its new name."""
    rows = warehouse.rows(
        "SELECT scope, name, period, set_by, limit_usd FROM budgets FINAL WHERE set_by = {old:String}", {"old": old}
    )
    revision = time.time_ns() // 1000
    changed = [(scope, new if (scope, name) == ("machine", old) else name, *rest) for scope, name, *rest in rows]
    values = [(*row[:3], new, row[4], 0, revision) for row in changed] + [(*row, 1, revision) for row in rows]
    if values:
        warehouse.insert("budgets", _COLUMNS, values, token=f"budgets/{old}/{new}/{revision}")
