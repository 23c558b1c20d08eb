"""Which records the pinned ccusage counts, and in which of its reports. Pure."""

from __future__ import annotations

import re
from typing import Any

from ccusage_import.transcripts.lines import Line, is_too_deep, repeats_a_key

# ccusage has two rules: that of `daily`, and that of all other reports.
DAILY, SESSION = 1, 2
BOTH = DAILY | SESSION
LARGEST_COUNT = 2**64 - 1
# ccusage overlooks a line without these bytes: one that some tool wrote anew with blanks.
USAGE = b'"usage":{'
NULL = b"null"
# A quote within a text is escaped, so this meets keys alone.
_NOT_NULL = (
    "id", "cwd", "model", "speed", "costUSD", "version", "sessionId", "requestId", "isApiErrorMessage",
    "cache_read_input_tokens", "cache_creation_input_tokens",
)  # fmt: skip
_NULLED = re.compile(rb'"(%s)"\s*:\s*null' % "|".join(_NOT_NULL).encode())
# Looking at what stands before each null, a name or a blank, takes half the time of looking for the pattern.
_BEFORE_NULL = (*(f'"{name}":'.encode() for name in _NOT_NULL), b" ", b"\t", b" :", b"\t:")
_TIMESTAMP = re.compile(
    r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{3})?"
    r"(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
)
_VERSION = re.compile(r"\d+\.\d+\.\d+")
# Keys that ccusage reads; where one of them stands twice it reads none of the line.
_READ_KEYS = (b'"timestamp":', b'"message":', b'"usage":', b'"sessionId":', b'"requestId":', b'"costUSD":')


def accepted_by(line: bytes, read: Line, record: dict[str, Any]) -> int:
    """Return the rules by which ccusage counts the usage of a line's own record."""
    rules = _rules_of_line(line, read)
    return rules if rules and _is_accepted(record, record) else 0


def nested_accepted_by(line: bytes, read: Line, record: dict[str, Any], nested: dict[str, Any]) -> int:
    """Return the rules by which ccusage counts the usage of a subagent that its parent reports."""
    rules = _rules_of_line(line, read) & DAILY
    return rules if rules and _is_accepted(nested, record) else 0


def _rules_of_line(line: bytes, read: Line) -> int:
    if USAGE not in line:
        return 0
    if not read.is_strict:
        # Bad text is read by whoever looks at the fields alone that it uses.
        return SESSION if read.problem == "bad_text" and NULL not in line else 0
    value = read.values[0]
    if _has_forbidden_null(line, value):
        return 0
    if repeats_a_key(line, value) and (NULL in line or any(line.count(key) > 1 for key in _READ_KEYS)):
        return 0
    if is_too_deep(line, value):
        return 0 if NULL in line else SESSION
    return BOTH


def _has_forbidden_null(line: bytes, value: dict[str, Any]) -> bool:
    """Return whether a field that ccusage reads is null anywhere; only models of iterations may be."""
    if not _has_near_null(line):
        return False
    names = _NULLED.findall(line)
    if any(name != b"model" for name in names):
        return True
    message = value.get("message")
    usage = message.get("usage") if isinstance(message, dict) else None
    iterations = usage.get("iterations") if isinstance(usage, dict) else None
    allowed = sum(
        isinstance(part, dict) and "model" in part and part["model"] is None
        for part in (iterations if isinstance(iterations, list) else ())
    )
    return len(names) > allowed


def _has_near_null(line: bytes) -> bool:
    """Return whether the name of such a field stands before any `null`, or a blank, behind which it may stand."""
    position = line.find(NULL)
    while position >= 0:
        if line.endswith(_BEFORE_NULL, 0, position):
            return True
        position = line.find(NULL, position + len(NULL))
    return False


def _is_accepted(record: dict[str, Any], outer: dict[str, Any]) -> bool:
    message = record.get("message")
    usage = message.get("usage") if isinstance(message, dict) else None
    timestamp, version = record.get("timestamp"), outer.get("version", "0.0.0")
    if not isinstance(message, dict) or not isinstance(usage, dict):
        return False
    if not (isinstance(timestamp, str) and _TIMESTAMP.fullmatch(timestamp)):
        return False
    if not (isinstance(version, str) and _VERSION.match(version)):
        return False
    names = (
        message.get("id", "-"),
        message.get("model", "-"),
        record.get("requestId", "-"),
        outer.get("sessionId", "-"),
    )
    for name in names:
        if not isinstance(name, str) or not name:
            return False
    return _has_counts(usage)


def _has_counts(usage: dict[str, Any]) -> bool:
    counts = (
        usage.get("input_tokens"),
        usage.get("output_tokens"),
        usage.get("cache_creation_input_tokens", 0),
        usage.get("cache_read_input_tokens", 0),
    )
    # A loop is faster than all() of a generator, and these are asked of every line.
    for count in counts:
        if type(count) is not int or not 0 <= count <= LARGEST_COUNT:
            return False
    return usage.get("speed", "fast") in ("standard", "fast")
