-- Which class of tokens does the money go to?
-- group: cost
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: tokens of all days at the prices of model_performance; models without known prices are in tokens alone, and set unpriced
SELECT
    class.1 AS token_class,
    sum(class.2) AS tokens,
    round(sum(class.2 * class.3 / 1e6), 6) AS cost_usd,
    round(cost_usd / nullIf(sum(cost_usd) OVER (), 0), 4) AS cost_share,
    max(unpriced OR isNull(class.3)) AS unpriced
FROM model_performance
ARRAY JOIN [
    ('input', input_tokens, input_cost_per_million_usd),
    ('output', output_tokens, output_cost_per_million_usd),
    ('cache creation', cache_creation_tokens, cache_creation_cost_per_million_usd),
    ('cache read', cache_read_tokens, cache_read_cost_per_million_usd)
] AS class
WHERE ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY token_class
ORDER BY cost_usd DESC NULLS LAST, token_class
