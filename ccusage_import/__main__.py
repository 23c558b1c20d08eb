"""Entry point of `ccusage-import` and `python -m ccusage_import`: signals, standard streams, exit codes."""

from __future__ import annotations

import atexit
import codecs
import gc
import io
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, TextIO

from ccusage_import.exceptions import OutputError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

INTERRUPTED = 130
STDOUT, STDERR = 1, 2
_ESCAPED = "ccusage_import_escaped"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    """Run the command line. A bug keeps its traceback: on stderr and in the log."""
    # One short job whose objects live until it ends: looking for cycles among them would take half the time.
    gc.disable()
    # The end of the interpreter does so all the same, but not among what is frozen.
    atexit.register(gc.freeze)
    if quick := _quick(sys.argv[1:]):
        sys.exit(quick())
    # No plugin of pydantic checks what this program reads, and to look for them takes longer than to import it.
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    sys.excepthook = _log_bug
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    stdout = _secure_streams()
    exit_code: str | int | None = 0
    try:
        # Imported here, so that a signal during the quarter of a second that takes ends the program as any other does.
        import_module("ccusage_import.cli.app").app(prog_name="ccusage-import")
    except KeyboardInterrupt:
        exit_code = INTERRUPTED
    except SystemExit as ended:
        # Where the help has no reader any more, Typer ends as after a bug.
        exit_code = 0 if ended.code == 1 and stdout.has_no_reader else ended.code
    except OutputError as error:
        exit_code = _tell(error)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of stdout has seen enough.
        pass
    except OutputError as error:
        exit_code = exit_code or _tell(error)
    if exit_code == INTERRUPTED:
        _tell_interrupted()
    sys.exit(exit_code)


def _quick(arguments: Sequence[str]) -> Callable[[], int | None] | None:
    """Return what Claude Code runs at every answer: what other commands need takes ten times as long to import."""
    if arguments == ["statusline"]:
        return partial(import_module("ccusage_import.statusline.line").main)
    if arguments[:2] == ["schedule", "hook"] and "--help" not in arguments:
        return partial(import_module("ccusage_import.schedule.hook").main, arguments[2:])
    return None


def _tell(error: OutputError) -> int:
    print(f"ccusage-import: error: {error}\nhint: {error.hint}", file=sys.stderr)
    return error.exit_code


def _tell_interrupted() -> None:
    # The end of the interpreter hears no signal any more, and would be ended by one.
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    print("ccusage-import: interrupted", file=sys.stderr)


def _log_bug(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    logger = import_module("loguru").logger
    logger.opt(exception=(kind, error, traceback)).critical("this is a bug in ccusage-import")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # A terminated import ends like an interrupted one: children killed, locks released, nothing half visible.
    # One is enough: a second one would hit the clean-up. It is heard, not ignored: one that came in this very moment
    # would be a race to the interpreter, of which it complains on stderr.
    for number in SIGNALS:
        signal.signal(number, _hear)
    raise KeyboardInterrupt


def _hear(_number: int, _frame: FrameType | None) -> None:
    """Do nothing more."""


class _Output(io.FileIO):
    """A standard stream that fails at most once: what comes later is dropped, also at the end of the interpreter."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self._has_failed = False
        self.has_no_reader = False

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return memoryview(data).nbytes if self._has_failed else super().write(data)
        except OSError as error:
            self._has_failed = True
            # Nobody would read on stderr that stderr takes nothing.
            if self.fileno() == STDERR:
                return memoryview(data).nbytes
            self.has_no_reader = isinstance(error, BrokenPipeError)
            if self.has_no_reader:
                raise
            raise OutputError(
                f"stdout cannot be written: {error.strerror}",
                hint="what was asked for is done, but what it prints is lost",
            ) from None


def _secure_streams() -> _Output:
    """Replace stdout and stderr by streams that take every character and say when nobody takes what is printed.

    A standard stream that is closed is opened first, or the next file would get its number, and what is printed.

    Returns:
        What writes to stdout.
    """
    codecs.register_error(_ESCAPED, _escape)
    for descriptor in (0, STDOUT, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            # Read-only: what is printed on a closed stdout fails, and is reported.
            os.open(os.devnull, os.O_RDONLY)
    if sys.stdin is None:
        # It was closed: whoever reads it finds its end.
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), "utf-8")
    stdout, stderr = _Output(STDOUT), _Output(STDERR)
    sys.stdout, sys.stderr = _stream(sys.stdout, stdout), _stream(sys.stderr, stderr)
    return stdout


def _stream(replaced: TextIO | None, raw: _Output) -> io.TextIOWrapper:
    encoding = (replaced.encoding if replaced else None) or "utf-8"
    is_for_people = raw.fileno() == STDERR or raw.isatty()
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, _ESCAPED, line_buffering=is_for_people)


def _escape(error: UnicodeError) -> tuple[str, int]:
    """Write what an encoding lacks as JSON does."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


if __name__ == "__main__":
    main()
