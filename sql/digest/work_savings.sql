-- what the last 30 days could have cost less
SELECT kind, sum(usd_per_month) AS usd, sum(saving.cases), any(case_is), max(is_estimate), any(advice)
FROM savings AS saving
WHERE ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY kind
ORDER BY usd DESC, kind
