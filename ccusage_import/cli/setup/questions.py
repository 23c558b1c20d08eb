"""Questions to a person at a terminal: asked on stderr, answered by a line, and asked again where that cannot be."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from typing import TypeVar

from ccusage_import import ui
from ccusage_import.exceptions import FixableError
from ccusage_import.masking import printable

T = TypeVar("T")


def is_at_a_terminal() -> bool:
    """Return whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str, default: str, read: Callable[[str], T]) -> T:
    """Ask until `read` takes the answer; an empty one is the default.

    Raises:
        KeyboardInterrupt: whoever was asked goes away.
    """
    while True:
        line = _line(f"{question} [{printable(default)}]: ")
        try:
            return read(line.strip() or default)
        except FixableError as error:
            ui.print_error(error)


def ask_yes_or_no(question: str, *, default: bool) -> bool:
    """Ask for yes or no.

    Raises:
        KeyboardInterrupt: whoever was asked goes away.
    """
    while True:
        answer = _line(f"{printable(question)} [{'Y/n' if default else 'y/N'}] ").strip().casefold()
        if answer in ("y", "yes", "n", "no", ""):
            return answer.startswith("y") if answer else default


def ask_secret(question: str) -> str:
    """Ask for what is not shown.

    Raises:
        KeyboardInterrupt: whoever was asked goes away.
    """
    try:
        return getpass.getpass(f"{printable(question)}: ", sys.stderr)
    except EOFError:
        raise KeyboardInterrupt from None


def _line(prompt: str) -> str:
    try:
        print(prompt, end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
    except KeyboardInterrupt:
        line = ""
    if not line:
        print(file=sys.stderr)
        raise KeyboardInterrupt
    return line
