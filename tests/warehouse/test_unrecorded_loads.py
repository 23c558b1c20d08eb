"""Failed loads wait on this machine for their warehouse: all of them, in their order, each for its own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.warehouse.tables import Load
from ccusage_import.warehouse.unrecorded_loads import UnrecordedLoads


def kept_for(file: Path, warehouse: str) -> UnrecordedLoads:
    return UnrecordedLoads(file, parse_warehouse_url(warehouse))


def failed(load_id: int) -> Load:
    return Load(load_id, "laptop", datetime(2026, 10, 1, tzinfo=UTC), state="failed", error="No server answers")


def test_each_waits_for_its_own_warehouse_in_its_order(tmp_path: Path) -> None:
    file = tmp_path / "loads.jsonl"
    ours, theirs = kept_for(file, "clickhouse://a@host:1/x"), kept_for(file, "clickhouse://a@host:2/x")
    for load_id in (1, 2):
        ours.keep(failed(load_id))
    theirs.keep(failed(3))
    ours.keep(failed(4))

    assert ours.loads() == [failed(1), failed(2), failed(4)]
    ours.forget()
    assert (ours.loads(), theirs.loads()) == ([], [failed(3)])
    theirs.forget()
    assert not file.exists()


def test_a_line_that_is_damaged_takes_no_other_with_it(tmp_path: Path) -> None:
    file = tmp_path / "loads.jsonl"
    kept = kept_for(file, "clickhouse://a@host:1/x")
    kept.keep(failed(1))
    file.write_text(f'{{"load_id": \n{file.read_text()}')
    kept.keep(failed(2))

    assert kept.loads() == [failed(1), failed(2)]


def test_the_thousand_newest_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "loads.jsonl"
    kept = kept_for(file, "clickhouse://a@host:1/x")
    kept.keep(failed(7))
    file.write_text("".join(file.read_text().replace('"load_id": 7', f'"load_id": {number}') for number in range(1000)))
    kept.keep(failed(1000))

    assert [load.load_id for load in kept.loads()] == list(range(1, 1001))
