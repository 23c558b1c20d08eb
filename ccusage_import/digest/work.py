"""What transcripts tell of the last 30 days: commands, tools, subagents, and what could cost less."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ccusage_import.digest.model import CommandUse, Saving, Selection, SubagentUse, ToolUse, Work

Rows = Callable[[str], Sequence[Sequence[Any]]]


def read_work(rows: Rows, named: Callable[[str], str], selection: Selection, *, is_recent: bool) -> Work:
    """Return what prompts and tools did.

    Args:
        rows: reads a shipped query of the digest by its name.
        named: replaces what is not to be shown in a text, such as pseudonyms by names.
        selection: what is shown.
        is_recent: whether the last 30 days, which savings are of, are all shown.
    """
    # The views behind `work` are of the last 30 days and of no project.
    made_of = "selected" if selection.has_days or selection.projects else "work"
    savings = "selected_savings" if selection.projects else "work_savings"
    return Work(
        savings=[Saving(*row) for row in rows(savings)] if is_recent else [],
        commands=[CommandUse(named(command), *row) for command, *row in rows(f"{made_of}_commands")],
        tools=[ToolUse(named(tool), *row) for tool, *row in rows(f"{made_of}_tools")],
        subagents=[
            SubagentUse(named(project), named(machine), *row) for project, machine, *row in rows(f"{made_of}_subagents")
        ],
    )
