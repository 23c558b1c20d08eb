"""The query library: SQL files whose comment says what they answer and which parameters they take.

A file begins with comment lines: the first is what it answers, `-- group: NAME` sorts it into a list, and each
`-- param: NAME TYPE = DEFAULT: MEANING` describes a parameter that the text uses as `{NAME:TYPE}`. A default of a
date may be relative, as in `30 days ago`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from ccusage_import.exceptions import ConfigurationError
from ccusage_import.migrations import sql_directory

LIST_HINT = "ccusage-import query --list"
_PARAMETER = re.compile(r"^(?P<name>\w+) (?P<type>[\w()]+) = (?P<default>.*?): (?P<meaning>.+)$")
_AGO = re.compile(r"^(\d+) days ago$")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that a query asks for; `type` is ClickHouse's."""

    name: str
    type: str
    default: str
    meaning: str

    def value_on(self, today: date) -> str:
        """Return the default on a day."""
        ago = _AGO.match(self.default)
        return (today - timedelta(days=int(ago[1]))).isoformat() if ago else self.default


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """One query of the library."""

    name: str
    answers: str
    group: str
    parameters: Sequence[Parameter]
    sql: str

    def values(self, given: Mapping[str, str], today: date) -> dict[str, str]:
        """Return the value of each parameter.

        Raises:
            ConfigurationError: a value is given for what is no parameter of the query.
        """
        values = {parameter.name: parameter.value_on(today) for parameter in self.parameters}
        if unknown := sorted(given.keys() - values.keys()):
            raise ConfigurationError(
                f"query {self.name}: has no parameter {', '.join(unknown)}",
                hint=f"it takes {', '.join(values) or 'none'}",
            )
        return values | dict(given)


def read_queries() -> list[NamedQuery]:
    """Return the library, by group and name."""
    files = (sql_directory() / "queries").glob("*.sql")
    queries = [_query(file.stem, file.read_text("utf-8")) for file in files]
    return sorted(queries, key=lambda query: (query.group, query.name))


def find_query(name: str) -> NamedQuery:
    """Return the query of that name.

    Raises:
        ConfigurationError: there is none.
    """
    known = {query.name: query for query in read_queries()}
    if name in known:
        return known[name]
    similar = difflib.get_close_matches(name, known, n=3)
    raise ConfigurationError(
        f"query {name}: is neither SQL nor in the library" + (f"; similar: {', '.join(similar)}" if similar else ""),
        hint=LIST_HINT,
    )


def _query(name: str, text: str) -> NamedQuery:
    header = re.match(r"(?:--.*\n)*", text)
    lines = [line.removeprefix("--").strip() for line in header[0].splitlines()] if header else []
    answers, *rest = lines
    fields = [line.partition(": ") for line in rest]
    parameters = [
        Parameter(**match.groupdict())
        for key, _, value in fields
        if key == "param" and (match := _PARAMETER.match(value))
    ]
    group = next(value for key, _, value in fields if key == "group")
    return NamedQuery(name, answers, group, parameters, text[len(header[0]) if header else 0 :].strip().rstrip(";"))
