"""Values that steps hand on: what is made never changes, so that nobody is handed anything else than was looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import is_dataclass
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import ccusage_import

# These are filled bit by bit: what is read, what a command has done so far, what is printed.
COLLECTED = {
    "ccusage.parser.ParsedReport", "ccusage.validation._Sorting", "history.push.Pushed", "history.rescue.Repaired",
    "import_summary.FactsSummary", "live.watcher.Pending", "monitoring.outcome.RunMemory",
    "transcripts.facts.Event", "transcripts.facts.Facts", "transcripts.facts.Message", "transcripts.facts.ToolCall",
    "transcripts.facts.Turn", "transcripts.messages.Source", "transcripts.once._Kept", "transcripts.reader.Batch",
    "ui.tables.PlainTable", "warehouse.tables.Load",
}  # fmt: skip


def dataclasses() -> Iterator[tuple[str, Any]]:
    """Every dataclass of the package with the name of its module."""
    for found in walk_packages(ccusage_import.__path__, "ccusage_import."):
        module = import_module(found.name) if not found.name.endswith("__main__") else None
        for value in vars(module).values() if module else ():
            if isinstance(value, type) and is_dataclass(value) and value.__module__ == found.name:
                yield f"{found.name.removeprefix('ccusage_import.')}.{value.__name__}", value


def test_values_never_change_but_for_those_that_are_collected() -> None:
    changing = [name for name, value in dataclasses() if not value.__dataclass_params__.frozen]
    assert sorted(changing) == sorted(COLLECTED)


def test_values_take_little_memory() -> None:
    found = list(dataclasses())
    assert len(found) > 200
    assert [name for name, value in found if "__slots__" not in vars(value)] == []
