"""What ClickHouse clients get of an embedded warehouse, and that others get in meanwhile."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import urllib.parse
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
import sqlalchemy
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_driver.bufferedreader import CompressedBufferedReader
from clickhouse_driver.connection import ServerInfo
from clickhouse_driver.context import Context
from clickhouse_driver.streams.native import BlockInputStream

from ccusage_import.exceptions import ConfigurationError
from ccusage_import.serving.engine import OPEN_SETTINGS
from ccusage_import.serving.server import listening_socket
from tests.conftest import CORPORA, Program, program_in
from tests.querying.test_reading import HOSTILE, listener, was_called
from tests.serving.test_framing import frame, read_frames
from tests.support.ccusage_install import install
from tests.support.exhaustive import some_of
from tests.support.refusals import needs_refusals, refusing

CLIENT_VERSION = "1.23.1"


@dataclass
class Answer:
    """What came over HTTP."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


@dataclass
class Served:
    """A running server, and how it is asked."""

    process: subprocess.Popen[str]
    port: int
    token: str
    lines: list[str]
    host: str = "127.0.0.1"

    def ask(self, sql: str, *, method: str = "POST", headers: dict[str, str] | None = None, **asked: str) -> Answer:
        """Ask as any client can."""
        target = "/?" + urllib.parse.urlencode(asked)
        return self.get(target, method, sql.encode(), {"X-ClickHouse-Key": self.token, **(headers or {})})

    def get(self, target: str, method: str = "GET", body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
        """Send one request."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        try:
            connection.request(method, target, body or None, headers or {})
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory, template: Path, ccusage20: Path) -> tuple[Program, str]:
    """A program with an imported warehouse, for tests that change nothing in it."""
    home = tmp_path_factory.mktemp("served")
    program = program_in(home, ccusage20)
    return program, filled(program, template, home)


@pytest.fixture(scope="module")
def home_with_warehouse(tmp_path_factory: pytest.TempPathFactory, template: Path, ccusage20: Path) -> Path:
    """A home with an imported warehouse, to be copied."""
    home = tmp_path_factory.mktemp("kept")
    filled(program_in(home, ccusage20), template, home)
    return home


@pytest.fixture
def home(program: Program, home_with_warehouse: Path) -> tuple[Program, str]:
    """A program with an imported warehouse of its own."""
    shutil.copytree(home_with_warehouse, program.home, symlinks=True, dirs_exist_ok=True)
    return program, f"chdb://{program.home}/warehouse"


def filled(program: Program, template: Path, directory: Path) -> str:
    """Import two days into a new warehouse."""
    shutil.copytree(template, directory / "warehouse", symlinks=True)
    url = f"chdb://{directory}/warehouse"
    done = program("import", "--warehouse", url, "--claude-dir", CORPORA / "june", "--machine", "laptop")
    assert done.exit_code == 0, done.stderr
    return url


@contextmanager
def serving(program: Program, url: str, *options: str, host: str = "127.0.0.1") -> Iterator[Served]:
    """Serve a warehouse on a free port until the end of the block."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-P",
            "-m",
            "ccusage_import",
            "serve",
            "--warehouse",
            url,
            "--listen",
            f"{host}:0",
            *options,
        ],
        env=program.environ,
        cwd=program.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        lines = [process.stdout.readline()]
        lines += [] if "--without-token" in options else [process.stdout.readline()]
        assert lines[0], process.communicate()[1]
        port = int(lines[0].split(f"{host}:")[1].split(",")[0])
        tokens = list(program.home.rglob("serve.token"))
        yield Served(process, port, tokens[0].read_text().strip() if tokens else "", lines, host.strip("[]"))
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


@pytest.fixture(scope="module")
def served(imported: tuple[Program, str]) -> Iterator[Served]:
    """An imported warehouse that is served."""
    with serving(*imported) as running:
        yield running


# -- who asks ----------------------------------------------------------------------------------------------------------


def test_the_first_lines_say_where_and_how(home: tuple[Program, str]) -> None:
    program, url = home
    with serving(program, url) as served:
        [file] = program.home.rglob("serve.token")
        assert served.lines == [
            f"{url} answers at http://127.0.0.1:{served.port}, read-only\n",
            f"the password is in {file}, for any user; ^C ends it\n",
        ]
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        first = served.token
    with serving(program, url) as served:
        assert served.token == first


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-ClickHouse-Key": "wrong"},
        {"Authorization": "Basic !"},
        {"Authorization": "Basic é"},
        {"Authorization": "Bearer wrong"},
    ],
)
def test_who_does_not_know_the_token_gets_nothing(served: Served, headers: dict[str, str]) -> None:
    answer = served.get("/?query=SELECT+1", headers=headers)
    assert (answer.status, answer.headers["x-clickhouse-exception-code"]) == (403, "516")
    assert "AUTHENTICATION_FAILED" in answer.text


def test_the_token_is_taken_wherever_clients_put_a_password(served: Served) -> None:
    basic = base64.b64encode(f"ana:{served.token}".encode()).decode()
    ways = [{"Authorization": f"Basic {basic}"}, {"Authorization": f"Bearer {served.token}"}]
    ways += [{"X-ClickHouse-User": "ana", "X-ClickHouse-Key": served.token}]
    assert [served.get("/?query=SELECT+1", headers=way).text for way in ways] == ["1\n"] * 3
    assert served.get(f"/?query=SELECT+1&user=ana&password={served.token}").text == "1\n"


def test_without_a_token_whoever_is_here_may_ask(home: tuple[Program, str]) -> None:
    with serving(*home, "--without-token") as served:
        assert served.get("/?query=SELECT+1").text == "1\n"


@pytest.mark.parametrize("host", some_of(["127.0.0.1", "localhost", "[::1]"], 2))
def test_this_machine_has_three_names(home: tuple[Program, str], host: str) -> None:
    with serving(*home, host=host) as served:
        assert served.lines[0].endswith(f" answers at http://{host}:{served.port}, read-only\n")
        assert served.ask("SELECT 1").text == "1\n"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8123", "127.0.0.1.evil.example"])
def test_a_page_of_another_site_cannot_ask(served: Served, host: str) -> None:
    answer = served.get("/ping", headers={"Host": host})
    assert (answer.status, answer.text) == (400, "Invalid host header")
    assert (
        "access-control-allow-origin" not in served.ask("SELECT 1", headers={"Origin": "http://evil.example"}).headers
    )


@pytest.mark.parametrize(
    ("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)]
)
def test_a_browser_that_says_whose_page_asks_is_answered_for_our_own(served: Served, site: str, status: int) -> None:
    answer = served.ask("SELECT 'stolen(1)' FORMAT TSVRaw", headers={"Sec-Fetch-Site": site})

    # Without a token a page of another site could otherwise run an answer as its script.
    assert (answer.status, answer.text == "stolen(1)\n") == (status, status == 200)
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--listen", "8123"), "--listen 8123: is not HOST:PORT"),
        (("--listen", "127.0.0.1:99999"), "--listen 127.0.0.1:99999: is not HOST:PORT"),
        (("--listen", "127.0.0.1:²"), "--listen 127.0.0.1:²: is not HOST:PORT"),
        (("--listen", "0.0.0.0:0", "--without-token"), "--without-token: only where no other machine can ask"),
        (("--listen", "203.0.113.1:8123"), "--listen 203.0.113.1:8123: Cannot assign requested address"),
    ],
)
def test_what_cannot_be_served_is_one_line(home: tuple[Program, str], options: tuple[str, ...], error: str) -> None:
    program, url = home
    done = program("serve", "--warehouse", url, *options)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == f"ccusage-import: error: {error}"


def test_an_address_that_cannot_be_listened_to_says_what_to_name_instead() -> None:
    with pytest.raises(ConfigurationError) as refused:
        listening_socket("203.0.113.1", 8123)
    assert refused.value.hint == "name an address of this machine: --listen 127.0.0.1:8123"
    with pytest.raises(ConfigurationError, match="^--listen ü{64}:8123: no host can have this name$"):
        listening_socket("ü" * 64, 8123)

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"--listen 127.0.0.1:{port}: Address already in use") as refused:
            listening_socket("127.0.0.1", port)
    assert refused.value.hint == "name another port: --listen 127.0.0.1:8123"


@needs_refusals
def test_a_port_that_another_process_takes_a_moment_before_is_one_line(home: tuple[Program, str]) -> None:
    program, url = home
    late = replace(program, prefix=refusing("listen", "EADDRINUSE"))
    done = late("serve", "--warehouse", url, "--listen", "127.0.0.1:8123")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        "ccusage-import: error: --listen 127.0.0.1:8123: Address already in use\n"
        "hint: name another port: --listen 127.0.0.1:8124\n"
    )


@pytest.mark.parametrize(("token", "reason"), [(None, "Is a directory"), (b"\xff", "is not UTF-8")])
def test_a_token_that_cannot_be_read_is_one_line(
    home: tuple[Program, str], tmp_path: Path, token: bytes | None, reason: str
) -> None:
    program, url = home
    file = tmp_path / "ccusage-import/serve.token"
    file.parent.mkdir()
    file.mkdir() if token is None else file.write_bytes(token)
    done = program("serve", "--warehouse", url, XDG_STATE_HOME=str(tmp_path))
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"ccusage-import: error: {file}: {reason}\nhint: remove it, and another one is made\n"


def test_a_server_and_a_missing_warehouse_are_not_served(program: Program) -> None:
    done = program("serve", "--warehouse", "clickhouse://127.0.0.1:1/x")
    assert (done.exit_code, "is a server already" in done.stderr) == (2, True)
    done = program("serve")
    assert (done.exit_code, "serve: there is no warehouse chdb://" in done.stderr) == (2, True)


def test_what_is_served_is_not_pushed_to_while_the_push_has_its_lock(home: tuple[Program, str]) -> None:
    program, url = home
    with serving(program, url, "--without-token") as served:
        server = f"clickhouse://127.0.0.1:{served.port}/ccusage"
        done = program("push", server, "--warehouse", url)
        assert served.get("/?query=SELECT+1").text == "1\n"
    assert (done.exit_code, done.stdout) == (4, "")
    assert done.stderr == (
        f"ccusage-import: error: push: clickhouse://default@127.0.0.1:{served.port}/ccusage may only be read\n"
        "hint: name a user who may write; what `serve` answers for is copied by backup and restore\n"
    )


def test_what_is_served_is_not_written_to_at_its_address(imported: tuple[Program, str], served: Served) -> None:
    program, _ = imported
    server = f"clickhouse://127.0.0.1:{served.port}/ccusage"
    for command in ("rename machine tower", "rename projects"):
        done = program(*command.split(), "--warehouse", server, CCUSAGE_IMPORT_PASSWORD=served.token)
        assert (done.exit_code, done.stdout) == (4, ""), command
        assert done.stderr == (
            f"ccusage-import: error: warehouse clickhouse://default@127.0.0.1:{served.port}/ccusage: may only be read\n"
            "hint: name a user who may write; where `serve` answers, name the chdb:// warehouse that it serves\n"
        ), command


# -- what is asked -----------------------------------------------------------------------------------------------------


def test_answers_have_the_format_that_is_asked_for(served: Served) -> None:
    sql = "SELECT machine, total_tokens FROM daily ORDER BY date LIMIT 1"
    answer = served.ask(sql)
    assert (answer.status, answer.text) == (200, "laptop\t4467705\n")
    assert answer.headers["x-clickhouse-format"] == "TabSeparated"
    assert answer.headers["x-clickhouse-timezone"] == "UTC"
    assert json.loads(answer.headers["x-clickhouse-summary"])["written_rows"] == "0"
    assert served.ask(sql, default_format="CSVWithNames").text == '"machine","total_tokens"\n"laptop",4467705\n'
    assert served.ask(f"{sql} FORMAT JSONCompactEachRow", default_format="CSV").text == '["laptop", 4467705]\n'
    assert served.ask(sql, headers={"X-ClickHouse-Format": "JSONEachRow"}).text.startswith('{"machine":"laptop"')
    assert served.ask(f"{sql} FORMAT Parquet").body[:4] == b"PAR1"
    assert served.ask("", query=sql, method="GET").text == "laptop\t4467705\n"
    assert served.ask("FROM daily", query="SELECT count()").text == "2\n"


def test_parameters_and_settings_of_the_answer_are_taken(served: Served) -> None:
    assert served.ask("SELECT {a:UInt8} + 1, {b:String}", param_a="4", param_b="it's\\ttab").text == "5\tit\\'s\\ttab\n"
    quoted = served.ask(
        "SELECT toUInt64(1) AS x", default_format="JSONEachRow", output_format_json_quote_64bit_integers="1"
    )
    assert quoted.text == '{"x":"1"}\n'
    assert served.ask("SELECT number FROM numbers(9)", limit="2", offset="1").text == "1\n2\n"
    assert served.ask("SELECT 1", no_such_setting="1", session_id="a", max_memory_usage="999999999999").text == "1\n"


@pytest.mark.parametrize(
    ("sql", "settings"),
    [
        ("SELECT 1 FORMAT Template", {"format_template_row": "{file}"}),
        ("SELECT 1 FORMAT Template", {"format_template_resultset": "{file}"}),
        ("SELECT 1 FORMAT Protobuf", {"format_schema": "{file}:Message"}),
        (
            "SELECT 1 AS a FORMAT Protobuf",
            {"format_protobuf_use_autogenerated_schema": "1", "output_format_schema": "{file}"},
        ),
        ("SELECT 1 FORMAT Template SETTINGS format_template_row = '{file}'", {}),
        ("SELECT 1 AS a FORMAT Protobuf SETTINGS output_format_schema = '{file}'", {}),
    ],
)
def test_no_setting_of_a_format_reads_or_writes_a_file(
    served: Served, tmp_path: Path, sql: str, settings: dict[str, str]
) -> None:
    file = tmp_path / "secret.proto"
    file.write_text("salt of this installation")

    asked = urllib.parse.urlencode({name: text.format(file=file) for name, text in settings.items()})
    answer = served.get(f"/?{asked}", "POST", sql.format(file=file).encode(), {"X-ClickHouse-Key": served.token})

    assert "salt" not in answer.text
    assert file.read_text() == "salt of this installation"


def test_no_setting_of_a_format_calls_an_address(served: Served) -> None:
    with listener() as (address, waiting):
        served.ask(
            "SELECT 1 AS a FORMAT AvroConfluent",
            format_avro_schema_registry_url=f"http://{address}/",
            output_format_avro_confluent_subject="subject",
        )
        assert not was_called(waiting)


def test_no_open_setting_names_a_file_or_an_address(served: Served) -> None:
    rows = served.ask("SELECT name, description FROM system.settings", default_format="JSONCompact")
    texts = {name: text for name, text in json.loads(rows.text)["data"] if OPEN_SETTINGS.fullmatch(name)}
    assert len(texts) > 100
    odd = re.compile(r"_(?:schema|template|secrets)|(?i:path to|\burl\b|registry)")
    assert {name for name, text in texts.items() if odd.search(f"_{name} {text}")} == set()


def test_every_format_may_stand_in_the_statement(served: Served) -> None:
    assert (served.ask("SELECT 1 FORMAT Values").text, served.ask("SELECT 1 FORMAT Null").text) == ("(1)", "")


def test_a_wrong_value_of_a_parameter_is_told_as_such(served: Served) -> None:
    answer = served.ask("SELECT {a:UInt8}", param_a="x")
    assert answer.headers["x-clickhouse-exception-code"] == "457"


def test_a_damaged_body_is_refused(served: Served) -> None:
    whole = gzip.compress(b"SELECT 1")
    for body in (whole[:-9], whole + gzip.compress(b" + 1")):
        answer = served.get("/", "POST", body, {"X-ClickHouse-Key": served.token, "Content-Encoding": "gzip"})
        assert (answer.status, "the body cannot be read" in answer.text) == (400, True)


@pytest.mark.parametrize(
    ("query_id", "is_taken"), [("mine-7", True), ("a\r\nX-Evil: 1", False), ("€", False), ("", False)]
)
def test_the_id_of_a_query_is_that_of_the_client_where_a_header_can_hold_it(
    served: Served, query_id: str, *, is_taken: bool
) -> None:
    answer = served.ask("SELECT 1", query_id=query_id)
    assert answer.status == 200
    assert "x-evil" not in answer.headers
    assert (answer.headers["x-clickhouse-query-id"] == query_id) is is_taken
    assert len(answer.headers["x-clickhouse-query-id"]) == (len(query_id) if is_taken else 36)


def test_a_limit_can_be_lowered_only(served: Served) -> None:
    settings = "SELECT getSetting('max_result_rows'), getSetting('max_execution_time'), getSetting('readonly')"
    assert served.ask(settings).text == "10000000\t60\t1\n"
    assert served.ask(settings, max_result_rows="99999999999", max_execution_time="5", readonly="0").text == (
        "10000000\t5\t1\n"
    )
    answer = served.ask("SELECT * FROM numbers(20)", max_result_rows="10")
    assert (answer.status, answer.headers["x-clickhouse-exception-code"]) == (500, "396")


def test_what_takes_too_long_is_ended(served: Served) -> None:
    answer = served.ask("SELECT sleepEachRow(0.2) FROM numbers(100) SETTINGS max_block_size = 1")
    assert answer.headers["x-clickhouse-exception-code"] == "164"
    answer = served.ask("SELECT sum(sleepEachRow(0.2)) FROM numbers(100)", max_execution_time="1", max_block_size="1")
    assert answer.headers["x-clickhouse-exception-code"] == "159"
    assert answer.status == 408


def test_answers_are_compressed_for_who_takes_it(served: Served) -> None:
    answer = served.ask("SELECT number FROM numbers(10000)", headers={"Accept-Encoding": "gzip, br"})
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(answer.body).startswith(b"0\n1\n2\n")
    plain = served.ask("SELECT number FROM numbers(10000)", enable_http_compression="0")
    assert plain.body.endswith(b"9999\n")
    packed = served.get(
        "/", "POST", gzip.compress(b"SELECT 7"), {"X-ClickHouse-Key": served.token, "Content-Encoding": "gzip"}
    )
    assert packed.text == "7\n"


def test_drivers_get_the_framing_of_a_server(served: Served) -> None:
    """As the driver for Java asks at connecting, read by the driver for Python that speaks the native protocol."""
    hello = served.ask(
        "SELECT currentUser() AS user, timezone() AS timezone, version() AS version LIMIT 1",
        compress="1", default_format="RowBinaryWithNamesAndTypes",
    )  # fmt: skip
    assert hello.headers["x-clickhouse-format"] == "RowBinaryWithNamesAndTypes"
    assert read_frames(hello.body).startswith(b"\x03\x04user\x08timezone\x07version\x06String\x06String\x06String")
    for sql in (
        "SELECT name FROM system.databases ORDER BY name",
        "SELECT database, name, engine, comment FROM system.tables WHERE database = 'ccusage'",
        "SELECT table, name, type, position, comment FROM system.columns WHERE database = 'ccusage'",
        "SELECT name FROM system.data_type_families",
    ):
        answer = served.ask(sql, compress="1", default_format="RowBinaryWithNamesAndTypes")
        assert (answer.status, len(read_frames(answer.body)) > 20) == (200, True), sql
    # More than one block, and none.
    long = served.ask("SELECT number FROM numbers(500000)", compress="1")
    assert read_frames(long.body).endswith(b"\n499999\n")
    assert served.ask("SELECT 1 WHERE 0", compress="1").body == b""


def test_a_plugin_of_grafana_gets_json(served: Served) -> None:
    """As that of Altinity asks: the statement is the body, user and password are headers, the format is JSON."""
    headers = {"X-ClickHouse-User": "grafana", "X-ClickHouse-Key": served.token}
    zone = served.get("/", "POST", b"SELECT timezone() AS timezone FORMAT JSON;", headers)
    assert json.loads(zone.text)["data"] == [{"timezone": "UTC"}]
    series = b"""SELECT (intDiv(toUInt32(toDateTime(date)), 86400) * 86400) * 1000 AS t, machine, sum(cost_usd) AS cost
        FROM ccusage.daily WHERE date >= toDate(1748736000) AND date <= toDate(1751328000)
        GROUP BY t, machine ORDER BY t FORMAT JSON"""
    answer = json.loads(served.get("/", "POST", series, headers).text)
    assert [row["machine"] for row in answer["data"]] == ["laptop", "laptop"]
    assert [column["name"] for column in answer["meta"]] == ["t", "machine", "cost"]


def test_drivers_may_ask_in_the_framing_too(served: Served) -> None:
    key = {"X-ClickHouse-Key": served.token}
    assert served.get("/?decompress=1", "POST", frame(b"SELECT 7"), key).text == "7\n"
    refused = served.get("/?decompress=1", "POST", b"SELECT 7", key)
    assert (refused.status, "the body cannot be read: a block is cut off" in refused.text) == (400, True)


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("SELECT (", 400, "62"),
        ("SELECT * FROM nothing_like_it", 404, "60"),
        ("SELECT nothing FROM daily", 404, "47"),
        ("SELECT 1 FORMAT Nonsense", 404, "73"),
        ("SELECT throwIf(1)", 500, "395"),
        ("INSERT INTO loads (load_id) SELECT 1", 500, "164"),
        ("SELECT 1 SETTINGS max_threads = 64", 500, "164"),
        ("SELECT {missing:String}", 400, "456"),
    ],
)
def test_errors_are_those_of_a_server(served: Served, sql: str, status: int, code: str) -> None:
    answer = served.ask(sql)
    assert answer.headers["x-clickhouse-exception-code"] == code, answer.text
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")
    assert "(official build))" in answer.text
    assert answer.status == status


def test_what_the_interface_does_not_do_is_said(served: Served) -> None:
    assert served.ask("SELECT 1", headers={"Content-Type": "multipart/form-data; boundary=x"}).status == 501
    assert served.ask("SELECT 1", headers={"Content-Encoding": "br"}).status == 501
    assert served.ask("SELECT 1 -- " + "x" * (1 << 20)).status == 413
    assert served.get("/", "PUT", b"x").status == 405


def test_nothing_but_the_warehouse_is_reached(served: Served, tmp_path: Path) -> None:
    secret, out = tmp_path / "secret.csv", tmp_path / "out.csv"
    secret.write_text("secret\n")
    with listener() as (host, server):
        for statement in HOSTILE:
            sql = statement.replace("{file}", str(secret)).replace("{out}", str(out))
            answer = served.ask(sql.replace("{address}", f"http://{host}").replace("{host}", host))
            assert answer.status >= 400, statement
            assert b"secret\n" not in answer.body
        assert not was_called(server)
    assert not out.exists()
    assert served.ask("SELECT count() FROM loads FINAL").text == "1\n"


def test_small_paths_answer(served: Served) -> None:
    assert served.get("/ping").text == "Ok.\n"
    assert served.get("/", headers={"X-ClickHouse-Key": served.token}).text == "Ok.\n"
    answer = served.get("/health")
    found = json.loads(answer.text)
    assert (answer.status, found["healthy"], found["warehouse_reachable"]) == (200, True, True), found
    assert (found["problems"], found["watch"], found["queries"]) == ([], None, 0)
    assert found["disk_free_bytes"] > 0
    page = served.get("/play")
    assert "<textarea" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


# -- the blocks of the native protocol ---------------------------------------------------------------------------------

INFO = "01 00 02 ff ff ff ff 00"
# Numbers of 64 bits.
ZERO, ONE, TWO = (f"{number:02x} 00 00 00 00 00 00 00" for number in range(3))


def typed(*parts: str | bytes) -> bytes:
    """Return bytes written as two digits each, and texts with their length before them."""
    return b"".join(bytes.fromhex(part) if isinstance(part, str) else bytes([len(part)]) + part for part in parts)


def blocks(body: bytes, revision: int) -> list[Any]:
    """Return blocks as a driver of the native protocol reads them."""
    context, read = Context(), list[Any]()
    context.server_info = ServerInfo("", 26, 9, 2, revision, "UTC", "", revision)
    context.client_settings = {"strings_as_bytes": False, "strings_encoding": "utf-8", "use_numpy": False}
    context.settings = {}
    stream = BlockInputStream(CompressedBufferedReader(iter([body, b""]).__next__, len(body)), context)
    while True:
        try:
            read.append(stream.read())
        except EOFError:
            return read


@pytest.mark.parametrize(
    ("value", "type_name", "values"),
    [
        ("'ab'", b"String", "02 61 62"),
        ("repeat('x', 200)", b"String", "c8 01" + "78" * 200),
        ("toFixedString('ab', 3)", b"FixedString(3)", "61 62 00"),
        # The version, one byte an index, two keys of which the first is empty, one index.
        ("toLowCardinality('a')", b"LowCardinality(String)", f"{ONE} 00 06 00 00 00 00 00 00 {TWO} 00 01 61 {ONE} 01"),
        ("CAST(NULL AS Nullable(UInt16))", b"Nullable(UInt16)", "01 00 00"),
        ("CAST('a' AS Nullable(String))", b"Nullable(String)", "00 01 61"),
        ("[256, 2]", b"Array(UInt16)", f"{TWO} 00 01 02 00"),
        ("[['a'], []]", b"Array(Array(String))", f"{TWO} {ONE} {ONE} 01 61"),
        ("emptyArrayString()::Array(LowCardinality(String))", b"Array(LowCardinality(String))", f"{ONE} {ZERO}"),
        ("map('a', 1)", b"Map(String, UInt8)", f"{ONE} 01 61 01"),
        ("(1, 'x')", b"Tuple(UInt8, String)", "01 01 78"),
        ("toDate('1970-01-02')", b"Date", "01 00"),
        ("toDateTime64(1.5, 3, 'UTC')", b"DateTime64(3, 'UTC')", "dc 05 00 00 00 00 00 00"),
        ("toDateTime(1, 'UTC')", b"DateTime", "01 00 00 00"),
        ("toDecimal32(1.25, 2)", b"Decimal(9, 2)", "7d 00 00 00"),
        ("CAST('b' AS Enum8('b' = 1))", b"Enum8('b' = 1)", "01"),
        ("toUUID('00000000-0000-0001-0000-000000000002')", b"UUID", f"{ONE} {TWO}"),
        ("true", b"Bool", "01"),
        ("NULL", b"Nullable(Nothing)", "01 30"),
        ("CAST(1 AS SimpleAggregateFunction(sum, UInt64))", b"SimpleAggregateFunction(sum, UInt64)", ONE),
        ("CAST([(1, 'x')] AS Nested(a UInt8, b String))", b"Nested(a UInt8, b String)", f"{ONE} 01 01 78"),
    ],
)  # fmt: skip
def test_blocks_of_a_version_have_an_info_and_say_how_columns_are_written(
    served: Served, value: str, type_name: bytes, values: str
) -> None:
    sql = f"SELECT {value} AS v, 7 AS z"
    newest = typed(INFO, "02 01", b"v", type_name, "00", values, b"z", b"UInt8", "00 07")
    assert served.ask(sql, default_format="Native", client_protocol_version="54460").body == newest
    older = typed(INFO, "02 01", b"v", type_name, values, b"z", b"UInt8", "07")
    assert served.ask(sql, default_format="Native", client_protocol_version="54453").body == older
    none = typed("02 01", b"v", type_name, values, b"z", b"UInt8", "07")
    assert served.ask(sql, default_format="Native").body == none


def test_each_block_of_many_has_its_info_and_an_empty_answer_has_none(served: Served) -> None:
    body = served.ask(
        "SELECT number FROM numbers(3)",
        default_format="Native", client_protocol_version="54515", max_block_size="1", max_threads="1",
    ).body  # fmt: skip
    head = typed(INFO, "01 01", b"number", b"UInt64", "00")
    assert body == head + typed(ZERO) + head + typed(ONE) + head + typed(TWO)
    assert served.ask("SELECT 1 WHERE 0", default_format="Native", client_protocol_version="54515").body == b""
    # Of other formats there are no versions.
    assert served.ask("SELECT 1", client_protocol_version="54515").text == "1\n"


@pytest.mark.parametrize(
    ("value", "type_name"),
    [
        ("sumState(1)", "AggregateFunction(sum, UInt8)"),
        ("['{}'::JSON]", "Array(JSON)"),
        ("1::Dynamic", "Dynamic"),
        ("CAST(1 AS Variant(String, UInt8))", "Variant(String, UInt8)"),
        ("(1., 2.)::Point", "Point"),
        ("[1, 2]::QBit(Float32, 2)", "QBit(Float32, 2)"),
    ],
)
def test_what_has_no_blocks_of_a_version_is_refused(served: Served, value: str, type_name: str) -> None:
    answer = served.ask(f"SELECT 1, {value} AS s", default_format="Native", client_protocol_version="54460")
    assert (answer.status, answer.headers["x-clickhouse-exception-code"]) == (501, "48"), answer.text
    assert f"column s has the type {type_name}, which blocks of a version cannot have here: cast it" in answer.text


def test_a_version_is_a_number(served: Served) -> None:
    answer = served.ask("SELECT 1", client_protocol_version="-1")
    assert (answer.status, answer.headers["x-clickhouse-exception-code"]) == (400, "36")


@pytest.mark.exhaustive
def test_every_view_is_read_in_blocks_of_a_version(served: Served) -> None:
    """As the driver of Grafana's own plugin asks for them."""
    columns: defaultdict[str, list[str]] = defaultdict(list)
    sql = """SELECT table, name FROM system.columns WHERE database = 'ccusage' AND table IN
        (SELECT name FROM system.tables WHERE database = 'ccusage' AND engine = 'View') ORDER BY table, position"""
    for line in served.ask(sql).text.splitlines():
        view, column = line.split("\t")
        columns[view].append(column)
    rows: Counter[str] = Counter()
    for view, names in columns.items():
        sql = f"SELECT * FROM {view}"
        body = served.ask(sql, default_format="Native", client_protocol_version="54460", compress="1").body
        for block in blocks(read_frames(body), 54460):
            assert [name for name, _ in block.columns_with_types] == names, view
            rows[view] += block.num_rows
    assert (len(columns) > 50, len(rows) > 30) == (True, True)
    assert (rows["daily"], rows["machine_summary"]) == (2, 1)


# -- clients that others wrote -----------------------------------------------------------------------------------------


def test_clickhouse_connect_reads(served: Served) -> None:
    with clickhouse_connect.get_client(
        host="127.0.0.1", port=served.port, username="ana", password=served.token, database="ccusage"
    ) as client:
        rows = client.query(
            "SELECT machine, total_tokens FROM daily WHERE date >= {day:Date} ORDER BY date", {"day": "2025-06-01"}
        )
        assert [row[0] for row in rows.result_rows] == ["laptop", "laptop"]
        assert client.query("SELECT number FROM numbers(200000)").row_count == 200_000
        # It asks for blocks of a version.
        assert client.protocol_version == 54405
        assert client.command("SELECT count() FROM loads FINAL") == 1
        with pytest.raises(DatabaseError, match="does more than read"):
            client.command("DROP TABLE records")


def test_the_program_itself_reads(served: Served, imported: tuple[Program, str]) -> None:
    program, url = imported[0], f"clickhouse://ana:{served.token}@127.0.0.1:{served.port}/ccusage"
    sql = "SELECT date, total_tokens FROM daily ORDER BY date LIMIT 1"

    answers = {kind: program("query", sql, "--format", kind, "--warehouse", url) for kind in ("json", "csv", "table")}
    listed = program("history", "--json", "--warehouse", url)
    exported = program("export", "daily", "--format", "jsonl", "--output", "-", "--warehouse", url)
    verified = program("verify", "--claude-dir", CORPORA / "june", "--warehouse", url)
    refused = program("query", "DROP TABLE records", "--warehouse", url)

    assert {kind: (done.exit_code, done.stderr) for kind, done in answers.items()} == dict.fromkeys(answers, (0, ""))
    assert json.loads(answers["json"].stdout) == [{"date": "2025-06-08", "total_tokens": 4467705}]
    assert answers["csv"].stdout == '"date","total_tokens"\n"2025-06-08",4467705\n'
    assert (listed.exit_code, len(json.loads(listed.stdout))) == (0, 1)
    assert [json.loads(line)["total_tokens"] for line in exported.stdout.splitlines()] == [4467705, 60910]
    assert (verified.exit_code, verified.stderr) == (0, "")
    assert (refused.exit_code, "query: DROP does more than read" in refused.stderr) == (2, True)


def test_sqlalchemy_reads(served: Served) -> None:
    engine = sqlalchemy.create_engine(f"clickhousedb://ana:{served.token}@127.0.0.1:{served.port}/ccusage")
    with engine.connect() as connection:
        found = connection.execute(sqlalchemy.text("SELECT count() FROM daily WHERE machine = :m"), {"m": "laptop"})
        assert found.scalar() == 2
    assert "daily" in sqlalchemy.inspect(engine).get_table_names()
    engine.dispose()


def test_the_client_for_javascript_reads(served: Served) -> None:
    client = install("@clickhouse/client", CLIENT_VERSION).parent / "@clickhouse/client/dist/index.js"
    done = subprocess.run(
        ["node", Path(__file__).with_name("clients.mjs")],
        env={**os.environ, "CLIENT": str(client), "URL": f"http://127.0.0.1:{served.port}", "TOKEN": served.token},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines() == ['[{"machine":"laptop","records":2}]', "true", "164 READONLY"]


def test_curl_reads(served: Served) -> None:
    done = subprocess.run(
        [
            "curl",
            "-sS",
            "--compressed",
            "-u",
            f"ana:{served.token}",
            f"http://127.0.0.1:{served.port}/",
            "--data-binary",
            "@-",
        ],
        input="SELECT count() FROM daily",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "2\n"


# -- others meanwhile --------------------------------------------------------------------------------------------------


def test_commands_are_let_in_and_who_asks_waits(home: tuple[Program, str]) -> None:
    program, url = home
    with serving(program, url) as served:
        pid = served.process.pid
        assert served.ask("SELECT count() FROM loads FINAL").text == "1\n"
        done = program("import", "--warehouse", url, "--claude-dir", CORPORA / "june", "--machine", "laptop", "-q")
        assert (done.exit_code, done.stderr) == (0, "")
        # Asked before the server has the warehouse again.
        assert served.ask("SELECT count() FROM loads FINAL").text == "2\n"
        assert program(
            "query", "--warehouse", url, "SELECT count() FROM loads FINAL", "--format", "csv"
        ).stdout.endswith("2\n")
        assert program("status", "--warehouse", url, "--machine", "laptop").exit_code == 0
        assert served.ask("SELECT count() FROM loads FINAL").text == "2\n"
        assert served.process.poll() is None
        assert served.process.pid == pid


@pytest.mark.exhaustive
def test_what_lies_in_the_working_directory_is_not_run(home: tuple[Program, str]) -> None:
    program, url = home
    false = program.home / "ccusage_import"
    false.mkdir()
    (false / "__init__.py").touch()
    (false / "__main__.py").write_text("open('was_run', 'w')")
    with serving(program, url) as served:
        place = ("--warehouse", url)
        asked = subprocess.run(
            [sys.executable, "-P", "-m", "ccusage_import", "query", *place, "SELECT 7", "--format", "csv"],
            env=program.environ,
            cwd=program.home,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert asked.stdout == '"7"\n7\n'
        # It began anew to let the command in.
        assert served.ask("SELECT 1").text == "1\n"
    assert not (program.home / "was_run").exists()


@pytest.mark.exhaustive
def test_readers_see_whole_imports(home: tuple[Program, str]) -> None:
    program, url = home
    with serving(program, url) as served:
        ended, seen = threading.Event(), set[str]()

        def read() -> None:
            while not ended.is_set():
                answer = served.ask("SELECT count(), uniqExact(load_id) FROM records")
                assert answer.status == 200, answer.text
                seen.add(answer.text)

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        for corpus in ("september", "active"):
            claude = ("--claude-dir", CORPORA / "june", "--claude-dir", CORPORA / corpus)
            done = program("import", "--warehouse", url, *claude, "--machine", "laptop", "-q")
            assert done.exit_code == 0, done.stderr
        ended.set()
        for reader in readers:
            reader.join(60)
        seen.add(served.ask("SELECT count(), uniqExact(load_id) FROM records").text)
        assert 2 <= len(seen) <= 3, seen


@pytest.mark.exhaustive
def test_a_query_that_goes_on_keeps_nobody_out(home: tuple[Program, str]) -> None:
    program, url = home
    with serving(program, url) as served:
        answers: list[Answer] = []
        endless = "SELECT count() FROM numbers(100000000000) WHERE number % 7 = 3"
        asking = threading.Thread(target=lambda: answers.append(served.ask(endless)))
        asking.start()
        while served.ask("SELECT count() FROM system.processes WHERE query LIKE '%(100000000000)%'").text == "1\n":
            time.sleep(0.1)
        assert program("query", "--warehouse", url, "SELECT 7", "--format", "csv").stdout == '"7"\n7\n'
        asking.join(60)
        assert [(answer.status, answer.headers["x-clickhouse-exception-code"]) for answer in answers] == [(500, "394")]
        assert served.ask("SELECT 1").text == "1\n"


def test_who_leaves_in_the_middle_of_a_question_is_no_error(home: tuple[Program, str]) -> None:
    with serving(*home, "--without-token", "--verbose") as served:
        with socket.create_connection((served.host, served.port)) as leaving:
            leaving.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nSELECT")
        assert served.ask("SELECT 1").text == "1\n"
        served.process.send_signal(signal.SIGTERM)
        _, stderr = served.process.communicate(timeout=30)

    assert "ERROR" not in stderr


def test_what_nobody_waits_for_any_more_ends(home: tuple[Program, str]) -> None:
    endless = b"SELECT count() FROM numbers(10000000000000) WHERE NOT ignore(sipHash64(number))"
    request = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(endless) + endless
    with serving(*home, "--without-token") as served:
        # Four are answered at once, and two wait for their turn.
        leaving = [socket.create_connection((served.host, served.port)) for _ in range(6)]
        for connection in leaving:
            connection.sendall(request)
        while served.get("/health").body.count(b'"queries":6') == 0:
            time.sleep(0.1)
        began = time.monotonic()
        for connection in leaving:
            connection.close()

        while served.ask("SELECT 1").text + served.get("/health").text.rpartition('"queries":')[2] != "1\n0}":
            time.sleep(0.1)
        # By itself each would end after a minute.
        assert time.monotonic() - began < 30


@pytest.mark.parametrize("number", some_of([signal.SIGTERM, signal.SIGINT], 0))
def test_a_signal_ends_it(home: tuple[Program, str], number: signal.Signals) -> None:
    program, url = home
    with serving(program, url) as served:
        assert served.ask("SELECT 1").text == "1\n"
        served.process.send_signal(number)
        assert served.process.wait(20) == 0
    assert program("query", "--warehouse", url, "SELECT 1", "--format", "csv").exit_code == 0
