"""Runs `ccusage-import` as it is, except that it stops before and after each step and waits to be let go on.

    python -m tests.faults.stepped TELL HEAR ARGUMENT…

TELL and HEAR are file descriptors: a line with the name of the step goes out, a byte comes back. LOGGED_AT_ONCE in the
environment says how many verdicts are logged at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from ccusage_import.__main__ import main
from ccusage_import.ccusage import validation
from ccusage_import.steps import reports, transcripts
from ccusage_import.transcripts.cursor import Cursor
from ccusage_import.warehouse import clickhouse_client, publish
from ccusage_import.warehouse.clickhouse_client import ClickHouse

STEPS: tuple[tuple[Any, str], ...] = (
    (validation, "validate_report"),
    (reports, "keep_names"),
    (transcripts, "keep_names"),
    (publish, "tidy"),
    (Cursor, "keep"),
    (clickhouse_client, "open_embedded"),
    (clickhouse_client, "open_server"),
    # `insert` turns rows into columns.
    *((ClickHouse, name) for name in vars(ClickHouse) if name.startswith(("rows", "command", "insert_"))),
)


def run() -> None:
    """Take the two descriptors off the command line and run the rest of it."""
    tell, hear = int(sys.argv.pop(1)), int(sys.argv.pop(1))

    def stop_at(point: str) -> None:
        os.write(tell, point.encode() + b"\n")
        os.read(hear, 1)

    publish.LOGGED_AT_ONCE = int(os.environ.get("LOGGED_AT_ONCE", publish.LOGGED_AT_ONCE))
    for owner, name in STEPS:
        setattr(owner, name, _stopping(getattr(owner, name), stop_at))
    main()


def _stopping(step: Callable[..., Any], stop_at: Callable[[str], None]) -> Callable[..., Any]:
    def stopped(*arguments: Any, **named: Any) -> Any:
        first = next((value for value in arguments if isinstance(value, str)), "")
        name = " ".join(f"{step.__name__.removesuffix('_columns')} {first}".split())[:70]
        stop_at(f"before {name}")
        result = step(*arguments, **named)
        stop_at(f"after {name}")
        return result

    return stopped


if __name__ == "__main__":
    run()
