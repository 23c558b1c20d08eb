"""Whether messages are still in the transcripts is known without opening the files that did not change."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ccusage_import.names.pseudonyms import Pseudonyms
from ccusage_import.rule.ledger import CountedMessage
from ccusage_import.transcripts.cursor import Cursor, open_cursor
from ccusage_import.transcripts.facts import Message, Usage, number
from ccusage_import.transcripts.naming import Names
from ccusage_import.transcripts.presence import Presence, counted, counted_copies, look_for
from ccusage_import.transcripts.reader import list_transcripts, read_transcripts
from tests.support.claude_dir import ClaudeDir, days_ago

NAMES = Names(Pseudonyms("salt", is_enabled=True))


class Silent:
    """Nobody looks on."""

    def read(self, done: int, total: int) -> None: ...


@pytest.fixture
def claude(tmp_path: Path) -> ClaudeDir:
    """Messages 1 and 2 in a session, 3 in another."""
    claude = ClaudeDir(tmp_path / "claude")
    for session, tokens in (("a", 10), ("a", 20), ("b", 30)):
        claude.say(session, days_ago(3), tokens)
    return claude


@pytest.fixture
def cursor(tmp_path: Path) -> Iterator[Cursor]:
    with open_cursor(tmp_path / "state" / "transcripts.sqlite") as opened:
        yield opened


def read(cursor: Cursor, claude: ClaudeDir) -> None:
    """Read what is new."""
    known = cursor.files()
    for batch in read_transcripts(list_transcripts([claude.root], known, NAMES), known, NAMES, Silent()):
        cursor.keep(batch.files, (), batch.stretches)


def ask(cursor: Cursor, claude: ClaudeDir, *together: set[int]) -> Presence:
    asked = [frozenset(number(f"msg_claude_{count}") for count in counts) for counts in together]
    listing = list_transcripts([claude.root], cursor.files(), NAMES)
    return look_for(asked, listing, cursor.holding(frozenset().union(*asked)), NAMES)


def found(presence: Presence) -> set[int]:
    return {count for count in range(1, 10) if number(f"msg_claude_{count}") in presence.found}


def copies(presence: Presence, count: int) -> list[int]:
    return [copy.total_tokens for copy in presence.copies.get(number(f"msg_claude_{count}"), ())]


def test_a_deleted_transcript_takes_its_messages_with_it(cursor: Cursor, claude: ClaudeDir) -> None:
    read(cursor, claude)
    claude.delete("a")

    assert found(ask(cursor, claude, {1, 2, 3})) == {3}


def test_a_copy_is_there_in_place_of_the_original(cursor: Cursor, claude: ClaudeDir) -> None:
    shutil.copyfile(claude.file("a"), claude.file("fork"))
    read(cursor, claude)
    claude.delete("a")

    presence = ask(cursor, claude, {1, 2})
    assert (found(presence), copies(presence, 1), copies(presence, 2)) == ({1, 2}, [10], [20])


def test_what_was_appended_or_written_anew_since_is_read(cursor: Cursor, claude: ClaudeDir) -> None:
    read(cursor, claude)
    claude.say("b", days_ago(1), 40)
    lines = claude.file("a").read_text().splitlines(keepends=True)
    claude.file("a").write_text(lines[1])

    assert found(ask(cursor, claude, {1, 2, 3, 4})) == {2, 3, 4}


def test_each_part_that_was_read_is_remembered(cursor: Cursor, claude: ClaudeDir) -> None:
    read(cursor, claude)
    claude.say("a", days_ago(1), 40)
    read(cursor, claude)
    assert found(ask(cursor, claude, {1, 2, 3, 4})) == {1, 2, 3, 4}

    claude.file("a").write_text(claude.file("a").read_text().splitlines(keepends=True)[0])
    read(cursor, claude)
    assert found(ask(cursor, claude, {1, 2, 3, 4})) == {1, 3}


def test_files_are_opened_only_where_all_that_was_asked_for_together_may_be_there(
    cursor: Cursor, claude: ClaudeDir
) -> None:
    read(cursor, claude)
    status = claude.file("b").stat()
    with claude.file("b").open("r+") as stream:
        stream.write("#")
    os.utime(claude.file("b"), ns=(status.st_atime_ns, status.st_mtime_ns))
    claude.delete("a")

    # Whoever opens it finds nothing in it any more.
    assert copies(ask(cursor, claude, {1, 3}), 3) == []
    assert found(ask(cursor, claude, {1, 3})) == {3}


def test_without_a_cursor_everything_is_read(cursor: Cursor, claude: ClaudeDir) -> None:
    presence = ask(cursor, claude, {1, 2}, {3})

    assert found(presence) == {1, 2, 3}
    assert [copies(presence, count) for count in (1, 2, 3)] == [[10], [20], [30]]


def test_files_that_hold_nothing_that_is_missing_are_not_opened(cursor: Cursor, claude: ClaudeDir) -> None:
    read(cursor, claude)
    status = claude.file("b").stat()
    with claude.file("b").open("r+") as stream:
        text = stream.read().replace("msg_claude_3", "msg_claude_9")
        stream.seek(0)
        stream.write(text)
    os.utime(claude.file("b"), ns=(status.st_atime_ns, status.st_mtime_ns))

    presence = ask(cursor, claude, {3, 9})

    assert (found(presence), copies(presence, 9), copies(presence, 3)) == ({3}, [], [])


def test_a_copy_is_known_by_its_ids_and_the_rules_by_which_it_counts() -> None:
    message = Message(
        message=5, request=6, counted_session=1, record=7, accepted=3, is_sidechain=False, is_nested=False,
        at=1_777_629_600_250, times=(1_777_629_600_250,), place=(1, 0), usage=Usage(1, 20, 300, 4000, 50000),
        total_tokens=54321, model="opus", speed="", project="shop", session_id="s", counts_in=1,
    )  # fmt: skip
    at = datetime(2026, 5, 1, 10, 0, 0, 250_000, UTC)
    known = CountedMessage((5, 6, 0), at, "shop", "s", (1, 20, 4300, 50000), in_daily=True, in_session=False)

    assert counted(message) == known
    message.message, message.counts_in = 0, 2
    assert counted(message) == known._replace(ids=(0, 6, 7), in_daily=False, in_session=True)
    message.counts_in = 0
    assert counted_copies([message]) == {7: [known._replace(ids=(0, 6, 7), in_session=True)]}
