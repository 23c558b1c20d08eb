"""What people see of checks, the status and the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.text import Text

from ccusage_import.checks.result import Check, Health
from ccusage_import.checks.status import State, Status
from ccusage_import.cli.plain_table import plain_table
from ccusage_import.masking import printable
from ccusage_import.ui import console, print_json

STYLES = {Health.OK: "green", Health.WARN: "yellow", Health.FAIL: "bold red"}
# Shown in front of the message, not behind it.
HEAD_OF_A_LINE = ("time", "level", "run", "message")


def print_checks(checks: Sequence[Check], *, as_json: bool) -> None:
    """Print one line a check, and below it what to do where it is not good."""
    if as_json:
        worst = max((check.health for check in checks), key=list(Health).index, default=Health.OK)
        print_json({"health": worst, "checks": [asdict(check) for check in checks]})
        return
    table = plain_table("", "check", "found")
    for column in table.columns:
        column.justify = "left"
    for check in checks:
        found = Text(check.found)
        if check.hint:
            found.append(f"\nhint: {check.hint}", style="dim")
        table.add_row(Text(check.health, style=STYLES[check.health]), check.name, found)
    console().print(table)


def print_status(status: Status, *, as_json: bool) -> None:
    """Print how imports are going."""
    if as_json:
        print_json({**asdict(status), "last_import": _load_json(status)})
        return
    table = plain_table("", "")
    table.show_header = False
    for column in table.columns:
        column.justify = "left"
    last = status.last_import
    rows: dict[str, Text | str] = {
        "state": Text(status.state, style="green" if status.state is State.OK else "bold red"),
        "machine": status.machine,
        "warehouse": status.warehouse,
        "last import": f"{last.started_at:%Y-%m-%d %H:%M} UTC, {last.state}" if last else "never",
        "last success": f"{status.last_success_at:%Y-%m-%d %H:%M} UTC" if status.last_success_at else "never",
        "age": ""
        if status.age_hours is None
        else f"{status.age_hours:.1f} h, stale after {status.stale_after_hours:g} h",
        "held": f"{status.held} records" + (", see ccusage-import changes --verdict held" if status.held else ""),
        "error": last.error if last else "",
        "dated in the future": ", ".join(map(str, status.future_loads)),
        "missing": "\n".join(status.missing),
    }
    for name, value in rows.items():
        if value:
            table.add_row(name, value if isinstance(value, Text) else Text(value))
    console().print(table)


def print_log(lines: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """Print log lines: time, level, message and what was bound to it."""
    if as_json:
        print_json(lines)
        return
    for line in lines:
        bound = " ".join(f"{name}={value}" for name, value in line.items() if name not in HEAD_OF_A_LINE)
        time = str(line.get("time", ""))[:19].replace("T", " ")
        print(printable(f"{time} {line.get('level', ''):<8} {line.get('message', '')} {bound}".rstrip()))


def _load_json(status: Status) -> dict[str, Any] | None:
    if status.last_import is None:
        return None
    load = asdict(status.last_import)
    names = ("load_id", "state", "started_at", "finished_at", "ccusage_version", "failed_reports", "error")
    return {name: load[name] for name in names}
