"""Who else may write a configuration: whoever can decides what this program runs."""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import stat
from dataclasses import dataclass
from pathlib import Path

from ccusage_import.exceptions import ConfigurationError


@dataclass(frozen=True, slots=True)
class Exposure:
    """A configuration file, and what of it others may write: the file, its directory, or what a link leads to."""

    file: Path
    places: tuple[Path, ...]

    def __str__(self) -> str:
        return f"config file {self.file}: others may write {' and '.join(map(str, self.places))}"

    @property
    def chmod(self) -> str:
        """The command that ends it."""
        return shlex.join(["chmod", "go-w", *map(str, self.places)])

    def refusal(self, setting: str) -> ConfigurationError:
        """Return the error of a setting whose command is not run."""
        return ConfigurationError(f"{self}, so the command `{setting}` in it is not run", hint=self.chmod)


def exposure_of(file: Path) -> Exposure | None:
    """Return how others may write a file or make another one of its name, or None."""
    target = Path(os.path.realpath(file))
    if target == Path(os.devnull):
        # All may write it, and nothing stays in it.
        return None
    places = dict.fromkeys([file, file.parent, target, target.parent])
    exposed = tuple(place for place in places if _is_exposed(place))
    return Exposure(file, exposed) if exposed else None


def _is_exposed(place: Path) -> bool:
    try:
        found = place.stat()
    except OSError:
        return False
    if stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX:
        # Others may add files to it, but not replace one.
        return False
    if found.st_mode & stat.S_IWGRP and not _is_group_of_one(found):
        return True
    return bool(found.st_mode & stat.S_IWOTH)


def _is_group_of_one(found: os.stat_result) -> bool:
    """Return whether a group is that of its owner alone, as Debian and Fedora give one to each user."""
    try:
        owner, group = pwd.getpwuid(found.st_uid), grp.getgrgid(found.st_gid)
    except KeyError:
        return False
    is_own = group.gr_name == owner.pw_name and owner.pw_gid == found.st_gid
    return is_own and not set(group.gr_mem) - {owner.pw_name}
