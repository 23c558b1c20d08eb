"""At 80 columns: no line is longer, no row of a table has a second line, and no status is cut."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.cli.test_terminal import at_a_terminal
from tests.conftest import Program

MACHINE = "ana-macbook-pro-16"
STATUS_OF_A_CHECK = re.compile(r"(?:ok  |warn|fail)  (?=\S)")


def at_80(program: Program, *arguments: str | Path) -> list[str]:
    """Return the lines of a command that knows that 80 columns read it."""
    lines = program(*arguments, COLUMNS="80").stdout.splitlines()
    assert [line for line in lines if cell_len(line) > 80] == [], arguments
    return lines


def story(program: Program, claude: Path) -> None:
    """Import usage of June 2025 twice, and fail once; between the first two a transcript is deleted."""
    program.environ |= {"TZ": "America/Los_Angeles", "CCUSAGE_IMPORT_CLAUDE_DIRS": str(claude)}
    assert program("import", "--machine", MACHINE).exit_code == 0
    (claude / "projects" / "-home-dev-project-1" / "00000002-0000-4000-8000-000000000002.jsonl").unlink()
    assert program("import").exit_code == 0
    assert program("import", "--ccusage", "/nowhere/ccusage").exit_code == 3
    assert program("config", "set", "budget.monthly", "200").exit_code == 0


@pytest.mark.usefixtures("own_warehouse")
def test_an_import_fits(program: Program) -> None:
    program.environ["TZ"] = "America/Los_Angeles"

    lines = at_80(program, "import", "--demo")
    assert [line.split()[-1] for line in lines[-2:]] == ["import", "watch"]

    assert lines[0] == "machine demo · ccusage 20.0.24 (recorded) · days in America/Los_Angeles"
    assert re.fullmatch(r"load \d{16}", lines[1])
    assert [line.split()[0] for line in lines[3:9]] == ["report", "daily", "monthly", "session", "blocks", "projects"]
    assert {len(line.split()) for line in lines[4:9]} == {8}
    for row in (
        "Opus 4.6    $18.87  61.8%  11,617,252  claude-opus-4-6",
        "Sonnet 4.5  $11.25  36.9%  10,553,683  claude-sonnet-4-5-20250929",
        "data-pipeline  $13.87  45.5%   8,418,588  -home-ana-data-pipeline",
    ):
        assert row in lines
    demo = program.home / ".local/share/ccusage-import/demo/config.toml"
    bars = program("chart", "models", "--config", demo, COLUMNS="40").stdout.splitlines()
    assert [cell_len(line) for line in bars] == [40] * 3
    assert any(
        re.fullmatch(r"active block until \d\d:\d\d P[SD]T: \$2\.16, \$2\.30 an hour, \$\d+\.\d\d expected", line)
        for line in lines
    )


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_every_page_fits(program: Program, corpus: Callable[[str], Path]) -> None:
    story(program, corpus("june"))

    check, history, changes, held = (at_80(program, name) for name in ("check", "history", "changes", "held"))
    for line in ("status", "verify", "config show", "budget", "query --list", "chart models"):
        assert at_80(program, *line.split()), line

    checks = [line for line in check[1:] if not line.startswith(" ")]
    assert len(checks) > 15
    assert [line for line in checks if not STATUS_OF_A_CHECK.match(line)] == []
    loads = [re.sub(r"^\d{6,16} +\d{4}-\d\d-\d\d \d\d:\d\d P[SD]T", "ID", line) for line in history[1:]]
    assert loads == [
        "ID  failed",
        "  No ccusage was found that can be run",
        "ID  committed  4 held            $2.36       -",
        "ID  committed  10 new, 90 facts  $2.36  +$2.36",
    ]
    assert any(re.fullmatch(r"\d+ +held +daily 2025-06-08 +\$2.28 +\$0.25", line) for line in changes)
    assert any(re.fullmatch(r"\d+ +new +session -home-dev-project-1/00000002 +- +\$2.03", line) for line in changes)
    assert [line.split()[1:] for line in held if line[:1].isdigit()] == [
        ["held", "blocks", "2025-06-08", "03:00", "$2.28", "$0.25"],
        ["held", "daily", "2025-06-08", "$2.28", "$0.25"],
        ["held", "monthly", "2025-06", "$2.36", "$0.32"],
        ["held", "projects", "2025-06-08", "-home-dev-project-1", "$2.28", "$0.25"],
    ]
    assert held[-2] == "to accept the first: ccusage-import accept 'blocks 2025-06-08 03:00'"


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_a_row_that_is_too_wide_stands_upright(program: Program, corpus: Callable[[str], Path]) -> None:
    program.environ["TZ"] = "America/Los_Angeles"
    assert program("import", "--machine", MACHINE, "--claude-dir", corpus("june")).exit_code == 0

    code, shown = at_a_terminal(program, "query", "SELECT * FROM blocks ORDER BY started_at LIMIT 1", columns=80)

    lines = shown.split("\r\n")
    assert code == 0
    assert [line for line in lines if cell_len(line) > 80] == []
    assert lines[:4] == [
        "row 1",
        f"machine                {MACHINE}",
        "agent                  claude",
        "started_at             2025-06-08 03:00:00",
    ]
    assert "cost_usd               $2.28" in lines
    assert "cost_per_hour_usd      -" in lines
