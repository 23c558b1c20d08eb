-- cost by day and hour of each machine, with 0 for a weekday, and all that hours tells: what it says of weekdays holds here too;
-- the days up to one of which the page draws no hours are added up on one day of each weekday
SELECT
    weekday,
    day,
    machine,
    hour_of_day,
    sum(cost) AS usd,
    toDecimal64(round(usd, 6), 6),
    toUInt64(round(sum(tokens)))
FROM
(
    SELECT
        toTimeZone(at, {timezone:String}) AS local_at,
        toDate(local_at) AS on_day,
        toDayOfWeek(local_at) AS weekday,
        if(on_day > {hours_after:Date}, on_day, {hours_after:Date} - ({hours_after:Date} - on_day) % 7) AS day,
        machine,
        toHour(local_at) AS hour_of_day,
        block_hours.cost_usd AS cost,
        block_hours.total_tokens AS tokens
    FROM block_hours
    WHERE date + 2 >= {since:Date} AND date - 2 <= {until:Date} AND on_day BETWEEN {since:Date} AND {until:Date}
        AND ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
)
GROUP BY GROUPING SETS ((weekday, hour_of_day), (day, machine, hour_of_day))
ORDER BY weekday, day, machine, hour_of_day
