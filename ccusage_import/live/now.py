"""What is going on now, by the facts in the warehouse: the open block, quotas, today, what runs, the last prompts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from ccusage_import.config.settings import Settings
from ccusage_import.records import BLOCK_LENGTH
from ccusage_import.warehouse.budgets import QuotaUse, read_own_quotas
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.snapshot import count_held

# As far back as the chain of blocks that leads to the open one is followed.
LOOKED_BACK = timedelta(hours=24)
# A session that was silent for longer does not run.
RUNNING = timedelta(minutes=30)
SHOWN = 6
_MINE = "machine = {machine:String}"
_TIMES = (
    f"SELECT at, toFloat64(cost_usd), total_tokens FROM messages WHERE {_MINE}"  # noqa: S608 - text of ours
    " AND at >= {since:DateTime64(3, 'UTC')} AND has(counts_in, 'daily') ORDER BY at"
)
_MODELS = (
    "SELECT model, count(), sum(total_tokens), sum(cost_usd), max(unpriced) FROM messages"  # noqa: S608 - text of ours
    f" WHERE {_MINE} AND date = {{today:Date}} AND has(counts_in, 'daily')"
    " GROUP BY model HAVING sum(total_tokens) > 0 ORDER BY sum(cost_usd) DESC, model"
)
_SESSIONS = (
    "SELECT project, session_id, max(at), count(), sum(cost_usd),"  # noqa: S608 - text of ours
    " argMaxIf(input_tokens + cache_read_tokens + cache_creation_5m_tokens + cache_creation_1h_tokens, at,"
    f" NOT is_subagent) FROM messages WHERE {_MINE} AND (project, session_id) IN (SELECT project, session_id"
    f" FROM messages WHERE {_MINE} AND at >= {{running:DateTime64(3, 'UTC')}})"
    " GROUP BY project, session_id ORDER BY max(at) DESC, session_id LIMIT {shown:UInt8}"
)
_TURNS = (
    "SELECT at, project, command, kind, messages, tool_calls, cost_usd, duration_ms, outcome"  # noqa: S608 - text of ours
    f" FROM turns_since(first = {{since:DateTime64(3, 'UTC')}}) WHERE {_MINE} ORDER BY at DESC LIMIT {{shown:UInt8}}"
)


class Block(NamedTuple):
    """The five-hour block that is open, by ccusage's rule; rates are over the time since its first message."""

    started_at: datetime
    ends_at: datetime
    tokens: int
    cost_usd: float
    cost_per_hour_usd: float | None
    projected_cost_usd: float | None


class Model(NamedTuple):
    """One model today."""

    name: str
    messages: int
    tokens: int
    cost_usd: Decimal
    unpriced: bool


class Session(NamedTuple):
    """A session that runs; the context is what its last own answer read."""

    project: str
    session: str
    last_at: datetime
    messages: int
    cost_usd: Decimal
    context_tokens: int


class LastTurn(NamedTuple):
    """A prompt, and what it caused."""

    at: datetime
    project: str
    command: str
    kind: str
    messages: int
    tool_calls: int
    cost_usd: Decimal
    duration_ms: int
    outcome: str


@dataclass(frozen=True, slots=True)
class Now:
    """All of it."""

    block: Block | None
    models: Sequence[Model]
    sessions: Sequence[Session]
    turns: Sequence[LastTurn]
    held: int
    quotas: Sequence[QuotaUse]


def read_now(warehouse: ClickHouse, settings: Settings, now: datetime) -> Now:
    """Return what is going on on the machine of the settings."""
    parameters = {
        "machine": settings.machine,
        "since": now - LOOKED_BACK,
        "running": now - RUNNING,
        "today": settings.today(now),
        "shown": SHOWN,
    }
    return Now(
        open_block(((at, cost, tokens) for at, cost, tokens in warehouse.rows(_TIMES, parameters)), now),
        [Model(*row) for row in warehouse.rows(_MODELS, parameters)],
        [Session(*row) for row in warehouse.rows(_SESSIONS, parameters)],
        [LastTurn(*row) for row in warehouse.rows(_TURNS, parameters)],
        count_held(warehouse, settings.machine),
        read_own_quotas(warehouse, settings),
    )


def open_block(messages: Iterable[tuple[datetime, float, int]], now: datetime) -> Block | None:
    """Return the block that is open now; one begins with the full hour of the first message after the one before.

    Args:
        messages: instant, cost and tokens of each, in order of time.
        now: the instant that may lie in a block.
    """
    begin = first = last = None
    cost, tokens = 0.0, 0
    for at, cost_usd, count in messages:
        if begin is None or last is None or at - begin > BLOCK_LENGTH or at - last > BLOCK_LENGTH:
            begin, first = at.replace(minute=0, second=0, microsecond=0), at
            cost, tokens = 0.0, 0
        last = at
        cost, tokens = cost + cost_usd, tokens + count
    if begin is None or first is None or last is None or now >= begin + BLOCK_LENGTH or now - last >= BLOCK_LENGTH:
        return None
    hours = (last - first) / timedelta(hours=1)
    rate = cost / hours if hours else None
    left = (begin + BLOCK_LENGTH - now) / timedelta(hours=1)
    return Block(begin, begin + BLOCK_LENGTH, tokens, cost, rate, None if rate is None else cost + rate * left)
