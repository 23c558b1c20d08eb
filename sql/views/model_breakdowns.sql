CREATE OR REPLACE VIEW {database}.model_breakdowns {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    date Date COMMENT 'day in the zone of the row',
    model String COMMENT 'model; names joined by + hold what ccusage gives for these models together, as the cost of codex',
    input_tokens UInt64 COMMENT 'uncached input',
    output_tokens UInt64 COMMENT 'output',
    cache_creation_tokens UInt64 COMMENT 'input written to the cache',
    cache_read_tokens UInt64 COMMENT 'input read from the cache',
    total_tokens UInt64 COMMENT 'sum of the four classes',
    cost_usd Decimal(18, 9) COMMENT 'cost in US dollars as ccusage counts it',
    unpriced Bool COMMENT 'the model has no price and counts as 0 in cost_usd',
    timezone LowCardinality(String) COMMENT 'IANA zone in which days begin',
    ccusage_version LowCardinality(String) COMMENT 'ccusage that gave these numbers',
    load_id UInt64 COMMENT 'the load that wrote this row'
)
AS SELECT
    machine,
    agent,
    day AS date,
    part.model AS model,
    part.input_tokens AS input_tokens,
    part.output_tokens AS output_tokens,
    part.cache_creation_tokens AS cache_creation_tokens,
    part.cache_read_tokens AS cache_read_tokens,
    part.input_tokens + part.output_tokens + part.cache_creation_tokens + part.cache_read_tokens AS total_tokens,
    part.cost_usd AS cost_usd,
    part.unpriced AS unpriced,
    timezone,
    ccusage_version,
    load_id
FROM {database}.records FINAL
ARRAY JOIN models AS part
WHERE report = 'daily'
COMMENT 'one row is one model on one day of one agent on one machine; a day may hold usage of no model, so that its rows add up to less'
