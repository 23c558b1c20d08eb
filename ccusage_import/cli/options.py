"""What all commands share: common options with their completion, the configuration, and how errors end a command."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from ccusage_import import ui
from ccusage_import.config.directories import Directories
from ccusage_import.config.environment import PROXY_VARIABLES, misspelled_variables, read_environment_file
from ccusage_import.config.kept.identity import NOT_CHOSEN, complete_identity, read_identity
from ccusage_import.config.layers import load_configuration
from ccusage_import.config.settings import Configuration
from ccusage_import.exceptions import ConfigurationError, ExitCode, FixableError, LimitError
from ccusage_import.logger import log_to_console
from ccusage_import.warehouse.migrations import apply_migrations, sql_directory

if TYPE_CHECKING:
    from ccusage_import.warehouse.clickhouse_client import ClickHouse

# Errors of system calls that mean a limit of the user, not a problem with a file.
LIMITS = {
    errno.EMFILE: "no file can be opened",
    errno.ENFILE: "no file can be opened",
    errno.ENOMEM: "no memory is left",
    errno.EAGAIN: "no process can be started",
    errno.EFBIG: "no file may be that large",
}
# Errors of system calls that mean that a user named a place there is no way to, and what to do then.
NO_WAY = {
    errno.EACCES: "let this user in, or name another place",
    errno.EPERM: "let this user in, or name another place",
    errno.ENAMETOOLONG: "name another place",
}
# Loads further back are too old to be completed.
LOG_TAIL_BYTES = 256 * 1024
# How a load is named on the command line.
LOAD_NAMES = "its id, the beginning of it, or last"
_PARAMETER = re.compile(r"^-- param: (\w+) ", re.MULTILINE)

ConfigFile = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="TOML file to read instead of the default one.")
]
WarehouseUrl = Annotated[
    str | None,
    typer.Option(
        "--warehouse",
        metavar="URL",
        help="Warehouse to use: chdb:///path, clickhouse://user@host:8123/db or clickhouses://user@host:8443/db.",
    ),
]
EnvFile = Annotated[
    Path | None,
    typer.Option(
        "--env-file", metavar="FILE", help="Read settings from NAME=value lines in a file; the environment wins."
    ),
]
ClaudeDirs = Annotated[
    list[Path] | None,
    typer.Option("--claude-dir", metavar="DIR", help="Claude data directory; may be repeated."),
]
Agents = Annotated[
    list[str] | None,
    typer.Option(
        "--agent",
        metavar="NAME",
        help="Import the usage of this agent, such as claude, codex or opencode, or of all; may be repeated.",
    ),
]
CcusageCommand = Annotated[str | None, typer.Option("--ccusage", metavar="COMMAND", help="ccusage command to run.")]
Verbose = Annotated[
    int,
    typer.Option("--verbose", "-v", count=True, show_default=False, help="Log more to stderr; twice for everything."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but warnings and errors.")]
# Of commands that answer a question.
WithoutNotes = Annotated[bool, typer.Option("--quiet", "-q", help="Print the answer without notes beside it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def environment(env_file: Path | None) -> dict[str, str]:
    """Return the environment of this process, and what it leaves open in a file of `--env-file`.

    The proxies of the file become those of the process.
    """
    kept = read_environment_file(env_file) if env_file else {}
    for name in PROXY_VARIABLES & kept.keys():
        os.environ.setdefault(name, kept[name])
    return {**kept, **os.environ}


@contextmanager
def door(verbosity: int, *, quiet: bool, as_json: bool) -> Iterator[None]:
    """Turn every error inside a `with` block into a line on stderr and an exit code: the one place that does.

    With `as_json` the error is also a document on stdout. A bug is raised as it is.
    """
    log_to_console(-1 if quiet else verbosity)
    try:
        yield
    except FixableError as error:
        _end(error, as_json=as_json)
    except BrokenPipeError:
        # The reader of stdout has seen enough.
        raise typer.Exit(ExitCode.OK) from None
    except (OSError, MemoryError, RuntimeError) as error:
        fixable = _fixable(error)
        if fixable is None:
            raise
        _end(fixable, as_json=as_json)
    except KeyboardInterrupt:
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _end(error: FixableError, *, as_json: bool) -> NoReturn:
    ui.print_error(error)
    if as_json:
        ui.print_json(ui.failure_json(error))
    raise typer.Exit(error.exit_code) from None


def _fixable(error: OSError | MemoryError | RuntimeError) -> FixableError | None:
    """Return the error of a limit of this machine or of a place that cannot be reached, wherever it was met."""
    if isinstance(error, MemoryError):
        return LimitError("no memory is left", hint="free some, or raise the limit: ulimit -v unlimited")
    if isinstance(error, OSError) and error.errno in LIMITS:
        return LimitError(f"{LIMITS[error.errno]}: {error.strerror}", hint="ulimit -a shows the limits of this shell")
    if isinstance(error, OSError) and error.errno in NO_WAY and error.filename:
        return ConfigurationError(f"{os.fsdecode(error.filename)}: {error.strerror}", hint=NO_WAY[error.errno])
    if "can't start new thread" in str(error):
        return LimitError("no thread can be started", hint="raise the limit: ulimit -u unlimited")
    return None


def configured(
    flags: Mapping[str, Any],
    config: Path | None,
    *,
    keeps_identity: bool = False,
    config_text: str | None = None,
    environ: Mapping[str, str] = os.environ,
    warns: bool = True,
) -> Configuration:
    """Load the configuration; with `keeps_identity` the first run writes down what it chose."""
    directories = Directories.of_platform()
    if keeps_identity:
        # A configuration that cannot be used must not leave anything behind.
        first = load_configuration(flags, environ, identity=NOT_CHOSEN, directories=directories, config_file=config)
        identity = complete_identity(directories.identity_file, first.settings.machine)
    else:
        identity = {**NOT_CHOSEN, **read_identity(directories.identity_file)}
    configuration = load_configuration(
        flags,
        environ,
        identity=identity,
        directories=directories,
        config_file=config,
        config_text=config_text,
    )
    if warns:
        ui.warn_of_exposure(configuration.exposure)
        ui.print_warnings(misspelled_variables(environ))
    return configuration


@contextmanager
def open_to_ask(configuration: Configuration, command: str) -> Iterator[ClickHouse]:
    """Open the warehouse for the questions of a command: a damaged one answers with what is left."""
    # Commands that ask no warehouse need none of this.
    from ccusage_import.warehouse import opening

    opening.demand_warehouse(configuration, command)
    with opening.open_configured(configuration) as opened:
        # A server is not ours to migrate, and most of it can be queried before that.
        ui.warn_of_damage(opened.damage)
        if opened.is_embedded and opened.damage is None:
            apply_migrations(opened)
        yield opened


def complete_queries(incomplete: str) -> Iterator[str]:
    """Offer the named queries and the views."""
    yield from (name for name in sorted({*_files("queries"), *_files("views")}) if name.startswith(incomplete))


def complete_query_parameters(context: typer.Context, incomplete: str) -> Iterator[str]:
    """Offer the parameters of the query that was named."""
    # After an option without its value, Typer leaves the arguments before it unread.
    named = context.params.get("sql") or next(iter(context.args), "")
    file = _files("queries").get(named)
    names = _PARAMETER.findall(file.read_text("utf-8")) if file else ()
    yield from (f"{name}=" for name in names if name.startswith(incomplete))


def complete_loads(incomplete: str) -> Iterator[str]:
    """Offer the loads that the log names, newest first."""
    yield from (load for load, _ in _logged() if load.startswith(incomplete))


def complete_machines(incomplete: str) -> Iterator[str]:
    """Offer the machines that the log names."""
    yield from sorted({machine for _, machine in _logged() if machine.startswith(incomplete)})


Machine = Annotated[str, typer.Option(metavar="NAME", help="Only this machine.", autocompletion=complete_machines)]
OtherMachine = Annotated[
    str,
    typer.Option(metavar="NAME", help="Another machine of the same warehouse.", autocompletion=complete_machines),
]


def _files(kind: str) -> dict[str, Path]:
    return {file.stem: file for file in (sql_directory() / kind).glob("**/*.sql")}


def _logged() -> dict[tuple[str, str], None]:
    try:
        with Directories.of_platform().log_file.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
            lines = [line for line in log if b'"load_id": ' in line]
    except OSError:
        return {}
    return dict.fromkeys(load for line in reversed(lines) for load in _load(line))


def _load(line: bytes) -> Iterator[tuple[str, str]]:
    # The first line of the tail may be cut, the last one be half written.
    with suppress(ValueError, KeyError):
        told = json.loads(line)
        yield str(told["load_id"]), str(told["machine"])
