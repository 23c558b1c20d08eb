"""The messages that a notebook knows: what is stored of them, and what the transcripts that are there hold of them.

How copies join, which of them counts, and what becomes of the messages of a record are the program's own pure
functions; only files and tables are replaced.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from ccusage_import.rule.ledger import (
    Fall,
    Ledger,
    covered,
    covered_as_now,
    covered_by_files,
    covered_by_first,
    weigh_all,
    without_kept,
)
from ccusage_import.rule.reconcile import Case
from ccusage_import.transcripts.acceptance import BOTH
from ccusage_import.transcripts.facts import Facts, Message, Usage, joined, number
from ccusage_import.transcripts.once import judge_copies
from ccusage_import.transcripts.presence import counted, counted_copies
from tests.worlds.ccusage_model import COUNTED, USUAL, File, Line, Tree
from tests.worlds.driver import Installation

LONGEST_PATH = 100


@dataclass
class MessageBook:
    """The copies of messages of one machine."""

    copies: dict[tuple[int, int, int, int, int], Message] = field(default_factory=dict)
    files: dict[File, set[int]] = field(default_factory=dict)
    zone: str = "UTC"

    def read(self, tree: Tree, who: Installation, load_id: int, zone: str) -> None:
        """Read all transcripts; days begin in a zone."""
        self.zone = zone
        for identity, message in _read(tree, who).messages.items():
            known = self.copies.get(identity)
            self.copies[identity] = joined(replace(known), message) if known else message
        for copy in self.copies.values():
            copy.first_load_id = copy.first_load_id or load_id
        judge_copies(self.copies.values())
        self.files |= {file: {number(line.message) for line in read.lines} for file, read in tree.items()}

    def take_back(self, load_id: int, undone_by: int) -> None:
        """Take back what a load brought back, or first and no copy before; what it took back comes again."""
        known = {
            (copy.message, copy.total_tokens)
            for copy in self.copies.values()
            if copy.first_load_id < load_id and copy.taken_back != 2 * load_id and not copy.taken_back % 2
        }
        for copy in self.copies.values():
            if (copy.message, copy.total_tokens) in known:
                continue
            if copy.first_load_id == load_id or copy.taken_back == 2 * load_id:
                copy.taken_back = 2 * undone_by + 1
        self.bring_back(load_id, undone_by)

    def bring_back(self, undone_by: int, load_id: int, days: Collection[date] | None = None) -> None:
        """Bring back what a load took back, on some days or on all."""
        for copy in self.copies.values():
            if copy.taken_back == 2 * undone_by + 1 and (days is None or self._day(copy) in days):
                copy.taken_back = 2 * load_id

    def _day(self, copy: Message) -> date:
        return datetime.fromtimestamp(copy.at / 1000, ZoneInfo(self.zone)).date()

    @property
    def shown(self) -> list[Message]:
        """The copies that count."""
        return [copy for copy in self.copies.values() if copy.counts_in and copy.is_shown and not copy.taken_back % 2]

    def weigh(self, case: Case, tree: Tree, who: Installation) -> Ledger:
        """Return what became of the messages of records that fell."""
        ledger = self._weighed(case.falls(), tree, who)
        kept = case.kept(ledger)
        return without_kept(ledger, covered_as_now(kept, lambda: map(counted, self.shown), ledger), kept)

    def _weighed(self, falls: Sequence[Fall], tree: Tree, who: Installation) -> Ledger:
        shown, records = self.shown, [fall.stored for fall in falls]
        messages = covered(records, lambda: map(counted, shown))
        rest = [record for record in records if record.identity not in messages]
        messages |= covered_by_files(rest, lambda: map(counted, shown), self._places(tree, who))
        left = [record for record in records if record.identity not in messages]
        present = counted_copies(_read(tree, who).messages.values())
        return weigh_all(
            records, messages, present.keys(), present, covered_by_first(left, lambda: map(counted, shown))
        )

    def _places(self, tree: Tree, who: Installation) -> dict[int, set[tuple[str, str]]]:
        places = defaultdict[int, set[tuple[str, str]]](set)
        projects = {file.project for file in self.files}
        for file in {file._replace(project=project) for file in tree for project in projects} & self.files.keys():
            for message in self.files[file]:
                places[message].add((who.pseudonym(file.project), who.pseudonym(file.session)))
        return places


def _read(tree: Tree, who: Installation) -> Facts:
    facts = Facts()
    for file, transcript in tree.items():
        for position, line in enumerate(transcript.lines):
            facts.add(_message(file, position, line, who))
    return facts


def _message(file: File, position: int, line: Line, who: Installation) -> Message:
    at = round(line.at.timestamp() * 1000)
    counts = line.tokens
    usage = Usage(counts.input_tokens, counts.output_tokens, counts.cache_creation_tokens, 0, counts.cache_read_tokens)
    return Message(
        message=number(line.message),
        request=number(f"request of {line.message}"),
        counted_session=number(file.session),
        record=0,
        accepted=BOTH if line.kind in COUNTED[USUAL] else 0,
        is_sidechain=False,
        is_nested=False,
        at=at,
        times=(at,),
        # Numbers have the order of the paths.
        place=(int.from_bytes(file.path.encode().ljust(LONGEST_PATH, b"\0")), position),
        usage=usage,
        total_tokens=sum(usage),
        model=line.model,
        speed="",
        session_id=who.pseudonym(file.session),
        project=who.pseudonym(file.project),
    )
