"""Bars of costs as wide as the terminal: names wrap, numbers are never cut, and models have the colours of the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from ccusage_import.digest.palette import DARK, OTHERS, model_looks
from ccusage_import.digest.text import NO_MODEL, percent
from ccusage_import.money import Money
from ccusage_import.names.shown import model_names
from ccusage_import.ui.console import StdoutConsole
from ccusage_import.ui.tables import Joined, can_draw, is_for_a_terminal, reader_width

PIPED_WIDTH = 80
LARGEST_WIDTH = 120
# A day stays on one line, and so does today in a terminal that has room for bars beside it.
LEAST_NAME = len("2026-11-30 Mon")
ROOMY_NAME = len("2026-11-30 Mon so far")
ROOMY_WIDTH = 60
# Instead of the colours of the page where a terminal has 16, of which several would be the same.
FEW_COLOURS = ("bright_blue", "yellow", "green", "magenta", "cyan", "red", "bright_magenta", "bright_black")
# A cell that is filled from the left, by eighths.
EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")
FULL = "█"
# Instead of both where an encoding has neither.
PLAIN = "#"


@dataclass(frozen=True, slots=True)
class Row:
    """A name, and what each model cost of it in US dollars; the model is empty where none has the usage."""

    name: str
    costs: Mapping[str, Decimal]

    @property
    def cost_usd(self) -> Decimal:
        """What all of it cost."""
        return sum(self.costs.values(), Decimal(0))


class _Bar:
    """Parts one after the other; the longest bar fills the width."""

    def __init__(self, parts: Sequence[tuple[Decimal, str]], largest: Decimal) -> None:
        self._parts, self._largest = parts, largest

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        cells, reached = 0, Decimal(0)
        for number, (cost, colour) in enumerate(self._parts, 1):
            reached += cost
            eighths = int(options.max_width * 8 * reached / self._largest)
            end = EIGHTHS[eighths % 8] if number == len(self._parts) and can_draw() else ""
            yield Segment(_full() * (eighths // 8 - cells) + end, Style(color=colour) if colour else None)
            cells = eighths // 8

    def __rich_measure__(self, _console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(4, options.max_width)


def print_bars(rows: Sequence[Row], total: Decimal, models: Iterable[str], money: Money) -> None:
    """Print names, costs, shares and bars.

    Args:
        rows: from the first to the last.
        total: what a share is a part of.
        models: the dearest first, as the page orders them; it decides their colours.
        money: how people read costs.
    """
    width = min(reader_width() if is_for_a_terminal() else PIPED_WIDTH, LARGEST_WIDTH)
    console = StdoutConsole(highlight=False, width=width)
    looks = model_looks(list(models))
    colours = FEW_COLOURS if console.color_system == "standard" else DARK
    largest = max((row.cost_usd for row in rows), default=Decimal(0))
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0), expand=True)
    least_name = ROOMY_NAME if width >= ROOMY_WIDTH else LEAST_NAME
    table.add_column(max_width=max(width // 3, least_name), overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(ratio=1)
    for row in rows:
        cost = row.cost_usd
        share = percent(cost / total) if total else ""
        bar = _Bar(_parts(row, looks, colours), largest) if cost > 0 else ""
        table.add_row(Text(row.name), money.text(cost), share, bar)
    console.print(table)
    shown = {model for row in rows for model, cost in row.costs.items() if cost > 0}
    if console.color_system and not console.no_color and len(shown) > 1:
        console.print()
        console.print(_legend([model for model in looks if model in shown], looks, colours))


def _full() -> str:
    return FULL if can_draw() else PLAIN


def _parts(row: Row, looks: Mapping[str, int], colours: Sequence[str]) -> list[tuple[Decimal, str]]:
    costs = sorted(row.costs.items(), key=lambda one: looks.get(one[0], OTHERS))
    return [(cost, colours[looks.get(model, OTHERS)]) for model, cost in costs if cost > 0]


def _legend(models: Sequence[str], looks: Mapping[str, int], colours: Sequence[str]) -> Joined:
    own = [model for model in models if looks[model] < OTHERS]
    called = model_names(looks)
    parts = [Text.assemble((_full(), colours[looks[model]]), f" {called[model] or NO_MODEL}") for model in own]
    if len(own) < len(models):
        parts.append(Text.assemble((_full(), colours[OTHERS]), " others"))
    return Joined(parts, dot="  ")
