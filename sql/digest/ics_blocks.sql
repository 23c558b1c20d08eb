-- five-hour blocks, one event each
SELECT machine, agent, started_at, ends_at, is_active AND ends_at > {now:DateTime64(3, 'UTC')}, models_used, entries, total_tokens, cost_usd, unpriced
FROM blocks
WHERE isNotNull(started_at) AND isNotNull(ends_at) AND date >= {since:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
ORDER BY started_at, machine, agent
