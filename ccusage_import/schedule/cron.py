"""cron: one marked block in the user's crontab. Everything else in it stays as it is, byte for byte."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ccusage_import.exceptions import ScheduleError
from ccusage_import.files import make_private_directory, replace_file
from ccusage_import.schedule.model import NOTE, InstalledSchedule, Schedule, SchedulerState, Timing, split_command
from ccusage_import.schedule.tools import demand, failure, run_tool

BEGIN = b"# >>> ccusage-import >>>"
END = b"# <<< ccusage-import <<<"
LONGEST_COMMAND = 998
_LIST = ("crontab", "-l")
_REPLACE = ("crontab", "-")
_DELETE = ("crontab", "-r")
_CRONTAB_HINT = "see what crontab says; nothing was changed"
_PID_FILE = Path("/run/crond.pid")
_CRONTAB = "the crontab of this user"


@dataclass(frozen=True, slots=True)
class Cron:
    """The crontab of the user; `backup_dir` keeps a copy of each one that was replaced."""

    environ: Mapping[str, str]
    backup_dir: Path
    name: str = "cron"

    def is_usable(self) -> bool:
        """Return whether there is a `crontab` program."""
        return shutil.which("crontab", path=self.environ.get("PATH", "")) is not None

    def files(self, schedule: Schedule) -> dict[str, str]:
        """Return the block."""
        return {_CRONTAB: block(schedule).decode()}

    def commands(self, schedule: Schedule) -> list[tuple[str, ...]]:  # noqa: ARG002 - systemd looks at it
        """Return the command that reads the new crontab from its input."""
        return [_REPLACE]

    def install(self, schedule: Schedule) -> None:
        """Put the block where it was, or at the end."""
        self._replace(block(schedule))

    def remove(self) -> bool:
        """Take the block out; a crontab that held nothing else is deleted."""
        return self._replace(b"") if self.is_usable() else False

    def read(self) -> InstalledSchedule | None:
        """Read the block back."""
        if not self.is_usable():
            return None
        _, found, _ = split(self._crontab())
        text = found.decode("utf-8", "replace")
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        if not lines:
            return None
        return _installed(self.name, lines[0], text)

    def state(self, installed: InstalledSchedule) -> SchedulerState:
        """Return what cron lets a user know: it keeps no record of runs; only the next start is known."""
        facts = {"daemon": "running" if _daemon_runs() else f"not seen: no process in {_PID_FILE}"}
        return SchedulerState(is_active=True, facts=facts | installed.next_run())

    def hints(self, schedule: Schedule) -> list[str]:  # noqa: ARG002 - the other schedulers look at it
        """Say what cron does not do."""
        hints = ["cron passes over what it misses while the computer sleeps; the next import catches up"]
        if not _daemon_runs():
            hints.append("no cron daemon runs here, and without one nothing starts")
        return hints

    def _crontab(self) -> bytes:
        done = run_tool(_LIST, self.environ)
        if done.exit_code == 0:
            return done.stdout
        # A user who may not use crontab has none to read; one who wants one finds out when it is written.
        if b"no crontab for" in done.stderr or b"not allowed" in done.stderr:
            return b""
        raise failure(_LIST, done, _CRONTAB_HINT)

    def _replace(self, new: bytes) -> bool:
        old = self._crontab()
        before, _, after = split(old)
        if before and not before.endswith(b"\n"):
            before += b"\n"
        wanted = before + new + after
        if wanted == old:
            return False
        if old:
            self._keep(old)
        if wanted:
            demand(_REPLACE, self.environ, stdin=wanted, hint=_CRONTAB_HINT)
        else:
            demand(_DELETE, self.environ, hint=_CRONTAB_HINT)
        return True

    def _keep(self, crontab: bytes) -> None:
        file = self.backup_dir / f"crontab-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"
        try:
            make_private_directory(self.backup_dir)
            replace_file(file, crontab)
        except OSError as error:
            raise ScheduleError(
                f"{file}: {error.strerror}", hint="make room for a copy of your crontab; it was not changed"
            ) from None


def split(crontab: bytes) -> tuple[bytes, bytes, bytes]:
    """Return what is before the block, the block with its marks, and what is behind it.

    Raises:
        ScheduleError: a mark is missing, or there are too many.
    """
    lines = crontab.splitlines(keepends=True)
    marks = [(index, line.strip()) for index, line in enumerate(lines) if line.strip() in (BEGIN, END)]
    if not marks:
        return crontab, b"", b""
    if [mark for _, mark in marks] != [BEGIN, END]:
        raise ScheduleError(
            "crontab: the marks of the ccusage-import block do not match, so nothing was changed",
            details=tuple(f"line {index + 1}: {mark.decode()}" for index, mark in marks),
            hint=f"crontab -e: delete the block and both of its marks, {BEGIN.decode()} and {END.decode()}",
        )
    (first, _), (last, _) = marks
    return b"".join(lines[:first]), b"".join(lines[first : last + 1]), b"".join(lines[last + 1 :])


def block(schedule: Schedule) -> bytes:
    r"""Return the marked block.

    The line sets its own environment: a variable on a line of its own would hold for the user's other lines as well.

    Raises:
        ScheduleError: it is a service, a path holds a backslash, which crons read differently, or the command is
            too long.
    """
    command = shlex.join(schedule.command)
    if "\\" in command:
        raise ScheduleError("cron: a path with a backslash cannot be written into a crontab", hint="rename it")
    command = command.replace("%", r"\%")
    if len(command.encode()) > LONGEST_COMMAND:
        raise ScheduleError(
            f"cron: the command is {len(command.encode())} bytes long, {LONGEST_COMMAND} are allowed",
            hint="shorten PATH or the paths in it, or choose another scheduler: --scheduler NAME",
        )
    timing = schedule.timing
    if timing is None:
        raise ScheduleError(
            "cron cannot keep a program running",
            hint="to import often: --every 5m; only launchd or a user manager of systemd can keep watch running",
        )
    minutes = ",".join(map(str, timing.minutes))
    fields = f"{minutes} {'*' if timing.is_hourly else ','.join(map(str, timing.hours))} * * *"
    return b"\n".join((BEGIN, NOTE.encode(), f"{fields} {command}".encode(), END, b""))


def _installed(name: str, line: str, text: str) -> InstalledSchedule:
    *fields, command = line.split(maxsplit=1 if line.startswith("@") else 5)
    try:
        argv, environment = split_command(shlex.split(command.replace(r"\%", "%")))
    except ValueError:
        raise ScheduleError(
            "crontab: the line in the ccusage-import block cannot be read", hint="ccusage-import schedule install"
        ) from None
    timing = _timing(fields)
    return InstalledSchedule(name, argv, environment, str(timing or " ".join(fields)), timing, text)


def _timing(fields: list[str]) -> Timing | None:
    match = re.fullmatch(r"(\d+(?:,\d+)*) (\*|\d+(?:,\d+)*) \* \* \*", " ".join(fields))
    if match is None:
        return None
    hours = range(24) if match[2] == "*" else map(int, match[2].split(","))
    return Timing.read(hours, map(int, match[1].split(",")))


def _daemon_runs() -> bool:
    try:
        process = int(_PID_FILE.read_text("ascii"))
        os.kill(process, 0)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True
