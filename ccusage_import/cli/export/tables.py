"""The command that writes views and named queries into files: Parquet, CSV or JSON lines."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.filesize import decimal

from ccusage_import import ui
from ccusage_import.cli.options import (
    AsJson,
    ConfigFile,
    Quiet,
    Verbose,
    WarehouseUrl,
    complete_queries,
    complete_query_parameters,
    configured,
    door,
    open_to_ask,
)
from ccusage_import.cli.query import asked_parameters
from ccusage_import.config.kept.names import read_names
from ccusage_import.days import today_in
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.names.shown import told_nearest
from ccusage_import.querying.exporting import CLICKHOUSE_FORMATS, FileFormat, export_query, pieces
from ccusage_import.querying.known_names import meant_names, stored_names
from ccusage_import.querying.queries import (
    LIST_HINT,
    NamedQuery,
    find_query,
    read_queries,
    view_names,
    whole_view,
)
from ccusage_import.querying.safe_csv import safe_pieces
from ccusage_import.warehouse.clickhouse_client import ClickHouse

STDOUT = "-"
RAW_HINT = "the reports that keep_raw kept: ccusage-import raw export DIR"


@dataclass(frozen=True, slots=True)
class _Export:
    """What goes where; no file is stdout."""

    query: NamedQuery
    values: Mapping[str, str]
    file_format: FileFormat
    file: Path | None
    is_safe: bool


def export(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME", help="Views or named queries; all views if none.", autocompletion=complete_queries
        ),
    ] = None,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            show_default=False,
            help="File that ends in .parquet, .csv or .jsonl, directory for one file per name, or - for stdout.",
        ),
    ] = "",
    file_format: Annotated[
        FileFormat | None,
        typer.Option(
            "--format",
            metavar="parquet|csv|jsonl",
            help="Format, unless the ending of the file says it; by default parquet in a directory, csv on stdout.",
        ),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Parameter of the named query; may be repeated.",
            autocompletion=complete_query_parameters,
        ),
    ] = None,
    csv_safe: Annotated[
        bool, typer.Option("--csv-safe", help="In CSV: put a quote before what a spreadsheet would run as a formula.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
    load: Annotated[list[str] | None, typer.Option(hidden=True)] = None,
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write views and named queries into files for other programs.

    Names of projects, sessions and models are written as stored, as by `query --format csv`.
    """
    with door(verbose, quiet=quiet, as_json=as_json):
        configuration = configured({"warehouse": warehouse}, config)
        if load:
            raise ConfigurationError(
                "export: --load belongs to raw export now", hint=f"ccusage-import raw export DIR --load {load[0]}"
            )
        asked = asked_parameters(param or ())
        given = stored_names(asked, configuration.settings)
        if asked and len(names or ()) != 1:
            raise ConfigurationError("export: --param belongs to one query", hint="export NAME --param NAME=VALUE")
        queries = _queries(names or ())
        today = today_in(configuration.settings.timezone)
        if output == STDOUT:
            _refuse_stdout(queries, file_format, as_json=as_json)
        targets = _targets(queries, output, file_format)
        if csv_safe and targets[0][0] != "csv":
            raise ConfigurationError(f"--csv-safe: {targets[0][0]} does not need it", hint="--format csv")
        exports = [
            _Export(query, query.values(given, today), chosen, file, csv_safe)
            for query, (chosen, file) in zip(queries, targets, strict=True)
        ]
        _refuse_existing(exports, force=force)
        with open_to_ask(configuration, "export") as opened:
            meant = meant_names(opened, asked, given, read_names(configuration.directories.names_file))
            sizes = [_export(opened, replace(one, values=one.query.values(meant, today))) for one in exports]
        if output != STDOUT:
            _tell(exports, sizes, quiet=quiet, as_json=as_json)


def _queries(names: Sequence[str]) -> list[NamedQuery]:
    known = [*view_names(), *(query.name for query in read_queries())]
    for name in names:
        if name not in known:
            raise ConfigurationError(
                f"export {name}: is neither a view nor a named query{told_nearest(name, known)}",
                hint=f"{LIST_HINT}; {RAW_HINT}",
            )
    return [find_query(name) for name in dict.fromkeys(names)] or [whole_view(name) for name in view_names()]


def _refuse_stdout(queries: Sequence[NamedQuery], wanted: FileFormat | None, *, as_json: bool) -> None:
    if len(queries) != 1:
        raise ConfigurationError("export: stdout takes one view", hint="export daily -o -, or -o DIR for several")
    if as_json:
        raise ConfigurationError("export: --json and -o - both write to stdout", hint="--format jsonl prints the rows")
    if wanted == "parquet" and sys.stdout.isatty():
        raise ConfigurationError("export: a terminal cannot show Parquet", hint="-o FILE.parquet")


def _targets(
    queries: Sequence[NamedQuery], output: str, wanted: FileFormat | None
) -> list[tuple[FileFormat, Path | None]]:
    """Return for each query how and where it is written."""
    if not output:
        raise ConfigurationError("export: --output is missing", hint=f"-o DIR, -o FILE.parquet, or -o -; {RAW_HINT}")
    if output == STDOUT:
        return [(wanted or "csv", None)]
    path = Path(output)
    ending = next((known for known in CLICKHOUSE_FORMATS if path.suffix == f".{known}"), None)
    if ending is None:
        if path.suffix and not (output.endswith("/") or path.is_dir()):
            raise ConfigurationError(
                f"export: {output} ends in none of {', '.join(f'.{known}' for known in CLICKHOUSE_FORMATS)}",
                hint=f"-o {output}/ makes a directory of that name",
            )
        chosen = wanted or "parquet"
        return [(chosen, path / f"{query.name}.{chosen}") for query in queries]
    if len(queries) != 1:
        raise ConfigurationError(f"export: {output} is a file, and holds one view", hint="-o DIR for several")
    if wanted not in (None, ending):
        raise ConfigurationError(f"export: {output} is not {wanted}", hint=f"leave out --format, or -o NAME.{wanted}")
    return [(ending, path)]


def _refuse_existing(exports: Sequence[_Export], *, force: bool) -> None:
    for file in [one.file for one in exports if one.file]:
        if file.is_dir():
            raise ConfigurationError(f"export: {file} is a directory", hint="name another file")
        if file.exists() and not force:
            raise ConfigurationError(f"export: {file} exists", hint="--force replaces it")


def _export(warehouse: ClickHouse, one: _Export) -> int:
    if one.file is None:
        _print(warehouse, one)
        return 0
    try:
        return export_query(warehouse, one.query, one.values, one.file_format, one.file, is_safe=one.is_safe)
    except OSError as error:
        _refuse_place(one.file, error)


def _refuse_place(file: Path, error: OSError) -> NoReturn:
    raise ConfigurationError(
        f"export: {file}: {error.strerror}; it was not written", hint="name a place that can be written and has room"
    ) from None


def _print(warehouse: ClickHouse, one: _Export) -> None:
    """Print rows."""
    with closing(pieces(warehouse, one.query, one.values, one.file_format)) as read:
        ui.print_bytes(safe_pieces(read) if one.is_safe else read)


def _tell(exports: Sequence[_Export], sizes: Sequence[int], *, quiet: bool, as_json: bool) -> None:
    written = list(zip(exports, sizes, strict=True))
    if as_json:
        files = [
            {"name": one.query.name, "file": one.file, "format": one.file_format, "bytes": size}
            for one, size in written
        ]
        ui.print_json({"files": files})
    elif not quiet:
        for one, size in written:
            print(f"{one.file} ({decimal(size)})")
