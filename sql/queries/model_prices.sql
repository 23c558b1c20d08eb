-- What does a million tokens of each model cost, by class?
-- group: models
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: as ccusage gave them for the models that were used, on the last day with a price; the view prices has all; NULL where none is known
SELECT
    model,
    argMax(input_cost_per_million_usd, last_day) AS input_usd,
    argMax(output_cost_per_million_usd, last_day) AS output_usd,
    argMax(cache_creation_cost_per_million_usd, last_day) AS cache_creation_usd,
    argMax(cache_creation_1h_cost_per_million_usd, last_day) AS cache_creation_1h_usd,
    argMax(cache_read_cost_per_million_usd, last_day) AS cache_read_usd,
    max(each.unpriced) AS unpriced
FROM model_performance AS each
WHERE ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY model
ORDER BY input_usd DESC NULLS LAST, model
