"""A configuration that others may write is warned of, and no command in it is run."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ccusage_import.config.exposure import exposure_of
from tests.conftest import Program

NOT_RUN = "so no command in it is run"


@pytest.fixture
def config(program: Program) -> Path:
    """A configuration of one's own, whose commands say that they were run."""
    directory = program.home / ".config/ccusage-import"
    directory.mkdir(parents=True)
    directory.chmod(0o755)
    file = directory / "config.toml"
    file.write_text(
        f'[budget]\ndaily = 0.01\n[[notify]]\ntype = "command"\ncommand = ["touch", "{program.home}/notified"]\n'
    )
    file.chmod(0o644)
    return file


@pytest.mark.usefixtures("config")
def test_a_configuration_of_ones_own_is_not_warned_of(program: Program) -> None:
    shown = program("config", "show")

    assert (shown.exit_code, shown.stderr) == (0, "")


def test_commands_of_a_configuration_that_others_may_write_are_not_run(
    config: Path, program: Program, corpus: Callable[[str], Path]
) -> None:
    source = corpus("september")
    config.chmod(0o666)
    why, fix = f"config file {config}: others may write {config}", f"chmod go-w {config}"
    not_told = "command notification (notify.0)"

    imported = program("import", "-q", "--claude-dir", source, CCUSAGE_IMPORT_CCUSAGE="/bin/false")

    assert imported.exit_code == 3
    assert imported.stderr.splitlines()[:3] == [
        f"ccusage-import: warning: {why}, {NOT_RUN}",
        f"hint: chmod go-w {config}",
        f"ccusage-import: warning: {not_told}: {why}, so the command `notify` in it is not run: {fix}",
    ]
    assert not (program.home / "notified").exists()

    own = program.home / "own"
    own.write_text(f'#!/bin/sh\ntouch "{program.home}/ran"\n')
    own.chmod(0o755)
    config.write_text(f'ccusage = "{own}"\n')
    refused = program("import", "-q", "--claude-dir", source)

    assert refused.exit_code == 2
    assert refused.stderr.splitlines()[2:] == [
        f"ccusage-import: error: {why}, so the command `ccusage` in it is not run",
        f"hint: chmod go-w {config}",
    ]
    assert program("check", "--claude-dir", source).exit_code == 6
    assert not (program.home / "ran").exists()

    config.chmod(0o644)
    program("import", "-q", "--claude-dir", source)

    assert (program.home / "ran").exists()


@pytest.mark.parametrize("command", [("config", "show"), ("status",), ("history",), ("logs",)])
def test_every_command_that_reads_it_warns(config: Path, program: Program, command: tuple[str, ...]) -> None:
    config.parent.chmod(0o777)

    shown = program(*command)

    assert shown.stderr.startswith(
        f"ccusage-import: warning: config file {config}: others may write {config.parent}, {NOT_RUN}\n"
        f"hint: chmod go-w {config.parent}\n"
    )


def test_no_one_is_told_to_change_the_mode_of_dev_null(program: Program) -> None:
    done = program("config", "show", "--config", "/dev/null")

    assert (done.exit_code, done.stderr) == (0, "")


def test_commands_of_an_environment_file_that_others_may_write_are_not_run(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "schedule.env"
    file.write_text(f"CCUSAGE_IMPORT_CCUSAGE=touch {tmp_path}/ran\n")
    file.chmod(0o666)

    refused = program("import", "--env-file", file)

    assert refused.exit_code == 2
    assert refused.stderr == (
        f"ccusage-import: error: config file {file}: others may write {file},"
        " so the command `CCUSAGE_IMPORT_CCUSAGE` in it is not run\n"
        f"hint: chmod go-w {file}\n"
    )
    assert not (tmp_path / "ran").exists()


def test_who_else_may_write(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    file, link = tmp_path / "config.toml", tmp_path / "link" / "config.toml"
    file.write_text("")
    link.parent.mkdir(0o700)
    link.symlink_to(file)

    def places(of: Path, mode: int, directory_mode: int = 0o700) -> tuple[Path, ...]:
        file.chmod(mode)
        tmp_path.chmod(directory_mode)
        found = exposure_of(of)
        return found.places if found else ()

    assert places(file, 0o600) == places(file, 0o644, 0o755) == places(tmp_path / "none", 0o600) == ()
    assert places(file, 0o602) == (file,)
    assert places(file, 0o602, 0o707) == (file, tmp_path)
    # Others may add a file to a sticky directory, but not replace this one.
    assert places(file, 0o600, 0o1777) == ()
    assert places(link, 0o602) == (link, file)
    assert places(link, 0o600, 0o707) == (tmp_path,)


@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root may give a file to another group; runs where the tests do as root"
)
def test_a_group_of_ones_own_is_nobody_else(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    file = tmp_path / "config.toml"
    file.write_text("")
    file.chmod(0o660)

    assert exposure_of(file) is None

    os.chown(file, -1, 1)
    found = exposure_of(file)
    assert found is not None
    assert (found.places, found.chmod) == ((file,), f"chmod go-w {file}")
