"""What `watch` prints where nobody looks at a page: a line an event, for people or as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from ccusage_import import ui
from ccusage_import.live.events import (
    Ended,
    Event,
    Imported,
    ImportFailed,
    Importing,
    Lent,
    Lost,
    Reconfigured,
    Regained,
    Stored,
    Warned,
    Watching,
)
from ccusage_import.masking import printable
from ccusage_import.records import counted
from ccusage_import.transcripts.facts import FACT_KINDS
from ccusage_import.warehouse.clickhouse_client import ClickHouse

# What one fact of each kind is called.
NOUNS = {"messages": "message", "tool_calls": "tool call", "turns": "prompt", "events": "event"}
# Events that say nothing but that they happened: their name, and the words.
BARE: Mapping[type[Event], tuple[str, str]] = {
    Importing: ("importing", "importing the reports"),
    Lent: ("lent", "another command has the warehouse for a while"),
    Reconfigured: ("reconfigured", "the configuration was changed, and is read anew"),
    Ended: ("ended", "ended"),
}


class Lines:
    """Prints a line an event; what is wrong goes to stderr."""

    def __init__(self, zone: tzinfo, *, quiet: bool) -> None:
        self._zone, self._quiet = zone, quiet

    def hear(self, event: Event) -> None:
        """Print it, with the time."""
        match event:
            case Lost(error) | ImportFailed(error):
                ui.print_error(error)
            case Warned(text):
                ui.print_warning(text)
        if not self._quiet:
            print(printable(f"{datetime.now(self._zone):%H:%M:%S} {line_of(event)}"), flush=True)

    def turn(self, warehouse: ClickHouse | None, files: int, behind_seconds: float) -> None:
        """Print nothing."""


class JsonLines:
    """Prints one JSON object a line for each event."""

    def hear(self, event: Event) -> None:
        """Print it, with the instant."""
        line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), **json_of(event)}
        print(json.dumps(line, ensure_ascii=False), flush=True)
        if isinstance(event, Lost | ImportFailed):
            ui.print_error(event.error)

    def turn(self, warehouse: ClickHouse | None, files: int, behind_seconds: float) -> None:
        """Print nothing."""


def line_of(event: Event) -> str:
    """Return an event in words."""
    match event:
        case Watching(directories, polls, reason):
            places = ", ".join(map(str, directories)) or "no data directory yet, waiting for one"
            how = " by looking every second" if polls else ""
            return f"watching {places}{how}{f': {reason}' if reason else ''}"
        case Stored(facts, seconds):
            new = ", ".join(counted(facts.new[kind], noun) for kind, noun in NOUNS.items() if facts.new[kind])
            return f"stored {new} of {counted(facts.files, 'transcript')} after {seconds:.2f} s"
        case Imported(summary):
            reports = len(summary.reports) - len(summary.failed)
            load = f"load {summary.load_id}" if summary.load_id else "nothing loaded"
            held = f", {len(summary.held)} held" if summary.held else ""
            what = f"imported {reports} of {len(summary.reports)} reports"
            return f"{'nothing changed' if summary.unchanged_since else what}, {load}{held}"
        case ImportFailed(error):
            return f"import failed: {error}"
        case Lost(error):
            return f"facts wait: {error}"
        case Regained(seconds):
            return f"facts are stored again, after {seconds:.0f} s"
        case Warned(text):
            return f"warning: {text}"
        case Importing() | Lent() | Reconfigured() | Ended():
            return BARE[type(event)][1]


def json_of(event: Event) -> dict[str, Any]:
    """Return an event as an object with stable keys."""
    match event:
        case Watching(directories, polls, reason):
            return {"event": "watching", "directories": list(map(str, directories)), "polls": polls, "reason": reason}
        case Stored(facts, seconds):
            new = {kind: facts.new[kind] for kind in FACT_KINDS}
            return {
                "event": "stored", "new": new, "files": facts.files, "bytes": facts.bytes, "seconds": round(seconds, 3),
            }  # fmt: skip
        case Imported(summary):
            return {
                "event": "imported", "load_id": summary.load_id, "exit_code": int(summary.exit_code),
                "failed_reports": summary.failed, "held": len(summary.held),
            }  # fmt: skip
        case ImportFailed(error):
            return {"event": "import_failed", "error": ui.error_json(error)}
        case Lost(error):
            return {"event": "lost", "error": ui.error_json(error)}
        case Regained(seconds):
            return {"event": "regained", "seconds": round(seconds, 3)}
        case Warned(text):
            return {"event": "warning", "text": text}
        case Importing() | Lent() | Reconfigured() | Ended():
            return {"event": BARE[type(event)][0]}
