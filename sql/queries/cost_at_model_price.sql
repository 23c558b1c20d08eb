-- What would all usage have cost at one model's prices?
-- group: cost
-- param: model String: the model whose prices are taken, as top_models shows it
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: the same tokens at the mean prices of the model in this warehouse; another model would have needed other tokens
-- note: NULL where that model has no known prices here
WITH
(
    SELECT
        (
            sum(toFloat64(cost_usd)) / nullIf(sum(toFloat64(cost_usd) / input_cost_per_million_usd), 0),
            any(output_cost_per_million_usd / input_cost_per_million_usd),
            any(cache_creation_cost_per_million_usd / input_cost_per_million_usd),
            any(cache_read_cost_per_million_usd / input_cost_per_million_usd)
        )
    FROM model_performance
    WHERE model = {model:String} AND input_cost_per_million_usd > 0
) AS price
SELECT
    model,
    sum(each.cost_usd) AS cost_usd,
    CAST(round(sum(tokens_as_input) * price.1 / 1e6, 6), 'Nullable(Decimal(18, 6))') AS cost_at_price_usd,
    round(cost_at_price_usd - cost_usd, 6) AS difference_usd,
    max(each.unpriced) AS unpriced
FROM
(
    SELECT
        model,
        cost_usd,
        unpriced,
        input_tokens + price.2 * output_tokens + price.3 * cache_creation_tokens + price.4 * cache_read_tokens AS tokens_as_input
    FROM model_performance
    WHERE ({machine:String} = '' OR machine = {machine:String})
        AND ({agent:String} = '' OR agent = {agent:String})
) AS each
GROUP BY model
ORDER BY cost_usd DESC, model
