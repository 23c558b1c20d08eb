"""Hears which transcripts change: the home of watchfiles. What is not heard is found by looking."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from watchfiles import watch

from ccusage_import.live.ending import Ending

# So often whoever waits gets a turn although nothing changed.
TURN_SECONDS = 1.0
# What changes within a step of another change is told with it, and no change waits for longer than this.
STEP_MS, LONGEST_MS = 10, 20
_ENDED_SECONDS = 0.05


class Listener:
    """Waits for changes below some directories; `polls` says that it hears nothing, and whoever waits must look."""

    def __init__(self, directories: Sequence[Path], ending: Ending, *, polls: bool) -> None:
        self._ending = ending
        self.polls = polls
        self.reason = ""
        self.turns = 0
        self._changes = None if polls or not directories else self._heard(directories)

    def wait(self) -> set[str]:
        """Return the paths that changed, after a turn at the latest; nothing where there was no change."""
        self.turns += 1
        if self._changes is not None:
            try:
                return next(self._changes, set())
            except FileNotFoundError:
                # A directory went away: whoever waits sees that too, and makes another listener.
                self._changes = None
            except (OSError, RuntimeError) as error:
                # The library's own error is a RuntimeError, and private.
                self.polls, self.reason, self._changes = True, str(error), None
        self._sleep()
        return set()

    def close(self) -> None:
        """Hear nothing any more."""
        self._changes = None

    def _heard(self, directories: Sequence[Path]) -> Iterator[set[str]]:
        changes = watch(
            *directories,
            watch_filter=None,
            debounce=LONGEST_MS,
            step=STEP_MS,
            stop_event=self._ending,
            rust_timeout=round(1000 * TURN_SECONDS),
            yield_on_timeout=True,
            force_polling=False,
            ignore_permission_denied=True,
        )
        for some in changes:
            yield {path for _, path in some}

    def _sleep(self) -> None:
        until = time.monotonic() + TURN_SECONDS
        while not self._ending.is_wanted and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _ENDED_SECONDS))
