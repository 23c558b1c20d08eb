"""launchd: an agent of the user's login session on macOS."""

from __future__ import annotations

import plistlib
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from ccusage_import.config.directories import home_of
from ccusage_import.exceptions import ScheduleError
from ccusage_import.files import make_private_directory
from ccusage_import.schedule.model import ALWAYS, NAME, InstalledSchedule, Schedule, SchedulerState, Timing
from ccusage_import.schedule.tools import failure, run_tool, write_file

LABEL = NAME
_GUARDED = ("Desktop", "Documents", "Downloads", "Library/Mobile Documents")
_ATTEMPTS = 10
_PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Launchd:
    """launchd's domain of the user `uid` at the screen."""

    environ: Mapping[str, str]
    uid: int
    name: str = "launchd"

    def is_usable(self) -> bool:
        """Return whether there is a `launchctl`."""
        return shutil.which("launchctl", path=self.environ.get("PATH", "")) is not None

    def files(self, schedule: Schedule) -> dict[str, str]:
        """Return the agent."""
        return {str(self._file): agent(schedule).decode()}

    def commands(self, schedule: Schedule) -> list[tuple[str, ...]]:  # noqa: ARG002 - systemd looks at it
        """Return the commands that unload an earlier agent and load the new one."""
        return [
            self._unload,
            ("launchctl", "enable", self._service),
            ("launchctl", "bootstrap", self._domain, str(self._file)),
        ]

    def install(self, schedule: Schedule) -> None:
        """Write the agent and load it in place of an earlier one."""
        for path, text in self.files(schedule).items():
            write_file(Path(path), text.encode(), mode=0o644)
        try:
            make_private_directory(schedule.log_file.parent)
        except OSError as error:
            raise ScheduleError(f"{schedule.log_file.parent}: {error.strerror}", hint="make it writable") from None
        unload, enable, load = self.commands(schedule)
        run_tool(unload, self.environ)  # fails where none is loaded
        run_tool(enable, self.environ)  # undoes an earlier `launchctl disable`
        # Unloading goes on after bootout has returned; until it is done, bootstrap fails with 5 or 37.
        for attempt in range(_ATTEMPTS):
            done = run_tool(load, self.environ)
            if done.exit_code == 0:
                return
            if attempt < _ATTEMPTS - 1:
                time.sleep(_PAUSE_SECONDS)
        raise failure(load, done, "log in at the Mac's own screen, not over ssh alone, and try again")

    def remove(self) -> bool:
        """Unload the agent and delete its file."""
        if not self._file.exists():
            return False
        if self.is_usable():
            run_tool(self._unload, self.environ)
        self._file.unlink()
        return True

    def read(self) -> InstalledSchedule | None:
        """Read the agent back."""
        try:
            content = self._file.read_bytes()
            parsed = plistlib.loads(content)
            argv = tuple(map(str, parsed["ProgramArguments"]))
            environment = {str(name): str(value) for name, value in parsed.get("EnvironmentVariables", {}).items()}
            timing = _timing(parsed.get("StartCalendarInterval"))
        except FileNotFoundError:
            return None
        except (OSError, plistlib.InvalidFileException, ExpatError, KeyError, TypeError, AttributeError):
            raise ScheduleError(
                f"{self._file}: is not the agent that was installed", hint="ccusage-import schedule install"
            ) from None
        when = str(timing or (ALWAYS if "KeepAlive" in parsed else "at times of its own"))
        return InstalledSchedule(self.name, argv, environment, when, timing, content.decode("utf-8", "replace"))

    def state(self, installed: InstalledSchedule) -> SchedulerState:
        """Ask launchd whether it has the agent, and how its last run ended."""
        done = run_tool(("launchctl", "print", self._service), self.environ)
        if done.exit_code != 0:
            return SchedulerState(is_active=False, facts={"agent": "not loaded"})
        shown = done.stdout.decode("utf-8", "replace")
        facts = {"agent": "loaded"}
        for name in ("state", "runs", "last exit code"):
            if match := re.search(rf"^\s*{name} = (.*)$", shown, re.MULTILINE):
                facts[name] = match[1].strip()
        return SchedulerState(is_active=True, facts=facts | installed.next_run())

    def hints(self, schedule: Schedule) -> list[str]:
        """Warn of folders that macOS guards: an agent is not asked, it is refused."""
        home = home_of(self.environ)
        guarded = [*(home / name for name in _GUARDED), Path("/Volumes")]
        paths = [*(Path(word) for word in schedule.argv if word.startswith("/")), *schedule.writable]
        found = sorted({str(path) for path in paths for folder in guarded if path.is_relative_to(folder)})
        if not found:
            return []
        return [f"macOS lets no agent read {found[0]} without Full Disk Access: move it, or allow {schedule.argv[0]}"]

    @property
    def _domain(self) -> str:
        return f"gui/{self.uid}"

    @property
    def _unload(self) -> tuple[str, ...]:
        return ("launchctl", "bootout", self._service)

    @property
    def _service(self) -> str:
        return f"{self._domain}/{LABEL}"

    @property
    def _file(self) -> Path:
        return home_of(self.environ) / "Library" / "LaunchAgents" / f"{LABEL}.plist"


def agent(schedule: Schedule) -> bytes:
    """Return the agent as a property list.

    A calendar interval that is missed asleep is made up for at waking up, a plain interval is not; `RunAtLoad` makes up
    for what was missed while the Mac was off. A service is started anew when it failed, not when it was ended.
    """
    starts = _starts(schedule.timing) if schedule.timing else {"KeepAlive": {"SuccessfulExit": False}}
    return plistlib.dumps(
        {
            "Label": LABEL,
            "ProgramArguments": list(schedule.argv),
            "EnvironmentVariables": dict(schedule.environment),
            **starts,
            "RunAtLoad": True,
            "ProcessType": "Background",
            "LowPriorityIO": True,
            "Umask": 0o077,
            "StandardErrorPath": str(schedule.log_file),
        },
        sort_keys=False,
    )


def _starts(timing: Timing) -> dict[str, Any]:
    minutes = [{"Minute": minute} for minute in timing.minutes]
    starts = minutes if timing.is_hourly else [{"Hour": hour, **minute} for hour in timing.hours for minute in minutes]
    return {"StartCalendarInterval": starts}


def _timing(starts: Any) -> Timing | None:
    if starts and all(start.keys() == {"Minute"} for start in starts):
        return Timing.read(range(24), (start["Minute"] for start in starts))
    if not starts or any(start.keys() != {"Hour", "Minute"} for start in starts):
        return None
    minutes = {start["Minute"] for start in starts}
    return Timing.read((start["Hour"] for start in starts), minutes) if len(minutes) == 1 else None
