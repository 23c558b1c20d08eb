"""Prints again what ccusage printed of equal transcripts: its reports take a third of what an import does.

That holds for the native program that tests installed, where it ended well and read Claude Code's transcripts of one
directory: it looks at names below that directory and at contents, and at the clock only where a block is active.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ccusage_import.processes import Finished

Run = Callable[..., Finished]
MOST = 500
ACTIVE = b'"isActive": true'
# What an answer does not depend on where transcripts and configuration are named.
UNREAD = ("HOME", "PATH", "PWD", "XDG_", "PYTHON", "CLAUDE_CONFIG_DIR", "CCUSAGE_IMPORT_")


def printing_again(run: Run, installed: Path) -> Run:
    """Return what runs programs, but those below a directory only where their answer is not known."""
    printed = dict[tuple[Any, ...], Finished]()

    def run_or_print(
        argv: tuple[str, ...], environ: Mapping[str, str], cwd: Path, *rest: Any, **options: Any
    ) -> Finished:
        question = _question(argv, environ, cwd) if Path(argv[0]).is_relative_to(installed) else None
        key = question and (*question, *options.items())
        if key in printed:
            return printed[key]
        finished = run(argv, environ, cwd, *rest, **options)
        if key and finished.exit_code == 0 and ACTIVE not in finished.stdout and len(printed) < MOST:
            printed[key] = finished
        return finished

    return run_or_print


def _question(argv: tuple[str, ...], environ: Mapping[str, str], cwd: Path) -> tuple[Any, ...] | None:
    """Return all that an answer depends on, where that is known."""
    variables = tuple(sorted(item for item in environ.items() if not item[0].startswith(UNREAD)))
    if argv[1:] == ("--version",):
        return argv, variables
    directory = Path(environ.get("CLAUDE_CONFIG_DIR", ""))
    is_known = argv[1] == "claude" and argv[-2:] == ("--config", str(cwd / "package.json"))
    transcripts = directory / "projects"
    # Below a folder named `projects` it takes names of folders for those of projects.
    if not is_known or not directory.is_absolute() or "projects" in directory.parts or not transcripts.is_dir():
        return None
    digest = hashlib.blake2b()
    for part in _contents(transcripts):
        digest.update(len(part).to_bytes(8, "big") + part)
    return argv[:-1], variables, digest.digest()


def _contents(directory: Path) -> Iterator[bytes]:
    for place, folders, names in os.walk(directory):
        folders.sort()
        yield os.fsencode(os.path.relpath(place, directory))
        for name in sorted(names):
            file = Path(place, name)
            yield os.fsencode(name)
            # It follows no links.
            if stat.S_ISREG(file.lstat().st_mode):
                yield file.read_bytes()
