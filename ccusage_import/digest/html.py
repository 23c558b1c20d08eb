"""A digest as one HTML file that needs nothing else: no network, no other file. The only home of jinja2."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from ccusage_import.digest.called import models_called, projects_called, selection_called
from ccusage_import.digest.charts import Chart, charts_of
from ccusage_import.digest.contents import Table, notices_of, prices_note, scope_of, tables_of
from ccusage_import.digest.headlines import headlines_of
from ccusage_import.digest.model import Detail, Digest
from ccusage_import.digest.page_rows import (
    DEAREST_PROMPTS,
    DEAREST_SESSIONS,
    PROMPTS_OF_OLD_DAY,
    SESSIONS_OF_OLD_DAY,
    SHOWN_DAYS,
    first_held,
    folded_days,
    numbers_of,
    prompts_of,
    sessions_of,
)
from ccusage_import.digest.palette import OTHERS, model_looks, palette_css
from ccusage_import.money import Money

FILES = Path(__file__).parent
SCRIPTS = ("page_charts", "page_behind", "page")
CHART_LIBRARY = FILES / "echarts" / "echarts.min.js"
# Charts over many days or hours take both columns.
WIDE_CHARTS = ("days", "calendar", "hours")
# What is looked for first stands beside the name, and is in view on a phone.
FIRST_COLUMNS = ("cost", "spent", "stored")


class Drawn(NamedTuple):
    """What the scripts draw, as JSON of the numbers in which the page holds it; days are counted from the first one."""

    first: date
    days: Markup
    by_project: Markup
    hours: Markup
    sessions: Markup
    prompts: Markup


class Begun(NamedTuple):
    """A page as far as a detail alone makes it, which is most of the work; `drawn` is None where there is none."""

    template: Template
    style: Markup
    scripts: Sequence[Markup]
    policy: str
    drawn: Drawn | None


def begin_page(digest: Digest) -> Begun:
    """Return the beginning of a page on a digest, of which only the detail need be read yet."""
    environment = Environment(
        loader=FileSystemLoader(FILES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    scripts = [_as_it_is(file) for file in (CHART_LIBRARY, *(FILES / f"{name}.js" for name in SCRIPTS))]
    style = Markup(palette_css()) + _as_it_is(FILES / "page.css")  # noqa: S704 - colours of this package
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {' '.join(map(_hash, scripts))};"
        " base-uri 'none'; form-action 'none'"
    )
    drawn = _drawn(digest, _converted(digest.detail, digest.money)) if digest.detail else None
    return Begun(environment.get_template("page.html.j2"), style, scripts, policy, drawn)


def html_page(digest: Digest, tool_version: str, begun: Begun | None = None) -> str:
    """Return the page.

    Every value is escaped by the template; the policy in the page lets a browser run the scripts of this package alone,
    known by their hashes, and load nothing.

    Args:
        digest: what it shows.
        tool_version: of this program.
        begun: what `begin_page` returned, where it was asked.
    """
    begun = begun or begin_page(digest)
    return begun.template.render(
        digest=digest,
        scope=scope_of(digest),
        selection=selection_called(digest),
        headlines=headlines_of(digest),
        notices=list(notices_of(digest)),
        prices_note=prices_note(digest),
        charts=[_together_first(chart) for chart in charts_of(digest)] if digest.detail else [],
        wide=WIDE_CHARTS,
        page_data=_page_data(digest, digest.detail, begun.drawn) if digest.detail and begun.drawn else None,
        tables=[_cost_first(table) for table in tables_of(digest)],
        tool_version=tool_version,
        style=begun.style,
        scripts=begun.scripts,
        policy=begun.policy,
    )


def _drawn(digest: Digest, detail: Detail) -> Drawn:
    """Return what the scripts draw; the detail is in the currency that is shown."""
    days = chain((row[0] for row in detail.days), (row[0] for row in detail.projects), (row[0] for row in detail.hours))
    first = min(days, default=digest.today)
    return Drawn(
        first,
        days=_json(numbers_of(folded_days(detail.days, digest.end, _compared(digest) or first), first)),
        by_project=_json(numbers_of(folded_days(detail.projects, digest.end, digest.since or first), first)),
        hours=_json(numbers_of(detail.hours, first)),
        sessions=_json(sessions_of(detail.sessions, first)),
        prompts=_json(prompts_of(detail.prompts, first)),
    )


def _json(value: object) -> Markup:
    """Return JSON that a page can hold; what is JSON already stays as it is."""
    return value if isinstance(value, Markup) else htmlsafe_json_dumps(value, separators=(",", ":"))


def _page_data(digest: Digest, detail: Detail, drawn: Drawn) -> Markup:
    """Return what the scripts draw and filter as JSON."""
    first = drawn.first
    looks = model_looks([use.model for use in digest.models])
    forecast, since, money = digest.forecast, digest.since, digest.money
    projects, models = projects_called(digest), models_called(digest)
    data = {
        "money": {"sign": money.sign, "decimals": money.decimals},
        "first": str(first),
        "today": str(digest.end),
        "since": str(since) if since else None,
        "machines": detail.machine_names,
        "agents": detail.agent_names,
        "projects": [projects[name] or "other projects" for name in detail.project_names[: detail.filtered_projects]],
        "more_projects": [projects[name] for name in detail.project_names[detail.filtered_projects :]],
        "models": [{"name": models[model], "look": looks.get(model, OTHERS)} for model in detail.model_names],
        "days": drawn.days,
        "by_project": drawn.by_project,
        "hours": drawn.hours,
        "held_since": str(max(since or date.min, first_held(detail.days, digest.end))),
        "shown_days": SHOWN_DAYS,
        "most": {"sessions": DEAREST_SESSIONS, "prompts": DEAREST_PROMPTS},
        "most_of_old_day": {"sessions": SESSIONS_OF_OLD_DAY, "prompts": PROMPTS_OF_OLD_DAY},
        "session_names": detail.session_names,
        "commands": detail.command_names,
        "sessions": drawn.sessions,
        "prompts": drawn.prompts,
        "forecast": [[(day.day - first).days, round(float(money.of(day.cost_usd)), 4)] for day in forecast.days]
        if forecast
        else [],
        "cache": [
            [
                models[use.model],
                round(float(money.of(use.cost_usd)), 4),
                round(max(float(money.of(use.savings_usd)), 0.0), 4),
            ]
            for use in digest.cache
            if use.savings_usd is not None and use.cost_usd + use.savings_usd > 0
        ],
    }
    return Markup("{%s}") % Markup(",").join(_json(name) + ":" + _json(value) for name, value in data.items())


def _converted(detail: Detail, money: Money) -> Detail:
    """Return what is drawn in the currency that is shown, in which its axes are even."""
    if money.rate == 1:
        return detail

    def converted(rows: Sequence[Any]) -> list[Any]:
        return [(*keys, money.of(cost), tokens) for *keys, cost, tokens in rows]

    prompts: list[Any] = [(*keys, money.of(cost)) for *keys, cost in detail.prompts]
    return replace(
        detail,
        days=converted(detail.days),
        projects=converted(detail.projects),
        hours=converted(detail.hours),
        sessions=converted(detail.sessions),
        prompts=prompts,
    )


def _compared(digest: Digest) -> date | None:
    """Return the first day whose rows are needed: of the last month too, which this one is compared with."""
    if digest.since is None:
        return None
    if digest.is_closed:
        return digest.since
    return min(digest.since, (digest.today.replace(day=1) - timedelta(days=1)).replace(day=1))


def _cost_first(table: Table) -> Table:
    """Return a table with its most important number beside the name."""
    found = [at for at, column in enumerate(table.columns) if column in FIRST_COLUMNS][:1]
    if not found:
        return table
    order = _order(table.columns, found)
    return replace(
        table,
        columns=[table.columns[at] for at in order],
        numbers=[place for place, at in enumerate(order) if at in table.numbers],
        rows=[[row[at] for at in order] for row in table.rows],
    )


def _together_first(chart: Chart) -> Chart:
    order = _order(chart.columns, [at for at, column in enumerate(chart.columns) if column == "together"])
    columns, *rows = [[line[at] for at in order] for line in (chart.columns, *chart.rows)]
    return replace(chart, columns=columns, rows=rows)


def _order(columns: Sequence[str], first: Sequence[int]) -> list[int]:
    return [0, *first, *(at for at in range(1, len(columns)) if at not in first)]


def _as_it_is(file: Path) -> Markup:
    return Markup(file.read_text("utf-8"))  # noqa: S704 - files of this package


def _hash(text: str) -> str:
    """Return a hash source of a Content Security Policy (CSP level 3, 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
