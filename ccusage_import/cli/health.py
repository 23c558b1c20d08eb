"""Commands that report whether imports work: check, status and logs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.text import Text

from ccusage_import import ui
from ccusage_import.checks.checklist import all_checks
from ccusage_import.checks.health import HealthReport, health_json, read_health
from ccusage_import.checks.result import Check, Health
from ccusage_import.checks.status import State, Status, read_status
from ccusage_import.cli.options import (
    AsJson,
    CcusageCommand,
    ClaudeDirs,
    ConfigFile,
    OtherMachine,
    Quiet,
    Verbose,
    WarehouseUrl,
    configured,
    door,
)
from ccusage_import.config.kept.watching import WatchState, watch_of
from ccusage_import.days import zoned_moment
from ccusage_import.exceptions import ExitCode
from ccusage_import.logger import read_last_run
from ccusage_import.records import counted, counted_records
from ccusage_import.ui.tables import PlainTable, console, print_wrapped

STYLES = {Health.OK: "green", Health.WARN: "yellow", Health.FAIL: "bold red"}
# Shown in front of what is bound to a message; `run` is that of all lines, and not shown.
HEAD_OF_A_LINE = ("time", "level", "run", "message")


def check(
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    claude_dir: ClaudeDirs = None,
    ccusage: CcusageCommand = None,
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="How long to wait for a server to come up.")
    ] = 0,
    verbose: Verbose = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only what fails.")] = False,
    as_json: AsJson = False,
) -> None:
    """Find out whether the next import can work.

    Exit code 6 when something fails.
    """
    flags = {"warehouse": warehouse, "claude_dirs": claude_dir or None, "ccusage": ccusage}
    with door(verbose, quiet=quiet, as_json=as_json):
        checks = list(all_checks(configured(flags, config), os.environ, wait_seconds=wait))
        failing = [found for found in checks if found.health is Health.FAIL]
        shown = failing if quiet and not as_json else checks
        if shown:
            with ui.prints_what_is_found():
                print_checks(shown, as_json=as_json)
        if failing:
            raise typer.Exit(ExitCode.UNHEALTHY)


def print_checks(checks: Sequence[Check], *, as_json: bool) -> None:
    """Print one line a check, and below it what to do where it is not good."""
    if as_json:
        worst = max((check.health for check in checks), key=list(Health).index, default=Health.OK)
        ui.print_json({"health": worst, "checks": [asdict(check) for check in checks]})
        return
    table = PlainTable(("", "check", "found"), texts=("check", "found"), wraps=("check", "found"))
    for check in checks:
        found = Text(check.found)
        if check.hint:
            found.append(f"\nhint: {check.hint}", style="dim")
        table.add_row(Text(check.health, style=STYLES[check.health]), check.name, found)
    console().print(table)


def status(
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    machine: OtherMachine = "",
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Show how imports are going, for monitoring.

    Exit code 6 when the last one failed or is too old, or when something else is wrong.
    """
    with door(verbose, quiet=quiet, as_json=as_json):
        configuration = configured({"warehouse": warehouse}, config)
        # Before it lends the warehouse to this command.
        watch = watch_of(configuration)
        found = read_status(configuration, machine or None)
        health = read_health(configuration, os.environ, found, watch)
        with ui.prints_what_is_found():
            if as_json:
                ui.print_json(status_json(found, health))
            elif not quiet:
                print_status(found, health, configuration.settings.timezone)
        if not health.is_healthy:
            raise typer.Exit(ExitCode.UNHEALTHY)


def status_json(status: Status, health: HealthReport) -> dict[str, Any]:
    """Return how imports are going, as an object with stable keys."""
    shown = asdict(status)
    del shown["disk_free_bytes"]
    return {**shown, "last_import": _load_json(status), "health": health_json(health)}


def print_status(status: Status, health: HealthReport, timezone: str) -> None:
    """Print how imports are going."""
    table = PlainTable(("what", "found"), texts=("found",), wraps=("found",), has_header=False)
    last = status.last_import
    rows: dict[str, Text | str] = {
        "state": Text(status.state, style="green" if status.state is State.OK else "bold red"),
        "machine": status.machine,
        "warehouse": status.warehouse,
        "last import": f"{zoned_moment(last.started_at, timezone)}, {last.state}" if last else "never",
        "last success": zoned_moment(status.last_success_at, timezone) if status.last_success_at else "never",
        "age": ""
        if status.age_hours is None
        else f"{status.age_hours:.1f} h, stale after {status.stale_after_hours:g} h",
        "held": counted_records(status.held) + (", see ccusage-import held" if status.held else ""),
        "error": last.error if last else "",
        "dated in the future": ", ".join(map(str, status.future_loads)),
        "missing": "\n".join(status.missing),
        **_health_rows(health, timezone),
    }
    for name, value in rows.items():
        if value:
            table.add_row(name, value if isinstance(value, Text) else Text(value))
    console().print(table)


def _health_rows(health: HealthReport, timezone: str) -> dict[str, Text | str]:
    # What imports meet is told above.
    problems = [text for kind, text in health.problems if kind != "imports"]
    return {
        "problems": Text("\n".join(problems), style="bold red"),
        "watch": _watch_row(health.watch, timezone) if health.watch else "",
        "backlog": f"{health.backlog_bytes / 1e6:,.1f} MB of transcripts" if health.backlog_bytes else "",
        "last push": zoned_moment(health.last_push_at, timezone) if health.last_push_at else "",
        "newest backup": zoned_moment(health.newest_backup_at, timezone) if health.newest_backup_at else "",
        "disk": "" if health.disk_free_bytes is None else f"{health.disk_free_bytes / 1e9:,.1f} GB free",
    }


def _watch_row(watch: WatchState, timezone: str) -> str:
    written = zoned_moment(watch.written_at, timezone)
    if not watch.is_running:
        return f"ended {written}" if watch.phase == "ended" else f"was killed after {written}"
    stored = f", last stored {zoned_moment(watch.last_stored_at, timezone)}" if watch.last_stored_at else ""
    behind = f", {watch.behind_seconds:,.0f} s behind" if watch.behind_seconds >= 1 else ""
    return f"{watch.phase}, process {watch.process}, {counted(watch.files, 'transcript')}{stored}{behind}"


def _load_json(status: Status) -> dict[str, Any] | None:
    if status.last_import is None:
        return None
    load = asdict(status.last_import)
    names = ("load_id", "state", "started_at", "finished_at", "ccusage_version", "failed_reports", "error", "facts")
    return {name: load[name] for name in names}


def logs(
    config: ConfigFile = None,
    path: Annotated[bool, typer.Option("--path", help="Print the path of the log file and nothing else.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the log file's path and the lines of the last import."""
    with door(0, quiet=False, as_json=as_json):
        configuration = configured({}, config)
        file = configuration.log_file
        if path and as_json:
            ui.print_json({"path": file})
        elif not as_json:
            print(file)
        if not path:
            print_log(read_last_run(file), configuration.settings.timezone, as_json=as_json)


def print_log(lines: Sequence[dict[str, Any]], timezone: str, *, as_json: bool) -> None:
    """Print log lines: time, level, message and what was bound to it."""
    if as_json:
        ui.print_json(lines)
        return
    if not lines:
        print("nothing is logged yet: ccusage-import import")
    for line in lines:
        bound = " ".join(f"{name}={value}" for name, value in line.items() if name not in HEAD_OF_A_LINE)
        time = _local(str(line.get("time", "")), timezone)
        print_wrapped(f"{time} {line.get('level', ''):<8} {line.get('message', '')} {bound}".rstrip())


def _local(time: str, timezone: str) -> str:
    """Return the time of a log line in a zone, to the second; as it is where it is not one."""
    with suppress(ValueError):
        return f"{datetime.fromisoformat(time).astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M:%S}"
    return time
