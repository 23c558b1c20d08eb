"""Documents that ccusage printed, and what cannot be true about documents that it might print."""

from __future__ import annotations

import json
import os
import re
from copy import deepcopy
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccusage_import.ccusage.models import (
    BlocksDocument,
    CodexDailyDocument,
    CodexMonthlyDocument,
    CodexSessionDocument,
    DailyDocument,
    MonthlyDocument,
    ProjectsDocument,
    ReportDocument,
    SessionDocument,
)
from ccusage_import.ccusage.parser import Origin, parse_report
from ccusage_import.ccusage.validation import validate_report
from ccusage_import.exceptions import InvalidReportError, NotAReportError
from ccusage_import.names.pseudonyms import Pseudonyms
from ccusage_import.records import Provenance

RECORDED = Path(__file__).parent.parent / "recorded"

# File, report, rows, and the tokens and dollars that the document itself gives as its totals.
DOCUMENTS: list[tuple[str, str, int, int | None, float | None]] = [
    ("18.0.11/daily.json", "daily", 19, 822295399362, 700935.2598055389),
    ("18.0.11/monthly.json", "monthly", 10, 822295399362, 700935.259805539),
    ("18.0.11/session.json", "session", 10, 822295399362, 700935.2598055389),
    ("18.0.11/daily-instances.json", "projects", 9, 822295399362, 700935.2598055389),
    ("18.0.11/blocks.json", "blocks", 36, None, None),
    ("18.0.11/blocks-active.json", "blocks", 1, None, None),
    ("19.0.3/claude-daily.json", "daily", 19, 822295399750, 700935.2896855389),
    ("19.0.3/claude-monthly.json", "monthly", 10, 822295399750, 700935.289685539),
    ("19.0.3/claude-session.json", "session", 13, 822295399750, 700935.289685539),
    ("19.0.3/claude-daily-instances.json", "projects", 9, 822295399750, 700935.2896855389),
    ("19.0.3/claude-blocks.json", "blocks", 36, None, None),
    ("19.0.3/claude-blocks-active.json", "blocks", 1, None, None),
    ("19.0.3/daily.json", "daily", 19, 822295399750, 700935.2896855389),
    ("19.0.3/monthly.json", "monthly", 10, 822295399750, 700935.289685539),
    ("19.0.3/session.json", "session", 13, 822295399750, 700935.2896855389),
    ("19.0.3/blocks.json", "blocks", 36, None, None),
    ("19.0.3/agents-all-daily-by-agent.json", "daily", 4, 6785, 0.03655625),
    ("20.0.24/claude-daily.json", "daily", 19, 822295309661, 700935.1048555389),
    ("20.0.24/claude-monthly.json", "monthly", 10, 822295402250, 700935.310310539),
    ("20.0.24/claude-session.json", "session", 12, 822295402250, 700935.310310539),
    ("20.0.24/claude-daily-instances.json", "projects", 9, 822295309661, 700935.1048555389),
    ("20.0.24/claude-blocks.json", "blocks", 36, None, None),
    ("20.0.24/claude-blocks-active.json", "blocks", 1, None, None),
    ("20.0.24/daily.json", "daily", 18, 822295309661, 700935.1048555389),
    ("20.0.24/monthly.json", "monthly", 10, 822295309661, 700935.104855539),
    ("20.0.24/session.json", "session", 12, 822295402250, 700935.310310539),
    ("20.0.24/blocks.json", "blocks", 36, None, None),
    ("20.0.24/agents-all-daily-by-agent.json", "daily", 4, 23068, 0.05236255),
    ("20.0.24/agents-all-daily.json", "daily", 4, 23068, 0.05236255),
    ("20.0.24/agents-all-monthly.json", "monthly", 1, 23068, 0.05236255),
    ("20.0.24/agents-all-session.json", "session", 6, 23068, 0.05236255),
    ("19.0.3/agents-codex-daily.json", "codex daily", 3, 4695, 0.010893749999999999),
    ("19.0.3/agents-codex-monthly.json", "codex monthly", 1, 4695, 0.010893749999999999),
    ("19.0.3/agents-codex-session.json", "codex session", 2, 4695, 0.010893749999999999),
    ("19.0.3/agents-opencode-daily.json", "opencode daily", 2, 1680, 0.02),
    ("19.0.3/agents-opencode-monthly.json", "opencode monthly", 1, 1680, 0.02),
    ("19.0.3/agents-opencode-session.json", "opencode session", 2, 1680, 0.02),
    ("20.0.24/agents-codex-daily.json", "codex daily", 3, 4695, 0.010893749999999999),
    ("20.0.24/agents-codex-monthly.json", "codex monthly", 1, 4695, 0.010893749999999999),
    ("20.0.24/agents-codex-session.json", "codex session", 2, 4695, 0.010893749999999999),
    ("20.0.24/agents-gemini-daily.json", "gemini daily", 1, 16276, 0.0053063),
    ("20.0.24/agents-gemini-monthly.json", "gemini monthly", 1, 16276, 0.0053063),
    ("20.0.24/agents-gemini-session.json", "gemini session", 1, 16276, 0.0053063),
    ("20.0.24/agents-opencode-daily.json", "opencode daily", 2, 1687, 0.0305),
    ("20.0.24/agents-opencode-monthly.json", "opencode monthly", 1, 1687, 0.0305),
    ("20.0.24/agents-opencode-session.json", "opencode session", 2, 1687, 0.0305),
]

# A report without rows: None where it has a form of its own.
EMPTY = [
    ("18.0.11/empty-daily.json", "daily", True),
    ("18.0.11/empty-session.json", "session", True),
    ("18.0.11/empty-daily-instances.json", "projects", True),
    ("18.0.11/empty-monthly.json", "monthly", False),
    ("18.0.11/empty-blocks.json", "blocks", False),
    ("18.0.11/blocks-active-none.json", "blocks", False),
    ("18.0.11/error-bad-timezone.stdout", "daily", True),
    ("19.0.3/claude-empty-daily.json", "daily", True),
    ("19.0.3/claude-empty-session.json", "session", True),
    ("19.0.3/claude-empty-daily-instances.json", "projects", True),
    ("19.0.3/claude-empty-monthly.json", "monthly", False),
    ("19.0.3/claude-empty-blocks.json", "blocks", False),
    ("19.0.3/claude-blocks-active-none.json", "blocks", False),
    ("19.0.3/empty-daily.json", "daily", False),
    ("19.0.3/empty-session.json", "session", False),
    ("19.0.3/empty-monthly.json", "monthly", False),
    ("19.0.3/empty-blocks.json", "blocks", False),
    ("19.0.3/empty-daily-instances.json", "projects", True),
    ("20.0.24/claude-empty-daily.json", "daily", False),
    ("20.0.24/claude-empty-session.json", "session", False),
    ("20.0.24/claude-empty-monthly.json", "monthly", False),
    ("20.0.24/claude-empty-blocks.json", "blocks", False),
    ("20.0.24/claude-empty-daily-instances.json", "projects", True),
    ("20.0.24/claude-blocks-active-none.json", "blocks", False),
    ("20.0.24/empty-daily.json", "daily", False),
    ("20.0.24/empty-session.json", "session", False),
    ("20.0.24/empty-monthly.json", "monthly", False),
    ("20.0.24/empty-blocks.json", "blocks", False),
    ("19.0.3/agents-amp-empty-daily.json", "amp daily", False),
    ("19.0.3/agents-codex-empty-daily.json", "codex daily", False),
    ("20.0.24/agents-amp-empty-daily.json", "amp daily", False),
    ("20.0.24/agents-codex-empty-daily.json", "codex daily", False),
]

# What ccusage printed in place of the report that was asked for, and how the refusal begins.
OTHER_SHAPES = [
    ("18.0.11/weekly.json", "daily", "daily: expected 'daily', ccusage printed totals, weekly"),
    ("18.0.11/weekly.json", "monthly", "monthly: expected 'monthly', ccusage printed totals, weekly"),
    ("18.0.11/daily.json", "monthly", "monthly: expected 'monthly', ccusage printed daily, totals"),
    ("18.0.11/daily.json", "projects", "projects: expected 'projects', ccusage printed daily, totals"),
    ("19.0.3/daily-instances.json", "projects", "projects: expected 'projects', ccusage printed daily, totals"),
    (
        "19.0.3/error-instances-on-wrong-level.stdout",
        "projects",
        "projects: expected 'projects', ccusage printed daily, totals",
    ),
    ("18.0.11/session.json", "blocks", "blocks: expected 'blocks', ccusage printed sessions, totals"),
    ("18.0.11/daily-instances.json", "daily", "daily: expected 'daily', ccusage printed projects, totals"),
    (
        "18.0.11/session-id.json",
        "session",
        "session: expected 'sessions' or 'session', ccusage printed entries, sessionId, totalCost, totalTokens",
    ),
    (
        "20.0.24/claude-session-id.json",
        "session",
        "session: expected 'sessions' or 'session', ccusage printed entries, sessionId, totalCost, totalTokens",
    ),
    (
        "20.0.24/agents-codex-daily.json",
        "codex monthly",
        "codex monthly: expected 'monthly', ccusage printed daily, totals",
    ),
    ("18.0.11/session-id-unknown.json", "session", "session: ccusage did not print one JSON report: "),
    ("20.0.24/session-id-unknown.json", "session", "session: ccusage did not print one JSON report: "),
    ("18.0.11/error-bad-mode.stdout", "daily", "daily: ccusage did not print one JSON report: "),
    ("18.0.11/error-bad-since.stdout", "session", "session: ccusage did not print one JSON report: "),
    ("18.0.11/error-debug-json.stdout", "daily", "daily: ccusage did not print one JSON report: "),
    ("18.0.11/error-loglevel5-json.stdout", "daily", "daily: ccusage did not print one JSON report: "),
    ("18.0.11/error-project-dash-separate-arg.stdout", "daily", "daily: ccusage did not print one JSON report: "),
    ("18.0.11/error-version.stdout", "blocks", "blocks: ccusage did not print one JSON report: "),
    ("19.0.3/error-bad-mode.stdout", "monthly", "monthly: ccusage did not print one JSON report: "),
    ("19.0.3/error-version.stdout", "daily", "daily: ccusage did not print one JSON report: "),
    ("20.0.24/error-version.stdout", "daily", "daily: ccusage did not print one JSON report: "),
]

TOKENS: dict[str, Any] = {"inputTokens": 10, "outputTokens": 2, "cacheCreationTokens": 300, "cacheReadTokens": 4000}
DAY: dict[str, Any] = {"date": "2026-05-13", **TOKENS, "totalTokens": 4312, "totalCost": 0.5}
MONTH: dict[str, Any] = {"month": "2026-05", **TOKENS, "totalTokens": 4312, "totalCost": 0.5}
SESSION: dict[str, Any] = {
    "sessionId": "s-1",
    "projectPath": "-home-ana-shop",
    "lastActivity": "2026-05-13T09:30:00.000Z",
    **TOKENS,
    "totalTokens": 4312,
    "totalCost": 0.5,
}
BLOCK: dict[str, Any] = {
    "id": "2026-05-13T09:00:00.000Z",
    "startTime": "2026-05-13T09:00:00.000Z",
    "endTime": "2026-05-13T14:00:00.000Z",
    "actualEndTime": "2026-05-13T09:30:00.000Z",
    "isActive": False,
    "isGap": False,
    "entries": 2,
    "tokenCounts": {
        "inputTokens": 10,
        "outputTokens": 2,
        "cacheCreationInputTokens": 300,
        "cacheReadInputTokens": 4000,
    },
    "totalTokens": 4312,
    "costUSD": 0.5,
    "models": ["claude-sonnet-4-20250514"],
    "burnRate": None,
    "projection": None,
}
BREAKDOWN: dict[str, Any] = {"modelName": "claude-sonnet-4-20250514", **TOKENS, "cost": 0.5}


def recorded(file: str) -> bytes:
    return (RECORDED / file).read_bytes()


def document_of(report: str, output: bytes) -> ReportDocument | None:
    """What is read of an output in which nothing is odd."""
    validated = validate_report(report, output)
    assert (validated.refused, validated.warnings) == ((), ())
    return validated.document


def daily(**changes: Any) -> DailyDocument:
    document = document_of("daily", json.dumps({"daily": [{**DAY, **changes}]}).encode())
    assert isinstance(document, DailyDocument)
    return document


def refusal(report: str, document: Any) -> tuple[str, ...]:
    """The lines that say what cannot be true, of all rows or some; bytes are taken as they are."""
    output = document if isinstance(document, bytes) else json.dumps(document).encode()
    try:
        validated = validate_report(report, output)
    except InvalidReportError as error:
        return error.details
    assert validated.refused
    return tuple(line for row in validated.refused for line in row.lines)


def without(row: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != key}


# --- what ccusage printed ----------------------------------------------------------------------


@pytest.mark.parametrize(("file", "report", "rows", "tokens", "cost"), DOCUMENTS)
def test_recorded_document_is_accepted(
    file: str, report: str, rows: int, tokens: int | None, cost: float | None
) -> None:
    document = document_of(report, recorded(file))
    assert document is not None
    assert len(document.rows) == rows
    if tokens is None:
        assert document.totals is None
    else:
        assert document.totals is not None
        assert (document.totals.total_tokens, document.totals.cost) == (tokens, cost)


def test_every_recorded_report_is_in_the_table() -> None:
    named = {row[0] for row in (*DOCUMENTS, *EMPTY, *OTHER_SHAPES)} | {"20.0.24/claude-daily-no-cost.json"}
    assert {str(file.relative_to(RECORDED)) for file in RECORDED.glob("*/*.*")} == named


@pytest.mark.parametrize(("file", "report", "has_own_form"), EMPTY)
def test_empty_report_is_a_fact(file: str, report: str, has_own_form: bool) -> None:  # noqa: FBT001
    document = document_of(report, recorded(file))
    if has_own_form:
        assert document is None
    else:
        assert document is not None
        assert len(document.rows) == 0


@pytest.mark.parametrize("report", ["daily", "session", "projects"])
def test_bare_array_may_stand_in_white_space(report: str) -> None:
    assert document_of(report, b" [] \n") is None


@pytest.mark.parametrize("report", ["monthly", "blocks"])
def test_bare_array_is_no_empty_month_or_block(report: str) -> None:
    with pytest.raises(NotAReportError, match=f"^{report}: ccusage did not print one JSON report: "):
        validate_report(report, b"[]")


@pytest.mark.parametrize(("file", "report", "message"), OTHER_SHAPES)
def test_other_shape_is_refused(file: str, report: str, message: str) -> None:
    with pytest.raises(NotAReportError) as caught:
        validate_report(report, recorded(file))
    assert str(caught.value).startswith(message)
    assert int(caught.value.exit_code) == 3
    assert caught.value.hint


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"\n",
        b"null",
        b"[1]",
        b'"daily"',
        b"0",
        b'{"daily":[]}{"daily":[]}',
        b'{"daily":[]}\n{"daily":[]}\n',
        b'{"daily":[]',
        b'\xef\xbb\xbf{"daily":[]}',
        b'{"daily":[],"x":"\xff"}',
        b'{"daily":[],"x":"\\ud800"}',
        b"[" * 100_000,
        b'{"x":' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_not_one_json_object_is_refused(output: bytes) -> None:
    with pytest.raises(NotAReportError, match=r"^daily: ccusage did not print one JSON report: "):
        validate_report("daily", output)


def test_an_empty_object_is_no_report() -> None:
    with pytest.raises(NotAReportError, match=r"^daily: expected 'daily', ccusage printed an empty object$"):
        validate_report("daily", b"{}")


def test_projects_from_a_ccusage_without_them_say_what_to_use() -> None:
    with pytest.raises(NotAReportError) as caught:
        validate_report("projects", recorded("19.0.3/daily-instances.json"))
    assert caught.value.hint == (
        "this ccusage has no projects: use 15.5 or newer, and 19 or newer under its claude command"
    )


def test_costs_left_out_are_missed_in_every_place() -> None:
    errors = refusal("daily", recorded("20.0.24/claude-daily-no-cost.json"))
    assert {error.partition(": ")[2] for error in errors} == {"Field required"}
    paths = {error.partition(": ")[0] for error in errors}
    assert {"daily.0.totalCost", "daily.0.modelBreakdowns.0.cost", "daily.18.totalCost"} <= paths


# --- both naming families ------------------------------------------------------------------------


def test_a_day_reads_the_same_in_both_families() -> None:
    named = {**without(DAY, "date"), "period": "2026-05-13", "agent": "claude"}
    one = document_of("daily", json.dumps({"daily": [DAY]}).encode())
    assert one == document_of("daily", json.dumps({"daily": [named]}).encode())
    assert one is not None
    assert one.rows[0].day == date(2026, 5, 13)  # type: ignore[union-attr,index]


def test_a_month_reads_the_same_in_both_families() -> None:
    named = {**without(MONTH, "month"), "period": "2026-05"}
    one = document_of("monthly", json.dumps({"monthly": [MONTH]}).encode())
    other = document_of("monthly", json.dumps({"monthly": [named]}).encode())
    assert isinstance(one, MonthlyDocument)
    assert one == other
    assert one.rows[0].month == "2026-05"


def test_a_session_reads_the_same_in_both_families() -> None:
    named = {**without(SESSION, "sessionId"), "period": "s-1"}
    one = document_of("session", json.dumps({"sessions": [SESSION]}).encode())
    other = document_of("session", json.dumps({"session": [named]}).encode())
    assert isinstance(one, SessionDocument)
    assert one == other
    row = one.rows[0]
    assert (row.session_id, row.project) == ("s-1", "-home-ana-shop")
    assert row.last_activity == datetime(2026, 5, 13, 9, 30, tzinfo=UTC)


def test_the_four_classes_are_not_confused() -> None:
    row = daily().rows[0]
    assert (row.input_tokens, row.output_tokens, row.cache_creation_tokens, row.cache_read_tokens) == (10, 2, 300, 4000)
    blocks = document_of("blocks", json.dumps({"blocks": [BLOCK]}).encode())
    assert isinstance(blocks, BlocksDocument)
    tokens = blocks.rows[0].tokens
    assert (tokens.input_tokens, tokens.output_tokens) == (10, 2)
    assert (tokens.cache_creation_tokens, tokens.cache_read_tokens) == (300, 4000)


@pytest.mark.parametrize(
    ("claude", "all_agents"),
    [("19.0.3/claude-daily.json", "19.0.3/daily.json"), ("19.0.3/claude-monthly.json", "19.0.3/monthly.json")],
)
def test_recorded_families_hold_the_same_usage(claude: str, all_agents: str) -> None:
    report = "monthly" if "monthly" in claude else "daily"
    left, right = document_of(report, recorded(claude)), document_of(report, recorded(all_agents))
    assert isinstance(left, DailyDocument | MonthlyDocument)
    assert isinstance(right, DailyDocument | MonthlyDocument)
    assert [row.total_tokens for row in left.rows] == [row.total_tokens for row in right.rows]
    assert [row.output_tokens for row in left.rows] == [row.output_tokens for row in right.rows]
    assert [row.agent for row in right.rows] == ["all"] * len(left.rows)


# --- what is accepted ----------------------------------------------------------------------------


def test_unknown_keys_are_ignored() -> None:
    row = {**DAY, "credits": {"used": [1, None]}, "modelBreakdowns": [{**BREAKDOWN, "speed": "fast"}]}
    document = document_of("daily", json.dumps({"daily": [row], "news": "text"}).encode())
    known = document_of("daily", json.dumps({"daily": [{**DAY, "modelBreakdowns": [BREAKDOWN]}]}).encode())
    assert document == known


@pytest.mark.parametrize(
    ("printed", "cost"),
    [
        ("0", 0.0),
        ("1", 1.0),
        ("-0.0", 0.0),
        ("1e-9", 0.000000001),
        ("0.00045000000000000004", 0.00045000000000000004),
        ("1E3", 1000.0),
        ("999999999", 999999999.0),
        ("null", None),
    ],
)
def test_costs_as_ccusage_prints_them(printed: str, cost: float | None) -> None:
    output = json.dumps({"daily": [DAY]}).replace("0.5", printed).encode()
    document = document_of("daily", output)
    assert isinstance(document, DailyDocument)
    assert document.rows[0].cost == cost


@pytest.mark.parametrize("count", [0, 9007199254740993, 18446744073709551615])
def test_counts_are_exact_up_to_64_bits(count: int) -> None:
    assert daily(inputTokens=count).rows[0].input_tokens == count


def test_missing_arrays_are_empty() -> None:
    row = daily().rows[0]
    assert not any((row.models_used, row.breakdowns, row.agents))


def test_null_totals_of_an_empty_agent_are_accepted() -> None:
    document = document_of("daily", b'{"daily":[],"totals":null}')
    assert document is not None
    assert document.totals is None


def test_a_block_of_any_version_is_accepted() -> None:
    active = document_of("blocks", recorded("20.0.24/claude-blocks-active.json"))
    assert isinstance(active, BlocksDocument)
    row = active.rows[0]
    assert row.is_active
    assert row.burn_rate is not None
    assert (row.burn_rate.tokens_per_minute, row.burn_rate.cost_per_hour) == (331.0, 0.06615)
    assert row.projection is not None
    assert (row.projection.total_tokens, row.projection.cost, row.projection.remaining_minutes) == (93011, 0.31, 261)


def test_burn_rate_of_a_block_without_cost_is_accepted() -> None:
    block = {**BLOCK, "costUSD": None, "burnRate": {"tokensPerMinute": 12.5, "costPerHour": None}}
    assert document_of("blocks", json.dumps({"blocks": [block]}).encode()) is not None


def test_project_names_of_any_kind_are_keys() -> None:
    names = ["", "__proto__", "constructor", "12345", "über-项目", "quo\"te's & co", "a/b"]
    document = document_of("projects", json.dumps({"projects": {name: [DAY] for name in names}}).encode())
    assert isinstance(document, ProjectsDocument)
    assert list(document.rows) == names


# --- what is refused -----------------------------------------------------------------------------

NOT_A_COUNT = "Input should be a valid integer"
NOT_A_DATE = "Input should be a day such as 2026-10-01"


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("inputTokens", -1, "Input should be greater than or equal to 0"),
        ("cacheReadTokens", -1, "Input should be greater than or equal to 0"),
        ("inputTokens", 18446744073709551616, "Input should be less than or equal to 18446744073709551615"),
        ("outputTokens", 110.5, NOT_A_COUNT),
        ("outputTokens", 100.0, NOT_A_COUNT),
        ("outputTokens", "100", NOT_A_COUNT),
        ("outputTokens", None, NOT_A_COUNT),
        ("totalTokens", True, NOT_A_COUNT),
        ("totalCost", "0.5", "Input should be a valid number"),
        ("totalCost", False, "Input should be a valid number"),
        ("totalCost", -0.5, "Input should be greater than or equal to "),
        ("totalCost", 1e22, "Input should be less than or equal to 999999999"),
        ("totalCost", float("nan"), "Input should be a finite number"),
        ("totalCost", float("inf"), "Input should be a finite number"),
        ("date", "NaN-NaN-NaN", NOT_A_DATE),
        ("date", "2026-02-30", "Input should be a valid date"),
        ("date", "2026-5-13", NOT_A_DATE),
        ("date", "May 13, 2026", NOT_A_DATE),
        ("date", "2026-05-13T00:00:00Z", NOT_A_DATE),
        ("date", "", NOT_A_DATE),
        ("date", 20260513, NOT_A_DATE),
        ("date", None, NOT_A_DATE),
        ("date", "1969-12-31", "Input should lie between 1970-01-02 and 2149-06-05"),
        ("date", "2200-01-01", "Input should lie between 1970-01-02 and 2149-06-05"),
        ("modelsUsed", None, "Input should be a valid array"),
        ("modelsUsed", {}, "Input should be a valid array"),
        ("modelBreakdowns", "x", "Input should be a valid array"),
        ("agent", "", "String should have at least 1 character"),
        ("agent", 5, "Input should be a valid string"),
    ],
)
def test_a_day_that_cannot_be_true_is_refused(key: str, value: object, reason: str) -> None:
    (error,) = refusal("daily", {"daily": [DAY, {**DAY, "date": "2026-05-14", key: value}]})
    assert error.startswith(f"daily.1.{key}: {reason}")


@pytest.mark.parametrize(
    ("report", "row"),
    [
        ("daily", {**DAY, "date": "1778630400"}),
        ("session", {**SESSION, "lastActivity": "1778630401"}),
        ("blocks", {**BLOCK, "startTime": "1778630401"}),
    ],
)
def test_a_number_in_quotes_is_no_date(report: str, row: dict[str, Any]) -> None:
    refusal(report, {"sessions" if report == "session" else report: [row]})


@pytest.mark.parametrize("month", ["NaN-NaN", "2026-13", "2026-00", "2026-5", "2026-05-01", "1969-12", "", "2026-05\n"])
def test_a_month_that_is_none_is_refused(month: str) -> None:
    (error,) = refusal("monthly", {"monthly": [{**MONTH, "month": month}]})
    assert error.startswith("monthly.0.month: String should match pattern")


@pytest.mark.parametrize("key", sorted(DAY))
def test_a_key_missing_from_a_day_is_named(key: str) -> None:
    assert refusal("daily", {"daily": [without(DAY, key)]}) == (f"daily.0.{key}: Field required",)


@pytest.mark.parametrize(
    "key", ["startTime", "endTime", "isActive", "entries", "tokenCounts", "totalTokens", "costUSD"]
)
def test_a_key_missing_from_a_block_is_named(key: str) -> None:
    assert refusal("blocks", {"blocks": [without(BLOCK, key)]}) == (f"blocks.0.{key}: Field required",)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"tokenCounts": {**BLOCK["tokenCounts"], "cacheReadInputTokens": -1}}, "tokenCounts.cacheReadInputTokens"),
        ({"startTime": "2026-05-13"}, "startTime"),
        ({"startTime": "2026-05-13T09:00:00"}, "startTime"),
        ({"endTime": 1778630401}, "endTime"),
        ({"isGap": 1.5}, "isGap"),
        ({"models": [None]}, "models.0"),
        ({"burnRate": {"tokensPerMinute": -1, "costPerHour": 0}}, "burnRate.tokensPerMinute"),
        ({"projection": {"totalTokens": 1, "totalCost": 0, "remainingMinutes": -1}}, "projection.remainingMinutes"),
    ],
)
def test_a_block_that_cannot_be_true_is_refused(changes: dict[str, Any], path: str) -> None:
    (error,) = refusal("blocks", {"blocks": [{**BLOCK, **changes}]})
    assert error.startswith(f"blocks.0.{path}: ")


def test_a_session_that_cannot_be_true_is_refused() -> None:
    errors = refusal("session", {"sessions": [{**SESSION, "sessionId": "", "firstActivity": "2026-05-13"}]})
    assert [error.partition(":")[0] for error in errors] == ["sessions.0.sessionId", "sessions.0.firstActivity"]


def test_the_path_is_in_the_words_of_the_document() -> None:
    named = {**without(SESSION, "sessionId"), "period": 5}
    (error,) = refusal("session", {"session": [named]})
    assert error == "session.0.period: Input should be a valid string"


def test_a_project_is_in_the_path() -> None:
    (error,) = refusal("projects", {"projects": {"shop": [DAY, {**DAY, "inputTokens": -1}]}})
    assert error == "projects.shop.1.inputTokens: Input should be greater than or equal to 0"


def test_everything_that_cannot_be_true_is_said_at_once() -> None:
    rows = [{**DAY, "date": "NaN-NaN-NaN", "inputTokens": -1}, {**DAY, "modelBreakdowns": [{**BREAKDOWN, "cost": "1"}]}]
    errors = refusal("daily", {"daily": rows, "totals": {}})
    assert sorted(error.partition(":")[0] for error in errors) == [
        "daily.0.date",
        "daily.0.inputTokens",
        "daily.1.modelBreakdowns.0.cost",
    ]


def test_the_refusal_counts_its_values() -> None:
    with pytest.raises(InvalidReportError, match="^daily: 2 values cannot be true$"):
        daily(inputTokens=-1, outputTokens=-1)
    with pytest.raises(InvalidReportError, match="^daily: 1 value cannot be true$"):
        daily(inputTokens=-1)


# --- what codex prints in its own way --------------------------------------------------------------

CODEX_MODEL: dict[str, Any] = {
    "inputTokens": 750,
    "cacheReadTokens": 250,
    "cacheCreationTokens": 0,
    "outputTokens": 125,
    "reasoningOutputTokens": 75,
    "totalTokens": 1125,
}
CODEX_DAY: dict[str, Any] = {
    **CODEX_MODEL,
    "date": "2026-05-13",
    "costUSD": 0.00310625,
    "models": {"gpt-5.2-codex": {**CODEX_MODEL, "isFallback": False}},
}


def of_19(row: dict[str, Any]) -> dict[str, Any]:
    """A row or model as ccusage 19 prints it: what came from the cache is inside the input."""
    kept = {name: value for name, value in row.items() if not name.startswith("cache")}
    return {**kept, "inputTokens": 1000, "cachedInputTokens": 250}


def counts(usage: Any) -> tuple[int, ...]:
    classes = usage.input_tokens, usage.output_tokens, usage.cache_creation_tokens, usage.cache_read_tokens
    return (*classes, usage.total_tokens)


@pytest.mark.parametrize("report", ["daily", "monthly", "session"])
def test_codex_reads_the_same_in_19_and_20(report: str) -> None:
    rows = []
    for version in ("19.0.3", "20.0.24"):
        document = document_of(f"codex {report}", recorded(f"{version}/agents-codex-{report}.json"))
        assert isinstance(document, CodexDailyDocument | CodexMonthlyDocument | CodexSessionDocument)
        rows.append([(*counts(row), row.cost, {name: counts(part) for name, part in row.models.items()})
                     for row in document.rows])  # fmt: skip
    assert rows[0] == rows[1]


def test_the_input_of_codex_loses_what_came_from_the_cache() -> None:
    old = {**of_19(CODEX_DAY), "models": {"gpt-5.2-codex": of_19(CODEX_MODEL)}}
    document = document_of("codex daily", json.dumps({"daily": [old]}).encode())
    assert isinstance(document, CodexDailyDocument)
    (row,) = document.rows
    assert (row.input_tokens, row.cache_read_tokens, row.cache_creation_tokens, row.output_tokens) == (750, 250, 0, 125)
    model = row.models["gpt-5.2-codex"]
    assert (model.input_tokens, model.cache_read_tokens, model.total_tokens) == (750, 250, 1125)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"cachedInputTokens": 1001, "inputTokens": 1000}, "daily.0: cachedInputTokens should be at most inputTokens"),
        ({"cachedInputTokens": -1}, "daily.0.cacheReadTokens: Input should be greater than or equal to 0"),
        ({"cachedInputTokens": "9"}, "daily.0.cacheReadTokens: Input should be a valid integer"),
        ({"inputTokens": None, "cachedInputTokens": 9}, "daily.0.inputTokens: Input should be a valid integer"),
        ({"models": {"": CODEX_MODEL}}, "daily.0.models..[key]: String should have at least 1 character"),
        (
            {"models": {"gpt-5": {**CODEX_MODEL, "outputTokens": -1}}},
            "daily.0.models.gpt-5.outputTokens: Input should be greater than or equal to 0",
        ),
        ({"date": "May 13, 2026"}, "daily.0.date: Input should be a day such as 2026-10-01"),
    ],
)
def test_what_cannot_be_true_of_codex_is_refused(change: dict[str, Any], line: str) -> None:
    assert refusal("codex daily", {"daily": [{**CODEX_DAY, **change}]}) == (line,)


def test_a_row_of_codex_without_models_is_refused() -> None:
    assert refusal("codex daily", {"daily": [without(CODEX_DAY, "models")]}) == ("daily.0.models: Field required",)


# --- damage --------------------------------------------------------------------------------------

EXAMPLES = int(os.environ.get("CCUSAGE_IMPORT_TEST_FUZZ_EXAMPLES", "500"))
# The same examples in every run, and nothing kept on disk; more of them by the environment variable.
REPEATABLE = settings(settings.get_profile("ci"), max_examples=EXAMPLES)
ORIGIN = Origin("studio", Provenance("20.0.24", "Europe/Berlin", "auto", ()), (20, 0, 24))
DAMAGED = [(row[0], row[1]) for row in DOCUMENTS] + [(row[0], row[1]) for row in EMPTY]
ODD_VALUES: list[Any] = [
    -1, 0, 1.0, 110.5, -0.0, 1e-9, 1e22, 1e308, 2**53 + 1, 2**64 - 1, 2**64, 10**30, "", "0", "1778630400", "all",
    "NaN-NaN-NaN", "2026-02-30", "0001-01-01", "9999-12-31", "2026-05-13", "2026-05", "2026-13",
    "1970-01-01T00:00:00Z", "2026-05-13T24:00:00Z", "2026-05-13T09:00:00", "2149-06-05T23:59:59.999999999-23:59",
    None, True, [], {}, float("nan"), float("-inf"), {"agents": []}, {"agents": ["codex"]}, [None], [[]],
]  # fmt: skip
ANY_JSON = st.sampled_from(ODD_VALUES) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
Path_ = tuple[str | int, ...]


def paths_in(value: Any, path: Path_ = ()) -> list[Path_]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, child in children for found in paths_in(child, (*path, key)))]


@cache
def paths_of(file: str) -> list[Path_]:
    """Where a recorded document can be changed."""
    return paths_in(json.loads(recorded(file)))[1:]


def changed(document: Any, path: Path_, value: Any, *, is_dropped: bool) -> None:
    """Drop or replace what is at `path`; an earlier change may have taken the path away."""
    holder = document
    try:
        for key in path[:-1]:
            holder = holder[key]
        if is_dropped:
            del holder[path[-1]]
        else:
            holder[path[-1]] = value
    except (KeyError, IndexError, TypeError):
        return


def assert_accepted_or_refused(report: str, output: bytes) -> None:
    refused: NotAReportError | InvalidReportError | None = None
    try:
        validated = validate_report(report, output)
        parse_report(report, validated, ORIGIN, Pseudonyms("salt", is_enabled=True))
    except (NotAReportError, InvalidReportError) as error:
        refused = error
    if refused is None:
        return
    assert str(refused).startswith(f"{report}: ")
    assert refused.hint
    assert all(re.match(r"[^:]+.*: \S", line, re.DOTALL) for line in refused.details)
    assert bool(refused.details) == isinstance(refused, InvalidReportError)


@REPEATABLE
@given(data=st.data())
@pytest.mark.exhaustive
def test_a_changed_document_is_accepted_or_refused(data: st.DataObject) -> None:
    file, report = data.draw(st.sampled_from([pair for pair in DAMAGED if len(recorded(pair[0])) > 5]))
    document = json.loads(recorded(file))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(paths_of(file)))
        # A copy: the strategy hands out the same objects again.
        changed(document, path, deepcopy(data.draw(ANY_JSON)), is_dropped=data.draw(st.booleans()))
    assert_accepted_or_refused(report, json.dumps(document).encode())


@REPEATABLE
@given(data=st.data())
def test_a_damaged_document_is_accepted_or_refused(data: st.DataObject) -> None:
    file, report = data.draw(st.sampled_from(DAMAGED))
    output = bytearray(recorded(file))
    begin = data.draw(st.integers(0, len(output)))
    length = data.draw(st.sampled_from([0, 1, 2, len(output)]))
    output[begin : begin + length] = data.draw(st.binary(max_size=3))
    assert_accepted_or_refused(report, bytes(output))


@REPEATABLE
@given(
    report=st.sampled_from(
        ["daily", "monthly", "session", "blocks", "projects", "codex daily", "codex monthly", "codex session"]
    ),
    value=ANY_JSON,
)
def test_any_json_is_accepted_or_refused(report: str, value: Any) -> None:
    assert_accepted_or_refused(report, json.dumps(value).encode())
