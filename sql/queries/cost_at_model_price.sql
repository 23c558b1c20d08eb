-- What would all usage have cost at one model's prices?
-- group: cost
-- param: model String: the model whose prices are taken, as top_models shows it
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: the same tokens at the newest prices of the model that were used here; another model would have needed other tokens
-- note: NULL where that model has no known prices here; cache writes whose kind is not known count as those of 5 minutes
WITH
(
    SELECT argMax([input_usd, output_usd, cache_creation_usd, cache_creation_1h_usd, cache_read_usd], (date, machine, agent))
    FROM model_costs
    WHERE model = {model:String} AND isNotNull(input_usd)
) AS price
SELECT
    model,
    sum(each.cost_usd) AS cost_usd,
    CAST(round(sum(input_tokens * toFloat64(price[1]) + output_tokens * toFloat64(price[2]) + cache_read_tokens * toFloat64(price[5])
        + cache_creation_tokens * toFloat64(price[3]) + ifNull(cache_creation_1h_tokens, 0) * toFloat64(price[4] - price[3])) / 1e6, 6), 'Nullable(Decimal(18, 6))') AS cost_at_price_usd,
    round(cost_at_price_usd - cost_usd, 6) AS difference_usd,
    max(each.unpriced) AS unpriced
FROM model_costs AS each
WHERE ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY model
ORDER BY cost_usd DESC, model
