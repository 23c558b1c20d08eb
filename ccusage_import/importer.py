"""The main job: fetch, validate, reconcile, load, compare. Prints nothing; returns what happened."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from loguru import logger

from ccusage_import.ccusage.agents import ALL, find_agents, wanted_labels
from ccusage_import.ccusage.archive import LoadNote, ReportArchive
from ccusage_import.ccusage.data_dirs import Sources, find_sources
from ccusage_import.ccusage.fetcher import Fetched, fetch_reports
from ccusage_import.ccusage.models import validate_report
from ccusage_import.ccusage.parser import Origin, instant, parse_report
from ccusage_import.ccusage.runner import fetch_options, find_runner, parse_version
from ccusage_import.config.names import keep_names, read_names
from ccusage_import.config.settings import Configuration
from ccusage_import.config.warehouse_url import EmbeddedWarehouse
from ccusage_import.exceptions import (
    BackupError,
    CcusageError,
    ConfigurationError,
    DataDirectoryError,
    EmptyReportError,
    FixableError,
    InvalidReportError,
    MachineTakenError,
    NotAReportError,
    WarehouseError,
)
from ccusage_import.import_summary import ImportOptions, ImportProgress, ImportSummary, ReportOutcome
from ccusage_import.pseudonyms import Pseudonyms
from ccusage_import.reconcile import Context, Decision, Reason, reconcile
from ccusage_import.records import CLAUDE, Provenance, Record, report_file, split_label
from ccusage_import.statistics import (
    active_block,
    shown_after,
    top_agents,
    top_models,
    top_projects,
    totals,
)
from ccusage_import.warehouse.budgets import keep_budgets
from ccusage_import.warehouse.clickhouse_client import ClickHouse, preload_driver
from ccusage_import.warehouse.migrations import refuse_pending
from ccusage_import.warehouse.opening import (
    TOOL_VERSION,
    import_lock,
    open_configured,
    open_current,
    unrecorded_loads,
)
from ccusage_import.warehouse.tables import (
    Load,
    commit,
    next_load_id,
    read_loads,
    read_records,
    settle_dead_loads,
    tidy,
    write_decisions,
    write_load,
)

FILES = "files"


@dataclass(frozen=True, slots=True)
class _Offer:
    """The outputs of the reports by their labels, and what they were read with."""

    outputs: dict[str, Fetched | FixableError]
    provenance: Provenance
    version_info: tuple[int, int, int] | None
    intact_from: date | None

    def provenance_of(self, agent: str) -> Provenance:
        """Return what an agent's reports were read with: the data directories are those of Claude Code."""
        return self.provenance if agent == CLAUDE else self.provenance._replace(data_dirs=())


def run_import(
    configuration: Configuration, options: ImportOptions, environ: Mapping[str, str], progress: ImportProgress
) -> ImportSummary:
    """Run one import.

    Returns:
        What happened, also where some or all reports failed: their errors are in it.

    Raises:
        FixableError: nothing could be fetched at all, or the warehouse cannot be used. A load that had begun is
            settled by the next import.
    """
    with import_lock(configuration):
        return run_import_alone(configuration, options, environ, progress)


def run_import_alone(
    configuration: Configuration, options: ImportOptions, environ: Mapping[str, str], progress: ImportProgress
) -> ImportSummary:
    """Run one import like `run_import`; the caller holds the import lock."""
    return _Import(configuration, options, environ, progress).run()


class _Import:
    """One run: the configuration it was started with and the summary it fills."""

    def __init__(
        self, configuration: Configuration, options: ImportOptions, environ: Mapping[str, str], progress: ImportProgress
    ) -> None:
        self._configuration = configuration
        self._settings = configuration.settings
        self._options = options
        self._environ = environ
        self._progress = progress
        self._started_at = instant(options.note.started_at if options.note else datetime.now(UTC))
        self._archive = ReportArchive() if configuration.settings.keep_raw and options.note is None else None
        self._unrecorded = unrecorded_loads(configuration)
        self._names = read_names(configuration.directories.names_file)
        self._pseudonyms = Pseudonyms(self._settings.salt.get_secret_value(), is_enabled=self._settings.hash_projects)
        self.summary = ImportSummary(self._settings.machine, options.is_dry_run, timezone=self._settings.timezone)

    def run(self) -> ImportSummary:
        preloading = threading.Thread(target=preload_driver, daemon=True)
        preloading.start()
        try:
            with self._phase("fetch"):
                offer = self._saved() if self._options.saved_dir else self._fetched()
        except CcusageError as error:
            preloading.join()
            self._leave_trace(error)
            raise
        with self._phase("validate"):
            records = self._validated(offer)
        preloading.join()
        if self.summary.failed == list(self.summary.reports):
            self._leave_trace(self._first_error())
        else:
            try:
                self._load(offer, records)
            except WarehouseError as error:
                self._keep_for_later(error)
                raise
        return self.summary

    def _fetched(self) -> _Offer:
        settings, environ = self._settings, self._environ
        sources, failure = self._sources()
        self.summary.warnings += sources.warnings()
        fetch = fetch_options(self._configuration, sources.found)
        runner = find_runner(fetch, environ)
        self.summary.ccusage_version, self.summary.runner = runner.version, runner.source
        agents = find_agents(settings.agents, runner, fetch, environ)
        if failure and CLAUDE in agents:
            agents[CLAUDE] = failure
        labels = wanted_labels(list(agents), self._options.reports)
        errors = {label: error for label in labels if (error := agents[split_label(label)[0]])}
        fetched = fetch_reports(
            runner, [label for label in labels if label not in errors], fetch, environ, self._progress
        )
        provenance = self._provenance(runner.version, sources.found)
        outputs: dict[str, Fetched | FixableError] = {label: errors.get(label) or fetched[label] for label in labels}
        return _Offer(outputs, provenance, runner.version_info, sources.intact_from(self._today()))

    def _sources(self) -> tuple[Sources, CcusageError | None]:
        """Return Claude Code's data directories; where other agents are wanted too, none is an error of its reports."""
        try:
            return find_sources(self._settings.claude_dirs, self._environ), None
        except DataDirectoryError as error:
            if self._settings.agents == (CLAUDE,):
                raise
            return Sources((), ()), DataDirectoryError(
                str(error), hint=f"{error.hint}, or leave claude out of `agents`"
            )

    def _saved(self) -> _Offer:
        """Read saved files in place of running ccusage; a report without a file is not judged."""
        directory = self._options.saved_dir
        outputs: dict[str, Fetched | FixableError] = {}
        labels = wanted_labels(self._saved_agents(), self._options.reports)
        for label in labels:
            file = Path(f"{directory}/{report_file(label)}")
            try:
                outputs[label] = Fetched(label, file.read_bytes(), 0.0, 1)
            except FileNotFoundError:
                continue
            except OSError as error:
                outputs[label] = NotAReportError(f"{label}: {file}: {error.strerror}", hint="make the file readable")
        if not outputs:
            wanted = ", ".join(map(report_file, labels))
            raise NotAReportError(f"{directory} holds none of {wanted}", hint="save reports under these names")
        self.summary.runner = FILES
        if note := self._options.note:
            self.summary.ccusage_version = note.ccusage_version
            return _Offer(outputs, note.provenance, parse_version(note.ccusage_version), note.intact_from)
        return _Offer(outputs, self._provenance("", ()), None, None)

    def _saved_agents(self) -> list[str]:
        """Return the wanted agents; every one that has a file for `all`, and in a kept load, which knows best."""
        if ALL not in self._settings.agents and self._options.note is None:
            return list(self._settings.agents)
        files = Path(f"{self._options.saved_dir}").glob("?*-*.json")
        return [CLAUDE, *sorted({agent for file in files if (agent := file.stem.rpartition("-")[0]) != CLAUDE})]

    def _provenance(self, ccusage_version: str, directories: Sequence[Path]) -> Provenance:
        digests = tuple(sorted(self._pseudonyms.always(str(path)) for path in directories))
        return Provenance(ccusage_version, self._settings.timezone, self._settings.mode, digests)

    def _validated(self, offer: _Offer) -> list[Record]:
        """Return the records of all valid reports; what is wrong with the others goes into the summary."""
        records: list[Record] = []
        for label in list(offer.outputs):
            output = offer.outputs.pop(label)
            outcome = self.summary.reports[label] = ReportOutcome()
            provenance = offer.provenance_of(split_label(label)[0])
            origin = Origin(self._settings.machine, provenance, offer.version_info)
            try:
                if isinstance(output, FixableError):
                    raise output
                outcome.seconds = output.seconds
                if self._archive is not None:
                    self._archive.add(label, output.output)
                parsed = parse_report(label, validate_report(label, output.output), origin, self._pseudonyms)
                _refuse_twice(label, parsed.records, records)
            except CcusageError as error:
                logger.bind(report=label, kind=error.kind).info("report failed")
                outcome.error = error
                continue
            outcome.offered = len(parsed.records)
            logger.bind(report=label, ms=round(output.seconds * 1000), rows=outcome.offered).debug("report read")
            records += parsed.records
            self.summary.warnings += [line for line in parsed.warnings if line not in self.summary.warnings]
        return records

    def _load(self, offer: _Offer, records: list[Record]) -> None:
        with ExitStack() as stack:
            with self._phase("open"):
                warehouse = self._open(stack)
            if warehouse is not None and not self._options.is_dry_run:
                keep_budgets(warehouse, self._settings)
            with self._phase("reconcile"):
                stored = self._stored(warehouse, records)
                self.summary.offered, self.summary.stored = records, stored
                self.summary.decisions = self._reconciled(offer, records, stored)
                self._compare(stored)
            if warehouse is not None and not self._options.is_dry_run and not self.summary.is_empty:
                with self._phase("load"):
                    self._publish(warehouse, offer)

    def _open(self, stack: ExitStack) -> ClickHouse | None:
        """Open the warehouse with a schema this program knows; a dry run makes no warehouse where there is none."""
        place = self._settings.parsed_warehouse()
        if self._options.is_dry_run and isinstance(place, EmbeddedWarehouse) and not place.path.exists():
            return None
        if self._options.is_dry_run:
            warehouse = stack.enter_context(open_configured(self._configuration))
            refuse_pending(warehouse)
        else:
            warehouse = stack.enter_context(open_current(self._configuration))
        if not self._options.is_dry_run:
            for load in self._unrecorded.loads():
                write_load(warehouse, load)
            self._unrecorded.forget()
        return warehouse

    def _stored(self, warehouse: ClickHouse | None, offered: list[Record]) -> list[Record]:
        if warehouse is None:
            return []
        machine = self._settings.machine
        self._refuse_taken_name(warehouse, machine)
        if not self._options.is_dry_run:
            for state in settle_dead_loads(warehouse, machine):
                self.summary.warnings.append(f"an earlier load ended in the middle; it is now marked as {state}")
        return read_records(warehouse, machine, offered)

    def _refuse_taken_name(self, warehouse: ClickHouse, machine: str) -> None:
        """Two hosts under one name would take each other's records for their own."""
        own = self._configuration.installation
        for load in read_loads(warehouse, machine=machine, limit=1):
            if own and load.installation not in ("", own):
                raise MachineTakenError(
                    f"machine {machine!r} is the name of another installation in {warehouse.warehouse}",
                    hint="choose another name: --machine NAME; or, if that installation is gone, take over its history:"
                    f' put installation = "{load.installation}" into {self._configuration.directories.identity_file}',
                )

    def _reconciled(self, offer: _Offer, records: list[Record], stored: list[Record]) -> list[Decision]:
        settings, options = self._settings, self._options
        self.summary.intact_from = offer.intact_from
        context = Context(
            settings.machine,
            offer.provenance,
            offer.intact_from,
            options.since,
            options.until,
            settings.prices,
            options.accepted,
        )
        valid = [split_label(name)[1] for name, outcome in self.summary.reports.items() if outcome.error is None]
        decisions = reconcile(records, stored, valid, context)
        for decision in decisions:
            self.summary.outcome_of(decision.record).verdicts[decision.verdict] += 1
        self._name_missing_directories(offer, decisions)
        self._doubt_empty_reports(stored, offer.intact_from)
        return decisions

    def _name_missing_directories(self, offer: _Offer, decisions: Sequence[Decision]) -> None:
        read_then = {
            digest
            for decision in decisions
            if decision.reason is Reason.DIRECTORY_MISSING and decision.stored is not None
            for digest in decision.stored.provenance.data_dirs
        }
        for digest in sorted(read_then - set(offer.provenance.data_dirs)):
            name = self._names.get(digest, digest)
            self.summary.warnings.append(f"data directory {name} was read before and is missing: its numbers stay")

    def _doubt_empty_reports(self, stored: Sequence[Record], intact_from: date | None) -> None:
        """An empty report is believable only where no usage is stored that it would have to show.

        Other agents would have to show that of the last days: those that are not used any more are left in peace.
        """
        if intact_from is None:
            return
        for label, outcome in self.summary.reports.items():
            agent, _ = split_label(label)
            since = intact_from if agent == CLAUDE else Sources((), ()).intact_from(self._today())
            kept = sum(record.label == label and record.day >= since for record in stored)
            if outcome.error is None and outcome.offered == 0 and kept:
                check = (
                    "the data directories: ccusage-import config show" if agent == CLAUDE else f"where {agent} keeps it"
                )
                outcome.error = EmptyReportError(
                    f"{label}: ccusage shows no usage, yet {kept} records since {since} are stored",
                    hint=f"they stay; check {check}",
                )

    def _today(self) -> date:
        return self._started_at.astimezone(ZoneInfo(self._settings.timezone)).date()

    def _compare(self, stored: list[Record]) -> None:
        summary, after = self.summary, shown_after(stored, self.summary.decisions)
        summary.before, summary.after = totals(stored), totals(after)
        summary.block = active_block(after, self._started_at)
        summary.agents, summary.models, summary.projects = top_agents(after), top_models(after), top_projects(after)
        summary.names = {**self._names, **self._pseudonyms.names}

    def _publish(self, warehouse: ClickHouse, offer: _Offer) -> None:
        """Write the load. Its INSERT into `records` is the point at which all of it becomes visible."""
        summary = self.summary
        keep_names(self._configuration.directories.names_file, self._names, self._pseudonyms.names)
        load = self._new_load(next_load_id(warehouse, summary.machine), offer.provenance)
        summary.load_id = load.load_id
        load.reports = tuple(name for name, outcome in summary.reports.items() if outcome.error is None)
        load.verdicts = {
            f"{report}/{verdict}": count
            for report, outcome in summary.reports.items()
            for verdict, count in sorted(outcome.verdicts.items())
        }
        if summary.before and summary.after:
            load.tokens_before, load.cost_before_usd = summary.before.total_tokens, summary.before.cost_usd
            load.tokens_after, load.cost_after_usd = summary.after.total_tokens, summary.after.cost_usd
        write_load(warehouse, load)
        write_decisions(warehouse, load, summary.decisions)
        load.phases = dict(summary.phases)
        commit(warehouse, load)
        tidy(warehouse)
        self._keep_reports(load)
        rows, ms = sum(decision.is_written for decision in summary.decisions), round(1000 * sum(load.phases.values()))
        logger.bind(load_id=load.load_id, machine=load.machine, rows=rows, ms=ms).info("load committed")

    def _keep_reports(self, load: Load) -> None:
        """Keep what the load was judged by. The load is committed: that it cannot be kept is no reason to fail."""
        if self._archive is None:
            return
        note = LoadNote(
            load_id=load.load_id,
            warehouse=str(self._settings.parsed_warehouse()),
            machine=load.machine,
            started_at=load.started_at,
            tool_version=load.tool_version,
            ccusage_version=load.ccusage_version,
            timezone=load.timezone,
            cost_mode=self._settings.mode,
            data_dirs=load.data_dirs,
            is_offline=load.is_offline,
            prices=self._settings.prices,
            intact_from=load.intact_from,
            since=self._options.since,
            until=self._options.until,
            accepted=self._options.accepted,
        )
        try:
            self._archive.write(self._configuration.directories.raw, note)
        except BackupError as error:
            self.summary.warnings.append(f"the reports of load {load.load_id} are not kept: {error}")

    def _leave_trace(self, error: FixableError) -> None:
        """Write a failed load, so that a run that fetched nothing is seen by whoever looks at the warehouse."""
        if self._options.is_dry_run:
            return
        try:
            with ExitStack() as stack:
                warehouse = self._open(stack)
                if warehouse is not None:
                    load = self._failed_load(error)
                    load.load_id = next_load_id(warehouse, load.machine)
                    write_load(warehouse, load)
        except WarehouseError as failure:
            logger.bind(kind=failure.kind).warning("the failed load could not be recorded")
            self._keep_for_later(error)

    def _keep_for_later(self, error: FixableError) -> None:
        """Keep a failed load until an import reaches the warehouse; one that had begun is in there already."""
        if self._options.is_dry_run or self.summary.load_id is not None:
            return
        try:
            self._unrecorded.keep(self._failed_load(error))
        except ConfigurationError as failure:
            # The error that is being handled matters more.
            logger.bind(kind=failure.kind).warning("the failed load could not be kept")

    def _failed_load(self, error: FixableError) -> Load:
        load = self._new_load(time.time_ns() // 1000, self._provenance(self.summary.ccusage_version, ()))
        load.state, load.finished_at, load.error = "failed", datetime.now(UTC), error.kind
        return load

    def _new_load(self, load_id: int, provenance: Provenance) -> Load:
        summary = self.summary
        return Load(
            load_id=load_id,
            machine=summary.machine,
            started_at=self._started_at,
            installation=self._configuration.installation,
            tool_version=TOOL_VERSION,
            ccusage_version=summary.ccusage_version,
            runner=summary.runner,
            timezone=provenance.timezone,
            cost_mode=provenance.cost_mode,
            is_offline=not self._settings.online_prices,
            data_dirs=provenance.data_dirs,
            intact_from=summary.intact_from,
            failed_reports=tuple(summary.failed),
            warnings=tuple(map(self._pseudonyms.hide_paths, summary.warnings)),
            error="; ".join(f"{name}: {item.error.kind}" for name, item in summary.reports.items() if item.error),
        )

    def _first_error(self) -> FixableError:
        return next(outcome.error for outcome in self.summary.reports.values() if outcome.error)

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        self._progress.phase(name)
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.summary.phases[name] = round(time.perf_counter() - begun, 3)


def _refuse_twice(label: str, records: Sequence[Record], earlier: Sequence[Record]) -> None:
    """Refuse what an earlier report holds too, as saved files of all agents and of one can: it would count twice."""
    known = {(record.report, record.agent, record.key) for record in earlier if record.label == label}
    twice = sorted(record.key for record in records if (record.report, record.agent, record.key) in known)
    if twice:
        raise InvalidReportError(label, tuple(f"{key}: is in another report too" for key in twice))
