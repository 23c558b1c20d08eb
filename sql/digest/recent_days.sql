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
FROM selected_days
WHERE date BETWEEN {compared_since:Date} AND {today:Date}
GROUP BY date
