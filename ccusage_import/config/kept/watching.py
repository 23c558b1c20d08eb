"""What a running `watch` writes down about itself, for whoever asks how it is going."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from ccusage_import.config.directories import Directories
from ccusage_import.config.settings import Configuration
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.files import hint_of, is_locked, make_private_directory, replace_file

Phase = Literal["watching", "importing", "facts wait", "lent", "ended"]


@dataclass(frozen=True, slots=True)
class WatchState:
    """What it last said; instants are UTC.

    `behind_seconds` is for how long a change waits that is not stored yet, `is_running` whether the process that said
    so still runs, whatever it said.
    """

    process: int
    warehouse: str
    phase: Phase
    started_at: datetime
    written_at: datetime
    last_stored_at: datetime | None = None
    files: int = 0
    polls: bool = False
    behind_seconds: float = 0.0
    is_running: bool = False


_STATE = TypeAdapter(WatchState)


def state_file(directories: Directories) -> Path:
    """Return the file that holds it."""
    return directories.state / "watch.json"


@contextmanager
def seen_to_run(directories: Directories, kept: int | None) -> Iterator[int]:
    """Let others see that a watch runs inside a `with` block, until this process ends, however it ends.

    Yields:
        The file descriptor by which it is seen: whoever keeps it, `kept` where that was an earlier life of this
        process, is seen to run still.

    Raises:
        ConfigurationError: the state directory cannot be written.
    """
    file = _lock_file(directories)
    try:
        make_private_directory(file.parent)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600) if kept is None else kept
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - as the library wants it
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}", hint=hint_of(error)) from None
    try:
        # Of a server there may be two that watch; where a file system knows no locks, nobody is seen.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield descriptor
    finally:
        os.close(descriptor)


def keep_state(directories: Directories, state: WatchState) -> None:
    """Replace what was written before; where that cannot be, the old one stays, and becomes old."""
    with suppress(OSError):
        replace_file(state_file(directories), _STATE.dump_json(state, exclude={"is_running"}), durable=False)


def last_state(directories: Directories) -> WatchState | None:
    """Return what was written last; None where no watch ever ran here, or the file is damaged."""
    try:
        return _STATE.validate_json(state_file(directories).read_bytes())
    except (OSError, ValidationError):
        return None


def watch_of(configuration: Configuration) -> WatchState | None:
    """Return what the watch of the configured warehouse says, and whether it runs; None where there was none."""
    state = last_state(configuration.directories)
    if state is None or state.warehouse != str(configuration.settings.parsed_warehouse()):
        return None
    return replace(state, is_running=is_locked(_lock_file(configuration.directories)))


def _lock_file(directories: Directories) -> Path:
    return directories.state / "watch.lock"
