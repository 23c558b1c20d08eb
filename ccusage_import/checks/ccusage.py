"""Checks of what an import reads: data directories, ccusage, and each of its reports."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ccusage_import.ccusage.agents import find_agents, wanted_labels, with_hours
from ccusage_import.ccusage.data_dirs import DEFAULT_CLEANUP_DAYS, TRANSCRIPTS, cleanup_period_days, find_sources
from ccusage_import.ccusage.failures import PINNED_HINT
from ccusage_import.ccusage.fetcher import Fetched, fetch_reports
from ccusage_import.ccusage.parser import Origin, parse_report
from ccusage_import.ccusage.runner import Runner, fetch_options, find_runner
from ccusage_import.ccusage.validation import validate_report
from ccusage_import.checks.result import Check, failed, ok, warn
from ccusage_import.config.settings import Configuration
from ccusage_import.days import zoned_moment
from ccusage_import.exceptions import CcusageError, ConfigurationError
from ccusage_import.names.pseudonyms import Pseudonyms
from ccusage_import.records import CLAUDE, REPORTS, Provenance, counted, counted_records
from ccusage_import.transcripts.cursor import FileState, look_into_cursor
from ccusage_import.transcripts.naming import Names
from ccusage_import.transcripts.reader import list_transcripts, unread_bytes
from ccusage_import.versions import COUNTS_RIGHT_SINCE
from ccusage_import.warehouse.opening import cursor_file, cursor_marks

LONGER_CLEANUP_DAYS = 3650


def check_data_directories(configuration: Configuration, environ: Mapping[str, str]) -> Iterator[Check]:
    """Look at every data directory: its transcripts, the newest one, and when Claude Code deletes them."""
    try:
        sources = find_sources(configuration.settings.claude_dirs, environ)
    except CcusageError as error:
        yield failed("data directory", error)
        return
    for warning in sources.warnings():
        yield warn("data directory", warning, "ccusage-import config show lists `claude_dirs`")
    known = None
    if configuration.settings.transcripts:
        known = look_into_cursor(cursor_file(configuration), cursor_marks(configuration))
    names = Names(configuration.settings.pseudonyms())
    for directory in sources.found:
        yield _transcripts(directory, known, names, configuration.settings.timezone)
        yield _cleanup(directory)


def check_ccusage(configuration: Configuration, environ: Mapping[str, str]) -> Iterator[Check]:
    """Find ccusage as an import does and run every report."""
    try:
        found = find_sources(configuration.settings.claude_dirs, environ).found
    except CcusageError:
        # Said already; without a directory there is no report to run.
        found = ()
    try:
        options = fetch_options(configuration, found)
        runner = find_runner(options, environ)
        agents = find_agents(configuration.settings.agents, runner, options, environ)
        yield _version(runner)
        for agent, error in agents.items():
            if error:
                yield failed(f"agent {agent}", error)
        reports = REPORTS if configuration.settings.transcripts else with_hours(REPORTS)
        readable = [agent for agent, error in agents.items() if not error and (found or agent != CLAUDE)]
        labels = wanted_labels(readable, reports) if readable else []
        for label, output in fetch_reports(runner, labels, options, environ).items():
            yield _report(configuration, runner, label, output)
    except (CcusageError, ConfigurationError) as error:
        yield failed("ccusage", error)


def _version(runner: Runner) -> Check:
    found = f"{runner.version} ({runner.source}): {' '.join(runner.argv)}"
    if runner.version_info < COUNTS_RIGHT_SINCE:
        return warn("ccusage", f"{found}; it undercounts output tokens", PINNED_HINT)
    return ok("ccusage", found)


def _report(configuration: Configuration, runner: Runner, report: str, output: Fetched | CcusageError) -> Check:
    name, settings = f"report {report}", configuration.settings
    try:
        if isinstance(output, CcusageError):
            raise output
        provenance = Provenance(runner.version, settings.timezone, settings.mode, ())
        origin = Origin(settings.machine, provenance, runner.version_info)
        names = Pseudonyms(settings.salt.get_secret_value(), is_enabled=False)
        parsed = parse_report(report, validate_report(report, output.output), origin, names)
    except CcusageError as error:
        return failed(name, error)
    if parsed.refused:
        return warn(
            name,
            f"{len(parsed.refused)} of {len(parsed.refused) + len(parsed.records)} records cannot be true, such as"
            f" {parsed.complaints[0]}",
            "import leaves them out and loads the others; correct the transcript they come from",
        )
    return ok(name, f"{counted_records(len(parsed.records))} in {output.seconds:.2f} s")


def _transcripts(directory: Path, known: Mapping[str, FileState] | None, names: Names, timezone: str) -> Check:
    """Report which transcripts there are; where facts are kept, `known` says how far they were read."""
    name = f"transcripts in {directory}"
    files, closed, links = _readable(directory / TRANSCRIPTS)
    if closed:
        return warn(name, f"{len(closed)} cannot be read, such as {closed[0]}", f"chmod -R u+rX {directory}")
    if links:
        found = f"{len(links)} behind links, which are not followed, such as {links[0]}"
        return warn(name, found, "put the transcripts themselves in its place, or remove it")
    if not files:
        return warn(name, "there are none yet", "use Claude Code once, or name another directory: --claude-dir DIR")
    newest = datetime.fromtimestamp(max(file.stat().st_mtime for file in files), UTC)
    found = f"{len(files)}, the newest of {zoned_moment(newest, timezone)}"
    if known is not None:
        listing = list_transcripts([directory / TRANSCRIPTS], known, names)
        unread = f"{_size(unread_bytes(listing, known))} in {len(listing.changed):,} of them"
        found += f"; {unread} are not read as facts yet" if listing.changed else "; all are read as facts"
    return ok(name, found)


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 100_000 else f"{count:,} bytes"


def _readable(root: Path) -> tuple[Sequence[Path], Sequence[Path], Sequence[Path]]:
    """Return the transcripts that can be read, files and folders that cannot, and links to what is not read here."""
    files, closed, links = list[Path](), list[Path](), list[Path]()
    for folder, folders, names in os.walk(root, onerror=lambda error: closed.append(Path(error.filename))):
        for file in (Path(folder) / name for name in names if name.endswith(".jsonl")):
            if file.is_symlink():
                links.append(file)
            else:
                (files if os.access(file, os.R_OK) else closed).append(file)
        # A link to a folder that has another name here hides nothing.
        linked = (path for path in (Path(folder) / name for name in folders) if path.is_symlink())
        links += [path for path in linked if any(path.glob("*.jsonl"))]
    real = root.resolve()
    hide = [link for link in links if not (os.access(link, os.F_OK) and link.resolve().is_relative_to(real))]
    return files, closed, hide


def _cleanup(directory: Path) -> Check:
    name, days = f"clean-up in {directory}", cleanup_period_days(directory)
    found = f"transcripts are deleted after {counted(days, 'day')}"
    if days > DEFAULT_CLEANUP_DAYS:
        return ok(name, found)
    return warn(
        name,
        f"{found}: what is not imported until then is lost",
        f'put "cleanupPeriodDays": {LONGER_CLEANUP_DAYS} into {directory / "settings.json"}',
    )
