"""Copies an embedded warehouse to a server, so that a laptop works offline and catches up.

A machine's history on the server normally is the beginning of its history here: then the rest of it is added, load by
load, under the same load ids. Where the server knows loads of the machine that are not known here, both are judged by
the rule that every import goes through, with what is here as the offer: no number on the server falls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from ccusage_import.config.kept.copies import note_push
from ccusage_import.config.settings import Configuration
from ccusage_import.config.warehouse_url import EmbeddedWarehouse, Warehouse, as_typed
from ccusage_import.exceptions import (
    ConfigurationError,
    DatabaseMissingError,
    OtherNameError,
    OtherNamingError,
    WarehouseAuthenticationError,
    WarehousePermissionError,
)
from ccusage_import.history.changes import Change
from ccusage_import.history.copying import copy_changes, copy_rows
from ccusage_import.history.push_facts import push_facts
from ccusage_import.records import ALL_REPORTS
from ccusage_import.rule.context import Context
from ccusage_import.rule.reconcile import reconcile
from ccusage_import.rule.verdicts import Verdict
from ccusage_import.statistics import shown_after, totals
from ccusage_import.warehouse.budgets import keep_budgets, keep_own_quotas, rename_limits
from ccusage_import.warehouse.clickhouse_client import ClickHouse, open_warehouse
from ccusage_import.warehouse.committing import settle_dead_loads
from ccusage_import.warehouse.facts.rewriting import count_shown, hide_facts
from ccusage_import.warehouse.logged_offers import read_last_offers, worth_logging
from ccusage_import.warehouse.machines import claim_machine, own_name, read_claim, rename_command, write_claim
from ccusage_import.warehouse.migrations import refuse_pending
from ccusage_import.warehouse.naming import described, read_naming
from ccusage_import.warehouse.opening import demand_warehouse, import_lock, open_to_write
from ccusage_import.warehouse.prices import push_prices
from ccusage_import.warehouse.publish import begin, bring_back, outgrown, publish
from ccusage_import.warehouse.tables import (
    RENAMED,
    RUNNER_OF_PUSH,
    Load,
    count_totals,
    last_of,
    next_load_id,
    read_loads,
    read_records,
    read_taken_back,
)

_READ_ONLY_HINT = "name a user who may write; what `serve` answers for is copied by backup and restore"


@dataclass(slots=True)
class Pushed:
    """What was copied: numbers of rows, and the verdicts of the load that judged two histories, if one was needed."""

    machines: list[str] = field(default_factory=list)
    loads: int = 0
    changes: int = 0
    records: int = 0
    facts: int = 0
    conflicts: list[Change] = field(default_factory=list)


def push(source: ClickHouse, target: ClickHouse, installation: str) -> Pushed:
    """Copy what the target lacks. Whatever ends it half-way, the next push does the rest and nothing twice.

    Args:
        source: the warehouse of this machine; the caller holds the import lock.
        target: where to; somebody else may load other machines into it meanwhile.
        installation: of this program, as its loads carry it; empty where it is not known.

    Raises:
        SchemaError: the target's tables are missing or not up to date.
        MachineTakenError: another installation loads under the same machine name.
        OtherNamingError: where two histories are judged, projects are named otherwise in the target.
        OtherNameError: a machine was renamed here, and the target has loads of its old name that are not known here.
        WarehouseError: one of the two cannot be used.
    """
    refuse_pending(target)
    pushed = Pushed()
    names = [name for (name,) in source.rows("SELECT DISTINCT machine FROM loads ORDER BY machine")]
    pushed.machines += [name for name in names if read_loads(source, machine=name)]
    for machine in pushed.machines:
        claim_machine(target, machine, installation)
    push_prices(source, target)
    parts = [_part(source, target, machine) for machine in pushed.machines]
    renamed = (_renamed(source, target, name, installation) for name in names if name not in pushed.machines)
    parts += [part for part in renamed if part]
    for part in parts:
        pushed.changes += copy_changes(source, target, part.machine, sorted(load.load_id for load in part.missing))
    # One INSERT of all machines: one that has another name is deleted under the old one and appears at once.
    pushed.records += _push_records(
        source, target, {part.machine: part.last for part in parts if part.last is not None}
    )
    for part in parts:
        loads, is_judged = {load.load_id for load in part.missing}, part.last is None
        if is_judged:
            pushed.conflicts += _judge(source, target, part)
        pushed.facts += push_facts(source, target, part.machine, known=part.known, loads=loads, hides_none=is_judged)
        if part.renamed_to:
            # What was folded here before it was renamed is gone here under its old name.
            hide_facts(target, part.machine, max(loads, default=part.known))
        _push_loads(source, target, part.machine, part.missing)
        pushed.loads += len(part.missing)
        if part.renamed_to:
            rename_limits(target, part.machine, part.renamed_to)
            write_claim(target, part.machine, installation, "released", part.renamed_to)
    for name in names:
        if name not in pushed.machines:
            _hide_left_over(target, name)
    return pushed


def push_configured(configuration: Configuration, server: str = "", already_open: ClickHouse | None = None) -> Pushed:
    """Push the configured warehouse to a server.

    Args:
        configuration: whose warehouse it is.
        server: URL of the server; `sync` of the configuration when empty.
        already_open: the warehouse, where this process has it open, and so holds the import lock.

    Raises:
        ConfigurationError: the warehouse is a server itself, or no server is named.
        WarehouseError: one of the two cannot be used.
    """
    settings = configuration.settings
    place, target = settings.parsed_warehouse(), settings.parsed_sync(server)
    if not isinstance(place, EmbeddedWarehouse) or isinstance(target, EmbeddedWarehouse):
        raise ConfigurationError(
            f"push: copies an embedded warehouse to a server, not {place} to {target}",
            hint="backup and restore copy any warehouse into an empty one",
        )
    demand_warehouse(configuration, "push")
    with ExitStack() as stack:
        # Before the locks: where a `serve` of this very warehouse is the target, it would wait for them for ever.
        opened_target = stack.enter_context(_opened_target(target, settings.cluster))
        if already_open is None:
            stack.enter_context(import_lock(configuration))
        opened = already_open or stack.enter_context(open_to_write(configuration))
        pushed = push(opened, opened_target, configuration.installation)
        keep_budgets(opened_target, configuration)
        keep_own_quotas(opened_target, configuration)
    note_push(configuration)
    return pushed


@contextmanager
def _opened_target(target: Warehouse, cluster: str | None) -> Iterator[ClickHouse]:
    """Open the server of a push; hints name it, and its own password."""
    try:
        with open_warehouse(target, cluster=cluster) as opened:
            if not opened.may_write:
                raise WarehousePermissionError(f"push: {target} may only be read", hint=_READ_ONLY_HINT)
            yield opened
    except WarehouseAuthenticationError as error:
        raise WarehouseAuthenticationError(str(error), hint="set CCUSAGE_IMPORT_SYNC_PASSWORD") from None
    except DatabaseMissingError as error:
        hint = f"ccusage-import migrate --create-database --warehouse {as_typed(target)}"
        raise DatabaseMissingError(str(error), hint=hint) from None


@dataclass(frozen=True, slots=True)
class _Part:
    """What the target lacks of a machine.

    `known` is our last load that it has. `last` is its last load, None where it has loads that we have not.
    """

    machine: str
    missing: list[Load]
    known: int
    last: int | None
    renamed_to: str | None = None


def _part(source: ClickHouse, target: ClickHouse, machine: str) -> _Part:
    for warehouse in (source, target):
        settle_dead_loads(warehouse, machine)
    ours, theirs = _loads(source, machine), _loads(target, machine)
    missing = [load for load in ours.values() if _is_older(theirs.get(load.load_id), load)]
    known = max(theirs.keys() & ours.keys(), default=0)
    return _Part(machine, missing, known, known if theirs.keys() <= ours.keys() else None)


def _renamed(source: ClickHouse, target: ClickHouse, machine: str, installation: str) -> _Part | None:
    """Return what the target lacks of a machine that has another name by now; None where it knows all there is."""
    name = read_claim(source, machine).renamed_to
    if not read_loads(target, machine=machine) or read_claim(target, machine).owner not in (None, installation):
        return None
    own_name(target, machine, installation)
    part = _part(source, target, machine)
    if part.last is None:
        raise OtherNameError(
            f"machine {machine!r} was renamed to {name!r} here; loads of it in {target.warehouse} are not known here",
            hint=f"rename it there too: {rename_command(name or 'NAME')} --warehouse {as_typed(target.warehouse)}",
        )
    return replace(part, renamed_to=name)


def _hide_left_over(target: ClickHouse, machine: str) -> None:
    """Hide what is shown under a name that was given back: earlier releases left facts there that are folded here."""
    claim = read_claim(target, machine)
    if claim.renamed_to and not claim.owner and count_shown(target, machine):
        hide_facts(target, machine, next_load_id(target, machine))


def _loads(warehouse: ClickHouse, machine: str) -> dict[int, Load]:
    loads = read_loads(warehouse, machine=machine) + read_loads(warehouse, machine=machine, state=RENAMED)
    return {load.load_id: load for load in loads}


def _is_older(known: Load | None, load: Load) -> bool:
    return known is None or known.revision < load.revision


def _push_records(source: ClickHouse, target: ClickHouse, last: Mapping[str, int]) -> int:
    """Copy what loads after the target's last one wrote, in one INSERT: the point at which it becomes visible."""
    newest = (
        "FROM (SELECT * FROM records WHERE machine IN {machines:Array(String)}"
        " ORDER BY load_id DESC LIMIT 1 BY report, machine, agent, key)"
        " WHERE load_id > {last:Array(UInt64)}[indexOf({machines:Array(String)}, machine)]"
    )
    parameters = {"machines": list(last), "last": list(last.values())}
    count = int(source.rows(f"SELECT count() {newest}", parameters)[0][0]) if last else 0
    if count:
        copy_rows(source, target, "records", f"SELECT * {newest}", parameters)
    return count


def _push_loads(source: ClickHouse, target: ClickHouse, machine: str, loads: Sequence[Load]) -> None:
    if loads:
        sql = "SELECT * FROM loads FINAL WHERE machine = {machine:String} AND load_id IN {wanted:Array(UInt64)}"
        parameters = {"machine": machine, "wanted": [load.load_id for load in loads]}
        copy_rows(source, target, "loads", sql, parameters)


def _judge(source: ClickHouse, target: ClickHouse, part: _Part) -> list[Change]:
    """Offer the records of this warehouse to the target as a load of its own; return the verdicts on what differs.

    What the loads that follow have logged is there already, and is older than what is logged now.
    """
    machine = part.machine
    namings = read_naming(source, machine), read_naming(target, machine)
    if None not in namings and namings[0] != namings[1]:
        raise OtherNamingError(
            f"projects and sessions of {machine!r} are stored {described(namings[1] or '')} in {target.warehouse},"
            f" and here {described(namings[0] or '')}; both would count them twice",
            hint=f"rename them there too: ccusage-import rename projects --warehouse {as_typed(target.warehouse)}",
        )
    offered, stored = read_records(source, machine), read_records(target, machine)
    if not offered:
        return []
    read_with = max(offered, key=lambda record: record.day).provenance
    taken_back = read_taken_back(target, machine)
    marks = {identity: mark.tokens for identity, mark in taken_back.items()}
    context = Context(machine, read_with, intact_from=None, taken_back=marks)
    decisions = reconcile(offered, stored, ALL_REPORTS, context)
    # What is stored here is no offer of ccusage: what is held here goes on being held there.
    held = {identity for identity, last in read_last_offers(source, machine).items() if last.verdict is Verdict.HELD}
    decisions = [one for one in decisions if one.verdict is not Verdict.UNCHANGED or one.record.identity not in held]
    last_offers = read_last_offers(target, machine, [load.load_id for load in part.missing if load.is_published])
    logged = worth_logging(decisions, last_offers)
    if not logged and not any(decision.is_written for decision in decisions):
        return []
    loads = read_loads(source, machine=machine)
    load = begin(target, last_of(loads), RUNNER_OF_PUSH)
    load.load_id = max(load.load_id, loads[0].load_id + 1)
    load.reports = tuple(sorted({record.label for record in offered}))
    count_totals(load, totals(stored), totals(shown_after(stored, decisions)))
    # Before the records, so that whatever ends it here the next push does both.
    bring_back(target, load, outgrown(taken_back, stored, decisions))
    publish(target, load, decisions, last_offers=last_offers, stored=stored)
    return [Change(load.load_id, load.started_at, machine, decision, None) for decision in logged]
