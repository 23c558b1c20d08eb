"""Odd rows: exactly those are refused, and nothing is concluded from what they hide."""

from __future__ import annotations

import json
import time
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccusage_import.ccusage.parser import Origin, ParsedReport, parse_report
from ccusage_import.ccusage.refusals import Refused, left_alone
from ccusage_import.ccusage.validation import validate_report
from ccusage_import.exceptions import CcusageError, InvalidReportError, NotAReportError
from ccusage_import.names.pseudonyms import Pseudonyms
from ccusage_import.records import Provenance, Record

PROVENANCE = Provenance("20.0.24", "UTC", "auto", ())
ORIGIN = Origin("studio", PROVENANCE, (20, 0, 24), date(2026, 11, 20))


def day(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "date": f"2026-11-{number:02d}", "inputTokens": 1, "outputTokens": 2, "cacheCreationTokens": 3,
        "cacheReadTokens": 4, "totalTokens": 10, "totalCost": 0.5, "modelsUsed": [], "modelBreakdowns": [],
    } | changes  # fmt: skip


def parsed(output: str) -> ParsedReport:
    validated = validate_report("daily", output.encode())
    return parse_report("daily", validated, ORIGIN, Pseudonyms("salt", is_enabled=False))


@given(
    damaged=st.integers(0, 9),
    damage=st.sampled_from(
        [{"inputTokens": -1}, {"totalCost": 1e9}, {"date": "1970-01-01"}, {"date": "2150-01-01"}, {"modelsUsed": 5}]
    ),
)
def test_exactly_the_damaged_record_is_refused(damaged: int, damage: dict[str, Any]) -> None:
    rows = [day(number) for number in range(1, 11)]
    whole = parsed(json.dumps({"daily": rows}))
    rows[damaged] |= damage

    found = parsed(json.dumps({"daily": rows}))

    assert [line.partition(":")[0] for line in found.complaints] == [f"daily.{damaged}.{next(iter(damage))}"]
    assert len(found.refused) == 1
    assert found.records == [record for index, record in enumerate(whole.records) if index != damaged]


def test_a_key_that_stands_twice_refuses_its_record() -> None:
    output = json.dumps({"daily": [day(1), day(2)]}).replace(
        '"date": "2026-11-02"', '"totalCost": 9, "date": "2026-11-02"'
    )

    found = parsed(output)

    assert found.complaints == ("daily.1.totalCost: Key appears more than once",)
    assert [record.key for record in found.records] == ["2026-11-01"]


def test_a_list_that_stands_twice_refuses_the_report() -> None:
    with pytest.raises(InvalidReportError) as caught:
        validate_report("daily", b'{"daily": [], "daily": []}')

    assert caught.value.details == ("daily: Key appears more than once",)


def test_a_count_that_fits_is_stored_exactly() -> None:
    rows = [day(1, inputTokens=2**53 + 1, totalTokens=2**53 + 10)]

    assert [record.input_tokens for record in parsed(json.dumps({"daily": rows})).records] == [9007199254740993]


def test_odd_totals_refuse_no_record() -> None:
    found = parsed(json.dumps({"daily": [day(1)], "totals": {"inputTokens": -1}}))

    assert [record.key for record in found.records] == ["2026-11-01"]
    assert found.refused == []
    assert any(line.startswith("daily.totals.inputTokens: ") for line in found.warnings)


def test_what_is_dated_after_today_is_flagged() -> None:
    records = parsed(json.dumps({"daily": [day(20), day(21)]})).records

    assert [record.is_dated_ahead for record in records] == [False, True]


def block(hour: int) -> Record:
    started_at = datetime(2026, 11, 20, hour, tzinfo=UTC)
    return Record(
        "blocks", "studio", "claude", f"2026-11-20T{hour:02d}:00:00.000Z", date(2026, 11, 20), 1, 2, 3, 4, 10,
        Decimal("0.5"), unpriced=False, provenance=PROVENANCE, started_at=started_at,
        block_ends_at=started_at.replace(hour=hour + 5),
    )  # fmt: skip


def test_blocks_that_overlap_a_refused_one_are_left_alone() -> None:
    session = block(4)._replace(report="session", key="of the same time", ended_at=block(4).block_ends_at)
    stored, offered = [block(0), block(4), block(15), session], [block(15), session]
    refused = Refused("blocks", "claude", None, block(3).started_at, block(3).block_ends_at)

    assert left_alone(offered, stored, [refused]) == {
        ("blocks", "claude", "2026-11-20T00:00:00.000Z"),
        ("blocks", "claude", "2026-11-20T04:00:00.000Z"),
    }


# --- more that is wrong than anybody reads ----------------------------------------------------------------


@pytest.mark.parametrize(("begins", "ends", "left"), [(5, 18, ["06", "12"]), (5, None, ["06"]), (7, None, ["06"])])
def test_a_refused_block_touches_what_lies_within_its_time(begins: int, ends: int | None, left: list[str]) -> None:
    blocks = [block(hour) for hour in (0, 6, 12, 18)]
    started_at = datetime(2026, 11, 20, begins, tzinfo=UTC)
    odd = Refused("blocks", "claude", "odd", started_at, started_at.replace(hour=ends) if ends else None)

    assert left_alone(blocks, [], [odd]) == {("blocks", "claude", f"2026-11-20T{hour}:00:00.000Z") for hour in left}


def refused(output: str) -> CcusageError:
    with pytest.raises((InvalidReportError, NotAReportError)) as caught:
        parsed(output)
    error = caught.value
    assert len(str(error)) < 400
    assert len(error.details) <= 10_000
    assert all(len(line) < 300 for line in error.details)
    return error


def test_of_a_million_wrong_rows_the_first_thousand_are_read() -> None:
    started = time.monotonic()

    error = refused('{"daily": [' + ",".join(['{"date": "x", "inputTokens": -1}'] * 1_000_000) + "]}")

    assert str(error) == "daily: at least 7007 values cannot be true"
    assert error.details[0] == "daily.0.inputTokens: Input should be greater than or equal to 0"
    assert time.monotonic() - started < 60


def test_of_many_rows_for_one_day_the_first_are_told_of() -> None:
    error = refused(json.dumps({"daily": [day(1)] * 20_000}))

    assert str(error) == "daily: at least 10000 values cannot be true"
    assert error.details[0] == "daily.1: a second row for the same key"


def test_of_one_row_with_many_keys_that_stand_twice_ten_are_told_of() -> None:
    error = refused('{"daily": [{' + ",".join(f'"{n:0300}": 1, "{n:0300}": 2' for n in range(10_000)) + "}]}")

    assert str(error) == "daily: 10 values cannot be true"
    assert error.details[0] == "daily.0." + "0" * 192 + "…: Key appears more than once"


def test_of_an_object_with_many_names_ten_are_told() -> None:
    error = refused(json.dumps(dict.fromkeys(map(str, range(100_000, 200_000)))))

    assert str(error) == (
        "daily: expected 'daily', ccusage printed 100000, 100001, 100002, 100003, 100004, 100005, 100006, 100007,"
        " 100008, 100009, and 99990 more"
    )


def test_the_first_and_the_last_day_that_can_be_stored() -> None:
    rows = [day(1, date=date) for date in ("1970-01-01", "1970-01-02", "2149-06-05", "2149-06-06")]

    assert [record.key for record in parsed(json.dumps({"daily": rows})).records] == ["1970-01-02", "2149-06-05"]
