-- Which stored records changed most in cost?
-- group: audit
-- param: report String = daily: daily, monthly, session, blocks, projects or hours
-- param: since Date = 7 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- param: top UInt32 = 10: how many rows at most
-- note: loads that died are left out; days are in UTC
SELECT decided_at, key, machine, agent, verdict, reason, stored_cost_usd, offered_cost_usd, offered_cost_usd - stored_cost_usd AS cost_change_usd, load_id
FROM changes
WHERE is_written AND verdict != 'new' AND report = {report:String} AND toDate(decided_at) BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
    AND (machine, load_id) GLOBAL IN
    (
        SELECT machine, load_id
        FROM loads FINAL
        WHERE state IN ('committed', 'undone')
            AND load_id GLOBAL IN
            (
                SELECT load_id FROM changes WHERE is_written AND verdict != 'new' AND report = {report:String}
                    AND toDate(decided_at) BETWEEN {since:Date} AND {until:Date}
            )
    )
ORDER BY abs(cost_change_usd) DESC, load_id DESC, key, machine, agent
LIMIT {top:UInt32}
