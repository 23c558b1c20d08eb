"""Names as a warehouse stores them: whoever asks for one that it does not know hears of the nearest."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ccusage_import.config.settings import Settings
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.names.pseudonyms import Pseudonyms, is_pseudonym, is_short_pseudonym
from ccusage_import.names.shown import (
    means_command,
    means_model,
    means_project,
    model_name,
    project_name,
    told_nearest,
)
from ccusage_import.records import ALL_REPORTS
from ccusage_import.transcripts.naming import Names
from ccusage_import.warehouse.budgets import STORED_NAMES, covered_names
from ccusage_import.warehouse.clickhouse_client import ClickHouse

_NAMES: dict[str, str] = {
    # A name that was given back has rows that nobody sees.
    "machine": (
        "SELECT machine FROM loads FINAL WHERE state != 'renamed' UNION DISTINCT SELECT machine FROM records FINAL"
    ),
    "agent": "SELECT DISTINCT agent FROM records",
    **STORED_NAMES,
    "command": "SELECT DISTINCT toString(command) FROM turn_facts WHERE command != ''",
}
# Stored as pseudonyms: a value may be given by its name.
_HIDDEN = ("project",)
_SHORTER: dict[str, Callable[[str], str]] = {"project": project_name, "model": model_name}
_MEANS = {"project": means_project, "model": means_model, "command": means_command}
_ALL_DAYS = "--param since=1970-01-01"
_HINTS = {
    "machine": f"ccusage-import query machine_ranking {_ALL_DAYS}",
    "agent": f"ccusage-import query agent_ranking {_ALL_DAYS}",
    "project": f"ccusage-import query top_projects {_ALL_DAYS}",
    "model": f"ccusage-import query top_models {_ALL_DAYS}",
    "command": f"ccusage-import query prompts_by_command {_ALL_DAYS}",
    "report": f"give {', '.join(ALL_REPORTS)}",
}


def stored_names(given: Mapping[str, str], settings: Settings) -> dict[str, str]:
    """Return the values of parameters as the warehouse stores them: of names that are hidden, the pseudonyms."""
    names = settings.pseudonyms()
    return {
        name: _stored_command(value, names)
        if name == "command"
        else names.of(value)
        if name in _HIDDEN and not is_pseudonym(value)
        else value
        for name, value in given.items()
    }


def _stored_command(name: str, pseudonyms: Pseudonyms) -> str:
    """Return a slash command as the warehouse stores it; it may be given without the slash, or as it is stored."""
    if not name or is_short_pseudonym(name):
        return name
    return Names(pseudonyms).command(f"/{name.removeprefix('/')}")[0]


def complaint_of(warehouse: ClickHouse, kind: str, name: str, names: Mapping[str, str]) -> str | None:
    """Return what to say about a name under which nothing is stored; None where something is, or nothing at all.

    Args:
        warehouse: where to look.
        kind: machine, agent, project, model, command or report; any other kind is ignored.
        name: as it is stored, a pseudonym for a hidden project or command.
        names: pseudonym to name, for what is shown.
    """
    if not name or (kind != "report" and kind not in _NAMES):
        return None
    known = set(ALL_REPORTS) if kind == "report" else {str(found) for (found,) in warehouse.rows(_NAMES[kind])}
    if name in known or not known:
        return None
    said, full = names.get(name, name), [names.get(each, each) for each in known]
    shorter = _SHORTER.get(kind, str)
    told = told_nearest(shorter(said), map(shorter, full)) or told_nearest(said, full)
    return f"{kind} {said}: nothing is stored under this name{told}"


def refuse_unknown(warehouse: ClickHouse, asked: Mapping[str, str], names: Mapping[str, str] | None = None) -> None:
    """Refuse names under which nothing is stored; `asked` has the names by their kinds.

    Raises:
        ConfigurationError: there is one; it names the nearest that are stored.
    """
    for kind, name in asked.items():
        if complaint := complaint_of(warehouse, kind, name, names or {}):
            raise ConfigurationError(complaint, hint=_HINTS[kind])


def meant_names(
    warehouse: ClickHouse, asked: Mapping[str, str], stored: Mapping[str, str], names: Mapping[str, str]
) -> dict[str, str]:
    """Return the values of parameters with the one project, model or command that a name means.

    Args:
        warehouse: where they are stored.
        asked: the values as they were typed.
        stored: the same as the warehouse stores them.
        names: pseudonym to name.

    Raises:
        ConfigurationError: nothing is stored under a name, or it is short for several.
    """
    meant = {
        kind: _one_meant(warehouse, kind, asked[kind], name, names) if name and kind in _MEANS else name
        for kind, name in stored.items()
    }
    refuse_unknown(warehouse, meant, {**names, **{stored[kind]: said for kind, said in asked.items()}})
    return meant


def _one_meant(warehouse: ClickHouse, kind: str, said: str, stored: str, names: Mapping[str, str]) -> str:
    known = [str(found) for (found,) in warehouse.rows(_NAMES[kind])]
    if stored in known:
        return stored
    meant = {each: names.get(each, each) for each in known if _MEANS[kind](said, names.get(each, each))}
    if len(meant) > 1:
        raise ConfigurationError(
            f"{kind} {said}: is short for {', '.join(sorted(meant.values()))}", hint="give one of them in full"
        )
    return next(iter(meant), stored)


def meant_projects(warehouse: ClickHouse, said: str, stored: str, names: Mapping[str, str]) -> list[str]:
    """Return the projects that a name means, as they are stored: the one of that name, else those it is short for.

    Args:
        warehouse: where they are stored.
        said: the name as it was typed.
        stored: the pseudonym of that.
        names: pseudonym to name.

    Raises:
        ConfigurationError: nothing is stored under the name.
    """
    known = [str(found) for (found,) in warehouse.rows(_NAMES["project"])]
    if stored in known:
        return [stored]
    meant = sorted(each for each in known if means_project(said, names.get(each, each)))
    complaint = None if meant else complaint_of(warehouse, "project", stored, {**names, stored: said})
    if complaint:
        raise ConfigurationError(complaint, hint=_HINTS["project"])
    return meant or [stored]


def unknown_budgets(warehouse: ClickHouse, settings: Settings, names: Mapping[str, str]) -> list[str]:
    """Return warnings about limits of names under which nothing is stored: perhaps not yet, perhaps misspelt."""
    pseudonyms = settings.pseudonyms()
    limits = list(settings.budget.limits())
    covered = {part for part, found in covered_names(warehouse, limits, names).items() if found}
    complaints = []
    for scope, said in dict.fromkeys((limit.scope, limit.name) for limit in limits):
        stored = pseudonyms.of(said) if scope == "project" else said
        if (scope, said) not in covered:
            complaints.append(complaint_of(warehouse, scope, stored, {**names, stored: said}))
    return [f"budget of {complaint}" for complaint in complaints if complaint]
