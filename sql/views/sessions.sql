CREATE OR REPLACE VIEW {database}.sessions {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    project String COMMENT 'project, as a pseudonym unless names are stored in clear',
    session_id String COMMENT 'session, as a pseudonym unless names are stored in clear',
    date Date COMMENT 'day of the last activity in the zone of the row; 1970-01-01 where ccusage gives no time, as for opencode and gemini',
    first_activity Nullable(DateTime64(3, 'UTC')) COMMENT 'first message, in UTC; NULL before ccusage 20, and for most agents other than claude',
    last_activity Nullable(DateTime64(3, 'UTC')) COMMENT 'last message, in UTC; NULL before ccusage 20, and for agents whose time it does not give',
    input_tokens UInt64 COMMENT 'uncached input',
    output_tokens UInt64 COMMENT 'output',
    cache_creation_tokens UInt64 COMMENT 'input written to the cache',
    cache_read_tokens UInt64 COMMENT 'input read from the cache',
    total_tokens UInt64 COMMENT 'sum of the four classes',
    cost_usd Decimal(18, 9) COMMENT 'cost in US dollars as ccusage counts it',
    unpriced Bool COMMENT 'some of this usage has no price and counts as 0 in cost_usd',
    models_used Array(LowCardinality(String)) COMMENT 'models, in alphabetical order',
    models Array(Tuple(model String, input_tokens UInt64, output_tokens UInt64, cache_creation_tokens UInt64, cache_read_tokens UInt64, cost_usd Decimal(18, 9), unpriced Bool)) COMMENT 'the breakdown by model, most expensive first',
    is_dated_ahead Bool COMMENT 'the day had not come yet when it was read',
    timezone LowCardinality(String) COMMENT 'IANA zone in which days begin',
    ccusage_version LowCardinality(String) COMMENT 'ccusage that gave these numbers',
    load_id UInt64 COMMENT 'the load that wrote this row'
)
AS SELECT
    machine,
    agent,
    project,
    session_id,
    day AS date,
    started_at AS first_activity,
    ended_at AS last_activity,
    input_tokens,
    output_tokens,
    cache_creation_tokens,
    cache_read_tokens,
    total_tokens,
    cost_usd,
    unpriced,
    models_used,
    models,
    is_dated_ahead,
    timezone,
    ccusage_version,
    load_id
FROM {database}.records FINAL
WHERE report = 'session' AND NOT is_project_total
COMMENT 'one row is one session; ccusage counts some usage in days alone, see report_coverage'
