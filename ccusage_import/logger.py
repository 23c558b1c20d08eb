"""loguru sinks: words on stderr, JSON lines in a rotating file; the standard library's loggers end here too."""

from __future__ import annotations

import json
import logging
import os
import secrets
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from loguru import _string_parsers, logger
from loguru._file_sink import FileSink

from ccusage_import.documents import parse_json
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.files import make_private_directory, reason_of
from ccusage_import.masking import printable, printable_lines, without_addresses, without_places

if TYPE_CHECKING:
    from loguru import Record

CONSOLE_LEVELS = {-1: "ERROR", 0: "WARNING", 1: "INFO", 2: "DEBUG"}
LIBRARY = "library"


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
        format=_console_line,
        # Our own errors say better what libraries warn of.
        filter=lambda record: verbosity > 0 or LIBRARY not in record["extra"],
        backtrace=False,
        diagnose=False,
    )
    handler = _ToLoguru()
    handler.addFilter(_is_wanted)
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)


def _is_wanted(record: logging.LogRecord) -> bool:
    # It logs every retry, with paths of addresses; whoever called it says what came of it. Not by its level:
    # the driver of the warehouse sets that when it is imported.
    return record.levelno >= logging.ERROR or not record.name.startswith("urllib3")


class _LogFile:
    """A file of lines. That one cannot be written, as on a full disk, is said once; loguru would say it each time."""

    def __init__(self, file: Any, warn: Callable[[OSError], None]) -> None:
        self._file, self._warn, self._has_warned = file, warn, False

    def write(self, line: str) -> None:
        try:
            self._file.write(line)
        except OSError as error:
            if not self._has_warned:
                self._has_warned = True
                self._warn(error)

    def stop(self) -> None:
        with suppress(OSError):
            self._file.stop()
        # Python 3.13 complains of a file that is left open, as loguru leaves one that cannot be written to its end.
        if (left_open := self._file._file) is not None:  # noqa: SLF001 - nothing public closes it
            with suppress(OSError):
                left_open.close()


def log_to_file(file: Path, *, rotation: str, retention: str, warn: Callable[[str], None]) -> None:
    """Start logging JSON lines to a file as well; `warn` hears of one that cannot be written, now or later."""
    run = secrets.token_hex(4)

    def failed(error: OSError) -> None:
        warn(f"the log file cannot be written: {file}: {reason_of(error)}")

    try:
        make_private_directory(file.parent)
        opener = partial(os.open, mode=0o600)
        make: Any = FileSink
        lines = make(str(file), rotation=rotation, retention=retention, encoding="utf-8", opener=opener)
    except OSError as error:
        failed(error)
        return
    logger.add(_LogFile(lines, failed), level="DEBUG", format=partial(_json_line, run), backtrace=False, diagnose=False)


def takes(rotation: str, retention: str) -> bool:
    """Return whether a log file can have these; none is made before the first line, none removed with a rotation."""
    parsers: Any = _string_parsers
    try:
        age = parsers.parse_duration(rotation) if parsers.parse_size(rotation) is None else None
        if age is not None and age <= timedelta(0):
            # loguru would look for the time of the next file for ever, or fail.
            return False
        logger.remove(logger.add("log", delay=True, rotation=rotation, retention=retention))
    except (ValueError, OverflowError):
        return False
    return True


def read_last_run(file: Path) -> list[dict[str, Any]]:
    """Return the lines of the newest run in a log file; a damaged line is passed over.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    try:
        lines = list(filter(None, map(_line_of, file.read_text("utf-8").split("\n"))))
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"log file {file}: {reason_of(error)}", hint="check the path and its permissions"
        ) from None
    return [line for line in lines if line.get("run") == lines[-1].get("run")]


def _console_line(record: Record) -> str:
    """Return the format of one line on stderr; loguru fills it from the record, so what is shown is put there."""
    shown = cast("dict[str, Any]", record)
    bound = dict(record["extra"])
    reason = bound.pop("reason", None)
    text = record["message"] if reason is None else f"{record['message']}: {reason}"
    shown["text"] = printable_lines(without_addresses(text))
    shown["bound"] = printable(without_addresses("".join(f" {name}={value}" for name, value in bound.items())))
    if record["exception"] is None:
        return "<level>{level: <8}</level> {text}<dim>{bound}</dim>\n"
    shown["trace"] = printable_lines(without_addresses("".join(traceback.format_exception(*record["exception"]))))
    return "<level>{level: <8}</level> {text}<dim>{bound}</dim>\n{trace}"


def _json_line(run: str, record: Record) -> str:
    """Return the format of one line; loguru fills it from the record, so the line is put there."""
    line: dict[str, Any] = {
        "time": record["time"].astimezone(UTC).isoformat(timespec="milliseconds"),
        "level": record["level"].name,
        "run": run,
        "message": without_places(record["message"]),
        **{name: without_places(value) if isinstance(value, str) else value for name, value in record["extra"].items()},
    }
    if record["exception"] is not None:
        _, error, trace = record["exception"]
        line["error"] = without_places(f"{type(error).__name__}: {error}")
        line["frames"] = [f"{Path(at.filename).name}:{at.lineno} {at.name}" for at in traceback.extract_tb(trace)]
    cast("dict[str, Any]", record)["line"] = json.dumps(line, ensure_ascii=False, default=str)
    return "{line}\n"


def _line_of(text: str) -> dict[str, Any] | None:
    try:
        line = parse_json(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None
