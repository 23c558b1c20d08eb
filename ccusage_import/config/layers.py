"""How the layers that hold settings become one configuration.

A flag overrules the environment, which overrules the TOML file, which overrules what the first run chose, which
overrules the default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError

from ccusage_import.config.directories import Directories
from ccusage_import.config.exposure import exposure_of
from ccusage_import.config.settings import CLASSIC_ENVIRONMENT, CLASSIC_WAREHOUSE, PREFIX, Configuration, Settings
from ccusage_import.config.warehouse_url import PORTS, EmbeddedWarehouse
from ccusage_import.documents import parse_json, parse_toml
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.files import reading_hint_of, reason_of
from ccusage_import.names.shown import told_nearest
from ccusage_import.records import counted
from ccusage_import.versions import PINNED_VERSION

# Settings that are tables in the file; the environment holds them as JSON.
TABLES = frozenset({"notify", "budget", "quota", "plan", "currency"})


def load_configuration(
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    *,
    identity: Mapping[str, str],
    directories: Directories,
    config_file: Path | None = None,
    config_text: str | None = None,
) -> Configuration:
    """Merge all layers and validate them at once.

    Args:
        flags: settings given on the command line; None means not given.
        environ: the process environment.
        identity: what the first run chose.
        directories: where the program's files are.
        config_file: TOML file; the platform's default, which may be absent, when None.
        config_text: what to take for the text of that file; it is read when None.

    Raises:
        ConfigurationError: every value that cannot be used, one a line, each with its origin.
    """
    merged: dict[str, Any] = {"warehouse": str(EmbeddedWarehouse(directories.data / "warehouse"))}
    origins = dict.fromkeys(Settings.model_fields, "default")
    file = config_file or directories.config_file
    written = _read_toml(file, required=config_file is not None) if config_text is None else parse_toml(config_text)
    layers: list[tuple[str, Mapping[str, Any]]] = [
        ("first run", {name: value for name, value in identity.items() if name in Settings.model_fields}),
        (str(file), written),
        ("environment", environment_settings(environ)),
        ("command line", {name: value for name, value in flags.items() if value is not None}),
    ]
    for origin, values in layers:
        merged.update(values)
        origins.update(dict.fromkeys(values, origin))
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as error:
        places = _Places(file, directories.identity_file, environ, is_changing=config_text is not None)
        raise _configuration_error(error, origins, places) from None
    warehouse = settings.parsed_warehouse()
    if isinstance(warehouse, EmbeddedWarehouse) and warehouse.path.is_relative_to(directories.demo.data):
        directories = directories.demo
    return Configuration(settings, origins, directories, identity.get("installation", ""), file, exposure_of(file))


def environment_settings(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings that the environment holds; empty variables count as unset."""
    found: dict[str, Any] = {}
    if environ.get("CH_HOST"):
        found["warehouse"] = _classic_url(environ)
    for name in Settings.model_fields:
        for variable in (CLASSIC_ENVIRONMENT.get(name), PREFIX + name.upper()):
            if variable and environ.get(variable):
                found[name] = environ[variable]
    if "claude_dirs" in found:
        found["claude_dirs"] = tuple(part.strip() for part in found["claude_dirs"].split(",") if part.strip())
    for name in TABLES & found.keys():
        try:
            found[name] = parse_json(found[name])
        except ValueError:
            # Left as it is: whoever validates it says that it is not a table.
            continue
    return found


def _classic_url(environ: Mapping[str, str]) -> str:
    host, port = environ["CH_HOST"], environ.get("CH_PORT", "")
    scheme = "clickhouses" if port in ("8443", "443") else "clickhouse"
    user = quote(environ.get("CH_USER") or "default", safe="")
    database = quote(environ.get("CH_DATABASE", ""), safe="")
    return f"{scheme}://{user}@{f'[{host}]' if ':' in host else host}:{port or PORTS[scheme]}/{database}"


def _read_toml(file: Path, *, required: bool) -> dict[str, Any]:
    try:
        return parse_toml(file.read_text("utf-8-sig"))
    except FileNotFoundError:
        if required:
            raise ConfigurationError(f"config file {file}: no such file", hint="check --config") from None
        return {}
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"config file {file}: {reason_of(error)}", hint=reading_hint_of(error)) from None


# Instead of what pydantic says, which names classes.
_PATTERNS = {
    "ccusage_version": f'Input should be a version in quotes, such as "{PINNED_VERSION}"',
    "agents": "Input should be the name of an agent in small letters, such as codex",
    "cluster": "Input should be a name of letters, digits and underscores, which begins with no digit",
}
_REASONS = {
    "extra_forbidden": "unknown setting",
    "model_type": "Input should be a table, such as {name = value}",
    "tuple_type": 'Input should be a list, such as ["value"]',
    "path_type": "Input should be a path in quotes",
    "too_short": "is empty",
    "too_long": "is longer than {max_length} characters",
    **dict.fromkeys(("bool_parsing", "bool_type"), "Input should be true or false"),
    **dict.fromkeys(("decimal_parsing", "decimal_type"), "Input should be a number"),
}


@dataclass(frozen=True, slots=True)
class _Places:
    """Where a value that cannot be used is corrected."""

    file: Path
    identity_file: Path
    environ: Mapping[str, str]
    is_changing: bool

    def of(self, name: str, origin: str) -> str:
        """Return where the value of a setting is written."""
        if origin == "environment":
            names = (PREFIX + name.upper(), CLASSIC_ENVIRONMENT.get(name, ""))
            parts = " or ".join(each for each in CLASSIC_WAREHOUSE if self.environ.get(each))
            return next((each for each in names if self.environ.get(each)), parts)
        if origin == "command line":
            return f"{name} on the command line"
        if origin == str(self.file):
            return f"what you typed, or {self.file}" if self.is_changing else origin
        return str(self.identity_file)


def _similar_settings(location: tuple[int | str, ...]) -> str:
    """Return the words that name known settings similar to an unknown one; empty where there are none."""
    if len(location) > 1 and location[-1] in Settings.model_fields:
        # In TOML, what is appended to a file belongs to its last table.
        return f"; {location[-1]} stands above the first [table] of the file"
    model: Any = Settings
    for part in location[:-1]:
        field = model.model_fields.get(part) if hasattr(model, "model_fields") else None
        model = field.annotation if field else None
    return told_nearest(str(location[-1]), getattr(model, "model_fields", ()))


def _configuration_error(error: ValidationError, origins: Mapping[str, str], places: _Places) -> ConfigurationError:
    lines, corrected = [], dict[str, None]()
    for item in error.errors(include_input=False, include_url=False):
        name = str(item["loc"][0])
        reason = _REASONS.get(item["type"], item["msg"].removeprefix("Value error, "))
        reason = reason.replace("{max_length}", str(item.get("ctx", {}).get("max_length")))
        if item["type"] in ("string_pattern_mismatch", "string_type"):
            reason = _PATTERNS.get(name, reason)
        path = ".".join(map(str, item["loc"]))
        similar = _similar_settings(item["loc"]) if item["type"] == "extra_forbidden" else ""
        origin = origins.get(name, "not set")
        lines.append(f"{path} ({origin}): {reason}{similar}")
        corrected[places.of(name, origin)] = None
    return ConfigurationError(
        f"configuration: {counted(len(lines), 'value')} cannot be used",
        details=tuple(lines),
        hint=f"correct {', '.join(corrected)}",
    )
