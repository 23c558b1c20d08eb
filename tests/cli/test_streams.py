"""Streams that take nothing, or not every character: what was done is done, and nothing is lost in silence."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ccusage_import import __version__
from tests.conftest import Program
from tests.faults.documents import save_generation
from tests.support.exhaustive import some_of

COUNT = "SELECT count() AS n FROM loads FINAL WHERE state = 'committed'"
FULL = "stdout cannot be written: No space left on device"
CLOSED = "stdout cannot be written: Bad file descriptor"


def shell(program: Program, redirection: str, *arguments: str | Path, **environ: str) -> tuple[int, str]:
    """Run a command with redirected streams; return its exit code, and what it wrote to the streams that are left."""
    done = subprocess.run(
        [
            "/bin/sh",
            "-c",
            f'exec "$@" {redirection}',
            "sh",
            sys.executable,
            "-m",
            "ccusage_import",
            *map(str, arguments),
        ],
        env={**program.environ, **environ},
        cwd=program.home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("redirection", "said"),
    some_of(
        [
            (">/dev/full", f"warning: {FULL}; the import is done"),
            (">&-", f"warning: {CLOSED}; the import is done"),
            ("2>/dev/full", "$"),
            ("2>&-", "$"),
            (">/dev/full 2>/dev/full", ""),
            ("<&- >&- 2>&-", ""),
        ],
        0,
        5,
    ),
)
def test_an_import_that_nobody_hears_of_is_committed(
    program: Program, tmp_path: Path, redirection: str, said: str
) -> None:
    exit_code, heard = shell(program, redirection, "import", "--from", save_generation(tmp_path / "saved", 0))

    assert exit_code == 0
    assert said in heard
    assert "Traceback" not in heard
    assert "Exception ignored" not in heard
    assert program("query", COUNT, "--format", "csv").stdout == '"n"\n1\n'


@pytest.mark.usefixtures("own_warehouse")
def test_a_dry_run_that_nobody_hears_of_is_an_error(program: Program, tmp_path: Path) -> None:
    arguments = ("import", "--dry-run", "--from", save_generation(tmp_path / "saved", 0))

    exit_code, heard = shell(program, ">/dev/full", *arguments)

    assert exit_code == 2
    hint = "hint: only the output is lost; what the command changed stays changed"
    assert heard.endswith(f"ccusage-import: error: {FULL}\n{hint}\n")
    assert shell(program, "| :", *arguments)[1] == ""


@pytest.mark.parametrize(("redirection", "said"), some_of([(">/dev/full", FULL), (">&-", CLOSED)], 0))
@pytest.mark.parametrize(
    "arguments", [("query", "SELECT 1"), ("query", "SELECT * FROM numbers(100000)", "--format", "csv"), ("--help",)]
)
@pytest.mark.usefixtures("own_warehouse")
def test_an_answer_that_nobody_takes_is_an_error(
    program: Program, redirection: str, said: str, arguments: tuple[str, ...]
) -> None:
    exit_code, heard = shell(program, redirection, *arguments)

    assert exit_code == 2
    assert heard.splitlines()[0] == f"ccusage-import: error: {said}"
    assert len(heard.splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "ended"),
    [
        (("query", "-"), (2, "ccusage-import: error: query: give SQL or the name of a query")),
        (("init",), (2, "ccusage-import: error: init: needs a terminal for its questions")),
        (("mcp",), (0, "")),
    ],
)
@pytest.mark.usefixtures("own_warehouse")
def test_a_stdin_that_is_closed_is_an_empty_one(
    program: Program, arguments: tuple[str, ...], ended: tuple[int, str]
) -> None:
    exit_code, heard = shell(program, "<&-", *arguments)

    assert (exit_code, "".join(heard.splitlines()[:1])) == ended


def unread(program: Program, *arguments: str | Path) -> tuple[int, bytes]:
    """Run a command whose reader has gone away; return its exit code, and what it wrote to stderr."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "ccusage_import", *map(str, arguments)],
        env=program.environ,
        cwd=program.home,
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=120,
        check=False,
    )
    os.close(writer)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "arguments", some_of([(("query", "SELECT 1"),), (("history",),), (("chart", "daily"),), (("--help",),)], 0, 3)
)
def test_a_reader_that_has_seen_enough_is_not_an_error(
    program: Program, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    assert program("import", "--from", save_generation(tmp_path / "saved", 0)).exit_code == 0

    assert unread(program, *arguments) == (0, b"")


def test_what_is_not_healthy_is_so_without_a_reader(program: Program) -> None:
    assert program("check").exit_code == 6

    assert unread(program, "check") == (6, b"")


@pytest.mark.exhaustive
def test_an_import_whose_reader_has_seen_enough_is_committed(program: Program, tmp_path: Path) -> None:
    assert unread(program, "import", "--from", save_generation(tmp_path / "saved", 0)) == (0, b"")
    assert program("query", COUNT, "--format", "csv").stdout == '"n"\n1\n'


@pytest.mark.usefixtures("own_warehouse")
@pytest.mark.exhaustive
def test_characters_that_the_encoding_lacks_are_escaped(program: Program) -> None:
    sql = "SELECT 'größer → 木' AS `name`"

    shown = program("query", sql, PYTHONIOENCODING="ascii")
    asked = program("query", sql, "--json", PYTHONIOENCODING="ascii")

    assert (shown.exit_code, shown.stderr) == (0, "")
    assert "gr\\u00f6\\u00dfer \\u2192 \\u6728" in shown.stdout
    assert "größer → 木" in str(json.loads(asked.stdout))


def test_lines_and_bars_are_plain_where_the_encoding_has_none(program: Program, tmp_path: Path) -> None:
    assert program("import", "--from", save_generation(tmp_path / "saved", 0)).exit_code == 0

    asked = program("query", "SELECT 1 AS a, 'x' AS b", PYTHONIOENCODING="ascii")
    chart = program("chart", "daily", "--since", "2026-04-10", COLUMNS="60", PYTHONIOENCODING="ascii")

    assert asked.stdout == "+-a-+-b-+\n| 1 | x |\n+---+---+\n"
    assert program(PYTHONIOENCODING="ascii").stdout.splitlines()[-1].startswith("ccusage-import report --open | query ")
    drawn = chart.stdout.splitlines()
    assert drawn[4] == "2026-04-14 Tue        $10,986.33 21.4% #####################"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d [A-Z][a-z]{2} so far +\$0\.00 +0\.0% *", drawn[-1])


def test_a_terminal_that_goes_away_ends_an_import_like_an_interrupt(program: Program, tmp_path: Path) -> None:
    claude = tmp_path / "claude"
    (claude / "projects").mkdir(parents=True)
    begun, stub = tmp_path / "begun", tmp_path / "ccusage"
    stub.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo 20.0.24 && exit\necho $$ >> {begun}\nexec sleep 60\n')
    stub.chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-m", "ccusage_import", "import", "--ccusage", str(stub), "--claude-dir", str(claude)],
        env=program.environ,
        cwd=program.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not begun.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGHUP)
    _, stderr = process.communicate(timeout=60)

    assert process.returncode == 130
    assert stderr.endswith("ccusage-import: interrupted\n")
    for child in map(int, begun.read_text().split()):
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)


# Runs --version, and tells what the end of the interpreter does with what came up meanwhile.
ENDING = """
import atexit, os, sys, threading
from ccusage_import.__main__ import main
class Freed:
    def __del__(self, write=os.write): write(1, b"freed\\n")
sys.kept = Freed()
def run_on():
    threading.main_thread().join()
    os.write(1, b"thread\\n")
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            sys.meta_path.remove(self)
            atexit.register(os.write, 1, b"at exit\\n")
            threading.Thread(target=run_on).start()
sys.meta_path.insert(0, Finder())
sys.argv[1:] = sys.argv[1:] or ["--version"]
main()
"""


@pytest.mark.parametrize(
    ("command", "exit_code", "said"),
    [((), 0, f"ccusage-import {__version__}\n"), (("nonsense",), 2, "")],
    ids=["done", "refused"],
)
def test_what_is_registered_for_the_end_runs_but_memory_is_not_freed(
    command: tuple[str, ...], exit_code: int, said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDING, *command], capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stdout) == (exit_code, f"{said}thread\nat exit\n")


@pytest.mark.parametrize("redirection", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_quick_command_ends_with_its_exit_code_whatever_is_closed(program: Program, redirection: str) -> None:
    assert shell(program, redirection, "statusline") == (6, "")
