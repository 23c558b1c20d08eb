CREATE OR REPLACE VIEW {database}.events {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    kind LowCardinality(String) COMMENT 'compaction, microcompaction, api_error, retry, limit, interrupt or permission_mode',
    at DateTime64(3, 'UTC') COMMENT 'when it happened, in UTC',
    detail LowCardinality(String) COMMENT 'what started a compaction, class of an error, status of a retry, kind of a limit, what was interrupted, or the new mode',
    session_id LowCardinality(String) COMMENT 'session as ccusage names it: a pseudonym unless names are stored in clear',
    claude_session_id LowCardinality(String) COMMENT 'session as Claude Code names it, likewise',
    project LowCardinality(String) COMMENT 'project as ccusage names it, likewise',
    tokens_before Nullable(UInt64) COMMENT 'tokens in the context before a compaction',
    tokens_after Nullable(UInt64) COMMENT 'tokens in the context after it; NULL where the version does not tell',
    wait_ms Nullable(Float64) COMMENT 'how long a retry waited',
    resets_at Nullable(DateTime64(3, 'UTC')) COMMENT 'when a limit is lifted, in UTC; NULL where only a clock time was given',
    turn_id UInt64 COMMENT 'the turn in which it happened; 0 where its prompt is not known',
    load_id UInt64 COMMENT 'the load that met it first'
)
AS SELECT
    machine,
    'claude' AS agent,
    kind,
    at,
    detail,
    session_id,
    claude_session_id,
    project,
    tokens_before,
    tokens_after,
    wait_ms,
    resets_at,
    turn AS turn_id,
    first_load_id AS load_id
FROM {database}.event_facts FINAL
WHERE NOT bitTest(taken_back, 0)
COMMENT 'one row is one thing that happened to a session'
