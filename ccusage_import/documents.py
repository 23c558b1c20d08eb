"""Texts, JSON and TOML that anybody may have written.

A document that nests too deeply is damaged, like one that does not parse.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

# Far more than any document needs, and few enough for everything that walks through one.
DEEPEST = 100
TOO_DEEP = f"nested more than {DEEPEST} levels deep"
_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')"""
# The parser's memory grows with the square of a name's parts.
_DEEP_NAME = re.compile(rf"(?<![\w-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{DEEPEST}}}")


def is_utf8(text: str) -> bool:
    """Return whether a text was UTF-8; Python keeps each other byte of an argument or a file's name as a surrogate."""
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


def parse_json(text: str | bytes) -> Any:
    """Parse JSON.

    Raises:
        ValueError: it is not JSON, or nested too deeply.
    """
    try:
        return _shallow(json.loads(text))
    except RecursionError:
        raise ValueError(TOO_DEEP) from None


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML.

    Raises:
        ValueError: it is not TOML, or nested too deeply.
    """
    if _DEEP_NAME.search(text):
        raise ValueError(TOO_DEEP)
    try:
        table: dict[str, Any] = _shallow(tomllib.loads(text))
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    return table


def toml_text(text: str) -> str:
    """Return a text as TOML writes one; what JSON says in two escapes is none there, and a delete character is one."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _shallow(document: Any) -> Any:
    level = [document]
    for _ in range(DEEPEST + 1):
        containers = [part for part in level if isinstance(part, dict | list)]
        if not containers:
            return document
        level = [part for whole in containers for part in (whole.values() if isinstance(whole, dict) else whole)]
    raise ValueError(TOO_DEEP)
