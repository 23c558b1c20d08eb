"""Facts in the order of months: each stays under the month where it was first stored, and none counts twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from itertools import permutations
from pathlib import Path

import pytest

from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.exceptions import QueryError
from ccusage_import.history.push_facts import push_facts
from ccusage_import.warehouse.clickhouse_client import ClickHouse, open_warehouse
from ccusage_import.warehouse.migrations import (
    apply_migrations,
    known_migrations,
    pending_migrations,
    sql_directory,
    statements,
)
from tests.conftest import Place, Program, Spares
from tests.support.facts import Reader

JANUARY, FEBRUARY, MARCH = (date(2026, month, 1) for month in (1, 2, 3))
LAST_OF_JANUARY, FIRST_OF_FEBRUARY = date(2026, 1, 31), date(2026, 2, 1)
ANSWER, CALL, RESULT = "answer", "call", "result"


@pytest.fixture
def opened(migrated: Place) -> Iterator[ClickHouse]:
    """A warehouse in which each INSERT stays a part of its own."""
    with migrated.opened() as warehouse:
        warehouse.command("SYSTEM STOP MERGES")
        yield warehouse
        warehouse.command("SYSTEM START MERGES")


def line(kind: str, at: str, output_tokens: int = 20) -> str:
    """Return a record of one answer that calls a tool, or the result of the call."""
    record: dict[str, object] = {"sessionId": "s", "version": "2.1.42", "timestamp": at, "uuid": f"{kind} {at}"}
    if kind == RESULT:
        result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "done"}
        record |= {"type": "user", "message": {"role": "user", "content": [result]}}
    else:
        called = {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": "ls"}}
        content = [called if kind == CALL else {"type": "text", "text": "yes"}]
        usage = {"input_tokens": 0, "output_tokens": output_tokens}
        message = {"id": "msg_1", "model": "claude-opus-4-6", "role": "assistant", "content": content, "usage": usage}
        record |= {"type": "assistant", "requestId": "req_1", "message": message}
    return json.dumps(record, separators=(",", ":")) + "\n"


def read_one_by_one(opened: ClickHouse, directory: Path, lines: list[str]) -> Reader:
    """Read a transcript that grows by a line between two readings."""
    reader = Reader(opened, directory / "home")
    file = directory / "claude" / "projects" / "-home-dev-shop" / "s.jsonl"
    file.parent.mkdir(parents=True)
    for each in lines:
        with file.open("a") as transcript:
            transcript.write(each)
        reader.read(directory / "claude")
    return reader


def messages_of(opened: ClickHouse, day: date) -> list[tuple[object, ...]]:
    sql = "SELECT date, output_tokens FROM messages WHERE date = {day:Date}"
    return [tuple(row) for row in opened.rows(sql, {"day": day})]


def test_an_answer_across_the_end_of_a_month_counts_once_on_the_day_of_its_largest_record(
    opened: ClickHouse, tmp_path: Path
) -> None:
    read_one_by_one(opened, tmp_path, [line(ANSWER, "2026-01-31T23:59:59.000Z", 20)])
    assert (messages_of(opened, LAST_OF_JANUARY), messages_of(opened, FIRST_OF_FEBRUARY)) == (
        [(LAST_OF_JANUARY, 20)],
        [],
    )

    other = Reader(opened, tmp_path / "home")
    with (tmp_path / "claude" / "projects" / "-home-dev-shop" / "s.jsonl").open("a") as transcript:
        transcript.write(line(ANSWER, "2026-02-01T00:00:01.000Z", 50))
    other.read(tmp_path / "claude")

    assert (messages_of(opened, LAST_OF_JANUARY), messages_of(opened, FIRST_OF_FEBRUARY)) == (
        [],
        [(FIRST_OF_FEBRUARY, 50)],
    )
    assert opened.rows("SELECT sum(output_tokens) FROM messages") == [(50,)]
    assert opened.rows("SELECT DISTINCT month FROM message_facts_by_month") == [(JANUARY,)]
    assert opened.rows("SELECT counts_in FROM messages") == [(["daily", "session"],)]


@pytest.mark.parametrize("order", list(permutations((CALL, RESULT))))
def test_a_call_and_its_result_of_the_next_month_are_one_call_in_either_order(
    opened: ClickHouse, tmp_path: Path, order: tuple[str, ...]
) -> None:
    at = {CALL: "2026-01-31T23:59:59.000Z", RESULT: "2026-02-01T00:00:09.000Z"}

    read_one_by_one(opened, tmp_path, [line(kind, at[kind]) for kind in order])

    asked = "SELECT tool, status, wall_ms FROM tool_calls WHERE toDate(called_at) = {day:Date}"
    assert [tuple(row) for row in opened.rows(asked, {"day": LAST_OF_JANUARY})] == [("Bash", "ok", 10_000)]
    assert opened.rows(asked, {"day": FIRST_OF_FEBRUARY}) == []
    first = JANUARY if order[0] == CALL else FEBRUARY
    assert opened.rows("SELECT DISTINCT month FROM tool_call_facts_by_month") == [(first,)]


@pytest.mark.parametrize("tokens", [20, 90], ids=["equal", "larger"])
def test_a_copy_that_another_writer_stored_in_another_month_is_hidden_when_it_is_read_again(
    opened: ClickHouse, tmp_path: Path, tokens: int
) -> None:
    reader = read_one_by_one(opened, tmp_path, [line(ANSWER, "2026-01-31T23:59:59.000Z", 20)])
    opened.command(
        "INSERT INTO message_facts_by_month SELECT * REPLACE ({month:Date} AS month, {tokens:UInt64} AS output_tokens)"
        " FROM message_facts_by_month",
        {"month": MARCH, "tokens": tokens},
    )
    assert opened.rows("SELECT count() FROM messages") == [(2,)]

    for _ in range(2):
        reader.cursor.unlink()
        reader.read(tmp_path / "claude")
        assert opened.rows("SELECT count(), max(output_tokens) FROM messages") == [(1, tokens)]
    assert opened.rows("SELECT uniqExact(load_id) FROM message_facts_by_month WHERE NOT is_shown") == [(1,)]


@pytest.mark.parametrize("is_larger", [False, True], ids=["as large", "larger"])
def test_two_warehouses_that_stored_a_fact_under_two_months_count_it_once_when_one_is_pushed_to_the_other(
    spares: Spares, embedded: Callable[[str], Place], tmp_path: Path, *, is_larger: bool
) -> None:
    result = line(RESULT, "2026-02-01T00:00:09.000Z")
    calls = [line(CALL, "2026-01-31T23:59:59.000Z", 20), line(CALL, "2026-02-01T00:00:01.000Z", 50)]
    months = "SELECT (SELECT any(month) FROM message_facts_by_month), (SELECT any(month) FROM tool_call_facts_by_month)"
    with embedded("laptop").opened() as source, spares.lent() as server, server.opened() as target:
        if is_larger:
            read_one_by_one(source, tmp_path / "laptop", [result + "".join(calls)])
            read_one_by_one(target, tmp_path / "server", calls[:1])
            assert (source.rows(months), target.rows(months)) == ([(FEBRUARY, JANUARY)], [(JANUARY, JANUARY)])
        else:
            read_one_by_one(source, tmp_path / "laptop", [result, *calls])
            read_one_by_one(target, tmp_path / "server", ["".join(calls)])
            assert (source.rows(months), target.rows(months)) == ([(JANUARY, FEBRUARY)], [(FEBRUARY, JANUARY)])

        for _ in range(2):
            push_facts(source, target, "studio")
            assert target.rows("SELECT date, output_tokens, counts_in FROM messages") == [
                (FIRST_OF_FEBRUARY, 50, ["daily", "session"])
            ]
            assert target.rows("SELECT tool, status, wall_ms FROM tool_calls") == [("Bash", "ok", 10_000)]


def older(opened: ClickHouse) -> None:
    """Give a warehouse the tables of an older release, and facts in several parts."""
    for migration in known_migrations():
        if not migration.is_view and migration.version < "0013":
            for statement in statements(migration.sql, opened):
                opened.command(statement)
    columns = "machine, message, request, copy, version, is_shown, counts_in, at, date, output_tokens"
    for version, day, tokens in ((1, LAST_OF_JANUARY, 20), (2, FIRST_OF_FEBRUARY, 50)):
        at = f"toDateTime64('{day} 12:00:00', 3, 'UTC')"
        opened.command(
            f"INSERT INTO message_facts ({columns}) VALUES ('m', 7, 8, 3, {version}, true, 3, {at}, '{day}', {tokens})"
        )
    # A fold: what it hides has no time, nor has its row.
    opened.command(
        "INSERT INTO message_facts (machine, message, record, first_load_id, load_id, version, date)"
        " VALUES ('m', 1, 5, 5, 5, 5, '2026-03-01')"
    )
    opened.command(
        "INSERT INTO tool_call_facts (machine, call, first_load_id, last_load_id, called_at, tool)"
        " VALUES ('m', 9, 1, 1, '2026-01-31 23:59:59', 'Bash')"
    )
    opened.command(
        "INSERT INTO tool_call_facts (machine, call, first_load_id, last_load_id, answered_at)"
        " VALUES ('m', 9, 2, 2, '2026-02-01 00:00:09')"
    )


def moved(opened: ClickHouse) -> None:
    """Check what became of these facts."""
    assert opened.rows("SELECT date, output_tokens FROM messages") == [(FIRST_OF_FEBRUARY, 50)]
    assert opened.rows("SELECT month, message, version FROM message_facts_by_month FINAL ORDER BY month") == [
        (date(1970, 1, 1), 1, 5),
        (FEBRUARY, 7, 2),
    ]
    assert opened.rows("SELECT tool, status, wall_ms FROM tool_calls") == [("Bash", "ok", 10_000)]
    assert opened.rows("SELECT month FROM tool_call_facts_by_month FINAL") == [(JANUARY,)]
    assert not opened.columns("message_facts")
    assert not opened.columns("tool_call_facts")
    assert pending_migrations(opened, with_dropped=True) == []


@pytest.fixture
def empty(place: Place) -> Iterator[ClickHouse]:
    """An open warehouse without tables."""
    with open_warehouse(parse_warehouse_url(place.url), creates_database=True) as warehouse:
        yield warehouse


def test_facts_of_an_older_release_move_however_often_that_is_ended_half_way(empty: ClickHouse) -> None:
    older(empty)
    moves = {known.version: statements(known.sql, empty) for known in known_migrations()}
    for number in range(len(moves["0013"]) + 1):
        for statement in moves["0013"][:number]:
            empty.command(statement)
    for number in range(len(moves["0014"])):
        for statement in moves["0014"][:number]:
            empty.command(statement)

    record(empty, "0013")
    apply_migrations(empty)

    moved(empty)


def record(opened: ClickHouse, version: str) -> None:
    """Write down that all migrations up to one were applied."""
    done = [known for known in known_migrations() if not known.is_view and known.version <= version]
    for statement in statements((sql_directory() / "schema_migrations.sql").read_text("utf-8"), opened):
        opened.command(statement)
    rows = [(known.version, known.checksum, datetime.now(UTC), "0.1.0") for known in done]
    opened.insert("schema_migrations", ("version", "checksum", "applied_at", "tool_version"), rows, token="older")


def test_a_program_of_an_older_release_cannot_write_where_nobody_looks_any_more(empty: ClickHouse) -> None:
    older(empty)
    record(empty, "0012")
    apply_migrations(empty)
    moved(empty)

    older_again = known_migrations()[7]
    assert older_again.version == "0008"
    for statement in statements(older_again.sql, empty):
        empty.command(statement)
    [fence, *_] = [one for one in statements(known_migrations()[12].sql, empty) if "ADD CONSTRAINT" in one]
    empty.command(fence)
    with pytest.raises(QueryError, match="moved_to_message_facts_by_month"):
        empty.insert("message_facts", ("machine", "message"), [("m", 1)], token="late")
    assert empty.rows("SELECT count() FROM message_facts") == [(0,)]


def test_a_warehouse_of_an_older_release_is_backed_up_before_it_is_migrated(
    program: Program, place: Place, tmp_path: Path
) -> None:
    with open_warehouse(parse_warehouse_url(place.url), creates_database=True) as warehouse:
        older(warehouse)
        record(warehouse, "0012")

    saved = program("backup", "saved", "--warehouse", place.url)
    restored = program("restore", "saved", "--warehouse", f"chdb://{tmp_path}/restored")

    assert (saved.exit_code, restored.exit_code) == (0, 0), saved.stderr + restored.stderr
    with open_warehouse(parse_warehouse_url(f"chdb://{tmp_path}/restored")) as warehouse:
        moved(warehouse)
