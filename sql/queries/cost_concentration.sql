-- How much do the most expensive sessions make up?
-- group: cost
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- param: project String = : only this project, by its name or as it is stored; empty for all
-- note: percent of all sessions, the most expensive first, rounded up to whole ones
-- note: a session counts on the day of its last activity; ccusage gives no time for sessions of opencode and gemini, which are left out
SELECT
    percent,
    toUInt64(ceil(length(costs) * percent / 100)) AS sessions,
    arraySum(arraySlice(costs, 1, sessions)) AS cost_usd,
    round(toFloat64(cost_usd) / nullIf(toFloat64(arraySum(costs)), 0), 4) AS cost_share,
    unpriced
FROM
(
    SELECT arrayReverseSort(groupArray(session.cost_usd)) AS costs, max(session.unpriced) AS unpriced
    FROM sessions AS session
    WHERE date BETWEEN {since:Date} AND {until:Date}
        AND ({machine:String} = '' OR machine = {machine:String})
        AND ({agent:String} = '' OR agent = {agent:String})
        AND ({project:String} = '' OR project = {project:String})
)
ARRAY JOIN [1, 5, 10, 25, 50, 100] AS percent
WHERE notEmpty(costs)
ORDER BY percent
