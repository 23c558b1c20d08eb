"""Groups that are judged together, since usage may have moved from one to another. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date, timedelta

from ccusage_import.records import TIMED_REPORTS
from ccusage_import.rule.evidence import MESSAGE_GROWS
from ccusage_import.rule.groups import Group, Pair, group_of
from ccusage_import.rule.moves import Moves
from ccusage_import.rule.window import Window


def clusters(
    groups: Sequence[Group],
    moves: Moves,
    window: Window,
    are_apart: Callable[[Group, Group], bool],
    whole: Collection[date],
) -> Iterator[list[Group]]:
    """Yield the groups, one that fell together with the neighbours to which its usage may have moved.

    Args:
        groups: all of one report.
        moves: what is known of messages.
        window: what is known of the time.
        are_apart: whether no usage of one that fell can have moved to one that grew.
        whole: the days whose projects have other names; none of their usage came or went.
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
            if is_new and _may_have_moved(groups[index], groups[receiver], window, whole):
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


def whole_days(projects: Iterable[Pair], days: Iterable[Pair]) -> set[date]:
    """Return the days that are offered as they are stored, to which the projects of each add up then and now.

    What a project lost of such a day stands under another name.

    Args:
        projects: what is stored and offered of them.
        days: likewise; nothing where the days are not known.
    """
    by_day = {pair.record.day: pair for pair in days}
    of_day: dict[date, list[Pair]] = defaultdict(list)
    for pair in projects if by_day else ():
        of_day[pair.record.day].append(pair)
    return {
        day
        for day, pairs in of_day.items()
        if day in by_day and any(group_of([pair]).fell for pair in pairs) and _add_up(pairs, by_day[day])
    }


def _add_up(parts: Sequence[Pair], whole: Pair) -> bool:
    then, now = ([one for one in side if one is not None] for side in zip(*parts, strict=True))
    if whole.stored is None or whole.offered is None:
        return False
    zones = {one.provenance.timezone for one in (*then, *now, whole.stored, whole.offered)}
    sums = {tuple(map(sum, zip(*(one.tokens for one in side), strict=True))) for side in (then, now)}
    return len(zones) == 1 and sums == {whole.stored.tokens} == {whole.offered.tokens}


def _may_have_moved(source: Group, receiver: Group, window: Window, whole: Collection[date]) -> bool:
    """Whether usage may have gone to a neighbouring record of the same sessions, none of which fell."""
    days = {pair.record.day for group in (source, receiver) for pair in group.pairs}
    if any(day in whole for day in days):
        return len(days) == 1
    gap = MESSAGE_GROWS if source.pairs[0].record.report in TIMED_REPORTS else timedelta(0)
    if source.is_session or not any(one.touches(other, gap) for one in source.stored_spans for other in receiver.spans):
        return False
    if not all(map(window.is_intact, source.pairs)):
        return False
    if window.waits or window.doubt(source):
        return window.waits
    found = window.sessions_of(source)
    is_shared = any(one.touches(other) for item in found for one in item.offered for other in receiver.spans)
    return is_shared and all(item.is_whole for item in found)
