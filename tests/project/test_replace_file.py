"""Replaced files: whole or not at all, for their owner alone, never through a link; real processes that are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ccusage_import.exceptions import ConfigurationError
from ccusage_import.files import make_private_directory, replace_file, write_private_file
from tests.conftest import Program
from tests.support.disks import mounted, needs_mounts, room_of

# Stops at the moment between writing and replacing: killed, or until its stdin is closed.
WRITER = """
import os, signal, sys
from pathlib import Path
from ccusage_import.files import replace_file

def stop(event, _):
    if event == "os.rename":
        if sys.argv[2] == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        print("written", flush=True)
        sys.stdin.read()

sys.addaudithook(stop)
replace_file(Path(sys.argv[1]), b"of the other process")
"""


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def writer(file: Path, how: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, file, how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path.cwd()
    )


def test_a_pipe_or_a_device_stays(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to("/dev/null")

    for place in (pipe, link):
        with pytest.raises(ConfigurationError, match=f"^{place}: is a device or a pipe, which stays$") as refused:
            write_private_file(place, "text")
        assert refused.value.hint == "name a file"
    assert (pipe.is_fifo(), link.is_symlink(), sorted(tmp_path.iterdir())) == (True, True, [link, pipe])


def test_what_a_killed_process_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    file = tmp_path / "names.json"
    replace_file(file, b"before")
    with writer(file, "killed") as process:
        process.wait(timeout=60)

    assert process.returncode == -signal.SIGKILL
    assert file.read_bytes() == b"before"
    [left] = set(tmp_path.iterdir()) - {file}
    assert (left.read_bytes(), mode_of(left)) == (b"of the other process", 0o600)

    replace_file(file, b"after")

    assert (list(tmp_path.iterdir()), file.read_bytes()) == ([file], b"after")


def test_what_another_process_is_writing_stays(tmp_path: Path) -> None:
    file = tmp_path / "names.json"
    with writer(file, "waiting") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"

        replace_file(file, b"in between")

        assert file.read_bytes() == b"in between"
        assert len(list(tmp_path.iterdir())) == 2
    assert (process.returncode, list(tmp_path.iterdir())) == (0, [file])
    assert file.read_bytes() == b"of the other process"


def test_no_link_is_followed_and_no_other_file_removed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    directory = tmp_path / "state"
    directory.mkdir()
    file = directory / "names.json"
    links = [file, directory / f".names.json.{os.getpid()}", directory / ".names.json.0123456789abcdef.tmp"]
    for link in links:
        link.symlink_to(victim)
    others = [
        directory / name for name in (".names.json.swp", ".names.json.12.tmp", ".other.json.0123456789abcdef.tmp")
    ]
    for other in others:
        other.write_text("theirs")

    write_private_file(file, "new")

    assert (file.read_text(), file.is_symlink()) == ("new", False)
    assert victim.read_text() == "mine"
    assert sorted(directory.iterdir()) == sorted([*links, *others])


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_the_mode_is_what_was_asked_for(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        replace_file(tmp_path / "private", b"")
        replace_file(tmp_path / "public", b"", mode=0o644)
        make_private_directory(tmp_path / "one" / "two")
    finally:
        os.umask(before)

    modes = [mode_of(tmp_path / name) for name in ("private", "public", "one", "one/two")]
    assert modes == [0o600, 0o644, 0o700, 0o700]


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "names.json").mkdir()

    with pytest.raises(IsADirectoryError):
        replace_file(tmp_path / "names.json", b"x")

    assert [path.name for path in tmp_path.iterdir()] == ["names.json"]


def test_a_command_removes_what_a_killed_one_left(program: Program) -> None:
    config = program.home / ".config/ccusage-import"
    assert program("config", "set", "jobs", "2").exit_code == 0
    left = config / ".config.toml.0123456789abcdef.tmp"
    left.write_text("half")

    assert program("config", "set", "jobs", "3").exit_code == 0

    assert [path.name for path in config.iterdir()] == ["config.toml"]
    assert (mode_of(config), mode_of(config / "config.toml")) == (0o700, 0o600)


@needs_mounts
def test_what_a_full_disk_does_not_take_is_an_error_with_what_to_do(tmp_path: Path) -> None:
    with mounted(tmp_path), room_of(tmp_path, 0), pytest.raises(ConfigurationError, match="No space left") as raised:
        write_private_file(tmp_path / "names.json", "{}")

    assert raised.value.hint == "free some space on its disk"
