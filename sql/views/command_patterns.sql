CREATE OR REPLACE VIEW {database}.command_patterns {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    kind LowCardinality(String) COMMENT 'text, command or bash',
    command LowCardinality(String) COMMENT 'slash command: one of Claude Code by its name, any other by a pseudonym unless names are stored in clear; empty for prompts without one',
    runs UInt64 COMMENT 'runs in the last 30 days',
    cost_usd Decimal(38, 15) COMMENT 'what they cost in US dollars',
    unpriced Bool COMMENT 'some of this usage has no price and counts as 0 in cost_usd',
    mean_cost_usd Float64 COMMENT 'cost of a run',
    cost_p50_usd Decimal(38, 15) COMMENT 'half of the runs cost at most this',
    cost_p80_usd Decimal(38, 15) COMMENT 'four of five did',
    cost_p95_usd Decimal(38, 15) COMMENT 'nineteen of twenty did',
    mean_seconds Float64 COMMENT 'duration of a run',
    seconds_p50 Float64 COMMENT 'half of the runs took at most this long',
    seconds_p80 Float64 COMMENT 'four of five did',
    seconds_p95 Float64 COMMENT 'nineteen of twenty did',
    failed_share Float64 COMMENT 'share of the runs that ended with an error of the API or a limit',
    interrupted_share Float64 COMMENT 'share of the runs that were interrupted',
    fresh_input_tokens UInt64 COMMENT 'input that was not read from the cache',
    cached_input_tokens UInt64 COMMENT 'input read from the cache',
    output_tokens UInt64 COMMENT 'output',
    excess_usd Map(String, Float64) COMMENT 'by circumstance, what the runs in which it occurred cost beyond as many others: subagents, failed calls, denied calls, compactions, a cold cache (more fresh input than cached)',
    cost_driver LowCardinality(String) COMMENT 'the circumstance with the largest excess; several where others have the same, empty where none costs more'
)
AS WITH
-- Circumstances of the same runs have the same excess up to the last digits.
excess -> mapKeys(mapFilter((name, usd) -> usd > 0 AND round(usd, 9) = round(arrayMax(mapValues(excess)), 9), excess)) AS dearest
SELECT
    machine,
    agent,
    kind,
    command,
    count() AS runs,
    sum(execution.cost_usd) AS cost_usd,
    max(execution.unpriced) AS unpriced,
    toFloat64(cost_usd) / runs AS mean_cost_usd,
    quantileExact(0.5)(execution.cost_usd) AS cost_p50_usd,
    quantileExact(0.8)(execution.cost_usd) AS cost_p80_usd,
    quantileExact(0.95)(execution.cost_usd) AS cost_p95_usd,
    avg(duration_ms) / 1000 AS mean_seconds,
    quantileExact(0.5)(duration_ms) / 1000 AS seconds_p50,
    quantileExact(0.8)(duration_ms) / 1000 AS seconds_p80,
    quantileExact(0.95)(duration_ms) / 1000 AS seconds_p95,
    countIf(outcome IN ('api_error', 'limit')) / runs AS failed_share,
    countIf(outcome = 'interrupted') / runs AS interrupted_share,
    sum(execution.fresh_input_tokens) AS fresh_input_tokens,
    sum(execution.cache_read_tokens) AS cached_input_tokens,
    sum(execution.output_tokens) AS output_tokens,
    -- Of runs with it, and of runs without it: where there are none of either, nothing can be said.
    CAST(arrayFilter(one -> isFinite(one.2), [
        ('subagents', (avgIf(cost, subagent_cost_usd > 0) - avgIf(cost, subagent_cost_usd = 0)) * countIf(subagent_cost_usd > 0)),
        ('failed calls', (avgIf(cost, errors > 0) - avgIf(cost, errors = 0)) * countIf(errors > 0)),
        ('denied calls', (avgIf(cost, denials > 0) - avgIf(cost, denials = 0)) * countIf(denials > 0)),
        ('compactions', (avgIf(cost, compactions > 0) - avgIf(cost, compactions = 0)) * countIf(compactions > 0)),
        ('cold cache', (avgIf(cost, is_cold) - avgIf(cost, NOT is_cold)) * countIf(is_cold))
    ]), 'Map(String, Float64)') AS excess_usd,
    CAST(if(length(dearest(excess_usd)) > 1, 'several', dearest(excess_usd)[1]), 'LowCardinality(String)') AS cost_driver
FROM
(
    SELECT
        *,
        toFloat64(cost_usd) AS cost,
        input_tokens + cache_creation_tokens AS fresh_input_tokens,
        fresh_input_tokens > cache_read_tokens AS is_cold
    -- Not executions_since: its days take the engine longer to plan.
    FROM {database}.turns_since(first = now64(3, 'UTC') - INTERVAL 30 DAY)
    WHERE at > now64(3, 'UTC') - INTERVAL 30 DAY
) AS execution
GROUP BY machine, agent, kind, command
{part:own_settings}
COMMENT 'one row is one slash command on one machine: what its runs cost, how long they take, and what makes them dear'
