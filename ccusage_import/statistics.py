"""What one machine's numbers add up to, and how they compare with those of its previous load."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from ccusage_import.days import next_month
from ccusage_import.records import UNDATED, Record
from ccusage_import.rule.evidence import first_day
from ccusage_import.rule.verdicts import Decision

SHOWN_RANKS = 5
# Reports that ccusage counts apart from the days.
COVERING = ("monthly", "session", "blocks")


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the days, and counts of days and sessions; money in US dollars."""

    cost_usd: Decimal
    total_tokens: int
    input_tokens: int
    output_tokens: int
    cache_creation_tokens: int
    cache_read_tokens: int
    days: int
    sessions: int
    unpriced: bool


@dataclass(frozen=True, slots=True)
class Share:
    """One model's or project's part of cost and tokens."""

    name: str
    cost_usd: Decimal
    total_tokens: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a report of an agent costs, and what the days cost from its first to its last."""

    agent: str
    report: str
    cost_usd: Decimal
    days_cost_usd: Decimal

    @property
    def share(self) -> Decimal:
        """How much of the cost of the days the report holds; all where they cost nothing."""
        return self.cost_usd / self.days_cost_usd if self.days_cost_usd else Decimal(1)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a machine's numbers add up to before a load and after it, and what they consist of then."""

    before: Totals
    after: Totals
    records_after: int
    block: Record | None
    agents: Sequence[Share]
    models: Sequence[Share]
    projects: Sequence[Share]
    coverage: Sequence[Coverage]


def compare(stored: Sequence[Record], decisions: Iterable[Decision], now: datetime) -> Comparison:
    """Compare what is stored with what the warehouse shows once the written decisions are published."""
    shown = shown_after(stored, decisions)
    return Comparison(
        totals(stored),
        totals(shown),
        len(shown),
        active_block(shown, now),
        top_agents(shown),
        top_models(shown),
        top_projects(shown),
        coverage(shown),
    )


def shown_after(stored: Iterable[Record], decisions: Iterable[Decision]) -> list[Record]:
    """Return what the warehouse shows once the written decisions are published."""
    written = [decision for decision in decisions if decision.is_written]
    if not written:
        return list(stored)
    shown = {record.identity: record for record in stored}
    for decision in written:
        if decision.offered is not None:
            shown[decision.offered.identity] = decision.offered
        else:
            shown.pop(decision.record.identity, None)
    return list(shown.values())


def totals(records: Sequence[Record]) -> Totals:
    """Add up the days; sessions are counted from their own report."""
    days = [record for record in records if record.report == "daily"]
    return Totals(
        cost_usd=sum((record.cost_usd for record in days), Decimal(0)),
        total_tokens=sum(record.total_tokens for record in days),
        input_tokens=sum(record.input_tokens for record in days),
        output_tokens=sum(record.output_tokens for record in days),
        cache_creation_tokens=sum(record.cache_creation_tokens for record in days),
        cache_read_tokens=sum(record.cache_read_tokens for record in days),
        days=len({record.day for record in days}),
        sessions=sum(record.report == "session" and not record.is_project_total for record in records),
        unpriced=any(record.unpriced for record in days),
    )


def top_models(records: Iterable[Record]) -> list[Share]:
    """Return the models that cost most over all days."""
    return _ranked(
        (model.model, model.cost_usd, sum(model.tokens))
        for record in records
        if record.report == "daily"
        for model in record.models
    )


def top_agents(records: Iterable[Record]) -> list[Share]:
    """Return the agents that cost most over all days."""
    return _ranked(
        (record.agent, record.cost_usd, record.total_tokens) for record in records if record.report == "daily"
    )


def top_projects(records: Iterable[Record]) -> list[Share]:
    """Return the projects that cost most over all days."""
    return _ranked(
        (record.project, record.cost_usd, record.total_tokens) for record in records if record.report == "projects"
    )


def coverage(records: Sequence[Record]) -> list[Coverage]:
    """Return what the reports that ccusage counts apart hold of the days; a report without records is left out."""
    kept: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        if not record.is_project_total:
            kept[record.report, record.agent].append(record)
    agents = sorted({agent for _, agent in kept})
    return [
        Coverage(agent, report, _cost(found), _cost(_days_of(found, kept.get(("daily", agent), ()))))
        for report in COVERING
        for agent in agents
        if (found := kept.get((report, agent)))
    ]


def _days_of(found: Sequence[Record], days: Iterable[Record]) -> list[Record]:
    first, last = min(record.day for record in found), max(record.day for record in found)
    # Zones are less than a day from UTC: whatever begins later or ends earlier than that changes neither.
    early = (record for record in found if record.started_at and record.started_at.date() <= first)
    late = (record for record in found if not record.ended_at or record.ended_at.date() >= last)
    first, last = min([first, *map(_first_day, early)]), max([last, *map(_last_day, late)])
    return [record for record in days if first <= record.day <= last]


def _first_day(record: Record) -> date:
    return first_day(record, ZoneInfo(record.provenance.timezone))


def _last_day(record: Record) -> date:
    if record.report == "monthly":
        return next_month(record.day) - timedelta(days=1)
    if record.ended_at is not None:
        return max(record.day, record.ended_at.astimezone(ZoneInfo(record.provenance.timezone)).date())
    return date.max if record.day == UNDATED else record.day


def _cost(records: Iterable[Record]) -> Decimal:
    return sum((record.cost_usd for record in records), Decimal(0))


def active_block(records: Iterable[Record], now: datetime) -> Record | None:
    """Return the block that is open now, the newest where several agents have one."""
    blocks = [
        record
        for record in records
        if record.is_active
        and not record.is_dated_ahead
        and record.block_ends_at is not None
        and record.block_ends_at > now
    ]
    return max(blocks, key=lambda record: record.key, default=None)


def _ranked(parts: Iterable[tuple[str, Decimal, int]]) -> list[Share]:
    costs: dict[str, Decimal] = defaultdict(Decimal)
    tokens: dict[str, int] = defaultdict(int)
    for name, cost, count in parts:
        costs[name] += cost
        tokens[name] += count
    ranked = sorted(costs, key=lambda name: (-costs[name], -tokens[name], name))
    return [Share(name, costs[name], tokens[name]) for name in ranked[:SHOWN_RANKS]]
