-- Which class of tokens does the money go to?
-- group: cost
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: all days, at the prices of the view model_costs, which also separates cache writes of an hour from those of 5 minutes
-- note: other is the rest of the cost: models without a known price, long contexts, costs that were logged
SELECT
    class.1 AS token_class,
    sum(class.2) AS tokens,
    sum(class.3) AS cost_usd,
    round(toFloat64(cost_usd) / nullIf(sum(toFloat64(cost_usd)) OVER (), 0), 4) AS cost_share,
    max(unpriced AND class.2 > 0) AS unpriced
FROM model_costs
ARRAY JOIN [
    ('input', input_tokens, input_cost_usd),
    ('output', output_tokens, output_cost_usd),
    ('cache creation', cache_creation_tokens, cache_creation_cost_usd),
    ('cache read', cache_read_tokens, cache_read_cost_usd),
    ('other', 0, other_cost_usd)
] AS class
WHERE ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY token_class
HAVING token_class != 'other' OR cost_usd != 0
ORDER BY cost_usd DESC NULLS LAST, token_class
