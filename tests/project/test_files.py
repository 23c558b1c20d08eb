"""Two real processes and one lock file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ccusage_import.exceptions import WarehouseError, WarehouseLockedError
from ccusage_import.files import file_lock
from tests.conftest import Program
from tests.support.refusals import needs_refusals, refusing

HOLDER = """
import sys
from pathlib import Path
from ccusage_import.files import file_lock
with file_lock(Path(sys.argv[1]), "the importer", 0):
    print("held", flush=True)
    sys.stdin.read()
print("released", flush=True)
"""


@contextmanager
def holder_of(file: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock until its stdin is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "import.lock"


def test_the_lock_is_taken_and_given_back(file: Path) -> None:
    with file_lock(file, "the importer", 0):
        assert file.stat().st_mode & 0o777 == 0o600
        assert re.fullmatch(
            rf"process {os.getpid()} since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{{4}}", file.read_text()
        )
    with file_lock(file, "the importer", 0):
        pass


def test_the_lock_is_given_back_after_an_error(file: Path) -> None:
    with pytest.raises(ZeroDivisionError), file_lock(file, "the importer", 0):
        raise ZeroDivisionError
    with file_lock(file, "the importer", 0):
        pass


def test_a_second_process_gives_up_and_names_the_first(file: Path) -> None:
    with holder_of(file) as holder:
        begun = time.monotonic()
        with pytest.raises(WarehouseLockedError) as caught, file_lock(file, "the importer", 0.5):
            pytest.fail("two processes hold one lock")
        assert 0.5 <= time.monotonic() - begun < 5
    assert re.fullmatch(
        rf"the importer is in use by process {holder.pid} since [-+:0-9 ]+ \(lock {re.escape(str(file))}\)",
        str(caught.value),
    )
    assert caught.value.hint == "try again when it has finished, or raise lock_wait_seconds"
    assert int(caught.value.exit_code) == 4


def test_who_does_not_want_to_wait_is_told_at_once(file: Path) -> None:
    with holder_of(file):
        begun = time.monotonic()
        with pytest.raises(WarehouseLockedError), file_lock(file, "the importer", 0):
            pytest.fail("two processes hold one lock")
        assert time.monotonic() - begun < 0.5


def test_a_second_process_waits_for_the_first(file: Path) -> None:
    with holder_of(file) as first, waiting_for(file) as second:
        with pytest.raises(subprocess.TimeoutExpired):
            second.wait(timeout=0.5)
        assert first.stdin is not None
        first.stdin.close()
        assert second.communicate(timeout=30)[0] == "held\nreleased\n"
        assert second.returncode == 0


@contextmanager
def waiting_for(file: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that waits half a minute for the lock, and ends when it has had it."""
    waiter = HOLDER.replace('"the importer", 0)', '"the importer", 30)')
    with subprocess.Popen(
        [sys.executable, "-c", waiter, file], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_killed_holder_frees_the_lock(file: Path) -> None:
    with holder_of(file) as holder:
        holder.kill()
        holder.wait(timeout=30)
        with file_lock(file, "the importer", 0):
            assert file.read_text().startswith(f"process {os.getpid()} since ")


def test_the_file_stays_the_same_file(file: Path) -> None:
    with file_lock(file, "the importer", 0):
        before = file.stat().st_ino
    assert file.stat().st_ino == before
    with file_lock(file, "the importer", 0):
        assert file.stat().st_ino == before


def test_a_shorter_holder_leaves_nothing_of_a_longer_one(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("process 123456789 since 2026-05-13 09:00:00 +0000 and much more than that")
    with file_lock(file, "the importer", 0):
        assert "more" not in file.read_text()


def test_a_place_without_room_for_the_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with (
        pytest.raises(WarehouseError, match=r"^lock file .*/state/import\.lock: "),
        file_lock(tmp_path / "state" / "import.lock", "the importer", 0),
    ):
        pytest.fail("there is no such directory")


@needs_refusals
def test_a_file_system_without_locks_is_said(program: Program) -> None:
    done = replace(program, prefix=refusing("flock", "ENOLCK"))("import")
    assert (done.exit_code, done.stdout) == (4, "")
    assert done.stderr == (
        f"ccusage-import: error: lock file {program.home}/.local/state/ccusage-import/import.lock: No locks available\n"
        "hint: keep it on a file system that has locks, such as a local disk\n"
    )
