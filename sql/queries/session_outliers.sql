-- Which sessions cost many times what is usual?
-- group: anomalies
-- param: times Float64 = 5: how many times the median
-- param: least_sessions UInt32 = 5: sessions a project needs to have a median
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- param: project String = : only this project, by its name or as it is stored; empty for all
-- note: the median is over the sessions of the project in the period, on all machines
-- note: a session counts on the day of its last activity; ccusage gives no time for sessions of opencode and gemini, which are left out
SELECT project, session_id, machine, date, cost_usd, round(median, 6) AS median_cost_usd, round(toFloat64(cost_usd) / median, 1) AS times_median, unpriced
FROM
(
    SELECT
        project,
        session_id,
        machine,
        date,
        cost_usd,
        unpriced,
        quantileExactInclusive(0.5)(toFloat64(cost_usd)) OVER (PARTITION BY project) AS median,
        count() OVER (PARTITION BY project) AS sessions
    FROM sessions
    WHERE date BETWEEN {since:Date} AND {until:Date}
        AND ({machine:String} = '' OR machine = {machine:String})
        AND ({agent:String} = '' OR agent = {agent:String})
        AND ({project:String} = '' OR project = {project:String})
)
WHERE sessions >= {least_sessions:UInt32} AND median > 0 AND toFloat64(cost_usd) >= {times:Float64} * median
ORDER BY times_median DESC, project, session_id, machine
