"""What each warehouse held when it was last written to, kept outside: what is lost leaves no trace in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from ccusage_import.config.warehouse_url import Warehouse
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.files import write_private_file


@dataclass(frozen=True, slots=True)
class Known:
    """What a warehouse held when it was last written to.

    Attributes:
        loads: rows in `loads`; 0 for a server, where others write too.
        changes: rows in `changes`; likewise.
        machines: the newest finished load of each machine; for a server of those that were written from here.
    """

    loads: int = 0
    changes: int = 0
    machines: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KnownWarehouses:
    """The file outside of all warehouses: what each held when it was last written to."""

    file: Path

    def of(self, place: Warehouse) -> Known | None:
        """Return what is known of a warehouse.

        Raises:
            ConfigurationError: the file cannot be read.
        """
        return self._read().get(str(place))

    def keep(self, place: Warehouse, known: Known | None) -> None:
        """Write down what a warehouse holds, or forget it.

        Raises:
            ConfigurationError: the file cannot be read or written.
        """
        kept = self._read()
        if kept.get(str(place)) == known:
            return
        others = {name: other for name, other in kept.items() if name != str(place)}
        changed = {**others, str(place): known} if known else others
        write_private_file(self.file, _known_adapter().dump_json(changed, indent=1).decode() + "\n")

    def _read(self) -> dict[str, Known]:
        try:
            return _known_adapter().validate_json(self.file.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValidationError):
            raise ConfigurationError(
                f"{self.file}: cannot be read", hint="move the file away; the next import writes a new one"
            ) from None


@cache
def _known_adapter() -> TypeAdapter[dict[str, Known]]:
    return TypeAdapter(dict[str, Known])
