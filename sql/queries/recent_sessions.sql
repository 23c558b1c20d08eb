-- What was worked on last?
-- group: sessions
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- param: project String = : only this project, by its name or as it is stored; empty for all
-- param: top UInt32 = 10: how many rows at most
-- note: sessions for which ccusage gives no time are left out
SELECT last_activity, project, session_id, machine, agent, cost_usd, total_tokens, models_used, unpriced
FROM session_summary
WHERE isNotNull(last_activity)
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
    AND ({project:String} = '' OR project = {project:String})
ORDER BY last_activity DESC, project, session_id, machine, agent
LIMIT {top:UInt32}
