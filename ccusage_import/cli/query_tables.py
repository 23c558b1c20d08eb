"""What people see of the query library, and of an answer."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby, zip_longest

from rich.cells import cell_len

from ccusage_import.masking import printable, printable_lines
from ccusage_import.ui import print_json, with_names
from ccusage_import.warehouse.queries import NamedQuery

_QUOTED = re.compile(rb'"((?:[^"]|"")*)"')
# As OWASP lists them (https://owasp.org/www-community/attacks/CSV_Injection); the last four are of full width.
_FORMULA_BEGINS = tuple(sign.encode() for sign in "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
NUMBERS = ("UInt", "Int", "Float", "Decimal")


def print_queries(queries: Sequence[NamedQuery], *, as_json: bool) -> None:
    """Print names and what they answer, by group; as JSON all there is."""
    if as_json:
        print_json([asdict(query) for query in queries])
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


def csv_safe(answer: bytes) -> bytes:
    """Return CSV with a quote before texts that a spreadsheet would run; the engine leaves only numbers unquoted."""
    return _QUOTED.sub(lambda cell: b"\"'" + cell[0][1:] if cell[1].startswith(_FORMULA_BEGINS) else cell[0], answer)


def print_answer(answer: bytes) -> None:
    """Print bytes as they are, and where people read them without what a terminal would obey."""
    if sys.stdout.isatty():
        print(printable_lines(answer.decode("utf-8", "replace")), end="")
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()


def print_table(answer: bytes, names: Mapping[str, str]) -> None:
    """Print an answer in JSONCompactStringsEachRowWithNamesAndTypes as a table, with names for pseudonyms.

    No value is cut, and none holds a control character that a terminal would obey.
    """
    header, types, *rows = (json.loads(line) for line in answer.splitlines() if line)
    lines = [line for row in (header, *rows) for line in _lines(row, names)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    is_number = [kind.removeprefix("LowCardinality(").removeprefix("Nullable(").startswith(NUMBERS) for kind in types]

    def padded(cells: Sequence[str], fill: str) -> Iterator[str]:
        for cell, width, is_right in zip(cells, widths, is_number, strict=True):
            gap = fill * (width - cell_len(cell))
            yield gap + cell if is_right else cell + gap

    print("┌─" + "─┬─".join(padded(lines[0], "─")) + "─┐")
    for line in lines[1:]:
        print("│ " + " │ ".join(padded(line, " ")) + " │")
    print("└─" + "─┴─".join("─" * width for width in widths) + "─┘")


def _lines(row: Sequence[str], names: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """Return the lines of a row: one, or as many as its longest cell has."""
    cells = ([printable(line) for line in with_names(cell, names).split("\n")] for cell in row)
    return zip_longest(*cells, fillvalue="")
