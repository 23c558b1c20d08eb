-- What does each hour of each day of the week cost?
-- group: time of week
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: weekday 1 is Monday
-- note: a five-hour block is spread evenly over the clock hours from its start to its last message, so an hour is an estimate and the sum is not
-- note: hours and days are those of the zone of each row; agents without blocks are left out
WITH hours AS
(
    SELECT
        greatest(1, dateDiff('hour', started_at, coalesce(last_activity, started_at)) + 1) AS length,
        arrayJoin(arrayMap(n -> addHours(assumeNotNull(started_at), n), range(toUInt32(assumeNotNull(length))))) AS at,
        -- The cast to String keeps the engine from trying the empty zone of the dictionary.
        if(timezone = '', 'UTC', CAST(timezone, 'String')) AS zone,
        toUInt8(formatDateTime(at, '%u', zone)) AS weekday,
        toUInt8(formatDateTime(at, '%H', zone)) AS hour,
        toFloat64(cost_usd) / length AS cost,
        total_tokens / length AS tokens,
        unpriced
    FROM blocks
    WHERE isNotNull(started_at) AND date BETWEEN {since:Date} AND {until:Date}
        AND ({machine:String} = '' OR machine = {machine:String})
        AND ({agent:String} = '' OR agent = {agent:String})
)
SELECT
    weekday,
    hour,
    round(sum(cost), 6) AS cost_usd,
    toUInt64(round(sum(tokens))) AS total_tokens,
    max(hours.unpriced) AS unpriced
FROM hours
GROUP BY weekday, hour
ORDER BY weekday, hour
