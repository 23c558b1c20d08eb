-- the newest verdicts that changed something stored, but for growth, the largest changes of a load first; with both rows, whose
-- numbers are part of the reason
SELECT
    decided_at,
    changes.machine,
    agent,
    report,
    key,
    verdict,
    reason,
    stored_cost_usd,
    offered_cost_usd,
    stored,
    offered,
    ended.intact_from
FROM changes
GLOBAL INNER JOIN
(
    SELECT machine, load_id, intact_from
    FROM loads FINAL
    WHERE state IN ('committed', 'undone') AND load_id GLOBAL IN (SELECT load_id FROM changes WHERE verdict NOT IN ('new', 'grew', 'held'))
) AS ended
    ON changes.machine = ended.machine AND changes.load_id = ended.load_id
WHERE verdict NOT IN ('new', 'grew', 'held')
    AND ({machine:String} = '' OR changes.machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
    AND day BETWEEN {since:Date} AND {until:Date} AND (report != 'monthly' OR toLastDayOfMonth(day) <= {until:Date})
    AND (empty({projects:Array(String)}) OR has({projects:Array(String)}, JSONExtractString(if(empty(offered), stored, offered), 'project')))
ORDER BY changes.load_id DESC, abs(offered_cost_usd - stored_cost_usd) DESC, report, key, changes.machine, agent
LIMIT {rows:UInt32}
