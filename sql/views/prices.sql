CREATE OR REPLACE VIEW {database}.prices {on_cluster}
(
    agent LowCardinality(String) COMMENT 'whose usage of the model is priced so',
    model String COMMENT 'model as ccusage names it',
    ccusage_version LowCardinality(String) COMMENT 'ccusage that was asked',
    known_since DateTime64(3, 'UTC') COMMENT 'when ccusage first gave this price, in UTC',
    is_current Bool COMMENT 'it is the newest price of this agent, model and version of ccusage',
    is_offline Bool COMMENT 'the prices that ccusage brings along; else those of that day',
    input_usd Decimal(18, 9) COMMENT 'a million tokens of uncached input, in US dollars',
    output_usd Decimal(18, 9) COMMENT 'a million tokens of output',
    cache_creation_usd Decimal(18, 9) COMMENT 'a million tokens written to the cache for 5 minutes',
    cache_creation_1h_usd Decimal(18, 9) COMMENT 'a million tokens written to the cache for an hour',
    cache_read_usd Decimal(18, 9) COMMENT 'a million tokens read from the cache',
    long_input_usd Nullable(Decimal(18, 9)) COMMENT 'in long contexts, of most models what is above 200,000 tokens of a class in a message; NULL where that costs the same',
    long_output_usd Nullable(Decimal(18, 9)) COMMENT 'as long_input_usd',
    long_cache_creation_usd Nullable(Decimal(18, 9)) COMMENT 'as long_input_usd',
    long_cache_creation_1h_usd Nullable(Decimal(18, 9)) COMMENT 'as long_input_usd',
    long_cache_read_usd Nullable(Decimal(18, 9)) COMMENT 'as long_input_usd'
)
AS SELECT
    agent,
    model,
    ccusage_version,
    fromUnixTimestamp64Milli(intDiv(load_id, 1000), 'UTC') AS known_since,
    toBool(load_id = max(load_id) OVER (PARTITION BY agent, model, ccusage_version)) AS is_current,
    is_offline,
    input_usd,
    output_usd,
    cache_creation_usd,
    cache_creation_1h_usd,
    cache_read_usd,
    long_input_usd,
    long_output_usd,
    long_cache_creation_usd,
    long_cache_creation_1h_usd,
    long_cache_read_usd
FROM {database}.price_list FINAL
COMMENT 'one row is one price of one model, from the load on that met it; a model without a row has no price or has not been used since prices have been kept'
