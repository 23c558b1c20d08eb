"""The rule that counts a message once, over all files and copies, as the pinned ccusage does. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ccusage_import.transcripts.acceptance import BOTH, DAILY, SESSION
from ccusage_import.transcripts.facts import Message

# A rank fills the upper half of 128 bits. The load comes last, so that a later judgement of a copy replaces the first.
_LARGEST_TOTAL, _LOAD_BITS = 2**62 - 1, 64
_Key = tuple[int, ...]


def version_of(message: Message, load_id: int) -> int:
    """Return the number by which the engine keeps the largest copy, and of that what was judged of it last."""
    total = min(message.total_tokens, _LARGEST_TOTAL)
    rank: int = ((not message.is_sidechain) * (_LARGEST_TOTAL + 1) + total) * 2 + bool(message.speed)
    return rank << _LOAD_BITS | load_id


def judge_copies(copies: Iterable[Message]) -> None:
    """Decide for each copy by which of ccusage's rules it counts, and which copy of a message is shown.

    All copies of a message must be given; their order does not matter.
    """
    by_message = defaultdict[int, list[Message]](list)
    for copy in copies:
        copy.counts_in, copy.is_shown = copy.accepted, True
        if copy.message:
            by_message[copy.message].append(copy)
    for group in by_message.values():
        if len(group) > 1:
            _judge(sorted(group, key=lambda copy: copy.place))


def _judge(copies: Sequence[Message]) -> None:
    daily = _kept([copy for copy in copies if copy.accepted & DAILY], DAILY)
    session = _kept([copy for copy in copies if copy.accepted & SESSION], SESSION)
    facts = _kept(copies, BOTH)
    for copy in copies:
        copy.counts_in, copy.is_shown = 0, False
    for winner, rule in [(kept.winner, DAILY) for kept in daily] + [(kept.winner, SESSION) for kept in session]:
        winner.counts_in |= rule
        winner.is_shown = True
    _unite(daily, session)
    counted = {id(member) for kept in (*daily, *session) for member in kept.members}
    for kept in facts:
        if not any(id(member) in counted for member in kept.members):
            kept.winner.is_shown = True


def _unite(daily: Sequence[_Kept], session: Sequence[_Kept]) -> None:
    """Let one copy count by both rules where they chose two different copies that say the same."""
    for by_session in session:
        winner = by_session.winner
        if winner.counts_in & DAILY:
            continue
        for by_day in daily:
            other = by_day.winner
            if not other.counts_in & SESSION and _says_the_same(winner, other):
                winner.counts_in |= DAILY
                other.counts_in, other.is_shown = 0, False
                by_day.winner = winner
                break


def _says_the_same(one: Message, other: Message) -> bool:
    return (one.request, one.at, one.usage, one.model) == (other.request, other.at, other.usage, other.model)


@dataclass(slots=True)
class _Kept:
    winner: Message
    members: list[Message] = field(default_factory=list)


def _kept(copies: Sequence[Message], rule: int) -> list[_Kept]:
    """Return which copies stay by one rule, met in the order of ccusage."""
    rank: Callable[[Message], Any] = _daily_rank if rule & DAILY else _session_rank
    kept: list[_Kept] = []
    exact: dict[_Key, _Kept] = {}
    of_session = defaultdict[int, list[tuple[Message, _Kept]]](list)
    for copy in copies:
        key = _key(copy, rule)
        found = exact.get(key) or _replayed(copy, of_session[copy.counted_session], rule)
        if found is None:
            found = _Kept(copy)
            kept.append(found)
            exact[key] = found
        elif rank(copy) > rank(found.winner):
            found.winner = copy
            exact[key] = found
        found.members.append(copy)
        of_session[copy.counted_session].append((copy, found))
    return kept


def _key(copy: Message, rule: int) -> _Key:
    if copy.request:
        return (copy.request,)
    return (0, copy.counted_session, copy.at) if rule == DAILY else (0, copy.counted_session)


def _replayed(copy: Message, earlier: Sequence[tuple[Message, _Kept]], rule: int) -> _Kept | None:
    """Return what a copy replays: one of the two belongs to a subagent; only `daily` lets their times differ."""
    for other, kept in earlier:
        is_replay = copy.is_sidechain or other.is_sidechain
        if is_replay and (rule & DAILY or not set(copy.times).isdisjoint(other.times)):
            return kept
    return None


def _daily_rank(copy: Message) -> tuple[object, ...]:
    return (not copy.is_sidechain, copy.total_tokens, copy.cost_usd, bool(copy.speed))


def _session_rank(copy: Message) -> tuple[object, ...]:
    return (not copy.is_sidechain, copy.total_tokens, bool(copy.speed))
