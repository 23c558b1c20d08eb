-- Which days got another price for the same tokens?
-- group: audit
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: is_written is false where the stored price stays: the day is old, or prices are frozen; loads that died are left out
SELECT day, machine, agent, decided_at, is_written, stored_cost_usd, offered_cost_usd, offered_cost_usd - stored_cost_usd AS cost_change_usd
FROM changes
WHERE report = 'daily' AND verdict = 'repriced' AND day BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
    AND (machine, load_id) GLOBAL IN
    (
        SELECT machine, load_id
        FROM loads FINAL
        WHERE state IN ('committed', 'undone')
            AND load_id GLOBAL IN
            (
                SELECT load_id FROM changes WHERE report = 'daily' AND verdict = 'repriced' AND day BETWEEN {since:Date} AND {until:Date}
            )
    )
ORDER BY day DESC, machine, agent, load_id
