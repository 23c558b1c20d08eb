-- How calls went, as savings need it. A failing test or search is an answer, not a failure of the tool: exit codes do not count.
CREATE OR REPLACE VIEW {database}.savings_calls {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    message UInt64 COMMENT 'the message that called',
    is_failed Bool COMMENT 'it failed, and neither a person nor a rule, an exit code or another call is the reason',
    is_repeated Bool COMMENT 'it read a file that the same agent in the same session had read, and no edit or compaction was between'
)
AS SELECT
    machine,
    message,
    is_failed,
    toBool(is_read AND sum(is_read) OVER (
        PARTITION BY machine, claude_session_id, agent_id, file, edits_before, compactions_before
        ORDER BY called_at, call ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) > 0) AS is_repeated
FROM
(
    SELECT
        machine,
        CAST(message, 'UInt64') AS message,
        call,
        called_at,
        claude_session_id,
        agent_id,
        file,
        toBool(is_error = 1 AND is_interrupted = 0 AND NOT startsWith(error_class, 'denied')
            AND error_class NOT IN ('exit_code', 'interrupted', 'sibling')) AS is_failed,
        tool = 'Read' AND file != '' AND is_error = 0 AS is_read,
        -- Whoever edits it in the session, a subagent too.
        countIf(tool IN ('Edit', 'Write', 'MultiEdit', 'NotebookEdit') AND is_error = 0) OVER (
            PARTITION BY machine, claude_session_id, file
            ORDER BY called_at, call ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS edits_before,
        arrayCount(compacted_at -> compacted_at <= called_at, compactions) AS compactions_before
    FROM
    (
        SELECT * FROM {database}.tool_call_facts_by_month FINAL
        WHERE called_at >= now64(3, 'UTC') - INTERVAL 30 DAY AND NOT bitTest(taken_back, 0)
    ) AS made
    LEFT JOIN
    (
        SELECT machine, claude_session_id, groupArray(event_facts.at) AS compactions
        FROM {database}.event_facts FINAL
        WHERE kind = 'compaction' AND NOT bitTest(taken_back, 0)
        GROUP BY machine, claude_session_id
    ) AS compacted USING (machine, claude_session_id)
) AS each
{part:own_settings}
COMMENT 'one row is one call of a tool of the last 30 days, for savings'
