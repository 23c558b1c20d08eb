"""A small, pure model of what ccusage 20.0.24 prints of transcripts: five reports, and which messages each row counts.

Lines are of one kind that the real program counts (`plain`) and of two that stand for what changes between versions:
`gateway` lines count up to 20.0.24, `progress` lines from 20.0.26 on; what some tool wrote anew (`blank`) never does.
`test_model` compares it with the real one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

REPORTS = ("daily", "monthly", "session", "blocks", "projects")
USUAL, LESS, MORE = "20.0.24", "20.0.25", "20.0.26"
# 19 shows no begin of a session, and 18 one row a project instead; it counts the first line of a message.
NINETEEN, EIGHTEEN = "19.0.3", "18.0.11"
UNKNOWN_PROJECT, SUBAGENTS = "Unknown Project", "subagents"
COUNTED = {
    EIGHTEEN: frozenset({"plain", "gateway"}),
    NINETEEN: frozenset({"plain", "gateway", "progress"}),
    "20.0.23": frozenset({"plain", "gateway"}),
    USUAL: frozenset({"plain", "gateway"}),
    LESS: frozenset({"plain"}),
    MORE: frozenset({"plain", "gateway", "progress"}),
}
SONNET, OPUS = "claude-sonnet-4-20250514", "claude-opus-4-20250514"
# US dollars a million tokens: input, output, cache write, cache read.
KNOWN = {SONNET: (3.0, 15.0, 3.75, 0.3), OPUS: (15.0, 75.0, 18.75, 1.5)}
CHEAPER = {SONNET: (2.0, 10.0, 2.5, 0.2), OPUS: (5.0, 25.0, 6.25, 0.5)}
DEARER = {SONNET: (6.0, 30.0, 7.5, 0.6), OPUS: (30.0, 150.0, 37.5, 3.0)}
LOST: dict[str, tuple[float, ...]] = {}
PRICES: dict[str, Mapping[str, tuple[float, ...]]] = {
    "known": KNOWN,
    "cheaper": CHEAPER,
    "dearer": DEARER,
    "lost": LOST,
}
BLOCK = timedelta(hours=5)
NEVER = datetime.min.replace(tzinfo=UTC)


class Tokens(NamedTuple):
    """The four disjoint classes."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_creation_tokens: int = 0
    cache_read_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """What a transcript says of one message; a message that grows has several lines, in any number of files."""

    message: str
    at: datetime
    tokens: Tokens
    model: str = SONNET
    kind: str = "plain"


class File(NamedTuple):
    """Where a transcript lies."""

    directory: str
    project: str
    session: str
    subagent: str = ""

    @property
    def path(self) -> str:
        """The path by whose order ccusage reads."""
        of_subagent = f"/subagents/{self.subagent}" if self.subagent else ""
        return f"{self.directory}/projects/{self.project}/{self.session}{of_subagent}.jsonl"


@dataclass(slots=True)
class Transcript:
    """The lines of one file, and when the last of them was written."""

    lines: list[Line] = field(default_factory=list)
    touched_at: datetime = NEVER


Tree = dict[File, Transcript]


class Entry(NamedTuple):
    """A message as ccusage counts it: its winning line, and whose it is."""

    line: Line
    project: str
    session: str
    subagent: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """How ccusage is run."""

    version: str = USUAL
    zone: str = "UTC"
    mode: str = "auto"
    prices: str = "known"


RawKey = tuple[str, ...]


def entries(tree: Tree, directories: Iterable[str], version: str = USUAL) -> list[Entry]:
    """Return each message once: the largest line wins, among equals the first by path and place.

    Of version 18 the first line wins, of the file that begins first.
    """
    wanted, best = set(directories), dict[str, Entry]()
    is_first = version == EIGHTEEN

    def place(file: File) -> tuple[datetime, str]:
        return min((line.at for line in tree[file].lines), default=NEVER) if is_first else NEVER, file.path

    for file in sorted(tree, key=place):
        for line in tree[file].lines if file.directory in wanted else ():
            known = best.get(line.message)
            is_best = known is None or (not is_first and sum(line.tokens) > sum(known.line.tokens))
            if line.kind in COUNTED[version] and is_best:
                best[line.message] = Entry(line, file.project, file.session, file.subagent)
    return list(best.values())


def of_other_agent(found: Iterable[Entry]) -> list[Entry]:
    """Return messages as those of another agent, whose sessions are of no project."""
    return [entry._replace(project="") for entry in found]


def rows(report: str, found: Iterable[Entry], zone: str, version: str = USUAL) -> dict[RawKey, list[Entry]]:
    """Return the messages of each row by its key: in clear, and as ccusage names them."""
    if version == EIGHTEEN and report == "session":
        found = [
            entry._replace(project=f"{entry.project}/{entry.session}", session=SUBAGENTS)
            if entry.subagent
            else entry._replace(project=UNKNOWN_PROJECT, session=entry.project)
            for entry in found
        ]
    if report == "blocks":
        return {(_printed(start),): inside for start, inside in _blocks(found)}
    of_day, grouped = ZoneInfo(zone), defaultdict[RawKey, list[Entry]](list)
    for entry in found:
        day = entry.line.at.astimezone(of_day).date().isoformat()
        key: RawKey = {
            "daily": (day,),
            "monthly": (day[:7],),
            "session": (entry.project, entry.session),
            "projects": (day, entry.project),
        }[report]
        grouped[key].append(entry)
    return dict(sorted(grouped.items()))


def document(report: str, found: Sequence[Entry], reading: Reading, now: datetime) -> dict[str, Any]:
    """Return what ccusage prints for a report."""
    grouped = rows(report, found, reading.zone, reading.version)
    if report == "blocks":
        return {"blocks": [_block_row(key[0], inside, reading, now) for key, inside in grouped.items()]}
    totals = _usage(found, reading)
    missing = sorted({entry.line.model for entry in found if _is_unpriced(entry.line.model, reading)})
    if missing:
        totals["unpricedModels"] = missing
    if report == "projects" and grouped:
        projects: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for (day, project), inside in grouped.items():
            projects[project].append({"date": day, "project": project, **_row(inside, reading)})
        return {"projects": projects, "totals": totals}
    printed = {"monthly": "month", "session": "sessionId"}.get(report, "date")
    listed = []
    for key, inside in grouped.items():
        row = {printed: key[-1], **_row(inside, reading)}
        if report == "session":
            instants = [entry.line.at for entry in inside]
            row |= {
                "projectPath": key[0],
                "firstActivity": _printed(min(instants)),
                "lastActivity": _printed(max(instants)),
            }
            if not key[0]:
                # A session of another agent does not show its begin.
                del row["firstActivity"], row["projectPath"]
            elif reading.version in (EIGHTEEN, NINETEEN):
                del row["firstActivity"]
                row["lastActivity"] = max(instants).astimezone(ZoneInfo(reading.zone)).date().isoformat()
        listed.append(row)
    return {{"session": "sessions", "monthly": "monthly"}.get(report, "daily"): listed, "totals": totals}


def cost(line: Line, reading: Reading) -> float:
    """Return the price of a message; transcripts hold no cost of their own, so that `display` shows none."""
    prices = PRICES[reading.prices].get(line.model)
    if prices is None or reading.mode == "display":
        return 0.0
    return sum(count * price / 1_000_000 for count, price in zip(line.tokens, prices, strict=True))


def _is_unpriced(model: str, reading: Reading) -> bool:
    return reading.mode != "display" and model not in PRICES[reading.prices]


def _counts(found: Iterable[Entry]) -> Tokens:
    return Tokens(*map(sum, zip(Tokens(), *(entry.line.tokens for entry in found), strict=True)))


def _classes(tokens: Tokens) -> dict[str, Any]:
    return {
        "inputTokens": tokens.input_tokens,
        "outputTokens": tokens.output_tokens,
        "cacheCreationTokens": tokens.cache_creation_tokens,
        "cacheReadTokens": tokens.cache_read_tokens,
    }


def _usage(found: Sequence[Entry], reading: Reading) -> dict[str, Any]:
    tokens = _counts(found)
    spent = sum(cost(entry.line, reading) for entry in found)
    return {**_classes(tokens), "totalTokens": sum(tokens), "totalCost": spent}


def _row(inside: Sequence[Entry], reading: Reading) -> dict[str, Any]:
    breakdowns = []
    for model in dict.fromkeys(entry.line.model for entry in inside):
        of_model = [entry for entry in inside if entry.line.model == model]
        spent = sum(cost(entry.line, reading) for entry in of_model)
        part = {"modelName": model, **_classes(_counts(of_model)), "cost": spent}
        breakdowns.append({**part, "missingPricing": True} if _is_unpriced(model, reading) else part)
    breakdowns.sort(key=lambda part: -part["cost"])
    return {
        **_usage(inside, reading),
        "modelsUsed": list(dict.fromkeys(entry.line.model for entry in inside)),
        "modelBreakdowns": breakdowns,
    }


def _blocks(found: Iterable[Entry]) -> list[tuple[datetime, list[Entry]]]:
    blocks: list[tuple[datetime, list[Entry]]] = []
    for entry in sorted(found, key=lambda entry: entry.line.at):
        at = entry.line.at
        if not blocks or at - blocks[-1][0] > BLOCK or at - blocks[-1][1][-1].line.at > BLOCK:
            blocks.append((at.replace(minute=0, second=0, microsecond=0), []))
        blocks[-1][1].append(entry)
    return blocks


def _block_row(start: str, inside: Sequence[Entry], reading: Reading, now: datetime) -> dict[str, Any]:
    starts_at, last = datetime.fromisoformat(start), inside[-1].line.at
    tokens = _counts(inside)
    return {
        "id": start,
        "startTime": start,
        "endTime": _printed(starts_at + BLOCK),
        "actualEndTime": _printed(last),
        "isActive": now - last < BLOCK and now < starts_at + BLOCK,
        "isGap": False,
        "entries": len(inside),
        "tokenCounts": {
            "inputTokens": tokens.input_tokens,
            "outputTokens": tokens.output_tokens,
            "cacheCreationInputTokens": tokens.cache_creation_tokens,
            "cacheReadInputTokens": tokens.cache_read_tokens,
        },
        "totalTokens": sum(tokens),
        "costUSD": sum(cost(entry.line, reading) for entry in inside),
        "models": sorted({entry.line.model for entry in inside}),
        "burnRate": None,
        "projection": None,
    }


def _printed(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
