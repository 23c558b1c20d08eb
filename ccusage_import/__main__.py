"""Entry point: `ccusage-import` and `python -m ccusage_import`."""

from __future__ import annotations

import gc
import signal
import sys
from types import FrameType, TracebackType

from loguru import logger

from ccusage_import.cli import app
from ccusage_import.ui import PROGRAM


def main() -> None:
    """Run the command line. A bug keeps its traceback: on stderr and in the log."""
    # One short job whose objects live to its end: looking for cycles among them would take half the time.
    gc.disable()
    sys.excepthook = _log_bug
    signal.signal(signal.SIGTERM, _interrupt)
    app(prog_name=PROGRAM)


def _log_bug(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    logger.opt(exception=(kind, error, traceback)).critical("this is a bug in ccusage-import")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # A terminated import ends like an interrupted one: children killed, locks released, nothing half visible.
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
