"""What a single value of a setting may be; what cannot be used is refused in words."""

from __future__ import annotations

import shlex
from importlib import import_module
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator


def _given(path: object) -> object:
    if isinstance(path, str) and not path.strip():
        raise ValueError("is empty")
    return path


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _command(text: str) -> str:
    try:
        words = shlex.split(text)
    except ValueError as error:
        what = "its quotes are not closed" if "quotation" in str(error) else "it ends with a backslash"
        raise ValueError(f"{what}: {text}") from None
    if not words or not words[0]:
        raise ValueError("names no program")
    return text


def _rotation(text: str) -> str:
    if not _is_taken_by_log(text, "30 days"):
        raise ValueError(f"{text!r} is neither a size such as 10 MB nor an age such as 1 week")
    return text


def _retention(text: str) -> str:
    if not _is_taken_by_log("10 MB", text):
        raise ValueError(f"{text!r} is no duration such as 30 days")
    return text


def _is_taken_by_log(rotation: str, retention: str) -> bool:
    """Ask whoever writes the log. It makes no file before the first line, and with a rotation it removes none."""
    # Few set these, and everybody else would wait for the import.
    logger = import_module("loguru").logger
    try:
        logger.remove(logger.add("log", delay=True, rotation=rotation, retention=retention))
    except (ValueError, OverflowError):
        return False
    return True


def _textfile(path: Path) -> Path:
    if path.suffix != ".prom":
        raise ValueError(f"{path} does not end in .prom, so node_exporter would not read it")
    return path


def _printable(text: str) -> str:
    if any(ord(character) < 32 or 127 <= ord(character) < 160 for character in text):
        raise ValueError("holds a control character, such as the end of a line")
    return text


AbsolutePath = Annotated[Path, BeforeValidator(_given), AfterValidator(_absolute)]
Textfile = Annotated[AbsolutePath, AfterValidator(_textfile)]
Command = Annotated[str, AfterValidator(_command)]
Rotation = Annotated[str, AfterValidator(_rotation)]
Retention = Annotated[str, AfterValidator(_retention)]
PlainText = Annotated[str, AfterValidator(_printable)]
