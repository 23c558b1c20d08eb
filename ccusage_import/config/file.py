"""Changes one setting in the TOML file and leaves everything else in it alone: the only home of tomlkit."""

from __future__ import annotations

from collections.abc import MutableMapping
from importlib import import_module
from pathlib import Path
from typing import Any

from ccusage_import.documents import DEEPEST, TOO_DEEP, parse_toml
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.files import reason_of


def changed(file: Path, name: str, value: str) -> str:
    """Return the text of the file with one setting changed; comments and order stay.

    Args:
        file: the TOML file; it may be missing.
        name: of the setting; dots lead into tables, as in `budget.monthly`.
        value: as in TOML; anything that is not a TOML value is a text.

    Raises:
        ConfigurationError: the file cannot be read, or the name leads into something that is not a table.
    """
    toml: Any = import_module("tomlkit")
    try:
        text = file.read_text("utf-8") if file.exists() else ""
        parse_toml(text)
        document = toml.parse(text)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"config file {file}: {reason_of(error)}", hint="correct the file") from None
    *tables, last = name.split(".")
    if len(tables) >= DEEPEST:
        raise ConfigurationError(f"config set: the name is {TOO_DEEP}", hint="config show lists every name")
    place: MutableMapping[str, Any] = document
    for table in tables:
        place = place.setdefault(table, toml.table())
        if not isinstance(place, MutableMapping):
            raise ConfigurationError(f"config set {name}: {table} is not a table", hint="correct the file by hand")
    try:
        place[last] = toml.value(value)
    except toml.exceptions.ParseError:
        place[last] = value
    return str(toml.dumps(document))
