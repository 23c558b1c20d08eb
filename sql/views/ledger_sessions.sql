CREATE OR REPLACE VIEW {database}.ledger_sessions {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    project String COMMENT 'project, as a pseudonym unless names are stored in clear',
    session_id String COMMENT 'session, as a pseudonym unless names are stored in clear',
    first_message Nullable(DateTime64(3, 'UTC')) COMMENT 'when its first answer was written; NULL where no message is stored',
    last_message Nullable(DateTime64(3, 'UTC')) COMMENT 'when its last answer was written',
    messages UInt64 COMMENT 'answers that the report of sessions counts',
    input_tokens UInt64 COMMENT 'uncached input, of messages',
    output_tokens UInt64 COMMENT 'output, of messages',
    cache_creation_tokens UInt64 COMMENT 'input written to the cache, of messages',
    cache_read_tokens UInt64 COMMENT 'input read from the cache, of messages',
    total_tokens UInt64 COMMENT 'all tokens of the messages: what sessions would show had nothing ever been deleted',
    cost_usd Decimal(38, 15) COMMENT 'cost of the messages in US dollars',
    unpriced Bool COMMENT 'some of this usage has no price and counts as 0 in cost_usd',
    stored_tokens UInt64 COMMENT 'what sessions shows',
    stored_cost_usd Decimal(18, 9) COMMENT 'cost that sessions shows',
    token_difference Int64 COMMENT 'messages less sessions: above 0 where a session went on after its beginning was deleted',
    cost_difference_usd Decimal(38, 15) COMMENT 'the same for the cost'
)
AS SELECT
    machine,
    agent,
    project,
    session_id,
    min(first_at) AS first_message,
    max(last_at) AS last_message,
    sum(messages) AS messages,
    sum(input_tokens) AS input_tokens,
    sum(output_tokens) AS output_tokens,
    sum(cache_creation_tokens) AS cache_creation_tokens,
    sum(cache_read_tokens) AS cache_read_tokens,
    input_tokens + output_tokens + cache_creation_tokens + cache_read_tokens AS total_tokens,
    sum(cost_usd) AS cost_usd,
    max(unpriced) AS unpriced,
    sum(part_stored_tokens) AS stored_tokens,
    sum(part_stored_cost) AS stored_cost_usd,
    toInt64(total_tokens) - toInt64(stored_tokens) AS token_difference,
    cost_usd - stored_cost_usd AS cost_difference_usd
FROM
(
    SELECT
        machine,
        'claude' AS agent,
        project,
        session_id,
        toNullable(min(at)) AS first_at,
        toNullable(max(at)) AS last_at,
        count() AS messages,
        sum(input_tokens) AS input_tokens,
        sum(output_tokens) AS output_tokens,
        sum(cache_creation_5m_tokens + cache_creation_1h_tokens) AS cache_creation_tokens,
        sum(cache_read_tokens) AS cache_read_tokens,
        sum(cost_usd) AS cost_usd,
        max(unpriced) AS unpriced,
        false AS is_stored,
        toUInt64(0) AS part_stored_tokens,
        toDecimal64(0, 9) AS part_stored_cost
    FROM {database}.message_facts_by_month FINAL
    WHERE bitTest(counts_in, 1) AND is_shown AND NOT bitTest(taken_back, 0)
    GROUP BY machine, project, session_id
    UNION ALL
    SELECT
        machine,
        'claude',
        project,
        session_id,
        first_at,
        last_at,
        messages,
        input_tokens,
        output_tokens,
        cache_creation_5m_tokens + cache_creation_1h_tokens,
        cache_read_tokens,
        cost_usd,
        unpriced,
        false,
        0,
        0
    FROM {database}.folded_hours
    WHERE has(counts_in, 'session')
    UNION ALL
    SELECT machine, agent, project, session_id, NULL, NULL, 0, 0, 0, 0, 0, toDecimal128(0, 15), false, true, total_tokens, cost_usd
    FROM {database}.sessions
    WHERE agent = 'claude'
)
GROUP BY machine, agent, project, session_id
HAVING total_tokens > 0 OR max(is_stored)
{part:own_settings}
COMMENT 'one row is one session: the sum of its messages beside what sessions shows'
