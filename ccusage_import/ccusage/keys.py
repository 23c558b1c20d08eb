"""Natural keys of records; of a row that was refused, as much of its key as can be read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

from ccusage_import.ccusage.refusals import Refused
from ccusage_import.ccusage.validation import RefusedRow
from ccusage_import.names.pseudonyms import Pseudonyms
from ccusage_import.records import ALL_AGENTS, CLAUDE, CODEX, split_label

# A transcript of codex that was archived; before, it lay in a directory of its day.
_ARCHIVED = re.compile(r"rollout-(\d{4})-(\d{2})-(\d{2})T")


def joined_key(first: str, second: str) -> str:
    """Join two names to a key that no other two names can give."""
    return f"{first.replace('%', '%25').replace('/', '%2F')}/{second}"


def lasting_session_id(agent: str, session_id: str, listed: Collection[str]) -> str:
    """Return the id of a session, and of one that codex archived the id that it had before: it is still the same.

    Args:
        agent: whose session it is.
        session_id: as it is printed.
        listed: all ids of the report; a copy may be where the session was before.
    """
    archived = _ARCHIVED.match(session_id) if agent == CODEX else None
    filed = "/".join((*archived.groups(), session_id)) if archived else session_id
    return session_id if filed in listed else filed


def block_key(started_at: datetime) -> str:
    """Return the key of a block or an hour: its start in UTC with milliseconds."""
    return started_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def refused_records(label: str, row: RefusedRow, pseudonyms: Pseudonyms) -> Iterator[Refused]:
    """Return what a refused row says of the records in it: report, agent, key and times, None where it does not."""
    agent, report = split_label(label)
    printed = row.printed if isinstance(row.printed, dict) else {}
    started_at, ends_at = (_instant(printed.get(name)) for name in ("startTime", "endTime"))
    key = None if row.repeats_keys else _key(report, row.project, printed, pseudonyms)
    for name in [agent] if agent != CLAUDE else _agents(printed):
        yield Refused(report, name, key, started_at, ends_at)


def _key(report: str, project: str, printed: Mapping[str, Any], pseudonyms: Pseudonyms) -> str | None:
    day = _day(printed.get("date", printed.get("period")))
    match report:
        case "daily":
            return day
        case "projects":
            return day and f"{day}/{pseudonyms.of(project)}"
        case "monthly":
            month = printed.get("month", printed.get("period"))
            return month if isinstance(month, str) and _day(f"{month}-01") else None
        case "blocks" | "hours":
            started_at = _instant(printed.get("startTime"))
            return block_key(started_at) if started_at else None
    session_id = printed.get("sessionId", printed.get("period"))
    named = printed.get("projectPath", _metadata(printed).get("projectPath")) or ""
    if not (isinstance(session_id, str) and session_id and isinstance(named, str)):
        return None
    return joined_key(pseudonyms.of(named), pseudonyms.of(session_id))


def _agents(printed: Mapping[str, Any]) -> Sequence[str | None]:
    """Return whose usage a row is; None where that is unclear."""
    agent = printed.get("agent", CLAUDE)
    if agent != ALL_AGENTS:
        return [agent if isinstance(agent, str) and agent else None]
    parts = printed.get("agents") or []
    named = [part.get("agent") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    named = named or _metadata(printed).get("agents") or []
    is_told = isinstance(named, list) and named and all(isinstance(name, str) and name for name in named)
    return named if is_told else [None]


def _metadata(printed: Mapping[str, Any]) -> Mapping[str, Any]:
    found = printed.get("metadata")
    return found if isinstance(found, dict) else {}


def _day(value: object) -> str | None:
    """Return a day as it is printed, also one that no column can hold: it hides nothing that is stored."""
    if isinstance(value, str) and len(value) == len("2026-10-01"):
        with suppress(ValueError):
            return date.fromisoformat(value).isoformat()
    return None


def _instant(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    with suppress(ValueError, OverflowError):
        found = datetime.fromisoformat(value)
        return found.astimezone(UTC) if found.tzinfo else None
    return None
