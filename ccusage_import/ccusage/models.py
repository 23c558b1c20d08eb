"""Pydantic models of the five reports, as every ccusage from 15.5 to 20 prints them, in both naming families.

Older versions name a row's period `date`, `month` or `sessionId`; the top level of 19 and 20 says `period` and
`session`. Other agents have the same rows, but for codex. Unknown keys are ignored; what cannot be true is refused
with its path.
"""

from __future__ import annotations

import json
from datetime import date
from functools import cache
from typing import Annotated, Any

from pydantic import AliasChoices, AwareDatetime, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

from ccusage_import.exceptions import InvalidReportError, NotAReportError
from ccusage_import.records import split_label

LARGEST_COUNT = 2**64 - 1
LARGEST_COST_USD = 999_999_999
CHECK_HINT = "check the ccusage command, or the file this was read from"

Count = Annotated[int, Field(strict=True, ge=0, le=LARGEST_COUNT)]
# Costs are sums of floats: -0.0 occurs, and versions up to 18 print null for a logged cost that is no number.
Cost = Annotated[float, Field(strict=True, ge=-1e-9, le=LARGEST_COST_USD, allow_inf_nan=False)] | None
Rate = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
# The range of ClickHouse's Date, a day off at both ends so that no time zone leaves it.
FIRST_DAY, LAST_DAY = date(1970, 1, 2), date(2149, 6, 5)


# These two look before pydantic does: it takes digits alone for seconds since 1970.
def _in_range(value: str) -> str:
    first, last = FIRST_DAY.isoformat(), LAST_DAY.isoformat()
    if not first <= value[:10] <= last:
        raise PydanticCustomError(
            "day_range", "Input should lie between {first} and {last}", {"first": first, "last": last}
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


@_model
class Usage(Tokens):
    """Tokens and cost, as rows, totals and one agent's part of a row carry them."""

    total_tokens: Count = _printed("totalTokens")
    cost: Cost = _printed("totalCost", "costUSD")


@_model
class UsageRow(Usage):
    """What daily, monthly and session rows share."""

    agent: Name = "claude"
    models_used: tuple[Name, ...] = Field(default=(), validation_alias="modelsUsed")
    breakdowns: tuple[ModelBreakdown, ...] = Field(default=(), validation_alias="modelBreakdowns")


@_model
class Metadata:
    """What the top level of ccusage 19 and 20 adds to a row."""

    agents: tuple[Name, ...] = ()
    last_activity: DayOrInstant | None = Field(default=None, validation_alias="lastActivity")
    project: str | None = Field(default=None, validation_alias="projectPath")


@_model
class PeriodRow(UsageRow):
    """A row of a period; `agents` are its parts where `--by-agent` was given."""

    metadata: Metadata = Metadata()
    agents: tuple[UsageRow, ...] = ()


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
    models_used: tuple[Name, ...] = Field(default=(), validation_alias="models")
    burn_rate: BurnRate | None = Field(default=None, validation_alias="burnRate")
    projection: Projection | None = None
    limit_resets_at: Instant | None = Field(default=None, validation_alias="usageLimitResetTime")


@_model
class Totals(Usage):
    """The sums that ccusage prints below its rows."""

    unpriced_models: tuple[Name, ...] = Field(default=(), validation_alias="unpricedModels")


@_model
class Document:
    """What all reports share; blocks have no totals, and 19 prints null for an empty agent's."""

    totals: Totals | None = None


@_model
class DailyDocument(Document):
    """The daily report."""

    rows: list[DailyRow] = _printed("daily")


@_model
class MonthlyDocument(Document):
    """The monthly report."""

    rows: list[MonthlyRow] = _printed("monthly")


@_model
class SessionDocument(Document):
    """The session report."""

    rows: list[SessionRow] = _printed("sessions", "session")


@_model
class BlocksDocument(Document):
    """The blocks report."""

    rows: list[BlockRow] = _printed("blocks")


@_model
class ProjectsDocument(Document):
    """The answer to `daily --instances`: project name to days."""

    rows: dict[str, list[DailyRow]] = _printed("projects")


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


@_model
class CodexDocument:
    """What all reports of codex share."""

    totals: Annotated[Totals, CodexShape] | None = None


@_model
class CodexDailyDocument(CodexDocument):
    """The daily report of codex."""

    rows: list[Annotated[CodexDailyRow, CodexShape]] = _printed("daily")


@_model
class CodexMonthlyDocument(CodexDocument):
    """The monthly report of codex."""

    rows: list[Annotated[CodexMonthlyRow, CodexShape]] = _printed("monthly")


@_model
class CodexSessionDocument(CodexDocument):
    """The session report of codex."""

    rows: list[Annotated[CodexSessionRow, CodexShape]] = _printed("sessions")


ReportDocument = (
    DailyDocument
    | MonthlyDocument
    | SessionDocument
    | BlocksDocument
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
    "codex daily": CodexDailyDocument,
    "codex monthly": CodexMonthlyDocument,
    "codex session": CodexSessionDocument,
}
KEYS = {"session": ("sessions", "session")}
# Versions up to 18, and 19 under `claude`, print a bare array when these have no rows.
BARE_WHEN_EMPTY = ("daily", "session", "projects")


@cache
def _adapter(label: str) -> TypeAdapter[ReportDocument]:
    return TypeAdapter(DOCUMENTS.get(label) or DOCUMENTS[split_label(label)[1]])


def validate_report(label: str, output: bytes) -> ReportDocument | None:
    """Validate what ccusage printed for `daily`, `codex daily` and so on; None is a form of its own for no rows.

    Raises:
        NotAReportError: the output is not JSON, or another report than asked for.
        InvalidReportError: a value cannot be true; `details` holds every path and reason.
    """
    _, report = split_label(label)
    if report in BARE_WHEN_EMPTY and output.strip() == b"[]":
        return None
    try:
        return _adapter(label).validate_json(output)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
    if errors[0]["type"] == "json_invalid" or any(len(item["loc"]) == 0 for item in errors):
        raise NotAReportError(f"{label}: ccusage did not print one JSON report: {errors[0]['msg']}", hint=CHECK_HINT)
    keys = KEYS.get(report, (report,))
    if any(item["type"] == "missing" and item["loc"] in [(key,) for key in keys] for item in errors):
        # ccusage 20 answers `daily --instances` without usage in the shape of daily.
        if report == "projects" and json.loads(output).get("daily") == []:
            return None
        raise _other_shape(label, keys, output)
    lines = tuple(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in errors)
    raise InvalidReportError(label, lines)


def _other_shape(label: str, keys: tuple[str, ...], output: bytes) -> NotAReportError:
    found = ", ".join(sorted(json.loads(output))) or "an empty object"
    if label == "projects":
        hint = "this ccusage has no projects: use 15.5 or newer, and 19 or newer under its claude command"
    else:
        hint = CHECK_HINT
    return NotAReportError(f"{label}: expected {' or '.join(map(repr, keys))}, ccusage printed {found}", hint=hint)
