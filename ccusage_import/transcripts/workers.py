"""Reads many transcripts on several cores: the same facts, in the same order, as one process reads."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import fields
from itertools import starmap
from multiprocessing.connection import Connection
from operator import attrgetter
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

from ccusage_import.transcripts.cursor import FileState
from ccusage_import.transcripts.facts import Event, Message, ToolCall, Turn
from ccusage_import.transcripts.naming import Names
from ccusage_import.transcripts.reader import (
    Batch,
    Found,
    Listing,
    ReadProgress,
    Unseen,
    batches_of,
    read_transcripts,
    unread_bytes,
)

# Less than this is read before other processes have started.
WORTH_BYTES = 48 * 1024 * 1024
PART_BYTES = 8 * 1024 * 1024
MOST_WORKERS = 4
# So many parts wait for each while the facts of earlier ones are stored.
PARTS_AHEAD = 2
Part = tuple[Sequence[Found], Mapping[str, FileState]]
Row = tuple[Any, ...]
Fact = TypeVar("Fact", Message, ToolCall, Turn, Event)


class Rows(NamedTuple):
    """Facts as they travel: values are several times faster to send than objects."""

    messages: list[Row]
    tool_calls: list[Row]
    turns: list[Row]
    events: list[Row]


class Packed(NamedTuple):
    """What was read of a part: its facts, and all else of the batch."""

    rows: Rows
    batch: Batch
    names: dict[str, str]


def read_on_all_cores(
    listing: Listing,
    known: Mapping[str, FileState],
    names: Names,
    progress: ReadProgress,
    *,
    worth_bytes: int = WORTH_BYTES,
    part_bytes: int = PART_BYTES,
) -> Iterator[Batch]:
    """Read what is new in the changed files as `read_transcripts` does, with other processes where there is much.

    Args:
        listing: what there is.
        known: how far each file was read.
        names: what names become.
        progress: told how far this is.
        worth_bytes: less than this is read here.
        part_bytes: so much is read by one process at a time.
    """
    total = unread_bytes(listing, known)
    workers = min(os.cpu_count() or 1, MOST_WORKERS)
    if total < worth_bytes or workers == 1:
        yield from read_transcripts(listing, known, names, progress)
        return
    parts = list(_parts(listing, known, part_bytes))
    with _reading(parts, names, workers) as batches:
        yield from batches_of(_told(batches, total, progress))


def _parts(listing: Listing, known: Mapping[str, FileState], part_bytes: int) -> Iterator[Part]:
    """Return the changed files in their order, some at a time."""
    files, size = list[Found](), 0
    for file in listing.changed:
        files.append(file)
        size += file.size
        if size >= part_bytes:
            yield files, _states(files, known)
            files, size = [], 0
    if files:
        yield files, _states(files, known)


def _states(files: Sequence[Found], known: Mapping[str, FileState]) -> dict[str, FileState]:
    return {file.pseudonym: known[file.pseudonym] for file in files if file.pseudonym in known}


def _told(batches: Iterator[Batch], total: int, progress: ReadProgress) -> Iterator[Batch]:
    done = 0
    for batch in batches:
        done += batch.bytes_read
        progress.read(min(done, total), total)
        yield batch


@contextmanager
def _reading(parts: Sequence[Part], names: Names, workers: int) -> Iterator[Iterator[Batch]]:
    """Yield what the parts hold, in their order; whatever ends this ends the other processes."""
    free = SimpleQueue[Connection]()
    with ExitStack() as stack:
        processes = [_start(names, free, stack) for _ in range(workers)]
        threads = stack.enter_context(ThreadPoolExecutor(workers))
        stack.callback(threads.shutdown, wait=False, cancel_futures=True)
        # Last, so that it is done first: a thread that waits for an answer hears that there will be none.
        for process in processes:
            stack.callback(process.kill)
        yield _in_order(threads, free, parts, names, workers)


def _in_order(
    threads: ThreadPoolExecutor, free: SimpleQueue[Connection], parts: Sequence[Part], names: Names, workers: int
) -> Iterator[Batch]:
    waiting = deque[tuple[Part, Future[Packed | None]]]()
    rest = iter(parts)
    while True:
        while len(waiting) < PARTS_AHEAD * workers and (part := next(rest, None)):
            waiting.append((part, threads.submit(_ask, free, part)))
        if not waiting:
            return
        part, answer = waiting.popleft()
        packed = answer.result()
        if packed is None:
            yield _read(part, names)
        else:
            names.learn(packed.names)
            yield _unpacked(packed)


def _ask(free: SimpleQueue[Connection], part: Part) -> Packed | None:
    """Return what a part holds; None where the other process ended, as where memory is short."""
    connection = free.get()
    try:
        connection.send(part)
        packed: Packed = connection.recv()
    except (EOFError, OSError):
        return None
    finally:
        free.put(connection)
    return packed


def _start(names: Names, free: SimpleQueue[Connection], stack: ExitStack) -> subprocess.Popen[bytes]:
    """Start a process that reads; it ends when this one closes its end of the socket, or ends itself."""
    ours, theirs = socket.socketpair()
    connection = Connection(ours.detach())
    with theirs:
        process = subprocess.Popen(  # noqa: S603 - this interpreter, a text of ours
            (sys.executable, "-c", f"from {__name__} import work; work({theirs.fileno()})"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            cwd="/",
            env={"PYTHONPATH": str(Path(__file__).parents[2])},
            start_new_session=True,
        )
    stack.enter_context(process)
    stack.enter_context(connection)
    # One that ended at once answers nothing: its parts are read here.
    with suppress(OSError):
        connection.send(names.unlearned())
    free.put(connection)
    return process


def _read(part: Part, names: Names) -> Batch:
    files, known = part
    whole = Batch()
    for batch in read_transcripts(Listing(files, files), known, names, Unseen()):
        whole.add(batch)
    return whole


def _packed(batch: Batch, learned: Names) -> Packed:
    facts = batch.facts
    rows = Rows(
        _rows(Message, facts.messages.values()),
        _rows(ToolCall, facts.tool_calls),
        _rows(Turn, facts.turns),
        _rows(Event, facts.events),
    )
    facts.messages, facts.tool_calls, facts.turns, facts.events = {}, [], [], []
    return Packed(rows, batch, learned.learned())


def _unpacked(packed: Packed) -> Batch:
    facts, rows = packed.batch.facts, packed.rows
    for message in _objects(Message, rows.messages):
        facts.add(message)
    facts.tool_calls = _objects(ToolCall, rows.tool_calls)
    facts.turns = _objects(Turn, rows.turns)
    facts.events = _objects(Event, rows.events)
    return packed.batch


def _rows(kind: type[Any], objects: Iterable[object]) -> list[Row]:
    return list(map(attrgetter(*(field.name for field in fields(kind))), objects))


def _objects(kind: type[Fact], rows: Iterable[Row]) -> list[Fact]:
    return list(starmap(kind, rows))


def work(fd: int) -> None:
    """Read the parts that come over a socket, until it is closed."""
    # Nothing that is read refers to itself: looking for what does takes a fifteenth of the time.
    gc.disable()
    with Connection(fd) as connection, suppress(EOFError, OSError):
        names: Names = connection.recv()
        while True:
            connection.send(_packed(_read(connection.recv(), names), names))
