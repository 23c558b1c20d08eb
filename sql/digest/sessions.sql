-- the dearest sessions, and how many there are; those without a day belong to no end of days
SELECT
    count() OVER (),
    project,
    session_id,
    machine,
    agent,
    date,
    first_activity,
    last_activity,
    models_used,
    cost_usd,
    input_tokens,
    output_tokens,
    cache_creation_tokens,
    cache_read_tokens,
    total_tokens,
    unpriced
FROM sessions
WHERE date BETWEEN {since:Date} AND {until:Date} AND (date > '1970-01-01' OR {until:Date} = '2149-06-06')
    AND ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
    AND (empty({projects:Array(String)}) OR has({projects:Array(String)}, project))
ORDER BY cost_usd DESC, total_tokens DESC, project, session_id, machine, agent
LIMIT {rows:UInt32}
