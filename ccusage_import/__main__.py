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
from typing import TYPE_CHECKING, NoReturn, TextIO

from ccusage_import.exceptions import OutputError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

INTERRUPTED = 130
STDOUT, STDERR = 1, 2
_ESCAPED = "ccusage_import_escaped"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    """Run the command line. A bug keeps its traceback: on stderr and in the log."""
    # The objects of one short job live until it ends: looking for cycles among them would take half of its time.
    gc.disable()
    ending = _Ending()
    atexit.register(ending)
    if quick := _quick(sys.argv[1:]):
        ending.end_with(quick())
    # This program uses no plugins of pydantic, and looking for them takes longer than importing pydantic.
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
    ending.end_with(exit_code)


class _Ending:
    """What happens last when the interpreter ends: registered first, it runs after whatever else is to run then.

    What a job leaves in memory is not freed object by object, and cycles are not looked for: that would take as long as
    two questions to the engine. After a bug the interpreter ends as any other.
    """

    def __init__(self) -> None:
        self._exit_code: int | None = None

    def end_with(self, exit_code: str | int | None) -> NoReturn:
        """End the process with an exit code."""
        self._exit_code = None if isinstance(exit_code, str) else exit_code or 0
        sys.exit(exit_code)

    def __call__(self) -> None:
        """Take the place of the end of the interpreter."""
        if self._exit_code is None:
            gc.freeze()
            return
        for stream in (sys.stdout, sys.stderr):
            # One that is closed is None to a quick command.
            if stream is not None:
                stream.flush()
        os._exit(self._exit_code)


def _quick(arguments: Sequence[str]) -> Callable[[], int | None] | None:
    """Return what runs a command that Claude Code starts at every answer, without the command line.

    Importing what other commands need takes ten times as long as all that these two do.
    """
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
    # A second signal would interrupt that clean-up. It gets a handler that does nothing, not SIG_IGN: the interpreter
    # complains on stderr of a signal that arrives while it is being ignored.
    for number in SIGNALS:
        signal.signal(number, _hear)
    raise KeyboardInterrupt


def _hear(_number: int, _frame: FrameType | None) -> None:
    """Let a later signal pass while the first one ends the program."""


class _Output(io.FileIO):
    """A standard stream whose first failure is told, and any later one ignored, also at the end of the interpreter."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self._has_failed = False
        self.has_no_reader = False

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return memoryview(data).nbytes if self._has_failed else super().write(data)
        except OSError as error:
            self._has_failed = True
            # There is no place left to say that stderr cannot be written.
            if self.fileno() == STDERR:
                return memoryview(data).nbytes
            self.has_no_reader = isinstance(error, BrokenPipeError)
            if self.has_no_reader:
                raise
            raise OutputError(
                f"stdout cannot be written: {error.strerror}",
                hint="only the output is lost; what the command changed stays changed",
            ) from None


def _secure_streams() -> _Output:
    """Replace stdout and stderr by streams that take every character and notice when they cannot be written.

    A standard stream that is closed is opened first. Otherwise the next file that is opened would get its number, and
    everything that is printed would go there.

    Returns:
        The stream below stdout.
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
