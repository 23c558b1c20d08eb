"""The queries on turns: sessions made by hand on two machines, against numbers worked out by hand."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import CORPORA, Place
from tests.querying.test_queries import answer
from tests.support.facts import Reader

MARCH = {"since": "2026-03-02", "until": "2026-03-02", "machine": "studio"}


def read(home: Path, migrated: Place, machine: str, *groups: str) -> None:
    """Read groups of the hand-made corpus as a machine."""
    with migrated.opened() as opened:
        roots = [CORPORA / "facts" / group / "1" for group in groups]
        Reader(opened, home / machine, machine).read(*roots)


def test_turns_by_command_and_outcome(migrated: Place, tmp_path: Path) -> None:
    read(tmp_path, migrated, "studio", "20-commands", "05-interrupts")
    read(tmp_path, migrated, "laptop", "20-commands")

    commands = answer(migrated, "turns_by_command", **MARCH)
    assert sorted(row[1:4] for row in commands) == [(1, 0, 0), (1, 0, 0), (1, 0, 0), (1, 0, 23), (1, 0, 46)]
    assert {"/clear", "/model", "/exit", "/review"} < {row[0] for row in commands}
    assert [row[:3] for row in answer(migrated, "turns_by_outcome", **MARCH)] == [
        ("done", 6, 92),
        ("interrupted", 2, 27),
    ]
    assert answer(migrated, "turns_by_command", **{**MARCH, "since": "2026-03-03", "until": "2026-03-04"}) == []
    assert answer(migrated, "turns_by_outcome", **{**MARCH, "since": "2026-02-01", "until": "2026-03-01"}) == []
    assert [row[1] for row in answer(migrated, "turns_by_outcome", **{**MARCH, "machine": ""})] == [12, 2]
