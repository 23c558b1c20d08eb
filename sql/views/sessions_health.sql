CREATE OR REPLACE VIEW {database}.sessions_health {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    project LowCardinality(String) COMMENT 'project of the first answer as ccusage names it: a pseudonym unless names are stored in clear',
    claude_session_id LowCardinality(String) COMMENT 'session as Claude Code names it, likewise',
    first_at DateTime64(3, 'UTC') COMMENT 'first answer, in UTC',
    last_at DateTime64(3, 'UTC') COMMENT 'last answer, in UTC',
    answers UInt64 COMMENT 'answers, without those of subagents',
    cost_usd Decimal(38, 15) COMMENT 'what these answers cost in US dollars',
    unpriced Bool COMMENT 'some of this usage has no price and counts as 0 in cost_usd',
    first_context_tokens UInt64 COMMENT 'input of all classes of the first answer',
    largest_context_tokens UInt64 COMMENT 'input of all classes of the answer that had most',
    context_growth Nullable(Float64) COMMENT 'the largest context as a multiple of the first one',
    cache_share Nullable(Float64) COMMENT 'share of all input that was read from the cache',
    compactions UInt64 COMMENT 'how often the context was compacted',
    cache_share_after_compaction Nullable(Float64) COMMENT 'the same share of the three answers after each compaction, each once; NULL without one',
    api_errors UInt64 COMMENT 'errors of the API',
    limits UInt64 COMMENT 'usage limits that were hit',
    interrupts UInt64 COMMENT 'how often the user interrupted'
)
AS WITH
-- The three answers after each instant, none of them twice.
(contexts, instants) -> arrayMap(place -> contexts[place], arrayDistinct(arrayFlatten(arrayMap(
    instant -> arraySlice(arrayFilter(place -> contexts[place].1 > instant, arrayEnumerate(contexts)), 1, 3), instants)))) AS afterwards
SELECT
    machine,
    'claude' AS agent,
    said.project AS project,
    claude_session_id,
    said.first_at AS first_at,
    said.last_at AS last_at,
    said.answers AS answers,
    said.cost_usd AS cost_usd,
    said.unpriced AS unpriced,
    tupleElement(said.contexts[1], 2) AS first_context_tokens,
    arrayMax(arrayMap(one -> one.2, said.contexts)) AS largest_context_tokens,
    largest_context_tokens / nullIf(first_context_tokens, 0) AS context_growth,
    arraySum(arrayMap(one -> one.3, said.contexts)) / nullIf(arraySum(arrayMap(one -> one.2, said.contexts)), 0) AS cache_share,
    length(happened.compacted_at) AS compactions,
    arraySum(arrayMap(one -> one.3, afterwards(said.contexts, happened.compacted_at)))
        / nullIf(arraySum(arrayMap(one -> one.2, afterwards(said.contexts, happened.compacted_at))), 0) AS cache_share_after_compaction,
    happened.api_errors AS api_errors,
    happened.limits AS limits,
    happened.interrupts AS interrupts
FROM
(
    SELECT
        machine,
        claude_session_id,
        argMin(project, (at, project)) AS project,
        min(at) AS first_at,
        max(at) AS last_at,
        count() AS answers,
        sum(message.cost_usd) AS cost_usd,
        max(message.unpriced) AS unpriced,
        arraySort(groupArray((
            at,
            input_tokens + cache_creation_5m_tokens + cache_creation_1h_tokens + cache_read_tokens,
            cache_read_tokens))) AS contexts
    FROM {database}.messages AS message
    WHERE NOT is_subagent AND counts_in != ['session'] AND total_tokens > 0
    GROUP BY machine, claude_session_id
    HAVING last_at > now64(3, 'UTC') - INTERVAL 30 DAY
) AS said
LEFT JOIN
(
    SELECT
        machine,
        claude_session_id,
        groupArrayIf(at, kind = 'compaction') AS compacted_at,
        countIf(kind = 'api_error') AS api_errors,
        countIf(kind = 'limit') AS limits,
        countIf(kind = 'interrupt') AS interrupts
    FROM {database}.events
    GROUP BY machine, claude_session_id
) AS happened USING (machine, claude_session_id)
{part:own_settings}
COMMENT 'one row is one session with an answer in the last 30 days: how its context grew, and what went wrong'
