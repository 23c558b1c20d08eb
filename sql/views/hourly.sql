-- Exact where messages are stored, or totals of those that were folded; elsewhere the hours of ccusage's blocks, over which a block is spread evenly.
CREATE OR REPLACE VIEW {database}.hourly {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    at DateTime('UTC') COMMENT 'start of the clock hour, in UTC',
    model LowCardinality(String) COMMENT 'model as ccusage names it; empty for hours of blocks, which name several',
    source LowCardinality(String) COMMENT 'messages: exact; blocks: an estimate',
    messages UInt64 COMMENT 'answers; 0 for hours of blocks',
    input_tokens UInt64 COMMENT 'uncached input; 0 for hours of blocks',
    output_tokens UInt64 COMMENT 'output; 0 for hours of blocks',
    cache_creation_tokens UInt64 COMMENT 'input written to the cache; 0 for hours of blocks',
    cache_read_tokens UInt64 COMMENT 'input read from the cache; 0 for hours of blocks',
    total_tokens Float64 COMMENT 'all tokens',
    cost_usd Float64 COMMENT 'cost in US dollars',
    unpriced Bool COMMENT 'some of this usage has no price and counts as 0 in cost_usd'
)
AS SELECT
    machine,
    agent,
    hour AS at,
    model,
    source,
    messages,
    input_tokens,
    output_tokens,
    cache_creation_tokens,
    cache_read_tokens,
    total_tokens,
    cost_usd,
    unpriced
FROM
(
    SELECT
        machine,
        'claude' AS agent,
        facts.hour AS hour,
        model,
        'messages' AS source,
        sum(facts.messages) AS messages,
        sum(facts.input_tokens) AS input_tokens,
        sum(facts.output_tokens) AS output_tokens,
        sum(facts.cache_creation_tokens) AS cache_creation_tokens,
        sum(facts.cache_read_tokens) AS cache_read_tokens,
        toFloat64(input_tokens + output_tokens + cache_creation_tokens + cache_read_tokens) AS total_tokens,
        toFloat64(sum(facts.cost_usd)) AS cost_usd,
        max(facts.unpriced) AS unpriced
    FROM
    (
        SELECT
            machine,
            toStartOfHour(at) AS hour,
            model,
            toUInt64(1) AS messages,
            input_tokens,
            output_tokens,
            cache_creation_5m_tokens + cache_creation_1h_tokens AS cache_creation_tokens,
            cache_read_tokens,
            cost_usd,
            unpriced
        FROM {database}.message_facts FINAL
        WHERE bitTest(counts_in, 0) AND is_shown AND NOT bitTest(taken_back, 0)
        UNION ALL
        SELECT
            machine,
            hour,
            model,
            messages,
            input_tokens,
            output_tokens,
            cache_creation_5m_tokens + cache_creation_1h_tokens,
            cache_read_tokens,
            cost_usd,
            unpriced
        FROM {database}.folded_hours
        WHERE has(counts_in, 'daily')
    ) AS facts
    GROUP BY machine, hour, model
    UNION ALL
    SELECT
        machine,
        agent,
        toStartOfHour(hours.at) AS hour,
        '' AS model,
        'blocks' AS source,
        0 AS messages,
        0 AS input_tokens,
        0 AS output_tokens,
        0 AS cache_creation_tokens,
        0 AS cache_read_tokens,
        sum(hours.tokens) AS total_tokens,
        sum(hours.cost) AS cost_usd,
        max(hours.unpriced) AS unpriced
    FROM
    (
        SELECT
            machine,
            agent,
            assumeNotNull(blocks.started_at) AS began,
            toUInt32(greatest(1, dateDiff('hour', began, coalesce(last_activity, began)) + 1)) AS length,
            addHours(began, arrayJoin(range(length))) AS at,
            toFloat64(blocks.cost_usd) / length AS cost,
            blocks.total_tokens / length AS tokens,
            blocks.unpriced AS unpriced
        FROM {database}.blocks AS blocks
        WHERE isNotNull(blocks.started_at)
    ) AS hours
    WHERE agent != 'claude' OR (machine, toDate(hours.at)) GLOBAL NOT IN
    (
        SELECT machine, toDate(at) FROM {database}.message_facts FINAL WHERE is_shown AND NOT bitTest(taken_back, 0)
        UNION ALL
        SELECT machine, toDate(hour) FROM {database}.folded_hours
        WHERE messages > 0
    )
    GROUP BY machine, agent, hour
)
COMMENT 'one row is one clock hour of one model'
