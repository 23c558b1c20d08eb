"""One line of a transcript: the JSON values on it, and what is wrong with it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

# How deep ccusage follows nested values.
DEEPEST = 127


class Line(NamedTuple):
    """The values of a line, and whether a strict parser reads the same one.

    Attributes:
        values: the JSON objects on the line; more than one where a line end is missing.
        is_strict: it is one object of valid UTF-8, without a lone surrogate.
        problem: what kind of bad line it is; empty for a good one.
    """

    values: tuple[dict[str, Any], ...]
    is_strict: bool = False
    problem: str = ""


def read_line(line: bytes) -> Line:
    """Return the objects on a line; whatever is wrong with it is said, never raised."""
    try:
        value = from_json(line, allow_inf_nan=False, cache_strings="keys")
    except ValueError:
        return _read_bad_line(line)
    return Line((value,), is_strict=True) if isinstance(value, dict) else Line((), problem="not_object")


def repeats_a_key(line: bytes, value: dict[str, Any]) -> bool:
    """Return whether an object on a strict line has a key twice; its length, or counting, tells it nearly always."""
    if len(to_json(value)) == len(line.strip()) or line.count(b'":') - line.count(b'\\":') == _count_keys(value):
        return False
    repeated = False

    def look(pairs: list[tuple[str, Any]]) -> None:
        nonlocal repeated
        repeated = repeated or len({name for name, _ in pairs}) < len(pairs)

    json.loads(line, object_pairs_hook=look)
    return repeated


def is_too_deep(line: bytes, value: object) -> bool:
    """Return whether values are nested more deeply than ccusage follows them."""
    if line.count(b"{") + line.count(b"[") <= DEEPEST:
        return False
    level: list[object] = [value]
    for _ in range(DEEPEST):
        level = [part for parent in level for part in _parts(parent)]
    return any(isinstance(part, dict | list) for part in level)


def clean(text: str) -> str:
    """Return a text that can be written as UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _read_bad_line(line: bytes) -> Line:
    text = line.decode("utf-8", "replace")
    if not text.strip():
        return Line((), problem="empty")
    try:
        values = tuple(_values(text))
    except (ValueError, RecursionError):
        return Line((), problem="not_json")
    objects = tuple(value for value in values if isinstance(value, dict))
    if len(values) > 1:
        return Line(objects, problem="joined")
    return Line(objects, problem="bad_text" if objects else "not_object")


def _values(text: str) -> Iterator[Any]:
    decoder = json.JSONDecoder(parse_constant=_refuse)
    position, end = 0, len(text)
    while position < end:
        value, position = decoder.raw_decode(text, position)
        yield value
        while position < end and text[position] in " \t\r\n":
            position += 1


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _count_keys(value: dict[str, Any] | list[Any]) -> int:
    count, parts = (len(value), iter(value.values())) if isinstance(value, dict) else (0, iter(value))
    for part in parts:
        if isinstance(part, dict | list):
            count += _count_keys(part)
    return count


def _parts(value: object) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
