-- What one fold makes totals of: one row is one fact, with what is added up of it.
SELECT
    date,
    toStartOfHour(at) AS hour,
    timezone,
    model,
    project,
    session_id,
    claude_session_id,
    is_subagent,
    counts_in,
    unpriced,
    first_load_id,
    at,
    toUInt64(1) AS messages,
    input_tokens,
    output_tokens,
    cache_creation_5m_tokens,
    cache_creation_1h_tokens,
    cache_read_tokens,
    cost_usd,
    text_characters,
    web_searches,
    toUInt64(0) AS tool_calls,
    toUInt64(0) AS failed_tool_calls,
    toUInt64(0) AS lines_added,
    toUInt64(0) AS lines_removed,
    toUInt64(0) AS turns,
    toUInt64(0) AS events
FROM message_facts_by_month FINAL
WHERE machine = {machine:String} AND is_shown AND if(message = 0, record, message) GLOBAL IN
(
    SELECT id FROM folded_ids WHERE machine = {machine:String} AND kind = 'messages' AND fold = {fold:UInt64}
)
UNION ALL
SELECT
    toDate(assumeNotNull(called_at), {timezone:String}),
    toStartOfHour(assumeNotNull(called_at)),
    {timezone:String},
    '',
    CAST(project, 'LowCardinality(String)'),
    CAST(session_id, 'LowCardinality(String)'),
    CAST(claude_session_id, 'LowCardinality(String)'),
    toBool(is_subagent = 1),
    0,
    false,
    CAST(first_load_id, 'UInt64'),
    assumeNotNull(called_at),
    0, 0, 0, 0, 0, 0, toDecimal128(0, 15), 0, 0,
    1,
    is_error = 1,
    lines_added,
    lines_removed,
    0,
    0
FROM tool_call_facts_by_month FINAL
WHERE machine = {machine:String} AND call GLOBAL IN
(
    SELECT id FROM folded_ids WHERE machine = {machine:String} AND kind = 'tool_calls' AND fold = {fold:UInt64}
)
UNION ALL
SELECT
    toDate(assumeNotNull(at), {timezone:String}),
    toStartOfHour(assumeNotNull(at)),
    {timezone:String},
    '',
    CAST(project, 'LowCardinality(String)'),
    CAST(session_id, 'LowCardinality(String)'),
    CAST(claude_session_id, 'LowCardinality(String)'),
    false,
    0,
    false,
    CAST(first_load_id, 'UInt64'),
    assumeNotNull(at),
    0, 0, 0, 0, 0, 0, toDecimal128(0, 15), 0, 0,
    0,
    0,
    0,
    0,
    1,
    0
FROM turn_facts FINAL
WHERE machine = {machine:String} AND turn GLOBAL IN
(
    SELECT id FROM folded_ids WHERE machine = {machine:String} AND kind = 'turns' AND fold = {fold:UInt64}
)
UNION ALL
SELECT
    toDate(at, {timezone:String}),
    toStartOfHour(at),
    {timezone:String},
    '',
    CAST(project, 'LowCardinality(String)'),
    CAST(session_id, 'LowCardinality(String)'),
    CAST(claude_session_id, 'LowCardinality(String)'),
    false,
    0,
    false,
    CAST(first_load_id, 'UInt64'),
    at,
    0, 0, 0, 0, 0, 0, toDecimal128(0, 15), 0, 0,
    0,
    0,
    0,
    0,
    0,
    1
FROM event_facts FINAL
WHERE machine = {machine:String} AND event GLOBAL IN
(
    SELECT id FROM folded_ids WHERE machine = {machine:String} AND kind = 'events' AND fold = {fold:UInt64}
)
