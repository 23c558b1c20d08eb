-- Which projects are worked on from several machines?
-- group: machines
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: agent String = : only this agent; empty for all
-- note: machines know a project as the same where they share a salt, or store names
SELECT
    project,
    count() AS machines,
    sum(cost) AS cost_usd,
    argMax(toString(machine), (cost, machine)) AS main_machine,
    round(toFloat64(max(cost)) / nullIf(toFloat64(cost_usd), 0), 4) AS main_share,
    max(unpriced) AS unpriced
FROM
(
    SELECT project, machine, sum(cost_usd) AS cost, max(unpriced) AS unpriced
    FROM projects_daily
    WHERE date BETWEEN {since:Date} AND {until:Date}
        AND ({agent:String} = '' OR agent = {agent:String})
    GROUP BY project, machine
)
GROUP BY project
HAVING machines > 1
ORDER BY cost_usd DESC, project
