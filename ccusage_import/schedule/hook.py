"""What the hook in Claude Code's settings runs: an import in the background, at most one a minute, without a word.

Claude Code waits for it at every answer, so it imports next to nothing and is gone at once. What was used within the
minute is not lost: one process waits for the end of it, and imports then.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

LEAST_SECONDS = 60.0
_INSTANT_BYTES = 40


def main(options: Sequence[str]) -> None:
    """Start `import --quiet` with these options, and do not wait for it. No failure is one of Claude Code's."""
    with suppress(OSError):
        if os.fork() == 0:
            try:
                _import_when_due(options)
            finally:
                os._exit(1)


def _import_when_due(options: Sequence[str]) -> None:
    # Nobody waits for this process: here it may take its time.
    from ccusage_import.config.directories import Directories
    from ccusage_import.files import make_private_directory

    os.setsid()
    # Whoever reads the pipes of the hook would wait until the import ends.
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.chdir("/")
    state = Directories.of_platform().state
    make_private_directory(state)
    lock = os.open(state / "hook.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    # Who holds it waits for the minute to end, and imports what is new until then.
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    time.sleep(_seconds_to_wait(os.pread(lock, _INSTANT_BYTES, 0), time.time()))
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(time.time()).encode(), 0)
    os.close(lock)
    # Not with what lies in the working directory.
    program = [sys.executable, "-P", "-m", "ccusage_import", "import", "--quiet"]
    os.execv(sys.executable, [*program, *options])  # noqa: S606 - a shell is what it must not be


def _seconds_to_wait(last: bytes, now: float) -> float:
    """Return how long the next import waits after the last one began; a clock that was set back delays nothing."""
    with suppress(ValueError):
        since = now - float(last)
        return LEAST_SECONDS - since if 0 <= since < LEAST_SECONDS else 0.0
    return 0.0
