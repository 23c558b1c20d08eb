"""systemd: a service and a timer of the user's own manager."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ccusage_import.config.directories import home_of
from ccusage_import.exceptions import ScheduleError
from ccusage_import.schedule.model import (
    ALWAYS,
    NAME,
    NOTE,
    InstalledSchedule,
    Schedule,
    SchedulerState,
    Timing,
    install_command,
    split_command,
)
from ccusage_import.schedule.tools import demand, read_unit, run_tool, write_file

SERVICE = f"{NAME}.service"
TIMER = f"{NAME}.timer"
_CTL = ("systemctl", "--user")
_RELOAD = (*_CTL, "daemon-reload")
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
# It says itself when it watches, and that it goes on; the first reading of a long history takes its time, and so does
# an import. A configuration that is wrong stays wrong until somebody mends it.
SERVICE_THAT_STAYS = """\
Type=notify
TimeoutStartSec=infinity
WatchdogSec=30min
Restart=on-failure
RestartSec=30
RestartPreventExitStatus=2
KillMode=mixed
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
        """Return service and timer; one that runs all the time has none."""
        units = {str(self._file(SERVICE)): service(schedule)}
        return units | ({str(self._file(TIMER)): timer(schedule.timing)} if schedule.timing else {})

    def commands(self, schedule: Schedule) -> list[tuple[str, ...]]:
        """Return the commands that make the manager read the units and start the timer, or the service itself."""
        if schedule.timing:
            return [_RELOAD, (*_CTL, "enable", TIMER), (*_CTL, "restart", TIMER)]
        # It is ready when it has read what is there, which may take minutes.
        return [_RELOAD, (*_CTL, "enable", SERVICE), (*_CTL, "restart", "--no-block", SERVICE)]

    def install(self, schedule: Schedule) -> None:
        """Write the units, enable the one that starts and start it anew, so that a changed one counts."""
        if (installed := self._readable()) and installed.is_service != (schedule.timing is None):
            self.remove()
        for path, text in self.files(schedule).items():
            write_file(Path(path), text.encode(), mode=0o644)
        by_cron = f"{install_command(schedule.argv, schedule.timing)} --scheduler cron"
        hint = by_cron if schedule.timing else "journalctl --user -u " + NAME
        for argv in self.commands(schedule):
            demand(argv, self.environ, hint=hint)

    def remove(self) -> bool:
        """Stop and disable what starts and delete the units."""
        units = [unit for unit in (TIMER, SERVICE) if self._file(unit).exists()]
        if not units:
            return False
        if self.is_usable():
            demand((*_CTL, "disable", "--now", units[0]), self.environ, hint=f"systemctl --user status {units[0]}")
        # Where no manager answers, the link that `enable` made is all there is to undo.
        for target, unit in (("timers.target.wants", TIMER), ("default.target.wants", SERVICE)):
            (self._file(target) / unit).unlink(missing_ok=True)
            self._file(unit).unlink(missing_ok=True)
        if self.is_usable():
            demand(_RELOAD, self.environ, hint="the units are deleted; systemd reads that at the next login")
        return True

    def read(self) -> InstalledSchedule | None:
        """Read the units back."""
        texts = {file: read_unit(file) for file in (self._file(SERVICE), self._file(TIMER))}
        known = {file: text for file, text in texts.items() if text is not None}
        if not known:
            return None
        text = "\n".join(f"# {file}\n{unit}" for file, unit in known.items())
        argv, environment = _command(text)
        when = _value(text, "OnCalendar")
        timing = _timing(when)
        without = ALWAYS if _value(text, "Type") == "notify" else "no timer"
        return InstalledSchedule(self.name, argv, environment, str(timing or when or without), timing, text)

    def state(self, installed: InstalledSchedule) -> SchedulerState:
        """Ask the manager for the state of what starts and the result of the last run."""
        if installed.is_service:
            return self._service_state()
        shown = {**self._show(SERVICE), **self._show(TIMER)}
        facts = {
            "timer": shown.get("ActiveState", ""),
            "next run": shown.get("NextElapseUSecRealtime", ""),
            "last run": shown.get("LastTriggerUSec", ""),
            "last result": shown.get("Result", "") if shown.get("LastTriggerUSec") else "",
        }
        return SchedulerState(facts["timer"] == "active", {name: value for name, value in facts.items() if value})

    def hints(self, schedule: Schedule) -> list[str]:
        """Say how it goes on while nobody is logged in."""
        user = self.environ.get("USER") or home_of(self.environ).name
        if Path("/var/lib/systemd/linger", user).exists():
            return []
        what = "timer" if schedule.timing else "service"
        return [f"the {what} runs while you are logged in; to run always: loginctl enable-linger"]

    def _readable(self) -> InstalledSchedule | None:
        """Return what is installed; a unit that cannot be read is written anew."""
        with suppress(ScheduleError):
            return self.read()
        return None

    def _service_state(self) -> SchedulerState:
        shown = self._show(SERVICE)
        state = shown.get("ActiveState", "")
        facts = {
            "service": f"{state} ({shown.get('SubState', '')})" if state else "",
            "since": shown.get("ActiveEnterTimestamp", ""),
            "says": shown.get("StatusText", ""),
            "restarts": shown.get("NRestarts", "").removeprefix("0"),
            "last result": shown.get("Result", ""),
        }
        is_active = state in ("active", "activating", "reloading")
        return SchedulerState(is_active, {name: value for name, value in facts.items() if value})

    def _file(self, name: str) -> Path:
        configured = self.environ.get("XDG_CONFIG_HOME")
        base = Path(configured) if configured else home_of(self.environ) / ".config"
        return base / "systemd" / "user" / name

    def _show(self, unit: str) -> dict[str, str]:
        wanted = {
            TIMER: "ActiveState,NextElapseUSecRealtime,LastTriggerUSec",
            SERVICE: "Result,ActiveState,SubState,ActiveEnterTimestamp,StatusText,NRestarts",
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
    start = f"ExecStart=:{program} {' '.join(arguments)}\nNice=10\n{HARDENING}{writable}"
    if schedule.timing:
        head = "[Unit]\nDescription=Import ccusage reports into ClickHouse\n"
        return f"{NOTE}\n{head}\n[Service]\nType=oneshot\n{start}"
    head = "[Unit]\nDescription=Store in ClickHouse what Claude Code writes\nStartLimitIntervalSec=0\n"
    return f"{NOTE}\n{head}\n[Service]\n{SERVICE_THAT_STAYS}{start}\n[Install]\nWantedBy=default.target\n"


def timer(timing: Timing) -> str:
    """Return the timer unit: what was missed is made up for, and not by all hosts in the same second."""
    hours = "*" if timing.is_hourly else ",".join(f"{hour:02}" for hour in timing.hours)
    minutes = ",".join(f"{minute:02}" for minute in timing.minutes)
    delay_seconds = timing.every_minutes * 5
    return (
        f"{NOTE}\n[Unit]\nDescription=Import ccusage reports into ClickHouse, {timing}\n"
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
