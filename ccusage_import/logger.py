"""loguru sinks: people on stderr, everything in a rotating file; the standard library's loggers end here too."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from loguru import logger

CONSOLE_LEVELS = {-1: "ERROR", 0: "WARNING", 1: "INFO", 2: "DEBUG"}
LIBRARY = "library"
CONSOLE_FORMAT = "<level>{level: <8}</level> {message} <dim>{extra}</dim>"
FILE_FORMAT = "{time:YYYY-MM-DD HH:mm:ss.SSS Z} {level: <8} {name}: {message} {extra}"


class _ToLoguru(logging.Handler):
    """Hands records of the standard library on, with their level and origin."""

    def emit(self, record: logging.LogRecord) -> None:
        level = record.levelname if record.levelname in logging.getLevelNamesMapping() else record.levelno
        logger.bind(**{LIBRARY: record.name}).opt(exception=record.exc_info).log(level, "{}", record.getMessage())


def log_to_console(verbosity: int) -> None:
    """Start logging to stderr: -1 errors, 0 warnings, 1 information, 2 everything."""
    logger.remove()
    logger.add(
        sys.stderr,
        level=CONSOLE_LEVELS[max(-1, min(verbosity, 2))],
        format=CONSOLE_FORMAT,
        # What a library warns of, our own error says better.
        filter=lambda record: verbosity > 0 or LIBRARY not in record["extra"],
        backtrace=False,
        diagnose=False,
    )
    logging.basicConfig(handlers=[_ToLoguru()], level=logging.INFO, force=True)


def log_to_file(file: Path, *, is_json: bool, rotation: str, retention: str) -> None:
    """Start logging to a file as well. A log that cannot be written is a warning, never the end of an import."""
    try:
        logger.add(
            file,
            level="DEBUG",
            format=FILE_FORMAT,
            serialize=is_json,
            rotation=rotation,
            retention=retention,
            backtrace=False,
            diagnose=False,
            encoding="utf-8",
        )
    except (OSError, ValueError) as error:
        logger.bind(reason=str(error)).warning("the log file cannot be written")
