-- What do subagents cost in each project?
-- group: prompts
-- param: machine String = : only this machine; empty for all
-- param: top UInt32 = 10: how many rows at most
-- note: of the last 30 days
SELECT project, machine, tasks, cost_usd, round(cost_share, 4) AS cost_share, round(mean_cost_usd, 4) AS mean_usd, unpriced
FROM subagents
WHERE ({machine:String} = '' OR machine = {machine:String})
ORDER BY cost_usd DESC, project, machine
LIMIT {top:UInt32}
