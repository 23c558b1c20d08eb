"""Records that cannot be true: they are not judged, and nothing is concluded from what they hide. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from ccusage_import.records import BLOCK_LENGTH, Identity, Record


class Refused(NamedTuple):
    """A record that was offered and cannot be true; what it does not say about itself is None."""

    report: str
    agent: str | None
    key: str | None
    started_at: datetime | None = None
    block_ends_at: datetime | None = None


def left_alone(offered: Sequence[Record], stored: Sequence[Record], refused: Sequence[Refused]) -> frozenset[Identity]:
    """Return the records that cannot be judged because some that were offered were refused.

    A refused record was offered: what is stored under its key did not vanish. Where it does not show its key, it may
    be any stored record that is not offered. Blocks that overlap such a one are left alone with it.
    """
    if not refused:
        return frozenset()
    shown, keys = {record.identity for record in offered}, {(item.report, item.agent, item.key) for item in refused}
    hidden = [record for record in stored if _is_hidden(record, keys, is_offered=record.identity in shown)]
    blocks = [record for record in (*offered, *stored) if record.report == "blocks"]
    touched = _touched(blocks, [*refused, *hidden])
    return frozenset(record.identity for record in (*hidden, *touched))


def _is_hidden(record: Record, keys: set[tuple[str, str | None, str | None]], *, is_offered: bool) -> bool:
    """Return whether a stored record may be one of the refused."""
    agents = (record.agent, None)
    if any((record.report, agent, record.key) in keys for agent in agents):
        return True
    return not is_offered and any((record.report, agent, None) in keys for agent in agents)


def _touched(blocks: Sequence[Record], centres: Sequence[Refused | Record]) -> Iterator[Record]:
    """Return the blocks that overlap one of the centres, or a block that does, and so on."""
    found = [*blocks, *(item for item in centres if item.report == "blocks")]
    spans = sorted(
        ((item.started_at, item.block_ends_at or item.started_at + BLOCK_LENGTH, item) for item in found
         if item.started_at is not None),
        key=lambda span: span[0],
    )  # fmt: skip
    marked = set(map(id, centres))
    group: list[Refused | Record] = []
    group_ends_at = datetime.min.replace(tzinfo=UTC)
    for started_at, ends_at, item in spans:
        if started_at >= group_ends_at:
            yield from _with_centre(group, marked)
            group = []
        group_ends_at = max(group_ends_at, ends_at)
        group.append(item)
    yield from _with_centre(group, marked)


def _with_centre(group: list[Refused | Record], marked: set[int]) -> list[Record]:
    if not any(id(item) in marked for item in group):
        return []
    return [item for item in group if isinstance(item, Record)]
