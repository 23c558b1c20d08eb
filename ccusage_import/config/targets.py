"""What single values of the configuration may be, and who is notified of what: the tables `[[notify]]`."""

from __future__ import annotations

import json
import shlex
from importlib import import_module
from pathlib import Path
from typing import Annotated, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, SecretStr, model_validator

Event = Literal["failed", "recovered", "stale", "budget", "quota", "held", "unwell", "well"]
EVENTS: tuple[Event, ...] = get_args(Event)


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


def _list_of(what: str) -> BeforeValidator:
    def checked(value: object) -> object:
        if isinstance(value, list | tuple):
            return value
        raise ValueError(f"is not a list of {what}")

    return BeforeValidator(checked)


HttpUrl = Annotated[SecretStr, AfterValidator(_http)]


class NotifyTarget(BaseModel):
    """One target: a webhook with the body that Slack, Discord or anything else understands, or a command."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["slack", "discord", "webhook", "command"]
    url: HttpUrl | None = None
    command: Annotated[tuple[str, ...], _list_of("words")] = ()
    events: Annotated[tuple[Event, ...], _list_of("events")] = EVENTS

    @property
    def address(self) -> str:
        """What distinguishes one target from another; it may be a secret."""
        return json.dumps([self.type, self.url.get_secret_value() if self.url else self.command])

    @model_validator(mode="after")
    def _names_its_address(self) -> Self:
        wanted, other = ("command", "url") if self.type == "command" else ("url", "command")
        if not getattr(self, wanted) or getattr(self, other):
            raise ValueError(f"a target of type {self.type} needs `{wanted}` and no `{other}`")
        if not self.events:
            raise ValueError("`events` is empty: nothing would be sent")
        return self


def _distinct(targets: tuple[NotifyTarget, ...]) -> tuple[NotifyTarget, ...]:
    addresses = [target.address for target in targets]
    for position, address in enumerate(addresses):
        if (first := addresses.index(address)) < position:
            raise ValueError(f"{position} is {first} again: give one of them all `events`")
    return targets


NotifyTargets = Annotated[
    tuple[NotifyTarget, ...],
    _list_of("tables: begin each with [[notify]]; in the environment, use a JSON array"),
    AfterValidator(_distinct),
]


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


AbsolutePath = Annotated[Path, BeforeValidator(_given), AfterValidator(_absolute)]
Textfile = Annotated[AbsolutePath, AfterValidator(_textfile)]
Command = Annotated[str, AfterValidator(_command)]
Rotation = Annotated[str, AfterValidator(_rotation)]
Retention = Annotated[str, AfterValidator(_retention)]
PlainText = Annotated[str, AfterValidator(_printable)]
