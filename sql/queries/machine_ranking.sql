-- Which machines cost most?
-- group: machines
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: agent String = : only this agent; empty for all
SELECT
    machine,
    sum(day.cost_usd) AS cost_usd,
    round(toFloat64(cost_usd) / nullIf(toFloat64(sum(cost_usd) OVER ()), 0), 4) AS cost_share,
    sum(day.total_tokens) AS total_tokens,
    uniqExact(date) AS active_days,
    round(cost_usd / active_days, 6) AS cost_per_active_day_usd,
    arraySort(groupUniqArray(toString(agent))) AS agents,
    max(day.unpriced) AS unpriced
FROM daily AS day
WHERE (day.total_tokens > 0 OR day.cost_usd > 0) AND date BETWEEN {since:Date} AND {until:Date}
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY machine
ORDER BY cost_usd DESC, machine
