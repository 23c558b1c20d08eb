"""The command that queries the warehouse: SQL, from the command line, a file or stdin, or a query of the library."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Annotated, Literal

import typer

from ccusage_import import ui
from ccusage_import.cli.options import (
    AsJson,
    ConfigFile,
    Verbose,
    WarehouseUrl,
    WithoutNotes,
    complete_queries,
    complete_query_parameters,
    configured,
    door,
    open_to_ask,
)
from ccusage_import.config.kept.names import read_names
from ccusage_import.days import today_in
from ccusage_import.documents import is_utf8
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.files import reason_of
from ccusage_import.querying.exporting import JSON_SETTINGS
from ccusage_import.querying.known_names import meant_names, stored_names
from ccusage_import.querying.queries import LIST_HINT, NamedQuery, find_query, read_queries, with_days
from ccusage_import.querying.reading import read_only
from ccusage_import.querying.safe_csv import as_safe_csv
from ccusage_import.records import counted
from ccusage_import.ui.answers import Answer, boxed, read_answer, readable, upright
from ccusage_import.ui.tables import print_wrapped, reader_width

OutputFormat = Literal["table", "json", "csv", "parquet"]
CLICKHOUSE_FORMATS = {
    "table": "JSONCompactStringsEachRowWithNamesAndTypes",
    "json": "JSONEachRow",
    "csv": "CSVWithNames",
    "parquet": "Parquet",
}
NAME = re.compile(r"[\w-]+")
STDIN = "-"


def query(
    sql: Annotated[
        str,
        typer.Argument(
            metavar="SQL|NAME|-",
            help="SQL that reads, or the name of a query; - reads SQL from stdin.",
            autocompletion=complete_queries,
        ),
    ] = "",
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="Read the SQL from a file.")] = None,
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Parameter of the query, such as since=2026-10-01; may be repeated.",
            autocompletion=complete_query_parameters,
        ),
    ] = None,
    list_queries: Annotated[bool, typer.Option("--list", help="List the named queries.")] = False,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Print the parameters, the SQL and the engine's plan instead of the answer."),
    ] = False,
    output_format: Annotated[
        OutputFormat, typer.Option("--format", metavar="table|json|csv|parquet", help="How to print the rows.")
    ] = "table",
    csv_safe: Annotated[
        bool,
        typer.Option(
            "--csv-safe", help="With --format csv: put a quote before what a spreadsheet would run as a formula."
        ),
    ] = False,
    verbose: Verbose = 0,
    quiet: WithoutNotes = False,
    as_json: AsJson = False,
) -> None:
    """Query the warehouse in SQL, or by a named query.

    `query --list` lists the named queries, `query "SHOW TABLES"` the views.
    """
    with door(verbose, quiet=quiet, as_json=as_json):
        if list_queries:
            print_queries(read_queries(), as_json=as_json)
            return
        if explain and as_json:
            raise ConfigurationError("--explain: prints text, not JSON", hint="leave out one of them")
        if as_json and output_format in ("csv", "parquet"):
            raise ConfigurationError(f"--format {output_format}: prints no JSON", hint="leave out --json")
        named = _asked(sql, file)
        configuration = configured({"warehouse": warehouse}, config)
        asked = asked_parameters(param or ())
        given = stored_names(asked, configuration.settings)
        today = today_in(configuration.settings.timezone)
        values = named.values(given, today) if named.name else with_days(named.sql, given, today)
        chosen = "json" if as_json else output_format
        if chosen == "parquet" and sys.stdout.isatty():
            raise ConfigurationError("query: a terminal cannot show Parquet", hint="write it to a file: > FILE")
        if csv_safe and chosen != "csv":
            raise ConfigurationError(f"--csv-safe: {chosen} does not need it", hint="--format csv")
        with open_to_ask(configuration, "query") as opened:
            if named.name:
                names = read_names(configuration.directories.names_file)
                values = named.values(meant_names(opened, asked, given, names), today)
            settings = {**JSON_SETTINGS, "output_format_json_array_of_rows": 1} if chosen == "json" else {}
            written_as = "TSVRaw" if explain else CLICKHOUSE_FORMATS[chosen]
            began = time.monotonic()
            answer = read_only(opened, named.sql, written_as, settings, values, explains=explain)
        if explain:
            print_query(named, values)
        if chosen == "table" and not explain:
            table = read_answer(answer, read_names(configuration.directories.names_file))
            footer = _footer(table, time.monotonic() - began, named.defaults(given, today))
            print_table(table, configuration.settings.timezone, "" if quiet else footer)
            return
        ui.print_bytes([as_safe_csv(answer) if csv_safe and not explain else answer])


def _asked(sql: str, file: Path | None) -> NamedQuery:
    """Return what is asked: a query of the library, or the statement that was typed, or is in a file or on stdin."""
    if file is not None and sql:
        raise ConfigurationError(f"query: both --file {file} and {sql}", hint="give one of them")
    if file is not None or sql == STDIN:
        place, hint = (f"--file {file}", "name a file of SQL in UTF-8") if file else ("query -", "give SQL in UTF-8")
        try:
            sql = file.read_text("utf-8") if file else sys.stdin.read()
        except (OSError, UnicodeError) as error:
            raise ConfigurationError(f"{place}: {reason_of(error)}", hint=hint) from None
    elif NAME.fullmatch(sql):
        return find_query(sql)
    if not sql.strip():
        raise ConfigurationError("query: give SQL or the name of a query", hint=LIST_HINT)
    return NamedQuery("", "", "", (), (), sql.strip().rstrip(";"))


def asked_parameters(given: Sequence[str]) -> dict[str, str]:
    """Return what --param gives, by name.

    Raises:
        ConfigurationError: one is not NAME=VALUE, or not UTF-8.
    """
    parameters = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (equals and name.isidentifier()):
            raise ConfigurationError(f"--param {text}: is not NAME=VALUE", hint="such as --param since=2026-10-01")
        if not is_utf8(value):
            raise ConfigurationError(f"--param {text}: is not UTF-8", hint="type it in UTF-8")
        parameters[name] = value
    return parameters


def print_queries(queries: Sequence[NamedQuery], *, as_json: bool) -> None:
    """Print names and what they answer, by group; as JSON, everything."""
    if as_json:
        ui.print_json([asdict(query) for query in queries])
        return
    width = max(len(query.name) for query in queries)
    for group, members in groupby(queries, key=lambda query: query.group):
        print(group)
        for query in members:
            print(f"  {query.name:{width}}  {query.answers}")
    print("\nquery NAME --explain shows the parameters of a query and its SQL")


def print_query(query: NamedQuery, values: Mapping[str, str]) -> None:
    """Print a query, how it is made, what its parameters mean and have for values."""
    for line in (query.answers, *query.notes):
        if line:
            print(f"-- {line}")
    meanings = {parameter.name: f": {parameter.meaning}" for parameter in query.parameters}
    for name, value in values.items():
        print(f"-- {name} = {value}{meanings.get(name, '')}")
    print(f"{query.sql}\n")


def print_table(answer: Answer, timezone: str, footer: str) -> None:
    """Print an answer as a table; at a terminal as people write numbers and times, and upright where it is too wide."""
    if not sys.stdout.isatty():
        print("\n".join(boxed(answer) or ()))
        return
    shown, width = readable(answer, timezone), reader_width()
    for line in boxed(shown, width) or upright(shown, width):
        print(line)
    if footer:
        print_wrapped(footer)


def _footer(answer: Answer, seconds: float, defaults: Sequence[str]) -> str:
    by_default = f"; by default {', '.join(defaults)}; change with --param NAME=VALUE" if defaults else ""
    return f"{counted(len(answer.rows), 'row')} in {seconds:.2f} s{by_default}"
