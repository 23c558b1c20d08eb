"""Find the ccusage to run: the configured command, else one on PATH, else what bunx or npx install."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from loguru import logger

from ccusage_import.ccusage.failures import (
    INSTALL_HINT,
    PINNED_HINT,
    known_cause,
    tail,
)
from ccusage_import.config.environment import child_environment
from ccusage_import.config.settings import Configuration
from ccusage_import.documents import parse_json
from ccusage_import.exceptions import (
    CcusageError,
    ConfigurationError,
    DataDirectoryError,
    ReportTimeoutError,
    RunnerNotFoundError,
    UnsupportedVersionError,
)
from ccusage_import.files import make_private_directory, replace_file
from ccusage_import.processes import Finished, in_threads, run_program
from ccusage_import.versions import OLDEST_SUPPORTED, PINNED_VERSION

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
QUICK_TIMEOUT_SECONDS = 60.0
# A configured command is run as it is: no other version is installed in its place.
COMMAND, COMMAND_HINT = "command", "correct `ccusage`, or unset it"
# A hundred times what the busiest team was seen to have; reading it takes several times as much memory.
LARGEST_REPORT = 1 << 30
_UNSET = frozenset({"DEBUG", "CONSOLA_LEVEL", "FORCE_COLOR", "CCUSAGE_MODEL_ALIASES"})
# Both run a command with the package first on PATH. Asking npx for every report would cost half a second each.
_RESOLVE = {
    "bunx": ("-p", "ccusage@{version}", "sh", "-c", "command -v ccusage"),
    "npx": ("-y", "--package", "ccusage@{version}", "-c", "command -v ccusage"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOptions:
    """What to run and how; `state_dir` keeps what was found and the neutral working directory."""

    state_dir: Path
    command: tuple[str, ...] = ()
    version: str = PINNED_VERSION
    claude_dirs: tuple[Path, ...] = ()
    timezone: str = "UTC"
    mode: str = "auto"
    online_prices: bool = False
    jobs: int | None = None
    timeout_seconds: float = 300.0
    attempts: int = 3
    most_bytes: int = LARGEST_REPORT


@dataclass(frozen=True, slots=True)
class Runner:
    """A ccusage that runs: its command line, its version and how it was found."""

    argv: tuple[str, ...]
    version: str
    source: str

    @property
    def version_info(self) -> tuple[int, int, int]:
        """The version as three numbers."""
        major, minor, patch = (int(number) for number in self.version.split("."))
        return major, minor, patch

    @property
    def major(self) -> int:
        """The first number of the version."""
        return self.version_info[0]


def parse_version(text: str) -> tuple[int, int, int] | None:
    """Return the first three numbers joined by dots in `text`, if there are any."""
    match = _VERSION.search(text)
    return None if match is None else (int(match[1]), int(match[2]), int(match[3]))


def neutral_directory(options: FetchOptions) -> Path:
    """Return a working directory without anything that changes an answer, made when it is missing.

    Its `package.json` holds `{}`: npx looks no further for a project, and ccusage takes the file as its configuration.

    Raises:
        ConfigurationError: the state directory cannot be written.
    """
    directory = options.state_dir.absolute() / "neutral"
    settings = directory / "package.json"
    try:
        make_private_directory(directory / "empty")
        if not settings.exists() or settings.read_text("utf-8") != "{}":
            replace_file(settings, b"{}", durable=False)
    except OSError as error:
        raise _state_error(options, error) from None
    return directory


def child_environ(options: FetchOptions, environ: Mapping[str, str], argv: tuple[str, ...]) -> dict[str, str]:
    """Return an environment for ccusage: no variable of the user changes its answers, and none is a secret of ours.

    The directory of the program itself comes last on PATH: cron knows `/path/to/bin/ccusage`, but not the `node` beside
    it.

    Raises:
        DataDirectoryError: a directory's name holds a comma, which separates directories.
    """
    child = {name: value for name, value in child_environment(environ).items() if name not in _UNSET}
    child |= {"NO_COLOR": "1", "LOG_LEVEL": "0", "TZ": "UTC"}
    child["PATH"] = os.pathsep.join([*filter(None, [environ.get("PATH")]), str(Path(argv[0]).parent)])
    names = [str(path) for path in options.claude_dirs]
    if any("," in name for name in names):
        raise DataDirectoryError(
            "a Claude data directory with a comma in its name cannot be passed to ccusage",
            hint="rename it, or name a symbolic link to it in `claude_dirs`",
        )
    if names:
        child["CLAUDE_CONFIG_DIR"] = ",".join(names)
    return child


def fetch_options(configuration: Configuration, claude_dirs: tuple[Path, ...]) -> FetchOptions:
    """Return what to run ccusage with.

    Raises:
        ConfigurationError: others may write the configuration file that names the command.
    """
    settings = configuration.settings
    if settings.ccusage and (refused := configuration.refused("ccusage")):
        raise refused
    return FetchOptions(
        state_dir=configuration.directories.state,
        command=tuple(shlex.split(settings.ccusage or "")),
        version=settings.ccusage_version,
        claude_dirs=claude_dirs,
        timezone=settings.timezone,
        mode=settings.mode,
        online_prices=settings.online_prices,
        jobs=settings.jobs,
        timeout_seconds=settings.timeout_seconds,
        attempts=settings.attempts,
    )


def find_runner(options: FetchOptions, environ: Mapping[str, str]) -> Runner:
    """Find a ccusage that runs: the configured command, else one on PATH, else what bunx or npx install.

    Raises:
        CcusageError: there is none, or the last one that could be tried is unsupported or does not run.
        ConfigurationError: the state directory cannot be written.
    """
    if options.command:
        return _identify(COMMAND, _absolute_command(options.command, environ), options, environ)
    names = {"PATH": "ccusage", "bunx": "bunx", "npx": "npx"}
    found = {source: path for source, name in names.items() if (path := _which(name, environ)) is not None}
    if not found:
        raise RunnerNotFoundError("neither ccusage nor bunx nor npx is on PATH", hint=INSTALL_HINT)
    *others, last = found
    for source in others:
        try:
            return _try_source(source, found[source], options, environ)
        except CcusageError as error:
            logger.bind(source=source, reason=str(error)).warning("passing over a ccusage that cannot be used")
    return _try_source(last, found[last], options, environ)


def _try_source(source: str, program: str, options: FetchOptions, environ: Mapping[str, str]) -> Runner:
    if source == "PATH":
        return _identify(source, (program,), options, environ)
    remembered = _remembered(options).get(f"{source} {options.version}")
    if remembered and Path(remembered[-1]).exists():
        try:
            runner = _identify(source, tuple(remembered), options, environ)
        except CcusageError as error:
            logger.bind(source=source, reason=str(error)).debug("The remembered ccusage does not run any more")
        else:
            if runner.version == options.version:
                return runner
    runner = _identify(source, _install(source, program, options, environ), options, environ)
    _remember(options, f"{source} {options.version}", runner.argv)
    return runner


def _install(source: str, program: str, options: FetchOptions, environ: Mapping[str, str]) -> tuple[str, ...]:
    argv = (program, *(part.format(version=options.version) for part in _RESOLVE[source]))
    finished = run_quickly(source, argv, options, environ, options.timeout_seconds)
    paths = [line for line in finished.stdout.decode(errors="replace").splitlines() if line.startswith("/")]
    if finished.exit_code != 0 or not paths:
        raise RunnerNotFoundError(
            f"{source} could not install ccusage {options.version}: {tail(finished.stderr, environ)}",
            hint=f"check the network, or run `npm install -g ccusage@{PINNED_VERSION}`",
        )
    bun = _which("bun", environ)
    if source == "bunx" and bun is not None and _which("node", environ) is None:
        return (bun, paths[-1])
    return (paths[-1],)


def _identify(source: str, argv: tuple[str, ...], options: FetchOptions, environ: Mapping[str, str]) -> Runner:
    if native := _native(source, argv, options, environ):
        return native
    what = "`ccusage --version`"
    finished = run_quickly(what, (*argv, "--version"), options, environ, QUICK_TIMEOUT_SECONDS)
    version = parse_version(finished.stdout.decode(errors="replace")) if finished.exit_code == 0 else None
    if version is None:
        # 15.x prints its version only when there is a data directory.
        cause = known_cause(what, finished.stderr, options.claude_dirs, environ)
        if cause is not None and not isinstance(cause, DataDirectoryError):
            if source == COMMAND and cause.hint == PINNED_HINT:
                cause.hint = COMMAND_HINT
            raise cause
        version = _packaged_version(argv[-1])
    needed = ".".join(map(str, OLDEST_SUPPORTED))
    if version is None or version < OLDEST_SUPPORTED:
        told = "does not say its version" if version is None else f"is version {'.'.join(map(str, version))}"
        hint = COMMAND_HINT if source == COMMAND else PINNED_HINT
        raise UnsupportedVersionError(f"ccusage ({source}) {told}, {needed} or newer is needed", hint=hint)
    # npm leaves the native program without the right to run; its launcher gives it that.
    return _native(source, argv, options, environ) or Runner(argv, ".".join(map(str, version)), source)


def _native(source: str, argv: tuple[str, ...], options: FetchOptions, environ: Mapping[str, str]) -> Runner | None:
    """Return the native program of ccusage 20 beside its launcher: to start Node.js takes longer than a report."""
    launcher = Path(os.path.realpath(argv[-1]))
    if launcher.parts[-3:] != ("ccusage", "src", "cli.js"):
        return None
    package, version = launcher.parent.parent, _packaged_version(argv[-1])
    for scope in (package / "node_modules" / "@ccusage", package.parent / "@ccusage"):
        for program in sorted(scope.glob("ccusage-*/bin/ccusage")):
            if version and _says(str(program), version, options, environ):
                return Runner((str(program),), ".".join(map(str, version)), source)
    return None


def _says(program: str, version: tuple[int, int, int], options: FetchOptions, environ: Mapping[str, str]) -> bool:
    """Return whether a program runs and says that it is this version."""
    try:
        finished = run_quickly(program, (program, "--version"), options, environ, QUICK_TIMEOUT_SECONDS)
    except CcusageError:  # not executable, or built for another platform
        return False
    return finished.exit_code == 0 and parse_version(finished.stdout.decode(errors="replace")) == version


def _packaged_version(program: str) -> tuple[int, int, int] | None:
    for parent in Path(os.path.realpath(program)).parents[:3]:
        try:
            package = parse_json((parent / "package.json").read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(package, dict) and package.get("name") == "ccusage":
            return parse_version(str(package.get("version")))
    return None


def run_quickly(
    what: str, argv: tuple[str, ...], options: FetchOptions, environ: Mapping[str, str], timeout_seconds: float
) -> Finished:
    """Run something other than a report to its end; `what` names it in an error.

    Raises:
        CcusageError: it cannot be started, or takes too long.
        ConfigurationError: the state directory cannot be written.
    """
    child, directory = child_environ(options, environ, argv), neutral_directory(options)
    try:
        [finished] = in_threads([partial(run_program, argv, child, directory, timeout_seconds)], 1)
    except TimeoutError:
        raise ReportTimeoutError(
            f"{what} took longer than {timeout_seconds:g} seconds", hint="try again, or set a higher `timeout_seconds`"
        ) from None
    except OSError as error:
        raise RunnerNotFoundError(f"{what} cannot be started: {error.strerror}", hint=INSTALL_HINT) from None
    return finished


def _which(name: str, environ: Mapping[str, str]) -> str | None:
    path = shutil.which(name, path=environ.get("PATH", ""))
    return None if path is None else str(Path(path).absolute())


def _absolute_command(command: tuple[str, ...], environ: Mapping[str, str]) -> tuple[str, ...]:
    program = _which(command[0], environ)
    if program is None:
        raise RunnerNotFoundError(f"{command[0]} is not a program that can be run", hint=COMMAND_HINT)
    return (program, *command[1:])


def _remembered(options: FetchOptions) -> dict[str, list[str]]:
    """Return what was found before; it can always be found again, so a broken file counts as an empty one."""
    try:
        known = parse_json((options.state_dir / "runner.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {key: [str(part) for part in argv] for key, argv in known.items() if isinstance(argv, list)}


def _remember(options: FetchOptions, key: str, argv: tuple[str, ...]) -> None:
    try:
        known = json.dumps({**_remembered(options), key: argv}, indent=2)
        replace_file(options.state_dir / "runner.json", known.encode(), durable=False)
    except OSError as error:
        raise _state_error(options, error) from None


def _state_error(options: FetchOptions, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"state directory {options.state_dir}: {error.strerror}", hint="check the path, its permissions and free space"
    )
