"""A calendar of five-hour blocks, of when usage limits are lifted, and of imports (iCalendar, RFC 5545)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from icalendar import Calendar, Event

from ccusage_import.digest.model import Rows
from ccusage_import.money import Money
from ccusage_import.records import counted


def calendar_file(
    rows: Rows, named: Callable[[str], str], made_at: datetime, version: str, money: Money, *, has_loads: bool
) -> str:
    """Return a calendar whose events keep their ids, so that a calendar that is read again is brought up to date.

    Args:
        rows: reads a shipped query of the digest by its name.
        named: replaces what is not to be shown in a text, such as pseudonyms by names.
        made_at: when the numbers were read.
        version: of this program.
        money: how people read it.
        has_loads: whether imports, which are of all agents, are events.
    """
    calendar = Calendar()
    calendar.add("prodid", f"-//ccusage-import {version}//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", "Usage of coding agents")
    for event in (
        *_blocks(rows("ics_blocks"), named, money),
        *_limits(rows("ics_limits"), named),
        *(_loads(rows("ics_loads"), named, money) if has_loads else ()),
    ):
        event.add("dtstamp", made_at.astimezone(UTC).replace(microsecond=0))
        # What is in it does not make anybody busy.
        event.add("transp", "TRANSPARENT")
        calendar.add_component(event)
    return str(calendar.to_ical().decode())


def _blocks(rows: Sequence[Sequence[Any]], named: Callable[[str], str], money: Money) -> Iterator[Event]:
    for machine, agent, start, end, is_open, models, entries, tokens, cost, unpriced in rows:
        cost_text = f"{money.text(cost)}{'*' if unpriced else ''}"
        event = _event(f"block-{machine}-{agent}-{start:%Y%m%dT%H%M%SZ}", "block", start, end)
        event.add("summary", f"{cost_text} {'so far, ' if is_open else ''}on {named(machine)}")
        lines = [f"{counted(entries, 'message')}, {tokens:,} tokens", *map(named, models)]
        if unpriced:
            lines.append(f"* some of this usage has no price and counts as {money.whole(0)}")
        event.add("description", "\n".join(lines))
        yield event


def _limits(rows: Sequence[Sequence[Any]], named: Callable[[str], str]) -> Iterator[Event]:
    for machine, agent, resets_at in rows:
        event = _event(f"limit-{machine}-{agent}-{resets_at:%Y%m%dT%H%M%SZ}", "limit", resets_at, resets_at)
        event.add("summary", f"usage limit of {named(agent)} on {named(machine)} is lifted")
        yield event


def _loads(rows: Sequence[Sequence[Any]], named: Callable[[str], str], money: Money) -> Iterator[Event]:
    for machine, load_id, start, end, state, failed, held, change, error in rows:
        event = _event(f"import-{machine}-{load_id}", "import", start, max(end, start + timedelta(seconds=1)))
        event.add("summary", f"import on {named(machine)}: {_outcome(state, failed, change, money)}")
        told = [f"{held:,} held" if held else "", named(error)]
        if any(told):
            event.add("description", "\n".join(filter(None, told)))
        yield event


def _outcome(state: str, failed: Sequence[str], change: Decimal, money: Money) -> str:
    if state != "committed":
        return state
    if failed:
        return f"{', '.join(failed)} failed"
    return f"{'' if change < 0 else '+'}{money.text(change)}"


def _event(uid: str, kind: str, start: datetime, end: datetime) -> Event:
    event = Event()
    event.add("uid", f"{uid}@ccusage-import")
    event.add("categories", [kind])
    event.add("dtstart", _second(start))
    if end > start:
        event.add("dtend", _second(end))
    return event


def _second(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(microsecond=0)
