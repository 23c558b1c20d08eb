"""Commands are imported when they are called, and a shell completes them, their options and their values."""

from __future__ import annotations

import json

import pytest
import typer

from ccusage_import.cli.app import COMMANDS, LazyCommand
from tests.conftest import Program, Result

LOG = ".local/state/ccusage-import/log/ccusage-import.log"


def complete(program: Program, line: str, shell: str = "bash") -> Result:
    """Ask for what may follow as the script does that --install-completion writes."""
    words = line.split(" ")
    asked = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)} if shell == "bash" else {
        "_TYPER_COMPLETE_ARGS": line
    }  # fmt: skip
    return program(**asked, _CCUSAGE_IMPORT_COMPLETE=f"complete_{shell}")


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("ccusage-import qu", ["query", "quota"]),
        ("ccusage-import config ", ["show", "set", "path"]),
        ("ccusage-import import --rep", ["--report"]),
        ("ccusage-import import --report ", ["daily", "monthly", "session", "blocks", "projects", "hours"]),
        ("ccusage-import query sessions", ["sessions", "sessions_by_day", "sessions_health"]),
        ("ccusage-import query top_proj", ["top_projects"]),
        ("ccusage-import query top_projects --param ", ["since=", "until=", "machine=", "agent=", "top="]),
        ("ccusage-import query nonsense --param ", []),
        ("ccusage-import undo ", ["2000", "1000"]),
        ("ccusage-import changes 1", ["1000"]),
        ("ccusage-import raw export out --load 2", ["2000"]),
        ("ccusage-import history --machine ", ["laptop", "tower"]),
        ("ccusage-import status --machine ", ["laptop", "tower"]),
        ("ccusage-import report --machine t", ["tower"]),
        ("ccusage-import chart daily --machine l", ["laptop"]),
    ],
)
def test_what_may_follow_is_offered(program: Program, line: str, offered: list[str]) -> None:
    log = program.home / LOG
    log.parent.mkdir(parents=True)
    told = [{"load_id": 1000, "machine": "tower"}, {"load_id": 2000, "machine": "laptop"}, {"rows": 3}]
    log.write_text('"load_id": 7, "machine": "cut"}\n' + "".join(f"{json.dumps(line)}\n" for line in told))

    assert complete(program, line).stdout.split() == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_its_script(program: Program, shell: str) -> None:
    done = program("--show-completion", SHELL=f"/bin/{shell}", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert done.exit_code in (0, 2)

    script = program(_CCUSAGE_IMPORT_COMPLETE=f"source_{shell}").stdout
    assert "ccusage-import" in script
    assert "_CCUSAGE_IMPORT_COMPLETE" in script


def test_a_machine_without_a_log_completes_no_loads(program: Program) -> None:
    done = complete(program, "ccusage-import undo ")
    assert (done.exit_code, done.stdout.split(), done.stderr) == (0, [], "")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_says_of_itself(name: str) -> None:
    place, summary = COMMANDS[name]
    command = LazyCommand(name, place, summary).imported()
    assert command.name in (name, None) or isinstance(command, typer.core.TyperGroup)
    assert command.help.splitlines()[0] == summary
    # Longer ones are cut in the list.
    assert len(summary) <= 66


def test_the_list_of_commands_imports_none_of_them(program: Program) -> None:
    slow = {"pydantic", "loguru", "clickhouse_connect", "jinja2", "chdb", "ccusage_import.config.settings"}
    for arguments in ("--help", "--version"):
        done = program(arguments, PYTHONPROFILEIMPORTTIME="1")
        assert done.exit_code == 0
        assert slow & {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()} == set()
