"""The embedded engine, which answers a request as a server does."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import uuid
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.support.gateway.answers import Answer, ServerError
from tests.support.gateway.requests import Request, encode_body
from tests.support.gateway.statements import Statement, parse_statement
from tests.support.gateway.users import User

STATUS_BY_CODE = {
    **dict.fromkeys((6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321), 400),
    **dict.fromkeys((376, 427, 441, 675, 676), 400),
    194: 401,
    **dict.fromkeys((192, 193, 497, 512, 516), 403),
    **dict.fromkeys((46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511), 404),
    159: 408,
    381: 411,
    229: 413,
    779: 415,
    48: 501,
    **dict.fromkeys((76, 209, 439), 503),
}
GET_HINT = "For queries over HTTP, method GET implies readonly. You should use method POST for modifying queries."
NESTED_ERROR = re.compile(r"Code: \d+\. DB::Exception: (Code: \d+\. .*) \(version [^)]*\)\. \(\w+\)", re.DOTALL)

# To compile a query takes the engine 0.1 s.
PLAIN = (
    "compile_expressions=0",
    "compile_aggregate_expressions=0",
    "compile_sort_description=0",
    "optimize_and_compare_chain=0",
)


class Engine:
    """The process's one engine. A connection per request keeps USE and SET from leaking."""

    def __init__(self, path: Path, version: str | None, users: Sequence[User], config: Path | None = None) -> None:
        modules: dict[str, Any] = sys.modules
        for name in ("pyarrow", "pandas", "numpy"):
            modules.setdefault(name, None)  # the engine would import them, slowly, for nothing
        import_module("chdb")
        self._connect: Callable[[str], Any] = import_module("chdb._chdb").connect
        options = [*PLAIN, *([f"config-file={quote(str(config.absolute()))}"] if config else [])]
        self._path = f"{path.absolute()}?{'&'.join(options)}"
        self._users = {user.name: user for user in users}
        self._override = version
        self._spool = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self._kept_open = self._connect(self._path)
        facts = self._kept_open.query("SELECT version(), timezone()", "TabSeparated").bytes().decode().split()
        self._version, self.timezone = version or facts[0], facts[1]

    def close(self) -> None:
        self._kept_open.close()

    def answer(self, request: Request) -> Answer:
        headers = {
            "X-ClickHouse-Server-Display-Name": "gateway",
            "X-ClickHouse-Query-Id": request.params.get("query_id") or str(uuid.uuid4()),
            "X-ClickHouse-Timezone": self.timezone,
        }
        try:
            body, found = self._execute(request)
        except (ServerError, RuntimeError) as error:
            return self.error_answer(str(error), headers)
        headers.update(found)
        if request.params.get("enable_http_compression", "1") != "0":
            body, encoding = encode_body(body, request.headers.get("Accept-Encoding", ""))
            headers.update({"Content-Encoding": encoding} if encoding else {})
        return Answer(200, body, headers)

    def error_answer(self, text: str, headers: dict[str, str]) -> Answer:
        while nested := NESTED_ERROR.fullmatch(text):
            text = nested[1]
        found = re.match(r"Code: (\d+)\.", text)
        code = int(found[1]) if found else 1001
        headers = {**headers, "X-ClickHouse-Exception-Code": str(code)}
        body = f"{text} (version {self._version} (official build))\n".encode()
        return Answer(STATUS_BY_CODE.get(code, 500), body, headers)

    def _execute(self, request: Request) -> tuple[bytes, dict[str, str]]:
        name, password = request.credentials()
        user = self._users.get(name)
        if user is None or user.password != password:
            reason = "Authentication failed: password is incorrect, or there is no user with such name."
            raise ServerError(516, "AUTHENTICATION_FAILED", f"{name}: {reason}")
        statement = parse_statement(request.text)
        connection = self._connect(self._path)
        try:
            self._prepare(connection, request, user)
            return self._run(connection, request, statement)
        except RuntimeError as error:
            text = str(error).replace("default: Cannot execute", f"{name}: Cannot execute")
            if request.method == "GET":
                text = text.replace("in readonly mode.", f"in readonly mode. {GET_HINT}")
            raise RuntimeError(text) from error
        finally:
            connection.close()

    def _prepare(self, connection: Any, request: Request, user: User) -> None:
        settings = request.settings()
        if user.readonly:
            connection.query("SET readonly = 1", "Null")
        elif request.method == "GET":
            settings.setdefault("readonly", "2")
        name = request.database.replace("\\", "\\\\").replace("`", "\\`")
        try:
            connection.query(f"USE `{name}`", "Null")
        except RuntimeError:
            # Nobody needs a right to begin in the default database.
            if name != "default":
                raise
        for name, value in settings.items():
            if not re.fullmatch(r"\w+", name):
                raise ServerError(115, "UNKNOWN_SETTING", f"Unknown setting '{name}'.")
            connection.query("SET {} = '{}'".format(name, value.replace("\\", "\\\\").replace("'", "\\'")), "Null")

    def _run(self, connection: Any, request: Request, statement: Statement) -> tuple[bytes, dict[str, str]]:
        values = request.bound_values()
        if statement.insert_format is not None:
            result = self._insert(connection, statement, values)
            return b"", {"X-ClickHouse-Summary": summary(result, b"")}
        asked = request.params.get("default_format") or request.headers.get("X-ClickHouse-Format")
        name = statement.output_format or asked or "TabSeparated"
        sql = statement.sql
        if self._override and statement.verb == "SELECT":
            sql = re.sub(rb"(?i)\bversion\s*\(\s*\)", f"'{self._override}'".encode(), sql)
        result = connection.query(sql, name, params=values)
        body = result.bytes()
        headers = {"X-ClickHouse-Summary": summary(result, body)}
        if body or statement.verb in ("SELECT", "WITH"):
            headers["X-ClickHouse-Format"] = name
        return body, headers

    def _insert(self, connection: Any, statement: Statement, values: dict[str, str]) -> Any:
        """From a file, because the engine cuts inline data at semicolons and blank lines."""
        with tempfile.NamedTemporaryFile(prefix="gateway-", dir=self._spool) as spool:
            spool.write(statement.data)
            spool.flush()
            source = f" FROM INFILE '{spool.name}' COMPRESSION 'none' ".encode()
            clause = f" FORMAT {statement.insert_format}".encode()
            return connection.query(statement.sql + source + statement.settings + clause, "Null", params=values)


def summary(result: Any, body: bytes) -> str:
    written = result.rows_written()
    numbers = {
        "read_rows": max(result.storage_rows_read(), written),
        "read_bytes": result.bytes_read(),
        "written_rows": written,
        "written_bytes": result.bytes_written(),
        "total_rows_to_read": 0,
        "result_rows": written or result.rows_read(),
        "result_bytes": len(body),
        "elapsed_ns": int(result.elapsed() * 1_000_000_000),
    }
    return json.dumps({name: str(number) for name, number in numbers.items()})
