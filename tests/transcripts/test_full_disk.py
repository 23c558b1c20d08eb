"""A disk that is full at any of the writes of a reading: an error, and every fact once when there is room again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.exceptions import ConfigurationError, FixableError, WarehouseError
from ccusage_import.warehouse.clickhouse_client import ClickHouse, open_warehouse
from ccusage_import.warehouse.migrations import apply_migrations
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.disks import mounted, needs_mounts, room_of
from tests.support.facts import Reader

SUMS = "SELECT (count(), sum(total_tokens)) FROM messages WHERE machine = {machine:String}"
MIB = 2**20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own."""
    (tmp_path / "disk").mkdir()
    with mounted(tmp_path / "disk", "16m"):
        yield tmp_path / "disk"


@pytest.fixture
def claude(tmp_path: Path) -> ClaudeDir:
    """A session of 300 messages."""
    claude = ClaudeDir(tmp_path / "claude")
    for number in range(300):
        claude.say("a", days_ago(1), number)
    return claude


def _opened(place: Path) -> Iterator[ClickHouse]:
    with open_warehouse(parse_warehouse_url(f"chdb://{place}/warehouse")) as warehouse:
        apply_migrations(warehouse)
        yield warehouse


def _read_in(reader: Reader, claude: ClaudeDir, disk: Path, room: int) -> FixableError | None:
    """Read with so much room, then with enough of it; every fact is there once. Return what the first reading said."""
    said: FixableError | None = None
    with room_of(disk, room):
        try:
            reader.read(claude.root)
        except FixableError as error:
            said = error
    reader.read(claude.root)
    assert reader.one(SUMS) == (300, 44_850)
    assert reader.read(claude.root).files == 0
    return said


@needs_mounts
@pytest.mark.exhaustive
def test_a_full_disk_of_the_warehouse_is_an_error_that_harms_nothing(
    claude: ClaudeDir, disk: Path, tmp_path: Path
) -> None:
    for opened in _opened(disk):
        # The engine wants 1 MiB before it writes at all; with a little more, a later one of its writes meets the end.
        rooms = [MIB // 2, *(MIB + kib * 1024 for kib in range(0, 100, 8)), 4 * MIB]
        said = [_read_in(Reader(opened, tmp_path / f"{room}", f"with {room}"), claude, disk, room) for room in rooms]

    assert said[-1] is None
    failures = [error for error in said if error]
    assert len(failures) >= 2
    assert {type(error) for error in failures} <= {WarehouseError, *WarehouseError.__subclasses__()}


@needs_mounts
def test_a_full_disk_of_the_cursor_is_an_error_that_harms_nothing(
    claude: ClaudeDir, disk: Path, tmp_path: Path
) -> None:
    for opened in _opened(tmp_path):
        said = [
            _read_in(Reader(opened, disk / f"{room}", f"with {room}"), claude, disk, room)
            for room in (0, 4096, 8192, 16384, 24576, 32768, 49152, MIB)
        ]

    failures = [error for error in said if error]
    assert len(failures) >= 2
    assert {type(error) for error in failures} == {ConfigurationError}
    assert "free some space on its disk" in {error.hint for error in failures}
    assert said[-1] is None
