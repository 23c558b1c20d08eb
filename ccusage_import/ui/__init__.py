"""The shared voice: errors in two lines, warnings, JSON, and names in clear; `tables` has the tables."""

from __future__ import annotations

import codecs
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ccusage_import.days import moment
from ccusage_import.exceptions import DamagedWarehouseError, FixableError, OutputError
from ccusage_import.masking import printable, printable_lines
from ccusage_import.records import TIMED_REPORTS

if TYPE_CHECKING:
    from ccusage_import.config.exposure import Exposure
    from ccusage_import.records import Record

PROGRAM = "ccusage-import"
SHOWN_DETAILS = 10
# Of a project or a session, or a short one: of a command, an MCP server or its tool.
_PSEUDONYM = re.compile(r"[0-9a-f]{32}|[0-9a-f]{16}")
_LONG_ID = re.compile(r"([0-9a-f]{8})(?:[0-9a-f]{24}|-[0-9a-f]{4}-[0-9a-f-]{22})")


def print_error(error: FixableError) -> None:
    """Print what went wrong, the first details, and what to do next."""
    print(f"{PROGRAM}: error: {printable(str(error))}", file=sys.stderr)
    for line in error.details[:SHOWN_DETAILS]:
        print(f"  {printable(line)}", file=sys.stderr)
    if len(error.details) > SHOWN_DETAILS:
        print(f"  and {len(error.details) - SHOWN_DETAILS} more", file=sys.stderr)
    if error.hint:
        print(f"hint: {printable(error.hint)}", file=sys.stderr)


def print_warnings(warnings: Sequence[str]) -> None:
    """Print warnings, one a line, and the hints between them."""
    for line in warnings:
        print_warning(line)


def print_warning(line: str) -> None:
    """Print a warning, or a hint that belongs to the one before."""
    head = "" if line.startswith("hint: ") else f"{PROGRAM}: warning: "
    print(f"{head}{printable(line)}", file=sys.stderr)


def print_bytes(pieces: Iterable[bytes]) -> None:
    """Print an answer as it is, and where people read it without what a terminal would obey."""
    if sys.stdout.isatty():
        for text in codecs.iterdecode(pieces, "utf-8", "replace"):
            print(printable_lines(text), end="")
        return
    sys.stdout.flush()
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


@contextmanager
def prints_what_is_done() -> Iterator[None]:
    """Print what an import did; a reader who goes away does not change how the import ended."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of stdout has seen enough.
        pass
    except OutputError as error:
        print_warning(f"{error}; the import is done: ccusage-import history")


def prints_what_is_found() -> AbstractContextManager[None]:
    """Print what was found; a reader who goes away changes neither that nor the exit code."""
    return suppress(BrokenPipeError)


def warn_of_damage(damage: DamagedWarehouseError | None) -> None:
    """Warn that what is printed is incomplete."""
    if damage is not None:
        print_warnings([str(damage), *damage.details[:SHOWN_DETAILS], f"hint: {damage.hint}"])


def warn_of_exposure(exposure: Exposure | None) -> None:
    """Warn that somebody else can write the configuration, and say how to end that."""
    if exposure is not None:
        print_warnings([f"{exposure}, so no command in it is run", f"hint: {exposure.chmod}"])


def print_json(value: object) -> None:
    """Print one JSON document on stdout; decimals become strings without an exponent."""
    print_text(json_text(value))


def print_text(text: str) -> None:
    """Print a text as it is, and where people read it without what a terminal would obey."""
    print(printable_lines(text) if sys.stdout.isatty() else text)


def json_text(value: object) -> str:
    """Return a JSON document; decimals become strings without an exponent, instants ISO 8601 with their zone."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=_plain)


def failure_json(error: FixableError) -> dict[str, Any]:
    """Return an error that ended a command as one object."""
    return {"exit_code": int(error.exit_code), "error": error_json(error)}


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def error_json(error: FixableError) -> dict[str, Any]:
    """Return an error as one object."""
    return {"message": str(error), "details": list(error.details), "hint": error.hint}


def change(value: Any, shown: Callable[[Any], str]) -> str:
    """Return a difference with its sign, a dash for none."""
    if value == 0:
        return "-"
    return ("+" if value > 0 else "-") + shown(abs(value))


def label(record: Record, names: Mapping[str, str]) -> str:
    """Return what a person calls a record, with names where this machine knows them."""
    if record.report == "session":
        return f"{named(record.project, names)}/{named(record.session_id, names)}"
    if record.report == "projects":
        return f"{record.day} {named(record.project, names)}"
    return record.key


def short_label(record: Record, names: Mapping[str, str]) -> str:
    """Return a label that fits into a line: the start of a session's id, and of a block in the zone of its machine."""
    if record.report == "session" and (found := _LONG_ID.fullmatch(named(record.session_id, names))):
        return f"{named(record.project, names)}/{found[1]}"
    if record.report in TIMED_REPORTS and record.started_at is not None:
        return moment(record.started_at, record.provenance.timezone)
    return label(record, names)


def with_names(text: str, names: Mapping[str, str]) -> str:
    """Return a text with each pseudonym replaced by the name it stands for on this machine."""
    return _PSEUDONYM.sub(lambda match: named(match[0], names), text)


def named(name: str, names: Mapping[str, str]) -> str:
    """Return the name a pseudonym stands for on this machine, as it is."""
    return names.get(name, name)
