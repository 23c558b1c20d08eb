"""What the rule says: verdicts on what was offered, and why each was given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from ccusage_import.records import Record

if TYPE_CHECKING:
    from ccusage_import.rule.ledger import Weighed


class Verdict(StrEnum):
    """What became of an offered record."""

    # That of an enumeration is slower, and verdicts are counted by the hundred thousand.
    __hash__ = str.__hash__

    NEW = "new"
    GREW = "grew"
    REPRICED = "repriced"
    CORRECTED = "corrected"
    HELD = "held"
    REFRESHED = "refreshed"
    UNCHANGED = "unchanged"


class Reason(StrEnum):
    """Why a verdict was given."""

    FIRST_SEEN = "first_seen"
    MORE_TOKENS = "more_tokens"
    MORE_FOR_LESS = "more_for_less"
    PRICES_CHANGED = "prices_changed"
    PRICES_FROZEN = "prices_frozen"
    DETAILS_CHANGED = "details_changed"
    NOTHING_CHANGED = "nothing_changed"
    VERSION_CHANGED = "version_changed"
    TIMEZONE_CHANGED = "timezone_changed"
    MODE_CHANGED = "mode_changed"
    DIRECTORIES_CHANGED = "directories_changed"
    MOVED = "moved"
    MESSAGES_THERE = "messages_there"
    ACCEPTED = "accepted"
    OFFERED_AGAIN = "offered_again"
    WITHDRAWN = "withdrawn"
    PRICE_LOST = "price_lost"
    LOWER_PRICE = "lower_price"
    PRICE_OF_ITS_TIME = "price_of_its_time"
    MAY_BE_SWEPT = "may_be_swept"
    MESSAGES_GONE = "messages_gone"
    SESSION_GONE = "session_gone"
    SESSIONS_UNKNOWN = "sessions_unknown"
    TAKEN_BACK = "taken_back"
    UNEXPLAINED = "unexplained"
    FELL_BEFORE = "fell_before"
    DIRECTORY_MISSING = "directory_missing"
    SAVED_FILES = "saved_files"
    UNDONE = "undone"
    BROUGHT_BACK = "brought_back"
    RENAMED = "renamed"


# What nothing explains: a person has to look at it.
UNEXPLAINED = frozenset({Reason.UNEXPLAINED, Reason.FELL_BEFORE})
# What holds an offer until the next import may know more.
FOR_NOW = frozenset({Reason.TIMEZONE_CHANGED, Reason.DIRECTORY_MISSING, Reason.SAVED_FILES})


class HeldOffer(NamedTuple):
    """What is held now of a stored record, and why."""

    offered: Record
    reason: Reason


class Decision(NamedTuple):
    """A verdict on one key. With `is_written` the offer replaces what is stored; without an offer, a tombstone does.

    `weighed` tells of the messages by which it was decided.
    """

    verdict: Verdict
    reason: Reason
    stored: Record | None
    offered: Record | None
    is_written: bool
    weighed: Weighed | None = None

    @property
    def record(self) -> Record:
        """The offered record, or the stored one where nothing is offered."""
        return self.offered or present(None, self.stored)


def present(offered: Record | None, stored: Record | None) -> Record:
    """Return the offered record, or the stored one where nothing is offered."""
    record = offered or stored
    if record is None:
        raise ValueError("neither offered nor stored")
    return record


def count_verdicts(decisions: Iterable[Decision]) -> dict[tuple[str, str, Verdict], int]:
    """Return how many decisions there are by report, agent and verdict."""
    return Counter((one.record.report, one.record.agent, one.verdict) for one in decisions)
