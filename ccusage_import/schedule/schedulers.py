"""All schedulers: choose one, plan the job, install it in place of any other, read back what is installed."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from ccusage_import.config.directories import Directories, home_of
from ccusage_import.config.environment import environment_text, setting_variables
from ccusage_import.config.settings import Configuration
from ccusage_import.config.warehouse_url import EmbeddedWarehouse
from ccusage_import.exceptions import ScheduleError
from ccusage_import.files import make_private_directory, write_private_file
from ccusage_import.schedule.cron import Cron
from ccusage_import.schedule.launchd import Launchd
from ccusage_import.schedule.model import IMPORT, InstalledSchedule, Schedule, Scheduler, Timing
from ccusage_import.schedule.paths import find_on, is_temporary, job_path
from ccusage_import.schedule.systemd import Systemd

AUTO = "auto"
# Beside the configuration, for the settings that the environment has.
VARIABLES = "schedule.env"
# Whatever decides where files are and which certificates count, beside PATH. None of them holds a secret.
CARRIED = (
    "HOME", "TZ", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS",
)  # fmt: skip
RUNNERS = {"ccusage": (), "bunx": (".bun", ".cache"), "npx": (".npm",)}
_PLATFORM_SCHEDULERS = {"darwin": ("launchd",)}


def all_schedulers(directories: Directories, environ: Mapping[str, str]) -> dict[str, Scheduler]:
    """Return every scheduler by its name."""
    known: tuple[Scheduler, ...] = (Launchd(environ, os.getuid()), Systemd(environ), Cron(environ, directories.state))
    return {scheduler.name: scheduler for scheduler in known}


def choose(name: str, schedulers: Mapping[str, Scheduler], platform: str) -> Scheduler:
    """Return the scheduler of that name; for `auto` the first usable one of the platform.

    Raises:
        ScheduleError: it is not usable here, or none is.
    """
    names = _PLATFORM_SCHEDULERS.get(platform, ("systemd", "cron")) if name == AUTO else (name,)
    for each in names:
        if schedulers[each].is_usable():
            return schedulers[each]
    if name == AUTO:
        raise ScheduleError(
            f"no scheduler can be used here: {' and '.join(names)} do not answer", hint="install the package `cron`"
        )
    reasons = {
        "launchd": "there is no launchctl on PATH",
        "systemd": "`systemctl --user show-environment` does not work for this user",
        "cron": "there is no crontab on PATH",
    }
    raise ScheduleError(f"{name} cannot be used here: {reasons[name]}", hint="name another one, or leave it out")


def plan(
    configuration: Configuration,
    environ: Mapping[str, str],
    program: tuple[str, ...],
    timing: Timing | None,
    config_file: Path | None,
    *,
    words: tuple[str, ...] = IMPORT,
    variables_name: str = VARIABLES,
) -> Schedule:
    """Return the job: absolute paths, an environment without secrets, the settings' variables apart.

    `words` say what the program does, `variables_name` which file beside the configuration holds the variables.

    Raises:
        ScheduleError: no program that runs ccusage is installed for good, or a name cannot be carried.
    """
    directories = configuration.directories
    command = shlex.split(configuration.settings.ccusage or "")[:1]
    path = job_path([*command, *RUNNERS, "bun", "node"], environ)
    found = find_on(path, [*command, *RUNNERS])
    _demand_runner(command, found, environ)
    runner = Path(command[0]).name if command else next(name for name in RUNNERS if name in found)
    variables_file = directories.config / variables_name
    variables = setting_variables(environ)
    argv = [*program, *words]
    if config_file is not None:
        argv += ["--config", str(config_file.absolute())]
    if variables:
        argv += ["--env-file", str(variables_file)]
    carried = {name: environ[name] for name in CARRIED if environ.get(name)}
    return Schedule(
        argv=tuple(argv),
        environment={"PATH": os.pathsep.join(path), "HOME": str(home_of(environ)), **carried},
        timing=timing,
        writable=_writable(configuration, home_of(environ), runner),
        log_file=directories.log / "schedule.log",
        variables_file=variables_file,
        variables=variables,
    )


def install(scheduler: Scheduler, schedule: Schedule, schedulers: Mapping[str, Scheduler]) -> None:
    """Install the job and what it needs, and take it out of every other scheduler.

    Raises:
        ScheduleError: the scheduler refuses, or a directory cannot be made.
        ConfigurationError: the environment file cannot be written.
    """
    write_variables(schedule)
    try:
        # systemd keeps the rest of the disk from being written, so they cannot be made later.
        for directory in schedule.writable:
            make_private_directory(directory)
    except OSError as error:
        raise ScheduleError(f"{error.filename}: {error.strerror}", hint="make the directory writable") from None
    scheduler.install(schedule)
    for other in schedulers.values():
        if other.name != scheduler.name:
            other.remove()
    if not schedule.variables:
        schedule.variables_file.unlink(missing_ok=True)


def write_variables(schedule: Schedule) -> None:
    """Write the environment file of a job, where there is something to be written.

    Raises:
        ConfigurationError: it cannot be.
    """
    if schedule.variables:
        write_private_file(schedule.variables_file, environment_text(schedule.variables))


def remove(schedulers: Mapping[str, Scheduler], directories: Directories) -> list[str]:
    """Take the job out of every scheduler, delete its environment file, and return where it was."""
    removed = [scheduler.name for scheduler in schedulers.values() if scheduler.remove()]
    (directories.config / VARIABLES).unlink(missing_ok=True)
    return removed


def installed_schedule(directories: Directories, environ: Mapping[str, str]) -> InstalledSchedule | None:
    """Read back the schedule that is installed, from its unit, whichever scheduler has it.

    Raises:
        ScheduleError: there is a unit that cannot be read.
    """
    found = (scheduler.read() for scheduler in all_schedulers(directories, environ).values())
    return next((installed for installed in found if installed is not None), None)


def _demand_runner(command: list[str], found: Mapping[str, str], environ: Mapping[str, str]) -> None:
    if command and (("/" in command[0] and not Path(command[0]).is_absolute()) or command[0] not in found):
        raise ScheduleError(f"{command[0]} is not on a PATH that a scheduled job can use", hint="use an absolute path")
    if command and is_temporary(Path(found[command[0]]), environ):
        raise ScheduleError(f"{command[0]} is in a place that will be cleaned up", hint="install ccusage for good")
    if not found:
        raise ScheduleError(
            "neither ccusage nor bunx nor npx is on PATH in a place that lasts", hint="npm install -g ccusage"
        )


def _writable(configuration: Configuration, home: Path, runner: str) -> tuple[Path, ...]:
    directories, settings = configuration.directories, configuration.settings
    places = [directories.config, directories.data, directories.state, directories.log]
    warehouse = settings.parsed_warehouse()
    if isinstance(warehouse, EmbeddedWarehouse):
        places.append(warehouse.path.parent)
    if settings.log_file:
        places.append(settings.log_file.parent)
    # A directory of node_exporter is not ours to make.
    if settings.metrics_file and settings.metrics_file.parent.is_dir():
        places.append(settings.metrics_file.parent)
    places += [home / name for name in RUNNERS.get(runner, ())]
    return tuple(dict.fromkeys(places))
