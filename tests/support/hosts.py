"""Hosts of other names for the program, while that of this machine keeps its own."""

from __future__ import annotations

import os
import shlex
import sys

import pytest

needs_hosts = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root on Linux can rename a host apart"
)


def on_host(name: str) -> tuple[str, ...]:
    """Return what goes before a command, so that it finds itself on a host of this name."""
    renaming = f'hostname {shlex.quote(name)} && [ "$(hostname)" = {shlex.quote(name)} ] && exec "$@"'
    return ("unshare", "--uts", "sh", "-c", renaming, "sh")
