"""What may be shown of a text: no secret, in a log no address, no control character. Pure; nothing else masks."""

from __future__ import annotations

import json
import re

MASK = "***"
_SECRETS = (
    (re.compile(r"://[^\s/]+@"), f"://{MASK}@"),
    (re.compile(r"[^\s/:@]+:[^\s/:@]+@"), f"{MASK}@"),
    (re.compile(r"(?i)((?:password|passwd|token|secret|_auth|key)\w*=)[^\s&]+"), rf"\1{MASK}"),
    (
        re.compile(
            r"(?i)(\b(?:password|passwd|secret|authorization|[\w-]*api[-_]key)[\"']?: ?[\"']?)"
            r"(?:(?:basic|bearer) )?[^\s\"',;}]+"
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"(?i)(bearer )\S+"), rf"\1{MASK}"),
)
_PASSWORD = re.compile(r"(://[^:/@\s]*):[^@\s]*@")
_ADDRESS = re.compile(r"\b([a-z][a-z0-9+.-]*)://[^\s'\"]+")
_PATH = re.compile(r"(?<![\w.<>])~?(?:/[^\s/'\":;,()<>]+)+/?")
_USER = re.compile(r"(?:(?:chdb|clickhouses?|\w+(?=://)):)?(?://)?[^:/]*")


def without_secrets(text: str, home: str = "") -> str:
    """Return the words of a program without secrets, and with `~` for the home directory."""
    home = home.rstrip("/")
    if home:
        text = re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text)
    for secret, mask in _SECRETS:
        text = secret.sub(mask, text)
    return text


def without_addresses(text: str) -> str:
    """Return a text without secrets and without what follows `://`: the path of an address may be a secret."""
    return without_secrets(_ADDRESS.sub(r"\1://<address>", text))


def without_places(text: str) -> str:
    """Return a text without secrets, addresses and paths, for a file that others may be sent."""
    return _PATH.sub("<path>", without_addresses(text))


def without_passwords(text: str) -> str:
    """Return the words of an engine without the passwords in addresses; SQL in it stays as it is."""
    return _PASSWORD.sub(rf"\1:{MASK}@", text)


def without_password(url: str) -> str:
    """Return what was given as an address without what may be a password: from the user's name to the last `@`."""
    before, at, after = url.rpartition("@")
    user = _USER.match(before)
    if not at or user is None or user[0] == before:
        return url
    return f"{user[0]}:{MASK}@{after}"


def printable(text: str) -> str:
    """Return a text in which what a terminal would obey or hide is written as in JSON."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def printable_lines(text: str) -> str:
    """Return a text of several lines, each of them printable."""
    return "\n".join(map(printable, text.split("\n")))


def _escaped(character: str) -> str:
    return "\\u007f" if character == "\x7f" else json.dumps(character)[1:-1]
