-- Which turns and sessions show what could cost less?
-- group: cost
-- param: kind String = : only this kind, as savings shows it; empty for all
-- param: machine String = : only this machine; empty for all
-- param: project String = : only this project, by its name or as it is stored; empty for all
-- param: top UInt32 = 10: how many rows at most
-- note: of the last 30 days; saved_usd is the part of cost_usd that could have been saved, and no dollar of it is in two rows
-- note: cost_usd is that of the answers which cost more than they must; what has no price is left out
SELECT kind, saved_usd, cost_usd, answers, toDate(at, 'UTC') AS day, project, session_id, turn_id, machine
FROM savings_cases
WHERE ({kind:String} = '' OR kind = {kind:String})
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({project:String} = '' OR project = {project:String})
ORDER BY saved_usd DESC, kind, session_id, turn_id, machine
LIMIT {top:UInt32}
