"""What is offered to the warehouse: the outputs of ccusage's reports, or of saved files, and the records in them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from loguru import logger

from ccusage_import.ccusage.agents import ALL, find_agents, wanted_labels, with_hours
from ccusage_import.ccusage.archive import LoadNote, ReportArchive
from ccusage_import.ccusage.data_dirs import Sources, find_sources, provenance_now
from ccusage_import.ccusage.fetcher import Fetched, FetchProgress, fetch_reports, too_large
from ccusage_import.ccusage.prices import Prices, PriceSource
from ccusage_import.ccusage.refusals import Refused
from ccusage_import.ccusage.runner import LARGEST_REPORT, fetch_options, find_runner, parse_version
from ccusage_import.config.settings import Configuration, Settings
from ccusage_import.exceptions import (
    CcusageError,
    DataDirectoryError,
    FixableError,
    InvalidReportError,
    NoSavedReportsError,
    NotAReportError,
    RefusedRecordsError,
)
from ccusage_import.names.pseudonyms import Pseudonyms
from ccusage_import.records import CLAUDE, TIMED_REPORTS, Provenance, Record, report_file, split_label
from ccusage_import.rule.evidence import Span, span
from ccusage_import.rule.explain import dated_ahead
from ccusage_import.rule.verdicts import Verdict

if TYPE_CHECKING:
    from ccusage_import.ccusage.parser import ParsedReport

# What stands for a runner where reports come from saved files.
FILES = "files"
# To parse so many bytes takes memory that is worth giving back.
MUCH_PRINTED = 8_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The outputs of the reports by their labels, and what they were read with.

    Attributes:
        outputs: what each report printed, or why it did not; `parse_offer` empties it as it goes.
        provenance: what Claude Code's reports were read with.
        version_info: the version of ccusage; None for saved files of an unknown one.
        runner: how ccusage was run, or `files`.
        intact_from: first day whose transcripts cannot have been deleted yet; None when nothing is known of them.
        warnings: what is odd about the sources.
        prices: whom to ask for prices; None for saved files.
        directories: the data directories of Claude Code that were read; none where files were.
    """

    outputs: dict[str, Fetched | FixableError]
    provenance: Provenance
    version_info: tuple[int, int, int] | None
    runner: str
    intact_from: date | None
    warnings: tuple[str, ...] = ()
    prices: Prices | None = None
    directories: tuple[Path, ...] = ()

    def provenance_of(self, agent: str) -> Provenance:
        """Return what an agent's reports were read with: the data directories are those of Claude Code."""
        return self.provenance if agent == CLAUDE else self.provenance._replace(data_dirs=())


@dataclass(frozen=True, slots=True)
class ReportOutcome:
    """What became of one report of one agent; `refused` of its records were left out for what `refusal` says."""

    offered: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    refused: int = 0
    seconds: float | None = None
    error: FixableError | None = None
    refusal: RefusedRecordsError | None = None

    @property
    def problem(self) -> FixableError | None:
        """Why the report, or a part of it, was not loaded."""
        return self.error or self.refusal


@dataclass(frozen=True, slots=True)
class Parsed:
    """The records of all valid reports, those of them that cannot be true, and what became of each report."""

    records: Sequence[Record]
    outcomes: Mapping[str, ReportOutcome]
    warnings: tuple[str, ...]
    refused: Sequence[Refused]

    @property
    def valid(self) -> tuple[str, ...]:
        """The labels of the reports that were fetched and are valid."""
        return tuple(label for label, outcome in self.outcomes.items() if outcome.error is None)

    @property
    def errors(self) -> list[FixableError]:
        """Why reports failed."""
        return [outcome.error for outcome in self.outcomes.values() if outcome.error]


def live_offer(
    configuration: Configuration,
    reports: Sequence[str],
    environ: Mapping[str, str],
    pseudonyms: Pseudonyms,
    now: datetime,
    progress: FetchProgress,
    meanwhile: AbstractContextManager[None],
) -> Offer:
    """Run ccusage.

    Args:
        configuration: the settings, and where files are.
        reports: the names of the reports.
        environ: the process environment.
        pseudonyms: turns the paths of data directories into keyed hashes, for the provenance.
        now: what the clean-up period of Claude Code is counted from.
        progress: hears how the reports come along.
        meanwhile: entered while they run; nothing is looked for by a relative path then.

    Raises:
        CcusageError: nothing can be fetched at all.
        ConfigurationError: there is no such report, or the state directory cannot be written.
    """
    settings = configuration.settings
    sources, failure = _find_sources(settings, environ)
    options = fetch_options(configuration, sources.found)
    runner = find_runner(options, environ)
    agents = find_agents(settings.agents, runner, options, environ)
    if failure and CLAUDE in agents:
        agents[CLAUDE] = failure
    labels = wanted_labels(list(agents), reports if settings.transcripts else with_hours(reports))
    errors = {label: error for label in labels if (error := agents[split_label(label)[0]])}
    with meanwhile:
        fetched = fetch_reports(runner, [label for label in labels if label not in errors], options, environ, progress)
    return Offer(
        outputs={label: errors.get(label) or fetched[label] for label in labels},
        provenance=provenance_now(settings, runner.version, sources.found, pseudonyms),
        version_info=runner.version_info,
        runner=runner.source,
        intact_from=sources.intact_from(now, settings.zone),
        warnings=tuple(sources.warnings()),
        prices=PriceSource(runner, options, environ),
        directories=sources.found,
    )


def saved_offer(
    settings: Settings, directory: Path, reports: Sequence[str], note: LoadNote | None, pseudonyms: Pseudonyms
) -> Offer:
    """Read saved files instead of running ccusage; a report without a file is not judged.

    Args:
        settings: whose agents are wanted.
        directory: holds a file for each report.
        reports: their names.
        note: what the reports were read with, where it is known.
        pseudonyms: turns the paths of data directories into keyed hashes, for the provenance.

    Raises:
        NoSavedReportsError: there is no file at all.
        ConfigurationError: there is no such report.
    """
    outputs: dict[str, Fetched | FixableError] = {}
    agents = _saved_agents(settings, directory, note)
    labels = wanted_labels(agents, with_hours(reports))
    for label in labels:
        if read := _saved(label, directory / report_file(label)):
            outputs[label] = read
    if not outputs:
        wanted = ", ".join(map(report_file, labels))
        raise NoSavedReportsError(f"{directory} holds none of {wanted}", hint="save reports under these names")
    if note is None:
        provenance = provenance_now(settings, "", (), pseudonyms)
        return Offer(outputs=outputs, provenance=provenance, version_info=None, runner=FILES, intact_from=None)
    return Offer(
        outputs=outputs,
        provenance=note.provenance,
        version_info=parse_version(note.ccusage_version),
        runner=FILES,
        intact_from=note.intact_from,
    )


def parse_offer(
    offer: Offer, machine: str, pseudonyms: Pseudonyms, today: date, archive: ReportArchive | None
) -> Parsed:
    """Return the records of all valid reports; each output is dropped as soon as it is parsed.

    Args:
        offer: its outputs are gone afterwards.
        machine: whose records they are.
        pseudonyms: applied to names; remembers those it met.
        today: what is dated later is dated ahead.
        archive: gets every output that was fetched, where reports are kept.
    """
    # Not above: an import in which nothing changed reads no report, and their models take a tenth of its time.
    from ccusage_import.ccusage.parser import Origin, parse_report
    from ccusage_import.ccusage.validation import validate_report

    records: list[Record] = []
    refused: list[Refused] = []
    outcomes: dict[str, ReportOutcome] = {}
    warnings: dict[str, None] = {}
    printed = 0
    for label in list(offer.outputs):
        output = offer.outputs.pop(label)
        if isinstance(output, FixableError):
            outcomes[label] = _failed(label, output, None)
            continue
        if archive is not None:
            archive.add(label, output.output)
        printed += len(output.output)
        origin = Origin(machine, offer.provenance_of(split_label(label)[0]), offer.version_info, today)
        try:
            parsed = parse_report(label, validate_report(label, output.output), origin, pseudonyms)
            _refuse_twice(label, parsed.records, records)
        except CcusageError as error:
            outcomes[label] = _failed(label, error, output.seconds)
            continue
        outcomes[label] = _read(label, parsed, output.seconds)
        rows, ms = len(parsed.records), round(output.seconds * 1000)
        logger.bind(report=label, ms=ms, rows=rows).debug("report read")
        records += parsed.records
        refused += parsed.refused
        warnings.update(dict.fromkeys(parsed.warnings))
    if ahead := sum(record.is_dated_ahead for record in records):
        warnings[dated_ahead(ahead, today)] = None
    if printed >= MUCH_PRINTED:
        _give_memory_back()
    return Parsed(with_unpriced_blocks(records), outcomes, tuple(warnings), refused)


def _give_memory_back() -> None:
    """Give the memory back in which JSON was parsed: glibc keeps it, and neither Python nor the engine uses it."""
    # Not above: few imports come here.
    import ctypes

    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def with_unpriced_blocks(records: Sequence[Record]) -> list[Record]:
    """Mark blocks and hours as unpriced where a day of their time has unpriced usage of one of their models.

    A block names its models but has one cost for all of them, in which a model without a price counts as 0.
    """
    unpriced: list[tuple[str, Span, set[str]]] = []
    for record in records:
        if record.report in ("daily", "projects"):
            models = {model.model for model in record.models if model.unpriced}
            unpriced += [(record.agent, span(record), models)] if models else []
    return [_with_price_missing(record, unpriced) if record.report in TIMED_REPORTS else record for record in records]


def _with_price_missing(block: Record, unpriced: Sequence[tuple[str, Span, set[str]]]) -> Record:
    if block.unpriced or block.started_at is None:
        return block
    used = Span(block.started_at, (block.ended_at or block.started_at) + timedelta(milliseconds=1))
    return block._replace(
        unpriced=any(
            agent == block.agent and not models.isdisjoint(block.models_used) and used.overlaps(day)
            for agent, day, models in unpriced
        )
    )


def _find_sources(settings: Settings, environ: Mapping[str, str]) -> tuple[Sources, CcusageError | None]:
    """Return Claude Code's data directories; where other agents are wanted too, none is an error of its reports."""
    try:
        return find_sources(settings.claude_dirs, environ), None
    except DataDirectoryError as error:
        if settings.agents == (CLAUDE,):
            raise
        return Sources((), ()), DataDirectoryError(str(error), hint=f"{error.hint}, or leave claude out of `agents`")


def _saved_agents(settings: Settings, directory: Path, note: LoadNote | None) -> list[str]:
    """Return the wanted agents; every one that has a file for `all`, and in a kept load, which knows best."""
    if ALL not in settings.agents and note is None:
        return list(settings.agents)
    files = directory.glob("?*-*.json")
    return [CLAUDE, *sorted({agent for file in files if (agent := file.stem.rpartition("-")[0]) != CLAUDE})]


def _saved(label: str, file: Path) -> Fetched | NotAReportError | None:
    try:
        with file.open("rb") as stream:
            if os.fstat(stream.fileno()).st_size > LARGEST_REPORT:
                return too_large(f"{label}: {file}", LARGEST_REPORT, "move the file away to import the others")
            return Fetched(label, stream.read(), 0.0, 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        return NotAReportError(f"{label}: {file}: {error.strerror}", hint="make the file readable")


def _read(label: str, parsed: ParsedReport, seconds: float) -> ReportOutcome:
    count = len(parsed.refused)
    refusal = RefusedRecordsError(label, count, parsed.complaints) if count else None
    return ReportOutcome(len(parsed.records), refused=count, seconds=seconds, refusal=refusal)


def _failed(label: str, error: FixableError, seconds: float | None) -> ReportOutcome:
    logger.bind(report=label, kind=error.kind).info("report failed")
    return ReportOutcome(seconds=seconds, error=error)


def _refuse_twice(label: str, records: Sequence[Record], earlier: Sequence[Record]) -> None:
    """Refuse records that another saved file of the same agent holds too: they would count twice."""
    known = {record.identity for record in earlier if record.label == label}
    twice = sorted(record.key for record in records if record.identity in known)
    if twice:
        raise InvalidReportError(label, tuple(f"{key}: is in another report too" for key in twice))
