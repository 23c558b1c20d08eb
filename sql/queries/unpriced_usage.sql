-- Which usage has no price and counts as 0?
-- group: cost
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
SELECT
    model,
    agent,
    min(date) AS first_day,
    max(date) AS last_day,
    sum(input_tokens) AS input_tokens,
    sum(output_tokens) AS output_tokens,
    sum(cache_creation_tokens) AS cache_creation_tokens,
    sum(cache_read_tokens) AS cache_read_tokens
FROM cost_by_model_daily
WHERE unpriced AND date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY model, agent
ORDER BY sum(total_tokens) DESC, model, agent
