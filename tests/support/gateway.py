"""A stand-in for a ClickHouse server: its HTTP interface over the embedded engine, for tests.

    python -m tests.support.gateway --path DIR [--port 0] [--ready-file F] [--user NAME:PASSWORD[:readonly]]

Tests use `running_gateway`, which owns the process. Beside ClickHouse's own paths there are three for
tests, open to anybody on the loopback: POST /fault arms a `Fault`, GET /requests lists the
statements received, POST /changes those that changed a database since it was asked last. Every
request gets its own engine connection, so sessions (SET and temporary tables that outlive a request)
do not exist here, nor do external data and the compress= framing.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import gzip
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from io import BufferedIOBase
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

HOST = "127.0.0.1"
START_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 10.0
OTHERS_SECONDS = 1.0
FAULT_KINDS = (
    "drop_before",
    "drop_after",
    "truncate",
    "cut_off",
    "emptied",
    "fails_late",
    "delay",
    "status_200",
    "status_404",
    "status_407",
    "status_502",
    "status_503",
)
ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
# What the HTTP interface takes for itself; every other URL parameter is a setting of the query.
TRANSPORT_PARAMETERS = re.compile(
    "query|user|password|database|default_format|query_id|quota_key|role|stacktrace|compress|decompress|buffer_size"
    "|session_id|session_timeout|session_check|close_session|wait_end_of_query|client_protocol_version|param_.*"
)
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
LATE_ERROR = "Code: 241. DB::Exception: (total) memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)"
PROXY_ERROR = b"<html><head><title>Temporarily Unavailable</title></head><body>nginx</body></html>\n"


class ServerError(Exception):
    """A refusal, worded as a server words it."""

    def __init__(self, code: int, name: str, text: str) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {text} ({name})")


class DisconnectError(Exception):
    """There is nobody to answer, or nobody is to be answered: close the connection."""


@dataclass(frozen=True)
class User:
    name: str = "default"
    password: str = ""
    readonly: bool = False

    @classmethod
    def parse(cls, text: str) -> User:
        name, _, rest = text.partition(":")
        return cls(name, rest.removesuffix(":readonly"), rest.endswith(":readonly"))

    def __str__(self) -> str:
        return f"{self.name}:{self.password}" + (":readonly" if self.readonly else "")


@dataclass
class Fault:
    """Befalls the next `times` statements that contain `match`, after letting `skip` of them pass."""

    kind: str
    match: str = ""
    skip: int = 0
    times: int = 1
    seconds: float = 0.0


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


# --- the statement ---------------------------------------------------------------------------

TOKEN = re.compile(
    rb"""(?P<trivia>\s+|--[^\n]*|\#[\ !][^\n]*|/\*.*?\*/)
    |'(?:[^'\\]++|\\.|'')*+' | "(?:[^"\\]++|\\.|"")*+" | `(?:[^`\\]++|\\.|``)*+`
    |(?P<heredoc>\$\w*\$).*?(?P=heredoc) | \w+ | .""",
    re.DOTALL | re.VERBOSE,
)


READS = re.compile(
    r"[\s(]*(SELECT|FROM|SHOW|DESCRIBE|DESC|EXISTS|EXPLAIN|WITH\b(?!.*\bINSERT\s+INTO\b))\b", re.IGNORECASE | re.DOTALL
)
FORBIDDEN = (
    ("INTO OUTFILE", 358, "INTO_OUTFILE_NOT_ALLOWED", "INTO OUTFILE is not allowed"),
    ("FROM INFILE", 78, "UNKNOWN_TYPE_OF_QUERY", "Query has infile and was send directly to server."),
    # The engine would insert nothing and say nothing.
    ("FROM INPUT (", 48, "NOT_IMPLEMENTED", "The gateway does not implement the function input()"),
)


@dataclass(frozen=True)
class Statement:
    verb: str
    sql: bytes
    output_format: str | None = None
    insert_format: str | None = None
    settings: bytes = b""
    data: bytes = b""


def top_level_tokens(text: bytes) -> Iterator[re.Match[bytes]]:
    """The tokens outside of brackets and comments, up to the semicolon; refuses what follows that."""
    depth = 0
    ended_at = -1
    for token in TOKEN.finditer(text):
        if token["trivia"]:
            continue
        if ended_at >= 0:
            rest = text[ended_at : ended_at + 60].decode(errors="replace")
            position = f"failed at position {ended_at + 1} (end of query): {rest}. "
            raise ServerError(62, "SYNTAX_ERROR", f"Syntax error (Multi-statements are not allowed): {position}")
        if token[0] == b";":
            ended_at = token.start()
            continue
        depth -= token[0] in (b")", b"]", b"}")
        if depth <= 0:
            yield token
        depth += token[0] in (b"(", b"[", b"{")


def parse_statement(text: bytes) -> Statement:
    tokens: list[re.Match[bytes]] = []
    words: list[str] = []
    data_may_follow = True
    for token in top_level_tokens(text):
        tokens.append(token)
        words.append(token[0].decode(errors="replace").upper())
        data_may_follow &= words[0] == "INSERT" and words[-1] not in ("SELECT", "WITH", "INFILE")
        if data_may_follow and (insert := insert_with_data(tokens, words)):
            return insert
    if not tokens:
        raise ServerError(62, "SYNTAX_ERROR", "Syntax error: failed at position 1 (end of query): . Expected a query")
    for phrase, code, name, reason in FORBIDDEN:
        if phrase in " ".join(words):
            raise ServerError(code, name, reason)
    for at, word in enumerate(words[:-1]):
        if word == "FORMAT" and words[at + 2 : at + 3] in ([], ["SETTINGS"]):
            return Statement(words[0], text[: tokens[-1].end()], output_format=tokens[at + 1][0].decode())
    return Statement(words[0], text[: tokens[-1].end()])


def insert_with_data(tokens: Sequence[re.Match[bytes]], words: Sequence[str]) -> Statement | None:
    """The INSERT, if the last of these tokens is the one before its data."""
    text = tokens[-1].string
    if words[-1] == "VALUES" and words[-2] not in ("INTO", "TABLE", ".", "FORMAT"):
        name, clause = "Values", tokens[-1]
    elif words[-2:-1] == ["FORMAT"] and words[-3] not in ("INTO", "TABLE", "."):
        name, clause = tokens[-1][0].decode(), tokens[-2]
    else:
        return None
    data = re.sub(rb"\A[ \t\f]*\r?\n?", b"", text[tokens[-1].end() :], count=1)
    if name.upper() == "VALUES":
        list(top_level_tokens(data))  # to refuse a second statement, which the engine would drop
    settings = tokens[words.index("SETTINGS")] if "SETTINGS" in words else clause
    between = text[settings.start() : clause.start()]
    return Statement("INSERT", text[: settings.start()], insert_format=name, settings=between, data=data)


# --- the request -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    method: str
    params: dict[str, str]
    headers: Message
    text: bytes

    def credentials(self) -> tuple[str, str]:
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        if "X-ClickHouse-User" in self.headers:
            return self.headers["X-ClickHouse-User"], self.headers.get("X-ClickHouse-Key", "")
        if kind.lower() == "basic":
            name, _, password = base64.b64decode(token).decode().partition(":")
            return name, password
        return self.params.get("user", "default"), self.params.get("password", "")

    def settings(self) -> dict[str, str]:
        named = {name: value for name, value in self.params.items() if not TRANSPORT_PARAMETERS.fullmatch(name)}
        return dict(sorted(named.items(), key=lambda item: item[0] == "readonly"))  # it forbids what comes after it

    @property
    def database(self) -> str:
        return self.params.get("database") or self.headers.get("X-ClickHouse-Database") or "default"

    def bound_values(self) -> dict[str, str]:
        return {k.removeprefix("param_"): v for k, v in self.params.items() if k.startswith("param_")}


def decode_body(data: bytes, encoding: str) -> bytes:
    """Every frame complete and nothing after the last: an aborted insert ends in plain text."""
    decoders: dict[str, tuple[Callable[[], Any], int, str]] = {
        "gzip": (lambda: zlib.decompressobj(31), 354, "ZLIB_INFLATE_FAILED"),
        "deflate": (zlib.decompressobj, 354, "ZLIB_INFLATE_FAILED"),
        "lz4": (lambda: import_module("lz4.frame").LZ4FrameDecompressor(), 618, "LZ4_DECODER_FAILED"),
        "zstd": (lambda: import_module(ZSTD).ZstdDecompressor(), 561, "ZSTD_DECODER_FAILED"),
    }
    if encoding in ("", "identity"):
        return data
    if encoding not in decoders:
        raise ServerError(48, "NOT_IMPLEMENTED", f"Unknown content-encoding {encoding}")
    make, code, name = decoders[encoding]
    decoded = []
    while data:
        decoder = make()
        try:
            decoded.append(decoder.decompress(data))
        except (zlib.error, RuntimeError, import_module(ZSTD).ZstdError) as error:
            raise ServerError(code, name, f"{encoding} decoding failed: {error}") from error
        if not decoder.eof:
            raise ServerError(code, name, f"{encoding} decoding failed: the last frame is cut")
        data = decoder.unused_data or b""
    return b"".join(decoded)


def encode_body(data: bytes, accepted: str) -> tuple[bytes, str]:
    encoders: dict[str, Callable[[bytes], bytes]] = {
        "lz4": lambda plain: bytes(import_module("lz4.frame").compress(plain)),
        "zstd": lambda plain: bytes(import_module(ZSTD).compress(plain)),
        "gzip": lambda plain: gzip.compress(plain, 1),
        "deflate": lambda plain: zlib.compress(plain, 1),
    }
    names = {name.partition(";")[0].strip() for name in accepted.split(",")}
    for name, encode in encoders.items():
        if data and name in names:
            return encode(data), name
    return data, ""


def form_fields(content_type: str, body: bytes) -> dict[str, str]:
    found = re.search(r'boundary="?([^";]+)', content_type)
    if not found:
        raise ServerError(36, "BAD_ARGUMENTS", "multipart/form-data without a boundary")
    fields = {}
    for part in (b"\r\n" + body).split(b"\r\n--" + found[1].encode())[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        name = re.search(rb'[ ;]name="([^"]*)"', head)
        if not name or b"filename=" in head:
            raise ServerError(48, "NOT_IMPLEMENTED", "The gateway does not implement external data")
        fields[name[1].decode()] = value.decode(errors="surrogateescape")
    return fields


def read_body(headers: Message, stream: BufferedIOBase) -> bytes:
    if headers.get("Transfer-Encoding", "").lower() != "chunked":
        length = int(headers.get("Content-Length", 0))
        body = stream.read(length)
        if len(body) < length:
            raise DisconnectError
        return body
    chunks: list[bytes] = []
    while True:
        line = stream.readline().partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9a-fA-F]+", line):
            raise DisconnectError
        size = int(line, 16)
        chunk = stream.read(size)
        if len(chunk) < size or stream.readline() != b"\r\n":  # of trailers nobody sends any
            raise DisconnectError
        if not size:
            return b"".join(chunks)
        chunks.append(chunk)


def read_request(method: str, query: str, headers: Message, body: bytes) -> Request:
    params = dict(parse_qsl(query, keep_blank_values=True, errors="surrogateescape"))
    for name in ("compress", "decompress"):
        if params.get(name, "0") not in ("0", ""):
            raise ServerError(48, "NOT_IMPLEMENTED", f"The gateway does not implement {name}=1")
    body = decode_body(body, headers.get("Content-Encoding", "").lower())
    content_type = headers.get("Content-Type", "")
    if content_type.startswith("multipart/form-data"):
        params.update(form_fields(content_type, body))
        body = b""
    url_query = params.get("query", "").encode(errors="surrogateescape")
    return Request(method, params, headers, url_query + (b"\n" if url_query else b"") + body)


# --- the engine ------------------------------------------------------------------------------

NESTED_ERROR = re.compile(r"Code: \d+\. DB::Exception: (Code: \d+\. .*) \(version [^)]*\)\. \(\w+\)", re.DOTALL)


class Engine:
    """The process's one engine. A connection per request keeps USE and SET from leaking."""

    def __init__(self, path: Path, version: str | None, users: Sequence[User], config: Path | None = None) -> None:
        modules: dict[str, Any] = sys.modules
        for name in ("pyarrow", "pandas", "numpy"):
            modules.setdefault(name, None)  # the engine would import them, slowly, for nothing
        import_module("chdb")
        self._connect: Callable[[str], Any] = import_module("chdb._chdb").connect
        self._path = str(path.absolute()) + (f"?config-file={quote(str(config.absolute()))}" if config else "")
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


# --- the server ------------------------------------------------------------------------------


class Journal:
    """The statements received, and the faults waiting for one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._statements: list[str] = []
        self._changes: dict[str, list[str]] = {}
        self._faults: list[Fault] = []

    def arm(self, body: bytes) -> Answer:
        wanted = json.loads(body)
        if wanted["kind"] not in (*FAULT_KINDS, "clear"):
            return Answer(400, f"unknown fault {wanted['kind']}, not one of {', '.join(FAULT_KINDS)}, clear\n".encode())
        with self._lock:
            self._faults = [] if wanted["kind"] == "clear" else [*self._faults, Fault(**wanted)]
            if self._faults:
                self._changes[""] = ["fault"]
        return Answer(200)

    def report(self) -> Answer:
        with self._lock:
            listed = {"count": len(self._statements), "statements": self._statements, "armed": len(self._faults)}
            return Answer(200, json.dumps(listed).encode(), {"Content-Type": "application/json"})

    def changes(self, database: bytes, *, others_run: bool) -> Answer:
        with self._lock:
            found = self._changes.pop(database.decode(), []) + self._changes.pop("", [])
            return Answer(200, json.dumps([*found, *["others run"] * others_run]).encode())

    def take(self, request: Request) -> Fault | None:
        """Note the request, and hand out the fault it runs into."""
        statement = request.text[:1000].decode(errors="replace")
        with self._lock:
            self._statements.append(statement)
            if not READS.match(statement):
                self._changes.setdefault(request.database, []).append(statement[:200])
            for fault in self._faults:
                if fault.match not in statement:
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                self._faults = [other for other in self._faults if other.times > 0]
                return fault
        return None


class Server(ThreadingHTTPServer):
    daemon_threads = True  # a kept-alive connection must not hold up the end
    request_queue_size = 128

    def __init__(self, port: int, engine: Engine) -> None:
        super().__init__((HOST, port), Handler)
        self.engine = engine
        self.journal = Journal()
        self._running = 0
        self._closing = False
        self._idle = threading.Condition()

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        with self._idle:
            if self._closing:  # the engine is going away under the connections that are still open
                raise DisconnectError
            self._running += 1
        try:
            yield
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()

    def serves_others(self) -> bool:
        """Whether anything else is being answered; a client has its answer before its thread ends."""
        with self._idle:
            return not self._idle.wait_for(lambda: self._running <= 1, OTHERS_SECONDS)

    def finish(self) -> bool:
        """Whether all that was begun has been answered."""
        with self._idle:
            self._closing = True
            return self._idle.wait_for(lambda: not self._running, STOP_TIMEOUT_SECONDS / 2)


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        try:
            body = read_body(self.headers, self.rfile)
            with self.server.at_work():
                self._route(path, query, body)
        except (DisconnectError, ConnectionError):
            self.close_connection = True

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Silence: what a test asks for is in the journal."""

    def _route(self, path: str, query: str, body: bytes) -> None:
        if path == "/fault":
            self._send(self.server.journal.arm(body))
        elif path == "/requests":
            self._send(self.server.journal.report())
        elif path == "/changes":
            self._send(self.server.journal.changes(body, others_run=self.server.serves_others()))
        elif path in ("/ping", "/replicas_status") or (path == "/" and not query and not body):
            self._send(Answer(200, b"Ok.\n"))
        elif path == "/":
            self._answer_query(query, body)
        else:
            self._send(Answer(404, f"There is no handle {path}\n".encode()))

    def _answer_query(self, query: str, body: bytes) -> None:
        try:
            request = read_request(self.command, query, self.headers, body)
        except ServerError as error:
            self._send(self.server.engine.error_answer(str(error), {}))
            return
        fault = self.server.journal.take(request)
        kind = fault.kind if fault else ""
        if fault and kind == "delay":
            time.sleep(fault.seconds)
        if kind == "drop_before":
            raise DisconnectError
        if kind.startswith("status_"):
            self._send(Answer(int(kind.removeprefix("status_")), PROXY_ERROR, {"Content-Type": "text/html"}))
            return
        if kind == "fails_late":
            request = replace(request, params={**request.params, "enable_http_compression": "0"})
        answer = self.server.engine.answer(request)
        if kind == "fails_late" and request.params.get("wait_end_of_query") == "1":
            answer = self.server.engine.error_answer(LATE_ERROR, {})
        elif kind == "fails_late":
            answer = replace(answer, body=answer.body[: len(answer.body) // 2] + LATE_ERROR.encode())
        if kind == "drop_after":
            raise DisconnectError
        if kind in ("cut_off", "emptied"):  # what a proxy passes on that cannot tell where an answer ends
            answer = replace(answer, body=answer.body[: len(answer.body) // 2 if kind == "cut_off" else 0])
        self._send(answer, truncated=kind == "truncate")

    def _send(self, answer: Answer, *, truncated: bool = False) -> None:
        self.send_response(answer.status)
        headers = {"Content-Type": "text/plain; charset=UTF-8", **answer.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        # One byte more than there is, so that even an empty answer can be cut short.
        self.send_header("Content-Length", str(len(answer.body) + truncated))
        self.end_headers()
        self.wfile.write(answer.body[: len(answer.body) // 2] if truncated else answer.body)
        if truncated:
            raise DisconnectError


def stop_at_end_of_stdin(server: Server) -> None:
    while os.read(0, 4096):
        pass
    server.shutdown()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="ClickHouse's HTTP interface over the embedded engine, for tests.")
    parser.add_argument("--path", type=Path, required=True, help="the engine's data directory")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ready-file", type=Path, help='written when accepting: {"port": N, "pid": N}')
    parser.add_argument("--user", type=User.parse, action="append", metavar="NAME:PASSWORD[:readonly]")
    parser.add_argument("--timezone", default="UTC", help="the server's time zone")
    parser.add_argument("--config", type=Path, help="the engine's configuration: what its user may do")
    parser.add_argument("--version-override", metavar="VERSION", help="what version() answers")
    parser.add_argument("--until-stdin-closes", action="store_true", help="stop when the parent is gone")
    options = parser.parse_args(arguments)
    os.environ["TZ"] = options.timezone
    engine = Engine(options.path, options.version_override, options.user or [User()], options.config)
    server = Server(options.port, engine)
    # shutdown() waits for serve_forever(), which the signal interrupts: hence the thread.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    if options.until_stdin_closes:
        threading.Thread(target=stop_at_end_of_stdin, args=[server], daemon=True).start()
    ready = json.dumps({"port": server.server_port, "pid": os.getpid()})
    if options.ready_file:
        partial = options.ready_file.with_suffix(".partial")
        partial.write_text(ready)
        partial.replace(options.ready_file)
    else:
        print(ready, flush=True)
    server.serve_forever(poll_interval=0.05)
    server.server_close()
    if not server.finish():
        return 1
    engine.close()
    return 0


# --- for tests -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gateway:
    host: str
    port: int
    process: subprocess.Popen[bytes]
    users: tuple[User, ...]

    def url(self, user: str = "default", database: str = "default") -> str:
        password = next(known.password for known in self.users if known.name == user)
        secret = f":{quote(password, safe='')}" if password else ""
        return f"clickhouse://{quote(user, safe='')}{secret}@{self.host}:{self.port}/{database}"

    def fail(self, kind: str, *, match: str = "", skip: int = 0, times: int = 1, seconds: float = 0.0) -> None:
        """Arm a fault; the kinds are FAULT_KINDS. The client replays a dropped INSERT once: see `times`."""
        self._control("POST", "/fault", json.dumps(asdict(Fault(kind, match, skip, times, seconds))))

    def clear_faults(self) -> None:
        self._control("POST", "/fault", json.dumps({"kind": "clear"}))

    def statements(self) -> list[str]:
        """The statements received so far, dropped ones included, each cut to 1000 bytes."""
        return list(json.loads(self._control("GET", "/requests"))["statements"])

    def changes(self, database: str) -> list[str]:
        """The statements that were to change a database since this was asked last, each cut to 200 bytes.

        With them comes `fault` where one was armed, and `others run` while a statement is not answered yet.
        """
        return list(json.loads(self._control("POST", "/changes", database)))

    def _control(self, method: str, path: str, body: str | None = None) -> bytes:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=STOP_TIMEOUT_SECONDS)
        with contextlib.closing(connection):
            connection.request(method, path, body)
            answer = connection.getresponse()
            text = answer.read()
        if answer.status != 200:
            raise ValueError(text.decode())
        return text


@contextlib.contextmanager
def running_gateway(
    path: Path,
    users: Sequence[User] = (User(),),
    version: str | None = None,
    timezone: str = "UTC",
    config: Path | None = None,
    port: int = 0,
) -> Iterator[Gateway]:
    """A gateway over the data directory `path` for the length of the block."""
    with tempfile.TemporaryDirectory(prefix="gateway-") as scratch:
        ready, log = Path(scratch, "ready.json"), Path(scratch, "stderr")
        command = [
            sys.executable,
            "-m",
            "tests.support.gateway",
            "--path",
            str(path.absolute()),
            "--timezone",
            timezone,
        ]
        command += ["--ready-file", str(ready), "--until-stdin-closes"]
        command += [part for user in users for part in ("--user", str(user))]
        command += ["--version-override", version] if version else []
        command += ["--config", str(config)] if config else []
        command += ["--port", str(port)]
        with log.open("wb") as stderr:
            process = subprocess.Popen(
                command,
                cwd=Path(__file__).parent.parent.parent,
                stdin=subprocess.PIPE,  # closed by our death, whatever kills us
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
            )
        try:
            port = wait_until_ready(process, ready, log)
            yield Gateway(HOST, port, process, tuple(users))
        finally:
            stop(process)


def wait_until_ready(process: subprocess.Popen[bytes], ready: Path, log: Path) -> int:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the gateway did not start: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.01)
    return int(json.loads(ready.read_text())["port"])


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin:
        process.stdin.close()


if __name__ == "__main__":
    sys.exit(main())
