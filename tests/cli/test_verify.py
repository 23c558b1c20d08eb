"""What verify prints of the differences it is given, what it compares, and the exit codes it ends with."""

from __future__ import annotations

import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ccusage_import.cli.verify import print_verification
from ccusage_import.files import is_locked
from ccusage_import.rule.verify import Difference, Verification
from tests.cli.test_terminal import at_a_terminal
from tests.conftest import Place, Program
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.gateway.running import Gateway

pytestmark = pytest.mark.usefixtures("engine_stays")
FOUND = Verification(
    {"models = row": 3, "projects = daily": 5},
    [
        Difference("models = row", "daily 2026-05-01", 1, 2, "some usage names no model"),
        Difference("projects = daily", "claude 2026-05-01", 10, 20, "known"),
        Difference("projects = daily", "claude 2026-05-02", 1000, 2000, ""),
    ],
)
EXPLAINED = Verification(FOUND.compared, FOUND.differences[:2])


def printed(capsys: pytest.CaptureFixture[str], found: Verification, *, quiet: bool = False) -> list[str]:
    print_verification(found, {}, quiet=quiet, as_json=False)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("quiet", [False, True])
def test_each_check_is_counted_and_what_nothing_explains_comes_first(
    capsys: pytest.CaptureFixture[str], *, quiet: bool
) -> None:
    lines = [
        "check compared equal explained unexplained",
        "models = row 3 2 1 0",
        "projects = daily 5 3 1 1",
        "projects = daily: claude 2026-05-02: 1,000 against 2,000 tokens: NOTHING EXPLAINS IT",
        "models = row: daily 2026-05-01: 1 against 2 tokens: some usage names no model",
        "projects = daily: claude 2026-05-01: 10 against 20 tokens: known",
    ]
    # A narrow terminal breaks the longest one.
    assert " ".join(printed(capsys, FOUND, quiet=quiet)) == " ".join(lines)


def test_quiet_prints_only_what_nothing_explains(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, EXPLAINED, quiet=True) == []
    assert printed(capsys, EXPLAINED)[1:3] == ["models = row 3 2 1 0", "projects = daily 5 4 1 0"]


@pytest.mark.parametrize(
    ("differences", "last"),
    [
        (20, "models = row: daily 2026-05-01: 1 against 2 tokens: some usage names no model"),
        (21, "and 1 more; --json lists them all"),
        (23, "and 3 more; --json lists them all"),
    ],
)
def test_twenty_differences_are_shown(capsys: pytest.CaptureFixture[str], differences: int, last: str) -> None:
    lines = printed(capsys, Verification({}, [FOUND.differences[0]] * differences))

    assert (len(lines), lines[-1]) == (1 + min(differences, 20) + (differences > 20), last)


@pytest.fixture
def claude(tmp_path: Path) -> ClaudeDir:
    """Two sessions of two days."""
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("a", days_ago(3), 10)
    claude.say("b", days_ago(2), 20)
    return claude


def verified(program: Program, claude: ClaudeDir, *arguments: str | Path, exit_code: int = 0) -> dict[str, Any]:
    done = program("verify", "--claude-dir", claude.root, "--json", *arguments)
    assert done.exit_code == exit_code, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return {**found, "stderr": done.stderr}


@pytest.mark.usefixtures("own_warehouse")
def test_verify_compares_messages_and_writes_nothing(program: Program, claude: ClaudeDir) -> None:
    before = verified(program, claude)
    assert (before["compared"]["stored = offered"], before["compared"]["messages = daily"]) == (9, 0)
    assert {one["explanation"] for one in before["differences"]} == {"not imported yet: first seen since the last load"}
    program("import", "--claude-dir", claude.root)
    warehouse = Place(f"chdb://{program.home}/.local/share/ccusage-import/warehouse")
    loads = warehouse.rows("SELECT load_id FROM loads")

    after = verified(program, claude)

    assert (after["compared"]["stored = offered"], after["compared"]["messages = daily"]) == (9, 2)
    assert (after["differences"], after["stderr"]) == ([], "")
    assert warehouse.rows("SELECT load_id FROM loads") == loads


@pytest.mark.exhaustive
def test_no_import_comes_between_the_offer_and_the_messages(
    program: Program, claude: ClaudeDir, gateway: Gateway
) -> None:
    url = gateway.url(database="verified")
    assert program("migrate", "--create-database", "--warehouse", url).exit_code == 0
    assert program("import", "--claude-dir", claude.root, "--warehouse", url).exit_code == 0
    gateway.fail("delay", match="FROM ledger_sessions", seconds=5)
    seen = len(gateway.statements())

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(verified, program, claude, "--warehouse", url)
        while not any("FROM ledger_sessions" in sql for sql in gateway.statements()[seen:]):
            assert not running.done()
            time.sleep(0.01)
        is_alone = is_locked(program.home / ".local/state/ccusage-import/import.lock")
        found = running.result()

    assert is_alone
    assert found["unexplained"] == 0


def other_ccusage(program: Program, tmp_path: Path, changed: str) -> Path:
    """Return a ccusage whose reports a line of sed changes."""
    ccusage = shutil.which("ccusage", path=program.environ["PATH"])
    (tmp_path / "other").write_text(f"#!/bin/sh\n{ccusage} \"$@\" | sed '{changed}'\n")
    (tmp_path / "other").chmod(0o755)
    return tmp_path / "other"


@pytest.mark.usefixtures("own_warehouse")
def test_what_cannot_be_true_is_an_error_and_what_it_hides_no_difference(
    program: Program, claude: ClaudeDir, tmp_path: Path
) -> None:
    program("import", "--claude-dir", claude.root)
    one_day = f'/"date": "{days_ago(3).date()}"/,/}}/s/"inputTokens": 0/"inputTokens": -1/'

    found = verified(program, claude, "--ccusage", other_ccusage(program, tmp_path, one_day), exit_code=5)

    assert (found["compared"]["stored = offered"], found["compared"]["models = row"]) == (7, 5)
    assert "ccusage-import: error: daily: 1 record cannot be true" in found["stderr"]
    assert found["unexplained"] == 0


@pytest.mark.usefixtures("own_warehouse")
def test_a_session_that_undo_restored_beside_its_copy_is_explained(program: Program, tmp_path: Path) -> None:
    claude = ClaudeDir(tmp_path / "resumed")
    claude.say("b", days_ago(3), 1_000)
    program("import", "--claude-dir", claude.root)
    # Of two transcripts of a message, the first by name has it.
    claude.file("a").write_text(claude.file("b").read_text())
    claude.say("a", days_ago(2), 20)
    program("import", "--claude-dir", claude.root)
    assert program("undo", "last").exit_code == 0

    found = verified(program, claude)

    of_sessions = [each for each in found["differences"] if each["subject"].startswith("session")]
    assert {(each["left_tokens"], each["right_tokens"], each["explanation"]) for each in of_sessions} >= {
        (1_000, 0, "kept: a person took this back"), (0, 1_020, "kept: a person took this back"),
    }  # fmt: skip
    assert found["unexplained"] == 0


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_a_terminal_shows_progress_but_for_json_and_quiet(program: Program, claude: ClaudeDir) -> None:
    command = ("verify", "--claude-dir", claude.root)
    assert "reconcile" in at_a_terminal(program, *command)[1]
    assert at_a_terminal(program, *command, "--quiet") == (0, "")
    json.loads(at_a_terminal(program, *command, "--json")[1])
