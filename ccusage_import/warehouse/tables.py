"""The tables: reads what is stored, and writes a load so that all of it appears at once."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from itertools import islice
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import to_json

from ccusage_import.reconcile import Decision, Reason, Verdict
from ccusage_import.records import PROVENANCE, Identity, ModelUsage, Provenance, Record, report_label
from ccusage_import.warehouse.clickhouse_client import ClickHouse

# `models` is read as one array a column: faster than an array of tuples, and the same in every driver version.
_MODEL_COLUMNS = tuple(f"models.{name}" for name in ModelUsage._fields)
_FIELDS = (*Record._fields[:PROVENANCE], *Provenance._fields, *Record._fields[PROVENANCE + 1 :])
_MODELS = _FIELDS.index("models")
RECORD_COLUMNS = ("load_id", "is_deleted", *_FIELDS)
# Verdicts that change nothing a person would ask about are counted in the load, not logged one by one.
NOT_LOGGED = (Verdict.UNCHANGED, Verdict.REFRESHED)
# What stands in for a verdict where a load counts the records of a report that cannot be true.
REFUSED = "refused"
LOGGED_AT_ONCE = 10_000
# What stands in for a runner where a load comes from the log of changes and no report was read.
RUNNER_OF_CHANGES = "changes"
# What UInt64 and Decimal(18, 9) hold.
LARGEST_COUNT = 2**64 - 1
LARGEST_USD = Decimal("999999999.999999999")
# More active parts than this are merged after a load; a short-lived process never gets to it by itself.
MERGED_FROM_PARTS = 8


@dataclass(slots=True)
class Load:
    """One run's write, as a row of `loads`."""

    load_id: int
    machine: str
    started_at: datetime
    installation: str = ""
    tool_version: str = ""
    ccusage_version: str = ""
    runner: str = ""
    timezone: str = ""
    cost_mode: str = ""
    is_offline: bool = True
    data_dirs: tuple[str, ...] = ()
    state: str = "running"
    revision: int = 0
    finished_at: datetime | None = None
    reports: tuple[str, ...] = ()
    failed_reports: tuple[str, ...] = ()
    verdicts: dict[str, int] = field(default_factory=dict)
    tokens_before: int = 0
    tokens_after: int = 0
    records_after: int | None = None
    cost_before_usd: Decimal = Decimal(0)
    cost_after_usd: Decimal = Decimal(0)
    intact_from: date | None = None
    undoes: int = 0
    phases: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    error: str = ""

    @property
    def is_failure(self) -> bool:
        """Whether it failed, as a whole or in some of its reports."""
        return self.state in ("failed", "interrupted") or bool(self.failed_reports)


LOAD_COLUMNS = tuple(column.name for column in fields(Load))


def read_records(warehouse: ClickHouse, machine: str, offered: Iterable[Record] = ()) -> list[Record]:
    """Return what is shown for one machine, all reports.

    A record that equals an offered one is that very object: most do, and are not held twice.
    """
    known = {(record.report, record.agent, record.key): record for record in offered}
    columns = ", ".join((*_FIELDS[:_MODELS], *_MODEL_COLUMNS, *_FIELDS[_MODELS + 1 :]))
    rows = warehouse.stream(
        f"SELECT {columns} FROM records FINAL WHERE machine = {{machine:String}}",  # noqa: S608 - column names of ours
        {"machine": machine},
    )
    records = []
    for record in map(_record, rows):
        same = known.get((record.report, record.agent, record.key), record)
        records.append(same if same == record else record)
    return records


@dataclass(frozen=True, slots=True)
class LoggedOffer:
    """The last offer that was logged under a key and not written."""

    verdict: Verdict
    offered: bytes
    is_of_new_key: bool


def read_last_offers(warehouse: ClickHouse, machine: str) -> dict[Identity, LoggedOffer]:
    """Return the last offer that was logged and not written, by report, agent and key.

    Only committed loads count: what a load that died had logged is logged again.
    """
    rows = warehouse.rows(
        "SELECT report, agent, key, argMax((is_written, verdict, offered, empty(stored)), load_id) AS last FROM changes"
        " WHERE machine = {machine:String} AND load_id IN"
        " (SELECT load_id FROM loads FINAL WHERE machine = {machine:String} AND state = 'committed')"
        " GROUP BY report, agent, key HAVING NOT last.1",
        {"machine": machine},
    )
    return {
        (report, agent, key): LoggedOffer(Verdict(last[1]), last[2].encode(), is_of_new_key=bool(last[3]))
        for report, agent, key, last in rows
    }


def read_taken_back(warehouse: ClickHouse, machine: str) -> dict[Identity, int]:
    """Return the records whose last change took a load back, with the larger of the two numbers of tokens."""
    rows = warehouse.rows(
        "SELECT report, agent, key, argMax((reason, greatest(stored_tokens, offered_tokens)), load_id) AS last"
        " FROM changes WHERE machine = {machine:String} AND is_written"
        " AND key IN (SELECT key FROM changes WHERE machine = {machine:String} AND reason = {undone:String})"
        " AND load_id IN (SELECT load_id FROM loads FINAL WHERE machine = {machine:String}"
        " AND state IN ('committed', 'undone'))"
        " GROUP BY report, agent, key HAVING last.1 = {undone:String}",
        {"machine": machine, "undone": str(Reason.UNDONE)},
    )
    return {(report, agent, key): last[1] for report, agent, key, last in rows}


def read_latest_window(warehouse: ClickHouse, machine: str, now: datetime) -> date | None:
    """Return the latest first day of a window that a load of this machine knew; loads of a wrong clock do not count."""
    rows = warehouse.rows(
        "SELECT max(intact_from) FROM loads FINAL WHERE machine = {machine:String} AND state IN ('committed', 'undone')"
        " AND started_at <= {now:DateTime64(3, 'UTC')}",
        {"machine": machine, "now": now},
    )
    return rows[0][0] if rows else None


def read_loads(
    warehouse: ClickHouse, *, machine: str = "", state: str = "", load_id: int = 0, limit: int = 2**63
) -> list[Load]:
    """Return loads, newest first; an empty machine or state, or load 0, means any."""
    columns = ", ".join(LOAD_COLUMNS)
    rows = warehouse.rows(
        f"SELECT {columns} FROM loads FINAL"  # noqa: S608 - column names of ours
        " WHERE ({machine:String} = '' OR machine = {machine:String})"
        " AND ({state:String} = '' OR state = {state:String})"
        " AND ({load_id:UInt64} = 0 OR load_id = {load_id:UInt64})"
        " ORDER BY load_id DESC LIMIT {limit:UInt64}",
        {"machine": machine, "state": state, "load_id": load_id, "limit": limit},
    )
    return [Load(**dict(zip(LOAD_COLUMNS, row, strict=True))) for row in rows]


def last_load_id(warehouse: ClickHouse, machine: str) -> int:
    """Return the newest load of a machine, 0 where there is none."""
    rows = warehouse.rows("SELECT max(load_id) FROM loads WHERE machine = {machine:String}", {"machine": machine})
    return int(rows[0][0])


def next_load_id(warehouse: ClickHouse, machine: str) -> int:
    """Return microseconds since 1970, or one more than the last load where the clock was set back."""
    return max(time.time_ns() // 1000, last_load_id(warehouse, machine) + 1)


def settle_dead_loads(warehouse: ClickHouse, machine: str) -> list[str]:
    """Give loads that died while running the state they reached, and return these states.

    A load whose rows are published is committed. Any other never became visible and is interrupted. The caller must
    be the only importer of this machine.
    """
    states = []
    for load in read_loads(warehouse, machine=machine, state="running"):
        published = warehouse.rows(
            "SELECT count() FROM records WHERE machine = {machine:String} AND load_id = {load_id:UInt64}",
            {"machine": machine, "load_id": load.load_id},
        )
        if published[0][0]:
            commit(warehouse, load)
        else:
            load.state = "interrupted"
            write_load(warehouse, load)
        states.append(load.state)
    _settle_undone(warehouse, machine)
    return states


def commit(warehouse: ClickHouse, load: Load) -> None:
    """Mark a published load as committed, and what it takes back as undone or committed again."""
    load.state, load.finished_at = "committed", datetime.now(UTC)
    load.records_after = _count_records(warehouse, load.machine)
    write_load(warehouse, load)
    if load.undoes:
        _settle_undone(warehouse, load.machine)


def _settle_undone(warehouse: ClickHouse, machine: str) -> None:
    """Write the states that follow from who took back whom: a load is undone while a committed one undoes it.

    A load is younger than the one it undoes, so the youngest is settled first.
    """
    rows = warehouse.rows(
        "SELECT load_id, undoes FROM loads FINAL WHERE machine = {machine:String} AND undoes != 0"
        " AND state IN ('committed', 'undone')",
        {"machine": machine},
    )
    undoes = {int(load_id): int(undone) for load_id, undone in rows}
    undone = set[int]()
    for load_id in sorted(undoes, reverse=True):
        if load_id not in undone:
            undone.add(undoes[load_id])
    for load_id in {*undoes, *undoes.values()}:
        state = "undone" if load_id in undone else "committed"
        for load in read_loads(warehouse, machine=machine, load_id=load_id):
            if load.state in ("committed", "undone") and load.state != state:
                load.state = state
                write_load(warehouse, load)


def _count_records(warehouse: ClickHouse, machine: str) -> int:
    rows = warehouse.rows("SELECT count() FROM records FINAL WHERE machine = {machine:String}", {"machine": machine})
    return int(rows[0][0])


def write_load(warehouse: ClickHouse, load: Load) -> None:
    """Write the row of a load, replacing its earlier revision."""
    load.revision += 1
    row = tuple(_storable(getattr(load, column)) for column in LOAD_COLUMNS)
    warehouse.insert("loads", LOAD_COLUMNS, [row], token=f"{load.machine}/{load.load_id}/load/{load.revision}")


def _storable(value: Any) -> Any:
    """Return a value of a load as it can be stored: sums of records that fit may not fit themselves."""
    if isinstance(value, int):
        return min(value, LARGEST_COUNT)
    return min(value, LARGEST_USD) if isinstance(value, Decimal) else value


def write_decisions(
    warehouse: ClickHouse, load: Load, decisions: Sequence[Decision], whole: Collection[str] = ()
) -> None:
    """Log the decisions, then publish all written ones in one INSERT; `whole` are reports that were judged whole."""
    logged = worth_logging(decisions, read_last_offers(warehouse, load.machine), whole)
    for first in range(0, len(logged), LOGGED_AT_ONCE):
        lines = [_change_json(load, decision) for decision in logged[first : first + LOGGED_AT_ONCE]]
        warehouse.insert_encoded(
            "changes", b"\n".join(lines), "JSONEachRow", f"{load.machine}/{load.load_id}/changes/{first}"
        )
    rows = [
        (load.load_id, int(decision.offered is None), *_values(decision.record))
        for decision in decisions
        if decision.is_written
    ]
    if rows:
        warehouse.insert("records", RECORD_COLUMNS, rows, token=f"{load.machine}/{load.load_id}/records")


def tidy(warehouse: ClickHouse) -> None:
    """Remove what replaced rows leave behind in an embedded warehouse, as a server does by itself after a while."""
    if not warehouse.is_embedded:
        return
    parts = warehouse.rows(
        "SELECT table, count() FROM system.parts WHERE database = {name:String} AND active GROUP BY table",
        {"name": warehouse.database},
    )
    for table, count in parts:
        if count > MERGED_FROM_PARTS:
            warehouse.command(f"OPTIMIZE TABLE `{table}` FINAL")
        # A no-op for the data that makes the engine drop outdated parts now instead of after half a minute.
        warehouse.command(f"ALTER TABLE `{table}` DROP PARTITION ID 'none'")


def offer_json(record: Record | None) -> bytes:
    """Return a record as JSON with the names of its columns; empty for no record."""
    if record is None:
        return b""
    columns: dict[str, Any] = dict(zip(_FIELDS, _values(record), strict=True))
    columns["models"] = [model._asdict() for model in record.models]
    if not record.is_dated_ahead:
        # Offers that were logged before there was such a column are the same as before.
        del columns["is_dated_ahead"]
    return to_json(columns)


def record_of_json(text: str) -> Record | None:
    """Return the record that `offer_json` wrote, None for an empty text."""
    if not text:
        return None
    columns = json.loads(text)
    columns["provenance"] = {name: columns.pop(name) for name in Provenance._fields}
    return _record_adapter().validate_python(columns)


@cache
def _record_adapter() -> TypeAdapter[Record]:
    return TypeAdapter(Record)


def worth_logging(
    decisions: Iterable[Decision], known: Mapping[Identity, LoggedOffer], whole: Collection[str] = ()
) -> list[Decision]:
    """Return what is logged: what changes something, each held offer once, and where nothing is held any more."""
    logged, decided = [], set[Identity]()
    for decision in decisions:
        decided.add(decision.record.identity)
        last = known.get(decision.record.identity)
        if decision.verdict in NOT_LOGGED:
            if last and last.verdict is Verdict.HELD:
                logged.append(replace(decision, verdict=Verdict.UNCHANGED, reason=Reason.OFFERED_AGAIN))
        elif (
            decision.is_written
            or last is None
            or last.verdict in NOT_LOGGED
            or last.offered != offer_json(decision.offered)
        ):
            logged.append(decision)
    return [*logged, *_withdrawn(known, decided, whole)]


def _is_news(last: LoggedOffer | None, decision: Decision) -> bool:
    return last is None or last.verdict in NOT_LOGGED or last.offered != offer_json(decision.offered)


def _withdrawn(
    known: Mapping[Identity, LoggedOffer], decided: Collection[Identity], whole: Collection[str]
) -> Iterator[Decision]:
    """Yield offers of keys that were never stored and are not offered any more: what they held is elsewhere now."""
    for identity, last in known.items():
        report, agent, _ = identity
        is_gone = identity not in decided and report_label(report, agent) in whole
        if is_gone and last.is_of_new_key and last.verdict is Verdict.HELD:
            offered = record_of_json(last.offered.decode())
            yield Decision(Verdict.UNCHANGED, Reason.WITHDRAWN, None, offered, is_written=False)


def _change_json(load: Load, decision: Decision) -> bytes:
    stored, offered, record = decision.stored, decision.offered, decision.record
    return to_json(
        {
            "load_id": load.load_id,
            "decided_at": datetime.now(UTC),
            "report": record.report,
            "machine": record.machine,
            "agent": record.agent,
            "key": record.key,
            "day": record.day,
            "verdict": str(decision.verdict),
            "reason": str(decision.reason),
            "is_written": decision.is_written,
            "stored_tokens": stored.total_tokens if stored else 0,
            "offered_tokens": offered.total_tokens if offered else 0,
            "stored_cost_usd": stored.cost_usd if stored else 0,
            "offered_cost_usd": offered.cost_usd if offered else 0,
            "stored": offer_json(stored).decode(),
            "offered": offer_json(offered).decode(),
        }
    )


def _values(record: Record) -> tuple[Any, ...]:
    return (*record[:PROVENANCE], *record.provenance, *record[PROVENANCE + 1 :])


def _record(row: Sequence[Any]) -> Record:
    columns = iter(row)
    before = tuple(islice(columns, PROVENANCE))
    *text, data_dirs = islice(columns, len(Provenance._fields))
    models = tuple(map(ModelUsage, *islice(columns, len(_MODEL_COLUMNS))))
    provenance = Provenance._make((*text, tuple(data_dirs)))
    return Record._make((*before, provenance, models, tuple(next(columns)), *columns))
