"""Tables without lines, no wider than the terminal: no number, no status and no id is ever cut.

What does not fit goes below its row, is left out, or gets several lines, where a table says that it may; a table that
is still too wide stands upright, one line a cell.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from ccusage_import.masking import printable, printable_lines

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.segment import Segment
    from rich.text import Text

# Wider than any line.
NO_TERMINAL_WIDTH = 1_000_000
TERMINAL_WIDTH = 80
LEAST_WIDTH = 40
GAP = 2
# A column of text is not made narrower than this.
LEAST_TEXT = 20


def reader_width() -> int:
    """Return the columns of the terminal, or of COLUMNS; a pipe is as wide as any line."""
    fallback = TERMINAL_WIDTH if sys.stdout.isatty() else NO_TERMINAL_WIDTH
    return max(shutil.get_terminal_size((fallback, 0)).columns, LEAST_WIDTH)


def is_for_a_terminal() -> bool:
    """Return whether stdout has a width: that of a terminal, or of COLUMNS."""
    return reader_width() != NO_TERMINAL_WIDTH


def can_draw() -> bool:
    """Return whether the encoding of stdout has lines and blocks: UTF-8 has."""
    return (sys.stdout.encoding or "utf-8").lower().startswith("utf")


def console() -> Console:
    """Return the console of stdout: lines end at its width, between words."""
    from ccusage_import.ui.console import StdoutConsole

    width = reader_width()
    return StdoutConsole(highlight=False, emoji=False, soft_wrap=width == NO_TERMINAL_WIDTH, width=width)


def print_wrapped(line: str) -> None:
    """Print a line; what does not fit goes on below, indented."""
    console().print(Hanging(line))


@dataclass(frozen=True, slots=True)
class Hanging:
    """A text whose lines go on two columns further in."""

    text: str | Text
    indent: int = 0

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Yield the lines."""
        return _hanging(console, _shown(self.text), options.max_width, self.indent)


@dataclass(frozen=True, slots=True)
class Joined:
    """Parts in one line, or in as many as they need; none is broken."""

    parts: Sequence[str | Text]
    style: str = ""
    dot: str = " · "

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Yield the lines."""
        from rich.text import Text

        lines: list[Text] = []
        dot = self.dot if can_draw() else self.dot.replace("·", "|")
        for part in map(_shown, self.parts):
            if lines and lines[-1].cell_len + len(dot) + part.cell_len <= options.max_width:
                lines[-1].append(dot).append_text(part)
            else:
                lines.append(Text(style=self.style).append_text(part))
        yield from lines


def _hanging(console: Console, text: Text, width: int, indent: int) -> Iterator[Text]:
    from rich.text import Text

    for line in text.split("\n"):
        first, *more = _wrapped(console, line, width - indent)
        yield Text(" " * indent) + first
        if more:
            rest = line[len(first.plain) :]
            rest.plain = rest.plain.lstrip()
            yield from (Text(" " * (indent + GAP)) + part for part in _wrapped(console, rest, width - indent - GAP))


def _wrapped(console: Console, line: Text, width: int) -> list[Text]:
    """Return the lines of a text, at least one, without blanks at their ends."""
    lines = [line.copy()] if _width(line) <= width else list(line.wrap(console, width)) or [line]
    for part in lines:
        part.rstrip()
    return lines


@dataclass(slots=True, eq=False)
class PlainTable:
    """Columns and rows; no cell is read as markup, or holds what a terminal would obey.

    Attributes:
        columns: their names.
        texts: columns that begin at the left, as the first one does.
        below: a column that stands below each row where the terminal is narrow.
        wraps: columns that may have several lines there.
        spare: columns that are left out there, the first one first.
        has_header: whether the names are shown.
    """

    columns: Sequence[str]
    texts: Collection[str] = ()
    below: str | None = None
    wraps: Collection[str] = ()
    spare: Sequence[str] = ()
    has_header: bool = True
    _rows: list[dict[str, Text]] = field(default_factory=list)
    _least: dict[str, int] = field(default_factory=dict)

    def add_row(self, *cells: str | Text) -> None:
        """Add a row; cells that are not given are empty."""
        self._rows.append({name: _shown(cell) for name, cell in zip_longest(self.columns, cells, fillvalue="")})

    def continued(self) -> PlainTable:
        """Return a table of more rows below these: no header, and no column narrower where there is room."""
        return replace(self, has_header=False, _rows=[], _least=self._natural())

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text | Segment]:
        """Yield the lines."""
        widths = self._widths(options.max_width)
        if widths is None:
            yield from self._upright(console, options.max_width)
            return
        if self.has_header:
            header = {name: _shown(name) for name in widths}
            for name in header.values():
                name.stylize("bold")
            yield from self._lines(console, header, widths)
        for row in self._rows:
            yield from self._lines(console, row, widths)
            if self.below is not None and self.below not in widths and row[self.below].plain:
                yield from _hanging(console, row[self.below], options.max_width, GAP)

    def _widths(self, available: int) -> dict[str, int] | None:
        """Return the widths of the columns that are shown; None where they do not fit."""
        natural = self._natural()
        if self.below is not None and not any(row[self.below].plain for row in self._rows):
            del natural[self.below]
        if _total(natural.values()) <= available:
            return natural
        if self.below is not None:
            natural.pop(self.below, None)
        least = self._without_spare(natural, available)
        if _total(least.values()) <= available:
            return least
        least = {name: min(width, LEAST_TEXT) if name in self.wraps else width for name, width in natural.items()}
        least = self._without_spare(least, available)
        left = available - _total(least.values())
        if left < 0:
            return None
        wide = sorted(least.keys() & set(self.wraps), key=lambda name: natural[name])
        for number, name in enumerate(wide):
            more = min(natural[name] - least[name], left // (len(wide) - number))
            least[name] += more
            left -= more
        return least

    def _natural(self) -> dict[str, int]:
        """Return how wide each column would like to be."""
        return {name: max((self._least.get(name, 0), *map(_width, self._cells(name)))) for name in self.columns}

    def _without_spare(self, widths: dict[str, int], available: int) -> dict[str, int]:
        """Return the columns without the first of those that can be left out, as many as are too wide."""
        kept = dict(widths)
        for name in self.spare:
            if _total(kept.values()) > available:
                del kept[name]
        return kept

    def _cells(self, name: str) -> Iterator[Text]:
        if self.has_header:
            yield _shown(name)
        yield from (row[name] for row in self._rows)

    def _lines(self, console: Console, row: dict[str, Text], widths: dict[str, int]) -> Iterator[Text | Segment]:
        from rich.segment import Segment
        from rich.text import Text

        if (plain := self._plain_line(row, widths)) is not None:
            yield Segment(f"{plain}\n")
            return
        cells = [
            [part for line in _split(row[name]) for part in _wrapped(console, line, width)]
            if name in self.wraps
            else _split(row[name])
            for name, width in widths.items()
        ]
        for parts in zip_longest(*cells):
            pieces = list[str | Text]()
            for (name, width), part in zip(widths.items(), parts, strict=True):
                fill = " " * (width - _width(part)) if part else " " * width
                is_left = name == self.columns[0] or name in self.texts
                pieces += ((part or "", fill) if is_left else (fill, part or "")) + (" " * GAP,)
            line = Text.assemble(*pieces)
            line.rstrip()
            yield line

    def _plain_line(self, row: dict[str, Text], widths: dict[str, int]) -> str | None:
        """Return a row of one line without styles, as most are; None where it is another one."""
        parts = []
        for name, width in widths.items():
            cell = row[name]
            fill = width - _width(cell)
            if cell.spans or cell.style or fill < 0 or "\n" in cell.plain:
                return None
            is_left = name == self.columns[0] or name in self.texts
            parts.append(cell.plain + " " * fill if is_left else " " * fill + cell.plain)
        return (" " * GAP).join(parts).rstrip()

    def _upright(self, console: Console, width: int) -> Iterator[Text]:
        from rich.text import Text

        names = max(map(len, self.columns)) + GAP
        for row in self._rows:
            for name, cell in row.items():
                if not cell.plain:
                    continue
                for number, part in enumerate(_wrapped(console, cell, width - names)):
                    yield Text.assemble((f"{'' if number else name:{names}}", "bold"), part)
            yield Text()


def _shown(cell: str | Text) -> Text:
    """Return a cell as it is written; what has several lines is given as `Text`."""
    from rich.text import Text

    if isinstance(cell, str):
        return Text(printable(cell))
    if (shown := printable_lines(cell.plain)) != cell.plain:
        return Text(shown, style=cell.style)
    return cell


def _split(text: Text) -> list[Text]:
    return list(text.split("\n", allow_blank=True)) if "\n" in text.plain else [text]


def _width(text: Text) -> int:
    from rich.cells import cell_len

    plain = text.plain
    return max(map(cell_len, plain.split("\n"))) if "\n" in plain else cell_len(plain)


def _total(widths: Iterable[int]) -> int:
    shown = list(widths)
    return sum(shown) + GAP * (len(shown) - 1)
