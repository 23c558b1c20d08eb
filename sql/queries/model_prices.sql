-- What does a million tokens of each model cost, by class?
-- group: models
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: as ccusage gave them for the models that were used, on the last day with a price; the view prices has all; NULL where none is known
SELECT
    model,
    argMax(toFloat64(each.input_usd), (date, machine, agent)) AS input_usd,
    argMax(toFloat64(each.output_usd), (date, machine, agent)) AS output_usd,
    argMax(toFloat64(each.cache_creation_usd), (date, machine, agent)) AS cache_creation_usd,
    argMax(toFloat64(each.cache_creation_1h_usd), (date, machine, agent)) AS cache_creation_1h_usd,
    argMax(toFloat64(each.cache_read_usd), (date, machine, agent)) AS cache_read_usd,
    max(each.unpriced) AS unpriced
FROM model_costs AS each
WHERE ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY model
ORDER BY input_usd DESC NULLS LAST, model
