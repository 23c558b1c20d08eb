-- What did one project cost each day, on which machines?
-- group: projects
-- param: project String: its name, or as it is stored
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
SELECT
    date,
    sum(cost_usd) AS cost_usd,
    sum(total_tokens) AS total_tokens,
    arraySort(groupUniqArray(toString(machine))) AS machines,
    max(unpriced) AS unpriced
FROM projects_daily
WHERE project = {project:String} AND date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY date
ORDER BY date DESC
