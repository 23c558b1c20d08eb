-- Costs by class and prices are those of model_costs.
-- Hit rate and savings follow docs.claude.com/en/docs/build-with-claude/prompt-caching: all input is input + cache writes + cache reads.
-- Without a cache all of it would cost the price of uncached input: savings = (reads + writes) * input price - what reads and writes cost.
CREATE OR REPLACE VIEW {database}.model_performance {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    model String COMMENT 'model',
    first_day Date COMMENT 'first day with usage',
    last_day Date COMMENT 'last day with usage',
    active_days UInt64 COMMENT 'days with usage',
    input_tokens UInt64 COMMENT 'uncached input',
    output_tokens UInt64 COMMENT 'output',
    cache_creation_tokens UInt64 COMMENT 'input written to the cache',
    cache_read_tokens UInt64 COMMENT 'input read from the cache',
    total_tokens UInt64 COMMENT 'sum of the four classes',
    cost_usd Decimal(18, 9) COMMENT 'cost in US dollars as ccusage counts it',
    unpriced Bool COMMENT 'some of this usage has no price and counts as 0 in cost_usd',
    cost_per_million_tokens_usd Nullable(Float64) COMMENT 'cost per million tokens of all classes, priced usage alone; NULL where there is none',
    input_cost_per_million_usd Nullable(Float64) COMMENT 'price of a million tokens of uncached input on the last day with one; NULL where none is known',
    output_cost_per_million_usd Nullable(Float64) COMMENT 'price of a million tokens of output; NULL as for input',
    cache_creation_cost_per_million_usd Nullable(Float64) COMMENT 'price of a million tokens written to the cache for 5 minutes; NULL as for input',
    cache_creation_1h_cost_per_million_usd Nullable(Float64) COMMENT 'price of a million tokens written to the cache for an hour; NULL as for input',
    cache_read_cost_per_million_usd Nullable(Float64) COMMENT 'price of a million tokens read from the cache; NULL as for input',
    cache_hit_rate Nullable(Float64) COMMENT 'share of all input that was read from the cache; NULL without input',
    cache_savings_usd Nullable(Decimal(18, 9)) COMMENT 'what the cache saved against the price of uncached input, its writes subtracted; negative where it cost more; NULL where no price is known'
)
AS SELECT
    machine,
    agent,
    model,
    min(date) AS first_day,
    max(date) AS last_day,
    uniqExact(date) AS active_days,
    sum(part.input_tokens) AS input_tokens,
    sum(part.output_tokens) AS output_tokens,
    sum(part.cache_creation_tokens) AS cache_creation_tokens,
    sum(part.cache_read_tokens) AS cache_read_tokens,
    sum(part.total_tokens) AS total_tokens,
    sum(part.cost_usd) AS cost_usd,
    max(part.unpriced) AS unpriced,
    1e6 * toFloat64(sumIf(part.cost_usd, NOT part.unpriced)) / nullIf(sumIf(part.total_tokens, NOT part.unpriced), 0) AS cost_per_million_tokens_usd,
    argMax(toFloat64(part.input_usd), date) AS input_cost_per_million_usd,
    argMax(toFloat64(part.output_usd), date) AS output_cost_per_million_usd,
    argMax(toFloat64(part.cache_creation_usd), date) AS cache_creation_cost_per_million_usd,
    argMax(toFloat64(part.cache_creation_1h_usd), date) AS cache_creation_1h_cost_per_million_usd,
    argMax(toFloat64(part.cache_read_usd), date) AS cache_read_cost_per_million_usd,
    cache_read_tokens / nullIf(input_tokens + cache_creation_tokens + cache_read_tokens, 0) AS cache_hit_rate,
    sum(part.cache_savings_usd) AS cache_savings_usd
FROM {database}.model_costs AS part
GROUP BY machine, agent, model
{part:own_settings}
COMMENT 'one row is one model of one agent on one machine; usage of no model is left out'
