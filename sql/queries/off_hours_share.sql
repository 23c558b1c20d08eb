-- How much falls outside working hours?
-- group: time of week
-- param: from_hour UInt32 = 9: first working hour, 0 to 23
-- param: to_hour UInt32 = 18: hour at which work ends, 1 to 24
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: each clock hour has the share of its five-hour block that its messages have, or else what ccusage says of it; where neither is stored, a block is spread evenly from its start to its last message
-- note: hours and days are those of the zone of each row; agents without blocks are left out
SELECT
    multiIf(weekday > 5, 'weekend', hour >= {from_hour:UInt32} AND hour < {to_hour:UInt32}, 'working hours', 'other hours') AS time,
    round(sum(block_hours.cost_usd), 6) AS cost_usd,
    round(cost_usd / nullIf(sum(cost_usd) OVER (), 0), 4) AS cost_share,
    toUInt64(round(sum(block_hours.total_tokens))) AS total_tokens,
    max(block_hours.unpriced) AS unpriced
FROM block_hours
WHERE date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY time
ORDER BY cost_usd DESC, time
