-- what the last 30 days could have cost less in the projects that are shown
SELECT kind, sum(found.saved_usd) AS usd, count(), any(kinds.case_is), any(kinds.is_estimate), any(kinds.advice)
FROM savings_cases AS found
JOIN savings_kinds AS kinds USING (kind)
WHERE ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
    AND (empty({projects:Array(String)}) OR has({projects:Array(String)}, project))
GROUP BY kind
ORDER BY usd DESC, kind
