"""`watch` that is stopped for a while, as in a machine that sleeps: nothing is missed, nothing comes twice."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import Place, Program
from tests.live.test_watch import ONCE, where
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.watching import Watch, watching


@contextmanager
def stopped(watch: Watch) -> Iterator[None]:
    """Let nothing of the process run for the length of the block."""
    watch.process.send_signal(signal.SIGSTOP)
    while Path(f"/proc/{watch.process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        time.sleep(0.001)
    yield
    watch.process.send_signal(signal.SIGCONT)


@pytest.mark.exhaustive_at("http")
@pytest.mark.exhaustive
def test_what_is_written_while_it_is_stopped_arrives_once(migrated: Place, program: Program, claude: ClaudeDir) -> None:
    for session in ("grows", "goes", "replaced", "emptied"):
        claude.say(session, days_ago(0), 1)
    with watching(program, *where(migrated, claude)) as watch:
        watch.until_stored(4)
        with stopped(watch):
            claude.say("grows", days_ago(0), 10)
            claude.say("new", days_ago(0), 100)
            claude.say("new", days_ago(0), 100, project="-home-ana-new")
            claude.delete("goes")
            # Another file with what was read, and more.
            copy = claude.root / "copy"
            copy.write_text(claude.file("replaced").read_text())
            claude.say("other", days_ago(0), 1000)
            with copy.open("a") as longer:
                longer.write(claude.file("other").read_text())
            claude.delete("other")
            copy.rename(claude.file("replaced"))
            claude.file("emptied").write_text("")
            claude.say("emptied", days_ago(0), 10_000)
        watch.until_stored(9)
        claude.say("grows", days_ago(0), 100_000)
        watch.until_stored(10)
        assert watch.end() == 0
        assert watch.stderr.read_text() == ""
        assert {event["event"] for event in watch.events()} == {"watching", "stored", "ended"}
    assert migrated.rows(ONCE) == [(10, 10, 111_214)]
