"""The demo's reports are those of the pinned ccusage, in every zone, also after a part of the transcripts is gone."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ccusage_import.ccusage.parser import Origin, parse_report
from ccusage_import.ccusage.validation import validate_report
from ccusage_import.demo.place import SWEPT_AGE, delete_old, demo_directories
from ccusage_import.demo.reports import PRICES, RecordedPrices, reports_of
from ccusage_import.names.pseudonyms import Pseudonyms
from ccusage_import.records import Provenance, Record
from tests.support.ccusage_install import without_launcher
from tests.support.demo_prices import demo_prices

COMMANDS = {
    "daily": ("daily",),
    "monthly": ("monthly",),
    "session": ("session",),
    "blocks": ("blocks",),
    "projects": ("daily", "--instances"),
}
NANODOLLAR = Decimal("0.000000001")


def printed(ccusage: Path, claude: Path, zone: str, arguments: tuple[str, ...]) -> bytes:
    environ = {**os.environ, "CLAUDE_CONFIG_DIR": str(claude)}
    command: list[str | Path] = [
        without_launcher(ccusage),
        "claude",
        *arguments,
        "--json",
        "--offline",
        "--timezone",
        zone,
    ]
    return subprocess.run(command, env=environ, capture_output=True, check=True).stdout


def records(name: str, output: bytes, zone: str, now: datetime) -> dict[str, Record]:
    """Return what a report says by key; what depends on the second is left out."""
    origin = Origin("demo", Provenance("20.0.24", zone, "auto", ()), (20, 0, 24), now.astimezone(ZoneInfo(zone)).date())
    parsed = parse_report(name, validate_report(name, output), origin, Pseudonyms("", is_enabled=False))
    assert parsed.refused == []
    return {record.key: comparable(record) for record in parsed.records}


def comparable(record: Record) -> Record:
    models = sorted(model._replace(cost_usd=model.cost_usd.quantize(NANODOLLAR)) for model in record.models)
    return record._replace(
        cost_usd=record.cost_usd.quantize(NANODOLLAR),
        models=tuple(models),
        models_used=tuple(sorted(record.models_used)),
        tokens_per_minute=record.tokens_per_minute and round(record.tokens_per_minute, 3),
        cost_per_hour_usd=record.cost_per_hour_usd and round(record.cost_per_hour_usd, 6),
        projected_tokens=None,
        projected_cost_usd=None,
        remaining_minutes=None,
    )


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Asia/Kathmandu"])
@pytest.mark.parametrize("is_swept", [False, True])
def test_they_are_those_of_ccusage(ccusage20: Path, zone: str, *, is_swept: bool) -> None:
    now = datetime.now(UTC)
    with demo_directories(now) as (claude, _):
        if is_swept:
            assert delete_old(claude, now - SWEPT_AGE) == 2
        reports = reports_of(claude, ZoneInfo(zone), "auto", now, RecordedPrices.read())
        for name, arguments in COMMANDS.items():
            shown = records(name, printed(ccusage20, claude, zone, arguments), zone, now)
            assert len(shown) >= 2
            assert records(name, reports[name], zone, now) == shown, name


def test_an_active_block_is_projected_as_by_ccusage() -> None:
    now = datetime(2026, 11, 26, 16, 25, tzinfo=UTC)
    with demo_directories(now) as (claude, _):
        reports = reports_of(claude, ZoneInfo("UTC"), "auto", now, RecordedPrices.read())
    block = records_of_blocks(reports["blocks"], now)[-1]

    assert (block.remaining_minutes, block.projected_tokens, block.projected_cost_usd) == (
        215,
        7438067,
        Decimal("10.4"),
    )


def records_of_blocks(output: bytes, now: datetime) -> list[Record]:
    origin = Origin("demo", Provenance("20.0.24", "UTC", "auto", ()), (20, 0, 24), now.date())
    parsed = parse_report("blocks", validate_report("blocks", output), origin, Pseudonyms("", is_enabled=False))
    return list(parsed.records)


def test_the_recorded_prices_are_those_of_ccusage(ccusage20: Path) -> None:
    assert ccusage20.exists()
    assert PRICES.read_text("utf-8") == demo_prices()
