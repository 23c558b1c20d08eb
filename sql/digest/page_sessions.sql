-- the dearest sessions of each day that the chart of days shows: by their messages, on their last day where none are stored
SELECT date, session, host, name, sum(usd) AS cost, sum(tokens)
FROM
(
    SELECT date, toString(session_id) AS session, toString(machine) AS host, toString(project) AS name, toFloat64(cost_usd) AS usd, total_tokens AS tokens
    FROM messages
    WHERE has(counts_in, 'daily') AND date BETWEEN {since:Date} AND {until:Date} AND date > (SELECT max(date) FROM selected_days) - {days:UInt16}
        AND ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
        AND (empty({projects:Array(String)}) OR has({projects:Array(String)}, project))
    UNION ALL
    SELECT date, toString(session_id), toString(machine), toString(project), toFloat64(cost_usd),
        input_tokens + output_tokens + cache_creation_5m_tokens + cache_creation_1h_tokens + cache_read_tokens
    FROM folded_hours
    WHERE messages > 0 AND has(counts_in, 'daily') AND date BETWEEN {since:Date} AND {until:Date} AND date > (SELECT max(date) FROM selected_days) - {days:UInt16}
        AND ({machine:String} = '' OR machine = {machine:String}) AND {agent:String} IN ('', 'claude')
        AND (empty({projects:Array(String)}) OR has({projects:Array(String)}, project))
    UNION ALL
    SELECT date, session_id, toString(machine), project, toFloat64(cost_usd), total_tokens
    FROM sessions
    WHERE date BETWEEN {since:Date} AND {until:Date} AND date > (SELECT max(date) FROM selected_days) - {days:UInt16}
        AND ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
        AND (empty({projects:Array(String)}) OR has({projects:Array(String)}, project))
        AND (toString(machine), session_id) GLOBAL NOT IN
        (
            SELECT toString(machine), toString(session_id) FROM messages WHERE date >= {since:Date}
            UNION ALL
            SELECT toString(machine), toString(session_id) FROM folded_hours WHERE messages > 0 AND date >= {since:Date}
        )
)
GROUP BY date, session, host, name
ORDER BY date, cost DESC, session
LIMIT {rows:UInt32} BY date
