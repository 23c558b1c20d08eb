"""What loads did and why: the verdicts that they logged, read back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from ccusage_import.records import Identity
from ccusage_import.rule.verdicts import Decision, Reason, Verdict
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.tables import limited, matching, record_of_json, weighed_of_json


@dataclass(frozen=True, slots=True)
class Change:
    """One logged verdict; money in US dollars."""

    load_id: int
    decided_at: datetime
    machine: str
    decision: Decision
    intact_from: date | None

    @property
    def identity(self) -> Identity:
        """Report, agent and key."""
        return self.decision.record.identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which logged verdicts: of a load, of a kind, decided since an instant, of a machine; None means any."""

    load_id: int | None = None
    verdict: str | None = None
    since: datetime | None = None
    machine: str | None = None


def stream_changes(warehouse: ClickHouse, wanted: Wanted, *, limit: int | None = None) -> Iterator[Change]:
    """Yield logged verdicts, newest load first; ask nothing else meanwhile."""
    logged, parameters = _logged(wanted)
    newest, counted = limited(limit)
    # A server does not wait for whoever takes minutes to read a page of them.
    read = warehouse.stream if warehouse.is_embedded else warehouse.rows
    rows = read(
        "SELECT c.load_id, c.decided_at, c.machine, c.verdict, c.reason, c.stored, c.offered, c.is_written,"
        f" l.intact_from {logged} ORDER BY c.load_id DESC, c.report, c.agent, c.key{newest}",
        {**parameters, **counted},
    )
    return map(_change, rows)


def count_changes(warehouse: ClickHouse, wanted: Wanted) -> int:
    """Return how many verdicts are logged."""
    logged, parameters = _logged(wanted)
    return int(warehouse.rows(f"SELECT count() {logged}", parameters)[0][0])


def _logged(wanted: Wanted) -> tuple[str, dict[str, object]]:
    """Return where wanted verdicts are, as the end of a query, and its parameters."""
    condition, values = matching({"load_id": wanted.load_id, "verdict": wanted.verdict, "machine": wanted.machine})
    parameters: dict[str, object] = {**values}
    if wanted.since:
        condition += " AND decided_at >= {since:DateTime64(3, 'UTC')}"
        parameters["since"] = wanted.since
    logged = (
        f"FROM (SELECT * FROM changes WHERE true{condition}) AS c"  # noqa: S608 - a condition of ours
        " INNER JOIN (SELECT * FROM loads FINAL WHERE state IN ('committed', 'undone')) AS l"
        " ON c.machine = l.machine AND c.load_id = l.load_id"
    )
    return logged, parameters


def held_now(warehouse: ClickHouse, machine: str) -> list[Change]:
    """Return for each key the last verdict that was logged, where that one was held."""
    return held_of(last_changes(warehouse, machine))


def last_changes(warehouse: ClickHouse, machine: str) -> list[Change]:
    """Return for each key the last verdict that was logged."""
    last: dict[Identity, Change] = {}
    for change in stream_changes(warehouse, Wanted(machine=machine)):
        last.setdefault(change.identity, change)
    return list(last.values())


def held_of(last: Iterable[Change]) -> list[Change]:
    """Return those of the last verdicts that were held."""
    return [change for change in last if change.decision.verdict is Verdict.HELD]


def _change(row: Sequence[Any]) -> Change:
    load_id, decided_at, machine, verdict, reason, stored, offered, is_written, intact_from = row
    decision = Decision(
        Verdict(verdict),
        Reason(reason),
        record_of_json(stored),
        record_of_json(offered),
        is_written=bool(is_written),
        weighed=weighed_of_json(stored or offered),
    )
    return Change(load_id, decided_at, machine, decision, intact_from)
