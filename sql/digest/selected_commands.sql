-- slash commands of the days and projects that are shown, dearest first, by all machines together
SELECT
    command,
    count() AS times,
    sum(turn.cost_usd) AS usd,
    max(turn.unpriced),
    toDecimal64(toFloat64(usd) / times, 6),
    quantileExact(0.5)(duration_ms) / 1000,
    countIf(outcome != 'done') / times,
    ''
FROM turns_since(first = toDateTime64({work_since:Date}, 3, 'UTC') - INTERVAL 14 HOUR) AS turn
WHERE kind != 'bash' AND toDate(toTimeZone(at, {timezone:String})) BETWEEN {work_since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
    AND (empty({projects:Array(String)}) OR has({projects:Array(String)}, project))
GROUP BY command
ORDER BY usd DESC, command
LIMIT {rows:UInt32}
