"""Opening warehouses, and every way in which that fails: the message, the hint, no secret, nothing left behind."""

from __future__ import annotations

import gc
import json
import os
import socket
import subprocess
import sys
import time
import weakref
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import pytest
from clickhouse_connect.driver._backend import httpcommon

from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.exceptions import (
    DatabaseMissingError,
    FixableError,
    QueryError,
    ServerTooOldError,
    StatementRefusedError,
    WarehouseAuthenticationError,
    WarehouseError,
    WarehouseLockedError,
    WarehousePermissionError,
    WarehouseUnreachableError,
)
from ccusage_import.warehouse.clickhouse_client import PrivilegedQuestion, Question, open_warehouse
from ccusage_import.warehouse.driver.embedded import temporary_files
from ccusage_import.warehouse.migrations import apply_migrations
from tests.conftest import Place, Program
from tests.support.disks import mounted, needs_mounts
from tests.support.gateway.running import Gateway, running_gateway
from tests.support.gateway.users import User
from tests.support.receiver import running_receiver

USERS = (User("default", ""), User("owner", "s3cret pass"), User("reader", "re4der", readonly=True))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with users; its database is migrated."""
    with running_gateway(tmp_path_factory.mktemp("guarded") / "engine", USERS) as gateway:
        with open_warehouse(parse_warehouse_url(gateway.url(database="ccusage")), creates_database=True) as opened:
            apply_migrations(opened)
        yield gateway


def failure(url: str, password: str = "") -> FixableError:
    """Return the error of opening a warehouse."""
    with pytest.raises(FixableError) as raised, open_warehouse(parse_warehouse_url(url, password)):
        pass
    assert "s3cret" not in str(raised.value) + raised.value.hint
    return raised.value


def test_a_server_hears_who_asks_but_not_which_user_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(variable, "jane.doe")
    with running_receiver() as receiver:
        failure(f"clickhouse://127.0.0.1:{receiver.port}/ccusage")

    names = [request.headers["User-Agent"] for request in receiver.requests]
    assert names
    assert all("ccusage-import" in name and "jane" not in name for name in names)


def test_a_wrong_password_is_told_apart(guarded: Gateway) -> None:
    error = failure(f"clickhouse://owner@127.0.0.1:{guarded.port}/ccusage", "s3cret wrong")

    assert type(error) is WarehouseAuthenticationError
    assert str(error) == (
        f"warehouse clickhouse://owner@127.0.0.1:{guarded.port}/ccusage: user owner or its password is not accepted"
    )
    assert error.hint == "set CCUSAGE_IMPORT_PASSWORD"


def test_the_right_password_opens_with_any_characters(guarded: Gateway) -> None:
    url = f"clickhouse://owner@127.0.0.1:{guarded.port}/ccusage"
    with open_warehouse(parse_warehouse_url(url, "s3cret pass")) as opened:
        assert opened.rows("SELECT count() FROM daily") == [(0,)]


def test_a_missing_database_is_told_with_the_command_that_creates_it(guarded: Gateway) -> None:
    error = failure(f"clickhouse://127.0.0.1:{guarded.port}/elsewhere")

    assert type(error) is DatabaseMissingError
    assert str(error).endswith("database 'elsewhere' does not exist")
    assert error.hint == (
        f"ccusage-import migrate --create-database --warehouse clickhouse://default@127.0.0.1:{guarded.port}/elsewhere"
    )


def test_no_server_is_told_with_its_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    error = failure(f"clickhouse://127.0.0.1:{port}/ccusage")

    assert type(error) is WarehouseUnreachableError
    assert str(error).startswith(f"warehouse clickhouse://default@127.0.0.1:{port}/ccusage: no answer: ")


def test_https_to_an_http_server_is_unreachable(guarded: Gateway) -> None:
    assert type(failure(f"clickhouses://127.0.0.1:{guarded.port}/ccusage")) is WarehouseUnreachableError


@pytest.mark.parametrize("kind", ["status_404", "status_407", "status_502", "status_503"])
def test_a_proxy_or_another_web_server_is_no_answer(guarded: Gateway, kind: str) -> None:
    guarded.fail(kind, times=9)

    error = failure(f"clickhouse://127.0.0.1:{guarded.port}/ccusage")

    guarded.clear_faults()
    assert type(error) is WarehouseUnreachableError
    assert str(error).endswith(f"/ccusage: no answer: HTTP status {kind.removeprefix('status_')}")
    assert error.hint.startswith("the proxy of http_proxy" if kind == "status_407" else "check host, port and TLS")


@pytest.mark.parametrize("status", [200, 204])
def test_what_answers_but_is_no_clickhouse_is_no_answer(status: int) -> None:
    with running_receiver() as receiver:
        receiver.always = status

        error = failure(f"clickhouse://127.0.0.1:{receiver.port}/ccusage")

    assert type(error) is WarehouseUnreachableError
    assert str(error).endswith(f"/ccusage: no answer: HTTP status {status}, but not from ClickHouse")


def test_a_proxy_that_takes_everything_is_no_warehouse(guarded: Gateway) -> None:
    place = parse_warehouse_url(f"clickhouse://default@127.0.0.1:{guarded.port}/ccusage")
    with open_warehouse(place) as opened:
        opened.columns("loads")
        guarded.fail("status_200", times=3)
        with pytest.raises(WarehouseUnreachableError, match="not from ClickHouse"):
            opened.rows("SELECT count() FROM loads")
        with pytest.raises(WarehouseUnreachableError, match="not from ClickHouse"):
            opened.insert("loads", ("load_id", "machine"), [(1, "m")], token="t")
        with pytest.raises(WarehouseUnreachableError, match="not from ClickHouse"):
            opened.raw("SELECT 1", "CSV", {})
        assert opened.rows("SELECT count() FROM loads") == [(0,)]


@pytest.mark.parametrize("encoding", ["lz4", "zstd", "gzip", "deflate", "identity"])
def test_an_answer_that_was_cut_off_is_no_shorter_answer(
    guarded: Gateway, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(httpcommon, "available_compression", [encoding])
    place = parse_warehouse_url(f"clickhouse://default@127.0.0.1:{guarded.port}/ccusage")
    with open_warehouse(place) as opened:
        whole = opened.rows("SELECT number, hex(number) FROM numbers(200000)")
        streamed = list(opened.stream("SELECT number, hex(number) FROM numbers(200000)"))
        raw = opened.raw("SELECT number, hex(number) FROM numbers(200000)", "CSV", {})
        guarded.fail("cut_off", match="numbers", times=2)
        with pytest.raises(WarehouseUnreachableError, match="the answer was cut off"):
            opened.rows("SELECT number, hex(number) FROM numbers(200000)")
        with pytest.raises(WarehouseUnreachableError, match="the answer was cut off"):
            list(opened.stream("SELECT number, hex(number) FROM numbers(200000)"))
        if encoding != "identity":
            guarded.fail("cut_off", match="numbers")
            with pytest.raises(WarehouseUnreachableError, match="the answer was cut off"):
                opened.raw("SELECT number, hex(number) FROM numbers(200000)", "CSV", {})

    assert (len(whole), whole[-1]) == (200_000, (199_999, "030D3F"))
    assert streamed == whole
    assert raw == b"".join(b'%d,"%s"\n' % (number, text.encode()) for number, text in whole)


@pytest.mark.parametrize(("scheme", "password"), [("", "s3cret pass"), ("http://", "s3cret €🔑")])
def test_the_proxy_of_the_environment_gets_its_user_and_password_and_no_error_shows_them(
    monkeypatch: pytest.MonkeyPatch, scheme: str, password: str
) -> None:
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    # The connections to a server are kept as long as the process.
    host = f"warehouse{len(scheme)}.example"
    with running_receiver() as receiver:
        receiver.always = 407
        monkeypatch.setenv("http_proxy", f"{scheme}ana:{quote(password)}@127.0.0.1:{receiver.port}")

        error = failure(f"clickhouse://owner@{host}/ccusage")

    assert error.hint.startswith("the proxy of http_proxy")
    assert {request.headers["Proxy-Authorization"] for request in receiver.requests} == {
        f"Basic {b64encode(f'ana:{password}'.encode()).decode()}"
    }
    assert receiver.requests[0].path.startswith(f"http://{host}:8123/")


@pytest.mark.parametrize("proxy", ["http://ana:s3cret@proxy.example:port", "http://[s3cret", "socks5://127.0.0.1"])
def test_a_proxy_whose_address_is_none_is_said(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("http_proxy", proxy)

    error = failure("clickhouse://owner@proxied.example/ccusage")

    assert str(error) == "http_proxy: is not the address of an HTTP proxy"
    assert error.hint == "correct or unset it; no_proxy=HOST goes round the proxy"


def test_a_proxy_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("http_proxy", f"127.0.0.1:{closed.getsockname()[1]}")

        error = failure("clickhouse://owner@behind-a-proxy.example/ccusage")

    assert ": no answer: the proxy: [Errno " in str(error)
    assert error.hint == "correct or unset http_proxy or https_proxy; no_proxy=HOST goes round the proxy"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_told_and_not_followed(status: int) -> None:
    with running_receiver() as elsewhere, running_receiver() as receiver:
        receiver.always = status
        receiver.location = f"http://user:secret@localhost:{elsewhere.port}/path?secret"

        error = failure(f"clickhouse://owner@127.0.0.1:{receiver.port}/ccusage", "s3cret pass")

    assert elsewhere.requests == []
    assert type(error) is WarehouseUnreachableError
    assert str(error).endswith(
        f"/ccusage: answers with a redirect to http://localhost:{elsewhere.port}/path, which is not followed"
    )
    assert (
        error.hint == f"if that is the server, name it with its port: clickhouse://localhost:{elsewhere.port}/ccusage"
    )


@pytest.mark.parametrize("password", ["s3cret pass", "s3cret €🔑"])
def test_an_old_server_that_points_elsewhere_sends_no_password_there(password: str) -> None:
    with running_receiver() as elsewhere, running_receiver() as receiver:
        # What the driver asks first fails as with a server that is too old, which is then asked for its version.
        receiver.answers = ["too old"]
        receiver.always = 302
        receiver.location = f"http://localhost:{elsewhere.port}/"

        error = failure(f"clickhouse://owner@127.0.0.1:{receiver.port}/ccusage", password)

    owner = f"Basic {b64encode(f'owner:{password}'.encode()).decode()}"
    assert [request.headers["Authorization"] for request in receiver.requests] == [owner, owner]
    assert elsewhere.requests == []
    assert type(error) is QueryError


@pytest.mark.parametrize("version", ["23.3.1.1", "18.16.1"])
def test_an_old_server_is_told_with_the_version_needed(tmp_path: Path, version: str) -> None:
    with running_gateway(tmp_path / "engine", version=version) as gateway:
        error = failure(gateway.url())

    assert type(error) is ServerTooOldError
    assert str(error).endswith(f"ClickHouse {version} is too old")
    assert error.hint == "use ClickHouse 25.8 or newer"


def test_a_user_who_may_only_read_cannot_import(guarded: Gateway) -> None:
    url = f"clickhouse://reader@127.0.0.1:{guarded.port}/ccusage"
    with open_warehouse(parse_warehouse_url(url, "re4der")) as opened:
        with pytest.raises(WarehousePermissionError) as raised:
            opened.insert("loads", ("load_id", "machine"), [(1, "m")], token="t")
        assert opened.rows("SELECT count() FROM loads") == [(0,)]

    assert "user reader may only read" in str(raised.value)
    assert raised.value.hint.startswith("GRANT SELECT, INSERT, ")
    assert raised.value.hint.endswith(" ON ccusage.* TO reader")


def test_a_user_who_may_change_no_setting_is_told_where_one_is_needed(guarded: Gateway) -> None:
    place = parse_warehouse_url(f"clickhouse://reader@127.0.0.1:{guarded.port}/ccusage", "re4der")
    with open_warehouse(place) as opened:
        assert [list(block[0]) for block in opened.blocks("SELECT 1", settings={"max_threads": 1})] == [[1]]
        iso = {"date_time_output_format": "iso"}
        with (
            pytest.raises(WarehousePermissionError, match="Cannot modify 'date_time_output_format' setting") as raised,
            opened.written("SELECT 1", "JSONEachRow", iso),
        ):
            pytest.fail("it may change no setting")
    assert raised.value.hint.startswith("let reader change settings: readonly = 2 instead of 1")


def test_a_server_that_lacks_memory_is_told_in_one_sentence_with_what_to_do(guarded: Gateway) -> None:
    place = parse_warehouse_url(f"clickhouse://default@127.0.0.1:{guarded.port}/ccusage")
    with open_warehouse(place) as opened, pytest.raises(QueryError) as raised:
        opened.rows("SELECT groupArray(number) FROM numbers(10000000) SETTINGS max_memory_usage = 1000000")

    assert str(raised.value).startswith(f"warehouse {place}: Code: 241. DB::Exception: ")
    assert str(raised.value).endswith(". (MEMORY_LIMIT_EXCEEDED)")
    assert raised.value.hint == (
        "try again later, or ask the administrator of the server; nothing half written is visible"
    )


@pytest.mark.one_place
def test_an_embedded_engine_that_lacks_memory_has_no_administrator(migrated: Place) -> None:
    with migrated.opened() as opened, pytest.raises(QueryError) as raised:
        opened.rows("SELECT groupArray(number) FROM numbers(10000000) SETTINGS max_memory_usage = 1000000")

    assert (str(raised.value)[-25:], raised.value.hint) == (". (MEMORY_LIMIT_EXCEEDED)", "")


def test_a_failed_insert_inserts_nothing(migrated: Place) -> None:
    with open_warehouse(parse_warehouse_url(migrated.url)) as opened:
        with pytest.raises(QueryError):
            opened.insert("loads", ("load_id", "nonsense"), [(1, 2)], token="t")
        assert opened.rows("SELECT count() FROM loads") == [(0,)]


@pytest.mark.one_place
def test_what_was_inserted_is_not_kept_in_memory(migrated: Place) -> None:
    class Text(str):
        """A text to which weak references can be held."""

    machines = [Text("here"), Text("there")]
    kept = [weakref.ref(machine) for machine in machines]
    gc.disable()
    try:
        with open_warehouse(parse_warehouse_url(migrated.url)) as opened:
            opened.insert("loads", ("load_id", "machine"), list(enumerate(machines)), token="t")
            del machines
            assert [each() for each in kept] == [None, None]
            opened.give_memory_back()
            assert opened.rows("SELECT machine FROM loads ORDER BY machine") == [("here",), ("there",)]
    finally:
        gc.enable()


def test_reading_only_refuses_every_write(migrated: Place) -> None:
    with open_warehouse(parse_warehouse_url(migrated.url)) as opened:
        opened.forbid_writing()
        with pytest.raises(StatementRefusedError, match="query only reads"):
            opened.raw("DROP TABLE records", "CSV", {})
    assert migrated.rows("SELECT count() FROM records") == [(0,)]


ONE, SAME, LIST = (
    Question("SELECT {n:UInt8} AS a, toDecimal64('1.5', 9) AS b", {"n": 1}),
    Question("SELECT {n:UInt8} AS a", {"n": 2}),
    Question("SELECT version, toDateTime64(0, 3, 'UTC') AS at, [1, 2] AS list FROM schema_migrations WHERE false"),
)


def test_what_is_asked_ahead_is_answered_once_and_forgotten_by_a_write(guarded: Gateway) -> None:
    place = parse_warehouse_url(f"clickhouse://default@127.0.0.1:{guarded.port}/ccusage")
    with open_warehouse(place) as opened:

        def requests_of(*questions: Question) -> int:
            before = len(guarded.statements())
            answers = [[tuple(row) for row in opened.rows(*question)] for question in questions]
            assert answers == [ANSWERS[question.sql] for question in questions]
            return len(guarded.statements()) - before

        with opened.asked_ahead([ONE, SAME, LIST]):
            assert requests_of(SAME, LIST, ONE) == 0
            assert requests_of(ONE) == 1
        with opened.asked_ahead([ONE]):
            opened.command("SELECT 1")
            assert requests_of(ONE) == 1
        with opened.asked_ahead([ONE]):
            pass
        assert requests_of(ONE) == 1
        with opened.asked_ahead([ONE, SAME]):
            before = len(guarded.statements())
            with opened.asked_ahead([ONE, LIST]):
                assert len(guarded.statements()) - before == 1
                assert requests_of(ONE) == 0
            assert requests_of(SAME) == 0
            assert requests_of(LIST) == 1
        with opened.asked_ahead([ONE, Question("SELECT nothing FROM nowhere")]):
            assert requests_of(ONE) == 1
            with pytest.raises(QueryError, match="nowhere"):
                opened.rows("SELECT nothing FROM nowhere")


def test_what_a_user_has_no_right_to_ask_keeps_no_other_question_from_being_asked_ahead(guarded: Gateway) -> None:
    place = parse_warehouse_url(f"clickhouse://reader@127.0.0.1:{guarded.port}/ccusage", "re4der")
    forbidden = PrivilegedQuestion("SELECT a FROM file('nowhere.csv', 'CSV', 'a UInt8')")
    with open_warehouse(place) as opened, opened.asked_ahead([forbidden, SAME]):
        before = len(guarded.statements())
        assert opened.rows(*SAME) == [(2,)]
        assert len(guarded.statements()) == before
        with pytest.raises(WarehousePermissionError):
            opened.rows(*forbidden)


def test_what_a_lost_server_could_not_be_asked_ahead_is_asked_when_it_is_needed(guarded: Gateway) -> None:
    place = parse_warehouse_url(f"clickhouse://default@127.0.0.1:{guarded.port}/ccusage")
    with open_warehouse(place) as opened:
        guarded.fail("drop_before", times=9)
        with opened.asked_ahead([ONE, SAME]):
            guarded.clear_faults()
            assert [tuple(row) for row in opened.rows(*SAME)] == [(2,)]


def test_what_is_asked_side_by_side_is_answered_once_over_connections_that_may_not_do_more(
    migrated: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    limits = "getSetting('max_result_rows'), getSetting('readonly')"
    questions = [Question(f"SELECT {{n:UInt8}}, rand(), {limits}, sleep(0.02)", {"n": number}) for number in range(9)]
    with open_warehouse(parse_warehouse_url(migrated.url)) as opened:
        opened.forbid_writing({"max_result_rows": 7})
        with opened.asked_side_by_side(questions):
            first = [opened.rows(*question)[0] for question in questions]
            second = [opened.rows(*question)[0] for question in questions]
    assert [row[0] for row in first] == list(range(9))
    assert {tuple(row[2:4]) for row in first} == {(7, 1)}
    assert [row[1] for row in first] != [row[1] for row in second]


def test_an_answer_is_there_before_those_that_take_longer_and_nothing_else_is_asked_before_them(
    migrated: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    slow = Question("SELECT sleep(2)")
    with open_warehouse(parse_warehouse_url(migrated.url)) as opened:
        begun = time.perf_counter()
        with opened.asked_side_by_side([slow, SAME]):
            assert [tuple(row) for row in opened.rows(*SAME)] == [(2,)]
            quick = time.perf_counter() - begun
            # A server may allow a user one query at a time.
            assert opened.rows("SELECT 3")
            other = time.perf_counter() - begun
            assert opened.rows(*slow)
    assert quick < 1.9 < other


def test_questions_of_an_embedded_warehouse_share_the_cores(
    embedded: Callable[[str], Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    threads = [Question("SELECT {n:UInt8}, getSetting('max_threads')", {"n": number}) for number in range(5)]
    with embedded("cores").opened() as opened:
        for asked, each in ((1, 6), (2, 3), (5, 1)):
            with opened.asked_side_by_side(threads[:asked]):
                assert [opened.rows(*question)[0][1] for question in threads[:asked]] == [each] * asked


def test_what_cannot_be_asked_side_by_side_is_told_where_it_is_needed(migrated: Place) -> None:
    wrong = Question("SELECT nothing FROM nowhere")
    with open_warehouse(parse_warehouse_url(migrated.url)) as opened:
        with opened.asked_side_by_side([SAME, wrong]):
            assert [tuple(row) for row in opened.rows(*SAME)] == [(2,)]
            with pytest.raises(QueryError, match="nowhere"):
                opened.rows(*wrong)
        with opened.asked_side_by_side([]):
            assert opened.rows("SELECT 1")


ANSWERS: dict[str, list[tuple[object, ...]]] = {ONE.sql: [(1, Decimal("1.5"))], SAME.sql: [(2,)], LIST.sql: []}


def test_a_second_process_waits_and_then_names_the_first(tmp_path: Path) -> None:
    url = f"chdb://{tmp_path}/warehouse"
    with open_warehouse(parse_warehouse_url(url)):
        script = (
            "from ccusage_import.warehouse.clickhouse_client import open_warehouse\n"
            "from ccusage_import.config.warehouse_url import parse_warehouse_url\n"
            "from ccusage_import.exceptions import WarehouseLockedError\n"
            "try:\n"
            f"    open_warehouse(parse_warehouse_url({url!r}), lock_wait_seconds=0.3).__enter__()\n"
            "except WarehouseLockedError as error:\n"
            "    print(error)\n"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.startswith(f"the warehouse {url} is in use by process {os.getpid()} since 2")


def test_what_is_imported_in_the_background_leaves_the_working_directory() -> None:
    script = (
        "import sys\n"
        "from ccusage_import.warehouse.driver.loading import load_driver\n"
        "sys.addaudithook(lambda event, values: print(values) if event == 'os.chdir' else None)\n"
        "load_driver()\n"
        "print('clickhouse_connect' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout == "True\n"


def test_another_program_on_the_directory_is_told_from_damage(tmp_path: Path) -> None:
    path = tmp_path / "warehouse"
    script = (
        "import sys\n"
        "for name in ('pyarrow', 'pandas', 'numpy'): sys.modules.setdefault(name, None)\n"
        "import chdb\n"
        f"connection = chdb.connect({str(path)!r})\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()\n"
    )
    other = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(WarehouseLockedError) as raised, open_warehouse(parse_warehouse_url(f"chdb://{path}")):
            pass
        assert str(raised.value) == f"the warehouse chdb://{path} is open in another program"
    finally:
        other.communicate()


def test_a_file_is_no_warehouse(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "hostname"
    file.touch()

    done = program("migrate", "--warehouse", f"chdb://{file}")

    assert (done.exit_code, done.stdout) == (4, "")
    assert done.stderr == f"ccusage-import: error: warehouse chdb://{file}: is a file\nhint: name a directory\n"


def test_damaged_metadata_is_told_with_the_way_to_a_backup(
    program: Program, embedded: Callable[[str], Place], tmp_path: Path
) -> None:
    warehouse = embedded("metadata damaged")
    (tmp_path / "metadata damaged/metadata/ccusage.sql").write_text("garbage")

    done = program("migrate", "--warehouse", warehouse.url)

    path = f"'{tmp_path}/metadata damaged'"
    assert (done.exit_code, done.stdout) == (4, "")
    error, hint = done.stderr.splitlines()
    assert "cannot open: Code: 62. DB::Exception: Syntax error (in file metadata/ccusage.sql)" in error
    assert hint == f"hint: from a backup: mv {path} {path}.damaged && ccusage-import restore BACKUP"


def test_a_time_zone_that_the_engine_does_not_know_is_told(program: Program) -> None:
    # In an interpreter that has not loaded the engine.
    done = replace(program, prefix=("env",))("migrate", TZ="Mars/X")

    assert (done.exit_code, done.stdout) == (4, "")
    assert done.stderr == (
        "ccusage-import: error: the embedded engine cannot be loaded: Cannot load time zone Mars/X\n"
        "hint: correct or unset the variable TZ\n"
    )


@needs_mounts
def test_a_place_for_temporary_files_that_cannot_be_written_is_told(program: Program, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    with mounted(closed):
        subprocess.run(["mount", "-o", "remount,ro", closed], check=True)
        done = replace(program, prefix=("env",))("migrate", TMPDIR=str(closed))

    assert (done.exit_code, done.stdout) == (4, "")
    error, hint = done.stderr.splitlines()
    assert error.startswith("ccusage-import: error: the embedded engine cannot be loaded: ")
    assert hint == "hint: unset the variable TMPDIR, or let it name a directory that can be written"


def test_a_working_directory_that_is_gone_is_told(program: Program) -> None:
    gone = ("sh", "-c", 'mkdir gone && cd gone && rmdir ../gone && exec "$@"', "sh")

    done = replace(program, prefix=gone)("migrate")

    assert (done.exit_code, done.stdout) == (4, "")
    assert done.stderr.splitlines()[1] == "hint: the working directory is gone: cd to one that is there"


def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    error = failure(f"chdb://{tmp_path}/file/warehouse")

    assert str(error) == f"lock file {tmp_path}/file/warehouse.lock: File exists"
    assert error.hint == "make its directory writable"
    assert error.exit_code == 4


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("SELECT 1 AS one, 'a' AS text",), "┌─one─┬─text─┐\n│   1 │ a    │\n└─────┴──────┘\n"),
        (("SELECT 1 AS one", "--format", "csv"), '"one"\n1\n'),
        (("SELECT toUInt64(18446744073709551615) AS n;", "--format", "json"), '[\n{"n":18446744073709551615}\n]\n'),
    ],
)
def test_query_prints_what_was_asked_for(
    program: Program, migrated: Place, arguments: tuple[str, ...], expected: str
) -> None:
    done = program("query", "--warehouse", migrated.url, *arguments)

    assert (done.exit_code, done.stdout, done.stderr) == (0, expected, "")


def test_a_directory_that_went_away_while_it_was_open_is_told(tmp_path: Path) -> None:
    place = parse_warehouse_url(f"chdb://{tmp_path}/warehouse")
    with pytest.raises(WarehouseError) as raised, temporary_files(place):
        pass
    assert str(raised.value) == f"warehouse {place}: No such file or directory"
    assert raised.value.hint == "bring its directory back"


def test_query_answers_from_an_empty_table_as_json(program: Program, migrated: Place) -> None:
    done = program("query", "--warehouse", migrated.url, "SELECT * FROM daily", "--json")

    assert json.loads(done.stdout) == []


@pytest.mark.parametrize(
    ("sql", "message", "exit_code"),
    [
        ("SELECT * FROM nowhere", "UNKNOWN_TABLE", 4),
        ("INSERT INTO loads (load_id) VALUES (1)", "query: INSERT does more than read", 2),
        ("DROP TABLE records", "query: DROP does more than read", 2),
    ],
)
def test_query_refuses_in_one_line(program: Program, migrated: Place, sql: str, message: str, exit_code: int) -> None:
    done = program("query", "--warehouse", migrated.url, sql)

    assert done.exit_code == exit_code
    assert done.stdout == ""
    assert message in done.stderr.splitlines()[0]
    assert "Traceback" not in done.stderr
    assert migrated.rows("SELECT count() FROM loads") == [(0,)]


def test_a_server_needs_migrating_by_hand(program: Program, gateway: Gateway, tmp_path: Path) -> None:
    url = gateway.url(database="by_hand")
    (tmp_path / "claude" / "projects").mkdir(parents=True)
    arguments = ("import", "--warehouse", url, "--claude-dir", tmp_path / "claude")

    assert "hint: ccusage-import migrate --create-database" in program(*arguments).stderr
    assert program("migrate", "--warehouse", url, "--create-database", "--status").exit_code == 4
    created = program("migrate", "--warehouse", url, "--create-database")
    again = program("migrate", "--warehouse", url)

    assert created.stdout.splitlines()[:2] == ["applied 0001", "applied 0002"]
    assert again.stdout == "nothing is pending\n"
    assert program(*arguments).stdout == "no usage found; nothing was written\n"
