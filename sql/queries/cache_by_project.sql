-- Which projects use the cache well, and which do not?
-- group: cache
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- param: top UInt32 = 10: how many rows at most
-- note: hit_rate is the share of all input (uncached, written to the cache, read from it) that was read from the cache
SELECT
    project,
    sum(day.input_tokens) AS input_tokens,
    sum(day.cache_creation_tokens) AS cache_creation_tokens,
    sum(day.cache_read_tokens) AS cache_read_tokens,
    round(cache_read_tokens / nullIf(input_tokens + cache_creation_tokens + cache_read_tokens, 0), 4) AS hit_rate,
    sum(day.cost_usd) AS cost_usd,
    max(day.unpriced) AS unpriced
FROM projects_daily AS day
WHERE date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY project
ORDER BY cost_usd DESC, project
LIMIT {top:UInt32}
