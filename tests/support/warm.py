"""Runs commands one after another in one process that has loaded the engine: that takes most of a short command.

    python -m tests.support.warm FD    runs what comes over the socket, until it is closed

What a command leaves in memory is met by the next one, as in a program that calls the package. So a process is used
again only after a command that ended well, and not for ever; what is about processes does not run here.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import time
import webbrowser
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.support.forks import NUMBER, ROOT, Fork, fork, new_file, origin_environ, read_file

# An engine that was opened many times gets slow.
MOST_RUNS = 40
# The engine reads its zone once.
ZONE = "UTC"


class Warm:
    """A process that runs commands, with its end of the socket."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process: Fork = fork(
                [str(theirs.fileno())],
                {**origin_environ(), "TZ": ZONE},
                ROOT,
                module="tests.support.warm",
                pass_fds=[theirs.fileno()],
            )
        self.control = ours
        self.runs = 0

    def run(
        self, arguments: Sequence[str], environ: Mapping[str, str], cwd: Path, timeout: float
    ) -> tuple[int, str, str]:
        """Run one command to its end; return its exit code and what it printed."""
        self.runs += 1
        request = json.dumps({"arguments": list(arguments), "environ": dict(environ), "cwd": str(cwd)}).encode()
        with new_file() as stdout, new_file() as stderr:
            self.control.settimeout(timeout)
            answer = b""
            with suppress(ConnectionError):
                socket.send_fds(self.control, [NUMBER.pack(len(request))], [stdout.fileno(), stderr.fileno()])
                self.control.sendall(request)
                answer = self.control.recv(NUMBER.size)
            # Without an answer it was ended by a signal, or by the engine.
            exit_code = int(*NUMBER.unpack(answer)) if answer else self.process.wait(timeout)
            return exit_code, read_file(stdout), read_file(stderr)

    def end(self) -> None:
        """End the process."""
        self.control.close()
        self.process.kill()
        self.process.wait(30)


_kept = list[Warm]()


def run_warm(arguments: Sequence[str], environ: Mapping[str, str], cwd: Path) -> tuple[int, str, str]:
    """Run `ccusage-import arguments…` to its end."""
    warm = _kept.pop() if _kept else Warm()
    exit_code = 1
    try:
        exit_code, stdout, stderr = warm.run(arguments, environ, cwd, 120)
    finally:
        if exit_code == 0 and warm.runs < MOST_RUNS:
            _kept.append(warm)
        else:
            warm.end()
    return exit_code, stdout, stderr


@atexit.register
def _end() -> None:
    while _kept:
        _kept.pop().end()


# --- the process that runs them -------------------------------------------------------------------------


def _receive(control: socket.socket, length: int) -> bytes:
    received = b""
    while len(received) < length:
        received += control.recv(length - len(received))
    return received


def _serve(control: socket.socket) -> None:
    while True:
        length, descriptors, _, _ = socket.recv_fds(control, NUMBER.size, 2)
        if not descriptors:
            return
        request = json.loads(_receive(control, int(*NUMBER.unpack(length))))
        for descriptor, place in zip(descriptors, (1, 2), strict=True):
            os.dup2(descriptor, place)
            os.close(descriptor)
        control.sendall(NUMBER.pack(_run(request)))
        gc.collect()


def _run(request: Mapping[str, Any]) -> int:
    os.environ.clear()
    os.environ.update(request["environ"])
    time.tzset()
    os.chdir(request["cwd"])
    sys.path[0] = request["cwd"]
    sys.argv = ["", *request["arguments"]]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # It looks for browsers once.
    importlib.reload(webbrowser)
    try:
        runpy.run_module("ccusage_import", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        _serve(channel)
