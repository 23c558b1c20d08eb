"""How a digest calls its models and projects where people read: by one short name in all charts and tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ccusage_import.config.shown_names import model_names, project_names
from ccusage_import.digest.model import Digest
from ccusage_import.digest.text import NO_MODEL


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


def joined(names: Iterable[Called]) -> Called:
    """Return names in one cell."""
    listed = list(names)
    return Called.of(", ".join(listed), ", ".join(name.in_full or name for name in listed))
