"""The promises, each checked with the warehouse read back and the messages behind each number.

What cannot be decided from what ccusage prints is not demanded: which session owns a copied message, and whether a
message that moved over midnight while another session of its old day was deleted is still part of that day.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from ccusage_import.records import CLAUDE
from tests.worlds.driver import TOTALS, Identity, Logged, Shown, State
from tests.worlds.ledger import (
    NONE,
    Ledger,
    Messages,
    Offered,
    Undone,
    block_span,
    day_of,
    first_day,
    groups,
    joined,
    shown_of,
)

CENT = Decimal("0.000001")  # of a dollar
DAY = timedelta(days=1)
WHY_STILL_HELD = ("session_gone", "sessions_unknown", "price_lost")


class Violation(NamedTuple):
    """A promise that was broken, and the rows that show it."""

    promise: str
    rows: str


def check_import(ledger: Ledger, before: State, after: State, offered: Offered, error: str) -> Iterator[Violation]:
    """Yield what an import broke, and bring the ledger up to date."""
    yield from _refused(before, after, offered, error)
    if error:
        return
    old = dict(ledger.content)
    ledger.vouched = {message for key, found in old.items() if key.report == "session" for message in found}
    ledger.has_all_vouched = offered.offer.documents.get("session") is not None and all(
        map(ledger.vouched.issuperset, old.values())
    )
    ledger.hear(offered)
    ledger.last = offered
    yield from _update(ledger, before, after, offered)
    yield from _fallen(ledger, old, before, after, offered)
    yield from _totals(ledger, old, before, after, offered)
    yield from counted_twice(ledger, offered)
    yield from _undone(ledger, old, before, after, offered)
    yield from _arrived(ledger, old, before, after, offered)
    yield from _cheaper(ledger, old, before, after, offered)
    yield from _reasons(ledger, old, before, after, offered)
    yield from loads_agree(ledger, after)


def check_undo(ledger: Ledger, before: State, after: State, target: int, load_id: int) -> Iterator[Violation]:
    """Yield what taking a load back broke."""
    content = ledger.replaced.get(target, {})
    taken_back: dict[Identity, Messages | None] = {}
    changes = [change for change in before.logged if change.load_id == target and change.is_written]
    written = {change.identity for change in changes}
    # What took records back is taken back itself.
    brought_back = {change.identity for change in changes if change.reason == "undone"}
    for identity, messages in content.items():
        if identity not in written:
            continue
        taken_back[identity] = ledger.content.get(identity)
        restored = sum((messages or NONE).values())
        shown = after.shown[identity].tokens if identity in after.shown else 0
        if shown != restored:
            yield Violation("undo restores what was shown", f"{identity}: {restored} before, {shown} after undo")
        if identity in brought_back:
            ledger.undone.pop(identity, None)
            ledger.taken_back.discard(identity)
        elif before.shown.get(identity) != after.shown.get(identity):
            ledger.undone[identity] = _undone_of(before.shown.get(identity), restored)
            ledger.taken_back.add(identity)
        ledger.priced_with.pop(identity, None)
        _put(ledger.content, identity, messages)
    ledger.replaced[load_id] = taken_back
    ledger.settle(load_id, target)
    for identity in sorted((before.shown.keys() | after.shown.keys()) - written):
        if before.shown.get(identity) != after.shown.get(identity):
            yield Violation("undo changes nothing else", f"{identity}")
    yield from loads_agree(ledger, after)


def _undone_of(shown: Shown | None, restored: int) -> Undone:
    return Undone(shown.tokens if shown else 0, restored)


def check_accept(ledger: Ledger, before: State, after: State, load_id: int) -> Iterator[Violation]:
    """Yield what accepting broke: nothing that ccusage still offers may vanish by it."""
    old, replaced = dict(ledger.content), dict[Identity, Messages | None]()
    for identity in sorted(before.shown.keys() | after.shown.keys()):
        now = after.shown.get(identity)
        if now == before.shown.get(identity):
            continue
        replaced[identity] = old.get(identity)
        if ledger.undone.pop(identity, None):
            # A person who takes back a move and then one end of it wants both.
            ledger.tolerated.update((identity.report, message) for message in ledger.messages_seen(identity))
        ledger.priced_with.pop(identity, None)
        messages = ledger.seen.get(identity, {}).get(now.tokens) if now else None
        if now and messages is None:
            yield Violation("accept takes an offer", f"{identity}: {now.tokens} was never offered")
        _put(ledger.content, identity, messages)
    ledger.replaced[load_id] = replaced
    ledger.settle(load_id, 0)
    offered = ledger.last.content if ledger.last else {}
    for report in ("daily", "monthly", "session", "blocks", "projects"):
        was, left, last = (shown_of(content, report) for content in (old, ledger.content, offered))
        for message in sorted(was):
            if left[message] < min(was[message], last[message]):
                yield Violation(
                    "accept loses nothing that is still offered",
                    f"{report}: {message}: {was[message]} shown, {last[message]} offered, {left[message]} after accept",
                )
    if ledger.last:
        yield from counted_twice(ledger, ledger.last)
    yield from loads_agree(ledger, after)


def loads_agree(ledger: Ledger, after: State) -> Iterator[Violation]:
    """The loads say what became of them, and how much was shown after the last one."""
    for load_id, state in ledger.states.items():
        found = after.loads[load_id]["state"] if load_id in after.loads else "missing"
        if found != state:
            yield Violation("every load is in its true state", f"{load_id} is {found}, not {state}")
    last: dict[str, int] = {}
    for load_id, load in after.loads.items():
        if load["state"] in ("committed", "undone") and load_id == max(
            number
            for number, other in after.loads.items()
            if other["machine"] == load["machine"] and other["state"] in ("committed", "undone")
        ):
            last[str(load["machine"])] = int(load["tokens_after"])
    for machine, tokens in last.items():
        shown = sum(
            item.tokens
            for item in after.shown.values()
            if (item.identity.machine, item.identity.report) == (machine, "daily")
        )
        if shown != tokens:
            yield Violation("a load knows its totals", f"{machine}: {tokens} by its last load, {shown} shown")


def counted_twice(ledger: Ledger, offered: Offered) -> Iterator[Violation]:
    """Each message counts once in each report, however often it was shown under another key."""
    for report in ("daily", "monthly", "session", "blocks", "projects"):
        for message, tokens in shown_of(ledger.content, report).items():
            # Outside the window nothing tells a renamed project from work in another one.
            is_old = offered.intact_from is None or ledger.instants[message].date() <= offered.intact_from
            may_stand_twice = message in ledger.copied or (message in ledger.moved and is_old)
            if tokens <= ledger.most[message] or (report, message) in ledger.tolerated:
                continue
            ledger.tolerated.add((report, message))
            if report in ("session", "projects") and may_stand_twice:
                continue
            holders = [
                identity
                for identity, messages in ledger.content.items()
                if identity.report == report and message in messages
            ]
            if message in ledger.grown and _is_known_limit(ledger, holders, offered):
                continue
            if report in ("session", "projects") and not ledger.copied.isdisjoint(joined(ledger.content, holders)):
                continue
            # Two things at once, a person's deletion and a move: nothing tells one from the other.
            at = ledger.instants[message].date()
            if message in ledger.grown | ledger.moved and any(
                first <= at <= last for first, last in _gone_days(ledger, ledger.content, offered)
            ):
                continue
            if not ledger.has_all_vouched and message in ledger.grown | ledger.moved:
                continue
            rows = ", ".join(
                f"{identity.machine}/{identity.key}: {dict(ledger.content[identity])}" for identity in holders
            )
            yield Violation(
                "nothing is counted twice", f"{report}: {message} counts {tokens} of {ledger.most[message]}: {rows}"
            )


def _is_known_limit(ledger: Ledger, holders: Sequence[Identity], offered: Offered) -> bool:
    """A message that moved while another of its old record was deleted may be part of both records."""
    stale = [identity for identity in holders if ledger.content[identity] != offered.content.get(identity)]
    return len(stale) >= len(holders) - 1 and all(
        any(message not in offered.counted for message in ledger.content[identity]) for identity in stale
    )


def _refused(before: State, after: State, offered: Offered, error: str) -> Iterator[Violation]:
    if error:
        if before.shown != after.shown or before.logged != after.logged:
            yield Violation("a refused import changes nothing", error)
        if before.budgets != after.budgets:
            yield Violation("a refused import changes no budget", f"{before.budgets} {after.budgets}")
        # That nothing at all is left of what is stored is not believed.
        if offered.content and not offered.may_be_refused and len(offered.failed) < len(offered.offer.documents):
            yield Violation("an import that nothing is wrong with is not refused", error)
    elif offered.must_be_refused:
        yield Violation(
            "a machine's name belongs to one installation", f"{offered.who.name} loaded into {offered.who.machine}"
        )


def _put(content: dict[Identity, Messages], identity: Identity, messages: Messages | None) -> None:
    if messages is None:
        content.pop(identity, None)
    else:
        content[identity] = messages


def _update(ledger: Ledger, before: State, after: State, offered: Offered) -> Iterator[Violation]:
    """Find the messages behind what was written."""
    old = dict(ledger.content)
    ledger.priced_before = dict(ledger.priced_with)
    gone = [identity for identity in old if identity not in after.shown]
    new_loads = after.loads.keys() - before.loads.keys()
    replaced: dict[Identity, Messages | None] = {identity: old[identity] for identity in gone}
    for identity in gone:
        del ledger.content[identity]
    for identity, shown in sorted(after.shown.items()):
        if shown.load_id not in new_loads:
            continue
        replaced[identity] = old.get(identity)
        messages: Messages | None = offered.content.get(identity, NONE)
        if sum((messages or NONE).values()) != shown.tokens:
            same = [
                old[other]
                for other in gone
                if _canonical(ledger, other) == _canonical(ledger, identity)
                and sum(old[other].values()) == shown.tokens
            ]
            messages = same[0] if same else None
        if messages is None:
            yield Violation(
                "what is written was offered",
                f"{identity}: {shown.tokens}, offered {dict(offered.content.get(identity, NONE))}",
            )
            messages = ledger.seen.get(identity, {}).get(shown.tokens, NONE)
        elif identity in offered.content:
            ledger.priced_with[identity] = offered.priced_by
            if abs(float(shown.cost) - offered.cost[identity]) >= float(CENT):
                # What it holds was priced before, who knows how.
                del ledger.priced_with[identity]
        ledger.content[identity] = messages
    for load_id in new_loads:
        if after.loads[load_id]["state"] == "committed":
            ledger.replaced[load_id] = replaced
            ledger.settle(load_id, 0)


def _canonical(ledger: Ledger, identity: Identity) -> tuple[str, ...]:
    return (identity.report, *ledger.clear.get(identity, (identity.key,)))


def _explains_fall(
    ledger: Ledger, message: str, shown: int, stored: Mapping[Identity, Shown], offered: Offered
) -> bool:
    """Whether what a message counts now is less, in truth, and something that may lower it happened."""
    now = offered.counted.get(message, 0)
    changed = any(
        item.version != offered.offer.version
        for identity, item in stored.items()
        if message in ledger.content.get(identity, NONE)
        or message in ledger.seen.get(identity, {}).get(item.tokens, NONE)
    )
    is_there = message in offered.present and (changed or message in ledger.rewritten)
    # Who has read a message knows that it was cut out.
    return now < shown and (is_there or message in ledger.edited - ledger.read)


def _fallen(
    ledger: Ledger, old: Mapping[Identity, Messages], before: State, after: State, offered: Offered
) -> Iterator[Violation]:
    """What a record lost is shown elsewhere, or is really less."""
    keys = sorted(before.shown.keys() | after.shown.keys())
    same = [
        key
        for key in keys
        if key in before.shown and key in after.shown and before.shown[key].tokens == after.shown[key].tokens
    ]
    now = {report: shown_of(ledger.content, report) for report in ("daily", "monthly", "session", "blocks", "projects")}
    for group in groups(keys, same):
        was = sum(before.shown[key].tokens for key in group if key in before.shown)
        if was <= sum(after.shown[key].tokens for key in group if key in after.shown):
            continue
        for message, tokens in sorted(joined(old, group).items()):
            if message in ledger.copied and group[0].report in ("session", "projects"):
                continue
            left = now[group[0].report][message]
            if _is_accepted(ledger, group, [message], offered):
                continue
            if left < tokens and not _explains_fall(ledger, message, tokens, before.shown, offered):
                yield Violation(
                    "nothing shown falls",
                    f"{group[0].report} {', '.join(key.key for key in group)}: {message} counted {tokens}, now {left};"
                    f" transcripts say {offered.counted.get(message, 0)}",
                )


def _is_accepted(ledger: Ledger, group: Iterable[Identity], messages: Iterable[str], offered: Offered) -> bool:
    """Whether a person takes less of a group; blocks that overlap and a session in several projects are one."""
    if offered.offer.accepted is None:
        return False
    days = [day_of(ledger.instants[message], offered.offer.zone) for message in messages]
    return any(
        offered.accepts(other, days)
        for identity in group
        for other in (offered.content if identity.report in ("blocks", "session") else (identity,))
        if other == identity or _are_together(ledger, identity, other)
    )


def _totals(
    ledger: Ledger, old: Mapping[Identity, Messages], before: State, after: State, offered: Offered
) -> Iterator[Violation]:
    for report in ("daily", "monthly", "session", "blocks", "projects"):
        was, now = (
            sum(item.tokens for item in state.shown.values() if item.identity.report == report)
            for state in (before, after)
        )
        counts, counted = shown_of(old, report), shown_of(ledger.content, report)
        # What was counted twice, as far as nobody can know better, may be counted once again.
        allowed = sum(max(0, tokens - ledger.most[message]) for message, tokens in counts.items())
        allowed += sum(
            tokens - counted[message]
            for message, tokens in counts.items()
            if counted[message] < tokens
            and (
                _explains_fall(ledger, message, tokens, before.shown, offered)
                or _is_accepted(
                    ledger, [key for key in old if key.report == report and message in old[key]], [message], offered
                )
                or (message in ledger.copied and report in ("session", "projects"))
            )
        )
        if now < was - allowed:
            yield Violation("no sum falls", f"{report}: {was} before, {now} after, {allowed} explained")


def _undone(
    ledger: Ledger, old: Mapping[Identity, Messages], before: State, after: State, offered: Offered
) -> Iterator[Violation]:
    grown: list[Identity] = []
    zones = {item.zone for item in before.shown.values() if item.identity.report == "daily"}
    for identity, undone in ledger.undone.items():
        # Sessions in several projects and blocks that overlap are judged together.
        together = [other for other in offered.content if _are_together(ledger, identity, other)]
        tokens = sum(joined(offered.content, together).values())
        shown = after.shown[identity].tokens if identity in after.shown else 0
        marks = [max(mark) for other, mark in ledger.undone.items() if _are_together(ledger, identity, other)]
        was = before.shown.get(identity)
        is_filed_anew = was.zone != offered.offer.zone if was else bool(zones - {offered.offer.zone})
        if identity.report in ("daily", "monthly", "projects") and is_filed_anew:
            # Days of two zones are judged together; what a person took back is not theirs any more.
            grown.append(identity)
            continue
        is_taken = shown != undone.restored and tokens > sum(marks)
        is_taken |= _has_another_name(ledger, old.get(identity, NONE), identity, offered)
        is_grown = is_taken or sum(offered.content.get(identity, NONE).values()) > max(undone)
        changed = old.get(identity, NONE).keys() ^ ledger.content.get(identity, NONE).keys()
        if is_grown or _is_accepted(ledger, [identity], changed, offered):
            grown.append(identity)
        elif shown != undone.restored:
            yield Violation(
                "what was undone stays undone",
                f"{identity}: restored {undone.restored}, offered {tokens}, shown {shown}",
            )
    for identity in grown:
        del ledger.undone[identity]


def _has_another_name(ledger: Ledger, stored: Messages, identity: Identity, offered: Offered) -> bool:
    """Whether a project or session is not offered any more, and all of it is shown under other names."""
    is_named = identity.report in ("projects", "session")
    if not is_named or identity in ledger.content or identity in offered.content:
        return False
    shown = shown_of(ledger.content, identity.report)
    return bool(stored) and all(shown[message] >= tokens for message, tokens in stored.items())


def _is_same_session(ledger: Ledger, one: Identity, other: Identity) -> bool:
    return other.report == "session" and _are_together(ledger, one, other)


def _are_together(ledger: Ledger, one: Identity, other: Identity) -> bool:
    if one.report != other.report or one.machine != other.machine:
        return False
    if one.report == "blocks":
        (start, end), (starts_at, ends_at) = block_span(one), block_span(other)
        return start < ends_at and starts_at < end
    if one.report == "session":
        return _canonical(ledger, one)[-1] == _canonical(ledger, other)[-1]
    if one.report == "projects":
        # Usage moves between the projects of a day and its neighbours.
        return abs(date.fromisoformat(one.key[:10]) - date.fromisoformat(other.key[:10])) <= DAY
    return one == other


def _gone_days(ledger: Ledger, old: Mapping[Identity, Messages], offered: Offered) -> list[tuple[date, date]]:
    """Return first and last day of each session that a session report cannot show to be whole."""
    shown, stored_tokens, offered_tokens = defaultdict[str, set[str]](set), Counter[str](), Counter[str]()
    for content, tokens in ((old, stored_tokens), (offered.content, offered_tokens)):
        for identity, messages in content.items():
            if identity.report == "session":
                session = _canonical(ledger, identity)[-1]
                tokens[session] += sum(messages.values())
                shown[session].update(messages)
    fell = [shown[session] for session, tokens in stored_tokens.items() if offered_tokens[session] < tokens]
    gone = {message for messages in old.values() for message in messages if message not in offered.counted}
    days = [[ledger.instants[message].date() for message in messages] for messages in (*fell, *([one] for one in gone))]
    return [(min(one) - DAY, max(one) + DAY) for one in days]


def _arrived(
    ledger: Ledger, old: Mapping[Identity, Messages], before: State, after: State, offered: Offered
) -> Iterator[Violation]:
    """Everything that is offered is shown, or held for a true reason and logged."""
    keys = {key for key in before.shown.keys() | offered.content.keys() if key.machine == offered.who.machine}
    tokens = {key: sum(messages.values()) for key, messages in offered.content.items()}
    same = [key for key in keys if key in before.shown and before.shown[key].tokens == tokens.get(key)]
    last = {change.identity: change for change in after.logged}
    gone = _gone_days(ledger, old, offered)
    for group in groups(sorted(keys), same):
        # A session is one under whatever project it stands.
        also = [key for key in old if _is_same_session(ledger, key, group[0])]
        stored, offers = joined(old, {*group, *also}), joined(offered.content, group)
        for key in group:
            if key not in tokens or not offered.judges(key, _day(ledger, key, offers, offered)):
                continue
            shown = after.shown[key].tokens if key in after.shown else 0
            if shown == tokens[key]:
                is_same_cost = abs(float(after.shown[key].cost) - offered.cost[key]) < float(CENT)
                # What saved files offer again may be held as ccusage showed it since.
                if key in after.held and is_same_cost and not offered.offer.is_saved:
                    yield Violation("what is offered equal again is not held", f"{key}: {tokens[key]}")
                continue
            if key in ledger.undone:
                continue
            change = last.get(key)
            if change is None or change.verdict != "held" or change.offered_tokens != tokens[key]:
                # What moved to or from a day that is not judged is not judged either.
                if offered.is_filtered:
                    continue
                yield Violation(
                    "new usage arrives or is logged", f"{key}: {tokens[key]} offered, {shown} shown, {change}"
                )
            # An offer is logged once: it may be held for another reason since.
            elif why := min(
                (
                    _not_justified(ledger, group, stored, offers, gone, offered, reason)
                    for reason in (change.reason, *(WHY_STILL_HELD if change.load_id in before.loads else ()))
                ),
                key=len,
            ):
                yield Violation(
                    "held for a true reason", f"{key}: {tokens[key]} offered, {shown} shown: {why}; {change.reason}"
                )


def _not_justified(
    ledger: Ledger,
    group: Sequence[Identity],
    stored: Messages,
    offers: Messages,
    gone: Sequence[tuple[date, date]],
    offered: Offered,
    reason: str,
) -> str:
    """Return why a hold was not needed, or nothing where it was."""
    report = group[0].report
    loses = any(offers.get(message, 0) < tokens for message, tokens in stored.items())
    others = shown_of({key: held for key, held in ledger.content.items() if key not in group}, report)
    doubles = any(others[message] for message in offers)
    days = [ledger.instants[message].date() for message in (*stored, *offers)] or [date.min]
    if report == "monthly":
        days += (
            [day.replace(day=1) for day in days]
            + [(day.replace(day=1) - DAY).replace(day=1) for day in days]
            + [(day.replace(day=28) + 4 * DAY).replace(day=1) for day in days]
        )
    is_intact = offered.intact_from is not None and min(days) - DAY > offered.intact_from
    if offered.agent != CLAUDE:
        # Nobody knows how long it keeps what it wrote, nor when its sessions began: only days are filed anew.
        is_intact = reason == "timezone_changed" and not gone
    near = any(first <= max(days) and min(days) <= last for first, last in gone)
    if reason == "taken_back":
        return "" if any(identity.report == report for identity in ledger.taken_back) else "nothing is taken back"
    # Blocks that begin otherwise are judged by the sessions of their time, too.
    if near and reason in ("session_gone", "may_be_swept", "fell_before"):
        return ""
    if (reason == "sessions_unknown" and not ledger.has_all_vouched) or (
        reason == "price_lost" and (offered.prices == "lost" or offered.offer.mode == "display")
    ):
        return ""
    # In another zone the same key means other hours: what it gained cannot be told from what it lost.
    if reason != "timezone_changed" and not loses and not doubles:
        return "taking it loses nothing and doubles nothing"
    undone_near = any(identity.report in (report, "session") for identity in ledger.undone)
    undone_near |= not ledger.has_all_vouched
    if is_intact and offered.is_whole and not near and not undone_near:
        return f"nothing near it is gone: {dict(stored)} {dict(offers)}"
    return ""


def _day(ledger: Ledger, identity: Identity, messages: Messages, offered: Offered) -> date:
    zone = offered.offer.zone
    if identity.report in ("session", TOTALS):
        return max((day_of(ledger.instants[message], zone) for message in messages), default=date.min)
    return first_day(identity, messages, ledger.instants, zone)


def _cheaper(
    ledger: Ledger, old: Mapping[Identity, Messages], before: State, after: State, offered: Offered
) -> Iterator[Violation]:
    """Dollars fall only with tokens, or with a price that is known, from transcripts that are all there."""
    for identity, now in sorted(after.shown.items()):
        was = _with_taken_over(ledger, old, before, after, identity)
        if was is None or now.load_id == was.load_id or now.cost >= was.cost - CENT:
            continue
        row = f"{identity}: {was.tokens} tokens, ${was.cost:.6f}, now {now.tokens} tokens, ${now.cost:.6f}"
        # Tokens decide: other messages may have taken the place of dearer ones.
        has_lost = any(message not in offered.content.get(identity, NONE) for message in old.get(identity, NONE))
        if has_lost and (now.tokens > was.tokens or not ledger.edited.isdisjoint(old[identity])):
            continue
        if (now.unpriced and not was.unpriced) or not now.cost:
            yield Violation("what was priced stays priced", row)
        if now.tokens < was.tokens:
            continue
        is_older = _numbers(offered.offer.version) < _numbers(was.version)
        content = offered.content.get(identity, NONE)
        day = first_day(identity, content, ledger.instants, offered.offer.zone)
        is_inside = offered.intact_from is not None and day >= offered.intact_from
        if offered.who.prices == "freeze":
            yield Violation("a frozen price stays", row)
        elif offered.offer.is_saved or is_older or not is_inside:
            yield Violation("a lower price comes from a live import inside the window", row)


def _with_taken_over(
    ledger: Ledger, old: Mapping[Identity, Messages], before: State, after: State, identity: Identity
) -> Shown | None:
    """Return what was shown under a key, with that under others which are not shown any more and went there.

    They have the name of another project now, or of the copy of a session that stands for the one that was deleted.
    """
    now, was = ledger.content.get(identity, NONE), before.shown.get(identity)
    others = [
        before.shown[other]
        for other in before.shown.keys() - after.shown.keys()
        if other.report == identity.report
        if identity.report == "session" or (identity.report == "projects" and other.key[:10] == identity.key[:10])
        if all(now.get(message, 0) >= tokens for message, tokens in old.get(other, NONE).items())
    ]
    shown = [*([was] if was else []), *others]
    if not others:
        return was
    return replace(
        max(shown, key=lambda one: _numbers(one.version)),
        tokens=sum(one.tokens for one in shown),
        cost=sum((one.cost for one in shown), Decimal(0)),
        unpriced=any(one.unpriced for one in shown),
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part)


def _reasons(
    ledger: Ledger, old: Mapping[Identity, Messages], before: State, after: State, offered: Offered
) -> Iterator[Violation]:
    """Every reason that was logged is true."""
    news = [change for change in after.logged if change.load_id not in before.loads]
    for change in news:
        was = before.shown.get(change.identity)
        if not _is_true(ledger, old, before, change, was, offered):
            yield Violation(
                "every reason is true", f"{change}; stored with {was and (was.version, was.zone, was.mode)}"
            )


def _is_true(
    ledger: Ledger, old: Mapping[Identity, Messages], before: State, change: Logged, was: Shown | None, offered: Offered
) -> bool:
    offer, identity = offered.offer, change.identity
    stored = old.get(identity, NONE)
    lost = [
        message for message, tokens in stored.items() if offered.content.get(identity, NONE).get(message, 0) < tokens
    ]
    match change.reason:
        case "first_seen":
            return was is None
        case "more_tokens" | "more_for_less":
            return was is not None and change.offered_tokens > change.stored_tokens
        case "prices_changed":
            then = ledger.priced_before.get(identity)
            return then is None or then != offered.priced_by or bool(lost)
        case "version_changed":
            return _any_stored(before, identity, lambda item: item.version != offer.version)
        case "timezone_changed":
            return _any_stored(before, identity, lambda item: item.zone != offer.zone, everywhere=True)
        case "mode_changed":
            return _any_stored(before, identity, lambda item: item.mode != offer.mode)
        case "moved":
            shown = shown_of(ledger.content, identity.report)
            return all(shown[message] or message not in offered.counted for message in lost)
        case "saved_files":
            return offer.is_saved
        case "messages_there" | "messages_gone":
            return _is_true_of_messages(ledger, old, change, offered)
    return True


def _is_true_of_messages(ledger: Ledger, old: Mapping[Identity, Messages], change: Logged, offered: Offered) -> bool:
    """Whether all messages of a record, or not all of what is judged with it, are in the transcripts that are there."""
    identity = change.identity
    if change.reason == "messages_there":
        return offered.present.issuperset(old.get(identity, NONE))
    together = {other for other in old if _are_together(ledger, identity, other)}
    together.update(*(group for group in groups([*old, *offered.content], ()) if identity in group))
    return not offered.present.issuperset(joined(old, together))


def _any_stored(
    before: State, identity: Identity, differs: Callable[[Shown], bool], *, everywhere: bool = False
) -> bool:
    same = [item for item in before.shown.values() if item.identity.report == identity.report]
    return any(differs(item) for item in same if everywhere or item.identity == identity or identity.report == "blocks")
