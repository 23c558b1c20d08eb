-- how fresh the numbers of each machine are on which what is shown was used
SELECT freshness.machine, used.agents, used.last_day, last_success_at, last_state, last_failed, last_error, failed_reports
FROM freshness
GLOBAL INNER JOIN
(
    SELECT machine, arraySort(groupUniqArray(toString(agent))) AS agents, max(date) AS last_day
    FROM selected_days
    WHERE date >= {since:Date}
    GROUP BY machine
) AS used ON freshness.machine = used.machine
ORDER BY freshness.machine
