"""The scheduled import in a real crontab, started by a real cron."""

from __future__ import annotations

import json
import re
import shlex
import signal
import stat
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ccusage_import.config.directories import Directories
from ccusage_import.schedule.schedulers import installed_schedule
from tests.conftest import Program
from tests.support.scheduling import SCRIPT, at_home, crontab, isolated, needs_cron, with_stand_in

OTHERS = (
    b"# m h  dom mon dow   command\n\nMAILTO=ana@example.org\n"
    b"5 4 * * sun\techo \"100\\% sure\" | mail -s 'it\\'s' %two%lines\n"
    b"@reboot /home/ana/r\xe9union/start   \n#>>> ccusage-import >>>\n"
)


@pytest.fixture
def scheduled(program: Program, tmp_path: Path) -> Program:
    """The program on a machine with a crontab of its own, and without systemd."""
    at = replace(at_home(program, tmp_path), prefix=isolated(tmp_path / "cron"))
    with_none, _ = with_stand_in(at, tmp_path / "bin", "systemctl", "exit 1")
    return with_none


def line_of(program: Program) -> str:
    """The one line of the block."""
    lines = (crontab(program) or b"").decode("utf-8", "replace").splitlines()
    begin = lines.index("# >>> ccusage-import >>>")
    assert lines[begin + 3] == "# <<< ccusage-import <<<"
    return lines[begin + 2]


@needs_cron
def test_the_line_names_every_path_and_sets_its_own_environment(scheduled: Program) -> None:
    done = scheduled("schedule", "install", "--at", "09:30")

    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("installed in cron, daily at 09:30:\n  the crontab of this user\nnext run ")
    assert re.search(r"^next run \d{4}-\d\d-\d\d 09:30$", done.stdout, re.MULTILINE)
    assert "hint: ccusage-import check" in done.stdout
    line = line_of(scheduled)
    assert line.startswith("30 9 * * * /usr/bin/env PATH=/")
    assert line.endswith(f" HOME={scheduled.home} {SCRIPT} import --quiet")
    path = line.partition("PATH=")[2].partition(" ")[0].split(":")
    assert {"/usr/local/bin", "/usr/bin", "/bin"} <= set(path)
    assert all(entry.startswith("/") and "_npx" not in entry for entry in path)


@needs_cron
@pytest.mark.parametrize(
    ("arguments", "fields"),
    [
        ((), r"\d+ \* \* \* \*"),
        (("--every", "1h"), r"\d+ \* \* \* \*"),
        (("--every", "6h"), r"\d+ 0,6,12,18 \* \* \*"),
        (("--every", "8h"), r"\d+ 4,12,20 \* \* \*"),
        (("--every", "1d"), r"\d+ 12 \* \* \*"),
        (("--at", "7:05"), r"5 7 \* \* \*"),
    ],
)
def test_intervals_and_times(scheduled: Program, arguments: tuple[str, ...], fields: str) -> None:
    scheduled("schedule", "install", *arguments)

    assert re.match(fields + r" /usr/bin/env ", line_of(scheduled))
    assert not line_of(scheduled).startswith("0 ")


@needs_cron
def test_every_other_byte_of_the_crontab_stays(scheduled: Program) -> None:
    crontab(scheduled, OTHERS)

    scheduled("schedule", "install", "--every", "6h")
    again = scheduled("schedule", "install", "--at", "09:30")

    assert again.exit_code == 0, again.stderr
    now = crontab(scheduled) or b""
    assert now.startswith(OTHERS + b"# >>> ccusage-import >>>\n")
    assert now.count(b"/usr/bin/env PATH=") == 1
    assert line_of(scheduled).startswith("30 9 * * * ")

    assert scheduled("schedule", "remove").stdout == "removed from cron\n"
    assert crontab(scheduled) == OTHERS
    assert scheduled("schedule", "remove").stdout == "nothing was installed\n"
    assert crontab(scheduled) == OTHERS


@needs_cron
def test_lines_behind_the_block_stay_behind_it(scheduled: Program) -> None:
    scheduled("schedule", "install", "--at", "09:30")
    before = crontab(scheduled) or b""
    crontab(scheduled, b"1 1 * * * first\n" + before + b"2 2 * * * last\n")

    scheduled("schedule", "install", "--at", "10:45")

    assert crontab(scheduled) == b"1 1 * * * first\n" + before.replace(b"\n30 9 ", b"\n45 10 ") + b"2 2 * * * last\n"


@needs_cron
def test_a_copy_of_each_replaced_crontab_is_kept(scheduled: Program) -> None:
    crontab(scheduled, OTHERS)
    scheduled("schedule", "install", "--at", "09:30")
    scheduled("schedule", "install", "--at", "09:30")

    copies = list((scheduled.home / ".local/state/ccusage-import").glob("crontab-*"))
    assert [copy.read_bytes() for copy in copies] == [OTHERS]
    assert stat.S_IMODE(copies[0].stat().st_mode) == 0o600


@needs_cron
def test_a_crontab_of_nothing_else_is_deleted(scheduled: Program) -> None:
    scheduled("schedule", "install")
    assert crontab(scheduled) is not None

    scheduled("schedule", "remove")

    assert crontab(scheduled) is None


@needs_cron
@pytest.mark.parametrize(
    "marks",
    [
        "# >>> ccusage-import >>>\n1 1 * * * x\n",
        "1 1 * * * x\n# <<< ccusage-import <<<\n",
        "# <<< ccusage-import <<<\n# >>> ccusage-import >>>\n",
        "# >>> ccusage-import >>>\n# <<< ccusage-import <<<\n# >>> ccusage-import >>>\n",
    ],
)
def test_marks_that_do_not_pair_are_left_alone(scheduled: Program, marks: str) -> None:
    crontab(scheduled, marks.encode())

    for command in ("install", "remove", "status"):
        done = scheduled("schedule", command)
        assert done.exit_code == 2, command
        assert "crontab: the marks of the ccusage-import block do not match, so nothing was changed" in done.stderr
        assert "hint: crontab -e" in done.stderr

    assert crontab(scheduled) == marks.encode()


@needs_cron
def test_secrets_are_in_a_file_of_the_user_s_own_and_nowhere_else(scheduled: Program) -> None:
    secrets = {
        "CCUSAGE_IMPORT_PASSWORD": "s3cret one",
        "CCUSAGE_IMPORT_SALT": "s3cret=two",
        "CCUSAGE_IMPORT_WAREHOUSE": "clickhouse://ana:s3cret-three@localhost:1/db",
        "CH_PASSWORD": "s3cret#four",
        "https_proxy": "http://ana:s3cret-five@proxy.example:3128",
    }

    done = scheduled("schedule", "install", **secrets, CCUSAGE_IMPORT_TEST_CACHE="/x", MY_TOKEN="s3cret")

    file = scheduled.home / ".config/ccusage-import/schedule.env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().splitlines()[1:] == [
        "CCUSAGE_IMPORT_PASSWORD=s3cret one",
        "CCUSAGE_IMPORT_SALT=s3cret=two",
        "CCUSAGE_IMPORT_WAREHOUSE=clickhouse://ana:s3cret-three@localhost:1/db",
        "CH_PASSWORD=s3cret#four",
        "https_proxy=http://ana:s3cret-five@proxy.example:3128",
    ]
    assert line_of(scheduled).endswith(f" import --quiet --env-file {file}")
    assert str(file) in done.stdout
    shown = "".join(scheduled("schedule", command).stdout for command in ("status", "show"))
    dry = scheduled("schedule", "install", "--dry-run", **secrets).stdout
    assert "CCUSAGE_IMPORT_PASSWORD=***\n" in dry
    assert "s3cret" not in (crontab(scheduled) or b"").decode() + done.stdout + done.stderr + shown + dry

    scheduled("schedule", "install")
    assert not file.exists()
    assert line_of(scheduled).endswith(" import --quiet")


@needs_cron
def test_removing_deletes_the_environment_file(scheduled: Program) -> None:
    scheduled("schedule", "install", CCUSAGE_IMPORT_PASSWORD="s3cret")
    file = scheduled.home / ".config/ccusage-import/schedule.env"
    assert file.exists()

    scheduled("schedule", "remove")

    assert not file.exists()


@needs_cron
def test_a_dry_run_writes_nothing(scheduled: Program) -> None:
    crontab(scheduled, OTHERS)

    done = scheduled("schedule", "install", "--dry-run", "--at", "09:30", CCUSAGE_IMPORT_PASSWORD="s3cret")

    assert done.exit_code == 0
    assert "would write the crontab of this user:\n# >>> ccusage-import >>>\n" in done.stdout
    assert "\n30 9 * * * /usr/bin/env PATH=" in done.stdout
    assert "would run: crontab -\n" in done.stdout
    assert crontab(scheduled) == OTHERS
    assert list(scheduled.home.rglob("*")) == []


@needs_cron
def test_status_tells_what_is_gone(scheduled: Program, tmp_path: Path) -> None:
    assert scheduled("schedule", "status").exit_code == 6
    assert scheduled("schedule", "show").exit_code == 6
    assert json.loads(scheduled("schedule", "status", "--json").stdout) == {"installed": False, "hook": None}
    node = tmp_path / "nvm" / "v22.1.0" / "bin"
    node.mkdir(parents=True)
    (node / "node").write_text("#!/bin/sh\n")
    (node / "node").chmod(0o755)
    config = tmp_path / "own.toml"
    config.write_text('machine = "laptop"\n')
    path = f"{node}:{scheduled.environ['PATH']}"
    assert scheduled("schedule", "install", "--at", "09:30", "--config", "../own.toml", PATH=path).exit_code == 0

    healthy = scheduled("schedule", "status")
    assert healthy.exit_code == 0
    assert healthy.stdout.startswith("installed in cron, daily at 09:30\n")
    assert f"command: {SCRIPT} import --quiet --config {scheduled.home}/../own.toml\n" in healthy.stdout

    (node / "node").unlink()
    node.rmdir()
    config.unlink()
    sick = scheduled("schedule", "status")
    assert sick.exit_code == 6
    assert f"missing: {node}\n" in sick.stdout
    again = f"schedule install --at 09:30 --config {scheduled.home}/../own.toml"
    assert f"hint: ccusage-import {again}\n" in sick.stdout
    found = json.loads(scheduled("schedule", "status", "--json").stdout)
    assert found["installed"] is True
    assert found["scheduler"] == "cron"
    assert found["argv"][0] == SCRIPT
    assert found["missing_paths"] == [f"{scheduled.home}/../own.toml", str(node)]


@needs_cron
@pytest.mark.parametrize("times", ["*/5 1-3 * * 1", "@hourly"])
def test_a_line_that_somebody_changed_is_shown_as_it_is(scheduled: Program, times: str) -> None:
    scheduled("schedule", "install", "--at", "09:30")
    crontab(scheduled, (crontab(scheduled) or b"").replace(b"\n30 9 * * * ", f"\n{times} ".encode()))

    found = json.loads(scheduled("schedule", "status", "--json").stdout)

    assert found["when"] == times
    assert found["argv"] == [SCRIPT, "import", "--quiet"]
    assert "next run" not in found["facts"]


@needs_cron
def test_a_line_that_cannot_be_read_is_an_error(scheduled: Program) -> None:
    crontab(scheduled, b"# >>> ccusage-import >>>\n1 1 * * * 'unpaired\n# <<< ccusage-import <<<\n")

    done = scheduled("schedule", "status")

    assert done.exit_code == 2
    assert "crontab: the line in the ccusage-import block cannot be read" in done.stderr
    assert scheduled("schedule", "remove").exit_code == 0
    assert crontab(scheduled) is None


@needs_cron
def test_a_command_that_is_too_long_for_cron_is_refused(scheduled: Program) -> None:
    deep = scheduled.home / ("d" * 200) / ("e" * 200) / ("f" * 200)

    done = scheduled("schedule", "install", XDG_DATA_HOME=str(deep), XDG_STATE_HOME=str(deep))

    assert done.exit_code == 2
    assert re.search(r"cron: the command is \d{4} bytes long, 998 are allowed", done.stderr)
    assert crontab(scheduled) is None


@needs_cron
@pytest.mark.exhaustive
def test_the_installed_command_works_in_the_environment_that_the_unit_sets(
    scheduled: Program, corpus: Callable[[str], Path]
) -> None:
    scheduled("schedule", "install", CLAUDE_CONFIG_DIR=str(corpus("september")), CCUSAGE_IMPORT_MACHINE="laptop")
    found = json.loads(scheduled("schedule", "status", "--json").stdout)

    done = subprocess.run(
        found["argv"], env=found["environment"], cwd="/", capture_output=True, check=False, timeout=120
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    rows = scheduled("query", "SELECT DISTINCT machine FROM daily", "--format", "csv").stdout
    assert rows == '"machine"\n"laptop"\n'


@needs_cron
@pytest.mark.exhaustive
def test_check_runs_the_scheduled_command_as_cron_would(scheduled: Program, corpus: Callable[[str], Path]) -> None:
    claude_dir = str(corpus("september"))
    scheduled("schedule", "install", CLAUDE_CONFIG_DIR=claude_dir)

    def lines(**environ: str) -> dict[str, dict[str, str]]:
        done = scheduled("check", "--json", CLAUDE_CONFIG_DIR=claude_dir, **environ)
        return {check["name"]: check for check in json.loads(done.stdout)["checks"]}

    found = lines()
    assert found["schedule"]["found"].startswith("cron, ")
    assert found["scheduled command"] == {
        "name": "scheduled command",
        "health": "ok",
        "found": "ran as a dry run, with nothing in its environment but what the schedule sets",
        "hint": "",
    }
    # What only this terminal knows does not help the job.
    environment_file = scheduled.home / ".config/ccusage-import/schedule.env"
    environment_file.write_text(environment_file.read_text().replace(claude_dir, "/nowhere"))
    found = lines()
    assert found["scheduled command"]["health"] == "fail"
    assert found["scheduled command"]["found"].startswith(
        "exit code 3 in the scheduler's environment: ccusage-import: error: no Claude data directory"
    )
    assert found["scheduled command"]["hint"].startswith("use Claude Code once")
    environment_file.unlink()
    assert lines()["schedule"]["found"].endswith(f"; gone: {environment_file}")


@needs_cron
@pytest.mark.exhaustive
def test_cron_starts_the_import(program: Program, tmp_path: Path, corpus: Callable[[str], Path]) -> None:
    home = tmp_path / """it's 100% my "home" $HOME"""
    home.mkdir()
    at = at_home(program, tmp_path)
    own = replace(at, home=home, environ={**at.environ, "HOME": str(home)}, prefix=isolated(tmp_path / "cron"))
    config = home / "own.toml"
    config.write_text(f'warehouse = "chdb://{tmp_path}/warehouse"\n')
    claude_dir = str(corpus("september"))
    installed = own(
        "schedule", "install", "--scheduler", "cron", "--config", config, "--at", "09:30", CLAUDE_CONFIG_DIR=claude_dir
    )
    assert installed.exit_code == 0, installed.stderr
    table = crontab(own) or b""
    crontab(own, table.replace(b"\n30 9 * * * ", b"\n* * * * * "))
    assert own("schedule", "status", "--json").exit_code == 0

    daemon = subprocess.Popen([*own.prefix, "cron", "-f"], start_new_session=True)
    try:
        history = f"chdb://{tmp_path}/warehouse"
        deadline = time.monotonic() + 100
        while not (tmp_path / "warehouse").exists() and time.monotonic() < deadline:
            time.sleep(0.5)
        crontab(own, b"")
        while "running" in (shown := own("history", "--warehouse", history, "--json").stdout) or "load_id" not in shown:
            assert time.monotonic() < deadline, shown
            time.sleep(0.5)
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(timeout=30)

    assert [load["state"] for load in json.loads(shown)] == ["committed"]
    assert own("query", "--warehouse", history, "SELECT sum(cost_usd) AS c FROM daily", "--format", "csv").stdout == (
        '"c"\n2.81842335\n'
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--every", "5h"), "--every 5h: is not an interval"),
        (("--every", "90m"), "--every 90m: is not an interval"),
        (("--at", "24:00"), "--at 24:00: is not a time of day"),
        (("--at", "9"), "--at 9: is not a time of day"),
        (("--at", "09:30", "--every", "1h"), "--every and --at exclude each other"),
        (("--config", "missing.toml"), "config file missing.toml: no such file"),
    ],
)
def test_what_cannot_be_used_is_refused(
    program: Program, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = at_home(program, tmp_path)("schedule", "install", *arguments)

    assert done.exit_code == 2
    assert f"ccusage-import: error: {said}" in done.stderr
    assert "hint: " in done.stderr
    assert list(program.home.rglob("*")) == []


def test_without_any_scheduler_the_error_says_what_helps(program: Program, tmp_path: Path, ccusage20: Path) -> None:
    done = at_home(program, tmp_path)("schedule", "install", "--scheduler", "auto", PATH=str(ccusage20.parent))

    assert done.exit_code == 2
    assert done.stderr.startswith("ccusage-import: error: no scheduler can be used here: ")
    assert "hint: install the package `cron`\n" in done.stderr


def test_what_is_installed_can_be_asked_without_any_scheduler(tmp_path: Path) -> None:
    directories = Directories(tmp_path / "c", tmp_path / "d", tmp_path / "s", tmp_path / "l")

    assert installed_schedule(directories, {"HOME": str(tmp_path), "PATH": ""}) is None


def test_the_environment_file_is_read_and_the_environment_wins(
    program: Program, tmp_path: Path, corpus: Callable[[str], Path]
) -> None:
    file = tmp_path / "schedule.env"
    file.write_text(
        f"# of the test\n\nCLAUDE_CONFIG_DIR={corpus('september')}\nMACHINE_NAME=file\n"
        "CCUSAGE_IMPORT_TIMEZONE=Europe/Berlin\n"
    )

    done = program("import", "--quiet", "--env-file", file, MACHINE_NAME="environment")

    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    shown = program("query", "SELECT DISTINCT machine, timezone FROM loads", "--format", "csv").stdout
    assert shown == '"machine","timezone"\n"environment","Europe/Berlin"\n'


def test_a_damaged_environment_file_is_refused_without_its_values(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "schedule.env"
    file.write_text("export CH_PASSWORD=s3cret\nPATH=/s3cret\nCH_USER\nMACHINE_NAME=ok\n")

    done = program("import", "--env-file", file)

    assert done.exit_code == 2
    assert done.stderr == (
        f"ccusage-import: error: environment file {file}: 3 lines cannot be used\n"
        "  line 1: is not NAME=value\n  line 2: PATH is not a setting\n  line 3: is not NAME=value\n"
        "hint: correct the file\n"
    )
    missing = program("import", "--env-file", tmp_path / "none.env")
    assert missing.exit_code == 2
    assert f"environment file {tmp_path}/none.env: No such file or directory" in missing.stderr


@needs_cron
def test_a_value_with_a_line_break_is_refused(scheduled: Program) -> None:
    done = scheduled("schedule", "install", CH_PASSWORD="s3cret\nCH_USER=root")

    assert done.exit_code == 2
    assert "CH_PASSWORD holds a character that an environment file cannot carry" in done.stderr
    assert "s3cret" not in done.stderr
    assert crontab(scheduled) is None


@needs_cron
def test_the_line_is_one_command_for_the_shell(scheduled: Program, tmp_path: Path) -> None:
    config = tmp_path / """a 100% "new" it's; touch x"""
    config.write_text("")

    scheduled("schedule", "install", "--at", "09:30", "--config", config)

    command = line_of(scheduled).split(maxsplit=5)[5]
    assert "%" not in command.replace(r"\%", "")
    assert shlex.split(command.replace(r"\%", "%"))[-2:] == ["--config", str(config)]
    found = json.loads(scheduled("schedule", "status", "--json").stdout)
    assert found["argv"][-1] == str(config)
