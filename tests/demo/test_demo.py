"""What stays of a demo, and what it offers."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ccusage_import.config.kept.identity import complete_identity
from ccusage_import.config.layers import load_configuration
from ccusage_import.config.warehouse_url import EmbeddedWarehouse
from ccusage_import.demo.place import Place
from tests.conftest import Program

OFFERS = ("query", "query", "chart", "report")


def offered(stdout: str) -> list[list[str]]:
    """Return the commands that ask the demo, without the program."""
    lines = [shlex.split(line) for line in stdout.replace("\\\n", "").splitlines() if "--config" in line]
    return [line[next(at for at, word in enumerate(line) if word in OFFERS) :] for line in lines]


@pytest.mark.exhaustive
def test_a_demo_can_be_asked_until_the_next(program: Program) -> None:
    for _ in range(2):
        demo = program("import", "--demo")
        assert (demo.exit_code, demo.stderr) == (0, "")
        commands = offered(demo.stdout)
        assert tuple(command[0] for command in commands) == OFFERS
        for command in commands:
            words = [word.replace("~", str(program.home), 1) if word.startswith("~") else word for word in command]
            assert program(*words).exit_code == 0, words

    folder = program.home / ".local/share/ccusage-import/demo"
    loads = program("query", "SELECT uniqExact(load_id) AS n FROM loads", "--config", folder / "config.toml")
    assert loads.stdout.splitlines()[1].strip("│ ") == "2"


def test_a_dry_demo_leaves_nothing(program: Program) -> None:
    done = program("import", "--demo", "--dry-run")

    assert done.exit_code == 0
    assert "--config" not in done.stdout
    assert not (program.home / ".local/share/ccusage-import/demo").exists()


def test_a_demo_needs_no_node_and_shows_what_is_kept(program: Program, tmp_path: Path) -> None:
    empty = tmp_path / "bin"
    empty.mkdir()

    demo = program("import", "--demo", PATH=str(empty))

    assert (demo.exit_code, demo.stderr) == (0, "")
    lines = demo.stdout.splitlines()
    assert lines[0].startswith("machine demo · ccusage 20.0.24 (recorded)")
    assert "Claude Code deletes what is a month old, here 2 transcripts; imported again:" in lines
    assert "held: 5 offered numbers were not taken; what is stored stays" in lines
    assert "ccusage shows $29.63 now, you kept $30.52" in lines
    assert "  ~/.local/share/ccusage-import/demo/ccusage-report.html" in lines
    page = program.home / ".local/share/ccusage-import/demo/ccusage-report.html"
    assert "$30.52" in page.read_text("utf-8")


def test_a_demo_that_is_kept_can_be_asked_in_a_home_of_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "o'brien 100%"
    monkeypatch.setenv("HOME", str(home))
    with Place.made(is_kept=True) as place:
        demo = place.keep(place.configuration({"timezone": "Europe/Berlin"}, None, {}))

    kept = load_configuration({}, {}, identity={"salt": "0123abcd"}, directories=demo).settings
    assert demo.data.is_relative_to(home)
    assert kept.parsed_warehouse() == EmbeddedWarehouse(demo.data / "warehouse")
    assert (kept.machine, kept.timezone, kept.hash_projects) == ("demo", "Europe/Berlin", False)


@pytest.mark.exhaustive
def test_open_shows_the_page_of_the_demo(program: Program, tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    browser.chmod(0o755)

    demo = program("import", "--demo", "--open", "--quiet", BROWSER=f"{browser} %s")

    assert (demo.exit_code, demo.stdout, demo.stderr) == (0, "", "")
    page = program.home / ".local/share/ccusage-import/demo/ccusage-report.html"
    assert (tmp_path / "opened").read_text() == page.as_uri() + "\n"
    assert page.exists()


@pytest.mark.exhaustive
def test_the_demo_leaves_the_page_of_the_user_alone(program: Program) -> None:
    data = program.home / ".local/share/ccusage-import"
    data.mkdir(parents=True)
    (data / "ccusage-report.html").write_text("mine")
    assert program("import", "--demo").exit_code == 0

    report = program("report", "--config", data / "demo/config.toml")

    assert report.stdout == f"{data}/demo/ccusage-report.html\n"
    assert (data / "ccusage-report.html").read_text() == "mine"
    assert sorted(path.name for path in data.iterdir()) == ["ccusage-report.html", "demo"]


def test_held_says_how_to_accept_only_what_accept_would_take(program: Program) -> None:
    assert program("import", "--demo").exit_code == 0
    config = program.home / ".local/share/ccusage-import/demo/config.toml"
    # The demo is of an installation that ended with it.
    complete_identity(program.home / ".config/ccusage-import/identity.toml")

    held = program("held", "--config", config).stdout

    assert held.count(" are gone from the transcripts: ") == 5
    assert "to accept" not in held
    assert program("accept", "2026-11", "--config", config).exit_code == 2


@pytest.mark.exhaustive
def test_a_demo_that_fails_leaves_the_last_one(program: Program) -> None:
    assert program("import", "--demo").exit_code == 0
    config = program.home / ".local/share/ccusage-import/demo/config.toml"
    before = program("query", "SELECT * FROM daily", "--config", config, "--format", "csv").stdout

    failed = program("import", "--demo", CCUSAGE_IMPORT_LOCK_WAIT_SECONDS="never")

    assert failed.exit_code == 2
    assert program("query", "SELECT * FROM daily", "--config", config, "--format", "csv").stdout == before
    assert len(before.splitlines()) > 20


@pytest.mark.exhaustive
def test_a_demo_that_was_killed_between_its_renamings_leaves_the_last_one(program: Program) -> None:
    assert program("import", "--demo").exit_code == 0
    data = program.home / ".local/share/ccusage-import"
    (data / "demo").rename(data / "demo.old")

    failed = program("import", "--demo", CCUSAGE_IMPORT_LOCK_WAIT_SECONDS="never")

    assert failed.exit_code == 2
    assert sorted(path.name for path in data.iterdir()) == ["demo"]
    assert (data / "demo/config.toml").exists()


@pytest.mark.exhaustive
def test_of_two_demos_one_waits(program: Program) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "ccusage_import", "import", "--demo"],
            env=program.environ,
            cwd=program.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]

    ended = [(process.communicate(timeout=120), process.returncode) for process in running]

    assert [(stderr, code) for (_, stderr), code in ended] == [("", 0)] * 2
    assert all("ccusage shows $29.63 now, you kept $30.52" in stdout for (stdout, _), _ in ended)
    data = program.home / ".local/share/ccusage-import"
    assert sorted(path.name for path in data.iterdir()) == ["demo"]


def test_what_does_not_go_with_the_demo_is_refused(program: Program) -> None:
    for arguments, what in (
        (("--demo", "--from", "saved"), "--from: the demo has reports of its own"),
        (("--demo", "--ccusage", "ccusage"), "--ccusage: the demo has reports of its own"),
        (("--demo", "--ccusage-version", "20.0.24"), "--ccusage-version: the demo has reports of its own"),
        (("--demo", "--transcripts-only"), "--transcripts-only: the demo has reports of its own"),
        (("--demo", "--since", "7d"), "--since: the demo has reports of its own"),
        (("--demo", "--report", "session"), "--report: the demo has reports of its own"),
        (("--open",), "--open: is about the page of the demo"),
        (("--demo", "--dry-run", "--open"), "--open: a dry run makes no page"),
    ):
        refused = program("import", *arguments)
        assert (refused.exit_code, refused.stderr.splitlines()[0]) == (2, f"ccusage-import: error: {what}")
