CREATE OR REPLACE VIEW {database}.predictions {on_cluster}
(
    command LowCardinality(String) COMMENT 'slash command: one of Claude Code by its name, any other by a pseudonym; empty for prompts without one',
    runs UInt64 COMMENT 'runs on all machines; the last 50 are what the next one is predicted from',
    cost_p50_usd Float64 COMMENT 'median of their cost: what the next run is expected to cost',
    cost_low_usd Nullable(Float64) COMMENT 'the next run is expected to cost at least this with 90% probability; NULL with fewer than 9 runs',
    cost_high_usd Nullable(Float64) COMMENT 'at most this with 90% probability',
    seconds_p50 Float64 COMMENT 'median of their duration',
    seconds_low Nullable(Float64) COMMENT 'the next run is expected to take at least this with 90% probability',
    seconds_high Nullable(Float64) COMMENT 'at most this with 90% probability',
    tested UInt64 COMMENT 'earlier runs that were predicted in the same way from at least 9 runs before each',
    cost_inside_share Nullable(Float64) COMMENT 'share of these whose cost was in the range; NULL without one',
    seconds_inside_share Nullable(Float64) COMMENT 'share of these whose duration was in the range',
    cost_error_usd Nullable(Float64) COMMENT 'by how much the median missed the cost on average',
    mean_cost_error_usd Nullable(Float64) COMMENT 'by how much the plain mean of all earlier runs would have missed it'
)
AS SELECT
    command,
    max(number) AS runs,
    arrayReduce('quantileExactExclusive(0.5)', argMax(arrayPushBack(arraySlice(costs_before, -49), cost), number) AS last_costs) AS cost_p50_usd,
    if(runs < 9, NULL, arrayReduce('quantileExactExclusive(0.1)', last_costs)) AS cost_low_usd,
    if(runs < 9, NULL, arrayReduce('quantileExactExclusive(0.9)', last_costs)) AS cost_high_usd,
    arrayReduce('quantileExactExclusive(0.5)', argMax(arrayPushBack(arraySlice(seconds_before, -49), seconds), number) AS last_seconds) AS seconds_p50,
    if(runs < 9, NULL, arrayReduce('quantileExactExclusive(0.1)', last_seconds)) AS seconds_low,
    if(runs < 9, NULL, arrayReduce('quantileExactExclusive(0.9)', last_seconds)) AS seconds_high,
    countIf(number > 9) AS tested,
    avgOrNullIf(cost BETWEEN cost_low AND cost_high, number > 9) AS cost_inside_share,
    avgOrNullIf(seconds BETWEEN seconds_low_before AND seconds_high_before, number > 9) AS seconds_inside_share,
    avgOrNullIf(abs(cost - cost_median), number > 9) AS cost_error_usd,
    avgOrNullIf(abs(cost - mean_before), number > 9) AS mean_cost_error_usd
FROM
(
    SELECT
        command,
        number,
        cost,
        seconds,
        mean_before,
        costs_before,
        seconds_before,
        -- Of n values in any order, the next one is as likely below the first as between any two neighbours: the quantile
        -- p of n + 1 is what it stays below with p (R-6 of Hyndman and Fan, 1996).
        arrayReduce('quantileExactExclusive(0.1)', costs_before) AS cost_low,
        arrayReduce('quantileExactExclusive(0.5)', costs_before) AS cost_median,
        arrayReduce('quantileExactExclusive(0.9)', costs_before) AS cost_high,
        arrayReduce('quantileExactExclusive(0.1)', seconds_before) AS seconds_low_before,
        arrayReduce('quantileExactExclusive(0.9)', seconds_before) AS seconds_high_before
    FROM
    (
        SELECT
            command,
            toFloat64(cost_usd) AS cost,
            duration_ms / 1000 AS seconds,
            row_number() OVER every_run AS number,
            avg(toFloat64(cost_usd)) OVER (PARTITION BY command ORDER BY at, machine, turn_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS mean_before,
            groupArray(toFloat64(cost_usd)) OVER (PARTITION BY command ORDER BY at, machine, turn_id ROWS BETWEEN 50 PRECEDING AND 1 PRECEDING) AS costs_before,
            groupArray(duration_ms / 1000) OVER (PARTITION BY command ORDER BY at, machine, turn_id ROWS BETWEEN 50 PRECEDING AND 1 PRECEDING) AS seconds_before
        FROM {database}.turns
        -- What answers nothing, as /clear, costs nothing.
        WHERE messages > 0
        WINDOW every_run AS (PARTITION BY command ORDER BY at, machine, turn_id)
    )
)
GROUP BY command
COMMENT 'one row is one slash command: what its next run will cost and how long it will take, and how such predictions of its past runs did'
