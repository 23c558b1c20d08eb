"""The command that asks the warehouse: SQL, or a query of the library."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import typer

from ccusage_import import __version__, ui
from ccusage_import.cli import completion
from ccusage_import.cli import query_tables as ui_query
from ccusage_import.cli.options import AsJson, ConfigFile, Quiet, Verbose, WarehouseUrl, configured, door
from ccusage_import.config.names import read_names
from ccusage_import.config.settings import Settings
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.warehouse.known_names import refuse_unknown
from ccusage_import.warehouse.migrations import apply_migrations
from ccusage_import.warehouse.opening import open_configured
from ccusage_import.warehouse.queries import LIST_HINT, NamedQuery, find_query, read_queries
from ccusage_import.warehouse.reading import read_only

OutputFormat = Literal["table", "json", "csv", "parquet"]
CLICKHOUSE_FORMATS = {
    "table": "JSONCompactStringsEachRowWithNamesAndTypes",
    "json": "JSONEachRow",
    "csv": "CSVWithNames",
    "parquet": "Parquet",
}
FORMAT_SETTINGS = {
    "output_format_json_array_of_rows": 1,
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_validate_utf8": 1,
}
# Stored as pseudonyms: a value may be given by its name.
HIDDEN_PARAMETERS = ("project",)
NAME = re.compile(r"[\w-]+")
PSEUDONYM = re.compile(r"[0-9a-f]{32}")


def query(
    sql: Annotated[
        str,
        typer.Argument(
            metavar="[SQL|NAME]", help="A statement that reads, or a named query.", autocompletion=completion.queries
        ),
    ] = "",
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="A parameter, such as since=2026-10-01; may be given several times.",
            autocompletion=completion.query_parameters,
        ),
    ] = None,
    list_queries: Annotated[bool, typer.Option("--list", help="List the named queries.")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print what is asked, and how the engine answers, instead of the answer.")
    ] = False,
    output_format: Annotated[
        OutputFormat, typer.Option("--format", metavar="table|json|csv|parquet", help="How the rows are printed.")
    ] = "table",
    csv_safe: Annotated[
        bool,
        typer.Option("--csv-safe", help="With --format csv: a quote before what a spreadsheet would run as a formula."),
    ] = False,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Ask the warehouse: SQL, or a query of the library.

    query --list shows the library, query "SHOW TABLES" the views.
    """
    with door(verbose, quiet=quiet, as_json=as_json):
        if list_queries:
            ui_query.print_queries(read_queries(), as_json=as_json)
            return
        if not sql:
            raise ConfigurationError("query: nothing is asked", hint=LIST_HINT)
        configuration = configured({"warehouse": warehouse}, config)
        asked = _parameters(param or ())
        given = _stored_names(asked, configuration.settings)
        named = find_query(sql) if NAME.fullmatch(sql) else NamedQuery("", "", "", (), (), sql.strip().rstrip(";"))
        today = datetime.now(ZoneInfo(configuration.settings.timezone)).date()
        values = named.values(given, today) if named.name else given
        chosen = "json" if as_json else output_format
        if chosen == "parquet" and sys.stdout.isatty():
            raise ConfigurationError("query: Parquet is nothing for a terminal", hint="write it to a file: > FILE")
        if csv_safe and chosen != "csv":
            raise ConfigurationError(f"--csv-safe: {chosen} is nothing for a spreadsheet", hint="--format csv")
        with open_configured(configuration) as opened:
            # A server is somebody else's to migrate, and most of it can be asked before.
            ui.warn_of_damage(opened.damage)
            if opened.is_embedded and opened.damage is None:
                apply_migrations(opened, __version__)
            if named.name:
                typed = {given[kind]: name for kind, name in asked.items()}
                refuse_unknown(opened, given, {**read_names(configuration.directories.names_file), **typed})
            written_as = "TSVRaw" if explain else CLICKHOUSE_FORMATS[chosen]
            answer = read_only(opened, named.sql, written_as, FORMAT_SETTINGS, values, explains=explain)
        if explain:
            ui_query.print_query(named, values)
        if chosen == "table" and not explain:
            ui_query.print_table(answer, read_names(configuration.directories.names_file))
            return
        ui_query.print_answer(ui_query.csv_safe(answer) if csv_safe and not explain else answer)


def _parameters(given: Sequence[str]) -> dict[str, str]:
    parameters = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (equals and name.isidentifier()):
            raise ConfigurationError(f"--param {text}: is no NAME=VALUE", hint="such as --param since=2026-10-01")
        parameters[name] = value
    return parameters


def _stored_names(given: Mapping[str, str], settings: Settings) -> dict[str, str]:
    names = settings.pseudonyms()
    return {
        name: names.of(value) if name in HIDDEN_PARAMETERS and not PSEUDONYM.fullmatch(value) else value
        for name, value in given.items()
    }
