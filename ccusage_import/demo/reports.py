"""The reports of sample transcripts: what the pinned ccusage shows of them, worked out here with its recorded prices.

Only what the samples need: each message stands once, in a session's own file or a subagent's.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any

from ccusage_import.ccusage.data_dirs import TRANSCRIPTS
from ccusage_import.documents import parse_json
from ccusage_import.names.pseudonyms import Pseudonyms
from ccusage_import.records import BLOCK_LENGTH, CLAUDE, ModelPrice, PricedModel
from ccusage_import.transcripts.costs import price
from ccusage_import.transcripts.facts import Message
from ccusage_import.transcripts.naming import Names
from ccusage_import.transcripts.reader import Unseen, list_transcripts, read_transcripts

PRICES = Path(__file__).parent / "prices.json"
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RecordedPrices:
    """The prices of the samples' models, as the pinned ccusage gave them."""

    prices: Mapping[str, ModelPrice]

    @classmethod
    def read(cls) -> RecordedPrices:
        """Read the recording."""
        rows = parse_json(PRICES.read_text("utf-8"))
        prices = [ModelPrice._make([CLAUDE, model, *map(_usd, usds)]) for model, usds in rows.items()]
        return cls({found.model: found for found in prices})

    def ask(self, wanted: set[PricedModel], again: Collection[PricedModel] = ()) -> list[ModelPrice]:
        """Return the prices of models, as ccusage is asked for them."""
        asked = {model for _, model in {*wanted, *again}}
        return [found for model, found in self.prices.items() if model in asked]


def _usd(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def reports_of(claude: Path, zone: tzinfo, mode: str, now: datetime, recorded: RecordedPrices) -> dict[str, bytes]:
    """Return what ccusage shows of a data directory: each report by its name.

    Args:
        claude: the data directory.
        zone: in which days begin.
        mode: of ccusage's costs.
        now: decides which block is active.
        recorded: what the models cost.
    """
    messages = _messages(claude)
    for message in messages:
        price(message, recorded.prices, mode)
    days = {"date": lambda message: str(_at(message).astimezone(zone).date())}
    months = {"month": lambda message: str(_at(message).astimezone(zone).date())[:7]}
    projects = {"project": lambda message: message.project}
    sessions = {"projectPath": lambda message: message.project, "sessionId": lambda message: message.session_id}
    by_project: dict[str, list[Row]] = defaultdict(list)
    for row in _rows(messages, projects | days):
        by_project[row["project"]].append(row)
    documents = {
        "daily": {"daily": _rows(messages, days)},
        "monthly": {"monthly": _rows(messages, months)},
        "session": {"sessions": _rows(messages, sessions, _activity)},
        "blocks": {"blocks": [_block(block, now) for block in _blocks(messages)]},
        "projects": {"projects": by_project},
    }
    return {name: json.dumps(document).encode() for name, document in documents.items()}


def _messages(claude: Path) -> list[Message]:
    names = Names(Pseudonyms("", is_enabled=False))
    listing = list_transcripts([claude / TRANSCRIPTS], {}, names)
    batches = read_transcripts(listing, {}, names, Unseen())
    return sorted((message for batch in batches for message in batch.facts.messages.values()), key=_at)


def _at(message: Message) -> datetime:
    return datetime.fromtimestamp(message.at / 1000, UTC)


def _printed(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _rows(
    messages: Iterable[Message],
    keys: Mapping[str, Callable[[Message], str]],
    more: Callable[[Sequence[Message]], Row] = lambda _: {},
) -> list[Row]:
    groups: dict[tuple[str, ...], list[Message]] = defaultdict(list)
    for message in messages:
        groups[tuple(key(message) for key in keys.values())].append(message)
    return [
        {**dict(zip(keys, values, strict=True)), **_tokens(group), **_costs(group), **more(group)}
        for values, group in groups.items()
    ]


def _activity(messages: Sequence[Message]) -> Row:
    return {"firstActivity": _printed(_at(messages[0])), "lastActivity": _printed(_at(messages[-1]))}


def _costs(messages: Sequence[Message]) -> Row:
    by_model: dict[str, list[Message]] = defaultdict(list)
    for message in messages:
        by_model[message.model].append(message)
    breakdowns = [
        {"modelName": model, "cost": _cost(group), **_tokens(group, has_total=False)}
        for model, group in by_model.items()
    ]
    return {"modelsUsed": list(by_model), "modelBreakdowns": breakdowns, "totalCost": _cost(messages)}


def _cost(messages: Iterable[Message]) -> float:
    return float(sum((message.cost_usd for message in messages), Decimal(0)))


def _tokens(messages: Sequence[Message], *, has_total: bool = True, infix: str = "") -> Row:
    usages = [message.usage for message in messages]
    counts = {
        "inputTokens": sum(usage.input_tokens for usage in usages),
        "outputTokens": sum(usage.output_tokens for usage in usages),
        f"cacheCreation{infix}Tokens": sum(
            usage.cache_creation_5m_tokens + usage.cache_creation_1h_tokens for usage in usages
        ),
        f"cacheRead{infix}Tokens": sum(usage.cache_read_tokens for usage in usages),
    }
    return counts | ({"totalTokens": sum(counts.values())} if has_total else {})


def _blocks(messages: Sequence[Message]) -> list[list[Message]]:
    """Return the messages of each block: it begins with the hour of its first one, and ends after five or a rest."""
    blocks: list[list[Message]] = []
    for message in messages:
        at = _at(message)
        if blocks and at - _start(blocks[-1]) <= BLOCK_LENGTH and at - _at(blocks[-1][-1]) <= BLOCK_LENGTH:
            blocks[-1].append(message)
        else:
            blocks.append([message])
    return blocks


def _start(block: Sequence[Message]) -> datetime:
    return _at(block[0]).replace(minute=0, second=0, microsecond=0)


def _block(messages: Sequence[Message], now: datetime) -> Row:
    start, last, cost = _start(messages), _at(messages[-1]), _cost(messages)
    is_active = now - last < BLOCK_LENGTH and now < start + BLOCK_LENGTH
    tokens = sum(message.total_tokens for message in messages)
    burn_rate, projection = None, None
    minutes = (last - _at(messages[0])) / timedelta(minutes=1)
    if is_active and minutes:
        left = round((start + BLOCK_LENGTH - now) / timedelta(minutes=1))
        burn_rate = {"tokensPerMinute": tokens / minutes, "costPerHour": cost / minutes * 60}
        projection = {
            "remainingMinutes": left,
            "totalTokens": round(tokens + tokens / minutes * left),
            "totalCost": round(cost + cost / minutes * left, 2),
        }
    return {
        "id": _printed(start),
        "startTime": _printed(start),
        "endTime": _printed(start + BLOCK_LENGTH),
        "actualEndTime": _printed(last),
        "isActive": is_active,
        "isGap": False,
        "entries": len(messages),
        "tokenCounts": _tokens(messages, has_total=False, infix="Input"),
        "totalTokens": tokens,
        "costUSD": cost,
        "models": list(dict.fromkeys(message.model for message in messages)),
        "burnRate": burn_rate,
        "projection": projection,
    }
