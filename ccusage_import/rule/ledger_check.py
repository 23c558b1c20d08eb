"""What messages add up to against what is stored of reports; every difference is explained or named. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ccusage_import.records import CLAUDE, Record
from ccusage_import.rule.evidence import first_day
from ccusage_import.rule.explain import reason_in_words
from ccusage_import.rule.verdicts import Decision, Verdict

NOT_IMPORTED = "not imported yet: written while the last import ran, or since"
OTHER_VERSION = "counted by ccusage {version}; messages count as {pinned} does"
OVERLOOKED = "ccusage overlooks lines that some tool wrote anew"
NEVER_TOGETHER = "kept messages and new ones, which ccusage never showed together: transcripts were deleted between"
NEVER_TOGETHER_OR_OVERLOOKED = f"{NEVER_TOGETHER}; or {OVERLOOKED}"
COUNTED_ELSEWHERE = (
    "ccusage counts its messages in a copy of the session now, or overlooks lines that were written anew"
)
FILED_ELSEWHERE = "its other messages are filed under the session or project that they were read in first"
TAKEN_BACK = "a person took messages of it back"
NOT_READ = "stored without its messages: the next import that reads transcripts reads them"
READ_LATER = "its transcripts were deleted before their messages were read"
# What is compared, its tokens on the left and on the right, and what explains a difference.
Compared = tuple[str, int, int, str]


class LedgerSum(NamedTuple):
    """What the messages of one day or session add up to by the rule of its report; a session has no day.

    `taken_back` are tokens of its messages that `undo` took back, which are not among its `tokens`. `is_unread` says
    that its record was stored since transcripts were last read.
    """

    report: str
    day: date | None
    project: str
    session_id: str
    tokens: int
    taken_back: int = 0
    is_unread: bool = False

    @property
    def place(self) -> tuple[date | None, str, str]:
        """What names the record of it."""
        return (self.day, "", "") if self.day else (None, self.project, self.session_id)


def messages_against(
    report: str,
    sums: Iterable[LedgerSum],
    stored: Iterable[Record],
    decisions: Iterable[Decision],
    intact_from: date | None,
    pinned: str,
) -> Iterator[Compared]:
    """Yield for each day or session with messages its name, their tokens, those stored, and what explains the rest."""
    records = {_place(record): record for record in stored if (record.report, record.agent) == (report, CLAUDE)}
    offers = {_place(one.record): one for one in decisions if (one.record.report, one.record.agent) == (report, CLAUDE)}
    placed = [(one.place, one) for one in sums if one.report == report]
    # What a renamed project or a copy of a session took over stays filed where it was read.
    left_behind = {one.tokens for place, one in placed if place not in records and not one.day}
    for place, one in placed:
        record = records.get(place)
        shown = record.total_tokens if record else 0
        name = str(one.day) if one.day else f"{one.project}/{one.session_id}"
        why = "" if shown == one.tokens else _explained(one, record, offers.get(place), intact_from, pinned)
        is_elsewhere = not why and shown > one.tokens and shown - one.tokens in left_behind
        yield f"{report} {name}", one.tokens, shown, FILED_ELSEWHERE if is_elsewhere else why


def _explained(
    one: LedgerSum, record: Record | None, decision: Decision | None, intact_from: date | None, pinned: str
) -> str:
    offered = decision.offered.total_tokens if decision and decision.offered else 0
    if decision and decision.verdict is Verdict.HELD and offered > (record.total_tokens if record else 0):
        return f"held: {reason_in_words(decision, intact_from)}"
    if record is None:
        missing = COUNTED_ELSEWHERE if one.report == "session" else OVERLOOKED
        return NOT_IMPORTED if offered else missing
    version = record.provenance.ccusage_version
    if version != pinned:
        return OTHER_VERSION.format(version=version or "of saved files", pinned=pinned)
    if one.tokens < record.total_tokens:
        if record.total_tokens - one.tokens <= one.taken_back:
            return TAKEN_BACK
        if one.is_unread:
            return NOT_READ
        starts = first_day(record, ZoneInfo(record.provenance.timezone))
        return READ_LATER if intact_from is None or starts < intact_from else ""
    if offered > record.total_tokens:
        return NOT_IMPORTED
    return NEVER_TOGETHER_OR_OVERLOOKED if offered == record.total_tokens else NEVER_TOGETHER


def _place(record: Record) -> tuple[date | None, str, str]:
    return (None, record.project, record.session_id) if record.report == "session" else (record.day, "", "")
