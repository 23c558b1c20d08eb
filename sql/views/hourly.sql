-- Exact where messages are stored, or totals of those that were folded; elsewhere each block of ccusage by its hours (the view hours), or
-- spread evenly where these are not known either. A condition on utc_date reaches every table that is read here, even those that tell which
-- days have messages; one on at alone does not.
CREATE OR REPLACE VIEW {database}.hourly {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    at DateTime('UTC') COMMENT 'start of the clock hour, in UTC',
    utc_date Date COMMENT 'day of that in UTC',
    model LowCardinality(String) COMMENT 'model as ccusage names it; empty unless source is messages',
    source LowCardinality(String) COMMENT 'messages: exact; hours: blocks by the hours of ccusage; blocks: an estimate, blocks spread evenly',
    messages UInt64 COMMENT 'answers; 0 unless source is messages',
    input_tokens UInt64 COMMENT 'uncached input; 0 unless source is messages',
    output_tokens UInt64 COMMENT 'output; 0 unless source is messages',
    cache_creation_tokens UInt64 COMMENT 'input written to the cache; 0 unless source is messages',
    cache_read_tokens UInt64 COMMENT 'input read from the cache; 0 unless source is messages',
    total_tokens Float64 COMMENT 'all tokens',
    cost_usd Float64 COMMENT 'cost in US dollars',
    unpriced Bool COMMENT 'some of this usage has no price and counts as 0 in cost_usd'
)
AS SELECT
    machine,
    agent,
    hour AS at,
    utc_date,
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
        facts.utc_date AS utc_date,
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
            toDate(at) AS utc_date,
            model,
            toUInt64(1) AS messages,
            input_tokens,
            output_tokens,
            cache_creation_5m_tokens + cache_creation_1h_tokens AS cache_creation_tokens,
            cache_read_tokens,
            cost_usd,
            unpriced
        FROM {database}.message_facts_by_month FINAL
        WHERE bitTest(counts_in, 0) AND is_shown AND NOT bitTest(taken_back, 0)
        UNION ALL
        SELECT
            machine,
            hour,
            toDate(hour),
            model,
            messages,
            input_tokens,
            output_tokens,
            cache_creation_5m_tokens + cache_creation_1h_tokens,
            cache_read_tokens,
            cost_usd,
            unpriced
        FROM {database}.hour_facts FINAL
        WHERE bitTest(counts_in, 0) AND {part:are_shown_totals}
    ) AS facts
    GROUP BY machine, hour, utc_date, model
    UNION ALL
    SELECT
        hours.machine AS machine,
        hours.agent AS agent,
        toStartOfHour(hours.at) AS hour,
        hours.utc_date AS utc_date,
        '' AS model,
        if(hours.is_told, 'hours', 'blocks') AS source,
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
            part.1 AS at,
            toDate(at) AS utc_date,
            all_tokens > 0 AS is_told,
            block_cost * part.2 AS cost,
            block_tokens * part.3 AS tokens,
            unpriced
        FROM
        (
            SELECT
                blocks.machine AS machine,
                blocks.agent AS agent,
                assumeNotNull(blocks.started_at) AS began,
                toUInt32(greatest(1, dateDiff('hour', began, coalesce(blocks.ended_at, began)) + 1)) AS length,
                toFloat64(blocks.cost_usd) AS block_cost,
                blocks.total_tokens AS block_tokens,
                blocks.unpriced AS unpriced,
                arrayFilter(hour -> hour.1 < addHours(began, length) AND hour.3 > 0, told.told_hours) AS inside,
                arraySum(hour -> hour.2, inside) AS all_cost,
                arraySum(hour -> hour.3, inside) AS all_tokens,
                arrayJoin(if(
                    all_tokens > 0,
                    arrayMap(hour -> (hour.1, if(all_cost > 0, hour.2 / all_cost, hour.3 / all_tokens), hour.3 / all_tokens), inside),
                    arrayMap(number -> (addHours(began, number), 1 / length, 1 / length), range(length))
                )) AS part
            FROM {database}.records AS blocks FINAL
            GLOBAL LEFT JOIN
            (
                -- Each hour under every start that a block with usage in it may have.
                SELECT
                    machine,
                    agent,
                    addHours(assumeNotNull(hours.started_at), -arrayJoin(range(6))) AS hour_of_start,
                    groupArray((assumeNotNull(hours.started_at), toFloat64(hours.cost_usd), toFloat64(hours.total_tokens))) AS told_hours
                FROM {database}.records AS hours FINAL
                WHERE report = 'hours' AND isNotNull(hours.started_at)
                GROUP BY machine, agent, hour_of_start
            ) AS told ON told.machine = blocks.machine AND told.agent = blocks.agent AND told.hour_of_start = blocks.started_at
            WHERE report = 'blocks' AND isNotNull(blocks.started_at)
        )
    ) AS hours
    GLOBAL LEFT ANTI JOIN
    (
        SELECT machine, 'claude' AS agent, utc_date
        FROM
        (
            SELECT machine, toDate(at) AS utc_date FROM {database}.message_facts_by_month FINAL WHERE is_shown AND NOT bitTest(taken_back, 0)
            UNION ALL
            SELECT machine, toDate(hour) FROM {database}.hour_facts FINAL
            WHERE messages > 0 AND {part:are_shown_totals}
        )
        GROUP BY machine, utc_date
    ) AS exact ON exact.machine = hours.machine AND exact.agent = hours.agent AND exact.utc_date = hours.utc_date
    GROUP BY machine, agent, hour, utc_date, source
) AS each
{part:own_settings}
COMMENT 'one row is one clock hour of one model'
