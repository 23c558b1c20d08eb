"""The console of stdout."""

from __future__ import annotations

import errno
import os

from rich.console import Console


class StdoutConsole(Console):
    """A console whose reader may go away: that ends what is printed, and is no failure of what was done."""

    def on_broken_pipe(self) -> None:
        """Raise what a write to a pipe without a reader raises; rich would end the process like a bug.

        Raises:
            BrokenPipeError: always.
        """
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
