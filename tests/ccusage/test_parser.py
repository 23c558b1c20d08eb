"""Validated reports become records: keys, money, days, pseudonyms, and what is odd about the numbers."""

from __future__ import annotations

import json
import stat
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccusage_import.ccusage.keys import joined_key
from ccusage_import.ccusage.parser import Origin, ParsedReport, money, parse_report
from ccusage_import.ccusage.validation import validate_report
from ccusage_import.config.kept.names import keep_names, read_names
from ccusage_import.days import utc_instant
from ccusage_import.exceptions import ConfigurationError, InvalidReportError
from ccusage_import.names.pseudonyms import Pseudonyms
from ccusage_import.records import ModelUsage, Provenance, Record

RECORDED = Path(__file__).parent.parent / "recorded"
SALT = "salt-of-the-tests"
VERSIONS = {"18.0.11": (18, 0, 11), "19.0.3": (19, 0, 3), "20.0.22": (20, 0, 22), "20.0.24": (20, 0, 24)}
TOKENS: dict[str, Any] = {"inputTokens": 10, "outputTokens": 2, "cacheCreationTokens": 300, "cacheReadTokens": 4000}
USAGE: dict[str, Any] = {**TOKENS, "totalTokens": 4312, "totalCost": 0.5}
SONNET: dict[str, Any] = {"modelName": "claude-sonnet-4-20250514", **TOKENS, "cost": 0.5}
DAY: dict[str, Any] = {"date": "2026-05-13", **USAGE}
SESSION: dict[str, Any] = {
    "sessionId": "s-1",
    "projectPath": "-home-ana-shop",
    "firstActivity": "2026-05-12T22:15:00.000Z",
    "lastActivity": "2026-05-13T09:30:00.000Z",
    **USAGE,
}
BLOCK: dict[str, Any] = {
    "startTime": "2026-05-13T02:00:00.000Z",
    "endTime": "2026-05-13T07:00:00.000Z",
    "actualEndTime": "2026-05-13T02:30:00.123Z",
    "isActive": False,
    "isGap": False,
    "entries": 2,
    "tokenCounts": {"inputTokens": 10, "outputTokens": 2, "cacheCreationInputTokens": 300, "cacheReadInputTokens": 1},
    "totalTokens": 313,
    "costUSD": 0.5,
    "models": ["claude-sonnet-4-20250514", "<synthetic>"],
    "burnRate": None,
    "projection": None,
}
LIST_KEYS = {"session": "sessions", "hours": "blocks"}


def origin(version: str = "20.0.24", zone: str = "UTC", mode: str = "auto") -> Origin:
    """Saved files have no version."""
    return Origin("studio", Provenance(version, zone, mode, ("d1",)), VERSIONS.get(version))


def parsed(
    report: str, rows: Any, come_from: Origin | None = None, *, hashed: bool = False, **more: Any
) -> ParsedReport:
    output = json.dumps({LIST_KEYS.get(report, report): rows, **more}).encode()
    pseudonyms = Pseudonyms(SALT, is_enabled=hashed)
    return parse_report(report, validate_report(report, output), come_from or origin(), pseudonyms)


def record_of(report: str, row: dict[str, Any], come_from: Origin | None = None) -> Record:
    (record,) = parsed(report, [row], come_from).records
    return record


def from_file(file: str, report: str, zone: str = "UTC") -> ParsedReport:
    document = validate_report(report, (RECORDED / file).read_bytes())
    return parse_report(report, document, origin(file.partition("/")[0], zone), Pseudonyms(SALT, is_enabled=False))


def errors_of(report: str, rows: Any, come_from: Origin | None = None) -> tuple[str, ...]:
    with pytest.raises(InvalidReportError) as caught:
        parsed(report, rows, come_from)
    return caught.value.details


# --- every recorded document ----------------------------------------------------------------------

WITH_TOTALS = [
    ("18.0.11/daily.json", "daily", 19),
    ("18.0.11/monthly.json", "monthly", 10),
    ("18.0.11/session.json", "session", 10),
    ("18.0.11/daily-instances.json", "projects", 20),
    ("19.0.3/claude-daily.json", "daily", 19),
    ("19.0.3/claude-monthly.json", "monthly", 10),
    ("19.0.3/claude-session.json", "session", 13),
    ("19.0.3/claude-daily-instances.json", "projects", 20),
    ("19.0.3/daily.json", "daily", 19),
    ("19.0.3/monthly.json", "monthly", 10),
    ("20.0.24/claude-daily.json", "daily", 19),
    ("20.0.24/claude-monthly.json", "monthly", 10),
    ("20.0.24/claude-session.json", "session", 12),
    ("20.0.24/claude-daily-instances.json", "projects", 20),
    ("20.0.24/daily.json", "daily", 18),
    ("20.0.24/monthly.json", "monthly", 10),
]


def assert_equals_totals(records: list[Record], totals: dict[str, Any]) -> None:
    assert sum(record.total_tokens for record in records) == totals["totalTokens"]
    assert sum(record.input_tokens for record in records) == totals["inputTokens"]
    assert sum(record.output_tokens for record in records) == totals["outputTokens"]
    assert sum(record.cache_creation_tokens for record in records) == totals["cacheCreationTokens"]
    assert sum(record.cache_read_tokens for record in records) == totals["cacheReadTokens"]
    dollars = sum((record.cost_usd for record in records), Decimal(0))
    assert abs(dollars - Decimal(repr(totals["totalCost"]))) <= Decimal("1e-9")


@pytest.mark.parametrize(("file", "report", "count"), WITH_TOTALS)
def test_records_add_up_to_the_totals_of_the_document(file: str, report: str, count: int) -> None:
    found = from_file(file, report)
    assert len(found.records) == count
    assert_equals_totals(found.records, json.loads((RECORDED / file).read_bytes())["totals"])
    assert not any("is not the sum" in line for line in found.warnings)


@pytest.mark.parametrize(
    ("file", "tokens", "dollars"),
    [
        ("18.0.11/blocks.json", 822295399362, "700935.259805539"),
        ("19.0.3/claude-blocks.json", 822295399750, "700935.289685539"),
        ("19.0.3/blocks.json", 822295399750, "700935.289685539"),
        ("20.0.24/claude-blocks.json", 822295402250, "700935.310310539"),
        ("20.0.24/blocks.json", 822295402250, "700935.310310539"),
    ],
)
def test_blocks_add_up_without_their_gaps(file: str, tokens: int, dollars: str) -> None:
    records = from_file(file, "blocks").records
    assert len(records) == 19
    assert sum(record.total_tokens for record in records) == tokens
    assert abs(sum(record.cost_usd for record in records) - Decimal(dollars)) <= Decimal("1e-9")
    assert not any(record.key.startswith("gap") for record in records)


@pytest.mark.parametrize(
    ("file", "report"),
    [
        ("18.0.11/empty-daily.json", "daily"),
        ("18.0.11/empty-monthly.json", "monthly"),
        ("19.0.3/empty-daily-instances.json", "projects"),
        ("20.0.24/claude-empty-daily-instances.json", "projects"),
        ("20.0.24/claude-empty-session.json", "session"),
        ("20.0.24/claude-empty-blocks.json", "blocks"),
    ],
)
def test_an_empty_report_has_neither_records_nor_warnings(file: str, report: str) -> None:
    found = from_file(file, report)
    assert (found.records, found.warnings) == ([], [])


# --- keys and columns -----------------------------------------------------------------------------


def test_a_day() -> None:
    row = {**DAY, "modelsUsed": ["b", "a"], "modelBreakdowns": [SONNET, {**SONNET, "modelName": "a"}]}
    models = tuple(
        ModelUsage(name, 10, 2, 300, 4000, Decimal("0.5"), unpriced=False) for name in ("a", "claude-sonnet-4-20250514")
    )
    assert record_of("daily", row) == Record(
        "daily", "studio", "claude", "2026-05-13", date(2026, 5, 13), 10, 2, 300, 4000, 4312, Decimal("0.5"),
        unpriced=False, provenance=Provenance("20.0.24", "UTC", "auto", ("d1",)), models=models, models_used=("a", "b"),
    )  # fmt: skip


@pytest.mark.parametrize(("report", "row"), [("daily", DAY), ("session", SESSION)])
def test_what_is_no_block_has_nothing_of_one(report: str, row: dict[str, Any]) -> None:
    record = record_of(report, row)
    assert (record.is_active, record.entries, record.block_ends_at, record.projected_tokens) == (False, 0, None, None)


def test_a_month_is_filed_on_its_first_day() -> None:
    record = record_of("monthly", {"month": "2026-05", **USAGE})
    assert (record.key, record.day) == ("2026-05", date(2026, 5, 1))


def test_a_session() -> None:
    record = record_of("session", SESSION)
    assert (record.key, record.project, record.session_id) == ("-home-ana-shop/s-1", "-home-ana-shop", "s-1")
    assert record.day == date(2026, 5, 13)
    assert record.started_at == datetime(2026, 5, 12, 22, 15, tzinfo=UTC)
    assert record.ended_at == datetime(2026, 5, 13, 9, 30, tzinfo=UTC)


def test_a_session_of_ccusage_19_has_a_day_and_no_instants() -> None:
    row = {**{key: value for key, value in SESSION.items() if key != "firstActivity"}, "lastActivity": "2026-05-13"}
    record = record_of("session", row, origin("19.0.3"))
    assert (record.day, record.started_at, record.ended_at) == (date(2026, 5, 13), None, None)


def test_a_project_and_day() -> None:
    records = parsed("projects", {"shop": [DAY], "blog": [DAY, {**DAY, "date": "2026-05-14"}]}).records
    assert [(record.key, record.project, record.day.day) for record in records] == [
        ("2026-05-13/shop", "shop", 13),
        ("2026-05-13/blog", "blog", 13),
        ("2026-05-14/blog", "blog", 14),
    ]


def test_a_block() -> None:
    record = record_of("blocks", BLOCK, origin(zone="America/New_York"))
    assert record.key == "2026-05-13T02:00:00.000Z"
    assert record.day == date(2026, 5, 12)
    assert record.started_at == datetime(2026, 5, 13, 2, tzinfo=UTC)
    assert record.block_ends_at == datetime(2026, 5, 13, 7, tzinfo=UTC)
    assert record.ended_at == datetime(2026, 5, 13, 2, 30, 0, 123000, tzinfo=UTC)
    assert record[5:10] == (10, 2, 300, 1, 313)
    assert record.models_used == ("<synthetic>", "claude-sonnet-4-20250514")
    assert (record.agent, record.entries, record.is_active, record.models) == ("claude", 2, False, ())
    assert record[-7:-1] == (None, None, None, None, None, None)


def test_an_active_block() -> None:
    (record,) = from_file("20.0.24/claude-blocks-active.json", "blocks").records
    assert (record.key, record.is_active, record.entries) == ("2026-11-20T22:00:00.000Z", True, 3)
    assert (record.total_tokens, record.cost_usd) == (6620, Decimal("0.02205"))
    assert (record.tokens_per_minute, record.cost_per_hour_usd) == (331.0, 0.06615)
    assert (record.projected_tokens, record.projected_cost_usd) == (93011, Decimal("0.31"))
    assert (record.remaining_minutes, record.limit_resets_at) == (261, None)


def test_an_hour_is_a_block_of_an_hour_without_its_rates() -> None:
    rates = {"tokensPerMinute": 5.0, "costPerHour": 1.5}
    projection = {"totalTokens": 900, "totalCost": 2.5, "remainingMinutes": 30}
    shown = {
        **BLOCK, "endTime": "2026-05-13T03:00:00.000Z", "isActive": True, "burnRate": rates, "projection": projection,
        "usageLimitResetTime": "2026-05-13T06:00:00.000Z",
    }  # fmt: skip
    record = record_of("hours", shown, origin(zone="America/New_York"))
    assert (record.report, record.key, record.day) == ("hours", "2026-05-13T02:00:00.000Z", date(2026, 5, 12))
    assert (record.entries, record.total_tokens, record.cost_usd) == (2, 313, Decimal("0.5"))
    assert record.block_ends_at == datetime(2026, 5, 13, 3, tzinfo=UTC)
    assert (record.is_active, *record[-7:-1]) == (False, None, None, None, None, None, None)


def test_blocks_of_five_hours_are_no_hours() -> None:
    assert errors_of("hours", [BLOCK]) == ("blocks.0.endTime: is not an hour after startTime",)
    gap = {**BLOCK, "startTime": "2026-05-13T08:00:00.000Z", "isGap": True, "actualEndTime": None, "models": []}
    assert parsed("hours", [gap]).records == []


def test_a_limit_that_resets() -> None:
    record = record_of("blocks", {**BLOCK, "usageLimitResetTime": "2026-05-13T06:00:00.000Z"})
    assert record.limit_resets_at == datetime(2026, 5, 13, 6, tzinfo=UTC)


def test_gaps_are_not_stored() -> None:
    gap = {**BLOCK, "startTime": "2026-05-13T08:00:00.000Z", "isGap": True, "actualEndTime": None, "models": []}
    assert [record.key for record in parsed("blocks", [BLOCK, gap]).records] == ["2026-05-13T02:00:00.000Z"]


def test_a_block_after_a_gap_has_the_number_that_was_printed() -> None:
    gap = {**BLOCK, "startTime": "2026-05-12T08:00:00.000Z", "isGap": True, "actualEndTime": None, "models": []}
    refused = {**BLOCK, "startTime": "2026-05-12T20:00:00.000Z", "totalTokens": -1}

    found = parsed("blocks", [gap, refused, {**BLOCK, "totalTokens": 5000}])

    assert found.warnings == ["blocks.2.totalTokens: 5000 is not the sum of its classes, 313"]


def test_a_block_that_does_not_begin_at_an_hour_keeps_its_milliseconds() -> None:
    record = record_of("blocks", {**BLOCK, "startTime": "2026-05-13T02:03:04.056Z"})
    assert record.key == "2026-05-13T02:03:04.056Z"


NAMES = st.text(alphabet="ab/%25F", max_size=5)


@pytest.mark.parametrize(
    ("first", "second", "key"),
    [
        ("shop", "s-1", "shop/s-1"),
        ("a/b", "c", "a%2Fb/c"),
        ("a", "b/c", "a/b/c"),
        ("a%2Fb", "c", "a%252Fb/c"),
        ("100%", "c", "100%25/c"),
        ("", "s-1", "/s-1"),
        ("a", "", "a/"),
    ],
)
def test_joined_key(first: str, second: str, key: str) -> None:
    assert joined_key(first, second) == key


@settings(settings.get_profile("ci"), max_examples=500)
@given(one=st.tuples(NAMES, NAMES), other=st.tuples(NAMES, NAMES))
def test_two_pairs_of_names_never_have_one_key(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (joined_key(*one) == joined_key(*other)) == (one == other)


# --- money ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("printed", "stored"),
    [
        (0.00045000000000000004, "0.000450000"),
        (0.0, "0"),
        (-0.0, "0"),
        (-1e-10, "0"),
        (None, "0"),
        (1e-9, "0.000000001"),
        (5e-10, "0"),
        (1.5e-9, "0.000000002"),
        (2.5e-9, "0.000000002"),
        (1e-308, "0"),
        (0.30000000000000004, "0.300000000"),
        (700935.2598055389, "700935.259805539"),
        (1.0, "1"),
        (999999999.0, "999999999"),
        # Halves as they are printed, to the even one, whatever the float beneath is.
        (12.0000000005, "12.000000000"),
        (12.0000000015, "12.000000002"),
        (517.3266249315, "517.326624932"),
        (258.9487979125, "258.948797912"),
        (999.9999999995, "1000.000000000"),
        (561022.4466396125, "561022.446639612"),
        (999.99999999849, "999.999999998"),
    ],
)
def test_money_is_rounded_to_the_nanodollar(printed: float | None, stored: str) -> None:
    found = money(printed)
    assert found == Decimal(stored)
    assert not found.is_signed()


@given(
    st.integers(0, 2 * 10**12),
    st.sampled_from(["", "1", "4", "49", "499", "4999", "49999", "5", "50001", "5001", "501", "51", "6", "9"]),
)
def test_money_is_rounded_as_it_is_printed(nanodollars: int, beyond: str) -> None:
    whole, part = divmod(nanodollars, 10**9)
    printed = float(f"{whole}.{part:09}{beyond}")

    assert money(printed) == Decimal(repr(printed)).quantize(Decimal("0.000000001"))


def test_a_null_cost_is_stored_as_0() -> None:
    assert record_of("daily", {**DAY, "totalCost": None}).cost_usd == 0


# --- days and instants --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (datetime(2026, 5, 13, 9, 30, 0, 123999, UTC), datetime(2026, 5, 13, 9, 30, 0, 123000, UTC)),
        (datetime(2026, 5, 13, 9, 30, 0, 999, UTC), datetime(2026, 5, 13, 9, 30, tzinfo=UTC)),
        (
            datetime(2026, 5, 13, 1, 30, tzinfo=timezone(timedelta(hours=2))),
            datetime(2026, 5, 12, 23, 30, tzinfo=UTC),
        ),
    ],
)
def test_instants_are_utc_cut_to_milliseconds(value: datetime, stored: datetime) -> None:
    assert utc_instant(value) == stored
    assert utc_instant(value).tzinfo is UTC


# One evening in the zone, as ccusage 19 prints its day and ccusage 20 its instant.
@pytest.mark.parametrize(
    ("zone", "printed_by_20", "printed_by_19"),
    [
        ("America/New_York", "2025-06-11T00:32:00.000Z", "2025-06-10"),
        ("America/New_York", "2025-06-11T04:00:00.000Z", "2025-06-11"),
        ("America/New_York", "2025-11-02T05:30:00.000Z", "2025-11-02"),
        ("Pacific/Auckland", "2025-07-04T12:09:00.000Z", "2025-07-05"),
        ("Pacific/Auckland", "2025-09-10T11:59:59.999Z", "2025-09-10"),
        ("Pacific/Auckland", "2025-12-31T11:00:00.000Z", "2026-01-01"),
        ("UTC", "2025-06-11T00:32:00.000Z", "2025-06-11"),
    ],
)
def test_a_session_has_the_same_day_from_19_and_20(zone: str, printed_by_20: str, printed_by_19: str) -> None:
    new = record_of("session", {**SESSION, "lastActivity": printed_by_20}, origin("20.0.24", zone))
    old = record_of("session", {**SESSION, "lastActivity": printed_by_19}, origin("19.0.3", zone))
    assert new.day == old.day == date.fromisoformat(printed_by_19)


def test_the_recorded_sessions_of_19_and_20_have_the_same_days() -> None:
    old = {record.key: record.day for record in from_file("19.0.3/claude-session.json", "session").records}
    new = {record.key: record.day for record in from_file("20.0.24/claude-session.json", "session").records}
    # 20 leaves out the session without usage.
    assert old.keys() - new.keys() == {"12345/66666666-6666-4666-8666-666666666666"}
    assert {key: old[key] for key in new} == new


# --- pseudonyms ---------------------------------------------------------------------------------------

# echo -n NAME | openssl dgst -sha256 -hmac salt-of-the-tests | cut -c 1-32
PSEUDONYMS = [
    ("-home-ana-shop", "31c35b0d995bc60fab049d7627d79e7a"),
    ("s-1", "6e7e2ec31754cd6f09797096f9b421fa"),
    ("11111111-1111-4111-8111-111111111111", "05432cdadf9532ab40f487b643646705"),
    ("-home-ana-work-über-проект-项目", "9c9fe87db1af80fcf6c4428f5add18bf"),
]


@pytest.mark.parametrize(("name", "pseudonym"), PSEUDONYMS)
def test_a_pseudonym_is_128_bits_of_the_keyed_hash(name: str, pseudonym: str) -> None:
    pseudonyms = Pseudonyms(SALT, is_enabled=True)
    assert pseudonyms.of(name) == pseudonyms.of(name) == pseudonym
    assert pseudonyms.names == {pseudonym: name}


def test_another_salt_gives_another_pseudonym() -> None:
    assert Pseudonyms("another-salt", is_enabled=True).of("-home-ana-shop") == "4f2a217bd0df0c47971c6114c469b339"


def test_paths_have_pseudonyms_even_where_names_are_in_clear() -> None:
    pseudonyms = Pseudonyms(SALT, is_enabled=False)
    assert pseudonyms.of("-home-ana-shop") == "-home-ana-shop"
    assert pseudonyms.names == {}
    assert pseudonyms.always("/home/ana/.claude") == "d66b33e8b028777443f6b936aaaa051a"
    assert pseudonyms.names == {"d66b33e8b028777443f6b936aaaa051a": "/home/ana/.claude"}


def test_no_name_stays_no_name() -> None:
    assert Pseudonyms(SALT, is_enabled=True).of("") == ""


def test_sessions_and_projects_share_their_pseudonyms() -> None:
    (session,) = parsed("session", [SESSION], hashed=True).records
    (day,) = parsed("projects", {"-home-ana-shop": [DAY]}, hashed=True).records
    assert session.project == day.project == "31c35b0d995bc60fab049d7627d79e7a"
    assert session.session_id == "6e7e2ec31754cd6f09797096f9b421fa"
    assert session.key == "31c35b0d995bc60fab049d7627d79e7a/6e7e2ec31754cd6f09797096f9b421fa"
    assert day.key == "2026-05-13/31c35b0d995bc60fab049d7627d79e7a"


def test_no_name_is_left_in_hashed_records() -> None:
    row = {**SESSION, "projectPath": "-home-ana-secret", "sessionId": "agent-secret"}
    found = parsed("session", [{**row, "totalTokens": 1}], hashed=True)
    assert len(found.warnings) == 1
    assert "secret" not in repr(found)


def test_names_are_kept_for_their_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "data" / "names.json"
    assert read_names(file) == {}
    keep_names(file, {}, {"31c3": "-home-ana-shop"})
    keep_names(file, read_names(file), {"9c9f": "über-项目"})
    assert read_names(file) == {"31c3": "-home-ana-shop", "9c9f": "über-项目"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_names_are_not_written_again_when_none_is_new(tmp_path: Path) -> None:
    file = tmp_path / "names.json"
    keep_names(file, {"31c3": "shop"}, {"31c3": "shop"})
    assert not file.exists()


@pytest.mark.parametrize("content", [b"[]", b"{", b'"x"', b"\xff", b"", b"[" * 100_000])
def test_damaged_names_are_not_overwritten(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "names.json"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match="names.json: "):
        read_names(file)


# --- sessions that are projects -------------------------------------------------------------------------


def test_ccusage_18_shows_projects_as_sessions() -> None:
    found = from_file("18.0.11/session.json", "session")
    real = [record.key for record in found.records if not record.is_project_total]
    assert real == ["old-layout/55555555-5555-4555-8555-555555555555"]
    keys = [record.key for record in found.records if record.is_project_total]
    assert "Unknown Project/-home-ana-work-web-shop" in keys
    assert "-home-ana-work-web-shop%2F11111111-1111-4111-8111-111111111111/subagents" in keys
    assert (
        "session: this ccusage shows projects as sessions: they are stored apart and left out of the view sessions (9);"
        " ccusage 19 and later show real sessions"
    ) in found.warnings


@pytest.mark.parametrize("file", ["19.0.3/claude-session.json", "20.0.24/claude-session.json"])
def test_later_versions_show_real_sessions(file: str) -> None:
    found = from_file(file, "session")
    assert not any(record.is_project_total for record in found.records)
    assert not any("projects as sessions" in line for line in found.warnings)


@pytest.mark.parametrize(
    ("version", "changes", "is_project_total"),
    [
        ("18.0.11", {"projectPath": "Unknown Project"}, True),
        ("18.0.11", {"sessionId": "subagents"}, True),
        ("18.0.11", {}, False),
        ("19.0.3", {"projectPath": "Unknown Project"}, False),
        ("20.0.24", {"sessionId": "subagents"}, False),
        ("a file", {"projectPath": "Unknown Project"}, True),
    ],
)
def test_which_rows_are_project_totals(version: str, changes: dict[str, str], is_project_total: bool) -> None:  # noqa: FBT001
    record = record_of("session", {**SESSION, **changes}, origin(version))
    assert record.is_project_total == is_project_total


# --- prices that are missing ------------------------------------------------------------------------------


def unpriced_of(version: str, mode: str = "auto", **model: Any) -> tuple[bool, bool, list[str]]:
    """Whether the model and the row are unpriced, and the warnings."""
    found = parsed("daily", [{**DAY, "modelBreakdowns": [{**SONNET, **model}]}], origin(version, mode=mode))
    record = found.records[0]
    return record.models[0].unpriced, record.unpriced, found.warnings


NO_PRICE = ["no price for claude-sonnet-4-20250514: its cost is counted as 0"]


@pytest.mark.parametrize("version", ["18.0.11", "19.0.3", "20.0.22", "a file"])
def test_a_model_without_cost_is_unpriced_where_ccusage_does_not_say_so(version: str) -> None:
    assert unpriced_of(version, cost=0) == (True, True, NO_PRICE)
    assert unpriced_of(version, cost=None) == (True, True, NO_PRICE)


def test_ccusage_says_itself_what_is_unpriced_from_20_0_23_on() -> None:
    assert unpriced_of("20.0.24", cost=0) == (False, False, [])
    assert unpriced_of("20.0.24", cost=0, missingPricing=True) == (True, True, NO_PRICE)
    model = {**SONNET, "cost": 0}
    first = Origin("studio", Provenance("20.0.23", "UTC", "auto", ()), (20, 0, 23))
    assert parsed("daily", [{**DAY, "modelBreakdowns": [model]}], first).warnings == []


def test_one_token_without_cost_is_unpriced() -> None:
    one = {**dict.fromkeys(TOKENS, 0), "inputTokens": 1}
    row = {**DAY, **one, "totalTokens": 1, "totalCost": 0, "modelBreakdowns": [{**SONNET, **one, "cost": 0}]}
    record = record_of("daily", row, origin("19.0.3"))
    assert (record.unpriced, record.models[0].unpriced) == (True, True)
    assert record_of("daily", {**row, "modelBreakdowns": []}, origin("19.0.3")).unpriced


def test_nothing_is_inferred_where_costs_are_only_displayed() -> None:
    assert unpriced_of("19.0.3", "display", cost=0) == (False, False, [])
    record = record_of("daily", {**DAY, "totalCost": 0}, origin("19.0.3", mode="display"))
    assert not record.unpriced


def test_a_model_without_tokens_has_no_price_to_miss() -> None:
    nothing: dict[str, Any] = dict.fromkeys(TOKENS, 0)
    assert unpriced_of("19.0.3", cost=0, **nothing) == (False, False, [])


def test_a_row_without_tokens_has_no_price_to_miss() -> None:
    nothing: dict[str, Any] = {**dict.fromkeys(TOKENS, 0), "totalTokens": 0, "totalCost": 0}
    assert not record_of("daily", {**DAY, **nothing}, origin("19.0.3")).unpriced


@pytest.mark.parametrize("version", ["18.0.11", "20.0.24"])
def test_a_block_without_cost_is_unpriced(version: str) -> None:
    assert record_of("blocks", {**BLOCK, "costUSD": 0}, origin(version)).unpriced
    assert not record_of("blocks", {**BLOCK, "costUSD": 0}, origin(version, mode="display")).unpriced


def test_the_models_without_price_are_named_once() -> None:
    found = from_file("20.0.24/claude-daily.json", "daily")
    assert [record.key for record in found.records if record.unpriced] == ["2025-07-04"]
    assert found.warnings == [
        "no price for claude-nonexistent-9-20990101: its cost is counted as 0",
        'no price for weird "model" ünï: its cost is counted as 0',
    ]


def test_unpriced_models_of_the_totals_are_named() -> None:
    totals = {**USAGE, "unpricedModels": ["gpt-unknown-99"]}
    assert parsed("daily", [DAY], totals=totals).warnings == ["no price for gpt-unknown-99: its cost is counted as 0"]


# --- what is odd --------------------------------------------------------------------------------------------


def test_numbers_that_add_up_give_no_warning() -> None:
    assert parsed("daily", [DAY], totals=USAGE).warnings == []


def test_a_total_that_is_not_the_sum_of_its_classes() -> None:
    found = parsed("daily", [DAY, {**DAY, "date": "2026-05-14", "totalTokens": 5000}])
    assert found.warnings == ["daily.1.totalTokens: 5000 is not the sum of its classes, 4312"]
    assert found.records[1].total_tokens == 4312


def test_document_totals_that_are_not_the_sum_of_the_rows() -> None:
    totals = {**USAGE, "totalTokens": 4313, "totalCost": 0.500000004}
    assert parsed("daily", [DAY], totals=totals).warnings == [
        "daily.totals.totalTokens: 4313 is not the sum of the rows, 4312",
        "daily.totals.totalCost: 0.500000004 is not the sum of the rows, 0.500000000",
    ]


@pytest.mark.parametrize(("cost", "is_odd"), [(0.500000002, False), (0.500000003, True)])
def test_each_rounding_may_move_a_sum_by_a_nanodollar(cost: float, is_odd: bool) -> None:  # noqa: FBT001
    assert bool(parsed("daily", [DAY], totals={**USAGE, "totalCost": cost}).warnings) is is_odd


def test_a_cost_without_tokens() -> None:
    row = {**DAY, **dict.fromkeys(TOKENS, 0), "totalTokens": 0, "totalCost": 0.25}
    found = parsed("daily", [row])
    assert found.warnings == ["daily.0: no tokens, yet a cost of 0.25 USD"]
    assert found.records[0].cost_usd == Decimal("0.25")


def test_odd_values_are_counted_after_the_first_ten() -> None:
    rows = [{**DAY, "date": f"2026-05-{day:02d}", "totalTokens": 1} for day in range(1, 14)]
    found = parsed("daily", rows)
    assert len(found.warnings) == 11
    assert found.warnings[9] == "daily.9.totalTokens: 1 is not the sum of its classes, 4312"
    assert found.warnings[10] == "daily: and 3 more values that do not add up"
    assert len(parsed("daily", rows[:10]).warnings) == 10


def test_a_thousand_refused_records_leave_the_others_and_one_more_does_not() -> None:
    too_large = {**SESSION, "inputTokens": 18446744073709551615}
    rows = [SESSION, *({**too_large, "sessionId": f"s-{number}"} for number in range(2, 1002))]
    found = parsed("session", rows)
    assert (len(found.records), len(found.refused)) == (1, 1000)
    assert len(errors_of("session", [*rows, {**too_large, "sessionId": "s-1002"}])) == 1001


def test_a_sum_beyond_64_bits_is_refused() -> None:
    row = {**DAY, "inputTokens": 18446744073709551615}
    assert errors_of("daily", [row]) == (
        "daily.0.totalTokens: the four token classes add up to more than 18446744073709551615",
    )


def test_the_largest_sum_of_64_bits_is_stored() -> None:
    row = {**DAY, **dict.fromkeys(TOKENS, 0), "inputTokens": 18446744073709551615, "totalTokens": 18446744073709551615}
    assert record_of("daily", row).total_tokens == 18446744073709551615


# --- two rows for one key, and rows of several agents -------------------------------------------------------


def test_two_rows_for_one_day_are_refused() -> None:
    assert errors_of("daily", [DAY, {**DAY, "inputTokens": 1}]) == ("daily.1: a second row for the same key",)


def test_two_rows_for_one_session_are_refused() -> None:
    assert errors_of("session", [SESSION, SESSION]) == ("session.1: a second row for the same key",)


def test_two_blocks_with_one_start_are_refused() -> None:
    assert errors_of("blocks", [BLOCK, BLOCK]) == ("blocks.1: a second row for the same key",)


def test_one_session_id_in_two_projects_is_two_sessions() -> None:
    records = parsed("session", [SESSION, {**SESSION, "projectPath": "blog"}]).records
    assert [record.key for record in records] == ["-home-ana-shop/s-1", "blog/s-1"]


@pytest.mark.parametrize("file", ["19.0.3/session.json", "20.0.24/session.json"])
def test_sessions_without_their_projects_are_refused_where_ids_repeat(file: str) -> None:
    found = from_file(file, "session")
    (complaint,) = found.complaints
    assert complaint.endswith(": a second row for the same session id; save `ccusage claude session` instead")
    (refused,) = found.refused
    assert (refused.report, refused.agent) == ("session", "claude")
    assert refused.key not in {record.key for record in found.records}


def test_sessions_without_their_projects_give_a_warning() -> None:
    row = {key: value for key, value in SESSION.items() if key != "projectPath"}
    found = parsed("session", [row])
    assert found.warnings == ["session: 1 rows name no project; save `ccusage claude session` instead"]
    assert found.records[0].key == "/s-1"


def test_a_session_that_never_ended_is_refused() -> None:
    row = {key: value for key, value in SESSION.items() if key != "lastActivity"}
    assert errors_of("session", [SESSION, row])[0] == "session.1.lastActivity: Field required"


def test_rows_of_several_agents_are_refused() -> None:
    with pytest.raises(InvalidReportError) as caught:
        from_file("20.0.24/agents-all-daily.json", "daily")
    assert caught.value.details == (
        "daily.0.agent: merges claude, codex, gemini, opencode; ask ccusage for one agent, or for --by-agent",
        "daily.1.agent: merges claude, codex, opencode; ask ccusage for one agent, or for --by-agent",
    )


def test_ccusage_19_ignores_by_agent_and_is_refused() -> None:
    with pytest.raises(InvalidReportError) as caught:
        from_file("19.0.3/agents-all-daily-by-agent.json", "daily")
    assert caught.value.details == (
        "daily.0.agent: merges claude, codex, opencode; ask ccusage for one agent, or for --by-agent",
        "daily.1.agent: merges claude, codex, opencode; ask ccusage for one agent, or for --by-agent",
    )


def test_rows_by_agent_are_split() -> None:
    records = from_file("20.0.24/agents-all-daily-by-agent.json", "daily").records
    assert [(record.key, record.agent, str(record.cost_usd)) for record in records] == [
        ("2026-05-13", "claude", "0.000450000"),
        ("2026-05-13", "codex", "0.003106250"),
        ("2026-05-13", "gemini", "0.005306300"),
        ("2026-05-13", "opencode", "0.020000000"),
        ("2026-05-14", "claude", "0.005122500"),
        ("2026-05-14", "codex", "0.007787500"),
        ("2026-05-14", "opencode", "0.010500000"),
        ("2026-05-15", "codex", "0"),
        ("2026-05-31", "claude", "0.000090000"),
    ]
    by_key = {(record.key, record.agent): record.total_tokens for record in records}
    assert by_key["2026-05-13", "claude"] == 110
    assert by_key["2026-05-14", "codex"] == 2800
    assert [record.agent for record in records if record.unpriced] == ["codex"]


@pytest.mark.parametrize("file", ["19.0.3/daily.json", "20.0.24/daily.json"])
def test_a_row_that_one_agent_made_is_that_agents(file: str) -> None:
    assert {record.agent for record in from_file(file, "daily").records} == {"claude"}


# --- reports of one agent ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("report", ["daily", "monthly", "session"])
@pytest.mark.parametrize(
    ("agent", "version", "tokens", "dollars"),
    [
        ("codex", "19.0.3", (3450, 495, 0, 750), "0.01089375"),
        ("codex", "20.0.24", (3450, 495, 0, 750), "0.01089375"),
        ("opencode", "19.0.3", (1100, 550, 20, 10), "0.02"),
        ("opencode", "20.0.24", (1100, 557, 20, 10), "0.0305"),
        ("gemini", "20.0.24", (3808, 942, 0, 11526), "0.0053063"),
    ],
)
def test_an_agents_report_keeps_every_token_and_dollar(
    agent: str, version: str, tokens: tuple[int, ...], dollars: str, report: str
) -> None:
    found = from_file(f"{version}/agents-{agent}-{report}.json", f"{agent} {report}")
    assert {(record.report, record.agent) for record in found.records} == {(report, agent)}
    classes = ("input_tokens", "output_tokens", "cache_creation_tokens", "cache_read_tokens")
    assert tuple(sum(getattr(record, name) for record in found.records) for name in classes) == tokens
    assert sum(record.total_tokens for record in found.records) == sum(tokens)
    assert sum(record.cost_usd for record in found.records) == Decimal(dollars)
    assert not any("is not the sum" in line for line in found.warnings)
    for record in found.records:
        if record.models:
            assert sum(sum(model.tokens) for model in record.models) == record.total_tokens
            assert sum(model.cost_usd for model in record.models) == record.cost_usd


def test_reasoning_that_is_in_the_total_alone_counts_as_output() -> None:
    row = {**DAY, "totalTokens": 4319, "modelBreakdowns": [SONNET]}
    (record,) = parsed_of("opencode", [row])
    assert (record.output_tokens, record.total_tokens) == (9, 4319)
    assert [(model.model, model.output_tokens) for model in record.models] == [("claude-sonnet-4-20250514", 9)]


def test_reasoning_of_several_models_is_a_part_of_its_own() -> None:
    other = {**SONNET, "modelName": "gpt-5", "outputTokens": 0, "inputTokens": 0}
    row = {**DAY, "totalTokens": 4319, "modelBreakdowns": [SONNET, other]}
    (record,) = parsed_of("opencode", [row])
    assert {model.model: model.output_tokens for model in record.models} == {
        "claude-sonnet-4-20250514": 2, "gpt-5": 0, "claude-sonnet-4-20250514 + gpt-5": 7,
    }  # fmt: skip


def test_a_total_below_its_classes_is_no_reasoning() -> None:
    (record,) = parsed_of("opencode", [{**DAY, "totalTokens": 4000}])
    assert (record.output_tokens, record.total_tokens) == (2, 4312)


def test_a_total_above_its_classes_is_no_reasoning_of_claude_code() -> None:
    (record,) = parsed_of("claude", [{**DAY, "totalTokens": 4319}])
    assert (record.output_tokens, record.total_tokens) == (2, 4312)


def parsed_of(agent: str, rows: list[dict[str, Any]], version: str = "20.0.24", mode: str = "auto") -> list[Record]:
    label = "daily" if agent == "claude" else f"{agent} daily"
    document = validate_report(label, json.dumps({"daily": rows}).encode())
    return parse_report(label, document, origin(version, mode=mode), Pseudonyms(SALT, is_enabled=False)).records


def codex_day(cost: float, **models: dict[str, Any]) -> dict[str, Any]:
    """A day of models with 10 input and 2 output tokens each."""
    part = {"inputTokens": 10, "outputTokens": 2, "cacheCreationTokens": 0, "cacheReadTokens": 0, "totalTokens": 12}
    total = {name: count * len(models) for name, count in part.items()}
    return {
        "date": "2026-05-13",
        **total,
        "costUSD": cost,
        "models": {name: {**part, **models[name]} for name in models},
    }


def test_the_cost_of_codex_belongs_to_the_only_model_with_a_price() -> None:
    day = codex_day(0.25, dear={}, unknown={"missingPricing": True})
    document = validate_report("codex daily", json.dumps({"daily": [day]}).encode())
    found = parse_report("codex daily", document, origin(), Pseudonyms(SALT, is_enabled=False))
    assert found.warnings == ["no price for unknown: its cost is counted as 0"]
    (record,) = found.records
    assert [(model.model, str(model.cost_usd), model.unpriced) for model in record.models] == [
        ("dear", "0.250000000", False),
        ("unknown", "0", True),
    ]
    assert record.unpriced


def test_the_cost_of_several_models_of_codex_is_a_part_of_its_own() -> None:
    (record,) = parsed_of("codex", [codex_day(0.25, b={}, a={}, unknown={"missingPricing": True})])
    assert [(model.model, model.output_tokens, str(model.cost_usd), model.unpriced) for model in record.models] == [
        ("a + b", 0, "0.250000000", False),
        ("a", 2, "0", False),
        ("b", 2, "0", False),
        ("unknown", 2, "0", True),
    ]
    assert (record.total_tokens, str(record.cost_usd), record.models_used) == (36, "0.250000000", ("a", "b", "unknown"))


@pytest.mark.parametrize(
    ("of_row", "of_models", "expected"),
    [
        (15, [15], {"a": 5}),
        (15, [12], {"a": 5}),
        (27, [12, 12], {"a + b": 3, "a": 2, "b": 2}),
        (30, [12, 14], {"a + b": 4, "a": 2, "b": 4}),
    ],
)
def test_reasoning_of_codex_counts_once(of_row: int, of_models: list[int], expected: dict[str, int]) -> None:
    day = codex_day(0.25, **{name: {"totalTokens": total} for name, total in zip("ab", of_models, strict=False)})
    (record,) = parsed_of("codex", [{**day, "totalTokens": of_row}])
    assert (record.total_tokens, record.output_tokens) == (of_row, sum(expected.values()))
    assert {model.model: model.output_tokens for model in record.models} == expected
    assert sum(model.cost_usd for model in record.models) == Decimal("0.25")


PRICES = st.sampled_from([{}, {"missingPricing": True}])


@given(models=st.dictionaries(st.sampled_from("abcd"), PRICES, min_size=1), cost=st.integers(0, 10**6))
def test_the_models_of_codex_add_up_to_their_row(models: dict[str, dict[str, Any]], cost: int) -> None:
    (record,) = parsed_of("codex", [codex_day(cost / 1000, **models)])
    assert sum(sum(model.tokens) for model in record.models) == record.total_tokens == 12 * len(models)
    assert sum(model.cost_usd for model in record.models) == record.cost_usd == Decimal(cost) / 1000


@pytest.mark.parametrize(("version", "mode"), [("19.0.3", "auto"), ("20.0.22", "auto"), ("20.0.24", "display")])
def test_codex_without_cost_is_unpriced_where_ccusage_does_not_say(version: str, mode: str) -> None:
    (record,) = parsed_of("codex", [codex_day(0, free={})], version, mode)
    assert record.unpriced
    assert [model.unpriced for model in record.models] == [True]


@pytest.mark.parametrize("tokens", [0, 1])
def test_one_token_of_codex_without_cost_is_unpriced_and_none_is_not(tokens: int) -> None:
    part = {**dict.fromkeys(TOKENS, 0), "inputTokens": tokens, "totalTokens": tokens}
    (record,) = parsed_of("codex", [{**codex_day(0, free=part), **part}], "19.0.3")
    assert [model.unpriced for model in record.models] == [bool(tokens)]


def test_a_model_of_codex_may_cost_nothing() -> None:
    (record,) = parsed_of("codex", [codex_day(0, free={})])
    assert [model.unpriced for model in record.models] == [False]
    assert not record.unpriced


@pytest.mark.parametrize("agent", ["opencode", "gemini"])
def test_a_session_of_which_ccusage_tells_no_time_has_no_day(agent: str) -> None:
    found = from_file(f"20.0.24/agents-{agent}-session.json", f"{agent} session")
    assert {(record.day, record.started_at, record.ended_at) for record in found.records} == {
        (date(1970, 1, 1), None, None)
    }
    assert found.warnings == []


def test_a_session_of_codex_ends_in_the_zone_of_the_report() -> None:
    records = from_file("20.0.24/agents-codex-session.json", "codex session", zone="Pacific/Kiritimati").records
    assert [(record.day, record.ended_at) for record in records] == [
        (date(2026, 5, 15), datetime(2026, 5, 14, 10, tzinfo=UTC)),
        (date(2026, 5, 15), datetime(2026, 5, 15, 9, 1, tzinfo=UTC)),
    ]


@pytest.mark.parametrize(
    ("agent", "printed", "kept"),
    [
        ("codex", ["rollout-2026-05-13T09-00-00-a"], ["2026/05/13/rollout-2026-05-13T09-00-00-a"]),
        ("codex", ["2026/05/13/rollout-2026-05-13T09-00-00-a"], ["2026/05/13/rollout-2026-05-13T09-00-00-a"]),
        # Where it lies in both places, ccusage counts it twice, in whatever order.
        *(
            ("codex", both, both)
            for one, other in [("rollout-2026-05-13T09-00-00-a", "2026/05/13/rollout-2026-05-13T09-00-00-a")]
            for both in ([one, other], [other, one])
        ),
        ("codex", ["rollout-a", "2026-05-13"], ["rollout-a", "2026-05-13"]),
        ("pi", ["rollout-2026-05-13T09-00-00-a"], ["rollout-2026-05-13T09-00-00-a"]),
    ],
)
def test_a_session_that_codex_archived_has_the_id_it_had_before(
    agent: str, printed: list[str], kept: list[str]
) -> None:
    records = parsed("session", [{**SESSION, "agent": agent, "sessionId": name} for name in printed]).records
    assert [record.session_id for record in records] == kept


def test_sessions_of_all_agents_need_no_time_but_for_claude_code() -> None:
    row = {key: value for key, value in SESSION.items() if key != "lastActivity"}
    (record,) = parsed("session", [{**row, "agent": "gemini"}]).records
    assert (record.agent, record.day) == ("gemini", date(1970, 1, 1))
