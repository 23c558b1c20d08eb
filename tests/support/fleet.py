"""Two machines in 2099 with something of everything that a query or view asks about: what they answer is never news."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from ccusage_import.warehouse.clickhouse_client import ClickHouse
from tests.benchmarks.fleet import Fleet, run_statements, write_fleet

EARLIEST, LAST_DAY = "2099-05-01", date(2099, 7, 20)
PROJECT = "lower(hex(sipHash128('project', toUInt64(4))))"
MODEL = "claude-opus-4-1-20250805"
FLEET = Fleet(machines=2, days=72, last_day=LAST_DAY)
WORK = Path(__file__).with_name("work.sql")
# What a fleet does not have: blocks and projects of a second agent, usage without a price, limits, prices, gaps between
# reports, sessions and days beyond all others, a machine and an agent that came later, turns.
ADDED = f"""
INSERT INTO records SELECT * REPLACE ('codex' AS agent)
FROM records WHERE report IN ('blocks', 'projects') AND machine = 'machine-00';

INSERT INTO records SELECT * REPLACE (load_id + 10 AS load_id, true AS unpriced,
    arrayMap(part -> (part.1, part.2, part.3, part.4, part.5, toDecimal64(0, 9), true), models) AS models)
FROM records WHERE report = 'daily' AND day % 3 = 0;

INSERT INTO records SELECT * REPLACE (load_id + 20 AS load_id, block_ends_at AS limit_resets_at)
FROM records WHERE report = 'blocks' AND day % 2 = 0;

INSERT INTO records SELECT * REPLACE (concat('long ', key) AS key, concat('long ', session_id) AS session_id,
    90 * cost_usd AS cost_usd, ended_at + INTERVAL 9 HOUR AS ended_at)
FROM records WHERE report = 'session' AND day % 5 = 0;

INSERT INTO records SELECT * REPLACE (load_id + 40 AS load_id, cost_usd + 7 AS cost_usd)
FROM records WHERE report = 'projects' AND day % 4 = 0;

INSERT INTO records SELECT * REPLACE (load_id + 50 AS load_id, 60 * cost_usd AS cost_usd)
FROM records WHERE report = 'daily' AND day = '2099-06-16';

INSERT INTO records SELECT * REPLACE ('idle' AS project, concat('idle ', key) AS key)
FROM records
WHERE report = 'projects' AND day BETWEEN '2099-05-11' AND if(machine = 'machine-00', '2099-05-20', '2099-05-17')::Date;

INSERT INTO records SELECT * REPLACE (day - 40 AS day, toString(day - 40) AS key)
FROM records WHERE report = 'daily' AND machine = 'machine-00' AND agent = 'claude' AND day < '2099-06-01';

INSERT INTO turn_facts (machine, turn, first_load_id, last_load_id, at, ended_at, kind, command, project,
    claude_session_id)
SELECT machine, sipHash64(machine, day), 1, 1, toDateTime64(day, 3, 'UTC') + INTERVAL 23 HOUR AS at,
    at + INTERVAL day % 50 MINUTE + INTERVAL 37 * (day % 23) MILLISECOND,
    'command', if(day % 3 = 0, '/review', '/clear'), if(day % 4 = 0, {PROJECT}, 'other'),
    concat('session ', toString(day % 5))
FROM records FINAL WHERE report = 'daily' AND agent = 'claude';

INSERT INTO message_facts_by_month (machine, message, load_id, first_load_id, is_shown, counts_in, at, date, timezone,
    project, claude_session_id, model, input_tokens, cache_read_tokens, output_tokens, cost_usd, turn, is_subagent,
    agent_id)
SELECT machine, turn + agent, 1, 1, true, 3, assumeNotNull(at) + INTERVAL 9 SECOND, toDate(assumeNotNull(at), 'UTC'),
    'UTC', project, claude_session_id, if(turn % 2 = 1, '{MODEL}', 'claude-even'), 10,
    if(turn % 4 = 0, 0, turn % 1000), turn % 77,
    toDecimal64(turn % 91, 3), turn, agent = 1, agent
FROM turn_facts ARRAY JOIN range(1 + (turn % 3 = 0)) AS agent;

INSERT INTO tool_call_facts_by_month (machine, call, called_at, answered_at, tool, mcp_server,
    claude_session_id, project, turn, is_error, error_class)
SELECT machine, turn + part, at + INTERVAL part SECOND, at + INTERVAL 5 * part SECOND,
    if(part = 1, 'Edit', 'mcp__shop__ask'), if(part = 1, '', 'shop'), claude_session_id, project, turn,
    turn % 5 = part, if(turn % 5 = part, 'exit_code', '')
FROM turn_facts ARRAY JOIN [1, 2] AS part;

INSERT INTO event_facts (machine, event, kind, at, claude_session_id, project, turn)
SELECT machine, turn, ['interrupt', 'limit', 'api_error', 'compaction'][turn % 4 + 1],
    assumeNotNull(at) + INTERVAL 3 MINUTE, claude_session_id, project, turn
FROM turn_facts WHERE turn % 7 < 5;

INSERT INTO changes SELECT * REPLACE (load_id + 3600000000 AS load_id, decided_at + INTERVAL 1 HOUR AS decided_at,
    if(day % 2 = 0, 'repriced', 'held') AS verdict, day % 2 = 0 AS is_written)
FROM (SELECT * FROM changes WHERE report = 'daily' ORDER BY load_id DESC LIMIT 1 BY machine, agent, key);

INSERT INTO price_list (agent, model, ccusage_version, load_id, is_offline, input_usd, output_usd, cache_creation_usd,
    cache_creation_1h_usd, cache_read_usd)
SELECT DISTINCT agent, arrayJoin(models_used), '20.0.24', 1, true, 3, 15, 3.75, 6, 0.3 FROM records
"""
ANSWERS_OF_TODAY = """
INSERT INTO message_facts_by_month (machine, message, turn, version, is_shown, counts_in, at, date, project, session_id,
    model, output_tokens, cost_usd)
SELECT machine, sipHash64(machine, project) AS answer, answer, 1, true, 3, now64(3, 'UTC') - INTERVAL 2 HOUR, today(),
    project, project, 'claude-opus-4-1-20250805', 1000, 0.025
FROM records FINAL WHERE report = 'projects' AND agent = 'claude' AND day = '2099-06-10'
"""


def write_whole_fleet(warehouse: ClickHouse) -> None:
    """Write it all into a warehouse that has its tables and no rows."""
    write_fleet(warehouse, FLEET)
    for statement in ADDED.split(";"):
        warehouse.command(statement)


def write_work(warehouse: ClickHouse) -> None:
    """Write weeks of work beside a whole fleet."""
    run_statements(warehouse, WORK, FLEET)
