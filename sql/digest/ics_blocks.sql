-- five-hour blocks, one event each
SELECT machine, agent, started_at, ends_at, is_active AND ends_at > {now:DateTime64(3, 'UTC')}, models_used, entries, total_tokens, cost_usd, unpriced
FROM blocks
WHERE isNotNull(started_at) AND isNotNull(ends_at) AND date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
ORDER BY started_at, machine, agent
