-- Three years of a fleet of machines, the same for the same seed and last day. Everything is made of `pieces`, one model's part
-- of one session, so that the five reports of a machine add up to the same.

CREATE TABLE pieces ENGINE = Memory AS
WITH
    -- Half of the projects of a machine are its own.
    if(draw % 2 = 0, draw % 12, 100 * machine_number + draw % 12) AS project_number,
    intDiv(day_number, 90) AS season,
    if(agent = 'codex',
        [('gpt-5', 1.25), ('gpt-5-codex', 1.25), ('gpt-5.1-codex', 1.25)],
        [('claude-3-5-sonnet-20241022', 3.), ('claude-3-5-haiku-20241022', 0.8), ('claude-3-7-sonnet-20250219', 3.),
         ('claude-opus-4-20250514', 15.), ('claude-sonnet-4-20250514', 3.), ('claude-opus-4-1-20250805', 15.),
         ('claude-sonnet-4-5-20250929', 3.), ('claude-haiku-4-5-20251001', 1.), ('claude-unpriced', 0.)]) AS prices,
    prices[1 + (season + model_number) % length(prices)] AS priced
SELECT
    concat('machine-', leftPad(toString(machine_number), 2, '0')) AS machine,
    if(machine_number % 4 = 0 AND draw % 3 = 0, 'codex', 'claude') AS agent,
    {last_day:Date} - {days:UInt32} + 1 + day_number AS day,
    lower(hex(sipHash128('project', project_number))) AS project,
    lower(hex(sipHash128('session', {seed:UInt64}, machine_number, day_number, session_number))) AS session_id,
    toDateTime64(day, 3, 'UTC') + INTERVAL 8 + intDiv(draw, 7) % 14 HOUR AS started_at,
    started_at + INTERVAL 5 + intDiv(draw, 11) % 90 MINUTE AS ended_at,
    toDateTime64(day, 3, 'UTC') + INTERVAL 8 + 5 * intDiv(toHour(started_at) - 8, 5) HOUR AS block_starts_at,
    priced.1 AS model,
    toUInt64(sipHash64('input', draw, model_number) % 20000) AS input_tokens,
    toUInt64(1 + sipHash64('output', draw, model_number) % 50000) AS output_tokens,
    toUInt64(sipHash64('creation', draw, model_number) % 500000) AS cache_creation_tokens,
    toUInt64(sipHash64('read', draw, model_number) % 5000000) AS cache_read_tokens,
    toDecimal64(round(priced.2 * (input_tokens + 5 * output_tokens + 1.25 * cache_creation_tokens + 0.1 * cache_read_tokens) / 1e6, 9), 9) AS cost_usd,
    toBool(priced.2 = 0) AS unpriced
FROM
(
    SELECT
        intDiv(number, {days:UInt32}) AS machine_number,
        number % {days:UInt32} AS day_number,
        sipHash64({seed:UInt64}, number) AS day_draw,
        toDayOfWeek({last_day:Date} - {days:UInt32} + 1 + day_number) > 5 AS is_weekend,
        arrayJoin(range(if(day_draw % 100 < if(is_weekend, 25, 90), 1 + intDiv(day_draw, 100) % 14, 0))) AS session_number,
        sipHash64(day_draw, session_number) AS draw,
        arrayJoin(range(1 + intDiv(draw, 13) % 2)) AS model_number
    FROM numbers({machines:UInt32} * {days:UInt32})
);

-- A record of each report; a load every hour, and a record is of the load that saw it last.
INSERT INTO records
    (load_id, report, machine, agent, key, day, input_tokens, output_tokens, cache_creation_tokens, cache_read_tokens, total_tokens, cost_usd, unpriced,
     ccusage_version, timezone, cost_mode, data_dirs, models, models_used, project, session_id, started_at, ended_at, block_ends_at, is_active, entries)
WITH
    filed AS
    (
        SELECT 'daily' AS report, machine, agent, toString(day) AS key, day AS filed_day, '' AS filed_project, '' AS filed_session, * EXCEPT (machine, agent)
        FROM pieces
        UNION ALL
        SELECT 'monthly', machine, agent, formatDateTime(day, '%Y-%m'), toStartOfMonth(day), '', '', * EXCEPT (machine, agent)
        FROM pieces
        UNION ALL
        SELECT 'session', machine, agent, concat(project, '/', session_id), day, project, session_id, * EXCEPT (machine, agent)
        FROM pieces
        UNION ALL
        SELECT 'blocks', machine, agent, formatDateTime(block_starts_at, '%FT%T.000Z'), day, '', '', * EXCEPT (machine, agent)
        FROM pieces
        WHERE agent = 'claude'
        UNION ALL
        SELECT 'projects', machine, agent, concat(toString(day), '/', project), day, project, '', * EXCEPT (machine, agent)
        FROM pieces
        WHERE agent = 'claude'
    ),
    by_model AS
    (
        SELECT
            report,
            machine,
            agent,
            key,
            filed_day,
            filed_project,
            filed_session,
            model,
            sum(input_tokens) AS model_input,
            sum(output_tokens) AS model_output,
            sum(cache_creation_tokens) AS model_creation,
            sum(cache_read_tokens) AS model_read,
            sum(cost_usd) AS model_cost,
            max(unpriced) AS model_unpriced,
            max(day) AS last_day,
            min(started_at) AS first_activity,
            max(ended_at) AS last_activity,
            min(block_starts_at) AS block_start,
            uniqExact(session_id) AS sessions
        FROM filed
        GROUP BY ALL
    )
SELECT
    1000000 * (toUnixTimestamp(toDateTime(max(last_day), 'UTC')) + 3600 * 22 + toUInt64(substring(machine, 9))),
    report,
    machine,
    agent,
    key,
    filed_day,
    sum(model_input),
    sum(model_output),
    sum(model_creation),
    sum(model_read),
    sum(model_input + model_output + model_creation + model_read),
    sum(model_cost),
    max(model_unpriced),
    '20.0.24',
    'UTC',
    'auto',
    if(agent = 'claude', [lower(hex(sipHash128('data', machine)))], []),
    if(report = 'blocks', [], arraySort(part -> (-part.6, part.1), groupArray((model, model_input, model_output, model_creation, model_read, model_cost, model_unpriced)))),
    arraySort(groupArray(model)),
    filed_project,
    filed_session,
    multiIf(report = 'session', min(first_activity), report = 'blocks', min(block_start), NULL),
    if(report IN ('session', 'blocks'), max(last_activity), NULL),
    if(report = 'blocks', min(block_start) + INTERVAL 5 HOUR, NULL),
    report = 'blocks' AND max(last_day) = {last_day:Date} AND toHour(min(block_start)) >= 18,
    if(report = 'blocks', 40 * sum(sessions), 0)
FROM by_model
GROUP BY report, machine, agent, key, filed_day, filed_project, filed_session;

DROP TABLE pieces;

-- What each of the loads that saw a record grow said of it: half, and then all of its tokens.
INSERT INTO changes
    (load_id, decided_at, report, machine, agent, key, day, verdict, reason, is_written, stored_tokens, offered_tokens, stored_cost_usd, offered_cost_usd, stored, offered)
SELECT
    load_id - 3600000000 * (steps - step),
    fromUnixTimestamp64Micro(toInt64(load_id - 3600000000 * (steps - step)), 'UTC'),
    report,
    machine,
    agent,
    key,
    day,
    if(step = 1, 'new', 'grew'),
    if(step = 1, 'first_seen', 'more_tokens'),
    true,
    intDiv(total_tokens * (step - 1), steps),
    intDiv(total_tokens * step, steps),
    cost_usd * (step - 1) / steps,
    cost_usd * step / steps,
    if(step = 1, '', row),
    row
FROM
(
    SELECT
        *,
        multiIf(report = 'monthly', 12, report = 'daily', 4, report = 'session', 1, 2) AS steps,
        toJSONString((report, machine, agent, key, day, input_tokens, output_tokens, cache_creation_tokens, cache_read_tokens, total_tokens, cost_usd, unpriced, ccusage_version, timezone,
            cost_mode, data_dirs, models, models_used, project, session_id, started_at, ended_at, is_project_total, block_ends_at, is_active, entries, tokens_per_minute, cost_per_hour_usd,
            projected_tokens, projected_cost_usd, remaining_minutes, limit_resets_at)) AS row,
        arrayJoin(range(1, steps + 1)) AS step
    FROM records
)
SETTINGS enable_named_columns_in_function_tuple = 1, date_time_output_format = 'iso', output_format_json_quote_decimals = 1;

-- A month later some of the transcripts are gone and less is offered.
INSERT INTO changes
    (load_id, decided_at, report, machine, agent, key, day, verdict, reason, is_written, stored_tokens, offered_tokens, stored_cost_usd, offered_cost_usd, stored, offered)
SELECT
    load_id + 1000000 * 86400 * 30 AS held_load_id,
    fromUnixTimestamp64Micro(toInt64(held_load_id), 'UTC'),
    report,
    machine,
    agent,
    key,
    day,
    'held',
    'may_be_swept',
    false,
    offered_tokens,
    intDiv(offered_tokens, 2),
    offered_cost_usd,
    offered_cost_usd / 2,
    offered,
    offered
FROM changes
WHERE sipHash64({seed:UInt64}, machine, key) % 200 = 0 AND day <= {last_day:Date} - 31 AND (report, verdict) IN (('session', 'new'), ('daily', 'new'));

INSERT INTO loads
    (load_id, revision, machine, state, started_at, finished_at, installation, tool_version, ccusage_version, runner, timezone, cost_mode, is_offline, data_dirs, reports,
     failed_reports, verdicts, tokens_before, tokens_after, cost_before_usd, cost_after_usd, intact_from, phases, error)
SELECT
    1000000 * (toUnixTimestamp(toDateTime(day, 'UTC')) + 3600 * hour + machine_number) AS hourly_load_id,
    2,
    concat('machine-', leftPad(toString(machine_number), 2, '0')) AS name,
    if(is_failed, 'failed', 'committed'),
    fromUnixTimestamp64Micro(toInt64(hourly_load_id), 'UTC') AS started,
    started + INTERVAL 1 + draw % 4 SECOND,
    lower(hex(sipHash128('installation', name))),
    '0.1.0',
    '20.0.24',
    'PATH',
    'UTC',
    'auto',
    true,
    [lower(hex(sipHash128('data', name)))],
    if(is_failed, [], ['daily', 'monthly', 'session', 'blocks', 'projects']),
    if(hour < 8 AND draw % 100 = 1, ['blocks'], []),
    map('daily/unchanged', 29, 'daily/grew', 1, 'monthly/unchanged', 1, 'monthly/grew', 1, 'session/unchanged', 80, 'session/new', 1, 'blocks/unchanged', 60, 'projects/unchanged', 70),
    1000000 * day_number,
    1000000 * day_number + draw % 1000000,
    toDecimal64(day_number, 9),
    toDecimal64(day_number + draw % 100 / 100, 9),
    day - 29,
    map('fetch', 1 + draw % 30 / 10, 'validate', 0.02, 'open', 0.1, 'reconcile', 0.03, 'load', 0.05),
    if(is_failed, 'timeout', '')
FROM
(
    SELECT
        intDiv(number, 24 * {days:UInt32}) AS machine_number,
        intDiv(number, 24) % {days:UInt32} AS day_number,
        number % 24 AS hour,
        {last_day:Date} - {days:UInt32} + 1 + day_number AS day,
        sipHash64({seed:UInt64}, 'load', number) AS draw,
        -- At night, when nothing is used: a load that failed changed nothing.
        hour < 8 AND draw % 30 = 0 AS is_failed
    FROM numbers({machines:UInt32} * {days:UInt32} * 24)
);

INSERT INTO budgets (scope, name, period, limit_usd, revision)
SELECT
    budget.1,
    budget.2,
    budget.3,
    budget.4,
    1
FROM
(
    SELECT arrayJoin([
        ('all', '', 'monthly', 9000), ('all', '', 'daily', 400), ('machine', 'machine-00', 'monthly', 500), ('agent', 'codex', 'monthly', 200),
        ('model', 'claude-opus-4-1-20250805', 'monthly', 3000), ('project', lower(hex(sipHash128('project', toUInt64(4)))), 'monthly', 900)]) AS budget
);
