"""System calls that the kernel refuses to a program, as it would on another file system or a moment later."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

import pytest

NUMBERS = {"x86_64": {"flock": 73, "listen": 50}, "aarch64": {"flock": 32, "listen": 201}}
needs_refusals = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in NUMBERS, reason="needs a kernel that refuses on demand"
)
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2
_REFUSE, _ALLOW = 0x00050000, 0x7FFF0000


def refusing(call: str, error: str) -> tuple[str, ...]:
    """Return the words before a command that let one system call of it fail with an error, such as `ENOLCK`."""
    return (sys.executable, "-m", "tests.support.refusals", call, error)


def _refuse(number: int, error: int) -> None:
    load, jump_if_equal, answer = 0x20, 0x15, 0x06
    steps = [(load, 0, 0, 0), (jump_if_equal, 0, 1, number), (answer, 0, 0, _REFUSE | error), (answer, 0, 0, _ALLOW)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    described = ctypes.create_string_buffer(struct.pack("HP", len(steps), ctypes.addressof(program)))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((_NO_NEW_PRIVILEGES, 1, 0), (_SECCOMP, _FILTER, described)):
        if libc.prctl(*arguments, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    _refuse(NUMBERS[platform.machine()][sys.argv[1]], getattr(errno, sys.argv[2]))
    os.execvp(sys.argv[3], sys.argv[3:])
