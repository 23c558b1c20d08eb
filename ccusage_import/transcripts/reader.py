"""The transcripts of the data directories: what is new in them since they were read last."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, Protocol

from ccusage_import.transcripts import walk
from ccusage_import.transcripts.cursor import FileState, Stretch
from ccusage_import.transcripts.facts import Facts, number
from ccusage_import.transcripts.messages import Source
from ccusage_import.transcripts.naming import Names
from ccusage_import.transcripts.transcript import Transcript

# A file is the one that was read, and has grown, if its first bytes and those before the last position are the same.
EDGE_BYTES = 1024
# A line that is longer is counted, not read.
LONGEST_LINE = 256 * 1024 * 1024
# How far the reading is is told after so many bytes.
TOLD_BYTES = 4 * 1024 * 1024
# Facts are handed on after so many messages and calls, which bounds the memory that a first reading takes.
FACTS_AT_ONCE = 40_000
# Places of files are this far apart, so that new files find room between two others.
FILE_DISTANCE = 2**24
# How ccusage calls the project of a transcript that lies in no folder of a project.
UNKNOWN_PROJECT = "Unknown Project"


class ReadProgress(Protocol):
    """Told how far a reading is."""

    def read(self, done: int, total: int) -> None:
        """So many bytes of the unread ones are read."""


class Unseen:
    """Shows no progress."""

    def read(self, done: int, total: int) -> None: ...


@dataclass(slots=True)
class Batch:
    """Facts that were read together, and how far that brought each file."""

    facts: Facts = field(default_factory=Facts)
    files: list[FileState] = field(default_factory=list)
    stretches: list[Stretch] = field(default_factory=list)
    unreadable: Counter[str] = field(default_factory=Counter)
    bytes_read: int = 0

    @property
    def is_full(self) -> bool:
        """Whether it is time to hand it on."""
        return len(self.facts.messages) + len(self.facts.tool_calls) >= FACTS_AT_ONCE

    def add(self, later: Batch) -> None:
        """Add what was read after it."""
        self.facts.add_all(later.facts)
        self.files += later.files
        self.stretches += later.stretches
        self.unreadable += later.unreadable
        self.bytes_read += later.bytes_read


@dataclass(frozen=True, slots=True)
class Found:
    """One transcript that is there, and what is unread of it."""

    path: str
    pseudonym: str
    root: str
    place: int
    inode: int
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Listing:
    """What there is to read."""

    files: Sequence[Found]
    changed: Sequence[Found]
    unreadable: Counter[str] = field(default_factory=Counter)


def list_transcripts(roots: Sequence[Path], known: Mapping[str, FileState], names: Names) -> Listing:
    """Return all transcripts in the order in which ccusage meets them, and those that changed since."""
    unreadable = Counter[str]()
    named = [(str(root), _named_from(str(root))) for root in roots]
    entries = [(path, above, status) for root, above in named for path, status in walk(root, unreadable)]
    entries.sort(key=lambda entry: entry[0])
    pseudonyms = [names.always("path", path) for path, _, _ in entries]
    places = _places([known[name].place if name in known else None for name in pseudonyms])
    files = [
        Found(path, name, root, place, status.st_ino, status.st_size, status.st_mtime_ns)
        for (path, root, status), name, place in zip(entries, pseudonyms, places, strict=True)
    ]
    return Listing(files, [file for file in files if not is_unchanged(file, known.get(file.pseudonym))], unreadable)


def read_transcripts(
    listing: Listing, known: Mapping[str, FileState], names: Names, progress: ReadProgress
) -> Iterator[Batch]:
    """Read what is new in the changed files, a batch at a time; an appended file is read on from where it ended."""
    batch = Batch()
    states = [known.get(file.pseudonym) for file in listing.changed]
    total = unread_bytes(listing, known)
    done = 0

    def tell(length: int) -> None:
        nonlocal done
        done += length
        batch.bytes_read += length
        progress.read(min(done, total), total)

    for file, state in zip(listing.changed, states, strict=True):
        _read_file(file, state, names, batch, tell)
        if batch.is_full:
            yield batch
            batch = Batch()
    yield batch


def batches_of(parts: Iterable[Batch]) -> Iterator[Batch]:
    """Put small batches together."""
    batch = Batch()
    for part in parts:
        batch.add(part)
        if batch.is_full:
            yield batch
            batch = Batch()
    yield batch


def unread_bytes(listing: Listing, known: Mapping[str, FileState]) -> int:
    """Return how much of the changed files is not read yet."""
    states = ((file, known.get(file.pseudonym)) for file in listing.changed)
    return sum(
        file.size - (state.position if state and state.inode == file.inode and state.position <= file.size else 0)
        for file, state in states
    )


def _named_from(root: str) -> str:
    """Return the folder below which ccusage looks for names: the first `projects` on the way to the transcripts."""
    before, projects, _ = f"{root}/".partition("/projects/")
    return before + projects.rstrip("/") if projects else root


def session_of(path: str, root: str) -> tuple[str, str]:
    """Return project and session of a transcript as ccusage names them, by the way from `root` to it."""
    parts = path[len(root) :].strip("/").split("/")
    stem = parts[-1].removesuffix(".jsonl")
    if len(parts) == 1:
        return UNKNOWN_PROJECT, parts[0]
    if len(parts) == 2:
        return parts[0], stem
    if parts[-2] == "subagents":
        return "/".join(parts[:-3]) or UNKNOWN_PROJECT, parts[-3]
    return "/".join(parts[:-2]), parts[-2]


def _places(known: Sequence[int | None]) -> list[int]:
    """Return the order of files as numbers: those of known files stay, new ones get numbers between."""
    places: list[int] = []
    last, index = 0, 0
    for is_new, run in groupby(known, key=lambda place: place is None):
        files = list(run)
        index += len(files)
        if is_new:
            following = known[index] if index < len(known) else None
            room = FILE_DISTANCE * (len(files) + 1) if following is None else max(0, following - last)
            places += [last + max(1, room * number // (len(files) + 1)) for number in range(1, len(files) + 1)]
        else:
            places += [place for place in files if place is not None]
        last = places[-1]
    return places


def is_unchanged(file: Found, state: FileState | None) -> bool:
    """Return whether a file is as it was when it was read last."""
    now = (file.inode, file.size, file.mtime_ns)
    return state is not None and now == (state.inode, state.size, state.mtime_ns)


def _read_file(file: Found, state: FileState | None, names: Names, batch: Batch, tell: Callable[[int], None]) -> None:
    project, session = session_of(file.path, file.root)
    stem = file.path.rpartition("/")[2].removesuffix(".jsonl")
    source = Source(
        session=session,
        session_id=names.of_report(session),
        project=names.of_report(project),
        file=file.place,
        agent_id=number(stem.removeprefix("agent-")) if stem.startswith("agent-") else 0,
    )
    try:
        with open(file.path, "rb") as stream:  # noqa: PTH123 - thousands of files: a Path each costs more than opening
            status = os.fstat(stream.fileno())
            goes_on = state is not None and _goes_on(state, status, stream)
            transcript = Transcript(
                source, names, batch.facts, *((state.turn, state.mode) if state and goes_on else ())
            )
            begin = state.position if state and goes_on else 0
            stream.seek(begin)
            end = _read_lines(stream, begin, transcript, batch.facts, tell)
            # What was changed while it was read, not only at its end perhaps, is read again from its beginning.
            edges = _edges(stream, end) if _is_same(status, os.fstat(stream.fileno())) else b""
    except OSError:
        batch.unreadable["file"] += 1
        return
    transcript.finish()
    batch.stretches.append(Stretch(file.pseudonym, begin, frozenset(transcript.numbers)))
    batch.files.append(
        FileState(
            file.pseudonym, status.st_ino, status.st_size, status.st_mtime_ns, end, edges, file.place,
            transcript.turn, transcript.mode,
        )
    )  # fmt: skip


def _is_same(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)


def _goes_on(state: FileState, status: os.stat_result, stream: BinaryIO) -> bool:
    """Return whether a file is the one that was read, with more at its end."""
    is_long_enough = state.inode == status.st_ino and status.st_size >= state.position
    return is_long_enough and _edges(stream, state.position) == state.edges


def _edges(stream: BinaryIO, end: int) -> bytes:
    """Return what distinguishes the bytes before a position from others: a digest of the first and the last ones."""
    stream.seek(0)
    digest = blake2b(stream.read(min(end, EDGE_BYTES)), digest_size=16)
    stream.seek(max(0, end - EDGE_BYTES))
    digest.update(stream.read(min(end, EDGE_BYTES)))
    return digest.digest()


def _read_lines(stream: BinaryIO, begin: int, transcript: Transcript, facts: Facts, tell: Callable[[int], None]) -> int:
    """Read to the end, and tell now and then how much; return the position behind the last whole line.

    A last line without its end is read where it is whole, and again when it has its end: somebody may be writing it.
    """
    position = told = begin
    while line := stream.readline(LONGEST_LINE):
        length = len(line)
        is_ended = line.endswith(b"\n")
        if not is_ended and length == LONGEST_LINE:
            facts.bad_lines["huge"] += 1
            while (rest := stream.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                length += len(rest)
            length += len(rest)
        elif is_ended:
            transcript.read(line, position)
        else:
            bad = Counter(facts.bad_lines)
            if not transcript.read(line, position):
                facts.bad_lines = bad
                facts.bad_lines["half"] += 1
            tell(position + length - told)
            return position
        position += length
        if position - told >= TOLD_BYTES:
            tell(position - told)
            told = position
    tell(position - told)
    return position
