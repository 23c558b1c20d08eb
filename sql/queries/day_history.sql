-- What was offered for one day, and what became of it?
-- group: audit
-- param: day Date: the day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: loads that died are left out
SELECT decided_at, load_id, machine, agent, verdict, reason, is_written, stored_tokens, offered_tokens, stored_cost_usd, offered_cost_usd
FROM changes
WHERE report = 'daily' AND day = {day:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
    AND (machine, load_id) GLOBAL IN
    (
        SELECT machine, load_id
        FROM loads FINAL
        WHERE state IN ('committed', 'undone')
            AND load_id GLOBAL IN (SELECT load_id FROM changes WHERE report = 'daily' AND day = {day:Date})
    )
ORDER BY load_id, machine, agent
