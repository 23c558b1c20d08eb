CREATE OR REPLACE VIEW {database}.tool_patterns {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    tool LowCardinality(String) COMMENT 'built-in tool by its name, one of an MCP server by pseudonyms unless names are stored in clear',
    calls UInt64 COMMENT 'calls in the last 30 days',
    errors UInt64 COMMENT 'of these, calls that ended with an error',
    denied UInt64 COMMENT 'of these, calls that a user or a rule denied',
    interrupted UInt64 COMMENT 'of these, calls that a user interrupted',
    error_share Float64 COMMENT 'share of the calls that ended with an error',
    error_classes Map(String, UInt64) COMMENT 'errors and denials by kind, in alphabetical order',
    wait_p50_ms Nullable(Float64) COMMENT 'half of the calls had their result within this time, waits for a permission included; NULL without a result',
    wait_p95_ms Nullable(Float64) COMMENT 'nineteen of twenty had theirs within this time',
    lines_added UInt64 COMMENT 'lines that edits added',
    lines_removed UInt64 COMMENT 'lines that edits removed',
    retried_edits UInt64 COMMENT 'failed edits of a file after which the same prompt edited the same file again'
)
AS SELECT
    machine,
    agent,
    CAST(tool, 'LowCardinality(String)') AS tool,
    sum(times) AS calls,
    sumIf(times, status = 'error') AS errors,
    sumIf(times, status = 'denied') AS denied,
    sumIf(times, status = 'interrupted') AS interrupted,
    errors / calls AS error_share,
    CAST(arraySort(groupArrayIf((error_class, times), error_class != '')), 'Map(String, UInt64)') AS error_classes,
    arrayReduce('quantileExactOrNull(0.5)', groupArrayArray(walls)) AS wait_p50_ms,
    arrayReduce('quantileExactOrNull(0.95)', groupArrayArray(walls)) AS wait_p95_ms,
    sum(added) AS lines_added,
    sum(removed) AS lines_removed,
    sum(retried) AS retried_edits
FROM
(
    SELECT
        machine,
        agent,
        tool,
        status,
        if(status IN ('error', 'denied'), toString(error_class), '') AS error_class,
        count() AS times,
        groupArrayIf(toFloat64(wall_ms), isNotNull(wall_ms)) AS walls,
        sum(lines_added) AS added,
        sum(lines_removed) AS removed,
        countIf(status = 'error' AND file != '' AND has_later) AS retried
    FROM
    (
        SELECT
            *,
            tool IN ('Edit', 'MultiEdit', 'Write', 'NotebookEdit') AS is_edit,
            -- Whether the same prompt edits the same file later.
            is_edit AND max(if(is_edit, called_at, NULL)) OVER (PARTITION BY machine, turn_id, file) > called_at AS has_later
        FROM {database}.tool_calls
        WHERE isNotNull(called_at) AND called_at > now64(3, 'UTC') - INTERVAL 30 DAY
    )
    GROUP BY machine, agent, tool, status, error_class
)
GROUP BY machine, agent, tool
{part:own_settings}
COMMENT 'one row is one tool on one machine: how often it fails, and how long one waits for it'
