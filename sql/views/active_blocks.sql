-- Burn rate and projection are ccusage's: tokens and cost by the time from the first to the last message of the block, kept up
-- to its end. They are as old as the last import that read the block; what is left of it is counted from now.
CREATE OR REPLACE VIEW {database}.active_blocks {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    started_at Nullable(DateTime64(3, 'UTC')) COMMENT 'start of the block',
    ends_at Nullable(DateTime64(3, 'UTC')) COMMENT 'start plus five hours',
    last_activity Nullable(DateTime64(3, 'UTC')) COMMENT 'last message',
    minutes_left Nullable(Float64) COMMENT 'from now to the end of the block',
    input_tokens UInt64 COMMENT 'uncached input',
    output_tokens UInt64 COMMENT 'output',
    cache_creation_tokens UInt64 COMMENT 'input written to the cache',
    cache_read_tokens UInt64 COMMENT 'input read from the cache',
    total_tokens UInt64 COMMENT 'sum of the four classes',
    cost_usd Decimal(18, 9) COMMENT 'cost in US dollars as ccusage counts it',
    unpriced Bool COMMENT 'some of this usage has no price and counts as 0 in cost_usd',
    tokens_per_minute Nullable(Float64) COMMENT 'burn rate; NULL with a single message',
    cost_per_hour_usd Nullable(Float64) COMMENT 'burn rate; NULL with a single message',
    projected_tokens Nullable(UInt64) COMMENT 'tokens at the end of the block at that rate',
    projected_cost_usd Nullable(Decimal(18, 9)) COMMENT 'cost at the end of the block at that rate',
    limit_resets_at Nullable(DateTime64(3, 'UTC')) COMMENT 'when a usage limit that was hit is lifted',
    read_at DateTime64(3, 'UTC') COMMENT 'when the load began that last read something new of the block',
    age_minutes Float64 COMMENT 'from then to now'
)
AS SELECT
    machine,
    agent,
    started_at,
    ends_at,
    last_activity,
    dateDiff('millisecond', now64(3, 'UTC'), ends_at) / 60000 AS minutes_left,
    input_tokens,
    output_tokens,
    cache_creation_tokens,
    cache_read_tokens,
    total_tokens,
    cost_usd,
    unpriced,
    tokens_per_minute,
    cost_per_hour_usd,
    projected_tokens,
    projected_cost_usd,
    limit_resets_at,
    fromUnixTimestamp64Milli(toInt64(intDiv(load_id, 1000)), 'UTC') AS read_at,
    dateDiff('millisecond', read_at, now64(3, 'UTC')) / 60000 AS age_minutes
FROM {database}.blocks
WHERE is_active AND ends_at > now64(3, 'UTC') AND NOT is_dated_ahead
COMMENT 'one row is one five-hour block that was open when it was last read and has not ended since'
