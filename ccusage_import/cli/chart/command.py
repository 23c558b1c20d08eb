"""`chart`: what the bars are of, and the numbers behind them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple

import typer

from ccusage_import import ui
from ccusage_import.cli.chart.bars import Row, print_bars
from ccusage_import.cli.options import (
    AsJson,
    ConfigFile,
    Machine,
    Verbose,
    WarehouseUrl,
    WithoutNotes,
    configured,
    door,
)
from ccusage_import.cli.report import read_configured
from ccusage_import.cli.selecting import Asked, Since
from ccusage_import.days import next_month, today_in
from ccusage_import.digest.model import Digest, Part
from ccusage_import.digest.text import NO_MODEL
from ccusage_import.names.shown import model_names, project_names

Charted = Literal["daily", "weekly", "monthly", "hours", "models", "projects", "sessions", "machines", "agents"]
# What is shown without --since.
SHOWN_DAYS, SHOWN_WEEKS = 30, 12
# The query of the digest behind a chart that is not named as it, and the field of the digest that holds its periods.
QUERIES = {"daily": "models", "weekly": "models", "monthly": "models", "machines": "page_days", "agents": "page_days"}
PERIODS = {"daily": "days", "monthly": "months"}
SO_FAR = " so far"
WEEK = timedelta(days=7)


class Use(NamedTuple):
    """What one model cost of something."""

    name: str
    model: str
    cost_usd: Decimal
    total_tokens: int


def chart(
    what: Annotated[Charted, typer.Argument(metavar="WHAT", help="What each bar stands for.")],
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    since: Since = None,
    machine: Machine = "",
    verbose: Verbose = 0,
    quiet: WithoutNotes = False,
    as_json: AsJson = False,
) -> None:
    """Draw costs as bars in the terminal.

    Without --since, daily draws the last 30 days, weekly the last 12 weeks, and the others all there is. hours are
    those of the day, sessions the most expensive ones.
    """
    with door(verbose, quiet=quiet, as_json=as_json):
        configuration = configured({"warehouse": warehouse}, config)
        # Whole weeks, but for this one.
        weekday = today_in(configuration.settings.timezone).weekday()
        days = {"daily": SHOWN_DAYS, "weekly": (SHOWN_WEEKS - 1) * 7 + weekday + 1}.get(what)
        asked = Asked(since=since, machine=machine, last_days=days)
        read = QUERIES.get(what, what)
        digest = read_configured(
            configuration, asked, is_page=read == "page_days", parts=("models", read), command="chart"
        )
        if as_json:
            ui.print_json(_numbers(digest, what))
        elif digest.is_empty:
            print(_nothing_shown(digest))
        else:
            total = digest.span("total").usage.cost_usd
            print_bars(ROWS[what](digest), total, [use.model for use in digest.models], digest.money)
            counts = {"projects": digest.project_count, "sessions": digest.session_count}
            if what in counts and not quiet and (others := counts[what] - len(getattr(digest, what))):
                print(f"and {others} more")


def _nothing_shown(digest: Digest) -> str:
    if digest.since is None:
        return "no usage is stored yet: ccusage-import import"
    return f"no usage since {digest.since}; an earlier --since shows what was before, an import brings what is new"


def _numbers(digest: Digest, what: str) -> list[dict[str, Any]]:
    if what in ("machines", "agents"):
        return [use._asdict() for use in _uses(digest, what)]
    found: Iterable[Any] = _weeks(digest) if what == "weekly" else getattr(digest, PERIODS.get(what, what))
    return [asdict(one) for one in found]


def _days(digest: Digest) -> list[Row]:
    """Return every day, also those without usage."""
    return _periods(digest, digest.days, lambda day: day + timedelta(days=1), lambda day: f"{day} {day:%a}")


def _weeks(digest: Digest) -> list[Part]:
    sums: dict[tuple[date, str], list[Any]] = defaultdict(lambda: [Decimal(0), 0])
    for part in digest.days:
        of_week = sums[part.start - timedelta(days=part.start.weekday()), part.model]
        of_week[0] += part.cost_usd
        of_week[1] += part.total_tokens
    return [Part(monday, model, cost, tokens) for (monday, model), (cost, tokens) in sorted(sums.items())]


def _weekly(digest: Digest) -> list[Row]:
    return _periods(
        digest, _weeks(digest), lambda day: day + WEEK, lambda day: f"{day} to {day + WEEK - timedelta(days=1):%m-%d}"
    )


def _monthly(digest: Digest) -> list[Row]:
    return _periods(digest, digest.months, next_month, lambda day: f"{day:%Y-%m}")


def _periods(
    digest: Digest, parts: Iterable[Part], after: Callable[[date], date], name: Callable[[date], str]
) -> list[Row]:
    """Return a row for each period from the first one with usage to the one that goes on."""
    costs: dict[date, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for part in parts:
        costs[part.start][part.model] += part.cost_usd
    rows, start = [], min(costs, default=digest.today)
    while start <= max(*costs, digest.today):
        following = after(start)
        so_far = SO_FAR if start <= digest.today < following else ""
        rows.append(Row(name(start) + so_far, costs.get(start, {})))
        start = following
    return rows


def _hours(digest: Digest) -> list[Row]:
    costs: dict[int, Decimal] = defaultdict(Decimal)
    for use in digest.hours:
        costs[use.hour] += use.cost_usd
    return [Row(f"{hour:02}:00", {"": costs[hour]}) for hour in range(24)]


def _models(digest: Digest) -> list[Row]:
    called = model_names(use.model for use in digest.models)
    return [Row(called[use.model] or NO_MODEL, {use.model: use.usage.cost_usd}) for use in digest.models]


def _projects(digest: Digest) -> list[Row]:
    called = project_names(use.project for use in digest.projects)
    return [Row(called[use.project], {"": use.usage.cost_usd}) for use in digest.projects]


def _sessions(digest: Digest) -> list[Row]:
    called = project_names(use.project for use in digest.sessions)
    return [Row(f"{use.day} {called[use.project]}", {"": use.usage.cost_usd}) for use in digest.sessions]


def _uses(digest: Digest, what: str) -> list[Use]:
    """Return what machines or agents cost by model, the dearest first."""
    detail = digest.detail
    if detail is None:
        return []
    sums: dict[tuple[str, str], list[Any]] = defaultdict(lambda: [Decimal(0), 0])
    for day, machine, agent, model, cost, tokens in detail.days:
        if digest.since is None or day >= digest.since:
            name = detail.machine_names[machine] if what == "machines" else detail.agent_names[agent]
            of_name = sums[name, detail.model_names[model]]
            of_name[0] += cost
            of_name[1] += tokens
    return [Use(*key, *values) for key, values in sorted(sums.items(), key=lambda one: (-one[1][0], one[0]))]


def _named(what: str) -> Callable[[Digest], list[Row]]:
    def rows(digest: Digest) -> list[Row]:
        costs: dict[str, dict[str, Decimal]] = defaultdict(dict)
        for use in _uses(digest, what):
            costs[use.name][use.model] = use.cost_usd
        return sorted((Row(name, parts) for name, parts in costs.items()), key=lambda row: (-row.cost_usd, row.name))

    return rows


ROWS: dict[str, Callable[[Digest], list[Row]]] = {
    "daily": _days,
    "weekly": _weekly,
    "monthly": _monthly,
    "hours": _hours,
    "models": _models,
    "projects": _projects,
    "sessions": _sessions,
    "machines": _named("machines"),
    "agents": _named("agents"),
}
