"""The two ways to overrule what loads did: take one back, or accept what was held."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ccusage_import.exceptions import AuditError
from ccusage_import.history.changes import Change, Wanted, held_of, last_changes, stream_changes
from ccusage_import.history.load_names import LAST, find_load, match_load
from ccusage_import.records import Identity, Record
from ccusage_import.rule.context import Context
from ccusage_import.rule.evidence import INSTANT, Span, span
from ccusage_import.rule.groups import groups_of_held
from ccusage_import.rule.reconcile import reconcile
from ccusage_import.rule.verdicts import Decision, Reason, Verdict
from ccusage_import.statistics import shown_after, totals
from ccusage_import.ui import label, short_label
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.committing import settle_dead_loads
from ccusage_import.warehouse.facts.asking import count_facts
from ccusage_import.warehouse.machines import claim_machine
from ccusage_import.warehouse.publish import begin, bring_back, outgrown, publish
from ccusage_import.warehouse.tables import (
    RUNNER_OF_CHANGES,
    RUNNER_OF_COMPACT,
    RUNNER_OF_PROJECTS,
    Load,
    count_totals,
    last_of,
    read_loads,
    read_records,
    read_taken_back,
)

# By the state of a load.
_NOTHING_TO_UNDO = {
    "committed": "changed nothing that could be taken back",
    "failed": "failed and changed nothing",
    "interrupted": "was interrupted and changed nothing",
    "undone": "is taken back already",
}


@dataclass(frozen=True, slots=True)
class Accepted:
    """The load that took held offers, and how many of them were taken because they overlap the wanted ones."""

    load: Load
    taken_with_them: int


def undo(warehouse: ClickHouse, load_id: int, *, forces: bool, installation: str) -> Load:
    """Restore what a load replaced, as a new load; keys it created are deleted.

    Args:
        warehouse: where.
        load_id: the load to take back; it may itself have taken one back.
        forces: also where a later load changed a key.
        installation: of this program, as its loads carry it; empty where it is not known.

    Returns:
        The new load.

    Raises:
        AuditError: there is no such load, it changed nothing, or a later load changed some of its keys.
        MachineTakenError: it is a load of another installation.
    """
    machine = _only_load(warehouse, load_id).machine
    claim_machine(warehouse, machine, installation)
    settle_dead_loads(warehouse, machine)
    target = _only_load(warehouse, load_id)
    _refuse_renamed(warehouse, target)
    _refuse_compacted(target)
    written = [
        change
        for change in stream_changes(warehouse, Wanted(load_id=load_id, machine=target.machine))
        if change.decision.is_written
    ]
    brought = written or target.undoes or count_facts(warehouse, target.machine, load_id)
    if target.state != "committed" or not brought:
        raise AuditError(
            f"load {load_id} {_NOTHING_TO_UNDO.get(target.state, f'is {target.state}')}",
            hint="ccusage-import history lists the loads",
        )
    latest = _latest_loads(warehouse, target.machine)
    later = sorted(change.identity for change in written if latest.get(change.identity, load_id) != load_id)
    if later and not forces:
        raise AuditError(
            f"load {load_id}: later loads changed {len(later)} of its {len(written)} records",
            details=tuple("/".join(identity) for identity in later),
            hint="take the later loads back first, or use --force",
        )
    stored = read_records(warehouse, target.machine)
    decisions = taken_back(written, stored)
    load = begin(warehouse, target, RUNNER_OF_CHANGES)
    load.undoes = load_id
    return _published(warehouse, load, stored, decisions)


def taken_back(written: Iterable[Change], shown: Iterable[Record]) -> list[Decision]:
    """Return the decisions that restore what was there before these changes; records that they created are deleted.

    Where a change had itself taken a load back, that load counts again.
    """
    now = {record.identity: record for record in shown}
    return [
        Decision(Verdict.CORRECTED, _reason(change), now.get(change.identity), change.decision.stored, is_written=True)
        for change in written
        if change.identity in now or change.decision.stored is not None
    ]


def _reason(change: Change) -> Reason:
    return Reason.BROUGHT_BACK if change.decision.reason is Reason.UNDONE else Reason.UNDONE


def accept(warehouse: ClickHouse, machine: str, wanted: Iterable[str], names: Mapping[str, str]) -> Accepted:
    """Take held offers over the stored records, from the log and without the transcripts.

    Blocks that overlap in time are one group: what is stored of them goes, so all that is held of it is taken.

    Args:
        warehouse: where.
        machine: whose records.
        wanted: what is held now: loads, keys, `report/key`, or labels as `changes` prints them.
        names: pseudonym to name; labels are taken in names and in pseudonyms.

    Raises:
        AuditError: nothing that is held now has one of these names.
    """
    settle_dead_loads(warehouse, machine)
    wanted = [str(find_load(warehouse, name, machine)) if name == LAST else name for name in wanted]
    stored = read_records(warehouse, machine)
    decisions, taken_with_them = taken(machine, wanted, last_changes(warehouse, machine), stored, names)
    load = begin(warehouse, last_of(read_loads(warehouse, machine=machine)), RUNNER_OF_CHANGES)
    bring_back(warehouse, load, outgrown(read_taken_back(warehouse, machine), stored, decisions))
    _published(warehouse, load, stored, decisions)
    return Accepted(load, taken_with_them)


def taken(
    machine: str, wanted: Iterable[str], last: Sequence[Change], stored: Sequence[Record], names: Mapping[str, str]
) -> tuple[list[Decision], int]:
    """Return the decisions that take held offers, and how many are taken because they overlap the wanted ones.

    Args:
        machine: whose records.
        wanted: what a person calls them.
        last: the last logged change of each key.
        stored: what is shown.
        names: pseudonym to name.
    """
    held = held_of(last)
    chosen: dict[Identity, Change] = {}
    for name in wanted:
        named = [change for change in held if name in _labels(change, names)] or _of_load(name, held)
        if not named:
            raise AuditError(f"nothing held is named {name!r}", hint="ccusage-import held")
        chosen.update({change.identity: change for change in named})
    whole, beside = _whole_groups(chosen, last, stored)
    offers = [change.decision.offered for change in whole.values() if change.decision.offered is not None]
    context = Context(machine, offers[0].provenance, None, accepted=(date.min, date.max))
    decisions = reconcile([*offers, *beside], stored, {offer.label for offer in offers}, context)
    return [decision for decision in decisions if decision.is_written], len(whole.keys() - chosen.keys())


def _whole_groups(
    chosen: Mapping[Identity, Change], last: Sequence[Change], stored: Sequence[Record]
) -> tuple[dict[Identity, Change], list[Record]]:
    """Return the chosen offers with what is held of the same time, and what was offered beside them as it is stored.

    Of offers that overlap, the last one is taken.
    """
    whole: dict[Identity, Change] = {}
    beside: list[Record] = []
    known = {change.identity: change for change in last}
    offers = [change.decision.offered for change in held_of(last) if change.decision.offered is not None]
    for group in groups_of_held(offers, stored):
        members = [known[pair.record.identity] for pair in group if pair.offered is not None]
        if any(change.identity in chosen for change in members):
            whole.update({change.identity: change for change in _last_of_each_time(members)})
            held_by = max(change.load_id for change in members)
            beside += [
                pair.record for pair in group if pair.offered is None and _is_offered(pair.record, known, held_by)
            ]
    return whole, beside


def _is_offered(stored: Record, known: Mapping[Identity, Change], held_by: int) -> bool:
    """Whether a record was offered as it is stored by the load that held others of its time, or a later one."""
    last = known.get(stored.identity)
    offered = last.decision.offered if last and last.load_id >= held_by else None
    return offered is not None and offered.usage == stored.usage


def _last_of_each_time(changes: Iterable[Change]) -> list[Change]:
    kept: list[Change] = []
    for change in sorted(changes, key=lambda item: item.load_id, reverse=True):
        when = _without_its_last_instant(change.decision.record)
        is_timed = change.decision.record.report != "session"
        if not is_timed or not any(when.overlaps(_without_its_last_instant(other.decision.record)) for other in kept):
            kept.append(change)
    return kept


def _without_its_last_instant(record: Record) -> Span:
    """Return the time of a record; a block may have a message of the very instant at which the next one begins."""
    when = span(record)
    return when._replace(ends_at=when.ends_at - INSTANT)


def _published(warehouse: ClickHouse, load: Load, stored: Sequence[Record], decisions: Sequence[Decision]) -> Load:
    count_totals(load, totals(stored), totals(shown_after(stored, decisions)))
    load.reports = tuple(sorted({decision.record.label for decision in decisions}))
    publish(warehouse, load, decisions)
    return load


def _only_load(warehouse: ClickHouse, load_id: int) -> Load:
    loads = read_loads(warehouse, load_id=load_id)
    if not loads:
        raise AuditError(f"there is no load {load_id}", hint="ccusage-import history lists the loads")
    return loads[0]


def _refuse_renamed(warehouse: ClickHouse, target: Load) -> None:
    """Refuse to bring old names of projects and sessions back: what is imported next would stand beside them."""
    later = read_loads(warehouse, machine=target.machine, state="committed")
    if found := [load for load in later if load.runner == RUNNER_OF_PROJECTS and load.load_id >= target.load_id]:
        raise AuditError(
            f"load {target.load_id}: projects and sessions were renamed by load {found[0].load_id}",
            hint="the earlier names come back with the earlier settings: ccusage-import rename projects",
        )


def _refuse_compacted(target: Load) -> None:
    if target.runner == RUNNER_OF_COMPACT:
        raise AuditError(
            f"load {target.load_id} folded facts: what it dropped is gone",
            hint="an earlier backup has it: ccusage-import restore BACKUP --warehouse chdb:///new/directory",
        )


def _latest_loads(warehouse: ClickHouse, machine: str) -> dict[Identity, int]:
    """Return the newest load that changed each key: by the log, since a machine that is renamed has new rows."""
    rows = warehouse.rows(
        "SELECT report, agent, key, max(load_id) FROM changes WHERE machine = {machine:String} AND is_written"
        " AND load_id IN (SELECT load_id FROM loads FINAL WHERE machine = {machine:String}"
        " AND state IN ('committed', 'undone'))"
        " GROUP BY report, agent, key",
        {"machine": machine},
    )
    return {(report, agent, key): load_id for report, agent, key, load_id in rows}


def _of_load(name: str, held: Sequence[Change]) -> list[Change]:
    """Return what is held of the one load whose id begins like this."""
    begun = {change.load_id for change in held if name.isdigit() and str(change.load_id).startswith(name)}
    return [change for change in held if change.load_id == match_load(name, begun)] if begun else []


def _labels(change: Change, names: Mapping[str, str]) -> set[str]:
    """Return what a person may call a change: its load, its key, and what `changes` prints, with or without names."""
    record = change.decision.record
    shown = {record.key, *(text(record, known) for text in (label, short_label) for known in (names, {}))}
    return {str(change.load_id), f"{record.label}/{record.key}", *shown, *(f"{record.label} {name}" for name in shown)}
