-- A block says when it began and when its last message was. Where its messages are stored, each clock hour has the share of the block
-- that they have; elsewhere the share that ccusage's own hours have, where these were asked for and hold more of the block. A block of
-- which neither is known is spread evenly over its hours, and an hour is an estimate. The sum over the hours of a block is the block. Hours and weekdays are those of the zone of the row.
-- The windows name the date beside the block that it belongs to, so that a condition on it is met before they are computed.
CREATE OR REPLACE VIEW {database}.block_hours {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from; one without blocks has no rows',
    started_at DateTime64(3, 'UTC') COMMENT 'start of the block',
    date Date COMMENT 'day of that start in the zone of the row',
    at DateTime64(3, 'UTC') COMMENT 'start of the hour',
    weekday UInt8 COMMENT 'of the hour; 1 is Monday',
    hour UInt8 COMMENT 'hour of the day, 0 to 23',
    cost_usd Float64 COMMENT 'share of the cost of the block in US dollars',
    total_tokens Float64 COMMENT 'share of the tokens of the block',
    is_estimate Bool COMMENT 'the block was spread evenly',
    source LowCardinality(String) COMMENT 'what tells the share: facts, the messages; hours, the view hours; spread, nothing does',
    unpriced Bool COMMENT 'some usage of the block has no price and counts as 0 in cost_usd'
)
AS WITH spread AS
(
    SELECT
        machine,
        agent,
        assumeNotNull(blocks.started_at) AS began,
        day AS date,
        toUInt32(greatest(1, dateDiff('hour', began, coalesce(ended_at, began)) + 1)) AS length,
        addHours(began, arrayJoin(range(length))) AS at,
        -- The cast to String keeps the engine from trying the empty zone of the dictionary.
        if(timezone = '', 'UTC', CAST(timezone, 'String')) AS zone,
        toFloat64(cost_usd) AS cost,
        total_tokens AS tokens,
        unpriced
    FROM {database}.records AS blocks FINAL
    WHERE report = 'blocks' AND isNotNull(blocks.started_at)
),
told AS
(
    SELECT
        machine,
        'claude' AS agent,
        toDateTime64(hour, 3, 'UTC') AS hour,
        'facts' AS source,
        toFloat64(sum(cost_usd)) AS cost,
        toFloat64(sum(tokens)) AS tokens
    FROM
    (
        SELECT
            machine,
            toStartOfHour(at) AS hour,
            cost_usd,
            input_tokens + output_tokens + cache_creation_5m_tokens + cache_creation_1h_tokens + cache_read_tokens AS tokens
        FROM {database}.message_facts_by_month FINAL
        WHERE bitTest(counts_in, 1) AND is_shown AND NOT bitTest(taken_back, 0)
        UNION ALL
        SELECT
            machine,
            hour,
            cost_usd,
            input_tokens + output_tokens + cache_creation_5m_tokens + cache_creation_1h_tokens + cache_read_tokens
        FROM {database}.hour_facts FINAL
        WHERE bitTest(counts_in, 1) AND {part:are_shown_totals}
    ) AS facts
    GROUP BY machine, hour
    UNION ALL
    SELECT machine, agent, assumeNotNull(started_at), 'hours', toFloat64(cost_usd), toFloat64(total_tokens)
    FROM {database}.records FINAL
    WHERE report = 'hours'
),
both AS
(
    SELECT
        machine,
        agent,
        hour,
        sumIf(cost, source = 'facts') AS fact_cost,
        sumIf(tokens, source = 'facts') AS fact_tokens,
        sumIf(cost, source = 'hours') AS hour_cost,
        sumIf(tokens, source = 'hours') AS hour_tokens
    FROM told
    GROUP BY machine, agent, hour
),
weighed AS
(
    SELECT
        spread.*,
        both.fact_cost AS fact_cost,
        both.fact_tokens AS fact_tokens,
        both.hour_cost AS hour_cost,
        both.hour_tokens AS hour_tokens,
        sum(both.fact_cost) OVER (PARTITION BY machine, agent, date, began) AS all_fact_cost,
        sum(both.fact_tokens) OVER (PARTITION BY machine, agent, date, began) AS all_fact_tokens,
        sum(both.hour_cost) OVER (PARTITION BY machine, agent, date, began) AS all_hour_cost,
        sum(both.hour_tokens) OVER (PARTITION BY machine, agent, date, began) AS all_hour_tokens
    FROM spread
    GLOBAL LEFT JOIN both ON both.machine = spread.machine AND both.agent = spread.agent AND both.hour = spread.at
),
chosen AS
(
    SELECT
        *,
        multiIf(
            all_fact_tokens > 0 AND all_fact_tokens >= all_hour_tokens, 'facts',
            all_hour_tokens > 0, 'hours',
            'spread'
        ) AS source,
        multiIf(
            source = 'facts', fact_tokens / all_fact_tokens,
            source = 'hours', hour_tokens / all_hour_tokens,
            1 / length
        ) AS share
    FROM weighed
)
SELECT
    machine,
    agent,
    began AS started_at,
    date,
    at,
    toUInt8(formatDateTime(at, '%u', zone)) AS weekday,
    toUInt8(formatDateTime(at, '%H', zone)) AS hour,
    cost * multiIf(
        source = 'facts' AND all_fact_cost > 0, fact_cost / all_fact_cost,
        source = 'hours' AND all_hour_cost > 0, hour_cost / all_hour_cost,
        share
    ) AS cost_usd,
    tokens * share AS total_tokens,
    toBool(source = 'spread') AS is_estimate,
    source,
    unpriced
FROM chosen AS each
{part:own_settings}
COMMENT 'one row is one clock hour of one five-hour block'
