-- How much do most prompts cost, and how long do they take?
-- group: prompts
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: project String = : only this project, by its name or as it is stored; empty for all
-- param: model String = : only this model; empty for all
-- note: a prompt counts for the model that cost most of it; times in seconds; the empty command is all prompts without one
SELECT
    command,
    count() AS runs,
    quantileExact(0.5)(cost_usd) AS cost_p50_usd,
    quantileExact(0.95)(cost_usd) AS cost_p95_usd,
    quantileExact(0.99)(cost_usd) AS cost_p99_usd,
    round(quantileExact(0.5)(duration_ms) / 1000, 1) AS seconds_p50,
    round(quantileExact(0.95)(duration_ms) / 1000, 1) AS seconds_p95,
    round(quantileExact(0.99)(duration_ms) / 1000, 1) AS seconds_p99,
    round(quantileExactIf(0.5)(first_answer_ms, isNotNull(first_answer_ms)) / 1000, 1) AS first_answer_p50,
    round(quantileExactIf(0.95)(first_answer_ms, isNotNull(first_answer_ms)) / 1000, 1) AS first_answer_p95,
    round(quantileExactIf(0.99)(first_answer_ms, isNotNull(first_answer_ms)) / 1000, 1) AS first_answer_p99,
    max(execution.unpriced) AS unpriced
FROM executions_since(first = toDateTime64({since:Date}, 3, 'UTC') - INTERVAL 14 HOUR) AS execution
WHERE date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({project:String} = '' OR project = {project:String})
    AND ({model:String} = '' OR model = {model:String})
GROUP BY command
ORDER BY runs DESC, command
