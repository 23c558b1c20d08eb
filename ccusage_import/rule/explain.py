"""Decisions in words."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from ccusage_import.records import CLAUDE
from ccusage_import.rule.verdicts import Decision, Reason

if TYPE_CHECKING:
    from ccusage_import.rule.ledger import Weighed

WORDS = {
    Reason.FIRST_SEEN: "first seen",
    Reason.MORE_TOKENS: "more tokens than stored",
    Reason.MORE_FOR_LESS: "more tokens than stored, which cost less now",
    Reason.PRICES_CHANGED: "same tokens, other prices or models",
    Reason.PRICES_FROZEN: "same tokens, other prices; prices are frozen",
    Reason.DETAILS_CHANGED: "same usage, other details or read with other settings",
    Reason.NOTHING_CHANGED: "nothing changed",
    Reason.VERSION_CHANGED: "another ccusage version counts less",
    Reason.TIMEZONE_CHANGED: "days are counted in another time zone",
    Reason.MODE_CHANGED: "another cost mode was used",
    Reason.DIRECTORIES_CHANGED: "other data directories were read",
    Reason.MOVED: "the usage moved to another record of the same time",
    Reason.ACCEPTED: "accepted by hand",
    Reason.OFFERED_AGAIN: "offered again as it is stored",
    Reason.WITHDRAWN: "not offered any more, and never stored",
    Reason.PRICE_LOST: "what had a price has none any more",
    Reason.LOWER_PRICE: "same tokens, a lower price from saved files, another warehouse or an older ccusage",
    Reason.PRICE_OF_ITS_TIME: "same tokens, other prices; usage this old keeps the price of its time",
    Reason.MESSAGES_THERE: "all of its messages are still there",
    Reason.MESSAGES_GONE: "messages are gone from the transcripts",
    Reason.SESSION_GONE: "a session of that time is not there any more, or lost some of it",
    Reason.SESSIONS_UNKNOWN: "no stored session shows whether its transcripts are still there",
    Reason.TAKEN_BACK: "a person took this back",
    Reason.MAY_BE_SWEPT: "its transcripts may have been deleted",
    Reason.UNEXPLAINED: "nothing explains the smaller number",
    Reason.FELL_BEFORE: "it was smaller before anything was read differently, and nothing explains that",
    Reason.DIRECTORY_MISSING: "a data directory it was read from is missing",
    Reason.SAVED_FILES: "nothing shows whether its transcripts were deleted meanwhile",
    Reason.UNDONE: "a load was taken back",
    Reason.BROUGHT_BACK: "a load that was taken back counts again",
    Reason.RENAMED: "its project or session has another name now",
}


def dated_ahead(count: int, today: date) -> str:
    """Return a warning of records that are dated after the day on which they are read."""
    what = "1 record is" if count == 1 else f"{count} records are"
    return f"{what} dated after today, {today}: stored, and not counted as usage of today; check the clock"


def reason_in_words(decision: Decision, intact_from: date | None) -> str:
    """Return why a decision was made, with the dates that matter."""
    words = WORDS[decision.reason]
    if decision.weighed is not None:
        return _messages_in_words(decision.weighed)
    record = decision.record
    if decision.reason is not Reason.MAY_BE_SWEPT:
        return words
    if record.agent != CLAUDE:
        return f"{words}: nobody knows how long {record.agent} keeps them"
    if intact_from is None:
        return words
    if record.report == "session":
        return f"{words}: it may have begun before {intact_from}"
    if record.report == "monthly":
        return f"{words}: the month begins before {intact_from}"
    return f"{words}: {record.day} is before {intact_from}"


def _messages_in_words(weighed: Weighed) -> str:
    if weighed.gone:
        what = "1 message is" if weighed.gone == 1 else f"{weighed.gone:,} messages are"
        return f"{what} gone from the transcripts: {weighed.tokens_gone:,} tokens"
    if weighed.messages == 1:
        return "its only message is still there"
    return f"{weighed.left:,} of {weighed.messages:,} messages are still there"
