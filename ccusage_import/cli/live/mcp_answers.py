"""What the tools of `mcp` answer, as JSON values: short enough for a model, and saying so where they are cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from ccusage_import import ui
from ccusage_import.cli.options import open_to_ask
from ccusage_import.cli.query import CLICKHOUSE_FORMATS
from ccusage_import.config.kept.names import read_names
from ccusage_import.config.settings import Configuration
from ccusage_import.days import today_in
from ccusage_import.digest.reading.reader import read_digest
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.names.shown import told_nearest
from ccusage_import.querying.known_names import meant_names, stored_names
from ccusage_import.querying.queries import GROUPS, NamedQuery, find_query, read_queries, with_days
from ccusage_import.querying.reading import read_only
from ccusage_import.ui.answers import NULL, read_answer
from ccusage_import.warehouse.budgets import keep_budgets_if_allowed, keep_quotas_if_allowed, read_quotas
from ccusage_import.warehouse.clickhouse_client import ClickHouse

MOST_ROWS = 200
MOST_CHARACTERS = 20_000
MOST_OF_A_CELL = 1_000
MOST_HELD = 10
CUT = " [cut]"
# The engine stops sooner than an import gives up waiting; one row more than is shown says that there are more.
# The role of readers may ask for no more memory.
LIMITS = {"limit": MOST_ROWS + 1, "max_execution_time": 20, "max_memory_usage": 2_000_000_000}
_VIEWS = "SELECT name, comment FROM system.tables WHERE database = {database:String} AND engine = 'View' ORDER BY name"
_COLUMNS = (
    "SELECT name, type, comment FROM system.columns WHERE database = {database:String} AND table = {view:String}"
    " ORDER BY position"
)

Answer = dict[str, Any]


def list_views(configuration: Configuration) -> Answer:
    """Return the names of the views, and what a row of each is."""
    with _opened(configuration) as (warehouse, warnings):
        rows = warehouse.rows(_VIEWS, {"database": warehouse.database})
    return {"views": [{"name": name, "comment": comment} for name, comment in rows], **warnings}


def describe_view(configuration: Configuration, view: str) -> Answer:
    """Return the columns of a view."""
    with _opened(configuration) as (warehouse, warnings):
        names = {"database": warehouse.database}
        rows = warehouse.rows(_COLUMNS, {**names, "view": view})
        views = [str(name) for name, _ in warehouse.rows(_VIEWS, names)]
    if view not in views:
        told = told_nearest(view, views)
        raise ConfigurationError(f"view {view}: there is none{told}", hint="list_views names all of them")
    columns = [{"name": name, "type": kind, "comment": comment} for name, kind, comment in rows]
    return {"view": view, "columns": columns, **warnings}


def list_queries(_configuration: Configuration, group: str = "") -> Answer:
    """Return the named queries, with parameters where they are of one group."""
    if group and group not in GROUPS:
        raise ConfigurationError(f"there is no group {group}", hint=f"give one of {', '.join(GROUPS)}")
    queries = [query for query in read_queries() if group in ("", query.group)]
    if not group:
        listed = [{"name": query.name, "group": query.group, "answers": query.answers} for query in queries]
        return {"queries": listed, "note": "with a group, the parameters are listed too"}
    return {
        "queries": [
            {
                "name": query.name,
                "answers": query.answers,
                "notes": list(query.notes),
                "parameters": [asdict(parameter) for parameter in query.parameters],
            }
            for query in queries
        ]
    }


def run_query(configuration: Configuration, name: str, parameters: Mapping[str, str]) -> Answer:
    """Return the answer to a named query."""
    return _ask(configuration, find_query(name), parameters)


def run_sql(configuration: Configuration, sql: str, parameters: Mapping[str, str]) -> Answer:
    """Return the answer to a statement that reads."""
    if not sql.strip():
        raise ConfigurationError("sql: is empty", hint="ask one SELECT of the views; list_views names them")
    return _ask(configuration, NamedQuery("", "", "", (), (), sql.strip().rstrip(";")), parameters)


def forecast(configuration: Configuration, machine: str = "", agent: str = "") -> Answer:
    """Return what this month is expected to cost."""
    return run_query(configuration, "month_forecast", {"machine": machine, "agent": agent})


def predict(configuration: Configuration, command: str, project: str = "", model: str = "") -> Answer:
    """Return what the next run of a slash command is expected to cost."""
    return run_query(configuration, "predict", {"command": command, "project": project, "model": model})


def quota(configuration: Configuration) -> Answer:
    """Return what is used of each quota."""
    with _opened(configuration) as (warehouse, warnings):
        keep_quotas_if_allowed(warehouse, configuration)
        uses = read_quotas(warehouse)
    return {"quotas": [{**asdict(use), "is_over": use.is_over} for use in uses], **warnings}


def digest(configuration: Configuration) -> Answer:
    """Return today, the week, the month, its forecast, the budgets, what is held, and how fresh all that is."""
    names = read_names(configuration.directories.names_file)
    with _opened(configuration) as (warehouse, warnings):
        keep_budgets_if_allowed(warehouse, configuration)
        read = read_digest(warehouse, configuration.settings, named=lambda text: ui.with_names(text, names))
    return {
        "today": read.today,
        "timezone": read.timezone,
        "first_day": read.first_day,
        "last_day": read.last_day,
        "spans": [] if read.is_empty else [asdict(span) for span in read.spans],
        "forecast": read.forecast and {name: value for name, value in asdict(read.forecast).items() if name != "days"},
        "budgets": [asdict(use) for use in read.budget],
        "plans": [asdict(use) for use in read.plans],
        "held_count": read.held_count,
        "held": [asdict(line) for line in read.held[:MOST_HELD]],
        "machines": [asdict(use) for use in read.machines],
        **warnings,
    }


# What a tool is called, with the names of its arguments as they come.
TOOLS: Mapping[str, Callable[..., Answer]] = {
    tool.__name__: tool
    for tool in (list_views, describe_view, list_queries, run_query, run_sql, digest, forecast, predict, quota)
}


@contextmanager
def _opened(configuration: Configuration) -> Iterator[tuple[ClickHouse, dict[str, list[str]]]]:
    """Open the warehouse; yield what to warn of, too."""
    with open_to_ask(configuration, "mcp") as opened:
        yield opened, {"warnings": [str(opened.damage)]} if opened.damage else {}


def _ask(configuration: Configuration, named: NamedQuery, asked: Mapping[str, str]) -> Answer:
    settings = configuration.settings
    given, today = stored_names(asked, settings), today_in(settings.timezone)
    values = named.values(given, today) if named.name else with_days(named.sql, given, today)
    names = read_names(configuration.directories.names_file)
    with _opened(configuration) as (warehouse, warnings):
        if named.name:
            values = named.values(meant_names(warehouse, asked, given, names), today)
        answer = read_answer(read_only(warehouse, named.sql, CLICKHOUSE_FORMATS["table"], LIMITS, values), names)
    defaults = {"defaults": named.defaults(given, today)} if named.name else {}
    return {"columns": list(answer.names), **_shown(answer.rows), **defaults, **warnings}


def _shown(rows: Sequence[Sequence[str]]) -> Answer:
    """Return as many rows as fit, and whether there are more."""
    shown, characters = list[list[str | None]](), 0
    for row in rows[:MOST_ROWS]:
        cells = [_cell(cell) for cell in row]
        characters += sum(len(cell or "") + 4 for cell in cells)
        if characters > MOST_CHARACTERS:
            break
        shown.append(cells)
    if len(shown) == len(rows):
        return {"rows": shown}
    why = f"only the first {len(shown)} rows are shown: aggregate, filter or LIMIT to see others"
    return {"rows": shown, "cut": why}


def _cell(cell: str) -> str | None:
    if cell == NULL:
        return None
    return cell if len(cell) <= MOST_OF_A_CELL else cell[:MOST_OF_A_CELL] + CUT
