"""The dashboards as the tests read them: their panels, and their queries as Grafana would send them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ccusage_import.warehouse.clickhouse_client import ClickHouse

FILES = sorted((Path(__file__).parent.parent.parent / "monitoring" / "grafana" / "dashboards").glob("*.json"))
WAREHOUSE = "grafana-clickhouse-datasource"
FROM, TO = "2025-09-01 00:00:00", "2100-01-01 00:00:00"


def dashboard(name: str) -> dict[str, Any]:
    """Return a dashboard by the name of its file."""
    return next(json.loads(file.read_text("utf-8")) for file in FILES if file.stem == name)


def query_panels(board: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the panels of a dashboard that ask the warehouse."""
    return [panel for panel in board["panels"] if panel.get("datasource", {}).get("type") == WAREHOUSE]


def metric_panels(board: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the panels of a dashboard that ask Prometheus."""
    return [panel for panel in board["panels"] if panel.get("datasource", {}).get("type") == "prometheus"]


def query_of(panel: Mapping[str, Any]) -> str:
    """Return the SQL of a panel, with macros and variables."""
    return str(panel["targets"][0]["rawSql"])


def interval_of(panel: Mapping[str, Any]) -> int:
    """Return the shortest interval of a panel in seconds: what it aggregates by where the range is short."""
    found = re.fullmatch(r"(\d+)([smhd])", panel.get("interval", "1s"))
    assert found, panel["interval"]
    return int(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]


def expanded(sql: str, variables: Mapping[str, Sequence[str]], seconds: int = 1) -> str:
    """Return the SQL that Grafana sends for FROM to TO: its variables and the plugin's macros replaced.

    Args:
        sql: query of a panel or an annotation.
        variables: what is chosen, one by one: the plugin leaves out the conditions of `All`.
        seconds: interval that Grafana has chosen for the range and the width of the panel.
    """

    def quoted(match: re.Match[str]) -> str:
        return ",".join(f"'{value}'" for value in variables[match[1]])

    sql = re.sub(r"\$__conditionalAll\((.*?), \$\w+\)", r"\1", sql)
    sql = re.sub(r"\$\{(\w+):singlequote\}", quoted, sql)
    sql = re.sub(r"\$__timeInterval\((\w+)\)", rf"toStartOfInterval(toDateTime(\1), INTERVAL {seconds} second)", sql)
    for macro, convert in (("dateFilter", "toDate"), ("timeFilter", "toDateTime")):
        days = (FROM, TO) if macro == "timeFilter" else (FROM[:10], TO[:10])
        sql = re.sub(rf"\$__{macro}\((\w+)\)", rf"\1 >= {convert}('{days[0]}') AND \1 <= {convert}('{days[1]}')", sql)
    assert not re.search(r"\$[\w{]", sql), f"a macro or variable that is not known here: {sql}"
    return sql


def chosen(warehouse: ClickHouse, board: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return all values of the variables of a dashboard, as `All` chooses them."""
    variables = board["templating"]["list"]
    return {one["name"]: [str(row[0]) for row in warehouse.rows(one["query"])] for one in variables}


def answers(warehouse: ClickHouse, board: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Run the query of every panel; yields the panel, and the answer with its columns as ClickHouse gives it."""
    variables = chosen(warehouse, board)
    for panel in query_panels(board):
        yield panel, json.loads(warehouse.raw(expanded(query_of(panel), variables, interval_of(panel)), "JSON", {}))
