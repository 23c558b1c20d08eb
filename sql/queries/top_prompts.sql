-- Which prompts cost most, with all that they caused?
-- group: prompts
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: project String = : only this project, by its name or as it is stored; empty for all
-- param: model String = : only this model; empty for all
-- param: top UInt32 = 10: how many rows at most
-- note: a prompt counts for the model that cost most of it
SELECT at, command, project, model, answers, tool_calls, failed_tool_calls, total_tokens, cost_usd, unpriced, round(duration_ms / 1000, 1) AS seconds, outcome
FROM executions_since(first = toDateTime64({since:Date}, 3, 'UTC') - INTERVAL 14 HOUR)
WHERE date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({project:String} = '' OR project = {project:String})
    AND ({model:String} = '' OR model = {model:String})
ORDER BY cost_usd DESC, at, turn_id, machine
LIMIT {top:UInt32}
