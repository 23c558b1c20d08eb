-- What turns and executions show of the prompts since an instant: turns_since(first = '2026-11-01'). It reads the sessions of these
-- prompts, as earlier ones give them their place, and what these prompts caused. A condition on a view of all prompts cannot do that:
-- it stands outside, where places and sums are made already. Since 1970 is everything; then no session is looked for, and
-- views of everything leave out the lines that are of a period.
CREATE OR REPLACE VIEW {database}.turns_since {on_cluster}
(
{columns:turns},
    session_executions UInt64 COMMENT 'prompts of that session so far',
    model LowCardinality(String) COMMENT 'model that cost most of it; empty without an answer',
    zone_of_answers LowCardinality(String) COMMENT 'IANA zone in which the days of its answers begin; empty without an answer',
    subagent_cost_usd Decimal(38, 15) COMMENT 'part of the cost that answers of subagents have',
    tools Map(String, UInt64) COMMENT 'calls by tool, in alphabetical order',
    errors UInt64 COMMENT 'calls that ended with an error, without those that were denied or interrupted',
    denials UInt64 COMMENT 'calls that somebody denied',
    compactions UInt64 COMMENT 'times that the context was compacted'
)
AS WITH
{first:DateTime64(3, 'UTC')} <= '1970-01-01' AS is_of_all, -- of a period
asked AS (SELECT turn FROM {database}.turn_facts WHERE at >= {first:DateTime64(3, 'UTC')}), -- of a period
-- A number becomes the decimal one that prints as it does, not the next lower one.
millionths -> accurateCastOrNull(toString(round(millionths / 1e6, 9)), 'Decimal(18, 9)') AS as_usd,
(
    SELECT mapFromArrays(groupArray(model), groupArray(known))
    FROM {database}.known_prices
    WHERE agent = 'claude'
) AS price_lists
SELECT
    machine,
    'claude' AS agent,
    turn AS turn_id,
    assumeNotNull(prompts.at) AS at,
    CAST(kind, 'LowCardinality(String)') AS kind,
    CAST(command, 'LowCardinality(String)') AS command,
    CAST(characters, 'UInt64') AS characters,
    place + folded.turns AS position,
    CAST(session_id, 'LowCardinality(String)') AS session_id,
    CAST(claude_session_id, 'LowCardinality(String)') AS claude_session_id,
    CAST(project, 'LowCardinality(String)') AS project,
    CAST(branch, 'LowCardinality(String)') AS branch,
    CAST(claude_version, 'LowCardinality(String)') AS claude_version,
    CAST(permission_mode, 'LowCardinality(String)') AS permission_mode,
    answers.messages,
    happened.tool_calls,
    happened.failed AS failed_tool_calls,
    answers.input_tokens,
    answers.output_tokens,
    answers.cache_creation_tokens,
    answers.cache_read_tokens,
    answers.total_tokens,
    answers.cost_usd,
    answers.unpriced,
    if(answers.has_unknown_price, NULL, as_usd(answers.millionths_saved)) AS cache_savings_usd,
    if(answers.messages > 0 AND answers.first_at >= prompts.at, dateDiff('millisecond', prompts.at, answers.first_at), NULL) AS first_answer_ms,
    {part:duration_ms} AS duration_ms,
    multiIf(happened.interrupts > 0, 'interrupted', happened.limits > 0, 'limit', happened.api_errors > 0, 'api_error', 'done') AS outcome,
    CAST(first_load_id, 'UInt64') AS load_id,
    places + folded.turns AS session_executions,
    answers.main_model AS model,
    answers.zone_of_answers AS zone_of_answers,
    answers.subagent_cost AS subagent_cost_usd,
    CAST(arrayMap(tool -> (tool, countEqual(happened.called, tool)), arraySort(arrayDistinct(happened.called))), 'Map(String, UInt64)') AS tools,
    happened.errors,
    happened.denials,
    happened.compactions
FROM
(
    SELECT *
    FROM
    (
        SELECT
            *,
            row_number() OVER (PARTITION BY machine, claude_session_id ORDER BY at, turn) AS place,
            count() OVER (PARTITION BY machine, claude_session_id) AS places
        FROM {database}.turn_facts FINAL
        -- Before FINAL, which is right for columns of the key alone: it then joins the rows of these sessions only. -- of a period
        PREWHERE is_of_all OR turn GLOBAL IN (SELECT turn FROM {database}.turn_facts WHERE (machine, claude_session_id) GLOBAL IN -- of a period
            (SELECT machine, claude_session_id FROM {database}.turn_facts WHERE at >= {first:DateTime64(3, 'UTC')})) -- of a period
        WHERE {part:are_prompts}
    )
    WHERE at >= {first:DateTime64(3, 'UTC')} -- of a period
) AS prompts
LEFT JOIN
(
    SELECT
        machine,
        turn,
        sum(part_messages) AS messages,
        sum(part_input) AS input_tokens,
        sum(part_output) AS output_tokens,
        sum(part_5m + part_1h) AS cache_creation_tokens,
        sum(part_read) AS cache_read_tokens,
        input_tokens + output_tokens + cache_creation_tokens + cache_read_tokens AS total_tokens,
        sum(part_cost) AS cost_usd,
        max(part_unpriced) AS unpriced,
        min(part_first_at) AS first_at,
        max(part_last_at) AS last_at,
        toBool(max(empty(price) AND part_5m + part_1h + part_read > 0)) AS has_unknown_price,
        sumIf(part_read * (price[1] - price[4]) - part_5m * (price[2] - price[1]) - part_1h * (price[3] - price[1]), notEmpty(price)) AS millionths_saved,
        -- The dearest one, by its tokens and name where others cost the same: of texts that begin with these two numbers, highest digits
        -- first, the engine finds the largest sooner than of tuples.
        substring(max(concat(
            reverse(reinterpretAsFixedString(part_cost)),
            reverse(reinterpretAsFixedString(part_input + part_output + part_5m + part_1h + part_read)),
            model)), 25) AS main_model,
        max(part_zone) AS zone_of_answers,
        sum(part_subagents) AS subagent_cost
    FROM
    (
        SELECT
            machine,
            turn,
            model,
            max(load_id) AS priced_by,
            -- As it was at that load; else the next one that is known.
            tupleElement(arraySort(
                known -> (known.1 > priced_by, abs(known.1 - priced_by)),
                price_lists[toString(model)])[1], 2) AS price,
            count() AS part_messages,
            sum(input_tokens) AS part_input,
            sum(output_tokens) AS part_output,
            sum(cache_creation_5m_tokens) AS part_5m,
            sum(cache_creation_1h_tokens) AS part_1h,
            sum(cache_read_tokens) AS part_read,
            sum(cost_usd) AS part_cost,
            sumIf(cost_usd, is_subagent) AS part_subagents,
            max(unpriced) AS part_unpriced,
            max(timezone) AS part_zone,
            min(at) AS part_first_at,
            max(at) AS part_last_at
        FROM {database}.message_facts_by_month FINAL
        WHERE {part:are_their_answers}
            AND (is_of_all OR month GLOBAL IN (SELECT month FROM {database}.message_facts_by_month WHERE turn GLOBAL IN asked)) -- of a period
            AND (is_of_all OR turn GLOBAL IN asked) -- of a period
        GROUP BY machine, turn, model
    )
    GROUP BY machine, turn
) AS answers USING (machine, turn)
LEFT JOIN
(
    SELECT
        machine,
        turn,
        sum(is_call) AS tool_calls,
        sum(is_failed) AS failed,
        groupArrayIf(tool, is_call) AS called,
        countIf(kind = 'interrupt') AS interrupts,
        countIf(kind = 'limit') AS limits,
        countIf(kind = 'api_error') AS api_errors,
        sum(is_error) AS errors,
        sum(is_denied) AS denials,
        countIf(kind = 'compaction') AS compactions
    FROM
    (
        SELECT
            machine,
            turn,
            true AS is_call,
            tool_call_facts_by_month.is_error = 1 AS is_failed,
            isNotNull(answered_at) AND startsWith(error_class, 'denied') AS is_denied,
            isNotNull(answered_at) AND NOT startsWith(error_class, 'denied') AND is_interrupted != 1 AND is_failed AS is_error,
            tool,
            '' AS kind
        FROM {database}.tool_call_facts_by_month FINAL
        WHERE turn != 0 AND isNotNull(called_at) AND NOT bitTest(taken_back, 0)
            AND (is_of_all OR month GLOBAL IN (SELECT month FROM {database}.tool_call_facts_by_month WHERE turn GLOBAL IN asked)) -- of a period
            AND (is_of_all OR turn GLOBAL IN asked) -- of a period
        UNION ALL
        SELECT machine, turn, false, false, false, false, '', kind
        FROM {database}.event_facts FINAL
        WHERE turn != 0 AND NOT bitTest(taken_back, 0)
    )
    GROUP BY machine, turn
) AS happened USING (machine, turn)
LEFT JOIN
(
    -- As folded_hours has them. To plan that view behind a join takes the engine as long as a quarter of all else here.
    SELECT machine, claude_session_id, sum(hours.turns) AS turns
    FROM {database}.hour_facts AS hours FINAL
    WHERE hours.turns > 0 AND {part:are_shown_totals}
    GROUP BY machine, claude_session_id
) AS folded USING (machine, claude_session_id)
{part:own_settings}
COMMENT 'one row is one prompt and all that it caused'
