"""What a report page shows, as plain values: the numbers of the warehouse with names instead of pseudonyms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from ccusage_import.money import Money

SpanName = Literal["today", "last_7_days", "month_to_date", "total"]
# Returns the rows of a query of `sql/digest` by its name.
Rows = Callable[[str], Sequence[Sequence[Any]]]


@dataclass(frozen=True, slots=True)
class Selection:
    """What a digest is of; what is empty or None bounds nothing. Days are those of the reports, both included.

    `project` is as it was asked for, `projects` are those that this means as they are stored.
    """

    machine: str = ""
    agent: str = ""
    project: str = ""
    projects: Sequence[str] = ()
    since: date | None = None
    until: date | None = None

    @property
    def has_days(self) -> bool:
        """Whether only some days are selected."""
        return self.since is not None or self.until is not None


EVERYTHING = Selection()


@dataclass(frozen=True, slots=True)
class Usage:
    """Cost in US dollars, and tokens by class; `unpriced` says that some of it has no price and counts as 0."""

    cost_usd: Decimal
    input_tokens: int
    output_tokens: int
    cache_creation_tokens: int
    cache_read_tokens: int
    total_tokens: int
    unpriced: bool


@dataclass(frozen=True, slots=True)
class Span:
    """The usage from one day to another, and the cost of the days it is compared with; None where there are none.

    `cache_share` is the share of all input that was read from the cache, None without input.
    """

    name: SpanName
    first_day: date
    last_day: date
    usage: Usage
    cache_share: float | None
    before_usd: Decimal | None
    before_first_day: date | None
    before_last_day: date | None


@dataclass(frozen=True, slots=True)
class Part:
    """What one model cost in the day or month that begins at `start`; the model is empty where no model has it."""

    start: date
    model: str
    cost_usd: Decimal
    total_tokens: int


@dataclass(frozen=True, slots=True)
class ForecastDay:
    """What a day that is left of this month is expected to cost."""

    day: date
    cost_usd: Decimal


@dataclass(frozen=True, slots=True)
class Forecast:
    """What this month is expected to cost, and its tokens.

    The bounds of the cost hold 80% and are None without enough history.

    `backtest_error` is the sum of the absolute errors of such forecasts in the past as a share of what the days cost.
    """

    cost_usd: Decimal
    total_tokens: int
    low_usd: Decimal | None
    high_usd: Decimal | None
    method: str
    backtest_error: float | None
    days: Sequence[ForecastDay]


@dataclass(frozen=True, slots=True)
class ModelUse:
    """What a model was used for; the model is empty where no model has the usage."""

    model: str
    usage: Usage
    cache_share: float | None


@dataclass(frozen=True, slots=True)
class CacheUse:
    """What the cache saved with one model on the days that are shown, its writes subtracted, and what was paid.

    The savings are None where the price of the model is not known.
    """

    model: str
    cost_usd: Decimal
    cache_share: float | None
    savings_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class ProjectUse:
    """What a project was used for."""

    project: str
    active_days: int
    last_day: date
    usage: Usage


@dataclass(frozen=True, slots=True)
class SessionUse:
    """One session; the instants are None before ccusage 20."""

    project: str
    session: str
    machine: str
    agent: str
    day: date
    first_activity: datetime | None
    last_activity: datetime | None
    models: Sequence[str]
    usage: Usage


@dataclass(frozen=True, slots=True)
class HourUse:
    """What was used in one hour of one weekday (1 is Monday): of blocks by messages, by hours of ccusage, or evenly."""

    weekday: int
    hour: int
    cost_usd: Decimal
    total_tokens: int


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One record that a load changed, or an offer that was held; the reason is in words."""

    decided_at: datetime
    machine: str
    agent: str
    report: str
    record: str
    verdict: str
    reason: str
    stored_usd: Decimal
    offered_usd: Decimal


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """One limit, and what was spent of it in the current day or month; the name is empty for everything together."""

    scope: str
    name: str
    period: str
    limit_usd: Decimal
    spent_usd: Decimal


@dataclass(frozen=True, slots=True)
class PlanUse:
    """A month of one plan: what was used, by the prices of the API, and the price of the plan, in US dollars.

    The account is empty where the plan has no name; `is_partial` says that the month is not over, or that the history
    begins in it.
    """

    account: str
    month: date
    cost_usd: Decimal
    plan_usd: Decimal
    beyond_usd: Decimal
    times_price: float
    is_partial: bool
    unpriced: bool


@dataclass(frozen=True, slots=True)
class MachineUse:
    """How fresh the numbers of a machine are."""

    machine: str
    agents: Sequence[str]
    last_day: date | None
    last_success_at: datetime | None
    last_state: str
    has_failed: bool
    error: str
    failed_reports: Sequence[str]
    is_stale: bool


@dataclass(frozen=True, slots=True)
class CommandUse:
    """What runs of a slash command cost and how long they take, in seconds; the command is empty for other prompts.

    `unfinished_share` is the share that was interrupted, or ended with an error of the API or a limit; `cost_driver`
    what the dearer runs have more often.
    """

    command: str
    runs: int
    cost_usd: Decimal
    unpriced: bool
    mean_usd: Decimal
    seconds_p50: float
    unfinished_share: float
    cost_driver: str


@dataclass(frozen=True, slots=True)
class ToolUse:
    """How often a tool was called and failed, how long one waited for it in seconds, and the lines it changed."""

    tool: str
    calls: int
    errors: int
    denied: int
    wait_p50: float | None
    wait_p95: float | None
    lines_added: int
    lines_removed: int


@dataclass(frozen=True, slots=True)
class SubagentUse:
    """What the subagents of a project cost on a machine, and their share of its cost."""

    project: str
    machine: str
    tasks: int
    cost_usd: Decimal
    unpriced: bool
    cost_share: float | None
    mean_usd: Decimal


@dataclass(frozen=True, slots=True)
class Saving:
    """What could have cost less, by how many US dollars, how many turns or sessions show it, and what to change."""

    kind: str
    usd_per_month: Decimal
    cases: int
    case_is: str
    is_estimate: bool
    advice: str


@dataclass(frozen=True, slots=True)
class Work:
    """What transcripts tell of the days that are selected, or of the last 30; savings are always of the last 30."""

    savings: Sequence[Saving]
    commands: Sequence[CommandUse]
    tools: Sequence[ToolUse]
    subagents: Sequence[SubagentUse]


@dataclass(frozen=True, slots=True)
class KeptUse:
    """What ccusage showed at the last whole import of a machine, and what is kept of the same agents, in US dollars."""

    machine: str
    offered_usd: Decimal
    kept_usd: Decimal


# The rows that the page draws: machines, agents, projects, models, sessions and commands are numbers of names in
# `Detail`, costs are US dollars.
# Day, machine, agent, model, cost, tokens.
DayRow = tuple[date, int, int, int, Decimal, int]
# Day, machine, agent, project, model, cost, tokens.
ProjectRow = tuple[date, int, int, int, int, Decimal, int]
# Day, machine, hour, cost, tokens.
HourRow = tuple[date, int, int, Decimal, int]
# Session, machine, agent, project, day, model, cost, tokens.
SessionRow = tuple[int, int, int, int, date, int, Decimal, int]
# Day, minute of the day, command, machine, project, session, model, cost.
PromptRow = tuple[date, int, int, int, int, int, int, Decimal]


@dataclass(frozen=True, slots=True)
class Detail:
    """What the page draws and filters, as rows of numbers.

    Attributes:
        machine_names: by their numbers, as all names are.
        filtered_projects: how many projects, from the first, `projects` has rows of; the others are one there.
        days: whatever the first day that is shown.
        projects: days before the calendar begins are added up by month.
        hours: hours before the longest range are added up for each weekday.
        sessions: the dearest of each day, week, month and name.
        prompts: likewise.
        kept: what was kept beyond ccusage; None where that is not known of what is selected.
    """

    machine_names: Sequence[str]
    agent_names: Sequence[str]
    project_names: Sequence[str]
    filtered_projects: int
    model_names: Sequence[str]
    session_names: Sequence[str]
    command_names: Sequence[str]
    days: Sequence[DayRow]
    projects: Sequence[ProjectRow]
    hours: Sequence[HourRow]
    sessions: Sequence[SessionRow]
    prompts: Sequence[PromptRow]
    kept: KeptUse | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """Everything a report page shows. Days begin in `timezone`; `machine`, `agent` and `project` are empty for all.

    What cannot be told of a selection is empty. Days before `since` are in nothing but the comparisons of today, the
    last 7 days and the month, their forecast and the budget, which a digest that ends before today has not. `plans`
    are of this month and the last one, of all machines; only a digest of everything has them.
    `days` are at most the 90 until the last one where no first day is asked for.
    `first_day` is None where nothing is stored. `detail` is read for the page alone. `money` is how people read it.
    """

    made_at: datetime
    today: date
    timezone: str
    machine: str
    agent: str
    project: str
    since: date | None
    until: date | None
    first_day: date | None
    last_day: date | None
    active_days: int
    spans: Sequence[Span]
    forecast: Forecast | None
    days: Sequence[Part]
    months: Sequence[Part]
    models: Sequence[ModelUse]
    cache: Sequence[CacheUse]
    projects: Sequence[ProjectUse]
    project_count: int
    sessions: Sequence[SessionUse]
    session_count: int
    hours: Sequence[HourUse]
    recent_verdicts: Mapping[str, int]
    changes: Sequence[ChangeLine]
    held: Sequence[ChangeLine]
    held_count: int
    budget: Sequence[BudgetUse]
    plans: Sequence[PlanUse]
    machines: Sequence[MachineUse]
    work: Work
    money: Money
    detail: Detail | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is no usage to show."""
        return self.first_day is None

    @property
    def has_days(self) -> bool:
        """Whether only some days are selected."""
        return self.since is not None or self.until is not None

    @property
    def is_closed(self) -> bool:
        """Whether it ends before today, so that nothing goes on in it."""
        return self.until is not None and self.until < self.today

    @property
    def end(self) -> date:
        """The last day that may have usage."""
        return min(self.until or self.today, self.today)

    @property
    def cache_savings_usd(self) -> Decimal | None:
        """What the cache saved, as far as it is known; None where it is of no model."""
        known = [use.savings_usd for use in self.cache if use.savings_usd is not None]
        return sum(known, Decimal(0)) if known else None

    @property
    def has_unpriced(self) -> bool:
        """Whether some of the usage has no price."""
        return any(span.usage.unpriced for span in self.spans) or any(use.usage.unpriced for use in self.models)

    def span(self, name: SpanName) -> Span:
        """Return the span of a name."""
        return next(span for span in self.spans if span.name == name)
