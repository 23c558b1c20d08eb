"""A message counts once: whatever the order of files and lines, however often they are read, in however many runs."""

from __future__ import annotations

import random
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ccusage_import.transcripts.facts import Message, Usage
from ccusage_import.transcripts.once import judge_copies, version_of
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from tests.conftest import CORPORA
from tests.support.exhaustive import some_of
from tests.support.facts import Reader, become

MINE = "WHERE machine = {machine:String}"
# Everything but which load brought it, and the turns: what a turn is known from may be read later.
MESSAGES = f"SELECT arraySort(groupArray(tuple(* EXCEPT (load_id, turn_id, machine)))) FROM messages {MINE}"
CALLS = f"SELECT arraySort(groupArray(tuple(* EXCEPT (load_id, turn_id, machine)))) FROM tool_calls {MINE}"
EVENTS = f"SELECT arraySort(groupArray(tuple(* EXCEPT (load_id, turn_id, machine)))) FROM events {MINE}"


def _facts(reader: Reader) -> list[Any]:
    return [reader.one(query) for query in (MESSAGES, CALLS, EVENTS)]


def _corpus(tmp_path: Path) -> Path:
    """Resumed, replayed, growing, copied messages and subagents of all kinds, in one data directory."""
    whole = tmp_path / "whole"
    for group in ("11", "12", "13", "14", "15", "16", "19", "25", "40"):
        (folder,) = (CORPORA / "facts").glob(f"{group}-*")
        last = max(step for step in folder.iterdir() if step.is_dir())
        for project in (last / "projects").iterdir():
            shutil.copytree(project, whole / "projects" / f"{group}{project.name}")
    shutil.copytree(CORPORA / "transcripts-edge" / "projects", whole / "projects", dirs_exist_ok=True)
    return whole


@pytest.mark.parametrize("seed", some_of(range(8), 0, 1))
def test_files_and_cuts_in_any_order_give_the_same_facts(opened: ClickHouse, tmp_path: Path, seed: int) -> None:
    chance, whole = random.Random(seed), _corpus(tmp_path)
    expected = Reader(opened, tmp_path / "at once", f"at once {seed}")
    expected.read(whole)
    reader, tree = Reader(opened, tmp_path / "home", f"in pieces {seed}"), tmp_path / "tree"
    (tree / "projects").mkdir(parents=True)
    files = {path.relative_to(whole): path.read_bytes() for path in whole.rglob("*.jsonl")}
    length = dict.fromkeys(files, 0)

    for _ in range(6):
        for name in chance.sample(sorted(files), len(files) // 2):
            length[name] = chance.randint(length[name], len(files[name]))
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes(files[name][: length[name]])
        if chance.random() < 0.3:
            reader.cursor.unlink(missing_ok=True)
        reader.read(tree)
    become(tree, whole)
    reader.read(tree)

    assert _facts(reader) == _facts(expected)


def test_a_smaller_copy_never_replaces_a_larger_one(opened: ClickHouse, tmp_path: Path) -> None:
    reader, tree = Reader(opened, tmp_path / "home", "smaller"), tmp_path / "tree"
    become(tree, CORPORA / "facts" / "16-midnight" / "2")
    reader.read(tree)
    for file in tree.rglob("*.jsonl"):
        file.unlink()
    become(tree / "copies", CORPORA / "facts" / "16-midnight" / "1")
    shutil.copytree(tree / "copies" / "projects", tree / "projects" / "copies")
    reader.read(tree)

    assert reader.one(f"SELECT groupArray((toString(date), total_tokens)) FROM messages {MINE}") == [
        ("2026-03-03", 503)
    ]


def test_what_is_deleted_stays_and_what_goes_on_is_added(opened: ClickHouse, tmp_path: Path) -> None:
    reader, tree = Reader(opened, tmp_path / "home", "resumed"), tmp_path / "tree"
    become(tree, CORPORA / "facts" / "15-resumed" / "1")
    reader.read(tree)
    (file,) = tree.rglob("*.jsonl")
    lines = file.read_text().splitlines(keepends=True)
    went_on = (
        "".join(lines[-1:]).replace('"id":"msg_', '"id":"msg_more_').replace('"requestId":"', '"requestId":"more_')
    )
    file.write_text(went_on)
    reader.read(tree)

    assert reader.one(f"SELECT (sum(messages), sum(total_tokens)) FROM ledger_sessions {MINE}") == (3, 69)


# --- copies that are told from each other by hand ---------------------------------------------------


def copied(place: int, tokens: int = 10, at: int = 5, request: int = 1, **changes: Any) -> Message:
    """A copy of one message in the file of this place."""
    values: dict[str, Any] = {
        "message": 7, "counted_session": 1, "record": 0, "accepted": 3, "is_sidechain": False, "is_nested": False,
        "model": "opus", "speed": "", **changes,
    }  # fmt: skip
    return Message(
        request=request, at=at, times=(at,), place=(place, 0), usage=Usage(0, tokens, 0, 0, 0), total_tokens=tokens,
        **values,
    )  # fmt: skip


def judged(*copies: Message) -> list[int | None]:
    """Return by which rules each copy counts; None for one that does not stand for the message."""
    judge_copies(reversed(copies))
    assert all(copy.is_shown or not copy.counts_in for copy in copies)
    return [copy.counts_in if copy.is_shown else None for copy in copies]


SUBAGENT: dict[str, Any] = {"is_sidechain": True, "request": 2}


@pytest.mark.parametrize(
    ("copies", "counts"),
    [
        ([copied(1)], [3]),
        ([copied(1, accepted=0)], [0]),
        # The larger of a request counts, and the first of equal ones.
        ([copied(1), copied(2, 11)], [None, 3]),
        ([copied(1), copied(2)], [3, None]),
        ([copied(1), copied(2, speed="fast")], [None, 3]),
        ([copied(1, 11), copied(2, speed="fast")], [3, None]),
        ([copied(1, cost_usd=Decimal(2)), copied(2, 11)], [None, 3]),
        # Another request is another message, unless one of them is a subagent's.
        ([copied(1), copied(2, request=2)], [3, 3]),
        ([copied(1), copied(2, 99, **SUBAGENT)], [3, None]),
        ([copied(1, 99, **SUBAGENT), copied(2)], [None, 3]),
        ([copied(1), copied(2, 99, at=6, **SUBAGENT)], [3, 2]),
        ([copied(1), copied(2, 99, counted_session=2, **SUBAGENT)], [3, 3]),
        ([copied(1, 99, **SUBAGENT), copied(2), copied(3, 11, request=3)], [None, None, 3]),
        # Without a request it is told by its session, by days also by its instant.
        ([copied(1, request=0), copied(2, 11, request=0)], [None, 3]),
        ([copied(1, request=0), copied(2, 11, at=6, request=0)], [1, 3]),
        ([copied(1, request=0), copied(2, 11, request=0, counted_session=2)], [3, 3]),
        # By days alone the dearer one counts; where both say the same, one stands for both.
        ([copied(1), copied(2, cost_usd=Decimal(2))], [3, None]),
        ([copied(1), copied(2, at=6, cost_usd=Decimal(2))], [2, 1]),
        ([copied(1), copied(2, model="sonnet", cost_usd=Decimal(2))], [2, 1]),
        # Each rule chooses among what it counts.
        ([copied(1, accepted=1), copied(2, accepted=2)], [None, 3]),
        ([copied(1, accepted=1), copied(2, 11, accepted=2)], [1, 2]),
        ([copied(1, accepted=1), copied(2, at=6, accepted=1), copied(3, at=6, accepted=2)], [1, None, 2]),
        # What no rule counts stands for the message where nothing of its group does.
        ([copied(1, accepted=0), copied(2, 11, accepted=0)], [None, 0]),
        ([copied(1), copied(2, 99, accepted=0)], [3, None]),
        ([copied(1), copied(2, 99, request=2, accepted=0)], [3, 0]),
        # What has no id is a message of its own.
        ([copied(1, message=0), copied(2, message=0)], [3, 3]),
        ([copied(1), copied(2, message=8)], [3, 3]),
    ],
)
def test_one_copy_of_a_message_counts(copies: list[Message], counts: list[int | None]) -> None:
    assert judged(*copies) == counts


def test_the_engine_keeps_the_larger_copy_and_of_equal_ones_the_last_judgement() -> None:
    low = 2**64
    assert version_of(copied(1, 5, is_sidechain=True), 7) == 10 * low + 7
    assert version_of(copied(1, 5, is_sidechain=True, speed="fast"), 7) == 11 * low + 7
    assert version_of(copied(1, 5), 7) == (2**63 + 10) * low + 7
    assert version_of(copied(1, 2**62 - 1, is_sidechain=True), 0) == (2**63 - 2) * low
    assert version_of(copied(1, 2**62, is_sidechain=True), 0) == (2**63 - 2) * low
    assert version_of(copied(1, 2**64, speed="fast"), low - 1) == 2**128 - 1
