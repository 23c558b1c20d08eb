"""What `ccusage-import` alone prints: a history at one glance, or what to type first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from ccusage_import import ui
from ccusage_import.cli.options import configured, door
from ccusage_import.config.kept.last_offer import read_last_offer
from ccusage_import.config.settings import Configuration
from ccusage_import.days import ago, today_in, zoned_moment
from ccusage_import.digest.glance import Glance, MonthForecast, PlanMonth, read_glance
from ccusage_import.digest.text import method_text, multiple, percent, range_text
from ccusage_import.digest.today import OpenBlock
from ccusage_import.exceptions import WarehouseLockedError
from ccusage_import.money import Money
from ccusage_import.records import counted
from ccusage_import.ui.tables import Joined, PlainTable, console
from ccusage_import.warehouse.budgets import Spending, keep_budgets_if_allowed
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.opening import as_they_ended, has_warehouse, open_current
from ccusage_import.warehouse.tables import Load

FIRST_STEPS = """\
  ccusage-import import --demo   try it on sample transcripts
  ccusage-import init            set it up by questions, then import your usage
  ccusage-import --help          list all commands"""
# Where that much more was kept than ccusage shows, nobody counts the cents.
WHOLE_DOLLARS_FROM = 100
NEXT_STEPS = ("ccusage-import report --open", "query --list", "chart daily", "changes", "--help")


def dashboard() -> None:
    """Print what is stored at one glance; nothing waits for another program that uses the warehouse."""
    with door(0, quiet=False, as_json=False):
        configuration = configured({}, None)
        glance = None
        try:
            if has_warehouse(configuration):
                glance = _read(configuration)
        except WarehouseLockedError as error:
            raise WarehouseLockedError(
                f"the warehouse is open in another program: {error}", hint="try again when that has finished"
            ) from None
        if glance is None or (glance.is_empty and not glance.messages):
            print(FIRST_STEPS)
        elif glance.is_empty:
            stored = "1 message is" if glance.messages == 1 else f"{glance.messages:,} messages are"
            print(f"{stored} stored, but no report yet: ccusage-import import")
        else:
            print_glance(glance, configuration)


def _read(configuration: Configuration) -> Glance:
    settings = configuration.settings
    offer = read_last_offer(configuration.directories.last_offer_file, settings.machine)
    with open_current(configuration, lock_wait_seconds=0) as opened:
        ui.warn_of_damage(opened.damage)
        keep_budgets_if_allowed(opened, configuration)
        glance = read_glance(opened, settings, today_in(settings.timezone), offer)
        last = [glance.last_import] if glance.last_import else []
        last = as_they_ended(configuration, opened, last)
        return replace(glance, last_import=last[0] if last else None, messages=_messages(opened, glance))


def _messages(opened: ClickHouse, glance: Glance) -> int:
    """Return how many messages are stored where no report is."""
    return int(opened.rows("SELECT count() FROM messages")[0][0]) if glance.is_empty else 0


def print_glance(glance: Glance, configuration: Configuration) -> None:
    """Print one line for each thing there is, and what to type next."""
    shown, timezone, money = console(), configuration.settings.timezone, configuration.settings.money
    table = PlainTable(("what", "found"), texts=("found",), wraps=("found",), has_header=False)
    for name, line in _lines(glance, timezone, money):
        table.add_row(name, line)
    machines = glance.costs.machines
    whose = f"machine {configuration.settings.machine}" if machines < 2 else f"all {machines} machines"
    head = [whose, zoned_moment(datetime.now(UTC), timezone)]
    if glance.costs.unpriced:
        head.append("some usage has no price")
    shown.print(Joined(head, style="bold"))
    shown.print()
    shown.print(table)
    shown.print()
    shown.print(Joined(NEXT_STEPS, style="dim"))
    if money.note:
        shown.print(Joined([f"amounts {money.note}"], style="dim"))


def _lines(glance: Glance, timezone: str, money: Money) -> Iterator[tuple[str, str]]:
    costs = glance.costs
    tokens = f", {costs.today_tokens:,} tokens" if costs.today_tokens else ""
    yield "today", _spent(costs.today_usd, glance.budget("daily"), money) + tokens
    if glance.block:
        yield "active block", _block(glance.block, timezone, money)
    yield "this month", _spent(costs.month_usd, glance.budget("monthly"), money)
    if glance.forecast:
        yield "forecast", _forecast(glance.forecast, money)
    if glance.plan:
        yield "plan", _plan(glance.plan, money)
    if costs.last_month_usd:
        by_now = money.text(costs.last_month_by_this_day_usd)
        yield "last month", f"{money.text(costs.last_month_usd)}, {by_now} by this day of it"
    all_days = f"{money.text(costs.all_days_usd)} on {counted(costs.days, 'day')} since {costs.first_day}"
    yield "all days", all_days if costs.days else "none"
    over = [each for each in glance.budgets if each.is_over]
    if any(each.limit.scope != "all" for each in over):
        yield "over budget", f"{len(over)} of {len(glance.budgets)}: ccusage-import budget"
    yield "last import", _import(glance.last_import, timezone)
    if glance.held:
        yield "held", f"{counted(glance.held, 'smaller number')}: ccusage-import held"
    if glance.offer:
        yield "kept", _kept(glance.offer.cost_usd, glance.kept_usd, _day_of(glance.offer.at, timezone), money)


def _spent(cost_usd: Decimal, budget: Spending | None, money: Money) -> str:
    if budget is None:
        return money.text(cost_usd)
    # Of each machine its own day, which may be another one than here.
    spent, limit = budget.spent_usd, budget.limit.limit_usd
    share = f" ({percent(spent / limit)})" if limit else ""
    over = "OVER " if budget.is_over else ""
    return f"{over}{money.text(spent)} of {money.text(limit)}{share}, {money.text(budget.forecast_usd)} expected"


def _forecast(forecast: MonthForecast, money: Money) -> str:
    expected = f"{money.text(forecast.cost_usd)} for this month"
    between = range_text(forecast.low_usd, forecast.high_usd, money)
    return f"{', '.join(filter(None, (expected, between)))}; {method_text(forecast.method)}"


def _plan(plan: PlanMonth, money: Money) -> str:
    times = f"{multiple(plan.times_price)} its price of {money.text(plan.plan_usd)}"
    return f"{money.text(plan.cost_usd)} of Claude Code this month, {times}"


def _block(block: OpenBlock, timezone: str, money: Money) -> str:
    line = f"{money.text(block.cost_usd)} until {zoned_moment(block.ends_at, timezone)[11:]}"
    if block.projected_cost_usd is not None:
        line += f", {money.text(block.projected_cost_usd)} expected"
    return line


def _import(load: Load | None, timezone: str) -> str:
    if load is None:
        return "none of this machine yet: ccusage-import import"
    line = f"{zoned_moment(load.started_at, timezone)}, {ago(load.started_at, datetime.now(UTC))}, {load.state}"
    return f"{line}: ccusage-import history" if load.is_failure else line


def _day_of(at: datetime, timezone: str) -> str:
    day = at.astimezone(ZoneInfo(timezone)).date()
    return "today" if day == today_in(timezone) else f"on {day}"


def _kept(offered_usd: Decimal, kept_usd: Decimal, when: str, money: Money) -> str:
    if kept_usd <= offered_usd:
        return f"all that ccusage shows: {money.text(kept_usd)}"
    offered, kept = money.text(offered_usd), money.text(kept_usd)
    if kept_usd - offered_usd >= WHOLE_DOLLARS_FROM:
        offered, kept = money.whole(offered_usd), money.whole(kept_usd)
    shows = "shows" if when == "today" else "showed"
    return f"ccusage {shows} {offered} {when}, you kept {kept}"
