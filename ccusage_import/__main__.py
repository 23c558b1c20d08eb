"""Entry point: `ccusage-import` and `python -m ccusage_import`."""

from __future__ import annotations

import gc
import signal
import sys
from importlib import import_module
from types import FrameType, TracebackType

from ccusage_import.exceptions import OutputError
from ccusage_import.streams import secure_streams

INTERRUPTED = 130
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    """Run the command line. A bug keeps its traceback: on stderr and in the log."""
    # One short job whose objects live to its end: looking for cycles among them would take half the time.
    gc.disable()
    sys.excepthook = _log_bug
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    secure_streams()
    exit_code: str | int | None = 0
    try:
        # Imported here, so that a signal during the quarter of a second that takes ends the program as any other does.
        import_module("ccusage_import.cli.app").app(prog_name="ccusage-import")
    except KeyboardInterrupt:
        exit_code = INTERRUPTED
    except SystemExit as ended:
        exit_code = ended.code
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
        print("ccusage-import: interrupted", file=sys.stderr)
    sys.exit(exit_code)


def _tell(error: OutputError) -> int:
    print(f"ccusage-import: error: {error}\nhint: {error.hint}", file=sys.stderr)
    return error.exit_code


def _log_bug(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    logger = import_module("loguru").logger
    logger.opt(exception=(kind, error, traceback)).critical("this is a bug in ccusage-import")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # A terminated import ends like an interrupted one: children killed, locks released, nothing half visible.
    # One is enough: a second one would hit the clean-up, or the end of the interpreter.
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
