-- Which five-hour blocks ran into a usage limit?
-- group: blocks
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
SELECT machine, agent, started_at, last_activity, limit_resets_at, entries, cost_usd, total_tokens, unpriced
FROM blocks
WHERE isNotNull(limit_resets_at) AND date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
ORDER BY started_at DESC, machine, agent
