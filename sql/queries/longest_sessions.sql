-- Which sessions lasted longest?
-- group: sessions
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- param: project String = : only this project, by its name or as it is stored; empty for all
-- param: top UInt32 = 10: how many rows at most
-- note: hours are from the first to the last message, pauses included; before ccusage 20 they are not known
SELECT
    project,
    session_id,
    machine,
    first_activity,
    last_activity,
    round(duration_minutes / 60, 2) AS hours,
    cost_usd,
    round(cost_per_hour_usd, 6) AS cost_per_hour_usd,
    unpriced
FROM session_summary
WHERE duration_minutes > 0 AND date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
    AND ({project:String} = '' OR project = {project:String})
ORDER BY duration_minutes DESC, project, session_id, machine, agent
LIMIT {top:UInt32}
