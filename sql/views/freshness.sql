-- An import is a success when it was committed and none of its reports failed; one that a person undid afterwards still was one.
-- Loads of undo, accept, push and rename, of transcripts alone and of watch read no report and do not count, and neither does one that a clock
-- which was ahead has dated.
CREATE OR REPLACE VIEW {database}.freshness {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agents Array(LowCardinality(String)) COMMENT 'the coding tools with usage, in alphabetical order; the row spans them',
    last_load_at Nullable(DateTime64(3, 'UTC')) COMMENT 'when the last import began, however it ended; NULL where none is known',
    last_state LowCardinality(String) COMMENT 'its state: running, committed, failed, interrupted or undone; empty where none is known',
    last_failed Bool COMMENT 'it failed or was interrupted, or some of its reports failed',
    last_error String COMMENT 'why; empty where it did not fail as a whole',
    failed_reports Array(LowCardinality(String)) COMMENT 'the reports of that import that failed',
    last_success_at Nullable(DateTime64(3, 'UTC')) COMMENT 'when the last import ended that was committed without a failed report (UTC); NULL where there is none',
    age_hours Nullable(Float64) COMMENT 'from then to now',
    last_day Nullable(Date) COMMENT 'last day with usage in the zone of its row; NULL where there is none',
    days_since_usage Nullable(Int32) COMMENT 'days from that one to today, as calendar has it'
)
AS WITH last_imports AS
(
    SELECT machine, started_at, state, error, failed_reports
    FROM {database}.loads FINAL
    WHERE (machine, load_id) GLOBAL IN (SELECT machine, max(load_id) FROM {database}.loads WHERE runner NOT IN {part:no_imports} GROUP BY machine)
        AND state != 'renamed'
),
successes AS
(
    SELECT machine, max(finished_at) AS last_success_at
    FROM {database}.loads FINAL
    WHERE runner NOT IN {part:no_imports} AND undoes = 0 AND state IN ('committed', 'undone') AND empty(failed_reports)
        AND NOT finished_at > now64(3, 'UTC') + INTERVAL 1 HOUR
    GROUP BY machine
),
usage AS
(
    SELECT
        machine,
        arraySort(groupUniqArray(agent)) AS agents,
        max(date) AS last_day
    FROM {database}.daily
    WHERE (total_tokens > 0 OR cost_usd > 0) AND NOT is_dated_ahead
    GROUP BY machine
)
SELECT
    machine,
    arrayFlatten(groupArray(agents)) AS agents,
    any(part_load_at) AS last_load_at,
    max(part_state) AS last_state,
    toBool(last_state IN ('failed', 'interrupted') OR notEmpty(failed_reports)) AS last_failed,
    max(part_error) AS last_error,
    arrayFlatten(groupArray(part_failed_reports)) AS failed_reports,
    any(part_success_at) AS last_success_at,
    dateDiff('second', last_success_at, now64(3, 'UTC')) / 3600 AS age_hours,
    any(part_day) AS last_day,
    max(part_today) - last_day AS days_since_usage
FROM
(
    SELECT
        machine,
        CAST([], 'Array(LowCardinality(String))') AS agents,
        toNullable(started_at) AS part_load_at,
        toString(state) AS part_state,
        error AS part_error,
        failed_reports AS part_failed_reports,
        CAST(NULL, 'Nullable(DateTime64(3, \'UTC\'))') AS part_success_at,
        CAST(NULL, 'Nullable(Date)') AS part_day,
        CAST(NULL, 'Nullable(Date)') AS part_today
    FROM last_imports
    UNION ALL
    SELECT machine, [], NULL, '', '', [], last_success_at, NULL, NULL
    FROM successes
    UNION ALL
    SELECT machine, agents, NULL, '', '', [], NULL, last_day, NULL
    FROM usage
    UNION ALL
    SELECT machine, [], NULL, '', '', [], NULL, NULL, today
    FROM {database}.calendar
)
GROUP BY machine
COMMENT 'one row is one machine; it spans the agents'
