-- prompts since the calendar begins: those that cost most of a day, week, month, machine, project, model, command, or hour of a weekday
WITH asked AS
(
    SELECT
        toDate(toTimeZone(at, {timezone:String})) AS date,
        toHour(toTimeZone(at, {timezone:String})) AS hour,
        toMinute(toTimeZone(at, {timezone:String})) AS minute,
        toString(command) AS job,
        toString(machine) AS host,
        toString(project) AS name,
        toString(session_id) AS session,
        toString(turns_since.model) AS model,
        toFloat64(cost_usd) AS cost,
        turn_id
    FROM turns_since(first = toDateTime64(greatest({since:Date}, toStartOfMonth({last_day:Date} - {days_drawn:UInt16})), 3, 'UTC') - INTERVAL 14 HOUR)
    WHERE kind != 'bash' AND cost_usd > 0 AND date BETWEEN {since:Date} AND {until:Date}
        AND date >= toStartOfMonth({last_day:Date} - {days_drawn:UInt16})
        AND ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
        AND (empty({projects:Array(String)}) OR has({projects:Array(String)}, project))
)
SELECT DISTINCT date, 60 * hour + minute, job, host, name, session, model, cost, turn_id
FROM
(
    SELECT *, row_number() OVER (PARTITION BY place ORDER BY cost DESC, turn_id, host) AS rank
    FROM
    (
        SELECT
            *,
            arrayJoin([
                ('day', toUInt64(date)),
                ('week', toUInt64(toMonday(date))),
                ('month', toUInt64(toStartOfMonth(date))),
                ('machine', sipHash64(host)),
                ('project', sipHash64(name)),
                ('model', sipHash64(model)),
                ('command', sipHash64(job)),
                ('hour', toUInt64(24 * toDayOfWeek(date) + hour))
            ]) AS place
        FROM asked
    )
)
WHERE rank <= if(place.1 = 'day' AND place.2 <= toUInt64({last_day:Date} - {days:UInt16}),
    {prompts_of_old_day:UInt8}, {dearest_prompts:UInt8})
ORDER BY cost DESC, turn_id, host
