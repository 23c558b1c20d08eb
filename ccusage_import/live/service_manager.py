"""Tells the manager of a service how `watch` is doing: that it is ready, that it goes on, what it does."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from contextlib import suppress

from ccusage_import.live.events import Ended, Event, Importing, Lent, Lost, Regained, Watching
from ccusage_import.warehouse.clickhouse_client import ClickHouse

# The manager allows half an hour.
PING_SECONDS = 5.0


class ServiceManager:
    """Speaks the protocol of sd_notify(3) where the environment names a socket, and is silent elsewhere."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        # A name that no file has begins with a zero.
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._pinged_at = 0.0
        self._status = ""

    def hear(self, event: Event) -> None:
        """Say what became of it."""
        match event:
            case Watching():
                self._say("READY=1")
                self._status = "watching"
            case Importing():
                self._status = "importing the reports"
            case Lost(error):
                self._status = f"facts wait in the transcripts: {error.kind}"
            case Regained():
                self._status = "watching"
            case Lent():
                self._status = "another command has the warehouse"
            case Ended():
                self._say("STOPPING=1")
                return
            case _:
                return
        self._say(f"STATUS={self._status}")

    def turn(self, warehouse: ClickHouse | None, files: int, behind_seconds: float) -> None:  # noqa: ARG002 - protocol
        """Say that it goes on."""
        if self._status == "importing the reports":
            self._status = "watching"
            self._say(f"STATUS={self._status}")
        self.goes_on()

    def goes_on(self) -> None:
        """Say so, not more often than anybody wants to know."""
        now = time.monotonic()
        if now - self._pinged_at >= PING_SECONDS:
            self._pinged_at = now
            self._say("WATCHDOG=1")

    def _say(self, line: str) -> None:
        """Send one datagram; a manager that does not listen is none."""
        if self._address:
            with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaking:
                speaking.sendto(line.encode("utf-8", "replace"), self._address)
