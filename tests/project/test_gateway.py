"""The gateway with the real client and with raw HTTP, as a process of its own."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import socket
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, DataError, OperationalError

from tests.support.exhaustive import some_of
from tests.support.gateway.running import Gateway, running_gateway
from tests.support.gateway.users import User

pytestmark = pytest.mark.skipif(find_spec("chdb") is None, reason="needs the embedded engine")

USERS = (User(), User("loader", "s:e c'ret"), User("reader", "look", readonly=True))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(tmp_path_factory.mktemp("gateway"), USERS) as running:
        yield running


@pytest.fixture
def client(gateway: Gateway) -> Iterator[Client]:
    """A client, with table t (a UInt64, b String) empty and no fault armed."""
    with connected(gateway) as connection:
        connection.command("CREATE OR REPLACE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
        yield connection
        gateway.clear_faults()


@contextlib.contextmanager
def connected(gateway: Gateway, user: User = USERS[0], **options: Any) -> Iterator[Client]:
    arguments = {"username": user.name, "password": user.password, "database": "default", **options}
    connection = clickhouse_connect.get_client(host=gateway.host, port=gateway.port, **arguments)
    try:
        yield connection
    finally:
        connection.close()


def ask(
    gateway: Gateway, method: str, query: str = "", body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one raw request."""
    connection = http.client.HTTPConnection(gateway.host, gateway.port, timeout=10)
    with contextlib.closing(connection):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, f"/?{query}" if query else "/", body, named)
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read()


def text_of(gateway: Gateway, sql: str) -> str:
    return ask(gateway, "POST", body=sql.encode())[2].decode()


# --- the client ------------------------------------------------------------------------------


def test_handshake(gateway: Gateway, client: Client) -> None:
    assert client.ping()
    assert client.server_version == text_of(gateway, "SELECT version()").strip()
    assert str(client.server_tz) == "UTC"
    assert client.command("SELECT 1 + 1") == 2


def test_types_come_back_as_they_went(client: Client) -> None:
    client.command("DROP TABLE IF EXISTS kinds")
    client.command(
        "CREATE TABLE kinds (id UInt64, day Date, at DateTime64(3, 'UTC'), agent LowCardinality(String),"
        " note Nullable(String), cost Decimal(18, 9),"
        " models Array(Tuple(model LowCardinality(String), cost Decimal(18, 9)))) ENGINE = MergeTree ORDER BY id"
    )
    at = datetime(2026, 3, 1, 23, 59, 59, 123000, tzinfo=UTC)
    models = [{"model": "opus", "cost": Decimal("1.000000001")}, {"model": "haiku; '", "cost": Decimal("0.5")}]
    rows = [
        [1, at.date(), at, "claude", None, Decimal("12.345678901"), models],
        [2, at.date(), at, "codex", "line\n\n;'\\ \t\N{SNOWMAN}", Decimal("-0.000000001"), []],
    ]
    inserted = client.insert("kinds", rows)
    assert (inserted.written_rows, inserted.summary["written_rows"]) == (2, "2")
    result = client.query("SELECT * FROM kinds ORDER BY id", tz_mode="aware")
    assert [list(row) for row in result.result_rows] == rows
    assert result.column_names == ("id", "day", "at", "agent", "note", "cost", "models")


def test_empty_result_has_no_columns(client: Client) -> None:
    """As with a server: ClickHouse/ClickHouse#55939, Native sends nothing at all when there are no rows."""
    result = client.query("SELECT a, b FROM t")
    assert (result.result_rows, result.column_names) == ([], ())
    assert client.query("SELECT a, b FROM t LIMIT 0").column_names == ("a", "b")


def test_bound_values(gateway: Gateway, client: Client) -> None:
    text = "it's \\ a\ttab\nand {x:String}; SELECT 2"
    values: dict[str, Any] = {"n": 7, "s": text, "list": ["a'b", "c"], "at": datetime(2026, 1, 2, tzinfo=UTC)}
    sql = "SELECT {n:UInt64}, {s:String}, {list:Array(String)}, {at:DateTime64(3, 'UTC')}"
    assert client.query(sql, parameters=values, tz_mode="aware").result_rows == [
        (7, text, ["a'b", "c"], datetime(2026, 1, 2, tzinfo=UTC))
    ]
    client.command("CREATE DATABASE IF NOT EXISTS {db:Identifier}", parameters={"db": "two words"})
    assert text_of(gateway, "EXISTS DATABASE `two words`") == "1\n"
    with connected(gateway, database="two words") as other:
        assert other.command("SELECT currentDatabase()") == "two words"


def test_values_too_long_for_a_url_are_sent_as_a_form(client: Client) -> None:
    long = "x\r\n--;é" * 20_000
    result = client.query("SELECT {s:String}, length({s:String})", parameters={"s": long})
    assert result.result_rows == [(long, len(long.encode()))]


def test_settings_last_for_one_request(client: Client) -> None:
    sql = "SELECT value FROM system.settings WHERE name = 'max_block_size'"
    assert client.query(sql, settings={"max_block_size": 77}).result_rows == [("77",)]
    assert client.query(sql).result_rows != [("77",)]
    with pytest.raises(DatabaseError) as raised:
        client.command("SELECT 1", settings={"no_such_setting": 1})
    assert raised.value.code == 115


def test_statements_keep_their_literals(client: Client) -> None:
    client.command("INSERT INTO t VALUES (1, 'a;b'), (1 + 1, concat('c', '\\'--'))")
    client.command("INSERT INTO t (a, b) SELECT 3, 'FORMAT CSV; /*' /* ; */")
    assert client.query("SELECT * FROM t ORDER BY a").result_rows == [(1, "a;b"), (2, "c'--"), (3, "FORMAT CSV; /*")]


def test_raw_insert_formats(client: Client) -> None:
    client.raw_insert("t", ["a", "b"], '{"a": 1, "b": "x;\\n\\ny"}\n{"a": 2}\n', fmt="JSONEachRow")
    client.raw_insert("t", insert_block='3,"p\n\n;q"\n', fmt="CSV", settings={"input_format_csv_skip_first_lines": 0})
    client.raw_insert("t", insert_block=client.raw_query("SELECT 4 AS a, 'pq' AS b", fmt="Parquet"), fmt="Parquet")
    client.raw_insert("t", insert_block=gzip.compress(b"5\tgz\n"), fmt="TSV", compression="gzip")
    expected = [(1, "x;\n\ny"), (2, ""), (3, "p\n\n;q"), (4, "pq"), (5, "gz")]
    assert client.query("SELECT * FROM t ORDER BY a").result_rows == expected


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("compress", some_of(["lz4", "zstd", "gzip", ""], 0))
def test_large_insert_and_select(gateway: Gateway, compress: str) -> None:
    with connected(gateway, compress=compress) as compressing:
        rows = [[number, f"row {number}"] for number in range(200_000)]
        assert compressing.insert("t", rows, column_names=["a", "b"]).written_rows == 200_000
        assert compressing.query("SELECT count(), sum(a), uniqExact(b) FROM t").result_rows == [
            (200_000, 19_999_900_000, 200_000)
        ]
        read = compressing.query("SELECT a, b FROM t ORDER BY a").result_rows
        assert (len(read), read[-1]) == (200_000, (199_999, "row 199999"))


@pytest.mark.parametrize("compress", some_of(["lz4", "zstd", "gzip", ""], 0))
def test_aborted_insert_inserts_nothing(gateway: Gateway, client: Client, compress: str) -> None:
    """The client ends the body of an insert it gives up with a line of plain text, after good blocks."""
    rows = [[number, "fine"] for number in range(300_000)]
    rows[-1][0] = "not a number"
    with connected(gateway, compress=compress) as compressing, pytest.raises(DataError):
        compressing.insert("t", rows, column_names=["a", "b"])
    assert client.query("SELECT count() FROM t").result_rows == [(0,)]


@pytest.mark.exhaustive
def test_eight_clients_at_once(gateway: Gateway, client: Client) -> None:
    barrier = threading.Barrier(8)

    def work(number: int) -> int:
        with connected(gateway) as own:
            barrier.wait()
            for step in range(20):
                own.insert("t", [[number * 100 + step, "x"]], column_names=["a", "b"])
            return int(own.query(f"SELECT count() FROM t WHERE intDiv(a, 100) = {number}").result_rows[0][0])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [20] * 8
    assert client.query("SELECT count(), uniqExact(a) FROM t").result_rows == [(160, 160)]


# --- refusals --------------------------------------------------------------------------------


def test_wrong_password(gateway: Gateway) -> None:
    for user in (User("loader", "wrong"), User("nobody", "")):
        with pytest.raises(DatabaseError) as raised, connected(gateway, user):
            pass
        assert (raised.value.code, raised.value.name) == (516, "AUTHENTICATION_FAILED")
        assert f"{user.name}: Authentication failed: password is incorrect" in str(raised.value)


def test_three_ways_to_give_a_password(gateway: Gateway) -> None:
    secret = USERS[1].password
    with connected(gateway, USERS[1]) as basic:
        assert basic.command("SELECT 1") == 1
    headers = {"X_ClickHouse_User": "loader", "X_ClickHouse_Key": secret}
    assert ask(gateway, "POST", body=b"SELECT 1", **headers)[::2] == (200, b"1\n")
    assert ask(gateway, "POST", urlencode({"user": "loader", "password": secret}), b"SELECT 1")[::2] == (200, b"1\n")
    assert gateway.url("loader", "db") == f"clickhouse://loader:s%3Ae%20c%27ret@127.0.0.1:{gateway.port}/db"
    status, answered, body = ask(gateway, "POST", "user=loader&password=no", b"SELECT 1")
    assert (status, answered["X-ClickHouse-Exception-Code"]) == (403, "516")
    assert body.startswith(
        b"Code: 516. DB::Exception: loader: Authentication failed: password is incorrect,"
        b" or there is no user with such name. (AUTHENTICATION_FAILED) (version "
    )


def test_readonly_user_reads_only(gateway: Gateway, client: Client) -> None:
    client.insert("t", [[1, "kept"]], column_names=["a", "b"])
    with connected(gateway, USERS[2]) as reader:
        assert reader.query("SELECT b FROM t").result_rows == [("kept",)]
        for sql in ("INSERT INTO t VALUES (2, 'x')", "DROP TABLE t", "CREATE TABLE u (a Int8) ENGINE = Memory"):
            with pytest.raises(DatabaseError, match="reader: Cannot execute query in readonly mode") as raised:
                reader.command(sql)
            assert (raised.value.code, raised.value.name) == (164, "READONLY")
        with pytest.raises(DatabaseError, match="READONLY"):
            reader.insert("t", [[2, "x"]], column_names=["a", "b"])
    assert client.query("SELECT a, b FROM t").result_rows == [(1, "kept")]


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("SELECT * FROM no_such_table", 404, 60),
        ("INSERT INTO no_such_table FORMAT CSV\n1\n", 404, 60),
        ("SELECT no_such_column FROM t", 404, 47),
        ("SELEC 1", 400, 62),
        ("-- nothing", 400, 62),
        ("SELECT 1; SELECT 2", 400, 62),
        ("DROP TABLE t; SELECT 2", 400, 62),
        ("INSERT INTO t VALUES (1, ';'); SELECT 2", 400, 62),
        ("INSERT INTO t FORMAT CSV\n1,a\nx,b\n", 400, 27),
        ("INSERT INTO t FORMAT Native\nnot native at all", 400, None),
        ("INSERT INTO t FORMAT Nonsense\n1", 404, 73),
        ("SELECT {unbound:String}", 500, 456),
        ("SELECT throwIf(number = 3) FROM numbers(5)", 500, 395),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", 500, 358),
        ("INSERT INTO t FROM INFILE '/tmp/x' FORMAT CSV", 404, 78),
        ("INSERT INTO t SELECT * FROM input('a UInt64, b String') FORMAT CSV\n1,a\n", 501, 48),
    ],
)
def test_errors(gateway: Gateway, client: Client, sql: str, status: int, code: int | None) -> None:
    answered, headers, body = ask(gateway, "POST", body=sql.encode())
    assert body.startswith(f"Code: {headers['X-ClickHouse-Exception-Code']}. DB::Exception: ".encode())
    assert body.count(b"DB::Exception") == 1
    if code is not None:
        assert (answered, headers["X-ClickHouse-Exception-Code"]) == (status, str(code))
    assert client.query("SELECT count() FROM t").result_rows == [(0,)]


def test_one_trailing_semicolon_is_fine(gateway: Gateway) -> None:
    assert text_of(gateway, "SELECT ';' ; -- done") == ";\n"


def test_unknown_database(gateway: Gateway) -> None:
    with pytest.raises(DatabaseError) as raised, connected(gateway, database="nowhere"):
        pass
    assert raised.value.code == 81
    assert ask(gateway, "POST", "database=nowhere", b"SELECT 1")[0] == 404


def test_old_server(tmp_path: Path) -> None:
    with running_gateway(tmp_path, version="23.3.1.1") as old, connected(old) as client:
        assert client.server_version == "23.3.1.1"
        assert text_of(old, "SELECT version()") == "23.3.1.1\n"
        assert "(version 23.3.1.1 (official build))" in text_of(old, "SELECT nothing")


# --- raw HTTP --------------------------------------------------------------------------------


def test_ping_and_paths(gateway: Gateway) -> None:
    assert ask(gateway, "GET")[::2] == (200, b"Ok.\n")
    with contextlib.closing(http.client.HTTPConnection(gateway.host, gateway.port, timeout=10)) as kept:
        for path, status in (("/ping", 200), ("/nothing", 404), ("/replicas_status", 200)):
            kept.request("GET", path)
            answer = kept.getresponse()
            answer.read()
            assert answer.status == status


def test_get_is_readonly(gateway: Gateway, client: Client) -> None:
    assert ask(gateway, "GET", "query=" + quote("SELECT 1"))[::2] == (200, b"1\n")
    status, headers, body = ask(gateway, "GET", "query=" + quote("DROP TABLE t"))
    assert (status, headers["X-ClickHouse-Exception-Code"]) == (500, "164")
    assert b"method GET implies readonly" in body
    assert client.query("EXISTS TABLE t").result_rows == [(1,)]


def test_query_in_the_url_and_data_in_the_body(gateway: Gateway, client: Client) -> None:
    query = urlencode({"query": "INSERT INTO t SETTINGS max_insert_threads = 1 FORMAT CSV", "query_id": "mine"})
    status, headers, body = ask(gateway, "POST", query, b'1,"a;\n\nb"\n2,"c"\n')
    assert (status, body, headers["X-ClickHouse-Query-Id"]) == (200, b"", "mine")
    assert json.loads(headers["X-ClickHouse-Summary"])["written_rows"] == "2"
    assert client.query("SELECT b FROM t ORDER BY a").result_rows == [("a;\n\nb",), ("c",)]


def test_formats_and_headers(gateway: Gateway) -> None:
    status, headers, body = ask(gateway, "POST", "default_format=JSONEachRow", b"SELECT 1 AS format, 2 AS b")
    assert (status, headers["X-ClickHouse-Format"], body) == (200, "JSONEachRow", b'{"format":1,"b":2}\n')
    headers, body = ask(gateway, "POST", body=b"SELECT 1 FORMAT CSV SETTINGS max_threads = 1")[1:]
    assert (headers["X-ClickHouse-Format"], headers["X-ClickHouse-Timezone"], body) == ("CSV", "UTC", b"1\n")
    assert ask(gateway, "POST", "param_x=a%5Ctb", b"SELECT {x:String}")[2] == b"a\\tb\n"


def test_compressed_both_ways(gateway: Gateway) -> None:
    zstd: Any = import_module("backports.zstd")
    lz4: Any = import_module("lz4.frame")
    for name, module in (("gzip", gzip), ("deflate", zlib), ("zstd", zstd), ("lz4", lz4)):
        headers = {"Content_Encoding": name, "Accept_Encoding": name}
        sent = module.compress(b"SELECT ") + module.compress(b"'hello'")
        status, answered, body = ask(gateway, "POST", body=sent, **headers)
        assert (status, answered["Content-Encoding"]) == (200, name)
        assert module.decompress(body) == b"hello\n"
        for broken in (sent + b"INTERNAL EXCEPTION WHILE SERIALIZING", sent[:-3]):
            status, answered, _ = ask(gateway, "POST", body=broken, **headers)
            assert (status, "X-ClickHouse-Exception-Code" in answered) == (500, True)
    assert "Content-Encoding" not in ask(gateway, "POST", "enable_http_compression=0", b"SELECT 1")[1]
    assert ask(gateway, "POST", body=b"x", Content_Encoding="br")[0] == 501


def test_body_that_breaks_off_is_not_executed(gateway: Gateway, client: Client) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\n"
    for request in (
        head + b"Content-Length: 1000\r\n\r\nINSERT INTO t FORMAT CSV\n1,a\n",
        head + b"Transfer-Encoding: chunked\r\n\r\n1d\r\nINSERT INTO t FORMAT CSV\n1,a\n\r\n",
    ):
        with socket.create_connection((gateway.host, gateway.port), timeout=10) as raw:
            raw.sendall(request)
            raw.shutdown(socket.SHUT_WR)
            assert raw.recv(100) == b""
    assert client.query("SELECT count() FROM t").result_rows == [(0,)]


# --- faults ----------------------------------------------------------------------------------

INSERT = b"INSERT INTO t FORMAT CSV\n1,a\n"


@pytest.mark.usefixtures("client")
def test_drop_before_executes_nothing(gateway: Gateway) -> None:
    gateway.fail("drop_before", match="INSERT", skip=1)
    assert ask(gateway, "POST", body=INSERT)[0] == 200
    assert text_of(gateway, "SELECT count() FROM t") == "1\n"
    with pytest.raises(http.client.RemoteDisconnected):
        ask(gateway, "POST", body=INSERT)
    assert text_of(gateway, "SELECT count() FROM t") == "1\n"
    assert ask(gateway, "POST", body=INSERT)[0] == 200


@pytest.mark.usefixtures("client")
def test_drop_after_executes(gateway: Gateway) -> None:
    gateway.fail("drop_after", match="INSERT")
    with pytest.raises(http.client.RemoteDisconnected):
        ask(gateway, "POST", body=INSERT)
    assert text_of(gateway, "SELECT count() FROM t") == "1\n"


def test_what_changes_a_database_is_told_once(gateway: Gateway, client: Client) -> None:
    gateway.changes("default")
    client.command("INSERT INTO t SELECT 1, 'x'")
    client.query("WITH 1 AS one SELECT one")
    client.query("(SELECT 1) UNION ALL (SELECT count() FROM t)")
    gateway.fail("delay", match="TRUNCATE")
    client.command("TRUNCATE TABLE t")

    assert gateway.changes("default") == ["INSERT INTO t SELECT 1, 'x'", "TRUNCATE TABLE t", "fault"]
    assert gateway.changes("default") == []


def test_the_client_replays_a_dropped_insert_once(gateway: Gateway, client: Client) -> None:
    gateway.fail("drop_after", match="INSERT")
    client.insert("t", [[1, "x"]], column_names=["a", "b"], column_type_names=["UInt64", "String"])
    assert [text.split("\n")[0] for text in gateway.statements()[-2:]] == [
        "INSERT INTO `t` (`a`, `b`) FORMAT Native"
    ] * 2
    assert client.query("SELECT count() FROM t").result_rows == [(2,)]
    gateway.fail("drop_after", match="INSERT", times=2)
    with pytest.raises(OperationalError):
        client.insert("t", [[1, "x"]], column_names=["a", "b"], column_type_names=["UInt64", "String"])
    assert client.query("SELECT count() FROM t").result_rows == [(4,)]


@pytest.mark.parametrize("sql", [b"SELECT 'a long enough answer'", INSERT])
def test_truncated_answer(gateway: Gateway, client: Client, sql: bytes) -> None:
    gateway.fail("truncate", match=sql.decode()[:6])
    with pytest.raises(http.client.IncompleteRead):
        ask(gateway, "POST", body=sql)
    gateway.fail("truncate", match="numbers")
    with pytest.raises((OperationalError, DatabaseError)):
        client.query("SELECT number FROM numbers(1000)")


@pytest.mark.usefixtures("client")
def test_delay(gateway: Gateway) -> None:
    gateway.fail("delay", match="SELECT 42", seconds=1.5)
    with connected(gateway, send_receive_timeout=1) as hasty, pytest.raises(OperationalError):
        hasty.query("SELECT 42", settings={"max_threads": 1})


def test_503_from_a_proxy(gateway: Gateway, client: Client) -> None:
    gateway.fail("status_503", match="SELECT 43")
    status, headers, body = ask(gateway, "POST", body=b"SELECT 43")
    assert (status, headers["Content-Type"], body[:6]) == (503, "text/html", b"<html>")
    gateway.fail("status_503", match="INSERT", times=9)
    with pytest.raises(OperationalError, match="503"):
        client.insert("t", [[1, "x"]], column_names=["a", "b"])
    gateway.clear_faults()
    assert client.query("SELECT count() FROM t").result_rows == [(0,)]


def test_unknown_fault(gateway: Gateway) -> None:
    with pytest.raises(ValueError, match="unknown fault explode"):
        gateway.fail("explode")


# --- the process -----------------------------------------------------------------------------


def test_data_outlives_the_process_and_the_process_its_block_not(tmp_path: Path) -> None:
    with running_gateway(tmp_path) as first:
        text_of(first, "CREATE TABLE kept (a UInt8) ENGINE = MergeTree ORDER BY a")
        text_of(first, "INSERT INTO kept VALUES (1)")
        with pytest.raises(RuntimeError, match="the gateway did not start"), running_gateway(tmp_path):
            pass
        with contextlib.closing(http.client.HTTPConnection(first.host, first.port)) as idle:
            idle.request("GET", "/ping")
            idle.getresponse().read()
            first.process.terminate()
            assert first.process.wait(10) == 0
    with running_gateway(tmp_path) as second:
        assert text_of(second, "SELECT a FROM kept") == "1\n"
        assert second.process.stdin is not None
        second.process.stdin.close()
        assert second.process.wait(10) == 0


def test_ends_cleanly_under_load(tmp_path: Path) -> None:
    with running_gateway(tmp_path) as busy:
        started = threading.Barrier(4)

        def hammer() -> None:
            with connected(busy) as client:
                started.wait()
                while True:
                    client.query("SELECT sum(number) FROM numbers(1000000)")

        with ThreadPoolExecutor(3) as pool:
            hammers = [pool.submit(hammer) for _ in range(3)]
            started.wait()
            busy.process.terminate()
            assert busy.process.wait(10) == 0
            assert all(isinstance(done.exception(), OperationalError | DatabaseError) for done in hammers)
