"""A line to a server of this machine: cut, it is as if the server was killed; held up, as if it hung."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

HOST = "127.0.0.1"
# Whatever is closed with it is reset, as by a server that was killed.
AT_ONCE = struct.pack("ii", 1, 0)


@dataclass
class Wire:
    """Passes on what comes in at a port.

    While it is cut, connections to that port are refused; while it is held up, they are accepted, and what comes in
    arrives later.

    Attributes:
        target: the port of the server.
        port: the port of the wire.
        withholds: set as soon as something came in that is held up.
    """

    target: int
    port: int = 0
    withholds: threading.Event = field(default_factory=threading.Event)
    _goes_on: threading.Event = field(default_factory=threading.Event)
    _listening: socket.socket | None = None
    _ends: list[socket.socket] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def mend(self) -> None:
        """Accept connections, and pass on what they bring."""
        self.let_go()
        listening = socket.create_server((HOST, self.port))
        with self._lock:
            self._listening, self.port = listening, listening.getsockname()[1]
        threading.Thread(target=self._accept, args=[listening], daemon=True).start()

    def cut(self) -> None:
        """Reset all connections in whatever moment they are, and accept none."""
        with self._lock:
            listening, ends, self._listening, self._ends = self._listening, self._ends, None, []
        for end in (listening, *ends):
            if end is not None:
                _reset(end)

    def hold_up(self) -> None:
        """Pass on nothing until it is let go."""
        self.withholds.clear()
        self._goes_on.clear()

    def let_go(self) -> None:
        """Pass on everything, late as it may be."""
        self._goes_on.set()

    def _accept(self, listening: socket.socket) -> None:
        # It ends with an error as soon as the wire is cut.
        with suppress(OSError):
            while True:
                near, _ = listening.accept()
                far = socket.create_connection((HOST, self.target))
                with self._lock:
                    is_cut = self._listening is not listening
                    self._ends += [] if is_cut else [near, far]
                for one, other in ((near, far), (far, near)):
                    if is_cut:
                        _reset(one)
                    else:
                        threading.Thread(target=self._pass_on, args=[one, other], daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while some := one.recv(65_536):
                if not self._goes_on.is_set():
                    self.withholds.set()
                    self._goes_on.wait()
                other.sendall(some)
            other.shutdown(socket.SHUT_WR)


@contextmanager
def laid_wire(target: int) -> Iterator[Wire]:
    """Lay a wire to a port for the length of the block; it is whole."""
    wire = Wire(target)
    wire.mend()
    try:
        yield wire
    finally:
        wire.cut()
        wire.let_go()


def _reset(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        # Whoever waits for it wakes up.
        end.shutdown(socket.SHUT_RDWR)
    end.close()
