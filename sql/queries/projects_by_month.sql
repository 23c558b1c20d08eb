-- What did each project cost in each month?
-- group: projects
-- param: since Date = 365 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- param: project String = : only this project, by its name or as it is stored; empty for all
-- note: a month counts, and counts whole, if any of its days is in the period
-- note: is_partial: the month is not over, or the history begins after its first day
WITH (SELECT (min(first_day), max(today)) FROM calendar WHERE ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})) AS history
SELECT
    toStartOfMonth(date) AS month,
    project,
    sum(cost_usd) AS cost_usd,
    sum(total_tokens) AS total_tokens,
    max(unpriced) AS unpriced,
    toBool(history.1 > month OR history.2 <= toLastDayOfMonth(month)) AS is_partial
FROM projects_daily
WHERE toLastDayOfMonth(date) >= {since:Date} AND toStartOfMonth(date) <= {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
    AND ({project:String} = '' OR project = {project:String})
GROUP BY month, project
ORDER BY month DESC, cost_usd DESC, project
