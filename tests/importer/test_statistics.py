"""What one machine's numbers add up to."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from ccusage_import.import_summary import ImportSummary
from ccusage_import.money import DOLLARS
from ccusage_import.records import ModelUsage, Provenance, Record
from ccusage_import.rule.verdicts import Decision, Reason, Verdict
from ccusage_import.statistics import (
    Coverage,
    Share,
    Totals,
    active_block,
    compare,
    coverage,
    shown_after,
    top_agents,
    top_models,
    top_projects,
    totals,
)
from ccusage_import.ui.summary import print_summary

NOW = datetime(2026, 5, 13, 12, tzinfo=UTC)


def record(
    report: str, key: str, cost: str = "0", tokens: tuple[int, int, int, int] = (0, 0, 0, 0), **more: Any
) -> Record:
    return Record(
        report, "studio", "claude", key, date(2026, 5, 13), *tokens, sum(tokens), Decimal(cost), unpriced=False,
        provenance=Provenance("20.0.24", "UTC", "auto", ()),
    )._replace(**more)  # fmt: skip


def model(name: str, cost: str, tokens: tuple[int, int, int, int]) -> ModelUsage:
    return ModelUsage(name, *tokens, cost_usd=Decimal(cost), unpriced=False)


def decision(stored: Record | None, offered: Record | None, *, is_written: bool) -> Decision:
    return Decision(Verdict.CORRECTED, Reason.MOVED, stored, offered, is_written)


# --- what is shown after a load ---------------------------------------------------------------------


def test_written_offers_replace_and_tombstones_remove() -> None:
    old, gone, kept = record("daily", "a", "1"), record("daily", "b", "2"), record("daily", "c", "3")
    new, replacement, held = record("daily", "d", "4"), record("daily", "a", "5"), record("daily", "c", "6")
    after = shown_after(
        [old, gone, kept],
        [
            decision(old, replacement, is_written=True),
            decision(gone, None, is_written=True),
            decision(kept, held, is_written=False),
            decision(None, new, is_written=True),
        ],
    )
    assert sorted(after) == sorted([replacement, kept, new])


def test_a_held_record_without_a_stored_one_is_not_shown() -> None:
    assert shown_after([], [decision(None, record("blocks", "a"), is_written=False)]) == []


def test_one_key_in_two_reports_and_agents_is_three_records() -> None:
    stored = [record("daily", "a"), record("monthly", "a"), record("daily", "a", agent="codex")]
    after = shown_after(stored, [decision(stored[0], None, is_written=True)])
    assert after == [stored[1], stored[2]]


# --- totals -------------------------------------------------------------------------------------------


def test_totals_add_up_the_days_alone() -> None:
    records = [
        record("daily", "2026-05-12", "1.000000001", (1, 20, 300, 4000), day=date(2026, 5, 12)),
        record("daily", "2026-05-13", "2.5", (5, 60, 700, 8000)),
        record("daily", "2026-05-13", "0.25", (1, 0, 0, 0), agent="codex"),
        record("monthly", "2026-05", "99", (9, 9, 9, 9), unpriced=True),
        record("projects", "2026-05-13/shop", "99", (9, 9, 9, 9)),
        record("blocks", "2026-05-13T09:00:00.000Z", "99", (9, 9, 9, 9)),
        record("session", "shop/a", "99", (9, 9, 9, 9)),
        record("session", "shop/b", "99", (9, 9, 9, 9)),
        record("session", "Unknown Project/shop", "99", (9, 9, 9, 9), is_project_total=True),
    ]
    assert totals(records) == Totals(
        cost_usd=Decimal("3.750000001"), total_tokens=13087, input_tokens=7, output_tokens=80,
        cache_creation_tokens=1000, cache_read_tokens=12000, days=2, sessions=2, unpriced=False,
    )  # fmt: skip


def test_totals_of_nothing() -> None:
    assert totals([]) == Totals(Decimal(0), 0, 0, 0, 0, 0, 0, 0, unpriced=False)


def test_one_unpriced_day_makes_the_total_unpriced() -> None:
    assert totals([record("daily", "a"), record("daily", "b", unpriced=True)]).unpriced


def test_costs_are_added_to_the_last_nanodollar() -> None:
    records = [record("daily", f"2026-05-{day:02d}", "700935.259805539") for day in range(1, 11)]
    assert totals(records).cost_usd == Decimal("7009352.598055390")


# --- ranks --------------------------------------------------------------------------------------------


def test_models_are_ranked_by_the_cost_of_all_days() -> None:
    days = [
        record("daily", "a", models=(model("opus", "1", (1, 2, 3, 4)), model("sonnet", "3", (1, 0, 0, 0)))),
        record("daily", "b", models=(model("opus", "2.5", (10, 20, 30, 40)),)),
        record("monthly", "m", models=(model("opus", "99", (9, 9, 9, 9)),)),
    ]
    assert top_models(days) == [Share("opus", Decimal("3.5"), 110), Share("sonnet", Decimal(3), 1)]


def test_agents_are_ranked_by_the_cost_of_all_days() -> None:
    days = [
        record("daily", "a", "1", (1, 2, 3, 4)),
        record("daily", "a", "2.5", (0, 7, 0, 0), agent="codex"),
        record("daily", "b", "2", (10, 0, 0, 0)),
        record("session", "s", "99", (9, 9, 9, 9), agent="codex"),
    ]
    assert top_agents(days) == [Share("claude", Decimal(3), 20), Share("codex", Decimal("2.5"), 7)]


def test_projects_are_ranked_by_the_cost_of_all_days() -> None:
    days = [
        record("projects", "a/blog", "1", (5, 0, 0, 0), project="blog"),
        record("projects", "a/shop", "1", (6, 0, 0, 0), project="shop"),
        record("projects", "b/blog", "0.5", (7, 0, 0, 0), project="blog"),
        record("session", "shop/s", "99", (8, 0, 0, 0), project="shop"),
    ]
    assert top_projects(days) == [Share("blog", Decimal("1.5"), 12), Share("shop", Decimal(1), 6)]


def test_equal_costs_are_ranked_by_tokens_and_then_by_name() -> None:
    days = [
        record("projects", name, "1", (tokens, 0, 0, 0), project=name)
        for name, tokens in (("d", 1), ("b", 5), ("c", 5), ("a", 3), ("e", 1), ("f", 1))
    ]
    assert [share.name for share in top_projects(days)] == ["b", "c", "a", "d", "e"]


# --- the active block -----------------------------------------------------------------------------------


def block(hour: int, **more: Any) -> Record:
    ends_at = datetime(2026, 5, 13, hour + 5, tzinfo=UTC)
    times = {"started_at": datetime(2026, 5, 13, hour, tzinfo=UTC), "block_ends_at": ends_at, "is_active": True}
    return record("blocks", f"2026-05-13T{hour:02d}:00:00.000Z", **{**times, **more})


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([], None),
        ([block(9)], 9),
        ([block(9, is_active=False)], None),
        ([block(7)], None),
        ([block(10), block(8)], 10),
        ([block(7), block(8)], 8),
        ([block(8, agent="codex"), block(9)], 9),
        ([record("daily", "2026-05-13")], None),
    ],
)
def test_the_active_block_is_the_newest_that_is_open(records: list[Record], expected: int | None) -> None:
    found = active_block(records, NOW)
    assert (found.started_at.hour if found and found.started_at else None) == expected


# --- coverage -----------------------------------------------------------------------------------------


def test_reports_are_compared_with_the_days_of_their_own_time() -> None:
    def day(number: int, cost: str, **more: Any) -> Record:
        return record("daily", f"2026-05-{number:02d}", cost, day=date(2026, 5, number), **more)

    def at(number: int) -> datetime:
        return datetime(2026, 5, number, 12, tzinfo=UTC)

    records = [
        day(1, "100"), day(10, "4"), day(11, "6"), day(12, "90"),
        record("daily", "2026-06-01", "7", day=date(2026, 6, 1)),
        record("session", "shop/a", "9.38", started_at=at(10), ended_at=at(11), day=date(2026, 5, 11)),
        record("session", "Unknown Project/shop", "99", is_project_total=True, day=date(2026, 5, 11)),
        record("blocks", "2026-05-11T12:00:00.000Z", "6", started_at=at(11), ended_at=at(11), day=date(2026, 5, 11)),
        record("monthly", "2026-05", "150", day=date(2026, 5, 1)),
        day(1, "2", agent="codex"), record("session", "b", "2", agent="codex", day=date(1970, 1, 1)),
    ]  # fmt: skip

    found = coverage(records)

    assert found == [
        Coverage("claude", "monthly", Decimal(150), Decimal(200)),
        Coverage("claude", "session", Decimal("9.38"), Decimal(10)),
        Coverage("codex", "session", Decimal(2), Decimal(2)),
        Coverage("claude", "blocks", Decimal(6), Decimal(6)),
    ]
    assert [each.share for each in found] == [Decimal("0.75"), Decimal("0.938"), 1, 1]


def test_a_report_covers_the_days_from_its_first_record_to_its_last() -> None:
    days = [record("daily", f"2026-05-{day:02d}", "1", day=date(2026, 5, day)) for day in range(9, 15)]
    sessions = [record("session", f"shop/{day}", "1", day=date(2026, 5, day)) for day in (12, 10, 13)]
    assert coverage([*days, *sessions]) == [Coverage("claude", "session", Decimal(3), Decimal(4))]


@pytest.mark.parametrize(
    ("zone", "started", "ended", "first", "last"),
    [
        ("America/Los_Angeles", "2026-05-11T02:00Z", "2026-05-11T20:00Z", 10, 11),
        ("Asia/Tokyo", "2026-05-11T02:00Z", "2026-05-11T20:00Z", 11, 12),
    ],
)
def test_a_session_covers_the_days_of_its_own_zone(zone: str, started: str, ended: str, first: int, last: int) -> None:
    days = [record("daily", f"2026-05-{day:02d}", str(2**day), day=date(2026, 5, day)) for day in range(9, 15)]
    read_in = Provenance("20.0.24", zone, "auto", ())
    started_at, ended_at = map(datetime.fromisoformat, (started, ended))
    session = record(
        "session", "shop/a", "1", day=date(2026, 5, 11), started_at=started_at, ended_at=ended_at, provenance=read_in
    )
    assert [each.days_cost_usd for each in coverage([*days, session])] == [2**first + 2**last]


def test_a_month_covers_its_last_day_and_not_the_next_one() -> None:
    records = [
        record("monthly", "2026-05", "10", day=date(2026, 5, 1)),
        record("daily", "2026-05-31", "10", day=date(2026, 5, 31)),
        record("daily", "2026-06-01", "5", day=date(2026, 6, 1)),
    ]
    assert coverage(records) == [Coverage("claude", "monthly", Decimal(10), Decimal(10))]


def test_a_report_of_days_without_cost_covers_them() -> None:
    assert [each.share for each in coverage([record("monthly", "2026-05")])] == [1]


def test_the_summary_says_what_a_report_leaves_out(capsys: pytest.CaptureFixture[str]) -> None:
    days = [
        record("daily", "2026-05-13", "100"), record("session", "shop/a", "93.8"), record("blocks", "b", "99.94"),
        record("monthly", "2026-05", "99.96", day=date(2026, 5, 1)),
        record("daily", "2026-05-13", "4", agent="codex"), record("monthly", "2026-05", "1", agent="codex"),
    ]  # fmt: skip
    new = [decision(None, each, is_written=True) for each in days]
    summary = ImportSummary(
        machine="studio", timezone="UTC", is_dry_run=True, ccusage_version="20.0.24", runner="PATH", decisions=new,
        offered=days, comparison=compare([], new, NOW),
    )  # fmt: skip

    print_summary(summary, DOLLARS)

    assert [line for line in capsys.readouterr().out.splitlines() if "cover" in line] == [
        "codex monthly covers 25.0% of the days' cost",
        "sessions cover 93.8% of the days' cost",
        "blocks cover 99.9% of the days' cost",
    ]
