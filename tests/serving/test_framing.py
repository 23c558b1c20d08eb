"""ClickHouse's framing of compressed bytes: read and written by the driver `clickhouse-driver`, damaged on purpose."""

from __future__ import annotations

import io
import random
import struct

import pytest
from clickhouse_driver.compression.lz4 import Compressor
from clickhouse_driver.streams.compressed import CompressedBlockInputStream

from ccusage_import.serving.framing import _checksum, framed, unframed

MOST = 1 << 20


def read_frames(body: bytes) -> bytes:
    """Return what blocks hold, as the driver reads them: it checks lengths and checksums."""
    stream, parts = io.BytesIO(body), list[bytes]()
    blocks = CompressedBlockInputStream.__new__(CompressedBlockInputStream)
    blocks.raw_fin = stream
    while stream.tell() < len(body):
        parts.append(blocks.read_block())
    return b"".join(parts)


def frame(data: bytes) -> bytes:
    """Return one block of LZ4 as the driver writes it."""
    compressor = Compressor()
    compressor.write(data)
    return checked(bytes([compressor.method_byte]) + compressor.get_compressed_data(1))


def checked(block: bytes) -> bytes:
    return _checksum(block) + block


@pytest.mark.parametrize("size", [0, 1, 100, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3_000_000])
def test_what_is_written_is_read_by_others(size: int) -> None:
    body = random.Random(size).randbytes(size // 2) + b"x" * (size - size // 2)
    assert read_frames(framed(body)) == body
    assert unframed(framed(body), size) == body


def test_what_others_write_is_read() -> None:
    plain = checked(struct.pack("<BII", 0x02, 9 + 8, 8) + b"SELECT 8")
    assert unframed(frame(b"SELECT 7") + plain, MOST) == b"SELECT 7SELECT 8"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"SELECT 7", "a block is cut off"),
        (frame(b"SELECT 7")[:-1], "a block is cut off"),
        (frame(b"SELECT 7") + b"x", "a block is cut off"),
        (checked(struct.pack("<BII", 0x82, 3, 8)), "a block is cut off"),
        (b"x" + frame(b"SELECT 7")[1:], "the checksum of a block does not match"),
        (frame(b"SELECT 7")[:-1] + b"x", "the checksum of a block does not match"),
        (checked(struct.pack("<BII", 0x90, 9 + 8, 8) + b"SELECT 7"), "method 0x90 is not taken, LZ4 is"),
        (checked(struct.pack("<BII", 0x02, 9 + 8, 9) + b"SELECT 7"), "method 0x02 is not taken, LZ4 is"),
        (frame(bytes(MOST)) + frame(b"x"), "more than 1,048,576 bytes"),
        (checked(struct.pack("<BII", 0x82, 9 + 1, 1 << 31) + b"x"), "more than 1,048,576 bytes"),
        (checked(struct.pack("<BII", 0x82, 9 + 1, 5) + b"\xff"), "Decompression failed"),
    ],
)
def test_a_damaged_frame_is_an_error(body: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        unframed(body, MOST)
