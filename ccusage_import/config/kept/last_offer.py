"""What ccusage showed at the last whole import: nothing in a warehouse says what is not offered any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from ccusage_import.files import write_private_file


@dataclass(frozen=True, slots=True)
class LastOffer:
    """What the days of all agents cost, as ccusage showed them."""

    machine: str
    at: datetime
    agents: tuple[str, ...]
    cost_usd: Decimal


def keep_last_offer(file: Path, offer: LastOffer) -> None:
    """Write it down.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    write_private_file(file, _adapter().dump_json(offer, indent=1).decode() + "\n")


def read_last_offer(file: Path, machine: str) -> LastOffer | None:
    """Return what was written down of a machine; nothing where that cannot be read: the next import writes it anew."""
    try:
        offer = _adapter().validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None
    return offer if offer.machine == machine else None


@cache
def _adapter() -> TypeAdapter[LastOffer]:
    return TypeAdapter(LastOffer)
