"""Runs commands, and reads warehouses, one after another in a process that has loaded the engine: that takes longest.

    python -m tests.support.warm FD DIR    runs what comes over the socket, until it is closed; DIR outlives it

What a command leaves in memory is met by the next one, as in a program that calls the package. So a process is used
again only after a command that ended by itself and left neither threads nor an open engine, and not for ever; what is
about processes does not run here. ccusage is run once for equal transcripts, as `printed_again` says.

Within `engine_stays` the engine stays open behind these commands, as a server does: to open it takes a third of what
an import does. So does that of this process, where tests open it themselves. Whatever opens the warehouse in another
process has to `let_go` of it first, as `Place` and forks do.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pickle
import signal
import socket
import struct
import sys
import tempfile
import threading
import webbrowser
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, Any, ClassVar

import typer

from ccusage_import.ccusage import fetcher, runner
from ccusage_import.cli.app import LazyCommand
from ccusage_import.config.warehouse_url import EmbeddedWarehouse, Warehouse, parse_warehouse_url
from ccusage_import.exceptions import FixableError, WarehouseError
from ccusage_import.warehouse.clickhouse_client import open_warehouse
from ccusage_import.warehouse.driver import embedded
from ccusage_import.warehouse.driver.loading import load_driver
from tests.support.ccusage_install import cache_directory
from tests.support.forks import NUMBER, ROOT, Fork, become, before_forks, fork, new_file, origin_environ, read_file
from tests.support.printed_again import printing_again

# The engine leaves threads and open files whenever it is closed.
MOST_RUNS = 80
# Of commands that ended as they were written to: well, or with an error that a user can act on.
ORDERLY = frozenset({0, 2, 3, 4, 5, 6})
# An exit code, and whether the process may be used again.
ANSWER = struct.Struct("i?")
# The engine reads its zone once.
ZONE = "UTC"


class Engine:
    """Keeps the engine of a process open by one more connection."""

    def __init__(self) -> None:
        self._opens = embedded.engine_client
        self._connection: tuple[Path, Any] | None = None
        self.stays = False
        self._tell_once()
        embedded.engine_client = self.client

    def _tell_once(self) -> None:
        """Tell the next clients of an open engine what the first one asked it: two thousand settings, for 15 ms."""
        load_driver()
        driver: Any = importlib.import_module("clickhouse_connect.driver._chdbclient").ChdbClient
        asks, takes, told = driver._init_common_settings, driver._apply_init_result, list[Any]()

        def ask(client: Any, zone: Any) -> None:
            if self._connection and told:
                takes(client, told[0])
            else:
                asks(client, zone)

        def take(client: Any, answers: Any) -> None:
            told[:] = [answers]
            takes(client, answers)

        driver._init_common_settings, driver._apply_init_result = ask, take

    def client(self, warehouse: EmbeddedWarehouse) -> Any:
        if not self.is_kept_for(warehouse):
            self.let_go()
        client = self._opens(warehouse)
        if self.stays and not self._connection:
            self._connection = warehouse.path, embedded.connect_to_engine(warehouse)
        return client

    def is_kept(self) -> bool:
        return self._connection is not None

    def is_kept_for(self, warehouse: Warehouse) -> bool:
        kept = self._connection and self._connection[0]
        return isinstance(warehouse, EmbeddedWarehouse) and kept == warehouse.path

    def let_go(self) -> None:
        if self._connection:
            self._connection[1].close()
        self._connection = None


class Warm:
    """A process that runs commands, with its end of the socket."""

    engine_stays: ClassVar = False

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process: Fork = fork(
                # It does not have the home of this process, where that directory is.
                [str(theirs.fileno()), str(cache_directory())],
                {**origin_environ(), "TZ": ZONE},
                ROOT,
                module="tests.support.warm",
                pass_fds=[theirs.fileno()],
            )
        self.control = ours
        self.runs = 0
        self.keeps_engine = False

    def run(
        self, arguments: Sequence[str], environ: Mapping[str, str], cwd: Path, timeout: float
    ) -> tuple[int, str, str]:
        """Run one command to its end; return its exit code and what it printed."""
        with new_file() as stdout, new_file() as stderr:
            request = {"arguments": list(arguments), "environ": dict(environ), "cwd": str(cwd)}
            exit_code = self._ask(request, stdout, stderr, timeout)
            return exit_code, read_file(stdout), read_file(stderr)

    def rows(self, url: str, queries: Mapping[str, str], timeout: float) -> dict[str, list[tuple[object, ...]]]:
        """Read an embedded warehouse in several queries."""
        with tempfile.TemporaryFile() as answers, new_file() as stderr:
            exit_code = self._ask({"url": url, "queries": dict(queries)}, answers, stderr, timeout)
            if exit_code:
                raise WarehouseError(read_file(stderr), hint="")
            answers.seek(0)
            rows: dict[str, list[tuple[object, ...]]] = pickle.load(answers)
            return rows

    def let_go(self) -> None:
        """Close the engine."""
        with new_file() as stdout, new_file() as stderr:
            self._ask({}, stdout, stderr, 120)

    def _ask(self, request: Mapping[str, object], stdout: IO[Any], stderr: IO[Any], timeout: float) -> int:
        self.runs += 1
        self.keeps_engine = bool(request) and self.engine_stays and self.runs < MOST_RUNS
        self.control.settimeout(timeout)
        encoded, answer = json.dumps({**request, "keeps_engine": self.keeps_engine}).encode(), b""
        with suppress(ConnectionError):
            socket.send_fds(self.control, [NUMBER.pack(len(encoded))], [stdout.fileno(), stderr.fileno()])
            self.control.sendall(encoded)
            answer = self.control.recv(ANSWER.size)
        if not answer:
            # It was ended by a signal, or by the engine.
            self.runs = MOST_RUNS
            return self.process.wait(timeout)
        exit_code, is_fit = ANSWER.unpack(answer)
        if not is_fit:
            self.runs = MOST_RUNS
        return int(exit_code)

    def end(self) -> None:
        """End the process."""
        self.control.close()
        self.process.kill()
        self.process.wait(30)


_kept = list[Warm]()
# The engine of this process, once it stays open.
_here = list[Engine]()


def run_warm(arguments: Sequence[str], environ: Mapping[str, str], cwd: Path) -> tuple[int, str, str]:
    """Run `ccusage-import arguments…` to its end."""
    _let_go_here()
    with _lent() as warm:
        return warm.run(arguments, environ, cwd, 120)


def rows_of(url: str, queries: Mapping[str, str]) -> dict[str, list[tuple[object, ...]]]:
    """Read an embedded warehouse in several queries."""
    _let_go_here()
    with _lent() as warm:
        return warm.rows(url, queries, 120)


@contextmanager
def engine_stays() -> Iterator[None]:
    """Let the engine stay open between commands, and between them and what is read."""
    with engine_stays_on():
        yield
    let_go()


@contextmanager
def engine_stays_on() -> Iterator[None]:
    """Let the engine stay open like `engine_stays`, and beyond the block until anybody lets go of it."""
    Warm.engine_stays = True
    try:
        yield
    finally:
        Warm.engine_stays = False


def let_go() -> None:
    """Close the engines that stayed open."""
    _let_go_here()
    _let_go_there()


def engine_opens_here(warehouse: Warehouse) -> None:
    """Make way for this process, which opens a warehouse, and lets the engine stay open where it may."""
    if not isinstance(warehouse, EmbeddedWarehouse):
        return
    _let_go_there()
    if Warm.engine_stays:
        if not _here:
            _here.append(Engine())
        _here[0].stays = True


def is_open_here(warehouse: Warehouse) -> bool:
    """Whether the engine of a warehouse stays open in this process."""
    return any(engine.is_kept_for(warehouse) for engine in _here)


def _let_go_here() -> None:
    for engine in _here:
        engine.stays = False
        engine.let_go()


def _let_go_there() -> None:
    if any(warm.keeps_engine for warm in _kept):
        with ExitStack() as stack:
            for warm in [stack.enter_context(_lent()) for _ in range(len(_kept))]:
                warm.let_go()


before_forks.append(let_go)


@contextmanager
def _lent() -> Iterator[Warm]:
    """Lend a process; where anything goes wrong it ends."""
    warm = _kept.pop() if _kept else Warm()
    with ExitStack() as stack:
        stack.callback(warm.end)
        yield warm
        if warm.runs < MOST_RUNS:
            stack.pop_all()
            _kept.append(warm)


@atexit.register
def _end() -> None:
    _let_go_here()
    while _kept:
        _kept.pop().end()


# --- the process that runs them -------------------------------------------------------------------------


def _receive(control: socket.socket, length: int) -> bytes:
    received = b""
    while len(received) < length:
        received += control.recv(length - len(received))
    return received


def _serve(control: socket.socket, cache_dir: Path) -> None:
    engine = Engine()
    # Typer would make commands of their functions anew each time.
    typer.main.get_command = cache(typer.main.get_command)
    LazyCommand.imported = cache(LazyCommand.imported)  # type: ignore[method-assign]
    runner.run_program = fetcher.run_program = printing_again(runner.run_program, cache_dir)  # type: ignore[attr-defined]
    while True:
        length, descriptors, _, _ = socket.recv_fds(control, NUMBER.size, 2)
        if not descriptors:
            return
        request = json.loads(_receive(control, int(*NUMBER.unpack(length))))
        for descriptor, place in zip(descriptors, (1, 2), strict=True):
            os.dup2(descriptor, place)
            os.close(descriptor)
        engine.stays = request["keeps_engine"]
        if not engine.stays:
            engine.let_go()
        exit_code = _read(request) if "queries" in request else _run(request) if "arguments" in request else 0
        gc.collect()
        # What is left, such as modules, stays: to look through it after each command takes as long as to open an empty
        # warehouse.
        gc.freeze()
        is_fit = threading.active_count() == 1 and (engine.is_kept() or not _has_opened())
        control.sendall(ANSWER.pack(exit_code, exit_code in ORDERLY and is_fit))


def _has_opened() -> bool:
    """Whether a warehouse is open: of an open one the engine keeps the file `status` open."""
    opened = (each.readlink() for each in Path("/proc/self/fd").iterdir() if each.is_symlink())
    return any(file.name == "status" for file in opened)


def _read(request: Mapping[str, Any]) -> int:
    try:
        with open_warehouse(parse_warehouse_url(request["url"])) as opened:
            rows = {name: [tuple(row) for row in opened.rows(sql)] for name, sql in request["queries"].items()}
    except FixableError as error:
        os.write(2, str(error).encode())
        return 1
    with open(1, "wb", closefd=False) as stdout:
        pickle.dump(rows, stdout)
    return 0


def _run(request: Mapping[str, Any]) -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # It looks for browsers once.
    importlib.reload(webbrowser)
    try:
        become("ccusage_import", request)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except Exception:  # noqa: BLE001 - whatever it is
        # Let go on, it would end this process, and that as the command before was to end it: with 0 perhaps.
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        _serve(channel, Path(sys.argv[2]))
    # Not as the last command would end.
    _end()
    os._exit(0)
