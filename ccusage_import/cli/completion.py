"""What the shell offers when a value is completed: from files of this machine, never from the warehouse."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import typer

from ccusage_import.config.settings import Directories
from ccusage_import.warehouse.migrations import sql_directory

# Loads further back are too old to be completed.
LOG_TAIL_BYTES = 256 * 1024
_PARAMETER = re.compile(r"^-- param: (\w+) ", re.MULTILINE)


def queries(incomplete: str) -> Iterator[str]:
    """Offer the named queries and the views."""
    yield from (name for name in sorted({*_files("queries"), *_files("views")}) if name.startswith(incomplete))


def query_parameters(context: typer.Context, incomplete: str) -> Iterator[str]:
    """Offer the parameters of the query that was named."""
    # After an option without its value, Typer leaves the arguments before it unread.
    named = context.params.get("sql") or next(iter(context.args), "")
    file = _files("queries").get(named)
    names = _PARAMETER.findall(file.read_text("utf-8")) if file else ()
    yield from (f"{name}=" for name in names if name.startswith(incomplete))


def loads(incomplete: str) -> Iterator[str]:
    """Offer the loads that the log tells of, newest first."""
    yield from (load for load, _ in _logged() if load.startswith(incomplete))


def machines(incomplete: str) -> Iterator[str]:
    """Offer the machines that the log tells of."""
    yield from sorted({machine for _, machine in _logged() if machine.startswith(incomplete)})


def _files(kind: str) -> dict[str, Path]:
    return {file.stem: file for file in (sql_directory() / kind).glob("**/*.sql")}


def _logged() -> dict[tuple[str, str], None]:
    try:
        with Directories.of_platform().log_file.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
            lines = [line for line in log if b'"load_id": ' in line]
    except OSError:
        return {}
    return dict.fromkeys(load for line in reversed(lines) for load in _load(line))


def _load(line: bytes) -> Iterator[tuple[str, str]]:
    # The first line of the tail may be cut, the last one be half written.
    with suppress(ValueError, KeyError):
        told = json.loads(line)
        yield str(told["load_id"]), str(told["machine"])
