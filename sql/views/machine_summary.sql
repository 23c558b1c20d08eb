CREATE OR REPLACE VIEW {database}.machine_summary {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    first_day Date COMMENT 'first day with usage',
    last_day Date COMMENT 'last day with usage',
    active_days UInt64 COMMENT 'days with usage',
    input_tokens UInt64 COMMENT 'uncached input',
    output_tokens UInt64 COMMENT 'output',
    cache_creation_tokens UInt64 COMMENT 'input written to the cache',
    cache_read_tokens UInt64 COMMENT 'input read from the cache',
    total_tokens UInt64 COMMENT 'sum of the four classes',
    cost_usd Decimal(18, 9) COMMENT 'cost in US dollars as ccusage counts it',
    unpriced Bool COMMENT 'some of this usage has no price and counts as 0 in cost_usd',
    cost_per_active_day_usd Decimal(18, 9) COMMENT 'cost per day with usage',
    cost_share Nullable(Float64) COMMENT 'share of the cost of all machines and agents; NULL where that is 0'
)
AS SELECT
    machine,
    agent,
    min(date) AS first_day,
    max(date) AS last_day,
    count() AS active_days,
    sum(input_tokens) AS input_tokens,
    sum(output_tokens) AS output_tokens,
    sum(cache_creation_tokens) AS cache_creation_tokens,
    sum(cache_read_tokens) AS cache_read_tokens,
    sum(total_tokens) AS total_tokens,
    sum(cost_usd) AS cost_usd,
    max(unpriced) AS unpriced,
    cost_usd / active_days AS cost_per_active_day_usd,
    toFloat64(cost_usd) / nullIf(toFloat64(sum(cost_usd) OVER ()), 0) AS cost_share
FROM {database}.daily AS day
WHERE day.total_tokens > 0 OR day.cost_usd > 0
GROUP BY machine, agent
{part:own_settings}
COMMENT 'one row is one agent on one machine as the sum of its kept days'
