"""The table that people see: no lines, no markup, and nothing that a terminal would obey."""

from __future__ import annotations

from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ccusage_import.masking import printable, printable_lines


class PlainTable(Table):
    """Shows each cell as it is written."""

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        """Add a row; what has several lines is given as `Text`."""
        super().add_row(*map(_shown, cells), **options)


def plain_table(*columns: str) -> PlainTable:
    """Return a table without lines; all but the first column to the right."""
    table = PlainTable(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", no_wrap=True)
    return table


def _shown(cell: RenderableType | None) -> RenderableType | None:
    if isinstance(cell, str):
        return Text(printable(cell))
    if isinstance(cell, Text) and (shown := printable_lines(cell.plain)) != cell.plain:
        return Text(shown, style=cell.style)
    return cell
