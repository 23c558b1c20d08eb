"""The ledger as evidence: what became of the messages of a record decides what becomes of a smaller number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccusage_import.records import Provenance, Record
from ccusage_import.rule.context import Context
from ccusage_import.rule.explain import dated_ahead, reason_in_words
from ccusage_import.rule.ledger import (
    CountedMessage,
    Fall,
    Filing,
    Ledger,
    Weighed,
    active_span,
    covered,
    covered_as_now,
    covered_by_files,
    covered_by_first,
    weigh,
    weigh_all,
    without_kept,
)
from ccusage_import.rule.reconcile import Case
from ccusage_import.rule.verdicts import Decision, HeldOffer, Reason, Verdict

NOW = Provenance("20.0.24", "UTC", "auto", ("d1",))
REPORTS = ("daily", "monthly", "session", "projects")
BEGIN = datetime(2026, 5, 1, 10, tzinfo=UTC)
# Nothing of May can be vouched for by the window.
CLOSED = Context("studio", NOW, date(2026, 7, 1))
OPEN = replace(CLOSED, intact_from=date(2026, 4, 1))
OPEN_TO_A_CHANGE = replace(OPEN, provenance=NOW._replace(ccusage_version="20.0.25"))


def message(number: int, tokens: int, day: int = 0, session: str = "a", project: str = "shop") -> CountedMessage:
    """A message of output tokens, so many days after the first of May."""
    at = BEGIN + timedelta(days=day, minutes=number)
    return CountedMessage((number, number, 0), at, project, session, (0, tokens, 0, 0), in_daily=True, in_session=True)


def uncounted(one: CountedMessage) -> CountedMessage:
    """The same message on a line that ccusage overlooks."""
    return one._replace(in_daily=False, in_session=False)


def records(messages: Iterable[CountedMessage]) -> list[Record]:
    """What ccusage shows of messages."""
    inside: dict[tuple[str, str, date, str, str], list[CountedMessage]] = defaultdict(list)
    for one in messages:
        day = one.at.date()
        inside["daily", f"{day}", day, "", ""].append(one)
        inside["monthly", f"{day:%Y-%m}", day.replace(day=1), "", ""].append(one)
        inside["projects", f"{day}/{one.project}", day, one.project, ""].append(one)
        inside["session", f"{one.project}/{one.session_id}", date.min, one.project, one.session_id].append(one)
    return [
        Record(
            report, "studio", "claude", key, max(one.at.date() for one in some) if day == date.min else day,
            0, sum(one.total_tokens for one in some), 0, 0, sum(one.total_tokens for one in some), Decimal(0),
            unpriced=False, provenance=NOW, project=project, session_id=session,
            started_at=min(one.at for one in some) if session else None,
            ended_at=max(one.at for one in some) if session else None,
        )
        for (report, key, day, project, session), some in inside.items()
    ]  # fmt: skip


def ledger_of(falls: Sequence[Fall], ledger: Sequence[CountedMessage], present: Sequence[CountedMessage]) -> Ledger:
    """What the importer would find out of the records that fell."""
    fallen = [fall.stored for fall in falls]
    messages = covered(fallen, lambda: ledger)
    copies: dict[int, list[CountedMessage]] = defaultdict(list)
    for one in present:
        copies[one.number].append(one)
    left = [one for one in fallen if one.identity not in messages]
    return weigh_all(fallen, messages, copies.keys(), copies, covered_by_first(left, lambda: ledger))


def decide(
    before: Sequence[CountedMessage], present: Sequence[CountedMessage], context: Context = CLOSED,
    ledger: Sequence[CountedMessage] | None = None,
) -> dict[tuple[str, str], Decision]:  # fmt: skip
    """What becomes of what was imported before, when the transcripts hold this now; by report and key."""
    stored, offered = records(before), records(one for one in present if one.in_daily)
    case = Case(offered, stored, REPORTS, context)
    decisions = case.decisions(ledger_of(case.falls(), before if ledger is None else ledger, present))
    return {(one.record.report, one.record.key): one for one in decisions}


def replace_usd(found: Iterable[Record], usd: str) -> list[Record]:
    """The same records at another cost each."""
    return [one._replace(cost_usd=Decimal(usd)) for one in found]


def told(decision: Decision) -> tuple[str, str]:
    return decision.verdict.value, reason_in_words(decision, None)


def test_what_names_a_message_is_its_id_or_its_record() -> None:
    assert message(5, 1)._replace(ids=(5, 9, 0)).number == 5
    assert message(5, 1)._replace(ids=(0, 9, 7)).number == 7


def test_messages_that_a_fork_took_over_are_found_where_its_transcript_lies() -> None:
    one, other, own = message(1, 10), message(2, 200), message(3, 3000, session="fork", project="store")
    stored = records([one._replace(session_id="fork", project="store"), own])
    held = {1: [("store", "fork")], 2: [("shop", "a")], 3: [("store", "fork"), ("store", "other")]}

    found = covered_by_files(stored, lambda: [one, other, own], held)
    assert {key[0]: [message.number for message in some] for key, some in found.items()} == {
        "session": [1, 3],
        "projects": [1, 3],
    }
    assert covered_by_files(stored, lambda: [one, other, own], {**held, 2: [("store", "fork")]}) == {}
    # Days and months are the sum of all messages, wherever these lie.
    found = covered_by_files(records([other]), lambda: [other], {2: [("shop", "a")]})
    assert {report for report, *_ in found} == {"session", "projects"}


def test_a_message_that_counts_where_it_is_stored_too_did_not_move() -> None:
    here, there = message(1, 10), message(2, 200)
    other = here._replace(session_id="fork")
    original = records([here])
    found = {record.identity: [here] for record in original}
    name = next(record.identity for record in records([other]) if record.report == "session")
    fell: Ledger = {name: Weighed(2, 2, moved=(here, there))}

    assert without_kept(fell, found, original) == {name: Weighed(2, 2, moved=(there,))}
    # What is not the sum of its messages may lack this one, and another report says nothing of this one.
    days = {identity: some for identity, some in found.items() if identity[0] == "daily"}
    assert without_kept(fell, {}, original) == without_kept(fell, days, original) == fell


def test_what_came_from_a_record_that_fell_is_found_under_the_name_that_it_has_now() -> None:
    came, own = message(1, 10), message(2, 200, project="store")
    [day] = [one for one in records([came._replace(project="store"), own]) if one.report == "projects"]
    fell: Ledger = {("projects", "claude", "2026-05-01/shop"): Weighed(1, 1, moved=(came._replace(project="store"),))}

    found = covered_as_now([day], lambda: [came, own], fell)
    assert {identity: [message.number for message in some] for identity, some in found.items()} == {
        day.identity: [1, 2]
    }
    assert covered_as_now([day], lambda: [came, own], {}) == {}
    # What moved between sessions tells nothing of projects.
    assert (
        covered_as_now([day], lambda: [came, own], {("session", "claude", "shop/a"): next(iter(fell.values()))}) == {}
    )


A, B, C = message(1, 10), message(2, 200), message(3, 3000, session="b")
DAY = ("daily", "2026-05-01")


@pytest.mark.parametrize("context", [CLOSED, OPEN])
def test_all_messages_are_there(context: Context) -> None:
    found = decide([A, B, C], [A, uncounted(B), C], context)

    assert told(found[DAY]) == ("corrected", "3 of 3 messages are still there")
    assert told(found["session", "shop/a"]) == ("corrected", "2 of 2 messages are still there")
    assert found["session", "shop/b"].verdict is Verdict.UNCHANGED
    assert found[DAY].is_written


@pytest.mark.parametrize("context", [CLOSED, OPEN])
def test_messages_are_gone(context: Context) -> None:
    found = decide([A, B, C], [C], context)

    assert told(found[DAY]) == ("held", "2 messages are gone from the transcripts: 210 tokens")
    assert not found[DAY].is_written
    assert ("session", "shop/a") not in found


def test_one_that_is_gone_holds_what_others_would_correct() -> None:
    found = decide([A, B, C], [uncounted(B), C], OPEN_TO_A_CHANGE)

    assert told(found[DAY]) == ("held", "1 message is gone from the transcripts: 10 tokens")


def test_more_tokens_do_not_pay_for_messages_that_are_gone() -> None:
    dear, cheap = replace_usd(records([A, B]), "2"), replace_usd(records([A, C]), "1")
    case = Case(cheap, dear, REPORTS, CLOSED)

    found = {
        (one.record.report, one.record.key): one for one in case.decisions(ledger_of(case.falls(), [A, B], [A, C]))
    }

    assert told(found[DAY]) == ("held", "1 message is gone from the transcripts: 200 tokens")
    # Lower prices, or a session that is only longer.
    case = Case(replace_usd(records([A, B, C]), "1"), dear, REPORTS, OPEN)
    grown = case.decisions(ledger_of(case.falls(), [A, B], [A, B, C]))
    assert {one.verdict for one in grown} == {Verdict.GREW, Verdict.REPRICED, Verdict.NEW}


def test_a_message_of_which_a_smaller_copy_is_left_is_left_to_the_window() -> None:
    smaller = B._replace(tokens=(0, 199, 0, 0))

    assert decide([A, B], [A, smaller])[DAY].reason is Reason.MAY_BE_SWEPT
    # What is gone besides decides.
    assert decide([A, B, C], [A, smaller])[DAY].reason is Reason.MESSAGES_GONE


def test_what_the_ledger_does_not_cover_is_left_to_the_window() -> None:
    for known in ([A, B], [A, B, C, message(4, 1)], [A, B, C._replace(tokens=(1, 2999, 0, 0))], []):
        assert decide([A, B, C], [A, uncounted(B), C], ledger=known)[DAY].reason is Reason.MAY_BE_SWEPT


def test_what_is_gone_of_the_first_messages_is_gone_whatever_was_read_since() -> None:
    later = message(4, 1)

    gone = decide([A, B, C], [A, C, later], OPEN_TO_A_CHANGE, ledger=[later, A, B, C])[DAY]
    assert told(gone) == ("held", "1 message is gone from the transcripts: 200 tokens")
    # A record of which too few are known, or others, does not consist of the first ones.
    for known in ([later, A, B], [A, B, C._replace(tokens=(1, 2999, 0, 0)), later], [B, C, message(-1, 15)]):
        assert decide([A, B, C], [A, C, later], OPEN_TO_A_CHANGE, ledger=known)[DAY].weighed is None
    # What is there may be more than the record consists of.
    assert decide([A, B, C], [A, uncounted(B), C], ledger=[A, B, C, later])[DAY].reason is Reason.MAY_BE_SWEPT


def test_a_message_that_grew_into_the_next_day_moves_outside_the_window_too() -> None:
    grown = B._replace(at=B.at + timedelta(days=1), tokens=(0, 250, 0, 0))
    found = decide([A, B, C], [A, grown, C])

    assert told(found[DAY]) == ("corrected", "3 of 3 messages are still there")
    assert told(found["daily", "2026-05-02"]) == ("new", "first seen")


def test_it_does_not_move_to_where_it_would_not_be_shown() -> None:
    other = message(9, 5000, day=1)
    grown = B._replace(at=B.at + timedelta(days=1), tokens=(0, 250, 0, 0))
    # The next day lost more than it gained: it stays as it was, so the message must stay where it was.
    found = decide([A, B, C, other], [A, grown, C])

    assert found["daily", "2026-05-02"].reason is Reason.MESSAGES_GONE
    assert found[DAY].reason is Reason.MAY_BE_SWEPT


def test_it_does_not_move_to_where_it_would_not_be_shown_with_another_ccusage_either() -> None:
    other = message(9, 5000, session="c", project="store")
    moved = A._replace(project="store")
    upgraded = replace(OPEN, provenance=NOW._replace(ccusage_version="20.0.25"))
    # The other project lost more than came to it: it stays as it was, so the message must stay where it was.
    found = decide([A, other], [moved], upgraded)

    assert found["projects", "2026-05-01/store"].reason is Reason.MESSAGES_GONE
    assert ("projects", "2026-05-01/shop") not in found
    found = decide([A, B, other], [moved, B], upgraded)
    assert told(found["projects", "2026-05-01/shop"]) == (
        "held",
        "the usage moved to another record of the same time",
    )
    # What counts less in both is taken in both.
    rest = message(11, 30, session="c", project="store")
    found = decide([A, other, rest], [moved, uncounted(other), rest], upgraded)
    assert told(found["projects", "2026-05-01/shop"]) == ("corrected", "another ccusage version counts less")


def test_it_does_not_move_to_where_it_would_not_be_shown_in_another_zone_either() -> None:
    other = message(9, 5000, session="c", project="store")
    abroad = replace(OPEN, provenance=NOW._replace(timezone="Europe/Berlin"))
    stored = records([A, B, other])
    moved = [one._replace(project="store") for one in (A, B)]
    now = [one._replace(provenance=abroad.provenance) for one in records(moved)]
    case = Case(now, stored, REPORTS, abroad)
    found = case.decisions(ledger_of(case.falls(), [A, B, other], moved))

    assert [(one.record.key, one.verdict) for one in found if one.record.report == "projects"] == [
        ("2026-05-01/store", Verdict.HELD)
    ]


def test_the_last_message_of_a_session_is_not_new_under_another_project() -> None:
    found = decide([A, B], [B._replace(project="store")], OPEN)
    assert found["session", "store/a"].reason is Reason.MESSAGES_GONE
    later = message(3, 7, project="store")
    found = decide([A, B], [later], OPEN)
    assert found["session", "store/a"].verdict is Verdict.NEW


@pytest.mark.parametrize(("present", "verdict"), [([A, B], Verdict.REFRESHED), ([A], Verdict.HELD)])
def test_days_are_filed_anew_where_their_transcripts_lie_elsewhere_now(
    present: Sequence[CountedMessage], verdict: Verdict
) -> None:
    moved = replace(OPEN, provenance=NOW._replace(timezone="Europe/Berlin", data_dirs=("d2",)))
    now = [one._replace(provenance=moved.provenance) for one in records(present)]
    case = Case(now, records([A, B]), REPORTS, moved)
    decisions = case.decisions(ledger_of(case.falls(), [A, B], present))

    assert [one.verdict for one in decisions if one.record.report == "daily"] == [verdict]


def test_growth_of_the_next_day_does_not_show_that_a_message_moved_to_what_is_held() -> None:
    other = message(9, 5000, session="c", project="store")
    moved, grown = A._replace(project="store"), message(10, 9000, day=1, project="store")
    found = decide([A, other], [moved, grown], OPEN)

    assert found["projects", "2026-05-01/store"].reason is Reason.MESSAGES_GONE
    assert found["projects", "2026-05-02/store"].verdict is Verdict.NEW
    assert ("projects", "2026-05-01/shop") not in found


def test_a_project_takes_the_name_of_one_that_was_renamed_too() -> None:
    other = message(9, 5, session="c", project="store")
    found = decide([A, other], [A._replace(project="fair"), other._replace(project="shop")], OPEN)

    assert told(found["projects", "2026-05-01/shop"]) == ("corrected", "its only message is still there")
    assert told(found["projects", "2026-05-01/store"]) == (
        "corrected",
        "the usage moved to another record of the same time",
    )
    assert found["projects", "2026-05-01/fair"].verdict is Verdict.NEW


def test_what_a_person_took_back_of_another_project_keeps_none_from_being_renamed() -> None:
    taken_back = message(9, 300, session="c", project="store")
    context = replace(OPEN, taken_back={("projects", "claude", "2026-05-01/store"): 300})
    found = decide([A, B], [A._replace(project="fair"), B._replace(project="fair"), taken_back], context)

    assert told(found["projects", "2026-05-01/shop"]) == ("corrected", "2 of 2 messages are still there")
    assert found["projects", "2026-05-01/fair"].verdict is Verdict.NEW
    assert found["projects", "2026-05-01/store"].reason is Reason.TAKEN_BACK


def test_a_change_does_not_explain_what_a_session_lost_that_goes_on() -> None:
    gone, goes_on, other = A, message(7, 20, session="a"), message(8, 40, session="b")
    upgraded = replace(OPEN, provenance=NOW._replace(ccusage_version="20.0.25"))
    # The day that is stored is not the sum of its messages any more: some were read while it was held.
    stored, now = records([gone._replace(tokens=(0, 5000, 0, 0))]), records([goes_on, other])
    case = Case(now, stored, REPORTS, upgraded)
    session = ("session", "claude", "shop/a")
    found = {(one.record.report, one.record.key): one for one in case.decisions({session: Weighed(1, 0, 5000)})}
    assert found[DAY].reason is Reason.SESSION_GONE

    # Nor later, when the messages of the session are not known to be its sum any more either.
    held = {session: HeldOffer(records([goes_on])[-1], Reason.MESSAGES_GONE)}
    case = Case(now, stored, REPORTS, replace(upgraded, held=held.get))
    found = {(one.record.report, one.record.key): one for one in case.decisions()}
    assert found[DAY].reason is found["session", "shop/a"].reason is Reason.FELL_BEFORE


def test_sessions_do_not_account_for_a_day_while_one_of_them_is_taken_back() -> None:
    b, c = message(2, 200, session="b"), message(3, 4000, day=1, session="b")
    day_and_session = [one for one in records([A, b, c]) if one.session_id != "a"]
    upgraded = replace(OPEN, provenance=NOW._replace(ccusage_version="20.0.25"))
    for tokens, expected in ((1, Reason.SESSIONS_UNKNOWN), (0, Reason.VERSION_CHANGED)):
        context = replace(upgraded, taken_back={("session", "claude", "shop/a"): tokens})
        decisions = Case(records([b, c]), day_and_session, REPORTS, context).decisions()
        assert [one.reason for one in decisions if one.record.identity == ("daily", "claude", "2026-05-01")] == [
            expected
        ]


def test_a_copy_that_counts_now_takes_the_place_of_the_original() -> None:
    copies = [one._replace(session_id="fork") for one in (A, B)]
    found = decide([A, B, C], [*copies, C])

    assert told(found["session", "shop/a"]) == ("corrected", "2 of 2 messages are still there")
    assert found["session", "shop/a"].offered is None
    assert found["session", "shop/fork"].verdict is Verdict.NEW
    assert found[DAY].verdict is Verdict.UNCHANGED


def test_an_empty_report_is_not_believed() -> None:
    assert decide([A], [uncounted(A)]) == {}


def test_saved_files_are_judged_without_the_ledger() -> None:
    saved = replace(CLOSED, intact_from=None)
    assert decide([A, C], [A, uncounted(C)], saved)[DAY].reason is Reason.SAVED_FILES


def test_what_a_person_took_back_stays_so() -> None:
    context = replace(CLOSED, taken_back={("daily", "claude", "2026-05-01"): 10_000})
    assert decide([A, B, C], [A, uncounted(B), C], context)[DAY].reason is Reason.TAKEN_BACK


def test_no_message_moves_to_a_day_that_a_person_took_back() -> None:
    grown = B._replace(at=B.at + timedelta(days=1), tokens=(0, 250, 0, 0))
    context = replace(CLOSED, taken_back={("daily", "claude", "2026-05-02"): 10_000})

    found = decide([A, B, C], [A, grown, C], context)

    assert found["daily", "2026-05-02"].reason is Reason.TAKEN_BACK
    assert (found[DAY].verdict, found[DAY].reason) == (Verdict.HELD, Reason.MAY_BE_SWEPT)


def test_no_message_moves_to_a_day_of_another_zone() -> None:
    grown = B._replace(at=B.at + timedelta(days=1), tokens=(0, 250, 0, 0))
    before, now = records([A, B, message(9, 5, day=1)]), records([A, grown, message(9, 5, day=1)])
    elsewhere = NOW._replace(timezone="America/Los_Angeles")
    [first, second] = [one for one in before if one.report == "daily"]
    case = Case(now, [first, second._replace(provenance=elsewhere)], REPORTS, CLOSED)

    found = {(one.record.report, one.record.key): one for one in case.decisions(
        {first.identity: Weighed(2, 2, moved=(grown,))}
    )}  # fmt: skip

    assert found["daily", "2026-05-02"].reason is Reason.TIMEZONE_CHANGED
    assert (found[DAY].verdict, found[DAY].reason) == (Verdict.HELD, Reason.MAY_BE_SWEPT)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (None, (Verdict.CORRECTED, True)),
        (Weighed(2, 2), (Verdict.CORRECTED, True)),
        (Weighed(2, 1, 200), (Verdict.HELD, False)),
    ],
)
def test_a_day_of_which_a_message_is_gone_is_not_filed_anew_in_another_zone(
    known: Weighed | None, expected: tuple[Verdict, bool]
) -> None:
    tokyo = NOW._replace(timezone="Asia/Tokyo")
    # The session is still there: the window takes its day for whole.
    offered = [one._replace(provenance=tokyo) for one in records([A])]
    case = Case(offered, records([A, B]), REPORTS, replace(OPEN, provenance=tokyo))
    [day] = [fall.stored.identity for fall in case.falls() if fall.stored.report == "daily"]

    [decision] = [one for one in case.decisions({day: known} if known else {}) if one.record.report == "daily"]

    assert (decision.verdict, decision.is_written) == expected
    assert decision.reason is Reason.TIMEZONE_CHANGED


@pytest.mark.parametrize(
    ("agent", "context", "now", "falls"),
    [
        ("claude", CLOSED, [1], 1),
        ("claude", CLOSED, [1, 2, 3], 0),
        ("claude", replace(CLOSED, until=date(2026, 4, 30)), [1], 0),
        ("claude", replace(CLOSED, accepted=(date.min, date.max)), [1], 0),
        ("claude", replace(CLOSED, provenance=NOW._replace(timezone="Asia/Tokyo")), [1], 0),
        ("codex", CLOSED, [1], 0),
        ("claude", replace(CLOSED, intact_from=None), [1], 0),
        ("claude", CLOSED, [], 0),
    ],
)
def test_the_ledger_is_asked_where_it_may_decide(agent: str, context: Context, now: list[int], falls: int) -> None:
    held, there = [A, B], [message(number, 100) for number in now]
    stored, offered = (
        [one._replace(agent=agent) for one in records(messages) if one.report == "daily"] for messages in (held, there)
    )
    offered = [one._replace(provenance=context.provenance) for one in offered]

    assert len(Case(offered, stored, REPORTS, context).falls()) == falls


def block(key: str, minutes: int) -> Record:
    """A block of 200 tokens that begins at ten and has its last message so many minutes later."""
    began = BEGIN + timedelta(days=int(key))
    return Record(
        "blocks", "studio", "claude", key, began.date(), 0, 200, 0, 0, 200, Decimal(0), unpriced=False, provenance=NOW,
        started_at=began, ended_at=began + timedelta(minutes=minutes), block_ends_at=began + timedelta(hours=5),
    )  # fmt: skip


@pytest.mark.parametrize(("minutes", "counts"), [(-1, False), (0, True), (90, True), (91, False)])
def test_a_block_holds_what_lies_between_its_messages(minutes: int, counts: bool) -> None:  # noqa: FBT001 - a row
    filing = Filing([block("0", 90), block("1", 90)])
    at = message(0, 1)._replace(at=BEGIN + timedelta(days=1, minutes=minutes))

    assert list(filing.of(at)) == ([block("1", 90).identity] if counts else [])


def test_a_block_that_does_not_show_its_time_holds_no_message() -> None:
    whole = block("0", 90)
    assert active_span(whole) == (BEGIN, BEGIN + timedelta(minutes=90))
    assert active_span(whole._replace(ended_at=None)) == (BEGIN, BEGIN + timedelta(hours=5))
    assert active_span(whole._replace(started_at=None)) is None
    assert active_span(whole._replace(ended_at=None, block_ends_at=None)) is None


def test_blocks_of_different_loads_may_hold_the_same_message() -> None:
    late = block("0", 290)._replace(key="late", started_at=BEGIN + timedelta(minutes=30))
    filing = Filing([block("0", 290), late])

    assert list(filing.of(B)) == [block("0", 290).identity]
    assert len(list(filing.of(B._replace(at=BEGIN + timedelta(minutes=60))))) == 2


@pytest.mark.parametrize(
    ("daily", "session", "reports"),
    [
        (True, True, ["daily", "monthly", "projects", "session"]),
        (True, False, ["daily", "projects"]),
        (False, True, ["monthly", "session"]),
        (False, False, []),
    ],
)
def test_each_report_counts_what_its_own_reader_counts(*, daily: bool, session: bool, reports: list[str]) -> None:
    filing = Filing(records([A]))

    assert sorted(one[0] for one in filing.of(A._replace(in_daily=daily, in_session=session))) == reports


def test_the_copy_of_the_same_request_says_where_a_message_counts_now() -> None:
    day = next(one for one in records([B]) if one.report == "daily")
    replay = B._replace(ids=(2, 99, 0), at=B.at + timedelta(days=2))
    same = B._replace(at=B.at + timedelta(days=1))

    assert weigh(day, [B], {2}, {2: [replay, same]}) == Weighed(1, 1, 0, (same,))
    # Where that is not counted, the copy that is counted says it.
    assert weigh(day, [B], {2}, {2: [replay, uncounted(B)]}) == Weighed(1, 1, moved=(replay,))
    # Days count by one rule, sessions by another.
    of_day = replay._replace(session_id="fork", in_session=False)
    of_session = replay._replace(session_id="copy", in_daily=False)
    session = next(one for one in records([B]) if one.report == "session")
    for record, counted in ((day, of_day), (session, of_session)):
        copies = {2: [uncounted(B), of_day, of_session]}
        assert weigh(record, [B], {2}, copies) == Weighed(1, 1, 0, (counted,))
    # A copy of another request is another message, though it be as large.
    assert weigh(day, [B], {2}, {2: [replay]}) is None


def test_many_are_told_with_their_thousands() -> None:
    one = records([A])[0]
    there = Decision(Verdict.CORRECTED, Reason.MESSAGES_THERE, one, one, is_written=True, weighed=Weighed(1312, 1312))
    assert reason_in_words(there, None) == "1,312 of 1,312 messages are still there"
    only = there._replace(weighed=Weighed(1, 1))
    assert reason_in_words(only, None) == "its only message is still there"
    assert [dated_ahead(count, date(2026, 5, 1)).partition(",")[0] for count in (1, 2)] == [
        "1 record is dated after today", "2 records are dated after today",
    ]  # fmt: skip


# --- the truth decides -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Fate:
    """A message, and what becomes of it: it stays, is swept, is rewritten so that ccusage overlooks it, or grows."""

    message: CountedMessage
    becomes: str

    @property
    def present(self) -> list[CountedMessage]:
        one = self.message
        if self.becomes == "gone":
            return []
        if self.becomes == "rewritten":
            return [uncounted(one)]
        moved = one._replace(at=one.at + timedelta(days=1), tokens=(0, one.total_tokens + 1, 0, 0))
        return [moved if self.becomes == "moved" else one]


FATES = st.lists(
    st.tuples(
        st.integers(1, 50), st.integers(0, 3), st.sampled_from("abc"), st.sampled_from(["shop", "store"]),
        st.sampled_from(["there", "there", "gone", "rewritten", "moved"]),
    ),
    min_size=1, max_size=12,
)  # fmt: skip


@given(
    drawn=FATES,
    new=st.lists(st.tuples(st.integers(1, 50), st.integers(0, 4)), max_size=3),
    context=st.sampled_from([OPEN, CLOSED]),
)
@settings(max_examples=300, deadline=None)
def test_the_truth_decides(
    drawn: list[tuple[int, int, str, str, str]], new: list[tuple[int, int]], context: Context
) -> None:
    fates = [
        # A session that stands under two projects is judged as one.
        Fate(message(number, tokens, day, f"{session} of {project}", project), becomes)
        for number, (tokens, day, session, project, becomes) in enumerate(drawn, 1)
    ]
    added = [message(100 + number, tokens, day, "d") for number, (tokens, day) in enumerate(new)]
    before = [fate.message for fate in fates]
    present = [one for fate in fates for one in fate.present] + added
    offered = {one.identity: one for one in records(one for one in present if one.in_daily)}
    found = decide(before, present, context)

    for stored in records(before):
        now = offered.get(stored.identity)
        if (now.total_tokens if now else 0) >= stored.total_tokens or not offered:
            continue
        inside = [fate for fate in fates if _is_in(stored, fate.message)]
        decision = found.get((stored.report, stored.key))
        if any(fate.becomes == "gone" for fate in inside):
            assert decision is None or (decision.verdict, decision.is_written) == (Verdict.HELD, False)
        elif all(fate.becomes != "moved" for fate in inside):
            assert decision is not None
            assert (decision.verdict, decision.reason) == (Verdict.CORRECTED, Reason.MESSAGES_THERE)
        elif decision is not None and decision.reason is Reason.MESSAGES_THERE:
            # What moved is shown where it went.
            for one in [one for fate in inside if fate.becomes == "moved" for one in fate.present]:
                receiver = next(record for record in offered.values() if _is_in(record, one, stored.report))
                assert receiver.identity == stored.identity or found[receiver.report, receiver.key].is_written


def _is_in(record: Record, one: CountedMessage, report: str = "") -> bool:
    keys = {(shown.report, shown.key) for shown in records([one])}
    return (record.report, record.key) in keys and report in ("", record.report)


def test_what_is_offered_as_it_is_stored_may_have_held_before_what_counts_in_it_now() -> None:
    first, second = (one for one in records([message(1, 100), message(2, 50, day=1)]) if one.report == "daily")
    case = Case([second], [first, second], ["daily"], CLOSED)
    assert case.kept({first.identity: Weighed(1, 1, moved=(message(1, 100, day=1),))}) == [second]
