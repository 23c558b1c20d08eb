-- ccusage shows one cost a model, not one a class of tokens. Within a family the classes have fixed ratios to the price of
-- uncached input, so the cost tells that price: input price = cost / (input + a * output + b * cache writes + c * cache reads),
-- and the others are its multiples. The ratios were measured with ccusage 20.0.24, one class at a time, and are those of the vendors'
-- price lists (docs.claude.com/en/docs/about-claude/pricing: output 5, cache write of 5 minutes 1.25, cache read 0.1). Models of
-- other families have no prices here. A price is the mean over all priced usage; it is above the list price where
-- cache writes of an hour (2 instead of 1.25) or prompts above 200,000 tokens of models with a second tier were billed, and is none
-- of the list's where ccusage took costs that were logged.
-- Hit rate and savings follow docs.claude.com/en/docs/build-with-claude/prompt-caching: all input is input + cache writes + cache reads.
-- Without a cache all of it would cost the input price: savings = (reads * (1 - c) - writes * (b - 1)) * input price.
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
    cost_per_million_tokens_usd Nullable(Float64) COMMENT 'cost by million tokens of all classes, priced usage alone; NULL where there is none',
    input_cost_per_million_usd Nullable(Float64) COMMENT 'cost of a million tokens of uncached input; NULL where nothing is priced or the ratios of the family are not known',
    output_cost_per_million_usd Nullable(Float64) COMMENT 'cost of a million tokens of output; NULL as for input',
    cache_creation_cost_per_million_usd Nullable(Float64) COMMENT 'cost of a million tokens written to the cache; NULL as for input',
    cache_read_cost_per_million_usd Nullable(Float64) COMMENT 'cost of a million tokens read from the cache; NULL as for input',
    cache_hit_rate Nullable(Float64) COMMENT 'share of all input that was read from the cache; NULL without input',
    cache_savings_usd Nullable(Decimal(18, 9)) COMMENT 'what the cache saved against the price of uncached input, its writes subtracted; negative where it cost more; NULL as for input'
)
AS WITH totals AS
(
    SELECT
        machine,
        agent,
        model,
        min(date) AS first_day,
        max(date) AS last_day,
        count() AS active_days,
        sum(input_tokens) AS input_tokens,
        sum(output_tokens) AS output_tokens,
        sum(cache_creation_tokens) AS cache_creation_tokens,
        sum(cache_read_tokens) AS cache_read_tokens,
        sum(total_tokens) AS total_tokens,
        sum(cost_usd) AS cost_usd,
        max(unpriced) AS unpriced,
        sumIf(part.input_tokens, NOT part.unpriced) AS priced_input,
        sumIf(part.output_tokens, NOT part.unpriced) AS priced_output,
        sumIf(part.cache_creation_tokens, NOT part.unpriced) AS priced_writes,
        sumIf(part.cache_read_tokens, NOT part.unpriced) AS priced_reads,
        toFloat64(sumIf(part.cost_usd, NOT part.unpriced)) AS priced_cost,
        -- Output, cache write, cache read as multiples of uncached input. OpenAI and Google report no cache writes.
        multiIf(
            match(model, 'claude-3-haiku'), [5, 1.2, 0.12],
            match(model, 'claude'), [5, 1.25, 0.1],
            match(model, 'gpt-5([.][123])?([^.0-9]|$)'), [8, 1.25, 0.1],
            match(model, 'gpt-5[.][45]'), [6, 1.25, 0.1],
            match(model, 'gemini-2[.]5-pro'), [8, 1.25, 0.1],
            match(model, 'gemini-3'), [6, 1.25, 0.1],
            []) AS ratios
    FROM {database}.model_breakdowns AS part
    GROUP BY machine, agent, model
)
SELECT
    machine,
    agent,
    model,
    first_day,
    last_day,
    active_days,
    input_tokens,
    output_tokens,
    cache_creation_tokens,
    cache_read_tokens,
    total_tokens,
    cost_usd,
    unpriced,
    1e6 * priced_cost / nullIf(priced_input + priced_output + priced_writes + priced_reads, 0) AS cost_per_million_tokens_usd,
    if(notEmpty(ratios), 1e6 * priced_cost / nullIf(priced_input + ratios[1] * priced_output + ratios[2] * priced_writes + ratios[3] * priced_reads, 0), NULL)
        AS input_cost_per_million_usd,
    ratios[1] * input_cost_per_million_usd AS output_cost_per_million_usd,
    ratios[2] * input_cost_per_million_usd AS cache_creation_cost_per_million_usd,
    ratios[3] * input_cost_per_million_usd AS cache_read_cost_per_million_usd,
    cache_read_tokens / nullIf(input_tokens + cache_creation_tokens + cache_read_tokens, 0) AS cache_hit_rate,
    accurateCastOrNull(round((priced_reads * (1 - ratios[3]) - priced_writes * (ratios[2] - 1)) * input_cost_per_million_usd / 1e6, 9), 'Decimal(18, 9)') AS cache_savings_usd
FROM totals AS total
COMMENT 'one row is one model of one agent on one machine; usage of no model is left out'
