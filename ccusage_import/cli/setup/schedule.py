"""Commands that make the import run by itself, and show whether it will."""

from __future__ import annotations

import os
import shlex
import socket
import sys
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import typer

from ccusage_import import ui
from ccusage_import.cli.options import AsJson, ConfigFile, EnvFile, Quiet, configured, door
from ccusage_import.cli.setup.hook import install_hook, remove_hook
from ccusage_import.config.directories import Directories
from ccusage_import.exceptions import ExitCode, ScheduleError
from ccusage_import.masking import MASK
from ccusage_import.schedule import schedulers
from ccusage_import.schedule.claude_settings import hooked_settings
from ccusage_import.schedule.hook import main as start_hook
from ccusage_import.schedule.model import (
    IMPORT,
    WATCH,
    InstalledSchedule,
    Schedule,
    Scheduler,
    SchedulerState,
    daily_at,
    every,
)
from ccusage_import.schedule.paths import running_program

schedule_app = typer.Typer(
    help="Run the import by itself: launchd, systemd or cron.",
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
)
SchedulerName = Literal["auto", "launchd", "systemd", "cron"]
HOOKED = "hook in {}: Claude Code starts it after each answer and session"
NOT_INSTALLED = "not installed; ccusage-import schedule install"


@schedule_app.command("install")
def schedule_install(
    config: ConfigFile = None,
    interval: Annotated[
        str | None,
        typer.Option(
            "--every",
            metavar="INTERVAL",
            help="How often: 5m, 15m, 30m, 1h, 2h, 3h, 4h, 6h, 8h, 12h or 1d; by default 1h.",
        ),
    ] = None,
    at: Annotated[str | None, typer.Option(metavar="HH:MM", help="Once a day at this local time.")] = None,
    scheduler: Annotated[
        SchedulerName,
        typer.Option(metavar="NAME", help="launchd, systemd or cron; auto picks what this machine has."),
    ] = "auto",
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Keep `watch` running as a service, which imports too; not with cron."),
    ] = False,
    hook: Annotated[
        bool,
        typer.Option(
            "--hook", help="Let Claude Code start the import after each answer and session, by a hook in its settings."
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be written and run.")] = False,
    quiet: Quiet = False,
) -> None:
    """Install the scheduled import, and replace an earlier one.

    Settings from environment variables are kept for it in a file that only you can read.
    """
    with door(0, quiet=quiet, as_json=False):
        if hook:
            if interval or at or watch or scheduler != "auto":
                raise ScheduleError(
                    "--hook: Claude Code says when it starts",
                    hint="leave out the other options",
                )
            install_hook(config, dry_run=dry_run, quiet=quiet)
            return
        if interval and at:
            raise ScheduleError("--every and --at exclude each other", hint="give one of them")
        if watch and at:
            raise ScheduleError("--watch: takes an interval, not a time of day", hint="such as --every 1h")
        configuration = configured({}, config)
        if watch:
            configuration.settings.demand_transcripts()
        program = running_program(sys.argv[0], sys.executable, os.environ)
        timing = daily_at(at) if at else every(interval or "1h", socket.gethostname() + program[0])
        job = schedulers.plan(
            configuration,
            os.environ,
            program,
            None if watch else timing,
            config,
            words=(*WATCH, interval or "1h") if watch else IMPORT,
        )
        known = schedulers.all_schedulers(configuration.directories, os.environ)
        chosen = schedulers.choose(scheduler, known, sys.platform)
        if dry_run:
            _print_plan(chosen, job)
            return
        schedulers.install(chosen, job, known)
        if not quiet:
            _print_installed(chosen, job)


@schedule_app.command("status")
def schedule_status(as_json: AsJson = False) -> None:
    """Show whether the import is scheduled and can start.

    Exit code 6 when it is not and Claude Code has no hook for it either.
    """
    with door(0, quiet=False, as_json=as_json):
        directories = Directories.of_platform()
        installed = schedulers.installed_schedule(directories, os.environ)
        hooked = hooked_settings(os.environ, directories.state)
        if installed is None:
            if as_json:
                ui.print_json({"installed": False, "hook": hooked})
            else:
                print(HOOKED.format(hooked) if hooked else NOT_INSTALLED)
            raise typer.Exit(ExitCode.OK if hooked else ExitCode.UNHEALTHY)
        state = schedulers.all_schedulers(directories, os.environ)[installed.scheduler].state(installed)
        if as_json:
            ui.print_json({**_status_json(installed, state), "hook": hooked})
        else:
            _print_status(installed, state)
            if hooked:
                print(HOOKED.format(hooked))
        if installed.missing_paths or not state.is_active:
            raise typer.Exit(ExitCode.UNHEALTHY)


@schedule_app.command("show")
def schedule_show() -> None:
    """Print the installed unit as it is.

    Exit code 6 when there is none.
    """
    with door(0, quiet=False, as_json=False):
        installed = schedulers.installed_schedule(Directories.of_platform(), os.environ)
        if installed is None:
            print(NOT_INSTALLED, file=sys.stderr)
            raise typer.Exit(ExitCode.UNHEALTHY)
        print(installed.text, end="")


@schedule_app.command("remove")
def schedule_remove(
    hook: Annotated[bool, typer.Option("--hook", help="Remove the hook from Claude Code's settings instead.")] = False,
    quiet: Quiet = False,
) -> None:
    """Remove the scheduled import, and nothing else."""
    with door(0, quiet=quiet, as_json=False):
        if hook:
            remove_hook(quiet=quiet)
            return
        directories = Directories.of_platform()
        removed = schedulers.remove(schedulers.all_schedulers(directories, os.environ), directories)
        if not quiet:
            print(f"removed from {' and '.join(removed)}" if removed else "nothing was installed")


@schedule_app.command("hook")
def schedule_hook(
    config: ConfigFile = None,
    env_file: EnvFile = None,
) -> None:
    """Import in the background: what Claude Code's hook runs.

    At most once a minute, and it prints nothing.
    """
    given = {"--config": config, "--env-file": env_file}
    start_hook([word for name, value in given.items() if value for word in (name, str(value))])


def _print_plan(chosen: Scheduler, job: Schedule) -> None:
    files: Mapping[str, str] = chosen.files(job)
    if job.variables:
        masked = "".join(f"{name}={MASK}\n" for name in job.variables)
        files = {f"{job.variables_file} (mode 0600)": masked, **files}
    for path, text in files.items():
        print(f"would write {path}:\n{text}")
    for argv in chosen.commands(job):
        print(f"would run: {shlex.join(argv)}")


def _print_installed(chosen: Scheduler, job: Schedule) -> None:
    print(f"installed in {chosen.name}, {job.when}:")
    for path in [*chosen.files(job), *([str(job.variables_file)] if job.variables else [])]:
        print(f"  {path}")
    installed = chosen.read()
    facts = chosen.state(installed).facts if installed else {}
    if "next run" in facts:
        print(f"next run {facts['next run']}")
    for hint in [*chosen.hints(job), "ccusage-import check shows whether the next import can work"]:
        print(f"hint: {hint}")


def _status_json(installed: InstalledSchedule, state: SchedulerState) -> dict[str, Any]:
    return {
        "installed": True,
        "scheduler": installed.scheduler,
        "when": installed.when,
        "argv": list(installed.argv),
        "environment": installed.environment,
        "missing_paths": list(installed.missing_paths),
        "active": state.is_active,
        "facts": state.facts,
    }


def _print_status(installed: InstalledSchedule, state: SchedulerState) -> None:
    print(f"installed in {installed.description}")
    print(f"command: {shlex.join(installed.argv)}")
    print(f"PATH: {installed.environment.get('PATH', '')}")
    for name, fact in state.facts.items():
        print(f"{name}: {fact}")
    for path in installed.missing_paths:
        print(f"missing: {path}")
    if installed.missing_paths:
        print(f"hint: {installed.again}")
    elif not state.is_active:
        print(f"not active: {installed.scheduler} will not start it\nhint: {installed.again}")
