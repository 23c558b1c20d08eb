-- The rows of executions whose prompts were sent since an instant, in the time that these take: executions_since(first = '2026-11-01').
CREATE OR REPLACE VIEW {database}.executions_since {on_cluster}
(
{columns:executions}
)
AS WITH
(
    SELECT CAST((groupArray(machine), groupArray(zone)), 'Map(String, String)')
    FROM (SELECT machine, argMax(timezone, at) AS zone FROM {database}.message_facts_by_month WHERE timezone != '' GROUP BY machine)
) AS zones,
coalesce(nullIf(zone_of_answers, ''), nullIf(zones[toString(machine)], ''), 'UTC') AS zone
SELECT
    machine,
    agent,
    turn_id,
    at,
    CAST(zone, 'LowCardinality(String)') AS timezone,
    toDate(formatDateTime(at, '%F', zone)) AS date,
    toDayOfWeek(date) AS weekday,
    toUInt8(formatDateTime(at, '%H', zone)) AS hour,
    kind,
    command,
    project,
    session_id,
    claude_session_id,
    position,
    session_executions,
    model,
    characters,
    messages AS answers,
    input_tokens + cache_creation_tokens AS fresh_input_tokens,
    cache_read_tokens AS cached_input_tokens,
    output_tokens,
    total_tokens,
    cost_usd,
    subagent_cost_usd,
    unpriced,
    cache_savings_usd,
    first_answer_ms,
    duration_ms,
    tools,
    tool_calls,
    failed_tool_calls,
    outcome,
    load_id
FROM
(
    {query:turns_since}
) AS each
COMMENT 'one row is one prompt and all that it caused: its session is the batch, its command the job'
