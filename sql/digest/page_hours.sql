-- cost by day and hour of each machine: of each block by its messages, by the hours of ccusage where none are stored, else spread evenly;
-- the days up to one of which the page draws no hours are added up on one day of each weekday
WITH toDate(toTimeZone(at, {timezone:String})) AS on_day
SELECT
    if(on_day > {hours_after:Date}, on_day, {hours_after:Date} - ({hours_after:Date} - on_day) % 7) AS day,
    machine,
    toHour(toTimeZone(at, {timezone:String})) AS hour_of_day,
    sum(block_hours.cost_usd),
    toUInt64(round(sum(block_hours.total_tokens)))
FROM block_hours
WHERE date + 2 >= {since:Date} AND date - 2 <= {until:Date} AND on_day BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY day, machine, hour_of_day
ORDER BY day, machine, hour_of_day
