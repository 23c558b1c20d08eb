"""Commands that read, where nothing was imported yet: they say so and leave nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Program

COMMANDS = (
    "accept 1", "budget", "changes", "chart daily", "export daily -o -", "held", "history", "predict text",
    "query daily", "quota", "repair", "report", "serve", "undo 1",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_warehouse_there_is_nothing_to_read(program: Program, tmp_path: Path, command: str) -> None:
    url = f"chdb://{tmp_path}/typo"

    done = program(*command.split(), "--warehouse", url)

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        f"ccusage-import: error: {command.split(maxsplit=1)[0]}: there is no warehouse {url}",
        "hint: ccusage-import import",
    ]
    assert [path.name for path in tmp_path.glob("typo*")] == []


@pytest.mark.parametrize("command", ["changes", "held", "history"])
def test_a_directory_without_tables_is_no_warehouse(program: Program, tmp_path: Path, command: str) -> None:
    (tmp_path / "empty").mkdir()

    done = program(command, "--warehouse", f"chdb://{tmp_path}/empty")

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0].endswith(f"{command}: there is no warehouse chdb://{tmp_path}/empty")


def test_a_machine_without_a_name_is_this_one(program: Program) -> None:
    assert program("migrate", "--quiet").exit_code == 0
    refused = {
        "compact --older-than 90d": ("compact: nothing of this machine is stored yet", "ccusage-import import"),
        "rename projects": ("rename projects: nothing of this machine is stored yet", "ccusage-import import"),
        "undo last": ("there is no load of this machine", "ccusage-import history lists all loads"),
    }

    for command, (error, hint) in refused.items():
        done = program(*command.split())

        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr == f"ccusage-import: error: {error}\nhint: {hint}\n"
