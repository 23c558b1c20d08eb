-- A block says when it began and when its last message was, not what happened between: it is spread evenly over these clock hours. So
-- an hour is an estimate, and the sum over the hours of a block is the block. Hours and weekdays are those of the zone of the row.
CREATE OR REPLACE VIEW {database}.block_hours {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from; one without blocks has no rows',
    started_at DateTime64(3, 'UTC') COMMENT 'start of the block',
    date Date COMMENT 'day of that start in the zone of the row',
    weekday UInt8 COMMENT 'of the hour; 1 is Monday',
    hour UInt8 COMMENT 'hour of the day, 0 to 23',
    cost_usd Float64 COMMENT 'share of the cost of the block in US dollars',
    total_tokens Float64 COMMENT 'share of the tokens of the block',
    unpriced Bool COMMENT 'some usage of the block has no price and counts as 0 in cost_usd'
)
AS WITH spread AS
(
    SELECT
        machine,
        agent,
        assumeNotNull(blocks.started_at) AS began,
        date,
        toUInt32(greatest(1, dateDiff('hour', began, coalesce(last_activity, began)) + 1)) AS length,
        addHours(began, arrayJoin(range(length))) AS at,
        -- The cast to String keeps the engine from trying the empty zone of the dictionary.
        if(timezone = '', 'UTC', CAST(timezone, 'String')) AS zone,
        toFloat64(cost_usd) / length AS cost,
        total_tokens / length AS tokens,
        unpriced
    FROM {database}.blocks AS blocks
    WHERE isNotNull(blocks.started_at)
)
SELECT
    machine,
    agent,
    began AS started_at,
    date,
    toUInt8(formatDateTime(at, '%u', zone)) AS weekday,
    toUInt8(formatDateTime(at, '%H', zone)) AS hour,
    cost AS cost_usd,
    tokens AS total_tokens,
    unpriced
FROM spread AS spread
COMMENT 'one row is one clock hour of one five-hour block'
