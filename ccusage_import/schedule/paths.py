"""Lasting paths of programs: a scheduled job has no shell, and tomorrow perhaps no npx cache."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ccusage_import.exceptions import ScheduleError
from ccusage_import.schedule.model import NAME, SYSTEM_PATH

# What `npx`, `bunx`, `pnpm dlx`, `uvx` and `pipx run` install for one call, and clean up as they like.
_CACHES = re.compile(
    r"/(_npx|bunx-[^/]+|dlx-[^/]+|pnpm/dlx|uv/(archive|environments|builds)-v\d+|\.cache/pipx|pipx/\.cache)/"
)
_CELLAR = re.compile(r"(?P<prefix>.*)/Cellar/(?P<formula>[^/]+)/[^/]+/(?P<rest>.+)")
_VOLTA = re.compile(r"(?P<home>.*)/tools/image/.+")
_FNM = "fnm_multishells"


def running_program(argv0: str, executable: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the command that starts this program from anywhere.

    The script beside the interpreter, else the one that was typed, else the interpreter with the module. The
    interpreter's own link is kept: resolved, it would lose its virtual environment.

    Raises:
        ScheduleError: the program is in a cache or in the directory of temporary files.
    """
    typed = Path(argv0).absolute()
    candidates = [Path(executable).absolute().parent / NAME, *([typed] if typed.name == NAME else [])]
    program = next((path for path in candidates if os.access(path, os.X_OK)), None)
    command = (str(stable(program)),) if program else (str(stable(Path(executable).absolute())), "-m", "ccusage_import")
    if is_temporary(Path(command[0]), environ):
        raise ScheduleError(
            f"{command[0]} is in a place that will be cleaned up",
            hint="install the program for good, such as with `pipx install` or `uv tool install`, and run that one",
        )
    return command


def job_path(names: Iterable[str], environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the directories of PATH that hold one of the programs, in the order of PATH, and the system's own ones.

    A directory that a version manager makes for one shell, or Homebrew for one version, is replaced by the lasting one;
    a cache and the directory of temporary files are left out.
    """
    entries = [part for part in environ.get("PATH", "").split(os.pathsep) if part.startswith("/")]
    wanted = list(names)
    found = (_holding(entry, wanted, environ) for entry in entries)
    return tuple(dict.fromkeys([*(str(directory) for directory in found if directory), *SYSTEM_PATH]))


def find_on(path: Sequence[str], names: Iterable[str]) -> dict[str, str]:
    """Return where each of the programs is found on a PATH, as far as it is."""
    places = {name: shutil.which(name, path=os.pathsep.join(path)) for name in names}
    return {name: place for name, place in places.items() if place is not None}


def stable(program: Path) -> Path:
    """Return the lasting path of a program: the version manager's or Homebrew's own, where it is in one's reach."""
    if _FNM in program.parts:
        return Path(os.path.realpath(program.parent)) / program.name
    lasting: list[str] = []
    if match := _CELLAR.fullmatch(str(program)):
        prefix, formula, rest = match["prefix"], match["formula"], match["rest"]
        links = (f"{prefix}/bin/{program.name}", f"{prefix}/opt/{formula}/{rest}")
        lasting = [link for link in links if os.path.realpath(link) == os.path.realpath(program)]
    elif match := _VOLTA.fullmatch(str(program)):
        lasting = [f"{match['home']}/bin/{program.name}"]
    return next((Path(path) for path in lasting if os.access(path, os.X_OK)), program)


def is_temporary(program: Path, environ: Mapping[str, str]) -> bool:
    """Return whether a program is in a cache or in the directory of temporary files, also where a link leads there."""
    temporary = os.path.realpath(environ.get("TMPDIR") or "/tmp")  # noqa: S108 - it is left out, not used
    real = os.path.realpath(program)
    if _CACHES.search(str(program)) or _CACHES.search(real):
        return True
    return any(Path(path).is_relative_to(temporary) for path in (program, real))


def _holding(entry: str, names: Sequence[str], environ: Mapping[str, str]) -> Path | None:
    for name in names:
        program = Path(entry) / name
        if os.access(program, os.X_OK) and program.is_file() and not is_temporary(lasting := stable(program), environ):
            return lasting.parent
    return None
