"""The warehouse as a notebook: what lives do to it, without an engine, so that thousands of them are lived in minutes.

The rule, what is logged, what an undo restores and what accepting takes are the program's own pure functions; only
tables and queries are replaced. `test_worlds` lives the same lives in both, and compares them step by step.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from ccusage_import.ccusage.offers import parse_offer
from ccusage_import.exceptions import AuditError, ExitCode, MachineTakenError, OtherNameError
from ccusage_import.history.changes import Change
from ccusage_import.history.overrule import taken, taken_back
from ccusage_import.import_summary import ImportOptions
from ccusage_import.records import Identity as Name
from ccusage_import.records import Record
from ccusage_import.rule.ledger import NO_LEDGER
from ccusage_import.rule.verdicts import Decision, Reason, Verdict
from ccusage_import.steps.judging import Stored, judge, prepare
from ccusage_import.steps.run import Run
from ccusage_import.warehouse.logged_offers import LoggedOffer, logged_offer, without_unjudged, worth_logging
from ccusage_import.warehouse.publish import outgrown
from ccusage_import.warehouse.tables import TakenBack
from tests.worlds.driver import LAPTOP, TOTALS, Identity, Installation, Logged, Offer, Program, Shown, Silent, State
from tests.worlds.message_book import MessageBook


class Done(NamedTuple):
    """How an import ended."""

    exit_code: ExitCode


@dataclass
class _Page:
    """What is known of one machine."""

    owner: str
    records: dict[Name, tuple[int, Record | None]] = field(default_factory=dict)
    logged: dict[int, list[Decision]] = field(default_factory=dict)
    loads: dict[int, dict[str, Any]] = field(default_factory=dict)
    messages: MessageBook = field(default_factory=MessageBook)

    @property
    def shown(self) -> list[Record]:
        return [record for _, record in self.records.values() if record is not None]


@dataclass
class Notebook(Program):
    """The program with a notebook for its warehouse; `has_ledger` where transcripts are read too."""

    has_ledger: bool = False
    _pages: dict[str, _Page] = field(default_factory=dict)
    _loads: int = 0

    def begin_life(self) -> None:
        """Begin a new notebook."""
        shutil.rmtree(self.root / "homes", ignore_errors=True)
        self._pages.clear()

    def run_import(self, who: Installation, offer: Offer, database: str = LAPTOP) -> Done:
        """Import an offer; raises what a user would see as an error."""
        configuration = self.configuration(who, offer, database)
        options = ImportOptions(since=offer.since, until=offer.until, accepted=offer.accepted)
        run = Run.begin(configuration, options, Silent(), offer.started_at)
        handed = self.handed(configuration.settings, who, offer)
        parsed = parse_offer(handed, who.machine, run.pseudonyms, run.today, None)
        if not parsed.valid:
            return Done(ExitCode.CCUSAGE)
        page = self._claimed(who)
        window = _latest_window(page, offer.started_at)
        stored = Stored(page.shown, window, _taken_back(page), _last_offers(page))
        prepared, ledger = prepare(run, handed, parsed, stored), NO_LEDGER
        if self.has_ledger and not offer.is_saved and offer.reads_transcripts:
            ledger = page.messages.weigh(prepared.case, offer.tree, who)
        judged = judge(run, handed, parsed, prepared, ledger)
        if all(outcome.error for outcome in judged.outcomes.values()):
            return Done(ExitCode.CCUSAGE)
        if parsed.records or page.shown:
            load = {"started_at": offer.started_at, "intact_from": judged.intact_from, "undoes": 0}
            whole = () if offer.is_saved else parsed.valid
            known = without_unjudged(stored.last_offers, parsed.records, judged.decisions)
            load_id = self._write(who.machine, load, judged.decisions, whole, page.shown, known)
            for one in outgrown(stored.taken_back, judged.stored, judged.decisions):
                page.messages.bring_back(one.undone_by, load_id, one.days)
            if self.has_ledger and not offer.is_saved and offer.reads_transcripts:
                page.messages.read(offer.tree, who, load_id, offer.zone)
        return Done(ExitCode.OK)

    def read_transcripts(self, who: Installation, offer: Offer) -> None:
        """Read the transcripts alone."""
        page = self._claimed(who)
        load_id = self._write(who.machine, {"started_at": offer.started_at, "intact_from": None, "undoes": 0}, ())
        page.messages.read(offer.tree, who, load_id, offer.zone)

    def undo(self, who: Installation, load_id: int, *, forces: bool = False) -> int:
        """Take a load back and return the new load."""
        machine, page = next(item for item in self._pages.items() if load_id in item[1].loads)
        if page.owner != who.name:
            raise MachineTakenError(machine, hint="")
        written = [change for change in _changes(machine, page) if change.load_id == load_id]
        written = [change for change in written if change.decision.is_written]
        is_last = forces or all(page.records[change.identity][0] == load_id for change in written)
        if page.loads[load_id]["state"] != "committed" or not written or not is_last:
            raise AuditError(str(load_id), hint="")
        load = {"started_at": datetime.now(UTC), "intact_from": None, "undoes": load_id}
        undone_by = self._write(machine, load, taken_back(written, page.shown))
        page.messages.take_back(load_id, undone_by)
        return undone_by

    def accept(self, who: Installation, names: list[str]) -> int:
        """Accept held records and return the new load."""
        page = self._pages[who.machine]
        decisions, _ = taken(who.machine, names, _last(who.machine, page), page.shown, {})
        all_outgrown = outgrown(_taken_back(page), page.shown, decisions)
        load = {"started_at": datetime.now(UTC), "intact_from": None, "undoes": 0}
        load_id = self._write(who.machine, load, decisions)
        for one in all_outgrown:
            page.messages.bring_back(one.undone_by, load_id, one.days)
        return load_id

    def state(self, database: str = LAPTOP) -> State:
        """Read the notebook."""
        pages = self._pages.items() if database == LAPTOP else ()
        return State(
            shown={
                item.identity: item
                for machine, page in pages
                for load_id, record in page.records.values()
                if record is not None
                for item in (_shown(machine, load_id, record),)
            },
            logged=sorted(
                (
                    _logged(machine, load_id, decision)
                    for machine, page in pages
                    for load_id, decisions in page.logged.items()
                    for decision in decisions
                ),
                key=lambda change: (change.load_id, change.identity[1:]),
            ),
            held={
                Identity(machine, _named(change.decision.record), change.identity[2]): _tokens(change.decision.offered)
                for machine, page in pages
                for change in _held(machine, page)
            },
            loads={
                load_id: {**load, "machine": machine} for machine, page in pages for load_id, load in page.loads.items()
            },
            budgets=(),
            messages=sorted(
                (machine, copy.message, copy.project, copy.session_id, copy.total_tokens)
                for machine, page in pages
                for copy in page.messages.shown
            ),
        )

    def _claimed(self, who: Installation) -> _Page:
        names = [name for name, page in self._pages.items() if page.owner == who.name and page.loads]
        if names and who.machine not in names:
            raise OtherNameError(who.machine, hint="")
        page = self._pages.setdefault(who.machine, _Page(who.name))
        if page.owner != who.name:
            raise MachineTakenError(who.machine, hint="")
        return page

    def _write(
        self,
        machine: str,
        load: dict[str, Any],
        decisions: Sequence[Decision],
        whole: Sequence[str] = (),
        stored: Sequence[Record] = (),
        known: Mapping[Name, LoggedOffer] | None = None,
    ) -> int:
        self._loads += 1
        load_id, page = self._loads, self._pages[machine]
        page.logged[load_id] = worth_logging(decisions, _last_offers(page) if known is None else known, whole, stored)
        for decision in decisions:
            if decision.is_written:
                page.records[decision.record.identity] = (load_id, decision.offered)
        days = [record for record in page.shown if record.report == "daily"]
        page.loads[load_id] = {**load, "state": "committed", "tokens_after": sum(day.total_tokens for day in days)}
        undone = set[int]()
        for number in sorted(page.loads, reverse=True):
            if page.loads[number]["undoes"] and number not in undone:
                undone.add(page.loads[number]["undoes"])
            page.loads[number]["state"] = "undone" if number in undone else "committed"
        return load_id


def _changes(machine: str, page: _Page) -> list[Change]:
    """Return what was logged, newest load first."""
    return [
        Change(load_id, datetime.now(UTC), machine, decision, page.loads[load_id]["intact_from"])
        for load_id in sorted(page.logged, reverse=True)
        for decision in page.logged[load_id]
    ]


def _held(machine: str, page: _Page) -> list[Change]:
    return [change for change in _last(machine, page) if change.decision.verdict is Verdict.HELD]


def _last(machine: str, page: _Page) -> list[Change]:
    last: dict[Name, Change] = {}
    for change in _changes(machine, page):
        last.setdefault(change.identity, change)
    return list(last.values())


def _last_offers(page: _Page) -> dict[Name, LoggedOffer]:
    last: dict[Name, LoggedOffer | None] = {}
    for load_id in sorted(page.logged):
        for decision in page.logged[load_id]:
            offer = LoggedOffer(decision.verdict, decision.reason, logged_offer(decision), decision.stored is None)
            last[decision.record.identity] = None if decision.is_written else offer
    return {name: offer for name, offer in last.items() if offer is not None}


def _taken_back(page: _Page) -> dict[Name, TakenBack]:
    last: dict[Name, tuple[int, Decision]] = {}
    for load_id in sorted(page.logged):
        last.update({one.record.identity: (load_id, one) for one in page.logged[load_id] if one.is_written})
    return {
        name: TakenBack(max(_tokens(decision.stored), _tokens(decision.offered)), load_id, _tokens(decision.stored))
        for name, (load_id, decision) in last.items()
        if decision.reason is Reason.UNDONE
    }


def _latest_window(page: _Page, now: datetime) -> date | None:
    known = [load["intact_from"] for load in page.loads.values() if load["started_at"] <= now and load["intact_from"]]
    return max(known, default=None)


def _shown(machine: str, load_id: int, record: Record) -> Shown:
    read_with = record.provenance
    return Shown(
        Identity(machine, _named(record), record.key),
        load_id,
        record.day,
        record.total_tokens,
        record.cost_usd,
        record.unpriced,
        record.started_at,
        record.block_ends_at,
        read_with.ccusage_version,
        read_with.timezone,
        read_with.cost_mode,
        tuple(read_with.data_dirs),
    )


def _logged(machine: str, load_id: int, decision: Decision) -> Logged:
    record = decision.record
    return Logged(
        Identity(machine, _named(record), record.key),
        load_id,
        str(decision.verdict),
        str(decision.reason),
        decision.is_written,
        _tokens(decision.stored),
        _tokens(decision.offered),
    )


def _named(record: Record) -> str:
    return TOTALS if record.is_project_total else record.report


def _tokens(record: Record | None) -> int:
    return record.total_tokens if record else 0
