"""How a digest calls its models and projects where people read: by one short name in all charts and tables."""

from __future__ import annotations

from calendar import month_name
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta

from ccusage_import.days import next_month
from ccusage_import.digest.model import Digest
from ccusage_import.digest.text import NO_MODEL, day_range
from ccusage_import.names.shown import model_names, project_name, project_names


class Called(str):
    """A short name that says what it is in full, for whoever points at it; empty where it is the same."""

    __slots__ = ("in_full",)
    in_full: str

    @classmethod
    def of(cls, name: str, in_full: str) -> Called:
        """Return the name of what is called differently in full."""
        called = cls(name)
        called.in_full = in_full if in_full != name else ""
        return called


def models_called(digest: Digest) -> Mapping[str, Called]:
    """Return the name of each model of a digest by its id."""
    detailed = digest.detail.model_names if digest.detail else ()
    used = (model for session in digest.sessions for model in session.models)
    ids = [*(use.model for use in digest.models), *detailed, *used, *(use.model for use in digest.cache)]
    return {model: Called.of(name or NO_MODEL, model) for model, name in model_names(ids).items()}


def projects_called(digest: Digest) -> Mapping[str, Called]:
    """Return the name of each project of a digest by its name in full."""
    detailed = digest.detail.project_names if digest.detail else ()
    used = (session.project for session in digest.sessions)
    worked = (use.project for use in digest.work.subagents)
    full = [*(use.project for use in digest.projects), *detailed, *used, *worked]
    return {project: Called.of(name, project) for project, name in project_names(full).items()}


def selection_called(digest: Digest) -> str:
    """Return what is selected, such as `October 2026 · web-shop`; empty where everything is."""
    return " · ".join(filter(None, (days_called(digest.since, digest.until), *_names(digest))))


def days_called(since: date | None, until: date | None) -> str:
    """Return the days from the first to the last, a whole month by its name; empty where neither is given."""
    if since is None or until is None:
        return f"since {since}" if since else f"until {until}" if until else ""
    if since.day == 1 and until == next_month(since) - timedelta(days=1):
        return f"{month_name[since.month]} {since.year}"
    return day_range(since, until)


def _names(digest: Digest) -> Iterator[str]:
    yield project_name(digest.project) if digest.project else ""
    yield digest.agent
    yield digest.machine


def joined(names: Iterable[Called]) -> Called:
    """Return names in one cell."""
    listed = list(names)
    return Called.of(", ".join(listed), ", ".join(name.in_full or name for name in listed))
