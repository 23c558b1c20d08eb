"""Transcripts in an import: they show what became of the messages of records that fell, and are read for facts."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from loguru import logger

from ccusage_import.ccusage.data_dirs import TRANSCRIPTS
from ccusage_import.config.kept.names import read_names
from ccusage_import.config.settings import Configuration
from ccusage_import.exceptions import ConfigurationError, FixableError
from ccusage_import.import_summary import FactsSummary
from ccusage_import.names.pseudonyms import Pseudonyms
from ccusage_import.querying.counted_messages import read_counted
from ccusage_import.records import CLAUDE, Record
from ccusage_import.rule.ledger import (
    CountedMessage,
    Fall,
    Ledger,
    Places,
    covered,
    covered_by_files,
    covered_by_first,
    weigh_all,
)
from ccusage_import.transcripts.cursor import Cursor, blank_cursor, open_cursor
from ccusage_import.transcripts.facts import FACT_KINDS, Facts
from ccusage_import.transcripts.naming import Names
from ccusage_import.transcripts.presence import look_for
from ccusage_import.transcripts.reader import (
    Batch,
    Found,
    Listing,
    ReadProgress,
    list_transcripts,
    session_of,
    unread_bytes,
)
from ccusage_import.transcripts.transcript import resolve_turns
from ccusage_import.transcripts.workers import read_on_all_cores
from ccusage_import.warehouse.clickhouse_client import ClickHouse, Question
from ccusage_import.warehouse.facts.asking import (
    has_facts,
    has_facts_question,
    last_ids,
    last_reading,
    last_reading_question,
)
from ccusage_import.warehouse.facts.publishing import FactsLoad, price_facts, publish_facts, unpriced_question
from ccusage_import.warehouse.opening import cursor_file, cursor_marks
from ccusage_import.warehouse.prices import prices_question, read_prices
from ccusage_import.warehouse.tables import Load, loads_question, read_loads, write_load


def import_facts(
    configuration: Configuration,
    warehouse: ClickHouse,
    directories: Sequence[Path],
    load: Load,
    pseudonyms: Pseudonyms,
    progress: ReadProgress,
) -> FactsSummary:
    """Read what is new in the transcripts of the data directories and publish it; the caller holds the import lock.

    Facts are written first, then how far was read: whatever happens between them only reads again. A load that is not
    written yet is written as soon as there is something to read.
    """
    summary, begun = FactsSummary(), time.perf_counter()
    try:
        with open_cursor(cursor_file(configuration)) as cursor:
            _read_into(summary, configuration, warehouse, cursor, directories, load, Names(pseudonyms), progress)
    except FixableError as error:
        logger.bind(kind=error.kind).info("the transcripts could not be read to their end")
        summary.error = error
    summary.seconds = round(time.perf_counter() - begun, 3)
    if summary.files:
        odd = (summary.bad_lines + summary.unknown + summary.unreadable).total()
        read = logger.bind(load_id=load.load_id, files=summary.files, bytes=summary.bytes, lines=summary.lines, odd=odd)
        new = {kind: summary.new[kind] for kind in FACT_KINDS}
        read.bind(**new, ms=round(1000 * summary.seconds)).info("transcripts read")
    return summary


def weigh_falls(
    configuration: Configuration,
    warehouse: ClickHouse,
    directories: Sequence[Path],
    falls: Sequence[Fall],
    pseudonyms: Pseudonyms,
    *,
    only_looks: bool,
) -> Ledger:
    """Return what became of the messages of records that fell, as far as the ledger covers them.

    A fall that was weighed before is not weighed again while it stays the same and the same directories are read, so
    that old ones cost nothing.

    Args:
        configuration: whose records they are, and where the cursor lies.
        warehouse: holds the ledger.
        directories: the data directories that the reports were read from.
        falls: the records, and what is offered of them.
        pseudonyms: what names become.
        only_looks: keep nothing of it.
    """
    file = cursor_file(configuration)
    if not falls and (only_looks or not file.exists()):
        return {}
    machine, marks = configuration.settings.machine, cursor_marks(configuration)
    try:
        with ExitStack() as stack:
            cursor = stack.enter_context(blank_cursor() if only_looks and not file.exists() else open_cursor(file))
            if only_looks and not _fits(warehouse, cursor, machine, marks):
                # An import would forget it and read everything again.
                cursor = stack.enter_context(blank_cursor())
            read = {"directories": " ".join(sorted(pseudonyms.always(str(path)) for path in directories))}
            are_same = cursor.has(read)
            if not only_looks:
                cursor.forget_weighed(but=falls if are_same else ())
                cursor.note(read)
            if not falls:
                return {}
            if not only_looks:
                forget_what_does_not_fit(warehouse, cursor, machine, marks)
            known = cursor.weighed(falls) if are_same else {}
            new = [fall for fall in falls if fall.stored.identity not in known]
            weighed = _weigh(configuration, warehouse, cursor, directories, new, Names(pseudonyms)) if new else {}
            # What is not covered before the first reading may be after it.
            if not only_looks and cursor.mark("load"):
                cursor.keep_weighed(new, weighed)
    except ConfigurationError as error:
        logger.bind(kind=error.kind).info("falls could not be weighed by their messages")
        return {}
    return {**{identity: one for identity, one in known.items() if one is not None}, **weighed}


def _weigh(
    configuration: Configuration,
    warehouse: ClickHouse,
    cursor: Cursor,
    directories: Sequence[Path],
    falls: Sequence[Fall],
    names: Names,
) -> Ledger:
    records, machine = [fall.stored for fall in falls], configuration.settings.machine
    messages = covered(records, lambda: read_counted(warehouse, machine, records))
    left = [record for record in records if record.identity not in messages]
    first = covered_by_first(left, lambda: read_counted(warehouse, machine, left)) if left else {}
    rest = [record for record in left if _has_files(record)]
    if not (messages or first or rest):
        return {}
    listing = list_transcripts([directory / TRANSCRIPTS for directory in directories], cursor.files(), names)

    def of_the_time() -> Iterator[CountedMessage]:
        return read_counted(warehouse, machine, rest, of_any_session=True)

    if rest:
        known = read_names(configuration.directories.names_file)
        fallen = {known.get(record.project, record.project) for record in rest if record.report == "projects"}
        places = _places(cursor, listing, {message.number for message in of_the_time()}, names, fallen)
        messages |= covered_by_files(rest, of_the_time, places)
    asked = [frozenset(message.number for message in some) for some in (*messages.values(), *first.values())]
    if not asked:
        return {}
    presence = look_for(asked, listing, cursor.holding(frozenset().union(*asked)), names)
    return weigh_all(records, messages, presence.found, presence.copies, first)


def _has_files(record: Record) -> bool:
    """Whether a record has transcripts of its own; of a session whose beginning is not known any message may be."""
    return record.report == "projects" or (record.report == "session" and record.started_at is not None)


def _places(
    cursor: Cursor, listing: Listing, numbers: Collection[int], names: Names, fallen: Collection[str]
) -> Places:
    """Return the projects and sessions whose transcripts held the messages when they were read, and are still there.

    The directory of a project may have been renamed since: files are also looked for under the names of `fallen`
    projects.
    """
    held, places = cursor.holding(numbers), defaultdict[int, set[tuple[str, str]]](set)
    for file in listing.files:
        if file.pseudonym in held and not held[file.pseudonym]:
            continue
        project, session = session_of(file.path, file.root)
        for each in {project, *fallen}:
            for message in held.get(names.always("path", _in_project(file, project, each)), ()):
                places[message].add((names.of_report(each), names.of_report(session)))
    return places


def _in_project(file: Found, project: str, other: str) -> str:
    """Return where a transcript would lie if the directory of its project had another name; empty without one."""
    if other == project:
        return file.path
    start = f"{file.root}/{project}/"
    return f"{file.root}/{other}/{file.path[len(start) :]}" if file.path.startswith(start) else ""


def _read_into(
    summary: FactsSummary,
    configuration: Configuration,
    warehouse: ClickHouse,
    cursor: Cursor,
    directories: Sequence[Path],
    load: Load,
    names: Names,
    progress: ReadProgress,
) -> None:
    settings, marks = configuration.settings, cursor_marks(configuration)
    with warehouse.asked_ahead(_questions(cursor, load)):
        forget_what_does_not_fit(warehouse, cursor, settings.machine, marks)
        ordered_since = cursor.mark("order") or str(load.load_id)
        marks |= {"order": ordered_since, "load": str(load.load_id)}
        prices = read_prices(warehouse, CLAUDE, load.ccusage_version)
        of_load = FactsLoad(
            load.load_id, int(ordered_since), settings.machine, settings.timezone, prices, settings.mode
        )
        if load.revision and price_facts(warehouse, of_load):
            cursor.note(marks)
    known = cursor.files()
    listing = list_transcripts([directory / TRANSCRIPTS for directory in directories], known, names)
    summary.unreadable += listing.unreadable
    summary.unread_bytes = unread_bytes(listing, known)
    if not listing.changed:
        return
    if not load.revision:
        write_load(warehouse, load)
    # Noted first: where this ends before the facts are kept as read, they are those of this cursor all the same.
    cursor.note(marks)
    for number, batch in enumerate(read_on_all_cores(listing, known, names, progress)):
        store_batch(summary, warehouse, cursor, of_load, batch, number)


def store_batch(
    summary: FactsSummary, warehouse: ClickHouse, cursor: Cursor, of_load: FactsLoad, batch: Batch, number: int
) -> None:
    """Publish what was read together, then write down how far that was; the number distinguishes batches of a load."""
    prompts = _resolve(cursor, batch.facts)
    summary.new += publish_facts(warehouse, of_load, batch.facts, number)
    last = {f"last {kind}": str(number) for kind, number in last_ids(batch.facts).items()}
    cursor.keep(batch.files, prompts, batch.stretches, last)
    summary.add(batch)


def forget_what_does_not_fit(warehouse: ClickHouse, cursor: Cursor, machine: str, marks: Mapping[str, str]) -> None:
    """Forget how far transcripts were read where cursor and warehouse do not belong together.

    That is where the reading went into another warehouse, or an older copy replaced one of the two. Of equal copies of
    a message that of the first file counts, and each cursor orders the files in its own way.
    """
    if not _fits(warehouse, cursor, machine, marks):
        cursor.forget()


def _fits(warehouse: ClickHouse, cursor: Cursor, machine: str, marks: Mapping[str, str]) -> bool:
    """Return whether the warehouse holds all that the cursor has read, and nothing that was read since."""
    last = int(cursor.mark("load") or 0)
    if not last:
        return True
    is_of_this = cursor.has(marks) and read_loads(warehouse, machine=machine, load_id=last)
    if not is_of_this or last_reading(warehouse, machine) > last:
        return False
    # A load of `watch` goes on for an hour: a copy of the warehouse from within it has the load, and not all facts.
    return has_facts(warehouse, machine, _last_facts(cursor))


def _last_facts(cursor: Cursor) -> dict[str, int]:
    marks = ((kind, cursor.mark(f"last {kind}")) for kind in FACT_KINDS)
    return {kind: int(mark) for kind, mark in marks if mark}


def questions_of_facts(configuration: Configuration, load: Load) -> list[Question]:
    """Return what `import_facts` asks before transcripts are read; nothing where the cursor cannot be opened."""
    try:
        with open_cursor(cursor_file(configuration)) as cursor:
            return _questions(cursor, load)
    except ConfigurationError:
        return []


def _questions(cursor: Cursor, load: Load) -> list[Question]:
    questions = [prices_question(CLAUDE, load.ccusage_version)]
    if last := int(cursor.mark("load") or 0):
        questions += [loads_question(load.machine, load_id=last), last_reading_question(load.machine)]
        if ids := _last_facts(cursor):
            questions.append(has_facts_question(load.machine, ids))
    if load.revision:
        questions.append(unpriced_question(load.machine))
    return questions


def _resolve(cursor: Cursor, facts: Facts) -> list[tuple[str, int, int]]:
    """Give turns to what stands in files without a prompt; return session, instant and turn of the prompts read."""
    read = [(turn.claude_session_id, turn.at, turn.turn) for turn in facts.turns if turn.at is not None]
    sessions = {message.claude_session_id for message in facts.messages.values() if not message.turn}
    sessions |= {call.claude_session_id for call in facts.tool_calls if not call.turn}
    prompts = defaultdict(list, cursor.prompts(sessions))
    for session, at, turn in read:
        prompts[session].append((at, turn))
    ordered = {session: sorted(set(found)) for session, found in prompts.items()}
    agents = {call.started_agent: call.turn for call in facts.tool_calls if call.started_agent and call.turn}
    resolve_turns(facts, ordered, agents)
    return read
