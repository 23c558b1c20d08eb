"""What the status line says of numbers that are current, old, from another day, or not there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from ccusage_import.statusline.line import status_line
from tests.conftest import Program

NOW = 1_800_000_000.0
MINUTE, HOUR, DAY = 60, 3600, 86400
NUMBERS: Mapping[str, Any] = {
    "at": NOW,
    "day_ends_at": NOW + 6 * HOUR,
    "month_ends_at": NOW + 10 * DAY,
    "today_usd": 4.2,
    "month_usd": 1024.5,
    "daily_limit_usd": None,
    "monthly_limit_usd": None,
    "block": None,
    "quotas": [],
}
QUOTAS = [
    {"period": "block", "ends_at": NOW + HOUR, "share": 0.634},
    {"period": "week", "ends_at": NOW + DAY, "share": 1.2},
]
EURO = {"code": "EUR", "rate": 0.92, "symbol": "€"}
BLOCK = {"ends_at": NOW + 2 * HOUR + 9 * MINUTE + 59, "cost_usd": 2.164, "cost_per_hour_usd": 2.3}

WRONG: list[dict[str, Any]] = [
    {**NUMBERS, "today_usd": "much"},
    {**NUMBERS, "currency": {**EURO, "rate": "much"}},
    {**NUMBERS, "currency": {"sign": "much"}},
]


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({}, "today $4.20"),
        ({"today_usd": 0.0}, "today $0.00"),
        ({"today_usd": 0.015}, "today $0.02"),
        ({"block": BLOCK}, "today $4.20 · block $2.16, 2h 09m left, $2.30/h"),
        ({"block": BLOCK | {"cost_per_hour_usd": None}}, "today $4.20 · block $2.16, 2h 09m left"),
        ({"block": BLOCK | {"ends_at": NOW + 59 * MINUTE}}, "today $4.20 · block $2.16, 59m left, $2.30/h"),
        ({"block": BLOCK | {"ends_at": NOW}}, "today $4.20"),
        ({"quotas": QUOTAS}, "today $4.20 · block quota 63.4% used · week quota 120.0% used"),
        ({"quotas": [QUOTAS[0] | {"ends_at": NOW}]}, "today $4.20"),
        # One of tokens and one of dollars.
        ({"quotas": [QUOTAS[0], QUOTAS[0] | {"share": 0.871}]}, "today $4.20 · block quota 87.1% used"),
        ({"quotas": [QUOTAS[0], QUOTAS[0] | {"share": 0.2}]}, "today $4.20 · block quota 63.4% used"),
        ({"daily_limit_usd": 10.0}, "today $4.20, $5.80 left"),
        ({"daily_limit_usd": 4.2}, "today $4.20, $0.00 left"),
        ({"daily_limit_usd": 4.0}, "today $4.20, OVER by $0.20"),
        ({"monthly_limit_usd": 1500.0}, "today $4.20 · month $1,024.50, $475.50 left"),
        ({"monthly_limit_usd": 1000.0}, "today $4.20 · month $1,024.50, OVER by $24.50"),
        ({"monthly_limit_usd": 1500.0, "month_ends_at": NOW}, "today $4.20"),
        ({"at": NOW - 299}, "today $4.20"),
        ({"at": NOW - 300}, "today $4.20 · 5 min old"),
        ({"at": NOW - 119 * MINUTE}, "today $4.20 · 119 min old"),
        ({"at": NOW - 5 * HOUR}, "today $4.20 · 5 hours old"),
        ({"at": NOW - 50 * HOUR}, "today $4.20 · 2 days old"),
        ({"at": NOW + HOUR}, "today $4.20"),
        ({"day_ends_at": NOW, "at": NOW - 7 * HOUR}, "today not imported yet · 7 hours old"),
        ({"currency": None}, "today $4.20"),
        ({"currency": EURO, "block": BLOCK}, "today €3.86 · block €1.99, 2h 09m left, €2.12/h"),
        ({"currency": EURO, "daily_limit_usd": 4.0}, "today €3.86, OVER by €0.18"),
        ({"currency": EURO | {"symbol": ""}, "daily_limit_usd": 10.0}, "today EUR 3.86, EUR 5.34 left"),
    ],
)
def test_the_line_says_what_holds_now(changed: Mapping[str, Any], line: str) -> None:
    assert status_line({**NUMBERS, **changed}, NOW) == line


@pytest.mark.parametrize(
    "content",
    [None, b"", b"{", b"[]", b"null", b"{}", b"\xff", *(json.dumps(numbers).encode() for numbers in WRONG)],
)
def test_without_numbers_only_the_exit_code_says_so(program: Program, content: bytes | None) -> None:
    if content is not None:
        state = program.home / "state" / "ccusage-import"
        state.mkdir(parents=True)
        (state / "statusline.json").write_bytes(content)

    shown = program("statusline", XDG_STATE_HOME=str(program.home / "state"))

    assert (shown.exit_code, shown.stdout, shown.stderr) == (6, "", "")
