-- Many facts, without a table in between: the number of a row gives the place of its session, prompt and answer, and draws give the
-- rest, the same for the same seed. A session has 1 to 19 prompts, each of these 1 to 23 answers, each of these up to 3 calls of tools.

INSERT INTO message_facts_by_month
    (machine, message, request, copy, version, load_id, first_load_id, file_order, position, is_shown, counts_in, at, date, timezone, session_id,
     claude_session_id, project, branch, model, speed, service_tier, input_tokens, output_tokens, cache_creation_5m_tokens, cache_read_tokens, cost_usd,
     stop_reason, is_final, is_subagent, agent_id, texts, tool_uses, text_characters, claude_version, entrypoint, turn)
WITH
    intDiv(number, 480) AS session,
    intDiv(number, 24) % 20 AS prompt,
    number % 24 AS answer,
    sipHash64({seed:UInt64}, 'session', session) AS session_draw,
    sipHash64({seed:UInt64}, 'prompt', session, prompt) AS prompt_number,
    sipHash64({seed:UInt64}, 'answer', number) AS draw,
    session % {machines:UInt32} AS machine_number,
    intDiv(session * {days:UInt32}, {sessions:UInt64}) AS day_number,
    toUInt64(1000000) * toUnixTimestamp(answered_at + INTERVAL 1 HOUR) AS load
SELECT
    concat('machine-', leftPad(toString(machine_number), 2, '0')), sipHash64(draw) AS message, sipHash64(draw, 1), 3, load, load, load,
    session_draw AS file_order, 1000 * prompt + answer, true, 3,
    toDateTime64({last_day:Date} - {days:UInt32} + 1 + day_number, 3, 'UTC')
        + toIntervalMillisecond(1000 * (28800 + session_draw % 36000 + 600 * prompt + 20 * answer) + draw % 9000) AS answered_at,
    toDate(answered_at), 'UTC', concat(filed_in, '/', named),
    lower(hex(sipHash128('scale session', {seed:UInt64}, session))) AS named,
    lower(hex(sipHash128('project', if(session_draw % 2 = 0, session_draw % 12, 100 * machine_number + session_draw % 12)))) AS filed_in,
    lower(hex(sipHash64('branch', session_draw % 40))),
    ['claude-sonnet-4-5-20250929', 'claude-opus-4-1-20250805', 'claude-haiku-4-5-20251001'][1 + draw % 3], 'standard', 'standard',
    draw % 2000 AS fresh, 1 + draw % 900 AS output, draw % 9000 AS written, intDiv(draw, 9000) % 90000 AS reads,
    toDecimal64((3 * fresh + 15 * output + 3.75 * written + 0.3 * reads) / 1e6, 15),
    if(answer = prompt_number % 23, 'end_turn', 'tool_use'), true, prompt_number % 9 = 0 AND answer > 5,
    if(prompt_number % 9 = 0 AND answer > 5, sipHash64('agent', prompt_number), 0), draw % 2, intDiv(draw, 7) % 4, draw % 700,
    concat('2.0.', toString(intDiv(day_number, 7))), 'cli', prompt_number
FROM numbers(480 * {sessions:UInt64})
WHERE prompt <= session_draw % 19 AND answer <= prompt_number % 23;

INSERT INTO tool_call_facts_by_month
    (machine, call, first_load_id, last_load_id, called_at, answered_at, tool, mcp_server, file, extension, message, session_id, claude_session_id, project,
     turn, agent_id, is_subagent, is_error, error_class, lines_added, lines_removed)
SELECT
    machine, sipHash64(message, place) AS call, load_id, load_id, at + toIntervalMillisecond(place), at + toIntervalMillisecond(50 + call % 9000),
    ['Bash', 'Read', 'Edit', 'Grep', 'mcp__a1__b2'][1 + call % 5] AS name, if(name = 'mcp__a1__b2', 'a1', ''),
    if(name IN ('Read', 'Edit'), lower(hex(sipHash64('file', project, intDiv(call, 5) % 400))), '') AS path, if(path = '', '', 'py'),
    message, session_id, claude_session_id, project, turn, agent_id, is_subagent, call % 12 < 2, ['denied_by_user', 'exit_code', ''][1 + least(2, call % 12)],
    if(name = 'Edit', call % 40, 0), if(name = 'Edit', call % 20, 0)
FROM message_facts_by_month
ARRAY JOIN range(tool_uses) AS place;

INSERT INTO turn_facts
    (machine, turn, first_load_id, last_load_id, at, ended_at, kind, command, characters, session_id, claude_session_id, project, branch, claude_version)
WITH ['', '', '', '/review', '/test', lower(hex(sipHash64('command', turn % 9)))][1 + intDiv(turn, 7) % 6] AS typed
SELECT
    machine, turn, min(load_id), min(load_id), min(at) - INTERVAL 12 SECOND, max(at) + INTERVAL 2 SECOND, if(typed = '', 'text', 'command'), typed, turn % 500,
    any(session_id), any(claude_session_id), any(project), any(branch), any(claude_version)
FROM message_facts_by_month
GROUP BY machine, turn;

INSERT INTO event_facts (machine, event, first_load_id, last_load_id, kind, at, session_id, claude_session_id, project, turn, tokens_before)
SELECT
    machine, sipHash64('event', turn), first_load_id, last_load_id, ['compaction', 'interrupt', 'api_error', 'limit'][1 + intDiv(turn, 17) % 4],
    at + INTERVAL 20 SECOND, session_id, claude_session_id, project, turn, 150000
FROM turn_facts
WHERE turn % 17 = 0;
