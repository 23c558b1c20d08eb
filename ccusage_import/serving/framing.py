"""ClickHouse's own framing of compressed bytes, which its drivers ask for with `compress=1`.

Blocks of a checksum (CityHash128, version 1.0.2), the method, both lengths, and the bytes, as documented in
https://clickhouse.com/docs/native-protocol/compression.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import lz4.block
from clickhouse_cityhash.cityhash import CityHash128

BLOCK_BYTES = 1 << 20
LZ4, NONE = 0x82, 0x02
_HASH, _HEAD = struct.Struct("<QQ"), struct.Struct("<BII")
_HALF = (1 << 64) - 1


def framed(body: bytes) -> bytes:
    """Return bytes compressed, in blocks."""
    return b"".join(_block(body[at : at + BLOCK_BYTES]) for at in range(0, len(body), BLOCK_BYTES))


def unframed(body: bytes, most_bytes: int) -> bytes:
    """Return what blocks hold.

    Raises:
        ValueError: they are damaged, or hold more than `most_bytes`.
    """
    parts, left = list[bytes](), most_bytes
    for method, data, length in _blocks(body):
        if length > left:
            raise ValueError(f"more than {most_bytes:,} bytes")
        left -= length
        parts.append(_decompressed(method, data, length))
    return b"".join(parts)


def _block(part: bytes) -> bytes:
    data: bytes = lz4.block.compress(part, store_size=False)
    block = _HEAD.pack(LZ4, _HEAD.size + len(data), len(part)) + data
    return _checksum(block) + block


def _blocks(body: bytes) -> Iterator[tuple[int, bytes, int]]:
    at = 0
    while at < len(body):
        begin = at + _HASH.size
        if len(body) < begin + _HEAD.size:
            raise ValueError("a block is cut off")
        method, size, length = _HEAD.unpack_from(body, begin)
        block = body[begin : begin + size]
        if size < _HEAD.size or len(block) < size:
            raise ValueError("a block is cut off")
        if _checksum(block) != body[at:begin]:
            raise ValueError("the checksum of a block does not match")
        yield method, block[_HEAD.size :], length
        at = begin + size


def _decompressed(method: int, data: bytes, length: int) -> bytes:
    if method == NONE and len(data) == length:
        return data
    if method != LZ4:
        raise ValueError(f"method {method:#04x} is not taken, LZ4 is")
    try:
        part: bytes = lz4.block.decompress(data, uncompressed_size=length)
    except lz4.block.LZ4BlockError as error:
        raise ValueError(str(error)) from None
    return part


def _checksum(block: bytes) -> bytes:
    both = CityHash128(block)
    return _HASH.pack(both >> 64, both & _HALF)
