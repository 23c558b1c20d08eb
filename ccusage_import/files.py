"""Files that appear whole or not at all, and locks that wait and name their holder."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ccusage_import.exceptions import ConfigurationError, WarehouseError, WarehouseLockedError

POLL_SECONDS = 0.1


def write_private_file(file: Path, text: str) -> None:
    """Replace `file` by one with mode 0600, atomically.

    Raises:
        ConfigurationError: the directory cannot be written.
    """
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(descriptor)
        temporary.replace(file)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise ConfigurationError(f"{file}: {error.strerror}", hint="make the directory writable") from None


@contextmanager
def file_lock(file: Path, purpose: str, wait_seconds: float) -> Iterator[None]:
    """Hold an exclusive lock on `file`; the kernel releases it when this process ends, however it ends.

    The file is never unlinked, so that two processes cannot lock two files.

    Raises:
        WarehouseLockedError: another process held the lock for all of `wait_seconds`.
        WarehouseError: the file cannot be made.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise WarehouseError(f"lock file {file}: {error.strerror}", hint="make its directory writable") from None
    try:
        _acquire(descriptor, file, purpose, wait_seconds)
        _name_holder(descriptor, file)
        yield
    finally:
        os.close(descriptor)


def _name_holder(descriptor: int, file: Path) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} since {time.strftime('%Y-%m-%d %H:%M:%S %z')}".encode(), 0)
    except OSError as error:
        raise WarehouseError(f"lock file {file}: {error.strerror}", hint="free some space on its disk") from None


def _acquire(descriptor: int, file: Path, purpose: str, wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                holder = os.pread(descriptor, 200, 0).decode("utf-8", "replace") or "another process"
                raise WarehouseLockedError(
                    f"{purpose} is in use by {holder} (lock {file})",
                    hint="try again when it has finished, or raise lock_wait_seconds",
                ) from None
            time.sleep(POLL_SECONDS)
        else:
            return
