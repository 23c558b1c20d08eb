"""What happens while transcripts are watched, for whoever looks on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ccusage_import.exceptions import FixableError
from ccusage_import.import_summary import FactsSummary, ImportSummary
from ccusage_import.warehouse.clickhouse_client import ClickHouse


@dataclass(frozen=True, slots=True)
class Watching:
    """These directories are watched from now on; with `polls`, by looking at them again and again, for a reason."""

    directories: tuple[Path, ...]
    polls: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """Facts are in the warehouse, so many seconds after they were heard of."""

    facts: FactsSummary
    seconds: float


@dataclass(frozen=True, slots=True)
class Importing:
    """The ordinary import begins; until it ends, nobody gets a turn."""


@dataclass(frozen=True, slots=True)
class Imported:
    """The ordinary import came to its end."""

    summary: ImportSummary


@dataclass(frozen=True, slots=True)
class ImportFailed:
    """The ordinary import did not; it is tried again when it is due."""

    error: FixableError


@dataclass(frozen=True, slots=True)
class Lost:
    """The warehouse, or the cursor, cannot be used: facts wait in the transcripts."""

    error: FixableError


@dataclass(frozen=True, slots=True)
class Regained:
    """It can be used again, after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Warned:
    """Something a person should know."""

    text: str


@dataclass(frozen=True, slots=True)
class Lent:
    """Another process has the warehouse for a while."""


@dataclass(frozen=True, slots=True)
class Reconfigured:
    """The configuration was changed: it begins anew, with what it says now."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing is watched any more."""


Event = Watching | Stored | Importing | Imported | ImportFailed | Lost | Regained | Warned | Lent | Reconfigured | Ended


class Onlooker(Protocol):
    """Hears of events, and gets a turn every second."""

    def hear(self, event: Event) -> None:
        """Something happened."""

    def turn(self, warehouse: ClickHouse | None, files: int, behind_seconds: float) -> None:
        """Time passes.

        Args:
            warehouse: the warehouse, where it can be asked.
            files: how many transcripts there are.
            behind_seconds: for how long a change waits that is not stored yet; 0 where none does.
        """
