"""`init`: what a person is asked and what is written, with and without a terminal."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.test_terminal import at_a_terminal
from tests.conftest import Program
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.gateway.running import Gateway, running_gateway
from tests.support.gateway.users import User
from tests.support.scheduling import at_home, crontab, isolated, needs_cron, with_stand_in

OTHERS = "# mine\njobs = 2  # few\n\n[budget.projects.shop]\nmonthly = 80\n"
EVERYTHING = ("--warehouse", "embedded", "--names", "clear", "--schedule", "none", "--budget", "200")


def file_of(program: Program) -> Path:
    return program.home / ".config/ccusage-import/config.toml"


def with_file(program: Program, text: str) -> Path:
    """Write the configuration."""
    file = file_of(program)
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return file


def warehouse_of(program: Program) -> str:
    return f"chdb://{program.home}/.local/share/ccusage-import/warehouse"


def talk(program: Program, *arguments: str, answers: Mapping[str, str | signal.Signals]) -> tuple[int, str]:
    """Run a command at a terminal and answer each question when it is asked; return exit code and what was shown."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "ccusage_import", *arguments],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=program.environ,
        cwd=program.home,
        start_new_session=True,
    )
    os.close(follower)
    shown, waiting = "", list(answers.items())
    try:
        while chunk := os.read(leader, 65536).decode():
            shown += chunk
            if waiting and waiting[0][0] in shown:
                _, answer = waiting.pop(0)
                if isinstance(answer, str):
                    os.write(leader, answer.encode() + (b"" if answer == "\x04" else b"\n"))
                else:
                    process.send_signal(answer)
    except OSError:
        # Linux says EIO when the last process has closed its end.
        pass
    finally:
        os.close(leader)
    return process.wait(timeout=30), shown


@pytest.fixture
def scheduled(program: Program, tmp_path: Path) -> Program:
    """The program on a machine with a crontab of its own, and without systemd."""
    at = replace(at_home(program, tmp_path), prefix=isolated(tmp_path / "cron"))
    with_none, _ = with_stand_in(at, tmp_path / "bin", "systemctl", "exit 1")
    return with_none


@needs_cron
def test_a_person_is_asked_sees_what_changes_and_agrees(scheduled: Program) -> None:
    code, shown = at_a_terminal(scheduled, "init", typed="\nclear\nhourly\n$150\n\n", columns=80)

    assert code == 0, shown
    assert re.findall(r"(\w+): [^\n]*?\[(\w+)\]: ", shown) == [
        ("warehouse", "embedded"), ("names", "pseudonyms"), ("schedule", "1h"), ("budget", "none"),
    ]  # fmt: skip
    assert "Write this? [Y/n]" in shown
    assert "names: of projects and sessions as pseudonyms, or clear [pseudonyms]: " in shown
    assert shown.splitlines()[-1] == "next: ccusage-import import"
    assert file_of(scheduled).read_text() == (
        f'warehouse = "{warehouse_of(scheduled)}"\nhash_projects = false\n\n[budget]\nmonthly = 150\n'
    )
    assert file_of(scheduled).stat().st_mode & 0o777 == 0o600
    assert re.search(rb"(?m)^\d+ \* \* \* \* /usr/bin/env ", crontab(scheduled) or b"")

    before = file_of(scheduled).read_bytes(), crontab(scheduled)
    code, shown = at_a_terminal(scheduled, "init", typed="\n\n\n\n")
    assert (code, shown.endswith("[150]: nothing changes\r\nnext: ccusage-import import\r\n")) == (0, True)
    assert re.findall(r"\[(\w+)\]: ", shown) == ["embedded", "clear", "keep", "150"]
    assert (file_of(scheduled).read_bytes(), crontab(scheduled)) == before


@needs_cron
def test_flags_replace_what_is_there_only_where_somebody_agrees(scheduled: Program) -> None:
    file = with_file(scheduled, "hash_projects = true\n" + OTHERS)
    assert scheduled("schedule", "install", "--at", "09:30").exit_code == 0
    before = crontab(scheduled)

    refused = scheduled("init", *EVERYTHING)

    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.splitlines() == [
        "ccusage-import: error: init: would change existing settings",
        "  hash_projects: true, would be false",
        "  schedule: cron, daily at 09:30, would be -",
        "hint: to agree: --yes",
    ]
    assert (file.read_text(), crontab(scheduled)) == ("hash_projects = true\n" + OTHERS, before)

    done = scheduled("init", *EVERYTHING, "--yes")

    assert (done.exit_code, done.stderr) == (0, "")
    assert "schedule: removed from cron" in done.stdout
    assert crontab(scheduled) is None
    assert file.read_text() == (
        f'hash_projects = false\n# mine\njobs = 2  # few\nwarehouse = "{warehouse_of(scheduled)}"\n\n'
        "[budget]\nmonthly = 200\n\n[budget.projects.shop]\nmonthly = 80\n"
    )


def test_flags_alone_need_no_terminal(program: Program) -> None:
    done = program("init", *EVERYTHING)

    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"{file_of(program)}",
        "setting         now  then",
        f"warehouse       -    {warehouse_of(program)}",
        "hash_projects   -    false",
        "budget.monthly  -    200",
        f"written: {file_of(program)}",
        "next: ccusage-import import",
    ]
    again = program("init", *EVERYTHING)
    assert (again.exit_code, again.stdout) == (0, "nothing changes\nnext: ccusage-import import\n")
    without = program("init", *EVERYTHING[:-1], "none", "--yes")
    assert (without.exit_code, "monthly" in file_of(program).read_text()) == (0, False)


def test_a_directory_of_any_name_is_written_as_it_is(program: Program, tmp_path: Path) -> None:
    url = f"chdb://{tmp_path}/it's \N{FLOPPY DISK}/warehouse"

    done = program("init", "--warehouse", url, *EVERYTHING[2:])

    assert (done.exit_code, done.stderr) == (0, "")
    assert tomllib.loads(file_of(program).read_text("utf-8"))["warehouse"] == url


@pytest.mark.parametrize(("name", "typed"), [("other.toml", "{}/other.toml"), ("an other.toml", "'{}/an other.toml'")])
def test_another_file_may_be_named_before_it_is_there(program: Program, tmp_path: Path, name: str, typed: str) -> None:
    file = tmp_path / name

    done = program("init", *EVERYTHING, "--config", file)

    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.endswith(f"next: ccusage-import import --config {typed.format(tmp_path)}\n")
    assert "hash_projects = false" in file.read_text()
    assert not file_of(program).exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (
            ("--names", "clear"),
            2,
            "init: needs a terminal for its questions\nhint: give --warehouse, --schedule, --budget",
        ),
        (("--yes", "--names", "hidden"), 2, "names hidden: are neither pseudonyms nor clear\n"),
        (("--yes", "--schedule", "7m"), 2, "schedule 7m: is not an interval\nhint: use one of none, 5m, 15m, "),
        (("--yes", "--schedule", "keep"), 2, "schedule keep: is not an interval\n"),
        (("--yes", "--budget", "-5"), 2, "budget -5: is not an amount above 0\n"),
        (("--yes", "--budget", "0"), 2, "budget 0: is not an amount above 0\n"),
        (("--yes", "--warehouse", "shop"), 2, "warehouse: unknown kind of address 'shop'\n"),
        (("--yes", "--warehouse", "clickhouse://127.0.0.1:1/x"), 4, "warehouse clickhouse://default@127.0.0.1:1/x: "),
    ],
)
def test_what_cannot_be_used_leaves_the_old_configuration(
    program: Program, arguments: tuple[str, ...], code: int, said: str
) -> None:
    file = with_file(program, OTHERS)

    done = program("init", *arguments)

    assert (done.exit_code, done.stdout) == (code, "")
    assert f"ccusage-import: error: {said}" in done.stderr
    assert file.read_text() == OTHERS


def test_a_damaged_file_is_not_overwritten(program: Program) -> None:
    file = with_file(program, "jobs = = 2\n")

    done = program("init", *EVERYTHING, "--yes")

    assert (done.exit_code, f"config file {file}: " in done.stderr) == (2, True)
    assert file.read_text() == "jobs = = 2\n"


def test_a_server_that_does_not_answer_is_asked_for_again(program: Program) -> None:
    typed = "clickhouse://127.0.0.1:1/x\nembedded\n\nnone\nabc\nnone\nn\n"

    code, shown = at_a_terminal(program, "init", typed=typed)

    assert code == 0
    assert "error: warehouse clickhouse://default@127.0.0.1:1/x: no answer: " in shown
    assert "error: budget abc: is not an amount above 0" in shown
    assert shown.splitlines()[-1] == "Write this? [Y/n] nothing is written"
    assert not file_of(program).exists()


@pytest.mark.parametrize("ended", [signal.SIGINT, "\x04"])
def test_who_is_interrupted_leaves_the_old_configuration(program: Program, ended: signal.Signals | str) -> None:
    file = with_file(program, OTHERS)

    code, shown = talk(program, "init", *EVERYTHING[:-2], answers={"budget: ": ended})

    assert (code, shown.endswith("\nccusage-import: interrupted\r\n")) == (130, True)
    assert file.read_text() == OTHERS


def test_a_missing_database_is_made_on_a_yes_and_named_without_a_terminal(
    program: Program, gateway: Gateway, claude: ClaudeDir
) -> None:
    claude.say("s1", days_ago(1), 1_000)
    url = gateway.url(database="made_by_init")
    flags = ("--names", "clear", "--schedule", "none", "--budget", "none")

    refused = program("init", *flags, "--yes", "--warehouse", url)
    assert refused.exit_code == 4
    assert f"hint: ccusage-import migrate --create-database --warehouse {url}\n" in refused.stderr
    assert not file_of(program).exists()

    code, shown = at_a_terminal(program, "init", *flags, typed=f"{url}\ny\ny\n")

    assert code == 0, shown
    assert "database 'made_by_init' does not exist. Create it? [y/N]" in shown
    assert shown.splitlines()[-1] == "next: ccusage-import import"
    assert f'warehouse = "{url}"' in file_of(program).read_text()
    assert program("query", "SELECT count() AS n FROM daily", "--format", "csv").stdout == '"n"\n0\n'
    # Others may have stored something there, but nothing of this machine has a name that could be changed.
    before = program("init", "--yes", "--names", "pseudonyms", "--schedule", "none")
    assert before.stdout.splitlines()[-1] == "next: ccusage-import import"
    assert program("import", "--claude-dir", claude.root, "--quiet").exit_code == 0
    after = program("init", "--yes", "--names", "clear", "--schedule", "none")
    assert after.stdout.splitlines()[-1] == "next: ccusage-import rename projects"


def test_a_password_is_asked_for_and_neither_shown_nor_lost(program: Program, tmp_path: Path) -> None:
    flags = ("--names", "clear", "--schedule", "none", "--budget", "none")
    with running_gateway(tmp_path / "engine", users=[User("ana", "s3cret")]) as running:
        url = f"clickhouse://ana@127.0.0.1:{running.port}/default"

        code, shown = talk(
            program, "init", *flags, answers={"warehouse: ": url, "password of ana: ": "s3cret", "Write": "y"}
        )

    assert code == 0, shown
    assert "s3cret" not in shown
    assert shown.splitlines()[-1] == "next: ccusage-import migrate"
    assert re.search(r'(?m)^password = "s3cret"$', file_of(program).read_text())
    assert program("config", "show", "--json").stdout.count("s3cret") == 0


def test_the_environment_wins_and_that_is_said(program: Program) -> None:
    done = program("init", *EVERYTHING, CCUSAGE_IMPORT_HASH_PROJECTS="true", CCUSAGE_IMPORT_WAREHOUSE="chdb:///srv/own")

    assert done.exit_code == 2
    agreed = program(
        "init", "--yes", "--names", "clear", "--schedule", "none",
        CCUSAGE_IMPORT_HASH_PROJECTS="true", CCUSAGE_IMPORT_WAREHOUSE="chdb:///srv/own",
    )  # fmt: skip
    assert agreed.exit_code == 0
    assert agreed.stderr == (
        "ccusage-import: warning: hash_projects: the environment says otherwise, and wins over the file\n"
    )
    assert file_of(program).read_text() == "hash_projects = false\n"


def test_without_a_scheduler_the_default_is_none(program: Program, tmp_path: Path, ccusage20: Path) -> None:
    done = at_home(program, tmp_path)("init", "--yes", PATH=str(ccusage20.parent))

    assert done.exit_code == 0
    assert "warning: no schedule: no scheduler can be used here: " in done.stderr
    assert "hash_projects = true" in file_of(program).read_text()
