-- the dearest projects, and how many there are
SELECT
    count() OVER (),
    project,
    uniqExact(date),
    max(date),
    sum(cost_usd) AS usd,
    sum(input_tokens),
    sum(output_tokens),
    sum(cache_creation_tokens),
    sum(cache_read_tokens),
    sum(total_tokens) AS tokens,
    max(unpriced)
FROM projects_daily
WHERE date BETWEEN {since:Date} AND {until:Date} AND ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
    AND (empty({projects:Array(String)}) OR has({projects:Array(String)}, project))
GROUP BY project
ORDER BY usd DESC, tokens DESC, project
LIMIT {rows:UInt32}
