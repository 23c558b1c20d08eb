-- Which projects have not been used since a day?
-- group: projects
-- param: since Date = 30 days ago: first day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: cost and tokens are of all days
SELECT
    project,
    min(first_day) AS first_day,
    max(summary.last_day) AS last_day,
    sum(cost_usd) AS cost_usd,
    sum(total_tokens) AS total_tokens,
    max(unpriced) AS unpriced
FROM project_summary AS summary
WHERE ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY project
HAVING last_day < {since:Date}
ORDER BY last_day, project
