"""Blocks of the format Native for a given version of the native protocol, which some drivers ask for over HTTP.

The embedded engine writes blocks as for no version. From some version on a block begins with its info, and the type of
each column is followed by a flag for custom serialization, which no column here has. See
https://clickhouse.com/docs/native-protocol/server#data and `NativeWriter` of the server.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from clickhouse_connect.datatypes.base import ClickHouseType
from clickhouse_connect.datatypes.container import Array, Map, Nested, Tuple
from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.datatypes.special import SimpleAggregateFunction
from clickhouse_connect.datatypes.string import String
from clickhouse_connect.datatypes.vector import QBit
from clickhouse_connect.driver.exceptions import ClickHouseError

# From this version on a column says whether it is written in a way of its own; versions before have the info alone.
CUSTOM_SERIALIZATION = 54454
# Not of an overflow, of no bucket, and the end of the info.
BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"


class UnknownColumnError(Exception):
    """It is not known where the values of a column end."""

    def __init__(self, name: str, type_name: str) -> None:
        """Name the column and its type."""
        super().__init__(f"column {name} has the type {type_name}, which blocks of a version cannot have here: cast it")


def of_version(body: bytes, version: int) -> Iterator[memoryview | bytes]:
    """Yield blocks of no version as parts of blocks of a version, one after the other, without copying them.

    Raises:
        UnknownColumnError: a column has a type that is not known.
    """
    source, mark = _Source(body), b"\x00" if version >= CUSTOM_SERIALIZATION else b""
    while not source.is_at_end:
        yield BLOCK_INFO
        begun = source.at
        columns, rows = source.number(), source.number()
        for _ in range(columns):
            name, type_name = source.text(), source.text()
            yield source.since(begun)
            yield mark
            begun = source.at
            if rows:
                _pass(source, name, type_name, rows)
        yield source.since(begun)


def _pass(source: _Source, name: str, type_name: str, rows: int) -> None:
    """Go behind the values of a column."""
    try:
        kind = get_from_name(type_name)
    except ClickHouseError:
        raise UnknownColumnError(name, type_name) from None
    if not _is_known(kind):
        raise UnknownColumnError(name, type_name)
    _pass_prefix(source, kind)
    _pass_values(source, kind, rows)


def _parts(kind: ClickHouseType) -> Iterable[ClickHouseType]:
    """Return the types that a type is made of, in the order of their values."""
    match kind:
        case Array() | SimpleAggregateFunction():
            return (kind.element_type,)
        case Map():
            return kind.key_type, kind.value_type
        case Nested():
            return (kind.tuple_array,)
        case Tuple():
            return kind.element_types
        case _:
            return ()


def _is_known(kind: ClickHouseType) -> bool:
    """Whether it is known where its values end: not of types that say only beside their values what they are."""
    if isinstance(kind, QBit):
        return False
    parts = _parts(kind)
    return all(map(_is_known, parts)) if parts else isinstance(kind, String | Tuple) or kind.byte_size > 0


def _pass_prefix(source: _Source, kind: ClickHouseType) -> None:
    """Go behind what comes before all values: a dictionary has a version."""
    if kind.low_card:
        source.skip(8)
    for part in _parts(kind):
        _pass_prefix(source, part)


def _pass_values(source: _Source, kind: ClickHouseType, rows: int) -> None:
    if not rows:
        return
    if kind.low_card:
        _pass_dictionary(source, kind)
        return
    if kind.nullable:
        source.skip(rows)
    match kind:
        case Array() | Map():
            source.skip(8 * (rows - 1))
            elements = source.number64()
            for part in _parts(kind):
                _pass_values(source, part, elements)
        case Tuple(element_types=[]):
            source.skip(rows)
        case Tuple() | Nested() | SimpleAggregateFunction():
            for part in _parts(kind):
                _pass_values(source, part, rows)
        case _:
            _pass_bare(source, kind, rows)


def _pass_bare(source: _Source, kind: ClickHouseType, rows: int) -> None:
    if isinstance(kind, String):
        source.skip_texts(rows)
    else:
        source.skip(kind.byte_size * rows)


def _pass_dictionary(source: _Source, kind: ClickHouseType) -> None:
    index_bytes = 1 << (source.number64() & 0xFF)
    _pass_bare(source, kind, source.number64())
    source.skip(index_bytes * source.number64())


class _Source:
    """Bytes in memory and a place in them."""

    def __init__(self, body: bytes) -> None:
        self._body, self._view, self.at = body, memoryview(body), 0

    @property
    def is_at_end(self) -> bool:
        return self.at >= len(self._body)

    def since(self, begin: int) -> memoryview:
        return self._view[begin : self.at]

    def skip(self, size: int) -> None:
        self.at += size
        if self.at > len(self._body):
            raise IndexError

    def skip_texts(self, count: int) -> None:
        """Go behind so many texts; where a length takes one byte, as most do, without a call each."""
        body, at = self._body, self.at
        for _ in range(count):
            length = body[at]
            at += 1
            if length > 127:
                self.at = at - 1
                length = self.number()
                at = self.at
            at += length
        self.at = at
        self.skip(0)

    def number(self) -> int:
        """Read a number of variable length: LEB128."""
        number = shift = 0
        while True:
            byte = self._body[self.at]
            self.at += 1
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
            shift += 7

    def number64(self) -> int:
        begun = self.at
        self.skip(8)
        return int.from_bytes(self.since(begun), "little")

    def text(self) -> str:
        size = self.number()
        begun = self.at
        self.skip(size)
        return str(self.since(begun), "utf-8", "replace")
