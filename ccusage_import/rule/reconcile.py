"""The rule that keeps history: offered and stored records to decisions. Pure: no clock, no files, no warehouse.

Tokens decide, never cost. A smaller number replaces a stored one only on evidence: the transcripts of its time cannot
have been swept yet, every session of that time is still offered, and something explains the fall. Otherwise it is held:
the stored record stays and the offer is logged. That is known of Claude Code alone: nobody knows how long other agents
keep what ccusage reads, so their falls are always held, unless another zone files their days anew and none of their
sessions lost anything. Where the ledger covers what fell wholly, its messages decide.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from ccusage_import.records import CLAUDE, FILED_BY_DAY, Identity, Record, report_label
from ccusage_import.rule.context import Context
from ccusage_import.rule.evidence import Sessions, lasting_name, tokens_by_name
from ccusage_import.rule.groups import busy_times
from ccusage_import.rule.judge import Judge
from ccusage_import.rule.ledger import NO_LEDGER, Fall, Ledger
from ccusage_import.rule.verdicts import Decision


def reconcile(
    offered: Sequence[Record], stored: Iterable[Record], reports: Iterable[str], context: Context
) -> list[Decision]:
    """Judge every offered record, and every stored one of the fetched reports that is no longer offered.

    Args:
        offered: the validated records of the fetched reports.
        stored: what the warehouse shows; records of other machines are left alone.
        reports: the labels of the reports that were fetched well. A report missing here is not judged at all.
        context: window, filters and wishes.

    Returns:
        One decision a key, ordered by report, agent and key. Stored records that simply stay, although nothing is
        offered for them any more, have none.
    """
    return Case(offered, stored, reports, context).decisions()


class Case:
    """What `reconcile` judges in two steps: which records fell, then all by what is known of their messages."""

    def __init__(
        self, offered: Sequence[Record], stored: Iterable[Record], reports: Iterable[str], context: Context
    ) -> None:
        self._judges = _judges(offered, stored, reports, context)

    def falls(self) -> list[Fall]:
        """Return the stored records that fell, as far as their messages would decide what becomes of them."""
        return [fall for judge in self._judges.values() for fall in judge.falls()]

    def kept(self, ledger: Ledger) -> list[Record]:
        """Return the stored records that may have held before what messages of records that fell count in now."""
        return [record for judge in self._judges.values() for record in judge.informed_by(ledger).moves.kept()]

    def decisions(self, ledger: Ledger = NO_LEDGER) -> list[Decision]:
        """Return a decision for each key like `reconcile`."""
        judges = {name: judge.informed_by(ledger) for name, judge in self._judges.items()}
        decisions: list[Decision] = []
        for name in sorted(judges):
            daily = judges.get(("daily", name[1])) if name[0] in ("monthly", "projects") else None
            decisions += sorted(judges[name].decisions(daily), key=lambda decision: decision.record.key)
        return decisions


def _judges(
    offered: Sequence[Record], stored: Iterable[Record], reports: Iterable[str], context: Context
) -> dict[tuple[str, str], Judge]:
    """Return who judges which report of which agent."""
    fetched = set(reports)
    # The saved daily report of all agents holds records of each.
    is_fetched = cache(lambda report, agent: not fetched.isdisjoint((report_label(report, agent), report)))
    refused = context.refused
    kept = [record for record in stored if record.machine == context.machine]
    now, then = _sessions_by_agent(offered), _sessions_by_agent(kept)

    def sessions_of(agent: str) -> Sessions:
        is_short = _lacks_a_session(agent, [*now[agent], *then[agent]], context.taken_back)
        is_known = report_label("session", agent) in fetched and not is_short
        filed = [one for one in kept if one.agent == agent != CLAUDE and one.report in FILED_BY_DAY]
        return Sessions(now[agent], then[agent], context.held_offer, is_known=is_known, filed=filed)

    by_report: dict[tuple[str, str], tuple[list[Record], list[Record]]] = defaultdict(lambda: ([], []))
    for record in offered:
        if not refused or record.identity not in refused:
            by_report[record.report, record.agent][0].append(record)
    for record in kept:
        if (not refused or record.identity not in refused) and is_fetched(record.report, record.agent):
            by_report[record.report, record.agent][1].append(record)
    busy = busy_times([*offered, *kept])
    sessions = {agent: sessions_of(agent) for agent in {agent for _, agent in by_report}}
    return {
        (report, agent): Judge(agent, records, sessions[agent], busy.get(agent, ()), context)
        for (report, agent), records in by_report.items()
    }


def _sessions_by_agent(records: Iterable[Record]) -> Mapping[str, list[Record]]:
    found: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.report == "session":
            found[record.agent].append(record)
    return found


def _lacks_a_session(agent: str, known: Iterable[Record], taken_back: Mapping[Identity, int]) -> bool:
    """Whether less is known of a session than a person took back of it: days that grew since may hold its usage."""
    marks = {name: tokens for name, tokens in taken_back.items() if name[:2] == ("session", agent)}
    shown = tokens_by_name(known) if marks else {}
    return any(shown.get(lasting_name(name), 0) < tokens for name, tokens in marks.items())
