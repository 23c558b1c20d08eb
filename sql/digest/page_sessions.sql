-- sessions by day and model since the calendar begins: those that cost most of a day, week, month, machine, agent, project or model
-- by their messages; on their last day where none are stored, or on none where that is not known
WITH used AS
(
    SELECT date, session, host, tool, name, used_model, sum(usd) AS cost, sum(used_tokens) AS tokens, sipHash64(session, host, name) AS number
    FROM
    (
        SELECT date, toString(session_id) AS session, toString(machine) AS host, toString(agent) AS tool, toString(project) AS name,
            toString(model) AS used_model, toFloat64(cost_usd) AS usd, total_tokens AS used_tokens
        FROM messages
        WHERE has(counts_in, 'daily') AND date BETWEEN {since:Date} AND {until:Date} AND date >= toStartOfMonth({last_day:Date} - {days_drawn:UInt16})
            AND ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
            AND (empty({projects:Array(String)}) OR has({projects:Array(String)}, project))
        UNION ALL
        SELECT date, toString(session_id), toString(machine), 'claude', toString(project), toString(model), toFloat64(cost_usd),
            input_tokens + output_tokens + cache_creation_5m_tokens + cache_creation_1h_tokens + cache_read_tokens
        FROM folded_hours
        WHERE messages > 0 AND has(counts_in, 'daily') AND date BETWEEN {since:Date} AND {until:Date}
            AND date >= toStartOfMonth({last_day:Date} - {days_drawn:UInt16})
            AND ({machine:String} = '' OR machine = {machine:String}) AND {agent:String} IN ('', 'claude')
            AND (empty({projects:Array(String)}) OR has({projects:Array(String)}, project))
        UNION ALL
        SELECT date, session_id, toString(machine), toString(agent), project, part.1, toFloat64(part.2), part.3
        FROM sessions
        ARRAY JOIN if(
            empty(models),
            [('', cost_usd, total_tokens)],
            arrayMap(one -> (one.model, one.cost_usd, one.input_tokens + one.output_tokens + one.cache_creation_tokens + one.cache_read_tokens), models)
        ) AS part
        WHERE date BETWEEN {since:Date} AND {until:Date}
            AND (date >= toStartOfMonth({last_day:Date} - {days_drawn:UInt16}) OR date = toDate(0))
            AND ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
            AND (empty({projects:Array(String)}) OR has({projects:Array(String)}, project))
            AND (toString(machine), session_id) GLOBAL NOT IN
            (
                SELECT toString(machine), toString(session_id) FROM messages WHERE date >= {since:Date}
                UNION ALL
                SELECT toString(machine), toString(session_id) FROM folded_hours WHERE messages > 0 AND date >= {since:Date}
            )
    )
    GROUP BY date, session, host, tool, name, used_model
),
-- Read once: the engine asks a query in the place of a value a single time, and a CTE wherever it is named.
parts AS
(
    SELECT part.1 AS date, part.2 AS session, part.3 AS host, part.4 AS tool, part.5 AS name, part.6 AS used_model, part.7 AS cost, part.8 AS tokens, part.9 AS number
    FROM (SELECT arrayJoin((SELECT groupArray((date, session, host, tool, name, used_model, cost, tokens, number)) FROM used)) AS part)
)
SELECT session, host, tool, name, date, used_model, cost, tokens
FROM parts
WHERE number GLOBAL IN
(
    SELECT toUInt64(arrayJoin(arraySlice(dearest, 1,
        if(place <= toUInt64({last_day:Date} - {days:UInt16}), {sessions_of_old_day:UInt8}, {dearest_sessions:UInt8}))))
    FROM
    (
        -- What each spent, with the bits turned so that the dearest comes first, before its number: pairs take ten times as long.
        SELECT place, groupArraySorted({dearest_sessions:UInt8})(bitShiftLeft(toUInt128(bitNot(reinterpretAsUInt64(spent))), 64) + number) AS dearest
        FROM
        (
            -- A day, its week and month, whether it is of the last week, and the machine, agent, project and model: all of them
            -- in one number, which is fastest. Days are the lowest.
            SELECT number, place, sum(cost) AS spent
            FROM parts
            ARRAY JOIN
            [
                toUInt64(date),
                100000 + toUInt64(toMonday(date)),
                200000 + toUInt64(toStartOfMonth(date)),
                300000 + toUInt64(date > {today:Date} - 7),
                sipHash64('machine', host),
                sipHash64('agent', tool),
                sipHash64('project', name),
                sipHash64('model', used_model)
            ] AS place
            GROUP BY number, place
        )
        GROUP BY place
    )
)
ORDER BY cost DESC, session, host, name, date, used_model
