"""Starts the program as a fork of a process that has imported it: that saves two thirds of what a start takes.

A fork is a process like any other, with its own environment, streams, signals and end. Only what an interpreter reads
while it starts is that of the process it came from: whoever asks for something else of that needs a new interpreter.

python -m tests.support.forks    forks for whoever holds the other end of the socket that is its stdin
"""

from __future__ import annotations

import atexit
import ctypes
import fcntl
import gc
import json
import os
import runpy
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parent.parent.parent
# What the interpreter and the libraries it imports look at once.
READ_ONCE = ("PYTHON", "LANG", "LC_", "LD_", "DYLD_", "TYPER_", "_TYPER_", "TERMINAL_WIDTH", "FORCE_COLOR")
MOST_DESCRIPTORS = 8
NUMBER = struct.Struct("i")
# What is done before a process is started.
before_forks = list[Callable[[], None]]()


class Fork:
    """A running program, with what tests use of `subprocess.Popen`; what it prints goes to files."""

    def __init__(self, request: Mapping[str, Any], pass_fds: Sequence[int], files: Sequence[Path] = ()) -> None:
        with ExitStack() as stack:
            opened: list[IO[str]] = [file.open("w+", encoding="utf-8") for file in files] or [new_file(), new_file()]
            self._stdout, self._stderr = (stack.enter_context(each) for each in opened)
            self._files = stack.pop_all()
        self._printed = "", ""
        self._life, other = socket.socketpair()
        with other:
            streams = other.fileno(), self._stdout.fileno(), self._stderr.fileno()
            socket.send_fds(_origin()[1], [b"."], [*streams, *pass_fds])
        self._life.sendall(json.dumps(request).encode() + b"\n")
        self.pid = self._hear()
        self.returncode: int | None = None

    def _hear(self) -> int:
        """Hear first the id of the process, then its exit code."""
        return int(*NUMBER.unpack(self._life.recv(NUMBER.size)))

    def poll(self) -> int | None:
        """Return the exit code, or nothing while it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return the exit code."""
        if self.returncode is None:
            self._life.settimeout(timeout)
            try:
                self.returncode = self._hear()
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired("ccusage-import", timeout or 0) from None
            self._life.close()
            with self._files:
                self._printed = read_file(self._stdout), read_file(self._stderr)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for its end and return what it printed."""
        self.wait(timeout)
        return self._printed

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            # Who forked it may have waited for it in this moment.
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


Running = Fork | subprocess.Popen[str]


def new_file() -> IO[str]:
    """Make a file for what a program prints."""
    return tempfile.TemporaryFile("w+", encoding="utf-8")


def read_file(file: IO[str]) -> str:
    """Return what a program printed."""
    file.seek(0)
    return file.read()


def can_fork(environ: Mapping[str, str]) -> bool:
    """Whether a fork answers as a new interpreter would in this environment."""
    # Elsewhere a process may not be forked once it has loaded some of the system's libraries.
    return sys.platform == "linux" and _read_once({"PYTHONPATH": str(ROOT), **environ}) == _read_once(origin_environ())


def fork(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    cwd: Path,
    *,
    module: str = "ccusage_import",
    pass_fds: Sequence[int] = (),
    start_new_session: bool = False,
    files: Sequence[Path] = (),
) -> Fork:
    """Start `python -m module arguments…`, which prints into two files."""
    for prepare in before_forks:
        prepare()
    request = {
        "module": module,
        "arguments": list(arguments),
        "environ": dict(environ),
        "cwd": str(cwd),
        "pass_fds": list(pass_fds),
        "start_new_session": start_new_session,
    }
    return Fork(request, pass_fds, files)


def start(
    arguments: Sequence[str], environ: Mapping[str, str], cwd: Path, module: str, pass_fds: Sequence[int] = ()
) -> Running:
    """Start a module in a process group of its own, as a fork where it can be one."""
    if can_fork(environ):
        return fork(arguments, environ, cwd, module=module, pass_fds=pass_fds, start_new_session=True)
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env=environ,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=pass_fds,
        start_new_session=True,
    )


def origin_environ() -> dict[str, str]:
    """Return the environment of the process that forks come from; a fork gets the one it asks for."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT)}


def origin_pid() -> int:
    """Return the id of the process that forks come from."""
    return _origin()[0]


def _read_once(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name.startswith(READ_ONCE)}


@cache
def _origin() -> tuple[int, socket.socket]:
    """Start the process that forks come from; it ends when this one does, in whatever way."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.forks"],
            env=origin_environ(),
            cwd=ROOT,
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return process.pid, ours


# --- the process that forks come from, and the forks ------------------------------------------------

# What commands import where they use it.
IMPORTED_LATE = (
    "ccusage.parser", "ccusage.validation", "cli.replay", "demo.story", "history.push", "history.replay",
    "monitoring.metrics", "monitoring.notifications", "steps.reports", "ui.summary", "warehouse.snapshot",
)  # fmt: skip


def _preload() -> None:
    from loguru._better_exceptions import ExceptionFormatter

    from ccusage_import.cli.app import COMMANDS
    from ccusage_import.warehouse.driver.loading import load_driver

    for name in (*(f"cli.{place.partition(':')[0]}" for place, _ in COMMANDS.values()), *IMPORTED_LATE):
        import_module(f"ccusage_import.{name}")
    load_driver()
    _load_engine()
    # Every log that begins asks where the libraries of Python are.
    formatter: Any = ExceptionFormatter
    formatter._get_lib_dirs = staticmethod(cache(formatter._get_lib_dirs))
    formatter._get_lib_dirs()
    gc.freeze()


class _Unasked:
    """Stands for the connection over which the engine is asked for its version when it is imported."""

    def query(self, *_: str) -> _Unasked:
        return self

    def bytes(self) -> bytes:
        return b'"unasked"\n'

    def close(self) -> None: ...


def _load_engine() -> None:
    """Import the engine, which takes as long as to open it, but without the threads that a fork would lack."""
    if not (package := find_spec("chdb")) or not package.origin:
        return
    library = Path(package.origin).with_name("_chdb.abi3.so")
    # As the package does: its allocator is for itself, and what it needs lies in its directory.
    os.chdir(library.parent)
    ctypes.CDLL(str(library), mode=sys.getdlopenflags() | os.RTLD_DEEPBIND)
    spec = spec_from_file_location("chdb._chdb", library)
    assert spec
    assert spec.loader
    engine: Any = module_from_spec(spec)
    sys.modules["chdb._chdb"] = engine
    spec.loader.exec_module(engine)
    os.chdir(ROOT)
    connect, engine.connect = engine.connect, _Unasked
    import_module("chdb")
    engine.connect = connect


def _serve() -> tuple[int, ...]:
    """Fork for each request, and return its descriptors in the fork; end with whoever asks."""
    with socket.socket(fileno=os.dup(0)) as control:
        while True:
            _, descriptors, _, _ = socket.recv_fds(control, 1, MOST_DESCRIPTORS)
            # Those that told of the end of a fork.
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            if not descriptors:
                sys.exit()
            if not os.fork():
                return tuple(descriptors)
            _close(descriptors)


def _begin(life: int, *descriptors: int) -> dict[str, Any]:
    """Fork once more, into one that runs, where this returns, and one that tells of its end."""
    with socket.socket(fileno=life) as told:
        request: dict[str, Any] = json.loads(told.makefile().readline())
        if pid := os.fork():
            _close(descriptors)
            told.sendall(NUMBER.pack(pid))
            told.sendall(NUMBER.pack(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])))
            os._exit(0)
    # Out of the way first, or one might take the place of another: above all places that are asked for.
    above = max(2, *request["pass_fds"], *descriptors) + 1
    nothing = os.open(os.devnull, os.O_RDONLY)
    moved = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, above) for each in (nothing, *descriptors)]
    _close(descriptors)
    for descriptor, place in zip(moved, (0, 1, 2, *request["pass_fds"]), strict=True):
        os.dup2(descriptor, place)
    _close(moved)
    return request


def _close(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def become(module: str, request: Mapping[str, Any]) -> None:
    """Run a module as a new interpreter with this environment, directory and arguments would."""
    os.environ.clear()
    os.environ.update(request["environ"])
    time.tzset()
    os.chdir(request["cwd"])
    sys.path[0] = request["cwd"]
    sys.argv = ["", *request["arguments"]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _preload()
    asked = _begin(*_serve())
    if asked["start_new_session"]:
        os.setsid()
    become(asked["module"], asked)
