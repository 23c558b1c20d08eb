-- what the loads of the last days decided
SELECT verdict, count()
FROM changes
WHERE ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
    AND day BETWEEN {since:Date} AND {until:Date} AND (report != 'monthly' OR toLastDayOfMonth(day) <= {until:Date})
    AND (empty({projects:Array(String)}) OR has({projects:Array(String)}, JSONExtractString(if(empty(offered), stored, offered), 'project')))
    AND toDate(decided_at) >= {counted_since:Date}
    AND (machine, load_id) GLOBAL IN
    (
        SELECT machine, load_id
        FROM loads FINAL
        WHERE state IN ('committed', 'undone') AND load_id GLOBAL IN (SELECT load_id FROM changes WHERE toDate(decided_at) >= {counted_since:Date})
    )
GROUP BY verdict
ORDER BY verdict
