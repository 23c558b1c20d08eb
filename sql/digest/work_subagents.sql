-- what subagents cost in the last 30 days
SELECT project, machine, tasks, cost_usd, unpriced, cost_share, toDecimal64(mean_cost_usd, 6)
FROM subagents
WHERE ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
ORDER BY cost_usd DESC, project, machine
LIMIT {rows:UInt32}
