-- cost by day and hour of each machine: of each block by its messages, by the hours of ccusage where none are stored, else spread evenly
SELECT
    toDate(toTimeZone(at, {timezone:String})) AS day,
    machine,
    toHour(toTimeZone(at, {timezone:String})) AS hour_of_day,
    sum(block_hours.cost_usd),
    toUInt64(round(sum(block_hours.total_tokens)))
FROM block_hours
WHERE date + 2 >= {since:Date} AND date - 2 <= {until:Date} AND toDate(toTimeZone(at, {timezone:String})) BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY day, machine, hour_of_day
ORDER BY day, machine, hour_of_day
