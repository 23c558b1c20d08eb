-- Which sessions cost most?
-- group: sessions
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- param: project String = : only this project, by its name or as it is stored; empty for all
-- param: top UInt32 = 10: how many rows at most
-- note: a session counts on the day of its last activity; ccusage gives no time for sessions of opencode and gemini, which are left out
SELECT project, session_id, machine, date, round(duration_minutes, 1) AS duration_minutes, cost_usd, total_tokens, models_used, unpriced
FROM session_summary
WHERE date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
    AND ({project:String} = '' OR project = {project:String})
ORDER BY cost_usd DESC, project, session_id, machine, agent
LIMIT {top:UInt32}
