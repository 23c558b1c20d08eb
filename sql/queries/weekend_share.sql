-- How much of each month falls on weekends?
-- group: time of week
-- param: since Date = 365 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: a month counts, and counts whole, if any of its days is in the period
-- note: is_partial: the month is not over, or the history begins after its first day
WITH (SELECT (min(first_day), max(today)) FROM calendar WHERE ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})) AS history
SELECT
    toStartOfMonth(date) AS month,
    sumIf(day.cost_usd, weekday > 5) AS weekend_cost_usd,
    sum(day.cost_usd) AS cost_usd,
    round(toFloat64(weekend_cost_usd) / nullIf(toFloat64(cost_usd), 0), 4) AS weekend_share,
    uniqExactIf(date, weekday > 5 AND (day.total_tokens > 0 OR day.cost_usd > 0)) AS weekend_days_used,
    max(day.unpriced) AS unpriced,
    toBool(history.1 > month OR history.2 <= toLastDayOfMonth(month)) AS is_partial
FROM daily_summary AS day
WHERE toLastDayOfMonth(date) >= {since:Date} AND toStartOfMonth(date) <= {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY month
ORDER BY month DESC
