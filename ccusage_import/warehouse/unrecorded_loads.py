"""Failed loads that no warehouse could take, kept on this machine until one can."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from ccusage_import.exceptions import ConfigurationError
from ccusage_import.files import reason_of, write_private_file
from ccusage_import.warehouse.tables import Load

# Even a server that is gone for a year needs no longer list than this.
KEPT_LOADS = 1000


@dataclass(frozen=True, slots=True)
class UnrecordedLoads:
    """A file of one JSON object a line; the caller holds the import lock."""

    file: Path

    def keep(self, load: Load) -> None:
        """Add a load; the oldest are dropped when there are too many.

        Raises:
            ConfigurationError: the directory cannot be written.
        """
        line = TypeAdapter(Load).dump_json(load).decode()
        write_private_file(self.file, "\n".join([*self._lines()[1 - KEPT_LOADS :], line]) + "\n")

    def loads(self) -> list[Load]:
        """Return what was kept; a line that is damaged is passed over."""
        adapter, loads = TypeAdapter(Load), []
        for line in self._lines():
            try:
                loads.append(adapter.validate_json(line))
            except ValidationError:
                continue
        return loads

    def forget(self) -> None:
        """Forget them all, once a warehouse has them."""
        self.file.unlink(missing_ok=True)

    def _lines(self) -> list[str]:
        try:
            return self.file.read_text("utf-8").splitlines()
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{self.file}: {reason_of(error)}", hint="move the file away") from None
