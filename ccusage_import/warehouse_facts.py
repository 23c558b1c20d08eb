"""What a machine's warehouse holds: totals, held numbers, money spent against the budgets; read after an import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from ccusage_import.budgets import BudgetLimit, Period, Scope
from ccusage_import.clickhouse_client import ClickHouse
from ccusage_import.warehouse import RUNNER_OF_CHANGES, Load, read_loads

TOKEN_CLASSES = ("input", "output", "cache_creation", "cache_read")
# Where the usage of one scope is found, and what names it there.
_SPENT_IN: Mapping[Scope, tuple[str, str]] = {
    "all": ("daily", "''"),
    "project": ("projects_daily", "project"),
    "model": ("model_breakdowns", "model"),
    "agent": ("daily", "agent"),
    "machine": ("daily", "machine"),
}
_IMPORTS = f"machine = {{machine:String}} AND undoes = 0 AND runner != '{RUNNER_OF_CHANGES}'"


@dataclass(frozen=True, slots=True)
class AgentTotals:
    """What one agent used on all kept days of a machine: US dollars, and tokens by class."""

    agent: str
    cost_usd: Decimal
    tokens: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Spending:
    """One limit of the budget and what was spent of it in the current day or month, in US dollars."""

    limit: BudgetLimit
    since: date
    spent_usd: Decimal

    @property
    def is_over(self) -> bool:
        """Whether more was spent than allowed."""
        return self.spent_usd > self.limit.limit_usd


@dataclass(frozen=True, slots=True)
class WarehouseFacts:
    """What one machine's warehouse holds now; budgets are of all machines in it."""

    last_import: Load | None
    last_success_at: datetime | None
    held: int
    totals: Sequence[AgentTotals]
    budget: Sequence[Spending]


def read_facts(
    warehouse: ClickHouse, machine: str, timezone: str, limits: Sequence[tuple[BudgetLimit, str]] = ()
) -> WarehouseFacts:
    """Return what the warehouse holds of a machine.

    Args:
        warehouse: where.
        machine: whose loads, totals and held numbers.
        timezone: the IANA zone in which the budgets' days and months begin.
        limits: the budget's limits, each with its name as the warehouse stores it.
    """
    today = datetime.now(ZoneInfo(timezone)).date()
    return WarehouseFacts(
        last_import=last_import(warehouse, machine),
        last_success_at=last_success_at(warehouse, machine),
        held=_held(warehouse, machine),
        totals=_totals(warehouse, machine),
        budget=[_spent(warehouse, limit, stored_name, today) for limit, stored_name in limits],
    )


def last_import(warehouse: ClickHouse, machine: str) -> Load | None:
    """Return the newest run of the importer, however it ended; what undo and accept did is none."""
    found = warehouse.rows(
        f"SELECT max(load_id) FROM loads FINAL WHERE {_IMPORTS}",  # noqa: S608 - a condition of ours
        {"machine": machine},
    )
    load_id = int(found[0][0])
    return read_loads(warehouse, machine=machine, load_id=load_id)[0] if load_id else None


def last_success_at(warehouse: ClickHouse, machine: str) -> datetime | None:
    """Return the end of the last run of the importer in which no report failed."""
    rows = warehouse.rows(
        f"SELECT max(finished_at) FROM loads FINAL WHERE {_IMPORTS}"  # noqa: S608 - a condition of ours
        " AND state IN ('committed', 'undone') AND empty(failed_reports)",
        {"machine": machine},
    )
    found = rows[0][0]
    return found.astimezone(UTC) if isinstance(found, datetime) else None


def _held(warehouse: ClickHouse, machine: str) -> int:
    """Return how many records are kept against a smaller offer: the last verdict logged on them says so."""
    rows = warehouse.rows(
        "SELECT count() FROM (SELECT argMax(verdict, load_id) AS last FROM changes"
        " WHERE machine = {machine:String} AND load_id IN"
        " (SELECT load_id FROM loads FINAL WHERE machine = {machine:String} AND state = 'committed')"
        " GROUP BY report, agent, key HAVING last = 'held')",
        {"machine": machine},
    )
    return int(rows[0][0])


def _totals(warehouse: ClickHouse, machine: str) -> list[AgentTotals]:
    sums = ", ".join(f"sum({name}_tokens)" for name in TOKEN_CLASSES)
    rows = warehouse.rows(
        f"SELECT agent, sum(cost_usd), {sums} FROM daily"  # noqa: S608 - column names of ours
        " WHERE machine = {machine:String} GROUP BY agent ORDER BY agent",
        {"machine": machine},
    )
    return [AgentTotals(agent, cost, dict(zip(TOKEN_CLASSES, tokens, strict=True))) for agent, cost, *tokens in rows]


def _spent(warehouse: ClickHouse, limit: BudgetLimit, stored_name: str, today: date) -> Spending:
    view, column = _SPENT_IN[limit.scope]
    since = first_day(limit.period, today)
    rows = warehouse.rows(
        f"SELECT sum(cost_usd) FROM {view}"  # noqa: S608 - names of ours
        f" WHERE date >= {{since:Date}} AND {column} = {{name:String}}",
        {"since": since, "name": stored_name},
    )
    return Spending(limit, since, rows[0][0])


def first_day(period: Period, today: date) -> date:
    """Return the first day of the current day or calendar month."""
    return today if period == "daily" else today.replace(day=1)
