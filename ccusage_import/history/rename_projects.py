"""Gives stored projects and sessions the names that are configured now: in clear, by pseudonyms, or by another salt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ccusage_import.ccusage.keys import joined_key
from ccusage_import.config.kept.identity import called
from ccusage_import.config.kept.names import keep_names, read_names
from ccusage_import.config.settings import Configuration
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.history.changes import Wanted, stream_changes
from ccusage_import.names.pseudonyms import Pseudonyms, is_pseudonym
from ccusage_import.records import Identity, Record
from ccusage_import.rule.verdicts import Decision, Reason, Verdict
from ccusage_import.statistics import shown_after, totals
from ccusage_import.warehouse.budgets import keep_budgets
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.committing import last_published, settle_dead_loads
from ccusage_import.warehouse.facts.rewriting import rename_folded
from ccusage_import.warehouse.logged_offers import read_last_offers
from ccusage_import.warehouse.machines import claim_machine
from ccusage_import.warehouse.naming import described
from ccusage_import.warehouse.opening import demand_warehouse, import_lock, open_to_write
from ccusage_import.warehouse.publish import begin, publish
from ccusage_import.warehouse.tables import RUNNER_OF_PROJECTS, count_totals, read_records, read_taken_back


@dataclass(frozen=True, slots=True)
class RenamedProjects:
    """How names are stored now, how many records changed theirs, the names that stay, and the load that did it."""

    naming: str
    records: int
    unknown: tuple[str, ...]
    load_id: int | None = None


def rename_projects(configuration: Configuration, *, is_dry_run: bool) -> RenamedProjects:
    """Rename what is stored of this machine as it is configured now, in one load; a dry run only counts.

    Returns:
        What was done. A pseudonym that nobody here knows the name of stays; the load's naming is the new one.

    Raises:
        ConfigurationError: nothing was imported from this machine.
    """
    settings, names_file = configuration.settings, configuration.directories.names_file
    demand_warehouse(configuration, "rename")
    with import_lock(configuration), open_to_write(configuration) as opened:
        claim_machine(opened, settings.machine, configuration.installation, only_looks=True)
        known, pseudonyms = read_names(names_file), settings.pseudonyms()
        would = _renamed_in(opened, settings.machine, pseudonyms, known, is_dry_run=True)
        if is_dry_run:
            return would
        # The new pseudonyms are known before anything is stored under them.
        keep_names(names_file, known, pseudonyms.names)
        done = _renamed_in(opened, settings.machine, pseudonyms, known, is_dry_run=False)
        keep_budgets(opened, configuration)
        return done


def _renamed_in(
    warehouse: ClickHouse, machine: str, pseudonyms: Pseudonyms, known_names: Mapping[str, str], *, is_dry_run: bool
) -> RenamedProjects:
    if not is_dry_run:
        settle_dead_loads(warehouse, machine)
    last = last_published(warehouse, machine)
    if last is None:
        nothing = f"rename projects: nothing of {called(machine)} is stored yet"
        raise ConfigurationError(nothing, hint="ccusage-import import")
    stored = read_records(warehouse, machine)
    decisions = list(_decisions(stored, pseudonyms, known_names))
    renamed = sum(decision.stored is None for decision in decisions)
    unknown = _unknown(stored, known_names)
    how = described(pseudonyms.naming)
    if is_dry_run:
        return RenamedProjects(how, renamed, unknown)
    marks = _read_marks(warehouse, machine)
    renamed_marks = [_renamed_decision(mark, pseudonyms, known_names) for mark in marks]
    held = [(each, _renamed_decision(each, pseudonyms, known_names)) for each in _read_held(warehouse, machine)]
    decisions = _with_marks(decisions, zip(marks, renamed_marks, strict=True), stored)
    load = begin(warehouse, last, RUNNER_OF_PROJECTS)
    load.naming = pseudonyms.naming
    load.reports = tuple(sorted({decision.record.label for decision in decisions}))
    count_totals(load, totals(stored), totals(shown_after(stored, decisions)))
    rename_folded(warehouse, machine, lambda name: _new_name(name, pseudonyms, known_names), load.load_id)
    publish(warehouse, load, decisions, still_held=_still_held(held, decisions, shown_after(stored, decisions)))
    return RenamedProjects(how, renamed, unknown, load.load_id)


def _decisions(stored: Iterable[Record], pseudonyms: Pseudonyms, known_names: Mapping[str, str]) -> Iterator[Decision]:
    """Yield what changes; of two records that get one name, as where both namings were used, the larger one stays."""
    before = {record.identity: record for record in stored}
    after: dict[Identity, Record] = {}
    for record in before.values():
        renamed = _renamed(record, pseudonyms, known_names)
        other = after.get(renamed.identity)
        if other is None or other.total_tokens < renamed.total_tokens:
            after[renamed.identity] = renamed
    for identity, record in before.items():
        if identity not in after:
            yield Decision(Verdict.CORRECTED, Reason.RENAMED, record, None, is_written=True)
    for identity, record in after.items():
        was = before.get(identity)
        if was is None:
            yield Decision(Verdict.NEW, Reason.RENAMED, None, record, is_written=True)
        elif was != record:
            same = was.usage == record.usage
            verdict = Verdict.REFRESHED if same else Verdict.GREW
            yield Decision(verdict, Reason.RENAMED, was, record, is_written=True)


def _read_marks(warehouse: ClickHouse, machine: str) -> list[Decision]:
    """Return the last decision on each record that a person took back and that stays so."""
    marked = read_taken_back(warehouse, machine)
    corrected = stream_changes(warehouse, Wanted(machine=machine, verdict=Verdict.CORRECTED)) if marked else iter(())
    last: dict[Identity, Decision] = {}
    for change in corrected:
        if change.identity in marked and change.decision.reason is Reason.UNDONE:
            last.setdefault(change.identity, change.decision)
    return list(last.values())


def _read_held(warehouse: ClickHouse, machine: str) -> list[Decision]:
    """Return the last decision on each stored record that is held against a smaller offer."""
    held = {identity for identity, last in read_last_offers(warehouse, machine).items() if last.held}
    changes = stream_changes(warehouse, Wanted(machine=machine, verdict=Verdict.HELD)) if held else iter(())
    last: dict[Identity, Decision] = {}
    for change in changes:
        if change.identity in held:
            last.setdefault(change.identity, change.decision)
    return list(last.values())


def _still_held(
    held: Iterable[tuple[Decision, Decision]], decisions: Iterable[Decision], shown: Iterable[Record]
) -> list[Decision]:
    """Return what is held by its new names, as far as these are shown: a renaming explains no fall.

    Args:
        held: each by the old names and by the new ones.
        decisions: what the renaming changes; what was taken back stays so by itself.
        shown: what is stored afterwards.
    """
    now = {record.identity: record for record in shown}
    marked = {decision.record.identity for decision in decisions if decision.reason is Reason.UNDONE}
    kept: dict[Identity, Decision] = {}
    for old, new in held:
        identity = new.record.identity
        # Of two that get one name, the larger one is shown.
        if old != new and identity not in marked and _tokens(new.stored) == _tokens(now.get(identity)):
            kept[identity] = new._replace(stored=now[identity])
    return list(kept.values())


def _tokens(record: Record | None) -> int | None:
    return None if record is None else record.total_tokens


def _with_marks(
    decisions: Sequence[Decision], marks: Iterable[tuple[Decision, Decision]], stored: Iterable[Record]
) -> list[Decision]:
    """Return the decisions, and by its new name what a person took back: it stays so until the usage grows past it.

    Args:
        decisions: what changes of the stored records.
        marks: what took records back, each by the old names and by the new ones.
        stored: what is shown by the old names.
    """
    decided = {decision.record.identity: decision for decision in decisions}
    shown = {record.identity: record for record in shown_after(stored, decisions)}
    moved = [(old, new) for old, new in marks if old != new or new.record.identity in decided]
    for old, _ in moved:
        if old.record.identity not in shown:
            gone = Decision(Verdict.CORRECTED, Reason.RENAMED, old.record, None, is_written=True)
            decided.setdefault(old.record.identity, gone)
    # Of two that get one name, the larger one counts; a stored record that is larger yet had grown past it.
    for _, new in sorted(moved, key=lambda pair: _marked_tokens(pair[1])):
        now = shown.get(new.record.identity)
        if now is None or now.total_tokens <= _marked_tokens(new):
            decided[new.record.identity] = new._replace(offered=now)
    return list(decided.values())


def _marked_tokens(mark: Decision) -> int:
    return max(record.total_tokens for record in (mark.stored, mark.offered) if record is not None)


def _renamed_decision(decision: Decision, pseudonyms: Pseudonyms, known_names: Mapping[str, str]) -> Decision:
    both = (decision.stored, decision.offered)
    stored, offered = (record and _renamed(record, pseudonyms, known_names) for record in both)
    return decision._replace(stored=stored, offered=offered)


def _renamed(record: Record, pseudonyms: Pseudonyms, known_names: Mapping[str, str]) -> Record:
    def new(name: str) -> str:
        return _new_name(name, pseudonyms, known_names)

    def new_directory(digest: str) -> str:
        return pseudonyms.always(known_names[digest]) if digest in known_names else digest

    directories = tuple(sorted(map(new_directory, record.provenance.data_dirs)))
    renamed = record._replace(
        project=new(record.project),
        session_id=new(record.session_id),
        provenance=record.provenance._replace(data_dirs=directories),
    )
    if record.report == "projects":
        return renamed._replace(key=f"{record.day.isoformat()}/{renamed.project}")
    if record.report == "session":
        return renamed._replace(key=joined_key(renamed.project, renamed.session_id))
    return renamed


def _new_name(name: str, pseudonyms: Pseudonyms, known_names: Mapping[str, str]) -> str:
    original = _original(name, known_names)
    return name if original is None else pseudonyms.of(original)


def _original(name: str, known_names: Mapping[str, str]) -> str | None:
    """Return what is really called so; None for a pseudonym that nobody here knows."""
    return known_names.get(name, None if is_pseudonym(name) else name)


def _unknown(stored: Iterable[Record], known_names: Mapping[str, str]) -> tuple[str, ...]:
    names = {name for record in stored for name in (record.project, record.session_id)}
    return tuple(sorted(name for name in names if _original(name, known_names) is None))
