"""The live page, at a real pseudo-terminal, and what it says of the open block."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import selectors
import struct
import subprocess
import sys
import termios
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ccusage_import.files import file_lock
from ccusage_import.live.now import Block, open_block
from tests.conftest import Place, Program
from tests.support.claude_dir import ClaudeDir, days_ago

NOW = datetime(2026, 10, 1, 12, 30, tzinfo=UTC)
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
QUOTA = {"CCUSAGE_IMPORT_QUOTA": '{"week_usd": 100}'}


def at(hour: int, minute: int = 0) -> datetime:
    return NOW.replace(hour=hour, minute=minute)


@pytest.mark.parametrize(
    ("messages", "block"),
    [
        ([], None),
        # The block of 7:00 ended at 12:00, and nothing was said since.
        ([(at(7, 10), 1.0, 10), (at(8), 1.0, 10)], None),
        ([(at(10, 20), 1.0, 10)], Block(at(10), at(15), 10, 1.0, None, None)),
        # One block that ended, then one that begins with the full hour of its first message.
        (
            [(at(5, 30), 9.0, 90), (at(10, 30), 2.0, 20), (at(12, 30), 2.0, 20)],
            Block(at(10), at(15), 40, 4.0, 2.0, 9.0),
        ),
    ],
)
def test_the_open_block_is_the_one_that_ccusage_counts(
    messages: list[tuple[datetime, float, int]], block: Block | None
) -> None:
    assert open_block(messages, NOW) == block


@pytest.mark.one_place
@pytest.mark.exhaustive
def test_a_terminal_shows_one_page_that_is_current(migrated: Place, program: Program, tmp_path: Path) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("running", datetime.now(UTC) - timedelta(minutes=1), 10)
    # Of another model, so that the price of this one is not known.
    before = ClaudeDir(tmp_path / "before")
    before.say("before", days_ago(1), 5, model="claude-opus-4-6")
    assert program("import", "--warehouse", migrated.url, "--claude-dir", before.root, **QUOTA).exit_code == 0
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    options = ("--warehouse", migrated.url, "--claude-dir", str(claude.root), "--reports-every", "0")
    process = subprocess.Popen(
        [sys.executable, "-m", "ccusage_import", "watch", *options],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env={**program.environ, "TERM": "xterm", "COLUMNS": "120", **QUOTA},
        start_new_session=True,
    )
    os.close(follower)
    try:
        shown = read_until(leader, "shop running")
        claude.say("second", datetime.now(UTC), 5)
        shown += read_until(leader, "shop second")
    finally:
        process.terminate()
        read_until(leader, "\x1b[?1049l")
        assert process.wait(timeout=30) == 0
        os.close(leader)
    for text in (
        "active block: $0.00, 10 tokens, ",
        " · 1 transcript ",
        "no price yet",
        "watching ",
        "Ctrl-C ends it",
    ):
        assert text in shown
    # A week ends on a Monday: on the one on which it begins the weekday alone would be that of today.
    assert re.search(r"week_usd: 0\.0% used until Mon \d\d [A-Z][a-z]{2} 00:00 UTC", shown)


@pytest.mark.one_place
def test_a_page_says_that_its_warehouse_is_being_opened(program: Program, tmp_path: Path) -> None:
    claude, place = ClaudeDir(tmp_path / "claude"), tmp_path / "warehouse"
    claude.say("running", datetime.now(UTC), 10)
    options = ("--warehouse", f"chdb://{place}", "--claude-dir", str(claude.root), "--reports-every", "0")
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    with file_lock(tmp_path / "warehouse.lock", "the warehouse", 1):
        process = subprocess.Popen(
            [sys.executable, "-m", "ccusage_import", "watch", *options],
            stdin=follower,
            stdout=follower,
            stderr=follower,
            env={**program.environ, "TERM": "xterm", "COLUMNS": "160"},
            start_new_session=True,
        )
        os.close(follower)
        shown = read_until(leader, "Ctrl-C ends it")
    try:
        read_until(leader, " · 1 transcript ")
    finally:
        process.terminate()
        read_until(leader, "\x1b[?1049l")
        assert process.wait(timeout=30) == 0
        os.close(leader)
    assert f" · opening chdb://{place}" in shown


@pytest.mark.one_place
@pytest.mark.usefixtures("own_warehouse")
def test_a_terminal_that_cannot_draw_gets_lines(program: Program, tmp_path: Path) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("running", datetime.now(UTC), 10)
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "ccusage_import", "watch", "--claude-dir", str(claude.root), "--reports-every", "0"],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env={**program.environ, "TERM": "dumb"},
        start_new_session=True,
    )
    os.close(follower)
    try:
        read_until(leader, "stored 1 message of 1 transcript")
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0
        os.close(leader)


def read_until(terminal: int, text: str) -> str:
    """Return what a terminal shows, without its escapes, until a text was shown."""
    shown, deadline = "", time.monotonic() + 60
    while text not in shown and text not in ESCAPES.sub("", shown):
        assert time.monotonic() < deadline, ESCAPES.sub("", shown)[-2000:]
        with selectors.DefaultSelector() as ready:
            ready.register(terminal, selectors.EVENT_READ)
            if not ready.select(timeout=1):
                continue
        try:
            shown += os.read(terminal, 65536).decode("utf-8", "replace")
        except OSError:
            break
    return ESCAPES.sub("", shown)
