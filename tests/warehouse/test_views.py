"""The analytics views against numbers worked out by hand, embedded and over HTTP.

A day of usage after today counts as today, so days of 2099 give figures that do not depend on the current day.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ccusage_import.querying.queries import read_queries, view_names
from ccusage_import.records import ModelPrice, ModelUsage, Provenance, Record
from ccusage_import.rule.verdicts import Decision, Reason, Verdict
from ccusage_import.warehouse.committing import commit
from ccusage_import.warehouse.logged_offers import read_last_offers, worth_logging
from ccusage_import.warehouse.migrations import known_migrations
from ccusage_import.warehouse.prices import write_prices
from ccusage_import.warehouse.publish import write_decisions
from ccusage_import.warehouse.snapshot import last_success_at
from ccusage_import.warehouse.tables import NOT_IMPORTS, Load, write_load
from tests.conftest import Place, Program
from tests.support.claude_dir import SONNET, days_ago

pytestmark = [pytest.mark.exhaustive_at("http"), pytest.mark.usefixtures("engine_stays")]

Rows = list[tuple[Any, ...]]
NOW = datetime.now(UTC).replace(microsecond=0)
VIEWS = view_names()
# Views whose rows add up to `daily`, whatever the machines, agents and days.
SUMMABLE = [
    "daily_summary", "weekly", "monthly_trends", "monthly_from_daily", "machine_summary", "cost_by_model_daily",
    "cost_anomalies",
]  # fmt: skip


@pytest.fixture(autouse=True)
def kept_open(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each warehouse is opened once, unless a test runs the program on it."""
    if "migrated" not in request.fixturenames or "program" in request.fixturenames:
        yield
        return
    migrated: Place = request.getfixturevalue("migrated")
    with migrated.keep_open():
        yield


def record(
    report: str, key: str, day: str, cost: str = "0", tokens: int = 10, zone: str = "UTC", **more: Any
) -> Record:
    """One record of `tokens` output tokens."""
    return Record(
        report, "studio", "claude", key, date.fromisoformat(day), 0, tokens, 0, 0, tokens, Decimal(cost),
        unpriced=False, provenance=Provenance("20.0.24", zone, "auto", ()),
    )._replace(**more)  # fmt: skip


def daily(day: str, cost: str = "0", tokens: int = 10, **more: Any) -> Record:
    """One day."""
    return record("daily", day, day, cost, tokens, **more)


def days(first: str, costs: Sequence[str | int], **more: Any) -> list[Record]:
    """Days in a row, one for each cost."""
    start = date.fromisoformat(first)
    return [daily(str(start + timedelta(days=number)), str(cost), **more) for number, cost in enumerate(costs)]


def model(name: str, cost: str, tokens: tuple[int, int, int, int], *, unpriced: bool = False) -> ModelUsage:
    """One model's part of a day."""
    return ModelUsage(name, *tokens, cost_usd=Decimal(cost), unpriced=unpriced)


def judged(place: Place, decisions: Sequence[Decision], load_id: int = 1000, **more: Any) -> None:
    """Write what an import decided, as one load a machine, and commit it unless told a state."""
    state = more.pop("state", "committed")
    with place.opened() as opened:
        for machine in sorted({decision.record.machine for decision in decisions}) or ["studio"]:
            load = Load(load_id, machine, NOW - timedelta(hours=2), **more)
            write_load(opened, load)
            mine = [each for each in decisions if each.record.machine == machine]
            logged = worth_logging(mine, read_last_offers(opened, machine))
            write_decisions(opened, load, logged, [each for each in mine if each.is_written])
            if state == "committed":
                commit(opened, load)
            else:
                load.state = state
                write_load(opened, load)


def loaded(place: Place, records: Sequence[Record], load_id: int = 1000, **more: Any) -> None:
    """Write new records."""
    new = [Decision(Verdict.NEW, Reason.FIRST_SEEN, None, item, is_written=True) for item in records]
    judged(place, new, load_id, **more)


def budgets(place: Place, *rows: tuple[str, str, str, str, int, int]) -> None:
    """Write budgets: scope, name, period, limit, revision, whether it is deleted."""
    columns = ("scope", "name", "period", "limit_usd", "revision", "is_deleted")
    values = [(*row[:3], Decimal(row[3]), *row[4:]) for row in rows]
    with place.opened() as opened:
        opened.insert("budgets", columns, values, token=f"budgets/{rows!r}")


def rows(place: Place, columns: str, view: str) -> Rows:
    """Return columns of a view, ordered by all of them."""
    return place.rows(f"SELECT {columns} FROM {view} ORDER BY ALL")


# --- every view ---------------------------------------------------------------------------------------


def test_every_view_answers_on_an_empty_warehouse(migrated: Place) -> None:
    # What kinds of savings there are does not depend on what is stored.
    made = [view for view in VIEWS if view != "savings_kinds"]
    assert migrated.answers({view: f"SELECT * FROM {view}" for view in made}) == {view: [] for view in made}


def test_every_column_of_every_view_has_a_comment_and_the_type_it_declares(migrated: Place) -> None:
    used = (model(SONNET, "1", (0, 10, 0, 0)),)
    kept = record("monthly", "2099-04", "2099-04-01")
    loaded(
        migrated,
        [
            kept, *days("2099-04-01", [1] * 15, models=used), block("open", NOW),
            record("projects", "2099-04-15/shop", "2099-04-15", project="shop"),
            record("session", "shop/a", "2099-04-15", project="shop", session_id="a"),
        ],
    )  # fmt: skip
    judged(migrated, [hold(kept, kept)], 2000)
    budgets(migrated, ("all", "", "monthly", "60", 1, 0))
    for view in VIEWS:
        described = migrated.rows(f"DESCRIBE TABLE {view}")
        assert [row[0] for row in described if not row[4]] == [], view
        with migrated.opened() as opened:
            answer = opened.raw(f"SELECT * FROM {view} LIMIT 1", "JSONCompactEachRowWithNamesAndTypes", {})
        names, types = map(json.loads, answer.decode().splitlines()[:2])
        declared = [(str(row[0]), "".join(str(row[1]).split())) for row in described]
        assert list(zip(names, ("".join(name.split()) for name in types), strict=True)) == declared, view


def test_one_day_is_enough_for_every_view_of_days(migrated: Place) -> None:
    used = (model(SONNET, "1.5", (0, 10, 0, 0)),)
    loaded(migrated, [daily("2099-04-15", "1.5", models=used)])

    whole = ("studio", "claude", 10, Decimal("1.5"), False)
    for view in SUMMABLE:
        assert rows(migrated, "machine, agent, total_tokens, cost_usd, unpriced", view) == [whole], view
    assert rows(migrated, "cost_usd, cost_moving_average_7_days_usd, cost_change_usd", "daily_summary") == [
        (Decimal("1.5"), Decimal("1.5"), None)
    ]
    assert rows(migrated, "days_left, month_to_date_usd, forecast_usd, low_usd, backtest_error", "forecast_month") == [
        (16, Decimal("1.5"), Decimal("1.5"), None, None)
    ]
    assert rows(migrated, "compared_days, z_score, is_anomaly", "cost_anomalies") == [(0, None, False)]
    assert rows(migrated, "*", "forecast_weights") == []


def test_sums_over_machines_and_agents_are_those_of_the_days(migrated: Place) -> None:
    loaded(
        migrated,
        [
            daily("2099-03-30", "1.000000001", 1000, models=(model(SONNET, "0.9", (0, 990, 0, 0)),)),
            daily("2099-04-15", "2", 30, unpriced=True),
            daily("2099-04-15", "4", 500, agent="codex", models=(model("gpt-5", "4", (0, 500, 0, 0)),)),
            daily("2099-04-01", "8", 7, machine="laptop"),
            daily("2099-04-14", "16", 9, machine="laptop", agent="codex"),
            record("monthly", "2099-04", "2099-04-01", "99", 99),
            record("projects", "2099-04-15/shop", "2099-04-15", "99", 99, project="shop"),
            record("session", "shop/a", "2099-04-15", "99", 99, project="shop", session_id="a"),
        ],
    )

    for view in ["daily", *SUMMABLE]:
        assert migrated.rows(
            f"SELECT machine, agent, sum(total_tokens), sum(cost_usd), max(unpriced) FROM {view} GROUP BY ALL"
            " ORDER BY ALL"
        ) == [
            ("laptop", "claude", 7, Decimal(8), False),
            ("laptop", "codex", 9, Decimal(16), False),
            ("studio", "claude", 1030, Decimal("3.000000001"), True),
            ("studio", "codex", 500, Decimal(4), False),
        ], view


# --- days, weeks, months --------------------------------------------------------------------------------


def test_days_without_usage_are_rows_with_0_and_count_in_the_averages(migrated: Place) -> None:
    loaded(migrated, [daily("2099-04-12", "7"), daily("2099-04-15", "3.5", 20), daily("2099-04-20", "1")])

    columns = (
        "date, weekday, total_tokens, cost_usd, cost_moving_average_7_days_usd, cost_change_usd, cost_change_ratio"
    )
    assert rows(migrated, columns, "daily_summary") == [
        (date(2099, 4, 12), 7, 10, Decimal(7), Decimal(7), None, None),
        (date(2099, 4, 13), 1, 0, Decimal(0), Decimal("3.5"), Decimal(-7), -1.0),
        (date(2099, 4, 14), 2, 0, Decimal(0), Decimal("2.333333333"), Decimal(0), None),
        (date(2099, 4, 15), 3, 20, Decimal("3.5"), Decimal("2.625"), Decimal("3.5"), None),
        (date(2099, 4, 16), 4, 0, Decimal(0), Decimal("2.1"), Decimal("-3.5"), -1.0),
        (date(2099, 4, 17), 5, 0, Decimal(0), Decimal("1.75"), Decimal(0), None),
        (date(2099, 4, 18), 6, 0, Decimal(0), Decimal("1.5"), Decimal(0), None),
        (date(2099, 4, 19), 7, 0, Decimal(0), Decimal("0.5"), Decimal(0), None),
        (date(2099, 4, 20), 1, 10, Decimal(1), Decimal("0.642857142"), Decimal(1), None),
    ]


def test_the_30_day_average_forgets_the_31st_day(migrated: Place) -> None:
    loaded(migrated, days("2099-03-01", [300, *[3] * 30]))

    found = dict[str, Decimal](rows(migrated, "toString(date), cost_moving_average_30_days_usd", "daily_summary"))
    assert (found["2099-03-30"], found["2099-03-31"]) == (Decimal("12.9"), Decimal(3))


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_days_go_on_to_today_in_the_zone_of_the_machine(migrated: Place, zone: str) -> None:
    before = datetime.now(ZoneInfo(zone)).date()
    old, new = str(before - timedelta(days=3)), str(before - timedelta(days=2))
    loaded(migrated, [daily(old, "1", zone="Pacific/Auckland"), daily(new, "2", zone=zone)])

    found = [row[0] for row in rows(migrated, "date", "daily_summary")]
    after = datetime.now(ZoneInfo(zone)).date()
    assert found[:3] == [before - timedelta(days=left) for left in (3, 2, 1)]
    assert found[-1] in (before, after)
    assert migrated.rows("SELECT days_since_usage FROM freshness")[0][0] in (2, 3)


def test_weeks_round_new_years_belong_to_the_iso_year(migrated: Place) -> None:
    loaded(
        migrated,
        [
            daily("2098-12-28", "1"), daily("2098-12-31", "2"), daily("2099-01-04", "4"),
            daily("2099-01-05", "8"), daily("2099-01-19", "16"),
        ],
    )  # fmt: skip

    assert rows(migrated, "week, iso_year, iso_week, active_days, cost_usd", "weekly") == [
        (date(2098, 12, 22), 2098, 52, 1, Decimal(1)),
        (date(2098, 12, 29), 2099, 1, 2, Decimal(6)),
        (date(2099, 1, 5), 2099, 2, 1, Decimal(8)),
        (date(2099, 1, 12), 2099, 3, 0, Decimal(0)),
        (date(2099, 1, 19), 2099, 4, 1, Decimal(16)),
    ]


def test_months_are_the_sums_of_their_days_with_the_change_to_the_one_before(migrated: Place) -> None:
    loaded(
        migrated,
        [
            daily("2099-01-22", "10"), daily("2099-01-31", "30"), daily("2099-03-02", "5"),
            daily("2099-04-10", "20", unpriced=True), record("monthly", "2099-04", "2099-04-01", "1"),
        ],
    )  # fmt: skip

    columns = (
        "month, days, active_days, cost_usd, unpriced, cost_per_day_usd, cost_per_active_day_usd, cost_change_usd,"
        " cost_change_ratio"
    )
    assert rows(migrated, columns, "monthly_trends") == [
        (date(2099, 1, 1), 10, 2, Decimal(40), False, Decimal(4), Decimal(20), None, None),
        (date(2099, 2, 1), 28, 0, Decimal(0), False, Decimal(0), None, Decimal(-40), -1.0),
        (date(2099, 3, 1), 31, 1, Decimal(5), False, Decimal("0.161290322"), Decimal(5), Decimal(5), None),
        (date(2099, 4, 1), 10, 1, Decimal(20), True, Decimal(2), Decimal(20), Decimal(15), 3.0),
    ]


def test_the_first_period_that_is_cut_and_the_running_one_are_partial(migrated: Place) -> None:
    # From Thursday, January 1st to Tuesday, March 3rd.
    loaded(migrated, [daily("2099-01-01", "1"), daily("2099-03-03", "1")])

    assert rows(migrated, "month, is_partial", "monthly_trends") == [
        (date(2099, 1, 1), False), (date(2099, 2, 1), False), (date(2099, 3, 1), True),
    ]  # fmt: skip
    assert rows(migrated, "week", "weekly WHERE is_partial") == [(date(2098, 12, 29),), (date(2099, 3, 2),)]
    assert rows(migrated, "date", "daily_summary WHERE is_partial") == [(date(2099, 3, 3),)]

    loaded(migrated, [daily("2099-01-02", "1", agent="codex"), daily("2099-03-31", "1", agent="codex")])

    # Today is not over either, also where it is the last day of a month.
    assert rows(migrated, "month, is_partial", "monthly_trends WHERE agent = 'codex'") == [
        (date(2099, 1, 1), True), (date(2099, 2, 1), False), (date(2099, 3, 1), True),
    ]  # fmt: skip


# --- models ---------------------------------------------------------------------------------------------


def write_message(file: Path, number: int, name: str, usage: dict[str, int]) -> None:
    """Append an answer to a transcript."""
    counted = dict.fromkeys(
        ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"), 0
    )
    line = {
        "timestamp": days_ago(1).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "sessionId": "a",
        "version": "2.0.14",
        "requestId": f"req_{number}",
        "message": {"id": f"msg_{number}", "model": name, "usage": counted | usage},
    }
    with file.open("a") as transcript:
        transcript.write(json.dumps(line, separators=(",", ":")) + "\n")


def priced(
    place: Place, name: str, *usd: str, agent: str = "claude", load_id: int = 1, ccusage_version: str = "20.0.24"
) -> None:
    """Write what a million tokens of a model cost: input, output, cache writes of 5 minutes and an hour, reads."""
    price = ModelPrice(agent, name, *map(Decimal, usd))
    with place.opened() as opened:
        write_prices(opened, load_id, ccusage_version, [price], is_offline=True)


def test_the_price_is_that_of_the_load_and_of_its_ccusage_else_the_nearest(migrated: Place) -> None:
    part = (model("m", "9", (1_000_000, 0, 0, 0)),)
    for number, version in enumerate(("20.0.24", "20.0.24", "20.0.24", "18.0.11", "")):
        provenance = Provenance(version, "UTC", "auto", ())
        day = daily(f"2099-04-0{number + 1}", "9", models=part, provenance=provenance)
        loaded(migrated, [day], 1000 * (number + 1))
    priced(migrated, "m", "2", "0", "0", "0", "0", load_id=2000)
    priced(migrated, "m", "3", "0", "0", "0", "0", load_id=2500)
    priced(migrated, "m", "3", "0", "0", "0", "0", load_id=2600)
    priced(migrated, "m", "8", "0", "0", "0", "0", load_id=5000, ccusage_version="18.0.11")

    # Before the first price, at it, after the second, of another ccusage, of an unknown one.
    assert rows(migrated, "date, input_usd, other_cost_usd", "model_costs") == [
        (date(2099, 4, 1), Decimal(2), Decimal(7)),
        (date(2099, 4, 2), Decimal(2), Decimal(7)),
        (date(2099, 4, 3), Decimal(3), Decimal(6)),
        (date(2099, 4, 4), Decimal(8), Decimal(1)),
        (date(2099, 4, 5), Decimal(8), Decimal(1)),
    ]
    assert rows(migrated, "ccusage_version, input_usd, is_current", "prices") == [
        ("18.0.11", Decimal(8), True),
        ("20.0.24", Decimal(2), False),
        ("20.0.24", Decimal(3), True),
    ]


def test_cache_writes_of_an_hour_are_between_none_and_all(migrated: Place) -> None:
    costs = {"2099-04-01": "3.7", "2099-04-02": "4.875", "2099-04-03": "6.5"}
    parts = {day: (model(SONNET, cost, (0, 0, 1_000_000, 0)),) for day, cost in costs.items()}
    loaded(migrated, [daily(day, cost, models=parts[day]) for day, cost in costs.items()])
    priced(migrated, SONNET, "3", "15", "3.75", "6", "0.3")

    columns = "date, cache_creation_1h_tokens, cache_creation_cost_usd, other_cost_usd"
    assert rows(migrated, columns, "model_costs") == [
        (date(2099, 4, 1), 0, Decimal("3.75"), Decimal("-0.05")),
        (date(2099, 4, 2), 500_000, Decimal("4.875"), Decimal(0)),
        (date(2099, 4, 3), 1_000_000, Decimal(6), Decimal("0.5")),
    ]


def test_the_cost_of_several_models_is_split_where_all_prices_are_known(migrated: Place) -> None:
    # 1 $ of input and half one of output are half of 2.50 $ of cache writes and half one of reads.
    parts = (
        model("a", "0", (1_000_000, 100_000, 0, 0)),
        model("b", "0", (0, 0, 1_000_000, 1_000_000)),
        model("a + b", "4.95", (0, 0, 0, 0)),
    )
    loaded(migrated, [daily("2099-04-01", "4.95", agent="codex", models=parts)])
    priced(migrated, "a", "1", "5", "1", "1", "1", agent="codex")

    columns = "model, cost_usd, other_cost_usd"
    assert rows(migrated, columns, "model_costs") == [
        ("a", Decimal(0), Decimal("-1.5")), ("a + b", Decimal("4.95"), Decimal("4.95")), ("b", Decimal(0), Decimal(0)),
    ]  # fmt: skip

    priced(migrated, "b", "1", "1", "2.5", "2.5", "0.5", agent="codex")

    assert rows(migrated, columns, "model_costs") == [
        ("a", Decimal("1.65"), Decimal("0.15")), ("b", Decimal("3.3"), Decimal("0.3")),
    ]  # fmt: skip


def test_prices_by_class_are_the_list_prices_of_real_ccusage(migrated: Place, program: Program, tmp_path: Path) -> None:
    file = tmp_path / "claude" / "projects" / "-home-ana-shop" / "a.jsonl"
    file.parent.mkdir(parents=True)
    classes = {
        "input_tokens": 100_000, "output_tokens": 50_000, "cache_creation_input_tokens": 40_000,
        "cache_read_input_tokens": 150_000,
    }  # fmt: skip
    models = ["claude-3-haiku-20240307", "claude-opus-4-6", SONNET, "gemini-3-pro-preview", "gpt-5", "gpt-5.4", "o3"]
    for number, (name, (kind, tokens)) in enumerate(
        (name, each) for name in [*models, "nobody-knows-1"] for each in classes.items()
    ):
        write_message(file, number, name, {kind: tokens})
    done = program(
        "import", "--warehouse", migrated.url, "--claude-dir", tmp_path / "claude", "--timezone", "UTC", "--quiet"
    )
    assert done.exit_code == 0, done.stderr

    names = "input_cost_per_million_usd, output_cost_per_million_usd, cache_creation_cost_per_million_usd"
    names += ", cache_creation_1h_cost_per_million_usd"
    found = {
        row[0]: [None if price is None else round(price, 9) for price in row[1:]]
        for row in rows(migrated, f"model, {names}, cache_read_cost_per_million_usd", "model_performance")
    }
    assert found == {
        "claude-3-haiku-20240307": [0.25, 1.25, 0.3, 0.5, 0.03],
        "claude-opus-4-6": [5, 25, 6.25, 10, 0.5],
        SONNET: [3, 15, 3.75, 6, 0.3],
        "gemini-3-pro-preview": [2, 12, 2.5, 4, 0.2],
        "gpt-5": [1.25, 10, 1.5625, 2.5, 0.125],
        "gpt-5.4": [2.5, 15, 3.125, 5, 0.25],
        "nobody-knows-1": [None, None, None, None, None],
        "o3": [0.55, 2.2, 0.6875, 1.1, 0.275],
    }
    # 0.30 + 0.75 + 0.15 + 0.045 $; 150 of 290 thousand input tokens; 0.15 * 2.7 - 0.04 * 0.75 $.
    assert migrated.rows(
        "SELECT cost_usd, round(cost_per_million_tokens_usd, 9), round(cache_hit_rate, 9), cache_savings_usd"
        f" FROM model_performance WHERE model = '{SONNET}'"
    ) == [(Decimal("1.245"), 3.661764706, 0.517241379, Decimal("0.375"))]
    assert migrated.rows(
        "SELECT unpriced, cost_usd, cost_per_million_tokens_usd, cache_savings_usd FROM model_performance"
        " WHERE model = 'nobody-knows-1'"
    ) == [(True, Decimal(0), None, None)]
    assert migrated.rows("SELECT sum(cost_usd), max(unpriced) FROM cost_by_model_daily") == migrated.rows(
        "SELECT sum(cost_usd), max(unpriced) FROM daily"
    )


def test_unpriced_days_of_a_model_do_not_lower_its_price(migrated: Place) -> None:
    loaded(
        migrated,
        [
            daily("2099-04-14", models=(model("claude-opus-5", "0", (500, 500, 0, 0), unpriced=True),)),
            daily("2099-04-15", "0.03", models=(model("claude-opus-5", "0.03", (1000, 1000, 0, 0)),)),
        ],
    )
    priced(migrated, "claude-opus-5", "5", "25", "6.25", "10", "0.5")

    columns = "active_days, total_tokens, unpriced, cost_per_million_tokens_usd, input_cost_per_million_usd"
    assert rows(migrated, f"{columns}, cache_hit_rate", "model_performance") == [(2, 3000, True, 15.0, 5.0, 0.0)]


def test_a_cache_that_is_written_and_never_read_costs_more_than_none(migrated: Place) -> None:
    # 1,000 * 3 $ + 10,000 * 3.75 $ a million.
    loaded(migrated, [daily("2099-04-15", "0.0405", models=(model(SONNET, "0.0405", (1000, 0, 10_000, 0)),))])
    priced(migrated, SONNET, "3", "15", "3.75", "6", "0.3")

    assert rows(migrated, "cache_hit_rate, cache_savings_usd", "model_performance") == [(0.0, Decimal("-0.0075"))]


def test_usage_of_no_model_is_the_row_of_the_empty_one(migrated: Place) -> None:
    parts = (model("opus", "3", (1, 2, 3, 4)), model("odd", "0", (0, 0, 0, 5), unpriced=True))
    whole: dict[str, Any] = {"input_tokens": 2, "output_tokens": 4, "cache_creation_tokens": 3, "cache_read_tokens": 9}
    loaded(migrated, [daily("2099-04-15", "4", 18, unpriced=True, models=parts)._replace(**whole)])

    columns = "model, input_tokens, output_tokens, cache_creation_tokens, cache_read_tokens, total_tokens"
    assert rows(migrated, f"{columns}, cost_usd, unpriced, cost_share", "cost_by_model_daily") == [
        ("", 1, 2, 0, 0, 3, Decimal(1), False, 0.25),
        ("odd", 0, 0, 0, 5, 5, Decimal(0), True, 0.0),
        ("opus", 1, 2, 3, 4, 10, Decimal(3), False, 0.75),
    ]


def test_a_rounded_billionth_is_no_usage_of_no_model(migrated: Place) -> None:
    loaded(migrated, [daily("2099-04-15", "1.000000001", models=(model(SONNET, "1", (0, 10, 0, 0)),))])

    assert rows(migrated, "model, cost_usd", "cost_by_model_daily") == [(SONNET, Decimal(1))]


# --- sessions, projects, machines, blocks -----------------------------------------------------------------


def test_a_session_has_a_duration_and_a_cost_by_hour(migrated: Place) -> None:
    start = datetime(2025, 9, 1, 10, tzinfo=UTC)
    told: dict[str, Any] = {"project": "shop", "started_at": start}
    loaded(
        migrated,
        [
            record(
                "session", "shop/a", "2025-09-01", "3", session_id="a", ended_at=start + timedelta(minutes=90), **told
            ),
            record("session", "shop/b", "2025-09-01", "3", session_id="b", ended_at=start, **told),
            record("session", "shop/c", "2025-09-01", "3", session_id="c", project="shop"),
            record("session", "shop/d", "2025-09-01", "3", session_id="d", is_project_total=True),
        ],
    )  # fmt: skip

    assert rows(migrated, "session_id, cost_usd, duration_minutes, cost_per_hour_usd", "session_summary") == [
        ("a", Decimal(3), 90.0, 2.0),
        ("b", Decimal(3), 0.0, None),
        ("c", Decimal(3), None, None),
    ]


def test_projects_are_summed_over_their_days_apart_for_each_machine_and_agent(migrated: Place) -> None:
    def used(day: int, project: str, cost: str, **more: Any) -> Record:
        return record("projects", f"2025-09-0{day}/{project}", f"2025-09-0{day}", cost, project=project, **more)

    loaded(
        migrated,
        [
            used(1, "shop", "1"), used(3, "shop", "5", unpriced=True), used(2, "blog", "2"),
            used(4, "shop", "7", machine="laptop"), used(5, "shop", "9", agent="codex"),
        ],
    )  # fmt: skip

    columns = "machine, agent, project, first_day, last_day, active_days, cost_usd, unpriced, cost_share"
    assert rows(migrated, f"{columns}, cost_per_active_day_usd", "project_summary") == [
        ("laptop", "claude", "shop", date(2025, 9, 4), date(2025, 9, 4), 1, Decimal(7), False, 1.0, Decimal(7)),
        ("studio", "claude", "blog", date(2025, 9, 2), date(2025, 9, 2), 1, Decimal(2), False, 0.25, Decimal(2)),
        ("studio", "claude", "shop", date(2025, 9, 1), date(2025, 9, 3), 2, Decimal(6), True, 0.75, Decimal(3)),
        ("studio", "codex", "shop", date(2025, 9, 5), date(2025, 9, 5), 1, Decimal(9), False, 1.0, Decimal(9)),
    ]


def test_machines_have_their_share_of_the_cost_of_all(migrated: Place) -> None:
    loaded(
        migrated,
        [
            daily("2025-09-01", "1"), daily("2025-09-05", "2"), daily("2025-09-07", "0", 0),
            daily("2025-09-02", "1", machine="laptop"),
        ],
    )  # fmt: skip

    columns = "machine, agent, first_day, last_day, active_days, cost_usd, cost_per_active_day_usd, cost_share"
    assert rows(migrated, columns, "machine_summary") == [
        ("laptop", "claude", date(2025, 9, 2), date(2025, 9, 2), 1, Decimal(1), Decimal(1), 0.25),
        ("studio", "claude", date(2025, 9, 1), date(2025, 9, 5), 2, Decimal(3), Decimal("1.5"), 0.75),
    ]


def block(key: str, started_at: datetime, *, is_active: bool = True, **more: Any) -> Record:
    """A five-hour block."""
    ends_at = started_at + timedelta(hours=5)
    return record(
        "blocks", key, str(started_at.date()), "4", 600, started_at=started_at, block_ends_at=ends_at,
        is_active=is_active, **more,
    )  # fmt: skip


def test_an_active_block_counts_down_from_now_and_is_as_old_as_its_load(migrated: Place) -> None:
    rate: dict[str, Any] = {
        "tokens_per_minute": 5.0, "cost_per_hour_usd": 2.0, "projected_tokens": 1500,
        "projected_cost_usd": Decimal(10), "remaining_minutes": 180,
    }  # fmt: skip
    read_at = NOW - timedelta(minutes=30)
    loaded(
        migrated,
        [
            block("open", NOW - timedelta(hours=2), **rate),
            block("over", NOW - timedelta(hours=6), **rate),
            block("closed", NOW - timedelta(hours=1), is_active=False),
            block("one", NOW - timedelta(hours=1), machine="laptop"),
        ],
        load_id=int(read_at.timestamp()) * 1_000_000,
    )

    columns = "machine, total_tokens, cost_usd, tokens_per_minute, cost_per_hour_usd, projected_tokens"
    assert rows(migrated, f"{columns}, projected_cost_usd, ends_at, read_at", "active_blocks") == [
        ("laptop", 600, Decimal(4), None, None, None, None, NOW + timedelta(hours=4), read_at),
        ("studio", 600, Decimal(4), 5.0, 2.0, 1500, Decimal(10), NOW + timedelta(hours=3), read_at),
    ]
    # Both told by one clock: the block ends 3.5 hours after it was read.
    assert migrated.rows(
        "SELECT round(minutes_left + age_minutes, 6), age_minutes >= 30 FROM active_blocks WHERE machine = 'studio'"
    ) == [(210.0, True)]


def test_the_hours_of_a_block_add_up_to_it_in_the_zone_of_its_row(migrated: Place) -> None:
    # 22:00 to 23:30 UTC on Wednesday is 23:00 to 00:30 in Berlin's winter: the last hour is on Thursday.
    start = datetime(2099, 1, 7, 22, tzinfo=UTC)
    loaded(migrated, [block("late", start, zone="Europe/Berlin", ended_at=start + timedelta(minutes=90))])

    assert rows(migrated, "weekday, hour, cost_usd, total_tokens", "block_hours") == [
        (3, 23, 2.0, 300),
        (4, 0, 2.0, 300),
    ]


def hour(start: datetime, cost: str, tokens: int) -> Record:
    """An hour as ccusage tells it."""
    ends_at = start + timedelta(hours=1)
    return record("hours", f"{start:%FT%H}", str(start.date()), cost, tokens, started_at=start, block_ends_at=ends_at)


def test_hours_of_ccusage_tell_the_hours_of_a_block_and_what_they_do_not_tell_is_spread(migrated: Place) -> None:
    # Of the block of the 7th ccusage told 09:00 and 11:00; of that of the 8th, 600 tokens for 4 dollars, nothing.
    told, spread = datetime(2099, 1, 7, 9, tzinfo=UTC), datetime(2099, 1, 8, 9, tzinfo=UTC)
    last = timedelta(hours=2, minutes=30)
    loaded(
        migrated,
        [
            block("told", told, ended_at=told + last),
            hour(told, "1", 150),
            hour(told + timedelta(hours=2), "3", 450),
            block("spread", spread, ended_at=spread + timedelta(minutes=90)),
        ],
    )

    assert rows(migrated, "at, cost_usd, total_tokens, source, is_estimate", "block_hours") == [
        (told, 1.0, 150.0, "hours", False),
        (told + timedelta(hours=1), 0.0, 0.0, "hours", False),
        (told + timedelta(hours=2), 3.0, 450.0, "hours", False),
        (spread, 2.0, 300.0, "spread", True),
        (spread + timedelta(hours=1), 2.0, 300.0, "spread", True),
    ]
    assert rows(migrated, "at, source, cost_usd, total_tokens", "hourly") == [
        (told, "hours", 1.0, 150.0),
        (told + timedelta(hours=2), "hours", 3.0, 450.0),
        (spread, "blocks", 2.0, 300.0),
        (spread + timedelta(hours=1), "blocks", 2.0, 300.0),
    ]


def test_hours_share_out_a_block_that_was_kept_larger(migrated: Place) -> None:
    # 4 dollars and 600 tokens are kept of a block of whose hours ccusage first told when half was swept.
    start = datetime(2099, 1, 7, 9, tzinfo=UTC)
    loaded(
        migrated,
        [
            block("kept", start, ended_at=start + timedelta(minutes=90)),
            hour(start, "0.5", 100),
            hour(start + timedelta(hours=1), "1.5", 200),
        ],
    )

    shares = [(start, 1.0, 200.0), (start + timedelta(hours=1), 3.0, 400.0)]
    assert rows(migrated, "at, cost_usd, total_tokens", "block_hours") == shares
    assert rows(migrated, "at, cost_usd, total_tokens", "hourly") == shares


def test_what_reports_hold_of_their_days_by_hand(migrated: Place) -> None:
    # 02:00 UTC on January 8 is the 7th in New York.
    started = datetime(2099, 1, 8, 2, tzinfo=UTC)
    loaded(
        migrated,
        [
            *days("2099-01-06", [100, 6, 4]),
            record("session", "shop/a", "2099-01-08", "9.5", 15, "America/New_York", started_at=started),
            block("2099-01-08T12:00:00.000Z", datetime(2099, 1, 8, 12, tzinfo=UTC)),
            record("monthly", "2099-01", "2099-01-01", "88", 30),
        ],
    )

    columns = "report, first_day, last_day, total_tokens, cost_usd, day_tokens, day_cost_usd, tokens_share, cost_share"
    first, seventh, eighth = (date(2099, 1, number) for number in (1, 7, 8))
    assert rows(migrated, columns, "report_coverage") == [
        ("blocks", eighth, eighth, 600, Decimal(4), 10, Decimal(4), 60.0, 1.0),
        ("monthly", first, date(2099, 1, 31), 30, Decimal(88), 30, Decimal(110), 1.0, 0.8),
        ("session", seventh, eighth, 15, Decimal("9.5"), 20, Decimal(10), 0.75, 0.95),
    ]


# --- loads and what they held -----------------------------------------------------------------------------


def test_every_view_and_query_knows_the_same_loads_that_are_no_imports() -> None:
    texts = (*(view.sql for view in known_migrations()), *(query.sql for query in read_queries()))
    lists = [found for text in texts for found in re.findall(r"runner NOT IN (\([^)]+\))", text)]

    assert len(lists) > 1
    assert {ast.literal_eval(found) for found in lists} == {NOT_IMPORTS}


def test_freshness_tells_the_last_import_and_the_last_that_went_well(migrated: Place) -> None:
    loaded(migrated, [daily("2025-09-01", "1"), daily("2025-09-03", "1", agent="codex"), daily("2025-09-09", "0", 0)])
    judged(migrated, [], 2000, state="failed", error="no answer")
    judged(migrated, [], 3000, runner="changes")
    loaded(migrated, [daily("2025-09-02", "1", machine="laptop")], failed_reports=("blocks",))

    columns = "machine, agents, last_state, last_failed, last_error, failed_reports, last_day, last_load_at"
    assert rows(migrated, columns, "freshness") == [
        ("laptop", ["claude"], "committed", True, "", ["blocks"], date(2025, 9, 2), NOW - timedelta(hours=2)),
        ("studio", ["claude", "codex"], "failed", True, "no answer", [], date(2025, 9, 3), NOW - timedelta(hours=2)),
    ]
    assert migrated.rows(
        "SELECT machine, age_hours BETWEEN 0 AND 1, last_success_at = finished_at,"
        " days_since_usage = today() - last_day"
        " FROM freshness INNER JOIN (SELECT machine, finished_at FROM loads FINAL WHERE load_id = 1000) AS finished"
        " USING (machine) ORDER BY machine"
    ) == [("laptop", None, None, True), ("studio", True, True, True)]


def test_success_means_the_same_in_the_view_and_in_status(migrated: Place) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    ended = now + timedelta(minutes=30)
    loaded(migrated, [daily("2025-09-01", "1")], 1000)
    judged(migrated, [], 2000, state="undone", finished_at=ended)
    judged(migrated, [], 3000, failed_reports=("blocks",))
    judged(migrated, [], 4000, undoes=2000)
    judged(migrated, [], 5000, finished_at=now + timedelta(minutes=90))

    with migrated.opened() as opened:
        assert last_success_at(opened, "studio", now) == ended
    assert rows(migrated, "last_success_at", "freshness") == [(ended,)]


def test_a_machine_that_never_succeeded_has_no_age(migrated: Place) -> None:
    judged(migrated, [], state="interrupted")

    columns = "machine, agents, last_state, last_failed, last_success_at, age_hours, last_day, days_since_usage"
    assert rows(migrated, columns, "freshness") == [("studio", [], "interrupted", True, None, None, None, None)]


def hold(stored: Record, offered: Record) -> Decision:
    """Keep what is stored."""
    return Decision(Verdict.HELD, Reason.MAY_BE_SWEPT, stored, offered, is_written=False)


def test_what_is_held_is_the_last_offer_until_something_is_taken(migrated: Place) -> None:
    kept, other = daily("2025-09-01", "5", 100), daily("2025-09-02", "9", 90)
    loaded(migrated, [kept, other])
    judged(migrated, [hold(kept, daily("2025-09-01", "3", 60)), hold(other, daily("2025-09-02", "1", 1))], 2000)
    grew = daily("2025-09-01", "6", 120)
    judged(migrated, [Decision(Verdict.GREW, Reason.MORE_TOKENS, kept, grew, is_written=True)], 3000)
    columns = (
        "report, machine, agent, key, day, reason, stored_tokens, offered_tokens, stored_cost_usd, offered_cost_usd"
    )
    held = ("daily", "studio", "claude", "2025-09-02", date(2025, 9, 2), "may_be_swept", 90, 1, Decimal(9), Decimal(1))
    assert rows(migrated, f"{columns}, load_id", "held_records") == [(*held, 2000)]

    judged(migrated, [hold(grew, daily("2025-09-01", "2", 40))], 4000)
    judged(migrated, [hold(grew, daily("2025-09-01", "1", 20))], 5000)
    # A load that died says nothing.
    judged(migrated, [hold(grew, daily("2025-09-01", "0.5", 10))], 6000, state="interrupted")

    again = (
        "daily",
        "studio",
        "claude",
        "2025-09-01",
        date(2025, 9, 1),
        "may_be_swept",
        120,
        20,
        Decimal(6),
        Decimal(1),
    )
    assert rows(migrated, f"{columns}, load_id", "held_records") == [(*again, 5000), (*held, 2000)]
    assert migrated.rows(
        "SELECT held_since = (SELECT max(decided_at) FROM changes WHERE load_id = 4000),"
        " offered_at = (SELECT max(decided_at) FROM changes WHERE load_id = 5000)"
        " FROM held_records WHERE key = '2025-09-01'"
    ) == [(True, True)]


# --- anomalies --------------------------------------------------------------------------------------------


def workdays(first: str, costs: Sequence[str | int], **more: Any) -> list[Record]:
    """Days from Monday to Friday, one for each cost."""
    start = date.fromisoformat(first)
    every = (start + timedelta(days=number) for number in range(2 * len(costs)))
    weekdays = [day for day in every if day.isoweekday() <= 5]
    return [daily(str(day), str(cost), **more) for day, cost in zip(weekdays, costs, strict=False)]


def test_the_robust_z_score_by_hand(migrated: Place) -> None:
    # Seven workdays with median 8, half or twice of which is the median deviation; then 8 times and 4 times as much.
    # A Friday without cost has no score, and a Saturday is not compared with workdays.
    loaded(migrated, [*workdays("2099-03-02", [8, 16, 4, 8, 16, 4, 8, 64, 32, 0]), daily("2099-03-14", "64")])

    columns = "date, compared_days, median_cost_usd, round(mad_log, 6), round(z_score, 4), is_anomaly"
    assert rows(migrated, columns, "cost_anomalies WHERE date > '2099-03-09'") == [
        (date(2099, 3, 10), 6, None, None, None, False),
        (date(2099, 3, 11), 7, 8.0, 0.693147, 2.0235, True),
        (date(2099, 3, 12), 8, 8.0, 0.693147, 1.349, False),
        (date(2099, 3, 13), 0, None, None, None, False),
        (date(2099, 3, 14), 0, None, None, None, False),
    ]


def test_a_day_of_less_than_usual_is_no_anomaly(migrated: Place) -> None:
    loaded(migrated, workdays("2099-03-02", [8, 16, 4, 8, 16, 4, 8, 1]))

    assert rows(migrated, "round(z_score, 4), is_anomaly", "cost_anomalies WHERE date = '2099-03-11'") == [
        (-2.0235, False)
    ]


def test_without_deviation_there_is_no_score_but_for_the_median_itself(migrated: Place) -> None:
    loaded(migrated, workdays("2099-03-02", [5] * 8 + [6, 16]))

    assert rows(migrated, "date, mad_log, z_score, is_anomaly", "cost_anomalies WHERE date > '2099-03-10'") == [
        (date(2099, 3, 11), 0.0, 0.0, False),
        (date(2099, 3, 12), 0.0, None, False),
        (date(2099, 3, 13), 0.0, None, True),
    ]


def test_a_day_is_compared_with_20_days_of_its_own_machine_and_agent(migrated: Place) -> None:
    own = workdays("2099-02-02", [900, 900, 8, 16, *[4, 8, 16] * 6, 32])
    loaded(migrated, [*own, daily("2099-03-04", "70", agent="codex")])

    columns = "agent, compared_days, median_cost_usd, round(mad_log, 6), round(z_score, 4)"
    assert rows(migrated, columns, "cost_anomalies WHERE date = '2099-03-04'") == [
        ("claude", 20, 8.0, 0.693147, 1.349),
        ("codex", 0, None, None, None),
    ]


# --- forecast and budgets -----------------------------------------------------------------------------------


def test_a_day_is_forecast_from_the_same_weekday_of_the_weeks_before_and_today_from_what_is_missing(
    migrated: Place,
) -> None:
    # Six whole weeks before April 15, a Wednesday. A quarter of what is usual is spent: the weights are three quarters.
    loaded(migrated, days("2099-03-01", [1] * 45 + ["0.25"]))

    assert rows(migrated, "today, date, source_date, weight", "forecast_weights WHERE date = '2099-04-15'") == [
        (date(2099, 4, 15), date(2099, 4, 15), date(2099, 3, 4), 0.125),
        (date(2099, 4, 15), date(2099, 4, 15), date(2099, 3, 11), 0.125),
        (date(2099, 4, 15), date(2099, 4, 15), date(2099, 3, 18), 0.125),
        (date(2099, 4, 15), date(2099, 4, 15), date(2099, 3, 25), 0.125),
        (date(2099, 4, 15), date(2099, 4, 15), date(2099, 4, 1), 0.125),
        (date(2099, 4, 15), date(2099, 4, 15), date(2099, 4, 8), 0.125),
    ]
    assert rows(migrated, "source_date, round(weight, 6)", "forecast_weights WHERE date = '2099-04-23'") == [
        (date(2099, 3, 5), 0.166667),
        (date(2099, 3, 12), 0.166667),
        (date(2099, 3, 19), 0.166667),
        (date(2099, 3, 26), 0.166667),
        (date(2099, 4, 2), 0.166667),
        (date(2099, 4, 9), 0.166667),
    ]


def test_a_history_of_less_than_a_week_is_forecast_from_its_mean(migrated: Place) -> None:
    loaded(migrated, days("2099-04-12", [3, 6, 12, 1]))

    assert rows(migrated, "source_date, round(weight, 6)", "forecast_weights WHERE date = '2099-04-27'") == [
        (date(2099, 4, 12), 0.333333),
        (date(2099, 4, 13), 0.333333),
        (date(2099, 4, 14), 0.333333),
    ]
    # 3 + 6 + 12 spent and sixteen days of 7, today among them.
    columns = "month_to_date_usd, forecast_usd, low_usd, high_usd, backtest_error, backtest_forecasts"
    assert rows(migrated, columns, "forecast_month") == [(Decimal(22), Decimal(21 + 112), None, None, None, 0)]


def test_the_forecast_of_a_month_its_interval_and_its_error_by_hand(migrated: Place) -> None:
    # 1 $ a day up to February, 2 $ since March. Today is April 15 with 16 days left, less than a third of 104.
    loaded(migrated, days("2099-01-01", [1] * 59 + [2] * 46))

    # 82 forecasts from January 8 to March 30, of 1912 $. The last 7 days missed 1 to 16 $ from February 14 to March 1,
    # then 16 * (6 + 5 + 4 + 3 + 2 + 1) / 7 $: less than any other. 60 were right; 0.8 * 81 lies between March 6, which
    # missed 32 / 7 of a scale of (192 + 122) / 14 $, and February 17, which missed a quarter: 0.240764. Today's
    # scale of (32 + 16 * 101 / 56) / 2 times that, times 1 + 0.75 * 16 / 82, is 8.3982 $ on both sides of the 32 $, of
    # which 2 $ are spent.
    columns = "month, today, days_left, month_to_date_usd, forecast_usd, round(low_usd, 4), round(high_usd, 4), method"
    assert rows(migrated, columns, "forecast_month") == [
        (
            date(2099, 4, 1), date(2099, 4, 15), 16, Decimal(30), Decimal(60), Decimal("51.6018"), Decimal("68.3982"),
            "last 7 days",
        )
    ]  # fmt: skip
    assert rows(migrated, "round(backtest_error, 9), backtest_forecasts, backtest_days", "forecast_month") == [
        (0.09623431, 82, 16)
    ]
    # 10 a day.
    assert rows(migrated, "month_to_date_tokens, forecast_tokens", "forecast_month") == [(150, 300)]


def test_forecasts_of_the_last_year_are_tried_and_look_back_on_56_days(migrated: Place) -> None:
    # 1 $ a day for 500 days, but 57 $ on the first of the 56 that the forecast of a year ago looks back on, a Tuesday
    # as that day, or on the day before. Of the 16 days of that forecast three are Tuesdays: they are forecast at 8 $.
    for machine, dear_day in (("studio", 421), ("laptop", 422)):
        costs = [57 if ago == dear_day else 1 for ago in range(499, -1, -1)]
        loaded(migrated, days("2097-12-02", costs, machine=machine))

    columns = "machine, today, method, round(backtest_error, 9), backtest_forecasts"
    of_weekdays = "forecast_methods WHERE agent != '' AND machine != '' AND method LIKE 'weekday of %'"
    found = rows(migrated, columns, of_weekdays)
    today = date(2099, 4, 15)
    assert sorted(found) == [
        ("laptop", today, "weekday of 4 weeks", 0, 350),
        ("laptop", today, "weekday of 8 weeks", 0, 350),
        ("laptop", today, "weekday of last week", 0, 350),
        ("studio", today, "weekday of 4 weeks", 0, 350),
        ("studio", today, "weekday of 8 weeks", round(21 / 5600, 9), 350),
        ("studio", today, "weekday of last week", 0, 350),
    ]


def test_a_total_names_all_methods_of_its_parts(migrated: Place) -> None:
    # A steady machine keeps the first method; that of one whose cost doubled in March is worked out above.
    loaded(migrated, [*days("2099-01-01", [1] * 59 + [2] * 46), *days("2099-01-01", [1] * 105, machine="laptop")])

    assert rows(migrated, "machine, method", "forecast_totals WHERE agent = ''") == [
        ("", "last 7 days, weekday of 8 weeks"), ("laptop", "weekday of 8 weeks"), ("studio", "last 7 days"),
    ]  # fmt: skip


def test_weekdays_have_forecasts_of_their_own_and_today_counts_as_the_larger(migrated: Place) -> None:
    # Five weeks from Wednesday: 10 $ on workdays, nothing at the weekend. Today, Wednesday, cost 4 $ or 40 $ so far.
    week = [10, 10, 10, 0, 0, 10, 10]
    loaded(migrated, [*days("2099-03-11", week * 5 + [4]), *days("2099-03-11", week * 5 + [40], machine="laptop")])

    # April 1 to 14 have ten workdays, 15 to 30 have twelve; 22 in all.
    columns = "machine, agent, month_to_date_usd, forecast_usd, method, backtest_error"
    method = "weekday of 8 weeks"
    assert rows(migrated, columns, "forecast_totals") == [
        ("", "", Decimal(244), Decimal(470), method, 0),
        ("", "claude", Decimal(244), Decimal(470), method, 0),
        ("laptop", "", Decimal(140), Decimal(250), method, 0),
        ("laptop", "claude", Decimal(140), Decimal(250), method, 0),
        ("studio", "", Decimal(104), Decimal(220), method, 0),
        ("studio", "claude", Decimal(104), Decimal(220), method, 0),
    ]
    assert rows(migrated, "machine, forecast_usd", "forecast_month") == [
        ("laptop", Decimal(250)), ("studio", Decimal(220)),
    ]  # fmt: skip


def test_each_day_that_is_left_has_a_forecast_with_what_today_has_cost_already(migrated: Place) -> None:
    # As above. The laptop has been used up to the day before, on which it cost what is usual.
    week = [10, 10, 10, 0, 0, 10, 10]
    loaded(migrated, [*days("2099-03-11", week * 5 + [4]), *days("2099-03-11", week * 5, machine="laptop")])

    workdays = [date(2099, 4, day) for day in (15, 16, 17, 20, 21, 22, 23, 24, 27, 28, 29, 30)]
    assert rows(migrated, "machine, today, days_usd", "forecast_totals WHERE agent = ''") == [
        ("", date(2099, 4, 15), dict.fromkeys(workdays, 20)),
        ("laptop", date(2099, 4, 14), dict.fromkeys([date(2099, 4, 14), *workdays], 10)),
        ("studio", date(2099, 4, 15), dict.fromkeys(workdays, 10)),
    ]
    columns = "machine, days_usd[1], days_usd[4], length(days_usd), round(arraySum(days_usd) - left_usd, 9)"
    assert rows(migrated, columns, "forecast_methods WHERE agent != '' AND is_chosen") == [
        ("", 20, 0, 16, 0), ("laptop", 10, 10, 17, 0), ("studio", 10, 0, 16, 0)
    ]  # fmt: skip


def test_tokens_are_forecast_from_the_same_days_as_cost(migrated: Place) -> None:
    # Five weeks from Wednesday. Today, Wednesday, used 40 or 900 tokens so far.
    costs, tokens = [10, 10, 10, 0, 0, 10, 10], [100, 100, 100, 10, 10, 100, 200]
    past = [
        (str(date(2099, 3, 11) + timedelta(days=each)), str(costs[each % 7]), tokens[each % 7]) for each in range(35)
    ]
    loaded(
        migrated,
        [
            *(daily(*day, machine=machine) for machine in ("studio", "laptop") for day in past),
            daily("2099-04-15", "40", 40), daily("2099-04-15", "4", 900, machine="laptop"),
        ],
    )  # fmt: skip

    # Two weeks of 620 before today, 1440 from today to April 30, 100 of them today's, where it did not use more.
    assert rows(migrated, "machine, month_to_date_tokens, forecast_tokens", "forecast_totals WHERE agent = ''") == [
        ("", 3420, 2680 + 3480),
        ("laptop", 2140, 3480),
        ("studio", 1280, 2680),
    ]


def test_an_interval_is_given_from_21_days_on_and_has_a_width(migrated: Place) -> None:
    loaded(
        migrated,
        [
            *days("2099-04-10", [5] * 21), *days("2099-04-09", [5] * 22, machine="laptop"),
            *days("2099-04-09", [5] * 21 + [500], machine="server"),
        ],
    )  # fmt: skip

    columns = "machine, days_left, forecast_usd, low_usd < high_usd, low_usd <= forecast_usd, forecast_usd < high_usd"
    assert rows(migrated, columns, "forecast_month") == [
        ("laptop", 1, Decimal(110), True, True, True),
        ("server", 1, Decimal(605), True, True, True),
        ("studio", 1, Decimal(105), None, None, None),
    ]


def test_days_projects_and_machines_add_up_to_the_month(migrated: Place) -> None:
    costs = [number * number % 17 for number in range(75)]
    own = days("2099-02-10", costs)
    projects = [
        record("projects", f"{day.key}/{name}", day.key, str(day.cost_usd * part / 4), project=name)
        for day in own[:-3]
        for name, part in (("shop", 1), ("blog", 2))
    ]
    other = days("2099-02-19", [number * 5 % 11 for number in range(66)], machine="laptop", agent="codex")
    loaded(migrated, [*own, *projects, *other])

    [(whole,)] = rows(migrated, "toFloat64(forecast_usd)", "forecast_totals WHERE machine = '' AND agent = ''")
    assert rows(migrated, "toFloat64(sum(forecast_usd))", "forecast_month") == [(pytest.approx(whole),)]
    for name in ("forecast_by_day", "forecast_by_project"):
        query = next(each for each in read_queries() if each.name == name)
        with migrated.opened() as opened:
            table = opened.rows(query.sql, query.values({}, date(2099, 4, 25)))
        assert sum(float(row[-2]) for row in table) == pytest.approx(whole), name


def test_where_months_differ_each_machine_has_a_forecast_of_its_own(migrated: Place) -> None:
    own, other = days("2099-02-10", [2] * 75), days("2099-02-10", [3] * 81, machine="laptop")
    projects = [
        record("projects", f"{day.key}/shop", day.key, str(day.cost_usd), machine=day.machine, project="shop")
        for day in (*own, *other)
    ]
    loaded(migrated, [*own, *other, *projects])
    assert rows(migrated, "month, machine, toFloat64(forecast_usd)", "forecast_month") == [
        (date(2099, 4, 1), "studio", 60), (date(2099, 5, 1), "laptop", 93)
    ]  # fmt: skip

    for name in ("forecast_by_day", "forecast_by_project"):
        query = next(each for each in read_queries() if each.name == name)
        with migrated.opened() as opened:
            answers = [
                opened.rows(query.sql, query.values(given, date(2099, 4, 25)))
                for given in ({"machine": "studio"}, {"machine": "laptop"}, {})
            ]
        assert [sum(float(row[-2]) for row in answer) for answer in answers] == [60, 93, 93], name


def test_budgets_of_every_scope(migrated: Place) -> None:
    parts = (model("opus", "1.5", (0, 5, 0, 0)), model("haiku", "0.5", (0, 5, 0, 0)))
    own = days("2099-03-01", [2] * 46, models=parts)
    other = days("2099-04-15", [7], machine="laptop", agent="codex")
    shop = [
        record("projects", f"{day.key}/shop", day.key, "1", project="shop") for day in own if day.key <= "2099-04-10"
    ]
    ahead = record("projects", "2099-04-12/shop", "2099-04-12", "100", project="shop", is_dated_ahead=True)
    loaded(migrated, [*own, *other, *shop, ahead])
    budgets(
        migrated,
        ("all", "", "monthly", "60", 1, 0), ("all", "", "daily", "8", 1, 0), ("agent", "codex", "daily", "7", 1, 0),
        ("machine", "studio", "monthly", "20", 1, 0), ("machine", "studio", "monthly", "40", 2, 0),
        ("model", "opus", "monthly", "45", 1, 0), ("project", "shop", "monthly", "20.5", 1, 0),
        ("project", "blog", "monthly", "0", 1, 0), ("model", "haiku", "daily", "1", 1, 0),
        ("model", "haiku", "daily", "1", 2, 1),
    )  # fmt: skip

    columns = "scope, name, period, limit_usd, spent_usd, remaining_usd, round(share, 6), is_over, forecast_usd"
    usd = Decimal
    assert rows(migrated, f"{columns}, crossing_day", "budget_status") == [
        ("agent", "codex", "daily", usd(7), usd(7), usd(0), 1.0, False, usd(7), None),
        ("all", "", "daily", usd(8), usd(9), usd(-1), 1.125, True, usd(9), date(2099, 4, 15)),
        # 2 $ a day and the 7 $ of the laptop's only day: 61 $ on the 27th.
        ("all", "", "monthly", usd(60), usd(37), usd(23), 0.616667, False, usd(67), date(2099, 4, 27)),
        # 2 $ a day, and the limit of the later revision: 42 $ on the 21st.
        ("machine", "studio", "monthly", usd(40), usd(30), usd(10), 0.75, False, usd(60), date(2099, 4, 21)),
        ("model", "opus", "monthly", usd(45), usd("22.5"), usd("22.5"), 0.5, False, usd(45), None),
        ("project", "blog", "monthly", usd(0), usd(0), usd(0), None, False, usd(0), None),
        # 1 $ a day up to the 10th, and nothing is missing of today. From the 16th each Wednesday to Friday has 1 $;
        # Saturday to Tuesday, which had none in the last of the six weeks, have 5 / 6 $: 20 $ on the 26th and
        # 20.83 $ on the 27th.
        (
            "project", "shop", "monthly", usd("20.5"), usd(10), usd("10.5"), 0.487805, False, usd("23.666666664"),
            date(2099, 4, 27),
        ),
    ]  # fmt: skip


def test_a_budget_crossed_already_says_when_and_what_is_not_counted(migrated: Place) -> None:
    loaded(migrated, [daily("2099-04-03", "5"), daily("2099-04-09", "6", unpriced=True), daily("2099-04-15", "1")])
    budgets(migrated, ("all", "", "monthly", "10", 1, 0))

    columns = "spent_usd, is_over, crossing_day, unpriced"
    assert rows(migrated, columns, "budget_status") == [(Decimal(12), True, date(2099, 4, 9), True)]


def test_a_day_that_had_not_come_is_in_no_budget(migrated: Place) -> None:
    used = (model("m", "3", (0, 10, 0, 0)),)
    loaded(
        migrated,
        [
            daily("2099-04-15", "3", models=used), daily("2099-04-14", "3", models=used, is_dated_ahead=True),
            record("projects", "2099-04-14/shop", "2099-04-14", "3", project="shop", is_dated_ahead=True),
        ],
    )  # fmt: skip
    scopes = (("all", ""), ("model", "m"), ("project", "shop"))
    budgets(migrated, *[(*scope, "monthly", "60", 1, 0) for scope in scopes])

    assert rows(migrated, "scope, spent_usd", "budget_status") == [("all", 3), ("model", 3), ("project", 0)]


def test_forecasts_of_months_and_of_budgets_agree(migrated: Place) -> None:
    costs = [number * number % 17 for number in range(75)]
    loaded(migrated, [*days("2099-02-10", costs), *days("2099-02-20", costs[:60], machine="laptop", agent="codex")])
    budgets(migrated, ("all", "", "monthly", "1", 1, 0), ("agent", "codex", "monthly", "1", 1, 0))

    assert rows(migrated, "scope, round(forecast_usd, 6)", "budget_status") == [
        *migrated.rows("SELECT 'agent', round(forecast_usd, 6) FROM forecast_month WHERE agent = 'codex'"),
        *migrated.rows("SELECT 'all', round(sum(forecast_usd), 6) FROM forecast_month"),
    ]
