"""What is due after a run: decided from the outcome and what was told before, over any sequence of runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccusage_import.checks.health import Problem
from ccusage_import.config.tables.budget import BudgetLimit
from ccusage_import.money import DOLLARS, Money
from ccusage_import.monitoring.events import due_events, health_events, known
from ccusage_import.monitoring.outcome import RunOutcome, Told
from ccusage_import.warehouse.budgets import QuotaUse, Spending
from ccusage_import.warehouse.snapshot import Snapshot

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
STALE_AFTER_HOURS = 26
DAILY = BudgetLimit("all", "", "daily", Decimal(10))


@dataclass(frozen=True)
class Run:
    """One run some hours after the one before; `reached` notices got through before the target went down."""

    exit_code: int
    hours: int = 1
    held: int | None = 0
    spent_usd: int = 0
    reached: int = 9

    def snapshot(self, today: date) -> Snapshot | None:
        if self.held is None:
            return None
        return Snapshot(None, None, self.held, [], [Spending(DAILY, today, Decimal(self.spent_usd))])


RUNS = st.lists(
    st.builds(
        Run,
        exit_code=st.sampled_from([0, 3, 4, 5, 130]),
        hours=st.integers(1, 30),
        held=st.none() | st.integers(0, 4),
        spent_usd=st.integers(8, 12),
        reached=st.sampled_from([0, 1, 9]),
    ),
    max_size=20,
)


@dataclass
class Heard:
    """What got through after one run: events, the held number and budget days among them, and whether it was all."""

    run: Run
    today: date
    events: list[str]
    held: list[int]
    days: list[str]
    is_all: bool
    told: Told


def told_of(runs: list[Run]) -> list[Heard]:
    """Let one target hear of a sequence of runs."""
    told, now, last_success_at = Told(), NOON, None
    heard: list[Heard] = []
    for run in runs:
        now += timedelta(hours=run.hours)
        before, last_success_at = last_success_at, now if run.exit_code == 0 else last_success_at
        outcome = RunOutcome(
            machine="studio",
            started_at=now,
            finished_at=now,
            exit_code=run.exit_code,
            snapshot=run.snapshot(now.date()),
            last_success_at=last_success_at,
        )
        due = list(due_events(outcome, told, DOLLARS, last_success_at=before, stale_after_hours=STALE_AFTER_HOURS))
        reached = due[: run.reached]
        told = reached[-1].told if reached else known(told, outcome.snapshot)
        heard.append(
            Heard(
                run,
                now.date(),
                [notice.event for notice in reached],
                [notice.details["held"] for notice in reached if notice.event == "held"],
                [notice.details["since"] for notice in reached if notice.event == "budget"],
                len(reached) == len(due),
                told,
            )
        )
    return heard


def events_of(runs: list[Run]) -> list[list[str]]:
    return [heard.events for heard in told_of(runs)]


# --- by example -----------------------------------------------------------------------------------------


def test_a_failure_and_its_end() -> None:
    runs = [Run(0), Run(3), Run(4), Run(0), Run(0), Run(5)]
    assert events_of(runs) == [[], ["failed"], [], ["recovered"], [], ["failed"]]


def test_an_interrupted_run_is_neither_a_failure_nor_its_end() -> None:
    assert events_of([Run(130), Run(3), Run(130), Run(3), Run(0)]) == [[], ["failed"], [], [], ["recovered"]]


def test_only_interrupted_runs_are_stale_at_last() -> None:
    assert events_of([Run(0), Run(130, 26), Run(130, 1), Run(130), Run(0)]) == [[], [], ["stale"], [], ["recovered"]]


def test_a_machine_that_was_off_is_not_stale_once_it_imports() -> None:
    assert events_of([Run(0), Run(0, 72)]) == [[], []]


def test_a_machine_that_never_imported_is_not_stale() -> None:
    assert events_of([Run(3, 72), Run(3, 72)]) == [["failed"], []]


def test_what_was_not_delivered_is_due_again() -> None:
    assert events_of([Run(3, reached=0), Run(3), Run(0, reached=0), Run(3), Run(0)]) == [
        [], ["failed"], [], [], ["recovered"],
    ]  # fmt: skip


def test_a_failure_nobody_heard_of_does_not_end() -> None:
    assert events_of([Run(3, reached=0), Run(0)]) == [[], []]


def test_held_numbers_that_were_settled_can_be_told_again() -> None:
    runs = [Run(0, held=held) for held in (2, 2, 3, 0, 1, None, 1)]
    assert [heard.held for heard in told_of(runs)] == [[2], [], [3], [], [1], [], []]


@pytest.mark.parametrize(
    ("exit_code", "held", "titles"),
    [
        (4, 2, ["the import failed", "2 smaller numbers are held back"]),
        (5, 1, ["a part of the import failed", "1 smaller number is held back"]),
    ],
)
def test_titles_say_how_much_failed_and_is_held(exit_code: int, held: int, titles: list[str]) -> None:
    snapshot = Snapshot(None, None, held, [], [])
    outcome = RunOutcome(machine="studio", started_at=NOON, finished_at=NOON, exit_code=exit_code, snapshot=snapshot)

    due = due_events(outcome, Told(), DOLLARS, last_success_at=None, stale_after_hours=STALE_AFTER_HOURS)

    assert [notice.title for notice in due] == [f"studio: {title}" for title in titles]


def test_a_budget_is_told_once_a_day() -> None:
    runs = [
        Run(0, 1, spent_usd=10), Run(0, 1, spent_usd=11), Run(0, 1, spent_usd=9), Run(0, 1, spent_usd=12),
        Run(0, 20, spent_usd=11), Run(4, 1, held=None), Run(0, 1, spent_usd=12),
    ]  # fmt: skip
    assert [heard.days for heard in told_of(runs)] == [[], ["2026-11-20"], [], [], ["2026-11-21"], [], []]


def test_two_budgets_are_told_apart() -> None:
    limits = [BudgetLimit("model", name, "monthly", Decimal(10)) for name in ("opus", "sonnet")]
    spent = [Spending(limit, date(2026, 11, 1), Decimal("12.346")) for limit in limits]
    outcome = RunOutcome(
        machine="studio",
        started_at=NOON,
        finished_at=NOON,
        exit_code=0,
        snapshot=Snapshot(None, None, 0, [], spent),
        last_success_at=NOON,
    )

    first, second = due_events(outcome, Told(), DOLLARS, last_success_at=NOON, stale_after_hours=STALE_AFTER_HOURS)

    assert first.title == "studio: the monthly budget of model opus is crossed"
    assert second.title == "studio: the monthly budget of model sonnet is crossed"
    assert second.text == "$12.35 spent since 2026-11-01, $10.00 allowed"
    euro = Money("EUR", Decimal("0.9"), "€")
    _, converted = due_events(outcome, Told(), euro, last_success_at=NOON, stale_after_hours=STALE_AFTER_HOURS)
    assert converted.text == "€11.11 spent since 2026-11-01, €9.00 allowed"
    assert (converted.details["spent_usd"], converted.details["limit_usd"]) == ("12.346", "10")
    # Where only the first got through, the second is still due.
    assert [
        [notice.title for notice in due_events(outcome, told, DOLLARS, last_success_at=NOON, stale_after_hours=26)]
        for told in (first.told, second.told)
    ] == [[second.title], []]


# --- over any sequence ----------------------------------------------------------------------------------


@given(RUNS)
def test_failures_and_recoveries_alternate(runs: list[Run]) -> None:
    is_failing = is_stale = False
    for heard in told_of(runs):
        for event in heard.events:
            if event == "failed":
                assert not is_failing
                is_failing = True
            elif event == "stale":
                assert not is_stale
                is_stale = True
            elif event == "recovered":
                assert is_failing or is_stale
                is_failing = is_stale = False


@given(RUNS)
def test_who_heard_all_knows_the_truth(runs: list[Run]) -> None:
    for heard in told_of(runs):
        if not heard.is_all:
            continue
        if heard.run.exit_code == 0:
            assert (heard.told.is_failing, heard.told.is_stale) == (False, False)
        elif heard.run.exit_code != 130:
            assert heard.told.is_failing
        if heard.run.held is not None:
            assert heard.told.held == heard.run.held
            assert heard.run.spent_usd <= 10 or heard.told.budgets == {f"all//daily/{heard.today}/10"}


@given(RUNS)
def test_a_budget_is_never_told_twice_for_a_day(runs: list[Run]) -> None:
    days = [day for heard in told_of(runs) for day in heard.days]
    assert len(days) == len(set(days))


@given(RUNS)
def test_without_facts_what_is_known_of_them_stays(runs: list[Run]) -> None:
    before = Told()
    for heard in told_of(runs):
        if heard.run.held is None:
            assert not {"held", "budget"} & set(heard.events)
            assert (heard.told.held, heard.told.budgets) == (before.held, before.budgets)
        before = heard.told


def quota_at(used: int, *, start: datetime = NOON, maximum: int = 100, source: str = "set") -> QuotaUse:
    """The cost of a block that lasts to its end."""
    limit, spent = Decimal(maximum), Decimal(used)
    return QuotaUse(
        "studio", "block_usd", start, start + timedelta(hours=5), limit, source, spent, limit - spent, used / maximum,
        None, None, 0, None, None, unpriced=False,
    )  # fmt: skip


def told_of_quotas(uses: list[QuotaUse]) -> list[tuple[str, str]]:
    """Let one target hear of how a quota is used, look by look."""
    told = Told()
    notices: list[tuple[str, str]] = []
    for use in uses:
        snapshot = Snapshot(None, None, 0, [], [], [use])
        outcome = RunOutcome(machine="studio", started_at=NOON, finished_at=NOON, exit_code=0, snapshot=snapshot)
        told = known(told, snapshot)
        for notice in due_events(outcome, told, DOLLARS, last_success_at=None, stale_after_hours=STALE_AFTER_HOURS):
            told = notice.told
            notices.append((notice.event, notice.title))
    return notices


def test_a_quota_is_told_of_at_80_and_at_100_percent_of_each_block() -> None:
    later = NOON + timedelta(hours=6)
    uses = [quota_at(79), quota_at(80), quota_at(95), quota_at(100), quota_at(120), quota_at(200, start=later)]

    assert told_of_quotas(uses) == [
        ("quota", "studio: 80.0% of the quota block_usd is used"),
        ("quota", "studio: 100.0% of the quota block_usd is used"),
        ("quota", "studio: 200.0% of the quota block_usd is used"),
    ]


@pytest.mark.parametrize(("source", "times"), [("set", 2), ("largest of the past", 1)])
def test_a_quota_that_a_person_changed_is_told_of_again_and_one_that_grew_is_not(source: str, times: int) -> None:
    uses = [quota_at(most, maximum=most, source=source) for most in (100, 110)]

    assert told_of_quotas(uses) == [("quota", "studio: 100.0% of the quota block_usd is used")] * times


def test_the_notice_of_a_quota_says_when_it_ends_and_runs_out() -> None:
    use = replace(quota_at(90), runs_out_at=NOON + timedelta(hours=1))
    snapshot = Snapshot(None, None, 0, [], [], [use])
    outcome = RunOutcome(machine="studio", started_at=NOON, finished_at=NOON, exit_code=0, snapshot=snapshot)
    [notice] = due_events(outcome, Told(), DOLLARS, last_success_at=None, stale_after_hours=STALE_AFTER_HOURS)

    assert notice.text == (
        "the block ends 2026-11-20 17:00 UTC\nat this rate the rest is used 2026-11-20 13:00 UTC\n"
        "more: ccusage-import quota"
    )
    assert notice.details == {
        "name": "block_usd", "used": "90", "maximum": "100", "share": 0.9, "ends_at": "2026-11-20T17:00:00+00:00",
        "runs_out_at": "2026-11-20T13:00:00+00:00",
    }  # fmt: skip


def test_the_notice_of_what_is_not_well_names_every_problem() -> None:
    disk = Problem("disk", "0.5 GB of disk are left for the warehouse")
    push = Problem("push", "pushes have failed for 30 h: ccusage-import push")

    [notice] = health_events("studio", [disk, push], Told())

    assert (notice.event, notice.title) == ("unwell", "studio: 0.5 GB of disk are left for the warehouse")
    assert notice.text == "pushes have failed for 30 h: ccusage-import push\nmore: ccusage-import status"
    assert notice.details == {"problems": ["disk", "push"]}
    assert list(health_events("studio", [push], notice.told)) == []
    [over] = health_events("studio", [], notice.told)
    assert (over.event, over.title, over.text) == ("well", "studio: all is well again", "")
