"""Quotas in the warehouse: the configuration's are kept in a table, so that SQL and dashboards see them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ccusage_import.config.settings import Configuration
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.machines import claim_machine

_COLUMNS = ("machine", "name", "maximum", "is_deleted", "revision")
_STATUS = """
SELECT machine, name, period_start, period_end, maximum, source, used, left, share, rate_per_hour, runs_out_at,
    limits_hit, learned_maximum, learned_at, unpriced
FROM quota_status ORDER BY machine, name
"""
_STORED = "SELECT name, maximum FROM quotas FINAL WHERE machine = {machine:String}"


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
    rows = warehouse.rows(_STORED, {"machine": machine})
    stored: dict[str, Decimal | None] = {str(name): limit for name, limit in rows}
    changed = [(name, limit, 0) for name, limit in wanted.items() if name not in stored or stored[name] != limit]
    changed += [(name, limit, 1) for name, limit in stored.items() if name not in wanted]
    _write(warehouse, [(machine, *row) for row in changed])


def read_quotas(warehouse: ClickHouse) -> list[QuotaUse]:
    """Return every quota in the warehouse, whichever machine set it, with what is used of it."""
    return [QuotaUse(*row) for row in warehouse.rows(_STATUS)]


def rename_quotas(warehouse: ClickHouse, old: str, new: str) -> None:
    """Make the quotas of a machine those of its new name."""
    rows = warehouse.rows(_STORED, {"machine": old})
    _write(warehouse, [(new, *row, 0) for row in rows] + [(old, *row, 1) for row in rows])


def _write(warehouse: ClickHouse, rows: list[tuple[str, str, Decimal | None, int]]) -> None:
    if rows:
        revision = time.time_ns() // 1000
        token = f"quotas/{rows[0][0]}/{revision}"
        warehouse.insert("quotas", _COLUMNS, [(*row, revision) for row in rows], token=token)
