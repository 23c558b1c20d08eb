CREATE OR REPLACE VIEW {database}.monthly_from_daily {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    month Date COMMENT 'first day of the month',
    days UInt64 COMMENT 'days with a record',
    input_tokens UInt64 COMMENT 'uncached input',
    output_tokens UInt64 COMMENT 'output',
    cache_creation_tokens UInt64 COMMENT 'input written to the cache',
    cache_read_tokens UInt64 COMMENT 'input read from the cache',
    total_tokens UInt64 COMMENT 'sum of the four classes',
    cost_usd Decimal(18, 9) COMMENT 'cost in US dollars as ccusage counts it',
    unpriced Bool COMMENT 'some of this usage has no price and counts as 0 in cost_usd'
)
AS SELECT
    machine,
    agent,
    toStartOfMonth(day) AS month,
    count() AS days,
    sum(input_tokens) AS input_tokens,
    sum(output_tokens) AS output_tokens,
    sum(cache_creation_tokens) AS cache_creation_tokens,
    sum(cache_read_tokens) AS cache_read_tokens,
    sum(total_tokens) AS total_tokens,
    sum(cost_usd) AS cost_usd,
    max(unpriced) AS unpriced
FROM {database}.records FINAL
WHERE report = 'daily'
GROUP BY machine, agent, month
COMMENT 'one row is one month as the sum of its kept days; it does not shrink when transcripts are deleted'
