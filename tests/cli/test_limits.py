"""What a machine does not give, space, memory, files, processes: an error names it, and nothing is lost."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import Program, Result
from tests.faults.documents import save_generation
from tests.support.disks import LIKE_A_USER
from tests.support.exhaustive import some_of

COUNT = ("query", "SELECT count() AS n FROM loads FINAL WHERE state = 'committed'", "--format", "csv")
NO_TEMPORARY_FILES = "import tempfile; tempfile.tempdir = '/nowhere'; from ccusage_import.__main__ import main; main()"


def without_temporary_files(program: Program, *arguments: str | Path) -> Result:
    """Run a command that can put temporary files nowhere."""
    return program.run(sys.executable, "-c", NO_TEMPORARY_FILES, *arguments)


@pytest.mark.exhaustive
def test_an_import_needs_no_temporary_files(program: Program, tmp_path: Path) -> None:
    done = without_temporary_files(program, "import", "--from", save_generation(tmp_path / "saved", 0))

    assert (done.exit_code, done.stderr) == (0, "")
    assert program(*COUNT).stdout == '"n"\n1\n'
    assert list((program.home / ".local/share/ccusage-import/warehouse/tmp").iterdir()) == []


def test_a_demo_says_that_it_needs_some(program: Program) -> None:
    done = without_temporary_files(program, "import", "--demo")

    assert (done.exit_code, done.stderr.splitlines()) == (
        2,
        [
            "ccusage-import: error: the demo cannot write its files: No such file or directory",
            "hint: set TMPDIR to a directory that can be written",
        ],
    )


MIB = 1024


@pytest.mark.parametrize(
    ("limit", "error", "hint"),
    some_of(
        [
            (
                f"-v {500 * MIB}",
                "the embedded engine needs 1,855 MiB of virtual memory, ulimit -v allows 500",
                "raise the limit (ulimit -v unlimited), or name a server: --warehouse clickhouse://user@host:8123/db",
            ),
            (
                "-n 40",
                "warehouse chdb://{home}/warehouse: too many open files, ulimit -n allows 40",
                "raise the limit (ulimit -n 1024); nothing of the warehouse is damaged",
            ),
            (
                "-f 8",
                "warehouse chdb://{home}/warehouse: File too large",
                "free some space, or raise the limit (ulimit -f); nothing half written is visible",
            ),
        ],
        2,
    ),
)
def test_a_limit_is_named_and_harms_nothing(
    program: Program, tmp_path: Path, limit: str, error: str, hint: str
) -> None:
    url = ("--warehouse", f"chdb://{program.home}/warehouse")
    assert program("import", "--from", save_generation(tmp_path / "first", 0), *url).exit_code == 0
    limited = replace(program, prefix=("/bin/sh", "-c", f'ulimit {limit}; exec "$@"', "sh"))

    done = limited("import", "--from", save_generation(tmp_path / "second", 1), *url)

    assert (done.exit_code, done.stderr.splitlines()) == (
        4,
        [f"ccusage-import: error: {error.format(home=program.home)}", f"hint: {hint}"],
    )
    assert program(*COUNT, *url).stdout == '"n"\n1\n'
    assert program("import", "--from", tmp_path / "second", *url).exit_code == 0
    assert program(*COUNT, *url).stdout == '"n"\n2\n'


@pytest.mark.parametrize(
    ("option", "name", "left_out"),
    [
        ("report --warehouse", "chdb://{}/warehouse", "chdb://"),
        ("report --output", "{}/page.html", ""),
        ("import --from", "{}/saved", ""),
        ("import --claude-dir", "{}/claude", ""),
    ],
)
def test_a_place_that_a_user_may_not_enter_is_no_bug(
    program: Program, tmp_path: Path, option: str, name: str, left_out: str
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    long = name.format(tmp_path / ("x" * 300))

    refused = replace(program, prefix=LIKE_A_USER)(*option.split(), name.format(closed))
    too_long = program(*option.split(), long)

    named = name.format(closed).removeprefix(left_out)
    assert (refused.exit_code, too_long.exit_code) == (2, 2)
    assert re.fullmatch(
        rf"ccusage-import: error: {named}(/\S+)?: Permission denied\n"
        "hint: let this user in, or name another place\n",
        refused.stderr,
    ), refused.stderr
    assert "ile name too long\nhint: name another place\n" in too_long.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="needs a place where not even root can make a directory")
def test_a_home_directory_that_cannot_be_made_is_what_the_hint_is_about(program: Program) -> None:
    for command in ("import", "config set machine here", "import --demo"):
        done = program(*command.split(), HOME="/proc/nobody")

        assert done.stderr.splitlines()[-1] == "hint: let HOME name a directory that can be written"
