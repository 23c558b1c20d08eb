"""The Claude data directories: which are there, and from which day on their transcripts must still be complete."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path

from ccusage_import.config.directories import home_of
from ccusage_import.config.settings import Settings
from ccusage_import.documents import parse_json
from ccusage_import.exceptions import DataDirectoryError
from ccusage_import.names.pseudonyms import Pseudonyms
from ccusage_import.records import Provenance

TRANSCRIPTS = "projects"
# Claude Code deletes transcripts after this many days unless `cleanupPeriodDays` says otherwise.
DEFAULT_CLEANUP_DAYS = 30


@dataclass(frozen=True, slots=True)
class Sources:
    """The data directories that are read, and those that were named but hold no transcripts directory."""

    found: tuple[Path, ...]
    missing: tuple[Path, ...]

    def intact_from(self, now: datetime, zone: tzinfo) -> date:
        """Return the first day whose transcripts cannot have been deleted yet, by the shortest clean-up period.

        Claude Code deletes by age in hours, days begin by the clock of `zone`: where the clock was set back meanwhile,
        the last hour of the period belongs to a later day. Without any directory it goes by Claude Code's default.
        """
        days = min(map(cleanup_period_days, self.found), default=DEFAULT_CLEANUP_DAYS)
        if days >= (now.date() - date.min).days:
            return date.min
        return (now.astimezone(UTC) - timedelta(days=days)).astimezone(zone).date() + timedelta(days=1)

    def warnings(self) -> list[str]:
        """Return warnings about the directories."""
        lines = [f"data directory {path} is missing or has no {TRANSCRIPTS}/" for path in self.missing]
        lines += [
            f"data directory {path} lies below a folder named {TRANSCRIPTS}: ccusage takes its name for every project's"
            for path in self.found
            if TRANSCRIPTS in path.parts
        ]
        return lines


def find_sources(configured: Sequence[Path], environ: Mapping[str, str]) -> Sources:
    """Return the configured directories, or Claude's own places when none is configured.

    Raises:
        DataDirectoryError: none of them holds a transcripts directory.
    """
    places = [path.parent if path.name == TRANSCRIPTS else path for path in configured] or _default_places(environ)
    places = list(dict.fromkeys(places))
    found = tuple(path for path in places if (path / TRANSCRIPTS).is_dir())
    if not found:
        raise DataDirectoryError(
            f"no Claude data directory: no folder `{TRANSCRIPTS}` in {' or '.join(map(str, places))}",
            hint="use Claude Code once, or name its directory: --claude-dir DIR",
        )
    return Sources(found, tuple(path for path in places if path not in found) if configured else ())


def cleanup_period_days(directory: Path) -> int:
    """Return after how many days Claude Code deletes the transcripts of a data directory."""
    try:
        settings = parse_json((directory / "settings.json").read_text("utf-8"))
    except (OSError, ValueError):
        return DEFAULT_CLEANUP_DAYS
    days = settings.get("cleanupPeriodDays") if isinstance(settings, dict) else None
    if isinstance(days, bool) or not isinstance(days, int | float) or not 0 <= days < math.inf:
        return DEFAULT_CLEANUP_DAYS
    return int(days)


def _default_places(environ: Mapping[str, str]) -> list[Path]:
    home = home_of(environ)
    configuration = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    return [configuration / "claude", home / ".claude"]


def provenance_now(
    settings: Settings, ccusage_version: str, directories: Sequence[Path], pseudonyms: Pseudonyms
) -> Provenance:
    """Return what reports are read with now; data directories are given as keyed hashes."""
    digests = tuple(sorted(pseudonyms.always(str(path)) for path in directories))
    return Provenance(ccusage_version, settings.timezone, settings.mode, digests)
