"""Failed loads that their warehouse could not take, kept on this machine until it can."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from ccusage_import.config.warehouse_url import Warehouse
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.files import reason_of, write_private_file
from ccusage_import.warehouse.tables import Load

# Even a server that is gone for a year needs no longer list than this.
KEPT_LOADS = 1000


@dataclass(frozen=True, slots=True)
class _Meant:
    """The part of a line that is no part of a load: where it failed, without a password; older releases did not say."""

    warehouse: str = ""


@dataclass(frozen=True, slots=True)
class UnrecordedLoads:
    """Those of one warehouse, in a file of one JSON object a line; the caller holds the import lock."""

    file: Path
    warehouse: Warehouse

    def keep(self, load: Load) -> None:
        """Add a load; the oldest are dropped when there are too many.

        Raises:
            ConfigurationError: the directory cannot be written.
        """
        fields = TypeAdapter(Load).dump_python(load, mode="json")
        line = json.dumps({**fields, "warehouse": str(self.warehouse)})
        write_private_file(self.file, "\n".join([*self._lines()[1 - KEPT_LOADS :], line]) + "\n")

    def loads(self) -> list[Load]:
        """Return what was kept; a line that is damaged is passed over."""
        lines = [line for line in self._lines() if self._is_meant(line)]
        if not lines:
            return []
        adapter, loads = TypeAdapter(Load), []
        for line in lines:
            try:
                loads.append(adapter.validate_json(line))
            except ValidationError:
                continue
        return loads

    def forget(self) -> None:
        """Forget them, once the warehouse has them; what is meant for another one stays."""
        lines = self._lines()
        others = [line for line in lines if not self._is_meant(line)]
        if not others:
            self.file.unlink(missing_ok=True)
        elif len(others) < len(lines):
            write_private_file(self.file, "\n".join(others) + "\n")

    def _is_meant(self, line: str) -> bool:
        """Return whether a line is of this warehouse, or may be of any."""
        try:
            return TypeAdapter(_Meant).validate_json(line).warehouse in ("", str(self.warehouse))
        except ValidationError:
            return True

    def _lines(self) -> list[str]:
        try:
            return self.file.read_text("utf-8").splitlines()
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{self.file}: {reason_of(error)}", hint="move the file away") from None
