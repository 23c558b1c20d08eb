"""The command that shows what the warehouse holds as a page or as a digest."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ccusage_import import __version__, ui
from ccusage_import.cli.options import (
    AsJson,
    ConfigFile,
    Machine,
    Quiet,
    Verbose,
    WarehouseUrl,
    configured,
    door,
)
from ccusage_import.cli.selecting import Asked, Since, selection_of
from ccusage_import.config.directories import REPORT_FILE
from ccusage_import.config.kept.last_offer import read_last_offer
from ccusage_import.config.kept.names import read_names
from ccusage_import.config.settings import Configuration
from ccusage_import.digest.markdown import markdown_page
from ccusage_import.digest.model import Digest, Selection
from ccusage_import.digest.reading.reader import read_calendar, read_digest
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.files import write_private_file
from ccusage_import.masking import printable
from ccusage_import.ui.browser import open_in_browser
from ccusage_import.warehouse.budgets import keep_budgets_if_allowed
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.opening import demand_warehouse, open_current

if TYPE_CHECKING:
    from ccusage_import.digest.html import Begun

Format = Literal["html", "markdown", "json", "ics"]
ENDINGS: dict[str, Format] = {".md": "markdown", ".json": "json", ".ics": "ics"}
STDOUT = (Path("-"), Path("/dev/stdout"))


def report(
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    output_format: Annotated[
        Format | None,
        typer.Option(
            "--format",
            metavar="html|markdown|json|ics",
            help="What to make, unless a file that ends in .md, .json or .ics says it; by default html.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File to write, - for stdout; by default ccusage-report.html in the data directory, and stdout for"
            " other formats.",
        ),
    ] = None,
    opens: Annotated[bool, typer.Option("--open", help="Show the page in the browser.")] = False,
    month: Annotated[str, typer.Option(metavar="MONTH", help="Only this month, such as 2026-10.")] = "",
    since: Since = None,
    until: Annotated[str | None, typer.Option(metavar="DAY", help="Last day to show.")] = None,
    project: Annotated[str, typer.Option(metavar="NAME", help="Only this project.")] = "",
    agent: Annotated[str, typer.Option(metavar="NAME", help="Only this agent, such as claude.")] = "",
    machine: Machine = "",
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Make a page of costs, charts and changes.

    One HTML file that needs no network, a digest in Markdown or JSON, or a calendar of blocks, limits and imports.
    """
    with door(verbose, quiet=quiet, as_json=as_json):
        if as_json and output_format in ("markdown", "ics"):
            raise ConfigurationError(f"--format {output_format}: prints no JSON", hint="leave out --json")
        chosen = "json" if as_json else output_format or ENDINGS.get(output.suffix if output else "", "html")
        if opens and chosen != "html":
            raise ConfigurationError(
                f"--open: a browser does not show {chosen}", hint="a page is --format html, without --json"
            )
        if opens and output in STDOUT:
            raise ConfigurationError("--open: a browser does not show stdout", hint="leave out --output")
        if output is not None and output.is_dir():
            raise ConfigurationError(f"--output {output}: is a directory", hint=f"name a file: {output / REPORT_FILE}")
        if project and chosen == "ics":
            raise ConfigurationError(
                "--project: blocks, limits and imports are of no project", hint="leave it out, or name another --format"
            )
        configuration = configured({"warehouse": warehouse}, config)
        asked = Asked(month=month, since=since, until=until, project=project, agent=agent, machine=machine)
        text = _text(configuration, chosen, asked)
        file = output or (configuration.directories.report_file if chosen == "html" else None)
        if file is None or file in STDOUT:
            ui.print_text(text.removesuffix("\n"))
            return
        file = file.absolute()
        _write(file, text)
        if as_json:
            ui.print_json({"file": file})
        elif not quiet:
            print(file)
        if opens:
            open_in_browser(file)


def _write(file: Path, text: str) -> None:
    """Write a file that a user names; a pipe such as that of `>(gzip)`, or a device, is not replaced by a file.

    Raises:
        ConfigurationError: it cannot be written.
    """
    if not file.exists() or file.is_file():
        write_private_file(file, text)
        return
    try:
        file.write_bytes(text.encode())
    except BrokenPipeError:
        raise  # the reader has seen enough, as one of stdout
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}", hint="name a file") from None


def _text(configuration: Configuration, chosen: Format, asked: Asked) -> str:
    """Return what is asked for, in its format."""
    if chosen == "ics":
        with _opened(configuration, asked) as (warehouse, named, selection):
            settings = configuration.settings
            return read_calendar(warehouse, settings, named=named, version=__version__, selection=selection)
    if chosen == "html":
        return _page(configuration, asked)
    digest = read_configured(configuration, asked)
    return markdown_page(digest) if chosen == "markdown" else ui.json_text(_shown(digest)) + "\n"


def _page(configuration: Configuration, asked: Asked) -> str:
    begun: list[Begun] = []

    def begin(digest: Digest) -> None:
        # What makes pages takes a while to import, and no other format needs it.
        from ccusage_import.digest.html import begin_page

        begun.append(begin_page(digest))

    digest = read_configured(configuration, asked, is_page=True, meanwhile=begin)
    from ccusage_import.digest.html import html_page

    return html_page(digest, __version__, *begun)


def _shown(digest: Digest) -> dict[str, Any]:
    """Return a digest as a document, in dollars; what only the page draws is not part of it."""
    shown = asdict(digest)
    del shown["detail"], shown["money"]
    return shown


def write_page(configuration: Configuration) -> Path:
    """Write the page of all that a warehouse holds into the data directory; return where it is."""
    file = configuration.directories.report_file
    write_private_file(file, _page(configuration, Asked()))
    return file


def read_configured(
    configuration: Configuration,
    asked: Asked,
    *,
    is_page: bool = False,
    parts: Collection[str] | None = None,
    command: str = "report",
    meanwhile: Callable[[Digest], object] = lambda _digest: None,
) -> Digest:
    """Read the digest of what a command is asked for, or those parts of it alone; see `read_digest`."""
    with _opened(configuration, asked, command) as (opened, named, selection):
        return read_digest(
            opened,
            configuration.settings,
            named=named,
            selection=selection,
            is_page=is_page,
            offer=read_last_offer(configuration.directories.last_offer_file, configuration.settings.machine),
            parts=parts,
            meanwhile=meanwhile,
        )


@contextmanager
def _opened(
    configuration: Configuration, asked: Asked, command: str = "report"
) -> Iterator[tuple[ClickHouse, Callable[[str], str], Selection]]:
    """Open the warehouse; yields it, what turns pseudonyms into names, and what is shown."""
    days = asked.days(configuration.settings.timezone)
    names = read_names(configuration.directories.names_file)
    demand_warehouse(configuration, command)
    with open_current(configuration) as opened:
        ui.warn_of_damage(opened.damage)
        keep_budgets_if_allowed(opened, configuration)
        selection = selection_of(opened, asked, days, configuration.settings, names)
        yield opened, lambda text: printable(ui.with_names(text, names)), selection
