-- Which projects cost more, or less, than before?
-- group: projects
-- param: before Date = 60 days ago: first day of the period before
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- param: top UInt32 = 10: how many rows at most
-- note: the period before ends on the day before since
SELECT
    project,
    sumIf(day.cost_usd, date < {since:Date}) AS cost_before_usd,
    sumIf(day.cost_usd, date >= {since:Date}) AS cost_usd,
    cost_usd - cost_before_usd AS cost_change_usd,
    max(day.unpriced) AS unpriced
FROM projects_daily AS day
WHERE date BETWEEN {before:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY project
ORDER BY abs(cost_change_usd) DESC, project
LIMIT {top:UInt32}
