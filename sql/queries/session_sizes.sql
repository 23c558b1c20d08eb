-- How many sessions are small, and what do large ones cost?
-- group: sessions
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- param: project String = : only this project, by its name or as it is stored; empty for all
-- note: a session counts on the day of its last activity; ccusage gives no time for sessions of opencode and gemini, which are left out
SELECT
    multiIf(
        session.cost_usd < 0.1, 'below 0.10',
        session.cost_usd < 1, '0.10 to 1',
        session.cost_usd < 10, '1 to 10',
        session.cost_usd < 100, '10 to 100',
        '100 and more') AS size_usd,
    count() AS sessions,
    sum(session.cost_usd) AS cost_usd,
    round(toFloat64(cost_usd) / nullIf(toFloat64(sum(cost_usd) OVER ()), 0), 4) AS cost_share,
    max(session.unpriced) AS unpriced
FROM session_summary AS session
WHERE date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
    AND ({project:String} = '' OR project = {project:String})
GROUP BY size_usd
ORDER BY min(session.cost_usd)
