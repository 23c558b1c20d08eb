-- Which projects cost most?
-- group: projects
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- param: top UInt32 = 10: how many rows at most
-- note: cost_share is that of all projects
SELECT
    project,
    sum(day.cost_usd) AS cost_usd,
    round(toFloat64(cost_usd) / nullIf(toFloat64(sum(cost_usd) OVER ()), 0), 4) AS cost_share,
    sum(day.total_tokens) AS total_tokens,
    uniqExactIf(date, day.total_tokens > 0 OR day.cost_usd > 0) AS active_days,
    max(date) AS last_day,
    max(day.unpriced) AS unpriced
FROM projects_daily AS day
WHERE date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY project
ORDER BY cost_usd DESC, project
LIMIT {top:UInt32}
