-- What does a million tokens of each model cost, by class?
-- group: models
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: derived from what was paid over all days, see model_performance; NULL where nothing is priced or the family is not known
SELECT
    model,
    round(sumIf(toFloat64(cost_usd), input_price > 0) / nullIf(sumIf(toFloat64(cost_usd) / input_price, input_price > 0), 0), 6) AS input_usd,
    round(input_usd * any(output_price / nullIf(input_price, 0)), 6) AS output_usd,
    round(input_usd * any(write_price / nullIf(input_price, 0)), 6) AS cache_creation_usd,
    round(input_usd * any(read_price / nullIf(input_price, 0)), 6) AS cache_read_usd,
    max(unpriced) AS unpriced
FROM
(
    SELECT
        model,
        cost_usd,
        unpriced,
        input_cost_per_million_usd AS input_price,
        output_cost_per_million_usd AS output_price,
        cache_creation_cost_per_million_usd AS write_price,
        cache_read_cost_per_million_usd AS read_price
    FROM model_performance
    WHERE ({machine:String} = '' OR machine = {machine:String})
        AND ({agent:String} = '' OR agent = {agent:String})
)
GROUP BY model
ORDER BY input_usd DESC NULLS LAST, model
