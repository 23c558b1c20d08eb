"""Disks that are full, mounted by root on Linux, which alone can do that; and how root goes without its rights."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MOUNTS = sys.platform == "linux" and os.geteuid() == 0
# Root enters every directory but for these two rights.
NOT_AS_ROOT = "-dac_override,-dac_read_search"
LIKE_A_USER = () if os.geteuid() else ("setpriv", f"--bounding-set={NOT_AS_ROOT}", f"--inh-caps={NOT_AS_ROOT}")
needs_mounts = pytest.mark.skipif(not MOUNTS, reason="only root on Linux can mount a disk of its own")


@contextmanager
def mounted(directory: Path, size: str = "4m") -> Iterator[None]:
    """Put an empty disk of a size over a directory."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", directory], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", directory], check=True)


@contextmanager
def room_of(directory: Path, room: int) -> Iterator[None]:
    """Leave only so many bytes free on the disk of a directory."""
    disk, ballast = os.statvfs(directory), directory / "ballast"
    ballast.write_bytes(bytes(disk.f_bavail * disk.f_frsize - room))
    try:
        yield
    finally:
        ballast.unlink()
