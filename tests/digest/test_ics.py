"""The calendar of `report --format ics`, read back by the library that others use."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from icalendar import Calendar, Event

from tests.conftest import Place, Program
from tests.support.claude_dir import ClaudeDir, days_ago

pytestmark = [pytest.mark.exhaustive_at("http"), pytest.mark.usefixtures("engine_stays")]


def say_limit(claude: ClaudeDir, at: datetime, resets_at: datetime) -> None:
    """Append the message with which Claude Code says that a usage limit is reached."""
    text = f"Claude AI usage limit reached|{int(resets_at.timestamp())}"
    usage = dict.fromkeys(
        ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"), 0
    )
    message = {"id": "e1", "model": "<synthetic>", "role": "assistant", "type": "message", "usage": usage}
    record = {
        "type": "assistant",
        "sessionId": "work",
        "version": "2.0.14",
        "uuid": "e1",
        "timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "isApiErrorMessage": True,
        "message": {**message, "content": [{"type": "text", "text": text}]},
    }
    with claude.file("work").open("a") as transcript:
        transcript.write(json.dumps(record, separators=(",", ":")) + "\n")


def events_of(text: str) -> list[Event]:
    calendar = Calendar.from_ical(text)
    assert calendar.errors == []
    assert (str(calendar["version"]), str(calendar["x-wr-calname"])) == ("2.0", "Usage of coding agents")
    assert [component.name for component in calendar.subcomponents] == ["VEVENT"] * len(calendar.events)
    return list(calendar.events)


@pytest.mark.exhaustive
def test_blocks_limits_and_imports_are_events(
    program: Program, migrated: Place, tmp_path: Path, ccusage20: Path
) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("old", days_ago(40), 100_000)
    claude.say("work", days_ago(3, 12, 10), 100_000)
    claude.say("work", days_ago(3, 13), 50_000, model="claude-of-tomorrow")
    say_limit(claude, days_ago(3, 13, 30), days_ago(3, 16))
    failing = tmp_path / "ccusage"
    failing.write_text(f'#!/bin/sh\ncase "$*" in *monthly*) exit 1;; esac\nexec "{ccusage20}" "$@"\n')
    failing.chmod(0o755)
    where = ("--warehouse", migrated.url, "--timezone", "UTC")
    own = ("--claude-dir", claude.root, "--machine", "desk, left")
    assert program("import", *where, *own).exit_code == 0
    claude.say("work", days_ago(3, 14), 100_000)
    assert program("import", *where, *own, "--ccusage", failing).exit_code == 5

    done = program("report", *where[:2], "--format", "ics", "--output", "usage.ics")

    assert (done.exit_code, done.stderr) == (0, "")
    text = Path(done.stdout.strip()).read_bytes().decode()
    assert text.endswith("END:VCALENDAR\r\n")
    block, limit, *imports = events_of(text)
    start = days_ago(3, 12)
    assert (str(block["summary"]), block.start, block.end) == (
        "$3.00* on desk, left",
        start,
        start + timedelta(hours=5),
    )
    assert str(block["description"]).splitlines() == [
        "4 messages, 250,000 tokens",
        "claude-of-tomorrow",
        "claude-sonnet-4-20250514",
        "* some of this usage has no price and counts as $0",
    ]
    assert str(block["uid"]) == f"block-desk, left-claude-{start:%Y%m%dT%H%M%SZ}@ccusage-import"
    assert (str(limit["summary"]), limit.start, limit["transp"]) == (
        "usage limit of claude on desk, left is lifted", days_ago(3, 16), "TRANSPARENT",
    )  # fmt: skip
    assert [str(one["summary"]) for one in imports] == [
        "import on desk, left: +$3.00",
        "import on desk, left: monthly failed",
    ]
    assert [one.categories for one in (block, limit, *imports)] == [["block"], ["limit"], ["import"], ["import"]]

    again = program("report", *where[:2], "--format", "ics", "--since", "41d").stdout
    ids = [str(event["uid"]) for event in events_of(again)]
    assert len(set(ids)) == 5
    assert ids[1:] == [str(event["uid"]) for event in (block, limit, *imports)]


def test_a_warehouse_without_usage_is_an_empty_calendar(program: Program, migrated: Place) -> None:
    done = program("report", "--warehouse", migrated.url, "--format", "ics")
    assert (done.exit_code, done.stderr, events_of(done.stdout)) == (0, "", [])
