"""The line for Claude Code's status line; without options, `__main__` prints it before this is imported."""

from __future__ import annotations

import typer

from ccusage_import.statusline.line import main


def statusline() -> None:
    """Print one line for Claude Code's status line.

    It shows what the last import knew: today, the open block, and what the budget leaves. Exit code 6, and nothing
    printed, where there was none.
    """
    raise typer.Exit(main())
