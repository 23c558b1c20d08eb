"""The query library: SQL files whose comment says what they answer and which parameters they take.

A file begins with comment lines: the first is what it answers, `-- group: NAME` sorts it into a list, each
`-- param: NAME TYPE = DEFAULT: MEANING` describes a parameter that the text uses as `{NAME:TYPE}`, and each
`-- note: TEXT` says how an answer is made. A parameter without ` = DEFAULT` must be given. A date may be relative,
as in `30 days ago`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ccusage_import.days import DAYS, parse_day
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.names.shown import told_nearest
from ccusage_import.warehouse.migrations import expanded, sql_directory

GROUPS = (
    "daily", "models", "projects", "sessions", "prompts", "blocks", "time of week", "cache", "cost", "anomalies",
    "machines", "freshness", "audit", "budget", "forecast",
)  # fmt: skip
LIST_HINT = "ccusage-import query --list"
# The default of a period that does not end.
LAST_DAY = "2099-12-31"
_DAY_PARAMETER = re.compile(r"\{(\w+): ?Date\}")
_PARAMETER = re.compile(r"(?P<name>\w+) (?P<type>\w+)(?: = (?P<default>.*?))?: (?P<meaning>.+)")


def _day(text: str, today: date) -> str:
    return parse_day(text, today).isoformat()


def _count(text: str, _today: date) -> str:
    if not (text.isascii() and text.isdigit() and int(text) < 2**32):
        raise ValueError(text)
    return text


def _number(text: str, _today: date) -> str:
    if not math.isfinite(float(text)):
        raise ValueError(text)
    return repr(float(text))


# What a type of ClickHouse takes: how a value is checked and written out, and what it looks like.
_TYPES: Mapping[str, tuple[Callable[[str, date], str], str]] = {
    "Date": (_day, DAYS),
    "Float64": (_number, "a number"),
    "String": (lambda text, _today: text, "any text"),
    "UInt32": (_count, "a whole number"),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that a query asks for; `type` is ClickHouse's, and a `default` of None means that it must be given."""

    name: str
    type: str
    default: str | None
    meaning: str

    def value(self, given: str | None, today: date) -> str:
        """Return the value, or the default, on a day.

        Raises:
            ConfigurationError: the value is not of the type, or there is none.
        """
        text = self.default if given is None else given
        check, looks = _TYPES[self.type]
        if text is None:
            raise ConfigurationError(
                f"--param {self.name}: is missing: {self.meaning}", hint=f"--param {self.name}=VALUE: {looks}"
            )
        try:
            return check(text, today)
        except (ValueError, OverflowError):
            raise ConfigurationError(
                f"--param {self.name}={text}: is not a {self.type}", hint=f"give {looks}"
            ) from None


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """One query of the library."""

    name: str
    answers: str
    group: str
    notes: Sequence[str]
    parameters: Sequence[Parameter]
    sql: str

    def values(self, given: Mapping[str, str], today: date) -> dict[str, str]:
        """Return the value of each parameter.

        Raises:
            ConfigurationError: a value is missing, is not of its type, or is given for an unknown parameter; or the
                last day comes before the first, which may be a default.
        """
        names = [parameter.name for parameter in self.parameters]
        if unknown := sorted(given.keys() - set(names)):
            raise ConfigurationError(
                f"query {self.name}: has no parameter {', '.join(unknown)}",
                hint=f"it takes {', '.join(names) or 'none'}",
            )
        values = {parameter.name: parameter.value(given.get(parameter.name), today) for parameter in self.parameters}
        if (until := values.get("until")) and until < (since := values.get("since", until)):
            raise ConfigurationError(
                f"--param until={until}: ends before since={since} begins", hint="--param since=DAY: an earlier day"
            )
        return values

    def defaults(self, given: Mapping[str, str], today: date) -> list[str]:
        """Return the defaults that leave something out, as people read them."""
        return [
            f"{parameter.name} {value}" + (f" ({parameter.default})" if parameter.default != value else "")
            for parameter in self.parameters
            if parameter.name not in given and parameter.default not in ("", None, LAST_DAY)
            for value in [parameter.value(None, today)]
        ]


def with_days(sql: str, given: Mapping[str, str], today: date) -> dict[str, str]:
    """Return the parameters of a statement with dates for the days that are named by how long ago they were.

    Raises:
        ConfigurationError: what a statement takes as a day is not one.
    """
    of_days = {name: Parameter(name, "Date", None, "the day") for name in _DAY_PARAMETER.findall(sql)}
    return {name: of_days[name].value(value, today) if name in of_days else value for name, value in given.items()}


def read_queries() -> list[NamedQuery]:
    """Return the library, by group in the order of GROUPS, and by name."""
    files = (sql_directory() / "queries").glob("*.sql")
    queries = [_query(file.stem, expanded(file)) for file in files]
    return sorted(queries, key=lambda query: (GROUPS.index(query.group), query.name))


def view_names() -> list[str]:
    """Return the views by name."""
    return sorted(file.stem for file in (sql_directory() / "views").glob("*.sql"))


def whole_view(name: str) -> NamedQuery:
    """Return the query for everything in a view."""
    sql = f"SELECT * FROM {name}"  # noqa: S608 - a view of ours
    return NamedQuery(name, f"everything in the view {name}", "", (), (), sql)


def find_query(name: str) -> NamedQuery:
    """Return the query of that name; the name of a view asks for all of it.

    Raises:
        ConfigurationError: there is none.
    """
    known = {query.name: query for query in read_queries()}
    if name in known:
        return known[name]
    if name in view_names():
        return whole_view(name)
    told = told_nearest(name, [*known, *view_names()])
    raise ConfigurationError(f"query {name}: is neither SQL nor a named query{told}", hint=LIST_HINT)


def _query(name: str, text: str) -> NamedQuery:
    lines = text.splitlines()
    end = next(number for number, line in enumerate(lines) if not line.startswith("--"))
    answers, *fields = (line.removeprefix("-- ") for line in lines[:end])
    header: dict[str, list[str]] = {"group": [], "note": [], "param": []}
    for field in fields:
        key, _, value = field.partition(": ")
        header[key].append(value)
    if len(header["group"]) != 1:
        raise ValueError(f"{name}.sql: needs one line `-- group: NAME`")
    parameters = [Parameter(**match.groupdict()) for match in map(_PARAMETER.fullmatch, header["param"]) if match]
    return NamedQuery(name, answers, header["group"][0], header["note"], parameters, "\n".join(lines[end:]))
