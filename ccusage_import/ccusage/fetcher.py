"""Run the reports of ccusage in parallel and return what each printed, or why it did not."""

from __future__ import annotations

import errno
import json
import os
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from loguru import logger
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_result,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from ccusage_import.ccusage.failures import PINNED_HINT, known_cause, plain, tail
from ccusage_import.ccusage.runner import FetchOptions, Runner, child_environ, neutral_directory
from ccusage_import.exceptions import (
    CcusageError,
    NotAReportError,
    OutOfMemoryError,
    ReportFailedError,
    ReportTimeoutError,
)
from ccusage_import.processes import Finished, Stop, in_threads, run_program
from ccusage_import.records import split_label
from ccusage_import.versions import (
    FIRST_FRUGAL_MAJOR,
    FIRST_MAJOR_WITH_AGENTS,
    PINNED_VERSION,
    READS_NAMED_DIRECTORIES_ALONE_SINCE,
    TAKES_TIMEZONE_SINCE,
)

_SUBCOMMANDS = {
    "daily": ("daily",),
    "monthly": ("monthly",),
    "session": ("session",),
    "blocks": ("blocks",),
    "projects": ("daily", "--instances"),
    "hours": ("blocks", "--session-length", "1"),
}
_TRANSIENT_START_ERRORS = frozenset({errno.EAGAIN, errno.ENOMEM, errno.ETXTBSY})
_TEXT_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a report printed, checked to be one JSON document; `seconds` includes failed attempts."""

    report: str
    output: bytes
    seconds: float
    attempts: int


class FetchProgress(Protocol):
    """Hears how the reports come along: one call at a time, from worker threads."""

    def started(self, report: str) -> None:
        """A report is being run."""

    def finished(self, report: str, seconds: float) -> None:
        """A report was fetched."""

    def failed(self, report: str, error: CcusageError, /) -> None:
        """A report failed for good."""


class SilentFetch:
    """Shows nothing."""

    def started(self, report: str) -> None: ...

    def finished(self, report: str, seconds: float) -> None: ...

    def failed(self, report: str, error: CcusageError, /) -> None: ...


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What one attempt came to; a transient one is worth another."""

    result: bytes | CcusageError
    transient: bool = False


_SILENT = SilentFetch()


def fetch_reports(
    runner: Runner,
    reports: Sequence[str],
    options: FetchOptions,
    environ: Mapping[str, str],
    progress: FetchProgress = _SILENT,
) -> dict[str, Fetched | CcusageError]:
    """Run reports in parallel; a failed one is an error in the result and does not stop the others.

    Args:
        runner: the ccusage to run.
        reports: their labels: `daily` of Claude Code, `codex daily` and the like.
        options: what to run and how.
        environ: the process environment.
        progress: hears how they come along.

    Raises:
        ConfigurationError: the state directory cannot be written.
    """
    neutral_directory(options)
    hearing = threading.Lock()

    def fetch(report: str, stop: Stop) -> Fetched | CcusageError:
        with hearing:
            progress.started(report)
        fetched = _fetch(runner, report, options, environ, stop)
        with hearing:
            if isinstance(fetched, CcusageError):
                progress.failed(report, fetched)
            else:
                progress.finished(report, fetched.seconds)
        return fetched

    jobs = options.jobs or default_jobs(runner.major, os.cpu_count() or 1)
    return dict(zip(reports, in_threads([partial(fetch, report) for report in reports], jobs), strict=True))


def default_jobs(major: int, cores: int) -> int:
    """Return how many reports to run at once: 18 and older take gigabytes each, 19 and newer next to nothing."""
    return min(5, max(2, cores)) if major >= FIRST_FRUGAL_MAJOR else max(1, cores // 2)


def _fetch(
    runner: Runner, report: str, options: FetchOptions, environ: Mapping[str, str], stop: Stop
) -> Fetched | CcusageError:
    started = time.monotonic()

    def tell(state: RetryCallState) -> None:
        known = logger.bind(report=report, attempt=state.attempt_number)
        known.warning("A report failed for a transient reason, trying again")

    retrying = Retrying(
        retry=retry_if_result(lambda outcome: outcome.transient),
        stop=stop_after_attempt(options.attempts),
        wait=wait_exponential(multiplier=0.2, max=1.8) + wait_random(0, 0.2),
        sleep=partial(_nap, stop),
        before_sleep=tell,
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )
    outcome: _Outcome = retrying(_attempt, runner, report, options, environ, stop)
    if isinstance(outcome.result, CcusageError):
        return outcome.result
    return Fetched(report, outcome.result, time.monotonic() - started, retrying.statistics["attempt_number"])


def _nap(stop: Stop, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not stop.requested and time.monotonic() < deadline:
        time.sleep(0.02)


def _attempt(runner: Runner, report: str, options: FetchOptions, environ: Mapping[str, str], stop: Stop) -> _Outcome:
    try:
        finished = run_program(
            report_command(runner, report, options),
            report_environ(runner, options, environ),
            neutral_directory(options),
            options.timeout_seconds,
            stop,
            most_bytes=options.most_bytes,
        )
    except CcusageError as error:
        return _Outcome(error)
    except TimeoutError:
        message = f"the {report} report took longer than {options.timeout_seconds:g} seconds"
        return _Outcome(ReportTimeoutError(message, hint="set a higher `timeout_seconds`"))
    except OSError as error:
        message = f"the {report} report could not be started: {error.strerror}"
        failed = ReportFailedError(message, hint="run `ccusage-import check`")
        return _Outcome(failed, transient=error.errno in _TRANSIENT_START_ERRORS)
    return _outcome_of(report, finished, options, environ)


def report_command(runner: Runner, report: str, options: FetchOptions) -> tuple[str, ...]:
    """Return the command line that gives the same answer in every major, whatever configuration files there are."""
    agent, name = split_label(report)
    return (
        *runner.argv,
        *((agent,) if runner.major >= FIRST_MAJOR_WITH_AGENTS else ()),
        *_SUBCOMMANDS[name],
        "--json",
        *(() if options.online_prices else ("--offline",)),
        *("--order", "asc", "--mode", options.mode),
        *(("--timezone", options.timezone) if runner.version_info >= TAKES_TIMEZONE_SINCE else ()),
        *("--config", str(neutral_directory(options) / "package.json")),
    )


def report_environ(runner: Runner, options: FetchOptions, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that belongs to the command line.

    Raises:
        DataDirectoryError: a directory's name holds a comma.
    """
    child = child_environ(options, environ, runner.argv)
    if runner.version_info < TAKES_TIMEZONE_SINCE:
        child["TZ"] = options.timezone
    if runner.version_info < READS_NAMED_DIRECTORIES_ALONE_SINCE and options.claude_dirs:
        child["HOME"] = child["XDG_CONFIG_HOME"] = str(neutral_directory(options) / "empty")
    return child


def _outcome_of(report: str, finished: Finished, options: FetchOptions, environ: Mapping[str, str]) -> _Outcome:
    """Return what a report that ended came to: its document, or why there is none and whether to try again."""
    what = f"the {report} report"
    if finished.is_cut:
        return _Outcome(too_large(what, options.most_bytes, "leave it out: name each of the others with --report NAME"))
    if finished.exit_code == 0:
        complaint = _not_a_document(finished.stdout, environ)
        if complaint is None:
            return _Outcome(finished.stdout)
        return _Outcome(NotAReportError(f"{what} is not JSON: ccusage {complaint}", hint=PINNED_HINT))
    cause = known_cause(what, finished.stderr, options.claude_dirs, environ)
    if cause is not None:
        return _Outcome(cause)
    words = tail(finished.stderr, environ)
    if finished.exit_code == 2:
        line = words.partition(" | ")[0]
        hint = "set `timezone` to a name such as Europe/Berlin" if "--timezone" in line else PINNED_HINT
        return _Outcome(ReportFailedError(f"{what} failed: {line}", hint=hint))
    # A shell and the launcher of ccusage report a signal as 128 and its number.
    number = -finished.exit_code if finished.exit_code < 0 else finished.exit_code - 128
    if number == signal.SIGKILL:
        hint = f"set `jobs = 1`, or use ccusage {PINNED_VERSION}, which needs the least memory"
        return _Outcome(OutOfMemoryError(f"{what} was killed, most likely because memory ran out", hint=hint))
    ended = f"was ended by {_signal_name(number)}" if number > 0 else f"failed with exit code {finished.exit_code}"
    hint = "run `ccusage-import check`; the words after the colon are ccusage's own"
    return _Outcome(ReportFailedError(f"{what} {ended}: {words}", hint=hint), transient=True)


def too_large(what: str, most_bytes: int, hint: str) -> NotAReportError:
    """Return the error of a report that is not read, lest it take all memory."""
    return NotAReportError(f"{what} is larger than {most_bytes:,} bytes", hint=hint)


def _signal_name(number: int) -> str:
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"


def _not_a_document(output: bytes, environ: Mapping[str, str]) -> str | None:
    """Return what is wrong with the output of a report that ended well, or None."""
    start = output[:1000].lstrip()
    if not output.strip():
        return "printed nothing"
    try:
        document = json.loads(output)
    except (ValueError, RecursionError) as error:
        if start[:1] in (b"{", b"["):
            return f"printed {_flaw(error)}"
    else:
        if isinstance(document, dict | list):
            return None
    return f"printed {plain(start, environ).replace(chr(10), ' ')[:_TEXT_CHARACTERS]!r}"


def _flaw(error: ValueError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "a document that is nested too deeply"
    more = isinstance(error, json.JSONDecodeError) and error.msg == "Extra data"
    return "more than one document" if more else "a document that is cut off or broken"
