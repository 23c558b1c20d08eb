"""What a schedule is, whatever runs it: when, which command, in which environment; and one read back from its unit."""

from __future__ import annotations

import re
import shlex
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from ccusage_import.exceptions import ScheduleError

NAME = "ccusage-import"
NOTE = "# Written by `ccusage-import schedule install`, taken out by `ccusage-import schedule remove`."
ENV = "/usr/bin/env"
SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")
EVERY_MINUTES = {"5m": 5, "15m": 15, "30m": 30}
EVERY_HOURS = {"1h": 1, "2h": 2, "3h": 3, "4h": 4, "6h": 6, "8h": 8, "12h": 12, "1d": 24}
ALWAYS = "all the time"
_NOON = 12
_HOURS = 24
_HOUR = 60
IMPORT = ("import", "--quiet")
# The fourth word is how often it runs the ordinary import.
WATCH = ("watch", "--quiet", "--reports-every")


@dataclass(frozen=True, slots=True)
class Timing:
    """When the job starts, in local time: at `minute` of each of `hours`, or from then on every so many minutes."""

    hours: tuple[int, ...]
    minute: int
    every_minutes: int = _HOUR

    @classmethod
    def read(cls, hours: Iterable[int], minutes: Iterable[int]) -> Timing | None:
        """Return the timing that starts at these minutes of these hours; None where none of ours does."""
        at = tuple(minutes)
        timing = cls(tuple(hours), at[0], _HOUR // len(at))
        return timing if timing.minutes == at else None

    @property
    def minutes(self) -> tuple[int, ...]:
        """The minutes of an hour at which it starts."""
        return tuple(range(self.minute, _HOUR, self.every_minutes))

    @property
    def is_hourly(self) -> bool:
        """Whether it is every hour."""
        return len(self.hours) == _HOURS

    def __str__(self) -> str:
        if self.every_minutes < _HOUR:
            return f"every {self.every_minutes} minutes from minute {self.minute}"
        if self.is_hourly:
            return f"every hour at minute {self.minute}"
        return "daily at " + ", ".join(f"{hour:02}:{self.minute:02}" for hour in self.hours)

    @property
    def options(self) -> tuple[str, ...]:
        """The options of `schedule install` that ask for it."""
        if self.every_minutes < _HOUR:
            return ("--every", f"{self.every_minutes}m")
        if self.is_hourly:
            return ()
        if len(self.hours) > 1:
            return ("--every", f"{_HOURS // len(self.hours)}h")
        return ("--at", f"{self.hours[0]:02}:{self.minute:02}")

    def next_after(self, now: datetime) -> datetime:
        """Return the first start after `now`, in the time zone of `now`."""
        days = (now.replace(second=0, microsecond=0) + timedelta(days=ahead) for ahead in (0, 1))
        times = [(hour, minute) for hour in sorted(self.hours) for minute in self.minutes]
        starts = (day.replace(hour=hour, minute=minute) for day in days for hour, minute in times)
        return next(start for start in starts if start > now)


def every(interval: str, seed: str) -> Timing:
    """Return the timing of an interval such as 15m or 6h.

    The minute follows from `seed`, so that hosts do not all start at once. Noon is one of the hours: a computer that
    is used by day is awake then.

    Raises:
        ScheduleError: it is none of those that divide an hour or a day into equal parts.
    """
    spread = zlib.crc32(seed.encode("utf-8", "replace"))
    if minutes := EVERY_MINUTES.get(interval):
        return Timing(tuple(range(_HOURS)), spread % minutes, minutes)
    hours = EVERY_HOURS.get(interval)
    if hours is None:
        known = ", ".join((*EVERY_MINUTES, *EVERY_HOURS))
        raise ScheduleError(f"--every {interval}: is not an interval", hint=f"use one of {known}")
    return Timing(tuple(range(_NOON % hours, _HOURS, hours)), 1 + spread % 59)


def daily_at(text: str) -> Timing:
    """Return the timing of a time of day such as 09:30.

    Raises:
        ScheduleError: it is not a time of day.
    """
    match = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", text, re.ASCII)
    if match is None:
        raise ScheduleError(f"--at {text}: is not a time of day", hint="use HH:MM, such as 09:30")
    return Timing((int(match[1]),), int(match[2]))


@dataclass(frozen=True, slots=True)
class Schedule:
    """What is to be installed. The variables belong into `variables_file`, and into no unit: they may hold secrets.

    Without a timing it is a service, which runs all the time.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    timing: Timing | None
    writable: tuple[Path, ...]
    log_file: Path
    variables_file: Path
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for text in (*self.argv, *self.environment.values(), *map(str, self.writable)):
            if not text.isprintable():
                raise ScheduleError(f"{text!r} holds a character that no schedule can carry", hint="rename the path")
        if "=" in self.argv[0]:
            raise ScheduleError(
                f"{self.argv[0]}: no scheduler starts a program with `=` in its path", hint="install it elsewhere"
            )

    @property
    def when(self) -> str:
        """When it runs, in words."""
        return str(self.timing or ALWAYS)

    @property
    def command(self) -> tuple[str, ...]:
        """The command line that sets its own environment, for units that are read by others too, as a crontab is."""
        return (ENV, *(f"{name}={value}" for name, value in self.environment.items()), *self.argv)


@dataclass(frozen=True, slots=True)
class InstalledSchedule:
    """A schedule as the installed unit states it; `environment` is all that the unit sets."""

    scheduler: str
    argv: tuple[str, ...]
    environment: dict[str, str]
    when: str
    timing: Timing | None
    text: str

    @property
    def is_service(self) -> bool:
        """Whether it is to run all the time."""
        return self.when == ALWAYS

    @property
    def trial(self) -> tuple[str, ...]:
        """The command that tries an import as the job would, and stores nothing."""
        words = self.argv
        if self.is_service and WATCH[0] in words:
            at = words.index(WATCH[0])
            words = (*words[:at], *IMPORT, *words[at + len(WATCH) + 1 :])
        return (*words, "--dry-run")

    @property
    def again(self) -> str:
        """The command that installs it anew."""
        return install_command(self.argv, self.timing)

    @property
    def description(self) -> str:
        """One line: where it is and when it starts."""
        return f"{self.scheduler}, {self.when}"

    def next_run(self) -> dict[str, str]:
        """Return when it starts next by the clock of this host, as one fact, for schedulers that do not say."""
        if self.timing is None:
            return {}
        return {"next run": f"{self.timing.next_after(datetime.now().astimezone()):%Y-%m-%d %H:%M}"}

    @property
    def missing_paths(self) -> tuple[str, ...]:
        """Paths of the command and directories of its PATH that are not there any more."""
        directories = [part for part in self.environment.get("PATH", "").split(":") if part not in SYSTEM_PATH]
        named = [*(word for word in self.argv if word.startswith("/")), *directories]
        return tuple(path for path in named if not Path(path).exists())


@dataclass(frozen=True, slots=True)
class SchedulerState:
    """What the scheduler itself says of the job: `is_active` is False where it will not start it."""

    is_active: bool
    facts: dict[str, str]


class Scheduler(Protocol):
    """launchd, systemd or cron. All raise `ScheduleError` where the scheduler refuses."""

    @property
    def name(self) -> str:
        """What `--scheduler` calls it."""

    def is_usable(self) -> bool:
        """Return whether this host has the scheduler and this user may use it."""

    def files(self, schedule: Schedule) -> dict[str, str]:
        """Return what `install` writes: text by path, or by what it is where it has no path."""

    def commands(self, schedule: Schedule) -> list[tuple[str, ...]]:
        """Return the commands by which `install` makes the scheduler take the files."""

    def install(self, schedule: Schedule) -> None:
        """Write the files and make the scheduler take them, in place of an earlier schedule."""

    def remove(self) -> bool:
        """Take the schedule out, nothing else; return whether there was one."""

    def read(self) -> InstalledSchedule | None:
        """Read back what is installed."""

    def state(self, installed: InstalledSchedule) -> SchedulerState:
        """Ask the scheduler what it knows of the job."""

    def hints(self, schedule: Schedule) -> list[str]:
        """Return what the user should know or do so that the job runs."""


def install_command(argv: Sequence[str], timing: Timing | None) -> str:
    """Return the command that installs a job with its times and its configuration file."""
    words = [NAME, "schedule", "install", *(timing.options if timing else ())]
    given = dict(pairwise(argv))
    if every := given.get(WATCH[-1]):
        words += ["--watch", "--every", every]
    if config := given.get("--config"):
        words += ["--config", config]
    return shlex.join(words)


def split_command(words: list[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return program with arguments, and environment, of a command line made by `Schedule.command`."""
    environment: dict[str, str] = {}
    rest = words[1:] if words[:1] == [ENV] else words
    while rest and "=" in rest[0]:
        name, _, environment[name] = rest[0].partition("=")
        rest = rest[1:]
    return tuple(rest), environment
