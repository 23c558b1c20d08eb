-- when usage limits that were hit are lifted, however often each was met; reports and transcripts both tell of them
SELECT DISTINCT machine, agent, resets_at
FROM
(
    SELECT machine, agent, limit_resets_at AS resets_at, date AS day FROM blocks
    UNION ALL
    SELECT machine, agent, resets_at, toDate(at, {timezone:String}) AS day FROM events WHERE kind = 'limit'
)
WHERE isNotNull(resets_at) AND day BETWEEN {since:Date} AND {until:Date} AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
ORDER BY resets_at, machine, agent
