"""`watch`: options to configuration, the watcher, and what is shown of it."""

from __future__ import annotations

import gc
import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from ccusage_import import ui
from ccusage_import.cli.imports import log_to_configured_file, synchronise
from ccusage_import.cli.live.http_service import Service
from ccusage_import.cli.live.lines import JsonLines, Lines
from ccusage_import.cli.live.page import Page
from ccusage_import.cli.options import (
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
from ccusage_import.config.kept.watching import seen_to_run
from ccusage_import.config.settings import Configuration
from ccusage_import.exceptions import ConfigurationError, FixableError
from ccusage_import.files import lasting_holder
from ccusage_import.import_summary import ImportOptions, ImportSummary
from ccusage_import.importer import failure_logged, run_import_alone
from ccusage_import.live.answering import Answering
from ccusage_import.live.ending import ends_on_signals, keep_signals
from ccusage_import.live.events import Ended, Onlooker
from ccusage_import.live.reporting import Reporter
from ccusage_import.live.service_manager import ServiceManager
from ccusage_import.live.watcher import Watcher
from ccusage_import.monitoring.announcements import announced
from ccusage_import.processes import exec_again
from ccusage_import.steps.last_offer import keep_offer
from ccusage_import.ui.tables import console
from ccusage_import.warehouse.clickhouse_client import ClickHouse

# Says that this process had the warehouse before, and lent it; the file descriptor by which it is seen to run.
LENT = "CCUSAGE_IMPORT_WATCH_LENT"
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def watch(
    config: ConfigFile = None,
    env_file: EnvFile = None,
    warehouse: WarehouseUrl = None,
    claude_dir: ClaudeDirs = None,
    ccusage: CcusageCommand = None,
    reports_every: Annotated[
        str, typer.Option(metavar="TIME", help="How often to run the ordinary import, such as 30m or 6h; 0 for never.")
    ] = "1h",
    poll: Annotated[
        bool,
        typer.Option(
            "--poll", help="Look for changes every second, for drives that report none, such as network drives."
        ),
    ] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Print one line for each event instead of a page.")] = False,
    listen: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Also answer ClickHouse clients, as `serve` does, at an address such as 127.0.0.1:8123.",
        ),
    ] = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print each event as one line of JSON.")] = False,
) -> None:
    """Store what Claude Code writes, as it writes it.

    Runs until you end it, and also imports every hour. Other commands can use the warehouse meanwhile.
    """
    with door(verbose, quiet=quiet, as_json=False):
        # This one does not end soon: what refers to itself must be found.
        gc.enable()
        every = seconds_of_option("--reports-every", reports_every)
        environ = environment(env_file)
        flags = {"warehouse": warehouse, "claude_dirs": claude_dir or None, "ccusage": ccusage}
        configuration = configured(flags, config, keeps_identity=True, environ=environ)
        configuration.settings.demand_transcripts()
        log_to_configured_file(configuration)
        is_outdated = partial(_is_outdated, configuration, flags, config, env_file)
        kept = os.environ.pop(LENT, "")
        if kept:
            # Whoever has the warehouse now may keep it for long.
            patient = configuration.settings.model_copy(update={"lock_wait_seconds": float("inf")})
            configuration = replace(configuration, settings=patient)
        service = Service.begin(configuration, listen) if listen else None
        manager, keeps = ServiceManager(environ), None
        with ExitStack() as stack:
            stack.enter_context(lasting_holder("ccusage-import watch", manager.goes_on))
            seen = stack.enter_context(seen_to_run(configuration.directories, int(kept) if kept else None))
            ending = stack.enter_context(ends_on_signals())
            onlooker = _onlooker(configuration, stack, plain=plain, quiet=quiet, as_json=as_json)
            # What is said is written down already: whoever reads a line finds it so in the status.
            onlookers: list[Onlooker] = [manager, Reporter(configuration, environ, ui.print_warning), onlooker]
            if service:
                onlookers.append(Answering(service.app, service.listening, _says(service, onlooker)))
            watcher = Watcher(
                configuration,
                environ,
                onlookers,
                partial(_import_reports, configuration, environ),
                is_outdated,
                reports_every=every,
                polls=poll,
                had_lent=bool(kept),
            )
            if watcher.run(ending):
                keep_signals()
                if ending.is_wanted:
                    # It came between the last look at it and now: nobody takes the place of this one.
                    for each in onlookers:
                        each.hear(Ended())
                else:
                    keeps = os.dup(seen)
        if keeps is not None:
            _exec_again(keeps, service)


def _onlooker(configuration: Configuration, stack: ExitStack, *, plain: bool, quiet: bool, as_json: bool) -> Onlooker:
    """Return what shows events: a page at a terminal that can draw one, lines elsewhere, or JSON."""
    if as_json:
        return JsonLines()
    if plain or quiet or not sys.stdout.isatty() or console().is_dumb_terminal:
        return Lines(configuration.settings.zone, quiet=quiet)
    return stack.enter_context(Page(configuration))


def _is_outdated(read: Configuration, flags: Mapping[str, Any], config: Path | None, env_file: Path | None) -> bool:
    """Return whether the configuration would be another one if it was read now; one that cannot be read is not."""
    with suppress(FixableError):
        now = configured(flags, config, environ=environment(env_file), warns=False)
        return (now.settings, now.installation) != (read.settings, read.installation)
    return False


def _says(service: Service, onlooker: Onlooker) -> Callable[[], None]:
    """Return what says where it answers, where lines are printed for people."""
    return service.announce if isinstance(onlooker, Lines) else lambda: None


def _exec_again(seen: int, service: Service | None) -> NoReturn:
    environ, keeps = {LENT: str(seen)}, [seen]
    if service:
        from ccusage_import.serving.server import INHERITED

        environ[INHERITED] = str(service.listening.fileno())
        keeps.append(service.listening.fileno())
    exec_again(environ, keeps)


def seconds_of_option(option: str, text: str) -> float:
    """Return the seconds of a time such as 30m.

    Raises:
        ConfigurationError: it is not one.
    """
    if text == "0":
        return 0
    found = re.fullmatch(r"(\d{1,4})([smhd])", text, re.ASCII)
    if found is None or int(found[1]) == 0:
        raise ConfigurationError(f"{option} {text}: is not a time", hint="such as 30m or 6h; 0 for never")
    return int(found[1]) * SECONDS[found[2]]


def _import_reports(configuration: Configuration, environ: Mapping[str, str], opened: ClickHouse) -> ImportSummary:
    """Run the ordinary import as `import` does, into the warehouse that is open already."""
    options = ImportOptions()
    with announced(configuration, environ, ui.print_warning, opened) as announcer, failure_logged():
        summary = run_import_alone(configuration, options, environ, already_open=opened)
        announcer.summary = summary
        keep_offer(configuration, options, summary)
    ui.print_warnings(synchronise(configuration, opened))
    return summary
