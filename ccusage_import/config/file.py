"""Changes settings in the TOML file and leaves everything else in it alone: the only home of tomlkit."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, MutableMapping
from importlib import import_module
from pathlib import Path
from typing import Any

from ccusage_import.documents import DEEPEST, TOO_DEEP, is_utf8, parse_toml
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.files import reading_hint_of, reason_of, write_private_file

# A limit of something that people name: dots and quotes in between are those of its name, as in "Sonnet 4.5".
_NAMED_LIMIT = re.compile(r"budget\.(projects|models|agents|machines)\.(.+?)(?:\.(daily|monthly))?")


def changed(file: Path, settings: Mapping[str, str | None]) -> str:
    """Return the text of the file with these settings changed; comments and order stay.

    Args:
        file: the TOML file; it may be missing.
        settings: value by name; dots lead into tables, as in `budget.monthly`, but for those in the name of a project
            or a model. A value is as in TOML, anything that is not a TOML value is a text, and None takes the setting
            out.

    Raises:
        ConfigurationError: the file cannot be read, a name or a value is not UTF-8, or a name leads into something
            that is not a table.
    """
    toml: Any = import_module("tomlkit")
    try:
        text = file.read_text("utf-8-sig") if file.exists() else ""
        parse_toml(text)
        document = toml.parse(text)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"config file {file}: {reason_of(error)}", hint=reading_hint_of(error)) from None
    for name, value in settings.items():
        if not is_utf8(f"{name}{value}"):
            raise ConfigurationError(f"config set {name}: is not UTF-8", hint="type it in UTF-8")
        _change(toml, document, name, value)
    return str(toml.dumps(document))


def write_config(file: Path, text: str) -> None:
    """Replace the TOML file; where it is a link, as into a repository of dotfiles, the link stays.

    Raises:
        ConfigurationError: the directory cannot be written.
    """
    write_private_file(Path(os.path.realpath(file)), text)


def as_toml(value: object) -> str:
    """Return the value of a setting as `changed` takes it; a text as it is, and nothing where there is none."""
    toml: Any = import_module("tomlkit")
    if value is None or isinstance(value, str):
        return value or ""
    return str(_inline(toml, value).as_string())


def _inline(toml: Any, value: object) -> Any:
    """Return a value in one line, also where it is a list of tables."""
    if isinstance(value, Mapping):
        table = toml.inline_table()
        table.update({name: _inline(toml, each) for name, each in value.items()})
        return table
    if isinstance(value, list):
        array = toml.array()
        array.extend(_inline(toml, each) for each in value)
        return array
    return toml.item(value)


def _keys(name: str) -> list[str]:
    if found := _NAMED_LIMIT.fullmatch(name):
        scope, whose, period = found.groups()
        return ["budget", scope, whose.removeprefix('"').removesuffix('"'), *([period] if period else [])]
    return name.split(".")


def _change(toml: Any, document: MutableMapping[str, Any], name: str, value: str | None) -> None:
    *tables, last = _keys(name)
    if len(tables) >= DEEPEST:
        raise ConfigurationError(f"config set: the name is {TOO_DEEP}", hint="config show lists every name")
    place = document
    for table in tables:
        is_in_line = isinstance(place, toml.items.InlineTable)
        place = place.setdefault(table, toml.inline_table() if is_in_line else toml.table())
        if not isinstance(place, MutableMapping):
            raise ConfigurationError(f"config set {name}: {table} is not a table", hint="correct the file by hand")
    if value is None:
        place.pop(last, None)
        return
    try:
        place[last] = toml.value(value)
    except toml.exceptions.ParseError:
        place[last] = value
