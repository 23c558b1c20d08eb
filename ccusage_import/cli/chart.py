"""Costs as bars in a terminal."""

from __future__ import annotations

import shutil
import sys
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from rich.bar import Bar
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ccusage_import.digest.model import Digest
from ccusage_import.digest.text import NO_MODEL, percent, usd

PIPED_WIDTH = 80
LARGEST_WIDTH = 120


def print_days(digest: Digest) -> None:
    """Print one bar a day, also for days without usage."""
    costs: dict[date, Decimal] = defaultdict(Decimal)
    for part in digest.days:
        costs[part.start] += part.cost_usd
    first, last = min(costs), max(*costs, digest.today)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    _print_bars(digest, [(f"{day} {day:%a}", costs[day]) for day in days])


def print_models(digest: Digest) -> None:
    """Print one bar a model."""
    _print_bars(digest, [(use.model or NO_MODEL, use.usage.cost_usd) for use in digest.models])


def print_projects(digest: Digest) -> None:
    """Print one bar for each of the projects that cost most."""
    _print_bars(digest, [(use.project, use.usage.cost_usd) for use in digest.projects])
    if others := digest.project_count - len(digest.projects):
        print(f"and {others} more")


def _print_bars(digest: Digest, costs: Sequence[tuple[str, Decimal]]) -> None:
    """Print names, costs, shares and bars; long names wrap, numbers are never cut."""
    width = min(shutil.get_terminal_size().columns if sys.stdout.isatty() else PIPED_WIDTH, LARGEST_WIDTH)
    total = digest.span("total").usage.cost_usd
    largest = max((cost for _, cost in costs), default=Decimal(0))
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0), expand=True)
    table.add_column(max_width=width // 3, overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(ratio=1)
    for name, cost in costs:
        share = percent(float(cost / total)) if total else ""
        bar = Bar(float(largest) or 1, 0, float(cost)) if cost > 0 else ""
        table.add_row(Text(name), usd(cost), share, bar)
    Console(highlight=False, width=width).print(table)
