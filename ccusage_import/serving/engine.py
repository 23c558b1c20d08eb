"""Answers statements that read from an engine that this process has open, each over a connection of its own."""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ccusage_import.config.warehouse_url import EmbeddedWarehouse
from ccusage_import.exceptions import QueryError, StatementRefusedError
from ccusage_import.querying.reading import checked, formatted
from ccusage_import.serving.native import UnknownColumnError, of_version
from ccusage_import.warehouse.driver.embedded import connect_to_engine

# The settings that a request may set; the others belong to whoever runs the server. Not every setting of a format is
# among them: some name files that the engine reads or writes, or addresses that it calls.
OPEN_SETTINGS = re.compile(
    r"format_(?:binary|csv|custom|json|tsv)_\w+"
    r"|output_format_(?:always|arrow|binary|bson|csv|decimal|float|json|markdown|msgpack|native|orc|parquet|pretty"
    r"|sql_insert|trim|tsv|values)_\w+|output_format_write_statistics|date_time_output_format|extremes|join_use_nulls|max_block_size|group_by_use_nulls"
    r"|limit|offset|result_overflow_mode|prefer_column_name_to_alias|enable_\w*analyzer|http_write_exception_in_output_format"
)
# Settings that a request may lower, but not raise.
LIMITS: Mapping[str, int] = {
    "max_execution_time": 60,
    "max_memory_usage": 2 << 30,
    "max_result_bytes": 256 << 20,
    "max_result_rows": 10_000_000,
    "max_threads": 4,
}
# What ends all queries but itself.
CANCEL = "KILL QUERY WHERE query_id != queryID() ASYNC"
DEFAULT_FORMAT = "TabSeparated"
READONLY, UNKNOWN_SETTING, BAD_ARGUMENTS, NOT_IMPLEMENTED, UNKNOWN_EXCEPTION = 164, 115, 36, 48, 1001
_CODE = re.compile(r"Code: (\d+)\.")
_NESTED = re.compile(r"Code: \d+\. DB::Exception: (Code: \d+\. .*) \(version [^)]*\)\. \(\w+\)", re.DOTALL)
# The engine writes a statement anew without comments, so what follows is never inside of a text.
_OUTPUT = re.compile(r" FORMAT `?(\w+)`?((?: SETTINGS .*)?)$")
_NAME = re.compile(r"\w+")


class EngineError(Exception):
    """An exception as a ClickHouse server words it, with its number."""

    def __init__(self, code: int, text: str) -> None:
        """Keep the number and the text."""
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Statement:
    """The SQL of a request, and how its sender wants the answer."""

    sql: str
    database: str = ""
    output_format: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    # The client's version of the native protocol, in which blocks of the format Native are written; 0 for none.
    protocol_version: int = 0
    # By which it is found again while it is answered.
    tag: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(frozen=True, slots=True)
class Reply:
    """The bytes of an answer, the format they are in, and the rows and bytes that were read for them."""

    body: bytes
    output_format: str
    rows_read: int
    bytes_read: int


class Reader:
    """Asks the engine of a warehouse that is open in this process."""

    def __init__(self, warehouse: EmbeddedWarehouse) -> None:
        """Use the engine that this process has loaded."""
        self._warehouse = warehouse

    def answer(self, statement: Statement) -> Reply:
        """Answer one statement.

        Raises:
            EngineError: it is refused, or cannot be answered.
        """
        connection = connect_to_engine(self._warehouse)
        try:
            handle = _Handle(connection)
            handle.use(statement.database or self._warehouse.database)
            settings = _allowed(statement.settings)
            sql, output_format = _readable(handle, statement)
            for name, value in (*settings.items(), ("log_comment", statement.tag), ("readonly", "1")):
                handle.set(name, value)
            result = connection.query(sql, output_format, params=dict(statement.parameters))
            body = _of_version(result.bytes(), output_format, statement.protocol_version)
            return Reply(body, output_format, result.storage_rows_read(), result.storage_bytes_read())
        except RuntimeError as error:
            raise engine_error(str(error)) from None
        except StatementRefusedError as error:
            raise refusal(READONLY, str(error), "READONLY") from None
        except QueryError as error:
            raise engine_error(str(error)) from None
        finally:
            connection.close()

    def end(self, statement: Statement) -> None:
        """End the query of a statement, where it is being answered; it is answered with an error then."""
        connection = connect_to_engine(self._warehouse)
        try:
            connection.query(f"KILL QUERY WHERE Settings['log_comment'] = '{statement.tag}' ASYNC", "Null")
        finally:
            connection.close()


class _Handle:
    """One connection to the engine, with what the rules in `querying.reading` ask of one."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None, /) -> Sequence[Sequence[Any]]:
        answer = json.loads(
            self.raw(sql, "JSONCompact", {}, {name: _text(v) for name, v in (parameters or {}).items()})
        )
        return list(answer["data"])

    def raw(
        self,
        sql: str,
        output_format: str,
        _settings: Mapping[str, Any],
        parameters: Mapping[str, Any] | None = None,
        /,
    ) -> bytes:
        try:
            return bytes(self._connection.query(sql, output_format, params=dict(parameters or {})).bytes())
        except RuntimeError as error:
            raise QueryError(str(error)) from None

    def use(self, database: str) -> None:
        quoted = database.replace("\\", "\\\\").replace("`", "\\`")
        self._connection.query(f"USE `{quoted}`", "Null")

    def set(self, name: str, value: str) -> None:
        quoted = value.replace("\\", "\\\\").replace("'", "\\'")
        self._connection.query(f"SET {name} = '{quoted}'", "Null")


def refusal(code: int, text: str, name: str = "") -> EngineError:
    """Return an error of ours as a server words it."""
    named = f". ({name})" if name else ""
    return EngineError(code, f"Code: {code}. DB::Exception: {text}{named}")


def engine_error(text: str) -> EngineError:
    """Return an error of the engine with its number."""
    while nested := _NESTED.fullmatch(text):
        text = nested[1]
    found = _CODE.match(text)
    return EngineError(int(found[1]) if found else UNKNOWN_EXCEPTION, text)


def _readable(handle: _Handle, statement: Statement) -> tuple[str, str]:
    """Return the SQL without its FORMAT clause, and the format of the answer."""
    sql, output_format = formatted(handle, statement.sql), statement.output_format or DEFAULT_FORMAT
    if output := _OUTPUT.search(sql):
        # Settings stay with the SQL: the engine, read-only by then, refuses those that differ from its own.
        sql, output_format = sql[: output.start()] + output[2], output[1]
    return checked(handle, sql, statement.parameters), output_format


def _of_version(body: bytes, output_format: str, version: int) -> bytes:
    """Return an answer as a server writes it for a client that names its version of the native protocol."""
    if output_format != "Native" or not version:
        return body
    try:
        return b"".join(of_version(body, version))
    except UnknownColumnError as error:
        raise refusal(NOT_IMPLEMENTED, str(error), "NOT_IMPLEMENTED") from None


def _allowed(settings: Mapping[str, str]) -> dict[str, str]:
    allowed = {name: str(most) for name, most in LIMITS.items()}
    for name, value in settings.items():
        if not _NAME.fullmatch(name):
            raise refusal(UNKNOWN_SETTING, f"Unknown setting {name!r}.")
        if name in LIMITS:
            allowed[name] = str(_lower(name, value))
        elif OPEN_SETTINGS.fullmatch(name):
            allowed[name] = value
    return allowed


def _lower(name: str, value: str) -> int:
    try:
        wanted = math.ceil(float(value))
    except (ValueError, OverflowError):
        raise refusal(BAD_ARGUMENTS, f"{name} is a number", "BAD_ARGUMENTS") from None
    return min(wanted, LIMITS[name]) if wanted > 0 else LIMITS[name]


def _text(value: Any) -> str:
    """Return a value as the engine reads it: escaped, as in tab separated text."""
    return str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
