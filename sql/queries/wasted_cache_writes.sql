-- Which sessions wrote more to the cache than they read?
-- group: cache
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- param: project String = : only this project, by its name or as it is stored; empty for all
-- param: top UInt32 = 10: how many rows at most
-- note: what is written and not read again costs more than uncached input
-- note: a session counts on the day of its last activity; ccusage gives no time for sessions of opencode and gemini, which are left out
SELECT project, session_id, machine, date, cache_creation_tokens, cache_read_tokens, cost_usd, unpriced
FROM sessions
WHERE cache_creation_tokens > cache_read_tokens AND date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
    AND ({project:String} = '' OR project = {project:String})
ORDER BY cache_creation_tokens - cache_read_tokens DESC, project, session_id, machine, agent
LIMIT {top:UInt32}
