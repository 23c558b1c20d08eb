"""Pydantic models of the reports, as every ccusage from 15.5 to 20 prints them, in both naming families.

Older versions name a row's period `date`, `month` or `sessionId`; the top level of 19 and 20 says `period` and
`session`. Other agents have the same rows, but for codex. Unknown keys are ignored; what cannot be true is refused
with its path.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import AliasChoices, AwareDatetime, BeforeValidator, ConfigDict, FailFast, Field
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

LARGEST_COUNT = 2**64 - 1
LARGEST_COST_USD = 999_999_999

Count = Annotated[int, Field(strict=True, ge=0, le=LARGEST_COUNT)]
# Costs are sums of floats: -0.0 occurs, and versions up to 18 print null for a logged cost that is not a number.
Cost = Annotated[float, Field(strict=True, ge=-1e-9, le=LARGEST_COST_USD, allow_inf_nan=False)] | None
Rate = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
# The range of ClickHouse's Date, a day off at both ends so that no time zone leaves it.
FIRST_DAY, LAST_DAY = "1970-01-02", "2149-06-05"


# These two look before pydantic does: it takes digits alone for seconds since 1970.
def _in_range(value: str) -> str:
    if not FIRST_DAY <= value[:10] <= LAST_DAY:
        raise PydanticCustomError(
            "day_range", "Input should lie between {first} and {last}", {"first": FIRST_DAY, "last": LAST_DAY}
        )
    return value


def _day(value: object) -> str:
    if not isinstance(value, str) or len(value) != len("2026-10-01") or value[4] != "-":
        raise PydanticCustomError("day", "Input should be a day such as 2026-10-01")
    return _in_range(value)


def _instant(value: object) -> str:
    if not isinstance(value, str) or len(value) <= len("2026-10-01") or value[4] != "-":
        raise PydanticCustomError("instant", "Input should be an instant such as 2026-10-01T12:00:00.000Z")
    return _in_range(value)


Day = Annotated[date, BeforeValidator(_day)]
Month = Annotated[str, Field(pattern=r"^(19[7-9]\d|20\d\d|21[0-4]\d)-(0[1-9]|1[0-2])$")]
Instant = Annotated[AwareDatetime, BeforeValidator(_instant)]
# A session's last activity is a day in the report's zone up to ccusage 19, an instant from 20 on.
DayOrInstant = Annotated[Day | Instant, Field(union_mode="left_to_right")]
Name = Annotated[str, Field(min_length=1)]
# The first wrong part is enough to refuse a row: a million of them must not become a million errors.
Names = Annotated[tuple[Name, ...], FailFast()]


# Up to 19 the input of codex includes what came from the cache; from 20 on the classes are disjoint, as everywhere.
def _without_cached(value: object) -> object:
    if not isinstance(value, dict) or "cachedInputTokens" not in value:
        return value
    cached, disjoint = value["cachedInputTokens"], {"cacheCreationTokens": 0, **value}
    disjoint["cacheReadTokens"] = cached
    if type(cached) is int and type(value.get("inputTokens")) is int:
        disjoint["inputTokens"] -= cached
        if disjoint["inputTokens"] < 0:
            raise PydanticCustomError("cached_input", "cachedInputTokens should be at most inputTokens")
    return disjoint


CodexShape = BeforeValidator(_without_cached)


def _printed(*names: str) -> Any:
    return Field(validation_alias=AliasChoices(*names) if len(names) > 1 else names[0])


# Slots: a report of 50,000 rows is held as that many objects, and a BaseModel is five times as large.
_model = dataclass(slots=True, kw_only=True, frozen=True, config=ConfigDict(extra="ignore"))


@_model
class Tokens:
    """The four disjoint classes of tokens."""

    input_tokens: Count = _printed("inputTokens")
    output_tokens: Count = _printed("outputTokens")
    cache_creation_tokens: Count = _printed("cacheCreationTokens", "cacheCreationInputTokens")
    cache_read_tokens: Count = _printed("cacheReadTokens", "cacheReadInputTokens")


@_model
class ModelBreakdown(Tokens):
    """One model's part of a row."""

    model: Name = _printed("modelName")
    cost: Cost
    is_price_missing: bool = Field(default=False, validation_alias="missingPricing")


Breakdowns = Annotated[tuple[ModelBreakdown, ...], FailFast()]


@_model
class Usage(Tokens):
    """Tokens and cost, as rows, totals and one agent's part of a row carry them."""

    total_tokens: Count = _printed("totalTokens")
    cost: Cost = _printed("totalCost", "costUSD")


@_model
class UsageRow(Usage):
    """What daily, monthly and session rows share."""

    agent: Name = "claude"
    models_used: Names = Field(default=(), validation_alias="modelsUsed")
    breakdowns: Breakdowns = Field(default=(), validation_alias="modelBreakdowns")


@_model
class Metadata:
    """What the top level of ccusage 19 and 20 adds to a row."""

    agents: Names = ()
    last_activity: DayOrInstant | None = Field(default=None, validation_alias="lastActivity")
    project: str | None = Field(default=None, validation_alias="projectPath")


@_model
class PeriodRow(UsageRow):
    """A row of a period; `agents` are its parts where `--by-agent` was given."""

    metadata: Metadata = Metadata()
    agents: Annotated[tuple[UsageRow, ...], FailFast()] = ()


@_model
class DailyRow(PeriodRow):
    """One day."""

    day: Day = _printed("date", "period")


@_model
class MonthlyRow(PeriodRow):
    """One month, `YYYY-MM`."""

    month: Month = _printed("month", "period")


@_model
class SessionRow(UsageRow):
    """One session."""

    session_id: Name = _printed("sessionId", "period")
    project: str | None = Field(default=None, validation_alias="projectPath")
    last_activity: DayOrInstant | None = Field(default=None, validation_alias="lastActivity")
    first_activity: Instant | None = Field(default=None, validation_alias="firstActivity")
    metadata: Metadata = Metadata()


@_model
class BurnRate:
    """How fast the active block is used up."""

    tokens_per_minute: Rate = _printed("tokensPerMinute")
    cost_per_hour: Rate | None = _printed("costPerHour")


@_model
class Projection:
    """Where the active block ends at its present rate."""

    total_tokens: Count = _printed("totalTokens")
    cost: Cost = _printed("totalCost")
    remaining_minutes: Count = _printed("remainingMinutes")


@_model
class BlockRow:
    """One five-hour block, or the gap between two."""

    starts_at: Instant = _printed("startTime")
    ends_at: Instant = _printed("endTime")
    last_activity_at: Instant | None = Field(default=None, validation_alias="actualEndTime")
    is_active: bool = _printed("isActive")
    is_gap: bool = Field(default=False, validation_alias="isGap")
    entries: Count
    tokens: Tokens = _printed("tokenCounts")
    total_tokens: Count = _printed("totalTokens")
    cost: Cost = _printed("costUSD")
    models_used: Names = Field(default=(), validation_alias="models")
    burn_rate: BurnRate | None = Field(default=None, validation_alias="burnRate")
    projection: Projection | None = None
    limit_resets_at: Instant | None = Field(default=None, validation_alias="usageLimitResetTime")


@_model
class Totals(Usage):
    """The sums that ccusage prints below its rows."""

    unpriced_models: Names = Field(default=(), validation_alias="unpricedModels")


@_model
class Document:
    """What all reports share; blocks have no totals, and 19 prints null for an empty agent's."""

    totals: Totals | None = None


@_model
class DailyDocument(Document):
    """The daily report."""

    rows: Annotated[list[DailyRow], FailFast()] = _printed("daily")


@_model
class MonthlyDocument(Document):
    """The monthly report."""

    rows: Annotated[list[MonthlyRow], FailFast()] = _printed("monthly")


@_model
class SessionDocument(Document):
    """The session report."""

    rows: Annotated[list[SessionRow], FailFast()] = _printed("sessions", "session")


@_model
class BlocksDocument(Document):
    """The blocks report."""

    rows: Annotated[list[BlockRow], FailFast()] = _printed("blocks")


@_model
class HoursDocument(BlocksDocument):
    """The answer to `blocks --session-length 1`: its blocks are clock hours in UTC."""


@_model
class ProjectsDocument(Document):
    """The answer to `daily --instances`: project name to days."""

    rows: dict[str, Annotated[list[DailyRow], FailFast()]] = _printed("projects")


@_model
class CodexModel(Tokens):
    """One model's part of a row of codex, without its cost."""

    total_tokens: Count = _printed("totalTokens")
    is_price_missing: bool = Field(default=False, validation_alias="missingPricing")


@_model
class CodexRow(Usage):
    """What the rows of codex share; reasoning tokens are inside its output tokens."""

    models: dict[Name, Annotated[CodexModel, CodexShape]]


@_model
class CodexDailyRow(CodexRow):
    """One day of codex."""

    day: Day = _printed("date")


@_model
class CodexMonthlyRow(CodexRow):
    """One month of codex, `YYYY-MM`."""

    month: Month = _printed("month")


@_model
class CodexSessionRow(CodexRow):
    """One session of codex."""

    session_id: Name = _printed("sessionId")
    last_activity: Instant = _printed("lastActivity")


CodexTotals = Annotated[Totals, CodexShape]


@_model
class CodexDocument:
    """What all reports of codex share."""

    totals: CodexTotals | None = None


@_model
class CodexDailyDocument(CodexDocument):
    """The daily report of codex."""

    rows: Annotated[list[Annotated[CodexDailyRow, CodexShape]], FailFast()] = _printed("daily")


@_model
class CodexMonthlyDocument(CodexDocument):
    """The monthly report of codex."""

    rows: Annotated[list[Annotated[CodexMonthlyRow, CodexShape]], FailFast()] = _printed("monthly")


@_model
class CodexSessionDocument(CodexDocument):
    """The session report of codex."""

    rows: Annotated[list[Annotated[CodexSessionRow, CodexShape]], FailFast()] = _printed("sessions")


ReportDocument = (
    DailyDocument
    | MonthlyDocument
    | SessionDocument
    | BlocksDocument
    | HoursDocument
    | ProjectsDocument
    | CodexDailyDocument
    | CodexMonthlyDocument
    | CodexSessionDocument
)
DOCUMENTS: dict[str, type[ReportDocument]] = {
    "daily": DailyDocument,
    "monthly": MonthlyDocument,
    "session": SessionDocument,
    "blocks": BlocksDocument,
    "projects": ProjectsDocument,
    "hours": HoursDocument,
    "codex daily": CodexDailyDocument,
    "codex monthly": CodexMonthlyDocument,
    "codex session": CodexSessionDocument,
}
# What their lists hold.
ROWS: dict[str, Any] = {
    "daily": DailyRow,
    "monthly": MonthlyRow,
    "session": SessionRow,
    "blocks": BlockRow,
    "projects": DailyRow,
    "hours": BlockRow,
    "codex daily": Annotated[CodexDailyRow, CodexShape],
    "codex monthly": Annotated[CodexMonthlyRow, CodexShape],
    "codex session": Annotated[CodexSessionRow, CodexShape],
}
