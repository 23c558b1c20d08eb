"""What `import` and `watch` leave for the status line: costs, block, limits and quotas, and until when they hold."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from loguru import logger

from ccusage_import.config.settings import Configuration, Settings
from ccusage_import.days import next_month
from ccusage_import.digest.today import COSTS_QUESTION, OpenBlock, block_question, read_block, read_costs
from ccusage_import.exceptions import FixableError
from ccusage_import.files import write_private_file
from ccusage_import.records import CLAUDE
from ccusage_import.statusline.line import FILE_NAME
from ccusage_import.warehouse.budgets import QUOTAS_QUESTION, read_own_quotas
from ccusage_import.warehouse.clickhouse_client import ClickHouse, Question

_REPORTED = (
    "SELECT sum(cost_usd) FROM daily"
    " WHERE machine = {machine:String} AND agent = {agent:String} AND date = {today:Date}"
)


@dataclass(frozen=True, slots=True)
class LiveCosts:
    """What the facts of this machine say, which are newer than its reports: US dollars of today, and the open block."""

    today_usd: Decimal
    block: OpenBlock | None


def keep_numbers(warehouse: ClickHouse, configuration: Configuration, live: LiveCosts | None = None) -> None:
    """Write the file anew, by the reports, and by newer facts where there are some."""
    write_numbers(configuration, text_of_numbers(warehouse, configuration, live))


def text_of_numbers(warehouse: ClickHouse, configuration: Configuration, live: LiveCosts | None = None) -> str | None:
    """Return what the file is to hold; None where the warehouse does not tell.

    What was to be stored is not touched by that: it ends nothing, and the line says how old it is.
    """
    try:
        return json.dumps(read_numbers(warehouse, configuration, datetime.now(UTC), live), indent=1)
    except FixableError as error:
        _warn(error)
        return None


def write_numbers(configuration: Configuration, text: str | None) -> None:
    """Write the file, where there is something to write. That this fails ends nothing either."""
    if text is None:
        return
    try:
        # Where the machine loses power, the next import writes them again.
        write_private_file(configuration.directories.state / FILE_NAME, f"{text}\n", durable=False)
    except FixableError as error:
        _warn(error)


def _warn(error: FixableError) -> None:
    logger.bind(reason=str(error)).warning("the numbers of the status line could not be written down")


def questions_of_numbers(settings: Settings) -> list[Question]:
    """Return what `read_numbers` asks."""
    quotas = [QUOTAS_QUESTION] if settings.quota.is_set else []
    return [COSTS_QUESTION, block_question(settings.machine), *quotas]


def read_numbers(
    warehouse: ClickHouse, configuration: Configuration, now: datetime, live: LiveCosts | None
) -> dict[str, object]:
    """Return what the file holds; instants are seconds since 1970, and costs are converted when they are shown."""
    settings = configuration.settings
    today, limits, money = settings.today(now), settings.budget, settings.money
    with warehouse.asked_ahead(questions_of_numbers(settings)):
        costs, block = read_costs(warehouse), read_block(warehouse, settings.machine)
        quotas = read_own_quotas(warehouse, settings)
    unreported = Decimal(0)
    if live:
        block = live.block or block
        asked = {"machine": settings.machine, "agent": CLAUDE, "today": today}
        unreported = max(unreported, live.today_usd - Decimal(warehouse.rows(_REPORTED, asked)[0][0]))

    def starts(day: date) -> float:
        return datetime.combine(day, time.min, settings.zone).timestamp()

    return {
        "at": now.timestamp(),
        "currency": {**money._asdict(), "rate": float(money.rate)} if money.note else None,
        "day_ends_at": starts(today + timedelta(days=1)),
        "month_ends_at": starts(next_month(today)),
        "today_usd": float(costs.today_usd + unreported),
        "month_usd": float(costs.month_usd + unreported),
        "daily_limit_usd": None if limits.daily is None else float(limits.daily),
        "monthly_limit_usd": None if limits.monthly is None else float(limits.monthly),
        "block": block
        and {
            "ends_at": block.ends_at.timestamp(),
            "cost_usd": float(block.cost_usd),
            "cost_per_hour_usd": block.cost_per_hour_usd,
        },
        "quotas": [
            {"period": use.name.partition("_")[0], "ends_at": use.period_end.timestamp(), "share": use.share}
            for use in quotas
            if use.share is not None and use.period_end is not None
        ],
    }
