"""Validated reports to records: keys, money, days and instants, pseudonyms, and what is odd about the numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from ccusage_import.ccusage.keys import block_key, joined_key, lasting_session_id, refused_records
from ccusage_import.ccusage.models import (
    LARGEST_COUNT,
    BlockRow,
    BlocksDocument,
    CodexDailyDocument,
    CodexDailyRow,
    CodexModel,
    CodexMonthlyDocument,
    CodexMonthlyRow,
    CodexRow,
    CodexSessionDocument,
    CodexSessionRow,
    DailyDocument,
    DailyRow,
    HoursDocument,
    ModelBreakdown,
    MonthlyDocument,
    MonthlyRow,
    PeriodRow,
    ProjectsDocument,
    ReportDocument,
    SessionDocument,
    SessionRow,
    Tokens,
    Totals,
    UsageRow,
)
from ccusage_import.ccusage.refusals import Refused
from ccusage_import.ccusage.validation import MOST_REFUSED, Validated
from ccusage_import.days import utc_instant
from ccusage_import.exceptions import InvalidReportError
from ccusage_import.names.pseudonyms import Pseudonyms
from ccusage_import.records import (
    ALL_AGENTS,
    CLAUDE,
    CODEX,
    NANODOLLAR,
    UNDATED,
    ModelUsage,
    Provenance,
    Record,
    split_label,
)
from ccusage_import.versions import LAST_MAJOR_WITH_PROJECT_TOTALS, NAMES_UNPRICED_SINCE

PROJECT_TOTAL_MARKS = ("Unknown Project", "subagents")
HOUR = timedelta(hours=1)
SHOWN_WARNINGS = 10
RELATIVE_COST_TOLERANCE = Decimal("1e-12")


@dataclass(frozen=True, slots=True)
class Origin:
    """Who offers the records, what they were read with, and on which day; what is dated later is dated ahead.

    `version_info` is None for saved files.
    """

    machine: str
    provenance: Provenance
    version_info: tuple[int, int, int] | None
    today: date = date.max


@dataclass(slots=True)
class ParsedReport:
    """The records of one report, what is odd about them in words, and the records that cannot be true."""

    records: list[Record] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    complaints: tuple[str, ...] = ()


def parse_report(label: str, report: Validated, origin: Origin, pseudonyms: Pseudonyms) -> ParsedReport:
    """Turn a validated report into records.

    Args:
        label: `daily` of Claude Code, `codex daily` and the like.
        report: what `validate_report` returned.
        origin: machine and provenance for each record.
        pseudonyms: applied to project names and session ids; remembers those it met.

    Raises:
        InvalidReportError: rows of several agents, or no record can be true.
    """
    if report.document is None:
        return ParsedReport()
    parser = _Parser(label, origin, pseudonyms, report)
    parsed = parser.parsed(report.document)
    if parser.merged:
        raise InvalidReportError(label, tuple(parser.merged))
    if (parsed.refused and not parsed.records) or len(parsed.refused) > MOST_REFUSED:
        raise InvalidReportError(label, parsed.complaints)
    return parsed


def no_price(model: str) -> str:
    """Return the warning of a model without a price."""
    return f"no price for {model}: its cost is counted as 0"


def money(value: float | None) -> Decimal:
    """Return a printed cost in US dollars, rounded half-even to the nanodollar; null and -0.0 are 0."""
    if not value or value < 0:
        return Decimal(0)
    nanodollars = value * 1e9
    whole = round(nanodollars)
    # Of less than 1,000 dollars a float is never off by a thousandth of a nanodollar, and this takes half the time.
    if value < 1000 and abs(nanodollars - whole) < 0.499:
        return Decimal(whole).scaleb(-9)
    return Decimal(repr(value)).quantize(NANODOLLAR)


class _Parser:
    """The state of one report: keys met, sums, and what was wrong or odd."""

    def __init__(self, label: str, origin: Origin, pseudonyms: Pseudonyms, report: Validated) -> None:
        self.merged: list[str] = []
        self._read = report
        # What is wrong with a record, by agent and key: it is refused when all rows are read.
        self._wrong: dict[tuple[str, str], list[str]] = {}
        self._label = label
        self._agent, self._report = split_label(label)
        self._origin = origin
        self._zone = ZoneInfo(origin.provenance.timezone)
        self._pseudonyms = pseudonyms
        is_display = origin.provenance.cost_mode == "display"
        # Whatever the cost mode, those of codex are calculated: its sessions hold none.
        self._costs_are_calculated = not is_display or self._agent == CODEX
        self._infers_unpriced = self._costs_are_calculated and (
            is_display or origin.version_info is None or origin.version_info < NAMES_UNPRICED_SINCE
        )
        self._has_project_totals = (
            origin.version_info is None or origin.version_info[0] <= LAST_MAJOR_WITH_PROJECT_TOTALS
        )
        self._odd: list[str] = list(report.warnings)
        self._unpriced: dict[str, None] = {}
        self._project_totals = 0
        self._without_project = 0
        self._keys: set[tuple[str, str]] = set()
        self._tokens = 0
        self._cost = Decimal(0)

    def parsed(self, document: ReportDocument) -> ParsedReport:
        """Return the records that can be true, and the names of the others."""
        records = list(self._records(document))
        self._check_totals(document.totals)
        refused = [item for row in self._read.refused for item in refused_records(self._label, row, self._pseudonyms)]
        complaints = [line for row in self._read.refused for line in row.lines]
        if self._wrong:
            wrong = {(record.agent, record.key): record for record in records if self._is_wrong(record)}
            refused += [
                Refused(item.report, item.agent, item.key, item.started_at, item.block_ends_at)
                for item in wrong.values()
            ]
            complaints += [line for lines in self._wrong.values() for line in lines]
            records = [record for record in records if not self._is_wrong(record)]
        return ParsedReport(records, self._warnings(), refused, tuple(complaints))

    def _is_wrong(self, record: Record) -> bool:
        return (record.agent, record.key) in self._wrong

    def _refuse(self, agent: str, key: str, line: str) -> None:
        self._wrong.setdefault((agent, key), []).append(line)

    def _records(self, document: ReportDocument) -> Iterator[Record]:
        match document:
            case DailyDocument() | CodexDailyDocument():
                days: Sequence[DailyRow | CodexDailyRow] = document.rows
                for index, day in self._read.numbered(days):
                    yield from self._period(f"daily.{index}", day, day.day, day.day.isoformat())
            case MonthlyDocument() | CodexMonthlyDocument():
                months: Sequence[MonthlyRow | CodexMonthlyRow] = document.rows
                for index, month in self._read.numbered(months):
                    first = date.fromisoformat(f"{month.month}-01")
                    yield from self._period(f"monthly.{index}", month, first, month.month)
            case ProjectsDocument():
                for project, rows in document.rows.items():
                    yield from self._project_days(project, rows)
            case SessionDocument() | CodexSessionDocument():
                sessions: Sequence[SessionRow | CodexSessionRow] = document.rows
                listed = {row.session_id for row in sessions}
                numbered_rows = self._read.numbered(sessions)
                yield from (self._session(f"session.{index}", row, listed) for index, row in numbered_rows)
            case HoursDocument():
                hours = self._read.numbered(document.rows)
                yield from (self._hour(f"blocks.{index}", row) for index, row in hours if not row.is_gap)
            case BlocksDocument():
                blocks = self._read.numbered(document.rows)
                yield from (self._block(f"blocks.{index}", row) for index, row in blocks if not row.is_gap)

    def _check_totals(self, totals: Totals | None) -> None:
        if totals is None:
            return
        if totals.total_tokens != min(self._tokens, LARGEST_COUNT):
            self._odd.append(
                f"{self._label}.totals.totalTokens: {totals.total_tokens} is not the sum of the rows, {self._tokens}"
            )
        printed = money(totals.cost)
        # Every cost of the sum was rounded, and ccusage adds floats in an order of its own.
        if abs(printed - self._cost) > NANODOLLAR * (len(self._keys) + 1) + printed * RELATIVE_COST_TOLERANCE:
            self._odd.append(f"{self._label}.totals.totalCost: {printed} is not the sum of the rows, {self._cost}")
        self._unpriced.update(dict.fromkeys(totals.unpriced_models))

    def _warnings(self) -> list[str]:
        lines = list(map(no_price, self._unpriced))
        if self._project_totals:
            lines.append(
                f"{self._label}: this ccusage shows projects as sessions: they are stored apart and left out of the"
                f" view sessions ({self._project_totals}); ccusage 19 and later show real sessions"
            )
        if self._without_project:
            lines.append(
                f"{self._label}: {self._without_project} rows name no project; save `ccusage claude session` instead"
            )
        lines += self._odd[:SHOWN_WARNINGS]
        if len(self._odd) > SHOWN_WARNINGS:
            lines.append(f"{self._label}: and {len(self._odd) - SHOWN_WARNINGS} more values that do not add up")
        return lines

    def _period(self, path: str, row: PeriodRow | CodexRow, day: date, key: str, project: str = "") -> Iterator[Record]:
        for agent, part in self._agents(path, row):
            yield self._usage(path, part, agent, key, day, project=project)

    def _agents(self, path: str, row: PeriodRow | CodexRow) -> Sequence[tuple[str, UsageRow | CodexRow]]:
        """Return whose usage a row is: one agent's, or each agent's part where these were printed."""
        if isinstance(row, CodexRow) or row.agent != ALL_AGENTS:
            return [(self._agent_of(row), row)]
        if row.agents:
            return [(part.agent, part) for part in row.agents]
        if len(row.metadata.agents) == 1:
            return [(row.metadata.agents[0], row)]
        names = ", ".join(row.metadata.agents) or "several agents"
        self.merged.append(f"{path}.agent: merges {names}; ask ccusage for one agent, or for --by-agent")
        return []

    def _project_days(self, project: str, days: list[DailyRow]) -> Iterator[Record]:
        pseudonym = self._pseudonyms.of(project)
        for index, row in self._read.numbered(days, project):
            key = f"{row.day.isoformat()}/{pseudonym}"
            yield from self._period(f"projects.{pseudonym}.{index}", row, row.day, key, pseudonym)

    def _agent_of(self, row: UsageRow | CodexRow) -> str:
        """Return whose a row is: only the reports of all agents say so in the row itself."""
        return row.agent if isinstance(row, UsageRow) and self._agent == CLAUDE else self._agent

    def _session(self, path: str, row: SessionRow | CodexSessionRow, listed: Collection[str]) -> Record:
        agent, printed, last = self._agent_of(row), None, row.last_activity
        started_at = None
        if isinstance(row, SessionRow):
            last = last or row.metadata.last_activity
            printed = row.project if row.project is not None else row.metadata.project
            started_at = utc_instant(row.first_activity) if row.first_activity else None
        is_project_total = self._is_project_total(agent, printed, row.session_id)
        self._project_totals += is_project_total
        self._without_project += printed is None and agent == CLAUDE
        named = lasting_session_id(agent, row.session_id, listed)
        project, session_id = self._pseudonyms.of(printed or ""), self._pseudonyms.of(named)
        ended_at = utc_instant(last) if isinstance(last, datetime) else None
        day = ended_at.astimezone(self._zone).date() if ended_at else last or UNDATED
        key = joined_key(project, session_id)
        if last is None and agent == CLAUDE:
            self._refuse(agent, key, f"{path}.lastActivity: Field required")
        return self._usage(
            path,
            row,
            agent,
            key,
            day,
            project=project,
            session_id=session_id,
            started_at=started_at,
            ended_at=ended_at,
            is_project_total=is_project_total,
        )

    def _is_project_total(self, agent: str, project: str | None, session_id: str) -> bool:
        is_marked = project == PROJECT_TOTAL_MARKS[0] or session_id == PROJECT_TOTAL_MARKS[1]
        return self._has_project_totals and agent == CLAUDE and is_marked

    def _usage(
        self,
        path: str,
        row: UsageRow | CodexRow,
        agent: str,
        key: str,
        day: date,
        *,
        project: str = "",
        session_id: str = "",
        started_at: datetime | None = None,
        ended_at: datetime | None = None,
        is_project_total: bool = False,
    ) -> Record:
        reasoning = _reasoning(row) if agent != CLAUDE else 0
        if isinstance(row, CodexRow):
            models, models_used = self._codex_models(row, reasoning), tuple(row.models)
        else:
            models, models_used = [self._model(part) for part in row.breakdowns], row.models_used
            models = _with_rest(models, models, reasoning, Decimal(0))
        record = self._record(
            path,
            row,
            agent,
            key,
            day,
            row.total_tokens,
            money(row.cost),
            reasoning,
            unpriced=any(model.unpriced for model in models) if models else None,
            models=tuple(sorted(models, key=lambda model: (-model.cost_usd, model.model))),
            models_used=_in_order(models_used),
            project=project,
            session_id=session_id,
            started_at=started_at,
            ended_at=ended_at,
            is_project_total=is_project_total,
        )
        # What ccusage prints of one model fits; reasoning is added here.
        if agent != CLAUDE and any(model.output_tokens > LARGEST_COUNT for model in models):
            self._refuse(agent, key, f"{path}.modelBreakdowns: a count is more than {LARGEST_COUNT}")
        return record

    def _block(self, path: str, row: BlockRow) -> Record:
        started_at, burn, projection = utc_instant(row.starts_at), row.burn_rate, row.projection
        key = block_key(started_at)
        day = started_at.astimezone(self._zone).date()
        return self._record(
            path,
            row.tokens,
            CLAUDE,
            key,
            day,
            row.total_tokens,
            money(row.cost),
            models_used=_in_order(row.models_used),
            started_at=started_at,
            ended_at=utc_instant(row.last_activity_at) if row.last_activity_at else None,
        )._replace(
            block_ends_at=utc_instant(row.ends_at),
            is_active=row.is_active,
            entries=row.entries,
            tokens_per_minute=burn.tokens_per_minute if burn else None,
            cost_per_hour_usd=burn.cost_per_hour if burn else None,
            projected_tokens=projection.total_tokens if projection else None,
            projected_cost_usd=money(projection.cost) if projection else None,
            remaining_minutes=projection.remaining_minutes if projection else None,
            limit_resets_at=utc_instant(row.limit_resets_at) if row.limit_resets_at else None,
        )

    def _hour(self, path: str, row: BlockRow) -> Record:
        """Return a block of one hour; what only a block of five hours means, its rates and limits, is left out."""
        block = self._block(path, row)
        if row.ends_at - row.starts_at != HOUR:
            self._refuse(block.agent, block.key, f"{path}.endTime: is not an hour after startTime")
        return block._replace(
            is_active=False,
            tokens_per_minute=None,
            cost_per_hour_usd=None,
            projected_tokens=None,
            projected_cost_usd=None,
            remaining_minutes=None,
            limit_resets_at=None,
        )

    def _model(self, part: ModelBreakdown) -> ModelUsage:
        cost = money(part.cost)
        is_unpriced = part.is_price_missing or (self._infers_unpriced and not cost and _sum(part) > 0)
        if is_unpriced:
            self._unpriced[part.model] = None
        return ModelUsage(
            part.model,
            part.input_tokens,
            part.output_tokens,
            part.cache_creation_tokens,
            part.cache_read_tokens,
            cost,
            is_unpriced,
        )

    def _codex_models(self, row: CodexRow, reasoning: int) -> list[ModelUsage]:
        """Return the models of a row of codex.

        The row has one cost for all models, which is that of the priced ones. A model whose total exceeds its classes
        tells how much reasoning is its own; the rest of the row's reasoning goes where the cost goes.
        """
        cost = money(row.cost)
        is_free = self._infers_unpriced and cost == 0
        models = [
            ModelUsage(
                name,
                part.input_tokens,
                part.output_tokens + _reasoning(part),
                part.cache_creation_tokens,
                part.cache_read_tokens,
                Decimal(0),
                part.is_price_missing or (is_free and part.total_tokens > 0),
            )
            for name, part in row.models.items()
        ]
        self._unpriced.update((model.model, None) for model in models if model.unpriced)
        untold = max(0, reasoning - sum(map(_reasoning, row.models.values())))
        return _with_rest(models, [model for model in models if not model.unpriced] or models, untold, cost)

    def _record(
        self,
        path: str,
        tokens: Tokens,
        agent: str,
        key: str,
        day: date,
        printed_total: int,
        cost: Decimal,
        reasoning: int = 0,
        *,
        unpriced: bool | None = None,
        models: tuple[ModelUsage, ...] = (),
        models_used: tuple[str, ...] = (),
        project: str = "",
        session_id: str = "",
        started_at: datetime | None = None,
        ended_at: datetime | None = None,
        is_project_total: bool = False,
    ) -> Record:
        """Return a record, and note what is wrong or odd about it; `unpriced` is None where no model tells."""
        total = _sum(tokens) + reasoning
        self._tokens += printed_total
        self._cost += cost
        if total > LARGEST_COUNT:
            self._refuse(agent, key, f"{path}.totalTokens: the four token classes add up to more than {LARGEST_COUNT}")
        if printed_total != total:
            self._odd.append(f"{path}.totalTokens: {printed_total} is not the sum of its classes, {total}")
        if total == 0 and cost > 0:
            self._odd.append(f"{path}: no tokens, yet a cost of {cost.normalize():f} USD")
        if (agent, key) in self._keys:
            why = (
                "the same session id; save `ccusage claude session` instead"
                if self._without_project
                else "the same key"
            )
            self._refuse(agent, key, f"{path}: a second row for {why}")
        self._keys.add((agent, key))
        # By position: thirty names take three times as long.
        return Record(
            self._report,
            self._origin.machine,
            agent,
            key,
            day,
            tokens.input_tokens,
            tokens.output_tokens + reasoning,
            tokens.cache_creation_tokens,
            tokens.cache_read_tokens,
            total,
            cost,
            self._costs_are_calculated and total > 0 and cost == 0 if unpriced is None else unpriced,
            self._origin.provenance,
            models,
            models_used,
            project,
            session_id,
            started_at,
            ended_at,
            is_project_total,
            is_dated_ahead=day > self._origin.today,
        )


@lru_cache(maxsize=1024)
def _in_order(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(names))


def _sum(tokens: Tokens) -> int:
    return tokens.input_tokens + tokens.output_tokens + tokens.cache_creation_tokens + tokens.cache_read_tokens


def _reasoning(row: UsageRow | CodexRow | CodexModel) -> int:
    """Return the tokens that are in the total alone: reasoning of other agents than Claude Code, billed as output."""
    return max(0, row.total_tokens - _sum(row))


def _with_rest(models: list[ModelUsage], owners: list[ModelUsage], tokens: int, cost: Decimal) -> list[ModelUsage]:
    """Add output tokens and a cost that ccusage gives for several models, the `owners`, together.

    They are added to the only owner, or become a part of their own that is named after all owners.
    """
    if not owners or not (tokens or cost):
        return models
    if len(owners) > 1:
        name = " + ".join(sorted(owner.model for owner in owners))
        return [*models, ModelUsage(name, 0, tokens, 0, 0, cost, unpriced=False)]
    owner = owners[0]
    whole = owner._replace(output_tokens=owner.output_tokens + tokens, cost_usd=owner.cost_usd + cost)
    return [whole if model is owner else model for model in models]
