"""Run programs so that nothing outlives them, nor us: own process group, time limit, both pipes drained, stoppable."""

from __future__ import annotations

import fcntl
import math
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, NoReturn, TypeVar

# More than any answer except a report.
SHORT_BYTES = 65_536
_GRACE_SECONDS = 2.0
_READ_AT_ONCE = 1 << 20
_POLL_SECONDS = 0.1
# Reads a process group and a line that says that it ended; where the line does not come, whoever waited was killed.
_GUARD = 'read group && [ "$group" ] && { read line || kill -s KILL -- "-$group"; }'

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Finished:
    """What a program left behind; a negative exit code is the signal that ended it.

    Of stdout it is the beginning where the program printed more than is kept, of stderr the end.
    """

    exit_code: int
    stdout: bytes
    stderr: bytes
    is_cut: bool = False


class Stop:
    """Tells worker threads to end. A plain attribute: an interrupted thread may leave a lock locked for ever."""

    requested = False


class _Pipes:
    """What a program prints: all of it is read, and no more of it kept than is wanted."""

    def __init__(self, process: subprocess.Popen[bytes], most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._stdout, self._stderr, self._is_cut = list[bytes](), b"", False
        self._kept_bytes = 0
        self._waiting = selectors.PollSelector()
        for pipe, keep in ((process.stdout, self._keep_beginning), (process.stderr, self._keep_end)):
            if pipe is not None:
                self._waiting.register(pipe, selectors.EVENT_READ, keep)

    def listen(self, process: subprocess.Popen[bytes], seconds: float) -> bool:
        """Read for a while; return whether the program ended and nobody holds a pipe any more."""
        deadline = time.monotonic() + seconds
        while self._waiting.get_map():
            for key, _ in self._waiting.select(max(0, deadline - time.monotonic())):
                data = os.read(key.fd, _READ_AT_ONCE)
                key.data(data)
                if not data:
                    self._waiting.unregister(key.fileobj)
            if time.monotonic() >= deadline:
                break
        if self._waiting.get_map():
            return False
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0, deadline - time.monotonic()))
        return process.returncode is not None

    def close(self, process: subprocess.Popen[bytes]) -> None:
        """Close both; whoever still prints hears that nobody reads."""
        self._waiting.close()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()

    def finished(self, process: subprocess.Popen[bytes]) -> Finished:
        """Return what was kept; it is given away."""
        stdout = b"".join(self._stdout)
        self._stdout.clear()
        return Finished(process.returncode, stdout, self._stderr, self._is_cut)

    def _keep_beginning(self, data: bytes) -> None:
        kept = data[: self._most_bytes - self._kept_bytes]
        self._is_cut = self._is_cut or len(kept) < len(data)
        self._kept_bytes += len(kept)
        if kept:
            self._stdout.append(kept)

    def _keep_end(self, data: bytes) -> None:
        self._stderr = (self._stderr + data)[-SHORT_BYTES:]


def in_threads(tasks: Sequence[Callable[[Stop], T]], jobs: int) -> list[T]:
    """Run tasks in worker threads; whatever interrupts the waiting makes all of them stop, and waits until they did.

    Signal handlers run in the main thread only, so none can raise between the start of a program and the moment its
    process id is known.
    """
    stop, gate = Stop(), threading.Semaphore(jobs)
    # The end of a task is told by a queue that no interruption can leave locked.
    begun, ended, told = list[int](), list[int](), SimpleQueue[None]()
    results, errors = dict[int, T](), list[BaseException]()

    def work(number: int, task: Callable[[Stop], T]) -> None:
        with gate:
            begun.append(number)
            try:
                _check(stop)
                results[number] = task(stop)
            except BaseException as error:  # noqa: BLE001 - raised again below
                errors.append(error)
            finally:
                ended.append(number)
                told.put(None)

    try:
        try:
            for number, task in enumerate(tasks):
                threading.Thread(target=work, args=(number, task)).start()
            while len(ended) < len(tasks) and not errors:
                # A signal that comes just before the waiting begins does not end it.
                with suppress(Empty):
                    told.get(timeout=_POLL_SECONDS)
        finally:
            stop.requested = True
    finally:  # wrappers pass ^C on: a second one may hit the line above
        stop.requested = True
        while len(ended) < len(begun):
            time.sleep(0.01)
    if errors:
        raise errors[0]
    return [results[number] for number in range(len(tasks))]


def run_program(
    argv: tuple[str, ...],
    environ: Mapping[str, str],
    cwd: Path,
    timeout_seconds: float,
    stop: Stop,
    *,
    stdin: IO[bytes] | int = subprocess.DEVNULL,
    output: int = subprocess.PIPE,
    most_bytes: int = SHORT_BYTES,
) -> Finished:
    """Run a program in its own process group; whatever ends the waiting also ends the whole group.

    Args:
        argv: the program and its arguments.
        environ: its whole environment.
        cwd: where it runs.
        timeout_seconds: how long it may.
        stop: ends it when asked to.
        stdin: an open file that it reads.
        output: where stdout and stderr go: a pipe that is read to its end, or `DEVNULL`.
        most_bytes: so much of the beginning of stdout is kept; of stderr it is the last `SHORT_BYTES`.

    Raises:
        CancelledError: stopping was requested.
        TimeoutError: it ran longer than allowed.
        OSError: it could not be started.
    """
    _check(stop)
    with _guarded() as guard:
        process = subprocess.Popen(  # noqa: S603
            argv,
            stdin=stdin,
            stdout=output,
            stderr=output,
            env=environ,
            cwd=cwd,
            start_new_session=True,
        )
        pipes = _Pipes(process, most_bytes)
        try:
            guard(process.pid)
            deadline, poll_seconds = time.monotonic() + timeout_seconds, min(_POLL_SECONDS, timeout_seconds)
            return _heard(process, pipes, deadline, poll_seconds, stop)
        except BaseException:
            _end_group(process, pipes)
            raise
        finally:
            pipes.close(process)


def exec_again(environ: Mapping[str, str], keeps: Sequence[int]) -> NoReturn:
    """Replace this process by a new one that runs the same command: the engine leaves threads and files behind.

    Args:
        environ: what is added to the environment.
        keeps: file descriptors that stay open.
    """
    for descriptor in keeps:
        fcntl.fcntl(descriptor, fcntl.F_SETFD, 0)
    sys.stdout.flush()
    sys.stderr.flush()
    for descriptor in [int(entry.name) for entry in Path("/dev/fd").iterdir()]:
        if descriptor > 2 and descriptor not in keeps:
            # The one that listed them is closed already.
            with suppress(OSError):
                os.close(descriptor)
    # Not with what lies in the working directory.
    program = [sys.executable, "-P", "-m", "ccusage_import", *sys.argv[1:]]
    os.execve(sys.executable, program, {**os.environ, **environ})  # noqa: S606 - a shell is what it must not be


@contextmanager
def _guarded() -> Iterator[Callable[[int], None]]:
    """Yield what names a process group that ends with this process, also when nothing of it can run any more."""
    guard = subprocess.Popen(  # noqa: S603 - text of ours
        ("/bin/sh", "-c", _GUARD),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        env={},
        cwd="/",
        start_new_session=True,
    )
    with guard:
        try:
            yield partial(_send, guard)
        finally:
            _send(guard, "")


def _send(guard: subprocess.Popen[bytes], line: int | str) -> None:
    if guard.stdin is not None:
        with suppress(BrokenPipeError):
            guard.stdin.write(f"{line}\n".encode())


def _heard(
    process: subprocess.Popen[bytes], pipes: _Pipes, deadline: float, poll_seconds: float, stop: Stop
) -> Finished:
    """Return what a program printed; what it leaves behind may hold its pipes open for a moment only."""
    left_until = math.inf
    while not pipes.listen(process, poll_seconds):
        _check(stop, deadline)
        if process.poll() is not None:
            left_until = min(left_until, time.monotonic() + _GRACE_SECONDS)
        if time.monotonic() >= left_until:
            _end_group(process, pipes)
            break
    return pipes.finished(process)


def _check(stop: Stop, deadline: float = math.inf) -> None:
    if stop.requested:
        raise CancelledError
    if time.monotonic() >= deadline:
        raise TimeoutError


def _end_group(process: subprocess.Popen[bytes], pipes: _Pipes) -> None:
    """End a process group; the pipes are read meanwhile, because a full one keeps a program from ending."""
    deadline = time.monotonic() + _GRACE_SECONDS
    alive = _signal_group(process.pid, signal.SIGTERM)
    while alive and time.monotonic() < deadline:
        pipes.listen(process, 0.02)
        process.poll()
        time.sleep(0.01)
        alive = _signal_group(process.pid, 0)
    _signal_group(process.pid, signal.SIGKILL)
    # Somebody in another group may hold a pipe.
    pipes.listen(process, _GRACE_SECONDS)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_SECONDS)


def _signal_group(group: int, number: int) -> bool:
    """Return whether anybody was left to signal; macOS answers EPERM when only zombies are."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
