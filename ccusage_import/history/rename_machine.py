"""Gives a machine another name: what is stored of it is copied under the new name and goes out of sight under the old.

The old name says first that it is being renamed, so that nothing is imported under it any more. Then the log is copied,
and one INSERT writes every record under the new name and deletes it under the old. The loads follow, and last the old
name is given back. Whatever ends this half-way, the same command does the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ccusage_import.config.file import changed, write_config
from ccusage_import.config.kept.identity import keep_identity, read_identity
from ccusage_import.config.settings import Configuration
from ccusage_import.documents import parse_toml, toml_text
from ccusage_import.exceptions import ConfigurationError, OtherNameError
from ccusage_import.history.copying import copy_changes, copy_rows
from ccusage_import.statistics import totals
from ccusage_import.warehouse.budgets import rename_limits
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.committing import commit, settle_dead_loads
from ccusage_import.warehouse.facts.rewriting import count_shown, rename_facts
from ccusage_import.warehouse.machines import names_of, own_name, read_claim, rename_command, write_claim
from ccusage_import.warehouse.opening import demand_warehouse, import_lock, open_to_write, record_failed_loads
from ccusage_import.warehouse.publish import begin, tidy
from ccusage_import.warehouse.tables import (
    RENAMED,
    RUNNER_OF_MACHINE,
    Load,
    count_totals,
    last_of,
    next_load_id,
    read_loads,
    read_records,
    write_load,
)

# From subqueries: in a WHERE beside it, a name means what REPLACE made of it.
_STORED = "FROM (SELECT * FROM records FINAL WHERE machine = {old:String})"
# Every record under the new name, where it has none of that key; every record under the old one, deleted.
_RECORDS = (
    "SELECT * REPLACE (toLowCardinality({new:String}) AS machine, {load_id:UInt64} AS load_id)"  # noqa: S608 - text of ours
    f" {_STORED} WHERE (report, agent, key) NOT IN"
    " (SELECT report, agent, key FROM records FINAL WHERE machine = {new:String})"
    f" UNION ALL SELECT * REPLACE ({{load_id:UInt64}} AS load_id, 1 AS is_deleted) {_STORED}"
)
_VISIBLE = "FROM (SELECT * FROM loads FINAL WHERE machine = {old:String} AND state != 'renamed')"
# Newer revisions than any that the new name has of a load, from when the machine had that name before.
_LOADS = f"SELECT * REPLACE (toLowCardinality({{new:String}}) AS machine, revision + 2 AS revision) {_VISIBLE}"
_HIDDEN = f"SELECT * REPLACE (toLowCardinality({{state:String}}) AS state, revision + 1 AS revision) {_VISIBLE}"


@dataclass(frozen=True, slots=True)
class RenamedMachine:
    """What got another name, in rows; the old name is empty where nothing in the warehouse had one."""

    old: str
    new: str
    records: int = 0
    changes: int = 0
    loads: int = 0
    facts: int = 0


def rename_machine(configuration: Configuration, new: str, *, is_dry_run: bool) -> RenamedMachine:
    """Rename the machine of this installation: in its warehouse, and where its name is written down.

    Args:
        configuration: of this machine; where the environment has its old name, that stays.
        new: its new name.
        is_dry_run: only counts.

    Raises:
        MachineTakenError: the new name, or the old one, belongs to another installation.
        OtherNameError: it is unclear which machine is meant, or the new name has a history of its own.
        ConfigurationError: the new name cannot be written down on this machine; everything else is done.
    """
    demand_warehouse(configuration, "rename")
    with import_lock(configuration):
        with open_to_write(configuration) as opened:
            if not is_dry_run:
                record_failed_loads(configuration, opened)
            renamed = _renamed(
                opened, configuration.settings.machine, new, configuration.installation, is_dry_run=is_dry_run
            )
        if not is_dry_run:
            _write_down(configuration, renamed)
    return renamed


def _write_down(configuration: Configuration, renamed: RenamedMachine) -> None:
    """Write the new name down where the old one is; the identity comes last.

    Raises:
        ConfigurationError: a file cannot be written; in the warehouse the machine has its new name already.
    """
    file, identity, new = configuration.file, configuration.directories.identity_file, renamed.new
    try:
        # The environment may win over it now, and not in the next import.
        said = str(parse_toml(file.read_text("utf-8-sig")).get("machine", "")).strip() if file.exists() else ""
        if said in (renamed.old or new, configuration.settings.machine):
            write_config(file, changed(file, {"machine": toml_text(new)}))
        keep_identity(identity, {**read_identity(identity), "machine": new})
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{error}; what is stored has the name {new!r} already",
            hint=f"{error.hint}, and run the same command again: it finishes the renaming",
        ) from None


def _renamed(warehouse: ClickHouse, machine: str, new: str, installation: str, *, is_dry_run: bool) -> RenamedMachine:
    old = _old_name(warehouse, machine, new, installation)
    for name in (old, new) if old else (new,):
        own_name(warehouse, name, installation, only_looks=is_dry_run)
    if not old:
        return RenamedMachine("", new)
    records = _number(warehouse, "SELECT count() FROM records FINAL WHERE machine = {old:String}", old)
    changes = _number(warehouse, "SELECT count() FROM changes WHERE machine = {old:String}", old)
    loads = len(read_loads(warehouse, machine=old))
    renamed = RenamedMachine(old, new, records, changes, loads, count_shown(warehouse, old))
    if not is_dry_run:
        _rename(warehouse, renamed, installation)
    return renamed


def _rename(warehouse: ClickHouse, renamed: RenamedMachine, installation: str) -> None:
    old, new = renamed.old, renamed.new
    if read_claim(warehouse, old).renamed_to != new:
        write_claim(warehouse, old, installation, "renaming", new)
    for name in (old, new):
        settle_dead_loads(warehouse, name)
    loads = read_loads(warehouse, machine=old)
    names = {"old": old, "new": new}
    begun = _begun(warehouse, loads, new) if renamed.records else None
    copy_changes(warehouse, warehouse, old, sorted(load.load_id for load in loads), new)
    if begun:
        move_records(warehouse, old, new, begun.load_id)
    rename_facts(warehouse, old, new, begun.load_id if begun else next_load_id(warehouse, new))
    copy_rows(warehouse, warehouse, "loads", _LOADS, names)
    if begun:
        commit(warehouse, begun)
    _hide(warehouse, old, names)
    rename_limits(warehouse, old, new)
    if read_claim(warehouse, new).renamed_to:
        write_claim(warehouse, new, installation)
    write_claim(warehouse, old, installation, "released", new)
    tidy(warehouse)


def move_records(warehouse: ClickHouse, old: str, new: str, load_id: int) -> None:
    """Give records another name, in one INSERT of a load."""
    copy_rows(warehouse, warehouse, "records", _RECORDS, {"old": old, "new": new, "load_id": load_id})


def _old_name(warehouse: ClickHouse, machine: str, new: str, installation: str) -> str | None:
    """Return which name is to be replaced; None where nothing is stored under another name than the new one."""
    if not installation:
        raise ConfigurationError(
            "rename machine: nothing has been imported from here yet", hint="ccusage-import import"
        )
    claim = read_claim(warehouse, new)
    if claim.becomes:
        return claim.becomes
    names = names_of(warehouse, installation)
    others = [name for name in names if name != new]
    begun = [name for name in others if read_claim(warehouse, name).renamed_to == new]
    if not others or begun:
        return begun[0] if begun else _left_over(warehouse, new, installation)
    if new in names:
        raise OtherNameError(
            f"machine {new!r} has a history of its own in {warehouse.warehouse}, and so has {others[0]!r}:"
            " both as one would count everything twice",
            hint=f"choose a third name: {rename_command('NAME')}",
        )
    if machine not in others and len(others) > 1:
        raise OtherNameError(
            f"this installation has loads under {', '.join(map(repr, others))} in {warehouse.warehouse}",
            hint=f"say which one: MACHINE_NAME={others[0]} {rename_command(new)}",
        )
    return machine if machine in others else others[0]


def _left_over(warehouse: ClickHouse, new: str, installation: str) -> str | None:
    """Return a name that has nothing visible any more, yet was not given back."""
    rows = warehouse.rows(
        "SELECT DISTINCT machine FROM machines WHERE installation = {installation:String} AND renamed_to = {new:String}"
        " ORDER BY machine",
        {"installation": installation, "new": new},
    )
    names = (str(name) for (name,) in rows)
    return next((name for name in names if read_claim(warehouse, name).becomes), None)


def _begun(warehouse: ClickHouse, loads: list[Load], new: str) -> Load:
    load = begin(warehouse, last_of(loads), RUNNER_OF_MACHINE)
    now = totals(read_records(warehouse, load.machine))
    load.machine, load.load_id = new, max(load.load_id, next_load_id(warehouse, new))
    count_totals(load, now, now)
    write_load(warehouse, load)
    return load


def _hide(warehouse: ClickHouse, old: str, names: Mapping[str, str]) -> None:
    """Put the loads of the old name out of sight, with one that says when its records were deleted."""
    last = _number(warehouse, "SELECT max(load_id) FROM records WHERE machine = {old:String}", old)
    loads = read_loads(warehouse, machine=old)
    if loads and last > loads[0].load_id:
        marker = begin(warehouse, loads[0], RUNNER_OF_MACHINE)
        marker.load_id, marker.state, marker.records_after = last, RENAMED, 0
        write_load(warehouse, marker)
    copy_rows(warehouse, warehouse, "loads", _HIDDEN, {**names, "state": RENAMED})


def _number(warehouse: ClickHouse, sql: str, old: str) -> int:
    return int(warehouse.rows(sql, {"old": old})[0][0])
