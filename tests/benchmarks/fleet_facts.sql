-- Prompts of the same machines and days, what answered them, the tools that those called, and what went wrong besides: the same for
-- the same seed and last day. A machine has usage on seven of ten days, with 2 prompts, 6 answers and 4.5 calls on average.

CREATE TABLE asked ENGINE = Memory AS
SELECT
    concat('machine-', leftPad(toString(machine_number), 2, '0')) AS machine,
    {last_day:Date} - {days:UInt32} + 1 + day_number AS day,
    sipHash64({seed:UInt64}, 'turn', machine_number, day_number, number) AS turn,
    sipHash64(turn) AS draw,
    -- One session a day, in a project that is the machine's own or shared.
    lower(hex(sipHash128('fact session', {seed:UInt64}, machine_number, day_number))) AS session_id,
    lower(hex(sipHash128('project', if(day_number % 2 = 0, day_number % 12, 100 * machine_number + day_number % 12)))) AS project,
    toDateTime64(day, 3, 'UTC') + toIntervalSecond(28800 + 7200 * number + draw % 3600) AS asked_at,
    toUInt64(1000000) * toUnixTimestamp(asked_at + INTERVAL 1 HOUR) AS load_id,
    ['', '', '', '/review', '/test', lower(hex(sipHash64('command', draw % 9)))][1 + intDiv(draw, 7) % 6] AS command
FROM
(
    SELECT
        intDiv(number, {days:UInt32}) AS machine_number,
        number % {days:UInt32} AS day_number,
        sipHash64({seed:UInt64}, 'facts', number) AS day_draw
    FROM numbers({machines:UInt32} * {days:UInt32})
    WHERE day_draw % 10 < 7
)
ARRAY JOIN range(1 + intDiv(day_draw, 10) % 3) AS number;

CREATE TABLE answered ENGINE = Memory AS
SELECT
    * EXCEPT (draw),
    number,
    sipHash64(turn, 'answer', number) AS message,
    sipHash64(message) AS draw,
    asked_at + toIntervalSecond(20 * number + draw % 15) AS answered_at,
    ['claude-sonnet-4-5-20250929', 'claude-opus-4-1-20250805', 'claude-haiku-4-5-20251001'][1 + draw % 3] AS model,
    -- One of nine answers is of a subagent.
    if(draw % 9 = 0, sipHash64('agent', turn), 0) AS agent_id,
    intDiv(draw, 5) % 4 > 0 AS calls_tool,
    sipHash64(message, 'call') AS call,
    [('Bash', ''), ('Read', ''), ('Edit', ''), ('Grep', ''), ('mcp__a1__b2', 'a1')][1 + intDiv(draw, 11) % 5] AS tool
FROM asked
ARRAY JOIN range(1 + asked.draw % 5) AS number;

INSERT INTO turn_facts
    (machine, turn, first_load_id, last_load_id, at, ended_at, kind, command, characters, session_id, claude_session_id, project, claude_version)
SELECT
    machine, turn, load_id, load_id, asked_at, asked_at + toIntervalSecond(15 + draw % 300), if(command = '', 'text', 'command'), command, draw % 500,
    concat(project, '/', session_id), session_id, project, '2.0.76'
FROM asked;

INSERT INTO message_facts_by_month
    (machine, message, request, copy, version, load_id, first_load_id, is_shown, counts_in, at, date, timezone, session_id, claude_session_id, project, model,
     input_tokens, output_tokens, cache_creation_5m_tokens, cache_read_tokens, cost_usd, stop_reason, is_final, is_subagent, agent_id, texts, tool_uses,
     text_characters, turn)
SELECT
    machine, message, message, 3, load_id, load_id, load_id, true, 3, answered_at, day, 'UTC', concat(project, '/', session_id), session_id, project, model,
    draw % 2000 AS fresh, 1 + draw % 900 AS output, draw % 9000 AS written, draw % 90000 AS reads,
    toDecimal64((3 * fresh + 15 * output + 3.75 * written + 0.3 * reads) / 1e6, 15),
    if(calls_tool, 'tool_use', 'end_turn'), true, agent_id != 0, agent_id, 1, calls_tool, draw % 700, turn
FROM answered;

INSERT INTO tool_call_facts_by_month
    (machine, call, first_load_id, last_load_id, called_at, answered_at, tool, mcp_server, file, extension, message, session_id, claude_session_id, project, turn,
     agent_id, is_subagent, is_error, error_class, lines_added, lines_removed)
SELECT
    machine, call, load_id, load_id, answered_at, answered_at + toIntervalMillisecond(50 + draw % 9000), tool.1, tool.2,
    if(tool.1 IN ('Read', 'Edit'), lower(hex(sipHash64('file', draw % 50))), '') AS path, if(path = '', '', 'py'), message,
    concat(project, '/', session_id), session_id, project, turn, agent_id, agent_id != 0,
    draw % 12 < 2, ['denied_by_user', 'exit_code', ''][1 + least(2, draw % 12)], if(tool.1 = 'Edit', draw % 40, 0), if(tool.1 = 'Edit', draw % 20, 0)
FROM answered
WHERE calls_tool;

INSERT INTO event_facts (machine, event, first_load_id, last_load_id, kind, at, session_id, claude_session_id, project, turn, tokens_before)
SELECT
    machine, sipHash64('event', turn), load_id, load_id, ['compaction', 'interrupt', 'api_error', 'limit'][1 + intDiv(draw, 17) % 4],
    asked_at + INTERVAL 10 SECOND, concat(project, '/', session_id), session_id, project, turn, 150000
FROM asked
WHERE draw % 17 = 0;

DROP TABLE answered;

DROP TABLE asked;
