-- how fresh the numbers of each machine are
SELECT machine, agents, last_day, last_success_at, last_state, last_failed, last_error, failed_reports
FROM freshness
WHERE {machine:String} = '' OR machine = {machine:String}
ORDER BY machine
