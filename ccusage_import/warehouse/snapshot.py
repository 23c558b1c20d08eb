"""What a machine's warehouse holds: totals, held numbers, money spent against the budgets; read after an import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from ccusage_import.config.settings import Settings
from ccusage_import.exceptions import WarehousePermissionError
from ccusage_import.records import report_label
from ccusage_import.warehouse.budgets import QuotaUse, Spending, read_own_quotas, read_spending
from ccusage_import.warehouse.clickhouse_client import ClickHouse, PrivilegedQuestion, Question
from ccusage_import.warehouse.tables import NOT_IMPORTS, RUNNER_OF_COMPACT, Load, read_loads

TOKEN_CLASSES = ("input", "output", "cache_creation", "cache_read")
# Clocks of two hosts may differ by this much; a later date comes from a clock that was ahead. That of a server may be
# wrong itself.
_IN_THE_FUTURE = "> {now:DateTime64(3, 'UTC')} + INTERVAL 1 HOUR"
_VISIBLE = "machine = {machine:String} AND state != 'renamed'"
_IMPORTS = f"{_VISIBLE} AND undoes = 0 AND runner NOT IN {NOT_IMPORTS}"


@dataclass(frozen=True, slots=True)
class AgentTotals:
    """What one agent used on all kept days of a machine: US dollars, and tokens by class."""

    agent: str
    cost_usd: Decimal
    tokens: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one machine's warehouse holds now; budgets are of all machines in it, quotas of this one."""

    last_import: Load | None
    last_success_at: datetime | None
    held: int
    totals: Sequence[AgentTotals]
    budget: Sequence[Spending]
    quotas: Sequence[QuotaUse] = ()


def read_snapshot(warehouse: ClickHouse, settings: Settings) -> Snapshot:
    """Return what the warehouse holds of the configured machine."""
    machine, limits = settings.machine, set(settings.budget.limits())
    return Snapshot(
        last_import=last_import(warehouse, machine),
        last_success_at=last_success_at(warehouse, machine, datetime.now(UTC)),
        held=count_held(warehouse, machine),
        totals=_totals(warehouse, machine),
        # A limit that another machine set is reported by that machine.
        budget=[spending for spending in read_spending(warehouse, settings) if spending.limit in limits],
        quotas=read_own_quotas(warehouse, settings),
    )


def size_bytes(warehouse: ClickHouse) -> int:
    """Return how much of the disk the tables take, of a cluster on the server that answers; 0 where it is not shown."""
    try:
        return int(warehouse.rows(*size_question(warehouse))[0][0])
    except WarehousePermissionError:
        return 0


def size_question(warehouse: ClickHouse) -> Question:
    """Return what `size_bytes` asks."""
    return PrivilegedQuestion(
        "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = {database:String}",
        {"database": warehouse.database},
    )


def last_import(warehouse: ClickHouse, machine: str) -> Load | None:
    """Return the newest run of the importer, however it ended; what reads no report does not count."""
    return _newest(warehouse, machine, _IMPORTS)


def last_load_with_facts(warehouse: ClickHouse, machine: str) -> Load | None:
    """Return the newest load that says something of the transcripts, of an import or of transcripts alone."""
    return _newest(warehouse, machine, f"{_VISIBLE} AND notEmpty(facts) AND runner != '{RUNNER_OF_COMPACT}'")


def _newest(warehouse: ClickHouse, machine: str, condition: str) -> Load | None:
    found = warehouse.rows(f"SELECT max(load_id) FROM loads FINAL WHERE {condition}", {"machine": machine})  # noqa: S608 - conditions of ours
    load_id = int(found[0][0])
    return read_loads(warehouse, machine=machine, load_id=load_id)[0] if load_id else None


def last_success_at(warehouse: ClickHouse, machine: str, now: datetime) -> datetime | None:
    """Return the end of the last run of the importer in which no report failed, leaving out those in the future."""
    rows = warehouse.rows(
        f"SELECT max(finished_at) FROM loads FINAL WHERE {_IMPORTS}"  # noqa: S608 - a condition of ours
        f" AND state IN ('committed', 'undone') AND empty(failed_reports) AND NOT finished_at {_IN_THE_FUTURE}",
        {"machine": machine, "now": now},
    )
    found = rows[0][0]
    return found.astimezone(UTC) if isinstance(found, datetime) else None


def future_loads(warehouse: ClickHouse, machine: str, now: datetime) -> dict[int, datetime]:
    """Return the loads of a machine that a clock which was ahead has dated, with their dates."""
    rows = warehouse.rows(
        "SELECT load_id, greatest(started_at, coalesce(finished_at, started_at)) AS dated FROM loads FINAL"  # noqa: S608
        f" WHERE machine = {{machine:String}} AND dated {_IN_THE_FUTURE} ORDER BY load_id",
        {"machine": machine, "now": now},
    )
    return {load_id: dated.astimezone(UTC) for load_id, dated in rows}


def count_held(warehouse: ClickHouse, machine: str) -> int:
    """Return how many records of a machine are kept against a smaller offer."""
    rows = warehouse.rows("SELECT count() FROM held_records WHERE machine = {machine:String}", {"machine": machine})
    return int(rows[0][0])


def sessions_elsewhere(warehouse: ClickHouse, machine: str) -> list[tuple[str, int, int, str]]:
    """Return the sessions of a machine that stand under others too: name, tokens here and there, the others' names.

    Ids are the same on two machines that store names in clear or share a salt; of others nothing is known.
    """
    rows = warehouse.rows(
        "SELECT agent, anyIf(key, machine = {machine:String}), sumIf(total_tokens, machine = {machine:String}),"
        " sumIf(total_tokens, machine != {machine:String}),"
        " arrayStringConcat(arraySort(groupUniqArrayIf(toString(machine), machine != {machine:String})), ', ')"
        " FROM records FINAL WHERE report = 'session' AND NOT is_project_total"
        " GROUP BY agent, session_id"
        " HAVING countIf(machine = {machine:String}) > 0 AND countIf(machine != {machine:String}) > 0"
        " ORDER BY agent, session_id",
        {"machine": machine},
    )
    return [(f"{report_label('session', agent)} {key}", *rest) for agent, key, *rest in rows]


def _totals(warehouse: ClickHouse, machine: str) -> list[AgentTotals]:
    sums = ", ".join(f"sum({name}_tokens)" for name in TOKEN_CLASSES)
    rows = warehouse.rows(
        f"SELECT agent, sum(cost_usd), {sums} FROM daily"  # noqa: S608 - column names of ours
        " WHERE machine = {machine:String} GROUP BY agent ORDER BY agent",
        {"machine": machine},
    )
    return [AgentTotals(agent, cost, dict(zip(TOKEN_CLASSES, tokens, strict=True))) for agent, cost, *tokens in rows]
