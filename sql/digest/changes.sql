-- the newest verdicts that changed something stored, the largest changes of a load first
SELECT decided_at, machine, agent, report, key, verdict, reason, stored_cost_usd, offered_cost_usd
FROM changes
WHERE verdict NOT IN ('new', 'held')
    AND ({machine:String} = '' OR machine = {machine:String})
    AND day >= {since:Date}
    AND (machine, load_id) GLOBAL IN (SELECT machine, load_id FROM loads FINAL WHERE state IN ('committed', 'undone'))
ORDER BY load_id DESC, abs(offered_cost_usd - stored_cost_usd) DESC, report, key
LIMIT {rows:UInt32}
