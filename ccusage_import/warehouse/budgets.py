"""Budgets and quotas in the warehouse: the configuration's are kept in tables, so that SQL and dashboards see them."""

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
_QUOTA_COLUMNS = ("machine", "name", "maximum", "is_deleted", "revision")
_QUOTA_STATUS = """
SELECT machine, name, period_start, period_end, maximum, source, used, left, share, rate_per_hour, runs_out_at,
    limits_hit, learned_maximum, learned_at, unpriced
FROM quota_status ORDER BY machine, name
"""
_STORED_QUOTAS = "SELECT name, maximum FROM quotas FINAL WHERE machine = {machine:String}"


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
    """Make the table hold this machine's limits, beside those of other machines; nothing is written where it does.

    A limit that names no machine, of an older release or from before the first import, becomes this machine's where it
    limits the same, and in an embedded warehouse in any case.

    Raises:
        MachineTakenError: another installation uses the machine's name.
    """
    settings = configuration.settings
    claim_machine(warehouse, settings.machine, configuration.installation, only_looks=True)
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


@dataclass(frozen=True, slots=True)
class QuotaUse:
    """One row of the view `quota_status`: tokens or US dollars, by the name; instants are in UTC."""

    machine: str
    name: str
    period_start: datetime | None
    period_end: datetime | None
    maximum: Decimal | None
    source: str
    used: Decimal
    left: Decimal | None
    share: float | None
    rate_per_hour: float | None
    runs_out_at: datetime | None
    limits_hit: int
    learned_maximum: Decimal | None
    learned_at: datetime | None
    unpriced: bool

    @property
    def is_over(self) -> bool:
        """Whether more was used than the quota allows."""
        return self.left is not None and self.left < 0


def keep_quotas(warehouse: ClickHouse, configuration: Configuration) -> None:
    """Make the table hold this machine's quotas, beside those of other machines; nothing is written where it does.

    Raises:
        MachineTakenError: another installation uses the machine's name.
    """
    machine = configuration.settings.machine
    claim_machine(warehouse, machine, configuration.installation, only_looks=True)
    wanted: dict[str, Decimal | None] = dict(configuration.settings.quota.limits())
    rows = warehouse.rows(_STORED_QUOTAS, {"machine": machine})
    stored: dict[str, Decimal | None] = {str(name): limit for name, limit in rows}
    changed = [(name, limit, 0) for name, limit in wanted.items() if name not in stored or stored[name] != limit]
    changed += [(name, limit, 1) for name, limit in stored.items() if name not in wanted]
    _write_quotas(warehouse, [(machine, *row) for row in changed])


def read_quotas(warehouse: ClickHouse) -> list[QuotaUse]:
    """Return every quota in the warehouse, whichever machine set it, with what is used of it."""
    return [QuotaUse(*row) for row in warehouse.rows(_QUOTA_STATUS)]


def rename_quotas(warehouse: ClickHouse, old: str, new: str) -> None:
    """Make the quotas of a machine those of its new name."""
    rows = warehouse.rows(_STORED_QUOTAS, {"machine": old})
    _write_quotas(warehouse, [(new, *row, 0) for row in rows] + [(old, *row, 1) for row in rows])


def _write_quotas(warehouse: ClickHouse, rows: list[tuple[str, str, Decimal | None, int]]) -> None:
    if rows:
        revision = time.time_ns() // 1000
        token = f"quotas/{rows[0][0]}/{revision}"
        warehouse.insert("quotas", _QUOTA_COLUMNS, [(*row, revision) for row in rows], token=token)
