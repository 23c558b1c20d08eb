"""An open warehouse, embedded or on a server: every question and every write goes through here."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from queue import SimpleQueue
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from ccusage_import.config.warehouse_url import EmbeddedWarehouse, Warehouse
from ccusage_import.exceptions import (
    DamagedWarehouseError,
    FixableError,
    StatementRefusedError,
    WarehousePermissionError,
)
from ccusage_import.files import file_lock
from ccusage_import.warehouse.driver.answers import WHOLE_ANSWER, piped, sent
from ccusage_import.warehouse.driver.embedded import engine_client, open_embedded, refuse_place, temporary_files
from ccusage_import.warehouse.driver.errors import translated
from ccusage_import.warehouse.driver.server import open_server, send_always

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

# Of one process at once: more would take a server's from others.
MOST_CONNECTIONS = 4
# One block, one part: published at once or not at all.
ONE_PART_SETTINGS: Mapping[str, Any] = {
    "async_insert": 0,
    "min_insert_block_size_rows": 10**9,
    "min_insert_block_size_bytes": 10**11,
    "max_insert_threads": 1,
}
# The engine would map what the driver wrote into memory, beside what it makes of it.
EMBEDDED_INSERT_SETTINGS: Mapping[str, Any] = {"storage_file_read_method": "pread"}
# No key stands twice in it: looking for one takes half of the time, and one more copy of all rows.
WITHOUT_REPEATS: Mapping[str, Any] = {"optimize_on_insert": 0}
# A node reads from the replicas it writes to, and joins tables that lie on several shards.
CLUSTER_SETTINGS: Mapping[str, Any] = {"load_balancing": "in_order", "distributed_product_mode": "global"}
# What is inserted is there when the INSERT ends; what a query gives comes through one node, not shard by shard.
CLUSTER_INSERT_SETTINGS: Mapping[str, Any] = {
    "distributed_foreground_insert": 1,
    "parallel_distributed_insert_select": 0,
}
INPUT_SETTINGS: Mapping[str, Any] = {
    "date_time_input_format": "best_effort",
    "input_format_skip_unknown_fields": 0,
}

Answer = Sequence[Sequence[Any]]


class Question(NamedTuple):
    """A query that can be asked together with others; its columns are named."""

    sql: str
    parameters: Mapping[str, Any] = MappingProxyType({})


class PrivilegedQuestion(Question):
    """A question that a server refuses to users who lack a right: the others are then asked without it."""


class ClickHouse:
    """An open warehouse: SQL in, rows out; every error is one a user can act on."""

    def __init__(self, client: Client, warehouse: Warehouse, cluster: str | None) -> None:
        self._client = client
        self.warehouse = warehouse
        self.cluster = cluster
        self._only_reads = False
        self._limits: Mapping[str, Any] = {}
        self._columns: dict[str, dict[str, str]] = {}
        self._answers: list[tuple[Question, Callable[[], Answer | None]]] = []
        self._pending: Sequence[Future[Answer]] = ()
        # What whoever opened it found missing of what it held.
        self.damage: DamagedWarehouseError | None = None
        # The newest load of each machine that this process wrote to its end.
        self.finished_loads: dict[str, int] = {}

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

    @property
    def may_write(self) -> bool:
        """Whether the user may do more than read; what `serve` answers may be read by everybody, and no more."""
        return str(self._client.server_settings["readonly"].value) == "0"

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Sequence[Sequence[Any]]:
        """Return the rows of a query; instants are aware UTC."""
        question = Question(sql, parameters or {})
        answer = self.take_answer(question)
        if answer is None:
            # A server may allow a user one query at a time.
            wait(self._pending)
            answer = self._query(self._client, question)
        return answer

    def take_answer(self, question: Question) -> Sequence[Sequence[Any]] | None:
        """Return the answer to a question that was asked before, once; None where there is none."""
        for number, (asked, answer) in enumerate(self._answers):
            if asked == question:
                del self._answers[number]
                return answer()
        return None

    def _query(
        self, client: Client, question: Question, settings: Mapping[str, Any] = MappingProxyType({})
    ) -> Sequence[Sequence[Any]]:
        with translated(self.warehouse):
            return client.query(
                question.sql, parameters=dict(question.parameters), settings=dict(settings), tz_mode="aware"
            ).result_rows

    @contextmanager
    def asked_ahead(self, questions: Sequence[Question]) -> Iterator[None]:
        """Send questions to a server in one request, from whose answer `rows` takes them inside the block.

        Each answer is given once, and none after a write, which might have changed it. If one question cannot be
        answered, `rows` asks each of them by itself when it is needed, so that the error is that of the right question.
        Nested blocks do not ask what an outer one has asked already. The embedded engine is not asked ahead: no network
        lies between.
        """
        known = [question for question, _ in self._answers]
        new = [] if self.is_embedded else [question for question in questions if question not in known]
        answers = self._ask(new) if new else []
        with self._answered([(question, partial(list, answer)) for question, answer in answers]):
            yield

    @contextmanager
    def asked_side_by_side(self, questions: Sequence[Question]) -> Iterator[None]:
        """Send questions over several connections at once; `rows` waits for the answers inside the block.

        Planning a question takes longest, and the engine plans each on one core. Each answer is given once. A question
        that cannot be answered, as by a server that allows a user one query at a time, is asked again by `rows` when
        the others are answered.
        """
        with ExitStack() as stack:
            free: SimpleQueue[Client] = SimpleQueue()
            free.put(self._client)
            cores = os.cpu_count() or 1
            at_once = max(1, min(len(questions), cores, MOST_CONNECTIONS))
            # More threads for a question than its share of the cores take up to twice the CPU time.
            shared = self.is_embedded and not self._only_reads
            settings = {"max_threads": cores // at_once} if shared else {}
            for _ in range(at_once - 1):
                free.put(self._another_client(stack))

            def ask(question: Question) -> Sequence[Sequence[Any]]:
                client = free.get()
                try:
                    return self._query(client, question, settings)
                finally:
                    free.put(client)

            pool = stack.enter_context(ThreadPoolExecutor(max_workers=at_once))
            stack.callback(pool.shutdown, cancel_futures=True)
            self._pending = [pool.submit(ask, question) for question in questions]
            answers = [partial(_answered_by, future) for future in self._pending]
            try:
                with self._answered(list(zip(questions, answers, strict=True))):
                    yield
            finally:
                self._pending = ()

    def _another_client(self, stack: ExitStack) -> Client:
        """Return a client to use beside the first one; that of a server serves several threads, so it is the same."""
        if not isinstance(self.warehouse, EmbeddedWarehouse):
            return self._client
        client = engine_client(self.warehouse)
        stack.callback(client.close)
        client.database = self.database
        for name, value in self._limits.items():
            client.set_client_setting(name, value)
        return client

    @contextmanager
    def _answered(self, answers: Sequence[tuple[Question, Callable[[], Answer | None]]]) -> Iterator[None]:
        """Let `rows` take these answers inside the block, from what waits for them; None where there is none."""
        known = [question for question, _ in self._answers]
        self._answers = [*self._answers, *answers]
        try:
            yield
        finally:
            self._answers = [each for each in self._answers if each[0] in known]

    def _ask(self, questions: Sequence[Question]) -> list[tuple[Question, Sequence[Sequence[Any]]]]:
        """Ask several questions in one statement; return nothing where one of them cannot be answered.

        What the user has no right to ask is left out.
        """
        texts, parameters = list[str](), dict[str, Any]()
        for number, (sql, values) in enumerate(questions):
            # The same name may mean something else in another query.
            named = re.sub(r"\{(\w+):", rf"{{_{number}_\1:", sql)
            texts.append(f"(SELECT groupArray(tuple(*)) FROM ({named}))")  # noqa: S608 - a query of ours
            parameters |= {f"_{number}_{name}": value for name, value in values.items()}
        try:
            rows = self.rows(f"SELECT {', '.join(texts)}", parameters)
        except WarehousePermissionError:
            allowed = [question for question in questions if not isinstance(question, PrivilegedQuestion)]
            return self._ask(allowed) if 0 < len(allowed) < len(questions) else []
        except FixableError:
            return []
        # An answer without a row was cut off.
        return list(zip(questions, rows[0], strict=True)) if rows else []

    def stream(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Iterator[Sequence[Any]]:
        """Yield the rows of a query like `rows`, a block of them in memory at a time; ask nothing else meanwhile."""
        for block in self.blocks(sql, parameters):
            yield from zip(*block, strict=True)

    def blocks(
        self, sql: str, parameters: Mapping[str, Any] | None = None, settings: Mapping[str, Any] = MappingProxyType({})
    ) -> Iterator[Sequence[Sequence[Any]]]:
        """Yield the columns of each block like `stream`: what makes objects of many rows is faster so."""
        whole = {} if self.is_embedded else WHOLE_ANSWER
        # They only spare something, and the driver refuses them where a user may only read.
        allowed = settings if self.is_embedded or self.may_write else {}
        with (
            translated(self.warehouse),
            self._client.query_column_block_stream(
                sql, parameters=dict(parameters or {}), settings={**whole, **allowed}, tz_mode="aware"
            ) as blocks,
        ):
            for block in blocks:
                yield block
                # The driver refers to it until it has made the next one.
                block.clear()

    def raw(
        self, sql: str, output_format: str, settings: Mapping[str, Any], parameters: Mapping[str, Any] | None = None
    ) -> bytes:
        """Return the answer to any one statement in a ClickHouse output format."""
        try:
            with translated(self.warehouse):
                if self.is_embedded:
                    return self._client.raw_query(
                        sql, parameters=dict(parameters or {}), fmt=output_format, settings=dict(settings)
                    )
                with sent(self._client, self.warehouse, sql, output_format, settings, parameters or {}) as answer:
                    return answer.read()
        except WarehousePermissionError as error:
            # A user who may change no setting is refused those that go with the statement.
            ours = self._limits.keys() - {"readonly"}
            if not self._only_reads or any(f"'{name}'" in str(error) for name in ours):
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
        asked = (sql, output_format, settings, parameters or {})
        answer = piped(self._client, *asked) if self.is_embedded else sent(self._client, self.warehouse, *asked)
        with translated(self.warehouse), answer as opened:
            yield opened

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
        with translated(self.warehouse):
            self._client.command(sql, parameters=dict(parameters or {}))

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], token: str) -> None:
        """Publish rows in one INSERT; a replay with the same token after a lost answer changes nothing."""
        self.insert_columns(table, columns, list(zip(*rows, strict=True)), token)

    def insert_columns(
        self,
        table: str,
        columns: Sequence[str],
        values: Sequence[Sequence[Any]],
        token: str,
        settings: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """Publish rows like `insert`, given column by column."""
        self._answers = []
        known = self.columns(table)
        # Without types the driver asks for them before each INSERT, and says which column there is none of.
        types = [known[name] for name in columns] if known.keys() >= set(columns) else None
        data = list(values)
        try:
            with translated(self.warehouse), temporary_files(self.warehouse):
                self._client.insert(
                    table,
                    data,
                    column_names=columns,
                    column_type_names=types,
                    column_oriented=True,
                    settings={**self._insert_settings(token), **settings},
                )
        finally:
            # The driver still refers to it, in a cycle that nobody looks for.
            data.clear()

    def insert_encoded(self, table: str, data: bytes, input_format: str, token: str) -> None:
        """Publish rows that are encoded in a ClickHouse format, in one INSERT; columns are matched by name.

        One body of bytes, not a generator, so that the driver can send it again after a lost connection.
        """
        self._answers = []
        settings = {**self._insert_settings(token), **INPUT_SETTINGS}
        with translated(self.warehouse), temporary_files(self.warehouse):
            self._client.raw_insert(table, insert_block=data, fmt=input_format, settings=settings)

    def insert_selected(self, table: str, columns: Sequence[str], select: str, parameters: Mapping[str, Any]) -> None:
        """Publish what a query gives in one INSERT; without columns, those of the table in its order.

        It has no token: what a replay would write again must be the same rows.
        """
        self._answers = []
        into = f"`{table}` ({', '.join(columns)})" if columns else f"`{table}`"
        with translated(self.warehouse):
            self._client.command(f"INSERT INTO {into} {select}", parameters=dict(parameters), settings=self._one_part())

    def give_memory_back(self) -> None:
        """Let an embedded engine return the memory of large INSERTs, which it keeps for a while, as far as it can."""
        if self.is_embedded:
            with suppress(FixableError):
                self.command("SYSTEM JEMALLOC PURGE")

    def _one_part(self) -> dict[str, Any]:
        return {**ONE_PART_SETTINGS, **(CLUSTER_INSERT_SETTINGS if self.cluster else {})}

    def _insert_settings(self, token: str) -> dict[str, Any]:
        of_embedded = EMBEDDED_INSERT_SETTINGS if self.is_embedded else {}
        return {**self._one_part(), **of_embedded, "insert_deduplication_token": token}

    def forbid_writing(self, settings: Mapping[str, Any] | None = None) -> None:
        """Refuse every statement from now on that would change anything, other settings than these included."""
        self._only_reads = True
        if str(self._client.get_client_setting("readonly") or "0") != "0":
            return
        # A server that lets its user change all settings but this one, as the role of readers has it, also refuses 1.
        is_reader = not self.is_embedded and str(self._client.server_settings["readonly"].value) == "2"
        self._limits = {**(settings or {}), **({} if is_reader else {"readonly": 1})}
        if not self.is_embedded:
            send_always(self._client, self._limits)
            return
        with translated(self.warehouse):
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


def _answered_by(future: Future[Answer]) -> Answer | None:
    """Wait for an answer; return None where there is none."""
    with suppress(FixableError):
        return future.result()
    return None


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
    """Open the warehouse for the duration of a `with` block.

    With `lends` an embedded one is given to whoever waits for it. `ahead` are questions that the caller is going to ask
    of a warehouse that is up to date; they are asked as `asked_ahead` does.

    Raises:
        WarehouseError: one of its subclasses says what to do.
    """
    with ExitStack() as stack:
        if isinstance(warehouse, EmbeddedWarehouse):
            refuse_place(warehouse)
            purpose = f"the warehouse {warehouse}"
            stack.enter_context(file_lock(warehouse.lock, purpose, lock_wait_seconds, lends=lends))
            client = open_embedded(warehouse)
        else:
            client = open_server(warehouse, CLUSTER_SETTINGS if cluster else {})
        stack.callback(client.close)
        opened = ClickHouse(client, warehouse, cluster)
        if creates_database or opened.is_embedded:
            opened.create_database()
        with opened.using_database(ahead):
            yield opened
