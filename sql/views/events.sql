CREATE OR REPLACE VIEW {database}.events {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    kind LowCardinality(String) COMMENT 'compaction, microcompaction, api_error, retry, limit, interrupt, permission_mode, or mcp_tools and mcp_instructions: a server came into the context',
    at DateTime64(3, 'UTC') COMMENT 'when it happened, in UTC',
    detail LowCardinality(String) COMMENT 'what started a compaction, class of an error, status of a retry, kind of a limit, what was interrupted, the new mode, or the MCP server as in tool_calls',
    session_id LowCardinality(String) COMMENT 'session as ccusage names it: a pseudonym unless names are stored in clear',
    claude_session_id LowCardinality(String) COMMENT 'session as Claude Code names it, likewise',
    project LowCardinality(String) COMMENT 'project as ccusage names it, likewise',
    tokens_before Nullable(UInt64) COMMENT 'tokens in the context before a compaction',
    tokens_after Nullable(UInt64) COMMENT 'tokens in the context after it; NULL where the version does not tell; of an MCP server what it adds, at four characters a token',
    wait_ms Nullable(Float64) COMMENT 'how long a retry waited',
    resets_at Nullable(DateTime64(3, 'UTC')) COMMENT 'when a limit is lifted, in UTC; NULL where only a clock time was given',
    turn_id UInt64 COMMENT 'the turn in which it happened; 0 where its prompt is not known',
    load_id UInt64 COMMENT 'the load that met it first'
)
AS SELECT
    machine,
    'claude' AS agent,
    CAST(kind, 'LowCardinality(String)') AS kind,
    CAST(at, 'DateTime64(3, \'UTC\')') AS at,
    CAST(detail, 'LowCardinality(String)') AS detail,
    CAST(session_id, 'LowCardinality(String)') AS session_id,
    CAST(claude_session_id, 'LowCardinality(String)') AS claude_session_id,
    CAST(project, 'LowCardinality(String)') AS project,
    CAST(tokens_before, 'Nullable(UInt64)') AS tokens_before,
    CAST(tokens_after, 'Nullable(UInt64)') AS tokens_after,
    CAST(wait_ms, 'Nullable(Float64)') AS wait_ms,
    CAST(resets_at, 'Nullable(DateTime64(3, \'UTC\'))') AS resets_at,
    CAST(turn, 'UInt64') AS turn_id,
    CAST(first_load_id, 'UInt64') AS load_id
FROM {database}.event_facts FINAL
WHERE NOT bitTest(taken_back, 0)
COMMENT 'one row is one thing that happened to a session'
