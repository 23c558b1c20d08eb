"""Checks of the files that this program keeps: whether they can be read, and who else can see them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from ccusage_import.checks.result import Check, failed, ok, warn
from ccusage_import.config.kept.names import read_names
from ccusage_import.config.settings import Configuration
from ccusage_import.config.warehouse_url import EmbeddedWarehouse
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.transcripts.cursor import look_whether_usable
from ccusage_import.warehouse.opening import cursor_file

OTHERS = 0o077


def check_names(configuration: Configuration) -> Iterator[Check]:
    """Report a map of names that no import gets past."""
    try:
        read_names(configuration.directories.names_file)
    except ConfigurationError as error:
        yield failed("names", error)


def check_cursor(configuration: Configuration) -> Iterator[Check]:
    """Report a place where how far transcripts are read cannot be written down."""
    if configuration.settings.transcripts:
        try:
            look_whether_usable(cursor_file(configuration))
        except ConfigurationError as error:
            yield failed("cursor", error)


def check_permissions(configuration: Configuration) -> Iterator[Check]:
    """Look at the mode of every directory of this program, and of files that no private directory keeps."""
    directories, settings = configuration.directories, configuration.settings
    places = [directories.config, directories.data, directories.state, directories.log, directories.raw]
    warehouse = settings.parsed_warehouse()
    if isinstance(warehouse, EmbeddedWarehouse):
        places.append(warehouse.path)
    files = [configuration.file, directories.identity_file, directories.names_file, configuration.log_file]
    if settings.password_file:
        files.append(settings.password_file)
    wide = [place for place in dict.fromkeys(places) if _is_wide(place)]
    wide_files = [file for file in dict.fromkeys(files) if _is_wide(file) and _is_wide(file.parent)]
    if not (wide or wide_files):
        yield ok("permissions", "only you can read what is kept here")
        return
    commands = [
        shlex.join(["chmod", mode, *map(str, found)]) for mode, found in (("700", wide), ("600", wide_files)) if found
    ]
    names = ", ".join(map(str, (*wide, *wide_files)))
    yield warn("permissions", f"others can look into {names}", " && ".join(commands))


def _is_wide(place: Path) -> bool:
    try:
        return bool(place.stat().st_mode & OTHERS)
    except OSError:
        return False
