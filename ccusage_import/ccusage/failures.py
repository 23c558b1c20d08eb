"""What ccusage says when it fails, and what a person can do about it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ccusage_import.exceptions import (
    CcusageError,
    DataDirectoryError,
    NativePackageMissingError,
    NodeTooOldError,
    OutOfMemoryError,
    ReportFailedError,
    RunnerNotFoundError,
)
from ccusage_import.masking import without_secrets
from ccusage_import.versions import PINNED_VERSION

INSTALL_HINT = 'install Node.js 20 or newer, or set `ccusage = "/path/to/ccusage"`'
PINNED_HINT = f'set `ccusage_version = "{PINNED_VERSION}"`, or run `npm install -g ccusage@{PINNED_VERSION}`'

_CAUSES: tuple[tuple[str, type[CcusageError], str], ...] = (
    (
        r"ccusage requires Bun or Node\.js.*|No such built-in module.*",
        NodeTooOldError,
        f"install Node.js 22 or newer, or {PINNED_HINT}",
    ),
    (r"ccusage native binary is not available.*", NativePackageMissingError, PINNED_HINT),
    (
        r"ccusage native binary is not executable.*|spawn .*(?:EACCES|EPERM)",
        NativePackageMissingError,
        "run `ccusage --version` once as the user who installed it",
    ),
    (
        r"No valid Claude data director.*",
        DataDirectoryError,
        'set `claude_dirs = ["/path"]` to directories that hold a directory `projects`',
    ),
    (
        r"(?:JavaScript heap )?out of memory.*|memory allocation of \d+ bytes failed",
        OutOfMemoryError,
        f"set `jobs = 1`, or use ccusage {PINNED_VERSION}: it needs a tenth of the memory of 18 and older",
    ),
    (r"env: .?(?:node|bun).?: No such file.*", RunnerNotFoundError, INSTALL_HINT),
    (r"(?i:invalid time zone).*", ReportFailedError, "set `timezone` to a name such as Europe/Berlin"),
)
_START_ERROR = re.compile(r"^(ReferenceError|TypeError|SyntaxError): .*", re.MULTILINE)
# A crash ends with the version of the runtime that had it, except on Node.js 16 and older.
_NEW_RUNTIME = re.compile(r"^(Node\.js v([2-9]\d|\d{3})|Bun v)", re.MULTILINE)
_NOISE = re.compile(r"^\s*(\d+ \| |at |Node\.js v|Bun v|\^+$|$)")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
_READ_BYTES, _LINE_CHARACTERS, _TAIL_CHARACTERS, _TAIL_LINES = 65_536, 400, 1000, 10


def known_cause(
    what: str, stderr: bytes, claude_dirs: Sequence[Path], environ: Mapping[str, str]
) -> CcusageError | None:
    """Return the error for a failure that trying again cannot mend, when `stderr` shows one."""
    text = plain(stderr, environ)
    for pattern, error, hint in _CAUSES:
        matches = re.findall(pattern, text)
        if matches:  # the last one: a crash first quotes the source line that raised
            words = _no_data(claude_dirs, environ) if error is DataDirectoryError else matches[-1]
            return error(f"{what} failed: {words}", hint=hint)
    start = _START_ERROR.search(text)
    if start is not None and not _NEW_RUNTIME.search(stderr.decode(errors="replace")):
        return NodeTooOldError(f"{what} failed: {start[0]}", hint="install Node.js 22 or newer")
    return None


def _no_data(claude_dirs: Sequence[Path], environ: Mapping[str, str]) -> str:
    """Say where ccusage looked; below 15.6 its own words name the empty home directory it was given."""
    places = ", ".join(map(str, claude_dirs)) or "the default places"
    return f"no directory `projects` in {without_secrets(places, environ.get('HOME', ''))}"


def plain(output: bytes, environ: Mapping[str, str]) -> str:
    """Return what may be shown of a program's last words: no escapes, stack traces, secrets or home directory."""
    text = _ESCAPES.sub("", output[-_READ_BYTES:].decode(errors="replace"))
    # Cut twice: searching minified source for secrets is slow, and half a secret would not be recognised.
    home = environ.get("HOME", "")
    told = (line[: 5 * _LINE_CHARACTERS] for line in text.splitlines() if not _NOISE.match(line))
    lines = (without_secrets(line, home) for line in told)
    return "\n".join(line[:_LINE_CHARACTERS].rstrip() for line in lines)


def tail(output: bytes, environ: Mapping[str, str]) -> str:
    """Return the last lines of a program's words as one line."""
    lines = plain(output, environ).splitlines()[-_TAIL_LINES:]
    return " | ".join(line.strip() for line in lines)[-_TAIL_CHARACTERS:] or "it said nothing"
