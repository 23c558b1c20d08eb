"""Files that appear whole or not at all, and locks that wait and name their holder."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import BinaryIO

from ccusage_import.exceptions import ConfigurationError, WarehouseError, WarehouseLockedError

POLL_SECONDS = 0.1
# How long whoever lends a lock may take to finish what it does.
LENT_WITHIN_SECONDS = 15.0
LENDS = ", which lends it"
ENDS_HINT = "try again when it has finished, or raise lock_wait_seconds"
_NAME_BYTES = 8
_END_OF_TEMPORARY = re.compile(rf"[0-9a-f]{{{2 * _NAME_BYTES}}}\.tmp")
_OWNER_ALONE, _OWNER_ENTERS = 0o600, 0o700
# How a lock names a holder that keeps it for long; empty for one that soon ends.
_LASTING_HOLDER: ContextVar[str] = ContextVar("lasting holder", default="")
_WHILE_WAITING: ContextVar[Callable[[], None] | None] = ContextVar("while waiting", default=None)


def reason_of(error: OSError | ValueError) -> str:
    """Return why a file cannot be read, without the number of the error and the name of the file."""
    if isinstance(error, UnicodeError):
        return "is not UTF-8"
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def reading_hint_of(error: OSError | ValueError) -> str:
    """Return what to do where a file that a user wrote cannot be read."""
    if isinstance(error, IsADirectoryError):
        return "name a file"
    if isinstance(error, UnicodeError):
        return "save it in UTF-8"
    return "make it readable" if isinstance(error, OSError) else "correct the file; texts stand in quotes"


def hint_of(error: OSError) -> str:
    """Return what to do where a file could not be written."""
    if error.errno == errno.EINVAL:
        return "name a file"
    if error.errno == errno.ENOSPC:
        return "free some space on its disk"
    home = os.environ.get("HOME")
    if home and error.filename and Path(error.filename) in (Path(home), *Path(home).parents):
        return "let HOME name a directory that can be written"
    return "make its directory writable"


def make_private_directory(directory: Path) -> None:
    """Make a directory and whatever is missing above it, with mode 0700; one that is there stays as it is.

    Raises:
        OSError: it cannot be made.
    """
    missing = [parent for parent in directory.parents if not parent.exists()]
    for place in (*reversed(missing), directory):
        place.mkdir(mode=_OWNER_ENTERS, exist_ok=True)


def existing_place(path: Path) -> Path:
    """Return a path, or where it is not there the nearest place above it that is."""
    return next(place for place in (path, *path.parents) if place.exists())


def can_be_written(directory: Path) -> bool:
    """Return whether files can be made in a directory, or in the one in which it would be made."""
    return os.access(existing_place(directory), os.W_OK | os.X_OK)


def replace_file(file: Path, data: bytes, *, mode: int = _OWNER_ALONE, durable: bool = True) -> None:
    """Replace `file` by one that holds `data`, as `replacing` does.

    Args:
        file: what to replace; a link at its place is replaced, not followed.
        data: all of its contents.
        mode: who may do what with it, whatever the umask is.
        durable: whether it must survive that the machine loses power the moment after.

    Raises:
        OSError: the directory cannot be written.
    """
    with replacing(file, mode=mode, durable=durable) as stream:
        stream.write(data)


@contextmanager
def replacing(file: Path, *, mode: int = _OWNER_ALONE, durable: bool = True) -> Iterator[BinaryIO]:
    """Open a file that replaces `file` when the block ends without an error: it appears whole or not at all.

    It is written beside the target under a name that nobody can know before. What a killed process left of an earlier
    try is removed first; a lock distinguishes it from what another process is writing.

    Raises:
        OSError: the directory cannot be written, or a device or a pipe is there.
    """
    if file.exists() and not (file.is_file() or file.is_dir()):
        raise OSError(errno.EINVAL, "is a device or a pipe, which stays", str(file))
    with suppress(OSError):
        for left in _temporaries(file):
            _remove_unless_held(left)
    temporary, descriptor = _begin(file)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            if mode != _OWNER_ALONE:
                os.fchmod(descriptor, mode)
            if durable:
                os.fsync(descriptor)
            temporary.replace(file)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        sync_directory(file.parent)


def write_private_file(file: Path, text: str, *, durable: bool = True) -> None:
    """Replace `file` by one that only its owner can read; its directory is made where it is missing.

    Args:
        file: what to replace.
        text: all of its contents.
        durable: whether it must survive that the machine loses power the moment after.

    Raises:
        ConfigurationError: the directory cannot be written.
    """
    try:
        make_private_directory(file.parent)
        replace_file(file, text.encode(), durable=durable)
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}", hint=hint_of(error)) from None


def sync_directory(directory: Path) -> None:
    """Make the names in a directory survive that the machine loses power.

    Raises:
        OSError: it cannot be read.
    """
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _temporaries(file: Path) -> Iterator[Path]:
    begin = f".{file.name}."
    return (
        path
        for path in file.parent.iterdir()
        if path.name.startswith(begin) and _END_OF_TEMPORARY.fullmatch(path.name, len(begin))
    )


def _remove_unless_held(left: Path) -> None:
    """Remove a temporary file that no process is writing; one that cannot be removed harms nobody."""
    with suppress(OSError):
        descriptor = os.open(left, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()
        finally:
            os.close(descriptor)


def _begin(file: Path) -> tuple[Path, int]:
    """Return a new temporary file, locked and open for writing."""
    while True:
        temporary = file.with_name(f".{file.name}.{secrets.token_hex(_NAME_BYTES)}.tmp")
        descriptor = os.open(
            temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _OWNER_ALONE
        )
        with suppress(OSError):  # not every file system knows locks; its leftovers stay
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Another process may have taken it for a leftover in the moment before it was locked.
        if os.fstat(descriptor).st_nlink:
            return temporary, descriptor
        os.close(descriptor)


@contextmanager
def lasting_holder(name: str, while_waiting: Callable[[], None]) -> Iterator[None]:
    """Let locks that are taken inside a `with` block say who holds them: a command that does not end by itself.

    While it waits for one itself, `while_waiting` is called many times a second.
    """
    token, waiting = _LASTING_HOLDER.set(f"{name}, "), _WHILE_WAITING.set(while_waiting)
    try:
        yield
    finally:
        _LASTING_HOLDER.reset(token)
        _WHILE_WAITING.reset(waiting)


@contextmanager
def file_lock(file: Path, purpose: str, wait_seconds: float, *, lends: bool = False) -> Iterator[bool]:
    """Hold an exclusive lock on `file`; the kernel releases it when this process ends, however it ends.

    The file is never unlinked, so that two processes cannot lock two files. Whoever waits for it says so by a lock on a
    second file.

    Args:
        file: what is locked.
        purpose: what it stands for, in an error.
        wait_seconds: how long to wait for another process.
        lends: this process watches `is_wanted` and lets others in, so they wait for it though they would for nobody.

    Yields:
        Whether this process was also the last one that held it.

    Raises:
        WarehouseLockedError: another process held the lock for all of `wait_seconds`.
        WarehouseError: the file cannot be made, or its file system knows no locks.
    """
    try:
        make_private_directory(file.parent)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise WarehouseError(f"lock file {file}: {error.strerror}", hint=hint_of(error)) from None
    try:
        _acquire(descriptor, file, purpose, wait_seconds, asks=not lends)
        yield _name_holder(descriptor, file, LENDS if lends else "")
    finally:
        os.close(descriptor)


def is_locked(file: Path) -> bool:
    """Return whether a process holds a lock on `file`, shared or not; where that cannot be told, nobody does."""
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _try_to_lock(descriptor)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def is_wanted(file: Path) -> bool:
    """Return whether another process waits for the lock on `file`."""
    return is_locked(_wanted_file(file))


def _wanted_file(file: Path) -> Path:
    """Return the file whose lock says that somebody waits for the lock on `file`."""
    return file.with_name(f"{file.name}.wanted")


@contextmanager
def _wanting(file: Path) -> Iterator[None]:
    """Show others that this process waits for the lock on `file`; where that is not possible, it only waits."""
    try:
        descriptor = os.open(_wanted_file(file), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        yield
        return
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _name_holder(descriptor: int, file: Path, lends: str) -> bool:
    """Write down who holds the lock, and return whether that was said of this process before."""
    process = f"{_LASTING_HOLDER.get()}process {os.getpid()} since "
    try:
        before = _holder(descriptor)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{process}{time.strftime('%Y-%m-%d %H:%M:%S %z')}{lends}".encode(), 0)
    except OSError as error:
        raise WarehouseError(f"lock file {file}: {error.strerror}", hint="free some space on its disk") from None
    return before.startswith(process)


def _holder(descriptor: int) -> str:
    return os.pread(descriptor, 200, 0).decode("utf-8", "replace")


def _acquire(descriptor: int, file: Path, purpose: str, wait_seconds: float, *, asks: bool) -> None:
    try:
        if _try_to_lock(descriptor):
            return
    except OSError as error:
        hint = "keep it on a file system that has locks, such as a local disk"
        raise WarehouseError(f"lock file {file}: {error.strerror}", hint=hint) from None
    begun = time.monotonic()
    with _wanting(file) if asks else nullcontext():
        while not _try_to_lock(descriptor):
            holder = _holder(descriptor) or "another process"
            least = LENT_WITHIN_SECONDS if asks and holder.endswith(LENDS) else 0
            if time.monotonic() >= begun + max(wait_seconds, least):
                raise WarehouseLockedError(
                    f"{purpose} is in use by {holder} (lock {file})",
                    hint=ENDS_HINT if holder.startswith(("process ", "another ")) else "end it first",
                )
            if waits := _WHILE_WAITING.get():
                waits()
            time.sleep(POLL_SECONDS)


def _try_to_lock(descriptor: int) -> bool:
    """Lock an open file; return whether that was possible at once."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
