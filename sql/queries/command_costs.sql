-- What does a run of each command cost, and why?
-- group: prompts
-- param: machine String = : only this machine; empty for all
-- param: top UInt32 = 10: how many rows at most
-- note: of the last 30 days; cost_driver is what the dearer runs have more often
SELECT command, machine, runs, round(mean_cost_usd, 4) AS mean_usd, cost_p95_usd, round(seconds_p50, 1) AS seconds_p50, cost_driver, unpriced
FROM command_patterns
WHERE kind != 'bash' AND ({machine:String} = '' OR machine = {machine:String})
ORDER BY cost_usd DESC, command, machine
LIMIT {top:UInt32}
