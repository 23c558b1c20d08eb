"""How far transcripts were read is a cache: whatever becomes of it, every fact is there once."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from ccusage_import.exceptions import ConfigurationError
from ccusage_import.import_summary import SilentProgress
from ccusage_import.records import Provenance, Record
from ccusage_import.rule.ledger import Fall, Weighed
from ccusage_import.transcripts.cursor import FileState, Stretch, look_into_cursor, open_cursor
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.migrations import FACT_TABLES
from tests.conftest import CORPORA, Place
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.facts import Reader, become
from tests.support.sessions import Session

STATE = FileState("a.jsonl", 7, 100, 5, 90, b"edges", 1, 2**63 + 1, "default")
SUMS = "SELECT (count(), sum(total_tokens)) FROM messages WHERE machine = {machine:String}"


@pytest.fixture
def opened(embedded: Callable[[str], Place]) -> Iterator[ClickHouse]:
    """An empty warehouse."""
    with embedded("warehouse").opened() as warehouse:
        yield warehouse


@pytest.fixture
def claude(tmp_path: Path) -> ClaudeDir:
    """Two sessions with three messages."""
    claude = ClaudeDir(tmp_path / "claude")
    for session, tokens in (("a", 10), ("a", 20), ("b", 30)):
        claude.say(session, days_ago(1), tokens)
    return claude


def test_an_unchanged_file_is_not_opened(opened: ClickHouse, claude: ClaudeDir, tmp_path: Path) -> None:
    reader = Reader(opened, tmp_path / "home")
    assert (reader.read(claude.root).files, reader.read(claude.root).files) == (2, 0)
    # What cannot be opened would be counted.
    for session in "ab":
        status = claude.file(session).stat()
        content = claude.file(session).read_bytes()
        claude.file(session).write_bytes(b"#" * len(content))
        os.utime(claude.file(session), ns=(status.st_atime_ns, status.st_mtime_ns))

    again = reader.read(claude.root)

    assert (again.files, again.lines) == (0, 0)


def test_an_appended_file_is_read_on_from_where_it_ended(opened: ClickHouse, claude: ClaudeDir, tmp_path: Path) -> None:
    reader = Reader(opened, tmp_path / "home")
    reader.read(claude.root)
    claude.say("a", days_ago(0), 40)

    read = reader.read(claude.root)

    assert (read.files, read.lines, dict(read.new)) == (1, 1, {"messages": 1})
    assert reader.one(SUMS) == (4, 100)


def test_a_moved_a_copied_and_a_truncated_file_change_nothing(
    opened: ClickHouse, claude: ClaudeDir, tmp_path: Path
) -> None:
    reader = Reader(opened, tmp_path / "home")
    reader.read(claude.root)
    moved = claude.file("a", "-home-ana-moved")
    moved.parent.mkdir()
    claude.file("a").rename(moved)
    copied = claude.file("copy")
    copied.write_bytes(claude.file("b").read_bytes())
    moved.write_bytes(moved.read_bytes().splitlines(keepends=True)[0])

    reader.read(claude.root)

    assert reader.one(SUMS) == (3, 60)


def test_a_half_line_is_waited_for(opened: ClickHouse, claude: ClaudeDir, tmp_path: Path) -> None:
    reader, whole = Reader(opened, tmp_path / "home"), claude.file("a").read_bytes()
    claude.file("a").write_bytes(whole[:-30])
    assert reader.read(claude.root).bad_lines == {"half": 1}
    assert reader.one(SUMS) == (2, 40)
    claude.file("a").write_bytes(whole)

    assert reader.read(claude.root).bad_lines == {}
    assert reader.one(SUMS) == (3, 60)


@pytest.mark.parametrize("damage", ["deleted", "cut", "no database", "other schema"])
def test_a_cursor_that_is_lost_or_damaged_only_costs_a_reading(
    opened: ClickHouse, claude: ClaudeDir, tmp_path: Path, damage: str
) -> None:
    reader = Reader(opened, tmp_path / "home")
    reader.read(claude.root)
    if damage == "deleted":
        reader.cursor.unlink()
    elif damage == "cut":
        reader.cursor.write_bytes(reader.cursor.read_bytes()[:5000])
    else:
        reader.cursor.write_bytes(b"#" * 5000 if damage == "no database" else b"")
    claude.say("b", days_ago(0), 40)

    read = reader.read(claude.root)

    assert (read.files, dict(+read.new)) == (2, {"messages": 1})
    assert reader.one(SUMS) == (4, 100)


def test_a_cursor_that_does_not_know_what_its_files_hold_is_replaced(
    opened: ClickHouse, claude: ClaudeDir, tmp_path: Path
) -> None:
    reader = Reader(opened, tmp_path / "home")
    reader.read(claude.root)
    with closing(sqlite3.connect(reader.cursor)) as older, older:
        older.execute("DROP TABLE messages")

    again = reader.read(claude.root)

    assert (again.files, again.new["messages"], reader.one(SUMS)) == (2, 0, (3, 60))


def test_a_warehouse_from_before_the_last_reading_gets_everything_again(
    opened: ClickHouse, claude: ClaudeDir, tmp_path: Path
) -> None:
    reader = Reader(opened, tmp_path / "home")
    reader.read(claude.root)
    for table in (*FACT_TABLES, "loads"):
        opened.command(f"TRUNCATE TABLE {table}")

    assert reader.read(claude.root).files == 2
    assert reader.one(SUMS) == (3, 60)


@pytest.mark.parametrize("table", ["message_facts_by_month", "tool_call_facts_by_month", "turn_facts", "event_facts"])
def test_a_warehouse_from_within_the_last_reading_gets_everything_again(
    opened: ClickHouse, tmp_path: Path, table: str
) -> None:
    reader = Reader(opened, tmp_path / "home")
    session = Session(tmp_path / "claude", "a")
    session.ask(0)
    session.answer(1, "claude-opus-4-6", tokens=(10, 20), calls=[("Read", "a.py", "")])
    session.compacted(2)
    assert [reader.read(tmp_path / "claude").files for _ in range(2)] == [1, 0]
    assert reader.one(f"SELECT count() FROM {table}") > 0
    opened.command(f"CREATE TABLE before ENGINE = Memory AS SELECT * FROM {table} FINAL")
    # As where a server fails, or an older copy takes its place: the load is there, and what came last is not.
    opened.command(f"TRUNCATE TABLE {table}")

    assert reader.read(tmp_path / "claude").files == 1
    assert reader.one(f"SELECT count() FROM {table} FINAL WHERE machine = {{machine:String}}") == (
        reader.one("SELECT count() FROM before WHERE machine = {machine:String}")
    )
    assert reader.read(tmp_path / "claude").files == 0


class Disturbing(SilentProgress):
    """Changes a transcript when so many bytes of it are read."""

    def __init__(self, change: Callable[[], object]) -> None:
        self.change, self.told = change, list[int]()

    def read(self, done: int, total: int) -> None:
        self.told.append(done)
        if done < total:
            self.change()


def test_a_transcript_that_is_written_anew_while_it_is_read_is_read_again(
    opened: ClickHouse, claude: ClaudeDir, tmp_path: Path
) -> None:
    reader, file = Reader(opened, tmp_path / "home"), claude.file("a")
    first, filling = file.read_bytes(), b'{"type":"file-history-snapshot","text":"%s"}\n' % (b"#" * 100_000)
    claude.say("other", days_ago(1), 40)
    other = claude.file("other").read_bytes()
    claude.file("other").unlink()
    file.write_bytes(first + filling * 50)
    # The same beginning and end, longer, and a message where the reading has been already.
    disturbing = Disturbing(lambda: file.write_bytes(first + other + filling * 60))

    reader.read(claude.root, progress=disturbing)
    read = reader.read(claude.root)

    assert (len(disturbing.told), read.files, reader.one(SUMS)) == (3, 1, (4, 100))
    assert reader.read(claude.root).files == 0


def test_a_transcript_that_grows_while_it_is_read_loses_nothing(
    opened: ClickHouse, claude: ClaudeDir, tmp_path: Path
) -> None:
    reader, file = Reader(opened, tmp_path / "home"), claude.file("a")
    filling = b'{"type":"file-history-snapshot","text":"%s"}\n' % (b"#" * 100_000)
    file.write_bytes(file.read_bytes() + filling * 50)

    reader.read(claude.root, progress=Disturbing(lambda: claude.say("a", days_ago(0), 40)))
    claude.say("a", days_ago(0), 50)
    reader.read(claude.root)

    assert reader.one(SUMS) == (5, 150)


def test_a_transcript_that_is_deleted_while_others_are_read_is_counted(
    opened: ClickHouse, claude: ClaudeDir, tmp_path: Path
) -> None:
    reader = Reader(opened, tmp_path / "home")

    read = reader.read(claude.root, progress=Disturbing(claude.file("b").unlink))

    assert (read.files, read.unreadable, reader.one(SUMS)) == (1, {"file": 1}, (2, 30))


def test_a_cursor_of_another_installation_is_not_followed(
    opened: ClickHouse, claude: ClaudeDir, tmp_path: Path
) -> None:
    other, reader = Reader(opened, tmp_path / "other", "desktop"), Reader(opened, tmp_path / "home")
    other.read(claude.root)
    reader.cursor.parent.mkdir(parents=True)
    reader.cursor.write_bytes(other.cursor.read_bytes())

    assert reader.read(claude.root).files == 2
    assert reader.one(SUMS) == (3, 60)


def test_a_cursor_from_before_another_one_is_not_followed(opened: ClickHouse, tmp_path: Path) -> None:
    reader, tree = Reader(opened, tmp_path / "home"), tmp_path / "tree"
    at_once = Reader(opened, tmp_path / "at once", "at once")
    become(tree, CORPORA / "facts" / "15-resumed" / "1")
    reader.read(tree)
    older = reader.cursor.read_bytes()
    become(tree, CORPORA / "facts" / "15-resumed" / "2")
    reader.cursor.unlink()
    reader.read(tree)
    # As with a home directory that is restored: the order of files in it is not the one that the facts have.
    reader.cursor.write_bytes(older)

    assert reader.read(tree).files == 2
    at_once.read(tree)
    owners = "SELECT groupArray((message_id, session_id)) FROM (SELECT * FROM messages ORDER BY ALL)"
    assert reader.one(f"{owners} WHERE machine = {{machine:String}}") == at_once.one(
        f"{owners} WHERE machine = {{machine:String}}"
    )


def test_another_time_zone_files_the_days_anew(opened: ClickHouse, claude: ClaudeDir, tmp_path: Path) -> None:
    reader = Reader(opened, tmp_path / "home")
    claude.say("c", days_ago(3, hour=23), 5)
    reader.read(claude.root)
    reader.timezone = "Pacific/Auckland"

    reader.read(claude.root)

    days = opened.rows("SELECT toString(date), timezone FROM messages WHERE total_tokens = 5")
    assert list(days) == [(str(days_ago(2).date()), "Pacific/Auckland")]


def test_a_file_that_cannot_be_read_is_counted_and_read_later(
    opened: ClickHouse, claude: ClaudeDir, tmp_path: Path
) -> None:
    reader = Reader(opened, tmp_path / "home")
    folder = claude.file("d").parent / "d.jsonl"
    folder.symlink_to(tmp_path / "nowhere")
    (claude.root / "projects" / "loop").symlink_to(claude.root / "projects")

    read = reader.read(claude.root)

    assert (read.files, read.unreadable) == (2, {})
    assert reader.one(SUMS) == (3, 60)


def test_names_that_are_stored_otherwise_from_now_on_replace_the_old_ones(
    opened: ClickHouse, claude: ClaudeDir, tmp_path: Path
) -> None:
    reader = Reader(opened, tmp_path / "home")
    reader.read(claude.root)
    reader.hashes = False

    assert reader.read(claude.root).new.total() == 0

    named = opened.rows("SELECT DISTINCT project, session_id FROM messages ORDER BY ALL")
    assert list(named) == [("-home-ana-shop", "a"), ("-home-ana-shop", "b")]


def test_a_cursor_that_is_kept_open_is_read_and_written_beside(tmp_path: Path) -> None:
    file = tmp_path / "transcripts.sqlite"
    with open_cursor(file, is_lasting=True) as lasting:
        lasting.note({"load": "1"})
        # An import into a server, and whoever looks, while a watch has it open.
        with open_cursor(file) as other:
            assert other.mark("load") == "1"
            other.note({"load": "2"})
        assert lasting.mark("load") == "2"
        lasting.keep([STATE], [], [Stretch("a.jsonl", 0, frozenset({1}))])
        assert look_into_cursor(file, {"load": "2"}) == {"a.jsonl": STATE}
    assert look_into_cursor(file, {"load": "2"}) == {"a.jsonl": STATE}
    assert [left.name for left in tmp_path.iterdir()] == ["transcripts.sqlite"]


def test_what_was_kept_last_is_there_after_a_kill_and_no_log_outlives_an_older_copy(tmp_path: Path) -> None:
    file, copy = tmp_path / "transcripts.sqlite", tmp_path / "older"
    with open_cursor(file) as cursor:
        cursor.note({"load": "1"})
    shutil.copy(file, copy)
    script = """
import os, sys
from pathlib import Path
from ccusage_import.transcripts.cursor import open_cursor
with open_cursor(Path(sys.argv[1]), is_lasting=True) as cursor:
    cursor.note({"load": "2"})
    os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", script, file], check=False).returncode == -9
    assert file.with_name("transcripts.sqlite-wal").exists()
    with open_cursor(file) as cursor:
        assert cursor.mark("load") == "2"
    assert {left.name for left in tmp_path.iterdir()} == {"transcripts.sqlite", "older"}
    shutil.copy(copy, file)
    with open_cursor(file) as cursor:
        assert cursor.mark("load") == "1"


def test_a_cursor_keeps_what_it_is_told(tmp_path: Path) -> None:
    other = STATE._replace(path="b.jsonl", turn=0, mode="")
    with open_cursor(tmp_path / "transcripts.sqlite") as cursor:
        assert (cursor.mark("load"), cursor.has({"load": "1"}), cursor.has({})) == ("", False, True)
        cursor.note({"load": "1", "zone": "UTC"})
        cursor.note({"load": "2"})
        # Nothing is beside the file unless it is kept open.
        assert [left.name for left in tmp_path.iterdir()] == ["transcripts.sqlite"]
        assert (cursor.mark("load"), cursor.mark("zone")) == ("2", "UTC")
        assert cursor.has({"load": "2", "zone": "UTC"})
        assert not cursor.has({"load": "2", "zone": "Asia/Tokyo"})

        prompts = [("s", 20, 2**63 + 1), ("s", 10, 7), ("s", 20, 2**63 + 1), ("t", 5, 8)]
        cursor.keep(
            [STATE, other], prompts, [Stretch("a.jsonl", 0, frozenset({1, 2})), Stretch("a.jsonl", 50, frozenset({3}))]
        )
        assert cursor.files() == {"a.jsonl": STATE, "b.jsonl": other}
        assert cursor.prompts(["s", "nobody"]) == {"s": [(10, 7), (20, 2**63 + 1)], "nobody": []}
        assert cursor.holding({2, 3, 2**64 - 1}) == {"a.jsonl": {2, 3}}
        # What is read anew takes the place of what followed.
        cursor.keep([], [], [Stretch("a.jsonl", 50, frozenset({2**64 - 1})), Stretch("b.jsonl", 0, frozenset())])
        assert cursor.holding({2, 3, 2**64 - 1}) == {"a.jsonl": {2, 2**64 - 1}, "b.jsonl": set()}
        cursor.keep([], [], [Stretch("a.jsonl", 0, frozenset({3}))])
        assert cursor.holding({1, 2, 3}) == {"a.jsonl": {3}, "b.jsonl": set()}

        cursor.forget()
        assert (cursor.mark("load"), cursor.files(), cursor.prompts(["s"]), cursor.holding({3})) == (
            "",
            {},
            {"s": []},
            {},
        )


def test_what_was_found_out_of_a_fall_is_known_while_the_fall_is_the_same(tmp_path: Path) -> None:
    def fall(key: str, offered: int = 5) -> Fall:
        provenance = Provenance("20.0.24", "UTC", "auto", ())
        return Fall(
            Record(
                "daily", "studio", "claude", key, date(2026, 5, 1), 0, 10, 0, 0, 10, Decimal(0), unpriced=False,
                provenance=provenance,
            ), offered,
        )  # fmt: skip

    gone, there, unknown = fall("2026-05-01"), fall("2026-05-02"), fall("2026-05-03")
    lost = Weighed(1, 0, 2**70)
    with open_cursor(tmp_path / "transcripts.sqlite") as cursor:
        cursor.keep_weighed([gone, there, unknown], {gone.stored.identity: lost, there.stored.identity: Weighed(1, 1)})

        # What has all of its messages may lose them; what is not covered by messages will not be.
        assert cursor.weighed([gone, there, unknown]) == {gone.stored.identity: lost, unknown.stored.identity: None}
        assert cursor.weighed([fall("2026-05-01", offered=4)]) == {}
        cursor.forget_weighed(but=[unknown, there])
        assert cursor.weighed([gone, there, unknown]) == {unknown.stored.identity: None}
        cursor.forget_weighed(but=[fall("2026-05-03", offered=4)])
        assert cursor.weighed([unknown]) == {}
        cursor.keep_weighed([gone], {gone.stored.identity: lost})
        cursor.forget()
        assert cursor.weighed([gone]) == {}


def test_a_damaged_cursor_is_replaced_and_one_that_nobody_can_write_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "some" / "state" / "transcripts.sqlite"
    assert look_into_cursor(file, {}) == {}
    with open_cursor(file) as cursor:
        assert cursor.files() == {}
    file.write_bytes(b"#" * 5000)
    assert look_into_cursor(file, {}) == {}
    with open_cursor(file) as cursor:
        assert cursor.files() == {}
        cursor.note({"load": "1"})
    assert file.stat().st_mode & 0o777 == 0o600
    assert look_into_cursor(file, {"load": "2"}) == {}

    (tmp_path / "file").write_bytes(b"")
    file = tmp_path / "file" / "transcripts.sqlite"
    with pytest.raises(ConfigurationError, match="/file/transcripts.sqlite: File exists") as raised, open_cursor(file):
        pass
    assert raised.value.hint == "make the directory writable; the file may be deleted"
