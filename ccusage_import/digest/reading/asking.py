"""Asks the queries of `sql/digest` for one selection."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from ccusage_import.config.settings import Settings
from ccusage_import.days import FIRST_OF_ALL, LAST_OF_ALL, next_month, storable
from ccusage_import.digest.model import Rows, Selection
from ccusage_import.digest.page_rows import (
    DAY,
    DAYS_DRAWN,
    DEAREST_PROMPTS,
    DEAREST_SESSIONS,
    HOURS_RANGE,
    PROMPTS_OF_OLD_DAY,
    SESSIONS_OF_OLD_DAY,
    SHOWN_DAYS,
    single_days_since,
)
from ccusage_import.digest.reading.detail import FILTERED_PROJECTS
from ccusage_import.digest.reading.work import query_of_work
from ccusage_import.warehouse.budgets import has_plans, questions_of_spending, read_spending
from ccusage_import.warehouse.clickhouse_client import ClickHouse, Question
from ccusage_import.warehouse.migrations import expanded, sql_directory

SHOWN_ROWS = 10
RECENT_DAYS = 7
WORK_DAYS = 30
# What is spent of limits, which several commands show, is no query of the digest.
BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks for one selection, of which `last_day` is the last with usage."""

    warehouse: ClickHouse
    settings: Settings
    selection: Selection
    now: datetime
    last_day: date = FIRST_OF_ALL

    def wanted(self, parts: Collection[str] | None, *, is_page: bool) -> list[str]:
        """Return the queries that tell something of what is selected, those that take longest first."""
        selection, is_open = self.selection, not self.is_closed
        has_parts = bool(selection.machine or selection.agent or selection.project)
        is_of_all = not selection.projects
        month_ends = next_month(self.today) - DAY
        has_forecast = is_of_all and (selection.until or month_ends) >= month_ends
        queries = {
            BUDGET: is_open and self._has_limits,
            "page_sessions": is_page,
            "page_days": is_page,
            "page_projects": is_page,
            # Blocks are of no project.
            "page_hours" if is_page else "hours": is_of_all,
            "page_prompts": is_page,
            "forecast": has_forecast,
            query_of_work("commands", selection): True,
            query_of_work("savings", selection): self._holds_last_days,
            # What the cache saved follows from the prices of a day, which reports do not split by project.
            "cache": is_of_all,
            "held": True,
            "plans": is_open and not has_parts and has_plans(self.warehouse),
            "machines_used" if selection.projects or selection.agent else "machines": is_open,
            "models": True,
            query_of_work("tools", selection): True,
            query_of_work("subagents", selection): True,
            "changes": True,
            "projects": True,
            "sessions": True,
            "recent_verdicts": True,
        }
        chosen = queries if parts is None else parts
        return [query for query, tells in queries.items() if tells and query in chosen]

    @contextmanager
    def answers(self, queries: Sequence[str]) -> Iterator[Rows]:
        """Ask queries side by side; yields what waits for the rows of each, and gives none of any other."""
        limits = questions_of_spending(self.warehouse) if BUDGET in queries else []
        asked = {query: self._question(query) for query in queries if query != BUDGET}

        @cache
        def rows(query: str) -> Sequence[Sequence[Any]]:
            if query == BUDGET:
                return [[spending] for spending in read_spending(self.warehouse, self.settings, limits)]
            return self.warehouse.rows(*asked[query]) if query in asked else ()

        with self.warehouse.asked_side_by_side([*limits, *asked.values()]):
            yield rows

    @property
    def today(self) -> date:
        """The day on which it is asked."""
        return self.now.astimezone(ZoneInfo(self.settings.timezone)).date()

    @property
    def _end(self) -> date:
        # Some days before the year 1 there is no day.
        return storable(min(self.selection.until or self.today, self.today))

    @property
    def is_closed(self) -> bool:
        """Whether what is selected ends before today."""
        return self.selection.until is not None and self.selection.until < self.today

    @property
    def _holds_last_days(self) -> bool:
        """Whether the last 30 days are all selected."""
        return not self.is_closed and (self.selection.since or FIRST_OF_ALL) <= self.today - WORK_DAYS * DAY

    @property
    def _has_limits(self) -> bool:
        """Whether what is selected may have limits: a machine or an agent its own, everything all of them."""
        return not self.selection.project and not (self.selection.machine and self.selection.agent)

    def ask(self, query: str) -> Sequence[Sequence[Any]]:
        """Return the rows of a shipped query."""
        return self.warehouse.rows(*self._question(query))

    def _question(self, query: str) -> Question:
        """Return a shipped query, which may read `selected_days` and `selected_models`."""
        sql = _shipped(query)
        if "selected_" in sql:
            sql = _shipped("selected_of_projects" if self.selection.projects else "selected_of_all") + sql
        return Question(sql, self._parameters())

    def _parameters(self) -> dict[str, Any]:
        today, selection = self.today, self.selection
        first_of_work = FIRST_OF_ALL if selection.has_days else today - WORK_DAYS * DAY
        return {
            "machine": selection.machine,
            "agent": selection.agent,
            "projects": list(selection.projects),
            "since": storable(selection.since or FIRST_OF_ALL),
            "until": storable(selection.until or LAST_OF_ALL),
            "work_since": storable(selection.since or first_of_work),
            "now": self.now,
            "today": today,
            "compared_since": (today.replace(day=1) - DAY).replace(day=1),
            "last_day": self.last_day,
            "days": SHOWN_DAYS,
            "counted_since": today - RECENT_DAYS * DAY,
            "timezone": self.settings.timezone,
            "rows": SHOWN_ROWS,
            "filtered_projects": FILTERED_PROJECTS,
            "days_drawn": DAYS_DRAWN,
            "days_since": storable(single_days_since(self._end)),
            "hours_after": storable(self._end - HOURS_RANGE * DAY),
            "dearest_sessions": DEAREST_SESSIONS,
            "dearest_prompts": DEAREST_PROMPTS,
            "sessions_of_old_day": SESSIONS_OF_OLD_DAY,
            "prompts_of_old_day": PROMPTS_OF_OLD_DAY,
        }


def _shipped(query: str) -> str:
    return expanded(sql_directory() / "digest" / f"{query}.sql")
