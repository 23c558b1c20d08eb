"""How far each transcript was read: a cache beside the warehouse. Losing it costs a reading, nothing else."""

from __future__ import annotations

import errno
import os
import sqlite3
from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from ccusage_import.exceptions import ConfigurationError
from ccusage_import.files import make_private_directory
from ccusage_import.records import Identity
from ccusage_import.rule.ledger import Fall, Ledger, Weighed

# So long another process may take to write a transaction.
BUSY_SECONDS = 5
# A write needs a page or two, and as much for its journal.
LEAST_BYTES = 32_768
_SCHEMA = """
CREATE TABLE IF NOT EXISTS mark (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, inode INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    position INTEGER NOT NULL, edges BLOB NOT NULL, place INTEGER NOT NULL, turn TEXT NOT NULL, mode TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS prompts (
    session TEXT NOT NULL, at INTEGER NOT NULL, turn TEXT NOT NULL, PRIMARY KEY (session, at, turn)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (
    path TEXT NOT NULL, position INTEGER NOT NULL, numbers BLOB NOT NULL, PRIMARY KEY (path, position)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS weighed (
    report TEXT NOT NULL, key TEXT NOT NULL, stored TEXT NOT NULL, offered TEXT NOT NULL, messages INTEGER NOT NULL,
    "left" INTEGER NOT NULL, tokens_gone TEXT NOT NULL, PRIMARY KEY (report, key)
) WITHOUT ROWID;
"""


class FileState(NamedTuple):
    """How far one file was read.

    Attributes:
        path: its pseudonym.
        inode: of the file that was read.
        size: when it was read last.
        mtime_ns: likewise.
        position: behind the last whole line.
        edges: a digest of the first bytes and of those before that position.
        place: its order among all files.
        turn: of the last prompt.
        mode: the last permission mode.
    """

    path: str
    inode: int
    size: int
    mtime_ns: int
    position: int
    edges: bytes
    place: int
    turn: int
    mode: str


class Stretch(NamedTuple):
    """A part of a file that was read at once: where it begins, and the numbers of the messages in it."""

    path: str
    position: int
    numbers: frozenset[int]


class Cursor:
    """An open cursor."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def mark(self, name: str) -> str:
        """Return what was noted under a name; empty where nothing was."""
        row = self._connection.execute("SELECT value FROM mark WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def has(self, marks: Mapping[str, str]) -> bool:
        """Return whether all of these were noted so."""
        return all(self.mark(name) == value for name, value in marks.items())

    def files(self) -> dict[str, FileState]:
        """Return the state of each file by its pseudonym."""
        rows = self._connection.execute("SELECT * FROM files")
        return {row[0]: FileState._make((*row[:7], int(row[7]), row[8])) for row in rows}

    def prompts(self, sessions: Iterable[str]) -> dict[str, list[tuple[int, int]]]:
        """Return instant and turn of the prompts of some sessions, in order of time."""
        found: dict[str, list[tuple[int, int]]] = {}
        for session in sessions:
            rows = self._connection.execute("SELECT at, turn FROM prompts WHERE session = ? ORDER BY at", (session,))
            found[session] = [(at, int(turn)) for at, turn in rows]
        return found

    def note(self, marks: Mapping[str, str]) -> None:
        """Write down what `mark` and `has` tell."""
        with self._connection:
            self._write_marks(marks)

    def holding(self, wanted: Collection[int]) -> dict[str, set[int]]:
        """Return for each file whose messages are known which of the wanted ones it holds."""
        found = defaultdict[str, set[int]](set)
        wanted = frozenset(wanted)
        for path, numbers in self._connection.execute("SELECT path, numbers FROM messages"):
            found[path] |= wanted.intersection(array("Q", numbers))
        return found

    def weighed(self, falls: Iterable[Fall]) -> dict[Identity, Weighed | None]:
        """Return what was found out of falls that are the same as when they were weighed; None for one not covered."""
        known = {tuple(row[:4]): row[4:] for row in self._connection.execute("SELECT * FROM weighed")}
        found: dict[Identity, Weighed | None] = {}
        for fall in falls:
            if counts := known.get(_named(fall)):
                messages, left, tokens_gone = counts
                is_covered = messages > 0
                found[fall.stored.identity] = Weighed(messages, left, int(tokens_gone)) if is_covered else None
        return found

    def forget_weighed(self, but: Iterable[Fall]) -> None:
        """Forget what was found out about falls other than `but`: a record that falls anew must be weighed anew."""
        kept = set(map(_named, but))
        known = self._connection.execute("SELECT report, key, stored, offered FROM weighed").fetchall()
        gone = [fall[:2] for fall in known if fall not in kept]
        if gone:
            with self._connection:
                self._connection.executemany("DELETE FROM weighed WHERE report = ? AND key = ?", gone)

    def keep_weighed(self, falls: Iterable[Fall], ledger: Ledger) -> None:
        """Write down what was found out about falls, unless all messages are there: those may be lost later."""
        rows = []
        for fall in falls:
            weighed = ledger.get(fall.stored.identity, Weighed(0, 0))
            if weighed.gone or not weighed.messages:
                rows.append((*_named(fall), weighed.messages, weighed.left, str(weighed.tokens_gone)))
        with self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO weighed VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def keep(
        self,
        files: Iterable[FileState],
        prompts: Iterable[tuple[str, int, int]],
        stretches: Sequence[Stretch] = (),
        marks: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Write down how far files were read, and what `mark` tells, at once."""
        with self._connection:
            self._write_marks(marks)
            # Numbers of 64 bits without a sign do not fit into an INTEGER.
            self._connection.executemany(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                ((*state[:7], str(state.turn), state.mode) for state in files),
            )
            self._connection.executemany(
                "INSERT OR IGNORE INTO prompts VALUES (?, ?, ?)",
                ((session, at, str(turn)) for session, at, turn in prompts),
            )
            # What follows in a file is read anew with it.
            self._connection.executemany(
                "DELETE FROM messages WHERE path = ? AND position >= ?", (stretch[:2] for stretch in stretches)
            )
            self._connection.executemany(
                "INSERT INTO messages VALUES (?, ?, ?)",
                ((path, position, array("Q", numbers).tobytes()) for path, position, numbers in stretches),
            )

    def forget(self) -> None:
        """Forget everything: what the warehouse holds is not what was read."""
        with self._connection:
            for table in ("mark", "files", "prompts", "messages", "weighed"):
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours

    def _write_marks(self, marks: Mapping[str, str]) -> None:
        self._connection.executemany("INSERT OR REPLACE INTO mark VALUES (?, ?)", marks.items())


def look_into_cursor(file: Path, marks: Mapping[str, str]) -> dict[str, FileState]:
    """Return how far each file was read, and change nothing; nothing where the cursor is damaged or of other marks."""
    try:
        with closing(
            sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)
        ) as connection:
            cursor = Cursor(connection)
            return cursor.files() if cursor.has(marks) else {}
    except sqlite3.Error:
        return {}


def look_whether_usable(file: Path) -> None:
    """Change nothing, and see whether a cursor can lie here.

    Raises:
        ConfigurationError: a directory lies in its place, or its own directory cannot be written or is full.
    """
    if file.is_dir():
        raise _unusable(file, IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)))
    if not file.parent.exists():
        return
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise _unusable(file, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    disk = os.statvfs(file.parent)
    # Some file systems know no size.
    if disk.f_blocks and disk.f_bavail * disk.f_frsize < LEAST_BYTES:
        raise _unusable(file, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))


def _named(fall: Fall) -> tuple[str, str, str, str]:
    """Return what names a fall; tokens as text, since not all numbers of them fit into an INTEGER."""
    return (fall.stored.report, fall.stored.key, str(fall.stored.total_tokens), str(fall.offered_tokens))


@contextmanager
def open_cursor(file: Path, *, is_lasting: bool = False) -> Iterator[Cursor]:
    """Open the cursor; a file that cannot be one is replaced.

    Args:
        file: where it lies.
        is_lasting: it is kept open, and written to again and again: what is written last is not waited for to reach
            the disk. Whoever is killed loses nothing of it, and where the power fails the last of it is read again.

    Raises:
        ConfigurationError: it cannot be written.
    """
    try:
        make_private_directory(file.parent)
        try:
            connection = _connect(file)
        except sqlite3.DatabaseError:
            for end in ("", "-journal", "-wal", "-shm"):
                file.with_name(f"{file.name}{end}").unlink(missing_ok=True)
            connection = _connect(file)
        with closing(connection):
            if is_lasting:
                # Where the file system cannot have a log, or another process writes just now, it stays as it is.
                with suppress(sqlite3.OperationalError):
                    connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
            yield Cursor(connection)
            if is_lasting:
                _end_log(connection)
    except (OSError, sqlite3.Error) as error:
        raise _unusable(file, error) from None


@contextmanager
def blank_cursor() -> Iterator[Cursor]:
    """Open a cursor that knows nothing and is not kept, to look through all transcripts."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(_SCHEMA)
        yield Cursor(connection)


@contextmanager
def using_cursor(file: Path) -> Iterator[None]:
    """Use a cursor that was opened elsewhere inside a `with` block.

    Raises:
        ConfigurationError: it cannot be read or written.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _unusable(file, error) from None


def _unusable(file: Path, error: OSError | sqlite3.Error) -> ConfigurationError:
    if isinstance(error, OSError):
        why, is_full = str(error.strerror), error.errno == errno.ENOSPC
    else:
        why, is_full = str(error), getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL
    if file.is_dir():
        hint = "move the directory away"
    elif is_full:
        hint = "free some space on its disk"
    else:
        hint = "make the directory writable; the file may be deleted"
    return ConfigurationError(f"{file}: {why}", hint=hint)


def _end_log(connection: sqlite3.Connection) -> None:
    """Move what was logged into the file: a log that a killed process left would outlive an older copy of the file.

    Not where another process has the cursor open: it goes on with the log, and so does this one.
    """
    connection.execute("PRAGMA busy_timeout = 0")
    with suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute(f"PRAGMA busy_timeout = {1000 * BUSY_SECONDS}")


def _connect(file: Path) -> sqlite3.Connection:
    # Its owner's alone; the files that SQLite makes beside it have the mode of this one.
    file.touch(0o600)
    connection = sqlite3.connect(file, timeout=BUSY_SECONDS)
    try:
        _end_log(connection)
        connection.executescript(_SCHEMA)
        connection.execute("SELECT * FROM files, prompts, messages, weighed LIMIT 1")
        if connection.execute("SELECT 1 FROM files WHERE path NOT IN (SELECT path FROM messages)").fetchone():
            raise sqlite3.DatabaseError("of an older release")
        if connection.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("damaged")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
