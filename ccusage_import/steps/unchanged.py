"""The step that looks whether anything changed since the last import: if not, no report has to be run."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

from loguru import logger
from pydantic import TypeAdapter, ValidationError

from ccusage_import import __version__
from ccusage_import.ccusage.data_dirs import TRANSCRIPTS, find_sources, provenance_now
from ccusage_import.ccusage.runner import fetch_options, find_runner
from ccusage_import.exceptions import ConfigurationError, ExitCode, FixableError
from ccusage_import.files import write_private_file
from ccusage_import.import_summary import ImportOptions, ImportSummary
from ccusage_import.records import CLAUDE
from ccusage_import.statusline.numbers import questions_of_numbers, text_of_numbers, write_numbers
from ccusage_import.steps.loads import new_load
from ccusage_import.steps.open_to_load import open_for_load
from ccusage_import.steps.run import Run
from ccusage_import.transcripts import walk
from ccusage_import.warehouse.committing import commit, records_question
from ccusage_import.warehouse.driver.loading import load_driver, loading_meanwhile
from ccusage_import.warehouse.opening import cursor_file
from ccusage_import.warehouse.tables import Load, last_load_question, loads_question, next_load_id, read_loads


@dataclass(frozen=True, slots=True)
class LastImport:
    """What the last whole import found, and which load it was."""

    seen: str
    ccusage_version: str
    runner: str
    load_id: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What reports depend on besides ccusage itself: a digest of settings and of all transcripts by size and times."""

    directories: tuple[Path, ...]
    digest: str


def look(run: Run, environ: Mapping[str, str]) -> Seen | None:
    """Return what the reports of a whole import depend on, apart from ccusage itself.

    None where that cannot be known: prices come from the network, other agents are asked, or only a part is wanted.
    """
    settings = run.settings
    is_whole = run.options == ImportOptions(is_forced=run.options.is_forced)
    if not is_whole or not settings.skip_unchanged or settings.online_prices or settings.agents != (CLAUDE,):
        return None
    try:
        directories = find_sources(settings.claude_dirs, environ).found
    except FixableError:
        return None
    unreadable = Counter[str]()
    files = [
        # One that was made readable since, or written over, may only tell by when the file itself was changed.
        f"{path} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
        for directory in directories
        for path, status in walk(os.fspath(directory / TRANSCRIPTS), unreadable)
    ]
    if unreadable:
        return None
    made_of = (__version__, run.pseudonyms.naming, settings.model_dump_json(), *map(str, directories), *sorted(files))
    return Seen(directories, blake2b("\n".join(made_of).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest())


def import_nothing(run: Run, seen: Seen, environ: Mapping[str, str]) -> ImportSummary | None:
    """Record a load in which nothing changed, and return its summary; None where the reports have to be run.

    Nothing changed if the last load of this machine was a whole import of the same transcripts by the same ccusage with
    the same settings, and no block was active then: an active block ends without a change of any transcript.

    Args:
        run: the import.
        seen: what the reports depend on now.
        environ: the process environment.

    Raises:
        WarehouseError: the warehouse cannot be used.
    """
    last = None if run.options.is_forced else _read(run)
    if last is None or last.seen != seen.digest:
        return None
    if run.settings.transcripts and not cursor_file(run.configuration).exists():
        # They are to be read again.
        return None
    try:
        with loading_meanwhile(load_driver):
            runner = find_runner(fetch_options(run.configuration, seen.directories), environ)
    except FixableError:
        # Whoever runs the reports says so.
        return None
    if (runner.version, runner.source) != (last.ccusage_version, last.runner):
        return None
    machine = run.settings.machine
    with ExitStack() as stack:
        with run.phase("open"):
            ahead = [loads_question(machine, limit=1), last_load_question(machine), records_question(machine)]
            warehouse, warnings = open_for_load(run, stack, ahead=[*ahead, *questions_of_numbers(run.settings)])
        before = next(iter(read_loads(warehouse, machine=machine, limit=1)), None)
        if before is None or before.load_id != last.load_id or before.state != "committed":
            return None
        # Before something is written, after which no answer that was asked ahead counts. The load adds no number.
        numbers = text_of_numbers(warehouse, run.configuration)
        with run.phase("load"):
            load = _load(run, before, seen, next_load_id(warehouse, machine))
            commit(warehouse, load)
        write_numbers(run.configuration, numbers)
        _keep(run, replace(last, load_id=load.load_id))
        logger.bind(load_id=load.load_id, machine=load.machine).info("nothing changed")
        return ImportSummary(
            machine=load.machine,
            timezone=run.settings.timezone,
            is_dry_run=False,
            ccusage_version=load.ccusage_version,
            runner=load.runner,
            load_id=load.load_id,
            intact_from=load.intact_from,
            warnings=warnings,
            phases=run.phases,
            unchanged_since=before.started_at,
        )


def remember(run: Run, seen: Seen | None, summary: ImportSummary) -> None:
    """Write down what a whole import found, where the next one may rely on it."""
    if seen is None or summary.load_id is None or summary.exit_code is not ExitCode.OK:
        return
    if any(record.is_active for record in summary.offered):
        return
    _keep(run, LastImport(seen.digest, summary.ccusage_version, summary.runner, summary.load_id))


def _load(run: Run, before: Load, seen: Seen, load_id: int) -> Load:
    load = new_load(
        run, load_id, provenance_now(run.settings, before.ccusage_version, seen.directories, run.pseudonyms)
    )
    load.runner, load.intact_from = before.runner, before.intact_from
    load.tokens_before = load.tokens_after = before.tokens_after
    load.cost_before_usd = load.cost_after_usd = before.cost_after_usd
    load.phases = dict(run.phases)
    return load


def _read(run: Run) -> LastImport | None:
    try:
        return _LAST.validate_json(_file(run).read_bytes())
    except (OSError, ValidationError):
        return None


def _keep(run: Run, last: LastImport) -> None:
    """Write it down. The import is done: that this fails ends nothing, and the next one runs its reports."""
    try:
        # Where the machine loses power, the next import runs its reports.
        write_private_file(_file(run), _LAST.dump_json(last, indent=1).decode() + "\n", durable=False)
    except ConfigurationError as error:
        logger.bind(reason=str(error)).warning("what was imported could not be written down")


def _file(run: Run) -> Path:
    return run.configuration.directories.state / "last-import.json"


_LAST = TypeAdapter(LastImport)
