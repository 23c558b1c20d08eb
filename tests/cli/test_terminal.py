"""What a person at a terminal sees and answers: the program runs under a real pseudo-terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ccusage_import.config.warehouse_url import EmbeddedWarehouse
from ccusage_import.warehouse.clickhouse_client import open_warehouse
from tests.conftest import Program
from tests.support.gateway.running import Gateway
from tests.support.warm import let_go

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def at_a_terminal(program: Program, *arguments: str | Path, typed: str = "", columns: int = 120) -> tuple[int, str]:
    """Run a command with a terminal on all three streams; return exit code and what the terminal showed."""
    code, shown = to_a_terminal(program, *arguments, typed=typed, columns=columns)
    return code, ESCAPES.sub("", shown)


def to_a_terminal(
    program: Program, *arguments: str | Path, typed: str = "", columns: int = 120, term: str = "xterm"
) -> tuple[int, str]:
    """Run a command with a terminal on all three streams; return exit code and what the terminal was sent."""
    let_go()
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*program.prefix, sys.executable, "-m", "ccusage_import", *map(str, arguments)],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env={**program.environ, "TERM": term, "COLUMNS": str(columns)},
        cwd=program.home,
        start_new_session=True,
    )
    os.close(follower)
    os.write(leader, typed.encode())
    shown = b""
    try:
        while chunk := os.read(leader, 65536):
            shown += chunk
    except OSError:
        # Linux says EIO when the last process has closed its end.
        pass
    finally:
        os.close(leader)
    return process.wait(timeout=60), shown.decode()


@pytest.mark.usefixtures("own_warehouse")
def test_progress_shows_each_report_with_its_time_and_each_phase(
    program: Program, corpus: Callable[[str], Path]
) -> None:
    code, shown = at_a_terminal(program, "import", "--claude-dir", corpus("september"))

    assert code == 0
    for report in ("daily", "monthly", "session", "blocks", "projects"):
        assert re.search(rf"  {report} \d+\.\d\d s", shown), report
    for phase in ("fetch", "validate", "open", "reconcile", "load"):
        assert phase in shown
    assert "$2.82" in shown


@pytest.mark.usefixtures("own_warehouse")
def test_a_terminal_that_cannot_draw_gets_the_summary_alone(program: Program, corpus: Callable[[str], Path]) -> None:
    code, shown = to_a_terminal(program, "import", "--claude-dir", corpus("september"), term="dumb")

    assert (code, shown[:8]) == (0, "machine ")
    assert "\x1b" not in shown


def test_a_missing_database_is_created_on_a_yes(
    program: Program, gateway: Gateway, corpus: Callable[[str], Path]
) -> None:
    url = gateway.url(database="on_a_yes")

    code, shown = at_a_terminal(program, "import", "--claude-dir", corpus("september"), "--warehouse", url, typed="y\n")

    assert "database 'on_a_yes' does not exist. Create it? [y/N]" in shown
    assert code == 0
    assert (
        program("query", "--warehouse", url, "SELECT count() AS n FROM daily", "--format", "csv").stdout == '"n"\n2\n'
    )


def test_a_missing_database_is_not_created_on_a_no(
    program: Program, gateway: Gateway, corpus: Callable[[str], Path]
) -> None:
    url = gateway.url(database="on_a_no")

    code, shown = at_a_terminal(program, "import", "--claude-dir", corpus("september"), "--warehouse", url, typed="n\n")

    assert code == 4
    assert "hint: ccusage-import migrate --create-database" in shown
    assert program("query", "--warehouse", url, "SELECT 1").exit_code == 4


@pytest.mark.usefixtures("own_warehouse")
def test_no_color_is_honoured(program: Program, corpus: Callable[[str], Path]) -> None:
    done = program("import", "--claude-dir", corpus("september"), NO_COLOR="1", FORCE_COLOR="")

    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_a_terminal_gets_no_control_character_of_the_data(program: Program, tmp_path: Path) -> None:
    odd = "evil\x1b]0;title\x07\x9b2J\x7f\rname"
    seen = r"evil\u001b]0;title\u0007\u009b2J\u007f\rname"
    usage = {
        "inputTokens": 1, "outputTokens": 2, "cacheCreationTokens": 3, "cacheReadTokens": 4,
        "totalTokens": 10, "totalCost": 0.5,
    }  # fmt: skip
    saved = tmp_path / "saved"
    saved.mkdir()
    (saved / "projects.json").write_text(json.dumps({"projects": {odd: [{"date": "2025-09-01", **usage}]}}))
    imported = program("import", "--from", saved, "--no-hash-projects", "--machine", "studio")
    assert (imported.exit_code, seen in imported.stdout) == (0, True)
    # No machine is called so here; others may write such a name.
    with open_warehouse(EmbeddedWarehouse(program.home / ".local/share/ccusage-import/warehouse", "ccusage")) as opened:
        for table in ("loads", "changes"):
            other = f"SELECT * REPLACE (toLowCardinality(unhex('{odd.encode().hex()}')) AS machine) FROM {table}"
            opened.command(f"INSERT INTO {table} {other}")
    name = f"concat('{odd}') AS name"
    commands: list[tuple[str, ...]] = [
        ("query", "SELECT project FROM projects_daily"),
        *(("query", "SELECT project FROM projects_daily", "--format", how) for how in ("csv", "json")),
        ("history", "--machine", odd),
        ("history", "--machine", odd, "--json"),
        ("changes", "--machine", odd),
        ("report", "--format", "markdown"),
        ("chart", "projects"),
        ("query", f"SELECT throwIf(1, '{odd}')"),
        ("query", f"SELECT {name}, x"),
    ]
    for command in commands:
        code, shown = to_a_terminal(program, *command, columns=300)
        # But for what makes headings bold.
        sent = re.sub(r"\x1b\[[0-9;]*m", "", shown).replace("\r\n", "\n")
        assert [character for character in sent if not character.isprintable() and character != "\n"] == [], command
        if command[0] not in ("report", "chart"):  # Markdown escapes it once more, and bars stand beside wrapped names
            assert seen in sent.replace("\n", "").replace("u001B", "u001b"), (command, code, sent)

    piped = program("query", "SELECT project FROM projects_daily", "--format", "csv")
    # Python reads a carriage return of a pipe as the end of a line.
    assert piped.stdout == '"project"\n"evil\x1b]0;title\x07\x9b2J\x7f\nname"\n'
