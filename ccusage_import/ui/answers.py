"""The answer to a query, as text: in a pipe the values as they are, at a terminal as people write them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import zip_longest
from zoneinfo import ZoneInfo

from rich.cells import cell_len, chop_cells

from ccusage_import.digest.text import percent
from ccusage_import.masking import printable
from ccusage_import.money import DOLLARS
from ccusage_import.ui import with_names
from ccusage_import.ui.tables import can_draw

NULL = "ᴺᵁᴸᴸ"
SHOWN_NULL = "-"
NUMBERS = ("UInt", "Int", "Float", "Decimal")
# What is larger is not a count but an id.
LARGEST_COUNT = 10**15
_MONEY = re.compile(r"(?:^|[\W_])usd(?:$|[\W_])")
_SHARE = re.compile(r"(?:^|_)(?:share|rate|ratio|utilisation|backtest_error)$")
_NOT_COUNTED = re.compile(r"(?:^|_)(?:id|year)$")
_WRAPPER = re.compile(r"(?:Nullable|LowCardinality|SimpleAggregateFunction)\((?:\w+, )?(.*)\)")
_INSTANT = re.compile(r"DateTime(?:64\(\d, |\()'([^']+)'\)")
# As money is stored and summed: no other decimals have so many places.
_STORED_MONEY = re.compile(r"Decimal\(\d+, (?:9|15)\)")


@dataclass(frozen=True, slots=True)
class Answer:
    """Names and types of columns, and rows of text."""

    names: Sequence[str]
    types: Sequence[str]
    rows: Sequence[Sequence[str]]


def read_answer(answer: bytes, names: Mapping[str, str]) -> Answer:
    """Read an answer in JSONCompactStringsEachRowWithNamesAndTypes, with names for pseudonyms."""
    header, types, *rows = (json.loads(line.decode("utf-8", "replace")) for line in answer.splitlines() if line)
    return Answer(
        [with_names(name, names) for name in header],
        [_unwrapped(kind) for kind in types],
        [[with_names(cell, names) for cell in row] for row in rows],
    )


def readable(answer: Answer, timezone: str) -> Answer:
    """Return dollars, shares and counts as people write them, times in a zone, and a dash for NULL.

    Dollars are not converted: columns are named after them, and an answer may have converted them itself.
    """
    columns = [
        _readable_column(name, kind, [row[number] for row in answer.rows], timezone)
        for number, (name, kind) in enumerate(zip(answer.names, answer.types, strict=True))
    ]
    return replace(answer, rows=list(map(_tokens_counted(answer), answer.rows, zip(*columns, strict=True))))


def _tokens_counted(answer: Answer) -> Callable[[Sequence[str], Sequence[str]], Sequence[str]]:
    """Return what counts where a quota is one of tokens: its name says so, and its columns are also of dollars."""
    if "name" not in answer.names:
        return lambda _, shown: shown
    quota = answer.names.index("name")
    is_both = [
        bool(_STORED_MONEY.fullmatch(kind)) and not _MONEY.search(name)
        for name, kind in zip(answer.names, answer.types, strict=True)
    ]

    def counted(row: Sequence[str], shown: Sequence[str]) -> Sequence[str]:
        if not row[quota].endswith("_tokens"):
            return shown
        return [
            f"{Decimal(cell):,f}" if both and cell != NULL else text
            for both, cell, text in zip(is_both, row, shown, strict=True)
        ]

    return counted


def _unwrapped(kind: str) -> str:
    while inner := _WRAPPER.fullmatch(kind):
        kind = inner[1]
    return kind


def _readable_column(name: str, kind: str, cells: Sequence[str], timezone: str) -> list[str]:
    written = _writer(name, kind, cells, timezone)
    return [SHOWN_NULL if cell == NULL else written(cell) for cell in cells]


def _writer(name: str, kind: str, cells: Sequence[str], timezone: str) -> Callable[[str], str]:
    """Return how the values of a column are written, by its type and its name."""
    if instant := _INSTANT.fullmatch(kind):
        return lambda cell: _local(cell, instant[1], timezone)
    if kind.startswith(("Float", "Decimal")):
        if _STORED_MONEY.fullmatch(kind) or _MONEY.search(name):
            return lambda cell: _finite(cell, DOLLARS.text)
        if _SHARE.search(name):
            return lambda cell: _finite(cell, percent)
        return lambda cell: _finite(cell, lambda value: f"{value:,f}")
    if kind.startswith(("UInt", "Int")) and not _NOT_COUNTED.search(name):
        numbers = [int(cell) for cell in cells if cell != NULL]
        if all(abs(number) < LARGEST_COUNT for number in numbers):
            return lambda cell: f"{int(cell):,}"
    return lambda cell: cell


def _finite(cell: str, written: Callable[[Decimal], str]) -> str:
    value = Decimal(cell)
    return written(value) if value.is_finite() else cell


def _local(cell: str, of_zone: str, timezone: str) -> str:
    instant = datetime.fromisoformat(cell).replace(tzinfo=ZoneInfo(of_zone))
    return f"{instant.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M:%S}"


def boxed(answer: Answer, width: int | None = None) -> list[str] | None:
    """Return the lines of a table, or None where it is wider; no value is cut, or holds what a terminal would obey."""
    lines = [line for row in (answer.names, *answer.rows) for line in _lines(row)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    if width is not None and sum(widths) + 3 * len(widths) + 1 > width:
        return None
    is_number = [kind.startswith(NUMBERS) for kind in answer.types]

    def padded(cells: Sequence[str], fill: str) -> Iterator[str]:
        for cell, wide, is_right in zip(cells, widths, is_number, strict=True):
            gap = fill * (wide - cell_len(cell))
            yield gap + cell if is_right else cell + gap

    line, side, top, bottom = ("─", "│", "┌┬┐", "└┴┘") if can_draw() else ("-", "|", "+++", "+++")
    return [
        _framed(padded(lines[0], line), line, *top),
        *(_framed(padded(cells, " "), " ", side, side, side) for cells in lines[1:]),
        _framed((line * wide for wide in widths), line, *bottom),
    ]


def _framed(cells: Iterable[str], fill: str, left: str, between: str, right: str) -> str:
    return f"{left}{fill}{f'{fill}{between}{fill}'.join(cells)}{fill}{right}"


def upright(answer: Answer, width: int) -> Iterator[str]:
    """Yield each row as lines of a name and a value; what is wider than the terminal goes on below."""
    names = [printable(name) for name in answer.names]
    wide = min(max(map(cell_len, names), default=0), width // 2)
    for number, row in enumerate(answer.rows, start=1):
        yield f"row {number}"
        for name, cell in zip(names, row, strict=True):
            parts = [
                part for line in cell.split("\n") for part in chop_cells(printable(line), width - wide - 2) or [""]
            ]
            heads = chop_cells(name, wide)
            for head, part in zip_longest(heads, parts, fillvalue=""):
                yield f"{head}{' ' * (wide - cell_len(head))}  {part}".rstrip()
        yield ""


def _lines(row: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Return the lines of a row: one, or as many as its longest cell has."""
    return zip_longest(*([printable(line) for line in cell.split("\n")] for cell in row), fillvalue="")
