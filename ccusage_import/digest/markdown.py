"""A digest as Markdown, for mail, chat and notes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ccusage_import.digest.called import selection_called
from ccusage_import.digest.charts import charts_of
from ccusage_import.digest.contents import figures_of, notices_of, prices_note, scope_of, tables_of
from ccusage_import.digest.model import Digest

# Tables of charts that are short enough to be read.
SHOWN_CHARTS = ("months", "projects", "cache")


def markdown_page(digest: Digest) -> str:
    """Return headlines and tables in GitHub's Markdown; names cannot become markup."""
    return "\n".join(_lines(digest)) + "\n"


def _lines(digest: Digest) -> Iterator[str]:
    selected = selection_called(digest)
    yield f"# Usage of coding agents: {_escaped(selected)}" if selected else "# Usage of coding agents"
    yield ""
    if digest.is_empty:
        yield "No usage to show. What to do next: `ccusage-import import`"
        return
    yield _escaped(scope_of(digest))
    yield ""
    for notice in notices_of(digest):
        yield f"- **{_escaped(notice)}**"
    for figure in figures_of(digest):
        yield f"- {figure.title}: **{_escaped(figure.value)}**, {', '.join(figure.lines)}"
    yield ""
    yield _escaped(prices_note(digest))
    if digest.has_unpriced:
        yield ""
        counted = _escaped(digest.money.whole(0))
        yield rf"\* Some of this usage has no price. It counts as {counted}, so the cost is a lower bound."
    for chart in charts_of(digest):
        if chart.name in SHOWN_CHARTS:
            yield from _table(chart.title, chart.note, chart.columns, range(1, len(chart.columns)), chart.rows)
    for table in tables_of(digest):
        yield from _table(table.title, table.note, table.columns, table.numbers, table.rows)


def _table(
    title: str, note: str, columns: Sequence[str], numbers: Sequence[int], rows: Sequence[Sequence[str]]
) -> Iterator[str]:
    yield ""
    yield f"## {title}"
    if note:
        yield ""
        yield note
    if rows:
        yield ""
        yield _row(columns)
        yield _row(["---:" if index in numbers else "---" for index in range(len(columns))], is_markup=True)
        for row in rows:
            yield _row(row)


def _row(cells: Sequence[str], *, is_markup: bool = False) -> str:
    return f"| {' | '.join(cell if is_markup else _escaped(cell) for cell in cells)} |"


def _escaped(text: str) -> str:
    """Return a text whose punctuation means nothing to Markdown or HTML."""
    return re.sub(r"([\\`*_\[\]<>|~&])", r"\\\1", text)
