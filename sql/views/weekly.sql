-- Weeks of ISO 8601: Monday to Sunday; week 1 holds the first Thursday of its year, so that the days round New Year's
-- may belong to a week of the other year. Sums of kept days: ccusage's own weekly report is not read.
CREATE OR REPLACE VIEW {database}.weekly {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    week Date COMMENT 'Monday of the week; every week from the first with usage to this one',
    iso_year UInt16 COMMENT 'year of the week (ISO 8601)',
    iso_week UInt8 COMMENT 'number of the week in that year, 1 to 53 (ISO 8601)',
    active_days UInt64 COMMENT 'days with usage',
    input_tokens UInt64 COMMENT 'uncached input',
    output_tokens UInt64 COMMENT 'output',
    cache_creation_tokens UInt64 COMMENT 'input written to the cache',
    cache_read_tokens UInt64 COMMENT 'input read from the cache',
    total_tokens UInt64 COMMENT 'sum of the four classes',
    cost_usd Decimal(18, 9) COMMENT 'cost in US dollars as ccusage counts it',
    unpriced Bool COMMENT 'some of this usage has no price and counts as 0 in cost_usd',
    is_partial Bool COMMENT 'this week, which is not over, or the first one, where the history begins after its Monday'
)
AS SELECT
    machine,
    agent,
    toMonday(date) AS week,
    toISOYear(week) AS iso_year,
    toISOWeek(week) AS iso_week,
    countIf(day.total_tokens > 0 OR day.cost_usd > 0) AS active_days,
    sum(input_tokens) AS input_tokens,
    sum(output_tokens) AS output_tokens,
    sum(cache_creation_tokens) AS cache_creation_tokens,
    sum(cache_read_tokens) AS cache_read_tokens,
    sum(total_tokens) AS total_tokens,
    sum(cost_usd) AS cost_usd,
    max(unpriced) AS unpriced,
    toBool(min(date) > week OR max(max(date)) OVER (PARTITION BY machine, agent) <= week + 6) AS is_partial
FROM {database}.daily_summary AS day
GROUP BY machine, agent, week
COMMENT 'one row is one ISO week of one agent on one machine as the sum of its kept days, also without usage'
