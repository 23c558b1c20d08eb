-- Robust z-score by the median absolute deviation (MAD): z = 0.6745 * (x - median) / MAD (B. Iglewicz, D. Hoaglin: How to Detect and
-- Handle Outliers, ASQC 1993; also NIST/SEMATECH e-Handbook, 1.3.5.17). x is the logarithm of the cost, as costs of days are skewed (the
-- same book, 1.3.3.14.6): x - median is that of cost / median. A day is an anomaly where it costs 3.2 times the median or more and z
-- is above 1.5: on made histories (tests/benchmarks/estimates.py) half the days flagged or more, and three of four days at five times
-- their cost, are found so, and about one ordinary day in 90 is flagged. Days of less than usual are none: idle and short days are ordinary.
-- Days with cost are compared, workdays with workdays and weekends with weekends: with the 20 before the day, which is not among
-- them. The median of an even number is the mean of the middle two. With a MAD of 0 more than half of the days cost the same and
-- z has no scale: it is 0 where the day costs that too, else NULL, and the 3.2 times decide. With less than 7 days before it a day has no score.
CREATE OR REPLACE VIEW {database}.cost_anomalies {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    date Date COMMENT 'day with usage in the zone of the row',
    total_tokens UInt64 COMMENT 'sum of the four classes',
    cost_usd Decimal(18, 9) COMMENT 'cost in US dollars as ccusage counts it',
    unpriced Bool COMMENT 'some of this usage has no price and counts as 0 in cost_usd',
    compared_days UInt8 COMMENT 'days with cost before this one that it is compared with, at most 20: workdays, or days of weekends',
    median_cost_usd Nullable(Float64) COMMENT 'median cost of these days; NULL with fewer than 7',
    mad_log Nullable(Float64) COMMENT 'median absolute logarithm of their cost as a multiple of that median; NULL with fewer than 7',
    z_score Nullable(Float64) COMMENT 'robust z-score of the logarithm of the cost; NULL with fewer than 7 days, or where mad_log is 0 and the cost is not the median',
    is_anomaly Bool COMMENT 'the cost is at least 3.2 times the median, and the score above 1.5 or without a scale'
)
AS WITH compared AS
(
    SELECT
        machine,
        agent,
        date,
        total_tokens,
        cost_usd,
        unpriced,
        groupArray(toFloat64(cost_usd)) OVER (PARTITION BY machine, agent, toDayOfWeek(date) > 5, cost_usd > 0 ORDER BY date ROWS BETWEEN 20 PRECEDING AND 1 PRECEDING) AS before,
        if(cost_usd > 0, before, []) AS costs
    FROM {database}.daily
    WHERE total_tokens > 0 OR cost_usd > 0
)
SELECT
    machine,
    agent,
    date,
    total_tokens,
    cost_usd,
    unpriced,
    length(costs) AS compared_days,
    if(compared_days >= 7, arrayReduce('quantileExactInclusive(0.5)', costs), NULL) AS median_cost_usd,
    if(compared_days >= 7, arrayReduce('quantileExactInclusive(0.5)', arrayMap(cost -> abs(log(cost / assumeNotNull(median_cost_usd))), costs)), NULL) AS mad_log,
    multiIf(
        isNull(mad_log), NULL,
        mad_log > 0, 0.6745 * log(toFloat64(cost_usd) / median_cost_usd) / mad_log,
        toFloat64(cost_usd) = median_cost_usd, 0,
        NULL) AS z_score,
    toBool(ifNull(toFloat64(cost_usd) >= 3.2 * median_cost_usd AND (mad_log = 0 OR z_score > 1.5), false)) AS is_anomaly
FROM compared AS day
COMMENT 'one row is one day with usage of one agent on one machine'
