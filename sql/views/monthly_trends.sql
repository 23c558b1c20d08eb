-- Sums of kept days, so that a month does not shrink when transcripts are deleted.
CREATE OR REPLACE VIEW {database}.monthly_trends {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    month Date COMMENT 'first day of the month; every month from the first with usage to this one',
    days UInt64 COMMENT 'calendar days of the month from the first day with usage to today',
    active_days UInt64 COMMENT 'days with usage',
    input_tokens UInt64 COMMENT 'uncached input',
    output_tokens UInt64 COMMENT 'output',
    cache_creation_tokens UInt64 COMMENT 'input written to the cache',
    cache_read_tokens UInt64 COMMENT 'input read from the cache',
    total_tokens UInt64 COMMENT 'sum of the four classes',
    cost_usd Decimal(18, 9) COMMENT 'cost in US dollars as ccusage counts it',
    unpriced Bool COMMENT 'some of this usage has no price and counts as 0 in cost_usd',
    cost_per_day_usd Decimal(18, 9) COMMENT 'cost per calendar day',
    cost_per_active_day_usd Nullable(Decimal(18, 9)) COMMENT 'cost per day with usage; NULL in a month without',
    cost_change_usd Nullable(Decimal(18, 9)) COMMENT 'cost less the cost of the month before; NULL in the first month',
    cost_change_ratio Nullable(Float64) COMMENT 'that change as a share of the cost of the month before; NULL where that was 0',
    is_partial Bool COMMENT 'this month, which is not over, or the first one, where the history begins after its first day'
)
AS WITH months AS
(
    SELECT
        machine,
        agent,
        toStartOfMonth(date) AS month,
        count() AS days,
        countIf(day.total_tokens > 0 OR day.cost_usd > 0) AS active_days,
        sum(input_tokens) AS input_tokens,
        sum(output_tokens) AS output_tokens,
        sum(cache_creation_tokens) AS cache_creation_tokens,
        sum(cache_read_tokens) AS cache_read_tokens,
        sum(total_tokens) AS total_tokens,
        sum(cost_usd) AS cost_usd,
        max(unpriced) AS unpriced,
        toBool(min(date) > month OR max(max(date)) OVER (PARTITION BY machine, agent) <= toLastDayOfMonth(month)) AS is_partial
    FROM {database}.daily_summary AS day
    GROUP BY machine, agent, month
)
SELECT
    machine,
    agent,
    month,
    days,
    active_days,
    input_tokens,
    output_tokens,
    cache_creation_tokens,
    cache_read_tokens,
    total_tokens,
    cost_usd,
    unpriced,
    cost_usd / days AS cost_per_day_usd,
    cost_usd / nullIf(active_days, 0) AS cost_per_active_day_usd,
    cost_usd - any(toNullable(cost_usd)) OVER before AS cost_change_usd,
    toFloat64(cost_change_usd) / nullIf(toFloat64(any(toNullable(cost_usd)) OVER before), 0) AS cost_change_ratio,
    is_partial
FROM months
WINDOW before AS (PARTITION BY machine, agent ORDER BY month ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING)
COMMENT 'one row is one calendar month of one agent on one machine as the sum of its kept days, also without usage'
