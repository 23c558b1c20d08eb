-- When was each model first and last used?
-- group: models
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
SELECT
    model,
    min(first_day) AS first_day,
    max(last_day) AS last_day,
    arraySort(groupUniqArray(toString(agent))) AS agents,
    sum(cost_usd) AS cost_usd,
    sum(total_tokens) AS total_tokens,
    max(unpriced) AS unpriced
FROM model_performance
WHERE ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY model
ORDER BY last_day DESC, first_day DESC, model
