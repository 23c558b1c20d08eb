-- Which smaller numbers are held, and why?
-- group: audit
-- param: report String = daily: daily, monthly, session, blocks, projects or hours
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- param: top UInt32 = 10: how many rows at most
-- note: load_id and key are what the command accept takes
SELECT key, machine, agent, reason, stored_cost_usd, offered_cost_usd, stored_tokens, offered_tokens, held_since, load_id
FROM held_records
WHERE report = {report:String}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
ORDER BY stored_cost_usd - offered_cost_usd DESC, key, machine, agent
LIMIT {top:UInt32}
