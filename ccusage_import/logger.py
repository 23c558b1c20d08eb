"""loguru sinks: words on stderr, JSON lines in a rotating file; the standard library's loggers end here too."""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
import traceback
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from loguru import logger

from ccusage_import.exceptions import ConfigurationError

if TYPE_CHECKING:
    from loguru import Record

CONSOLE_LEVELS = {-1: "ERROR", 0: "WARNING", 1: "INFO", 2: "DEBUG"}
LIBRARY = "library"
CONSOLE_FORMAT = "<level>{level: <8}</level> {message} <dim>{extra}</dim>"
_ADDRESS = re.compile(r"\b([a-z][a-z0-9+.-]*)://[^\s'\"]+")
_PATH = re.compile(r"(?<![\w.<>])~?(?:/[^\s/'\":;,()<>]+)+/?")


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
    # It tells of every retry, with addresses; whoever called it says what came of it.
    logging.getLogger("urllib3").setLevel(logging.ERROR)


def log_to_file(file: Path, *, rotation: str, retention: str) -> None:
    """Start logging JSON lines to a file as well. One that cannot be written is a warning, never the end of a run."""
    run = secrets.token_hex(4)
    try:
        logger.add(
            file,
            level="DEBUG",
            format=partial(_json_line, run),
            rotation=rotation,
            retention=retention,
            backtrace=False,
            diagnose=False,
            encoding="utf-8",
        )
    except (OSError, ValueError) as error:
        logger.bind(reason=str(error)).warning("the log file cannot be written")


def read_last_run(file: Path) -> list[dict[str, Any]]:
    """Return the lines of the newest run in a log file; a damaged line is passed over.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    try:
        lines = list(filter(None, map(_line_of, file.read_text("utf-8").splitlines())))
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"log file {file}: {error}", hint="check the path and its permissions") from None
    return [line for line in lines if line.get("run") == lines[-1].get("run")]


def _json_line(run: str, record: Record) -> str:
    """Return the format of one line; loguru fills it from the record, so the line is put there."""
    line: dict[str, Any] = {
        "time": record["time"].astimezone(UTC).isoformat(timespec="milliseconds"),
        "level": record["level"].name,
        "run": run,
        "message": hide(record["message"]),
        **{name: hide(value) if isinstance(value, str) else value for name, value in record["extra"].items()},
    }
    if record["exception"] is not None:
        _, error, trace = record["exception"]
        line["error"] = hide(f"{type(error).__name__}: {error}")
        line["frames"] = [f"{Path(at.filename).name}:{at.lineno} {at.name}" for at in traceback.extract_tb(trace)]
    cast("dict[str, Any]", record)["line"] = json.dumps(line, ensure_ascii=False, default=str)
    return "{line}\n"


def hide(text: str) -> str:
    """Return a text without paths, and without what follows the host in an address: it may be a secret."""
    return _PATH.sub("<path>", _ADDRESS.sub(r"\1://<address>", text))


def _line_of(text: str) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None
