"""The stored messages as the rule knows them: those of which some records may consist, and what they add up to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime

from ccusage_import.records import CLAUDE, REPORTS, Record, ReportName
from ccusage_import.rule.evidence import span
from ccusage_import.rule.ledger import CountedMessage
from ccusage_import.rule.ledger_check import LedgerSum
from ccusage_import.transcripts.acceptance import DAILY, SESSION
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.tables import NOT_IMPORTS, RUNNERS_OF_FACTS

# So many sessions, or stretches of time, go into the address of one question to a server; for more of them all
# messages of the machine are read.
MOST_AT_ONCE = 200
# Tokens that were taken back by day, and by session, each as its report counts messages.
_TAKEN_BACK = (
    "WITH input_tokens + output_tokens + cache_creation_5m_tokens + cache_creation_1h_tokens + cache_read_tokens AS n,"
    " stored AS (SELECT * FROM message_facts_by_month FINAL WHERE machine = {machine:String} AND is_shown"
    " AND bitTest(taken_back, 0))"
    " SELECT toNullable(date), '', '', sum(n) FROM stored WHERE bitTest(counts_in, 0) GROUP BY date UNION ALL"
    " SELECT NULL, project, session_id, sum(n) FROM stored WHERE bitTest(counts_in, 1) GROUP BY project, session_id"
)


def read_counted(
    warehouse: ClickHouse, machine: str, records: Sequence[Record], *, of_any_session: bool = False
) -> Iterator[CountedMessage]:
    """Return all messages of which these records may consist, and perhaps others; days need no zone for that.

    Args:
        warehouse: where.
        machine: whose messages.
        records: stored ones.
        of_any_session: those of the time of a session too that are filed under others.
    """
    sessions = sorted({record.session_id for record in records if record.report == "session"})
    times = _times(record for record in records if of_any_session or record.report != "session")
    is_narrow = len(sessions) <= MOST_AT_ONCE and len(times) <= MOST_AT_ONCE
    rows = warehouse.stream(
        "SELECT message, request, record, at, project, session_id, input_tokens, output_tokens,"
        " cache_creation_5m_tokens + cache_creation_1h_tokens, cache_read_tokens, counts_in"
        " FROM message_facts_by_month FINAL"
        " WHERE machine = {machine:String} AND is_shown AND NOT bitTest(taken_back, 0) AND counts_in > 0"
        " AND ({all:Bool} OR session_id IN {sessions:Array(String)}"
        " OR arrayExists((a, b) -> a <= toUnixTimestamp64Milli(at) AND toUnixTimestamp64Milli(at) <= b,"
        " {starts:Array(Int64)}, {ends:Array(Int64)}))",
        {
            "machine": machine,
            "all": not is_narrow,
            "sessions": sessions if is_narrow else [],
            "starts": [start for start, _ in times] if is_narrow else [],
            "ends": [end for _, end in times] if is_narrow else [],
        },
    )
    for message, request, record, at, project, session_id, *tokens, counts_in in rows:
        yield CountedMessage(
            (message, request, 0 if message else record),
            at,
            project,
            session_id,
            (tokens[0], tokens[1], tokens[2], tokens[3]),
            in_daily=bool(counts_in & DAILY),
            in_session=bool(counts_in & SESSION),
        )


def read_sums(warehouse: ClickHouse, machine: str) -> list[LedgerSum]:
    """Return what the messages of a machine add up to, by day and by session."""
    parameters = {"machine": machine}
    days = warehouse.rows(
        "SELECT date, total_tokens FROM ledger_daily WHERE machine = {machine:String} AND messages > 0 ORDER BY date",
        parameters,
    )
    sessions = warehouse.rows(
        "SELECT project, session_id, total_tokens FROM ledger_sessions"
        " WHERE machine = {machine:String} AND messages > 0 ORDER BY project, session_id",
        parameters,
    )
    taken_back = {tuple(place): int(tokens) for *place, tokens in warehouse.rows(_TAKEN_BACK, parameters)}
    unread = _unread(warehouse, machine)
    sums = [
        *(LedgerSum("daily", day, "", "", int(tokens)) for day, tokens in days),
        *(LedgerSum("session", None, project, session, int(tokens)) for project, session, tokens in sessions),
    ]
    return [one._replace(taken_back=taken_back.get(one.place, 0), is_unread=one.place in unread) for one in sums]


def _unread(warehouse: ClickHouse, machine: str) -> set[tuple[date | None, str, str]]:
    """Return the days and sessions that imports have stored since transcripts were last read."""
    imports = set()
    for load_id, reports, has_read in warehouse.rows(
        "SELECT load_id, arrayConcat(reports, failed_reports), mapContains(phases, 'transcripts') FROM loads FINAL"
        " WHERE machine = {machine:String} AND state IN ('committed', 'undone')"
        " AND runner NOT IN {others:Array(String)} ORDER BY load_id DESC",
        {"machine": machine, "others": [each for each in NOT_IMPORTS if each not in RUNNERS_OF_FACTS]},
    ):
        # An import of all reports asks for hours too where it reads no transcripts; one of some reports does not.
        is_of_some = bool(reports) and not set(REPORTS) <= set(reports)
        if has_read or not (is_of_some or ReportName.HOURS in reports):
            break
        imports.add(load_id)
    if not imports:
        return set()
    rows = warehouse.rows(
        "SELECT load_id, if(report = 'daily', toNullable(day), NULL), project, session_id FROM records FINAL"
        " WHERE machine = {machine:String} AND agent = {agent:String} AND report IN ('daily', 'session')"
        " AND load_id >= {first:UInt64}",
        {"machine": machine, "agent": CLAUDE, "first": min(imports)},
    )
    return {(day, project, session) for load_id, day, project, session in rows if load_id in imports}


def _times(records: Iterator[Record]) -> list[tuple[int, int]]:
    """Return the stretches of time of some records in milliseconds since 1970, joined where they touch."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted((_milliseconds(one.starts_at), _milliseconds(one.ends_at)) for one in map(span, records)):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _milliseconds(instant: datetime) -> int:
    return round(instant.timestamp() * 1000)
