"""How models and projects are called where people read, never two by one name, and which known names are like another.

What is stored, JSON, SQL and exports have ids and names in full.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterable

_FAMILIES = "opus|sonnet|haiku"
# The agent that ccusage names, and the providers that sell the model: Bedrock by region, Vertex, routers.
_BEFORE = r"(?P<agent>\[[^\]]+\] )?(?:(?:[a-z]{2,6}\.)?anthropic[./]|(?:[\w-]+/)+)?"
_AFTER = r"(?:[-@](?:\d{8}|latest))?(?:-v\d+(?::\d+)?)?(?P<window>\[\w+\])?"
_NUMBER = r"(?P<major>\d{1,2})(?:[-.](?P<minor>\d{1,2}))?"
_SCHEMES = tuple(
    re.compile(f"{_BEFORE}claude-{named}{_AFTER}")
    # claude-sonnet-4-5-20250929, and before May 2025 claude-3-5-sonnet-20241022.
    for named in (f"(?P<family>{_FAMILIES})-{_NUMBER}", f"{_NUMBER}-(?P<family>{_FAMILIES})")
)
_AGENT = re.compile(r"^\[[^\]]+\] ")
_DATE = re.compile(r"\d{8}")
# Claude Code names a project by its directory, with a dash for everything but letters and digits.
_HOME = re.compile(r"(?:-mnt-[a-z]|[A-Za-z]-)?-(?:(?:home|Users)-[^-]+|root|workspaces?)-(?=[^-])")
# Directories in which people keep projects, as far as no project's own name is likely to begin so.
_SHELVES = re.compile(r"(?:(?:src|repos|[Pp]rojects|workspaces|Documents|Desktop|Developer|GitHub)-(?=[^-]))+")


def model_name(model: str) -> str:
    """Return what people call a model, such as `Sonnet 4.5`; the id where that is what they call it."""
    for scheme in _SCHEMES:
        if found := scheme.fullmatch(model):
            version = ".".join(filter(None, (found["major"], found["minor"])))
            window = f" {found['window']}" if found["window"] else ""
            return f"{found['agent'] or ''}{found['family'].capitalize()} {version}{window}"
    return model


def model_names(models: Iterable[str]) -> dict[str, str]:
    """Return the short name of each model; those that would share one keep their ids."""
    return _apart(models, (model_name,))


def means_model(name: str, model: str) -> bool:
    """Return whether people who say `name` mean a model: its short name, its family, or an id without its date."""
    called = model_name(model)
    if called == model:
        return False
    without_agent = _AGENT.sub("", called)
    family = without_agent.partition(" ")[0]
    said = name if _DATE.search(name) else model_name(name)
    return said.casefold() in {each.casefold() for each in (called, without_agent, family)}


def means_project(name: str, project: str) -> bool:
    """Return whether people who say `name` mean a project: its short name, or the path below their home."""
    return name.casefold() in {project_name(project).casefold(), _below_home(project).casefold()}


def means_command(name: str, command: str) -> bool:
    """Return whether people who say `name` mean a slash command: with the slash, or without it."""
    return name.removeprefix("/") == command.removeprefix("/")


def project_name(project: str) -> str:
    """Return the last part of a project's path, as far as its name tells: `web-shop` of `-home-ana-src-web-shop`."""
    below = _below_home(project)
    return below[found.end() :] if below != project and (found := _SHELVES.match(below)) else below


def project_names(projects: Iterable[str]) -> dict[str, str]:
    """Return the short name of each project; those that would share one get as much more of the path as they need."""
    return _apart(projects, (project_name, _below_home))


def _below_home(project: str) -> str:
    if "/" in project.rstrip("/"):
        return project.rstrip("/").rpartition("/")[2]
    found = _HOME.match(project)
    return project[found.end() :] if found else project


def _apart(names: Iterable[str], shorter: Iterable[Callable[[str], str]]) -> dict[str, str]:
    """Return each name shortened by the first rule under which no other has the same one, or in full."""
    found: dict[str, str] = {}
    left = list(dict.fromkeys(names))
    for rule in shorter:
        short = {name: rule(name) for name in left}
        taken = Counter([*short.values(), *found.values()])
        own = {name: called for name, called in short.items() if taken[called] == 1}
        found |= own
        left = [name for name in left if name not in own]
    return {**found, **{name: name for name in left}}


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Return the most similar of the known names, whatever the case of their letters; none where none is similar."""
    by_folded = {each.casefold(): each for each in known}
    return [by_folded[each] for each in difflib.get_close_matches(name.casefold(), by_folded, n=3)]


def told_nearest(name: str, known: Iterable[str]) -> str:
    """Return the end of a message that names the most similar known names; empty where none is similar."""
    similar = nearest(name, known)
    return f"; nearest: {', '.join(similar)}" if similar else ""
