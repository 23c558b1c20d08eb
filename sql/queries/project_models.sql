-- Which models does each project use?
-- group: projects
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- param: project String = : only this project, by its name or as it is stored; empty for all
-- note: cost_share is that of the project
SELECT
    project,
    part.model AS model,
    sum(part.cost_usd) AS cost_usd,
    round(toFloat64(cost_usd) / nullIf(toFloat64(sum(cost_usd) OVER (PARTITION BY project)), 0), 4) AS cost_share,
    sum(part.input_tokens + part.output_tokens + part.cache_creation_tokens + part.cache_read_tokens) AS total_tokens,
    max(part.unpriced) AS unpriced
FROM projects_daily
ARRAY JOIN models AS part
WHERE date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
    AND ({project:String} = '' OR project = {project:String})
GROUP BY project, model
ORDER BY project, cost_usd DESC, model
