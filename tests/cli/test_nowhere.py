"""Commands that read, where nothing was imported yet: they say so and leave nothing behind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import Program
from tests.faults.documents import save_generation
from tests.support.disks import LIKE_A_USER

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


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("holds", [(), ("notes.txt",)])
def test_a_directory_of_something_else_is_no_warehouse(
    program: Program, tmp_path: Path, command: str, holds: tuple[str, ...]
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for name in holds:
        (own / name).touch()

    done = program(*command.split(), "--warehouse", f"chdb://{own}")

    assert (done.exit_code, done.stdout) == (2, "")
    assert f": there is no warehouse chdb://{own}\n" in done.stderr
    assert [path.name for path in own.iterdir()] == list(holds)
    assert [path.name for path in tmp_path.glob("own*")] == ["own"]


def test_what_is_pending_is_listed_without_a_warehouse(program: Program, tmp_path: Path) -> None:
    place = tmp_path / "later"

    listed = program("migrate", "--status", "--warehouse", f"chdb://{place}")

    assert (listed.exit_code, listed.stderr, place.exists()) == (0, "", False)
    applied = program("migrate", "--warehouse", f"chdb://{place}")
    assert applied.stdout == listed.stdout.replace("pending ", "applied ")
    assert "applied daily\n" in applied.stdout


@pytest.mark.parametrize("command", ["import --from saved", "init --yes", "migrate", "restore backup"])
def test_nothing_is_made_in_a_directory_of_something_else(program: Program, tmp_path: Path, command: str) -> None:
    place, empty = tmp_path / "own", f"chdb://{tmp_path}/empty"
    place.mkdir()
    (place / "notes.txt").touch()
    (place / "tmp").mkdir()
    for name in ("lost+found", "tmp"):
        (tmp_path / "empty" / name).mkdir(parents=True)
    save_generation(program.home / "saved", 0)
    assert program("migrate", "--warehouse", empty).exit_code == 0
    assert program("backup", "backup", "--warehouse", empty).exit_code == 0

    done = program(*command.split(), "--warehouse", f"chdb://{place}")

    assert (done.exit_code, done.stdout) == (4, "")
    assert done.stderr == (
        f"ccusage-import: error: warehouse chdb://{place}: is a directory of something else\n"
        "hint: name one that is empty or does not exist yet\n"
    )
    assert sorted(path.name for path in place.iterdir()) == ["notes.txt", "tmp"]
    assert [path.name for path in tmp_path.glob("own*")] == ["own"]


@pytest.mark.parametrize("command", ["query daily", "history", "import --from saved"])
def test_a_warehouse_that_cannot_be_written_is_copied(program: Program, tmp_path: Path, command: str) -> None:
    place = tmp_path / "kept"
    save_generation(program.home / "saved", 0)
    assert program("migrate", "--warehouse", f"chdb://{place}").exit_code == 0
    place.chmod(0o500)

    done = replace(program, prefix=LIKE_A_USER)(*command.split(), "--warehouse", f"chdb://{place}")
    place.chmod(0o700)

    assert (done.exit_code, done.stdout) == (4, "")
    assert done.stderr == (
        f"ccusage-import: error: warehouse chdb://{place}: cannot be written, which the engine does also to read\n"
        f"hint: make it writable, or copy it and name the copy: cp -r {place} DIR, then --warehouse chdb:///DIR\n"
    )


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
