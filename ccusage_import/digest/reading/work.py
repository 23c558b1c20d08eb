"""What transcripts tell of the last 30 days: commands, tools, subagents, and what could cost less."""

from __future__ import annotations

from collections.abc import Callable

from ccusage_import.digest.model import CommandUse, Rows, Saving, Selection, SubagentUse, ToolUse, Work


def query_of_work(part: str, selection: Selection) -> str:
    """Return the query of `commands`, `tools`, `subagents` or `savings`."""
    # The views behind `work` are of the last 30 days and of no project; nobody asks for savings of other days.
    is_selected = selection.projects or (selection.has_days and part != "savings")
    return f"{'selected' if is_selected else 'work'}_{part}"


def read_work(rows: Rows, named: Callable[[str], str], selection: Selection) -> Work:
    """Return what prompts and tools did.

    Args:
        rows: the rows of a shipped query of the digest by its name.
        named: replaces what is not to be shown in a text, such as pseudonyms by names.
        selection: what is shown.
    """
    savings, commands, tools, subagents = (
        rows(query_of_work(part, selection)) for part in ("savings", "commands", "tools", "subagents")
    )
    return Work(
        savings=[Saving(*row) for row in savings],
        commands=[CommandUse(named(command), *row) for command, *row in commands],
        tools=[ToolUse(named(tool), *row) for tool, *row in tools],
        subagents=[SubagentUse(named(project), named(machine), *row) for project, machine, *row in subagents],
    )
