"""Budgets, quotas and plans in the warehouse: the configuration's are kept in tables, for SQL and dashboards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from ccusage_import.config.kept.identity import NOT_CHOSEN
from ccusage_import.config.kept.names import read_names
from ccusage_import.config.settings import Configuration, Settings
from ccusage_import.config.tables.budget import BudgetLimit, Scope
from ccusage_import.days import today_in
from ccusage_import.exceptions import MachineTakenError, OtherNameError, WarehousePermissionError
from ccusage_import.names.pseudonyms import Pseudonyms
from ccusage_import.names.shown import means_model, means_project
from ccusage_import.warehouse.clickhouse_client import ClickHouse, Question
from ccusage_import.warehouse.machines import claim_machine, refuse_other_name

_COLUMNS = ("scope", "name", "period", "set_by", "limit_usd", "covers", "is_deleted", "revision")
_STORED = "SELECT scope, name, period, set_by, limit_usd, covers FROM budgets FINAL"
# What people call by other names than those that are stored.
STORED_NAMES: Mapping[str, str] = {
    "project": "SELECT DISTINCT project FROM records WHERE project != ''",
    "model": "SELECT DISTINCT arrayJoin(models.model) FROM records",
}
SPENDING_QUESTION = Question(
    "SELECT scope, name, period, limit_usd, spent_usd, forecast_usd, crossing_day, unpriced FROM budget_status"
    " ORDER BY scope, name, period DESC"
)
_MEANS: Mapping[str, Callable[[str, str], bool]] = {"project": means_project, "model": means_model}
_QUOTA_COLUMNS = ("machine", "name", "maximum", "is_deleted", "revision")
QUOTAS_QUESTION = Question("""
SELECT machine, name, period_start, period_end, maximum, source, used, left, share, rate_per_hour, runs_out_at,
    limits_hit, learned_maximum, learned_at, unpriced
FROM quota_status ORDER BY machine, name
""")
_STORED_QUOTAS = "SELECT name, maximum FROM quotas FINAL WHERE machine = {machine:String}"
_PLAN_COLUMNS = ("machine", "account", "monthly_usd", "is_deleted", "revision")
_STORED_PLAN = "SELECT account, monthly_usd FROM plans FINAL WHERE machine = {machine:String}"


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


def stored_limits(settings: Settings, pseudonyms: Pseudonyms | None = None) -> dict[BudgetLimit, BudgetLimit]:
    """Return the limits as the warehouse stores them, projects under their pseudonyms, with the configured ones."""
    names = pseudonyms or settings.pseudonyms()
    return {
        replace(limit, name=names.of(limit.name)) if limit.scope == "project" else limit: limit
        for limit in settings.budget.limits()
    }


def covered_names(
    warehouse: ClickHouse, limits: Iterable[BudgetLimit], names: Mapping[str, str]
) -> dict[tuple[Scope, str], list[str]]:
    """Return for each limit whose name is not itself stored which stored projects or models it means.

    Args:
        warehouse: where they are stored.
        limits: as they are configured.
        names: pseudonym to name.
    """
    wanted = {(limit.scope, limit.name) for limit in limits if limit.scope in _MEANS}
    stored = {
        scope: {str(name): names.get(str(name), str(name)) for (name,) in warehouse.rows(STORED_NAMES[scope])}
        for scope in {scope for scope, _ in wanted}
    }
    return {
        (scope, said): sorted(name for name, full in stored[scope].items() if _MEANS[scope](said, full))
        for scope, said in wanted
        if said not in stored[scope].values()
    }


def questions_of_limits(machine: str) -> list[Question]:
    """Return what `keep_own_budgets`, `keep_own_quotas` and `keep_own_plan` ask of their tables."""
    return [
        Question(_STORED),
        Question(_STORED_QUOTAS, {"machine": machine}),
        Question(_STORED_PLAN, {"machine": machine}),
    ]


def keep_budgets(warehouse: ClickHouse, configuration: Configuration) -> None:
    """Keep limits and plan like `keep_own_budgets` and `keep_own_plan`, for whoever has not claimed the machine's name.

    Raises:
        MachineTakenError: another installation uses the machine's name.
        OtherNameError: this installation has its history under another name, or is being renamed.
    """
    _demand_own_name(warehouse, configuration)
    keep_own_budgets(warehouse, configuration)
    keep_own_plan(warehouse, configuration)


def keep_own_budgets(warehouse: ClickHouse, configuration: Configuration, pseudonyms: Pseudonyms | None = None) -> None:
    """Make the table hold this machine's limits, beside those of other machines; nothing is written where it does.

    The caller has claimed the machine's name. A limit that names no machine, of an older release or from before the
    first import, becomes this machine's where it limits the same, and in an embedded warehouse in any case.
    `pseudonyms` remember the names of the limits.
    """
    settings = configuration.settings
    own = settings.machine if configuration.installation else ""
    wanted = _wanted(warehouse, configuration, own, pseudonyms)
    limited = {key[:3] for key in wanted}
    stored = {
        (scope, name, period, set_by): (limit_usd, list(covers))
        for scope, name, period, set_by, limit_usd, covers in warehouse.rows(_STORED)
        if set_by == own or (not set_by and (warehouse.is_embedded or (scope, name, period) in limited))
    }
    changed = [(*key, *values, 0) for key, values in wanted.items() if stored.get(key) != values]
    changed += [(*key, *values, 1) for key, values in stored.items() if key not in wanted]
    _write(warehouse, "budgets", _COLUMNS, changed, own)


def _wanted(
    warehouse: ClickHouse, configuration: Configuration, own: str, pseudonyms: Pseudonyms | None
) -> dict[tuple[str, str, str, str], tuple[Decimal, list[str]]]:
    """Return amount and covered names by scope, stored name, period and machine."""
    limits = stored_limits(configuration.settings, pseudonyms)
    has_projects = any(limit.scope == "project" for limit in limits)
    names = read_names(configuration.directories.names_file) if has_projects else {}
    covers = covered_names(warehouse, limits.values(), names)
    return {
        (limit.scope, limit.name, limit.period, own): (limit.limit_usd, covers.get((said.scope, said.name), []))
        for limit, said in limits.items()
    }


def keep_budgets_if_allowed(warehouse: ClickHouse, configuration: Configuration) -> None:
    """Keep limits and plan before they are shown; a user who may only read sees what an import has kept."""
    with suppress(WarehousePermissionError, MachineTakenError, OtherNameError):
        keep_budgets(warehouse, configuration)


def read_spending(
    warehouse: ClickHouse, settings: Settings, questions: Sequence[Question] | None = None
) -> list[Spending]:
    """Return every limit in the warehouse, whoever set it, with what all machines have spent.

    Args:
        warehouse: where.
        settings: the limits of this machine, and the time zone.
        questions: what `questions_of_spending` returned, where it was asked.
    """
    configured, today = stored_limits(settings), today_in(settings.timezone)
    if questions is None:
        questions = questions_of_spending(warehouse)
    rows = [row for question in questions for row in warehouse.rows(*question)]
    spending = []
    for scope, name, period, limit_usd, *figures in rows:
        limit = BudgetLimit(scope, name, period, limit_usd)
        since = today if period == "daily" else today.replace(day=1)
        spending.append(Spending(configured.get(limit, limit), since, *figures))
    return spending


def questions_of_spending(warehouse: ClickHouse) -> list[Question]:
    """Return what `read_spending` asks; nothing where there is no limit, as it takes the engine a while to plan."""
    return [SPENDING_QUESTION] if warehouse.rows("SELECT 1 FROM budgets FINAL LIMIT 1") else []


def has_plans(warehouse: ClickHouse) -> bool:
    """Return whether there is a plan; what plans are worth takes the engine a while to say even of none."""
    return bool(warehouse.rows("SELECT 1 FROM plans FINAL LIMIT 1"))


def rename_limits(warehouse: ClickHouse, old: str, new: str) -> None:
    """Make the budgets, quotas and plan that a machine set, and the budgets that limit it, those of its new name."""
    _rename_budgets(warehouse, old, new)
    for table, columns, stored in (("quotas", _QUOTA_COLUMNS, _STORED_QUOTAS), ("plans", _PLAN_COLUMNS, _STORED_PLAN)):
        rows = warehouse.rows(stored, {"machine": old})
        _write(warehouse, table, columns, [(new, *row, 0) for row in rows] + [(old, *row, 1) for row in rows], new)


def _rename_budgets(warehouse: ClickHouse, old: str, new: str) -> None:
    rows = warehouse.rows(f"{_STORED} WHERE set_by = {{old:String}}", {"old": old})
    changed = [(scope, new if (scope, name) == ("machine", old) else name, *rest) for scope, name, *rest in rows]
    values = [(*row[:3], new, *row[4:], 0) for row in changed] + [(*row, 1) for row in rows]
    _write(warehouse, "budgets", _COLUMNS, values, f"{old}/{new}")


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
    """Keep the quotas like `keep_own_quotas`, for whoever has not claimed the machine's name.

    Raises:
        MachineTakenError: another installation uses the machine's name.
        OtherNameError: this installation has its history under another name, or is being renamed.
    """
    _demand_own_name(warehouse, configuration)
    keep_own_quotas(warehouse, configuration)


def _demand_own_name(warehouse: ClickHouse, configuration: Configuration) -> None:
    """Refuse to keep anything under a name that an import would refuse."""
    machine, installation = configuration.settings.machine, configuration.installation
    refuse_other_name(warehouse, machine, installation)
    claim_machine(warehouse, machine, installation, only_looks=True)


def keep_own_quotas(warehouse: ClickHouse, configuration: Configuration) -> None:
    """Make the table hold this machine's quotas, beside those of other machines; nothing is written where it does.

    The caller has claimed the machine's name. Where none is chosen yet, nothing is kept.
    """
    machine = configuration.settings.machine
    if machine == NOT_CHOSEN["machine"]:
        return
    wanted: dict[str, Decimal | None] = dict(configuration.settings.quota.limits())
    rows = warehouse.rows(_STORED_QUOTAS, {"machine": machine})
    stored: dict[str, Decimal | None] = {str(name): limit for name, limit in rows}
    changed = [(name, limit, 0) for name, limit in wanted.items() if name not in stored or stored[name] != limit]
    changed += [(name, limit, 1) for name, limit in stored.items() if name not in wanted]
    _write(warehouse, "quotas", _QUOTA_COLUMNS, [(machine, *row) for row in changed], machine)


def keep_quotas_if_allowed(warehouse: ClickHouse, configuration: Configuration) -> None:
    """Keep the quotas before they are shown; a user who may only read sees those that an import has kept."""
    with suppress(WarehousePermissionError, MachineTakenError, OtherNameError):
        keep_quotas(warehouse, configuration)


def read_quotas(warehouse: ClickHouse) -> list[QuotaUse]:
    """Return every quota in the warehouse, whichever machine set it, with what is used of it."""
    return [QuotaUse(*row) for row in warehouse.rows(*QUOTAS_QUESTION)]


def read_own_quotas(warehouse: ClickHouse, settings: Settings) -> list[QuotaUse]:
    """Return those of the configured machine; without a setting nothing is read, whatever was set before."""
    if not settings.quota.is_set:
        return []
    return [use for use in read_quotas(warehouse) if use.machine == settings.machine]


def keep_own_plan(warehouse: ClickHouse, configuration: Configuration) -> None:
    """Make the table hold this machine's plan, beside those of other machines; nothing is written where it does.

    The caller has claimed the machine's name. Where none is chosen yet, nothing is kept.
    """
    machine, plan = configuration.settings.machine, configuration.settings.plan
    if machine == NOT_CHOSEN["machine"]:
        return
    stored = [tuple(row) for row in warehouse.rows(_STORED_PLAN, {"machine": machine})]
    wanted = [] if plan.monthly is None else [(plan.account, plan.monthly)]
    if stored != wanted:
        rows = [(machine, *row, int(not wanted)) for row in wanted or stored]
        _write(warehouse, "plans", _PLAN_COLUMNS, rows, machine)


def _write(
    warehouse: ClickHouse, table: str, columns: Sequence[str], rows: Sequence[tuple[object, ...]], machine: str
) -> None:
    """Write rows of a machine as a revision of their own, where there are any."""
    if rows:
        revision = time.time_ns() // 1000
        token = f"{table}/{machine}/{revision}"
        warehouse.insert(table, columns, [(*row, revision) for row in rows], token=token)
