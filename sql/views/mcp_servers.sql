CREATE OR REPLACE VIEW {database}.mcp_servers {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    mcp_server LowCardinality(String) COMMENT 'MCP server: a pseudonym unless names are stored in clear',
    tools UInt64 COMMENT 'tools of it that were ever called',
    calls UInt64 COMMENT 'calls ever made',
    recent_calls UInt64 COMMENT 'of these, in the last 30 days',
    is_unused Bool COMMENT 'there was no such call',
    sessions UInt64 COMMENT 'sessions that called it',
    errors UInt64 COMMENT 'calls that ended with an error',
    error_share Float64 COMMENT 'share of the calls that ended with an error',
    wait_p50_ms Nullable(Float64) COMMENT 'half of the calls had their result within this time; NULL without a result',
    wait_p95_ms Nullable(Float64) COMMENT 'nineteen of twenty had theirs within this time',
    first_call_at Nullable(DateTime64(3, 'UTC')) COMMENT 'first call, in UTC; NULL where it was never called',
    last_call_at Nullable(DateTime64(3, 'UTC')) COMMENT 'last call, in UTC',
    loaded_sessions UInt64 COMMENT 'sessions whose transcript says that it was loaded, as those of recent versions do',
    loaded_tokens UInt64 COMMENT 'the most that its names and instructions took in one of these, at four characters a token'
)
AS SELECT
    machine,
    agent,
    mcp_server,
    called.tools,
    called.calls,
    called.recent_calls,
    toBool(called.recent_calls = 0) AS is_unused,
    called.sessions,
    called.errors,
    if(called.calls = 0, 0, called.errors / called.calls) AS error_share,
    called.wait_p50_ms,
    called.wait_p95_ms,
    called.first_call_at,
    called.last_call_at,
    loaded.loaded_sessions,
    loaded.loaded_tokens
FROM
(
    SELECT
        machine,
        agent,
        mcp_server,
        uniqExact(tool) AS tools,
        count() AS calls,
        countIf(called_at > now64(3, 'UTC') - INTERVAL 30 DAY) AS recent_calls,
        uniqExact(claude_session_id) AS sessions,
        countIf(status = 'error') AS errors,
        quantileExact(0.5)(wall_ms) AS wait_p50_ms,
        quantileExact(0.95)(wall_ms) AS wait_p95_ms,
        min(called_at) AS first_call_at,
        max(called_at) AS last_call_at
    FROM {database}.tool_calls
    WHERE mcp_server != '' AND isNotNull(called_at)
    GROUP BY machine, agent, mcp_server
) AS called
FULL JOIN
(
    SELECT machine, agent, detail AS mcp_server, uniqExact(claude_session_id) AS loaded_sessions, max(tokens) AS loaded_tokens
    FROM
    (
        SELECT machine, agent, detail, claude_session_id, sum(tokens_of_kind) AS tokens
        FROM
        (
            -- A context that was compacted is told of its servers again.
            SELECT machine, agent, detail, claude_session_id, kind, max(ifNull(tokens_after, 0)) AS tokens_of_kind
            FROM {database}.events
            WHERE kind IN ('mcp_tools', 'mcp_instructions')
            GROUP BY machine, agent, detail, claude_session_id, kind
        )
        GROUP BY machine, agent, detail, claude_session_id
    )
    GROUP BY machine, agent, mcp_server
) AS loaded USING (machine, agent, mcp_server)
{part:own_settings}
COMMENT 'one row is one MCP server on one machine, as far as it was called or a transcript says that it was loaded'
