-- Robust z-score by the median absolute deviation (MAD): z = 0.6745 * (cost - median) / MAD, an outlier where abs(z) > 3.5
-- (B. Iglewicz, D. Hoaglin: How to Detect and Handle Outliers, ASQC 1993; also NIST/SEMATECH e-Handbook, 1.3.5.17).
-- Median and MAD are of the 30 active days before the day, which is not among them. The median of an even number of values is
-- the mean of the middle two. With a MAD of 0 more than half of the days cost the same and the score has no scale: it is 0
-- where the day costs that too, NULL where it does not. With less than 7 active days before it a day has no score.
CREATE OR REPLACE VIEW {database}.cost_anomalies {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    date Date COMMENT 'day with usage in the zone of the row',
    total_tokens UInt64 COMMENT 'sum of the four classes',
    cost_usd Decimal(18, 9) COMMENT 'cost in US dollars as ccusage counts it',
    unpriced Bool COMMENT 'some of this usage has no price and counts as 0 in cost_usd',
    compared_days UInt8 COMMENT 'days with usage before this one that it is compared with, at most 30',
    median_cost_usd Nullable(Float64) COMMENT 'median cost of these days; NULL with fewer than 7',
    mad_usd Nullable(Float64) COMMENT 'median of the absolute deviations from that median; NULL with fewer than 7',
    z_score Nullable(Float64) COMMENT 'robust z-score of the cost; NULL with fewer than 7 days, or where mad_usd is 0 and the cost is not the median',
    is_anomaly Bool COMMENT 'the absolute value of the score is above 3.5'
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
        groupArray(toFloat64(cost_usd)) OVER (PARTITION BY machine, agent ORDER BY date ROWS BETWEEN 30 PRECEDING AND 1 PRECEDING) AS costs
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
    if(compared_days >= 7, arrayReduce('quantileExactInclusive(0.5)', arrayMap(cost -> abs(cost - assumeNotNull(median_cost_usd)), costs)), NULL) AS mad_usd,
    multiIf(
        isNull(mad_usd), NULL,
        mad_usd > 0, 0.6745 * (toFloat64(cost_usd) - median_cost_usd) / mad_usd,
        toFloat64(cost_usd) = median_cost_usd, 0,
        NULL) AS z_score,
    toBool(ifNull(abs(z_score) > 3.5, false)) AS is_anomaly
FROM compared AS day
COMMENT 'one row is one day with usage of one agent on one machine'
