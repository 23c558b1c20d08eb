"""What transcripts tell of the last 30 days: commands, tools, subagents, and what could cost less."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ccusage_import.digest.model import CommandUse, Saving, SubagentUse, ToolUse, Work

Rows = Callable[[str], Sequence[Sequence[Any]]]


def read_work(rows: Rows, named: Callable[[str], str]) -> Work:
    """Return what prompts and tools did.

    Args:
        rows: reads a shipped query of the digest by its name.
        named: replaces what is not to be shown in a text, such as pseudonyms by names.
    """
    return Work(
        savings=[Saving(*row) for row in rows("work_savings")],
        commands=[CommandUse(named(command), *row) for command, *row in rows("work_commands")],
        tools=[ToolUse(named(tool), *row) for tool, *row in rows("work_tools")],
        subagents=[
            SubagentUse(named(project), named(machine), *row) for project, machine, *row in rows("work_subagents")
        ],
    )
