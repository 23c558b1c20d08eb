"""Which transcripts there are, in which order, and what of them is read."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ccusage_import.names.pseudonyms import Pseudonyms
from ccusage_import.transcripts import reader, walk
from ccusage_import.transcripts.cursor import FileState, Stretch
from ccusage_import.transcripts.facts import Facts, ToolCall, number
from ccusage_import.transcripts.naming import Names
from ccusage_import.transcripts.reader import (
    Batch,
    Listing,
    batches_of,
    list_transcripts,
    read_transcripts,
    session_of,
    unread_bytes,
)

NAMES = Names(Pseudonyms("salt", is_enabled=False))
STEP = 16_777_216
Known = dict[str, FileState]


@pytest.mark.parametrize(
    ("path", "project", "session"),
    [
        ("shop/s.jsonl", "shop", "s"),
        ("s.jsonl", "Unknown Project", "s.jsonl"),
        ("shop/s/subagents/agent-1.jsonl", "shop", "s"),
        ("work/shop/s/subagents/agent-1.jsonl", "work/shop", "s"),
        ("s/subagents/agent-1.jsonl", "Unknown Project", "s"),
        ("shop/s/other/agent-1.jsonl", "shop/s", "other"),
        ("shop/s/agent-1.jsonl", "shop", "s"),
    ],
)
def test_project_and_session_are_told_by_the_path(path: str, project: str, session: str) -> None:
    assert session_of(f"/home/ana/projects/{path}", "/home/ana/projects") == (project, session)


def test_transcripts_are_found_below_a_directory(tmp_path: Path) -> None:
    for name in ("a/b/c.jsonl", "a/folder.jsonl/d.jsonl", "e.jsonl", "f.json", ".jsonl"):
        (tmp_path / "projects" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "projects" / name).write_bytes(b"12345")
    (tmp_path / "projects" / "link.jsonl").symlink_to(tmp_path / "projects" / "e.jsonl")
    (tmp_path / "projects" / "linked").symlink_to(tmp_path / "projects" / "a")
    unreadable = Counter[str]()

    found = {path: status.st_size for path, status in walk(str(tmp_path / "projects"), unreadable)}

    assert found == {f"{tmp_path}/projects/{name}": 5 for name in ("a/b/c.jsonl", "a/folder.jsonl/d.jsonl", "e.jsonl")}
    assert list(walk(str(tmp_path / "nowhere"), unreadable)) == []
    assert unreadable == {"directory": 1}


def test_a_file_that_is_deleted_meanwhile_is_counted(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.jsonl").touch()
    unreadable = Counter[str]()
    found = walk(str(tmp_path), unreadable)
    first, _ = next(found)
    for file in tmp_path.iterdir():
        file.unlink()

    assert (first[-6:], list(found), unreadable) == (".jsonl", [], {"file": 1})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "shop").mkdir()
    return tmp_path


def message(name: str, **changes: object) -> bytes:
    usage = {"input_tokens": 1, "output_tokens": 2}
    record = {
        "timestamp": "2026-05-01T10:00:00Z", "requestId": name,
        "message": {"id": name, "model": "opus", "usage": usage}, **changes,
    }  # fmt: skip
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def write(root: Path, **files: bytes) -> None:
    for name, content in files.items():
        (root / "shop" / f"{name}.jsonl").write_bytes(content)


def state(root: Path, name: str, place: int) -> Known:
    """Return what is known of a file that was read when it was empty."""
    path = NAMES.always("path", f"{root}/shop/{name}.jsonl")
    return {path: FileState(path, 0, 0, 0, 0, b"", place, 0, "")}


@pytest.mark.parametrize(
    ("known", "places"),
    [
        ({}, [STEP, 2 * STEP, 3 * STEP, 4 * STEP]),
        # New files get numbers between those of known ones, which stay.
        ({"a": 100, "d": 160}, [100, 120, 140, 160]),
        ({"b": 10, "d": 30}, [5, 10, 20, 30]),
        ({"a": 7, "b": 8}, [7, 8, 8 + STEP, 8 + 2 * STEP]),
        ({"d": 9}, [2, 4, 6, 9]),
        # Where there is no room they share one.
        ({"a": 5, "c": 5, "d": 6}, [5, 6, 5, 6]),
        ({"a": 1, "b": 2, "c": 3, "d": 4}, [1, 2, 3, 4]),
    ],
)
def test_files_have_places_in_the_order_of_their_names(root: Path, known: dict[str, int], places: list[int]) -> None:
    write(root, b=b"", d=b"", a=b"", c=b"")
    states = {path: one for name, place in known.items() for path, one in state(root, name, place).items()}

    listing = list_transcripts([root], states, NAMES)

    assert [file.path for file in listing.files] == [f"{root}/shop/{name}.jsonl" for name in "abcd"]
    assert [file.place for file in listing.files] == places


class Told:
    """Remembers what it was told, and does something meanwhile."""

    def __init__(self, does: Callable[[], object] = lambda: None) -> None:
        self.told, self.does = list[tuple[int, int]](), does

    def read(self, done: int, total: int) -> None:
        self.told.append((done, total))
        self.does()


def read(root: Path, known: Known | None = None, told: Told | None = None) -> tuple[list[Batch], Known]:
    """Read what is new, and return it with what is known from now on."""
    known = known or {}
    batches = list(read_transcripts(list_transcripts([root], known, NAMES), known, NAMES, told or Told()))
    return batches, {**known, **{one.path: one for batch in batches for one in batch.files}}


def names(batches: Sequence[Batch]) -> list[list[str]]:
    """Return the messages of each batch by the one letter of their names."""
    letters = {number(letter): letter for letter in "abcdefgh"}
    return [[letters[one.message] for one in batch.facts.messages.values()] for batch in batches]


def test_a_file_is_read_once_and_on_from_where_it_ended(root: Path) -> None:
    write(root, x=message("a") + message("b"))
    [first], known = read(root)
    [one] = known.values()
    size = len(message("a"))

    assert names([first]) == [["a", "b"]]
    assert (one.size, one.position, one.place, one.turn, one.mode) == (2 * size, 2 * size, STEP, 0, "")
    assert first.stretches == [Stretch(one.path, 0, frozenset({number("a"), number("b")}))]
    assert (first.bytes_read, first.facts.lines) == (2 * size, 2)
    assert names(read(root, known)[0]) == [[]]

    with (root / "shop" / "x.jsonl").open("ab") as stream:
        stream.write(message("c"))
    told = Told()
    [more], later = read(root, known, told)
    assert names([more]) == [["c"]]
    assert (more.stretches, told.told) == (
        [Stretch(one.path, 2 * size, frozenset({number("c")}))], [(size, size)],
    )  # fmt: skip
    assert later[one.path].position == 3 * size


def test_turn_and_mode_go_on_with_the_file(root: Path) -> None:
    prompt = {"type": "user", "uuid": "p", "permissionMode": "plan", "message": {"content": "hello"}}
    write(root, x=message("a", **prompt))
    _, known = read(root)
    [one] = known.values()
    assert (one.turn, one.mode) == (number("p"), "plan")

    write(root, x=message("a", **prompt) + message("b"))
    [more], later = read(root, known)
    assert [found.turn for found in more.facts.messages.values()] == [number("p")]
    assert (later[one.path].turn, later[one.path].mode) == (number("p"), "plan")
    # Another file in its place is of no turn yet.
    write(root, x=message("b"))
    [other], last = read(root, known)
    assert [found.turn for found in other.facts.messages.values()] == [0]
    assert (last[one.path].turn, last[one.path].mode) == (0, "")
    write(root, x=message("a", **prompt) + message("b"))
    # How far the turn had gone.
    assert [turn.ended_at for turn in read(root)[0][0].facts.turns] == [1777629600000, 1777629600000]


@pytest.mark.parametrize(("where", "lines"), [(0, 3), (1023, 3), (1024, 1), (3023, 1), (3024, 3), (4046, 3)])
def test_a_file_whose_first_or_last_bytes_are_others_is_read_from_its_beginning(
    root: Path, where: int, lines: int
) -> None:
    whole = b'{"type":"summary","text":"%s"}\n' % (b"x" * 1995) * 2
    assert len(whole) == 4048
    write(root, x=whole[:where] + b" " + whole[where + 1 :])
    _, known = read(root)

    write(root, x=whole + message("a"))

    # What lies between the first and the last 1,024 bytes is not looked at.
    assert read(root, known)[0][0].facts.lines == lines


def test_a_file_that_is_shorter_or_replaced_is_read_from_its_beginning(root: Path) -> None:
    write(root, x=message("a") + message("b"), y=message("c"))
    _, known = read(root)
    write(root, x=message("a"), z=message("c") + message("d"))
    (root / "shop" / "z.jsonl").rename(root / "shop" / "y.jsonl")

    batches, _ = read(root, known)

    assert (names(batches), batches[0].facts.lines) == ([["a", "c", "d"]], 3)


def test_how_much_is_unread_is_told_by_size_and_position(root: Path) -> None:
    write(root, a=b"x" * 10, b=b"x" * 20, c=b"x" * 40, d=b"x" * 80, e=b"x" * 160)
    files = {Path(file.path).stem: file for file in list_transcripts([root], {}, NAMES).files}

    def known(name: str, position: int, inode: int | None = None) -> Known:
        file = files[name]
        one = FileState(file.pseudonym, inode or file.inode, 0, 0, position, b"", 1, 0, "")
        return {file.pseudonym: one}

    # One is new, one was appended to, one is read, one is another file by now, one was cut.
    states = {**known("b", 15), **known("c", 40), **known("d", 70, inode=1), **known("e", 161)}
    assert unread_bytes(Listing([], list(files.values())), states) == 10 + 5 + 0 + 80 + 160


def test_a_last_line_without_its_end_is_read_where_it_is_whole_and_again_later(root: Path) -> None:
    write(root, x=message("a") + message("b")[:-1], y=message("c") + message("d")[:-9])
    told = Told()
    [found], known = read(root, told=told)
    size = len(message("a"))

    assert names([found]) == [["a", "b", "c"]]
    assert [one.position for one in known.values()] == [size, size]
    assert (found.facts.lines, found.facts.bad_lines) == (4, {"half": 1})
    assert (found.bytes_read, told.told[-1]) == (4 * size - 10, (4 * size - 10, 4 * size - 10))


def test_half_a_line_behind_what_was_read_is_told_by_its_own_length(root: Path) -> None:
    write(root, x=message("a"))
    _, known = read(root)
    write(root, x=message("a") + message("b")[:9])

    [found], later = read(root, known)

    assert (found.bytes_read, found.facts.lines, found.facts.bad_lines) == (9, 1, {"half": 1})
    assert [one.position for one in later.values()] == [len(message("a"))]


def test_a_line_that_is_too_long_is_counted_and_not_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "LONGEST_LINE", 250)
    huge = b'{"type":"summary","text":"%s"}\n' % (b"x" * 700)
    assert len(message("a")) < 250
    write(root, x=message("a") + huge + message("b"), y=huge[:-1], z=b"#" * 250 + b"\n" + message("c"))

    [found], known = read(root)

    assert names([found]) == [["a", "b", "c"]]
    assert (found.facts.bad_lines, found.facts.lines) == ({"huge": 3}, 3)
    sizes = [2 * len(message("a")) + len(huge), len(huge) - 1, 251 + len(message("c"))]
    assert [one.position for one in known.values()] == sizes
    assert found.bytes_read == sum(sizes)


def test_how_far_a_reading_is_is_told_now_and_then(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(message("a"))
    monkeypatch.setattr(reader, "TOLD_BYTES", 2 * size)
    told = Told()
    write(root, x=b"".join(map(message, "abcde")), y=message("f"))

    read(root, told=told)

    assert told.told == [(part * size, 6 * size) for part in (2, 4, 5, 6)]


def test_what_grows_meanwhile_is_not_told_as_more_than_all(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(message("a"))
    monkeypatch.setattr(reader, "TOLD_BYTES", size)

    def grow() -> None:
        told.does = lambda: None
        with (root / "shop" / "x.jsonl").open("ab") as stream:
            stream.write(message("b") * 2)

    told = Told(grow)
    write(root, x=message("a"))
    [found], known = read(root, told=told)

    assert found.bytes_read == 3 * size
    assert told.told == [(size, size)] * 4
    # It is read again from its beginning: its end may not be all that changed.
    assert [one.edges for one in known.values()] == [b""]
    assert read(root, known)[0][0].facts.lines == 3


def test_facts_are_handed_on_when_there_are_many(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "FACTS_AT_ONCE", 2)
    write(root, v=message("a"), w=message("b"), x=message("c") + message("d") + message("e"), y=message("f"))

    batches, _ = read(root)

    assert names(batches) == [["a", "b"], ["c", "d", "e"], ["f"]]
    assert [len(batch.files) for batch in batches] == [2, 1, 1]


def test_small_batches_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "FACTS_AT_ONCE", 3)

    def part(place: int) -> Batch:
        calls = [ToolCall(call=place)]
        one = FileState(str(place), 0, 0, 0, 0, b"", 0, 0, "")
        stretch = Stretch(str(place), 0, frozenset())
        return Batch(Facts(tool_calls=calls), [one], [stretch], Counter(file=1), bytes_read=10)

    found = list(batches_of(map(part, range(4))))

    assert [[call.call for call in batch.facts.tool_calls] for batch in found] == [[0, 1, 2], [3]]
    assert [[one.path for one in batch.files] for batch in found] == [["0", "1", "2"], ["3"]]
    assert [[one.path for one in batch.stretches] for batch in found] == [["0", "1", "2"], ["3"]]
    assert [(batch.unreadable, batch.bytes_read) for batch in found] == [({"file": 3}, 30), ({"file": 1}, 10)]


def test_a_file_that_is_gone_is_counted(root: Path) -> None:
    write(root, x=message("a"), y=message("b"))
    listing = list_transcripts([root], {}, NAMES)
    (root / "shop" / "x.jsonl").unlink()

    [found] = read_transcripts(listing, {}, NAMES, Told())

    assert (names([found]), found.unreadable, len(found.files)) == ([["b"]], {"file": 1}, 1)


def test_a_file_is_of_a_project_a_session_and_perhaps_of_a_subagent(root: Path) -> None:
    write(root, **{"agent-7": message("a"), "s": message("b")})

    [found], _ = read(root)

    assert [(one.project, one.session_id, one.agent_id) for one in found.facts.messages.values()] == [
        ("shop", "agent-7", number("7")),
        ("shop", "s", 0),
    ]


def test_a_file_with_another_time_of_change_is_read(root: Path) -> None:
    write(root, x=message("a"))
    _, known = read(root)
    assert list_transcripts([root], known, NAMES).changed == []
    status = (root / "shop" / "x.jsonl").stat()
    os.utime(root / "shop" / "x.jsonl", ns=(status.st_atime_ns, status.st_mtime_ns + 1))

    assert len(list_transcripts([root], known, NAMES).changed) == 1
    # None of it is new.
    assert [(batch.facts.lines, batch.bytes_read) for batch in read(root, known)[0]] == [(0, 0)]
