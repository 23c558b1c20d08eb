-- Which five-hour blocks cost most?
-- group: blocks
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- param: top UInt32 = 10: how many rows at most
SELECT machine, started_at, last_activity, entries, cost_usd, total_tokens, models_used, unpriced
FROM blocks
WHERE date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
ORDER BY cost_usd DESC, started_at DESC, machine, agent
LIMIT {top:UInt32}
