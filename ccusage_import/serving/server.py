"""The process that serves: it holds the warehouse, lends it to whoever waits for it, and takes it back.

The engine leaves threads and files behind when it is closed. So after lending the warehouse the process replaces itself
by a new one with `exec`. The listening socket survives that, and clients wait meanwhile.
"""

from __future__ import annotations

import asyncio
import errno
import math
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import uvicorn
from loguru import logger
from starlette.applications import Starlette

from ccusage_import.exceptions import ConfigurationError
from ccusage_import.files import POLL_SECONDS, is_wanted, reason_of, write_private_file

# How long answers that have begun may go on when the warehouse is wanted, or the server is to end.
GRACE_SECONDS = 10
# How long a request takes from the connection to its last byte, at the most that is usual on one machine.
SETTLE_SECONDS = 0.2
INHERITED = "CCUSAGE_IMPORT_SOCKET"
TOKEN_BYTES = 24
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# Under what names a client on this machine asks: an address of IPv6 stands in brackets.
OWN_HOSTS = ("127.0.0.1", "localhost", "[::1]")
App: TypeAlias = Starlette


def listening_socket(host: str, port: int) -> tuple[socket.socket, bool]:
    """Return a socket that listens, and whether it is new: it may be that of an earlier life of this process.

    Raises:
        ConfigurationError: the address cannot be used.
    """
    if inherited := os.environ.pop(INHERITED, ""):
        return socket.socket(fileno=int(inherited)), False
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)
    except (OSError, TypeError, UnicodeError) as error:
        listening.close()
        raise _unusable(f"[{host}]" if ":" in host else host, port, error) from None
    return listening, True


def _unusable(host: str, port: int, error: OSError | TypeError | UnicodeError) -> ConfigurationError:
    hint = f"name an address of this machine: --listen 127.0.0.1:{port}"
    why = error.strerror if isinstance(error, OSError) else "no host can have this name"
    if isinstance(error, OSError) and error.errno in (errno.EADDRINUSE, errno.EACCES):
        hint = f"name another port: --listen {host}:{8124 if port == 8123 else 8123}"
    return ConfigurationError(f"--listen {host}:{port}: {why}", hint=hint)


def kept_token(file: Path) -> str:
    """Return the token that clients show, made once for an installation.

    Raises:
        ConfigurationError: its file cannot be read or written.
    """
    try:
        token = file.read_text("utf-8").strip()
    except FileNotFoundError:
        token = ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: {reason_of(error)}", hint="remove it, and another one is made") from None
    if not token:
        token = secrets.token_urlsafe(TOKEN_BYTES)
        write_private_file(file, f"{token}\n")
    return token


def serve_until_wanted(
    app: App, listening: socket.socket, lock: Path, ready: Callable[[], None], cancel: Callable[[], None]
) -> bool:
    """Serve until somebody waits for the lock, or a signal ends it.

    Args:
        app: what answers.
        listening: where.
        lock: what somebody may wait for.
        ready: called when it answers.
        cancel: ends the queries that go on for too long then.

    Returns:
        Whether somebody waits.
    """
    server = _server(app)

    async def serve() -> bool:
        # It closes what it is given.
        serving = asyncio.create_task(server.serve([listening.dup()]))
        while not server.started and not serving.done():
            await asyncio.sleep(POLL_SECONDS / 10)
        ready()
        lends, ends_at = False, math.inf
        while not serving.done():
            if not server.should_exit and is_wanted(lock):
                logger.debug("the warehouse is lent")
                lends = server.should_exit = True
            if server.should_exit:
                ends_at = min(ends_at, time.monotonic() + GRACE_SECONDS)
                if time.monotonic() >= ends_at:
                    cancel()
            await asyncio.sleep(POLL_SECONDS)
        await serving
        return lends

    return asyncio.run(serve())


class Background:
    """Serves in a thread of its own, beside what the process does otherwise, from `begin` until `end`."""

    def __init__(self, app: App, listening: socket.socket) -> None:
        """Begin."""
        self._server = _server(app)
        # It closes what it is given.
        self._thread = threading.Thread(target=self._server.run, args=([listening.dup()],), daemon=True)
        self._thread.start()

    def end(self, patience_seconds: float, cancel: Callable[[], None]) -> None:
        """Accept nothing more, and return when the answers that have begun are given.

        Args:
            patience_seconds: how long they may take.
            cancel: ends the queries that take longer; called until none is left.
        """
        self._server.should_exit = True
        until = time.monotonic() + patience_seconds
        while self._thread.is_alive():
            # Not for ever, so that a signal is heard.
            self._thread.join(POLL_SECONDS)
            if time.monotonic() >= until:
                cancel()


def _server(app: App) -> _Server:
    return _Server(
        uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=GRACE_SECONDS
        )
    )


class _Server(uvicorn.Server):
    """Ends by the signals that end every command of this program, without raising them again."""

    def handle_exit(self, *_signal: object) -> None:
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing more, and let those ask who are connected already: their requests are under way."""
        for server in self.servers:
            server.close()
        await asyncio.sleep(SETTLE_SECONDS)
        await super().shutdown(sockets)
