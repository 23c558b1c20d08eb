"""When the warehouse was last copied elsewhere: pushed to a server, or backed up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from loguru import logger
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from ccusage_import.config.settings import Configuration
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.files import write_private_file


@dataclass(frozen=True, slots=True)
class Copies:
    """The last push and the newest backup of a warehouse, as far as they were made from here; instants are UTC.

    `unpushed_since` is when the first of the pushes failed that imports tried since the last one that went well.
    """

    pushed_at: datetime | None = None
    unpushed_since: datetime | None = None
    backed_up_at: datetime | None = None
    backup: str = ""


_ALL = TypeAdapter(dict[str, Copies])


def last_copies(configuration: Configuration) -> Copies:
    """Return what is known of the configured warehouse; a backup that is not there any more is none."""
    copies = _known(configuration)
    if copies.backup and not Path(copies.backup).exists():
        return replace(copies, backed_up_at=None, backup="")
    return copies


def note_push(configuration: Configuration) -> None:
    """Note that the configured warehouse was pushed just now."""
    known = _known(configuration)
    _keep(configuration, replace(known, pushed_at=datetime.now(UTC), unpushed_since=None))


def note_failed_push(configuration: Configuration) -> None:
    """Note that the configured warehouse could not be pushed, unless the push before could not be made either."""
    known = _known(configuration)
    if known.unpushed_since is None:
        _keep(configuration, replace(known, unpushed_since=datetime.now(UTC)))


def note_backup(configuration: Configuration, directory: Path) -> None:
    """Note that the configured warehouse was backed up just now."""
    known = _known(configuration)
    _keep(configuration, replace(known, backed_up_at=datetime.now(UTC), backup=str(directory.absolute())))


def _known(configuration: Configuration) -> Copies:
    return _read(_file(configuration)).get(_warehouse(configuration), Copies())


def _keep(configuration: Configuration, copies: Copies) -> None:
    """Note them. The copy is made: that this fails ends nothing, and the last copy looks older than it is."""
    file = _file(configuration)
    known = _read(file) | {_warehouse(configuration): copies}
    try:
        write_private_file(file, _ALL.dump_json(known, indent=1).decode() + "\n")
    except (ConfigurationError, PydanticSerializationError) as error:
        # JSON holds no path that is not UTF-8.
        reason = str(error) if isinstance(error, ConfigurationError) else "its path is not UTF-8"
        logger.bind(reason=reason).warning("the time of a copy could not be written down")


def _read(file: Path) -> dict[str, Copies]:
    try:
        return _ALL.validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return {}


def _file(configuration: Configuration) -> Path:
    return configuration.directories.state / "copies.json"


def _warehouse(configuration: Configuration) -> str:
    return str(configuration.settings.parsed_warehouse())
