CREATE OR REPLACE VIEW {database}.subagents {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    project LowCardinality(String) COMMENT 'project as ccusage names it: a pseudonym unless names are stored in clear',
    tasks UInt64 COMMENT 'subagents that answered in the last 30 days',
    answers UInt64 COMMENT 'their answers',
    total_tokens UInt64 COMMENT 'their tokens of all classes',
    cost_usd Decimal(38, 15) COMMENT 'what they cost in US dollars',
    unpriced Bool COMMENT 'some of this usage has no price and counts as 0 in cost_usd',
    cost_share Nullable(Float64) COMMENT 'their share of the cost of the project in those days; NULL where it cost nothing',
    mean_cost_usd Float64 COMMENT 'cost of a subagent',
    cost_p95_usd Decimal(38, 15) COMMENT 'nineteen of twenty cost at most this',
    seconds_p50 Float64 COMMENT 'half of them answered for at most this long, in seconds from the first answer to the last',
    seconds_p95 Float64 COMMENT 'nineteen of twenty did'
)
AS SELECT
    machine,
    'claude' AS agent,
    CAST(project, 'LowCardinality(String)') AS project,
    countIf(agent_id != 0) AS tasks,
    sumIf(task_answers, agent_id != 0) AS answers,
    sumIf(task_tokens, agent_id != 0) AS total_tokens,
    sumIf(task_cost, agent_id != 0) AS cost_usd,
    toBool(maxIf(task_unpriced, agent_id != 0)) AS unpriced,
    toFloat64(cost_usd) / nullIf(toFloat64(sum(task_cost)), 0) AS cost_share,
    toFloat64(cost_usd) / tasks AS mean_cost_usd,
    quantileExactIf(0.95)(task_cost, agent_id != 0) AS cost_p95_usd,
    quantileExactIf(0.5)(seconds, agent_id != 0) AS seconds_p50,
    quantileExactIf(0.95)(seconds, agent_id != 0) AS seconds_p95
FROM
(
    SELECT
        machine,
        toString(project) AS project,
        agent_id,
        count() AS task_answers,
        sum(input_tokens + output_tokens + cache_creation_5m_tokens + cache_creation_1h_tokens + cache_read_tokens) AS task_tokens,
        sum(cost_usd) AS task_cost,
        max(unpriced) AS task_unpriced,
        dateDiff('millisecond', min(at), max(at)) / 1000 AS seconds
    FROM {database}.message_facts_by_month FINAL
    WHERE is_shown AND counts_in != 2 AND NOT bitTest(taken_back, 0)
        AND at > now64(3, 'UTC') - INTERVAL 30 DAY
    GROUP BY machine, project, agent_id
)
GROUP BY machine, project
HAVING tasks > 0
COMMENT 'one row is one project on one machine: what its subagents cost'
