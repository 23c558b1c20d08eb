"""Waits for what other processes do, and tells whether one still runs."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something that must happen; to look for it takes a fifth of the time at most."""
    deadline = time.monotonic() + seconds
    while (begun := time.monotonic()) < deadline:
        if condition():
            return
        time.sleep(max(0.001, 4 * (time.monotonic() - begun)))
    raise AssertionError("waited in vain")


def is_alive(pid: int) -> bool:
    """Return whether a process runs; one that ended and was not reaped by its adopter does not."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return shown.stdout.strip()[:1] not in ("", "Z")
