"""A web server that stands for Slack, a heartbeat service or anybody else who is told: it keeps what it gets."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Answer = int | Literal["hang", "close", "drip", "garbage", "too old"]


@dataclass
class Request:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        """The body as JSON."""
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Receiver:
    """Answers 200, or what `answers` holds for the next requests, or `always`; redirects point to `location`."""

    port: int
    requests: list[Request] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    always: Answer = 200
    location: str = "/elsewhere"
    is_over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """An address of it whose path is a secret."""
        return f"http://127.0.0.1:{self.port}/hooks/T0P-SECRET"

    def heard(self) -> list[str]:
        """Return the events that arrived so far, and forget them."""
        events = [str(request.document["event"]) for request in self.requests]
        self.requests.clear()
        return events

    def next_answer(self) -> Answer:
        """Return what the next request gets."""
        return self.answers.pop(0) if self.answers else self.always


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    receiver: Receiver


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        receiver.requests.append(Request(self.command, self.path, dict(self.headers.items()), body))
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.give(receiver.next_answer())

    do_GET = do_PUT = do_POST  # noqa: N815 - the names that the base class looks for

    def give(self, answer: Answer) -> None:
        """Answer in one of the ways there are; `close` says nothing at all."""
        is_over = self.server.receiver.is_over
        if answer == "hang":
            is_over.wait(60)
        elif answer == "garbage":
            self.wfile.write(b"220 mail.example ESMTP\r\n")
        elif answer == "drip":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not is_over.wait(0.05):
                self.wfile.write(b".")
        elif answer == "too old":
            self.wfile.write(b"HTTP/1.1 500 Error\r\nX-ClickHouse-Exception-Code: 115\r\nContent-Length: 0\r\n\r\n")
        elif isinstance(answer, int):
            self.send_response(answer)
            if answer in (301, 302, 307, 308):
                self.send_header("Location", self.server.receiver.location)
            if answer in (429, 503):
                # Nobody waits that long for somebody who is only told.
                self.send_header("Retry-After", "60")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def running_receiver(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Run one on a free port of the loopback interface."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        server.receiver = Receiver(server.server_address[1])
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        try:
            yield server.receiver
        finally:
            server.receiver.is_over.set()
            server.shutdown()
