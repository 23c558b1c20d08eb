"""The tables as values: records, loads, and what the log of changes says of them."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import TypeAdapter
from pydantic_core import to_json

from ccusage_import.records import PROVENANCE, Identity, ModelUsage, Provenance, Record
from ccusage_import.rule.verdicts import Reason
from ccusage_import.warehouse.clickhouse_client import WITHOUT_REPEATS, ClickHouse, Question

if TYPE_CHECKING:
    from ccusage_import.rule.ledger import Weighed
    from ccusage_import.statistics import Totals

# `models` is read as one array a column: faster than an array of tuples, and the same in every driver version.
_MODEL_COLUMNS = tuple(f"models.{name}" for name in ModelUsage._fields)
_FIELDS = (*Record._fields[:PROVENANCE], *Provenance._fields, *Record._fields[PROVENANCE + 1 :])
_MODELS = _FIELDS.index("models")
_REPORT, _AGENT, _KEY = map(_FIELDS.index, ("report", "agent", "key"))
# As they are read: the data directories, the parts of the models, the names of models.
_ARRAYS = range(_MODELS - 1, _MODELS + len(_MODEL_COLUMNS) + 1)
RECORD_COLUMNS = ("load_id", "is_deleted", *_FIELDS)
# What stands in for a verdict where a load counts the records of a report that cannot be true.
REFUSED = "refused"
# What stands in for a runner where no report was read.
NOT_IMPORTS = ("changes", "push", "rename machine", "rename projects", "compact", "transcripts", "watch")
# Undo, accept and repair; push; the two renames; compact.
RUNNER_OF_CHANGES, RUNNER_OF_PUSH, RUNNER_OF_MACHINE, RUNNER_OF_PROJECTS, RUNNER_OF_COMPACT = NOT_IMPORTS[:5]
# Transcripts alone: once, or as they grow.
RUNNER_OF_TRANSCRIPTS, RUNNER_OF_WATCH = RUNNERS_OF_FACTS = NOT_IMPORTS[5:]
# The state of the loads of a machine under a name that it gave back.
RENAMED = "renamed"
# Under which name a logged record tells of its messages, and what it tells.
WEIGHED, _WEIGHED_COUNTS = "weighed", ("messages", "left", "tokens_gone")
# More are read a block at a time, as 100,000 in one answer take 200 MB more.
FEW_RECORDS = 20_000
# So many stored records are compared with what is offered at once; of those beside one that differs, records are made.
COMPARED_AT_ONCE = 256
# A second thread would only take more memory: it is done long before objects are made of what it reads.
ONE_THREAD: Mapping[str, Any] = {"max_threads": 1}
# What UInt64 and Decimal(18, 9) hold.
LARGEST_COUNT = 2**64 - 1
LARGEST_USD = Decimal("999999999.999999999")


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
    # Empty for names in clear, else a fingerprint of the salt; None where an older release wrote it.
    naming: str | None = None
    facts: dict[str, int] = field(default_factory=dict)

    @property
    def is_published(self) -> bool:
        """Whether all that it wrote is visible, or was until it was undone."""
        return self.state in ("committed", "undone")

    @property
    def is_failure(self) -> bool:
        """Whether it failed, as a whole or in some of its reports."""
        return self.state in ("failed", "interrupted") or bool(self.failed_reports)


LOAD_COLUMNS = tuple(column.name for column in fields(Load))


def count_totals(load: Load, before: Totals, after: Totals) -> None:
    """Write into a load what all days of its machine add up to before and after it."""
    load.tokens_before, load.cost_before_usd = before.total_tokens, before.cost_usd
    load.tokens_after, load.cost_after_usd = after.total_tokens, after.cost_usd


def read_records(warehouse: ClickHouse, machine: str, offered: Iterable[Record] = ()) -> list[Record]:
    """Return what is shown for one machine, all reports.

    A record that equals an offered one is that very object: most do, and are not held twice.
    """
    known = defaultdict[tuple[str, str], dict[str, Record]](dict)
    for record in offered:
        known[record.report, record.agent][record.key] = record
    few = warehouse.take_answer(few_records_question(machine))
    blocks = [list(zip(*few, strict=True))] if few else warehouse.blocks(*_stored_question(machine), ONE_THREAD)
    records = [record for block in blocks for record in _as_offered(block, known)]
    if len(records) > FEW_RECORDS:
        warehouse.give_memory_back()
    return records


def few_records_question(machine: str) -> Question:
    """Return what may be asked ahead of `read_records`: many records are no answer, but a stream."""
    sql, parameters = _stored_question(machine)
    return Question(
        f"{sql} AND (SELECT count() FROM records FINAL WHERE machine = {{machine:String}}) <= {{few:UInt64}}",  # noqa: S608 - a query of ours
        {**parameters, "few": FEW_RECORDS},
    )


def _stored_question(machine: str) -> Question:
    columns = ", ".join((*_FIELDS[:_MODELS], *_MODEL_COLUMNS, *_FIELDS[_MODELS + 1 :]))
    return Question(
        f"SELECT {columns} FROM records FINAL WHERE machine = {{machine:String}}",  # noqa: S608 - column names of ours
        {"machine": machine},
    )


def is_published(warehouse: ClickHouse, load: Load) -> bool:
    """Return whether the records of a load are there, whatever its row says."""
    published = warehouse.rows(
        "SELECT count() FROM records WHERE machine = {machine:String} AND load_id = {load_id:UInt64}",
        {"machine": load.machine, "load_id": load.load_id},
    )
    return bool(published[0][0])


class TakenBack(NamedTuple):
    """Up to how many tokens a record stays taken back, by which load, and how many were shown before that."""

    tokens: int
    undone_by: int
    shown: int


def read_taken_back(warehouse: ClickHouse, machine: str) -> dict[Identity, TakenBack]:
    """Return the records whose last change took a load back, with the larger of the two numbers of tokens."""
    rows = warehouse.rows(*taken_back_question(machine))
    return {(report, agent, key): TakenBack(*last[1:]) for report, agent, key, last in rows}


def taken_back_question(machine: str) -> Question:
    """Return what `read_taken_back` asks."""
    return Question(
        "SELECT report, agent, key,"
        " argMax((reason, greatest(stored_tokens, offered_tokens), load_id, stored_tokens), load_id) AS last"
        " FROM changes WHERE machine = {machine:String} AND is_written"
        " AND key IN (SELECT key FROM changes WHERE machine = {machine:String} AND reason = {undone:String})"
        " AND load_id IN (SELECT load_id FROM loads FINAL WHERE machine = {machine:String}"
        " AND state IN ('committed', 'undone'))"
        " GROUP BY report, agent, key HAVING last.1 = {undone:String}",
        {"machine": machine, "undone": str(Reason.UNDONE)},
    )


def read_latest_window(warehouse: ClickHouse, machine: str, now: datetime) -> date | None:
    """Return the latest first day of a window that a load of this machine knew; loads of a wrong clock do not count."""
    rows = warehouse.rows(*window_question(machine, now))
    return rows[0][0] if rows else None


def window_question(machine: str, now: datetime) -> Question:
    """Return what `read_latest_window` asks."""
    return Question(
        "SELECT max(intact_from) FROM loads FINAL WHERE machine = {machine:String} AND state IN ('committed', 'undone')"
        " AND started_at <= {now:DateTime64(3, 'UTC')}",
        {"machine": machine, "now": now},
    )


def read_loads(
    warehouse: ClickHouse,
    *,
    machine: str | None = None,
    state: str | None = None,
    load_id: int | None = None,
    limit: int | None = None,
) -> list[Load]:
    """Return loads, newest first, of any machine, state or id where none is given; `renamed` ones only on request."""
    rows = warehouse.rows(*loads_question(machine, state, load_id, limit))
    return [Load(**dict(zip(LOAD_COLUMNS, row, strict=True))) for row in rows]


def last_of(loads: Iterable[Load]) -> Load:
    """Return the newest of these loads that was published: one that failed may have been configured otherwise."""
    return next(load for load in loads if load.is_published)


def loads_question(
    machine: str | None = None, state: str | None = None, load_id: int | None = None, limit: int | None = None
) -> Question:
    """Return what `read_loads` asks."""
    condition, wanted = matching({"machine": machine, "state": state, "load_id": load_id})
    newest, parameters = limited(limit)
    any_state = "true" if state else "state != 'renamed'"
    return Question(
        f"SELECT {', '.join(LOAD_COLUMNS)} FROM loads FINAL"  # noqa: S608 - names of ours
        f" WHERE {any_state}{condition} ORDER BY load_id DESC{newest}",
        {**wanted, **parameters},
    )


def matching(wanted: Mapping[str, str | int | None]) -> tuple[str, dict[str, str | int]]:
    """Return how a condition goes on that columns have these values, and its parameters; None is any value."""
    given = {column: value for column, value in wanted.items() if value is not None}
    types = {column: "UInt64" if isinstance(value, int) else "String" for column, value in given.items()}
    return "".join(f" AND {column} = {{{column}:{types[column]}}}" for column in given), given


def limited(limit: int | None) -> tuple[str, dict[str, int]]:
    """Return how a query ends that returns so many rows, and the parameter of it; None is no limit."""
    return ("", {}) if limit is None else (" LIMIT {limit:UInt64}", {"limit": limit})


def last_load_id(warehouse: ClickHouse, machine: str) -> int:
    """Return the newest load of a machine, 0 where there is none; a machine that had the name before counts too."""
    return int(warehouse.rows(*last_load_question(machine))[0][0])


def last_load_question(machine: str) -> Question:
    """Return what `last_load_id` asks."""
    return Question(
        "SELECT max(load_id) FROM (SELECT load_id FROM loads WHERE machine = {machine:String}"
        " UNION ALL SELECT max(load_id) FROM records WHERE machine = {machine:String})",
        {"machine": machine},
    )


def next_load_id(warehouse: ClickHouse, machine: str) -> int:
    """Return microseconds since 1970, or one more than the last load where the clock was set back."""
    return max(time.time_ns() // 1000, last_load_id(warehouse, machine) + 1)


def write_load(warehouse: ClickHouse, load: Load) -> None:
    """Write the row of a load, replacing its earlier revision."""
    load.revision += 1
    row = tuple(_storable(getattr(load, column)) for column in LOAD_COLUMNS)
    warehouse.insert("loads", LOAD_COLUMNS, [row], token=f"{load.machine}/{load.load_id}/load/{load.revision}")
    if load.is_published:
        warehouse.finished_loads[load.machine] = max(warehouse.finished_loads.get(load.machine, 0), load.load_id)


def _storable(value: Any) -> Any:
    """Return a value of a load as it can be stored: sums of records that fit may not fit themselves."""
    if isinstance(value, int):
        return min(value, LARGEST_COUNT)
    return min(value, LARGEST_USD) if isinstance(value, Decimal) else value


def write_records(warehouse: ClickHouse, load_id: int, rows: Iterable[tuple[Record, bool]], token: str) -> None:
    """Publish records of a load in one INSERT, each with whether it is deleted."""
    records, are_deleted = list[Record](), list[int]()
    for record, is_deleted in rows:
        records.append(record)
        are_deleted.append(int(is_deleted))
    if not records:
        return
    columns = list(zip(*records, strict=True))
    columns[PROVENANCE : PROVENANCE + 1] = zip(*columns[PROVENANCE], strict=True)
    of_load = [[load_id] * len(records), are_deleted]
    settings = WITHOUT_REPEATS if len(records) > FEW_RECORDS else {}
    warehouse.insert_columns("records", RECORD_COLUMNS, [*of_load, *columns], token, settings)


def offer_json(record: Record | None, weighed: Weighed | None = None) -> bytes:
    """Return a record as JSON with the names of its columns, and what became of its messages; empty for no record."""
    if record is None:
        return b""
    columns: dict[str, Any] = dict(zip(_FIELDS, _values(record), strict=True))
    columns["models"] = [dict(zip(ModelUsage._fields, model, strict=True)) for model in record.models]
    if not record.is_dated_ahead:
        # Offers that were logged before there was such a column are the same as before.
        del columns["is_dated_ahead"]
    if weighed is not None:
        columns[WEIGHED] = {name: getattr(weighed, name) for name in _WEIGHED_COUNTS}
    return to_json(columns)


def record_of_json(text: str) -> Record | None:
    """Return the record that `offer_json` wrote, None for an empty text."""
    if not text:
        return None
    columns = json.loads(text)
    columns.pop(WEIGHED, None)
    columns["provenance"] = {name: columns.pop(name) for name in Provenance._fields}
    return _record_adapter().validate_python(columns)


def weighed_of_json(text: str) -> Weighed | None:
    """Return what `offer_json` wrote of the messages of a record; None where it did not."""
    counts = json.loads(text).get(WEIGHED) if WEIGHED in text else None
    if not counts:
        return None
    from ccusage_import.rule.ledger import Weighed

    return Weighed(**counts)


@cache
def _record_adapter() -> TypeAdapter[Record]:
    return TypeAdapter(Record)


def _values(record: Record) -> tuple[Any, ...]:
    return (*record[:PROVENANCE], *record.provenance, *record[PROVENANCE + 1 :])


def _as_offered(
    block: Sequence[Sequence[Any]], known: defaultdict[tuple[str, str], dict[str, Record]]
) -> Iterator[Record]:
    """Yield the records in a block of columns, in the place of equal ones those that are offered.

    Some are compared at a time, column by column: to make records of them first takes twice as long.
    """
    for first in range(0, len(block[0]), COMPARED_AT_ONCE):
        columns = [list(column[first : first + COMPARED_AT_ONCE]) for column in block]
        names = zip(columns[_REPORT], columns[_AGENT], strict=True)
        offered = [known[name].get(key) for name, key in zip(names, columns[_KEY], strict=True)]
        found = [record for record in offered if record]
        if len(found) == len(offered) and _hold(columns, found):
            yield from found
        else:
            for same, record in zip(offered, _records(columns), strict=True):
                yield same if same == record else record


def _hold(columns: Sequence[list[Any]], records: Sequence[Record]) -> bool:
    """Return whether columns, as they are read, hold exactly these records."""
    own: list[Any] = list(map(list, zip(*records, strict=True)))
    counts, models = _flat(own[PROVENANCE + 1])
    parts = list(map(list, zip(*models, strict=True))) or [[] for _ in _MODEL_COLUMNS]
    own[PROVENANCE : PROVENANCE + 2] = [
        *map(list, zip(*own[PROVENANCE], strict=True)),
        *((counts, part) for part in parts),
    ]
    for place in (_ARRAYS[0], _ARRAYS[-1]):
        own[place] = _flat(own[place])
    return own == [_flat(column) if place in _ARRAYS else column for place, column in enumerate(columns)]


def _flat(arrays: list[Sequence[Any]]) -> tuple[list[int], list[Any]]:
    """Return how long arrays are, and all that is in them."""
    return list(map(len, arrays)), list(chain.from_iterable(arrays))


def _records(block: Sequence[Sequence[Any]]) -> Iterator[Record]:
    """Return the records in a block of columns."""
    before, (*texts, data_dirs) = block[:PROVENANCE], block[PROVENANCE:_MODELS]
    models_used, *after = block[_MODELS + len(_MODEL_COLUMNS) :]
    provenances = map(Provenance, *texts, map(tuple, data_dirs))
    models = (tuple(map(ModelUsage, *parts)) for parts in zip(*block[_MODELS:][: len(_MODEL_COLUMNS)], strict=True))
    return map(Record._make, zip(*before, provenances, models, map(tuple, models_used), *after, strict=True))
