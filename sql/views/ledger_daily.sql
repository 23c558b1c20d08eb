CREATE OR REPLACE VIEW {database}.ledger_daily {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    date Date COMMENT 'day in the zone of the row',
    messages UInt64 COMMENT 'answers of that day that daily counts',
    input_tokens UInt64 COMMENT 'uncached input, of messages',
    output_tokens UInt64 COMMENT 'output, of messages',
    cache_creation_tokens UInt64 COMMENT 'input written to the cache, of messages',
    cache_read_tokens UInt64 COMMENT 'input read from the cache, of messages',
    total_tokens UInt64 COMMENT 'all tokens of the messages: what daily would show had nothing ever been deleted',
    cost_usd Decimal(38, 15) COMMENT 'cost of the messages in US dollars',
    unpriced Bool COMMENT 'some of this usage has no price and counts as 0 in cost_usd',
    stored_tokens UInt64 COMMENT 'what daily shows',
    stored_cost_usd Decimal(18, 9) COMMENT 'cost that daily shows',
    token_difference Int64 COMMENT 'messages less daily: above 0 what ccusage never showed together, below 0 what was gone before messages were read',
    cost_difference_usd Decimal(38, 15) COMMENT 'the same for the cost'
)
AS SELECT
    machine,
    agent,
    date,
    sum(messages) AS messages,
    sum(input_tokens) AS input_tokens,
    sum(output_tokens) AS output_tokens,
    sum(cache_creation_tokens) AS cache_creation_tokens,
    sum(cache_read_tokens) AS cache_read_tokens,
    sum(total_tokens) AS total_tokens,
    sum(cost_usd) AS cost_usd,
    max(unpriced) AS unpriced,
    sum(stored_tokens) AS stored_tokens,
    sum(stored_cost_usd) AS stored_cost_usd,
    toInt64(total_tokens) - toInt64(stored_tokens) AS token_difference,
    cost_usd - stored_cost_usd AS cost_difference_usd
FROM
(
    SELECT
        machine,
        'claude' AS agent,
        date,
        count() AS messages,
        sum(input_tokens) AS input_tokens,
        sum(output_tokens) AS output_tokens,
        sum(cache_creation_5m_tokens + cache_creation_1h_tokens) AS cache_creation_tokens,
        sum(cache_read_tokens) AS cache_read_tokens,
        input_tokens + output_tokens + cache_creation_tokens + cache_read_tokens AS total_tokens,
        sum(cost_usd) AS cost_usd,
        max(unpriced) AS unpriced,
        toUInt64(0) AS stored_tokens,
        toDecimal64(0, 9) AS stored_cost_usd
    FROM {database}.message_facts_by_month FINAL
    WHERE bitTest(counts_in, 0) AND is_shown AND NOT bitTest(taken_back, 0)
    GROUP BY machine, date
    UNION ALL
    SELECT
        machine,
        'claude' AS agent,
        date,
        messages,
        input_tokens,
        output_tokens,
        cache_creation_5m_tokens + cache_creation_1h_tokens AS cache_creation_tokens,
        cache_read_tokens,
        input_tokens + output_tokens + cache_creation_tokens + cache_read_tokens AS total_tokens,
        cost_usd,
        unpriced,
        toUInt64(0) AS stored_tokens,
        toDecimal64(0, 9) AS stored_cost_usd
    FROM {database}.folded_hours
    WHERE has(counts_in, 'daily')
    UNION ALL
    SELECT machine, agent, date, 0, 0, 0, 0, 0, 0, toDecimal128(0, 15), false, total_tokens, cost_usd
    FROM {database}.daily
    WHERE agent = 'claude'
)
GROUP BY machine, agent, date
{part:own_settings}
COMMENT 'one row is one day: the sum of its messages beside what daily shows'
