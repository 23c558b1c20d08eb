-- Which models cost most?
-- group: models
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- param: top UInt32 = 10: how many rows at most
-- note: the empty model is usage that no model has; cost_share is that of all models
SELECT
    model,
    sum(part.cost_usd) AS cost_usd,
    round(toFloat64(cost_usd) / nullIf(toFloat64(sum(cost_usd) OVER ()), 0), 4) AS cost_share,
    sum(part.total_tokens) AS total_tokens,
    uniqExact(date) AS active_days,
    max(part.unpriced) AS unpriced
FROM cost_by_model_daily AS part
WHERE date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY model
ORDER BY cost_usd DESC, model
LIMIT {top:UInt32}
