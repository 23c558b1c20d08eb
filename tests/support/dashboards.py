"""The dashboards as the tests read them: their panels, and their queries as Grafana would send them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ccusage_import.warehouse.clickhouse_client import ClickHouse

FILES = sorted((Path(__file__).parent.parent.parent / "monitoring" / "grafana" / "dashboards").glob("*.json"))
FROM, TO = "2025-09-01 00:00:00", "2100-01-01 00:00:00"


def dashboard(name: str) -> dict[str, Any]:
    """Return a dashboard by the name of its file."""
    return next(json.loads(file.read_text("utf-8")) for file in FILES if file.stem == name)


def query_panels(board: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the panels of a dashboard that ask something."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def query_of(panel: Mapping[str, Any]) -> str:
    """Return the SQL of a panel, with macros and variables."""
    return str(panel["targets"][0]["rawSql"])


def expanded(sql: str, variables: Mapping[str, Sequence[str]]) -> str:
    """Return the SQL that Grafana sends for FROM to TO: its variables and the plugin's macros replaced."""

    def quoted(match: re.Match[str]) -> str:
        return ",".join(f"'{value}'" for value in variables[match[1]])

    sql = re.sub(r"\$\{(\w+):singlequote\}", quoted, sql)
    for macro, convert in (("dateFilter", "toDate"), ("timeFilter", "toDateTime")):
        days = (FROM, TO) if macro == "timeFilter" else (FROM[:10], TO[:10])
        sql = re.sub(rf"\$__{macro}\((\w+)\)", rf"\1 >= {convert}('{days[0]}') AND \1 <= {convert}('{days[1]}')", sql)
    assert "$" not in sql, f"a macro or variable that is not known here: {sql}"
    return sql


def chosen(warehouse: ClickHouse, board: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return all values of the variables of a dashboard, as `All` chooses them."""
    variables = board["templating"]["list"]
    return {one["name"]: [str(row[0]) for row in warehouse.rows(one["query"])] for one in variables}


def answers(warehouse: ClickHouse, board: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Run the query of every panel; yields the panel, and the answer with its columns as ClickHouse gives it."""
    variables = chosen(warehouse, board)
    for panel in query_panels(board):
        yield panel, json.loads(warehouse.raw(expanded(query_of(panel), variables), "JSON", {}))
