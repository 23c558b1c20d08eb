-- Each kind on its own: what one answer could have cost less. savings_cases settles what two kinds claim of the same answer.
-- Only the last 30 days are read, so that it stays fast however much is stored.
CREATE OR REPLACE VIEW {database}.savings_answers {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    at DateTime64(3, 'UTC') COMMENT 'when the answer was written, in UTC',
    project LowCardinality(String) COMMENT 'project as ccusage names it: a pseudonym unless names are stored in clear',
    session_id LowCardinality(String) COMMENT 'session as ccusage names it, likewise',
    turn_id UInt64 COMMENT 'the turn that it belongs to; 0 where its prompt is not known',
    cost_usd Decimal(38, 15) COMMENT 'cost of the answer in US dollars as ccusage counts it',
    claims Array(Float64) COMMENT 'share of the cost that each kind of savings_kinds could save, by its place'
)
AS WITH
(
    -- Of each model, and the newest price of the newest Sonnet that was used here.
    SELECT
    (
        mapFromArrays(groupArray(model), groupArray(known)),
        argMaxIf(arrayReverseSort(known)[1].2, (arrayReverseSort(known)[1].1, model), position(model, 'sonnet') > 0)
    )
    FROM {database}.known_prices
    WHERE agent = 'claude'
) AS prices,
prices.1 AS price_lists,
prices.2 AS sonnet,
-- As it was at that load; else the next one that is known.
tupleElement(arraySort(
    known -> (known.1 > load_id, abs(known.1 - load_id)), price_lists[toString(model)])[1], 2) AS price,
-- What writing cost more than reading the same would have.
writes_5m + writes_1h AS writes,
if(writes > 0, (writes_5m * (price[2] - price[4]) + writes_1h * (price[3] - price[4])) / writes, 0) AS more_than_reading,
isNotNull(previous_at) AND arrayExists(compacted_at -> compacted_at > previous_at AND compacted_at <= at, compactions) AS is_first_after_compaction,
isNotNull(previous_at) AND dateDiff('second', previous_at, at) > if(had_writes_1h, 3600, 300) AS is_after_pause,
-- Only what the cache held before the pause: what is new in the prompt must be written anyway.
least(writes, if(previous_cached > reads, previous_cached - reads, 0)) AS lost,
(machine, turn) GLOBAL IN
(
    SELECT machine, turn
    FROM {database}.event_facts FINAL
    WHERE turn != 0 AND kind = 'interrupt' AND NOT bitTest(taken_back, 0)
) AS is_interrupted,
(machine, turn) GLOBAL IN
(
    SELECT machine, turn
    FROM {database}.tool_call_facts_by_month FINAL
    -- A turn may have begun a day before its last answers.
    WHERE turn != 0 AND called_at >= now64(3, 'UTC') - INTERVAL 31 DAY AND NOT bitTest(taken_back, 0)
        AND (tool IN ('Edit', 'Write', 'MultiEdit', 'NotebookEdit') OR lines_added + lines_removed > 0)
) AS has_edits,
input_tokens * sonnet[1] + writes_5m * sonnet[2] + writes_1h * sonnet[3] + reads * sonnet[4] + output_tokens * sonnet[5] AS as_sonnet,
[
    if(is_interrupted, millionths, 0),
    if(agent_id != 0 AND last_characters = 0 AND last_at < now64(3, 'UTC') - INTERVAL 1 HOUR, millionths, 0),
    if(turn != 0 AND failed_before > 0, millionths, 0),
    millionths * repeated_reads / greatest(calls, 1),
    if(is_first_after_compaction AND length(compactions) >= 3, writes * more_than_reading, 0),
    if(is_after_pause AND NOT is_first_after_compaction, lost * more_than_reading, 0),
    if(read_within_hour <= reads AND at < now64(3, 'UTC') - INTERVAL 1 HOUR, writes_1h * (price[3] - price[1]), 0),
    if(turn != 0 AND position(model, 'opus') > 0 AND notEmpty(sonnet) AND NOT has_edits, millionths - as_sonnet, 0),
    if(agent_id = 0, least(reads, arraySum(loaded -> if(loaded.1 < at, loaded.2, 0), unused)) * price[4], 0)
] AS claimed
SELECT
    machine,
    'claude' AS agent,
    at,
    project,
    session_id,
    turn AS turn_id,
    cost_usd,
    arrayMap(usd -> greatest(0, least(1, ifNull(usd, 0) / millionths)), claimed) AS claims
FROM
(
    SELECT
        *,
        anyLast(toNullable(at)) OVER earlier AS previous_at,
        anyLast(reads + writes_5m + writes_1h) OVER earlier AS previous_cached,
        max(writes_1h) OVER earlier > 0 AS had_writes_1h,
        max(reads) OVER (PARTITION BY machine, claude_session_id, agent_id, model ORDER BY milliseconds RANGE BETWEEN 1 FOLLOWING AND 3600000 FOLLOWING) AS read_within_hour,
        lagInFrame(failed_calls) OVER (PARTITION BY machine, turn, agent_id ORDER BY at, message) AS failed_before,
        argMax(characters, (at, message)) OVER subagent AS last_characters,
        max(at) OVER subagent AS last_at
    FROM
    (
        SELECT
            machine,
            message,
            at,
            toUnixTimestamp64Milli(at) AS milliseconds,
            project,
            session_id,
            claude_session_id,
            agent_id,
            turn,
            model,
            load_id,
            input_tokens,
            output_tokens,
            cache_creation_5m_tokens AS writes_5m,
            cache_creation_1h_tokens AS writes_1h,
            cache_read_tokens AS reads,
            text_characters AS characters,
            cost_usd,
            toFloat64(cost_usd) * 1e6 AS millionths
        FROM {database}.message_facts_by_month FINAL
        WHERE at >= now64(3, 'UTC') - INTERVAL 30 DAY AND is_shown AND counts_in != 2 AND NOT bitTest(taken_back, 0) AND cost_usd > 0
    ) AS each
    LEFT JOIN
    (
        SELECT machine, message, count() AS calls, countIf(is_failed) AS failed_calls, countIf(is_repeated) AS repeated_reads
        FROM
        (
            {query:savings_calls}
        ) AS calls
        WHERE message != 0
        GROUP BY machine, message
    ) AS called USING (machine, message)
    WINDOW
        earlier AS (PARTITION BY machine, claude_session_id, agent_id, model ORDER BY at, message ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
        subagent AS (PARTITION BY machine, claude_session_id, agent_id)
) AS answers
LEFT JOIN
(
    SELECT
        machine,
        claude_session_id,
        groupArrayArrayIf(ats, kind = 'compaction') AS compactions,
        groupArrayIf((arrayMin(ats), tokens), kind != 'compaction' AND (machine, server) GLOBAL NOT IN
        (
            SELECT machine, toString(mcp_server)
            FROM {database}.tool_call_facts_by_month FINAL
            WHERE mcp_server != '' AND called_at >= now64(3, 'UTC') - INTERVAL 30 DAY AND NOT bitTest(taken_back, 0)
        )) AS unused
    FROM
    (
        -- A context that was compacted is told of its servers again.
        SELECT machine, claude_session_id, kind, toString(detail) AS server, groupArray(event_facts.at) AS ats, max(ifNull(tokens_after, 0)) AS tokens
        FROM {database}.event_facts FINAL
        WHERE kind IN ('compaction', 'mcp_tools', 'mcp_instructions') AND NOT bitTest(taken_back, 0)
        GROUP BY machine, claude_session_id, kind, server
    )
    GROUP BY machine, claude_session_id
) AS happened USING (machine, claude_session_id)
{part:own_settings}
COMMENT 'one row is one answer of the last 30 days and what each kind of savings could have saved of it'
