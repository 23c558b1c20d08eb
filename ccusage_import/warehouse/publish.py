"""The one way into the tables: a load is logged, published in one INSERT and committed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from ccusage_import import __version__
from ccusage_import.records import CLAUDE, Identity, Record, report_label
from ccusage_import.rule.evidence import lasting_name, tokens_by_name
from ccusage_import.rule.verdicts import Decision, Verdict, count_verdicts
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.committing import commit
from ccusage_import.warehouse.facts.rewriting import bring_back_days, bring_back_facts
from ccusage_import.warehouse.logged_offers import LoggedOffer, logged_offer, read_last_offers, worth_logging
from ccusage_import.warehouse.migrations import FACT_TABLES
from ccusage_import.warehouse.tables import (
    Load,
    TakenBack,
    next_load_id,
    offer_json,
    write_load,
    write_records,
)

# In pieces half as large, the engine would merge those of 100,000 verdicts while they are written.
LOGGED_AT_ONCE = 20_000
CHANGE_COLUMNS = (
    "load_id",
    "decided_at",
    "report",
    "machine",
    "agent",
    "key",
    "day",
    "verdict",
    "reason",
    "is_written",
    "stored_tokens",
    "offered_tokens",
    "stored_cost_usd",
    "offered_cost_usd",
    "stored",
    "offered",
)
# More active parts than this are merged after a load; a short-lived process never gets to it by itself.
MERGED_FROM_PARTS = 8


def begin(warehouse: ClickHouse, like: Load, runner: str) -> Load:
    """Return a new load of a machine, read with what another load of it was read with."""
    return Load(
        load_id=next_load_id(warehouse, like.machine),
        machine=like.machine,
        started_at=datetime.now(UTC),
        installation=like.installation,
        tool_version=__version__,
        ccusage_version=like.ccusage_version,
        runner=runner,
        timezone=like.timezone,
        cost_mode=like.cost_mode,
        naming=like.naming,
    )


def publish(
    warehouse: ClickHouse,
    load: Load,
    decisions: Sequence[Decision],
    whole: Collection[str] = (),
    last_offers: Mapping[Identity, LoggedOffer] | None = None,
    still_held: Sequence[Decision] = (),
    stored: Collection[Record] = (),
    records: int | None = None,
) -> None:
    """Write a load: its row, the log of its verdicts, all written records in one INSERT, its row as committed.

    The INSERT into `records` is the point at which all of it becomes visible. A load that dies before it never becomes
    visible; one that dies after it is committed by `settle_dead_loads`. Where there is nothing to log, to publish or to
    take back, the row is written only once, as committed.

    Args:
        warehouse: where.
        load: its verdicts are counted here, beside those it counts already, of refused records.
        decisions: all verdicts.
        whole: labels of the reports of which every record was offered: what is held of them and not offered any
            more is not held any more.
        last_offers: what `read_last_offers` returned, where the caller has asked for it.
        still_held: held verdicts that are logged instead of the decisions on their keys, and not counted.
        stored: what was shown before, where what is not offered is not held.
        records: how many are shown after it, where the caller knows.
    """
    judged = count_verdicts(decisions).items()
    counted = Counter({f"{report_label(report, agent)}/{verdict}": count for (report, agent, verdict), count in judged})
    load.verdicts = dict(sorted((Counter(load.verdicts) + counted).items()))
    known = read_last_offers(warehouse, load.machine) if last_offers is None else last_offers
    held = {decision.record.identity for decision in still_held}
    judged_anew = [one for one in decisions if one.record.identity not in held] if held else decisions
    logged = [*worth_logging(judged_anew, known, whole, stored), *still_held]
    written = [decision for decision in decisions if decision.is_written]
    if logged or written or load.undoes:
        write_load(warehouse, load)
        write_decisions(warehouse, load, logged, written)
    commit(warehouse, load, records)
    tidy(warehouse)


def write_decisions(warehouse: ClickHouse, load: Load, logged: Sequence[Decision], written: Sequence[Decision]) -> None:
    """Log decisions, then publish the written ones in one INSERT."""
    if len(logged) > LOGGED_AT_ONCE:
        _log_many(warehouse, load, logged)
    elif logged:
        _log(warehouse, load, 0, [_change(load, decision) for decision in logged])
    published = ((decision.record, decision.offered is None) for decision in written)
    write_records(warehouse, load.load_id, published, f"{load.machine}/{load.load_id}/records")


def _log_many(warehouse: ClickHouse, load: Load, logged: Sequence[Decision]) -> None:
    """Log many decisions piece by piece, each of which is made while the engine writes the one before."""
    with ThreadPoolExecutor(max_workers=1) as engine:
        writing = None
        for first in range(0, len(logged), LOGGED_AT_ONCE):
            rows = [_change(load, decision) for decision in logged[first : first + LOGGED_AT_ONCE]]
            if writing:
                writing.result()
                warehouse.give_memory_back()
            writing = engine.submit(_log, warehouse, load, first, rows)
            del rows
        if writing:
            writing.result()
    warehouse.give_memory_back()


def _log(warehouse: ClickHouse, load: Load, first: int, rows: Sequence[Sequence[Any]]) -> None:
    warehouse.insert("changes", CHANGE_COLUMNS, rows, f"{load.machine}/{load.load_id}/changes/{first}")


@dataclass(frozen=True, slots=True)
class Outgrown:
    """What a load took back, as far as it counts again.

    Attributes:
        undone_by: the load that took it back.
        days: those that grew past it or were accepted; None where these are all of them.
    """

    undone_by: int
    days: frozenset[date] | None


def outgrown(
    taken_back: Mapping[Identity, TakenBack], stored: Iterable[Record], decisions: Iterable[Decision]
) -> list[Outgrown]:
    """Return the days whose messages count again: they grew past what was taken back of them, or were accepted.

    So do those of a day that grows and was not taken back: an import of some days or reports reads all transcripts.
    All of a load count where all of its days do or, where it has none, its sessions. A session that stays taken back is
    part of a day that grew. A record that is stored with all the tokens that were taken back has lost nothing.
    """
    if not taken_back:
        return []
    shown = tokens_by_name(stored)
    written = {
        lasting_name(decision.record.identity)
        for decision in decisions
        if decision.verdict in (Verdict.NEW, Verdict.GREW)
    }
    grown = frozenset(
        date.fromisoformat(key) for report, agent, key in written if report_label(report, agent) == "daily"
    )
    short: dict[int, dict[str, dict[str, bool]]] = {}
    for identity, mark in taken_back.items():
        name = report, agent, key = lasting_name(identity)
        of_load = short.setdefault(mark.undone_by, {"daily": {}, "session": {}})
        if report in of_load and agent == CLAUDE and shown.get(name, 0) < mark.tokens:
            of_load[report][key] = name in written
    found = []
    for undone_by, marks in sorted(short.items()):
        wanted = marks["daily"] or marks["session"]
        if wanted and all(wanted.values()):
            found.append(Outgrown(undone_by, None))
        elif grown:
            found.append(Outgrown(undone_by, grown))
    return found


def bring_back(warehouse: ClickHouse, load: Load, all_outgrown: Iterable[Outgrown]) -> None:
    """Let messages count again that a load has outgrown; to be called before its records are written."""
    for one in all_outgrown:
        if one.days is None:
            bring_back_facts(warehouse, load.machine, one.undone_by, load.load_id)
        else:
            bring_back_days(warehouse, load.machine, one.undone_by, load.load_id, one.days, load.timezone or "UTC")


def tidy(warehouse: ClickHouse) -> None:
    """Remove what replaced rows leave behind in an embedded warehouse, as a server does by itself after a while."""
    if not warehouse.is_embedded:
        return
    parts = warehouse.rows(
        "SELECT table, count() FROM system.parts WHERE database = {name:String} AND active GROUP BY table",
        {"name": warehouse.database},
    )
    for table, count in parts:
        if count > MERGED_FROM_PARTS:
            # Facts are too many to write all of them anew.
            warehouse.command(f"OPTIMIZE TABLE `{table}`" + ("" if table in FACT_TABLES else " FINAL"))
        # A no-op for the data that makes the engine drop outdated parts now instead of after half a minute.
        warehouse.command(f"ALTER TABLE `{table}` DROP PARTITION ID 'none'")


def _change(load: Load, decision: Decision) -> tuple[Any, ...]:
    """Return the row of `changes` that tells of a decision."""
    stored, offered, record = decision.stored, decision.offered, decision.record
    return (
        load.load_id,
        datetime.now(UTC),
        record.report,
        record.machine,
        record.agent,
        record.key,
        record.day,
        str(decision.verdict),
        str(decision.reason),
        decision.is_written,
        stored.total_tokens if stored else 0,
        offered.total_tokens if offered else 0,
        stored.cost_usd if stored else 0,
        offered.cost_usd if offered else 0,
        offer_json(stored, decision.weighed),
        logged_offer(decision),
    )
