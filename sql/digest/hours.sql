-- cost by weekday and hour: each block spread evenly from its start to its last message
SELECT toDayOfWeek(hour) AS weekday, toHour(hour) AS hour_of_day, sum(part_usd), toUInt64(round(sum(part_tokens)))
FROM
(
    SELECT
        toUInt32(1 + greatest(0, ifNull(dateDiff('hour', started_at, last_activity), 0))) AS hours,
        arrayJoin(arrayMap(n -> toTimeZone(assumeNotNull(started_at), {timezone:String}) + toIntervalHour(n), range(hours))) AS hour,
        cost_usd / hours AS part_usd,
        total_tokens / hours AS part_tokens
    FROM blocks
    WHERE date >= {since:Date} AND ({machine:String} = '' OR machine = {machine:String}) AND started_at IS NOT NULL
)
GROUP BY weekday, hour_of_day
ORDER BY weekday, hour_of_day
