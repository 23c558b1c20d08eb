"""Answers in a ClickHouse format, as files that are read in pieces."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from io import BufferedReader, RawIOBase
from typing import TYPE_CHECKING, Any, BinaryIO

from ccusage_import.config.warehouse_url import Warehouse
from ccusage_import.warehouse.driver.errors import unreachable
from ccusage_import.warehouse.driver.server import send_always

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

PIECE_BYTES = 1 << 20
# A server answers when it has all of it, so that what fails is an error and not the end of an answer.
WHOLE_ANSWER: Mapping[str, Any] = {"wait_end_of_query": 1}


@contextmanager
def piped(
    client: Client, sql: str, output_format: str, settings: Mapping[str, Any], parameters: Mapping[str, Any]
) -> Iterator[BinaryIO]:
    """Let the embedded engine write into a pipe: it writes no file that is cut short where the disk is full."""
    reader, writer = os.pipe()

    def write() -> None:
        try:
            client.command(
                f"{sql} INTO OUTFILE '/dev/fd/{writer}' APPEND FORMAT {output_format}",
                parameters=dict(parameters),
                settings=dict(settings),
            )
        finally:
            os.close(writer)

    with ThreadPoolExecutor(max_workers=1) as engine:
        writing = engine.submit(write)
        # Closed before its end, the pipe ends the query too.
        with os.fdopen(reader, "rb") as opened:
            yield opened
        writing.result()


@contextmanager
def sent(
    client: Client,
    warehouse: Warehouse,
    sql: str,
    output_format: str,
    settings: Mapping[str, Any],
    parameters: Mapping[str, Any],
) -> Iterator[BinaryIO]:
    """Let the server answer, where what fails is an error and not an answer cut short."""
    broken = importlib.import_module("urllib3").exceptions.HTTPError
    # Of a compressed answer it is known where it ends.
    compression = client.compression
    compresses = {"enable_http_compression": 1} if compression else {}
    send_always(client, settings)
    answer: Any = client.raw_stream(
        sql,
        parameters=dict(parameters),
        fmt=output_format,
        settings={**compresses, **WHOLE_ANSWER},
        transport_settings={"Accept-Encoding": compression} if compression else {},
    )
    try:
        with closing(answer), BufferedReader(_Pieces(answer.stream(PIECE_BYTES)), PIECE_BYTES) as opened:
            yield opened
    except broken as error:
        raise unreachable(f"warehouse {warehouse}", str(error)) from None


class _Pieces(RawIOBase):
    """What comes in pieces, as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._piece = pieces, memoryview(b"")

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer, or a part of it, and return how much; nothing at the end."""
        if not self._piece:
            self._piece = memoryview(next(filter(None, self._pieces), b""))
        filled = self._piece[: len(buffer)]
        buffer[: len(filled)] = filled
        self._piece = self._piece[len(filled) :]
        return len(filled)
