"""An import leaves what `statusline` prints, and that imports next to nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import Program
from tests.support.claude_dir import ClaudeDir, days_ago

HEAVY = {"typer", "rich", "pydantic", "loguru", "clickhouse_connect", "chdb", "zoneinfo", "ccusage_import.cli.app"}


@pytest.fixture
def used(program: Program, tmp_path: Path) -> Program:
    """A machine with an answer of $0.30 now and one of $1.50 long ago."""
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("old", days_ago(70), 100_000)
    claude.say("now", datetime.now(UTC) - timedelta(seconds=1), 20_000)
    program.environ["CCUSAGE_IMPORT_CLAUDE_DIRS"] = str(claude.root)
    return program


def numbers_file(program: Program) -> Path:
    [file] = program.home.rglob("statusline.json")
    return file


@pytest.mark.usefixtures("own_warehouse")
def test_an_import_keeps_the_line_current(used: Program) -> None:
    assert used("config", "set", "budget.daily", "1").exit_code == 0
    assert used("import").exit_code == 0

    shown = used("statusline")

    assert (shown.exit_code, shown.stderr) == (0, "")
    assert re.fullmatch(r"today \$0\.30, \$0\.70 left · block \$0\.30, (4h \d\dm|5h 00m) left\n", shown.stdout)
    file = numbers_file(used)
    assert file.stat().st_mode & 0o777 == 0o600
    midnight = datetime.fromtimestamp(json.loads(file.read_text())["day_ends_at"], UTC)
    assert (midnight - timedelta(days=1)).isoformat() == f"{datetime.now(UTC).date()}T00:00:00+00:00"


@pytest.mark.exhaustive
def test_an_import_that_writes_nothing_leaves_the_line(used: Program, tmp_path: Path) -> None:
    assert used("import").exit_code == 0
    file = numbers_file(used)
    before = file.read_bytes()

    assert used("import", "--dry-run").exit_code == 0
    assert used("import", "--demo").exit_code == 0
    assert used("import", "--ccusage", str(tmp_path / "missing")).exit_code == 3

    assert file.read_bytes() == before


@pytest.mark.usefixtures("own_warehouse")
def test_a_file_that_cannot_be_written_ends_no_import(used: Program) -> None:
    assert used("import").exit_code == 0
    file = numbers_file(used)
    file.unlink()
    file.mkdir()

    done = used("import")

    assert done.exit_code == 0
    warning = f"the numbers of the status line could not be written down: {file}: Is a directory"
    assert done.stderr == f"WARNING  {warning}\n"
    assert used("statusline").exit_code == 6


@pytest.mark.usefixtures("own_warehouse")
def test_what_it_runs_imports_nothing_slow_and_waits_for_no_input(used: Program) -> None:
    assert used("import").exit_code == 0
    argv = [sys.executable, "-X", "importtime", "-m", "ccusage_import", "statusline"]

    with subprocess.Popen(
        argv, env=used.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        # Nothing was written to it, and its stdin is not closed.
        printed = process.stdout.read()
        imported = {line.rpartition("|")[2].strip() for line in process.stderr}

    assert printed.startswith("today $0.30 · block $0.30, ")
    assert "json" in imported
    assert not HEAVY & imported


def test_help_says_what_it_shows(program: Program) -> None:
    shown = program("statusline", "--help")

    assert shown.exit_code == 0
    assert "Print one line for Claude Code's status line." in shown.stdout
