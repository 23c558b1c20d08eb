CREATE OR REPLACE VIEW {database}.predictions {on_cluster}
(
    command LowCardinality(String) COMMENT 'slash command: one of Claude Code by its name, any other by a pseudonym unless names are stored in clear; empty for prompts without one',
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
AS WITH
-- Of n values in any order, the next one is as likely below the first as between any two neighbours: the quantile p of n + 1 is what
-- it stays below with p (R-6 of Hyndman and Fan, 1996). That is quantileExactExclusive; to sort the values once takes less.
(sorted, place) -> sorted[intDiv(place, 1)] + (place - intDiv(place, 1)) * (sorted[intDiv(place, 1) + 1] - sorted[intDiv(place, 1)]) AS at_place
SELECT
    command,
    max(number) AS runs,
    quantilesExactExclusiveIf(0.1, 0.5, 0.9)(cost, number > all_runs - 50) AS next_cost,
    quantilesExactExclusiveIf(0.1, 0.5, 0.9)(seconds, number > all_runs - 50) AS next_seconds,
    next_cost[2] AS cost_p50_usd,
    if(runs < 9, NULL, next_cost[1]) AS cost_low_usd,
    if(runs < 9, NULL, next_cost[3]) AS cost_high_usd,
    next_seconds[2] AS seconds_p50,
    if(runs < 9, NULL, next_seconds[1]) AS seconds_low,
    if(runs < 9, NULL, next_seconds[3]) AS seconds_high,
    countIf(number > 9) AS tested,
    avgOrNullIf(cost BETWEEN at_place(costs_before, 0.1 * next) AND at_place(costs_before, 0.9 * next), number > 9) AS cost_inside_share,
    avgOrNullIf(seconds BETWEEN at_place(seconds_before, 0.1 * next) AND at_place(seconds_before, 0.9 * next), number > 9) AS seconds_inside_share,
    avgOrNullIf(abs(cost - at_place(costs_before, 0.5 * next)), number > 9) AS cost_error_usd,
    avgOrNullIf(abs(cost - mean_before), number > 9) AS mean_cost_error_usd
FROM
(
    SELECT
        command,
        cost,
        seconds,
        row_number() OVER every_run AS number,
        count() OVER (PARTITION BY command) AS all_runs,
        least(number, 51) AS next,
        avg(cost) OVER (PARTITION BY command ORDER BY at, machine, turn ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS mean_before,
        arraySort(groupArray(cost) OVER (PARTITION BY command ORDER BY at, machine, turn ROWS BETWEEN 50 PRECEDING AND 1 PRECEDING)) AS costs_before,
        arraySort(groupArray(seconds) OVER (PARTITION BY command ORDER BY at, machine, turn ROWS BETWEEN 50 PRECEDING AND 1 PRECEDING)) AS seconds_before
    FROM
    (
        -- As in turns, of which a query would read much more.
        SELECT
            CAST(prompts.command, 'LowCardinality(String)') AS command,
            prompts.at AS at,
            machine,
            turn,
            toFloat64(answers.cost) AS cost,
            {part:duration_ms} / 1000 AS seconds
        FROM (SELECT * FROM {database}.turn_facts FINAL WHERE {part:are_prompts}) AS prompts
        -- What answers nothing, as /clear, costs nothing.
        JOIN
        (
            SELECT machine, turn, sum(cost_usd) AS cost, max(at) AS last_at
            FROM {database}.message_facts_by_month FINAL
            WHERE {part:are_their_answers}
            GROUP BY machine, turn
        ) AS answers USING (machine, turn)
    )
    WINDOW every_run AS (PARTITION BY command ORDER BY at, machine, turn)
)
GROUP BY command
COMMENT 'one row is one slash command: what its next run will cost and how long it will take, and how such predictions of its past runs did'
