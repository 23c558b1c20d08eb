"""Lives of another agent than Claude Code that travels: no window and no message tells what became of its usage."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from ccusage_import.records import Identity, Provenance, Record
from ccusage_import.rule.context import Context
from ccusage_import.rule.reconcile import reconcile
from ccusage_import.statistics import shown_after

ZONES = ("UTC", "Europe/London", "America/New_York", "Asia/Kolkata", "Asia/Tokyo", "Pacific/Auckland")
REPORTS = ("codex daily", "codex monthly", "codex session")


@dataclass(frozen=True)
class Said:
    """A message."""

    at: datetime
    tokens: int
    session: str


def printed(messages: Iterable[Said], zone: str) -> list[Record]:
    """What ccusage shows of messages; codex does not tell when a session began."""
    inside: dict[tuple[str, str], list[Said]] = defaultdict(list)
    for one in messages:
        day = one.at.astimezone(ZoneInfo(zone)).date().isoformat()
        for report, key in (("daily", day), ("monthly", day[:7]), ("session", f"/{one.session}")):
            inside[report, key].append(one)
    return [_record(report, key, some, zone) for (report, key), some in inside.items()]


def _record(report: str, key: str, messages: Sequence[Said], zone: str) -> Record:
    last, tokens = max(one.at for one in messages), sum(one.tokens for one in messages)
    days = {"daily": key, "monthly": f"{key}-01", "session": last.astimezone(ZoneInfo(zone)).date().isoformat()}
    return Record(
        report, "studio", "codex", key, date.fromisoformat(days[report]), tokens, 0, 0, 0, tokens, Decimal(tokens),
        unpriced=False, provenance=Provenance("20.0.24", zone, "auto", ()),
        session_id=key.removeprefix("/") if report == "session" else "",
        ended_at=last if report == "session" else None,
    )  # fmt: skip


def sums(records: Iterable[Record]) -> dict[str, int]:
    found = {"daily": 0, "monthly": 0}
    for record in records:
        if record.report in found:
            found[record.report] += record.total_tokens
    return found


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("deletes", [False, True])
def test_a_journey_neither_hides_nor_doubles_usage_of_another_agent(seed: int, *, deletes: bool) -> None:
    chance = random.Random(seed)
    now, zone = datetime(2026, 4, chance.randint(1, 28), 12, tzinfo=UTC), "UTC"
    messages: list[Said] = []
    stored: list[Record] = []
    for step in range(chance.randint(4, 25)):
        for _ in range(chance.randint(0, 4)):
            now += timedelta(hours=chance.choice((0.5, 1, 3, 8, 13)))
            # A session is deleted for good, and another one is begun.
            messages.append(Said(now, chance.randint(1, 100_000), f"{chance.choice('abcdef')}{step // 8}"))
        now += timedelta(hours=chance.choice((1, 5, 20, 30)))
        zone = chance.choice(ZONES) if chance.random() < 0.3 else zone
        if deletes and step % 8 == 7:
            gone = chance.choice("abcdef")
            messages = [one for one in messages if one.session[0] != gone]
        offered = printed(messages, zone)
        context = Context("studio", Provenance("20.0.24", zone, "auto", ()), now.date() - timedelta(days=29))

        before, stored = stored, shown_after(stored, reconcile(offered, stored, REPORTS, context))

        for report, tokens in sums(stored).items():
            assert tokens >= sums(before)[report]
    if not deletes:
        assert _days_and_months(stored) == _days_and_months(printed(messages, zone))


def _days_and_months(records: Iterable[Record]) -> dict[Identity, int]:
    return {one.identity: one.total_tokens for one in records if one.report != "session"}
