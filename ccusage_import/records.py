"""The record: one validated item of any report, column by column as the warehouse stores it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple


class ReportName(StrEnum):
    """The ccusage reports."""

    DAILY = "daily"
    MONTHLY = "monthly"
    SESSION = "session"
    BLOCKS = "blocks"
    PROJECTS = "projects"
    HOURS = "hours"


class Grain(StrEnum):
    """What one row of a report is about; `span` is a stretch of time from one hour to another."""

    DAY = "day"
    MONTH = "month"
    SESSION = "session"
    SPAN = "span"


class Report(NamedTuple):
    """A kind of reports.

    Attributes:
        name: as ccusage calls it.
        grain: what a row of it is about.
        is_per_agent: ccusage prints it for any other agent, too.
        counts_as_daily: it counts messages by the rule of `daily`; the others have one of their own.
    """

    name: ReportName
    grain: Grain
    is_per_agent: bool = False
    counts_as_daily: bool = False


KINDS_OF_REPORTS = (
    Report(ReportName.DAILY, Grain.DAY, is_per_agent=True, counts_as_daily=True),
    Report(ReportName.MONTHLY, Grain.MONTH, is_per_agent=True),
    Report(ReportName.SESSION, Grain.SESSION, is_per_agent=True),
    Report(ReportName.BLOCKS, Grain.SPAN),
    Report(ReportName.PROJECTS, Grain.DAY, counts_as_daily=True),
    Report(ReportName.HOURS, Grain.SPAN),
)


def _names(kinds: Iterable[Report]) -> tuple[str, ...]:
    return tuple(kind.name.value for kind in kinds)


ALL_REPORTS = _names(KINDS_OF_REPORTS)
# What every import asks for. The hours hold nothing that messages do not tell better.
REPORTS = _names(kind for kind in KINDS_OF_REPORTS if kind.name is not ReportName.HOURS)
TIMED_REPORTS = _names(kind for kind in KINDS_OF_REPORTS if kind.grain is Grain.SPAN)
# Their keys are days or months, which another time zone files anew.
FILED_BY_DAY = _names(kind for kind in KINDS_OF_REPORTS if kind.grain in (Grain.DAY, Grain.MONTH))
AGENT_REPORTS = _names(kind for kind in KINDS_OF_REPORTS if kind.is_per_agent)
COUNTED_AS_DAILY = _names(kind for kind in KINDS_OF_REPORTS if kind.counts_as_daily)
CLAUDE = "claude"
CODEX = "codex"
# What ccusage calls a row to which several agents may have added.
ALL_AGENTS = "all"
# Anthropic counts limits in blocks of this length, and so does ccusage.
BLOCK_LENGTH = timedelta(hours=5)
# The day of a session for which ccusage gives no time.
UNDATED = date(1970, 1, 1)
NANODOLLAR = Decimal("0.000000001")


def report_label(report: str, agent: str) -> str:
    """Return what a report of an agent is called: `daily` for Claude Code, `codex daily` for any other."""
    return report if agent == CLAUDE else f"{agent} {report}"


def split_label(label: str) -> tuple[str, str]:
    """Return agent and report of a label."""
    agent, _, report = label.rpartition(" ")
    return agent or CLAUDE, report


def report_file(label: str) -> str:
    """Return the name of the file that holds a saved report: `daily.json`, `codex-daily.json`."""
    return f"{label.replace(' ', '-')}.json"


# Report, agent and key.
Identity = tuple[str, str, str]
# Input, output, cache writes and cache reads.
TokenClasses = tuple[int, int, int, int]


class ModelUsage(NamedTuple):
    """One model's part of a record; money in US dollars.

    What ccusage shows for several models together is a part of its own, named by all of them: `a + b`.
    """

    model: str
    input_tokens: int
    output_tokens: int
    cache_creation_tokens: int
    cache_read_tokens: int
    cost_usd: Decimal
    unpriced: bool

    @property
    def tokens(self) -> TokenClasses:
        """Its tokens by class."""
        return (self.input_tokens, self.output_tokens, self.cache_creation_tokens, self.cache_read_tokens)


# Whose usage, and of which model.
PricedModel = tuple[str, str]


class ModelPrice(NamedTuple):
    """What a million tokens of a model cost in US dollars, by class; in long contexts None where that is the same."""

    agent: str
    model: str
    input_usd: Decimal
    output_usd: Decimal
    cache_creation_usd: Decimal
    cache_creation_1h_usd: Decimal
    cache_read_usd: Decimal
    long_input_usd: Decimal | None = None
    long_output_usd: Decimal | None = None
    long_cache_creation_usd: Decimal | None = None
    long_cache_creation_1h_usd: Decimal | None = None
    long_cache_read_usd: Decimal | None = None


class Provenance(NamedTuple):
    """What the numbers were read with. A change of any of these explains a smaller number."""

    ccusage_version: str
    timezone: str
    cost_mode: str
    data_dirs: tuple[str, ...]


class Record(NamedTuple):
    """One record. Instants are aware UTC with milliseconds, days are days of `provenance.timezone`."""

    report: str
    machine: str
    agent: str
    key: str
    day: date
    input_tokens: int
    output_tokens: int
    cache_creation_tokens: int
    cache_read_tokens: int
    total_tokens: int
    cost_usd: Decimal
    unpriced: bool
    provenance: Provenance
    models: tuple[ModelUsage, ...] = ()
    models_used: tuple[str, ...] = ()
    project: str = ""
    session_id: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    is_project_total: bool = False
    block_ends_at: datetime | None = None
    is_active: bool = False
    entries: int = 0
    tokens_per_minute: float | None = None
    cost_per_hour_usd: float | None = None
    projected_tokens: int | None = None
    projected_cost_usd: Decimal | None = None
    remaining_minutes: int | None = None
    limit_resets_at: datetime | None = None
    # After the day on which it was read; such a record is nobody's usage of today.
    is_dated_ahead: bool = False

    @property
    def identity(self) -> Identity:
        """Report, agent and key: what distinguishes it from the other records of its machine."""
        return (self.report, self.agent, self.key)

    @property
    def label(self) -> str:
        """What its report is called."""
        return report_label(self.report, self.agent)

    @property
    def tokens(self) -> TokenClasses:
        """Its tokens by class; `total_tokens` may be more than their sum."""
        return (self.input_tokens, self.output_tokens, self.cache_creation_tokens, self.cache_read_tokens)

    @property
    def usage(self) -> tuple[object, ...]:
        """Tokens, cost and models: what a verdict other than `refreshed` is about."""
        return (*self[USAGE_FROM:PROVENANCE], self.models, self.models_used)

    @property
    def content(self) -> tuple[object, ...]:
        """Everything stored but what it was read with."""
        return (*self[:PROVENANCE], *self[PROVENANCE + 1 :])


USAGE_FROM = Record._fields.index("input_tokens")
PROVENANCE = Record._fields.index("provenance")


def counted(count: int, noun: str) -> str:
    """Return how many things these are, in words; `noun` names one of them."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def counted_records(count: int) -> str:
    """Return how many records these are, in words."""
    return counted(count, "record")
