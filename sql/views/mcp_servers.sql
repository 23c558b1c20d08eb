CREATE OR REPLACE VIEW {database}.mcp_servers {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    mcp_server LowCardinality(String) COMMENT 'pseudonym of the MCP server',
    tools UInt64 COMMENT 'tools of it that were ever called',
    calls UInt64 COMMENT 'calls since ever',
    recent_calls UInt64 COMMENT 'of these, in the last 30 days',
    is_unused Bool COMMENT 'there was none',
    sessions UInt64 COMMENT 'sessions that called it',
    errors UInt64 COMMENT 'calls that ended with an error',
    error_share Float64 COMMENT 'share of the calls that ended with an error',
    wait_p50_ms Nullable(Float64) COMMENT 'half of the calls had their result within this time; NULL without a result',
    wait_p95_ms Nullable(Float64) COMMENT 'nineteen of twenty had theirs within this time',
    first_call_at DateTime64(3, 'UTC') COMMENT 'first call, in UTC',
    last_call_at DateTime64(3, 'UTC') COMMENT 'last call, in UTC'
)
AS SELECT
    machine,
    agent,
    mcp_server,
    uniqExact(tool) AS tools,
    count() AS calls,
    countIf(called_at > now64(3, 'UTC') - INTERVAL 30 DAY) AS recent_calls,
    toBool(recent_calls = 0) AS is_unused,
    uniqExact(claude_session_id) AS sessions,
    countIf(status = 'error') AS errors,
    errors / calls AS error_share,
    quantileExact(0.5)(wall_ms) AS wait_p50_ms,
    quantileExact(0.95)(wall_ms) AS wait_p95_ms,
    assumeNotNull(min(called_at)) AS first_call_at,
    assumeNotNull(max(called_at)) AS last_call_at
FROM {database}.tool_calls
WHERE mcp_server != '' AND isNotNull(called_at)
GROUP BY machine, agent, mcp_server
COMMENT 'one row is one MCP server on one machine; a server that was never called is not known'
