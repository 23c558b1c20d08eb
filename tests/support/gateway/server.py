"""The HTTP server: its paths, and the faults that befall an answer."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.gateway.answers import Answer, DisconnectError, ServerError
from tests.support.gateway.engine import Engine
from tests.support.gateway.faults import Journal
from tests.support.gateway.requests import read_body, read_request

HOST = "127.0.0.1"
STOP_TIMEOUT_SECONDS = 10.0
OTHERS_SECONDS = 1.0
LATE_ERROR = "Code: 241. DB::Exception: (total) memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)"
PROXY_ERROR = b"<html><head><title>Temporarily Unavailable</title></head><body>nginx</body></html>\n"


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
