"""How many files may be open: the engine leaves eight of them whenever it is closed, and tests open it often."""

from __future__ import annotations

import resource

# What macOS allows too.
ENOUGH = 10_240


def allow_open_files() -> None:
    """Allow this process, and those it starts, as many open files as tests need, or as the system lets it."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed < ENOUGH:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, ENOUGH), most))
