-- The duration is the time from the first to the last message, pauses included: a session that is taken up again on the
-- next day is a day long.
CREATE OR REPLACE VIEW {database}.session_summary {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    project String COMMENT 'project, as a pseudonym unless names are stored in clear',
    session_id String COMMENT 'session, as a pseudonym unless names are stored in clear',
    date Date COMMENT 'day of the last activity in the zone of the row',
    first_activity Nullable(DateTime64(3, 'UTC')) COMMENT 'first message, in UTC; NULL before ccusage 20',
    last_activity Nullable(DateTime64(3, 'UTC')) COMMENT 'last message, in UTC; NULL before ccusage 20',
    duration_minutes Nullable(Float64) COMMENT 'first to last activity, pauses included; NULL before ccusage 20',
    input_tokens UInt64 COMMENT 'uncached input',
    output_tokens UInt64 COMMENT 'output',
    cache_creation_tokens UInt64 COMMENT 'input written to the cache',
    cache_read_tokens UInt64 COMMENT 'input read from the cache',
    total_tokens UInt64 COMMENT 'sum of the four classes',
    cost_usd Decimal(18, 9) COMMENT 'cost in US dollars as ccusage counts it',
    unpriced Bool COMMENT 'some of this usage has no price and counts as 0 in cost_usd',
    cost_per_hour_usd Nullable(Float64) COMMENT 'cost per hour of duration; NULL where that is 0 or not known',
    models_used Array(LowCardinality(String)) COMMENT 'models, in alphabetical order'
)
AS SELECT
    machine,
    agent,
    project,
    session_id,
    date,
    first_activity,
    last_activity,
    dateDiff('millisecond', first_activity, last_activity) / 60000 AS duration_minutes,
    input_tokens,
    output_tokens,
    cache_creation_tokens,
    cache_read_tokens,
    total_tokens,
    cost_usd,
    unpriced,
    toFloat64(cost_usd) / nullIf(duration_minutes / 60, 0) AS cost_per_hour_usd,
    models_used
FROM {database}.sessions AS session
COMMENT 'one row is one session'
