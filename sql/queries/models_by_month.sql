-- How did the shares of the models move by month?
-- group: models
-- param: since Date = 365 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: a month counts, and counts whole, if any of its days is in the period
-- note: is_partial: the month is not over, or the history begins after its first day
WITH (SELECT (min(first_day), max(today)) FROM calendar WHERE ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})) AS history
SELECT
    toStartOfMonth(date) AS month,
    model,
    sum(part.cost_usd) AS cost_usd,
    round(toFloat64(cost_usd) / nullIf(toFloat64(sum(cost_usd) OVER (PARTITION BY month)), 0), 4) AS cost_share,
    sum(part.total_tokens) AS total_tokens,
    max(part.unpriced) AS unpriced,
    toBool(history.1 > month OR history.2 <= toLastDayOfMonth(month)) AS is_partial
FROM cost_by_model_daily AS part
WHERE toLastDayOfMonth(date) >= {since:Date} AND toStartOfMonth(date) <= {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY month, model
ORDER BY month DESC, cost_usd DESC, model
