"""The command that shows what the warehouse holds as a page or as a digest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ccusage_import import __version__, ui
from ccusage_import.cli.options import (
    AsJson,
    ConfigFile,
    Quiet,
    Verbose,
    WarehouseUrl,
    configured,
    door,
)
from ccusage_import.config.last_offer import read_last_offer
from ccusage_import.config.names import read_names
from ccusage_import.config.settings import REPORT_FILE, Configuration
from ccusage_import.days import day_of_option, today_in
from ccusage_import.digest.html import html_page
from ccusage_import.digest.markdown import markdown_page
from ccusage_import.digest.model import Digest
from ccusage_import.digest.reader import read_calendar, read_digest
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.files import write_private_file
from ccusage_import.masking import printable
from ccusage_import.querying.known_names import refuse_unknown
from ccusage_import.ui.browser import open_in_browser
from ccusage_import.warehouse.budgets import keep_budgets_if_allowed
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.opening import open_current

Format = Literal["html", "markdown", "json", "ics"]
Since = Annotated[str | None, typer.Option(metavar="DAY", help="First day that is shown.")]
Machine = Annotated[str, typer.Option(metavar="NAME", help="Only this machine.")]


def report(
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    output_format: Annotated[
        Format, typer.Option("--format", metavar="html|markdown|json|ics", help="What is made.")
    ] = "html",
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File to write instead of ccusage-report.html in the data directory, or of stdout for other formats.",
        ),
    ] = None,
    opens: Annotated[bool, typer.Option("--open", help="Show the page in the browser.")] = False,
    since: Since = None,
    machine: Machine = "",
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Make a page of costs, charts and changes.

    One HTML file that needs no network, a digest in Markdown or JSON, or a calendar of blocks, limits and imports.
    """
    with door(verbose, quiet=quiet, as_json=as_json):
        chosen = "json" if as_json else output_format
        if opens and chosen != "html":
            raise ConfigurationError(f"--open: a browser does not show {chosen}", hint="leave out --format and --json")
        if output is not None and output.is_dir():
            raise ConfigurationError(f"--output {output}: is a directory", hint=f"name a file: {output / REPORT_FILE}")
        configuration = configured({"warehouse": warehouse}, config)
        text = _text(configuration, chosen, machine, since)
        file = output or (configuration.directories.report_file if chosen == "html" else None)
        if file is None:
            ui.print_text(text.removesuffix("\n"))
            return
        file = file.absolute()
        write_private_file(file, text)
        if as_json:
            ui.print_json({"file": file})
        elif not quiet:
            print(file)
        if opens:
            open_in_browser(file)


def _text(configuration: Configuration, chosen: Format, machine: str, since: str | None) -> str:
    """Return what is asked for, in its format."""
    if chosen == "ics":
        with _opened(configuration, machine, since) as (warehouse, named, first):
            settings = configuration.settings
            return read_calendar(warehouse, settings, named=named, version=__version__, machine=machine, since=first)
    digest = read_configured(configuration, machine, since, is_page=chosen == "html")
    match chosen:
        case "html":
            return html_page(digest, __version__)
        case "markdown":
            return markdown_page(digest)
        case "json":
            return ui.json_text(_shown(digest)) + "\n"


def _shown(digest: Digest) -> dict[str, Any]:
    """Return a digest as a document; what only the page draws is not part of it."""
    shown = asdict(digest)
    del shown["detail"]
    return shown


def write_page(configuration: Configuration) -> Path:
    """Write the page of all that a warehouse holds into the data directory; return where it is."""
    file = configuration.directories.report_file
    write_private_file(file, html_page(read_configured(configuration, "", None, is_page=True), __version__))
    return file


def read_configured(
    configuration: Configuration, machine: str, since: str | None, *, days: int | None = None, is_page: bool = False
) -> Digest:
    """Read the digest since a day; without one, of the last `days`."""
    with _opened(configuration, machine, since, days) as (opened, named, first):
        return read_digest(
            opened,
            configuration.settings,
            named=named,
            machine=machine,
            since=first,
            is_page=is_page,
            offer=read_last_offer(configuration.directories.last_offer_file, configuration.settings.machine),
        )


@contextmanager
def _opened(
    configuration: Configuration, machine: str, since: str | None, days: int | None = None
) -> Iterator[tuple[ClickHouse, Callable[[str], str], date | None]]:
    """Open the warehouse; yields it, what turns pseudonyms into names, and the first day that is shown."""
    today = today_in(configuration.settings.timezone)
    first = day_of_option("--since", since, today) if since else None
    if first is None and days is not None:
        first = today - timedelta(days=days - 1)
    names = read_names(configuration.directories.names_file)
    with open_current(configuration) as opened:
        ui.warn_of_damage(opened.damage)
        keep_budgets_if_allowed(opened, configuration)
        refuse_unknown(opened, {"machine": machine})
        yield opened, lambda text: printable(ui.with_names(text, names)), first
