"""What is printed: never a traceback because nobody can take it, and never lost in silence."""

from __future__ import annotations

import codecs
import io
import json
import os
import sys
from typing import TYPE_CHECKING, TextIO

from ccusage_import.exceptions import OutputError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STDOUT, STDERR = 1, 2
_ESCAPED = "ccusage_import_escaped"


class _Output(io.FileIO):
    """A standard stream that fails at most once: what comes later is dropped, also at the end of the interpreter."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self._has_failed = False

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return memoryview(data).nbytes if self._has_failed else super().write(data)
        except OSError as error:
            self._has_failed = True
            # Nobody can be told on stderr that stderr takes nothing.
            if self.fileno() == STDERR:
                return memoryview(data).nbytes
            if isinstance(error, BrokenPipeError):
                raise
            raise OutputError(
                f"stdout cannot be written: {error.strerror}",
                hint="what was asked for is done, but what it prints is lost",
            ) from None


def secure_streams() -> None:
    """Replace stdout and stderr by streams that take every character and say when nobody takes what is printed.

    A standard stream that is closed is opened first, or the next file would get its number, and what is printed.
    """
    codecs.register_error(_ESCAPED, _escape)
    for descriptor in (0, STDOUT, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            # Read-only: what is printed on a closed stdout fails, and is told of.
            os.open(os.devnull, os.O_RDONLY)
    sys.stdout, sys.stderr = _stream(sys.stdout, STDOUT), _stream(sys.stderr, STDERR)


def _stream(replaced: TextIO | None, descriptor: int) -> io.TextIOWrapper:
    raw = _Output(descriptor)
    encoding = (replaced.encoding if replaced else None) or "utf-8"
    is_for_people = descriptor == STDERR or raw.isatty()
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, _ESCAPED, line_buffering=is_for_people)


def _escape(error: UnicodeError) -> tuple[str, int]:
    """Write what an encoding lacks as JSON does."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end
