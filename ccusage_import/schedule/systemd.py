"""systemd: a service and a timer of the user's own manager."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ccusage_import.exceptions import ScheduleError
from ccusage_import.schedule.model import NAME, InstalledSchedule, Schedule, SchedulerState, Timing, split_command
from ccusage_import.schedule.tools import demand, home_of, read_unit, run_tool, write_unit

SERVICE = f"{NAME}.service"
TIMER = f"{NAME}.timer"
_CTL = ("systemctl", "--user")
_NOTE = "# Written by `ccusage-import schedule install`, taken out by `ccusage-import schedule remove`."
_RELOAD = (*_CTL, "daemon-reload")
_ENABLE = (*_CTL, "enable", TIMER)
_START = (*_CTL, "restart", TIMER)
_DISABLE = (*_CTL, "disable", "--now", TIMER)
# What needs a capability to set up (ProtectKernelModules, ProtectClock, PrivateDevices and their like) ends a service
# of a user manager before it starts. What needs a mount namespace is passed over where the manager may not make one.
# MemoryDenyWriteExecute would stop the just-in-time compiler of Node.js.
HARDENING = """\
NoNewPrivileges=true
PrivateTmp=true
ProtectSystem=strict
ProtectKernelTunables=true
ProtectControlGroups=true
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=true
RestrictRealtime=true
RestrictSUIDSGID=true
LockPersonality=true
SystemCallArchitectures=native
UMask=0077
"""


@dataclass(frozen=True, slots=True)
class Systemd:
    """The user manager of systemd."""

    environ: Mapping[str, str]
    name: str = "systemd"

    def is_usable(self) -> bool:
        """Return whether a user manager answers."""
        if shutil.which(_CTL[0], path=self.environ.get("PATH", "")) is None:
            return False
        return run_tool((*_CTL, "show-environment"), self.environ).exit_code == 0

    def files(self, schedule: Schedule) -> dict[str, str]:
        """Return service and timer."""
        return {str(self._file(SERVICE)): service(schedule), str(self._file(TIMER)): timer(schedule.timing)}

    def commands(self) -> list[tuple[str, ...]]:
        """Return the commands that make the manager read the units and start the timer."""
        return [_RELOAD, _ENABLE, _START]

    def install(self, schedule: Schedule) -> None:
        """Write both units, enable the timer and start it anew, so that a changed one takes its new time."""
        for path, text in self.files(schedule).items():
            write_unit(Path(path), text)
        for argv in self.commands():
            demand(argv, self.environ, hint="ccusage-import schedule install --scheduler cron")

    def remove(self) -> bool:
        """Stop and disable the timer and delete both units."""
        files = [self._file(SERVICE), self._file(TIMER)]
        if not any(file.exists() for file in files):
            return False
        if self.is_usable():
            demand(_DISABLE, self.environ)
        # Where no manager answers, the link that `enable` made is all there is to undo.
        (self._file("timers.target.wants") / TIMER).unlink(missing_ok=True)
        for file in files:
            file.unlink(missing_ok=True)
        if self.is_usable():
            demand(_RELOAD, self.environ)
        return True

    def read(self) -> InstalledSchedule | None:
        """Read both units back."""
        texts = {file: read_unit(file) for file in (self._file(SERVICE), self._file(TIMER))}
        known = {file: text for file, text in texts.items() if text is not None}
        if not known:
            return None
        text = "\n".join(f"# {file}\n{unit}" for file, unit in known.items())
        argv, environment = _command(text)
        when = _value(text, "OnCalendar")
        timing = _timing(when)
        return InstalledSchedule(self.name, argv, environment, str(timing or when or "no timer"), timing, text)

    def state(self, installed: InstalledSchedule) -> SchedulerState:  # noqa: ARG002 - cron looks at it
        """Ask the manager for the state of the timer and the result of the last run."""
        shown = {**self._show(TIMER), **self._show(SERVICE)}
        facts = {
            "timer": shown.get("ActiveState", ""),
            "next run": shown.get("NextElapseUSecRealtime", ""),
            "last run": shown.get("LastTriggerUSec", ""),
            "last result": shown.get("Result", "") if shown.get("LastTriggerUSec") else "",
        }
        return SchedulerState(facts["timer"] == "active", {name: value for name, value in facts.items() if value})

    def hints(self, schedule: Schedule) -> list[str]:  # noqa: ARG002 - launchd looks at it
        """Say how the timer goes on while nobody is logged in."""
        user = self.environ.get("USER") or home_of(self.environ).name
        if Path("/var/lib/systemd/linger", user).exists():
            return []
        return ["the timer runs while you are logged in; to run always: loginctl enable-linger"]

    def _file(self, name: str) -> Path:
        configured = self.environ.get("XDG_CONFIG_HOME")
        base = Path(configured) if configured else home_of(self.environ) / ".config"
        return base / "systemd" / "user" / name

    def _show(self, unit: str) -> dict[str, str]:
        wanted = {
            TIMER: "ActiveState,NextElapseUSecRealtime,LastTriggerUSec",
            SERVICE: "Result",
        }
        done = run_tool((*_CTL, "show", unit, f"--property={wanted[unit]}"), self.environ)
        lines = done.stdout.decode("utf-8", "replace").splitlines()
        return {name: value for name, _, value in (line.partition("=") for line in lines)}


def service(schedule: Schedule) -> str:
    """Return the service unit."""
    # `env` starts the program: systemd refuses a program of its own with a quote in its path.
    # The colon keeps a dollar sign what it is.
    program, *arguments = map(_quoted, schedule.command)
    writable = "".join(f"ReadWritePaths={_quoted(f'-{path}')}\n" for path in schedule.writable)
    return (
        f"{_NOTE}\n[Unit]\nDescription=Import ccusage reports into ClickHouse\n"
        f"\n[Service]\nType=oneshot\nExecStart=:{program} {' '.join(arguments)}\n"
        f"Nice=10\n{HARDENING}{writable}"
    )


def timer(timing: Timing) -> str:
    """Return the timer unit: what was missed is made up for, and not by all hosts in the same second."""
    hours = "*" if timing.is_hourly else ",".join(f"{hour:02}" for hour in timing.hours)
    minutes = ",".join(f"{minute:02}" for minute in timing.minutes)
    delay_seconds = timing.every_minutes * 5
    return (
        f"{_NOTE}\n[Unit]\nDescription=Import ccusage reports into ClickHouse, {timing}\n"
        f"\n[Timer]\nOnCalendar=*-*-* {hours}:{minutes}:00\nPersistent=true\nRandomizedDelaySec={delay_seconds}s\n"
        "\n[Install]\nWantedBy=timers.target\n"
    )


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def _command(text: str) -> tuple[tuple[str, ...], dict[str, str]]:
    try:
        argv, environment = split_command(shlex.split(_value(text, "ExecStart").removeprefix(":").replace("%%", "%")))
    except ValueError:
        argv, environment = (), {}
    if not argv:
        raise ScheduleError(f"{SERVICE}: ExecStart cannot be read", hint="ccusage-import schedule install")
    return argv, environment


def _value(text: str, name: str) -> str:
    match = re.search(rf"^{name}=(.*)$", text, re.MULTILINE)
    return match[1] if match else ""


def _timing(calendar: str) -> Timing | None:
    match = re.fullmatch(r"\*-\*-\* (\*|\d\d(?:,\d\d)*):(\d\d(?:,\d\d)*):00", calendar)
    if match is None:
        return None
    hours = range(24) if match[1] == "*" else map(int, match[1].split(","))
    return Timing.read(hours, map(int, match[2].split(",")))
