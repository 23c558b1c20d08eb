"""What a single value of the configuration may be: types that pydantic checks, with errors in words for people."""

from __future__ import annotations

import shlex
from importlib import import_module
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BeforeValidator, SecretStr

from ccusage_import.config.directories import expanded
from ccusage_import.config.warehouse_url import ServerWarehouse, parse_warehouse_url
from ccusage_import.documents import is_utf8
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.names.shown import told_nearest

# Folders of the same zones again, which some systems have; ccusage does not know them.
COPIES_OF_ZONES = ("posix/", "right/")


def _http(url: SecretStr) -> SecretStr:
    if not _is_http(url.get_secret_value()):
        # Without the value: it may be a secret.
        raise ValueError("is not an http:// or https:// address")
    return url


def _is_http(text: str) -> bool:
    try:
        parts = urlsplit(text)
        # Reading the port checks it.
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and " " not in text
    except ValueError:
        return False


def _zone(name: str) -> str:
    is_known = not name.startswith(COPIES_OF_ZONES)
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        is_known = False
    if not is_known:
        told = told_nearest(name, available_timezones())
        raise ValueError(f"{name!r} is not an IANA time zone such as Europe/Berlin or UTC{told}")
    return name


def _address(url: str) -> str:
    try:
        parse_warehouse_url(url)
    except ConfigurationError as error:
        raise ValueError(f"{str(error).removeprefix('warehouse: ')} ({error.hint})") from None
    return url


def _server(url: str) -> str:
    is_server = isinstance(parse_warehouse_url(_address(url)), ServerWarehouse)
    if not is_server:
        raise ValueError(f"{url} is not a server such as clickhouses://user@host:8443/database")
    return url


def _names(value: object) -> object:
    """Return names as the environment separates them, each once."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
        return tuple(dict.fromkeys(value))
    return value


def _given(path: object) -> object:
    if isinstance(path, str) and not path.strip():
        raise ValueError("is empty")
    return Path(path) if isinstance(path, str) else path


def _absolute(path: Path) -> Path:
    absolute = expanded(path).absolute()
    if "\0" in str(absolute) or not is_utf8(str(absolute)):
        # Node.js finds no file by bytes that are not UTF-8: ccusage would say that there is no usage.
        raise ValueError(f"{str(absolute)!r} is not UTF-8, or has a NUL")
    return absolute


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
        raise ValueError(f"{text!r} is not a duration such as 30 days")
    return text


def _is_taken_by_log(rotation: str, retention: str) -> bool:
    # Few set these, and everybody else would wait for the import.
    return bool(import_module("ccusage_import.logger").takes(rotation, retention))


def _textfile(path: Path) -> Path:
    if path.suffix != ".prom":
        raise ValueError(f"{path} does not end in .prom, so node_exporter would not read it")
    return path


def _printable(text: str) -> str:
    if any(ord(character) < 32 or 127 <= ord(character) < 160 for character in text):
        raise ValueError("holds a control character, such as the end of a line")
    return text


HttpUrl = Annotated[SecretStr, AfterValidator(_http)]
AbsolutePath = Annotated[Path, BeforeValidator(_given), AfterValidator(_absolute)]
Textfile = Annotated[AbsolutePath, AfterValidator(_textfile)]
Command = Annotated[str, AfterValidator(_command)]
Rotation = Annotated[str, AfterValidator(_rotation)]
Retention = Annotated[str, AfterValidator(_retention)]
PlainText = Annotated[str, AfterValidator(_printable)]
TimeZone = Annotated[str, AfterValidator(_zone)]
WarehouseAddress = Annotated[str, AfterValidator(_address)]
ServerAddress = Annotated[str, AfterValidator(_server)]
Names = BeforeValidator(_names)
