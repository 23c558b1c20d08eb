"""What people see of the query library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from rich.text import Text

from ccusage_import.named_queries import NamedQuery
from ccusage_import.ui import console, plain_table, print_json


def print_queries(queries: Sequence[NamedQuery], *, as_json: bool) -> None:
    """Print name, what it answers, and its parameters, by group."""
    if as_json:
        print_json([asdict(query) for query in queries])
        return
    table = plain_table("group", "query", "answers", "parameters")
    for column in table.columns:
        column.justify, column.no_wrap = "left", False
    group = ""
    for query in queries:
        parameters = ", ".join(f"{parameter.name}={parameter.default}" for parameter in query.parameters)
        table.add_row(query.group if query.group != group else "", query.name, Text(query.answers), Text(parameters))
        group = query.group
    console().print(table)


def print_query(query: NamedQuery, values: Mapping[str, str]) -> None:
    """Print a query, what its parameters mean and have for values."""
    if query.answers:
        print(f"-- {query.answers}")
    meanings = {parameter.name: f": {parameter.meaning}" for parameter in query.parameters}
    for name, value in values.items():
        print(f"-- {name} = {value}{meanings.get(name, '')}")
    print(f"{query.sql}\n")
