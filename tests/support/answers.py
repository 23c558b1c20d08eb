"""Writes tests/querying/answers.json: what named queries, views, a report and a calendar say of a whole fleet.

    python -m tests.support.answers

An answer of a few rows stands there in full. Of a longer one there are its first rows, their number and a digest of all
of them, so that no row changes unseen.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import SecretStr

from ccusage_import.config.settings import Settings
from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.digest.model import EVERYTHING, Selection
from ccusage_import.digest.reading.reader import read_calendar, read_digest
from ccusage_import.querying.queries import read_queries, view_names
from ccusage_import.warehouse.clickhouse_client import ClickHouse, open_warehouse
from ccusage_import.warehouse.migrations import apply_migrations
from tests.support.fleet import EARLIEST, LAST_DAY, MODEL, PROJECT, write_whole_fleet, write_work

FILE = Path(__file__).parent.parent / "querying" / "answers.json"
FULL, FIRST, DIGITS = 6, 2, 9
# The filters have tests of their own; the other parameters are asked with their defaults, and with other values.
GIVEN = {"since": EARLIEST, "top": "50", "day": "2099-06-10", "model": MODEL}
OTHERS = {
    **GIVEN, "since": "2099-05-31", "until": "2099-07-01", "before": "2099-05-12", "top": "3", "report": "session",
    "from_hour": "8", "to_hour": "20", "times": "2.5", "least_sessions": "2", "max_output_tokens": "500",
}  # fmt: skip
MACHINE = {**GIVEN, "machine": "machine-02"}
# Figures that grow older while they are read.
OF_NOW = {"age_hours", "age_minutes", "minutes_left", "rate_per_hour", "read_minutes_ago"}
SETTINGS = Settings(warehouse="chdb:///unused", machine="machine-00", salt=SecretStr("unused"), timezone="Asia/Kolkata")
MADE_AT = datetime(2099, 7, 21, tzinfo=UTC)


def main() -> None:
    """Write what is answered now."""
    with tempfile.TemporaryDirectory() as directory, filled(Path(directory)) as warehouse:
        answers = answers_of(warehouse)
    lines = [f"{json.dumps(name)}: {_lines(answer)}" for name, answer in answers.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


@contextmanager
def filled(directory: Path) -> Iterator[ClickHouse]:
    """Open a warehouse with all that is asked about."""
    url = parse_warehouse_url(f"chdb://{directory}/warehouse")
    with open_warehouse(url, creates_database=True) as warehouse:
        apply_migrations(warehouse)
        write_whole_fleet(warehouse)
        write_work(warehouse)
        yield warehouse


def recorded() -> Mapping[str, list[Any]]:
    """Return the answers of the file."""
    answers: dict[str, list[Any]] = json.loads(FILE.read_text("utf-8"))
    return answers


def answers_of(warehouse: ClickHouse) -> Mapping[str, list[Any]]:
    """Return each question with its answer, cut where it is long."""
    return {name: _cut(rows) for name, rows in _answers(warehouse)}


def answers_of_views(warehouse: ClickHouse, settings: Mapping[str, int]) -> Mapping[str, list[Any]]:
    """Return each view with what it answers to somebody with other settings, cut where it is long."""
    return {name: _cut(rows) for name, rows in _views(warehouse, settings)}


def _answers(warehouse: ClickHouse) -> Iterator[tuple[str, list[Any]]]:
    ((project,),) = warehouse.rows(f"SELECT {PROJECT}")
    needed = {**GIVEN, "project": str(project)}
    for query in read_queries():
        for kind, asked in (("query", GIVEN), ("query with other values", OTHERS), ("query of one machine", MACHINE)):
            given = {
                each.name: {**needed, **asked}[each.name]
                for each in query.parameters
                if each.name in asked or each.default is None
            }
            yield f"{kind}: {query.name}", _rows(warehouse, query.sql, query.values(given, LAST_DAY))
    yield from _views(warehouse, {})
    one, first, last = ("machine-00", "claude"), date(2099, 5, 12), date(2099, 7, 10)
    yield from _report(warehouse, "everything", EVERYTHING)
    yield from _report(warehouse, "one machine", Selection("machine-01", "claude"))
    yield from _report(warehouse, "some days", Selection(since=first, until=LAST_DAY))
    yield from _report(warehouse, "one machine to the end of a month", Selection(*one, until=date(2099, 6, 30)))
    yield from _report(warehouse, "a project of one machine", Selection(*one, "shop", [project]))
    yield from _report(
        warehouse, "some days of a project of one machine", Selection(*one, "shop", [project], first, last)
    )


def _views(warehouse: ClickHouse, settings: Mapping[str, int]) -> Iterator[tuple[str, list[Any]]]:
    for name in view_names():
        yield f"view: {name}", sorted(_rows(warehouse, f"SELECT * FROM {name}", {}, settings), key=str)


def _report(warehouse: ClickHouse, name: str, selection: Selection) -> Iterator[tuple[str, list[Any]]]:
    digest = read_digest(warehouse, SETTINGS, named=str, selection=selection, is_page=True)
    # The other spans end today.
    spans = [span for span in digest.spans if span.last_day in {LAST_DAY, selection.until}]
    for part, value in _parts(replace(digest, made_at=MADE_AT, today=LAST_DAY, spans=spans)):
        yield f"report of {name}: {part}", _listed(value)
    calendar = read_calendar(warehouse, SETTINGS, named=str, version="1.2.3", selection=selection)
    yield f"calendar of {name}", re.sub(r"DTSTAMP:.*", "", calendar).splitlines()


def _parts(digest: Any) -> Iterator[tuple[str, Any]]:
    """Yield the figures and tables of a digest, and of the digests in it."""
    for part in fields(digest):
        value = getattr(digest, part.name)
        if part.name in {"detail", "work"}:
            yield from ((f"{part.name} {name}", each) for name, each in _parts(value))
        else:
            yield part.name, value


def _rows(
    warehouse: ClickHouse, sql: str, values: Mapping[str, str], settings: Mapping[str, int] = MappingProxyType({})
) -> list[Any]:
    found = warehouse.raw(sql, "JSONEachRow", {"output_format_json_quote_64bit_integers": 0, **settings}, values)
    rows = [json.loads(line, parse_float=_rounded) for line in found.decode().splitlines()]
    return [{name: None if name in OF_NOW else value for name, value in row.items()} for row in rows]


def _rounded(number: str) -> float:
    """Return a number without the digits that depend on the order in which it was summed up."""
    return float(f"{float(number):.{DIGITS}g}")


def _listed(value: object) -> list[Any]:
    return [*map(_plain, value)] if isinstance(value, (list, tuple)) else [_plain(value)]


def _plain(value: object) -> Any:
    """Return what JSON can hold of a part of a digest."""
    match value:
        case _ if is_dataclass(value):
            return {part.name: _plain(getattr(value, part.name)) for part in fields(value)}
        case Mapping():
            return {str(name): _plain(each) for name, each in value.items()}
        case list() | tuple():
            return [*map(_plain, value)]
        case float():
            return _rounded(str(value))
        case None | bool() | int():
            return value
    return str(value)


def _cut(rows: Sequence[Any]) -> list[Any]:
    if len(rows) <= FULL:
        return [*rows]
    digest = hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]
    return [*rows[:FIRST], {"rows": len(rows), "digest": digest}]


def _lines(answer: Sequence[Any]) -> str:
    return "[" + ",".join("\n  " + json.dumps(row, ensure_ascii=False) for row in answer) + "]"


if __name__ == "__main__":
    main()
