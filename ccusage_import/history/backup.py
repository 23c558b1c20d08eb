"""A copy of the warehouse as Parquet files with a manifest, from which any empty warehouse can be filled."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import PlainSerializer, TypeAdapter, ValidationError

from ccusage_import import __version__
from ccusage_import.config.warehouse_url import EmbeddedWarehouse
from ccusage_import.documents import parse_json
from ccusage_import.exceptions import BackupError
from ccusage_import.files import make_private_directory, replace_file, sync_directory
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.committing import settle_dead_loads
from ccusage_import.warehouse.migrations import (
    applied_migrations,
    apply_migrations,
    known_migrations,
    pending_migrations,
)
from ccusage_import.warehouse.tables import RUNNERS_OF_FACTS

FORMAT = 1
MANIFEST = "manifest.json"
PARQUET = "Parquet"
PARQUET_MARK = b"PAR1"
# Half the memory of this process. A server has its own, and a user who may only read may not change its settings.
EMBEDDED_SETTINGS: Mapping[str, int] = {
    "max_threads": 1,
    "output_format_parquet_parallel_encoding": 0,
    "output_format_parquet_row_group_size": 10_000,
}
# How often a backup starts over because another machine loaded into the same warehouse meanwhile.
ATTEMPTS = 5
EMPTY_TARGET_HINT = (
    "restore into an empty warehouse: --warehouse chdb:///new/directory, or another database of the server"
)


@dataclass(frozen=True, slots=True)
class _Table:
    """A table, which of its rows are in a backup, and the columns whose sums are compared."""

    name: str
    sql: str
    tokens: str
    cost_usd: str
    is_optional: bool = False
    # Where its rows are in a warehouse, if not under the name that they have in a backup.
    stored_in: str = ""

    @property
    def place(self) -> str:
        """The table of a warehouse."""
        return self.stored_in or self.name


# What a load that is still running, or died, has written so far and not published. GLOBAL: as a cluster wants it.
_UNPUBLISHED = (
    "(SELECT machine, load_id FROM loads FINAL"
    " WHERE state = 'running' AND (machine, load_id) GLOBAL NOT IN (SELECT machine, load_id FROM records))"
)
# In the order in which they are filled: what is shown comes last. Ordered, so that equal rows give equal files.
_TABLES = (
    # Backups of older releases do not have it: ccusage can be asked again.
    _Table(
        "price_list",
        "SELECT * FROM price_list FINAL ORDER BY agent, model, ccusage_version, load_id",
        "0",
        "toDecimal64(0, 9)",
        is_optional=True,
    ),
    # Nor these, of which what is still there can be read again.
    _Table(
        "message_facts",
        "SELECT * FROM message_facts_by_month FINAL ORDER BY machine, message, request, counted_session, copy, record",
        "input_tokens + output_tokens + cache_creation_5m_tokens + cache_creation_1h_tokens + cache_read_tokens",
        "cost_usd",
        is_optional=True,
        stored_in="message_facts_by_month",
    ),
    _Table(
        "tool_call_facts",
        "SELECT * FROM tool_call_facts_by_month FINAL ORDER BY machine, call",
        "0",
        "toDecimal64(0, 9)",
        is_optional=True,
        stored_in="tool_call_facts_by_month",
    ),
    *(
        _Table(
            f"{kind}_facts",
            f"SELECT * FROM {kind}_facts FINAL ORDER BY machine, {key}",  # noqa: S608 - text of ours
            "0",
            "toDecimal64(0, 9)",
            is_optional=True,
        )
        for kind, key in (("turn", "turn"), ("event", "event"))
    ),
    _Table(
        "hour_facts",
        "SELECT * FROM hour_facts FINAL ORDER BY machine, date, hour, fold, number",
        "input_tokens + output_tokens + cache_creation_5m_tokens + cache_creation_1h_tokens + cache_read_tokens",
        "cost_usd",
        is_optional=True,
    ),
    _Table(
        "folded_ids",
        "SELECT * FROM folded_ids FINAL ORDER BY machine, kind, id, fold",
        "0",
        "toDecimal64(0, 9)",
        is_optional=True,
    ),
    _Table(
        "changes",
        f"SELECT * FROM changes WHERE (machine, load_id) GLOBAL NOT IN {_UNPUBLISHED}"  # noqa: S608 - text of ours
        " ORDER BY machine, report, agent, key, load_id",
        "offered_tokens",
        "offered_cost_usd",
    ),
    _Table(
        "loads",
        f"SELECT * FROM loads FINAL WHERE (machine, load_id) GLOBAL NOT IN {_UNPUBLISHED}"  # noqa: S608 - text of ours
        " ORDER BY machine, load_id",
        "tokens_after",
        "cost_after_usd",
    ),
    # The newest row of each key, also where it says that the record is gone: `undo` asks which load wrote it.
    _Table(
        "records",
        "SELECT * FROM records ORDER BY report, machine, agent, key, load_id DESC"
        " LIMIT 1 BY report, machine, agent, key",
        "total_tokens",
        "cost_usd",
    ),
)
# Says which schema the others have. It is not restored: the warehouse that is filled has its own.
_SCHEMA = _Table(
    "schema_migrations", "SELECT * FROM schema_migrations FINAL ORDER BY version", "0", "toDecimal64(0, 9)"
)


@dataclass(frozen=True, slots=True)
class TableFile:
    """One table of a backup; tokens and cost are sums over all its rows."""

    file: str
    rows: int
    bytes: int
    sha256: str
    tokens: int
    cost_usd: Annotated[Decimal, PlainSerializer(lambda usd: f"{usd:f}", return_type=str, when_used="json")]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds, and what wrote it."""

    format: int
    tool_version: str
    schema_version: str
    engine_version: str
    created_at: datetime
    tables: dict[str, TableFile]

    def as_json(self) -> dict[str, Any]:
        """Return the manifest as it is written, with stable keys."""
        written: dict[str, Any] = TypeAdapter(Manifest).dump_python(self, mode="json")
        return written


@dataclass(frozen=True, slots=True)
class Backup:
    """A manifest and the files it speaks of, by table."""

    manifest: Manifest
    files: dict[str, bytes]


def back_up(warehouse: ClickHouse, directory: Path, *, machine: str) -> Manifest:
    """Write a backup. The directory appears whole or not at all; the caller holds the import lock.

    Args:
        warehouse: what is copied.
        directory: where to; must not exist or be empty.
        machine: whose dead loads are settled first.

    Raises:
        BackupError: there is something in the directory, it cannot be written or is in the warehouse, or that has no
            tables.
    """
    directory, place = directory.resolve(), warehouse.warehouse
    if isinstance(place, EmbeddedWarehouse) and directory.is_relative_to(place.path.resolve()):
        # It would be lost with the warehouse.
        raise BackupError(f"{directory} is in the warehouse itself", hint="name a directory elsewhere")
    schema_version = _schema_version(warehouse)
    if not pending_migrations(warehouse):
        settle_dead_loads(warehouse, machine)
    partial = directory.with_name(f".{directory.name}.partial")
    with ExitStack() as stack:
        try:
            if directory.exists() and any(directory.iterdir()):
                raise BackupError(f"{directory} is not empty", hint="name a directory that does not exist yet")
            shutil.rmtree(partial, ignore_errors=True)
            make_private_directory(partial)
            stack.callback(shutil.rmtree, partial, ignore_errors=True)
            manifest = Manifest(
                FORMAT, __version__, schema_version, warehouse.version, datetime.now(UTC), _copied(warehouse, partial)
            )
            replace_file(partial / MANIFEST, json.dumps(manifest.as_json(), indent=2).encode())
            sync_directory(partial)
            partial.rename(directory)
            sync_directory(directory.parent)
        except OSError as error:
            raise BackupError(f"{directory}: {error.strerror}", hint="name a directory that can be written") from None
    return manifest


def read_backup(directory: Path) -> Backup:
    """Read a backup and check all of it.

    Raises:
        BackupError: it is damaged, or newer than this program.
    """
    manifest = _read_manifest(directory)
    tables = (*_tables_of(manifest), _SCHEMA)
    return Backup(manifest, {table.name: _read_file(directory, manifest, table.name) for table in tables})


def restore(warehouse: ClickHouse, backup: Backup) -> None:
    """Fill an empty warehouse from a backup; it is complete afterwards, or empty again.

    Raises:
        BackupError: the warehouse is not empty, or what arrived in it is not what was backed up.
    """
    _refuse_full(warehouse)
    apply_migrations(warehouse)
    token = uuid.uuid4().hex
    with ExitStack() as stack:
        # Nothing is shown of what a load that died, or a restore that was killed, left in the other tables.
        _empty(warehouse)
        stack.callback(_empty, warehouse)
        for table in _tables_of(backup.manifest):
            if backup.manifest.tables[table.name].rows:
                warehouse.insert_encoded(table.place, backup.files[table.name], PARQUET, f"{token}/{table.name}")
        for table in _tables_of(backup.manifest):
            _compare(warehouse, table, backup.manifest.tables[table.name])
        stack.pop_all()


def _tables_of(manifest: Manifest) -> list[_Table]:
    return [table for table in _TABLES if not table.is_optional or table.name in manifest.tables]


def _schema_version(warehouse: ClickHouse) -> str:
    numbers = [version for version in applied_migrations(warehouse) if version.isdigit()]
    if not numbers:
        raise BackupError(f"warehouse {warehouse.warehouse} has no tables yet", hint="ccusage-import import")
    return max(numbers)


def _copied(warehouse: ClickHouse, directory: Path) -> dict[str, TableFile]:
    """Copy all tables as they are at one moment: anew where a load began, published or ended meanwhile."""
    for _ in range(ATTEMPTS):
        before = _moment(warehouse)
        tables = {table.name: _copy(warehouse, table, directory) for table in (*_there(warehouse), _SCHEMA)}
        if _moment(warehouse) == before:
            return tables
    raise BackupError(
        f"warehouse {warehouse.warehouse}: other machines kept loading into it", hint="try again in a minute"
    )


def _moment(warehouse: ClickHouse) -> Sequence[Sequence[Any]]:
    """Return what differs after anything was loaded, also by a load that has not ended yet."""
    return warehouse.rows(
        "SELECT machine, load_id, revision,"
        " state = 'running' AND (machine, load_id) GLOBAL IN (SELECT machine, load_id FROM records)"
        " FROM loads FINAL ORDER BY machine, load_id"
    )


def _there(warehouse: ClickHouse) -> Iterator[_Table]:
    """Yield the tables that a warehouse has; one of an older release may have fewer, and others."""
    for table in _TABLES:
        if not table.is_optional or warehouse.columns(table.place):
            yield table
        elif warehouse.columns(table.name):
            yield replace(table, sql=table.sql.replace(table.place, table.name), stored_in="")


def _copy(warehouse: ClickHouse, table: _Table, directory: Path) -> TableFile:
    data = warehouse.raw(table.sql, PARQUET, EMBEDDED_SETTINGS if warehouse.is_embedded else {})
    if not (data.startswith(PARQUET_MARK) and data.endswith(PARQUET_MARK)):
        raise BackupError(f"warehouse {warehouse.warehouse}: {table.name} was cut off", hint="try again")
    file = f"{table.name}.parquet"
    replace_file(directory / file, data)
    rows, tokens, cost_usd = _figures(warehouse, table)
    return TableFile(file, rows, len(data), hashlib.sha256(data).hexdigest(), tokens, cost_usd)


def _figures(warehouse: ClickHouse, table: _Table) -> tuple[int, int, Decimal]:
    """Return how many rows a table has for a backup, and the sums of their tokens and cost."""
    found = warehouse.rows(
        f"SELECT count(), sum({table.tokens}), sum({table.cost_usd}) FROM ({table.sql})"  # noqa: S608 - text of ours
    )
    rows, tokens, cost_usd = found[0]
    return rows, tokens, cost_usd


def _compare(warehouse: ClickHouse, table: _Table, expected: TableFile) -> None:
    found = _figures(warehouse, table)
    wanted = (expected.rows, expected.tokens, expected.cost_usd)
    if found != wanted:
        shown = ["{} rows, {} tokens, {} USD".format(*figures) for figures in (wanted, found)]
        raise BackupError(
            f"{table.name}: the manifest says {shown[0]}, the warehouse got {shown[1]}; it is empty again",
            hint="use another backup",
        )


def _refuse_full(warehouse: ClickHouse) -> None:
    if not applied_migrations(warehouse):
        return
    if warehouse.rows("SELECT 1 FROM records LIMIT 1"):
        raise BackupError(f"warehouse {warehouse.warehouse} holds records already", hint=EMPTY_TARGET_HINT)
    # A restore that was killed left imports too, or no loads.
    of_facts, of_reports = warehouse.rows(
        "SELECT countIf(runner IN {facts:Array(String)}),"
        " countIf(runner NOT IN {facts:Array(String)} AND state IN ('committed', 'undone')) FROM loads FINAL",
        {"facts": list(RUNNERS_OF_FACTS)},
    )[0]
    if of_facts and not of_reports:
        raise BackupError(f"warehouse {warehouse.warehouse} holds facts already", hint=EMPTY_TARGET_HINT)


def _empty(warehouse: ClickHouse) -> None:
    for table in reversed(_TABLES):
        if warehouse.cluster:
            warehouse.command(f"TRUNCATE TABLE `{table.place}_local` ON CLUSTER `{warehouse.cluster}`")
        elif warehouse.rows(f"SELECT count() FROM {table.place}")[0][0]:  # noqa: S608 - name of ours
            warehouse.command(f"TRUNCATE TABLE `{table.place}`")


def _read_manifest(directory: Path) -> Manifest:
    file = directory / MANIFEST
    try:
        written = parse_json(file.read_bytes())
        version, tool_version = int(written["format"]), str(written["tool_version"])
    except (FileNotFoundError, NotADirectoryError):
        why = f" is not a backup: it has no {MANIFEST}" if directory.is_dir() else ": there is no such directory"
        raise BackupError(f"{directory}{why}", hint="name a directory that `backup` wrote") from None
    except KeyError as error:
        raise _damaged(file, f"it has no {error.args[0]}") from None
    except OSError as error:
        raise BackupError(f"{file}: {error.strerror}", hint="make it readable, or use another backup") from None
    except (ValueError, TypeError) as error:
        raise _damaged(file, error) from None
    newer_hint = f"install ccusage-import {tool_version} or newer"
    if version != FORMAT:
        raise BackupError(f"{file}: format {version} is not the one this program knows, {FORMAT}", hint=newer_hint)
    try:
        manifest = TypeAdapter(Manifest).validate_python(written)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _damaged(file, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    known = max(migration.version for migration in known_migrations() if not migration.is_view)
    if manifest.schema_version > known:
        raise BackupError(
            f"{file}: schema {manifest.schema_version} is newer than this program's {known}", hint=newer_hint
        )
    return manifest


def _read_file(directory: Path, manifest: Manifest, table: str) -> bytes:
    """Return a file of a backup that is the one the manifest speaks of."""
    expected = manifest.tables.get(table)
    if expected is None or expected.file != Path(expected.file).name:
        raise _damaged(directory / MANIFEST, f"it names no file for {table}")
    file = directory / expected.file
    try:
        data = file.read_bytes()
    except OSError as error:
        raise _damaged(file, error.strerror) from None
    if len(data) != expected.bytes:
        raise _damaged(file, f"{len(data)} bytes, not {expected.bytes}")
    if hashlib.sha256(data).hexdigest() != expected.sha256:
        raise _damaged(file, "its checksum is not the one in the manifest")
    return data


def _damaged(file: Path, why: object) -> BackupError:
    return BackupError(f"{file} is damaged: {why}", hint="use another backup")
