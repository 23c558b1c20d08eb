-- the dearest prompts of each day that the chart of days shows
SELECT toDate(toTimeZone(at, {timezone:String})) AS date, formatDateTime(at, '%H:%i', {timezone:String}), toString(command), toString(machine), toString(project), toFloat64(cost_usd) AS cost
FROM turns_since(first = toDate32({since:Date}) - 1)
WHERE kind != 'bash' AND cost_usd > 0 AND date BETWEEN {since:Date} AND {until:Date} AND date > (SELECT max(date) FROM selected_days) - {days:UInt16}
    AND ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
    AND (empty({projects:Array(String)}) OR has({projects:Array(String)}, project))
ORDER BY date, cost DESC, turn_id
LIMIT {dearest_prompts:UInt8} BY date
