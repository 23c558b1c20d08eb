"""The schema: numbered migrations and views from `sql/`, applied statement by statement and kept in a table."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from ccusage_import import __version__
from ccusage_import.config.warehouse_url import ServerWarehouse, as_typed
from ccusage_import.exceptions import SchemaError, WarehousePermissionError
from ccusage_import.warehouse.clickhouse_client import ClickHouse, Question

FACT_TABLES = ("message_facts_by_month", "tool_call_facts_by_month", "turn_facts", "event_facts", "hour_facts")
TABLES = (
    "records", "changes", "loads", "budgets", "quotas", "plans", "machines", "price_list", *FACT_TABLES, "folded_ids",
    "message_facts", "tool_call_facts", "schema_migrations",
)  # fmt: skip
APPLIED = Question("SELECT version, checksum, applied_at, tool_version FROM schema_migrations FINAL")
CLUSTER_ONLY = "-- only with a cluster"
# Where a `;` means nothing: comments, text and quoted names; and the `;` that ends a statement.
TOKEN = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^'\\]|\\.)*'|`[^`]*`|;", re.DOTALL)
COLUMNS = re.compile(r"\{columns:(\w+)\}")
PART = re.compile(r"\{part:(\w+)\}")
QUERY = re.compile(r"\{query:(\w+)(?: since ([\d-]+))?\}")
FIRST = "{first:DateTime64(3, 'UTC')}"
EVERYTHING = "1970-01-01"
OF_A_PERIOD = re.compile(r"^.* -- of a period\n", re.MULTILINE)
MADE = re.compile(r"CREATE TABLE IF NOT EXISTS `\w+`\.(\w+)")
# What takes more rights than making tables and views.
MOVES = re.compile(r" ADD CONSTRAINT |\bDROP TABLE ")
RIGHTS_TO_MOVE = "DROP TABLE, ALTER ADD CONSTRAINT"
DROPPED = re.compile(r"DROP TABLE IF EXISTS `\w+`\.(\w+)")
COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
# Nothing is fsynced by default; a server has replicas for that, the embedded engine has only its files.
DURABLE = "fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1"
# Lets a plain MergeTree table recognise an INSERT that the driver replays after a lost answer.
REPLAY_SAFE = "non_replicated_deduplication_window = 1000"


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: a numbered migration, or a view, which is replaced whenever its file changes."""

    version: str
    sql: str
    is_view: bool

    @property
    def checksum(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Applied:
    """One row of `schema_migrations`."""

    version: str
    checksum: str
    applied_at: datetime
    tool_version: str


def sql_directory() -> Path:
    """Return where the SQL files lie: inside an installed package, beside it in a source tree."""
    package = Path(__file__).parent.parent
    installed = package / "sql"
    return installed if installed.is_dir() else package.parent / "sql"


@cache
def known_migrations() -> tuple[Migration, ...]:
    """Return all migrations in order, then all views, those with a parameter too."""
    directory = sql_directory()
    numbered = sorted((directory / "migrations").glob("*.sql"))
    views = sorted(
        (*(directory / "views").glob("*.sql"), *(directory / "windows").glob("*.sql")), key=lambda file: file.stem
    )
    return tuple(
        Migration(file.stem if is_view else file.stem.partition("_")[0], expanded(file), is_view)
        for files, is_view in ((numbered, False), (views, True))
        for file in files
    )


def expanded(file: Path) -> str:
    """Return the text of a view or a named query with what it has in common with others.

    `{part:NAME}` is a condition or an expression that several of them have, `{columns:NAME}` are the columns of the
    view of that name, `{query:NAME}` is its query, and `{query:NAME since DAY}` that of one with a parameter; since
    1970 it has no lines that end in `-- of a period`. The engine plans a query that is part of another one once, behind
    a view in a join for up to a quarter longer, and behind a view with a parameter more often, again for each such view
    between.
    """

    def part(match: re.Match[str]) -> str:
        return (sql_directory() / "parts" / f"{match[1]}.sql").read_text("utf-8").strip()

    def columns(match: re.Match[str]) -> str:
        view = (sql_directory() / "views" / f"{match[1]}.sql").read_text("utf-8")
        return view.partition("\n(\n")[2].partition("\n)\n")[0]

    def query(match: re.Match[str]) -> str:
        folder = "windows" if match[1].endswith("_since") else "views"
        text = expanded(sql_directory() / folder / f"{match[1]}.sql")
        text = text.partition("\n)\nAS ")[2].rpartition("\nCOMMENT ")[0]
        text = OF_A_PERIOD.sub("", text) if match[2] == EVERYTHING else text
        return text.replace(FIRST, f"toDateTime64('{match[2]}', 3, 'UTC')") if match[2] else text

    return QUERY.sub(query, PART.sub(part, COLUMNS.sub(columns, file.read_text("utf-8"))))


def applied_migrations(warehouse: ClickHouse) -> dict[str, Applied]:
    """Return what was applied to this warehouse, by version; nothing in a new one."""
    if not warehouse.columns("schema_migrations"):
        return {}
    return {row[0]: Applied(*row) for row in warehouse.rows(*APPLIED)}


def pending_migrations(warehouse: ClickHouse, *, with_dropped: bool = False) -> list[Migration]:
    """Return what must be applied before this program can work with the warehouse.

    What somebody dropped since is looked for on request.

    Raises:
        SchemaError: the warehouse is newer than this program, or a migration was changed after it was applied.
    """
    applied, known = applied_migrations(warehouse), known_migrations()
    numbers = {migration.version for migration in known if not migration.is_view}
    if unknown := sorted(version for version in applied if version.isdigit() and version not in numbers):
        newer = applied[unknown[-1]]
        raise SchemaError(
            f"warehouse {warehouse.warehouse}: schema {newer.version} is newer than this program's {max(numbers)}",
            hint=f"install ccusage-import {newer.tool_version} or newer",
        )
    dropped = _dropped(warehouse) if with_dropped and applied else frozenset()
    pending = []
    for migration in known:
        done = applied.get(migration.version)
        is_same = done is not None and done.checksum == migration.checksum
        if done and not is_same and not migration.is_view:
            raise SchemaError(
                f"migration {migration.version} differs from the one applied to {warehouse.warehouse}",
                hint="install a released version of ccusage-import",
            )
        if not is_same or migration.version in dropped:
            pending.append(migration)
    return pending


def _dropped(warehouse: ClickHouse) -> frozenset[str]:
    """Return the views that are not there, and where a table is not, the migrations from the one that makes it on."""
    names = warehouse.rows(
        "SELECT name FROM system.tables WHERE database = {database:String}", {"database": warehouse.database}
    )
    there = {name for (name,) in names}
    views = {migration.version for migration in known_migrations() if migration.is_view}
    numbered = [migration for migration in known_migrations() if not migration.is_view]
    texts = ["\n".join(statements(migration.sql, warehouse)) for migration in numbered]
    there.update(DROPPED.findall("\n".join(texts)))
    makes = [set(MADE.findall(text)) for text in texts]
    first = next((number for number, tables in enumerate(makes) if not tables <= there), len(numbered))
    return frozenset({*(views - there), *(migration.version for migration in numbered[first:])})


def refuse_pending(warehouse: ClickHouse) -> None:
    """Refuse a warehouse whose schema is not up to date.

    Raises:
        SchemaError: something is pending.
    """
    if pending := pending_migrations(warehouse):
        raise SchemaError(
            f"warehouse {warehouse.warehouse}: {what_is_pending(pending)}",
            hint=f"ccusage-import migrate --warehouse {as_typed(warehouse.warehouse)}",
        )


def what_is_pending(pending: Sequence[Migration]) -> str:
    """Return what to say of a server on which something is pending."""
    return f"{len(pending)} of its tables and views {'is' if len(pending) == 1 else 'are'} missing or not up to date"


def apply_migrations(warehouse: ClickHouse, *, with_dropped: bool = False) -> list[Migration]:
    """Apply everything pending and return it. A crash in between is healed by the next call."""
    pending = pending_migrations(warehouse, with_dropped=with_dropped)
    if pending:
        bootstrap = (sql_directory() / "schema_migrations.sql").read_text("utf-8")
        for statement in statements(bootstrap, warehouse):
            warehouse.command(statement)
    numbered = [migration for migration in pending if not migration.is_view]
    # Views are replaced again by whoever finds them unrecorded, so one INSERT is enough for all of them.
    for together in (*([migration] for migration in numbered), [each for each in pending if each.is_view]):
        for migration in together:
            _apply(migration, warehouse)
        _record(warehouse, together)
    return pending


def _apply(migration: Migration, warehouse: ClickHouse) -> None:
    for statement in statements(migration.sql, warehouse):
        try:
            warehouse.command(statement)
        except WarehousePermissionError as error:
            if not MOVES.search(statement):
                raise
            place = warehouse.warehouse
            user = place.user if isinstance(place, ServerWarehouse) else "you"
            hint = f"GRANT {RIGHTS_TO_MOVE} ON {place.database}.{{table}} TO {user}"
            tables = ("message_facts*", "tool_call_facts*")
            raise WarehousePermissionError(
                str(error), hint="; ".join(hint.format(table=table) for table in tables)
            ) from None


def _record(warehouse: ClickHouse, applied: Sequence[Migration]) -> None:
    if not applied:
        return
    now = datetime.now(UTC)
    columns = ("version", "checksum", "applied_at", "tool_version")
    rows = [(migration.version, migration.checksum, now, __version__) for migration in applied]
    # The time is in the token: a view that an older release put back is replaced again.
    warehouse.insert("schema_migrations", columns, rows, token=f"{applied[0].version}/{len(rows)}/{now.isoformat()}")


def statements(sql: str, warehouse: ClickHouse) -> list[str]:
    """Split a file at the semicolons that end a statement, and fill in what depends on the warehouse."""
    ends = [token.start() for token in TOKEN.finditer(sql) if token[0] == ";"]
    starts = [0, *(end + 1 for end in ends)]
    pieces = (sql[start:end].strip() for start, end in zip(starts, [*ends, len(sql)], strict=True))
    return [
        _filled(piece, warehouse)
        for piece in pieces
        if COMMENT.sub("", piece).strip() and (warehouse.cluster or not piece.startswith(CLUSTER_ONLY))
    ]


def _filled(statement: str, warehouse: ClickHouse) -> str:
    """Replace `{database}`, `{on_cluster}`, `{engine:MergeTree}` and the like; all values are checked identifiers."""
    cluster = warehouse.cluster
    durable = [DURABLE] if warehouse.is_embedded else []
    replay_safe = [] if cluster else [REPLAY_SAFE]
    values = {
        "database": f"`{warehouse.database}`",
        "cluster": f"`{cluster}`",
        "on_cluster": f"ON CLUSTER `{cluster}`" if cluster else "",
        "storage_settings": _settings(durable),
        "storage_settings:changes": _settings(durable + replay_safe),
        **{table: f"{table}_local" if cluster else table for table in TABLES},
    }

    def value(match: re.Match[str]) -> str:
        if match[1].startswith("engine:"):
            return ("Replicated" if cluster else "") + match[1].removeprefix("engine:")
        return values[match[1]]

    return re.sub(r"\{([A-Za-z_:]+)\}", value, statement)


def _settings(parts: list[str]) -> str:
    return f"SETTINGS {', '.join(parts)}" if parts else ""
