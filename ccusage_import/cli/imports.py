"""`import`: options to configuration, one call, its result rendered, an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from datetime import date
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from ccusage_import import ui
from ccusage_import.cli.options import (
    Agents,
    AsJson,
    CcusageCommand,
    ClaudeDirs,
    ConfigFile,
    EnvFile,
    Quiet,
    Verbose,
    WarehouseUrl,
    configured,
    door,
    environment,
)
from ccusage_import.config.settings import Configuration
from ccusage_import.days import days_of_option, period_of_options, today_in
from ccusage_import.exceptions import ConfigurationError, DatabaseMissingError, ExitCode, FixableError
from ccusage_import.files import can_be_written
from ccusage_import.import_summary import ImportOptions, ImportProgress, ImportSummary
from ccusage_import.importer import run_import
from ccusage_import.logger import log_to_file
from ccusage_import.money import Money
from ccusage_import.monitoring.announcements import announced
from ccusage_import.records import ALL_REPORTS, REPORTS, ReportName
from ccusage_import.steps.last_offer import keep_offer
from ccusage_import.ui.progress import show_progress
from ccusage_import.warehouse.clickhouse_client import ClickHouse, open_warehouse
from ccusage_import.warehouse.migrations import apply_migrations

if TYPE_CHECKING:
    from ccusage_import.ccusage.archive import KeptLoad
    from ccusage_import.demo.place import Place

T = TypeVar("T")
Importer = Callable[[Configuration, ImportOptions, Mapping[str, str], ImportProgress], T]


def import_command(
    config: ConfigFile = None,
    env_file: EnvFile = None,
    warehouse: WarehouseUrl = None,
    report: Annotated[
        list[ReportName] | None,
        typer.Option(
            metavar="NAME",
            help="Import only this report: daily, monthly, session, blocks, projects or hours; may be repeated.",
        ),
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="DAY", help="First day to import.")] = None,
    until: Annotated[str | None, typer.Option(metavar="DAY", help="Last day to import.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and write nothing.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Run the reports even where nothing changed since the last import.")
    ] = False,
    from_dir: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="DIR",
            help="Read saved reports instead of running ccusage, those that exist of daily.json, monthly.json, "
            "session.json, blocks.json, projects.json and hours.json.",
        ),
    ] = None,
    accept_lower: Annotated[
        str | None,
        typer.Option(metavar="FROM..TO", help="Accept smaller numbers for these days, such as 2026-10-01..2026-10-07."),
    ] = None,
    demo: Annotated[
        bool,
        typer.Option(
            "--demo", help="Try it on sample transcripts, in a warehouse of their own, kept until the next demo."
        ),
    ] = False,
    opens: Annotated[bool, typer.Option("--open", help="With --demo: show its page in the browser.")] = False,
    agent: Agents = None,
    claude_dir: ClaudeDirs = None,
    ccusage: CcusageCommand = None,
    ccusage_version: Annotated[
        str | None, typer.Option(metavar="X.Y.Z", help="Version of ccusage that bunx or npx installs.")
    ] = None,
    timezone: Annotated[str | None, typer.Option(metavar="ZONE", help="IANA zone in which days begin.")] = None,
    machine: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of this machine, which every row carries.")
    ] = None,
    hash_projects: Annotated[
        bool | None,
        typer.Option(
            "--hash-projects/--no-hash-projects", help="Store projects and sessions as pseudonyms, or by name."
        ),
    ] = None,
    transcripts: Annotated[
        bool | None,
        typer.Option(
            "--transcripts/--no-transcripts", help="Also read what is new in the transcripts, or only the reports."
        ),
    ] = None,
    transcripts_only: Annotated[
        bool,
        typer.Option("--transcripts-only", help="Only read what is new in the transcripts; do not run ccusage."),
    ] = False,
    online_prices: Annotated[
        bool | None,
        typer.Option(
            "--online-prices/--offline-prices", help="Let ccusage fetch current prices, or use those it comes with."
        ),
    ] = None,
    jobs: Annotated[int | None, typer.Option(metavar="N", help="How many reports to run at once.")] = None,
    timeout: Annotated[float | None, typer.Option(metavar="SECONDS", help="How long one report may take.")] = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Run the ccusage reports and load what they show.

    Then reads what is new in the transcripts. A smaller number replaces a stored one only where something explains it.
    """
    flags = {
        "warehouse": warehouse,
        "agents": agent or None,
        "claude_dirs": claude_dir or None,
        "ccusage": ccusage,
        "ccusage_version": ccusage_version,
        "timezone": timezone,
        "machine": machine,
        "hash_projects": hash_projects,
        "transcripts": transcripts,
        "online_prices": online_prices,
        "jobs": jobs,
        "timeout_seconds": timeout,
    }
    with door(verbose, quiet=quiet, as_json=as_json), ExitStack() as stack:
        _refuse_contradictions(
            no_transcripts=transcripts is False,
            transcripts_only=transcripts_only,
            opens=opens,
            demo=demo,
            dry_run=dry_run,
        )
        if demo:
            own = {"--from": from_dir, "--ccusage": ccusage, "--ccusage-version": ccusage_version}
            parts = {"--report": report, "--since": since, "--until": until, "--accept-lower": accept_lower}
            _refuse_in_demo({**own, **parts, "--transcripts-only": transcripts_only})
        _demand_directory(from_dir)
        environ = environment(env_file)
        place = stack.enter_context(_made_place(is_kept=not dry_run)) if demo else None
        if place:
            configuration = place.configuration(flags, config, environ)
        else:
            configuration = configured(flags, config, keeps_identity=not dry_run, environ=environ)
        today = today_in(configuration.settings.timezone)
        first, last = period_of_options(since, until, today)
        options = ImportOptions(
            reports=tuple(name for name in ALL_REPORTS if name in (report or REPORTS)),
            since=first or date.min,
            until=last or date.max,
            is_dry_run=dry_run,
            only_transcripts=transcripts_only,
            is_forced=force,
            saved_dir=from_dir,
            accepted=days_of_option("--accept-lower", accept_lower, today) if accept_lower else None,
        )
        log_to_configured_file(configuration)
        kept = _kept_loads(from_dir) if from_dir and not transcripts_only else []
        if place:
            exit_code = _run_demo(configuration, options, environ, place, opens=opens, quiet=quiet, as_json=as_json)
        elif kept:
            exit_code = _replay(configuration, options, environ, kept, quiet=quiet, as_json=as_json)
        else:
            exit_code = _import_now(configuration, options, environ, quiet=quiet, as_json=as_json)
        if not (dry_run or demo or (as_json and not kept)):
            ui.print_warnings(synchronise(configuration))
        if exit_code is not ExitCode.OK:
            raise typer.Exit(exit_code)


def _refuse_contradictions(
    *, no_transcripts: bool, transcripts_only: bool, opens: bool, demo: bool, dry_run: bool
) -> None:
    """Refuse options that exclude each other."""
    if transcripts_only and no_transcripts:
        raise ConfigurationError(
            "--no-transcripts: leaves nothing for --transcripts-only", hint="leave one of the two out"
        )
    if opens and (dry_run or not demo):
        why = "a dry run makes no page" if demo else "is about the page of the demo"
        raise ConfigurationError(f"--open: {why}", hint="see your own: ccusage-import report --open")


def _demand_directory(saved: Path | None) -> None:
    if saved and not saved.is_dir():
        raise ConfigurationError(f"--from {saved}: is not a directory", hint="name the one that holds saved reports")


def _refuse_in_demo(options: Mapping[str, object]) -> None:
    """Refuse options that say where reports come from, or which: the demo brings its own and needs all of them."""
    for option, value in options.items():
        if value:
            raise ConfigurationError(f"{option}: the demo has reports of its own", hint="leave one of the two out")


# The demo and kept loads take what no other import needs.


def _made_place(*, is_kept: bool) -> AbstractContextManager[Place]:
    from ccusage_import.demo.place import Place

    return Place.made(is_kept=is_kept)


def _kept_loads(directory: Path) -> list[KeptLoad]:
    from ccusage_import.ccusage.archive import find_loads

    return find_loads(directory)


def _run_demo(
    configuration: Configuration,
    options: ImportOptions,
    environ: Mapping[str, str],
    place: Place,
    *,
    opens: bool,
    quiet: bool,
    as_json: bool,
) -> ExitCode:
    """Run the demo, print what it showed, and keep its warehouse with a page of it; a dry run keeps nothing."""
    from ccusage_import.demo.place import what_next
    from ccusage_import.demo.story import run_demo
    from ccusage_import.ui.browser import open_in_browser
    from ccusage_import.ui.summary import print_second

    run = partial(run_demo, place=place)
    shown = _import(run, configuration, options, environ, shows_progress=not (quiet or as_json))
    money = configuration.settings.money
    with _prints_result(options):
        _render(shown.first, money, quiet=quiet, as_json=as_json)
        if shown.second is None:
            return ExitCode.OK
        if not (quiet or as_json):
            print_second(shown.second, shown.deleted, money)
    # The page takes libraries that no other import needs.
    import_module("ccusage_import.cli.report").write_page(configuration)
    page = place.keep(configuration).report_file
    if not (quiet or as_json):
        print(what_next(page))
    if opens:
        open_in_browser(page)
    return shown.second.exit_code


def _replay(
    configuration: Configuration,
    options: ImportOptions,
    environ: Mapping[str, str],
    kept: Sequence[KeptLoad],
    *,
    quiet: bool,
    as_json: bool,
) -> ExitCode:
    """Import loads whose reports were kept, and print what became of each."""
    from ccusage_import.cli.replay import print_replay, replay_exit_code
    from ccusage_import.history.replay import replay

    done = _import(partial(replay, kept=kept), configuration, options, environ, shows_progress=False)
    with _prints_result(options):
        print_replay(done, len(kept), quiet=quiet, as_json=as_json)
    return replay_exit_code(done)


def _import_now(
    configuration: Configuration, options: ImportOptions, environ: Mapping[str, str], *, quiet: bool, as_json: bool
) -> ExitCode:
    """Run one import and print its summary; dry runs, saved files and transcripts alone are not announced."""
    is_announced = not (options.is_dry_run or options.saved_dir or options.only_transcripts)
    with announced(configuration, environ, ui.print_warning) if is_announced else nullcontext(None) as announcer:
        summary = _import(run_import, configuration, options, environ, shows_progress=not (quiet or as_json))
        if announcer:
            announcer.summary = summary
            keep_offer(configuration, options, summary)
    if as_json and not options.is_dry_run:
        # What a document is to say must be known before it is printed.
        summary = replace(summary, warnings=(*summary.warnings, *synchronise(configuration)))
    with _prints_result(options):
        _render(summary, configuration.settings.money, quiet=quiet, as_json=as_json)
    return summary.exit_code


def _prints_result(options: ImportOptions) -> AbstractContextManager[None]:
    """Print what an import did; of a dry run nothing is left but what it printed."""
    return ui.prints_what_is_found() if options.is_dry_run else ui.prints_what_is_done()


def log_to_configured_file(configuration: Configuration) -> None:
    """Log to a file too. One that cannot be written is a warning, never the end of a run."""
    settings, state = configuration.settings, configuration.directories.state

    def warn(line: str) -> None:
        # Where nothing below the state directory can be written, the lock is an error that says so.
        if can_be_written(state) or not configuration.log_file.is_relative_to(state):
            ui.print_warning(line)

    log_to_file(configuration.log_file, rotation=settings.log_rotation, retention=settings.log_retention, warn=warn)


def _import(
    run: Importer[T],
    configuration: Configuration,
    options: ImportOptions,
    environ: Mapping[str, str],
    *,
    shows_progress: bool,
) -> T:
    """Run the import; a person at a terminal is asked whether a missing database is to be created."""

    def once() -> T:
        with show_progress(is_wanted=shows_progress) as progress:
            return run(configuration, options, environ, progress)

    try:
        return once()
    except DatabaseMissingError as error:
        if options.is_dry_run or not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise
        if not typer.confirm(f"{error}. Create it?", err=True):
            raise
    settings = configuration.settings
    with open_warehouse(settings.parsed_warehouse(), cluster=settings.cluster, creates_database=True) as opened:
        apply_migrations(opened)
    return once()


def synchronise(configuration: Configuration, already_open: ClickHouse | None = None) -> tuple[str, ...]:
    """Push to the server of `sync`, and return warnings: one that is down has time until the next import."""
    if configuration.settings.sync is None:
        return ()
    from ccusage_import.config.kept.copies import note_failed_push
    from ccusage_import.history.push import push_configured

    try:
        push_configured(configuration, already_open=already_open)
    except FixableError as error:
        note_failed_push(configuration)
        hint = [f"hint: {error.hint}"] if error.hint else []
        return (f"not pushed, the next import tries again: {error}", *hint)
    return ()


def _new_warnings(summary: ImportSummary) -> Sequence[str]:
    """Return warnings without those of models that are stored without a price already: cron would mail them again."""
    from ccusage_import.ccusage.parser import no_price

    known = {no_price(use.model) for record in summary.stored for use in record.models if use.unpriced}
    return [line for line in summary.warnings if line not in known]


def _render(summary: ImportSummary, money: Money, *, quiet: bool, as_json: bool) -> None:
    ui.print_warnings(_new_warnings(summary) if quiet and summary.warnings else summary.warnings)
    for error in summary.errors:
        ui.print_error(error)
    if quiet and not as_json:
        return
    if as_json:
        from ccusage_import.ui.summary_json import summary_json

        ui.print_json(summary_json(summary))
    else:
        from ccusage_import.ui.summary import print_summary

        print_summary(summary, money)
