"""Reads what the page draws beyond the digest, and what was kept beyond ccusage."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from ccusage_import.config.kept.last_offer import LastOffer
from ccusage_import.digest.glance import read_kept
from ccusage_import.digest.model import (
    DayRow,
    Detail,
    HourRow,
    KeptUse,
    ProjectRow,
    PromptRow,
    Rows,
    Selection,
    SessionRow,
)
from ccusage_import.warehouse.clickhouse_client import ClickHouse

# Projects that the page can filter by, the dearest; the others are one.
FILTERED_PROJECTS = 25


class _Numbers(dict[str, int]):
    """Numbers by stored name, in order of appearance; two stored names that are shown alike share one."""

    def __init__(self, named: Callable[[str], str]) -> None:
        super().__init__()
        self._named = named
        self._shown = dict[str, int]()

    def __missing__(self, name: str) -> int:
        number = self._shown.setdefault(self._named(name) if name else "", len(self._shown))
        self[name] = number
        return number

    @property
    def names(self) -> list[str]:
        return list(self._shown)


def read_kept_of(warehouse: ClickHouse, selection: Selection, offer: LastOffer | None) -> KeptUse | None:
    """Return what was kept beyond an offer; None where that is not known of what is selected.

    Args:
        warehouse: where.
        selection: what is shown.
        offer: what ccusage showed at the last whole import of this machine, where that is known.
    """
    is_part = selection.has_days or selection.projects or selection.agent
    if offer is None or is_part or selection.machine not in ("", offer.machine):
        return None
    return KeptUse(offer.machine, offer.cost_usd, read_kept(warehouse, offer))


def read_detail(rows: Rows, named: Callable[[str], str]) -> Detail:
    """Return what the page draws, without what was kept.

    Args:
        rows: the rows of a shipped query of the digest by its name.
        named: replaces what is not to be shown in a text, such as pseudonyms by names.
    """
    machines, agents, projects, models, names, commands = (_Numbers(named) for _ in range(6))
    days: list[DayRow] = [
        (day, machines[host], agents[agent], models[model], cost, tokens)
        for day, host, agent, model, cost, tokens in rows("page_days")
    ]
    by_project: list[ProjectRow] = [
        (day, machines[host], agents[agent], projects[project], models[model], cost, tokens)
        for day, host, agent, project, model, cost, tokens in rows("page_projects")
    ]
    filtered_projects = len(projects.names)
    hours: list[HourRow] = [
        (day, machines[host], hour, _decimal(cost), tokens)
        for weekday, day, host, hour, cost, _, tokens in rows("page_hours")
        if not weekday
    ]
    sessions: list[SessionRow] = [
        (names[session], machines[host], agents[agent], projects[project], day, models[model], _decimal(cost), tokens)
        for session, host, agent, project, day, model, cost, tokens in rows("page_sessions")
    ]
    prompts: list[PromptRow] = [
        (
            *(day, minute, commands[command], machines[host], projects[project]),
            *(names[session], models[model], _decimal(cost)),
        )
        for day, minute, command, host, project, session, model, cost, _turn in rows("page_prompts")
    ]
    return Detail(
        machine_names=machines.names,
        agent_names=agents.names,
        project_names=projects.names,
        filtered_projects=filtered_projects,
        model_names=models.names,
        session_names=names.names,
        command_names=commands.names,
        days=days,
        projects=by_project,
        hours=hours,
        sessions=sessions,
        prompts=prompts,
        kept=None,
    )


def _decimal(cost: float) -> Decimal:
    return Decimal(str(cost))
