-- What does the cache save with each model?
-- group: cache
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: hit_rate is the share of all input (uncached, written to the cache, read from it) that was read from the cache
-- note: savings are over all days, against the price of uncached input, what its writes cost subtracted, see model_costs; NULL without known prices
SELECT
    model,
    sum(each.input_tokens) AS input_tokens,
    sum(each.cache_creation_tokens) AS cache_creation_tokens,
    sum(each.cache_read_tokens) AS cache_read_tokens,
    round(cache_read_tokens / nullIf(input_tokens + cache_creation_tokens + cache_read_tokens, 0), 4) AS hit_rate,
    sum(each.cache_savings_usd) AS cache_savings_usd,
    sum(each.cost_usd) AS cost_usd,
    max(each.unpriced) AS unpriced
FROM model_performance AS each
WHERE ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY model
ORDER BY cache_savings_usd DESC NULLS LAST, model
