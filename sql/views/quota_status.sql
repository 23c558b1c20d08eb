-- A quota is of Claude Code on the machine that set it. Nobody publishes the limits of a plan: what was used in the blocks in
-- which a limit was hit is the nearest thing to one that is known.
CREATE OR REPLACE VIEW {database}.quota_status {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the machine that set the quota, and whose usage it limits',
    name LowCardinality(String) COMMENT 'block_tokens: tokens of a five-hour block; block_usd: its cost in US dollars; week_usd: cost of a week, Monday to Sunday',
    period_start Nullable(DateTime64(3, 'UTC')) COMMENT 'start of the open block or of the week; NULL where no block is open',
    period_end Nullable(DateTime64(3, 'UTC')) COMMENT 'when it ends',
    maximum Nullable(Decimal(38, 9)) COMMENT 'tokens or US dollars that may be used in the period; NULL where it is the largest of the past and there is none',
    source LowCardinality(String) COMMENT 'where that comes from: set, or largest of the past (without the current period)',
    used Decimal(38, 9) COMMENT 'tokens or US dollars of the period so far',
    left Nullable(Decimal(38, 9)) COMMENT 'maximum less used; negative where it is over',
    share Nullable(Float64) COMMENT 'used as a share of the maximum',
    rate_per_hour Nullable(Float64) COMMENT 'for a block its burn rate, NULL with a single message; for a week what was used per hour since it began',
    runs_out_at Nullable(DateTime64(3, 'UTC')) COMMENT 'when the rest is used at that rate; NULL where that is not before the end, or nothing is left',
    limits_hit UInt64 COMMENT 'blocks in which a limit was hit after some usage, the open one included',
    learned_maximum Nullable(Decimal(38, 9)) COMMENT 'tokens or US dollars used in the last such block when the limit was hit; NULL for a week',
    learned_at Nullable(DateTime64(3, 'UTC')) COMMENT 'when that limit was hit',
    unpriced Bool COMMENT 'some usage of the period has no price and counts as 0 in US dollars'
)
AS WITH wanted AS
(
    SELECT machine, name, quotas.maximum AS limited
    FROM {database}.quotas FINAL
),
costs AS
(
    SELECT machine, toMonday(daily.date) AS monday, sum(cost_usd) AS cost, max(unpriced) AS has_unpriced, argMax(daily.timezone, daily.date) AS timezone, max(daily.date) AS date
    FROM {database}.daily
    WHERE agent = 'claude' AND NOT is_dated_ahead
    GROUP BY machine, monday
),
zones AS
(
    SELECT
        machine,
        {part:today},
        toMonday(today) AS this_monday,
        -- The cast to String keeps the engine from trying the empty zone of the dictionary.
        if(argMax(timezone, date) = '', 'UTC', CAST(argMax(timezone, date), 'String')) AS zone,
        groupArray((monday, cost, has_unpriced)) AS costs_of_weeks
    FROM costs
    GROUP BY machine
),
-- Midnight in a zone that differs by row: only formatDateTime takes one. The offset at midnight in UTC leads to an instant
-- whose own offset counts.
weeks AS
(
    SELECT
        machine,
        toDateTime(this_monday, 'UTC') AS first_midnight,
        first_midnight + INTERVAL 7 DAY AS last_midnight,
        first_midnight - (parseDateTime(formatDateTime(first_midnight, '%F %T', zone), '%F %T', 'UTC') - first_midnight) AS first_guess,
        last_midnight - (parseDateTime(formatDateTime(last_midnight, '%F %T', zone), '%F %T', 'UTC') - last_midnight) AS last_guess,
        first_midnight - (parseDateTime(formatDateTime(first_guess, '%F %T', zone), '%F %T', 'UTC') - first_guess) AS starts_at,
        last_midnight - (parseDateTime(formatDateTime(last_guess, '%F %T', zone), '%F %T', 'UTC') - last_guess) AS ends_at,
        arraySum(week -> if(week.1 = this_monday, week.2, 0), costs_of_weeks) AS used,
        arrayMax(week -> if(week.1 < this_monday, week.2, 0), costs_of_weeks) AS largest,
        arrayExists(week -> week.1 = this_monday AND week.3, costs_of_weeks) AS has_unpriced
    FROM zones
),
last_blocks AS
(
    SELECT
        machine,
        argMaxIf((started_at, ends_at, last_activity, total_tokens, cost_usd, tokens_per_minute * 60, cost_per_hour_usd, unpriced), assumeNotNull(started_at),
            (is_active AND assumeNotNull(ends_at) > now64(3, 'UTC')) AS is_open) AS open,
        maxIf(total_tokens, NOT is_open) AS most_tokens,
        maxIf(cost_usd, NOT is_open) AS most_usd
    FROM {database}.blocks
    WHERE agent = 'claude' AND NOT is_dated_ahead
    GROUP BY machine
),
-- What a rate counts from: the last message of a block, now in a week.
periods AS
(
    SELECT
        machine,
        quota.1 AS name,
        open.1 AS started_at,
        open.2 AS ends_at,
        open.3 AS counted_at,
        quota.2 AS amount,
        quota.3 AS largest,
        quota.4 AS rate,
        quota.5 AS has_unpriced
    FROM last_blocks
    ARRAY JOIN [
        ('block_tokens', toDecimal128(open.4, 9), toDecimal128(most_tokens, 9), open.6, false),
        ('block_usd', toDecimal128(open.5, 9), toDecimal128(most_usd, 9), open.7, open.8)] AS quota
    UNION ALL
    SELECT
        machine,
        'week_usd',
        toDateTime64(starts_at, 3, 'UTC'),
        toDateTime64(ends_at, 3, 'UTC'),
        now64(3, 'UTC'),
        toDecimal128(used, 9),
        toDecimal128(largest, 9),
        toFloat64(used) / nullIf(dateDiff('second', starts_at, now('UTC')) / 3600, 0),
        has_unpriced
    FROM weeks
),
-- The first hit of each block: what comes after it waits for the limit to be lifted. The machines with quotas are few.
hits AS
(
    SELECT events.machine AS machine, blocks.started_at AS started_at, min(events.at) AS hit_at
    FROM {database}.events
    GLOBAL INNER JOIN {database}.blocks ON events.machine = blocks.machine AND events.agent = blocks.agent
    WHERE events.kind = 'limit' AND events.agent = 'claude' AND events.machine GLOBAL IN (SELECT machine FROM wanted)
        AND events.at BETWEEN blocks.started_at AND blocks.ends_at
    GROUP BY machine, started_at
),
used_at_hits AS
(
    SELECT hits.machine AS machine, hits.hit_at AS hit_at, toDecimal128(sum(total_tokens), 9) AS tokens, toDecimal128(sum(cost_usd), 9) AS cost
    FROM {database}.messages
    GLOBAL INNER JOIN hits ON messages.machine = hits.machine
    WHERE agent = 'claude' AND has(counts_in, 'session') AND at BETWEEN hits.started_at AND hits.hit_at
    GROUP BY machine, hit_at
    HAVING tokens > 0
),
learned AS
(
    SELECT machine, hit.1 AS name, count() AS hits, argMax(hit.2, hit_at) AS amount, max(hit_at) AS last_hit_at
    FROM used_at_hits
    ARRAY JOIN [('block_tokens', tokens), ('block_usd', cost)] AS hit
    GROUP BY machine, name
),
toFloat64(left) / rate_per_hour AS hours_left,
-- Where the rest would be used by now, it was not: nothing was used meanwhile.
if(hours_left < dateDiff('millisecond', periods.counted_at, now64(3, 'UTC')) / 3600000, now64(3, 'UTC'), periods.counted_at) AS counted_from
SELECT
    wanted.machine AS machine,
    wanted.name AS name,
    periods.started_at AS period_start,
    periods.ends_at AS period_end,
    if(isNull(limited), nullIf(periods.largest, 0), limited) AS maximum,
    if(isNull(limited), 'largest of the past', 'set') AS source,
    periods.amount AS used,
    maximum - used AS left,
    toFloat64(used) / toFloat64(maximum) AS share,
    periods.rate AS rate_per_hour,
    if(
        left > 0 AND rate_per_hour > 0 AND hours_left < dateDiff('millisecond', counted_from, periods.ends_at) / 3600000,
        counted_from + toIntervalMillisecond(toInt64(hours_left * 3600000)),
        NULL) AS runs_out_at,
    learned.hits AS limits_hit,
    if(learned.hits = 0, NULL, learned.amount) AS learned_maximum,
    if(learned.hits = 0, NULL, learned.last_hit_at) AS learned_at,
    periods.has_unpriced AS unpriced
FROM wanted
GLOBAL LEFT JOIN periods ON wanted.machine = periods.machine AND wanted.name = periods.name
GLOBAL LEFT JOIN learned ON wanted.machine = learned.machine AND wanted.name = learned.name
{part:own_settings}
COMMENT 'one row is one quota of a machine in its current period'
