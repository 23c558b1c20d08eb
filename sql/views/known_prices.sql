-- A message was priced by the load that read it: of `known`, the last price up to that load counts, else the next one that is known.
CREATE OR REPLACE VIEW {database}.known_prices {on_cluster}
(
    agent LowCardinality(String) COMMENT 'whose usage of the model is priced so',
    model String COMMENT 'model as ccusage names it',
    known Array(Tuple(UInt64, Array(Float64))) COMMENT 'each price with the load that met it: US dollars for a million tokens of uncached input, written to the cache for 5 minutes, for an hour, read from the cache, output'
)
AS SELECT
    agent,
    model,
    arraySort(groupArray((load_id, arrayMap(
        usd -> toFloat64(usd), [input_usd, cache_creation_usd, cache_creation_1h_usd, cache_read_usd, output_usd])))) AS known
FROM {database}.price_list FINAL
GROUP BY agent, model
COMMENT 'one row is one model with all prices that it ever had, for views that price tokens'
