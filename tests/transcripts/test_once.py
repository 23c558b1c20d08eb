"""A message counts once: whatever the order of files and lines, however often they are read, in however many runs."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.warehouse.clickhouse_client import ClickHouse, open_warehouse
from ccusage_import.warehouse.migrations import apply_migrations
from tests.conftest import CORPORA
from tests.support.exhaustive import some_of
from tests.support.facts import Reader, become

MINE = "WHERE machine = {machine:String}"
# Everything but which load brought it, and the turns: what a turn is known from may be read later.
MESSAGES = f"SELECT arraySort(groupArray(tuple(* EXCEPT (load_id, turn_id, machine)))) FROM messages {MINE}"
CALLS = f"SELECT arraySort(groupArray(tuple(* EXCEPT (load_id, turn_id, machine)))) FROM tool_calls {MINE}"
EVENTS = f"SELECT arraySort(groupArray(tuple(* EXCEPT (load_id, turn_id, machine)))) FROM events {MINE}"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    """One warehouse; each way of reading is a machine of its own."""
    place = parse_warehouse_url(f"chdb://{tmp_path_factory.mktemp('facts')}/warehouse")
    with open_warehouse(place) as warehouse:
        apply_migrations(warehouse, "1.2.3")
        yield warehouse


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
