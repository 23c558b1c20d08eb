"""Run the programs of a scheduler, and write its files."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ccusage_import.config.environment import child_environment
from ccusage_import.exceptions import ScheduleError
from ccusage_import.files import make_private_directory, reason_of, replace_file
from ccusage_import.processes import Finished

_TIMEOUT_SECONDS = 60
_OTHER_HINT = "choose another scheduler: --scheduler NAME"


def run_tool(argv: tuple[str, ...], environ: Mapping[str, str], *, stdin: bytes = b"") -> Finished:
    """Run a program of the scheduler to its end and return what it left, whatever its exit code.

    Raises:
        ScheduleError: it is not there, cannot be started, or does not end.
    """
    program = shutil.which(argv[0], path=environ.get("PATH", ""))
    if program is None:
        raise ScheduleError(f"{argv[0]} is not on PATH", hint=_OTHER_HINT)
    try:
        done = subprocess.run(  # noqa: S603
            [program, *argv[1:]],
            input=stdin,
            capture_output=True,
            env={**child_environment(environ), "LC_ALL": "C"},
            timeout=_TIMEOUT_SECONDS,
            start_new_session=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ScheduleError(
            f"{' '.join(argv)}: did not end within {_TIMEOUT_SECONDS} seconds", hint=_OTHER_HINT
        ) from None
    except OSError as error:
        raise ScheduleError(f"{argv[0]} cannot be started: {error.strerror}", hint=_OTHER_HINT) from None
    return Finished(done.returncode, done.stdout, done.stderr)


def demand(argv: tuple[str, ...], environ: Mapping[str, str], *, hint: str, stdin: bytes = b"") -> None:
    """Run a program of the scheduler that has to end well.

    Raises:
        ScheduleError: it failed; the message holds what it said.
    """
    done = run_tool(argv, environ, stdin=stdin)
    if done.exit_code != 0:
        raise failure(argv, done, hint)


def failure(argv: tuple[str, ...], done: Finished, hint: str) -> ScheduleError:
    """Return the error of a program that failed."""
    said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
    reason = said[-1] if said else "no reason given"
    return ScheduleError(
        f"`{' '.join(argv)}` failed with exit code {done.exit_code}: {reason}", details=tuple(said[:-1]), hint=hint
    )


def write_file(file: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write a file, atomically; its directory is made where it is missing.

    Raises:
        ScheduleError: the directory cannot be written.
    """
    try:
        make_private_directory(file.parent)
        replace_file(file, content, mode=mode)
    except OSError as error:
        raise ScheduleError(f"{file}: {error.strerror}", hint="make the directory writable") from None


def read_unit(file: Path) -> str | None:
    """Return the text of a unit file, or None where there is none.

    Raises:
        ScheduleError: it is there and cannot be read.
    """
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ScheduleError(f"{file}: {reason_of(error)}", hint="ccusage-import schedule install") from None
