"""The interface itself: requests as ClickHouse takes them over HTTP, answers and errors as it gives them.

As documented in https://clickhouse.com/docs/interfaces/http. There are no sessions, no writing and no CORS.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import hmac
import json
import re
import secrets
import uuid
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl

import anyio
from loguru import logger
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ccusage_import.files import POLL_SECONDS
from ccusage_import.serving.engine import BAD_ARGUMENTS, NOT_IMPLEMENTED, EngineError, Reader, Reply, Statement, refusal
from ccusage_import.serving.framing import framed, unframed

LARGEST_REQUEST = 1 << 20
MOST_AT_ONCE = 4
MOST_WAITING = 64
# Parameters of the interface; every other one is a setting.
TRANSPORT = frozenset(
    {
        *("query", "database", "default_format", "query_id", "user", "password", "quota_key", "role", "readonly"),
        *("session_id", "session_timeout", "session_check", "close_session", "client_protocol_version", "stacktrace"),
        *("compress", "decompress", "enable_http_compression", "http_zlib_compression_level"),
        *("buffer_size", "wait_end_of_query", "send_progress_in_http_headers"),
    }
)
# What a header can hold.
_QUERY_ID = re.compile(r"[\x21-\x7e]{1,100}")
SERVER_NAME = "ccusage-import"
ACCESS_DENIED, AUTHENTICATION_FAILED, TOO_MANY_QUERIES, TOO_MANY_BYTES = 497, 516, 202, 307
# Which status goes with which exception, as a server decides it; any other one is 500.
STATUSES: Mapping[int, int] = {
    **dict.fromkeys((6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321), 400),
    **dict.fromkeys((376, 427, 441, 456, 675, 676), 400),
    **dict.fromkeys((192, 193, 512, ACCESS_DENIED, AUTHENTICATION_FAILED), 403),
    **dict.fromkeys((46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511), 404),
    159: 408,
    TOO_MANY_BYTES: 413,
    NOT_IMPLEMENTED: 501,
}


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask: whoever knows the token, by names of this host that are ours."""

    token: str | None
    hosts: tuple[str, ...]


class Interface:
    """The paths of the interface over one open warehouse."""

    def __init__(
        self, reader: Reader, access: Access, version: str, timezone: str, health: Callable[[], dict[str, Any]]
    ) -> None:
        """Answer from this engine, which has that version and time zone; `health` looks whether all is `healthy`."""
        self._reader, self._access, self._version = reader, access, version
        self._look, self._looks = health, anyio.CapacityLimiter(1)
        # A page of another site can run whatever it gets as a script; no answer is one.
        self._headers = {
            "X-ClickHouse-Server-Display-Name": SERVER_NAME,
            "X-ClickHouse-Timezone": timezone,
            "X-Content-Type-Options": "nosniff",
        }
        self._at_once = anyio.CapacityLimiter(MOST_AT_ONCE)
        self._asked = 0

    def app(self) -> Starlette:
        """Return it as an ASGI application."""
        routes = [
            Route("/ping", _pong),
            Route("/replicas_status", _pong),
            Route("/health", self._health),
            Route("/play", self._play),
            Route("/", self._query, methods=["GET", "POST"]),
        ]
        allowed = list(self._access.hosts) or ["*"]
        return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=allowed)])

    async def _health(self, _request: Request) -> Response:
        found = await anyio.to_thread.run_sync(self._look, limiter=self._looks)
        return JSONResponse({**found, "queries": self._asked}, 200 if found["healthy"] else 503)

    async def _play(self, _request: Request) -> Response:
        nonce = secrets.token_urlsafe(16)
        page = files("ccusage_import.serving").joinpath("play.html").read_text("utf-8").replace("{nonce}", nonce)
        policy = f"default-src 'none'; connect-src 'self'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'"
        return HTMLResponse(page, headers={"Content-Security-Policy": f"{policy}; frame-ancestors 'none'"})

    async def _query(self, request: Request) -> Response:
        asked_id = request.query_params.get("query_id", "")
        query_id = asked_id if _QUERY_ID.fullmatch(asked_id) else str(uuid.uuid4())
        headers = {**self._headers, "X-ClickHouse-Query-Id": query_id}
        try:
            self._authenticate(request)
            statement = await _statement(request)
            if statement is None:
                return PlainTextResponse("Ok.\n")
            reply, body, encoding = await self._answered(statement, request)
        except EngineError as error:
            return self._failed(error, headers)
        except ClientDisconnect:
            # Whoever asked left before the end of the question, or before its turn, and hears nothing.
            return Response()
        headers["X-ClickHouse-Format"] = reply.output_format
        headers["X-ClickHouse-Summary"] = json.dumps(
            {"read_rows": str(reply.rows_read), "read_bytes": str(reply.bytes_read), "written_rows": "0"}
        )
        return Response(body, headers=headers | encoding, media_type=_media_type(reply.output_format))

    async def _answered(self, statement: Statement, request: Request) -> tuple[Reply, bytes, dict[str, str]]:
        if self._asked >= MOST_AT_ONCE + MOST_WAITING:
            raise refusal(TOO_MANY_QUERIES, "Too many simultaneous queries", "TOO_MANY_SIMULTANEOUS_QUERIES")
        self._asked += 1
        with anyio.CancelScope() as waiting:
            leaving = asyncio.create_task(self._end_when_left(statement, request, waiting))
            try:
                return await anyio.to_thread.run_sync(partial(self._answer, statement, request), limiter=self._at_once)
            finally:
                leaving.cancel()
                self._asked -= 1
        raise ClientDisconnect

    async def _end_when_left(self, statement: Statement, request: Request, waiting: anyio.CancelScope) -> None:
        """End what nobody waits for any more, so that others are answered."""
        while (await request.receive())["type"] != "http.disconnect":
            pass
        waiting.cancel()
        while True:
            await anyio.to_thread.run_sync(self._reader.end, statement)
            await anyio.sleep(POLL_SECONDS)

    def _answer(self, statement: Statement, request: Request) -> tuple[Reply, bytes, dict[str, str]]:
        """Return an answer, its body as it is sent, and the header that says how: to compress it may take seconds."""
        reply = self._reader.answer(statement)
        return reply, *_encoded(reply, request)

    def _authenticate(self, request: Request) -> None:
        if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            raise refusal(ACCESS_DENIED, "Not enough privileges: another site asks", "ACCESS_DENIED")
        if self._access.token is None:
            return
        if not hmac.compare_digest(_password(request).encode(), self._access.token.encode()):
            raise refusal(
                AUTHENTICATION_FAILED, "Authentication failed: the password is not the token", "AUTHENTICATION_FAILED"
            )

    def _failed(self, error: EngineError, headers: Mapping[str, str]) -> Response:
        logger.bind(code=error.code).info("a query was not answered")
        return PlainTextResponse(
            f"{error} (version {self._version} (official build))\n",
            STATUSES.get(error.code, 500),
            {**headers, "X-ClickHouse-Exception-Code": str(error.code)},
        )


async def _pong(_request: Request) -> Response:
    return PlainTextResponse("Ok.\n")


def _password(request: Request) -> str:
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except ValueError:
            return ""
    if kind.lower() == "bearer":
        return value
    return request.headers.get("X-ClickHouse-Key") or request.query_params.get("password", "")


async def _statement(request: Request) -> Statement | None:
    asked = dict(parse_qsl(request.url.query, keep_blank_values=True))
    if "multipart/" in request.headers.get("Content-Type", ""):
        raise refusal(NOT_IMPLEMENTED, "external data and forms are not taken; parameters go into the address")
    body = _decoded(
        await _read(request), request.headers.get("Content-Encoding", ""), is_framed=_is_on(asked, "decompress")
    )
    sql = "\n".join(part for part in (asked.get("query", ""), body) if part)
    if not sql.strip():
        return None
    return Statement(
        sql,
        asked.get("database") or request.headers.get("X-ClickHouse-Database", ""),
        asked.get("default_format") or request.headers.get("X-ClickHouse-Format", ""),
        {name: value for name, value in asked.items() if name not in TRANSPORT and not name.startswith("param_")},
        {name.removeprefix("param_"): value for name, value in asked.items() if name.startswith("param_")},
        _number(asked.get("client_protocol_version", "")),
    )


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_REQUEST:
            raise refusal(TOO_MANY_BYTES, f"a request may have {LARGEST_REQUEST:,} bytes")
    return bytes(body)


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{0,9}", text):
        raise refusal(BAD_ARGUMENTS, "client_protocol_version is a number", "BAD_ARGUMENTS")
    return int(text or 0)


def _is_on(asked: Mapping[str, str], name: str) -> bool:
    return asked.get(name, "0") not in ("0", "", "false")


def _decoded(body: bytes, encoding: str, *, is_framed: bool) -> str:
    if encoding.lower() not in ("", "identity", "gzip", "deflate"):
        raise refusal(NOT_IMPLEMENTED, f"Content-Encoding {encoding} is not taken; gzip and deflate are")
    try:
        if encoding.lower() in ("gzip", "deflate"):
            body = _unpacked(body)
        if is_framed:
            body = unframed(body, LARGEST_REQUEST)
        return body.decode()
    except (zlib.error, ValueError) as error:
        raise refusal(BAD_ARGUMENTS, f"the body cannot be read: {error}") from None


def _unpacked(body: bytes) -> bytes:
    decompressor = zlib.decompressobj(zlib.MAX_WBITS | 32)
    unpacked = decompressor.decompress(body, LARGEST_REQUEST)
    if not decompressor.eof or decompressor.unused_data:
        raise ValueError("it ends too early, is too long, or has more than one part")
    return unpacked


def _encoded(reply: Reply, request: Request) -> tuple[bytes, dict[str, str]]:
    if _is_on(request.query_params, "compress"):
        return framed(reply.body), {}
    accepted = {name.partition(";")[0].strip() for name in request.headers.get("Accept-Encoding", "").split(",")}
    wanted = request.query_params.get("enable_http_compression", "1") not in ("0", "false")
    if wanted and "gzip" in accepted and len(reply.body) > 1 << 10:
        return gzip.compress(reply.body, 1), {"Content-Encoding": "gzip"}
    return reply.body, {}


def _media_type(output_format: str) -> str:
    if output_format.startswith("JSON"):
        return "application/json; charset=UTF-8"
    if output_format.startswith(("TabSeparated", "TSV")):
        return "text/tab-separated-values; charset=UTF-8"
    if output_format.startswith("CSV"):
        return "text/csv; charset=UTF-8; header=" + ("present" if "WithNames" in output_format else "absent")
    return (
        "text/plain; charset=UTF-8" if output_format.startswith(("Pretty", "Vertical")) else "application/octet-stream"
    )
