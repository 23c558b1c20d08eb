-- What does each hour of each day of the week cost?
-- group: time of week
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: weekday 1 is Monday
-- note: each clock hour has the share of its five-hour block that its messages have, or else what ccusage says of it; where neither is stored, a block is spread evenly from its start to its last message
-- note: hours and days are those of the zone of each row; agents without blocks are left out
SELECT
    weekday,
    hour,
    round(sum(block_hours.cost_usd), 6) AS cost_usd,
    toUInt64(round(sum(block_hours.total_tokens))) AS total_tokens,
    max(block_hours.unpriced) AS unpriced
FROM block_hours
WHERE date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY weekday, hour
ORDER BY weekday, hour
