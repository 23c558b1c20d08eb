"""Start a program so that nothing outlives it, and find the ccusage to start."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from loguru import logger

from ccusage_import.exceptions import (
    CcusageError,
    ConfigurationError,
    DataDirectoryError,
    NativePackageMissingError,
    NodeTooOldError,
    OutOfMemoryError,
    ReportFailedError,
    ReportTimeoutError,
    RunnerNotFoundError,
    UnsupportedVersionError,
)

T = TypeVar("T")

PINNED_VERSION = "20.0.24"
OLDEST_SUPPORTED = (15, 5, 0)
INSTALL_HINT = 'install Node.js 20 or newer, or set `ccusage = "/path/to/ccusage"`'
PINNED_HINT = f'set `ccusage_version = "{PINNED_VERSION}"`, or run `npm install -g ccusage@{PINNED_VERSION}`'

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_VERSION_TIMEOUT_SECONDS = 60.0
_GRACE_SECONDS = 2.0
_POLL_SECONDS = 0.1
_UNSET = frozenset({"DEBUG", "CONSOLA_LEVEL", "FORCE_COLOR", "CCUSAGE_MODEL_ALIASES"})
# Both run a command with the package first on PATH. Asking npx for every report would cost half a second each.
_RESOLVE = {
    "bunx": ("-p", "ccusage@{version}", "sh", "-c", "command -v ccusage"),
    "npx": ("-y", "--package", "ccusage@{version}", "-c", "command -v ccusage"),
}

_CAUSES: tuple[tuple[str, type[CcusageError], str], ...] = (
    (
        r"ccusage requires Bun or Node\.js.*|No such built-in module.*",
        NodeTooOldError,
        f"install Node.js 22 or newer, or {PINNED_HINT}",
    ),
    (r"ccusage native binary is not available.*", NativePackageMissingError, PINNED_HINT),
    (
        r"ccusage native binary is not executable.*|spawn .*(?:EACCES|EPERM)",
        NativePackageMissingError,
        "run `ccusage --version` once as the user who installed it",
    ),
    (
        r"No valid Claude data director.*",
        DataDirectoryError,
        'set `claude_dirs = ["/path"]` to directories that hold a directory `projects`',
    ),
    (
        r"(?:JavaScript heap )?out of memory.*|memory allocation of \d+ bytes failed",
        OutOfMemoryError,
        f"set `jobs = 1`, or use ccusage {PINNED_VERSION}: it needs a tenth of the memory of 18 and older",
    ),
    (r"env: .?(?:node|bun).?: No such file.*", RunnerNotFoundError, INSTALL_HINT),
    (r"(?i:invalid time zone).*", ReportFailedError, "set `timezone` to a name such as Europe/Berlin"),
)
_START_ERROR = re.compile(r"^(ReferenceError|TypeError|SyntaxError): .*", re.MULTILINE)
# A crash ends with the version of the runtime that had it, except on Node.js 16 and older.
_NEW_RUNTIME = re.compile(r"^(Node\.js v([2-9]\d|\d{3})|Bun v)", re.MULTILINE)
_NOISE = re.compile(r"^\s*(\d+ \| |at |Node\.js v|Bun v|\^+$|$)")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
_SECRETS = (
    (re.compile(r"://[^\s/]+@"), "://***@"),
    (re.compile(r"[^\s/:@]+:[^\s/:@]+@"), "***@"),
    (re.compile(r"(?i)((?:password|passwd|token|secret|_auth|key)\w*=)[^\s&]+"), r"\1***"),
    (re.compile(r"(?i)(bearer )\S+"), r"\1***"),
)
_READ_BYTES, _LINE_CHARACTERS, _TAIL_CHARACTERS, _TAIL_LINES = 65_536, 400, 1000, 10


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


@dataclass(frozen=True, slots=True)
class Finished:
    """What a program left behind; a negative exit code is the signal that ended it."""

    exit_code: int
    stdout: bytes
    stderr: bytes


def parse_version(text: str) -> tuple[int, int, int] | None:
    """Return the first three numbers joined by dots in `text`, if there are any."""
    match = _VERSION.search(text)
    return None if match is None else (int(match[1]), int(match[2]), int(match[3]))


class Stop:
    """Tells worker threads to end. A plain attribute: an interrupted thread may leave a lock locked for ever."""

    requested = False


def in_threads(tasks: Sequence[Callable[[Stop], T]], jobs: int) -> list[T]:
    """Run tasks in worker threads; whatever interrupts the waiting makes all of them stop, and waits until they did.

    Signal handlers run in the main thread only, so none can raise between the start of a program and the moment its
    process id is known.
    """
    stop, gate = Stop(), threading.Semaphore(jobs)
    begun, ended = list[int](), list[int]()
    results, errors = dict[int, T](), list[BaseException]()

    def work(number: int, task: Callable[[Stop], T]) -> None:
        with gate:
            begun.append(number)
            try:
                _check(stop)
                results[number] = task(stop)
            except BaseException as error:  # noqa: BLE001 - raised again below
                errors.append(error)
            finally:
                ended.append(number)

    try:
        try:
            for number, task in enumerate(tasks):
                threading.Thread(target=work, args=(number, task)).start()
            while len(ended) < len(tasks) and not errors:
                time.sleep(0.01)
        finally:
            stop.requested = True
    finally:  # wrappers pass ^C on: a second one may hit the line above
        stop.requested = True
        while len(ended) < len(begun):
            time.sleep(0.01)
    if errors:
        raise errors[0]
    return [results[number] for number in range(len(tasks))]


def run_program(
    argv: tuple[str, ...], environ: Mapping[str, str], cwd: Path, timeout_seconds: float, stop: Stop
) -> Finished:
    """Run a program in its own process group; whatever ends the waiting also ends the whole group.

    Raises:
        CancelledError: stopping was requested.
        TimeoutError: it ran longer than allowed.
        OSError: it could not be started.
    """
    _check(stop)
    process = subprocess.Popen(  # noqa: S603
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ,
        cwd=cwd,
        start_new_session=True,
    )
    deadline = time.monotonic() + timeout_seconds
    try:
        while (output := _listen(process, min(_POLL_SECONDS, timeout_seconds))) is None:
            _check(stop, deadline)
    except BaseException:
        _end_group(process)
        raise
    return Finished(process.returncode, *output)


def _check(stop: Stop, deadline: float = math.inf) -> None:
    if stop.requested:
        raise CancelledError
    if time.monotonic() >= deadline:
        raise TimeoutError


def _listen(process: subprocess.Popen[bytes], seconds: float) -> tuple[bytes, bytes] | None:
    """Read both pipes and return what they gave when the program ended; until then the process object keeps it."""
    try:
        return process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return None


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process group; the pipes are read meanwhile, because a full one keeps a program from ending."""
    deadline = time.monotonic() + _GRACE_SECONDS
    alive = _signal_group(process.pid, signal.SIGTERM)
    while alive and time.monotonic() < deadline:
        _listen(process, 0.02)
        process.poll()
        time.sleep(0.01)
        alive = _signal_group(process.pid, 0)
    _signal_group(process.pid, signal.SIGKILL)
    _listen(process, _GRACE_SECONDS)
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _signal_group(group: int, number: int) -> bool:
    """Return whether anybody was left to signal; macOS answers EPERM when only zombies are."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def known_cause(what: str, stderr: bytes, options: FetchOptions, environ: Mapping[str, str]) -> CcusageError | None:
    """Return the error for a failure that trying again cannot mend, when `stderr` shows one."""
    text = plain(stderr, environ)
    for pattern, error, hint in _CAUSES:
        matches = re.findall(pattern, text)
        if matches:  # the last one: a crash first quotes the source line that raised
            words = _no_data(options, environ) if error is DataDirectoryError else matches[-1]
            return error(f"{what} failed: {words}", hint=hint)
    start = _START_ERROR.search(text)
    if start is not None and not _NEW_RUNTIME.search(stderr.decode(errors="replace")):
        return NodeTooOldError(f"{what} failed: {start[0]}", hint="install Node.js 22 or newer")
    return None


def _no_data(options: FetchOptions, environ: Mapping[str, str]) -> str:
    """Say where ccusage looked; below 15.6 its own words name the empty home directory it was given."""
    places = ", ".join(map(str, options.claude_dirs)) or "the default places"
    return f"no directory `projects` in {masked(places, environ)}"


def masked(text: str, environ: Mapping[str, str]) -> str:
    """Return `text` with `~` for the home directory and without secrets."""
    home = environ.get("HOME", "").rstrip("/")
    if home:
        text = re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text)
    for secret, mask in _SECRETS:
        text = secret.sub(mask, text)
    return text


def plain(output: bytes, environ: Mapping[str, str]) -> str:
    """Return what may be shown of a program's last words: no escapes, stack traces, secrets or home directory."""
    text = _ESCAPES.sub("", output[-_READ_BYTES:].decode(errors="replace"))
    # Cut twice: looking for secrets takes long in minified source, and half a secret is not recognised.
    lines = (masked(line[: 5 * _LINE_CHARACTERS], environ) for line in text.splitlines() if not _NOISE.match(line))
    return "\n".join(line[:_LINE_CHARACTERS].rstrip() for line in lines)


def tail(output: bytes, environ: Mapping[str, str]) -> str:
    """Return the last lines of a program's words as one line."""
    lines = plain(output, environ).splitlines()[-_TAIL_LINES:]
    return " | ".join(line.strip() for line in lines)[-_TAIL_CHARACTERS:] or "it said nothing"


def neutral_directory(options: FetchOptions) -> Path:
    """Return a working directory without anything that changes an answer, made when it is missing.

    Its `package.json` holds `{}`: npx looks no further for a project, and ccusage takes the file as its configuration.

    Raises:
        ConfigurationError: the state directory cannot be written.
    """
    directory = options.state_dir.absolute() / "neutral"
    settings = directory / "package.json"
    try:
        (directory / "empty").mkdir(parents=True, exist_ok=True)
        if not settings.exists() or settings.read_text("utf-8") != "{}":
            _write(settings, "{}")
    except OSError as error:
        raise _state_error(options, error) from None
    return directory


def child_environ(options: FetchOptions, environ: Mapping[str, str], argv: tuple[str, ...]) -> dict[str, str]:
    """Return the environment that no variable of the user's can change an answer through.

    The program's own directory comes last on PATH: cron knows `/path/to/bin/ccusage`, but not the `node` beside it.

    Raises:
        DataDirectoryError: a directory's name holds a comma, which separates directories.
    """
    child = {name: value for name, value in environ.items() if name not in _UNSET}
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


def find_runner(options: FetchOptions, environ: Mapping[str, str]) -> Runner:
    """Find a ccusage that runs: the configured command, else one on PATH, else what bunx or npx install.

    Raises:
        CcusageError: there is none, or the last one that could be tried is unsupported or does not run.
        ConfigurationError: the state directory cannot be written.
    """
    if options.command:
        return _identify("command", _absolute_command(options.command, environ), options, environ)
    names = {"PATH": "ccusage", "bunx": "bunx", "npx": "npx"}
    found = {source: path for source, name in names.items() if (path := _which(name, environ)) is not None}
    if not found:
        raise RunnerNotFoundError("neither ccusage nor bunx nor npx is on PATH", hint=INSTALL_HINT)
    *others, last = found
    for source in others:
        try:
            return _try_source(source, found[source], options, environ)
        except CcusageError as error:
            logger.bind(source=source, reason=str(error)).warning("Passing over a ccusage that cannot be used")
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
    finished = _run(source, argv, options, environ, options.timeout_seconds)
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
    what = "`ccusage --version`"
    finished = _run(what, (*argv, "--version"), options, environ, _VERSION_TIMEOUT_SECONDS)
    version = parse_version(finished.stdout.decode(errors="replace")) if finished.exit_code == 0 else None
    if version is None:
        # 15.x tells its version only when there is a data directory.
        cause = known_cause(what, finished.stderr, options, environ)
        if cause is not None and not isinstance(cause, DataDirectoryError):
            raise cause
        version = _packaged_version(argv[-1])
    needed = ".".join(map(str, OLDEST_SUPPORTED))
    if version is None or version < OLDEST_SUPPORTED:
        told = "does not tell its version" if version is None else f"is version {'.'.join(map(str, version))}"
        raise UnsupportedVersionError(f"ccusage ({source}) {told}, {needed} or newer is needed", hint=PINNED_HINT)
    return _native(Runner(argv, ".".join(map(str, version)), source), options, environ)


def _native(runner: Runner, options: FetchOptions, environ: Mapping[str, str]) -> Runner:
    """Return the native program of ccusage 20 beside its launcher, which saves starting Node.js for every report."""
    launcher = Path(os.path.realpath(runner.argv[-1]))
    if launcher.parts[-3:] != ("ccusage", "src", "cli.js"):
        return runner
    package = launcher.parent.parent
    for scope in (package / "node_modules" / "@ccusage", package.parent / "@ccusage"):
        for program in sorted(scope.glob("ccusage-*/bin/ccusage")):
            if _says(str(program), runner.version_info, options, environ):
                return Runner((str(program),), runner.version, runner.source)
    return runner


def _says(program: str, version: tuple[int, int, int], options: FetchOptions, environ: Mapping[str, str]) -> bool:
    try:
        finished = _run(program, (program, "--version"), options, environ, _VERSION_TIMEOUT_SECONDS)
    except CcusageError:  # not executable, or built for another platform
        return False
    return finished.exit_code == 0 and parse_version(finished.stdout.decode(errors="replace")) == version


def _packaged_version(program: str) -> tuple[int, int, int] | None:
    for parent in Path(os.path.realpath(program)).parents[:3]:
        try:
            package = json.loads((parent / "package.json").read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(package, dict) and package.get("name") == "ccusage":
            return parse_version(str(package.get("version")))
    return None


def _run(
    what: str, argv: tuple[str, ...], options: FetchOptions, environ: Mapping[str, str], timeout_seconds: float
) -> Finished:
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
        raise RunnerNotFoundError(f"{command[0]} is not a program that can be run", hint=INSTALL_HINT)
    return (program, *command[1:])


def _remembered(options: FetchOptions) -> dict[str, list[str]]:
    """Return what was found before; it can always be found again, so a broken file counts as an empty one."""
    try:
        known = json.loads((options.state_dir / "runner.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {key: [str(part) for part in argv] for key, argv in known.items() if isinstance(argv, list)}


def _remember(options: FetchOptions, key: str, argv: tuple[str, ...]) -> None:
    try:
        _write(options.state_dir / "runner.json", json.dumps({**_remembered(options), key: argv}, indent=2))
    except OSError as error:
        raise _state_error(options, error) from None


def _write(path: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).replace(path)


def _state_error(options: FetchOptions, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"state directory {options.state_dir}: {error.strerror}", hint="check the path, its permissions and free space"
    )
