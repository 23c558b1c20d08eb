-- How many sessions ended on each day, and of what size?
-- group: sessions
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- param: project String = : only this project, by its name or as it is stored; empty for all
-- note: a session counts on the day of its last activity; ccusage gives no time for sessions of opencode and gemini, which are left out
SELECT
    date,
    count() AS sessions,
    sum(session.cost_usd) AS cost_usd,
    round(quantileExactInclusive(0.5)(toFloat64(session.cost_usd)), 6) AS median_cost_usd,
    max(session.cost_usd) AS largest_cost_usd,
    round(quantileExactInclusive(0.5)(duration_minutes), 1) AS median_minutes,
    max(session.unpriced) AS unpriced
FROM session_summary AS session
WHERE date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
    AND ({project:String} = '' OR project = {project:String})
GROUP BY date
ORDER BY date DESC
