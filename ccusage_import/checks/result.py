"""One line of `check`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ccusage_import.exceptions import FixableError


class Health(StrEnum):
    """Whether something works: `warn` will hurt some day, `fail` stops the next import."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, how it is, what was found, and what to do about it."""

    name: str
    health: Health
    found: str
    hint: str = ""


def ok(name: str, found: str) -> Check:
    """Return a check that went well."""
    return Check(name, Health.OK, found)


def warn(name: str, found: str, hint: str) -> Check:
    """Return a check that found what will hurt some day."""
    return Check(name, Health.WARN, found, hint)


def fail(name: str, found: str, hint: str) -> Check:
    """Return a check that found why the next import will fail."""
    return Check(name, Health.FAIL, found, hint)


def failed(name: str, error: FixableError) -> Check:
    """Return a check that ended with an error."""
    return Check(name, Health.FAIL, "; ".join((str(error), *error.details[:3])), error.hint)
