-- what the loads of the last days decided
SELECT verdict, count()
FROM changes
WHERE ({machine:String} = '' OR machine = {machine:String})
    AND toDate(decided_at) >= {counted_since:Date}
    AND (machine, load_id) GLOBAL IN (SELECT machine, load_id FROM loads FINAL WHERE state IN ('committed', 'undone'))
GROUP BY verdict
ORDER BY verdict
