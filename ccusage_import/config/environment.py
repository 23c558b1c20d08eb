"""Environments of other processes: a child gets no secret, and a scheduled import gets its settings in a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from ccusage_import.config.directories import expanded
from ccusage_import.config.exposure import exposure_of
from ccusage_import.config.settings import CLASSIC_ENVIRONMENT, PREFIX, SECRETS, SETTING_VARIABLES, Settings
from ccusage_import.documents import is_utf8
from ccusage_import.exceptions import ConfigurationError, ScheduleError
from ccusage_import.files import reason_of
from ccusage_import.names.shown import nearest
from ccusage_import.records import counted

_HEADER = "# NAME=value, one a line, nothing quoted. Written by `ccusage-import schedule install`.\n"
SECRET_VARIABLES = frozenset(
    {PREFIX + name.upper() for name in SECRETS}
    | {variable for name, variable in CLASSIC_ENVIRONMENT.items() if name in SECRETS}
)
# What reaches for a network reads these from the process itself. They may hold a password.
PROXY_VARIABLES = frozenset(
    name for lower in ("http_proxy", "https_proxy", "no_proxy") for name in (lower, lower.upper())
)
_KEPT_VARIABLES = SETTING_VARIABLES | PROXY_VARIABLES
_LINE = re.compile(r"([A-Za-z][A-Za-z0-9_]*)=(.*)")
_ONE_PATH = frozenset({"CCUSAGE_IMPORT_PASSWORD_FILE", "CCUSAGE_IMPORT_LOG_FILE"})
# Their values are run as commands.
_COMMANDS = frozenset({"CCUSAGE_IMPORT_CCUSAGE", "CCUSAGE_IMPORT_NOTIFY"})
_SEVERAL_PATHS = frozenset({"CLAUDE_CONFIG_DIR", "CCUSAGE_IMPORT_CLAUDE_DIRS"})


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what another program may see of an environment: everything but the secrets of this one."""
    return {name: value for name, value in environ.items() if name not in SECRET_VARIABLES}


def misspelled_variables(environ: Mapping[str, str]) -> list[str]:
    """Return a warning for each variable that is no setting but is called almost like one."""
    said = []
    for variable in sorted(environ.keys() - SETTING_VARIABLES):
        name = variable.removeprefix(PREFIX)
        similar = [] if variable == name or name.startswith("TEST_") else nearest(name, Settings.model_fields)
        if similar:
            said.append(f"{variable} is not a setting; nearest: {PREFIX}{similar[0].upper()}")
    return said


def setting_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return settings and proxies that are not empty; a job starts elsewhere, so paths become absolute."""
    held = {name: environ[name] for name in sorted(_KEPT_VARIABLES) if environ.get(name)}
    return {name: _lasting(name, value) for name, value in held.items()}


def environment_text(variables: Mapping[str, str]) -> str:
    """Return the contents of an environment file.

    Raises:
        ScheduleError: a value holds a line break or is not UTF-8 text. The message never repeats it.
    """
    for name, value in variables.items():
        if "\n" in value or not is_utf8(value):
            raise ScheduleError(
                f"{name} holds a character that an environment file cannot carry", hint="unset or change it"
            )
    return _HEADER + "".join(f"{name}={value}\n" for name, value in variables.items())


def read_environment_file(file: Path) -> dict[str, str]:
    """Return the variables of an environment file.

    Raises:
        ConfigurationError: the file or a line of it cannot be read, or it names commands and others may write it. The
            message never repeats a value.
    """
    try:
        lines = file.read_bytes().decode("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"environment file {file}: {reason_of(error)}", hint="check --env-file") from None
    found: dict[str, str] = {}
    problems: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            problems.append(f"line {number}: is not NAME=value")
        elif match[1] not in _KEPT_VARIABLES:
            problems.append(f"line {number}: {match[1]} is not a setting")
        else:
            found[match[1]] = match[2]
    if problems:
        raise ConfigurationError(
            f"environment file {file}: {counted(len(problems), 'line')} cannot be used",
            details=tuple(problems),
            hint="correct the file",
        )
    exposure = exposure_of(file)
    if exposure and (commands := found.keys() & _COMMANDS):
        raise exposure.refusal(min(commands))
    return found


def _lasting(name: str, value: str) -> str:
    if name not in _ONE_PATH | _SEVERAL_PATHS:
        return value
    paths = value.split(",") if name in _SEVERAL_PATHS else [value]
    return ",".join(str(expanded(Path(path.strip())).absolute()) for path in paths if path.strip())
