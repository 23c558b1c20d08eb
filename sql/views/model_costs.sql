-- ccusage shows one cost a model, not one a class of tokens. Tokens times the prices that it was asked for give the classes. Its
-- reports do not separate cache writes of an hour from those of 5 minutes; as the cost is linear in the classes, they follow from
-- it: (cost - cost if all were of 5 minutes) / (difference of the two prices), between none and all. What is left is other_cost_usd.
-- What long contexts cost more thus counts as writes of an hour first, where there are writes.
-- The price is that of the ccusage that gave the numbers, as it was at their load; else the nearest one that is known.
-- For codex it gives one cost for the models of a day. It is split as the tokens of each at its prices, where all are known.
CREATE OR REPLACE VIEW {database}.model_costs {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    date Date COMMENT 'day in the zone of the row',
    model String COMMENT 'model; names joined by + hold what ccusage gives for these models together and no price splits',
    input_tokens UInt64 COMMENT 'uncached input',
    output_tokens UInt64 COMMENT 'output',
    cache_creation_tokens UInt64 COMMENT 'input written to the cache',
    cache_creation_1h_tokens Nullable(UInt64) COMMENT 'of these for an hour, as the cost says: too many where a long context cost more; NULL without a price',
    cache_read_tokens UInt64 COMMENT 'input read from the cache',
    total_tokens UInt64 COMMENT 'sum of the four classes',
    cost_usd Decimal(18, 9) COMMENT 'cost in US dollars as ccusage counts it',
    unpriced Bool COMMENT 'the model has no price and counts as 0 in cost_usd',
    input_cost_usd Nullable(Decimal(18, 9)) COMMENT 'cost of uncached input; NULL without a price',
    output_cost_usd Nullable(Decimal(18, 9)) COMMENT 'cost of output; NULL without a price',
    cache_creation_cost_usd Nullable(Decimal(18, 9)) COMMENT 'cost of input written to the cache, for 5 minutes and for an hour; NULL without a price',
    cache_read_cost_usd Nullable(Decimal(18, 9)) COMMENT 'cost of input read from the cache; NULL without a price',
    other_cost_usd Decimal(18, 9) COMMENT 'rest of the cost: long contexts, costs that were logged, all of it without a price; negative where less was charged',
    cache_savings_usd Nullable(Decimal(18, 9)) COMMENT 'what the cache saved against the price of uncached input, its writes subtracted; negative where it cost more; NULL without a price',
    input_usd Nullable(Decimal(18, 9)) COMMENT 'price of a million tokens of uncached input; NULL where it is not known',
    output_usd Nullable(Decimal(18, 9)) COMMENT 'price of a million tokens of output; NULL as for input',
    cache_creation_usd Nullable(Decimal(18, 9)) COMMENT 'price of a million tokens written to the cache for 5 minutes; NULL as for input',
    cache_creation_1h_usd Nullable(Decimal(18, 9)) COMMENT 'price of a million tokens written to the cache for an hour; NULL as for input',
    cache_read_usd Nullable(Decimal(18, 9)) COMMENT 'price of a million tokens read from the cache; NULL as for input'
)
AS WITH
-- A number becomes the decimal one that prints as it does, not the next lower one.
millionths -> accurateCastOrNull(toString(round(millionths / 1e6, 9)), 'Decimal(18, 9)') AS as_usd,
(
    SELECT mapFromArrays(groupArray(name), groupArray(known))
    FROM
    (
        SELECT
            concat(agent, '/', model) AS name,
            groupArray((toString(ccusage_version), load_id, [input_usd, output_usd, cache_creation_usd, cache_creation_1h_usd, cache_read_usd])) AS known
        FROM {database}.price_list FINAL
        GROUP BY name
    )
) AS price_lists,
days AS
(
    SELECT
        machine,
        agent,
        day,
        models,
        -- The five prices of each model, none where they are not known.
        arrayMap(name -> tupleElement(arraySort(
            price -> (price.1 != ccusage_version, price.2 > load_id, abs(price.2 - load_id)),
            price_lists[concat(toString(agent), '/', name)])[1], 3), models.model) AS model_prices,
        arrayMap((input, output, creation, read, price) ->
                if(empty(price), 0, input * toFloat64(price[1]) + output * toFloat64(price[2]) + creation * toFloat64(price[3]) + read * toFloat64(price[5])) / 1e6,
            models.input_tokens, models.output_tokens, models.cache_creation_tokens, models.cache_read_tokens, model_prices) AS listed,
        arrayFirst(part -> position(part.model, ' + ') > 0 AND part.2 + part.3 + part.4 + part.5 = 0, models) AS joint,
        splitByString(' + ', joint.model) AS joined,
        arraySum(arrayMap((name, usd) -> if(has(joined, name), usd, 0), models.model, listed)) AS joint_listed,
        joint_listed > 0 AND arrayAll(name -> notEmpty(model_prices[indexOf(models.model, name)]), joined) AS is_split
    FROM {database}.records FINAL
    WHERE report = 'daily'
),
parts AS
(
    SELECT
        machine,
        agent,
        day,
        part,
        if(is_split AND has(joined, part.model), ifNull(as_usd(1e6 * toFloat64(joint.cost_usd) * usd / joint_listed), 0), 0) + part.cost_usd AS cost,
        if(part.unpriced, [], arrayMap(price -> toFloat64(price), model_price)) AS price,
        model_price
    FROM days
    ARRAY JOIN models AS part, listed AS usd, model_prices AS model_price
    WHERE NOT (is_split AND part.model = joint.model)
),
solved AS
(
    SELECT
        *,
        notEmpty(price) AS is_known,
        if(is_known, least(part.cache_creation_tokens, toUInt64(least(1.8e19, greatest(0, ifNull(round(
            (toFloat64(cost) * 1e6 - part.input_tokens * price[1] - part.output_tokens * price[2] - part.cache_creation_tokens * price[3] - part.cache_read_tokens * price[5])
            / nullIf(price[4] - price[3], 0)), 0))))), NULL) AS hour_tokens
    FROM parts
)
SELECT
    machine,
    agent,
    day AS date,
    part.model AS model,
    part.input_tokens AS input_tokens,
    part.output_tokens AS output_tokens,
    part.cache_creation_tokens AS cache_creation_tokens,
    hour_tokens AS cache_creation_1h_tokens,
    part.cache_read_tokens AS cache_read_tokens,
    part.input_tokens + part.output_tokens + part.cache_creation_tokens + part.cache_read_tokens AS total_tokens,
    cost AS cost_usd,
    part.unpriced AS unpriced,
    if(is_known, as_usd(part.input_tokens * price[1]), NULL) AS input_cost_usd,
    if(is_known, as_usd(part.output_tokens * price[2]), NULL) AS output_cost_usd,
    if(is_known, as_usd((part.cache_creation_tokens - hour_tokens) * price[3] + hour_tokens * price[4]), NULL) AS cache_creation_cost_usd,
    if(is_known, as_usd(part.cache_read_tokens * price[5]), NULL) AS cache_read_cost_usd,
    cost - ifNull(input_cost_usd + output_cost_usd + cache_creation_cost_usd + cache_read_cost_usd, 0) AS other_cost_usd,
    if(is_known, as_usd(part.cache_read_tokens * (price[1] - price[5]) + part.cache_creation_tokens * price[1]), NULL) - cache_creation_cost_usd AS cache_savings_usd,
    if(is_known, model_price[1], NULL) AS input_usd,
    if(is_known, model_price[2], NULL) AS output_usd,
    if(is_known, model_price[3], NULL) AS cache_creation_usd,
    if(is_known, model_price[4], NULL) AS cache_creation_1h_usd,
    if(is_known, model_price[5], NULL) AS cache_read_usd
FROM solved AS each
COMMENT 'one row is one model on one day of one agent on one machine, its cost by class of tokens; usage of no model is left out'
