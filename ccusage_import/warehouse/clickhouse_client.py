"""The only home of clickhouse_connect: opens the embedded engine or a server, and tells its errors apart."""

from __future__ import annotations

import errno
import importlib.util
import os
import re
import resource
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple
from urllib.parse import urljoin, urlsplit

from ccusage_import.config.installation import ENGINE, adds
from ccusage_import.config.warehouse_url import EmbeddedWarehouse, ServerWarehouse, Warehouse
from ccusage_import.exceptions import (
    ConfigurationError,
    DamagedWarehouseError,
    DatabaseMissingError,
    EngineMissingError,
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
from ccusage_import.files import file_lock, make_private_directory
from ccusage_import.masking import without_passwords

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

# The oldest release on which replacement, views and settings used here were seen to work.
OLDEST_SERVER = (25, 8)
CONNECT_TIMEOUT_SECONDS = 10
CAPTURED_BYTES = 65_536
# Of one process at once: more would take a server's from others.
MOST_CONNECTIONS = 4
# With less virtual memory the engine ends the process without a word that could be caught.
ENGINE_BYTES = 1_900_000 * 1024
TOO_MANY_FILES = "Too many open files"
FILE_LIMIT_HINT = "free some space, or raise the limit (ulimit -f); nothing half written is visible"
WRONG_TZ_HINT = "correct the variable TZ, or unset it"
GONE_DIRECTORY_HINT = "the working directory is gone: cd to one that is there"
LIMITS_HINT = "ulimit -a shows the limits of this shell"
NO_ROOM_HINT = "free some space; nothing half written is visible"
ADDRESS_HINT = "check host, port and TLS: clickhouse:// is HTTP, clickhouses:// HTTPS"
PROXY_HINT = "the proxy of http_proxy or https_proxy wants a password; no_proxy=HOST goes to the server without it"
# One block, one part: published at once or not at all.
ONE_PART_SETTINGS: Mapping[str, Any] = {
    "async_insert": 0,
    "min_insert_block_size_rows": 10**9,
    "min_insert_block_size_bytes": 10**11,
    "max_insert_threads": 1,
}
# A node reads from the replicas it writes to, and joins tables that lie on several shards.
CLUSTER_SETTINGS: Mapping[str, Any] = {"load_balancing": "in_order", "distributed_product_mode": "global"}
# What is inserted is there when the INSERT ends; what a query gives comes through one node, not shard by shard.
CLUSTER_INSERT_SETTINGS: Mapping[str, Any] = {
    "distributed_foreground_insert": 1,
    "parallel_distributed_insert_select": 0,
}
# The engine looks at its memory twenty times a second, which would be a fifth of what an idle `watch` takes.
ENGINE_OPTIONS = "memory_worker_period_ms=1000"
# To compile a query takes the engine 0.1 s, which a process that ends soon never earns back.
EMBEDDED_SETTINGS: Mapping[str, Any] = {
    "compile_expressions": 0,
    "compile_aggregate_expressions": 0,
    "compile_sort_description": 0,
}
INPUT_SETTINGS: Mapping[str, Any] = {
    "date_time_input_format": "best_effort",
    "input_format_skip_unknown_fields": 0,
}
# A checksum that does not match, marks or data that end too early, files that are not there.
DAMAGE_CODES = frozenset({32, 33, 40, 107, 246, 271, 432})
# The rights of the role ccusage_importer in sql/access/roles.sql.
RIGHTS = "SELECT, INSERT, CREATE TABLE, DROP VIEW, TRUNCATE, ALTER ADD COLUMN, ALTER ORDER BY"
MISSING_RIGHTS_HINT = f"GRANT {RIGHTS} ON {{database}}.* TO {{user}}"


class Question(NamedTuple):
    """A query that can be asked together with others; its columns are named."""

    sql: str
    parameters: Mapping[str, Any] = MappingProxyType({})


class ClickHouse:
    """An open warehouse: SQL in, rows out; every error is one a user can act on."""

    def __init__(self, client: Client, warehouse: Warehouse, cluster: str | None) -> None:
        self._client = client
        self.warehouse = warehouse
        self.cluster = cluster
        self._only_reads = False
        self._limits: Mapping[str, Any] = {}
        self._columns: dict[str, dict[str, str]] = {}
        self._answers: list[tuple[Question, Sequence[Sequence[Any]]]] = []
        # What whoever opened it found missing of what it held.
        self.damage: DamagedWarehouseError | None = None

    @property
    def is_embedded(self) -> bool:
        """Whether the engine runs in this process."""
        return isinstance(self.warehouse, EmbeddedWarehouse)

    @property
    def database(self) -> str:
        """The database that holds all tables and views."""
        return self.warehouse.database

    @property
    def version(self) -> str:
        """The version of the engine or server."""
        return str(self._client.server_version)

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Sequence[Sequence[Any]]:
        """Return the rows of a query; instants are aware UTC."""
        question = Question(sql, parameters or {})
        for number, (asked, answer) in enumerate(self._answers):
            if asked == question:
                del self._answers[number]
                return answer
        return self._query(self._client, question)

    def _query(self, client: Client, question: Question) -> Sequence[Sequence[Any]]:
        with _translated(self.warehouse):
            return client.query(question.sql, parameters=dict(question.parameters), tz_mode="aware").result_rows

    @contextmanager
    def asked_ahead(self, questions: Sequence[Question]) -> Iterator[None]:
        """Ask a server all at once what `rows` asks in the block: each answer is given once, and none after a write.

        Where one cannot be answered none is, and whoever asks it is told why. In a block within a block, what is
        answered already is not asked again. The embedded engine is not far away.
        """
        known = [question for question, _ in self._answers]
        new = [] if self.is_embedded else [question for question in questions if question not in known]
        with self._answered(self._ask(new) if new else []):
            yield

    @contextmanager
    def asked_side_by_side(self, questions: Sequence[Question]) -> Iterator[None]:
        """Ask over several connections what `rows` asks in the block: each answer is given once.

        What takes long is to plan a question, for which the engine uses one core. Where one cannot be answered, as by a
        server that lets a user ask one at a time, none is, and each is asked when it is needed.
        """
        with ExitStack() as stack:
            free: SimpleQueue[Client] = SimpleQueue()
            free.put(self._client)
            at_once = max(1, min(len(questions), os.cpu_count() or 1, MOST_CONNECTIONS))
            for _ in range(at_once - 1):
                free.put(self._another_client(stack))

            def ask(question: Question) -> Sequence[Sequence[Any]]:
                client = free.get()
                try:
                    return self._query(client, question)
                finally:
                    free.put(client)

            with ThreadPoolExecutor(max_workers=at_once) as pool:
                try:
                    answers = list(pool.map(ask, questions))
                except FixableError:
                    answers = []
        with self._answered(list(zip(questions, answers, strict=False))):
            yield

    def _another_client(self, stack: ExitStack) -> Client:
        """Return one that may be used beside the first; that of a server may be itself."""
        if not isinstance(self.warehouse, EmbeddedWarehouse):
            return self._client
        client = _engine_client(self.warehouse)
        stack.callback(client.close)
        client.database = self.database
        for name, value in self._limits.items():
            client.set_client_setting(name, value)
        return client

    @contextmanager
    def _answered(self, answers: Sequence[tuple[Question, Sequence[Sequence[Any]]]]) -> Iterator[None]:
        """Let `rows` give these answers in the block."""
        known = [question for question, _ in self._answers]
        self._answers = [*self._answers, *answers]
        try:
            yield
        finally:
            self._answers = [each for each in self._answers if each[0] in known]

    def _ask(self, questions: Sequence[Question]) -> list[tuple[Question, Sequence[Sequence[Any]]]]:
        texts, parameters = list[str](), dict[str, Any]()
        for number, (sql, values) in enumerate(questions):
            # The same name may mean something else in another query.
            named = re.sub(r"\{(\w+):", rf"{{_{number}_\1:", sql)
            texts.append(f"(SELECT groupArray(tuple(*)) FROM ({named}))")  # noqa: S608 - a query of ours
            parameters |= {f"_{number}_{name}": value for name, value in values.items()}
        try:
            (answers,) = self.rows(f"SELECT {', '.join(texts)}", parameters)
        except FixableError:
            return []
        return list(zip(questions, answers, strict=True))

    def stream(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Iterator[Sequence[Any]]:
        """Yield the rows of a query like `rows`, a block of them in memory at a time; ask nothing else meanwhile."""
        with (
            _translated(self.warehouse),
            self._client.query_row_block_stream(sql, parameters=dict(parameters or {}), tz_mode="aware") as blocks,
        ):
            for block in blocks:
                yield from block

    def raw(
        self, sql: str, output_format: str, settings: Mapping[str, Any], parameters: Mapping[str, Any] | None = None
    ) -> bytes:
        """Return the answer to any one statement in a ClickHouse output format."""
        try:
            with _translated(self.warehouse):
                return self._client.raw_query(
                    sql, parameters=dict(parameters or {}), fmt=output_format, settings=dict(settings)
                )
        except WarehousePermissionError as error:
            if not self._only_reads:
                raise
            raise StatementRefusedError(f"query only reads: {error}", hint="only import and migrate write") from None

    @contextmanager
    def written(
        self, sql: str, output_format: str, settings: Mapping[str, Any], parameters: Mapping[str, Any] | None = None
    ) -> Iterator[BinaryIO]:
        """Open the answer to a query in a ClickHouse output format, to read it in pieces; ask nothing else meanwhile.

        Raises:
            WarehouseError: in the block or at its end, also where the answer was cut off.
        """
        answer = self._piped if self.is_embedded else self._sent
        with _translated(self.warehouse), answer(sql, output_format, settings, parameters or {}) as opened:
            yield opened

    @contextmanager
    def _piped(
        self, sql: str, output_format: str, settings: Mapping[str, Any], parameters: Mapping[str, Any]
    ) -> Iterator[BinaryIO]:
        """Let the embedded engine write into a pipe: it writes no file that is cut short where the disk is full."""
        reader, writer = os.pipe()

        def write() -> None:
            try:
                self._client.command(
                    f"{sql} INTO OUTFILE '/dev/fd/{writer}' APPEND FORMAT {output_format}",
                    parameters=dict(parameters),
                    settings=dict(settings),
                )
            finally:
                os.close(writer)

        with ThreadPoolExecutor(max_workers=1) as engine:
            writing = engine.submit(write)
            # Closed before its end, the pipe ends the query too.
            with os.fdopen(reader, "rb") as opened:
                yield opened
            writing.result()

    @contextmanager
    def _sent(
        self, sql: str, output_format: str, settings: Mapping[str, Any], parameters: Mapping[str, Any]
    ) -> Iterator[BinaryIO]:
        """Let the server answer when it has all of it, so that what fails is an error and not an answer cut short."""
        broken = importlib.import_module("urllib3").exceptions.HTTPError
        answer: Any = self._client.raw_stream(
            sql, parameters=dict(parameters), fmt=output_format, settings={**settings, "wait_end_of_query": 1}
        )
        try:
            with closing(answer):
                yield answer
        except broken as error:
            raise _unreachable(f"warehouse {self.warehouse}", str(error)) from None

    def columns(self, table: str) -> Mapping[str, str]:
        """Return the columns of a table with their types, empty where it does not exist.

        Those of all tables are asked for at once, and again after `command`, which may change them.
        """
        if not self._columns:
            for its_table, name, its_type in self.rows(*self._columns_question()):
                self._columns.setdefault(its_table, {})[name] = its_type
        return self._columns.get(table, {})

    def _columns_question(self) -> Question:
        return Question(
            "SELECT table, name, type FROM system.columns WHERE database = {database:String}",
            {"database": self.database},
        )

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run one statement that returns nothing of interest."""
        self._columns = {}
        self._answers = []
        with _translated(self.warehouse):
            self._client.command(sql, parameters=dict(parameters or {}))

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], token: str) -> None:
        """Publish rows in one INSERT; a replay with the same token after a lost answer changes nothing."""
        self._answers = []
        known = self.columns(table)
        # Without types the driver asks for them before each INSERT, and says which column there is none of.
        types = [known[name] for name in columns] if known.keys() >= set(columns) else None
        settings = self._insert_settings(token)
        with _translated(self.warehouse), _temporary_files(self.warehouse):
            self._client.insert(table, rows, column_names=columns, column_type_names=types, settings=settings)

    def insert_encoded(self, table: str, data: bytes, input_format: str, token: str) -> None:
        """Publish rows that are encoded in a ClickHouse format, in one INSERT; columns are matched by name.

        One body of bytes, not a generator, so that the driver can send it again after a lost connection.
        """
        self._answers = []
        settings = {**self._insert_settings(token), **INPUT_SETTINGS}
        with _translated(self.warehouse), _temporary_files(self.warehouse):
            self._client.raw_insert(table, insert_block=data, fmt=input_format, settings=settings)

    def insert_selected(
        self, table: str, columns: Sequence[str], select: str, parameters: Mapping[str, Any] | None = None
    ) -> None:
        """Publish what a query gives in one INSERT; without columns, those of the table in its order.

        It has no token: what a replay would write again must be the same rows.
        """
        self._answers = []
        into = f"`{table}` ({', '.join(columns)})" if columns else f"`{table}`"
        with _translated(self.warehouse):
            self._client.command(
                f"INSERT INTO {into} {select}", parameters=dict(parameters or {}), settings=self._one_part()
            )

    def _one_part(self) -> dict[str, Any]:
        return {**ONE_PART_SETTINGS, **(CLUSTER_INSERT_SETTINGS if self.cluster else {})}

    def _insert_settings(self, token: str) -> dict[str, Any]:
        return {**self._one_part(), "insert_deduplication_token": token}

    def forbid_writing(self, settings: Mapping[str, Any] | None = None) -> None:
        """Refuse every statement from now on that would change anything, other settings than these included."""
        self._only_reads = True
        if str(self._client.get_client_setting("readonly") or "0") != "0":
            return
        self._limits = {**(settings or {}), "readonly": 1}
        with _translated(self.warehouse):
            for name, value in self._limits.items():
                self._client.set_client_setting(name, value)

    def create_database(self) -> None:
        """Create the database where it does not exist."""
        on_cluster = f" ON CLUSTER `{self.cluster}`" if self.cluster else ""
        self.command(f"CREATE DATABASE IF NOT EXISTS `{self.database}`{on_cluster}")

    @contextmanager
    def using_database(self, ahead: Sequence[Question] = ()) -> Iterator[None]:
        """Make unqualified names mean the database of the warehouse from now on; questions are asked `ahead`.

        Raises:
            DatabaseMissingError: it does not exist.
        """
        self._client.database = self.database
        with self.asked_ahead([self._columns_question(), *ahead] if ahead else ()):
            if not self.is_embedded:
                # A server refuses any request to a database that does not exist, so this one may be of use.
                self.columns("loads")
            yield


def connect_to_engine(warehouse: EmbeddedWarehouse) -> Any:
    """Return one more connection to the engine of a warehouse that is open in this process, without a driver."""
    return importlib.import_module("chdb._chdb").connect(str(warehouse.path))


def preload_driver() -> None:
    """Import the driver, which takes a while, worth doing during other waits.

    Not the engine: while that is imported, the working directory is another one, and no relative path is found.
    What cannot be loaded is said when it is needed.
    """
    with suppress(ImportError, OSError, MemoryError):
        _driver()


def _is_somewhere() -> bool:
    """Return whether the working directory exists, to which the engine returns when it is imported."""
    try:
        return bool(Path.cwd())
    except FileNotFoundError:
        return False


def _load_engine() -> None:
    """Import the engine, which aborts the whole process where it does not get its memory.

    Raises:
        WarehouseError: a limit of this machine is too low for it.
    """
    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    if allowed != resource.RLIM_INFINITY and allowed < ENGINE_BYTES:
        raise WarehouseError(
            f"the embedded engine needs {ENGINE_BYTES >> 20:,} MiB of virtual memory, ulimit -v allows"
            f" {allowed >> 20:,}",
            hint="raise the limit (ulimit -v unlimited), or name a server: --warehouse clickhouse://user@host:8123/db",
        )
    try:
        importlib.import_module("chdb")
    except (ImportError, OSError, MemoryError, RuntimeError) as error:
        reason = _short(str(error)) or "no memory"
        hint = WRONG_TZ_HINT if "time zone" in reason else LIMITS_HINT
        if isinstance(error, FileNotFoundError) and not _is_somewhere():
            hint = GONE_DIRECTORY_HINT
        raise WarehouseError(f"the embedded engine cannot be loaded: {reason}", hint=hint) from None


@contextmanager
def open_warehouse(
    warehouse: Warehouse,
    *,
    cluster: str | None = None,
    lock_wait_seconds: float = 30,
    creates_database: bool = False,
    lends: bool = False,
    ahead: Sequence[Question] = (),
) -> Iterator[ClickHouse]:
    """Open the warehouse for the duration of a `with` block; who `lends` an embedded one lets others in.

    What the caller is going to ask of a warehouse that is up to date is asked `ahead`, as `asked_ahead` does.

    Raises:
        WarehouseError: one of its subclasses says what to do.
    """
    with ExitStack() as stack:
        if isinstance(warehouse, EmbeddedWarehouse):
            purpose = f"the warehouse {warehouse}"
            stack.enter_context(file_lock(warehouse.lock, purpose, lock_wait_seconds, lends=lends))
            client = _open_embedded(warehouse)
        else:
            client = _open_server(warehouse, CLUSTER_SETTINGS if cluster else {})
        stack.callback(client.close)
        opened = ClickHouse(client, warehouse, cluster)
        if creates_database or opened.is_embedded:
            opened.create_database()
        with opened.using_database(ahead):
            yield opened


def _driver() -> Any:
    # Importing these takes half a second and nothing here needs them; the driver and the engine do without.
    for name in ("pyarrow", "pandas", "numpy"):
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    return importlib.import_module("clickhouse_connect")


def demand_engine() -> None:
    """Return where the embedded engine is installed.

    Raises:
        EngineMissingError: it is not.
    """
    if importlib.util.find_spec("chdb") is None:
        raise EngineMissingError(
            "the embedded engine is not installed",
            hint=f"{adds((ENGINE,), Path(sys.prefix))}, or name a server: --warehouse clickhouse://user@host:8123/db",
        )


def _open_embedded(warehouse: EmbeddedWarehouse) -> Client:
    demand_engine()
    driver = _driver()
    _load_engine()
    try:
        make_private_directory(warehouse.path)
    except FileExistsError:
        raise WarehouseError(f"warehouse {warehouse}: is a file", hint="name a directory") from None
    except OSError as error:
        raise WarehouseError(f"warehouse {warehouse}: {error.strerror}", hint="make the directory writable") from None
    with _captured_stderr() as captured:
        try:
            client = _engine_client(warehouse)
        except driver.driver.exceptions.Error as error:
            failure, said = str(error), captured()
        else:
            return client
    if "Cannot lock file" in said:
        raise WarehouseLockedError(
            f"the warehouse {warehouse} is open in another program", hint="close the program that uses the directory"
        )
    reason = next((line for line in said.splitlines() if "Exception" in line), failure)
    if TOO_MANY_FILES in reason:
        raise _too_many_files(warehouse)
    if "in file metadata/" in reason:
        path = shlex.quote(str(warehouse.path))
        raise DamagedWarehouseError(
            f"warehouse {warehouse}: cannot open: {_short(reason)}",
            hint=f"from a backup: mv {path} {path}.damaged && ccusage-import restore BACKUP",
        )
    raise WarehouseError(f"warehouse {warehouse}: cannot open: {_short(reason)}", hint="check the directory's rights")


def _engine_client(warehouse: EmbeddedWarehouse) -> Client:
    client: Client = _driver().get_client(
        interface="chdb", path=f"{warehouse.path}?{ENGINE_OPTIONS}", settings=dict(EMBEDDED_SETTINGS)
    )
    return client


def _open_server(warehouse: ServerWarehouse, settings: Mapping[str, Any]) -> Client:
    driver = _driver()
    if not warehouse.verify:
        # Otherwise every request warns; whoever wrote verify=false knows.
        importlib.import_module("urllib3").disable_warnings()
    try:
        with _driver_settings():
            client: Client = driver.get_client(
                host=warehouse.host,
                port=warehouse.port,
                username=warehouse.user,
                password=warehouse.password,
                interface="https" if warehouse.secure else "http",
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                autogenerate_session_id=False,
                client_name="ccusage-import",
                settings=dict(settings),
                pool_mgr=_pool(warehouse),
            )
    except driver.driver.exceptions.Error as error:
        translated = _translate(error, warehouse)
        if type(translated) is QueryError and (version := _ask_version(warehouse)):
            raise _too_old(warehouse, version) from None
        raise translated from None
    if _numbers(version := str(client.server_version)) < OLDEST_SERVER:
        client.close()
        raise _too_old(warehouse, version)
    return client


@contextmanager
def _driver_settings() -> Iterator[None]:
    """Set what the driver takes for the whole process, only while a client is made."""
    common = importlib.import_module("clickhouse_connect.common")
    # A request less: with a version of the protocol columns of few values travel shorter, which is not needed. And the
    # name of whoever runs this is nobody's business: a server writes the User-Agent into its log of queries.
    names = ("use_protocol_version", "send_os_user")
    before = {name: common.get_setting(name) for name in names}
    try:
        for name in names:
            common.set_setting(name, value=False)
        yield
    finally:
        for name, value in before.items():
            common.set_setting(name, value)


def _too_old(warehouse: Warehouse, version: str) -> ServerTooOldError:
    needed = ".".join(map(str, OLDEST_SERVER))
    return ServerTooOldError(
        f"warehouse {warehouse}: ClickHouse {version} is too old", hint=f"use ClickHouse {needed} or newer"
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


@cache
def _pool(warehouse: ServerWarehouse) -> Any:
    """Return the connections of this process to a server: no request goes where an answer points to."""
    httputil = importlib.import_module("clickhouse_connect.driver.httputil")
    scheme = "https" if warehouse.secure else "http"
    proxy = httputil.check_env_proxy(scheme, warehouse.host, warehouse.port)
    ca_cert = str(warehouse.ca_cert) if warehouse.ca_cert else None
    pool = httputil.get_pool_manager(verify=warehouse.verify, ca_cert=ca_cert, **{f"{scheme}_proxy": proxy})
    send = pool.urlopen

    def send_there_alone(method: str, url: str, **options: Any) -> Any:
        answer = send(method, url, **{**options, "redirect": False})
        if location := answer.get_redirect_location():
            answer.close()
            raise _redirected(warehouse, urljoin(url, location))
        # Every answer of ClickHouse says what it is of. One without headers was cut off, which the driver tells.
        if answer.status < 300 and answer.headers and not any(_is_of_clickhouse(name) for name in answer.headers):
            answer.close()
            raise _unreachable(f"warehouse {warehouse}", f"HTTP status {answer.status}, but not from ClickHouse")
        return answer

    pool.urlopen = send_there_alone
    return pool


def _is_of_clickhouse(header: str) -> bool:
    return header.lower().startswith("x-clickhouse-")


def _redirected(warehouse: ServerWarehouse, location: str) -> WarehouseUnreachableError:
    parts = urlsplit(location)
    # Without a user, a password and a query, which may be a secret.
    host = parts.netloc.rpartition("@")[2]
    scheme = "clickhouses" if parts.scheme == "https" else "clickhouse"
    return WarehouseUnreachableError(
        f"warehouse {warehouse}: answers with a redirect to {parts.scheme}://{host}{parts.path}, which is not followed",
        hint=f"if that is the server, name it with its port: {scheme}://{host}/{warehouse.database}",
    )


def _ask_version(warehouse: ServerWarehouse) -> str | None:
    """Ask a server that the driver cannot talk to for its version."""
    scheme = "https" if warehouse.secure else "http"
    host = f"[{warehouse.host}]" if ":" in warehouse.host else warehouse.host
    broken = importlib.import_module("urllib3").exceptions.HTTPError
    try:
        answer = _pool(warehouse).request(
            "GET",
            f"{scheme}://{host}:{warehouse.port}/?query=SELECT%20version()",
            headers={"X-ClickHouse-User": warehouse.user, "X-ClickHouse-Key": warehouse.password},
            timeout=CONNECT_TIMEOUT_SECONDS,
        )
    except (broken, WarehouseUnreachableError):
        return None
    version = answer.data[:100].decode("utf-8", "replace").strip()
    return version if re.fullmatch(r"\d+\.\d+[\d.]*", version) and _numbers(version) < OLDEST_SERVER else None


@contextmanager
def _translated(warehouse: Warehouse) -> Iterator[None]:
    errors = _driver().driver.exceptions.Error
    try:
        yield
    except errors as error:
        raise _translate(error, warehouse) from None


@contextmanager
def _temporary_files(warehouse: Warehouse) -> Iterator[None]:
    """Let the driver put what the embedded engine inserts beside the tables: there is room for it or for nothing.

    Raises:
        WarehouseError: there is none.
    """
    if not isinstance(warehouse, EmbeddedWarehouse):
        yield
        return
    directory, before = warehouse.path / "tmp", tempfile.tempdir
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        # Left by a killed import.
        for left in (*directory.glob("*.native"), *directory.glob("*.raw")):
            left.unlink()
        tempfile.tempdir = str(directory)
        yield
    except OSError as error:
        hint = FILE_LIMIT_HINT if error.errno == errno.EFBIG else NO_ROOM_HINT
        raise WarehouseError(f"warehouse {warehouse}: {error.strerror}", hint=hint) from None
    finally:
        tempfile.tempdir = before


def _translate(error: Any, warehouse: Warehouse) -> FixableError:
    """Return the error of ours that an error of the driver means."""
    where, code, text = f"warehouse {warehouse}", error.code, _short(str(error))
    user = warehouse.user if isinstance(warehouse, ServerWarehouse) else "you"
    if code == 516:
        return WarehouseAuthenticationError(
            f"{where}: user {user} or its password is not accepted", hint="set CCUSAGE_IMPORT_PASSWORD"
        )
    is_read_only = code == 164 or text.endswith(" is readonly")
    if is_read_only or code == 497:
        what = "may only read" if is_read_only else "lacks a right"
        return WarehousePermissionError(
            f"{where}: user {user} {what}: {text}",
            hint=MISSING_RIGHTS_HINT.format(database=warehouse.database, user=user),
        )
    if code == 81:
        return DatabaseMissingError(
            f"{where}: database {warehouse.database!r} does not exist", hint="ccusage-import migrate --create-database"
        )
    if code == 60:
        return QueryError(f"{where}: {text}", hint='query "SHOW TABLES" lists what there is; migrate adds what is new')
    if TOO_MANY_FILES in text and isinstance(warehouse, EmbeddedWarehouse):
        return _too_many_files(warehouse)
    if code in DAMAGE_CODES:
        return DamagedWarehouseError(f"{where}: {text}", hint="ccusage-import check names what is damaged")
    if code == 456 or "for query parameter" in text:
        return ConfigurationError(f"{where}: {text}", hint="--param NAME=VALUE, of the type in {NAME:TYPE}")
    if code == 243:
        return WarehouseError(f"{where}: {text}", hint=NO_ROOM_HINT)
    # A server names the code of its error; a proxy or another web server answers with a page.
    is_of_a_proxy = text.startswith("HTTP driver received HTTP status ")
    if code is None and (is_of_a_proxy or type(error).__name__ in ("OperationalError", "StreamFailureError")):
        return _unreachable(where, text)
    return QueryError(f"{where}: {text}")


def _unreachable(where: str, text: str) -> WarehouseUnreachableError:
    cause = _cause(text)
    return WarehouseUnreachableError(
        f"{where}: no answer: {cause}",
        hint=PROXY_HINT if cause in ("HTTP status 407", "Tunnel connection failed: 407") else ADDRESS_HINT,
    )


def _too_many_files(warehouse: Warehouse) -> WarehouseError:
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return WarehouseError(
        f"warehouse {warehouse}: too many open files, ulimit -n allows {allowed}",
        hint="raise the limit (ulimit -n 1024); nothing of the warehouse is damaged",
    )


def _short(text: str) -> str:
    """Return the sentence that matters of an engine's message: one line, no stack, no version trailer, no secret."""
    text = re.sub(r"^.*?(?=Code: \d+)", "", text.replace("\n", " "))
    text = re.sub(r"\s*\(version [^)]*(?:\([^)]*\))?\)\s*$", "", text.partition(" Stack trace:")[0])
    text = without_passwords(text).strip()
    return text if len(text) <= 500 else text[:500] + " …"


def _cause(text: str) -> str:
    """Return why a request failed out of the nested message of the HTTP library."""
    found = re.search(
        r"\[Errno [-\d]+\] [^\"')]+|certificate verify failed[^\"')]*|timed out|WRONG_VERSION_NUMBER"
        r"|HTTP status \d+(?:, but not from ClickHouse)?|Tunnel connection failed: \d+",
        text,
    )
    return found[0].strip() if found else text


@contextmanager
def _captured_stderr() -> Iterator[Callable[[], str]]:
    """Keep what the engine writes to file descriptor 2; it says there alone why it cannot open a directory.

    A pipe needs no disk. What it does not hold is dropped, for nobody reads before the engine is done.
    """
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb", buffering=0) as kept:
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        sys.stderr.flush()
        saved = os.dup(2)
        os.dup2(writer, 2)
        os.close(writer)
        try:
            yield lambda: (kept.read(CAPTURED_BYTES) or b"").decode("utf-8", "replace")
        finally:
            os.dup2(saved, 2)
            os.close(saved)
