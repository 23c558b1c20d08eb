-- the days of this month and the last one, which the headlines compare
SELECT
    date,
    sum(cost_usd),
    sum(input_tokens),
    sum(output_tokens),
    sum(cache_creation_tokens),
    sum(cache_read_tokens),
    sum(total_tokens),
    max(unpriced)
FROM daily
WHERE date BETWEEN {compared_since:Date} AND {today:Date} AND ({machine:String} = '' OR machine = {machine:String})
GROUP BY date
