-- the dearest sessions, and how many there are
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
WHERE date >= {since:Date} AND ({machine:String} = '' OR machine = {machine:String})
ORDER BY cost_usd DESC, total_tokens DESC, project, session_id
LIMIT {rows:UInt32}
