"""Commands that show what the warehouse holds as a page, as a digest, or as bars in the terminal."""

from __future__ import annotations

import shutil
import sys
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.bar import Bar
from rich.console import Console
from rich.table import Table
from rich.text import Text

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
from ccusage_import.digest.reader import read_digest
from ccusage_import.digest.text import NO_MODEL, percent, usd
from ccusage_import.exceptions import ConfigurationError, MachineTakenError, WarehousePermissionError
from ccusage_import.files import write_private_file
from ccusage_import.masking import printable
from ccusage_import.querying.known_names import refuse_unknown
from ccusage_import.ui.browser import open_in_browser
from ccusage_import.warehouse.budgets import keep_budgets
from ccusage_import.warehouse.opening import open_current

CHART_DAYS = 30
Format = Literal["html", "markdown", "json"]
Charted = Literal["daily", "models", "projects"]
Since = Annotated[str | None, typer.Option(metavar="DAY", help="First day that is shown.")]
Machine = Annotated[str, typer.Option(metavar="NAME", help="Only this machine.")]
PIPED_WIDTH = 80
LARGEST_WIDTH = 120


def report(
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    output_format: Annotated[
        Format, typer.Option("--format", metavar="html|markdown|json", help="What is made.")
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

    One HTML file that needs no network, or a digest in Markdown or JSON.
    """
    with door(verbose, quiet=quiet, as_json=as_json):
        chosen = "json" if as_json else output_format
        if opens and chosen != "html":
            raise ConfigurationError(f"--open: a browser does not show {chosen}", hint="leave out --format and --json")
        if output is not None and output.is_dir():
            raise ConfigurationError(f"--output {output}: is a directory", hint=f"name a file: {output / REPORT_FILE}")
        configuration = configured({"warehouse": warehouse}, config)
        digest = _read(configuration, machine, since, is_page=chosen == "html")
        match chosen:
            case "html":
                text = html_page(digest, __version__)
            case "markdown":
                text = markdown_page(digest)
            case "json":
                text = ui.json_text(_shown(digest)) + "\n"
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


def _shown(digest: Digest) -> dict[str, Any]:
    """Return a digest as a document; what only the page draws is not part of it."""
    shown = asdict(digest)
    del shown["detail"]
    return shown


def write_page(configuration: Configuration) -> Path:
    """Write the page of all that a warehouse holds into the data directory; return where it is."""
    file = configuration.directories.report_file
    write_private_file(file, html_page(_read(configuration, "", None, is_page=True), __version__))
    return file


def chart(
    what: Annotated[Charted, typer.Argument(metavar="daily|models|projects", help="What the bars are of.")],
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    since: Since = None,
    machine: Machine = "",
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Draw costs as bars in the terminal.

    By day (the last 30, without --since; at most the last 90), by model or by project.
    """
    with door(verbose, quiet=quiet, as_json=as_json):
        configuration = configured({"warehouse": warehouse}, config)
        digest = _read(configuration, machine, since, days=CHART_DAYS if what == "daily" else None)
        if as_json:
            shown = asdict(digest)
            ui.print_json(shown["days" if what == "daily" else what])
            return
        if digest.is_empty:
            print("no usage to show")
            return
        {"daily": print_days, "models": print_models, "projects": print_projects}[what](digest)


def _read(
    configuration: Configuration, machine: str, since: str | None, *, days: int | None = None, is_page: bool = False
) -> Digest:
    """Read the digest since a day; without one, of the last `days`."""
    today = today_in(configuration.settings.timezone)
    first = day_of_option("--since", since, today) if since else None
    if first is None and days is not None:
        first = today - timedelta(days=days - 1)
    names = read_names(configuration.directories.names_file)
    with open_current(configuration) as opened:
        ui.warn_of_damage(opened.damage)
        # A user who may only read sees the budgets that an import has kept.
        with suppress(WarehousePermissionError, MachineTakenError):
            keep_budgets(opened, configuration)
        refuse_unknown(opened, {"machine": machine})
        return read_digest(
            opened,
            configuration.settings,
            named=lambda text: printable(ui.with_names(text, names)),
            machine=machine,
            since=first,
            is_page=is_page,
            offer=read_last_offer(configuration.directories.last_offer_file, configuration.settings.machine),
        )


def print_days(digest: Digest) -> None:
    """Print one bar a day, also for days without usage."""
    costs: dict[date, Decimal] = defaultdict(Decimal)
    for part in digest.days:
        costs[part.start] += part.cost_usd
    first, last = min(costs), max(*costs, digest.today)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    _print_bars(digest, [(f"{day} {day:%a}", costs[day]) for day in days])


def print_models(digest: Digest) -> None:
    """Print one bar a model."""
    _print_bars(digest, [(use.model or NO_MODEL, use.usage.cost_usd) for use in digest.models])


def print_projects(digest: Digest) -> None:
    """Print one bar for each of the projects that cost most."""
    _print_bars(digest, [(use.project, use.usage.cost_usd) for use in digest.projects])
    if others := digest.project_count - len(digest.projects):
        print(f"and {others} more")


def _print_bars(digest: Digest, costs: Sequence[tuple[str, Decimal]]) -> None:
    """Print names, costs, shares and bars; long names wrap, numbers are never cut."""
    width = min(shutil.get_terminal_size().columns if sys.stdout.isatty() else PIPED_WIDTH, LARGEST_WIDTH)
    total = digest.span("total").usage.cost_usd
    largest = max((cost for _, cost in costs), default=Decimal(0))
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0), expand=True)
    table.add_column(max_width=width // 3, overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(ratio=1)
    for name, cost in costs:
        share = percent(float(cost / total)) if total else ""
        bar = Bar(float(largest) or 1, 0, float(cost)) if cost > 0 else ""
        table.add_row(Text(name), usd(cost), share, bar)
    Console(highlight=False, width=width).print(table)
