-- Which agents cost most, over all machines?
-- group: machines
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
SELECT
    agent,
    sum(day.cost_usd) AS cost_usd,
    round(toFloat64(cost_usd) / nullIf(toFloat64(sum(cost_usd) OVER ()), 0), 4) AS cost_share,
    sum(day.total_tokens) AS total_tokens,
    uniqExact(date) AS active_days,
    round(cost_usd / active_days, 6) AS cost_per_active_day_usd,
    arraySort(groupUniqArray(toString(machine))) AS machines,
    max(day.unpriced) AS unpriced
FROM daily AS day
WHERE (day.total_tokens > 0 OR day.cost_usd > 0) AND date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
GROUP BY agent
ORDER BY cost_usd DESC, agent
