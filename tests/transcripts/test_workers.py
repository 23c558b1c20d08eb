"""Several processes read the same facts as one, in the same order, and none of them outlives whoever asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from ccusage_import.names.pseudonyms import Pseudonyms
from ccusage_import.transcripts.cursor import FileState
from ccusage_import.transcripts.naming import Names
from ccusage_import.transcripts.reader import Batch, list_transcripts, read_transcripts
from ccusage_import.transcripts.workers import read_on_all_cores
from tests.support.transcripts import Shape, write_transcripts

# What the parent of the workers does, until it is killed.
READER = """
import os, sys, time
os.cpu_count = lambda: 2
from pathlib import Path
from ccusage_import.names.pseudonyms import Pseudonyms
from ccusage_import.transcripts.naming import Names
from ccusage_import.transcripts.reader import Unseen, list_transcripts
from ccusage_import.transcripts.workers import read_on_all_cores
names = Names(Pseudonyms("salt", is_enabled=True))
listing = list_transcripts([Path(sys.argv[1])], {}, names)
for batch in read_on_all_cores(listing, {}, names, Unseen(), worth_bytes=0, part_bytes=1):
    print("reading", flush=True)
    time.sleep(60)
"""


class Heard:
    """Remembers how far a reading was told to be."""

    def __init__(self) -> None:
        self.told = list[tuple[int, int]]()

    def read(self, done: int, total: int) -> None:
        self.told.append((done, total))


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two megabytes of transcripts: subagents, resumed sessions, and a file that nobody understands."""
    claude_dir = tmp_path_factory.mktemp("claude")
    write_transcripts(claude_dir, Shape(mb=2, files=40, projects=4, days=20))
    (claude_dir / "projects" / "odd").mkdir()
    (claude_dir / "projects" / "odd" / "odd.jsonl").write_bytes(b'{"type":\n"text"\n{"type": "unheard"}\n')
    return claude_dir / "projects"


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with one core reads alone."""
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


def read(
    projects: Path, known: dict[str, FileState], *, worth_bytes: int = 0
) -> tuple[Batch, dict[str, str], list[tuple[int, int]]]:
    """Read what is new, and return it with the names that were met and what was told."""
    pseudonyms, heard = Pseudonyms("salt", is_enabled=True), Heard()
    names = Names(pseudonyms)
    whole = Batch()
    listing = list_transcripts([projects], known, names)
    for batch in read_on_all_cores(listing, known, names, heard, worth_bytes=worth_bytes, part_bytes=100_000):
        whole.add(batch)
    return whole, pseudonyms.names, heard.told


def workers(parent: int) -> set[int]:
    """Return the processes that read for another."""
    found = set[int]()
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and b"import work; work(" in (entry / "cmdline").read_bytes():
                stat = (entry / "stat").read_text()
                if int(stat.rpartition(")")[2].split()[1]) == parent:
                    found.add(int(entry.name))
    return found


def is_alive(process: int) -> bool:
    return Path(f"/proc/{process}/exe").exists()


def test_they_read_what_one_reads(projects: Path) -> None:
    alone, names, _ = read(projects, {}, worth_bytes=10**9)
    together, other_names, told = read(projects, {})

    assert len(alone.facts.messages) > 300
    assert list(together.facts.messages.items()) == list(alone.facts.messages.items())
    assert together == alone
    assert alone.facts.bad_lines == {"not_json": 1, "not_object": 1}
    assert alone.facts.unknown == {"unheard": 1}
    assert other_names == names
    assert told[-1] == (alone.bytes_read, alone.bytes_read)
    assert sorted(told) == told
    assert len(told) > 5


def test_they_go_on_where_a_file_ended(projects: Path, tmp_path: Path) -> None:
    copied = tmp_path / "projects"
    files = {file: file.read_bytes() for file in sorted(projects.rglob("*.jsonl"))}
    for file, content in files.items():
        copy = copied / file.relative_to(projects)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(content[: content.index(b"\n") + 1])
    first, _, _ = read(copied, {})
    for file, content in files.items():
        with (copied / file.relative_to(projects)).open("ab") as stream:
            stream.write(content[content.index(b"\n") + 1 :])

    rest, _, _ = read(copied, {state.path: state for state in first.files})

    assert first.bytes_read + rest.bytes_read == sum(map(len, files.values()))
    assert rest.facts.lines == sum(content.count(b"\n") for content in files.values()) - len(files)


@pytest.mark.parametrize(("worth_bytes", "told"), [(182, [81, 162, 182]), (183, [40, 80, 81, 121, 161, 162, 182])])
def test_what_is_worth_it_is_read_a_part_at_a_time(tmp_path: Path, worth_bytes: int, told: list[int]) -> None:
    for name, size in {"a": 40, "b": 40, "c": 1, "d": 40, "e": 40, "f": 1, "g": 20}.items():
        (tmp_path / f"{name}.jsonl").write_text("\n".rjust(size))
    names, heard = Names(Pseudonyms("salt", is_enabled=False)), Heard()
    listing = list_transcripts([tmp_path], {}, names)

    list(read_on_all_cores(listing, {}, names, heard, worth_bytes=worth_bytes, part_bytes=81))

    assert heard.told == [(done, 182) for done in told]


def test_where_nobody_knows_how_many_cores_there_are_one_process_reads(
    projects: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    files = len(list(projects.rglob("*.jsonl")))

    # A part of several files would be told at once.
    assert len(read(projects, {})[2]) == files


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc, that is on Linux")
class TestNoneIsLeft:
    """What ends the readers, and what that costs."""

    def test_what_a_dead_one_had_is_read_here(self, projects: Path) -> None:
        whole, names = Batch(), Names(Pseudonyms("salt", is_enabled=True))
        batches = parts(projects, names, killing_all)
        for batch in batches:
            whole.add(batch)

        assert whole == read(projects, {}, worth_bytes=10**9)[0]
        assert workers(os.getpid()) == set()

    def test_they_end_with_whoever_stops_reading(self, projects: Path) -> None:
        def stop() -> None:
            readers = workers(os.getpid())
            assert len(readers) == 2
            # What is typed at a terminal is for whoever asked.
            assert {os.getpgid(reader) for reader in readers} == readers
            raise InterruptedError

        with pytest.raises(InterruptedError):
            next(parts(projects, Names(Pseudonyms("salt", is_enabled=True)), stop))

        assert workers(os.getpid()) == set()

    def test_they_end_with_whoever_is_killed(self, projects: Path) -> None:
        with subprocess.Popen([sys.executable, "-c", READER, str(projects)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            begun, started = process.stdout.readline(), workers(process.pid)
            process.kill()
        deadline = time.monotonic() + 30
        while any(map(is_alive, started)) and time.monotonic() < deadline:
            time.sleep(0.05)

        assert (begun, len(started)) == (b"reading\n", 2)
        assert not any(map(is_alive, started))


class Does(NamedTuple):
    """Does something whenever it hears how far a reading is."""

    what: Callable[[], None]

    def read(self, *_: int) -> None:
        self.what()


def parts(projects: Path, names: Names, what: Callable[[], None]) -> Iterator[Batch]:
    listing = list_transcripts([projects], {}, names)
    return read_on_all_cores(listing, {}, names, Does(what), worth_bytes=0, part_bytes=100_000)


def killing_all() -> None:
    for process in workers(os.getpid()):
        os.kill(process, signal.SIGKILL)


def test_it_is_the_reading_of_one_process_below_a_size(projects: Path) -> None:
    names = Names(Pseudonyms("salt", is_enabled=True))
    listing = list_transcripts([projects], {}, names)

    assert list(read_on_all_cores(listing, {}, names, Heard())) == list(read_transcripts(listing, {}, names, Heard()))
