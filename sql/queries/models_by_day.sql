-- What did each model cost on each day?
-- group: models
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: the empty model is usage that no model has
SELECT date, model, sum(cost_usd) AS cost_usd, sum(total_tokens) AS total_tokens, max(unpriced) AS unpriced
FROM cost_by_model_daily
WHERE date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY date, model
ORDER BY date DESC, cost_usd DESC, model
