-- what the cache saved with each model on all kept days
SELECT
    model,
    sum(cost_usd) AS usd,
    sum(cache_read_tokens) / nullIf(sum(input_tokens) + sum(cache_creation_tokens) + sum(cache_read_tokens), 0),
    sumOrNull(cache_savings_usd)
FROM model_performance
WHERE {machine:String} = '' OR machine = {machine:String}
GROUP BY model
ORDER BY usd DESC, model
