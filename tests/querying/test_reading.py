"""What a person may ask: one statement that reads the warehouse, and nothing else."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ccusage_import.config.warehouse_url import EmbeddedWarehouse, parse_warehouse_url
from ccusage_import.exceptions import FixableError, StatementRefusedError
from ccusage_import.querying.reading import read_only
from ccusage_import.warehouse.clickhouse_client import ClickHouse, open_warehouse
from ccusage_import.warehouse.driver.embedded import open_embedded
from tests.conftest import Place, Program
from tests.support.gateway.running import running_gateway
from tests.support.gateway.users import User

pytestmark = pytest.mark.usefixtures("engine_stays")

# {file} is a file that exists, {out} one that must not, {address} somebody who must not hear anything.
HOSTILE = [
    "INSERT INTO FUNCTION file('{out}', 'CSV') SELECT 1",
    "INSERT INTO FUNCTION url('{address}', 'CSV', 'a String') SELECT 'secret'",
    "INSERT INTO loads (load_id) VALUES (1)",
    "INSERT INTO loads (load_id) SELECT 1",
    "SELECT 1 INTO OUTFILE '{out}'",
    "SELECT 1 INTO OUTFILE '{out}' FORMAT CSV",
    "(SELECT 1) INTO OUTFILE '{out}'",
    "WITH 1 AS x SELECT x INTO OUTFILE '{out}'",
    "FROM daily SELECT * INTO OUTFILE '{out}'",
    "SELECT 1 UNION ALL SELECT 2 INTO OUTFILE '{out}'",
    "SELECT 1 /* */ INTO /* */ OUTFILE '{out}'",
    "SHOW TABLES INTO OUTFILE '{out}'",
    "EXPLAIN SELECT 1 INTO OUTFILE '{out}'",
    "DESCRIBE TABLE daily INTO OUTFILE '{out}'",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE loads",
    "SELECT 1; INSERT INTO loads (load_id) VALUES (1)",
    "SELECT 1;;INSERT INTO FUNCTION file('{out}', 'CSV') SELECT 1",
    "SELECT ';' ; -- nothing\n DROP TABLE loads",
    "SELECT $text$;$text$; DROP TABLE loads",
    "SELECT * FROM file('{file}', 'CSV', 'a String')",
    "SELECT * FROM file('{file}')",
    "SELECT file('{file}')",
    "SELECT length(file('{file}'))",
    "SELECT * FROM daily WHERE machine IN (SELECT file('{file}'))",
    "SELECT * FROM daily WHERE machine IN (SELECT * FROM file('{file}', 'CSV', 'a String'))",
    "WITH stolen AS (SELECT * FROM file('{file}', 'CSV', 'a String')) SELECT * FROM stolen",
    "SELECT * FROM daily JOIN file('{file}', 'CSV', 'a String') AS stolen ON true",
    "SELECT * FROM view(SELECT * FROM file('{file}', 'CSV', 'a String'))",
    "SELECT (SELECT * FROM file('{file}', 'CSV', 'a String') LIMIT 1)",
    "DESCRIBE TABLE file('{file}')",
    "DESCRIBE TABLE url('{address}')",
    "DESCRIBE TABLE (SELECT * FROM url('{address}', 'CSV', 'a String'))",
    "EXPLAIN SELECT * FROM url('{address}', 'CSV', 'a String')",
    "SELECT * FROM url('{address}', 'CSV', 'a String')",
    "SELECT * FROM URL('{address}', 'CSV', 'a String')",
    "SELECT * FROM s3('{address}/bucket/key', 'CSV', 'a String')",
    "SELECT * FROM remote('{host}', 'system', 'one')",
    "SELECT * FROM remoteSecure('{host}', 'system', 'one')",
    "SELECT * FROM mysql('{host}', 'a', 'b', 'c', 'd')",
    "SELECT * FROM postgresql('{host}', 'a', 'b', 'c', 'd')",
    "SELECT * FROM sqlite('{file}', 't')",
    "SELECT * FROM executable('cat', 'CSV', 'a String')",
    "SELECT aiGenerate(machine, map('credentials', 'anybody')) FROM daily",
    "SELECT aiEmbed(machine, 'model') FROM daily",
    "SELECT * FROM merge('', '.*')",
    "SELECT * FROM daily SETTINGS readonly = 0",
    "SET readonly = 0",
    "USE default",
    "CREATE TABLE mine (a UInt8) ENGINE = Memory",
    "CREATE TEMPORARY TABLE mine (a UInt8)",
    "CREATE FUNCTION mine AS a -> a",
    "CREATE VIEW mine AS SELECT * FROM file('{file}', 'CSV', 'a String')",
    "ATTACH TABLE mine FROM '{out}' (a UInt8) ENGINE = Memory",
    "ALTER TABLE loads DELETE WHERE 1",
    "DROP TABLE loads",
    "TRUNCATE TABLE loads",
    "OPTIMIZE TABLE loads",
    "RENAME TABLE loads TO lost",
    "BACKUP DATABASE default TO File('{out}')",
    "SYSTEM FLUSH LOGS",
    "KILL QUERY WHERE 1",
    "GRANT ALL ON *.* TO default",
]


@contextmanager
def listener() -> Iterator[tuple[str, socket.socket]]:
    """Somebody on the loopback interface who hears of any connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        yield f"127.0.0.1:{server.getsockname()[1]}", server


def was_called(server: socket.socket) -> bool:
    try:
        connection, _ = server.accept()
    except BlockingIOError:
        return False
    connection.close()
    return True


@dataclass(frozen=True)
class Reached:
    """What a statement came to."""

    is_refused: bool
    was_called: bool
    has_written: bool
    rows: tuple[object, ...]


REFUSED = Reached(is_refused=True, was_called=False, has_written=False, rows=(0, 0))
ROWS = (
    "SELECT (SELECT count() FROM loads),"
    " (SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'mine')"
)


@contextmanager
def connected(place: Place) -> Iterator[ClickHouse]:
    """One more connection to an open warehouse: one that a question was asked over only reads from then on."""
    warehouse = parse_warehouse_url(place.url)
    if isinstance(warehouse, EmbeddedWarehouse):
        with closing(open_embedded(warehouse)) as client:
            opened = ClickHouse(client, warehouse, None)
            with opened.using_database():
                yield opened
        return
    with open_warehouse(warehouse, cluster=place.cluster) as opened:
        yield opened


def reach(place: Place, statement: str, directory: Path) -> Reached:
    """Run a statement in a directory of its own."""
    directory.mkdir()
    secret, out = directory / "secret.csv", directory / "out.csv"
    secret.write_text("secret\n")
    with listener() as (host, server):
        sql = statement.replace("{file}", str(secret)).replace("{out}", str(out))
        sql = sql.replace("{address}", f"http://{host}").replace("{host}", host)
        is_refused = False
        with connected(place) as asked:
            try:
                read_only(asked, sql, "CSV", {}, {})
            except StatementRefusedError:
                is_refused = True
        has_called = was_called(server)
    return Reached(is_refused, has_called, out.exists(), place.rows(ROWS)[0])


@pytest.fixture(scope="module")
def reached(shared_migrated: Place, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reached]:
    """What each hostile statement came to, one after another in one opening of the warehouse."""
    directory = tmp_path_factory.mktemp("reached")
    with shared_migrated.keep_open():
        return {
            statement: reach(shared_migrated, statement, directory / str(number))
            for number, statement in enumerate(HOSTILE)
        }


@pytest.mark.parametrize("statement", HOSTILE)
def test_nothing_but_the_warehouse_is_reached(reached: Mapping[str, Reached], statement: str) -> None:
    assert reached[statement] == REFUSED


def test_the_command_refuses_with_one_line_and_exit_code_2(program: Program, migrated: Place, tmp_path: Path) -> None:
    done = program("query", "--warehouse", migrated.url, f"SELECT 1 INTO OUTFILE '{tmp_path}/out.csv'")

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "ccusage-import: error: query: INTO OUTFILE and FORMAT are not taken",
        "hint: leave them out; `ccusage-import query --format csv > FILE` writes the answer to a file",
    ]
    assert list(tmp_path.glob("out.csv")) == []


def test_sql_may_begin_with_a_comment(program: Program, migrated: Place) -> None:
    done = program("query", "--warehouse", migrated.url, "-- what is one\nSELECT 1 AS one", "--format", "csv")

    assert (done.exit_code, done.stdout, done.stderr) == (0, '"one"\n1\n', "")


READS = {
    "SELECT 1": b"1\n",
    "SELECT 1;": b"1\n",
    "SELECT 'a;b' -- a comment; and more\n": b'"a;b"\n',
    "WITH 2 AS two SELECT two": b"2\n",
    "(SELECT 1) UNION ALL (SELECT 1)": b"1\n1\n",
    "FROM numbers(2) SELECT sum(number)": b"1\n",
    "SELECT count() FROM daily WHERE machine IN (SELECT machine FROM sessions)": b"0\n",
    "SELECT {name:String}": b'"it\'s"\n',
    "EXISTS daily": b"1\n",
    "SELECT format('{}-{}', 'a', 'b')": b'"a-b"\n',
}
DESCRIPTIONS = ["SHOW TABLES", "DESCRIBE daily", "SHOW CREATE TABLE daily", "EXPLAIN SELECT 1"]


def test_what_reads_is_answered(migrated: Place) -> None:
    with migrated.keep_open():
        for statement, expected in READS.items():
            with connected(migrated) as asked:
                assert read_only(asked, statement, "CSV", {}, {"name": "it's"}) == expected


def test_what_describes_is_answered(migrated: Place) -> None:
    with migrated.keep_open():
        for statement in DESCRIPTIONS:
            with connected(migrated) as asked:
                assert read_only(asked, statement, "TSVRaw", {}, {}) != b"", statement


def failure(place: Place, statement: str, **parameters: str) -> FixableError:
    with place.opened() as opened, pytest.raises(FixableError) as raised:
        read_only(opened, statement, "CSV", {}, parameters)
    return raised.value


@pytest.mark.one_place
def test_sql_that_is_not_utf_8_is_refused_by_that_name(migrated: Place) -> None:
    assert str(failure(migrated, os.fsdecode(b"SELECT '\xfc'"))) == "query: the SQL is not UTF-8"


def test_a_syntax_error_is_marked_in_the_sql(migrated: Place) -> None:
    error = failure(migrated, "SELECT machine\nFROM daily\nWHERE date >> 1")

    assert error.details == ("WHERE date >> 1", "            ^")
    assert "Syntax error: failed at position " in str(error)
    assert "Expected" not in str(error)
    assert error.hint == "correct the SQL at the mark"


@pytest.mark.parametrize(
    ("statement", "line"),
    [("SELECT 1 FROM\n", ""), ("SELECT 'a\u2028b' AS \nFROM )", "FROM )"), ("SELECT 1\r\nFROM )", "FROM )")],
    ids=["ends-with-its-line", "sign-that-ends-no-line", "windows"],
)
def test_the_marked_line_is_the_one_that_the_engine_counts(migrated: Place, statement: str, line: str) -> None:
    marked, mark = failure(migrated, statement).details

    assert (marked, mark.endswith("^")) == (line, True)


@pytest.mark.one_place
def test_of_a_long_line_only_what_is_beside_the_mark_is_shown(migrated: Place) -> None:
    marked, mark = failure(migrated, f"SELECT '{'é' * 9_000}', 1 FROM ) {'x' * 9_000}").details

    assert (len(marked), marked[: len(mark)][-6:], marked[:5]) == (200, "FROM )", "ééééé")


def test_an_unknown_column_is_answered_with_those_there_are(migrated: Place) -> None:
    for statement in (
        "SELECT costs FROM machine_summary",
        "SELECT a.costs FROM machine_summary AS a",
        "SELECT costs FROM machine_summary WHERE machine = {name:String}",
    ):
        error = failure(migrated, statement, name="laptop")

        assert error.details[0].startswith("there are machine, agent, "), statement
        assert error.hint == "take one of these columns"


def test_an_error_without_a_place_or_a_name_says_what_to_do(migrated: Place) -> None:
    for statement in ("SELECT toUInt8('x') FROM daily", "SELECT costs"):
        error = failure(migrated, statement)
        assert (error.details, error.hint) == ((), "correct the SQL, or ask for less; the words are ClickHouse's own")


@pytest.mark.one_place
def test_nobody_is_a_user_of_an_embedded_warehouse(migrated: Place) -> None:
    error = failure(migrated, "SELECT 1 SETTINGS max_threads = 1")

    assert str(error).startswith(f"query only reads: warehouse {migrated.url}: you may only read: Code: 164.")


def test_an_unknown_table_is_answered_with_the_nearest(migrated: Place) -> None:
    assert failure(migrated, "SELECT * FROM dayly").details == ("nearest: daily",)


def test_a_user_who_may_change_no_setting_gets_what_needs_none(program: Program, tmp_path: Path) -> None:
    with running_gateway(tmp_path / "engine", users=(User(), User("reader", readonly=True))) as gateway:
        url = gateway.url("reader")

        def asked(*arguments: str) -> tuple[int, str, list[str]]:
            done = program("query", *arguments, "--warehouse", url)
            return done.exit_code, done.stdout, done.stderr.splitlines()

        assert asked("SELECT 1 AS a") == (0, "┌─a─┐\n│ 1 │\n└───┘\n", [])
        assert asked("SELECT 1 AS a", "--format", "csv") == (0, '"a"\n1\n', [])
        exit_code, stdout, (error, hint) = asked("SELECT 1 AS a", "--format", "json")
        sql = asked("DROP TABLE loads")

    assert (exit_code, stdout) == (4, "")
    assert error.startswith(f"ccusage-import: error: warehouse {url}: user reader may only read: ")
    assert hint == (
        "hint: let reader change settings: readonly = 2 instead of 1, as sql/access/roles.sql has it for those who read"
    )
    assert sql == (
        2, "", [
            "ccusage-import: error: query: DROP does more than read",
            "hint: ask one SELECT, SHOW, DESCRIBE, EXISTS or EXPLAIN of the views",
        ],
    )  # fmt: skip
