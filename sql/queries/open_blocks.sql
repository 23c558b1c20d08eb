-- Where does the open five-hour block stand?
-- group: blocks
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: rate and projection are as old as the import that read the block
SELECT
    machine,
    agent,
    started_at,
    ends_at,
    round(minutes_left) AS minutes_left,
    cost_usd,
    total_tokens,
    round(cost_per_hour_usd, 6) AS cost_per_hour_usd,
    projected_cost_usd,
    projected_tokens,
    round(age_minutes) AS read_minutes_ago,
    unpriced
FROM active_blocks
WHERE ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
ORDER BY machine, agent
