"""`watch` on a server that goes down time and again while transcripts are written."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ccusage_import.transcripts.cursor import look_into_cursor
from tests.conftest import Place, Program, Spares
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.gateway.running import Gateway
from tests.support.watching import PATIENCE_SECONDS, Watch, watching
from tests.support.wire import Wire, laid_wire

HURRIED = "tests.faults.hurried"
OUTAGES, SEED = 50, 7
ONCE = "SELECT count(), (SELECT count() FROM message_facts_by_month FINAL), sum(total_tokens) FROM messages"
STORED = "SELECT count() FROM message_facts_by_month FINAL"


@contextmanager
def written_to(claude: ClaudeDir) -> Iterator[None]:
    """Write one answer after the other, in three sessions, for the length of the block."""
    ended = threading.Event()

    def write() -> None:
        session = 0
        while not ended.wait(0.1):
            session = (session + 1) % 3
            claude.say(f"s{session}", days_ago(0), 1)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        ended.set()
        writer.join()


def lines_read(program: Program, claude: ClaudeDir) -> int:
    """Count the lines that the cursor says were read."""
    states = look_into_cursor(next(program.home.rglob("transcripts.sqlite")), {})
    files = {file.stat().st_ino: file for file in claude.root.rglob("*.jsonl")}
    return sum(files[state.inode].read_bytes()[: state.position].count(b"\n") for state in states.values())


def lines_written(claude: ClaudeDir) -> int:
    """Count the lines there are."""
    return sum(file.read_bytes().count(b"\n") for file in claude.root.rglob("*.jsonl"))


@pytest.fixture
def server(spares: Spares) -> Iterator[Place]:
    """A migrated database behind the gateway, which is asked without the wire that is cut."""
    with spares.lent() as place, place.keep_open():
        yield place


def where(place: Place, wire: Wire, claude: ClaudeDir) -> tuple[str | Path, ...]:
    """Return the options by which the warehouse is reached through the wire."""
    url = place.url.replace(f":{wire.target}/", f":{wire.port}/")
    return ("--warehouse", url, "--claude-dir", claude.root)


def losses(watch: Watch) -> list[str]:
    """What it said of losses, in order."""
    return [event["event"] for event in watch.events() if event["event"] in ("lost", "regained")]


@pytest.mark.exhaustive
def test_fifty_outages_lose_nothing_double_nothing_and_are_said_once_each(
    server: Place, gateway: Gateway, program: Program, tmp_path: Path
) -> None:
    claude, chance = ClaudeDir(tmp_path / "claude"), random.Random(SEED)
    with laid_wire(gateway.port) as wire:
        options = where(server, wire, claude)
        with watching(program, *options, "--reports-every", "0", module=HURRIED) as watch:
            with written_to(claude):
                for outage in range(1, OUTAGES + 1):
                    # In whatever moment: in a statement, between two, or before the first one.
                    time.sleep(chance.uniform(0, 0.1))
                    wire.cut()
                    watch.until_said("lost", outage)
                    # Asked first, so that nothing can come in between.
                    read = lines_read(program, claude)
                    [(stored,)] = server.rows(STORED)
                    assert isinstance(stored, int), stored
                    assert read <= stored, outage
                    wire.mend()
                    watch.until_said("regained", outage)
            written = lines_written(claude)
            watch.until(lambda: lines_read(program, claude) == written)
            assert watch.end() == 0
        assert losses(watch) == ["lost", "regained"] * OUTAGES
        assert watch.stderr.read_text().count("error: ") == OUTAGES
        assert server.rows(ONCE) == [(written, written, written)]
        again = program("import", "--transcripts-only", "--json", *options)
        assert json.loads(again.stdout)["facts"]["new"]["messages"] == 0


@pytest.mark.exhaustive
def test_a_server_that_accepts_and_never_answers_is_lost_too(
    server: Place, gateway: Gateway, program: Program, tmp_path: Path
) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    with laid_wire(gateway.port) as wire:
        options = (*where(server, wire, claude), "--reports-every", "0")
        with watching(program, *options, module=HURRIED, ANSWER_SECONDS="2") as watch:
            claude.say("a", days_ago(0), 1)
            watch.until_stored(1)
            wire.hold_up()
            claude.say("a", days_ago(0), 1)
            watch.until_said("lost", 1)
            # Whatever it gave up comes in now, beside what it says again.
            wire.let_go()
            watch.until_said("regained", 1)
            claude.say("a", days_ago(0), 1)
            watch.until(lambda: server.rows(STORED) == [(3,)])
            assert watch.end() == 0
        # On a busy machine an answer may take as long once more.
        assert losses(watch) == ["lost", "regained"] * watch.stderr.read_text().count("error: ")
        assert server.rows(ONCE) == [(3, 3, 3)]


@pytest.mark.exhaustive
def test_it_ends_while_it_waits_for_an_answer(
    server: Place, gateway: Gateway, program: Program, tmp_path: Path
) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    with laid_wire(gateway.port) as wire:
        with watching(program, *where(server, wire, claude), "--reports-every", "0") as watch:
            claude.say("a", days_ago(0), 1)
            watch.until_stored(1)
            wire.hold_up()
            claude.say("a", days_ago(0), 1)
            assert wire.withholds.wait(PATIENCE_SECONDS)
            assert watch.end() == 0
            assert watch.stderr.read_text() == ""
        wire.let_go()
        again = program("import", "--transcripts-only", *where(server, wire, claude))
        assert again.exit_code == 0, again
    assert server.rows(ONCE) == [(2, 2, 2)]
