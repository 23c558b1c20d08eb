-- everything since the first day that is shown
SELECT
    min(date),
    max(date),
    uniqExact(date),
    sum(cost_usd),
    sum(input_tokens),
    sum(output_tokens),
    sum(cache_creation_tokens),
    sum(cache_read_tokens),
    sum(total_tokens),
    max(unpriced)
FROM daily
WHERE date >= {since:Date} AND ({machine:String} = '' OR machine = {machine:String})
