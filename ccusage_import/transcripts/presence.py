"""What the transcripts that are there now still hold of messages that were read before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import NamedTuple

from ccusage_import.rule.ledger import CountedMessage, Present
from ccusage_import.transcripts.acceptance import DAILY, SESSION
from ccusage_import.transcripts.facts import Facts, Message
from ccusage_import.transcripts.naming import Names
from ccusage_import.transcripts.once import judge_copies
from ccusage_import.transcripts.reader import Found, Listing, Unseen, read_transcripts


class Presence(NamedTuple):
    """What the transcripts still hold of the messages that were asked for.

    Attributes:
        found: numbers of the messages of which there is any copy.
        copies: the copies of messages that were asked for together, where none of these is missing.
    """

    found: Collection[int]
    copies: Present


def look_for(
    asked: Collection[frozenset[int]], listing: Listing, holding: Mapping[str, Collection[int]], names: Names
) -> Presence:
    """Look for messages in the transcripts.

    It opens only files that changed since they were read, and those that may complete the messages of a record.

    Args:
        asked: numbers of messages, those of a record together.
        listing: the transcripts that are there.
        holding: which of these messages a file held when it was read, by its pseudonym.
        names: what names become.
    """
    changed = {file.pseudonym for file in listing.changed}
    unread = [file for file in listing.files if file.pseudonym in changed or file.pseudonym not in holding]
    others = [file for file in listing.files if file.pseudonym not in changed and file.pseudonym in holding]
    facts = Facts()
    _read_into(facts, unread, listing, names, frozenset(chain.from_iterable(asked)))
    known = chain.from_iterable(holding[file.pseudonym] for file in others)
    found = {*known, *(message.number for message in facts.messages.values())}
    whole = frozenset(chain.from_iterable(numbers for numbers in asked if found.issuperset(numbers)))
    rest = [file for file in others if not whole.isdisjoint(holding[file.pseudonym])]
    _read_into(facts, rest, listing, names, whole)
    return Presence(found, counted_copies(facts.messages.values()))


def counted_copies(messages: Iterable[Message]) -> dict[int, list[CountedMessage]]:
    """Return copies by the numbers of their messages, each with the rules by which it is the one that counts."""
    copies, by_number = list(messages), defaultdict[int, list[CountedMessage]](list)
    judge_copies(copies)
    for copy in copies:
        by_number[copy.number].append(counted(copy))
    return by_number


def counted(message: Message) -> CountedMessage:
    """Return a message as the rule knows it."""
    usage = message.usage
    written = usage.cache_creation_5m_tokens + usage.cache_creation_1h_tokens
    return CountedMessage(
        (message.message, message.request, 0 if message.message else message.record),
        datetime.fromtimestamp(message.at / 1000, UTC),
        message.project,
        message.session_id,
        (usage.input_tokens, usage.output_tokens, written, usage.cache_read_tokens),
        in_daily=bool(message.counts_in & DAILY),
        in_session=bool(message.counts_in & SESSION),
    )


def _read_into(facts: Facts, files: Sequence[Found], listing: Listing, names: Names, wanted: Collection[int]) -> None:
    for batch in read_transcripts(Listing(listing.files, files), {}, names, Unseen()):
        for message in batch.facts.messages.values():
            if message.number in wanted:
                facts.add(message)
