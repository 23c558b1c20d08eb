"""Run programs so that nothing outlives them, nor us: own process group, time limit, both pipes drained, stoppable."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TypeVar

_GRACE_SECONDS = 2.0
_POLL_SECONDS = 0.1
# Reads a process group and a line that says that it ended; where the line does not come, whoever waited was killed.
_GUARD = 'read group && [ "$group" ] && { read line || kill -s KILL -- "-$group"; }'

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Finished:
    """What a program left behind; a negative exit code is the signal that ended it."""

    exit_code: int
    stdout: bytes
    stderr: bytes


class Stop:
    """Tells worker threads to end. A plain attribute: an interrupted thread may leave a lock locked for ever."""

    requested = False


def in_threads(tasks: Sequence[Callable[[Stop], T]], jobs: int) -> list[T]:
    """Run tasks in worker threads; whatever interrupts the waiting makes all of them stop, and waits until they did.

    Signal handlers run in the main thread only, so none can raise between the start of a program and the moment its
    process id is known.
    """
    stop, gate = Stop(), threading.Semaphore(jobs)
    begun, ended = list[int](), list[int]()
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

    try:
        try:
            for number, task in enumerate(tasks):
                threading.Thread(target=work, args=(number, task)).start()
            while len(ended) < len(tasks) and not errors:
                time.sleep(0.01)
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
        try:
            guard(process.pid)
            return _heard(process, time.monotonic() + timeout_seconds, min(_POLL_SECONDS, timeout_seconds), stop)
        except BaseException:
            _end_group(process)
            raise


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


def _heard(process: subprocess.Popen[bytes], deadline: float, poll_seconds: float, stop: Stop) -> Finished:
    """Return what a program printed; what it leaves behind may hold its pipes open for a moment only."""
    left_until = math.inf
    while (heard := _listen(process, poll_seconds)) is None:
        _check(stop, deadline)
        if process.poll() is not None:
            left_until = min(left_until, time.monotonic() + _GRACE_SECONDS)
        if time.monotonic() >= left_until:
            heard = _end_group(process)
            break
    return Finished(process.returncode, *heard)


def _check(stop: Stop, deadline: float = math.inf) -> None:
    if stop.requested:
        raise CancelledError
    if time.monotonic() >= deadline:
        raise TimeoutError


def _listen(process: subprocess.Popen[bytes], seconds: float) -> tuple[bytes, bytes] | None:
    """Read both pipes and return what they gave when the program ended; until then the process object keeps it."""
    try:
        stdout, stderr = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return None
    return stdout or b"", stderr or b""


def _end_group(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    """End a process group and return what it printed.

    The pipes are read meanwhile, because a full one keeps a program from ending.
    """
    deadline = time.monotonic() + _GRACE_SECONDS
    alive = _signal_group(process.pid, signal.SIGTERM)
    while alive and time.monotonic() < deadline:
        _listen(process, 0.02)
        process.poll()
        time.sleep(0.01)
        alive = _signal_group(process.pid, 0)
    _signal_group(process.pid, signal.SIGKILL)
    heard: tuple[bytes | None, bytes | None]
    try:
        heard = process.communicate(timeout=_GRACE_SECONDS)
    except subprocess.TimeoutExpired as held:
        # Somebody in another group holds a pipe.
        heard = held.output, held.stderr
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    return heard[0] or b"", heard[1] or b""


def _signal_group(group: int, number: int) -> bool:
    """Return whether anybody was left to signal; macOS answers EPERM when only zombies are."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
