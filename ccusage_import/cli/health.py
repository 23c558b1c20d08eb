"""Commands that tell whether imports work: check, status and logs."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from ccusage_import.checks.checklist import all_checks
from ccusage_import.checks.result import Health
from ccusage_import.checks.status import State, read_status
from ccusage_import.cli import health_tables as ui_health
from ccusage_import.cli.options import (
    AsJson,
    CcusageCommand,
    ClaudeDirs,
    ConfigFile,
    Quiet,
    Verbose,
    WarehouseUrl,
    configured,
    door,
)
from ccusage_import.exceptions import ExitCode
from ccusage_import.logger import read_last_run


def check(
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    claude_dir: ClaudeDirs = None,
    ccusage: CcusageCommand = None,
    wait: Annotated[float, typer.Option(metavar="SECONDS", min=0, help="How long a server may take to come up.")] = 0,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Find out whether the next import can work.

    Exit code 6 when something fails.
    """
    flags = {"warehouse": warehouse, "claude_dirs": tuple(claude_dir) if claude_dir else None, "ccusage": ccusage}
    with door(verbose, quiet=quiet, as_json=as_json):
        checks = list(all_checks(configured(flags, config), os.environ, wait_seconds=wait))
        failing = [found for found in checks if found.health is Health.FAIL]
        if not quiet or failing:
            ui_health.print_checks(failing if quiet else checks, as_json=as_json)
        if failing:
            raise typer.Exit(ExitCode.UNHEALTHY)


def status(
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    machine: Annotated[str, typer.Option(metavar="NAME", help="Another machine of the same warehouse.")] = "",
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Tell how imports are going, for monitoring.

    Exit code 6 when the last one failed, or none succeeded for too long.
    """
    with door(verbose, quiet=quiet, as_json=as_json):
        found = read_status(configured({"warehouse": warehouse}, config), machine)
        if as_json or not quiet:
            ui_health.print_status(found, as_json=as_json)
        if found.state is not State.OK:
            raise typer.Exit(ExitCode.UNHEALTHY)


def logs(
    config: ConfigFile = None,
    path: Annotated[bool, typer.Option("--path", help="Print the path of the log file and nothing else.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the path of the log file and the lines of the last import."""
    with door(0, quiet=False, as_json=as_json):
        file = configured({}, config).log_file
        if path or not as_json:
            print(file)
        if not path:
            ui_health.print_log(read_last_run(file), as_json=as_json)
