-- Asked of ccusage where no transcripts are read: blocks of one hour instead of five.
CREATE OR REPLACE VIEW {database}.hours {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    at Nullable(DateTime64(3, 'UTC')) COMMENT 'start of the clock hour, in UTC',
    last_activity Nullable(DateTime64(3, 'UTC')) COMMENT 'last message',
    date Date COMMENT 'day of the start in the zone of the row',
    messages UInt64 COMMENT 'answers as ccusage counts them',
    input_tokens UInt64 COMMENT 'uncached input',
    output_tokens UInt64 COMMENT 'output',
    cache_creation_tokens UInt64 COMMENT 'input written to the cache',
    cache_read_tokens UInt64 COMMENT 'input read from the cache',
    total_tokens UInt64 COMMENT 'sum of the four classes',
    cost_usd Decimal(18, 9) COMMENT 'cost in US dollars as ccusage counts it',
    unpriced Bool COMMENT 'some of this usage has no price and counts as 0 in cost_usd',
    models_used Array(LowCardinality(String)) COMMENT 'models, in alphabetical order',
    is_dated_ahead Bool COMMENT 'the day had not come yet when it was read',
    timezone LowCardinality(String) COMMENT 'IANA zone in which days begin',
    ccusage_version LowCardinality(String) COMMENT 'ccusage that gave these numbers',
    load_id UInt64 COMMENT 'the load that wrote this row'
)
AS SELECT
    machine,
    agent,
    started_at AS at,
    ended_at AS last_activity,
    day AS date,
    entries AS messages,
    input_tokens,
    output_tokens,
    cache_creation_tokens,
    cache_read_tokens,
    total_tokens,
    cost_usd,
    unpriced,
    models_used,
    is_dated_ahead,
    timezone,
    ccusage_version,
    load_id
FROM {database}.records FINAL
WHERE report = 'hours'
COMMENT 'one row is one clock hour as ccusage counts it; it is asked only where transcripts are not read, see hourly'
