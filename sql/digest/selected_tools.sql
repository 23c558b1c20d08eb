-- tools of the days and projects that are shown, most called first, by all machines together
SELECT
    tool,
    count() AS times,
    countIf(status = 'error'),
    countIf(status = 'denied'),
    quantileExact(0.5)(toFloat64(wall_ms)) / 1000,
    quantileExact(0.95)(toFloat64(wall_ms)) / 1000,
    sum(lines_added),
    sum(lines_removed)
FROM tool_calls
WHERE isNotNull(called_at) AND toDate(toTimeZone(assumeNotNull(called_at), {timezone:String})) BETWEEN {work_since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
    AND (empty({projects:Array(String)}) OR has({projects:Array(String)}, project))
GROUP BY tool
ORDER BY times DESC, tool
LIMIT {rows:UInt32}
