"""The local map that turns pseudonyms back into names; it never leaves this machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ccusage_import.documents import parse_json
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.files import reason_of, write_private_file


def read_names(file: Path) -> dict[str, str]:
    """Return pseudonym to name, as earlier imports on this machine met them.

    Raises:
        ConfigurationError: the file exists and is damaged.
    """
    try:
        names = parse_json(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{file}: {reason_of(error)}", hint="move the file away; the next import writes a new one for what it meets"
        ) from None
    if not isinstance(names, dict):
        raise ConfigurationError(f"{file}: holds no names", hint="move the file away")
    return {str(pseudonym): str(name) for pseudonym, name in names.items()}


def keep_names(file: Path, known: Mapping[str, str], met: Mapping[str, str]) -> None:
    """Add the names this import met to the local map; written only when it grew."""
    if met.keys() - known.keys():
        write_private_file(file, json.dumps({**known, **met}, ensure_ascii=True, indent=0))
