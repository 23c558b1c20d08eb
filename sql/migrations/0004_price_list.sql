-- What ccusage says a million tokens cost, asked of it with usage that was made up. One row is one price at the load that met it:
-- there is another row only where a price changed.
CREATE TABLE IF NOT EXISTS {database}.{price_list} {on_cluster}
(
    agent                       LowCardinality(String) COMMENT 'whose usage of the model is priced so',
    model                       String COMMENT 'model as ccusage names it',
    ccusage_version             LowCardinality(String) COMMENT 'ccusage that was asked',
    load_id                     UInt64 COMMENT 'the load that asked, microseconds since 1970',
    is_offline                  Bool COMMENT 'the prices that ccusage brings along; else those of that day',
    input_usd                   Decimal(18, 9) COMMENT 'a million tokens of uncached input',
    output_usd                  Decimal(18, 9),
    cache_creation_usd          Decimal(18, 9) COMMENT 'written to the cache for 5 minutes',
    cache_creation_1h_usd       Decimal(18, 9) COMMENT 'written to the cache for an hour',
    cache_read_usd              Decimal(18, 9),
    long_input_usd              Nullable(Decimal(18, 9)) COMMENT 'in long contexts; NULL where these cost the same',
    long_output_usd             Nullable(Decimal(18, 9)),
    long_cache_creation_usd     Nullable(Decimal(18, 9)),
    long_cache_creation_1h_usd  Nullable(Decimal(18, 9)),
    long_cache_read_usd         Nullable(Decimal(18, 9))
)
ENGINE = {engine:ReplacingMergeTree}
ORDER BY (agent, model, ccusage_version, load_id)
{storage_settings}
COMMENT 'one row is one price of a model, from one load on';

-- only with a cluster: a price holds for all machines, whichever shard it lies on
CREATE TABLE IF NOT EXISTS {database}.price_list {on_cluster} AS {database}.price_list_local
ENGINE = Distributed({cluster}, {database}, price_list_local, cityHash64(agent, model));
