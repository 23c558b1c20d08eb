"""The line for Claude Code's status line; without options, `__main__` prints it before this is imported."""

from __future__ import annotations

import typer

from ccusage_import.statusline.line import main


def statusline() -> None:
    """Print one line for Claude Code's status line.

    Shows today, the open block and what the budget leaves, as of the last import. Before the first import it prints
    nothing and ends with exit code 6.
    """
    raise typer.Exit(main())
