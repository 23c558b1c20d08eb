-- cost by weekday and hour: of each block by its messages, by the hours of ccusage where none are stored, else spread evenly
SELECT
    toDayOfWeek(toTimeZone(at, {timezone:String})) AS weekday,
    toHour(toTimeZone(at, {timezone:String})) AS hour_of_day,
    toDecimal64(round(sum(block_hours.cost_usd), 6), 6),
    toUInt64(round(sum(block_hours.total_tokens)))
FROM block_hours
WHERE date + 2 >= {since:Date} AND date - 2 <= {until:Date} AND toDate(toTimeZone(at, {timezone:String})) BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY weekday, hour_of_day
ORDER BY weekday, hour_of_day
