"""Writes what views and queries show into files that other programs read."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

from ccusage_import.files import make_private_directory, replacing
from ccusage_import.querying.queries import NamedQuery
from ccusage_import.querying.safe_csv import safe_pieces
from ccusage_import.warehouse.clickhouse_client import ClickHouse

FileFormat = Literal["parquet", "csv", "jsonl"]
CLICKHOUSE_FORMATS: Mapping[FileFormat, str] = {"parquet": "Parquet", "csv": "CSVWithNames", "jsonl": "JSONEachRow"}
# Money is text and keeps every digit, a time has its zone; counts stay numbers.
JSON_SETTINGS: Mapping[str, Any] = {
    "date_time_output_format": "iso",
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_quote_decimals": 1,
    "output_format_json_validate_utf8": 1,
}
# What a file takes of the memory of this process. A server has its own.
EMBEDDED_SETTINGS: Mapping[str, Any] = {
    "max_threads": 1,
    "output_format_parallel_formatting": 0,
    "output_format_parquet_parallel_encoding": 0,
    "output_format_parquet_row_group_size": 100_000,
}
PIECE_BYTES = 1 << 20


def pieces(
    warehouse: ClickHouse, query: NamedQuery, values: Mapping[str, str], file_format: FileFormat
) -> Generator[bytes, None, None]:
    """Yield the rows of a query in a format, as the engine writes them, and only a piece of them in memory.

    Raises:
        WarehouseError: it cannot be answered to its end.
    """
    settings = {
        **(EMBEDDED_SETTINGS if warehouse.is_embedded else {}),
        **(JSON_SETTINGS if file_format == "jsonl" else {}),
    }
    with warehouse.written(query.sql, CLICKHOUSE_FORMATS[file_format], settings, values) as answer:
        while piece := answer.read(PIECE_BYTES):
            yield piece


def export_query(
    warehouse: ClickHouse,
    query: NamedQuery,
    values: Mapping[str, str],
    file_format: FileFormat,
    file: Path,
    *,
    is_safe: bool = False,
) -> int:
    """Write the rows of a query into a file, whole or not at all and only for its owner; return its size in bytes.

    With `is_safe`, CSV holds nothing that a spreadsheet runs.

    Raises:
        OSError: it cannot be written.
        WarehouseError: the query cannot be answered to its end.
    """
    make_private_directory(file.parent)
    with closing(pieces(warehouse, query, values, file_format)) as read, replacing(file) as stream:
        for piece in safe_pieces(read) if is_safe else read:
            stream.write(piece)
        return stream.tell()
