"""What a query may do: one statement that reads, and reads nothing but the warehouse.

The engine itself refuses writes, settings and most ways out (`readonly = 1`). What it lets through is refused here, by
the engine's own parser: several statements, answers written to files, functions that read files, and statements that
do something else than read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ccusage_import.documents import is_utf8
from ccusage_import.exceptions import QueryError, StatementRefusedError, WarehousePermissionError
from ccusage_import.masking import printable
from ccusage_import.names.shown import nearest
from ccusage_import.warehouse.clickhouse_client import ClickHouse

# What the engine calls the statements that read.
SELECTS = frozenset({"SelectWithUnionQuery", "SelectIntersectExceptQuery", "SelectQuery"})
OTHER_READS = frozenset(
    {
        "DescribeQuery",
        "ExistsDatabaseQuery",
        "ExistsTableQuery",
        "ExistsViewQuery",
        "ShowColumns",
        "ShowCreateTableQuery",
        "ShowCreateViewQuery",
        "ShowFunctions",
        "ShowIndexes",
        "ShowTables",
    }
)
EXPLAIN = "Explain"
# A parameter without a value, or with one that is not of its type.
PARAMETER_ERRORS = ("UNKNOWN_QUERY_PARAMETER", "BAD_QUERY_PARAMETER")
TOO_LONG = "Max query size exceeded"
AS_A_PART = "SELECT * FROM ({})"
# Functions in the place of a table that read nothing but their arguments.
HARMLESS_TABLES = frozenset(
    {
        "format",
        "generate_series",
        "generateseries",
        "null",
        "numbers",
        "numbers_mt",
        "values",
        "view",
        "zeros",
        "zeros_mt",
    }
)
# Functions in the place of a value that reach a file, another server, or what others keep secret.
REFUSED_FUNCTIONS = frozenset({"file", "catboostevaluate", "getmacro", "getserversetting", "showcertificate"})
# What asks a language model of others: with the credentials of a server, of whatever rows it gets.
_ASKS_MODEL = re.compile(r"ai[A-Z]")
_NODE = re.compile(r"^( *)(\w+)(?: (\S+))?", re.MULTILINE)
_POSITION = re.compile(r"failed at position (\d+)")
_UNKNOWN_TABLE = re.compile(r"Unknown table expression identifier [`']([^`']+)[`']")
# So much of a line is shown on either side of the mark: a statement that a program wrote may be one line.
MOST_BESIDE_MARK = 100
MARK_HINT, COLUMNS_HINT = "correct the SQL at the mark", "take one of these columns"
OTHER_HINT = "correct the SQL, or ask for less; the words are ClickHouse's own"
READ_HINT = "ask one SELECT, SHOW, DESCRIBE, EXISTS or EXPLAIN of the views"


class Engine(Protocol):
    """Whoever answers SQL: an open warehouse, or one more connection to its engine."""

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None, /) -> Sequence[Sequence[Any]]:
        """Return the rows of a query."""

    def raw(
        self,
        sql: str,
        output_format: str,
        settings: Mapping[str, Any],
        parameters: Mapping[str, Any] | None = None,
        /,
    ) -> bytes:
        """Return the answer to one statement in a ClickHouse output format."""


def read_only(
    warehouse: ClickHouse,
    sql: str,
    output_format: str,
    settings: Mapping[str, Any],
    parameters: Mapping[str, Any],
    *,
    explains: bool = False,
) -> bytes:
    """Return the answer to a user's statement, in a ClickHouse output format.

    Args:
        warehouse: reads alone from now on.
        sql: the statement.
        output_format: ClickHouse's name of it.
        settings: of the format; the statement itself may set none.
        parameters: bound to `{name:Type}`.
        explains: answer how the engine would do it.

    Raises:
        StatementRefusedError: the statement does something else than read the warehouse.
        QueryError: the engine cannot parse or answer it.
    """
    try:
        statement = checked(warehouse, sql, parameters)
        warehouse.forbid_writing(settings)
        return warehouse.raw(f"EXPLAIN {statement}" if explains else statement, output_format, {}, parameters)
    except QueryError as error:
        raise _explained(warehouse, sql, parameters, error) from None


def checked(warehouse: Engine, sql: str, parameters: Mapping[str, Any]) -> str:
    """Return the statement as the engine writes it.

    Raises:
        StatementRefusedError: it does something else than read the warehouse.
        QueryError: the engine cannot parse it.
    """
    statement = formatted(warehouse, sql)
    _refuse_output(warehouse, statement)
    refusal = StatementRefusedError(f"query: {statement.split(maxsplit=1)[0]} does more than read", hint=READ_HINT)
    try:
        tree = warehouse.raw(f"EXPLAIN AST {statement}", "TSVRaw", {}, parameters).decode("utf-8", "replace")
    except (QueryError, WarehousePermissionError) as error:
        raise (error if any(kind in str(error) for kind in PARAMETER_ERRORS) else refusal) from None
    nodes = [(len(found[1]), found[2], found[3] or "") for found in _NODE.finditer(tree)]
    kind = nodes[1][1] if nodes[0][1] == EXPLAIN and len(nodes) > 1 else nodes[0][1]
    if kind not in SELECTS | OTHER_READS:
        raise refusal
    called = {name for _, node, name in nodes if node == "Function"}
    tables = {str(name).lower() for (name,) in warehouse.rows("SELECT name FROM system.table_functions")}
    beyond = (tables - HARMLESS_TABLES) | REFUSED_FUNCTIONS
    if refused := sorted(name for name in called if name.lower() in beyond or _ASKS_MODEL.match(name)):
        raise StatementRefusedError(f"query: {refused[0]}() reaches beyond the warehouse", hint=READ_HINT)
    return statement


def formatted(warehouse: Engine, sql: str) -> str:
    """Return one statement in its canonical text, without comments, on one line."""
    if not is_utf8(sql):
        raise StatementRefusedError("query: the SQL is not UTF-8", hint="type or save it in UTF-8")
    try:
        return str(warehouse.rows("SELECT formatQuerySingleLine({sql:String})", {"sql": sql})[0][0])
    except QueryError as error:
        text = str(error).partition(": In scope SELECT formatQuerySingleLine(")[0]
        if "Multi-statements are not allowed" in text:
            raise StatementRefusedError("query: only one statement can be asked", hint=READ_HINT) from None
        raise QueryError(text) from None


def _refuse_output(warehouse: Engine, statement: str) -> None:
    """Refuse a statement that says how and where its answer is written.

    A SELECT that does cannot be a part of another one. For other statements the canonical text decides.
    """
    is_select = bool(re.match(r"\(*(?:SELECT|WITH|FROM)\b", statement))
    try:
        if is_select:
            formatted(warehouse, AS_A_PART.format(statement))
            return
    except QueryError as error:
        if TOO_LONG in str(error):
            raise
    if is_select or re.match(r"(?:SHOW|DESCRIBE|EXISTS|EXPLAIN)\b.* (?:INTO OUTFILE |FORMAT \w+$)", statement):
        raise StatementRefusedError(
            "query: INTO OUTFILE and FORMAT are not taken",
            hint="leave them out; `ccusage-import query --format csv > FILE` writes the answer to a file",
        )


def _explained(warehouse: ClickHouse, sql: str, parameters: Mapping[str, Any], error: QueryError) -> QueryError:
    """Return an error of the engine with the place in the SQL, or the names that there are, and what to do."""
    text = str(error)
    if position := _POSITION.search(text):
        # The mark says where; all that the engine would have taken there says nothing to anybody.
        what = text.partition("Expected one of: ")[0].rstrip(" .:")
        return QueryError(what, details=_marked(sql, int(position[1])), hint=error.hint or MARK_HINT)
    if "(UNKNOWN_IDENTIFIER)" in text:
        columns = ", ".join(_columns(warehouse, sql, parameters))
        details, hint = ((f"there are {columns}",), COLUMNS_HINT) if columns else ((), OTHER_HINT)
        return QueryError(text, details=details, hint=hint)
    if unknown := _UNKNOWN_TABLE.search(text):
        names = [str(name) for (name,) in warehouse.rows("SHOW TABLES")]
        near = nearest(unknown[1], names)
        return QueryError(text, details=(f"nearest: {', '.join(near)}",) if near else (), hint=error.hint)
    return QueryError(text, details=error.details, hint=error.hint or OTHER_HINT)


def _marked(sql: str, position: int) -> tuple[str, ...]:
    """Return the line of the SQL that the engine stumbled over, and a mark below the place; positions count from 1."""
    before = sql.encode()[: position - 1].decode("utf-8", "ignore")
    line = sql.split("\n")[before.count("\n")].removesuffix("\r")
    at = len(before.rpartition("\n")[2])
    begin = max(0, at - MOST_BESIDE_MARK)
    return (line[begin : at + MOST_BESIDE_MARK], f"{' ' * len(printable(line[begin:at]))}^")


def _columns(warehouse: ClickHouse, sql: str, parameters: Mapping[str, Any]) -> Sequence[str]:
    """Return the columns of the views and tables that a statement names."""
    tree = warehouse.raw(f"EXPLAIN AST {formatted(warehouse, sql)}", "TSVRaw", {}, parameters).decode(
        "utf-8", "replace"
    )
    tables = dict.fromkeys(found[3] for found in _NODE.finditer(tree) if found[2] == "TableIdentifier")
    rows = warehouse.rows(
        "SELECT DISTINCT name FROM system.columns WHERE database = {database:String}"
        " AND table IN {tables:Array(String)} ORDER BY table, position",
        {"database": warehouse.database, "tables": [str(table).rpartition(".")[2] for table in tables]},
    )
    return [str(name) for (name,) in rows]
