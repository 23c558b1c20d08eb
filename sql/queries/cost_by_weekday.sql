-- What does each day of the week cost?
-- group: time of week
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: days without usage count; today counts as far as it has come
SELECT
    weekday,
    ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'][weekday] AS weekday_name,
    uniqExact(date) AS days,
    sum(day.cost_usd) AS cost_usd,
    round(cost_usd / days, 6) AS cost_per_day_usd,
    round(toFloat64(cost_usd) / nullIf(toFloat64(sum(cost_usd) OVER ()), 0), 4) AS cost_share,
    max(day.unpriced) AS unpriced
FROM daily_summary AS day
WHERE date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY weekday
ORDER BY weekday
