-- Days without usage are rows with 0, so that averages are over calendar days and charts have no gaps. A simple moving average
-- of n days is the mean of the day and the n - 1 before it (NIST/SEMATECH e-Handbook of Statistical Methods, 6.4.2); the first
-- days have the mean of as many as there are. Today is not over: its row grows until midnight.
CREATE OR REPLACE VIEW {database}.daily_summary {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    date Date COMMENT 'every day from the first with usage to today in the zone of the newest row, or to the last with usage where that is later',
    weekday UInt8 COMMENT '1 is Monday, 7 is Sunday (ISO 8601)',
    input_tokens UInt64 COMMENT 'uncached input',
    output_tokens UInt64 COMMENT 'output',
    cache_creation_tokens UInt64 COMMENT 'input written to the cache',
    cache_read_tokens UInt64 COMMENT 'input read from the cache',
    total_tokens UInt64 COMMENT 'sum of the four classes',
    cost_usd Decimal(18, 9) COMMENT 'cost in US dollars as ccusage counts it',
    unpriced Bool COMMENT 'some of this usage has no price and counts as 0 in cost_usd',
    cost_moving_average_7_days_usd Decimal(18, 9) COMMENT 'mean cost of this and the 6 days before, those without usage as 0; of fewer in the first week',
    cost_moving_average_30_days_usd Decimal(18, 9) COMMENT 'mean cost of this and the 29 days before, those without usage as 0; of fewer in the first 30 days',
    cost_change_usd Nullable(Decimal(18, 9)) COMMENT 'cost less the cost of the day before; NULL on the first day',
    cost_change_ratio Nullable(Float64) COMMENT 'that change as a share of the cost of the day before; NULL where that was 0',
    is_partial Bool COMMENT 'today, which is not over'
)
AS WITH days AS
(
    SELECT machine, agent, date, input_tokens, output_tokens, cache_creation_tokens, cache_read_tokens, total_tokens, cost_usd, unpriced
    FROM {database}.daily
    WHERE NOT is_dated_ahead
    UNION ALL
    SELECT machine, agent, arrayJoin(arrayMap(n -> first_day + n, range(toUInt32(today - first_day + 1)))), 0, 0, 0, 0, 0, toDecimal64(0, 9), false
    FROM {database}.calendar
),
filled AS
(
    SELECT
        machine,
        agent,
        date,
        sum(input_tokens) AS input_tokens,
        sum(output_tokens) AS output_tokens,
        sum(cache_creation_tokens) AS cache_creation_tokens,
        sum(cache_read_tokens) AS cache_read_tokens,
        sum(total_tokens) AS total_tokens,
        sum(cost_usd) AS cost_usd,
        max(unpriced) AS unpriced
    FROM days
    GROUP BY machine, agent, date
)
SELECT
    machine,
    agent,
    date,
    toDayOfWeek(date) AS weekday,
    input_tokens,
    output_tokens,
    cache_creation_tokens,
    cache_read_tokens,
    total_tokens,
    cost_usd,
    unpriced,
    sum(cost_usd) OVER seven / count() OVER seven AS cost_moving_average_7_days_usd,
    sum(cost_usd) OVER thirty / count() OVER thirty AS cost_moving_average_30_days_usd,
    cost_usd - any(toNullable(cost_usd)) OVER yesterday AS cost_change_usd,
    toFloat64(cost_change_usd) / nullIf(toFloat64(any(toNullable(cost_usd)) OVER yesterday), 0) AS cost_change_ratio,
    toBool(date = max(date) OVER (PARTITION BY machine, agent)) AS is_partial
FROM filled
WINDOW
    seven AS (PARTITION BY machine, agent ORDER BY date ROWS BETWEEN 6 PRECEDING AND CURRENT ROW),
    thirty AS (PARTITION BY machine, agent ORDER BY date ROWS BETWEEN 29 PRECEDING AND CURRENT ROW),
    yesterday AS (PARTITION BY machine, agent ORDER BY date ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING)
COMMENT 'one row is one calendar day of one agent on one machine, also without usage'
