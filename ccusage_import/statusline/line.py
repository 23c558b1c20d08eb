"""One line for a status line, from the file that imports keep. It runs at every answer, so it imports next to nothing.

Days and blocks that have ended since the file was written are not shown as if they went on: the file holds instants,
and no zone is needed to compare them with the clock.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

import platformdirs

from ccusage_import.digest.text import percent
from ccusage_import.exceptions import ExitCode
from ccusage_import.money import DOLLARS, Money

FILE_NAME = "statusline.json"
# Younger numbers are as good as current.
FRESH_SECONDS = 5 * 60
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def main() -> ExitCode:
    """Print the line; where there is none to print, only the exit code says so."""
    try:
        # The directory is that of `Directories.state`, which takes a tenth of a second to import.
        file = platformdirs.user_state_path("ccusage-import") / FILE_NAME
        line = status_line(json.loads(file.read_bytes()), time.time())
        # Claude Code reads UTF-8, whatever the locale says.
        os.write(1, f"{line}\n".encode())
    except (OSError, ArithmeticError, ValueError, KeyError, TypeError, AttributeError, RuntimeError):
        return ExitCode.UNHEALTHY
    return ExitCode.OK


def status_line(numbers: Mapping[str, Any], now: float) -> str:
    """Return what is spent, what is left, how fast it goes, and how old the numbers are.

    Raises:
        KeyError: or TypeError, ValueError, ArithmeticError or AttributeError: no import writes such numbers.
    """
    return " · ".join(_parts(numbers, now))


def _parts(numbers: Mapping[str, Any], now: float) -> Iterator[str]:
    # An older version wrote no currency.
    money = Money(**currency) if (currency := numbers.get("currency")) else DOLLARS
    if now < numbers["day_ends_at"]:
        yield f"today {_spent(numbers['today_usd'], numbers['daily_limit_usd'], money)}"
    else:
        yield "today not imported yet"
    block = numbers["block"]
    if block and now < block["ends_at"]:
        yield _block(block, now, money)
    # Of tokens and dollars, what is nearer to its end.
    used: dict[str, float] = {}
    for quota in numbers["quotas"]:
        if now < quota["ends_at"]:
            used[quota["period"]] = max(quota["share"], used.get(quota["period"], 0))
    yield from (f"{period} quota {percent(share)} used" for period, share in used.items())
    if numbers["monthly_limit_usd"] is not None and now < numbers["month_ends_at"]:
        yield f"month {_spent(numbers['month_usd'], numbers['monthly_limit_usd'], money)}"
    age = now - numbers["at"]
    if age >= FRESH_SECONDS:
        yield f"{_age(age)} old"


def _spent(cost_usd: float, limit_usd: float | None, money: Money) -> str:
    spent = money.text(cost_usd)
    if limit_usd is None:
        return spent
    left = limit_usd - cost_usd
    return f"{spent}, {money.text(left)} left" if left >= 0 else f"{spent}, OVER by {money.text(-left)}"


def _block(block: Mapping[str, Any], now: float, money: Money) -> str:
    hours, minutes = divmod(int(block["ends_at"] - now) // _MINUTE, 60)
    left = f"{hours}h {minutes:02}m" if hours else f"{minutes}m"
    text = f"block {money.text(block['cost_usd'])}, {left} left"
    rate = block["cost_per_hour_usd"]
    return text if rate is None else f"{text}, {money.text(rate)}/h"


def _age(seconds: float) -> str:
    # In the units of `days.ago`, whose imports would take as long as all of this.
    if seconds < 2 * _HOUR:
        return f"{int(seconds // _MINUTE)} min"
    if seconds < 2 * _DAY:
        return f"{int(seconds // _HOUR)} hours"
    return f"{int(seconds // _DAY)} days"
