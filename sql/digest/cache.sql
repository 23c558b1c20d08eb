-- what the cache saved with each model on the days that are shown
SELECT
    model,
    sum(cost_usd) AS usd,
    sum(cache_read_tokens) / nullIf(sum(input_tokens) + sum(cache_creation_tokens) + sum(cache_read_tokens), 0),
    sumOrNull(cache_savings_usd)
FROM model_costs
WHERE date BETWEEN {since:Date} AND {until:Date} AND ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY model
ORDER BY usd DESC, model
