"""What a machine does not give, space, memory, files, processes: an error names it, and nothing is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.conftest import Program, Result
from tests.faults.documents import save_generation

COUNT = ("query", "SELECT count() AS n FROM loads FINAL WHERE state = 'committed'", "--format", "csv")
NO_TEMPORARY_FILES = "import tempfile; tempfile.tempdir = '/nowhere'; from ccusage_import.__main__ import main; main()"


def without_temporary_files(program: Program, *arguments: str | Path) -> Result:
    """Run a command that can put temporary files nowhere."""
    done = subprocess.run(
        [sys.executable, "-c", NO_TEMPORARY_FILES, *map(str, arguments)],
        env=program.environ,
        cwd=program.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


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
            "ccusage-import: error: the demo finds no place for its files: No such file or directory",
            "hint: set TMPDIR to a directory that can be written",
        ],
    )
