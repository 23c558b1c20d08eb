"""Groups that are judged together, since usage may have moved from one to another. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

from ccusage_import.records import TIMED_REPORTS
from ccusage_import.rule.evidence import MESSAGE_GROWS
from ccusage_import.rule.groups import Group
from ccusage_import.rule.moves import Moves
from ccusage_import.rule.window import Window


def clusters(
    groups: Sequence[Group], moves: Moves, window: Window, are_apart: Callable[[Group, Group], bool]
) -> Iterator[list[Group]]:
    """Yield the groups, one that fell together with the neighbours to which its usage may have moved.

    Args:
        groups: all of one report.
        moves: what is known of messages.
        window: what is known of the time.
        are_apart: whether no usage of one that fell can have moved to one that grew.
    """
    joined = {index: [index] for index in range(len(groups))}

    def join(one: int, other: int) -> None:
        if joined[one] is not joined[other]:
            joined[one] += joined[other]
            joined.update(dict.fromkeys(joined[other], joined[one]))

    fallen = [index for index, group in enumerate(groups) if group.fell]
    growing = [index for index, group in enumerate(groups) if group.grew]
    for index in fallen:
        for receiver in growing:
            is_new = joined[index] is not joined[receiver] and not are_apart(groups[index], groups[receiver])
            if is_new and _may_have_moved(groups[index], groups[receiver], window):
                join(index, receiver)
    index_of = {id(group): index for index, group in enumerate(groups)}
    for index, group in enumerate(groups):
        for other in moves.receivers(group):
            join(index, index_of[id(other)])
    seen: set[int] = set()
    for index, members in joined.items():
        if index not in seen:
            seen.update(members)
            yield [groups[member] for member in members]


def _may_have_moved(source: Group, receiver: Group, window: Window) -> bool:
    """Whether usage may have gone to a neighbouring record of the same sessions, none of which fell."""
    gap = MESSAGE_GROWS if source.pairs[0].record.report in TIMED_REPORTS else timedelta(0)
    if source.is_session or not any(one.touches(other, gap) for one in source.stored_spans for other in receiver.spans):
        return False
    if not all(map(window.is_intact, source.pairs)):
        return False
    if window.waits or window.doubt(source):
        return window.waits
    found = window.sessions_of(source)
    is_shared = any(one.touches(other) for item in found for one in item.offered for other in receiver.spans)
    return is_shared and not any(item.fell for item in found)
