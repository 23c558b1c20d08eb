-- How much of each day's input came from the cache?
-- group: cache
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: hit_rate is the share of all input (uncached, written to the cache, read from it) that was read from the cache
SELECT
    date,
    sum(day.input_tokens) AS input_tokens,
    sum(day.cache_creation_tokens) AS cache_creation_tokens,
    sum(day.cache_read_tokens) AS cache_read_tokens,
    round(cache_read_tokens / nullIf(input_tokens + cache_creation_tokens + cache_read_tokens, 0), 4) AS hit_rate
FROM daily AS day
WHERE date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY date
ORDER BY date DESC
