-- A day may hold usage of no model, or of one that ccusage leaves out of its breakdown. It is the row of the empty model, so
-- that the rows of a day add up to the day. Less than a millionth of a dollar is rounding and makes no such row.
CREATE OR REPLACE VIEW {database}.cost_by_model_daily {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    date Date COMMENT 'day in the zone of the row',
    model String COMMENT 'model; empty for usage of the day that no model has',
    input_tokens UInt64 COMMENT 'uncached input',
    output_tokens UInt64 COMMENT 'output',
    cache_creation_tokens UInt64 COMMENT 'input written to the cache',
    cache_read_tokens UInt64 COMMENT 'input read from the cache',
    total_tokens UInt64 COMMENT 'sum of the four classes',
    cost_usd Decimal(18, 9) COMMENT 'cost in US dollars as ccusage counts it',
    unpriced Bool COMMENT 'some of this usage has no price and counts as 0 in cost_usd',
    cost_share Nullable(Float64) COMMENT 'share of the cost of the day; NULL where that is 0'
)
AS SELECT
    machine,
    agent,
    date,
    part.model AS model,
    part.input_tokens AS input_tokens,
    part.output_tokens AS output_tokens,
    part.cache_creation_tokens AS cache_creation_tokens,
    part.cache_read_tokens AS cache_read_tokens,
    part.input_tokens + part.output_tokens + part.cache_creation_tokens + part.cache_read_tokens AS total_tokens,
    part.cost_usd AS cost_usd,
    part.unpriced AS unpriced,
    toFloat64(part.cost_usd) / nullIf(toFloat64(day_cost_usd), 0) AS cost_share
FROM
(
    SELECT
        machine,
        agent,
        date,
        cost_usd AS day_cost_usd,
        models,
        {part:rest_of_models}
    FROM {database}.daily
)
ARRAY JOIN arrayConcat(models, if(has_rest, [rest], [])) AS part
COMMENT 'one row is one model on one day of one agent on one machine; the rows of a day add up to the day'
