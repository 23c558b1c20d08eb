"""Every command line in the README and docs/ can be typed: its command, options and number of arguments exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from ccusage_import.cli.app import COMMANDS, PROGRAM, LazyCommand, app

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
# What a reader replaces by something of his own.
PLACEHOLDER = re.compile(r"\b[A-Z]{2,}\b|…|\.\.\.")
AT_ITS_END = "|&;<>()"


def command_lines(page: str) -> Iterator[list[str]]:
    """Yield the arguments of each call of the program, in code blocks and in the text."""
    for kind, block in BLOCK.findall(page):
        typed = [line.removeprefix("$ ") for line in block.splitlines() if kind == "sh" or line.startswith("$ ")]
        for line in typed:
            yield from _calls(line)
    for code in INLINE.findall(BLOCK.sub("", page)):
        words = code.replace("\\|", "|").split(maxsplit=2)
        # The commands of the program are named without it where they are what the text is about.
        is_short = words[0] in COMMANDS and len(words) > 1
        yield from _calls(f"{PROGRAM} {code}" if is_short else code)


def _calls(line: str) -> Iterator[list[str]]:
    if PROGRAM not in line:
        return
    lexer = shlex.shlex(line.replace("\\|", "|"), posix=True, punctuation_chars=AT_ITS_END)
    lexer.whitespace_split = True
    call: list[str] | None = None
    for word in [*lexer, ";"]:
        if set(word) <= set(AT_ITS_END):
            if call:
                yield call
            call = None
        elif call is not None:
            call.append(word)
        elif word.rpartition("/")[2] == PROGRAM:
            call = []


def check(arguments: list[str]) -> None:
    """Let the program's own parser read a command line; nothing is run.

    Raises:
        BadParameter: or another error of the parser: it cannot be read.
    """
    command: Any = typer.main.get_command(app)
    words, rest = [PROGRAM], arguments
    context = command.context_class(command, info_name=PROGRAM)
    while True:
        given = rest
        _, rest, _ = command.make_parser(context).parse_args(list(given))
        if not (rest and hasattr(command, "commands")):
            break
        _, command, rest = command.resolve_command(context, rest)
        words.append(command.name)
        command = command.imported() if isinstance(command, LazyCommand) else command
        context = command.context_class(command, info_name=command.name)
    if rest:
        raise typer.BadParameter(f"{' '.join(words)} does not take {' '.join(rest)}")
    if not PLACEHOLDER.search(" ".join(given)):
        # A callback does something: that of --install-completion installs it.
        for parameter in command.get_params(context):
            parameter.callback = None
        command.make_context(command.name, list(given))


def documented() -> Iterator[Any]:
    for page in PAGES:
        for arguments in command_lines(page.read_text("utf-8")):
            yield pytest.param(arguments, id=f"{page.name}: {' '.join(arguments)}")


@pytest.mark.parametrize("arguments", list(documented()))
def test_every_command_line_can_be_typed(arguments: list[str]) -> None:
    check(arguments)


def test_command_lines_are_found_in_blocks_and_in_text() -> None:
    page = """
Run `ccusage-import report --open`, or `query daily`; `query` and `reconcile.py` are nothing to type.

```sh
python3 -m venv .venv && .venv/bin/ccusage-import import --demo
export CCUSAGE_IMPORT_MACHINE=laptop; ccusage-import query "SELECT 1; -- |" > answer # as a table
```

```
$ ccusage-import query --list | head -4
hint: ccusage-import nonsense
```

| `accept LOAD\\|KEY...` |
"""

    assert list(command_lines(page)) == [
        ["import", "--demo"],
        ["query", "SELECT 1; -- |"],
        ["query", "--list"],
        ["report", "--open"],
        ["query", "daily"],
        ["accept", "LOAD"],
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("imports", "No such command 'imports'"),
        ("import --demos", "No such option: --demos"),
        ("config frobnicate", "No such command 'frobnicate'"),
        ("import LOAD", "ccusage-import import does not take LOAD"),
        ("--versions", "No such option: --versions"),
        ("chart yearly", "'yearly' is not one of"),
        ("restore", "Missing parameter: directory"),
    ],
)
def test_what_cannot_be_typed_is_noticed(line: str, why: str) -> None:
    with pytest.raises(Exception, match=why):
        check(line.split())


def test_nothing_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    check(["--install-completion"])
    check(["config", "set", "jobs", "2"])

    assert list(tmp_path.iterdir()) == []
