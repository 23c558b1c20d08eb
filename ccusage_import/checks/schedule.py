"""Checks of the schedule: is there one, do its paths still exist, and does its command run as the scheduler runs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from ccusage_import.checks.result import Check, fail, failed, ok, warn
from ccusage_import.config.settings import Configuration
from ccusage_import.exceptions import ExitCode, ScheduleError
from ccusage_import.processes import in_threads, run_program
from ccusage_import.schedule.claude_settings import hooked_settings
from ccusage_import.schedule.model import InstalledSchedule
from ccusage_import.schedule.schedulers import installed_schedule

NAME = "schedule"
TIMEOUT_SECONDS = 600.0


def check_schedule(configuration: Configuration, environ: Mapping[str, str]) -> Iterator[Check]:
    """Read back what is installed and start its command once as the scheduler would, as a dry run."""
    try:
        installed = installed_schedule(configuration.directories, environ)
    except ScheduleError as error:
        yield failed(NAME, error)
        return
    hooked = hooked_settings(environ, configuration.directories.state)
    if hooked:
        yield ok("hook", f"in {hooked}: Claude Code starts the import after each answer and session")
    if installed is None and hooked:
        return
    if installed is None:
        yield warn(NAME, "not installed: imports run by hand only", "ccusage-import schedule install")
    elif installed.missing_paths:
        yield fail(NAME, f"{installed.description}; gone: {', '.join(installed.missing_paths)}", installed.again)
    else:
        yield ok(NAME, installed.description)
        yield _run(installed, configuration)


def _run(installed: InstalledSchedule, configuration: Configuration) -> Check:
    """Start the command with nothing in its environment but what the unit sets."""
    name = "scheduled command"
    task = partial(
        run_program, installed.trial, installed.environment, configuration.directories.state, TIMEOUT_SECONDS
    )
    try:
        [finished] = in_threads([task], 1)
    except TimeoutError:
        return fail(name, f"did not end within {TIMEOUT_SECONDS:.0f} seconds", "ccusage-import schedule show")
    except OSError as error:
        return fail(name, f"cannot be started: {error.strerror}", installed.again)
    if finished.exit_code == ExitCode.OK:
        return ok(name, "ran as a dry run, with nothing in its environment but what the schedule sets")
    lines = finished.stderr.decode("utf-8", "replace").splitlines() or ["it said nothing"]
    hint = next((line.removeprefix("hint: ") for line in lines if line.startswith("hint: ")), installed.again)
    return fail(name, f"exit code {finished.exit_code} in the scheduler's environment: {lines[0]}", hint)
