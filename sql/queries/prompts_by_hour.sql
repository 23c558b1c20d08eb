-- What do prompts cost in each hour of the day?
-- group: prompts
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: project String = : only this project, by its name or as it is stored; empty for all
-- param: model String = : only this model; empty for all
-- note: a prompt counts for the model that cost most of it; in the zone of each machine
SELECT
    hour,
    count() AS runs,
    countIf(outcome != 'done') AS unfinished,
    sum(execution.total_tokens) AS total_tokens,
    sum(execution.cost_usd) AS cost_usd,
    round(toFloat64(cost_usd) / runs, 4) AS mean_usd,
    max(execution.unpriced) AS unpriced
FROM executions_since(first = toDateTime64({since:Date}, 3, 'UTC') - INTERVAL 14 HOUR) AS execution
WHERE date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({project:String} = '' OR project = {project:String})
    AND ({model:String} = '' OR model = {model:String})
GROUP BY hour
ORDER BY hour
